//! How much of a sound is one frame, and what the frame holds of it.

use super::{SAMPLE_RATE, WINDOW_SAMPLES};

/// A window of sound: how long it is, at which rate, and whether a frame of it holds its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoundWindow {
    /// Samples a second.
    pub rate: u32,
    /// Samples of a window.
    pub samples: usize,
    /// Whether a frame holds them ([`FrameKind::Samples`](crate::image::frame::FrameKind::Samples)); else it is the picture of a
    /// spectrogram, which is learned from.
    pub is_kept: bool,
}

/// A second at 16 kHz, as the picture of its spectrogram.
impl Default for SoundWindow {
    fn default() -> Self {
        Self { rate: SAMPLE_RATE, samples: WINDOW_SAMPLES, is_kept: false }
    }
}

impl SoundWindow {
    /// Samples from one window to the next where they overlap: a quarter of a second.
    pub fn hop(&self) -> usize {
        (self.rate as usize / 4).max(1)
    }

    /// Seconds of a window.
    pub fn seconds(&self) -> f64 {
        self.samples as f64 / f64::from(self.rate)
    }
}
