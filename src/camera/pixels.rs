//! What devices give, turned into RGB8: packed and planar YUV, grey, RGB in both orders, JPEG.
//!
//! YUV is BT.601 of limited range (luma 16 to 235, chroma 16 to 240), which cameras give by default.

use std::str::FromStr;

use crate::image::frame::{Frame, FrameError, Timestamp};
use crate::image::picture::{self, MAX_PIXELS, PictureError};

/// How a pixel is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PixelFormat {
    /// Y U Y V: two pixels in four bytes.
    Yuyv,
    /// U Y V Y.
    Uyvy,
    /// A plane of Y, then one of U V pairs, each for 2x2 pixels.
    Nv12,
    /// A plane of Y, one of U, one of V, the latter for 2x2 pixels; also called I420 or YUV420.
    Yu12,
    /// A plane of Y, one of U, one of V, the latter for 2x1 pixels; also called YUV422P.
    Yuv422p,
    /// Planes of Y, U and V, each of every pixel; also called YUV444P.
    Yuv444p,
    /// One byte of grey, full range.
    Grey,
    /// R G B.
    Rgb3,
    /// B G R.
    Bgr3,
    /// A JPEG a frame.
    Mjpg,
}

impl PixelFormat {
    /// All of them, the best to have first: no conversion, then colour without loss, then the rest.
    pub const ALL: [PixelFormat; 10] = [
        PixelFormat::Rgb3,
        PixelFormat::Bgr3,
        PixelFormat::Yuyv,
        PixelFormat::Uyvy,
        PixelFormat::Yuv444p,
        PixelFormat::Yuv422p,
        PixelFormat::Nv12,
        PixelFormat::Yu12,
        PixelFormat::Mjpg,
        PixelFormat::Grey,
    ];

    /// Its four-character code in Video4Linux; 444P has none there.
    pub fn fourcc(self) -> &'static str {
        match self {
            PixelFormat::Yuyv => "YUYV",
            PixelFormat::Uyvy => "UYVY",
            PixelFormat::Nv12 => "NV12",
            PixelFormat::Yu12 => "YU12",
            PixelFormat::Yuv422p => "422P",
            PixelFormat::Yuv444p => "444P",
            PixelFormat::Grey => "GREY",
            PixelFormat::Rgb3 => "RGB3",
            PixelFormat::Bgr3 => "BGR3",
            PixelFormat::Mjpg => "MJPG",
        }
    }
}

impl std::fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.fourcc())
    }
}

impl FromStr for PixelFormat {
    type Err = PixelsError;

    /// A four-character code in either case, or an everyday name: `yuv420`, `i420`, `rgb`, `bgr`, `gray`, `mjpeg`.
    fn from_str(text: &str) -> Result<Self, PixelsError> {
        let code = match text.to_ascii_uppercase().as_str() {
            "YUV420" | "YUV420P" | "I420" => "YU12",
            "YUV422P" => "422P",
            "YUV444P" => "444P",
            "RGB" => "RGB3",
            "BGR" => "BGR3",
            "GRAY" => "GREY",
            "MJPEG" | "JPEG" => "MJPG",
            other => return Self::of_code(other, text),
        };
        Self::of_code(code, text)
    }
}

impl PixelFormat {
    fn of_code(code: &str, text: &str) -> Result<Self, PixelsError> {
        let found = Self::ALL.into_iter().find(|format| format.fourcc() == code);
        found.ok_or_else(|| PixelsError::Name(text.escape_debug().to_string()))
    }
}

/// Why bytes are not a frame of their layout.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PixelsError {
    /// No such format.
    #[error(
        "there is no pixel format \"{0}\": wanted yuyv, uyvy, nv12, yu12 (yuv420), yuv422p, yuv444p, grey, rgb3 (rgb), bgr3 (bgr) or mjpg"
    )]
    Name(String),
    /// Sides of 0, or more pixels than a picture may have.
    #[error("{width}x{height}: wanted sides of at least 1 and at most {MAX_PIXELS} pixels")]
    Sides {
        /// Pixels a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// Rows that overlap.
    #[error("{layout} needs at least {wanted} bytes a row, got a stride of {got}")]
    Stride {
        /// The layout.
        layout: PixelLayout,
        /// Bytes of a row.
        wanted: u64,
        /// The stride.
        got: u32,
    },
    /// The bytes end before the picture does.
    #[error("{layout} has {wanted} bytes, got {got}")]
    Short {
        /// The layout.
        layout: PixelLayout,
        /// Bytes of a picture.
        wanted: u64,
        /// Bytes that came.
        got: usize,
    },
    /// The JPEG is none, or damaged.
    #[error(transparent)]
    Jpeg(#[from] PictureError),
    /// The pixels are no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// How a picture lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelLayout {
    /// How its pixels are kept.
    pub format: PixelFormat,
    /// Pixels a row; of a JPEG what it says itself counts.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes from one row to the next (of the first plane; U and V of YU12 lie at half of it), 0 if there is no gap.
    pub stride: u32,
}

impl std::fmt::Display for PixelLayout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}x{}", self.format, self.width, self.height)
    }
}

