//! What is heard, as a camera: recordings, microphones by way of a program, a machine that is computed. A frame is a window
//! of a second, or as long as a network wants it.

use std::io::{self, Read};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::CaptureSettings;
use crate::camera::{Camera, CameraError, CameraErrorKind, Scene};
use crate::image::frame::{Frame, Timestamp};
use crate::image::picture;
use crate::sound::{
    LevelTrigger, Machine, MachineScene, Recording, SAMPLE_RATE, SoundWindow, level, resampled,
};

/// A recording, a window every quarter of a second.
#[derive(Debug)]
pub struct Played {
    name: String,
    samples: Vec<f32>,
    at: usize,
    again: bool,
    window: SoundWindow,
    trigger: LevelTrigger,
    /// No window was loud enough since its beginning.
    is_quiet: bool,
}

/// How long a recording rests that begins again and has no window that is loud enough.
const REST: Duration = Duration::from_millis(200);

/// The frame of a window, where it is loud enough.
///
/// # Errors
/// [`CameraErrorKind::Waiting`] where it is not.
fn passed(
    trigger: &mut LevelTrigger,
    name: &str,
    (samples, window): (&[f32], &SoundWindow),
    now: Timestamp,
) -> Result<Frame, CameraError> {
    match trigger.passes(level(samples)) {
        true => Ok(window.frame(samples, now)),
        false => Err(CameraError::new(name, CameraErrorKind::Waiting, trigger.awaited())),
    }
}

impl Played {
    /// # Errors
    /// [`CameraError`] if there is no such recording, or none that can be read.
    pub fn open(name: &str, path: &str, wanted: &CaptureSettings) -> Result<Self, CameraError> {
        let missing = |error: picture::PictureError| {
            let text = error.to_string();
            let what = text.strip_prefix(&format!("{path}: ")).unwrap_or(&text);
            CameraError::new(name, CameraErrorKind::Missing, what)
        };
        let bytes = picture::read(Path::new(path), picture::MAX_FILE_BYTES).map_err(missing)?;
        let recording = Recording::decode_at(&bytes, wanted.window.rate);
        let recording = recording
            .map_err(|error| CameraError::new(name, CameraErrorKind::Damaged, error.to_string()))?;
        let (name, samples) = (name.to_owned(), recording.samples);
        let (again, window) = (wanted.again, wanted.window);
        let trigger = LevelTrigger::new(wanted.level);
        Ok(Self { name, samples, at: 0, again, window, trigger, is_quiet: true })
    }
}

impl Camera for Played {
    fn name(&self) -> &str {
        &self.name
    }

    fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError> {
        // A recording shorter than a window is one.
        let is_over = self.at > 0 && self.at + self.window.samples > self.samples.len();
        if is_over && !self.again {
            let what = "the recording is over";
            return Err(CameraError::new(&self.name, CameraErrorKind::Ended, what));
        }
        if is_over && std::mem::replace(&mut self.is_quiet, true) {
            thread::sleep(REST);
        }
        let from = if is_over { 0 } else { self.at };
        self.at = from + self.window.hop();
        let to = self.samples.len().min(from + self.window.samples);
        let heard = (&self.samples[from..to], &self.window);
        let frame = passed(&mut self.trigger, &self.name, heard, now)?;
        self.is_quiet = false;
        Ok(frame)
    }

    fn gives_events(&self) -> bool {
        self.trigger.is_set()
    }

    fn level(&self) -> Option<f32> {
        self.trigger.heard()
    }
}

/// A [`Machine`] that is in order half of the time, and otherwise has each condition by turns, some seconds each.
///
/// What is heard is a function of the seed, the number of the second and what was chosen.
#[derive(Debug)]
pub struct MachineLine {
    machine: Machine,
    seed: u64,
    scene: Scene,
    window: SoundWindow,
    trigger: LevelTrigger,
}

/// Seconds from one condition to the next.
const PERIOD: u64 = 4;

impl MachineLine {
    const NAME: &str = "synthetic machine";

    /// A machine of that seed.
    pub fn new(seed: u64, wanted: &CaptureSettings) -> Self {
        let scene = Scene::of(MachineScene::ALL.map(MachineScene::name));
        let (window, trigger) = (wanted.window, LevelTrigger::new(wanted.level));
        Self { machine: Machine::new(seed), seed, scene, window, trigger }
    }

    /// The next seconds, as many as a window has.
    fn heard(&mut self) -> Vec<f32> {
        let seconds = self.window.seconds().ceil() as usize;
        let heard: Vec<f32> = (0..seconds).flat_map(|_| self.machine.second()).collect();
        let mut heard = resampled(&heard, SAMPLE_RATE, self.window.rate);
        heard.truncate(self.window.samples);
        heard
    }

    fn turn(&self) -> usize {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed ^ 0x7475_726e);
        random.set_stream(self.machine.number() / PERIOD);
        match random.random_bool(0.5) {
            true => 0,
            false => random.random_range(1..MachineScene::ALL.len()),
        }
    }
}

