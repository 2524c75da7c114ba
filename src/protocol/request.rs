//! What a person or a program may ask of a running device, and what it answers.
//!
//! A request is a `Command`, which the engine carries out, or something only a device can do: look, teach what its
//! camera sees, set an output. Consoles and programs reach the device through `Device` alone.

use crate::image::frame::{Region, Timestamp};
use crate::learn::command::{Command, Reply, Status};
use crate::protocol::pin::Pin;
use crate::store::Generation;
use crate::store::signed::Signature;
use crate::store::snapshot::Difference;

/// What a device is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// What the engine does by itself; teaching is asked for by the three requests below.
    Command(Command),
    /// Learn the next frames of the camera.
    Teach {
        /// The class; a new name makes a new class.
        class: String,
        /// Frames, at least 1.
        count: u32,
        /// Every frame that comes, also where it differs from the one before by no more than noise.
        any: bool,
    },
    /// Learn whatever the camera sees for a while.
    Burst {
        /// The class; a new name makes a new class.
        class: String,
        /// How long, above 0.
        millis: u32,
        /// Every frame that comes, also where it differs from the one before by no more than noise.
        any: bool,
    },
    /// Learn a picture.
    TeachImage {
        /// The class; a new name makes a new class.
        class: String,
        /// A PNG, JPEG or other picture file.
        image: Vec<u8>,
    },
    /// Learn frames that were judged, whether or not their part is still there.
    TeachFrames {
        /// The class; a new name makes a new class.
        class: String,
        /// Their numbers, at least one, none twice.
        frames: Vec<u64>,
    },
    /// List the frames that were judged and can be learned.
    Recent {
        /// Those that the head was least sure of first; the newest first otherwise.
        unsure_first: bool,
    },
    /// Give one of them.
    RecentPicture {
        /// Its number.
        frame: u64,
    },
    /// Judge a picture.
    Classify {
        /// A PNG, JPEG or other picture file.
        image: Vec<u8>,
    },
    /// Give the latest frame.
    Snap,
    /// Tell every verdict from now on, or stop; a port's session does this, not the device.
    Watch(bool),
    /// Look at this part of every frame; without one, tell which.
    Region(Option<Region>),
    /// List the regions that are looked at.
    Regions,
    /// Take the latest change back if it taught; what guards a locked port makes it of [`crate::learn::command::Undo`].
    UndoTaught,
    /// Ask one of several regions; see [`Request::is_of_a_region`].
    Of {
        /// Its name in the board file.
        region: String,
        /// What it is asked for; never another `Of`.
        request: Box<Request>,
    },
    /// List the outputs.
    Outputs,
    /// Switch an output by hand until the next verdict decides.
    SetOutput {
        /// Its name in the board file.
        name: String,
        /// Active or not.
        on: bool,
    },
    /// Switch an output for a moment, so that somebody can see it.
    TestOutput {
        /// Its name in the board file.
        name: String,
    },
    /// Make what is learned now a generation that stays until it is dropped.
    Save {
        /// What it is called; `saved` if left out.
        name: Option<String>,
    },
    /// List the generations.
    Generations,
    /// Make what was learned in a generation what is learned now.
    RollBack {
        /// Its number.
        generation: u64,
    },
    /// What changed between two generations.
    Difference {
        /// The number of the one.
        from: u64,
        /// The number of the other; what is learned now if left out.
        to: Option<u64>,
    },
    /// Let go of a generation.
    DropGeneration {
        /// Its number.
        generation: u64,
    },
    /// The latest lines of the log.
    Log {
        /// Lines at most.
        lines: u32,
    },
    /// List the settings.
    Settings,
    /// Change a setting.
    Set {
        /// Its name.
        name: String,
        /// Its value, as it was typed.
        value: String,
    },
    /// Which program and which backbone.
    Version,
    /// End in good order and start again.
    Restart,
    /// Give everything that was learned.
    Pull,
    /// Replace everything that was learned, or learn more.
    Push {
        /// A [`crate::store::snapshot::Snapshot`], encoded, in a container of [`crate::store::signed`] or not.
        learned: Vec<u8>,
        /// Learn it beside what was learned.
        merge: bool,
    },
    /// Allow everything at this port for a while; what guards the port does this, not the device.
    Unlock {
        /// The device's.
        pin: Pin,
    },
    /// Allow no more than before the PIN was given; what guards the port does this, not the device.
    Lock,
}

impl Request {
    /// Whether it is about what one region shows or has learned. Where several are looked at, it has to be asked of one
    /// of them.
    pub fn is_of_a_region(&self) -> bool {
        match self {
            Request::Command(_)
            | Request::UndoTaught
            | Request::Teach { .. }
            | Request::Burst { .. }
            | Request::TeachImage { .. }
            | Request::TeachFrames { .. }
            | Request::Recent { .. }
            | Request::RecentPicture { .. }
            | Request::Classify { .. }
            | Request::Region(_)
            | Request::Save { .. }
            | Request::Generations
            | Request::RollBack { .. }
            | Request::Difference { .. }
            | Request::DropGeneration { .. }
            | Request::Pull
            | Request::Push { .. } => true,
            Request::Of { .. }
            | Request::Regions
            | Request::Snap
            | Request::Watch(_)
            | Request::Outputs
            | Request::SetOutput { .. }
            | Request::TestOutput { .. }
            | Request::Log { .. }
            | Request::Settings
            | Request::Set { .. }
            | Request::Version
            | Request::Restart
            | Request::Unlock { .. }
            | Request::Lock => false,
        }
    }