/// A rectangle of bytes in a buffer: where it begins, bytes of a row, bytes to the next one, rows.
#[derive(Debug, Clone, Copy)]
struct Plane {
    start: u64,
    row: u64,
    pitch: u64,
    rows: u64,
}

impl Plane {
    /// Where the next plane begins.
    fn end(self) -> u64 {
        self.start + self.pitch * self.rows
    }

    fn rows(self, bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
        // The last row may come without the gap behind it.
        let (start, row) = (self.start as usize, self.row as usize);
        bytes[start..].chunks(self.pitch as usize).map(move |line| &line[..row])
    }
}

impl PixelLayout {
    fn planes(&self) -> Vec<Plane> {
        let (width, height) = (u64::from(self.width), u64::from(self.height));
        let (pairs, low) = (width.div_ceil(2), height.div_ceil(2));
        let stride = u64::from(self.stride);
        let pitch = |row| if stride == 0 { row } else { stride };
        let plane = |start, row, rows| Plane { start, row, pitch: pitch(row), rows };
        match self.format {
            PixelFormat::Yuyv | PixelFormat::Uyvy => vec![plane(0, pairs * 4, height)],
            PixelFormat::Rgb3 | PixelFormat::Bgr3 => vec![plane(0, width * 3, height)],
            PixelFormat::Grey => vec![plane(0, width, height)],
            PixelFormat::Nv12 => {
                let luma = plane(0, width, height);
                vec![luma, plane(luma.end(), pairs * 2, low)]
            }
            PixelFormat::Yu12 => {
                let luma = plane(0, width, height);
                let pitch = luma.pitch.div_ceil(2);
                let u = Plane { start: luma.end(), row: pairs, pitch, rows: low };
                vec![luma, u, Plane { start: u.end(), ..u }]
            }
            PixelFormat::Yuv422p => {
                let luma = plane(0, width, height);
                let pitch = luma.pitch.div_ceil(2);
                let u = Plane { start: luma.end(), row: pairs, pitch, rows: height };
                vec![luma, u, Plane { start: u.end(), ..u }]
            }
            PixelFormat::Yuv444p => {
                let luma = plane(0, width, height);
                let u = Plane { start: luma.end(), ..luma };
                vec![luma, u, Plane { start: u.end(), ..luma }]
            }
            PixelFormat::Mjpg => Vec::new(),
        }
    }

    /// Bytes of a picture without the gap behind its last row; 0 for a JPEG, which has as many as it has.
    pub fn bytes(&self) -> u64 {
        self.planes().last().map_or(0, |last| last.end() - (last.pitch - last.row))
    }

    /// Sides and stride that a picture can have. [`PixelLayout::frame`] asks it, too.
    ///
    /// # Errors
    /// [`PixelsError::Sides`], [`PixelsError::Stride`].
    pub fn check(&self) -> Result<(), PixelsError> {
        let PixelLayout { format, width, height, stride } = *self;
        if format == PixelFormat::Mjpg {
            return Ok(());
        }
        if !(1..=MAX_PIXELS).contains(&(u64::from(width) * u64::from(height))) {
            return Err(PixelsError::Sides { width, height });
        }
        match self.planes().into_iter().find(|plane| plane.pitch < plane.row) {
            Some(plane) => {
                Err(PixelsError::Stride { layout: *self, wanted: plane.row, got: stride })
            }
            None => Ok(()),
        }
    }

