//! Log-mel features: what most networks that were trained on sound are fed with, each in its own way.
//!
//! Samples are cut into short frames, each under a Hann window; the power (or magnitude) of their spectra is summed in bands
//! that are triangles on a mel scale; of that the logarithm is taken, and it is brought to the range that a network expects.

use serde::{Deserialize, Serialize};

use super::SoundWindow;
#[cfg(feature = "sound")]
use super::{hertz, mel};
use crate::image::frame::Waveform;

/// Where the bands lie, and how a frame is prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MelScale {
    /// Linear up to 1 kHz, logarithmic above (Slaney, *Auditory Toolbox*, 1998): librosa's default, Whisper.
    Slaney,
    /// `2595 log10(1 + f / 700)` (O'Shaughnessy 1987, as in HTK).
    Htk,
    /// As Kaldi's `fbank`: the scale of HTK, on which the triangles are straight; from each frame its mean is taken off, then 0.97
    /// of each sample from the next one, and the Hann window is symmetric.
    Kaldi,
}

impl MelScale {
    /// As a card has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slaney => "slaney",
            Self::Htk => "htk",
            Self::Kaldi => "kaldi",
        }
    }

    /// Mels of a frequency in Hz.
    #[cfg(feature = "sound")]
    pub(super) fn mel(self, hertz: f64) -> f64 {
        match self {
            Self::Slaney => mel(hertz),
            Self::Htk | Self::Kaldi => 2595.0 * (1.0 + hertz / 700.0).log10(),
        }
    }

    /// The frequency of so many mels, in Hz.
    #[cfg(feature = "sound")]
    pub(super) fn hertz(self, mel: f64) -> f64 {
        match self {
            Self::Slaney => hertz(mel),
            Self::Htk | Self::Kaldi => 700.0 * (10.0_f64.powf(mel / 2595.0) - 1.0),
        }
    }
}

/// What is heard beyond the ends of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FrameEdges {
    /// Frames are centred on their moments, the first on the first sample; beyond the ends the window is mirrored.
    Reflect,
    /// The same, with silence beyond the ends.
    Silence,
    /// Frames lie within the window.
    Within,
}

impl FrameEdges {
    /// As a card has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reflect => "reflect",
            Self::Silence => "silence",
            Self::Within => "within",
        }
    }
}

/// Which logarithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogForm {
    /// The natural one.
    Ln,
    /// To the base of 10.
    Log10,
    /// Ten times that: decibels.
    Db,
}

impl LogForm {
    /// As a card has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ln => "ln",
            Self::Log10 => "log10",
            Self::Db => "db",
        }
    }
}

/// How log-mel features are computed. A value is `(log(max(x + offset, floor)) - mean) / std`, `x` of a band.
#[derive(Debug, Clone, PartialEq)]
pub struct LogMelSpec {
    /// Mel bands.
    pub bands: usize,
    /// Samples of a frame, under its Hann window.
    pub frame: usize,
    /// Samples from one frame to the next.
    pub hop: usize,
    /// Samples of a transform, at least those of a frame; the rest is silence.
    pub fft: usize,
    /// Where the lowest band begins, in Hz.
    pub fmin: f64,
    /// Where the highest band ends, in Hz.
    pub fmax: f64,
    /// Where the bands lie between.
    pub scale: MelScale,
    /// The triangles have area 1 over Hz, not height 1.
    pub equal_area: bool,
    /// Of the spectrum's magnitude, not of its power.
    pub magnitude: bool,
    /// What is heard beyond the ends.
    pub edges: FrameEdges,
    /// Which logarithm.
    pub log: LogForm,
    /// Added before the logarithm, at least 0.
    pub offset: f32,
    /// The logarithm is taken of no less, above 0.
    pub floor: f32,
    /// How far below the largest logarithm of the window the lowest is, above 0; `None` is as far as may be.
    pub range: Option<f32>,
    /// Taken off.
    pub mean: f32,
    /// Divided by.
    pub std: f32,
    /// Frames that the network gets, where it wants another number than the window has: of more the last are left out, to fewer
    /// silence is added (on Kaldi's scale frames whose logarithms are 0).
    pub frames: Option<usize>,
}

