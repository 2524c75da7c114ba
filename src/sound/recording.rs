//! Files of sound: which windows they have, and those as frames.
//!
//! A recording of one second and a half or less is one window, its loudest second. Of a longer one each second is: `a.wav#t=3`
//! is the second of `a.wav` from 3 s on, written as a media fragment is (W3C, *Media Fragments URI 1.0*); `a.wav` alone is
//! its loudest second. For a network whose windows are longer or shorter than a second it is the same with those.

use std::path::{Path, PathBuf};

use crate::image::frame::{Frame, FrameKind, Timestamp};
use crate::image::picture::{self, PictureError};
use crate::sound::SoundWindow;

/// A file of sound and where in it a window begins.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowAddress {
    /// The file.
    pub file: PathBuf,
    /// Seconds from its beginning; `None` is wherever it is loudest.
    pub second: Option<f64>,
}

impl WindowAddress {
    /// What stands before the seconds.
    const MARK: &'static str = "#t=";

    /// Of a path with a time behind it, or without one; a file that has such a name is that file.
    pub fn parse(path: &Path) -> Self {
        let whole = || Self { file: path.to_owned(), second: None };
        let Some((file, second)) = path.to_str().and_then(|text| text.rsplit_once(Self::MARK))
        else {
            return whole();
        };
        match second.parse::<f64>() {
            Ok(second) if second >= 0.0 && second.is_finite() && !path.exists() => {
                Self { file: file.into(), second: Some(second) }
            }
            _ => whole(),
        }
    }
}

/// What a file is going to be, by its name, also where it cannot be read; of a PNG by its first bytes, see [`picture::png`].
pub fn kind_of(path: &Path) -> FrameKind {
    let file = WindowAddress::parse(path).file;
    let is_sound = picture::is_recording(&file) || picture::is_other_recording(&file);
    match is_sound || wrong_second(path).is_some() || picture::is_of_sound(&file) {
        true => FrameKind::Sound,
        false => FrameKind::Image,
    }
}

/// What stands behind the mark of a recording and is no time.
fn wrong_second(path: &Path) -> Option<&str> {
    let (file, second) = path.to_str()?.rsplit_once(WindowAddress::MARK)?;
    let is_time = WindowAddress::parse(path).second.is_some();
    (!is_time && picture::is_recording(Path::new(file)) && !path.exists()).then_some(second)
}

/// Of [`windows`] those that are to be learned from: the ones less than 20 dB quieter than the loudest.
///
/// # Errors
/// As [`windows`].
pub fn loud_windows(path: &Path, window: &SoundWindow) -> Result<Vec<PathBuf>, PictureError> {
    all_windows(path, window, true)
}

/// The windows of what was named: of a recording longer than one and a half of them all that lie in it, one behind the other; of
/// anything else itself.
///
/// # Errors
/// As [`load`], of a recording.
pub fn windows(path: &Path, window: &SoundWindow) -> Result<Vec<PathBuf>, PictureError> {
    all_windows(path, window, false)
}

fn all_windows(
    path: &Path,
    window: &SoundWindow,
    loud: bool,
) -> Result<Vec<PathBuf>, PictureError> {
    let WindowAddress { file, second } = WindowAddress::parse(path);
    if second.is_some() || !picture::is_recording(&file) {
        return Ok(vec![path.to_owned()]);
    }
    of_file::windows(&file, window, loud)
}

/// Reads and decodes a file, an image or a sound; of a sound the window that its path names, see [`WindowAddress`].
///
/// # Errors
/// [`PictureError`], with the path.
pub fn load(path: &Path, window: &SoundWindow, captured: Timestamp) -> Result<Frame, PictureError> {
    if let Some(second) = wrong_second(path) {
        let second = second.escape_debug();
        let what = format!("wanted seconds behind #t=, as in a.wav#t=3, got \"{second}\"");
        return Err(PictureError::Content { name: picture::shown(path), what });
    }
    let WindowAddress { file, second } = WindowAddress::parse(path);
    if second.is_none() && !picture::is_recording(&file) {
        let bytes = picture::read(&file, picture::MAX_FILE_BYTES)?;
        return decode(&bytes, &picture::shown(&file), window, captured);
    }
    of_file::load(&file, second, window, captured)
}

/// Decodes a file's bytes, an image or a sound; of a sound the loudest window.
///
/// * `name`: what messages call it.
///
/// # Errors
/// [`PictureError`].
pub fn decode(
    bytes: &[u8],
    name: &str,
    window: &SoundWindow,
    captured: Timestamp,
) -> Result<Frame, PictureError> {
    match of_file::decode(bytes, name, window, captured) {
        Some(frame) => frame,
        None => picture::decode(bytes, name, captured),
    }
}

#[cfg(not(feature = "sound"))]
mod of_file {
    use super::*;

