//! Who may do what: anyone who reaches a port can type there, and may do what the port's access allows.
//!
//! | access | look | teach | change |
//! | --- | --- | --- | --- |
//! | full | yes | yes | yes |
//! | locked | yes | yes | after `unlock PIN` |
//! | read-only | yes | no | no |
//!
//! What a request needs says [`need`](crate::protocol::access::need), and nothing else does. A
//! [`Gate`](crate::protocol::access::Gate) stands between a port's session and the device, lets requests through or refuses them,
//! and writes down who changed what.

mod gate;
mod lock;

pub use gate::{Gate, Guard, MAX_PICTURE_BYTES};
pub use lock::{PortLock, Tries, Wait};

use crate::learn::command::{Command, SetHead, SetThreshold};
use crate::protocol::request::{Refused, Request};

/// What a port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// Whoever reaches it may do everything.
    #[default]
    Full,
    /// Whoever reaches it may look and teach; a PIN unlocks the rest.
    Locked,
    /// Whoever reaches it may look.
    ReadOnly,
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

impl Access {
    /// As it stands in a board file.
    pub fn name(self) -> &'static str {
        match self {
            Access::Full => "full",
            Access::Locked => "locked",
            Access::ReadOnly => "read-only",
        }
    }

    /// Whether a request that needs this may pass.
    ///
    /// * `unlocked`: whether the PIN was given at this port.
    ///
    /// # Errors
    /// [`Refused`], with what to do.
    pub fn allows(self, unlocked: bool, need: Need) -> Result<(), Refused> {
        let refuse = |why: &str| Err(Refused(why.to_owned()));
        match (self, need) {
            (Access::Full, _) | (_, Need::Look) | (Access::Locked, Need::Teach) => Ok(()),
            (Access::Locked, Need::Change) if unlocked => Ok(()),
            (Access::Locked, Need::Change) => refuse(
                "this port is locked for that: unlock PIN first (fieldtune ctl: --pin-file FILE)",
            ),
            (Access::ReadOnly, Need::Teach | Need::Change) => {
                refuse("this port is read-only: ask for that at another port of the device")
            }
        }
    }
}

/// What a request needs. Every request stands here by its name, so that a new one is not let through unseen.
pub fn need(request: &Request) -> Need {
    match request {
        Request::Of { request, .. } if matches!(**request, Request::Of { .. }) => Need::Change,
        Request::Of { request, .. } => need(request),
        Request::Command(command) => need_of_command(command),
        Request::Classify { .. }
        | Request::Recent { .. }
        | Request::RecentPicture { .. }
        | Request::Snap
        | Request::Watch(_)
        | Request::Region(None)
        | Request::Regions
        | Request::Outputs
        | Request::Log { .. }
        | Request::Settings
        | Request::Version
        | Request::Pull
        | Request::Generations
        | Request::Difference { .. }
        // The gate itself answers these two.
        | Request::Unlock { .. }
        | Request::Lock => Need::Look,
        Request::Teach { .. }
        | Request::Burst { .. }
        | Request::TeachImage { .. }
        | Request::TeachFrames { .. }
        | Request::UndoTaught => Need::Teach,
        Request::Region(Some(_))
        | Request::SetOutput { .. }
        | Request::TestOutput { .. }
        | Request::Save { .. }
        | Request::RollBack { .. }
        | Request::DropGeneration { .. }
        | Request::Set { .. }
        | Request::Restart
        | Request::Push { .. } => Need::Change,
    }
}

fn need_of_command(command: &Command) -> Need {
    match command {
        Command::Classes(_)
        | Command::Examples(_)
        | Command::Status(_)
        | Command::Head(SetHead { config: None })
        | Command::Threshold(SetThreshold {
            confidence: None,
            novelty: None,
            false_reject: None,
        }) => Need::Look,
        Command::Teach(_) | Command::Undo(_) => Need::Teach,
        Command::Forget(_)
        | Command::Relabel(_)
        | Command::Rename(_)
        | Command::Merge(_)
        | Command::Head(SetHead { config: Some(_) })
        | Command::Threshold(SetThreshold { .. }) => Need::Change,
    }
}
