//! Cameras by address: devices, programs, recordings.
//!
//! | address | frames come from |
//! | --- | --- |
//! | `v4l:/dev/video0`, `v4l:/dev/v4l/by-id/...` | a Video4Linux device (feature `v4l`) |
//! | `rpicam:` | a Raspberry Pi's CSI camera, through its program `rpicam-vid` |
//! | `pipe:COMMAND` | the standard output of a program: raw pixels or MJPEG |
//! | `replay:DIR`, `replay:FILE` | image files in the order of their names, MJPEG, Y4M |
//! | `synthetic:`, `synthetic:SEED` | nothing: they are drawn |
//! | `sound:FILE.wav`, `.flac`, `.ogg` | windows of a recording of sound (feature `sound`) |
//! | `sound:pipe:COMMAND` | a program that writes raw samples: 16 bits, little-endian, one channel, 16 kHz, or what the network wants |
//! | `sound:synthetic:machine`, `sound:synthetic:machine:SEED` | a machine that is computed |
//! | `lines:-`, `lines:FILE` | lines of text of standard input, of a file or a named pipe |
//! | `lines:pipe:COMMAND` | lines that a program writes |
//! | `lines:serial:DEVICE`, `lines:serial:DEVICE@BAUD` | lines that come over a serial line |
//!
//! Unlike the trait's module this one has clocks, files, threads and programs.

#[cfg(any(test, feature = "v4l"))]
mod choice;
mod lines;
mod list;
mod paced;
mod pipe;
mod program;
mod replay;
#[cfg(feature = "sound")]
mod sound;
mod split;
#[cfg(feature = "v4l")]
mod v4l;
mod y4m;

pub use list::{FoundCamera, Mode, Size, list};

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::camera::{Camera, CameraError, CameraErrorKind, PixelFormat, Synthetic, SyntheticLine};
use crate::image::frame::{FrameKind, Timestamp};
use crate::sound::{SOUND_LEVELS, SoundWindow};
use crate::util::serial;

/// What a camera should give. What it gives instead is in [`Camera::notes`].
#[derive(Debug, Clone, PartialEq)]
pub struct CaptureSettings {
    /// Pixels a row, rows; `None` is [`CaptureSettings::SIZE`] where a size has to be chosen.
    pub size: Option<(u32, u32)>,
    /// Frames a second, above 0; `None` is [`CaptureSettings::FPS`] from a device, and as fast as they are asked for from a
    /// recording.
    pub fps: Option<f32>,
    /// How the pixels come; `None` is the best that a device has, and [`PixelFormat::Yu12`] from a program.
    pub format: Option<PixelFormat>,
    /// How long a frame may take.
    pub timeout: Duration,
    /// How long a program may take from its start to its first frame; no less than a frame.
    pub start: Duration,
    /// How long a device's exposure, gain and white balance may settle before they are locked; `None` leaves them
    /// automatic, and those of a synthetic camera wander. A camera that drifts spoils what was learned from few frames.
    pub settle: Option<Duration>,
    /// A device's controls by the names that `v4l2-ctl` shows: `exposure_time_absolute`, `gain`, ...; yes is 1. What is
    /// set here is not locked.
    pub controls: BTreeMap<String, i64>,
    /// A recording begins again when it is over.
    pub again: bool,
    /// The lowest level of a window of sound that becomes a frame, in dBFS, one of [`SOUND_LEVELS`]; `None`: every window does. See
    /// [`sound::level`](crate::sound::level).
    pub level: Option<f32>,
    /// What a window of sound is; a device sets what its backbone wants.
    pub window: SoundWindow,
}

impl CaptureSettings {
    /// Pixels a row, rows.
    pub const SIZE: (u32, u32) = (640, 480);
    /// Frames a second.
    pub const FPS: f32 = 30.0;
}

