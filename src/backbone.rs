//! The frozen network: an ONNX file, cut at its feature or at taps, run by tract on one thread.
//!
//! This module is the only place that names tract. A tap is a tensor of the graph; its map is pooled over space to one
//! value a channel (average, max or both), and the feature is the pooled taps one after another. With more than one
//! block, each block is scaled to length one, so that a block with large values or many channels does not drown the
//! others; a single block keeps its values.

mod detect;
mod error;
mod export;
mod extractor;
mod graph;
mod nodes;
mod outline;
mod quantised;
mod survey;
mod weights;

use std::panic::{AssertUnwindSafe, catch_unwind};

use ndarray::ArrayView4;
use serde::{Deserialize, Serialize};
use tract_core::prelude::{
    Datum as _, IntoRunnable as _, IntoTensor as _, TypedModel, TypedSimpleState, tvec,
};
use tract_onnx::prelude::{Framework as _, InferenceModelExt as _};
use tract_onnx::tract_hir::infer::{InferenceFact, InferenceModel};

use crate::tensor::InputSpec;
pub use detect::Detected;
pub use error::BackboneError;
pub use export::{Classifier, Dense, Exported, OUTPUTS, Rounding, export};
pub use extractor::{ExtractError, Extractor, FeatureSource, Fingerprint};
pub use graph::{DeclaredInput, Graph, MAX_NODES};
pub use outline::MAX_PARTS;
pub use survey::{Candidate, Place, Survey};

/// How a map becomes one value a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The mean over space.
    Avg,
    /// The largest value over space.
    Max,
}

/// A place in the network that is listened to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tap {
    /// Name of a tensor of the graph.
    pub tensor: String,
    /// How its map is pooled, a block each.
    pub pool: Vec<Pooling>,
}

/// How a network is fed and where it is tapped.
#[derive(Debug, Clone, PartialEq)]
pub struct BackboneSpec {
    /// How it is fed.
    pub input: InputSpec,
    /// Where it is tapped; empty is the input of its classifier, averaged over space.
    pub taps: Vec<Tap>,
}

/// A part of the feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The tapped tensor.
    pub tensor: String,
    /// How it was pooled.
    pub pool: Pooling,
    /// Where it begins in the feature.
    pub offset: usize,
    /// How many values it has.
    pub len: usize,
}

/// A loaded network.
pub struct Backbone {
    name: String,
    spec: BackboneSpec,
    blocks: Vec<Block>,
    state: TypedSimpleState,
}

impl std::fmt::Debug for Backbone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backbone").field("name", &self.name).field("blocks", &self.blocks).finish()
    }
}

impl Backbone {
    /// * `onnx`: the file's bytes.
    /// * `name`: what messages call it.
    ///
    /// # Errors
    /// [`BackboneError`]. A panic inside the runtime is caught and becomes [`BackboneError::Runtime`].
    pub fn load(onnx: &[u8], name: &str, spec: &BackboneSpec) -> Result<Self, BackboneError> {
        Self::from_graph(Graph::parse(onnx, name)?, spec)
    }

    /// The second half of [`Backbone::load`].
    ///
    /// # Errors
    /// [`BackboneError`].
    pub fn from_graph(graph: Graph, spec: &BackboneSpec) -> Result<Self, BackboneError> {
        let name = graph.name.clone();
        let taps = taps(&graph, spec);
        let tensors: Vec<String> = taps.iter().map(|tap| tap.tensor.clone()).collect();
        let graph = graph.cut(&tensors)?;
        let model = inference(&graph, &spec.input)?;
        drop(graph);
        let typed = guarded(&name, "reading the network", || model.into_typed())?;
        check_sizes(&typed, &name)?;
        let blocks = blocks(&typed, &name, &taps)?;
        let plan =
            guarded(&name, "optimising the network", || typed.into_optimized()?.into_runnable())?;
        let state = guarded(&name, "preparing the network", || plan.spawn())?;
        Ok(Self { name, spec: spec.clone(), blocks, state })
    }

    /// Length of the feature.
    pub fn dim(&self) -> usize {
        self.blocks.iter().map(|block| block.len).sum()
    }

    /// The parts of the feature.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// How it is fed and where it is tapped.
    pub fn spec(&self) -> &BackboneSpec {
        &self.spec
    }

