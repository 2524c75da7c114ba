//! A frame is what a camera or a file gives: 8-bit RGB pixels and the time they were taken. A window of sound is one, too:
//! the picture of its spectrogram, and a mark that says so, or the samples with it. So is a line of text: a picture to look at,
//! and the line.

use std::borrow::Cow;
use std::sync::Arc;

/// Microseconds on the caller's clock. It must not run backwards within one engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Microseconds from `earlier` to `self`, 0 if `earlier` is later.
    pub fn micros_since(self, earlier: Timestamp) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// What the pixels of a frame are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum FrameKind {
    /// What a lens or a drawing shows.
    #[default]
    Image,
    /// A window of sound, see [`crate::sound`]: a column a moment, a row a band of frequencies, the lowest at the bottom.
    Sound,
    /// A line of text, see [`crate::text`]: the line counts, its picture is for people.
    Text,
    /// A window of sound with its samples, for networks that were trained on sound: they count, the picture is for people.
    Samples,
}

impl std::fmt::Display for FrameKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Image => "an image",
            Self::Sound => "a sound",
            Self::Text => "a line of text",
            Self::Samples => "the samples of a sound",
        })
    }
}

/// The samples of a window of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waveform {
    rate: u32,
    samples: Vec<i16>,
}

impl Waveform {
    /// Samples of a window at most: 30 s at 16 kHz, 10 s at 48 kHz.
    pub const MAX_SAMPLES: usize = 480_000;

    /// * `rate`: samples a second; `samples`: of full scale at [`i16::MIN`].
    /// * returns `None` without samples, with more than [`Waveform::MAX_SAMPLES`], and at no rate.
    pub fn new(rate: u32, samples: Vec<i16>) -> Option<Self> {
        let fits = rate > 0 && (1..=Self::MAX_SAMPLES).contains(&samples.len());
        fits.then_some(Self { rate, samples })
    }

    /// Samples a second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// All of them.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }
}

/// RGB8 pixels `[height, width, 3]`, row by row without padding, and the time of capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    kind: FrameKind,
    width: u32,
    height: u32,
    /// Shared by copies of the frame.
    pixels: Arc<Vec<u8>>,
    captured: Timestamp,
    jpeg: Option<Arc<[u8]>>,
    /// Of a frame of text, and of no other.
    line: Option<Arc<str>>,
    /// Of a frame with samples, and of no other.
    waveform: Option<Arc<Waveform>>,
}

/// Pixels of a side of the largest frame that a camera is asked for.
pub const MAX_SIDE: u32 = 16_384;

/// Why pixels are not a frame, or a region not part of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The buffer is not `height * width * 3` bytes, or a side is 0.
    #[error(
        "a frame of {width}x{height} RGB8 pixels needs {wanted} bytes and sides of at least 1, got {got} bytes"
    )]
    Size {
        /// Pixels a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes that such a frame has.
        wanted: u64,
        /// Bytes that were given.
        got: usize,
    },
    /// The region is empty or reaches outside the frame.
    #[error("the region {region} is empty or not inside the frame of {width}x{height}")]
    Region {
        /// The region, as `x,y,width,height`.
        region: String,
        /// Pixels a row of the frame.
        width: u32,
        /// Rows of the frame.
        height: u32,
    },
    /// A part was wanted of a line.
    #[error("wanted the region {region}, got a line of text, which is looked at as a whole")]
    Line {
        /// The region, as `x,y,width,height`.
        region: String,
    },
    /// A part was wanted of a window of samples.
    #[error("wanted the region {region}, got the samples of a sound, which are heard as a whole")]
    Samples {
        /// The region, as `x,y,width,height`.
        region: String,
    },
}

impl Frame {
    /// Bytes of a line at most.
    pub const MAX_LINE: usize = 64 << 10;

    /// * `pixels`: `[height, width, 3]`, RGB8, row by row.
    ///
    /// # Errors
    /// [`FrameError::Size`] if the buffer's length does not fit the sides or a side is 0.
    pub fn new(
        width: u32,
        height: u32,
        pixels: Vec<u8>,
        captured: Timestamp,
    ) -> Result<Self, FrameError> {
        let wanted = u64::from(width) * u64::from(height) * 3;
        if wanted == 0 || wanted != pixels.len() as u64 {
            return Err(FrameError::Size { width, height, wanted, got: pixels.len() });
        }
        let kind = FrameKind::Image;
        let pixels = Arc::new(pixels);
        Ok(Self { kind, width, height, pixels, captured, jpeg: None, line: None, waveform: None })
    }

    /// What its pixels are of.
    pub fn kind(&self) -> FrameKind {
        self.kind
    }

    /// The same pixels, of something else; a line or samples that it had are none of that.
    #[must_use]
    pub fn of_kind(self, kind: FrameKind) -> Self {
        Self { kind, line: None, waveform: None, ..self }
    }

    /// The line of a frame of text; `None` of any other.
    pub fn line(&self) -> Option<&str> {
        self.line.as_deref()
    }

