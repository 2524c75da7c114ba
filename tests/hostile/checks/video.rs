//! Recordings: Y4M and MJPEG, split into frames.

use std::io::{Seek as _, Write as _};

use fieldtune::camera::CameraErrorKind;
use fieldtune::camera::source::{self, CaptureSettings};
use fieldtune::image::frame::Timestamp;
use fieldtune::image::picture::MAX_PIXELS;
use fieldtune::protocol::console::harmless;

use super::assert_harmless;

/// Frames that are looked at, so that the fuzzer goes on quickly.
const MOST_FRAMES: usize = 64;

/// * `data`: a recording's file.
pub fn check(data: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("a folder for temporary files");
    file.write_all(data).and_then(|()| file.rewind()).expect("room for a file");
    let address = format!("replay:{}", file.path().display());
    let mut camera = match source::open(&address, &CaptureSettings::default()) {
        Ok(camera) => camera,
        Err(error) => return assert_harmless(&harmless(&error.to_string())),
    };
    // Each takes at least a byte of the file.
    for turn in 0..MOST_FRAMES.min(data.len() + 1) {
        match camera.capture(Timestamp(turn as u64)) {
            Ok(frame) => {
                let pixels = u64::from(frame.width()) * u64::from(frame.height());
                assert!((1..=MAX_PIXELS).contains(&pixels), "{pixels}");
                assert_eq!(frame.pixels().len() as u64, pixels * 3);
            }
            Err(error) => {
                assert_harmless(&harmless(&error.to_string()));
                if error.kind == CameraErrorKind::Ended {
                    return;
                }
            }
        }
    }
    assert!(data.len() >= MOST_FRAMES, "a recording of {} bytes did not end", data.len());
}
