//! A network that hears: the samples of a window to an embedding.
//!
//! It takes the samples themselves, or log-mel features of them ([`crate::sound::log_mel`]), always of one length. What else the
//! file shows of its input, how many axes it has and whether there are three channels, is taken from it.

mod declared;
mod input;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tract_core::prelude::{IntoRunnable as _, TValue, TVec, TypedRunnableModel};
use tract_onnx::prelude::{Framework as _, InferenceModelExt as _};

use super::graph::Graph;
use super::pooling::normalise;
use super::read::Reasons;
use super::rows::{Rows, cut_to};
use super::{Backbone, BackboneError, Fingerprint, Onnx, TokenPooling, check_sizes, guarded, ops};
use crate::image::frame::Waveform;
#[cfg(feature = "sound")]
use crate::sound::LogMel;
use crate::sound::log_mel::LogMelSpec;
use crate::sound::{self, SoundWindow};
use input::{Input, as_picture, inputs, picture};

/// What is done with samples before a network gets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SampleNorm {
    /// Nothing: -1 to 1.
    None,
    /// Their mean is taken off, and they are divided by their standard deviation, as wav2vec 2.0 wants it.
    ZeroMeanUnitVariance,
}

/// Which axis of log-mel features comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MelLayout {
    /// `[frames, bands]`.
    TimeByBands,
    /// `[bands, frames]`.
    BandsByTime,
}

/// What a network gets of a window.
#[derive(Debug, Clone, PartialEq)]
pub enum SoundInput {
    /// Its samples.
    Samples(SampleNorm),
    /// Log-mel features.
    LogMel(LogMelSpec, MelLayout),
}

impl SoundInput {
    /// Axes of what it gets of a window, without batch and channels.
    fn plane(&self, window: &SoundWindow) -> Vec<usize> {
        match self {
            Self::Samples(_) => vec![window.samples],
            Self::LogMel(spec, MelLayout::TimeByBands) => vec![spec.frames(window), spec.bands],
            Self::LogMel(spec, MelLayout::BandsByTime) => vec![spec.bands, spec.frames(window)],
        }
    }
}

/// How a network that hears is fed, and what is taken of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SoundSpec {
    /// What it hears at once.
    pub window: SoundWindow,
    /// What it gets of that.
    pub input: SoundInput,
    /// How the values of moments become one vector.
    pub pool: TokenPooling,
    /// The tensor with them, `[1, moments, values]`, or `[1, values]` where the network has pooled them.
    pub output: String,
}

impl SoundSpec {
    /// Seconds of a window.
    pub const SECONDS: std::ops::RangeInclusive<f64> = 0.25..=30.0;

    /// What a fingerprint covers besides the file; stores hold the hash of these words, so they stay as they are.
    fn in_words(&self) -> String {
        let SoundWindow { rate, samples, .. } = self.window;
        let input = match &self.input {
            SoundInput::Samples(SampleNorm::None) => "as they are".to_owned(),
            SoundInput::Samples(SampleNorm::ZeroMeanUnitVariance) => "normed".to_owned(),
            SoundInput::LogMel(mel, layout) => {
                let layout = match layout {
                    MelLayout::TimeByBands => "time first",
                    MelLayout::BandsByTime => "bands first",
                };
                let (scale, edges, log) = (mel.scale.name(), mel.edges.name(), mel.log.name());
                let LogMelSpec { bands, frame, hop, fft, fmin, fmax, .. } = mel;
                let LogMelSpec { offset, floor, range, mean, std, frames, .. } = mel;
                let (area, magnitude) = (mel.equal_area, mel.magnitude);
                format!(
                    "{bands} bands {scale} {fmin:?} {fmax:?} area {area}, {frame} {hop} {fft} {edges} magnitude {magnitude}, {log} {offset:?} {floor:?} {range:?} {mean:?} {std:?}, {frames:?} {layout}"
                )
            }
        };
        let (pool, output) = (self.pool.name(), &self.output);
        format!("samples 1: {samples} at {rate}, {input}, {pool} of {output}")
    }
}

