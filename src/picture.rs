//! Image files, decoded to frames: PNG, JPEG, BMP, PPM/PGM/PBM and WebP, told apart by their content.
//!
//! Grey becomes RGB, 16 bits become 8, transparency is laid over black, the EXIF orientation is honoured, and of an
//! animation the first picture is taken. A picture of more than [`MAX_PIXELS`](crate::picture::MAX_PIXELS) is refused
//! before its pixels are decoded, and so is a JPEG that is cut off.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageReader, Limits,
    codecs::jpeg::JpegEncoder, codecs::png::PngEncoder, imageops::FilterType,
};

use crate::frame::{Frame, Timestamp};

/// Pixels a picture may have: 64 million.
pub const MAX_PIXELS: u64 = 64 << 20;

/// Bytes a file may have.
pub const MAX_FILE_BYTES: u64 = 256 << 20;

/// Bytes a decoder may use: 16-bit RGBA of the largest picture.
const MAX_DECODER_BYTES: u64 = MAX_PIXELS * 8;

/// Why a picture gave no frame.
#[derive(Debug, thiserror::Error)]
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
    let ends = ["png", "jpg", "jpeg", "bmp", "ppm", "pgm", "pbm", "pnm", "webp"];
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| ends.contains(&extension.to_ascii_lowercase().as_str()))
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
/// * `most`: bytes that it may have.
///
/// # Errors
/// [`PictureError`], with the path; also for a folder and a pipe.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, PictureError> {
    let name = shown(path);
    let io = |error| PictureError::Io { name: name.clone(), error };
    // Looked at first: opening a pipe that nobody writes to would wait for ever.
    let metadata = std::fs::metadata(path).map_err(io)?;
    if metadata.is_dir() || metadata.file_type().is_fifo() {
        let kind = if metadata.is_dir() { "a folder" } else { "a pipe" };
        let what = format!("this is {kind}, wanted an image file");
        return Err(PictureError::Content { name, what });
    }
    let file = File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    // One byte more than may be tells a longer file, or an endless device, apart.
    BufReader::new(file).take(most + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > most {
        let (got, wanted) = ("a longer file".to_owned(), format!("{most} bytes"));
        return Err(PictureError::TooLarge { name, got, wanted });
    }
    Ok(bytes)
}

/// Decodes a file's bytes.
///
/// * `name`: what messages call it.
///
/// # Errors
/// [`PictureError`].
pub fn decode(bytes: &[u8], name: &str, captured: Timestamp) -> Result<Frame, PictureError> {
    let content = |what: String| PictureError::Content { name: name.to_owned(), what };
    if bytes.is_empty() {
        return Err(content("the file is empty (0 bytes), wanted an image".to_owned()));
    }
    let format = image::guess_format(bytes).ok().filter(image::ImageFormat::reading_enabled);
    let Some(format) = format else {
        let start = bytes[..bytes.len().min(8)].escape_ascii();
        return Err(content(format!(
            "not an image that can be read: wanted PNG, JPEG, BMP, PPM or WebP, the file begins with \"{start}\""
        )));
    };
    let mut bytes = Cow::Borrowed(bytes);
    if format == image::ImageFormat::Jpeg {
        match jpeg_state(&bytes) {
            JpegState::CutOff => {
                return Err(content("the image is damaged: the JPEG is cut off".to_owned()));
            }
            JpegState::WithoutTables => {
                bytes = Cow::Owned([&bytes[..2], &MOTION_JPEG, &bytes[2..]].concat());
            }
            JpegState::Whole => {}
        }
    }
    let reader = ImageReader::with_format(Cursor::new(bytes), format);
    let damaged = |error: image::ImageError| content(format!("the image is damaged: {error}"));
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(PictureError::TooLarge {
            name: name.to_owned(),
            got: format!("{width}x{height} pixels"),
            wanted: format!("{MAX_PIXELS} pixels"),
        });
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    decoder.set_limits(limits).map_err(damaged)?;
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    image.apply_orientation(orientation);
    let (width, height) = (image.width(), image.height());
    Frame::new(width, height, opaque(image), captured).map_err(|error| content(error.to_string()))
}

/// The segment that tells the decoder of motion JPEG, whose frames may leave out the Huffman tables: those of annex K.3
/// of ITU-T T.81 are meant. Many webcams leave them out, few say so.
const MOTION_JPEG: [u8; 18] = *b"\xFF\xE0\x00\x10AVI1\0\0\0\0\0\0\0\0\0\0";

/// What a JPEG's segments say before its pixels are decoded.
enum JpegState {
    /// Its pixels' data is not followed by the end marker: the decoder fills what is missing with grey and says nothing.
    CutOff,
    /// It leaves out its Huffman tables.
    WithoutTables,
    Whole,
}

/// * `bytes`: a file that begins like a JPEG.
fn jpeg_state(bytes: &[u8]) -> JpegState {
    const HUFFMAN_TABLES: u8 = 0xC4;
    const START_OF_SCAN: u8 = 0xDA;
    const END: u8 = 0xD9;
    let mut tables = false;
    // The segments before the first scan may hold anything, a thumbnail with an end marker of its own, too.
    let mut at = 2;
    while let Some(&[0xFF, marker, high, low]) = bytes.get(at..).and_then(|rest| rest.first_chunk())
    {
        tables |= marker == HUFFMAN_TABLES;
        if marker == START_OF_SCAN {
            // In a scan's data 0xFF is followed by 0 or a restart marker.
            let ended = bytes[at..].windows(2).any(|pair| pair == [0xFF, END]);
            return match (ended, tables) {
                (false, _) => JpegState::CutOff,
                (true, false) => JpegState::WithoutTables,
                (true, true) => JpegState::Whole,
            };
        }
        // A marker may be preceded by any number of 0xFF.
        at += if marker == 0xFF { 1 } else { 2 + usize::from(u16::from_be_bytes([high, low])) };
    }
    JpegState::CutOff
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

/// A frame as a PNG file.
pub fn png(frame: &Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
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

/// The longer side of the picture that is kept with an example, in pixels.
pub const THUMBNAIL_SIDE: u32 = 96;

/// A small JPEG to look at.
///
/// * `side`: the longer side in pixels, at least 1; a smaller frame is not enlarged.
pub fn thumbnail(frame: &Frame, side: u32) -> Vec<u8> {
    const QUALITY: u8 = 80;
    let pixels = image::RgbImage::from_raw(frame.width(), frame.height(), frame.pixels().to_vec())
        .expect("a frame's buffer fits its sides");
    let image = DynamicImage::ImageRgb8(pixels);
    let small = if frame.width().max(frame.height()) > side.max(1) {
        image.resize(side.max(1), side.max(1), FilterType::Triangle).into_rgb8()
    } else {
        image.into_rgb8()
    };
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .write_image(small.as_raw(), small.width(), small.height(), ExtendedColorType::Rgb8)
        .expect("encoding RGB8 into memory cannot fail");
    bytes
}