/// Samples of a transform at most.
pub const MAX_MEL_FFT: usize = 16_384;

/// Mel bands at most.
pub const MAX_MEL_BANDS: usize = 512;

/// Frames at most.
pub const MAX_MEL_FRAMES: usize = 8192;

/// Samples of a window that is filled up with silence, at most.
const MAX_FILLED: usize = 2 * Waveform::MAX_SAMPLES;

/// Rates of sounds that networks are fed with, in samples a second.
pub const SOUND_RATES: std::ops::RangeInclusive<u32> = 4_000..=96_000;

impl LogMelSpec {
    /// Frames of so many samples.
    pub(super) fn frames_of(&self, samples: usize) -> usize {
        match self.edges {
            FrameEdges::Within if samples < self.frame => 0,
            FrameEdges::Within => 1 + (samples - self.frame) / self.hop,
            FrameEdges::Reflect | FrameEdges::Silence => 1 + samples / self.hop,
        }
    }

    /// Frames that the network gets of a window.
    pub fn frames(&self, window: &SoundWindow) -> usize {
        self.frames.unwrap_or_else(|| self.frames_of(window.samples))
    }

    /// Whether features can be computed so.
    ///
    /// # Errors
    /// The key of a card, what stands there and what may.
    pub fn check(&self, window: &SoundWindow) -> Result<(), String> {
        let within = |key: &str, got: usize, least: usize, most: usize| match got {
            got if (least..=most).contains(&got) => Ok(()),
            got => Err(format!("{key}: {got} is not within {least} and {most}")),
        };
        within("bands", self.bands, 1, MAX_MEL_BANDS)?;
        within("frame", self.frame, 16, MAX_MEL_FFT.min(window.samples))?;
        within("hop", self.hop, 1, self.frame.max(window.samples))?;
        within("fft", self.fft, self.frame, MAX_MEL_FFT)?;
        self.frames.map_or(Ok(()), |frames| within("frames", frames, 1, MAX_MEL_FRAMES))?;
        let frames = self.frames_of(window.samples);
        if frames > MAX_MEL_FRAMES {
            return Err(format!(
                "hop: {frames} frames of a window, wanted at most {MAX_MEL_FRAMES}"
            ));
        }
        let filled = self.frames.unwrap_or(0).saturating_mul(self.hop);
        if filled > MAX_FILLED {
            return Err(format!(
                "frames: {filled} samples with silence, wanted at most {MAX_FILLED}"
            ));
        }
        let half = f64::from(window.rate) / 2.0;
        let (fmin, fmax) = (self.fmin, self.fmax);
        if !(fmin >= 0.0 && fmin < fmax && fmax <= half) {
            return Err(format!(
                "fmin, fmax: got {fmin} to {fmax} Hz, wanted two of 0 to {half}, the lower first"
            ));
        }
        let wanted = |key: &str, got: f32, fits: bool, wanted: &str| match fits {
            true => Ok(()),
            false => Err(format!("{key}: got {got}, wanted {wanted}")),
        };
        wanted("offset", self.offset, (0.0..1e6).contains(&self.offset), "0 to 1e6")?;
        let floor = self.floor;
        wanted("floor", floor, floor.is_normal() && floor > 0.0, "a number above 0")?;
        let range = self.range.unwrap_or(1.0);
        wanted("range", range, range.is_finite() && range > 0.0, "a number above 0")?;
        wanted("mean", self.mean, self.mean.is_finite(), "a number")?;
        let std = self.std;
        wanted("std", std, std.is_normal() && std > 0.0, "a number above 0")
    }
}