/// A loaded network that hears.
pub struct SoundNetwork {
    name: String,
    fingerprint: Fingerprint,
    spec: SoundSpec,
    dim: usize,
    inputs: Vec<Input>,
    engine: Engine,
    #[cfg(feature = "sound")]
    log_mel: Option<LogMel>,
}

/// What computes it.
enum Engine {
    /// One that takes log-mel features as a picture, by the kernels that images have.
    Picture(Box<Backbone>),
    /// Any other.
    Plan(Arc<TypedRunnableModel>),
}

impl std::fmt::Debug for SoundNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SoundNetwork").field("name", &self.name).field("dim", &self.dim).finish()
    }
}

impl SoundNetwork {
    /// * `onnx`: the file's bytes, or [`OnnxFiles`](super::OnnxFiles); `name`: what people call it.
    ///
    /// # Errors
    /// [`BackboneError`]; a panic inside the runtime is caught and becomes [`BackboneError::Runtime`].
    pub fn load<'a>(
        onnx: impl Into<Onnx<'a>>,
        name: &str,
        spec: &SoundSpec,
    ) -> Result<Self, BackboneError> {
        let onnx = onnx.into();
        let graph = cut_to(Graph::parse(onnx, name)?, &spec.output)?;
        let inputs = inputs(&graph, spec)?;
        let engine = match as_picture(&graph, spec, &inputs) {
            Some(backbone) => Engine::Picture(Box::new(backbone)),
            None => Engine::Plan(plan(&graph, &inputs)?),
        };
        drop(graph);
        let mut hash = Sha256::new();
        hash.update(onnx.sha256());
        hash.update(spec.in_words());
        let mut network = Self {
            name: format!("{name}{}", sound::OF_SAMPLES),
            fingerprint: Fingerprint(hash.finalize().into()),
            spec: spec.clone(),
            dim: 0,
            inputs,
            engine,
            #[cfg(feature = "sound")]
            log_mel: match &spec.input {
                SoundInput::Samples(_) => None,
                SoundInput::LogMel(mel, _) => Some(
                    LogMel::new(mel, spec.window)
                        .map_err(|what| BackboneError::parse(name, &what))?,
                ),
            },
        };
        // What cannot run is found here, and not with the first window.
        let quiet = Waveform::new(spec.window.rate, vec![0; spec.window.samples]);
        let quiet = quiet.ok_or_else(|| BackboneError::parse(name, "the window has no samples"))?;
        network.dim = network.extract(&quiet)?.len();
        Ok(network)
    }

    /// What a store remembers of it, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Of the files, and how they are used.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Length of the embedding.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How it is fed, and what is taken of it.
    pub fn spec(&self) -> &SoundSpec {
        &self.spec
    }

    /// * `waveform`: a window as the network wants it.
    /// * returns `[dim]`, finite, of length 1 (all zero where the network gives zeros).
    ///
    /// # Errors
    /// [`BackboneError::Parse`] for another window, [`BackboneError::Runtime`], [`BackboneError::NotFinite`].
    pub fn extract(&mut self, waveform: &Waveform) -> Result<Vec<f32>, BackboneError> {
        let SoundWindow { rate, samples, .. } = self.spec.window;
        let got = (waveform.rate(), waveform.samples().len());
        if got != (rate, samples) {
            let what = format!(
                "wanted windows of {samples} samples at {rate} Hz, got one of {} at {} Hz",
                got.1, got.0
            );
            return Err(BackboneError::parse(&self.name, &what));
        }
        let heard: Vec<f32> =
            waveform.samples().iter().map(|&sample| f32::from(sample) / 32_768.0).collect();
        let values = self.values(&heard)?;
        let Self { name, inputs, engine, .. } = self;
        let plan = match engine {
            Engine::Picture(backbone) => {
                let mut feature = backbone.extract(picture(name, &inputs[0], &values)?.view())?;
                normalise(&mut feature);
                return Ok(feature);
            }
            Engine::Plan(plan) => plan,
        };
        let (shape, output) = guarded(name, "running the network", || {
            let fed: TVec<TValue> = inputs
                .iter()
                .map(|input| Ok(input.fed(&values)?.into()))
                .collect::<tract_core::prelude::TractResult<_>>()?;
            let output = plan.run(fed)?.remove(0);
            let output = output.cast_to::<f32>()?;
            let view = output.to_plain_array_view::<f32>()?;
            Ok((view.shape().to_vec(), view.iter().copied().collect::<Vec<f32>>()))
        })?;
        let tensor = &self.spec.output;
        let rows = Rows { name: &self.name, tensor, of: "moments", shape: &shape };
        rows.embedding(&output, self.spec.pool, |rows| self.heard_rows(rows))
    }

    /// Of so many rows those of the window: where frames were filled up with silence and rows follow time, the first ones.
    fn heard_rows(&self, rows: usize) -> usize {
        let SoundInput::LogMel(mel, _) = &self.spec.input else { return rows };
        let window = &self.spec.window;
        let heard = LogMelSpec { frames: None, ..mel.clone() }.frames(window);
        let fed = mel.frames(window);
        match fed > heard && fed % rows == 0 {
            true => (heard * rows).div_ceil(fed),
            false => rows,
        }
    }

    /// What the network gets of a window, without batch and channels.
    fn values(&self, heard: &[f32]) -> Result<Vec<f32>, BackboneError> {
        match &self.spec.input {
            SoundInput::Samples(SampleNorm::None) => Ok(heard.to_vec()),
            SoundInput::Samples(SampleNorm::ZeroMeanUnitVariance) => Ok(normed(heard)),
            SoundInput::LogMel(mel, layout) => {
                let features = self.log_mel(heard)?;
                Ok(match layout {
                    MelLayout::TimeByBands => features,
                    MelLayout::BandsByTime => (0..mel.bands)
                        .flat_map(|band| features.iter().skip(band).step_by(mel.bands))
                        .copied()
                        .collect(),
                })
            }
        }
    }

    #[cfg(feature = "sound")]
    fn log_mel(&self, heard: &[f32]) -> Result<Vec<f32>, BackboneError> {
        Ok(self.log_mel.as_ref().map(|mel| mel.features(heard)).unwrap_or_default())
    }

    #[cfg(not(feature = "sound"))]
    fn log_mel(&self, _heard: &[f32]) -> Result<Vec<f32>, BackboneError> {
        let what = "this program was built without sound; one with it is built by: cargo build --release --features sound";
        Err(BackboneError::parse(&self.name, what))
    }
}