impl Default for CaptureSettings {
    fn default() -> Self {
        Self {
            size: None,
            fps: None,
            format: None,
            timeout: Duration::from_secs(3),
            start: Duration::from_secs(15),
            settle: Some(Duration::from_secs(2)),
            controls: BTreeMap::new(),
            again: false,
            level: None,
            window: SoundWindow::default(),
        }
    }
}

/// What to do where this program cannot open a Video4Linux device: `libclang` reads the system's headers when it is built.
#[cfg(not(feature = "v4l"))]
fn without_v4l(device: &str) -> String {
    let device = device.escape_debug();
    format!(
        "this program was built without Video4Linux; one with it is built by: sudo apt install libclang-dev && cargo build --release --features v4l; without another build, ffmpeg reads the camera: --camera 'pipe:ffmpeg -v error -f v4l2 -video_size 640x480 -i {device} -f rawvideo -pix_fmt yuv420p -'"
    )
}

/// A camera that can be handed to another thread.
pub type AnyCamera = Box<dyn Camera + Send>;

/// Opens the camera at an address, which becomes the name of all but a drawn one. A device is opened at once and settles before this
/// returns; a program is started by the first capture.
///
/// # Errors
/// [`CameraError`] with what to do next.
pub fn open(address: &str, wanted: &CaptureSettings) -> Result<AnyCamera, CameraError> {
    let shown = address.escape_debug().to_string();
    let refused = |what: &str| Err(CameraError::new(&shown, CameraErrorKind::Address, what));
    if wanted.fps.is_some_and(|fps| !(fps.is_finite() && fps > 0.0)) {
        let what =
            format!("{} frames a second: wanted more than 0", wanted.fps.unwrap_or_default());
        return Err(CameraError::new(&shown, CameraErrorKind::Unsupported, what));
    }
    if let Some(level) = wanted.level {
        if !SOUND_LEVELS.contains(&level) {
            let (least, most) = (SOUND_LEVELS.start(), SOUND_LEVELS.end());
            return refused(&format!("a level of {level} dBFS, wanted {least} to {most}"));
        }
        if kind_of(address) != FrameKind::Sound {
            return refused(&format!("a level of {level} dBFS goes with sound:SOURCE"));
        }
    }
    // A device's path needs no more words.
    let device = address.starts_with("/dev/").then(|| format!("v4l:{address}"));
    let address = device.as_deref().unwrap_or(address);
    let Some((kind, rest)) = address.split_once(':') else {
        return refused("this is no camera's address: wanted KIND:WHAT");
    };
    match kind {
        "v4l" if rest.is_empty() => refused("which device? wanted v4l:/dev/video0"),
        #[cfg(feature = "v4l")]
        "v4l" => Ok(Box::new(v4l::V4lCamera::open(address, rest, wanted)?)),
        #[cfg(not(feature = "v4l"))]
        "v4l" => Err(CameraError::new(&shown, CameraErrorKind::Unsupported, without_v4l(rest))),
        "rpicam" if rest.is_empty() => Ok(Box::new(pipe::Pipe::rpicam(wanted)?)),
        "pipe" if rest.trim().is_empty() => refused("which program? wanted pipe:COMMAND"),
        "pipe" => Ok(Box::new(pipe::Pipe::new(address, rest, wanted)?)),
        "replay" if rest.is_empty() => refused("which recording? wanted replay:DIR or replay:FILE"),
        "replay" => {
            Ok(paced::at_rate(replay::Replay::open(address, rest, wanted)?, wanted.fps, None))
        }
        "sound" => sound_source(address, rest, wanted),
        "lines" => Ok(paced::at_rate(lines::Lines::open(address, rest, wanted)?, wanted.fps, None)),
        "synthetic" if rest.split(':').next() == Some("machine") => {
            sound_source(address, address, wanted)
        }
        "synthetic" => match if rest.is_empty() { Ok(1) } else { rest.parse() } {
            Ok(seed) => {
                let (width, height) = (Synthetic::WIDTH, Synthetic::HEIGHT);
                let other =
                    wanted.size.filter(|size| *size != (Synthetic::WIDTH, Synthetic::HEIGHT));
                let told = other.map(|(wide, high)| {
                    format!("frames are drawn with {width}x{height}, wanted {wide}x{high}")
                });
                let line = SyntheticLine::new(seed);
                let line = if wanted.settle.is_none() { line.unlocked() } else { line };
                Ok(paced::at_rate(line, wanted.fps, told))
            }
            Err(_) => refused("the seed has to be a whole number"),
        },
        _ => refused("there is no such kind of camera"),
    }
}

