//! `--camera` and what it should give.

use crate::cli::args::store::now;
use crate::cli::{Exit, Failed};

use crate::camera::source::{self, AnyCamera, CaptureSettings};
use crate::camera::{Camera as _, CameraError, CameraErrorKind, PixelFormat, PixelsError};
use crate::image::frame::{Frame, FrameKind, Region};
use crate::sound::SOUND_LEVELS;

/// Which camera, and what it should give.
#[derive(Debug, Clone, clap::Args)]
pub struct CameraArgs {
    /// v4l:/dev/video0, rpicam:, pipe:COMMAND, replay:DIR|FILE, synthetic: or synthetic:SEED; a microphone:
    /// sound:pipe:COMMAND, sound:FILE.wav or sound:synthetic:machine; lines of text: lines:- (standard input),
    /// lines:FILE, lines:pipe:COMMAND or lines:serial:DEVICE[@BAUD]
    #[arg(long, visible_alias = "microphone", value_name = "ADDRESS", env = "FIELDTUNE_CAMERA")]
    pub camera: Option<String>,
    /// Pixels [default: 640x480]
    #[arg(long = "resolution", value_name = "WxH", value_parser = parse_size)]
    pub size: Option<(u32, u32)>,
    /// Frames per second, also of a recording [default: the board's, 30 where it says none]
    #[arg(long, value_name = "N", value_parser = parse_fps)]
    pub fps: Option<f32>,
    /// yuyv, uyvy, nv12, yu12 (yuv420), yuv422p, yuv444p, grey, rgb3 (rgb), bgr3 (bgr) or mjpg [default: the best of
    /// a device, yu12 of a program; Y4M says it itself]
    #[arg(long, value_name = "NAME", value_parser = parse_format)]
    pub format: Option<PixelFormat>,
    /// Region of interest, in pixels or in fractions of the frame: 0.25,0.25,0.5,0.5
    #[arg(long, value_name = "X,Y,W,H", value_parser = parse_region)]
    pub region: Option<Region>,
    /// Camera control by v4l2-ctl name or number: exposure_time_absolute=200 (repeatable)
    #[arg(long = "control", value_name = "NAME=VALUE", value_parser = parse_control)]
    pub controls: Vec<(String, i64)>,
    /// Restart a recording at its end
    #[arg(long = "loop")]
    pub again: bool,
    /// Pass over windows of sound that are quieter, -100 to 0 dBFS; status and snap show the level [default: the
    /// board's, none where it says none]
    #[arg(long, value_name = "DBFS", value_parser = parse_level, allow_negative_numbers = true)]
    pub level: Option<f32>,
}

impl CameraArgs {
    /// `given`, for instance a board's, with what was asked for on the command line in its place.
    pub fn wanted(&self, given: CaptureSettings) -> CaptureSettings {
        // Frames that are drawn have a size of their own; what a board's camera has is nothing to them.
        let kind = self.camera.as_deref().map(source::kind_of);
        let is_drawn =
            self.camera.as_ref().is_some_and(|address| address.starts_with("synthetic:"))
                || kind.is_some_and(|kind| kind != FrameKind::Image);
        CaptureSettings {
            size: self.size.or(given.size.filter(|_| !is_drawn)),
            fps: self.fps.or(given.fps.filter(|_| kind != Some(FrameKind::Text))),
            format: self.format.or(given.format),
            again: self.again || given.again,
            level: self
                .level
                .or(given.level.filter(|_| kind.is_none_or(|it| it == FrameKind::Sound))),
            controls: given.controls.into_iter().chain(self.controls.iter().cloned()).collect(),
            ..given
        }
    }

    /// Opens the camera that was named, or `otherwise`.
    ///
    /// # Errors
    /// As [`source::open`].
    pub fn open(&self, otherwise: &str, given: CaptureSettings) -> Result<AnyCamera, CameraError> {
        source::open(self.camera.as_deref().unwrap_or(otherwise), &self.wanted(given))
    }
}

/// The next frame; of a microphone with a level the next one that is loud enough.
///
/// # Errors
/// As [`Camera::capture`].
pub fn captured(camera: &mut AnyCamera) -> Result<Frame, CameraError> {
    loop {
        match camera.capture(now()) {
            Err(error) if error.kind == CameraErrorKind::Waiting && camera.level().is_some() => {}
            captured => return captured,
        }
    }
}

/// The error with its exit status: a wrong address and a damaged recording are the caller's to mend, anything else the
/// device's.
pub fn failed(error: CameraError) -> anyhow::Error {
    match error.kind {
        CameraErrorKind::Address | CameraErrorKind::Damaged => error.into(),
        _ => anyhow::Error::new(error).context(Failed(Exit::Device)),
    }
}

