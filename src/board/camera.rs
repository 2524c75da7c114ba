//! The camera of a board: where it is, and what it is opened with.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::camera::PixelFormat;
use crate::camera::source::{self, CaptureSettings};
use crate::image::frame::FrameKind;

/// The camera of a board.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraSettings {
    /// Such as `v4l:/dev/video0` or `synthetic:`.
    pub address: String,
    /// Pixels a row, at least 1.
    pub width: u32,
    /// Rows, at least 1.
    pub height: u32,
    /// Frames a second, above 0.
    pub fps: f32,
    /// Threads that share the work of a frame, 1 to [`MAX_THREADS`](crate::backbone::MAX_THREADS); `None`: one, or on ARM two where
    /// there are four cores and more.
    pub threads: Option<usize>,
    /// How the pixels come; `None`: the best there is.
    pub format: Option<PixelFormat>,
    /// Controls of the driver by name; switches are 0 and 1.
    pub controls: BTreeMap<String, i64>,
    /// Of a microphone the lowest level that is looked at, in dBFS, one of [`SOUND_LEVELS`](crate::sound::SOUND_LEVELS).
    pub level_dbfs: Option<f32>,
    /// Milliseconds until exposure, gain and white balance are locked.
    pub settle_ms: u32,
    /// Milliseconds without a frame after which it is lost.
    pub timeout_ms: u32,
    /// What the outputs do while it is lost.
    pub lost: Lost,
}

impl CameraSettings {
    /// What the camera is opened with.
    pub fn wanted(&self) -> CaptureSettings {
        CaptureSettings {
            size: Some((self.width, self.height)),
            // Lines come when they come.
            fps: (source::kind_of(&self.address) != FrameKind::Text).then_some(self.fps),
            format: self.format,
            timeout: Duration::from_millis(self.timeout_ms.into()),
            settle: (self.settle_ms > 0).then(|| Duration::from_millis(self.settle_ms.into())),
            controls: self.controls.clone(),
            again: false,
            level: self.level_dbfs,
            ..CaptureSettings::default()
        }
    }
}

/// What the outputs do while the camera is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// They go to their safe levels.
    Safe,
    /// They stay as they are.
    Keep,
}
