//! What is heard, as a camera: recordings, microphones by way of a program, a machine that is computed. A frame is a window
//! of a second.

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
    HOP, LevelTrigger, Machine, MachineScene, Recording, WINDOW_SAMPLES, level, spectrogram,
};

/// A recording, a window every quarter of a second.
#[derive(Debug)]
pub struct Played {
    name: String,
    samples: Vec<f32>,
    at: usize,
    again: bool,
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
    samples: &[f32],
    now: Timestamp,
) -> Result<Frame, CameraError> {
    match trigger.passes(level(samples)) {
        true => Ok(spectrogram::frame(samples, now)),
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
        let recording = Recording::decode(&bytes);
        let recording = recording
            .map_err(|error| CameraError::new(name, CameraErrorKind::Damaged, error.to_string()))?;
        let (name, samples) = (name.to_owned(), recording.samples);
        let trigger = LevelTrigger::new(wanted.level);
        Ok(Self { name, samples, at: 0, again: wanted.again, trigger, is_quiet: true })
    }
}

impl Camera for Played {
    fn name(&self) -> &str {
        &self.name
    }

    fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError> {
        // A recording shorter than a window is one.
        let is_over = self.at > 0 && self.at + WINDOW_SAMPLES > self.samples.len();
        if is_over && !self.again {
            let what = "the recording is over";
            return Err(CameraError::new(&self.name, CameraErrorKind::Ended, what));
        }
        if is_over && std::mem::replace(&mut self.is_quiet, true) {
            thread::sleep(REST);
        }
        let from = if is_over { 0 } else { self.at };
        self.at = from + HOP;
        let to = self.samples.len().min(from + WINDOW_SAMPLES);
        let frame = passed(&mut self.trigger, &self.name, &self.samples[from..to], now)?;
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
    trigger: LevelTrigger,
}

/// Seconds from one condition to the next.
const PERIOD: u64 = 4;

impl MachineLine {
    const NAME: &str = "synthetic machine";

    /// A machine of that seed.
    ///
    /// * `threshold`: as that of a [`LevelTrigger`].
    pub fn new(seed: u64, threshold: Option<f32>) -> Self {
        let scene = Scene::of(MachineScene::ALL.map(MachineScene::name));
        Self { machine: Machine::new(seed), seed, scene, trigger: LevelTrigger::new(threshold) }
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
        passed(&mut self.trigger, Self::NAME, &self.machine.second(), now)
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
pub fn next_window(reader: &mut impl Read, held: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    loop {
        let before = held.len();
        let got = reader.by_ref().take((HOP * BYTES) as u64).read_to_end(held)?;
        if got < HOP * BYTES {
            return Ok(None);
        }
        debug_assert_eq!(held.len(), before + got);
        if held.len() >= WINDOW_SAMPLES * BYTES {
            let window = held.clone();
            held.drain(..HOP * BYTES);
            return Ok(Some(window));
        }
    }
}

/// The frame of a window that a program wrote.
///
/// * `bytes`: 16 bits a sample, little-endian.
pub fn frame_of(bytes: &[u8], captured: Timestamp) -> Frame {
    spectrogram::frame(&samples_of(bytes), captured)
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
        while let Some(window) = next_window(&mut reader, &mut held).expect("a slice is read") {
            assert_eq!(window.len(), WINDOW_SAMPLES * BYTES);
            starts.push(i16::from_le_bytes([window[0], window[1]]));
        }
        assert_eq!(starts, [0, 4000, 8000]);
        let silent = frame_of(&vec![0; WINDOW_SAMPLES * BYTES], Timestamp(1));
        assert!(silent.pixels().iter().all(|&level| level == 0));
    }

    #[test]
    fn a_machine_has_what_was_chosen_from_the_next_second() {
        let mut line = MachineLine::new(2, None);
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
