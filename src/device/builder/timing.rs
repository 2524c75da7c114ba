//! What a frame costs, before one comes.

use std::time::{Duration, Instant};

use super::BuildError;
use crate::backbone::{EmbeddingSource, FeatureSource as _};
use crate::board::CameraSettings;
use crate::image::frame::{Frame, FrameKind, Timestamp, Waveform};
use crate::sound::{self, SoundWindow};
use crate::text;

/// As long as most lines are.
const USUAL_LINE: &str =
    "Nov 30 18:25:04 line-3 kernel: usb 1-1.2: new high-speed USB device number 5 using dwc2";

/// How long the backbone takes for one frame of a camera's size, once it is warm.
pub(super) fn time_of_a_frame(
    backbone: &mut EmbeddingSource,
    camera: &CameraSettings,
) -> Result<Duration, BuildError> {
    let (width, height) = match backbone.kind() {
        FrameKind::Sound => (sound::COLUMNS as u32, sound::BANDS as u32),
        _ => (camera.width, camera.height),
    };
    let grey = |width: u32, height: u32| {
        let pixels = vec![128; width as usize * height as usize * 3];
        Frame::new(width, height, pixels, Timestamp(0))
    };
    let frame = match backbone.kind() {
        FrameKind::Text => text::frame(USUAL_LINE, Timestamp(0)),
        FrameKind::Samples => {
            let SoundWindow { rate, samples, .. } = backbone.sound_window();
            let silence = Waveform::new(rate, vec![0; samples]).expect("the network runs with it");
            grey(1, 1)?.of_waveform(silence)
        }
        kind => grey(width, height)?.of_kind(kind),
    };
    backbone.feature(&frame)?;
    let begun = Instant::now();
    backbone.feature(&frame)?;
    Ok(begun.elapsed())
}
