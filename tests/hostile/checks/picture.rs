//! Image files: a frame within the limits, or a refusal.

use fieldtune::image::frame::Timestamp;
use fieldtune::image::picture::{self, MAX_PIXELS};

/// The longer side of a small picture.
const THUMBNAIL_SIDE: u32 = 96;

use super::assert_harmless;
use fieldtune::protocol::console::harmless;

/// Pixels up to which a thumbnail is made, so that the fuzzer goes on quickly.
const SMALL: u64 = 1 << 16;

/// * `data`: a file.
pub fn check(data: &[u8]) {
    match picture::decode(data, "image", Timestamp(5)) {
        Ok(frame) => {
            let (width, height) = (u64::from(frame.width()), u64::from(frame.height()));
            assert!(width > 0 && height > 0 && width * height <= MAX_PIXELS, "{width}x{height}");
            assert_eq!(frame.pixels().len() as u64, width * height * 3);
            assert_eq!(frame.captured(), Timestamp(5));
            if width * height <= SMALL {
                let small = picture::thumbnail(&frame, THUMBNAIL_SIDE);
                let again = picture::decode(&small, "thumbnail", Timestamp(5));
                let again = again.expect("a thumbnail that was just made");
                assert!(again.width().max(again.height()) <= THUMBNAIL_SIDE);
            }
        }
        Err(error) => assert_harmless(&harmless(&error.to_string())),
    }
}
