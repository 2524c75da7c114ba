//! Recordings of sound: a window as a frame, or a refusal.

use fieldtune::image::frame::{FrameKind, Timestamp};
use fieldtune::sound::{self, BANDS, COLUMNS, Recording, SoundWindow};

use super::assert_harmless;
use fieldtune::protocol::console::harmless;

/// * `data`: a file.
pub fn check(data: &[u8]) {
    match Recording::decode(data) {
        Ok(recording) => {
            assert!(recording.samples.iter().all(|sample| sample.is_finite()));
            let frame = sound::decode(data, "sound", &SoundWindow::default(), Timestamp(5));
            let frame = frame.expect("it is a recording");
            assert_eq!((frame.kind(), frame.captured()), (FrameKind::Sound, Timestamp(5)));
            assert_eq!((frame.width() as usize, frame.height() as usize), (COLUMNS, BANDS));
        }
        Err(error) => assert_harmless(&harmless(&error.to_string())),
    }
}
