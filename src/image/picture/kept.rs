//! The image that is kept with an example.

use std::borrow::Cow;
use std::ops::{AddAssign, Range};

use crate::image::frame::{Frame, FrameKind};

/// The longer side of the image that is kept with an example, in pixels, where nothing else is said.
pub const IMAGE_SIDE: u32 = 256;

/// Bytes of a JPEG that is kept as it came. Metadata and needless quality make others longer.
const MAX_BYTES: usize = 64 << 10;

/// A camera's JPEG that may be kept as it is: not long, and with the Huffman tables that many webcams leave out, so that
/// other programs can read it too. Without what stands behind its end.
pub fn to_be_kept(jpeg: &[u8]) -> Option<&[u8]> {
    let end = jpeg.iter().rposition(|&byte| byte != 0)? + 1;
    let file = &jpeg[..end];
    let whole = file.starts_with(&[0xff, 0xd8]) && file.ends_with(&[0xff, 0xd9]);
    (whole && file.len() <= MAX_BYTES && has_huffman_tables(file)).then_some(file)
}

/// Before the first scan.
fn has_huffman_tables(file: &[u8]) -> bool {
    let mut rest = &file[2..];
    while let [0xff, marker, high, low, ..] = *rest {
        match marker {
            0xc4 => return true,
            0xda => return false,
            _ => {}
        }
        let length = 2 + usize::from(u16::from_be_bytes([high, low]));
        rest = rest.get(length..).unwrap_or_default();
    }
    false
}

/// A JPEG to be kept with an example: to be looked at, and to be learned from again with another backbone. The camera's own
/// where it gave one that may be kept. Of a sound, whose levels count, and of a line a PNG as [`png`](super::png) makes it.
///
/// * `side`: the longer side in pixels of one that is made here; a smaller frame is not enlarged. 0: none is kept.
pub fn kept(frame: &Frame, side: u32) -> Option<Vec<u8>> {
    const QUALITY: u8 = 90;
    if let Some(file) = frame.jpeg().filter(|_| side > 0) {
        return Some(file.to_vec());
    }
    if frame.kind() != FrameKind::Image {
        return (side > 0).then(|| super::png(frame));
    }
    let longer = frame.width().max(frame.height());
    let small = match longer {
        _ if side == 0 => return None,
        _ if longer > side => Cow::Owned(averaged(frame, side)),
        _ => Cow::Borrowed(frame),
    };
    let (width, height) = (small.width(), small.height());
    let mut bytes = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, QUALITY);
    let sides = u16::try_from(width).ok().zip(u16::try_from(height).ok());
    // A side beyond what a JPEG may have is never asked for.
    let (width, height) = sides?;
    let encoded = match greys(small.pixels()) {
        Some(greys) => encoder.encode(&greys, width, height, jpeg_encoder::ColorType::Luma),
        None => encoder.encode(small.pixels(), width, height, jpeg_encoder::ColorType::Rgb),
    };
    encoded.ok().map(|()| bytes)
}

/// One value a pixel, where all are grey: a third of the work and of the bytes.
fn greys(pixels: &[u8]) -> Option<Vec<u8>> {
    let pixels = pixels.as_chunks::<3>().0;
    let grey = |pixels: &[[u8; 3]]| pixels.iter().all(|[r, g, b]| r == g && g == b);
    // In parts without a way out between them, so that coloured images cost a part.
    pixels.chunks(64).all(grey).then(|| pixels.iter().map(|pixel| pixel[0]).collect())
}

/// A file as it is, where it is a JPEG that may be kept with an example; encoded again where it is not.
///
/// * `file`: what the frame was decoded from.
/// * `side`: as of [`kept`].
pub fn kept_file(file: &[u8], frame: &Frame, side: u32) -> Option<Vec<u8>> {
    let small = frame.width().max(frame.height()) <= side && file.len() <= MAX_BYTES;
    match small && image::guess_format(file).ok() == Some(image::ImageFormat::Jpeg) {
        true => Some(file.to_vec()),
        false => kept(frame, side),
    }
}

/// A smaller frame whose pixels are averages of those that they cover.
fn averaged(frame: &Frame, side: u32) -> Frame {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let longer = width.max(height);
    let scaled = |length: usize| (length * side as usize / longer).max(1);
    let (wide, high) = (scaled(width), scaled(height));
    // Which columns a column of the smaller frame covers, in bytes of a row.
    let covered =
        |place: usize, of: usize, all: usize| place * all / of..((place + 1) * all).div_ceil(of);
    let columns: Vec<_> = (0..wide)
        .map(|column| covered(column, wide, width))
        .map(|columns| columns.start * 3..columns.end * 3)
        .collect();
    let mut small = vec![0; wide * high * 3];
    for (row, into) in small.chunks_exact_mut(wide * 3).enumerate() {
        let rows = covered(row, high, height);
        let lines = &frame.pixels()[rows.start * width * 3..rows.end * width * 3];
        // Twice as quick where it is wide enough.
        match rows.len() <= usize::from(u16::MAX / u16::from(u8::MAX)) {
            true => average_row::<u16>(lines, width, &columns, into),
            false => average_row::<u32>(lines, width, &columns, into),
        }
    }
    Frame::new(wide as u32, high as u32, small, frame.captured())
        .expect("as many pixels as its sides say")
}

