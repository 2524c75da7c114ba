//! Where frames come from.
//!
//! `Synthetic` draws them: a strip of metal that moves past, with or without a defect, so that everything behind the
//! camera can be tried and tested without one. `Faulty` spoils another camera's frames by seed.
//! `PixelFormat` and `Layout` turn what devices give into frames.

/// Cameras by address: devices, programs, recordings.
pub mod source;

mod faulty;
mod locks;
mod pixels;
mod synthetic;

pub use faulty::{Faults, Faulty};
pub use locks::{Adaptive, CameraLocks};
pub use pixels::{PixelFormat, PixelLayout, PixelsError};
pub use synthetic::{Scene, Synthetic, SyntheticLine, SyntheticScene};

use crate::image::frame::{Frame, Timestamp};

/// Gives one frame after another.
pub trait Camera {
    /// What people call it, in messages and as the origin of examples.
    fn name(&self) -> &str;

    /// The next frame.
    ///
    /// * `now`: the time on the caller's clock, which becomes the frame's time of capture; a camera that has a frame
    ///   lying ready or has to wait for one says when it came.
    ///
    /// # Errors
    /// [`CameraError`]; the next call tries again.
    fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError>;

    /// Notes that were not read yet: what differs from what was wanted, what was locked, what came
    /// back. Each is given once; at most [`MAX_NOTES`] are kept.
    fn notes(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// What chooses what it shows, where that can be chosen.
    fn scene(&self) -> Option<Scene> {
        None
    }

    /// What locks its exposure and white balance, where it can lock one of them.
    fn locks(&self) -> Option<CameraLocks> {
        None
    }

    /// Whether its frames are events, as lines of text are, and sounds that are awaited: each counts, so that none is replaced by
    /// a newer one, and a pause between them, [`CameraErrorKind::Waiting`], is no fault.
    fn gives_events(&self) -> bool {
        false
    }

    /// How loud the window is that a microphone heard last, in dBFS; see [`crate::sound::level`].
    fn level(&self) -> Option<f32> {
        None
    }
}

/// Notes that a camera keeps.
pub const MAX_NOTES: usize = 16;

impl<C: Camera + ?Sized> Camera for Box<C> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError> {
        (**self).capture(now)
    }

    fn notes(&mut self) -> Vec<String> {
        (**self).notes()
    }

    fn scene(&self) -> Option<Scene> {
        (**self).scene()
    }

    fn locks(&self) -> Option<CameraLocks> {
        (**self).locks()
    }

    fn gives_events(&self) -> bool {
        (**self).gives_events()
    }

    fn level(&self) -> Option<f32> {
        (**self).level()
    }
}

/// Why there is no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{camera}: {what}\n  next: {}", kind.next_step())]
pub struct CameraError {
    /// The camera.
    pub camera: String,
    /// What kind of failure.
    pub kind: CameraErrorKind,
    /// What is wrong, what was wanted, what was there.
    pub what: String,
}

impl CameraError {
    /// A failure of that kind.
    pub fn new(camera: &str, kind: CameraErrorKind, what: impl Into<String>) -> Self {
        Self { camera: camera.to_owned(), kind, what: what.into() }
    }
}

/// Kinds of [`CameraError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CameraErrorKind {
    /// Nothing can be found under such an address.
    Address,
    /// There is no such device or file.
    Missing,
    /// The system does not let this user.
    Permission,
    /// Another program uses it.
    Busy,
    /// It is there, and gives no frames.
    NotACamera,
    /// It cannot give what was wanted, or this build cannot take what it gives.
    Unsupported,
    /// No event came yet, which is no failure; see [`Camera::gives_events`].
    Waiting,
    /// No frame came in time.
    Stalled,
    /// It went away: unplugged, or its program ended. It is reopened for the next frame.
    Gone,
    /// The recording is over; asking again gives the same answer.
    Ended,
    /// What came is not a frame.
    Malformed,
    /// A file of a recording, or a part of one, cannot be read.
    Damaged,
    /// The system refused for another reason.
    System,
}

impl CameraErrorKind {
    /// One word, for counts and logs.
    pub fn name(self) -> &'static str {
        match self {
            CameraErrorKind::Address => "address",
            CameraErrorKind::Missing => "missing",
            CameraErrorKind::Permission => "permission",
            CameraErrorKind::Busy => "busy",
            CameraErrorKind::NotACamera => "not-a-camera",
            CameraErrorKind::Unsupported => "unsupported",
            CameraErrorKind::Waiting => "waiting",
            CameraErrorKind::Stalled => "stalled",
            CameraErrorKind::Gone => "gone",
            CameraErrorKind::Ended => "ended",
            CameraErrorKind::Malformed => "malformed",
            CameraErrorKind::Damaged => "damaged",
            CameraErrorKind::System => "system",
        }
    }

    /// What a person can do about it.
    pub fn next_step(self) -> &'static str {
        match self {
            CameraErrorKind::Address => {
                "v4l:/dev/video0, rpicam:, pipe:COMMAND, replay:DIR|FILE, synthetic:, sound:SOURCE or lines:SOURCE; fieldtune cameras lists what is there"
            }
            CameraErrorKind::Missing => {
                "check the name and the cable; fieldtune cameras lists what is there"
            }
            CameraErrorKind::Permission => {
                "let this user read it; a camera: sudo usermod -aG video USER, then log in again"
            }
            CameraErrorKind::Busy => "end the program that uses it; fuser -v DEVICE names it",
            CameraErrorKind::NotACamera => "fieldtune cameras lists what gives frames",
            CameraErrorKind::Unsupported => {
                "another --format or --resolution, or a build with what is missing; see fieldtune cameras"
            }
            CameraErrorKind::Waiting => {
                "wait, or write a line to it; of a microphone, a lower --level"
            }
            CameraErrorKind::Stalled => {
                "check cable and power, or the program that gives frames; it is reopened for the next frame"
            }
            CameraErrorKind::Gone => {
                "plug it in or mend its command; it is reopened for the next frame"
            }
            CameraErrorKind::Ended => "--loop restarts it",
            CameraErrorKind::Malformed => {
                "single failures are harmless; if it continues, check --format, --resolution and the cable, of lines the encoding and the speed"
            }
            CameraErrorKind::Damaged => "record it again, or take the file out",
            CameraErrorKind::System => "see the system log (dmesg, journalctl)",
        }
    }
}