fn parse_size(text: &str) -> Result<(u32, u32), String> {
    let side = |text: &str| text.parse().ok().filter(|side| *side > 0);
    let sides = text.split_once(['x', 'X']);
    let sides = sides.and_then(|(width, height)| Some((side(width)?, side(height)?)));
    sides.ok_or_else(|| "wanted WIDTHxHEIGHT, like 640x480".to_owned())
}

fn parse_fps(text: &str) -> Result<f32, String> {
    let fps: Option<f32> = text.parse().ok();
    fps.filter(|fps| fps.is_finite() && *fps > 0.0)
        .ok_or_else(|| "wanted a number above 0".to_owned())
}

fn parse_level(text: &str) -> Result<f32, String> {
    let level: Option<f32> = text.parse().ok();
    let (least, most) = (SOUND_LEVELS.start(), SOUND_LEVELS.end());
    level
        .filter(|level| SOUND_LEVELS.contains(level))
        .ok_or_else(|| format!("wanted {least} to {most} dBFS, like -40"))
}

fn parse_format(text: &str) -> Result<PixelFormat, PixelsError> {
    text.parse()
}

fn parse_control(text: &str) -> Result<(String, i64), String> {
    let (name, value) = text.split_once('=').unwrap_or_default();
    match value.parse() {
        Ok(value) if !name.is_empty() => Ok((name.to_owned(), value)),
        _ => Err("wanted NAME=NUMBER, like gain=20; yes is 1".to_owned()),
    }
}

/// Four whole numbers are pixels; with a decimal point in any they are fractions.
fn parse_region(text: &str) -> Result<Region, String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let pixels: Option<Vec<u32>> = parts.iter().map(|part| part.parse().ok()).collect();
    let fractions: Option<Vec<f32>> = parts.iter().map(|part| part.parse().ok()).collect();
    let inside = |fraction: &f32| (0.0..=1.0).contains(fraction);
    match (pixels.as_deref(), fractions.as_deref()) {
        (Some(&[x, y, width, height]), _) if width > 0 && height > 0 => {
            Ok(Region::Pixels { x, y, width, height })
        }
        (None, Some(all @ &[x, y, width, height]))
            if all.iter().all(inside)
                && width > 0.0
                && height > 0.0
                && x + width <= 1.0001
                && y + height <= 1.0001 =>
        {
            Ok(Region::Fractions { x, y, width, height })
        }
        _ => Err(
            "wanted x,y,width,height in pixels (80,60,160,120) or in fractions (0.25,0.25,0.5,0.5)"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_pixels_or_fractions() {
        let cases = [
            ("80,60,160,120", Some(Region::Pixels { x: 80, y: 60, width: 160, height: 120 })),
            ("0, 0, 1, 1", Some(Region::Pixels { x: 0, y: 0, width: 1, height: 1 })),
            ("0.25,0,0.5,1", Some(Region::Fractions { x: 0.25, y: 0.0, width: 0.5, height: 1.0 })),
            ("1,2,3", None),
            ("1,2,0,4", None),
            ("0.5,0.5,1.5,0.5", None),
            ("0.9,0.9,0.5,0.5", None),
            ("0.5,0.5,NaN,0.5", None),
            ("a,b,c,d", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(parse_region(text).ok(), wanted, "{text}");
        }
    }

    #[test]
    fn controls_have_a_name_and_a_whole_number() {
        assert_eq!(parse_control("gain=-3"), Ok(("gain".to_owned(), -3)));
        for text in ["gain", "=3", "gain=", "gain=1.5"] {
            assert!(parse_control(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_and_rates_are_above_nothing() {
        assert_eq!(parse_size("640x480"), Ok((640, 480)));
        assert_eq!(parse_fps("7.5"), Ok(7.5));
        for text in ["640", "0x480", "640x", "-1x2", "axb"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        for text in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(parse_fps(text).is_err(), "{text}");
        }
        assert_eq!([parse_level("-40"), parse_level("0")], [Ok(-40.0), Ok(0.0)]);
        for text in ["-100.5", "0.1", "NaN", "-inf", "loud"] {
            assert!(parse_level(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_command_line_goes_before_what_was_given() {
        let arguments = CameraArgs {
            camera: None,
            size: Some((320, 240)),
            fps: None,
            format: None,
            region: None,
            controls: vec![("gain".to_owned(), 7)],
            again: false,
            level: None,
        };
        let controls = |gain| [("gain".to_owned(), gain), ("hue".to_owned(), 1)].into();
        let controls_given = controls(1);
        let given = CaptureSettings {
            size: Some((1, 1)),
            fps: Some(5.0),
            again: true,
            ..CaptureSettings::default()
        };
        let given = CaptureSettings { controls: controls_given, ..given };
        let wanted = arguments.wanted(given.clone());
        assert_eq!(
            wanted,
            CaptureSettings { size: Some((320, 240)), controls: controls(7), ..given }
        );
    }
}
