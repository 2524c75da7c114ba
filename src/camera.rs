//! Where frames come from.
//!
//! `Synthetic` draws them: a strip of metal that moves past, with or without a defect, so that everything behind the
//! camera can be tried and tested without one.

mod synthetic;

pub use synthetic::{Sight, Synthetic};

use crate::frame::{Frame, FrameError, Timestamp};

/// Gives one frame after another.
pub trait Camera {
    /// What people call it, in messages and as the origin of examples.
    fn name(&self) -> &str;

    /// The next frame.
    ///
    /// * `now`: the time on the caller's clock, which becomes the frame's time of capture.
    ///
    /// # Errors
    /// [`CameraError`]; the next call tries again.
    fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError>;
}

/// Why there is no frame.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// The device refused or went away.
    #[error("{camera}: {what}")]
    Device {
        /// The camera.
        camera: String,
        /// What is wrong.
        what: String,
    },
    /// What it gave is not a frame.
    #[error("{camera}: {error}")]
    Frame {
        /// The camera.
        camera: String,
        /// What is wrong with it.
        error: FrameError,
    },
}
