//! The image that is kept with an example.

use std::borrow::Cow;

use crate::image::frame::Frame;

/// The longer side of the image that is kept with an example, in pixels, where nothing else is said.
pub const IMAGE_SIDE: u32 = 256;

/// A JPEG to be kept with an example: to be looked at, and to be learned from again with another backbone.
///
/// * `side`: the longer side in pixels; a smaller frame is not enlarged. 0: none is kept.
pub fn kept(frame: &Frame, side: u32) -> Option<Vec<u8>> {
    const QUALITY: u8 = 90;
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
    // A side beyond what a JPEG may have is one that nobody asks for.
    let (width, height) = sides?;
    encoder.encode(small.pixels(), width, height, jpeg_encoder::ColorType::Rgb).ok()?;
    Some(bytes)
}

/// A file as it is, where it is a JPEG that may be kept with an example; made anew where it is not.
///
/// * `file`: what the frame was decoded from.
/// * `side`: as of [`kept`].
pub fn kept_file(file: &[u8], frame: &Frame, side: u32) -> Option<Vec<u8>> {
    /// Of a JPEG of the usual size and quality; metadata and needless quality make them longer.
    const MOST: usize = 64 << 10;
    let small = frame.width().max(frame.height()) <= side && file.len() <= MOST;
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
    let pixels = frame.pixels();
    let mut small = Vec::with_capacity(wide * high * 3);
    let mut sums = vec![0u32; wide * 3];
    for row in 0..high {
        let rows = row * height / high..((row + 1) * height).div_ceil(high);
        sums.fill(0);
        for line in rows.clone() {
            let line = &pixels[line * width * 3..(line + 1) * width * 3];
            for (column, sum) in sums.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                let columns = column * width / wide..((column + 1) * width).div_ceil(wide);
                for pixel in line[columns.start * 3..columns.end * 3].as_chunks::<3>().0 {
                    for (sum, value) in sum.iter_mut().zip(pixel) {
                        *sum += u32::from(*value);
                    }
                }
            }
        }
        for (column, sum) in sums.as_chunks::<3>().0.iter().enumerate() {
            let columns = column * width / wide..((column + 1) * width).div_ceil(wide);
            let count = (columns.len() * rows.len()) as u32;
            small.extend(sum.map(|sum| ((sum + count / 2) / count) as u8));
        }
    }
    Frame::new(wide as u32, high as u32, small, frame.captured())
        .expect("as many pixels as its sides say")
}