/// A row of averages.
///
/// * `S`: wide enough for the sum of a column of `lines`.
/// * `columns`: of each pixel of the row the bytes of a line that it covers.
fn average_row<S: Copy + Default + AddAssign + From<u8> + Into<u32>>(
    lines: &[u8],
    width: usize,
    columns: &[Range<usize>],
    into: &mut [u8],
) {
    // A number of pixels, and what to multiply a sum with in place of dividing it by that: the same below 2^16 pixels, and
    // at most one grey level more beyond.
    const SHIFT: u32 = 40;
    let mut divisor = (0, 0);
    let high = lines.len() / (width * 3);
    let mut sums = vec![S::default(); width * 3];
    for line in lines.chunks_exact(width * 3) {
        for (sum, &value) in sums.iter_mut().zip(line) {
            *sum += value.into();
        }
    }
    for (columns, pixel) in columns.iter().zip(into.as_chunks_mut::<3>().0) {
        let count = (columns.len() / 3 * high) as u32;
        if count != divisor.0 {
            divisor = (count, (1 << SHIFT) / u64::from(count) + 1);
        }
        let mut sum = [count / 2; 3];
        for values in sums[columns.clone()].as_chunks::<3>().0 {
            for (sum, &value) in sum.iter_mut().zip(values) {
                *sum += value.into();
            }
        }
        *pixel = sum.map(|sum| ((u64::from(sum) * divisor.1) >> SHIFT) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::{Region, Timestamp};
    use crate::image::picture::decode_frame;

    /// A frame with the JPEG that it was decoded from, as a webcam's.
    fn webcam(jpeg: &[u8]) -> Frame {
        let frame = decode_frame(jpeg, "", Timestamp(0)).expect("an image");
        match to_be_kept(jpeg) {
            Some(file) => frame.with_jpeg(file),
            None => frame,
        }
    }

    #[test]
    fn a_smaller_frame_is_of_averages() {
        let pixel = |at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8;
        for (width, height, side) in [(5, 3, 4), (640, 480, 256), (513, 2, 256), (300, 299, 1)] {
            let pixels: Vec<u8> = (0..width * height * 3).map(pixel).collect();
            let frame = Frame::new(width, height, pixels, Timestamp(0)).expect("it fits");
            let small = averaged(&frame, side);
            let (wide, high) = (small.width(), small.height());
            for (at, &got) in small.pixels().iter().enumerate() {
                let (column, row) = ((at as u32 / 3) % wide, at as u32 / 3 / wide);
                let covered = |place: u32, of: u32, all: u32| {
                    place * all / of..((place + 1) * all).div_ceil(of)
                };
                let (columns, rows) = (covered(column, wide, width), covered(row, high, height));
                let values = rows.flat_map(|row| columns.clone().map(move |c| (row, c)));
                let value = |(row, c): (u32, u32)| {
                    u32::from(frame.pixels()[((row * width + c) * 3) as usize + at % 3])
                };
                let (sum, count) = values.fold((0, 0), |(sum, n), at| (sum + value(at), n + 1));
                let (wanted, slack) = ((sum + count / 2) / count, u32::from(count >= 1 << 16));
                assert!(
                    (wanted..=wanted + slack).contains(&got.into()),
                    "{width} {at}: {got} {wanted}"
                );
            }
        }
    }

    #[test]
    fn a_grey_frame_is_kept_grey_and_takes_less() {
        let grey = |at: u32| [(at / 9 % 256) as u8; 3];
        let pixels: Vec<u8> = (0..200 * 100).flat_map(grey).collect();
        let frame = Frame::new(200, 100, pixels.clone(), Timestamp(0)).expect("it fits");
        let file = kept(&frame, 256).expect("a side is given");
        let seen = decode_frame(&file, "", Timestamp(0)).expect("a JPEG");
        let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) < 12;
        assert!(seen.pixels().iter().zip(&pixels).all(near));
        assert!(seen.pixels().as_chunks::<3>().0.iter().all(|[r, g, b]| r == g && g == b));
        // One coloured pixel is seen.
        let mut coloured = pixels;
        coloured[59_997] ^= 0x80;
        let frame = Frame::new(200, 100, coloured, Timestamp(0)).expect("it fits");
        let other = kept(&frame, 256).expect("a side is given");
        let seen = decode_frame(&other, "", Timestamp(0)).expect("a JPEG");
        let [r, g, _] = seen.pixels().as_chunks::<3>().0[19_999];
        assert!(r.abs_diff(g) > 40 && file.len() < other.len(), "{r} {g}");
    }

    #[test]
    fn a_webcams_own_jpeg_is_kept_as_it_came() {
        let pixels = (0..400u32 * 300 * 3).map(|at| (at / 700 % 251) as u8).collect();
        let frame = Frame::new(400, 300, pixels, Timestamp(0)).expect("it fits");
        let file = kept(&frame, 400).expect("it is small");
        let padded = [&file[..], &[0; 100]].concat();
        assert_eq!(kept(&webcam(&padded), 256).as_deref(), Some(&file[..]));
        assert_eq!(kept(&webcam(&file), 0), None);
        // A region of it is another image.
        let region = Region::Pixels { x: 0, y: 0, width: 40, height: 30 };
        let part = webcam(&file).region(&region).expect("it is inside").into_owned();
        assert!(part.jpeg().is_none() && kept(&part, 256).is_some());
        // Not without the tables that other programs need, nor torn, nor of any length.
        let mut without = file.clone();
        for at in 0..file.len() - 1 {
            if file[at..].starts_with(&[0xff, 0xc4]) {
                without[at + 1] = 0xe7;
            }
        }
        assert_eq!(to_be_kept(&without), None);
        assert_eq!(to_be_kept(&file[..file.len() - 2]), None);
        let comment = [&[0xff, 0xd8, 0xff, 0xfe, 0xff, 0xff][..], &[1; 65_533], &file[2..]];
        assert_eq!(to_be_kept(&comment.concat()), None);
        for short in [&[][..], &[0; 4], &[0xff, 0xd8], &[0xff, 0xd8, 0xff, 0xd9]] {
            assert_eq!(to_be_kept(short), None);
        }
    }
}