    fn refused(name: String) -> PictureError {
        let what = "this program was built without sound; one with it is built by: cargo build --release --features sound";
        PictureError::Content { name, what: what.to_owned() }
    }

    pub(super) fn windows(
        file: &Path,
        _window: &SoundWindow,
        _loud: bool,
    ) -> Result<Vec<PathBuf>, PictureError> {
        Err(refused(picture::shown(file)))
    }

    pub(super) fn load(
        file: &Path,
        _second: Option<f64>,
        _window: &SoundWindow,
        _captured: Timestamp,
    ) -> Result<Frame, PictureError> {
        Err(refused(picture::shown(file)))
    }

    pub(super) fn decode(
        bytes: &[u8],
        name: &str,
        _window: &SoundWindow,
        _captured: Timestamp,
    ) -> Option<Result<Frame, PictureError>> {
        let is_wav = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WAVE");
        (is_wav || [b"fLaC", b"OggS"].iter().any(|start| bytes.starts_with(*start)))
            .then(|| Err(refused(name.to_owned())))
    }
}

#[cfg(feature = "sound")]
mod of_file {
    use std::sync::{Arc, Mutex};
    use std::time::SystemTime;

    use super::*;
    use crate::sound::Recording;
    use crate::util::mutex::lock;

    /// A file as it was when it was read.
    type Version = (PathBuf, Option<(u64, SystemTime)>);

    /// The recording that was read last, and at which rate: its windows are asked for one after another.
    static LATEST: Mutex<Option<(Version, u32, Arc<Recording>)>> = Mutex::new(None);

    fn version(file: &Path) -> Version {
        let metadata = std::fs::metadata(file).ok();
        let written = metadata.and_then(|of| Some((of.len(), of.modified().ok()?)));
        (file.to_owned(), written)
    }

    fn read(file: &Path, rate: u32) -> Result<Arc<Recording>, PictureError> {
        let bytes = picture::read(file, picture::MAX_FILE_BYTES)?;
        let recording = Recording::decode_at(&bytes, rate).map_err(|error| {
            PictureError::Content { name: picture::shown(file), what: error.to_string() }
        })?;
        Ok(Arc::new(recording))
    }

    /// A hundredth of the energy is 20 dB.
    const LOUD: f32 = 0.01;

    pub(super) fn windows(
        file: &Path,
        window: &SoundWindow,
        loud: bool,
    ) -> Result<Vec<PathBuf>, PictureError> {
        let (version, length) = (version(file), window.samples);
        let recording = read(file, window.rate)?;
        if recording.samples.len() < length + length / 2 {
            return Ok(vec![file.to_owned()]);
        }
        let energies: Vec<f32> = recording.samples.chunks_exact(length).map(energy).collect();
        *lock(&LATEST) = Some((version, window.rate, recording));
        let most = energies.iter().copied().fold(0.0, f32::max);
        let windows = (0..energies.len()).filter(|&at| !loud || energies[at] >= LOUD * most);
        let address = |number: usize| {
            let mut path = file.as_os_str().to_owned();
            let second = (number * length) as f64 / f64::from(window.rate);
            // No more places than tell neighbouring samples apart.
            path.push(format!("{}{}", WindowAddress::MARK, (second * 1e6).round() / 1e6));
            PathBuf::from(path)
        };
        Ok(windows.map(address).collect())
    }

    pub(super) fn load(
        file: &Path,
        second: Option<f64>,
        window: &SoundWindow,
        captured: Timestamp,
    ) -> Result<Frame, PictureError> {
        let rate = window.rate;
        let Some(second) = second else {
            return Ok(loudest(&read(file, rate)?.samples, window, captured));
        };
        let version = version(file);
        let latest = lock(&LATEST).clone().filter(|(of, at, _)| *of == version && *at == rate);
        let recording = match latest {
            Some((_, _, recording)) => recording,
            None => {
                let recording = read(file, rate)?;
                *lock(&LATEST) = Some((version, rate, Arc::clone(&recording)));
                recording
            }
        };
        let from = (second * f64::from(rate)).round() as usize;
        match recording.samples.get(from..).filter(|rest| !rest.is_empty()) {
            Some(rest) => Ok(window.frame(rest, captured)),
            None => Err(PictureError::Content {
                name: picture::shown(file),
                what: format!(
                    "it has {:.1} s, and no sound from {second} s on",
                    recording.samples.len() as f64 / f64::from(rate)
                ),
            }),
        }
    }

    pub(super) fn decode(
        bytes: &[u8],
        name: &str,
        window: &SoundWindow,
        captured: Timestamp,
    ) -> Option<Result<Frame, PictureError>> {
        if !Recording::is_recording(bytes) {
            return None;
        }
        Some(match Recording::decode_at(bytes, window.rate) {
            Ok(recording) => Ok(loudest(&recording.samples, window, captured)),
            Err(error) => {
                Err(PictureError::Content { name: name.to_owned(), what: error.to_string() })
            }
        })
    }