    /// The same pixels, the picture of a line.
    ///
    /// * `line`: of at most [`Frame::MAX_LINE`] bytes; what is longer loses its end.
    #[must_use]
    pub fn of_line(self, line: &str) -> Self {
        let line = &line[..line.floor_char_boundary(Self::MAX_LINE)];
        let kind = FrameKind::Text;
        Self { kind, line: Some(line.into()), waveform: None, jpeg: None, ..self }
    }

    /// The samples of a frame that holds some; `None` of any other.
    pub fn waveform(&self) -> Option<&Waveform> {
        self.waveform.as_deref()
    }

    /// The same pixels, the picture of these samples.
    #[must_use]
    pub fn of_waveform(self, waveform: Waveform) -> Self {
        let kind = FrameKind::Samples;
        Self { kind, line: None, waveform: Some(waveform.into()), jpeg: None, ..self }
    }

    /// Pixels a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// `[height, width, 3]`, RGB8.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// When it was taken.
    pub fn captured(&self) -> Timestamp {
        self.captured
    }

    /// The JPEG file that the camera gave, where the pixels are what it shows and it may be kept as it is.
    pub fn jpeg(&self) -> Option<&[u8]> {
        self.jpeg.as_deref()
    }

    /// The same, with the JPEG file that it was decoded from.
    #[must_use]
    pub fn with_jpeg(self, file: &[u8]) -> Self {
        Self { jpeg: Some(file.into()), ..self }
    }

    /// The same, taken at another time.
    #[must_use]
    pub fn taken_at(self, captured: Timestamp) -> Self {
        Self { captured, ..self }
    }

    /// The part inside `region`; the whole frame is borrowed, not copied.
    ///
    /// # Errors
    /// [`FrameError::Region`] if the region is empty or reaches outside, [`FrameError::Line`] and [`FrameError::Samples`] for a
    /// part of what is looked at as a whole.
    pub fn region(&self, region: &Region) -> Result<Cow<'_, Frame>, FrameError> {
        let (x, y, width, height) = region.resolve(self.width, self.height)?;
        if (x, y, width, height) == (0, 0, self.width, self.height) {
            return Ok(Cow::Borrowed(self));
        }
        region.refuse_part_of(self.kind)?;
        let row = self.width as usize * 3;
        let (left, bytes) = (x as usize * 3, width as usize * 3);
        let mut pixels = Vec::with_capacity(bytes * height as usize);
        for line in self.pixels.chunks_exact(row).skip(y as usize).take(height as usize) {
            pixels.extend_from_slice(&line[left..left + bytes]);
        }
        let pixels = Arc::new(pixels);
        let (kind, captured) = (self.kind, self.captured);
        let (jpeg, line, waveform) = (None, None, None);
        Ok(Cow::Owned(Self { kind, width, height, pixels, captured, jpeg, line, waveform }))
    }
}

/// The part of a frame that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Region {
    /// All of it.
    #[default]
    Whole,
    /// Pixels from the top left corner.
    Pixels {
        /// Left edge.
        x: u32,
        /// Top edge.
        y: u32,
        /// Width, at least 1.
        width: u32,
        /// Height, at least 1.
        height: u32,
    },
    /// Fractions of the frame's sides, each in 0..=1.
    Fractions {
        /// Left edge.
        x: f32,
        /// Top edge.
        y: f32,
        /// Width.
        width: f32,
        /// Height.
        height: f32,
    },
}

impl Region {
    /// That it is no part of what is looked at as a whole.
    ///
    /// # Errors
    /// [`FrameError::Line`], [`FrameError::Samples`].
    pub fn refuse_part_of(&self, kind: FrameKind) -> Result<(), FrameError> {
        let region = self.to_string();
        match kind {
            FrameKind::Text => Err(FrameError::Line { region }),
            FrameKind::Samples => Err(FrameError::Samples { region }),
            FrameKind::Image | FrameKind::Sound => Ok(()),
        }
    }

    /// `(x, y, width, height)` in pixels of a frame of `frame_width` x `frame_height`.
    ///
    /// # Errors
    /// [`FrameError::Region`] if it is empty, not finite or reaches outside.
    pub fn resolve(
        &self,
        frame_width: u32,
        frame_height: u32,
    ) -> Result<(u32, u32, u32, u32), FrameError> {
        let rectangle = match *self {
            Region::Whole => Some((0, 0, frame_width, frame_height)),
            Region::Pixels { x, y, width, height } => Some((x, y, width, height)),
            Region::Fractions { x, y, width, height } => {
                // Thirds, say, may add up to a little more than one.
                const ROUNDING: f32 = 1e-4;
                let inside = |from: f32, len: f32| {
                    (0.0..=1.0).contains(&from) && len >= 0.0 && from + len <= 1.0 + ROUNDING
                };
                let valid = inside(x, width) && inside(y, height);
                let scale = |fraction: f32, side: u32| (fraction * side as f32).round() as u32;
                valid.then(|| {
                    let (left, top) = (scale(x, frame_width), scale(y, frame_height));
                    let right = scale((x + width).min(1.0), frame_width);
                    let bottom = scale((y + height).min(1.0), frame_height);
                    (left, top, right.saturating_sub(left), bottom.saturating_sub(top))
                })
            }
        };
        rectangle
            .filter(|&(x, y, width, height)| {
                width > 0
                    && height > 0
                    && u64::from(x) + u64::from(width) <= u64::from(frame_width)
                    && u64::from(y) + u64::from(height) <= u64::from(frame_height)
            })
            .ok_or_else(|| FrameError::Region {
                region: self.to_string(),
                width: frame_width,
                height: frame_height,
            })
    }
}

