//! Image files, decoded to frames: PNG, JPEG, BMP, PPM/PGM/PBM and WebP, recognised by their content.
//!
//! Grey becomes RGB, 16 bits become 8, transparency is laid over black, the EXIF orientation is honoured, and of an
//! animation the first picture is taken. A picture of more than [`MAX_PIXELS`](crate::image::picture::MAX_PIXELS) is refused
//! before its pixels are decoded, and so is a JPEG of which anything is missing.

/// When a picture was taken.
pub mod exif;
mod folder;
/// A map laid over a frame.
pub mod heat;
mod jpeg;
mod kept;
mod kinds;
mod marked;
mod sketch;

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageReader, Limits,
    codecs::jpeg::JpegEncoder, codecs::png::PngEncoder, imageops::FilterType,
    metadata::Orientation,
};

use crate::image::frame::{Frame, FrameKind, Timestamp};

pub use folder::{ImageFiles, in_folder};
pub use kept::{IMAGE_SIDE, kept, kept_file, to_be_kept};
pub use sketch::Sketch;

/// Pixels a picture may have: 64 million.
pub const MAX_PIXELS: u64 = 64 << 20;

/// Bytes a file may have.
pub const MAX_FILE_BYTES: u64 = 256 << 20;

/// Bytes a decoder may use: 16-bit RGBA of the largest picture.
const MAX_DECODER_BYTES: u64 = MAX_PIXELS * 8;

/// Why a picture gave no frame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The system refused.
    #[error("{name}: {error}")]
    Io {
        /// The file.
        name: String,
        /// Its answer.
        error: std::io::Error,
    },
    /// The content is no picture, or damaged.
    #[error("{name}: {what}")]
    Content {
        /// The file.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// The picture is too large.
    #[error("{name}: the picture is {got}, wanted at most {wanted}")]
    TooLarge {
        /// The file.
        name: String,
        /// Its size.
        got: String,
        /// The limit.
        wanted: String,
    },
}

/// Whether a file's name ends like a picture's; its content may be another thing.
pub fn is_picture(path: &Path) -> bool {
    folder::has_ending(path, &["png", "jpg", "jpeg", "bmp", "ppm", "pgm", "pbm", "pnm", "webp"])
}

/// Whether a file's name ends like that of a recording of sound that can be read, see [`crate::sound`].
pub fn is_recording(path: &Path) -> bool {
    folder::has_ending(path, &["wav", "wave", "flac", "ogg", "oga"])
}

/// Whether a file's name ends like that of a recording of sound that cannot be read.
pub fn is_other_recording(path: &Path) -> bool {
    folder::has_ending(path, &folder::OTHER_RECORDINGS)
}

/// Whether a file is the picture of a sound that [`png`] made; not where it cannot be read.
pub fn is_of_sound(path: &Path) -> bool {
    folder::has_ending(path, &["png"])
        && read_start(path)
            .is_ok_and(|start| marked::is_sound(&start) || marked::has_waveform(&start))
}

/// The line of text that a file of [`png`] holds, if it holds one.
pub fn line_in(file: &[u8]) -> Option<&str> {
    marked::line(file)
}

/// What a file is that is no image that can be read, where that is known, and the line that converts it.
///
/// * `bytes`: its first ones, some hundred if there are as many.
/// * `name`: what messages call it.
pub fn describe(bytes: &[u8], name: &str) -> Option<String> {
    kinds::describe(bytes, name)
}

/// A path as messages name it: on one line, whatever the file is called.
pub fn shown(path: &Path) -> String {
    let escape = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    path.to_string_lossy().chars().map(escape).collect()
}

/// Reads and decodes a file.
///
/// # Errors
/// [`PictureError`], with the path.
pub fn load(path: &Path, captured: Timestamp) -> Result<Frame, PictureError> {
    decode(&read(path, MAX_FILE_BYTES)?, &shown(path), captured)
}

/// A file's bytes, as they are.
///
/// * `limit`: bytes that it may have.
///
/// # Errors
/// [`PictureError`], with the path; also for a folder and a pipe.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, PictureError> {
    let name = shown(path);
    let io = |error| PictureError::Io { name: name.clone(), error };
    // Looked at first: opening a pipe without a writer would wait for ever.
    let metadata = std::fs::metadata(path).map_err(io)?;
    if metadata.is_dir() || metadata.file_type().is_fifo() {
        let kind = if metadata.is_dir() { "a folder" } else { "a pipe" };
        let what = format!("this is {kind}, wanted an image file");
        return Err(PictureError::Content { name, what });
    }
    let file = File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    // One byte beyond the limit shows that a file is longer, or a device endless.
    BufReader::new(file).take(limit + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > limit {
        let (got, wanted) = ("a longer file".to_owned(), format!("{limit} bytes"));
        return Err(PictureError::TooLarge { name, got, wanted });
    }
    Ok(bytes)
}