/// Opens what is heard.
///
/// * `rest`: what stands behind `sound:`.
#[cfg(feature = "sound")]
fn sound_source(
    address: &str,
    rest: &str,
    wanted: &CaptureSettings,
) -> Result<AnyCamera, CameraError> {
    let refused = |what: &str| {
        let shown = address.escape_debug().to_string();
        Err(CameraError::new(&shown, CameraErrorKind::Address, what))
    };
    match rest.split_once(':') {
        Some(("pipe", command)) if !command.trim().is_empty() => {
            Ok(Box::new(pipe::Pipe::microphone(address, command, wanted)))
        }
        Some(("pipe", _)) => refused("which program? wanted sound:pipe:COMMAND"),
        Some(("synthetic", what)) => {
            let seed = match what.strip_prefix("machine") {
                Some("") => Some(1),
                Some(seed) => seed.strip_prefix(':').and_then(|seed| seed.parse().ok()),
                None => None,
            };
            match seed {
                Some(seed) => {
                    let machine = sound::MachineLine::new(seed, wanted);
                    Ok(paced::at_rate(machine, wanted.fps, None))
                }
                None => refused("wanted sound:synthetic:machine or sound:synthetic:machine:SEED"),
            }
        }
        _ if rest.is_empty() => refused(
            "which sound? wanted sound:FILE.wav, sound:pipe:COMMAND or sound:synthetic:machine",
        ),
        _ => Ok(paced::at_rate(sound::Played::open(address, rest, wanted)?, wanted.fps, None)),
    }
}

#[cfg(not(feature = "sound"))]
fn sound_source(
    address: &str,
    _rest: &str,
    _wanted: &CaptureSettings,
) -> Result<AnyCamera, CameraError> {
    let what = "this program was built without sound; one with it is built by: cargo build --release --features sound";
    let shown = address.escape_debug().to_string();
    Err(CameraError::new(&shown, CameraErrorKind::Unsupported, what))
}

/// What the frames of the camera at an address are of.
pub fn kind_of(address: &str) -> FrameKind {
    let of_sound = address.starts_with("sound:") || address.starts_with("synthetic:machine");
    match () {
        () if of_sound => FrameKind::Sound,
        () if address.starts_with("lines:") => FrameKind::Text,
        () => FrameKind::Image,
    }
}

/// What the frames of the camera at an address come over, where a port may not be on it, too: `-` is standard input, else the
/// device of a serial line.
pub fn line_of(address: &str) -> Option<PathBuf> {
    match address.strip_prefix("lines:")? {
        "-" => Some("-".into()),
        rest => serial::parse(rest.strip_prefix("serial:")?).map(|(path, _)| path),
    }
}

/// When a frame came, on the caller's clock.
///
/// * `now`, `asked`: the same moment on the caller's clock and on this machine's.
fn time_of(arrived: Instant, now: Timestamp, asked: Instant) -> Timestamp {
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    match arrived.checked_duration_since(asked) {
        Some(later) => Timestamp(now.0.saturating_add(micros(later))),
        None => Timestamp(now.0.saturating_sub(micros(asked - arrived))),
    }
}