impl Camera for MachineLine {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError> {
        let place = self.scene.wanted().unwrap_or_else(|| self.turn());
        self.scene.show(place);
        self.machine.show(MachineScene::ALL.get(place).copied().unwrap_or(MachineScene::Good));
        let heard = self.heard();
        passed(&mut self.trigger, Self::NAME, (&heard, &self.window), now)
    }

    fn gives_events(&self) -> bool {
        self.trigger.is_set()
    }

    fn level(&self) -> Option<f32> {
        self.trigger.heard()
    }

    fn scene(&self) -> Option<Scene> {
        Some(self.scene.clone())
    }
}

/// Bytes of a sample that a program writes.
const BYTES: usize = 2;

/// The window that ends with the next quarter of a second; `None` at the end, where less is left.
///
/// * `held`: the end of the window before; empty at first.
///
/// # Errors
/// The reader's.
pub fn next_window(
    reader: &mut impl Read,
    window: &SoundWindow,
    held: &mut Vec<u8>,
) -> io::Result<Option<Vec<u8>>> {
    let (length, hop) = (window.samples * BYTES, window.hop() * BYTES);
    loop {
        let before = held.len();
        let got = reader.by_ref().take(hop as u64).read_to_end(held)?;
        if got < hop {
            return Ok(None);
        }
        debug_assert_eq!(held.len(), before + got);
        if held.len() >= length {
            // The latest of it: a window need not be a number of quarters.
            held.drain(..held.len() - length);
            let latest = held.clone();
            held.drain(..hop.min(length));
            return Ok(Some(latest));
        }
    }
}

/// The frame of a window that a program wrote.
///
/// * `bytes`: 16 bits a sample, little-endian.
pub fn frame_of(bytes: &[u8], window: &SoundWindow, captured: Timestamp) -> Frame {
    window.frame(&samples_of(bytes), captured)
}

/// The level of such a window, in dBFS.
pub fn level_of(bytes: &[u8]) -> f32 {
    level(&samples_of(bytes))
}

fn samples_of(bytes: &[u8]) -> Vec<f32> {
    let samples = bytes.as_chunks::<BYTES>().0.iter();
    samples.map(|sample| f32::from(i16::from_le_bytes(*sample)) / 32_768.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::WINDOW_SAMPLES;

    const HOP: usize = WINDOW_SAMPLES / 4;

    #[test]
    fn a_recording_is_played_in_windows_that_overlap() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.wav");
        let samples: Vec<f32> =
            (0..24_000).map(|at| (at as f32 * at as f32 * 1e-5).sin()).collect();
        std::fs::write(&path, Recording::encode(&samples)).expect("writable");
        let text = path.to_str().expect("UTF-8");
        let mut wanted = CaptureSettings::default();
        for again in [false, true] {
            wanted.again = again;
            let mut played = Played::open("sound:a.wav", text, &wanted).expect("it is one");
            let frames: Vec<_> = (0..4).map(|_| played.capture(Timestamp(3))).collect();
            assert!(frames[..3].iter().all(|frame| frame.is_ok()));
            assert_ne!(frames[0], frames[1]);
            match again {
                true => assert_eq!(frames[3], frames[0]),
                false => {
                    assert!(frames[3].as_ref().is_err_and(|e| e.kind == CameraErrorKind::Ended))
                }
            }
        }
        let error = Played::open("sound:b.wav", "b.wav", &wanted).expect_err("there is none");
        assert_eq!(error.kind, CameraErrorKind::Missing, "{error}");
    }

    #[test]
    fn samples_of_a_pipe_become_windows() {
        let samples: Vec<u8> =
            (0..WINDOW_SAMPLES + 2 * HOP + 5).flat_map(|at| (at as i16).to_le_bytes()).collect();
        let (mut reader, mut held) = (&samples[..], Vec::new());
        let mut starts = Vec::new();
        let second = SoundWindow::default();
        while let Some(window) =
            next_window(&mut reader, &second, &mut held).expect("a slice is read")
        {
            assert_eq!(window.len(), WINDOW_SAMPLES * BYTES);
            starts.push(i16::from_le_bytes([window[0], window[1]]));
        }
        assert_eq!(starts, [0, 4000, 8000]);
        let silent = frame_of(&vec![0; WINDOW_SAMPLES * BYTES], &second, Timestamp(1));
        assert!(silent.pixels().iter().all(|&level| level == 0));
    }

    #[test]
    fn a_machine_has_what_was_chosen_from_the_next_second() {
        let mut line = MachineLine::new(2, &CaptureSettings::default());
        let scene = line.scene().expect("it can be chosen");
        let mut heard = std::collections::BTreeSet::new();
        for _ in 0..60 {
            line.capture(Timestamp(0)).expect("it is computed");
            heard.insert(scene.shown());
        }
        assert_eq!(heard.len(), MachineScene::ALL.len(), "{heard:?}");
        assert!(scene.choose(Some("belt")));
        line.capture(Timestamp(0)).expect("it is computed");
        assert_eq!((scene.shown(), line.machine.showing()), ("belt", MachineScene::Belt));
    }
}