    /// * `input`: `[1, 3, height, width]` or `[1, height, width, 3]`, normalised, as the specification says.
    /// * returns `[dim]`, finite.
    ///
    /// # Errors
    /// [`BackboneError::Runtime`], [`BackboneError::NotFinite`].
    pub fn extract(&mut self, input: ArrayView4<f32>) -> Result<Vec<f32>, BackboneError> {
        // Behind a ReLU, NaN would be taken for 0.
        let all_finite = input.iter().fold(true, |finite, value| finite & value.is_finite());
        if !all_finite
            && let Some((index, &value)) = input.iter().enumerate().find(|(_, v)| !v.is_finite())
        {
            let (name, tensor) = (self.name.clone(), "the input itself".to_owned());
            return Err(BackboneError::NotFinite { name, tensor, index, value });
        }
        let tensor = input.to_owned().into_tensor();
        let state = &mut self.state;
        let outputs =
            guarded(&self.name, "running the network", || state.run(tvec!(tensor.into())))?;
        let mut feature = Vec::with_capacity(self.dim());
        let mut blocks = self.blocks.iter().peekable();
        for output in &outputs {
            let map = output
                .to_plain_array_view::<f32>()
                .map_err(|error| runtime(&self.name, "reading a tap", &error.to_string()))?;
            let values = map
                .as_slice()
                .ok_or_else(|| runtime(&self.name, "reading a tap", "its values lie apart"))?;
            let Some(tensor) = blocks.peek().map(|block| block.tensor.as_str()) else { break };
            while let Some(block) = blocks.next_if(|block| block.tensor == tensor) {
                pool(values, map.ndim(), block.pool, block.len, &mut feature);
            }
        }
        if let Some(index) = feature.iter().position(|value| !value.is_finite()) {
            let block = self.blocks.iter().rfind(|block| block.offset <= index);
            return Err(BackboneError::NotFinite {
                name: self.name.clone(),
                tensor: block.map_or_else(String::new, |block| block.tensor.clone()),
                index,
                value: feature[index],
            });
        }
        if self.blocks.len() > 1 {
            for block in &self.blocks {
                normalise(&mut feature[block.offset..block.offset + block.len]);
            }
        }
        Ok(feature)
    }
}

/// Where a network is tapped: as the specification says, else where its feature is found.
fn taps(graph: &Graph, spec: &BackboneSpec) -> Vec<Tap> {
    if spec.taps.is_empty() {
        return vec![Tap { tensor: graph.detect().tensor, pool: vec![Pooling::Avg] }];
    }
    spec.taps.clone()
}

fn normalise(values: &mut [f32]) {
    let norm = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    if norm > 0.0 {
        values.iter_mut().for_each(|value| *value /= norm);
    }
}

/// Appends one value a channel. Maps of four axes are `[1, channels, height, width]`, of three `[1, tokens,
/// channels]`, others hold the channels themselves. A channel with NaN in it gives NaN, whichever the pooling.
///
/// * `values`: of the map, in its own order; its length is a multiple of `len`.
fn pool(values: &[f32], axes: usize, how: Pooling, len: usize, feature: &mut Vec<f32>) {
    let places = values.len() / len;
    let pooled = |(sum, max): (f32, f32)| match how {
        Pooling::Avg => sum / places as f32,
        Pooling::Max if sum.is_nan() => sum,
        Pooling::Max => max,
    };
    if axes == 3 {
        let mut sums = vec![(0.0, f32::NEG_INFINITY); len];
        for token in values.chunks_exact(len) {
            for ((sum, max), &value) in sums.iter_mut().zip(token) {
                (*sum, *max) = (*sum + value, value.max(*max));
            }
        }
        feature.extend(sums.into_iter().map(pooled));
    } else {
        feature.extend(values.chunks_exact(places).map(sum_and_max).map(pooled));
    }
}

/// In lanes, which is faster than one value after another, and loses fewer digits over the ten thousand of an early map.
fn sum_and_max(values: &[f32]) -> (f32, f32) {
    const LANES: usize = 16;
    let (chunks, rest) = values.as_chunks::<LANES>();
    let (mut sums, mut largest) = ([0.0_f32; LANES], [f32::NEG_INFINITY; LANES]);
    for chunk in chunks {
        for lane in 0..LANES {
            sums[lane] += chunk[lane];
            largest[lane] = if chunk[lane] > largest[lane] { chunk[lane] } else { largest[lane] };
        }
    }
    let sum = sums.iter().sum::<f32>() + rest.iter().sum::<f32>();
    (sum, largest.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max))
}

