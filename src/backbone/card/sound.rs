//! Cards of networks that hear.

use std::path::Path;

use serde::Deserialize;

use super::{CardKind, ModelCard, ModelError, RawCard, kind_of_card, quoted, text_of};
use crate::backbone::{
    MelLayout, SampleNorm, SoundInput, SoundNetwork, SoundSpec, Tap, TokenPooling,
};
use crate::image::frame::Waveform;
use crate::sound::SoundWindow;
use crate::sound::log_mel::{FrameEdges, LogForm, LogMelSpec, MelScale, SOUND_RATES};

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum RawSoundInput {
    Samples(RawSamples),
    LogMel(RawLogMel),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSamples {
    rate: u32,
    window: f64,
    #[serde(default = "as_they_are")]
    norm: SampleNorm,
    pool: TokenPooling,
    output: String,
}

fn as_they_are() -> SampleNorm {
    SampleNorm::None
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawLogMel {
    rate: u32,
    window: f64,
    bands: usize,
    frame: usize,
    hop: usize,
    fft: Option<usize>,
    fmin: Option<f64>,
    fmax: Option<f64>,
    #[serde(default = "slaney")]
    scale: MelScale,
    equal_area: Option<bool>,
    #[serde(default)]
    magnitude: bool,
    edges: Option<FrameEdges>,
    #[serde(default = "natural")]
    log: LogForm,
    #[serde(default)]
    offset: f32,
    floor: Option<f32>,
    range: Option<f32>,
    #[serde(default)]
    mean: f32,
    std: Option<f32>,
    frames: Option<usize>,
    layout: MelLayout,
    pool: TokenPooling,
    output: String,
}

fn slaney() -> MelScale {
    MelScale::Slaney
}

fn natural() -> LogForm {
    LogForm::Ln
}

/// The logarithm is taken of no less, where nothing else is said.
const FLOOR: f32 = 1e-10;

/// # Errors
/// The key, what stands there and what may.
fn window(rate: u32, seconds: f64) -> Result<SoundWindow, String> {
    if !SOUND_RATES.contains(&rate) {
        let (least, most) = (SOUND_RATES.start(), SOUND_RATES.end());
        return Err(format!("input: rate: {rate} is not within {least} and {most}"));
    }
    let (least, most) = (SoundSpec::SECONDS.start(), SoundSpec::SECONDS.end());
    if !SoundSpec::SECONDS.contains(&seconds) {
        return Err(format!("input: window: {seconds} s is not within {least} and {most}"));
    }
    let samples = (seconds * f64::from(rate)).round() as usize;
    let most = Waveform::MAX_SAMPLES;
    if samples > most {
        return Err(format!("input: window: {samples} samples, wanted at most {most}"));
    }
    Ok(SoundWindow { rate, samples, is_kept: true })
}

impl RawSoundInput {
    /// # Errors
    /// The key, what stands there and what may.
    fn check(self, taps: Vec<Tap>) -> Result<SoundSpec, String> {
        if !taps.is_empty() {
            let what = "tap: a network that hears has none; its tensor is output in [input]";
            return Err(what.to_owned());
        }
        match self {
            Self::Samples(RawSamples { rate, window: seconds, norm, pool, output }) => {
                let window = window(rate, seconds)?;
                Ok(SoundSpec { window, input: SoundInput::Samples(norm), pool, output })
            }
            Self::LogMel(raw) => raw.check(),
        }
    }
}

impl RawLogMel {
    fn check(self) -> Result<SoundSpec, String> {
        let Self { rate, bands, frame, hop, scale, magnitude, log, offset, .. } = self;
        let Self { range, mean, frames, layout, pool, output, .. } = self;
        let window = window(rate, self.window)?;
        let kaldi = scale == MelScale::Kaldi;
        let mel = LogMelSpec {
            bands,
            frame,
            hop,
            fft: self.fft.unwrap_or_else(|| frame.checked_next_power_of_two().unwrap_or(frame)),
            fmin: self.fmin.unwrap_or(0.0),
            fmax: self.fmax.unwrap_or(f64::from(rate) / 2.0),
            scale,
            equal_area: self.equal_area.unwrap_or(scale == MelScale::Slaney),
            magnitude,
            edges: self.edges.unwrap_or(if kaldi {
                FrameEdges::Within
            } else {
                FrameEdges::Reflect
            }),
            log,
            offset,
            floor: self.floor.unwrap_or(FLOOR),
            range,
            mean,
            std: self.std.unwrap_or(1.0),
            frames,
        };
        mel.check(&window).map_err(|what| format!("input: {what}"))?;
        Ok(SoundSpec { window, input: SoundInput::LogMel(mel, layout), pool, output })
    }
}

impl ModelCard<SoundSpec> {
    /// As [`ModelCard::parse`], of a network that hears.
    ///
    /// # Errors
    /// [`ModelError::Card`] with the key, what stands there and what may.
    pub fn parse_sound(text: &str, file_name: &str) -> Result<Self, ModelError> {
        let wrong = |what: String| ModelError::Card { card: file_name.to_owned(), what };
        if kind_of_card(text) != CardKind::Sound {
            // What is no card of any kind says so itself.
            ModelCard::parse(text, file_name)?;
            let what = "input: the network looks at images, wanted one that hears (kind = \"samples\" or \"log-mel\")";
            return Err(wrong(what.to_owned()));
        }
        RawCard::parse(text, RawSoundInput::check).and_then(Self::without_words).map_err(wrong)
    }

    /// As [`ModelCard::read_card`], of a network that hears.
    ///
    /// # Errors
    /// [`ModelError::File`], [`ModelError::Card`].
    pub fn read_sound_card(path: &Path) -> Result<Self, ModelError> {
        Self::parse_sound(&text_of(path)?, &path.display().to_string())
    }

    /// The card at that path, where it is one of a network that hears; what is wrong with another file is said by who reads it.
    ///
    /// # Errors
    /// As [`ModelCard::read_sound_card`].
    pub fn sound_card(path: &Path) -> Result<Option<Self>, ModelError> {
        let is_card = path.extension().is_some_and(|ending| ending == "toml");
        let text = is_card.then(|| text_of(path).ok()).flatten();
        let hears = text.filter(|text| kind_of_card(text) == CardKind::Sound);
        hears.map(|text| Self::parse_sound(&text, &path.display().to_string())).transpose()
    }

    /// The network, ready to hear.
    ///
    /// * `beside`: the card's folder.
    ///
    /// # Errors
    /// As [`ModelCard::network`]; [`ModelError::Backbone`].
    pub fn sound_network(&self, beside: Option<&Path>) -> Result<SoundNetwork, ModelError> {
        Ok(SoundNetwork::load(&self.network(beside)?, &self.name, &self.spec)?)
    }

    /// The card's text; parsing it gives the card again.
    pub fn sound_to_toml(&self) -> String {
        let SoundSpec { window, input, pool, output } = &self.spec;
        let kind = match input {
            SoundInput::Samples(_) => "samples",
            SoundInput::LogMel(..) => "log-mel",
        };
        let mut text = self.head();
        let mut line = |key: &str, value: &dyn std::fmt::Display| {
            text += &format!("{key} = {value}\n");
        };
        line("kind", &quoted(kind));
        line("rate", &window.rate);
        line("window", &format!("{:?}", window.seconds()));
        match input {
            SoundInput::Samples(SampleNorm::None) => {}
            SoundInput::Samples(SampleNorm::ZeroMeanUnitVariance) => {
                line("norm", &quoted("zero-mean-unit-variance"));
            }
            SoundInput::LogMel(mel, layout) => {
                let real = |value: f64| format!("{value:?}");
                // Its shortest digits, not those of an f64 beside it.
                let small = |value: f32| format!("{value:?}");
                line("bands", &mel.bands);
                line("frame", &mel.frame);
                line("hop", &mel.hop);
                line("fft", &mel.fft);
                line("fmin", &real(mel.fmin));
                line("fmax", &real(mel.fmax));
                line("scale", &quoted(mel.scale.name()));
                line("equal-area", &mel.equal_area);
                line("magnitude", &mel.magnitude);
                line("edges", &quoted(mel.edges.name()));
                line("log", &quoted(mel.log.name()));
                line("offset", &small(mel.offset));
                line("floor", &small(mel.floor));
                mel.range.iter().for_each(|range| line("range", &small(*range)));
                line("mean", &small(mel.mean));
                line("std", &small(mel.std));
                mel.frames.iter().for_each(|frames| line("frames", frames));
                line(
                    "layout",
                    &quoted(match layout {
                        MelLayout::TimeByBands => "time-by-bands",
                        MelLayout::BandsByTime => "bands-by-time",
                    }),
                );
            }
        }
        line("pool", &quoted(pool.name()));
        line("output", &quoted(output));
        self.data.iter().for_each(|data| text += &data.to_toml());
        text
    }
}