impl std::fmt::Display for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Region::Whole => write!(f, "whole"),
            Region::Pixels { x, y, width, height } => write!(f, "{x},{y},{width},{height}"),
            Region::Fractions { x, y, width, height } => {
                write!(f, "{x:.3},{y:.3},{width:.3},{height:.3}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(width: u32, height: u32) -> Frame {
        let pixels = (0..width * height).flat_map(|i| [i as u8; 3]).collect();
        Frame::new(width, height, pixels, Timestamp(7)).expect("the sides fit")
    }

    #[test]
    fn a_region_takes_its_rows_and_columns() {
        let frame = numbered(4, 3);
        let part =
            frame.region(&Region::Pixels { x: 1, y: 1, width: 2, height: 2 }).expect("inside");
        let first: Vec<u8> = part.pixels().iter().step_by(3).copied().collect();
        assert_eq!(first, [5, 6, 9, 10]);
        assert_eq!(part.captured(), Timestamp(7));
    }

    #[test]
    fn regions_outside_or_empty_are_refused() {
        let frame = numbered(4, 3);
        for region in [
            Region::Pixels { x: 3, y: 0, width: 2, height: 1 },
            Region::Pixels { x: 0, y: 0, width: 0, height: 1 },
            Region::Pixels { x: u32::MAX, y: 0, width: 2, height: 1 },
            Region::Fractions { x: 0.0, y: 0.0, width: f32::NAN, height: 1.0 },
            Region::Fractions { x: 0.5, y: 0.5, width: 0.01, height: 0.5 },
            Region::Fractions { x: 0.5, y: 0.0, width: 0.9, height: 1.0 },
            Region::Fractions { x: 0.0, y: 0.2, width: 1.0, height: 0.9 },
        ] {
            assert!(frame.region(&region).is_err(), "{region:?}");
        }
    }

    #[test]
    fn a_line_is_looked_at_as_a_whole() {
        let line = numbered(4, 3).of_line("out of memory");
        assert_eq!((line.kind(), line.line()), (FrameKind::Text, Some("out of memory")));
        assert!(line.region(&Region::Whole).is_ok());
        let part = line.region(&Region::Pixels { x: 1, y: 1, width: 2, height: 2 });
        assert!(matches!(part, Err(FrameError::Line { .. })), "{part:?}");
        assert_eq!(line.of_kind(FrameKind::Image).line(), None);
        let long = numbered(4, 3).of_line(&"é".repeat(Frame::MAX_LINE));
        assert_eq!(long.line().map(str::len), Some(Frame::MAX_LINE));
    }

    #[test]
    fn samples_are_heard_as_a_whole() {
        let waveform = Waveform::new(8000, vec![3; 2000]).expect("there are some");
        let heard = numbered(4, 3).of_waveform(waveform.clone());
        assert_eq!((heard.kind(), heard.waveform()), (FrameKind::Samples, Some(&waveform)));
        let part = heard.region(&Region::Pixels { x: 1, y: 1, width: 2, height: 2 });
        assert!(matches!(part, Err(FrameError::Samples { .. })), "{part:?}");
        assert_eq!(heard.of_kind(FrameKind::Sound).waveform(), None);
        assert_eq!(Waveform::new(8000, Vec::new()), None);
        assert_eq!(Waveform::new(0, vec![1]), None);
        assert_eq!(Waveform::new(8000, vec![1; Waveform::MAX_SAMPLES + 1]), None);
    }

    #[test]
    fn fractions_cover_the_frame_without_gaps() {
        let half = |x| Region::Fractions { x, y: 0.0, width: 0.5, height: 1.0 };
        let (x0, _, w0, _) = half(0.0).resolve(5, 3).expect("inside");
        let (x1, _, w1, _) = half(0.5).resolve(5, 3).expect("inside");
        assert_eq!((x0, x0 + w0, x1 + w1), (0, x1, 5));
    }

    #[test]
    fn a_wrong_length_names_wanted_and_got() {
        let error = Frame::new(2, 2, vec![0; 11], Timestamp(0)).expect_err("11 is not 12");
        assert!(error.to_string().contains("12 bytes") && error.to_string().contains("11 bytes"));
    }
}
