//! The frozen network: an ONNX file, cut at its feature or at taps, run by tract on one thread.
//!
//! This module is the only place that names tract. A tap is a tensor of the graph; its map is pooled over space to one
//! value a channel (average, max or both), and the feature is the pooled taps one after another. With more than one
//! block, each block is scaled to length one, so that a block with large values or many channels does not drown the
//! others; a single block keeps its values.

/// Frames to normalised network input.
pub mod preprocess;

/// Model cards: which file, how it is fed, where it is tapped, where to get it.
pub mod card;

/// A model's file over HTTP: resumed, checked, then put in its place. The only file that names ureq.
#[cfg(feature = "fetch")]
pub mod fetch;

mod backbone_files;
mod channels;
mod classifier;
mod detect;
mod embedding;
mod error;
mod export;
mod extractor;
mod fast;
mod files;
mod fingerprint;
mod foreign;
mod functions;
mod graph;
mod guarded;
mod maps;
mod nodes;
mod ops;
mod outline;
mod pooling;
mod quantised;
mod read;
mod refuse;
mod rewrite;
mod rows;
mod sound_network;
mod survey;
mod tail;
mod text_encoder;
mod text_network;
mod weights;

use ndarray::ArrayView4;
use serde::{Deserialize, Serialize};
use tract_core::prelude::{Datum as _, OutletId, TypedModel};

use crate::backbone::preprocess::InputSpec;
pub use backbone_files::BackboneFiles;
pub use classifier::{ClassifierLayers, ScoreCurve};
pub use detect::Detected;
pub use embedding::EmbeddingSource;
pub use error::BackboneError;
pub use export::{
    Classifier, Dense, Exported, OUTPUTS, PARTS_OUTPUTS, PartsLevel, PartsModel, Rounding, export,
};
pub use extractor::{CutFeature, ExtractError, Extractor, FINE_TUNED, FeatureSource, MapLayout};
pub use fast::{Exercise, Layer, MAX_THREADS, Vectors};
pub use files::{
    MAX_WEIGHTS_FILES, MAX_WEIGHTS_NAME, Onnx, OnnxFiles, WeightsFile, plain_path, weights_files,
};
pub use fingerprint::Fingerprint;
pub use graph::{DeclaredInput, Graph};
use guarded::{guarded, runtime};
pub use maps::TapMap;
pub use nodes::MAX_NODES;
pub use outline::MAX_PARTS;
use pooling::{normalise, of_sums, pool};
use read::{Read, Reasons, read};
pub use rows::TokenPooling;
pub use sound_network::{MelLayout, SampleNorm, SoundInput, SoundNetwork, SoundSpec};
pub use survey::{Candidate, Place, Survey};
pub use tail::{Tail, TailError};
pub use text_encoder::{EncodeError, OF_TEXT, TextEncoder};
pub use text_network::{MAX_TOKENS, TextNetwork, TextSpec};

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
    /// Of each tapped tensor, the axis of its channels.
    axes: Vec<usize>,
    /// Of each tapped tensor that comes as sums and largest values, `[2][channels]`, and not as a map: the map's places.
    pooled: Vec<Option<usize>>,
    vectors: Vectors,
    engine: fast::Engine,
    cut_map: Vec<f32>,
}

impl std::fmt::Debug for Backbone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backbone").field("name", &self.name).field("blocks", &self.blocks).finish()
    }
}