/// As wav2vec 2.0's feature extractor: `(x - mean) / sqrt(variance + 1e-7)`.
fn normed(heard: &[f32]) -> Vec<f32> {
    let count = heard.len() as f64;
    let mean = heard.iter().map(|&sample| f64::from(sample)).sum::<f64>() / count;
    let squares = heard.iter().map(|&sample| (f64::from(sample) - mean).powi(2)).sum::<f64>();
    let spread = (squares / count + 1e-7).sqrt();
    heard.iter().map(|&sample| ((f64::from(sample) - mean) / spread) as f32).collect()
}

/// The network, ready to run.
fn plan(graph: &Graph, inputs: &[Input]) -> Result<Arc<TypedRunnableModel>, BackboneError> {
    graph.refuse_unknown()?;
    let (reasons, name) = (Reasons::of(graph), &graph.name);
    let typed = guarded(name, "reading the network", || {
        let mut model = ops::reader()
            .with_ignore_value_info(true)
            .with_ignore_output_shapes(true)
            .model_for_proto_model(graph.proto())?;
        for (number, input) in inputs.iter().enumerate() {
            model = model.with_input_fact(number, input.fact())?;
        }
        model.into_typed()
    });
    let typed = typed.map_err(|error| reasons.explain(error))?;
    check_sizes(&typed, name)?;
    guarded(name, "optimising the network", || typed.into_optimized()?.into_runnable())
        .map_err(|error| reasons.explain(error))
}

#[cfg(test)]
mod tests;