/// A file's first bytes.
fn read_start(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path)?.take(1024).read_to_end(&mut start)?;
    Ok(start)
}

/// Decodes a file's bytes.
///
/// * `name`: what messages call it.
///
/// # Errors
/// [`PictureError`]; also for several JPEGs in one, of which only one would be looked at.
pub fn decode(bytes: &[u8], name: &str, captured: Timestamp) -> Result<Frame, PictureError> {
    if bytes.starts_with(&[0xFF, 0xD8]) {
        return decode_jpeg(bytes, name, captured, false);
    }
    decode_frame(bytes, name, captured)
}

/// Decodes what a camera gave as one picture: what lies behind its end is left alone.
///
/// * `name`: what messages call it.
///
/// # Errors
/// [`PictureError`].
pub fn decode_frame(bytes: &[u8], name: &str, captured: Timestamp) -> Result<Frame, PictureError> {
    let content = |what: String| PictureError::Content { name: name.to_owned(), what };
    if bytes.is_empty() {
        return Err(content("the file is empty (0 bytes), wanted an image".to_owned()));
    }
    if bytes.starts_with(&[0xFF, 0xD8]) {
        return decode_jpeg(bytes, name, captured, true);
    }
    let format = image::guess_format(bytes).ok().filter(image::ImageFormat::reading_enabled);
    let Some(format) = format else {
        if let Some(what) = describe(bytes, name) {
            return Err(content(what));
        }
        let start = bytes[..bytes.len().min(8)].escape_ascii();
        return Err(content(format!(
            "not an image that can be read: wanted PNG, JPEG, BMP, PPM or WebP, the file begins with \"{start}\""
        )));
    };
    let reader = ImageReader::with_format(Cursor::new(bytes), format);
    let damaged = |error: image::ImageError| content(format!("the image is damaged: {error}"));
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(too_large(name, width, height));
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    decoder.set_limits(limits).map_err(damaged)?;
    let orientation = decoder.orientation().map_err(damaged)?;
    let image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    let frame = upright(image, orientation, name, captured)?;
    Ok(match marked::line(bytes) {
        Some(line) => frame.of_line(line),
        None if marked::is_sound(bytes) => frame.of_kind(FrameKind::Sound),
        None if marked::has_waveform(bytes) => match marked::waveform(bytes) {
            Some(waveform) => frame.of_waveform(waveform),
            None => return Err(content("the samples in it are damaged".to_owned())),
        },
        None => frame,
    })
}

/// * `bytes`: a file that begins like a JPEG.
/// * `alone`: what lies behind its end is left alone.
fn decode_jpeg(
    bytes: &[u8],
    name: &str,
    captured: Timestamp,
    alone: bool,
) -> Result<Frame, PictureError> {
    let content = |what: String| PictureError::Content { name: name.to_owned(), what };
    let decoded = jpeg::decode(bytes, MAX_PIXELS).map_err(|refused| match refused {
        jpeg::Refused::Damaged(what) => content(format!("the image is damaged: {what}")),
        jpeg::Refused::Unknown(what) => content(format!(
            "a JPEG of a rare kind that cannot be read, with {what}; this makes a usual one of it: \
             magick {} -sampling-factor 4:2:0 NEW.jpg",
            kinds::quoted(name)
        )),
        jpeg::Refused::TooLarge(width, height) => too_large(name, width, height),
    })?;
    let jpeg::Decoded { width, height, rgb, exif, end, album } = decoded;
    let behind =
        bytes[end..].iter().position(|&byte| byte != 0).map_or(&[][..], |at| &bytes[end + at..]);
    if !alone && !album && behind.starts_with(&[0xFF, 0xD8, 0xFF]) {
        let file = kinds::quoted(name);
        return Err(content(format!(
            "this is a stream of several JPEGs (MJPEG), wanted one image; next: ffmpeg -f mjpeg -i {file} FOLDER/%04d.png, or: fieldtune run --camera replay:{file}"
        )));
    }
    let image = image::RgbImage::from_raw(width, height, rgb).expect("as many pixels as it has");
    let orientation = exif.and_then(|exif| Orientation::from_exif_chunk(&exif));
    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
    upright(DynamicImage::ImageRgb8(image), orientation, name, captured)
}