    /// The same where a PIN is wanted for what does more than teach: what a PIN has done is not undone without it.
    pub(crate) fn without_pin(self) -> Self {
        match self {
            Request::Command(Command::Undo(_)) => Request::UndoTaught,
            Request::Of { region, request } => {
                Request::Of { region, request: Box::new(request.without_pin()) }
            }
            other => other,
        }
    }

    /// The request itself, whomever it is asked of.
    pub fn plain(&self) -> &Request {
        match self {
            Request::Of { request, .. } => request,
            other => other,
        }
    }
}

/// What a device answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It is done and there is nothing to tell.
    Done,
    /// To a command, and to everything that teaches.
    Reply(Reply),
    /// To [`Command::Status`].
    Status {
        /// What was learned; `None` where several regions are looked at and none of them was asked.
        learned: Option<Box<Status>>,
        /// How the device is: names and values in the order to show.
        device: Vec<(String, String)>,
    },
    /// The latest frame, or one that was asked for.
    Picture {
        /// Its number, where it is known.
        frame: Option<u64>,
        /// Pixels a row.
        width: u32,
        /// Rows.
        height: u32,
        /// A PNG or JPEG file.
        file: Vec<u8>,
    },
    /// Frames that were judged.
    Recent(Vec<RecentFrame>),
    /// What a picture was taken for; `None` while nothing has been taught.
    Judged(Option<Judgement>),
    /// The part of a frame that is looked at.
    Region(Region),
    /// The parts that are looked at, and their names where they have any.
    Regions(Vec<(Option<String>, Region)>),
    /// The outputs and whether each is active.
    Outputs(Vec<(String, bool)>),
    /// Lines of the log, the latest last.
    Log(Vec<String>),
    /// Names and values.
    Settings(Vec<(String, String)>),
    /// Which program and which backbone.
    Version {
        /// The program's version.
        program: String,
        /// The backbone's name.
        model: String,
    },
    /// A [`crate::store::snapshot::Snapshot`], encoded.
    Learned(Vec<u8>),
    /// The generation that was made.
    Saved(Generation),
    /// Generations, the oldest first.
    Generations(Vec<Generation>),
    /// What changed.
    Difference(Difference),
    /// To [`Request::Push`]: it is in place.
    Pushed {
        /// What is known of who made it.
        signature: Signature,
    },
    /// Another answer, and what somebody should know besides.
    Noted {
        /// It; never another of these.
        answer: Box<Answer>,
        /// It, in a line for people.
        note: String,
    },
}

impl Answer {
    /// With what somebody should know besides.
    pub fn with_notes(self, notes: Vec<String>) -> Self {
        let note = notes.join("; ");
        match (notes.is_empty(), self) {
            (true, answer) => answer,
            (false, Answer::Noted { answer, note: before }) => {
                Answer::Noted { answer, note: format!("{before}; {note}") }
            }
            (false, answer) => Answer::Noted { answer: Box::new(answer), note },
        }
    }

    /// The answer itself, without notes.
    pub fn plain(&self) -> &Answer {
        match self {
            Answer::Noted { answer, .. } => answer,
            answer => answer,
        }
    }
}

/// A verdict in words, as it is told to people and programs.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// When the frame was taken.
    pub captured: Timestamp,
    /// Microseconds between capture and verdict.
    pub age_micros: u64,
    /// The frame's number, where it is one of the camera.
    pub frame: Option<u64>,
    /// The region it is of, where there are several.
    pub region: Option<String>,
    /// The class, or unknown.
    pub class: Option<String>,
    /// The class with the highest score, also where the verdict is unknown.
    pub best: String,
    /// Probability of `best`, 0 to 1.
    pub confidence: f32,
    /// The class in second place and its probability.
    pub runner_up: Option<(String, f32)>,
    /// Above 1 the frame lies farther from every example than examples of one class do.
    pub novelty: f32,
}

/// A frame that was judged and can be learned.
#[derive(Debug, Clone, PartialEq)]
pub struct RecentFrame {
    /// Counts the frames since the program began; [`Judgement::frame`].
    pub number: u64,
    /// Microseconds since it was judged.
    pub age_micros: u64,
    /// What it was taken for; `None` where nothing had been taught.
    pub judgement: Option<Judgement>,
}

/// How far a long request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Steps done.
    pub done: u32,
    /// Steps in all; 0 where it is not known.
    pub total: u32,
    /// It goes on once the part has moved: every frame is like those that were taken already.
    pub waiting: bool,
}

/// Why a request was refused, in one line for people; nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// A running device, as seen from a port.
pub trait Device {
    /// Carries out a request and answers when it is done; always answers, and within seconds says that it goes on.
    ///
    /// * `progress`: to be called meanwhile, so that the other side knows that somebody works; `false` says that the
    ///   other side has gone, and what is not done yet need not be.
    ///
    /// # Errors
    /// [`Refused`]; then nothing changed.
    fn handle(
        &mut self,
        request: Request,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Answer, Refused>;

    /// Somebody is at the other end of the port, perhaps somebody else.
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
