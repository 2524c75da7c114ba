//! PNG files of sounds and of lines of text: a chunk of our own says that the picture is a spectrogram, or holds the samples or
//! the line.
//!
//! Their names, by the rules of PNG: ancillary and private, and not to be copied by a program that changes the pixels.

use crate::image::frame::{Frame, Waveform};
use crate::util::checksum::crc32;

/// What every PNG begins with, and its first chunk, which has a length of its own.
const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";
const HEADER_END: usize = 8 + 12 + 13;

const SOUND: &[u8; 4] = b"ftSD";
const LINE: &[u8; 4] = b"ftLN";
/// Samples a second, four bytes, and the samples, two bytes each, all with the highest byte first, as numbers are in a PNG.
const WAVEFORM: &[u8; 4] = b"ftWV";

/// The file with the mark behind its first chunk.
///
/// * `png`: a whole one.
pub(super) fn as_sound(png: &[u8]) -> Vec<u8> {
    with_chunk(png, SOUND, b"")
}

/// The file with the line behind its first chunk.
///
/// * `png`: a whole one.
pub(super) fn as_line(png: &[u8], line: &str) -> Vec<u8> {
    with_chunk(png, LINE, line.as_bytes())
}

/// The file with the samples behind its first chunk.
///
/// * `png`: a whole one.
pub(super) fn as_waveform(png: &[u8], waveform: &Waveform) -> Vec<u8> {
    let mut content = waveform.rate().to_be_bytes().to_vec();
    content.extend(waveform.samples().iter().flat_map(|sample| sample.to_be_bytes()));
    with_chunk(png, WAVEFORM, &content)
}

fn with_chunk(png: &[u8], name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let (head, rest) = png.split_at(HEADER_END.min(png.len()));
    let chunk = [&name[..], content].concat();
    let sum = crc32(&chunk).to_be_bytes();
    // A line is no longer than its bound, and neither are samples.
    [head, &(content.len() as u32).to_be_bytes(), &chunk, &sum, rest].concat()
}

/// Whether a file has the mark of a sound.
pub(super) fn is_sound(file: &[u8]) -> bool {
    has(file, SOUND)
}

/// Whether a file says that it holds samples.
pub(super) fn has_waveform(file: &[u8]) -> bool {
    has(file, WAVEFORM)
}

/// The samples that a file holds; `None` also where they are damaged.
pub(super) fn waveform(file: &[u8]) -> Option<Waveform> {
    let content = content(file, WAVEFORM, 4 + 2 * Waveform::MAX_SAMPLES)?;
    let (rate, samples) = content.split_first_chunk()?;
    let (samples, []) = samples.as_chunks() else { return None };
    let samples = samples.iter().map(|sample| i16::from_be_bytes(*sample)).collect();
    Waveform::new(u32::from_be_bytes(*rate), samples)
}

fn has(file: &[u8], name: &[u8; 4]) -> bool {
    file.starts_with(SIGNATURE) && file.get(HEADER_END + 4..HEADER_END + 8) == Some(name)
}

/// What a chunk of that name holds; `None` also where it is damaged or longer than `most`.
fn content<'a>(file: &'a [u8], name: &[u8; 4], most: usize) -> Option<&'a [u8]> {
    if !has(file, name) {
        return None;
    }
    let (length, chunk) = file[HEADER_END..].split_first_chunk()?;
    let length = u32::from_be_bytes(*length) as usize;
    let (chunk, rest) = chunk.split_at_checked(name.len().checked_add(length)?)?;
    let is_whole = length <= most && rest.starts_with(&crc32(chunk).to_be_bytes());
    is_whole.then(|| &chunk[name.len()..])
}

/// The line that a file holds; `None` also where that is damaged, or no line.
pub(super) fn line(file: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(content(file, LINE, Frame::MAX_LINE)?).ok()?;
    (!text.trim().is_empty() && !text.contains(['\r', '\n'])).then_some(text)
}

#[cfg(test)]
mod tests {
    use crate::image::frame::{Frame, FrameKind, Timestamp, Waveform};
    use crate::image::picture;

    #[test]
    fn samples_come_back_from_their_png_whole_or_not() {
        let frame = Frame::new(3, 2, vec![40; 18], Timestamp(3)).expect("the sides fit");
        let samples = (0..4000).map(|at: i32| (at * at % 65_536 - 32_768) as i16).collect();
        let waveform = Waveform::new(16_000, samples).expect("there are some");
        let heard = frame.of_waveform(waveform);
        let file = picture::kept(&heard, 64).expect("a side above 0");
        let again = picture::decode(&file, "kept", Timestamp(3)).expect("just encoded");
        assert_eq!(again, heard);
        // What a decoder would show for it would not be what was learned from.
        for at in [super::HEADER_END, super::HEADER_END + 9, super::HEADER_END + 4000] {
            let mut broken = file.clone();
            broken[at] ^= 0x11;
            let frame = picture::decode(&broken, "kept", Timestamp(3));
            let error = frame.expect_err("it is damaged").to_string();
            assert!(error.starts_with("kept: "), "{error}");
        }
    }

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

    #[test]
    fn a_line_comes_back_from_its_png_whole_or_not() {
        let frame = Frame::new(3, 2, vec![40; 18], Timestamp(3)).expect("the sides fit");
        let longest = "ü".repeat(Frame::MAX_LINE / 2);
        for line in ["sshd[812]: Failed password", &longest] {
            let of_line = frame.clone().of_line(line);
            let file = picture::kept(&of_line, 64).expect("a side above 0");
            let again = picture::decode(&file, "kept", Timestamp(3)).expect("just encoded");
            assert_eq!(again, of_line);
        }
        let file = picture::png(&frame.clone().of_line("a line"));
        let place = file.windows(6).position(|part| part == b"a line").expect("it is in it");
        for (at, byte) in [(place, b'A'), (place, b'\n'), (place, 0xff), (place - 5, 7)] {
            let mut broken = file.clone();
            broken[at] = byte;
            let frame = picture::decode(&broken, "kept", Timestamp(3));
            assert!(frame.is_err() || frame.is_ok_and(|frame| frame.line().is_none()), "{at}");
        }
        for text in ["", "  ", "two\nlines"] {
            let file = super::as_line(&picture::png(&frame), text);
            let kind = picture::decode(&file, "kept", Timestamp(3)).expect("a PNG").kind();
            assert_eq!(kind, FrameKind::Image, "{text:?}");
        }
    }
}
