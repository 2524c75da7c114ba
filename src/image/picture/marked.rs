//! PNG files of sounds: a chunk of our own says that the picture is a spectrogram.
//!
//! Its name, by the rules of PNG: ancillary and private, and not to be copied by a program that changes the pixels.

use crate::util::checksum::crc32;

/// What every PNG begins with, and its first chunk, which has a length of its own.
const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";
const HEADER_END: usize = 8 + 12 + 13;

const NAME: &[u8; 4] = b"ftSD";

/// The file with the mark behind its first chunk.
///
/// * `png`: a whole one.
pub(super) fn as_sound(png: &[u8]) -> Vec<u8> {
    let (head, rest) = png.split_at(HEADER_END.min(png.len()));
    [head, &0_u32.to_be_bytes(), NAME, &crc32(NAME).to_be_bytes(), rest].concat()
}

/// Whether a file has the mark.
pub(super) fn is_sound(file: &[u8]) -> bool {
    file.starts_with(SIGNATURE) && file.get(HEADER_END + 4..HEADER_END + 8) == Some(NAME)
}

#[cfg(test)]
mod tests {
    use crate::image::frame::{Frame, FrameKind, Timestamp};
    use crate::image::picture;

    #[test]
    fn a_sound_comes_back_from_its_png_as_it_was() {
        let pixels: Vec<u8> = (0..101 * 128).flat_map(|at| [(at * 7 % 256) as u8; 3]).collect();
        let frame = Frame::new(101, 128, pixels, Timestamp(3)).expect("the sides fit");
        let sound = frame.clone().of_kind(FrameKind::Sound);
        for (frame, kind) in [(&frame, FrameKind::Image), (&sound, FrameKind::Sound)] {
            let again = picture::decode(&picture::png(frame), "a.png", Timestamp(3));
            let again = again.expect("it was just encoded");
            assert_eq!((again.kind(), again.pixels()), (kind, frame.pixels()));
        }
        let kept = picture::kept(&sound, 64).expect("a side above 0");
        let again = picture::decode(&kept, "kept", Timestamp(3)).expect("it was just encoded");
        assert_eq!(again, sound);
        assert!(picture::kept(&sound, 0).is_none());
    }
}
