//! What a person or a program may ask of a running device, and what it answers.
//!
//! A request is a file of this folder. It has the request's fields, which are its form on the wire; what it needs,
//! whether it is about a region, whether it takes long, what is logged of it; and the words that are typed for
//! it, with their help. A new request is such a file and a line in the list below. Consoles, frames, access
//! and `fieldtune ctl` take everything from there.
//!
//! Consoles and programs reach the device through [`RequestHandler`] alone.

#[macro_use]
mod list;

mod adapt;
mod answer;
mod burst;
mod classes;
mod classify;
mod confusion;
mod diff;
mod examples;
mod explain;
mod finetune;
mod follow;
mod forget;
mod forms;
mod generations;
mod head;
mod inbox;
mod lock;
mod log;
mod of;
mod operation;
mod outputs;
mod policy;
mod pull;
mod push;
mod recent;
mod region;
mod regions;
mod relabel;
mod rename;
mod restart;
mod rollback;
mod save;
mod scene;
mod settings;
mod snap;
mod status;
mod teach;
mod threshold;
mod undo;
mod unlock;
mod version;
mod watch;
mod words;
mod written;

pub use adapt::{ADAPT_FRAMES, MAX_ADAPT_FRAMES};
pub use answer::{
    Adaptation, Answer, Classification, ConfusionRow, CurvePoint, FineTuning, InboxFrame, Progress,
    RecentFrame, Refused,
};
pub use finetune::MAX_DEPTH;
pub(crate) use operation::Operation;
#[cfg(feature = "web")]
pub(crate) use operation::{Field, Method};
pub(super) use words::{Parsed, Place, Wrong, on_off};
pub use words::{Word, share};

use forms::Fields as _;

use crate::learn::command::Command;
use crate::protocol::log::Level;

// In the order in which help lists them: the file, then the number of each of its requests on the wire. A number is
// used once and for ever.
requests! {
    teach: 1 Teach, 2 TeachImage, 3 TeachFrames;
    burst: 4 Burst, 42 EndBurst;
    undo: 5 Undo, 6 UndoTaught, 41 UndoTeach;
    forget: 7 Forget;
    relabel: 8 Relabel;
    rename: 9 Rename;
    classes: 10 Classes;
    examples: 11 ListExamples, 39 ExamplePicture;
    status: 12 GetStatus;
    confusion: 47 Confusion;
    watch: 13 Watch;
    recent: 14 Recent, 15 RecentPicture, 40 RecentFew;
    inbox: 43 Inbox, 44 InboxPicture, 45 InboxAssign, 46 InboxDrop;
    snap: 16 Snap;
    explain: 54 Explain;
    scene:;
    region: 17 SetRegion;
    follow: 59 Follow;
    regions: 18 Regions;
    adapt: 55 Adapt, 56 EndAdapt;
    finetune: 57 Finetune, 58 EndFinetune;
    head: 19 SetHead;
    threshold: 20 SetThreshold, 50 TryThreshold;
    outputs: 21 Outputs, 22 SetOutput, 23 TestOutput;
    policy: 51 GetPolicy, 52 SavePolicy;
    save: 24 Save;
    generations: 25 Generations, 26 DropGeneration;
    rollback: 27 RollBack;
    diff: 28 Diff;
    log: 29 Log;
    settings: 30 Settings, 31 Set;
    version: 32 Version;
    restart: 33 Restart;
    pull: 34 Pull;
    push: 35 Push;
    unlock: 36 Unlock;
    lock: 37 Lock;
    classify: 38 Classify;
    of: 0 Of;
}

/// What a request says of itself.
trait Ask: Sized + Into<Request> {
    /// The access that it needs.
    fn need(&self) -> Need;

    /// The operation of the API; none where it is part of another request, or what the session of a port does.
    #[cfg_attr(not(feature = "web"), allow(dead_code, reason = "only the API asks"))]
    const OPERATION: Option<Operation> = None;

    /// Whether it is about what one region shows or has learned. Where there are several, it has to be asked of one of
    /// them.
    const OF_A_REGION: bool = true;

    /// Whether it may be asked of one region, also where it does not have to be: of a sense, what is about the camera
    /// otherwise.
    const MAY_NAME_A_REGION: bool = Self::OF_A_REGION;

    /// Whether it is about what one region shows, and not only about what was learned of it: then it has to be asked of one
    /// region also where all of them share a head.
    const SEES_A_REGION: bool = false;

    /// Whether it may keep a device busy for longer than a frame does.
    const TAKES_LONG: bool = true;

    /// Differs from [`Ask::TAKES_LONG`] where that depends on what is asked.
    fn takes_long(&self) -> bool {
        Self::TAKES_LONG
    }

    /// What it leaves in the log once it is done.
    fn audit(&self) -> Audit {
        Audit::Nothing
    }

    /// Whether it does more with a PIN than [`Ask::without_pin`].
    fn does_more_with_pin(&self) -> bool {
        false
    }

    /// The same where a PIN is wanted for what does more than teach.
    fn without_pin(self) -> Request {
        self.into()
    }

    /// The command that a learner carries out; otherwise itself.
    fn into_command(self) -> Result<Command, Request> {
        Err(self.into())
    }
}

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It changes nothing.
    Look,
    /// It teaches, or takes back what was just taught: what the line needs to go on.
    Teach,
    /// It changes what was learned, what is looked at, an output or the program.
    Change,
}

/// What a request leaves in the log once it is done.
#[derive(Debug, Clone)]
pub(super) enum Audit {
    Nothing,
    /// Its reply in words.
    Reply,
    /// This, unless it was refused.
    Text(String),
    /// What is made of its result, also where it was refused.
    Entry(fn(Result<&Answer, &Refused>) -> (Level, String)),
}

impl Request {
    /// The request itself, whomever it is asked of.
    pub fn plain(&self) -> &Request {
        match self {
            Request::Of(Of { request, .. }) => request,
            other => other,
        }
    }

    /// Whether the PIN lets a locked port do it, or do more of it.
    pub fn wants_pin(&self) -> bool {
        self.need() == Need::Change || self.does_more_with_pin()
    }
}

/// A running device, as seen from a port.
pub trait RequestHandler {
    /// Carries out a request and answers when it is done; always answers, and within seconds says that it goes on.
    ///
    /// * `progress`: to be called meanwhile, so that the other side knows that work goes on; `false` says that the
    ///   other side has gone, and what is not done yet need not be.
    ///
    /// # Errors
    /// [`Refused`]; then nothing changed.
    fn handle(
        &mut self,
        request: Request,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Answer, Refused>;

    /// A client has come to the port, perhaps another one.
    fn opened(&mut self) {}

    /// Whether a request may have so many bytes now: asked with its first part.
    ///
    /// # Errors
    /// [`Refused`]; then the rest of it is not taken.
    fn admits(&mut self, _bytes: usize) -> Result<(), Refused> {
        Ok(())
    }

    /// Something about the port, for the log.
    fn note(&mut self, _what: &str) {}
}

impl<D: RequestHandler + ?Sized> RequestHandler for Box<D> {
    fn handle(
        &mut self,
        request: Request,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Answer, Refused> {
        (**self).handle(request, progress)
    }

    fn opened(&mut self) {
        (**self).opened();
    }

    fn admits(&mut self, bytes: usize) -> Result<(), Refused> {
        (**self).admits(bytes)
    }

    fn note(&mut self, what: &str) {
        (**self).note(what);
    }
}