/// The graph in tract's first form, with its input set.
fn inference(graph: &Graph, input: &InputSpec) -> Result<InferenceModel, BackboneError> {
    let wanted = input.shape();
    let declared = graph.input()?;
    let fits = |(got, wanted): (&Option<u64>, &usize)| got.is_none_or(|got| got == *wanted as u64);
    // The batch of a file exported for several images is set to one.
    if !declared.shape.iter().zip(&wanted).skip(1).all(fits) {
        return Err(BackboneError::Input {
            name: graph.name.clone(),
            wanted: axes(&declared.shape),
            got: format!("{wanted:?}"),
        });
    }
    guarded(&graph.name, "reading the network", || {
        tract_onnx::onnx()
            .with_ignore_value_info(true)
            .with_ignore_output_shapes(true)
            .model_for_proto_model(graph.proto())?
            .with_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), wanted))
    })
}

/// The most values that a tensor between two layers may have: 1 GiB of f32.
const MAX_VALUES: usize = 1 << 28;

/// Memory that cannot be had ends the process, so a file that wants absurdly much is refused before it is run.
fn check_sizes(model: &TypedModel, name: &str) -> Result<(), BackboneError> {
    for node in &model.nodes {
        for output in &node.outputs {
            let Some(shape) = output.fact.shape.as_concrete() else { continue };
            let values = shape.iter().try_fold(1_usize, |values, &axis| values.checked_mul(axis));
            if values.is_none_or(|values| values > MAX_VALUES) {
                let what = format!(
                    "node {} gives {shape:?} values, wanted at most {MAX_VALUES} in all",
                    node.name
                );
                return Err(BackboneError::parse(name, &what));
            }
        }
    }
    Ok(())
}

fn axes(shape: &[Option<u64>]) -> String {
    let axes: Vec<_> = shape
        .iter()
        .map(|axis| axis.map_or_else(|| "any".to_owned(), |axis| axis.to_string()))
        .collect();
    format!("[{}]", axes.join(", "))
}

fn blocks(model: &TypedModel, name: &str, taps: &[Tap]) -> Result<Vec<Block>, BackboneError> {
    let outlets = model
        .output_outlets()
        .map_err(|error| runtime(name, "finding the taps", &format!("{error:#}")))?
        .to_vec();
    let mut blocks = Vec::new();
    let mut offset = 0;
    for (tap, outlet) in taps.iter().zip(outlets) {
        let fact = model
            .outlet_fact(outlet)
            .map_err(|error| runtime(name, "finding the taps", &format!("{error:#}")))?;
        let shape = fact.shape.as_concrete().map(<[usize]>::to_vec);
        let len = match shape.as_deref() {
            Some([1, channels, _, _] | [1, channels] | [1, _, channels] | [channels])
                if fact.datum_type == f32::datum_type() && *channels > 0 =>
            {
                *channels
            }
            _ => {
                return Err(BackboneError::TapShape {
                    name: name.to_owned(),
                    tensor: tap.tensor.clone(),
                    got: format!("{fact:?}"),
                });
            }
        };
        for &pool in &tap.pool {
            blocks.push(Block { tensor: tap.tensor.clone(), pool, offset, len });
            offset += len;
        }
    }
    Ok(blocks)
}

fn runtime(name: &str, doing: &'static str, error: &str) -> BackboneError {
    BackboneError::Runtime { name: name.to_owned(), doing, error: error.to_owned() }
}

/// Runs a piece of the runtime; its errors and its panics become ours. A hostile file may reach a panic in there, and
/// nothing of it is used again afterwards.
fn guarded<T>(
    name: &str,
    doing: &'static str,
    work: impl FnOnce() -> tract_core::prelude::TractResult<T>,
) -> Result<T, BackboneError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(runtime(name, doing, &format!("{error:#}"))),
        Err(panic) => {
            let words = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            Err(runtime(name, doing, words.unwrap_or("it failed without a word")))
        }
    }
}