/// What the system's refusal means for a camera or a recording.
fn trouble_of(error: &io::Error) -> CameraErrorKind {
    const ENXIO: i32 = 6;
    const ENODEV: i32 = 19;
    const ENOTTY: i32 = 25;
    const EINVAL: i32 = 22;
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::PermissionDenied, _) => CameraErrorKind::Permission,
        (io::ErrorKind::ResourceBusy, _) => CameraErrorKind::Busy,
        (io::ErrorKind::TimedOut, _) => CameraErrorKind::Stalled,
        (io::ErrorKind::NotFound, _) => CameraErrorKind::Missing,
        (_, Some(ENODEV | ENXIO)) => CameraErrorKind::Gone,
        (_, Some(ENOTTY)) => CameraErrorKind::NotACamera,
        (_, Some(EINVAL)) => CameraErrorKind::Unsupported,
        _ => CameraErrorKind::System,
    }
}

/// Adds a note, dropping the oldest unread one.
fn note(notes: &mut Vec<String>, text: String) {
    if notes.len() == crate::camera::MAX_NOTES {
        notes.remove(0);
    }
    notes.push(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_name_no_camera_say_what_is_wrong() {
        let cases = [
            ("", "no camera's address"),
            ("webcam:0", "no such kind"),
            ("v4l:", "which device"),
            ("pipe: ", "which program"),
            ("replay:", "which recording"),
            ("synthetic:x", "whole number"),
            #[cfg(feature = "sound")]
            ("sound:", "which sound"),
            #[cfg(feature = "sound")]
            ("sound:pipe:", "which program"),
            #[cfg(feature = "sound")]
            ("sound:synthetic:machine:x", "machine:SEED"),
            #[cfg(feature = "sound")]
            ("sound:synthetic:", "machine:SEED"),
        ];
        for (address, wanted) in cases {
            let error = open(address, &CaptureSettings::default()).err().expect("refused");
            let text = error.to_string();
            assert_eq!(error.kind, CameraErrorKind::Address, "{address}: {text}");
            assert!(text.contains(wanted) && text.contains("next: "), "{address}: {text}");
        }
        #[cfg(not(feature = "v4l"))]
        {
            let error = open("/dev/video0", &CaptureSettings::default()).err().expect("refused");
            assert_eq!(error.kind, CameraErrorKind::Unsupported);
            assert!(error.to_string().contains("--features v4l"), "{error}");
        }
        let never = CaptureSettings { fps: Some(0.0), ..CaptureSettings::default() };
        let error = open("synthetic:", &never).err().expect("refused");
        assert!(error.what.contains("more than 0"), "{error}");
    }

    #[test]
    fn frames_carry_the_arrival_time_of_the_caller_s_clock() {
        let asked = Instant::now() + Duration::from_secs(1);
        let (now, moment) = (Timestamp(5_000), Duration::from_micros(1_500));
        assert_eq!(time_of(asked, now, asked), now);
        assert_eq!(time_of(asked + moment, now, asked), Timestamp(6_500));
        assert_eq!(time_of(asked - moment, now, asked), Timestamp(3_500));
        assert_eq!(time_of(asked - moment, Timestamp(3), asked), Timestamp(0));
    }

    #[test]
    fn the_system_s_refusals_are_told_apart() {
        let cases = [
            (2, CameraErrorKind::Missing),
            (6, CameraErrorKind::Gone),
            (13, CameraErrorKind::Permission),
            (16, CameraErrorKind::Busy),
            (19, CameraErrorKind::Gone),
            (22, CameraErrorKind::Unsupported),
            (25, CameraErrorKind::NotACamera),
            (5, CameraErrorKind::System),
            (110, CameraErrorKind::Stalled),
        ];
        for (code, wanted) in cases {
            let error = io::Error::from_raw_os_error(code);
            assert_eq!(trouble_of(&error), wanted, "{error}");
        }
    }

    #[test]
    fn notes_do_not_pile_up() {
        let mut notes = Vec::new();
        (0..100).for_each(|number| note(&mut notes, number.to_string()));
        assert_eq!(notes.len(), crate::camera::MAX_NOTES);
        assert_eq!(notes.last().map(String::as_str), Some("99"));
    }
}