    /// The picture in `bytes`; bytes behind it are left alone.
    ///
    /// # Errors
    /// [`PixelsError`].
    pub fn frame(&self, bytes: &[u8], captured: Timestamp) -> Result<Frame, PixelsError> {
        self.check()?;
        if self.format == PixelFormat::Mjpg {
            let frame = picture::decode_frame(bytes, "JPEG", captured)?;
            return Ok(match picture::to_be_kept(bytes) {
                Some(file) => frame.with_jpeg(file),
                None => frame,
            });
        }
        let wanted = self.bytes();
        if (bytes.len() as u64) < wanted {
            return Err(PixelsError::Short { layout: *self, wanted, got: bytes.len() });
        }
        let bytes = &bytes[..wanted as usize];
        let width = self.width as usize;
        let mut rgb = vec![0; width * self.height as usize * 3];
        let out = rgb.chunks_exact_mut(width * 3);
        match (self.format, self.planes().as_slice()) {
            (PixelFormat::Yuyv, &[plane]) => {
                packed(out, plane.rows(bytes), |&[y, u, next, v]| ([y, next], u, v));
            }
            (PixelFormat::Uyvy, &[plane]) => {
                packed(out, plane.rows(bytes), |&[u, y, v, next]| ([y, next], u, v));
            }
            (PixelFormat::Nv12, &[luma, chroma]) => {
                let chroma: Vec<&[u8]> = chroma.rows(bytes).collect();
                let pairs =
                    |row: usize| chroma[row / 2].as_chunks::<2>().0.iter().map(|&[u, v]| (u, v));
                planar(out, luma.rows(bytes), 2, pairs);
            }
            (PixelFormat::Yu12 | PixelFormat::Yuv422p | PixelFormat::Yuv444p, &[luma, u, v]) => {
                let (across, down) = match self.format {
                    PixelFormat::Yu12 => (2, 2),
                    PixelFormat::Yuv422p => (2, 1),
                    _ => (1, 1),
                };
                // U ends where V begins, V where the picture does.
                let u: Vec<&[u8]> = u.rows(&bytes[..v.start as usize]).collect();
                let v: Vec<&[u8]> = v.rows(bytes).collect();
                let chroma =
                    |row: usize| u[row / down].iter().copied().zip(v[row / down].iter().copied());
                planar(out, luma.rows(bytes), across, chroma);
            }
            (PixelFormat::Grey, &[plane]) => {
                for (out, row) in out.zip(plane.rows(bytes)) {
                    out.as_chunks_mut().0.iter_mut().zip(row).for_each(|(out, &y)| *out = [y; 3]);
                }
            }
            (PixelFormat::Rgb3, &[plane]) => {
                out.zip(plane.rows(bytes)).for_each(|(out, row)| out.copy_from_slice(row));
            }
            (PixelFormat::Bgr3, &[plane]) => {
                for (out, row) in out.zip(plane.rows(bytes)) {
                    out.copy_from_slice(row);
                    out.chunks_exact_mut(3).for_each(<[u8]>::reverse);
                }
            }
            (format, planes) => unreachable!("{format} has no {} planes", planes.len()),
        }
        Ok(Frame::new(self.width, self.height, rgb, captured)?)
    }
}

/// Four bytes that are two pixels; of an odd width's last four the second pixel is left out.
fn packed<'a>(
    out: impl Iterator<Item = &'a mut [u8]>,
    rows: impl Iterator<Item = &'a [u8]>,
    split: impl Fn(&[u8; 4]) -> ([u8; 2], u8, u8),
) {
    for (out, row) in out.zip(rows) {
        for (out, four) in out.chunks_mut(6).zip(row.as_chunks().0) {
            let (luma, u, v) = split(four);
            Chroma::new(u, v).paint(out, &luma);
        }
    }
}

/// Rows of Y, and for each row the U and V of so many pixels after the other.
fn planar<'a, P: Iterator<Item = (u8, u8)>>(
    out: impl Iterator<Item = &'a mut [u8]>,
    luma: impl Iterator<Item = &'a [u8]>,
    across: usize,
    chroma: impl Fn(usize) -> P,
) {
    for (row, (out, luma)) in out.zip(luma).enumerate() {
        let pixels = out.chunks_mut(across * 3).zip(luma.chunks(across));
        for ((out, luma), (u, v)) in pixels.zip(chroma(row)) {
            Chroma::new(u, v).paint(out, luma);
        }
    }
}

/// What a pair of U and V adds to each channel, in 65536ths.
#[derive(Debug, Clone, Copy)]
struct Chroma {
    red: i32,
    green: i32,
    blue: i32,
}

impl Chroma {
    // ITU-R BT.601: Kr = 0.299, Kb = 0.114; 219 steps of luma, 224 of chroma. Each factor times 65536:
    // 255/219, 2 (1 - Kr) 255/224, 2 (1 - Kb) 255/224, and for green Kb/Kg and Kr/Kg of the latter two.
    const LUMA: i32 = 76_309;
    const RED_V: i32 = 104_597;
    const BLUE_U: i32 = 132_201;
    const GREEN_U: i32 = 25_675;
    const GREEN_V: i32 = 53_279;

    fn new(u: u8, v: u8) -> Self {
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        Self {
            red: Self::RED_V * v,
            green: -Self::GREEN_U * u - Self::GREEN_V * v,
            blue: Self::BLUE_U * u,
        }
    }

    /// * `out`: RGB of as many pixels as it has room for.
    fn paint(self, out: &mut [u8], luma: &[u8]) {
        for (out, &y) in out.as_chunks_mut().0.iter_mut().zip(luma) {
            let level = Self::LUMA * (i32::from(y) - 16) + (1 << 15);
            *out = [self.red, self.green, self.blue]
                .map(|chroma| ((level + chroma) >> 16).clamp(0, 255) as u8);
        }
    }
}

#[cfg(test)]
mod tests;