    fn energy(samples: &[f32]) -> f32 {
        samples.iter().map(|sample| sample * sample).sum()
    }

    /// The window with the most energy, of those that begin a quarter of a second apart; what is shorter stands in the
    /// middle of silence.
    fn loudest(samples: &[f32], window: &SoundWindow, captured: Timestamp) -> Frame {
        let length = window.samples;
        if samples.len() <= length {
            let mut padded = vec![0.0; length];
            let from = (length - samples.len()) / 2;
            padded[from..from + samples.len()].copy_from_slice(samples);
            return window.frame(&padded, captured);
        }
        let last = samples.len() - length;
        let starts = (0..last).step_by(window.hop()).chain([last]);
        let (mut best, mut most) = (0, -1.0);
        for start in starts {
            let energy = energy(&samples[start..start + length]);
            if energy > most {
                (best, most) = (start, energy);
            }
        }
        window.frame(&samples[best..], captured)
    }
}

#[cfg(all(test, feature = "sound"))]
mod tests {
    use super::*;
    use crate::image::frame::FrameKind;
    use crate::sound::{Recording, spectrogram};

    const SECOND: SoundWindow = SoundWindow { rate: 16_000, samples: 16_000, is_kept: false };

    /// Seconds of a tone of another loudness each.
    fn seconds(levels: &[f32]) -> Vec<f32> {
        let second = |level: f32| (0..16_000).map(move |at| level * (at as f32 * 0.4).sin());
        levels.iter().copied().flat_map(second).collect()
    }

    #[test]
    fn a_long_recording_has_a_window_a_second() {
        let folder = tempfile::tempdir().expect("a folder");
        let (long, short) = (folder.path().join("long.wav"), folder.path().join("short.wav"));
        let samples = seconds(&[0.01, 0.3, 0.05]);
        std::fs::write(&long, Recording::encode(&samples)).expect("writable");
        std::fs::write(&short, Recording::encode(&samples[..20_000])).expect("writable");
        let names = |path: &Path| -> Vec<String> {
            let windows = windows(path, &SECOND).expect("readable");
            windows
                .iter()
                .map(|path| path.file_name().expect("a name").display().to_string())
                .collect()
        };
        assert_eq!(names(&long), ["long.wav#t=0", "long.wav#t=1", "long.wav#t=2"]);
        assert_eq!(names(&short), ["short.wav"]);
        let loud = loud_windows(&long, &SECOND).expect("readable");
        assert_eq!(loud.len(), 2, "one is 30 dB quieter: {loud:?}");
        assert_eq!(kind_of(&loud[0]), FrameKind::Sound);
        let at =
            |path: &str| load(&folder.path().join(path), &SECOND, Timestamp(7)).expect("readable");
        let second = at("long.wav#t=1");
        assert_eq!((second.kind(), second.captured()), (FrameKind::Sound, Timestamp(7)));
        assert_eq!(second, at("long.wav"), "the loudest");
        assert_ne!(second, at("long.wav#t=2"));
        // A file may have such a name.
        std::fs::copy(&long, folder.path().join("a#t=1")).expect("writable");
        assert_eq!(names(&folder.path().join("a#t=1")), ["a#t=1"]);
        // What stands behind the mark is a time, or said to be none.
        for wrong in ["long.wav#t=x", "long.wav#t=-1", "gone.wav#t="] {
            let path = folder.path().join(wrong);
            assert_eq!(kind_of(&path), FrameKind::Sound, "{wrong}");
            let error = load(&path, &SECOND, Timestamp(0)).expect_err(wrong).to_string();
            assert!(error.contains("wanted seconds behind #t=, as in a.wav#t=3"), "{error}");
        }
        assert_eq!(kind_of(Path::new("a.mp3")), FrameKind::Sound);
        let late = load(&folder.path().join("long.wav#t=3"), &SECOND, Timestamp(0))
            .expect_err("it is over");
        assert!(
            late.to_string().ends_with("long.wav: it has 3.0 s, and no sound from 3 s on"),
            "{late}"
        );
    }

    #[test]
    fn a_short_sound_stands_in_the_middle() {
        let samples = seconds(&[0.3]);
        let bytes = Recording::encode(&samples[..8000]);
        let frame = decode(&bytes, "a.wav", &SECOND, Timestamp(0)).expect("it is one");
        let silent = spectrogram::frame(&[], Timestamp(0));
        let column = |x: usize| frame.pixels()[(85 * 101 + x) * 3];
        assert!(column(50) > column(10) && column(90) == silent.pixels()[0], "{}", column(90));
        let torn = decode(&bytes[..400], "a.wav", &SECOND, Timestamp(0)).map(drop);
        let error = torn.expect_err("it is cut off").to_string();
        assert!(error.starts_with("a.wav: it is cut off"), "{error}");
    }
}