impl Backbone {
    /// * `onnx`: the file's bytes, or [`OnnxFiles`].
    /// * `name`: what messages call it.
    ///
    /// # Errors
    /// [`BackboneError`]. A panic inside the runtime is caught and becomes [`BackboneError::Runtime`].
    pub fn load<'a>(
        onnx: impl Into<Onnx<'a>>,
        name: &str,
        spec: &BackboneSpec,
    ) -> Result<Self, BackboneError> {
        Self::from_graph(Graph::parse(onnx, name)?, spec)
    }

    /// As [`Backbone::load`], computed with these vectors.
    ///
    /// # Errors
    /// [`BackboneError`].
    pub fn load_with<'a>(
        onnx: impl Into<Onnx<'a>>,
        name: &str,
        spec: &BackboneSpec,
        vectors: Vectors,
    ) -> Result<Self, BackboneError> {
        Self::build(Graph::parse(onnx, name)?, spec, None, vectors)
    }

    /// The second half of [`Backbone::load`].
    ///
    /// # Errors
    /// [`BackboneError`].
    pub fn from_graph(graph: Graph, spec: &BackboneSpec) -> Result<Self, BackboneError> {
        Self::build(graph, spec, None, Vectors::chosen())
    }

    /// * `cut`: a tensor whose map is kept, too, see [`Backbone::cut_map`].
    fn build(
        graph: Graph,
        spec: &BackboneSpec,
        cut: Option<&str>,
        vectors: Vectors,
    ) -> Result<Self, BackboneError> {
        let name = graph.name.clone();
        let taps = taps(&graph, spec);
        let tapped = taps.iter().map(|tap| tap.tensor.as_str());
        let tensors: Vec<String> = tapped.chain(cut).map(str::to_owned).collect();
        let graph = graph.cut(&tensors)?;
        let Read { mut typed, axes, reasons } = read(&graph, &spec.input, &tensors)?;
        drop(graph);
        let (blocks, axes) = blocks(&typed, &name, &taps, &axes, &reasons)?;
        // What is only pooled over space need not leave in its own order.
        let places = places(&typed, &axes);
        let mut pool: Vec<bool> = places.iter().map(Option::is_some).collect();
        pool.extend(cut.map(|_| false));
        let prepared =
            guarded(&name, "preparing the network", || fast::prepare(&typed, &pool, vectors));
        // Where that fails the runtime computes everything.
        let (mut pooled, mut packing) = (vec![None; axes.len()], None);
        if let Ok(Some(prepared)) = prepared {
            let taken = prepared.pooled.into_iter().zip(places);
            pooled = taken.map(|(pooled, places)| places.filter(|_| pooled)).collect();
            (typed, packing) = (prepared.model, Some(prepared.packing));
        }
        // What a pass of the optimiser refuses still runs as far as it was brought, only slower.
        let refused = guarded(&name, "optimising the network", || {
            Ok(typed.declutter().and_then(|()| typed.optimize()).err())
        })
        .map_err(|error| reasons.explain(error))?;
        if let Some(packing) = packing {
            guarded(&name, "packing the weights", || {
                packing.pack();
                Ok(())
            })?;
        }
        let engine =
            guarded(&name, "preparing the network", || fast::Engine::new(typed, vectors.threads()));
        let engine = engine.map_err(|error| match refused {
            Some(words) => {
                reasons.explain(runtime(&name, "optimising the network", &format!("{words:#}")))
            }
            None => reasons.explain(error),
        })?;
        let cut_map = Vec::new();
        Ok(Self { name, spec: spec.clone(), vectors, blocks, axes, pooled, engine, cut_map })
    }

    /// Length of the feature.
    pub fn dim(&self) -> usize {
        self.blocks.iter().map(|block| block.len).sum()
    }

    /// The parts of the feature.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Of the latest frame, `[channels][height][width]` at the cut that it was loaded with.
    fn cut_map(&self) -> &[f32] {
        &self.cut_map
    }

    /// The vectors that it is computed with.
    pub fn vectors(&self) -> Vectors {
        self.vectors
    }

    /// How it is fed and where it is tapped.
    pub fn spec(&self) -> &BackboneSpec {
        &self.spec
    }

    /// * `input`: of [`InputSpec::shape`], normalised, as the specification says.
    /// * returns `[dim]`, finite.
    ///
    /// # Errors
    /// [`BackboneError::Runtime`], [`BackboneError::NotFinite`].
    pub fn extract(&mut self, input: ArrayView4<f32>) -> Result<Vec<f32>, BackboneError> {
        self.extract_in_steps(input, &mut |_| ())
    }

    /// As [`Backbone::extract`].
    ///
    /// * `after`: is called after each layer, in the same order for every frame, and may ask which layer it was.
    ///
    /// # Errors
    /// [`BackboneError::Runtime`], [`BackboneError::NotFinite`].
    pub fn extract_in_steps(
        &mut self,
        input: ArrayView4<f32>,
        after: &mut (dyn FnMut(&dyn Fn() -> Layer) + Send),
    ) -> Result<Vec<f32>, BackboneError> {
        self.pass(input, None, after)
    }

    /// As [`Backbone::extract`], with the maps that were tapped; nothing of them is copied where they are not asked for.
    ///
    /// * returns the feature and a map a tap, in the order of the taps; one that is no map of the network is left out.
    ///
    /// # Errors
    /// [`BackboneError::Runtime`], [`BackboneError::NotFinite`].
    pub fn extract_with_maps(
        &mut self,
        input: ArrayView4<f32>,
    ) -> Result<(Vec<f32>, Vec<TapMap>), BackboneError> {
        let mut maps = Vec::new();
        let feature = self.pass(input, Some(&mut maps), &mut |_| ())?;
        maps.sort_by_key(|map| map.tap);
        Ok((feature, maps))
    }

    fn pass(
        &mut self,
        input: ArrayView4<f32>,
        maps: Option<&mut Vec<TapMap>>,
        after: &mut (dyn FnMut(&dyn Fn() -> Layer) + Send),
    ) -> Result<Vec<f32>, BackboneError> {
        // Behind a ReLU, NaN would be taken for 0.
        let all_finite = input.iter().fold(true, |finite, value| finite & value.is_finite());
        if !all_finite
            && let Some((index, &value)) = input.iter().enumerate().find(|(_, v)| !v.is_finite())
        {
            let (name, tensor) = (self.name.clone(), "the input itself".to_owned());
            return Err(BackboneError::NotFinite { name, tensor, index, value });
        }
        let mut feature = Vec::with_capacity(self.dim());
        let Self { engine, blocks, axes, pooled, cut_map, .. } = self;
        let mut blocks = blocks.iter().peekable();
        let (wanted, found) = (maps.is_some(), std::cell::RefCell::new(Vec::new()));
        let mut read = |number: usize, shape: &[usize], values: &[f32]| {
            if number == axes.len() {
                values.clone_into(cut_map);
                return;
            }
            if wanted && pooled[number].is_none() {
                found.borrow_mut().push(TapMap::of_output(number, shape, axes[number], values));
            }
            let Some(tensor) = blocks.peek().map(|block| block.tensor.as_str()) else { return };
            while let Some(block) = blocks.next_if(|block| block.tensor == tensor) {
                match pooled[number] {
                    Some(places) => of_sums(values, places, block.pool, &mut feature),
                    None => pool(values, &shape[axes[number]..], block.pool, &mut feature),
                }
            }
        };
        let mut tapped = |number: usize, size: [usize; 2], values: &[f32]| {
            // The cut of fine-tuned blocks stands behind the taps.
            if pooled.get(number).is_some_and(Option::is_some) {
                found.borrow_mut().push(TapMap { tap: number, size, values: values.to_vec() });
            }
        };
        let tapped = wanted.then_some(&mut tapped as &mut fast::MapReader);
        guarded(&self.name, "running the network", || engine.run(input, &mut read, tapped, after))?;
        if let Some(maps) = maps {
            *maps = found.into_inner();
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

/// The parts of the feature, and the axis of the channels of each tap.
///
/// * `known`: the channels' axis of each tap, where it is known.
fn blocks(
    model: &TypedModel,
    name: &str,
    taps: &[Tap],
    known: &[Option<usize>],
    reasons: &Reasons,
) -> Result<(Vec<Block>, Vec<usize>), BackboneError> {
    let outlets = model
        .output_outlets()
        .map_err(|error| runtime(name, "finding the taps", &format!("{error:#}")))?
        .to_vec();
    let (mut blocks, mut axes, mut offset) = (Vec::new(), Vec::new(), 0);
    for ((tap, outlet), known) in taps.iter().zip(outlets).zip(known) {
        let fact = model
            .outlet_fact(outlet)
            .map_err(|error| runtime(name, "finding the taps", &format!("{error:#}")))?;
        let shape = fact.shape.as_concrete().unwrap_or_default();
        let axis = channels::of_tap(shape, *known)
            .filter(|_| fact.datum_type == f32::datum_type() && !shape.contains(&0));
        let Some(axis) = axis else {
            let (name, tensor, got) = (name.to_owned(), tap.tensor.clone(), format!("{fact:?}"));
            return Err(reasons.explain(BackboneError::TapShape { name, tensor, got }));
        };
        let len = shape[axis];
        for &pool in &tap.pool {
            blocks.push(Block { tensor: tap.tensor.clone(), pool, offset, len });
            offset += len;
        }
        axes.push(axis);
    }
    Ok((blocks, axes))
}

/// Of each output whose channels are axis 1, how many places a channel has.
fn places(model: &TypedModel, axes: &[usize]) -> Vec<Option<usize>> {
    let outlets = model.output_outlets().unwrap_or_default();
    let places = |(outlet, axis): (&OutletId, &usize)| {
        let shape = model.outlet_fact(*outlet).ok()?.shape.as_concrete()?;
        (*axis == 1).then(|| shape[2..].iter().product())
    };
    outlets.iter().zip(axes).map(places).collect()
}