fn too_large(name: &str, width: u32, height: u32) -> PictureError {
    PictureError::TooLarge {
        name: name.to_owned(),
        got: format!("{width}x{height} pixels"),
        wanted: format!("{MAX_PIXELS} pixels"),
    }
}

fn upright(
    mut image: DynamicImage,
    orientation: Orientation,
    name: &str,
    captured: Timestamp,
) -> Result<Frame, PictureError> {
    image.apply_orientation(orientation);
    let (width, height) = (image.width(), image.height());
    Frame::new(width, height, opaque(image), captured)
        .map_err(|error| PictureError::Content { name: name.to_owned(), what: error.to_string() })
}

/// RGB8 pixels; what shows through transparency is black.
fn opaque(image: DynamicImage) -> Vec<u8> {
    if !image.color().has_alpha() {
        return image.into_rgb8().into_raw();
    }
    let rgba = image.into_rgba8().into_raw();
    rgba.as_chunks::<4>()
        .0
        .iter()
        .flat_map(|&[red, green, blue, alpha]| {
            let over_black = |value: u8| ((u16::from(value) * u16::from(alpha) + 127) / 255) as u8;
            [over_black(red), over_black(green), over_black(blue)]
        })
        .collect()
}

/// A frame as a PNG file. That of a sound or a line is grey and has a chunk that says what it is, which [`decode`] reads.
pub fn png(frame: &Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    if frame.kind() != FrameKind::Image {
        let greys: Vec<u8> = frame.pixels().iter().step_by(3).copied().collect();
        PngEncoder::new(&mut bytes)
            .write_image(&greys, frame.width(), frame.height(), ExtendedColorType::L8)
            .expect("encoding grey pixels into memory cannot fail");
        return match (frame.line(), frame.waveform(), frame.kind()) {
            (Some(line), _, _) => marked::as_line(&bytes, line),
            (_, Some(waveform), _) => marked::as_waveform(&bytes, waveform),
            (_, _, FrameKind::Sound) => marked::as_sound(&bytes),
            _ => bytes,
        };
    }
    PngEncoder::new(&mut bytes)
        .write_image(frame.pixels(), frame.width(), frame.height(), ExtendedColorType::Rgb8)
        .expect("encoding RGB8 into memory cannot fail");
    bytes
}

/// Writes a frame as PNG.
///
/// # Errors
/// [`PictureError::Io`].
pub fn save_png(path: &Path, frame: &Frame) -> Result<(), PictureError> {
    let io = |error| PictureError::Io { name: shown(path), error };
    std::fs::write(path, png(frame)).map_err(io)
}

/// A frame as a JPEG file.
pub fn jpeg(frame: &Frame) -> Vec<u8> {
    thumbnail(frame, frame.width().max(frame.height()))
}

/// A frame as a JPEG file of another quality.
///
/// * `quality`: 1 to 100.
pub fn jpeg_of_quality(frame: &Frame, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .write_image(frame.pixels(), frame.width(), frame.height(), ExtendedColorType::Rgb8)
        .expect("encoding RGB8 into memory cannot fail");
    bytes
}

/// A small JPEG to look at.
///
/// * `side`: as of [`smaller`].
pub fn thumbnail(frame: &Frame, side: u32) -> Vec<u8> {
    const QUALITY: u8 = 80;
    let small = smaller(frame, side);
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .write_image(small.pixels(), small.width(), small.height(), ExtendedColorType::Rgb8)
        .expect("encoding RGB8 into memory cannot fail");
    bytes
}

/// A frame made smaller, to look at.
///
/// * `side`: the longer side in pixels, at least 1; a smaller frame is not enlarged.
pub fn smaller(frame: &Frame, side: u32) -> Cow<'_, Frame> {
    let side = side.max(1);
    if frame.width().max(frame.height()) <= side {
        return Cow::Borrowed(frame);
    }
    let pixels = image::RgbImage::from_raw(frame.width(), frame.height(), frame.pixels().to_vec())
        .expect("a frame's buffer fits its sides");
    let small =
        DynamicImage::ImageRgb8(pixels).resize(side, side, FilterType::Triangle).into_rgb8();
    let (width, height) = small.dimensions();
    let small = Frame::new(width, height, small.into_raw(), frame.captured());
    Cow::Owned(small.expect("as many pixels as its sides say").of_kind(frame.kind()))
}
