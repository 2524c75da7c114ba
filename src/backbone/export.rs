//! The network with a classifier behind it, as one ONNX file.
//!
//! ```text
//! input -> the file's own nodes -> tap -> pool -> block of length one -+
//!                                  tap -> pool -> block of length one -+-> feature -> less the centre, to length one
//!                                                                             |
//!      probabilities <- Softmax <- / temperature <- less the largest <- scores <- layers with ReLUs between
//! ```
//! Fine-tuned blocks of the backbone stand beside the file's own from their cut on, and give blocks of the feature, too.
//!
//! The file's own nodes are left as they are up to the taps, at their own version of the operators; what is put behind
//! them uses only operators that mean the same from version 7 on. Half-precision weights stay so in the file and are
//! widened by a Cast each, since between the layers this program rounds nothing to half precision; networks quantised
//! in QDQ form keep their rounding unless asked otherwise ([`Rounding`]).

mod nodes;
mod parts;
mod tail;

use std::collections::{HashMap, HashSet};

use prost::Message as _;
use tract_onnx::pb::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TypeProto,
    ValueInfoProto, tensor_proto::DataType, tensor_shape_proto, type_proto,
};

use super::graph::Graph;
use super::read::{Read, read};
use super::{BackboneError, BackboneSpec, Onnx, Pooling, Tail, Tap, weights};
use crate::backbone::preprocess::InputSpec;
use nodes::Nodes;
pub use parts::{PARTS_OUTPUTS, PartsLevel, PartsModel};

/// What comes out of the exported network, in this order.
pub const OUTPUTS: [&str; 3] = ["probabilities", "scores", "feature"];

/// What becomes of the rounding between the layers of a network quantised in QDQ form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// It stays as in the file, for runtimes that compute such networks in int8.
    AsInTheFile,
    /// It becomes the limits of the quantisation, as this program computes them.
    Limits,
}

/// What is put behind the feature.
#[derive(Debug, Clone, Copy)]
pub struct Classifier<'a> {
    /// `[dim]`, taken off the feature first.
    pub centre: Option<&'a [f32]>,
    /// Whether the rest is scaled to length one; zero stays zero.
    pub unit_length: bool,
    /// At least one, a ReLU between two of them; the last gives the scores.
    pub layers: &'a [Dense<'a>],
    /// What the scores are divided by before the softmax, above 0.
    pub temperature: f32,
}

/// `weights x + bias`.
#[derive(Debug, Clone, Copy)]
pub struct Dense<'a> {
    /// `[outputs][inputs]`
    pub weights: &'a [f32],
    /// `[outputs]`
    pub bias: &'a [f32],
}

/// The file, and what has to be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Its bytes.
    pub onnx: Vec<u8>,
    /// Whether it rounds between its layers, which this program does not: then other runtimes answer differently.
    pub rounds: bool,
}

/// The key of the metadata that is the file's description too, which viewers of networks show.
const DOC: &str = "fieldtune.preprocessing";

/// The lowest version of ONNX's operators whose sums and products broadcast as these do.
const OLDEST_OPSET: i64 = 7;

/// The lowest version of the format in which weights need not be inputs too.
const WEIGHTS_APART: i64 = 4;

/// One ONNX file from the image to the probabilities. Its one input is that of the network, f32, batch 1; its outputs
/// are [`OUTPUTS`]: `[1, classes]`, `[1, classes]` and `[1, dim]`, f32, and behind them, of good parts, [`PARTS_OUTPUTS`].
///
/// * `onnx`: the network's file, or its files; `name`: what messages call it; `spec`: how it is fed and where it is tapped.
/// * `tail`: fine-tuned blocks, whose part of the feature stands behind the frozen one.
/// * `metadata`: keys and values for `metadata_props`, each key once; those of the file stay unless they are among them.
///
/// # Errors
/// [`BackboneError`], as for loading; [`BackboneError::Parse`] for operators older than version 7, and for a classifier
/// of features of another length, or a tail of another network.
pub fn export<'a>(
    onnx: impl Into<Onnx<'a>>,
    name: &str,
    spec: &BackboneSpec,
    tail: Option<&Tail>,
    (classifier, parts): (&Classifier, Option<&PartsModel>),
    rounding: Rounding,
    metadata: &[(String, String)],
) -> Result<Exported, BackboneError> {
    let mut graph = Graph::checked(onnx.into(), name)?;
    check_opset(&graph)?;
    let opset = graph.opset();
    let input = graph.input()?.name;
    graph.widen_between_weights();
    let taps = super::taps(&graph, spec);
    let mut read = taps.clone();
    // The cut is read as one more tap is.
    read.extend(tail.map(|tail| Tap { tensor: tail.cut().to_owned(), pool: vec![Pooling::Avg] }));
    let tensors: Vec<String> = read.iter().map(|tap| tap.tensor.clone()).collect();
    let shapes = shapes(graph.clone(), &spec.input, &read, &tensors)?;
    if rounding == Rounding::Limits {
        graph = graph.without_rounding();
    }
    let mut model = graph.kept_for(&tensors).into_proto();
    let proto = model.graph.get_or_insert_default();
    let rounds = proto.node.iter().any(|node| node.op_type == "QuantizeLinear");
    let prefix = free_prefix(proto);
    cast_half_weights(proto, &prefix);
    let ours: Vec<&str> = OUTPUTS.into_iter().chain(PARTS_OUTPUTS).collect();
    let renamed = free_names(proto, &prefix, &ours);
    let now = |name: &String| renamed.get(name).unwrap_or(name).clone();

    let mut nodes = Nodes::new(prefix);
    let blocks = taps.iter().zip(&shapes).flat_map(|(tap, shape)| {
        let tensor = now(&tap.tensor);
        tap.pool.iter().map(move |&pool| (tensor.clone(), (shape.0.as_slice(), shape.1), pool))
    });
    let adapted = match (tail, shapes.last()) {
        (Some(tail), Some((shape, axis))) => {
            let (cut, size) = (now(&tail.cut().to_owned()), tail.network().input());
            let map = nodes.map_at_cut(cut, (shape, *axis), size);
            let what =
                || format!("{} is not of the size that the fine-tuned blocks read", tail.cut());
            let map = map.ok_or_else(|| BackboneError::parse(name, &what()))?;
            Some((tail.network(), map))
        }
        _ => None,
    };
    let dim = nodes.feature(blocks.collect(), adapted);
    classifier.check(name, dim)?;
    let classes = nodes.classifier(dim, classifier);
    let mut outputs: Vec<(&str, Vec<usize>)> =
        OUTPUTS.into_iter().zip([classes, classes, dim].map(|width| vec![1, width])).collect();
    if let Some(parts) = parts {
        let tensors: Vec<_> = taps
            .iter()
            .zip(&shapes)
            .map(|(tap, (shape, axis))| (now(&tap.tensor), (shape.as_slice(), *axis)))
            .collect();
        let more = nodes.parts(parts, &tensors, opset).ok_or_else(|| {
            BackboneError::parse(name, "its maps have other axes than those of good parts")
        })?;
        outputs.extend(more);
    }
    nodes.put_into(proto);
    finish(&mut model, &spec.input.shape(), &now(&input), &outputs);
    describe(&mut model, metadata);
    Ok(Exported { onnx: model.encode_to_vec(), rounds })
}

fn check_opset(graph: &Graph) -> Result<(), BackboneError> {
    let got = graph.opset();
    if got >= OLDEST_OPSET {
        return Ok(());
    }
    let what = format!(
        "it uses version {got} of ONNX's operators, wanted at least {OLDEST_OPSET}; convert it with onnx.version_converter"
    );
    Err(BackboneError::parse(&graph.name, &what))
}

impl Classifier<'_> {
    /// That it takes features of that length and gives scores.
    fn check(&self, name: &str, dim: usize) -> Result<(), BackboneError> {
        let mut takes = dim;
        let mut fits = !self.layers.is_empty() && self.centre.is_none_or(|c| c.len() == dim);
        for layer in self.layers {
            let wanted = layer.bias.len().checked_mul(takes);
            fits &= wanted == Some(layer.weights.len()) && !layer.bias.is_empty();
            takes = layer.bias.len();
        }
        if fits {
            return Ok(());
        }
        let what = format!("it gives {dim} values, the classifier was made for another number");
        Err(BackboneError::parse(name, &what))
    }
}

/// The axes of the taps, when the network is fed as the specification says, and which of them holds the channels.
fn shapes(
    mut graph: Graph,
    input: &InputSpec,
    taps: &[Tap],
    tensors: &[String],
) -> Result<Vec<(Vec<usize>, usize)>, BackboneError> {
    graph.for_runtime();
    let graph = graph.cut(tensors)?;
    let Read { typed, axes, reasons } = read(&graph, input, tensors)?;
    let (_, axes) = super::blocks(&typed, &graph.name, taps, &axes, &reasons)?;
    let shape = |outlet: tract_core::prelude::OutletId| {
        let shape = typed.outlet_fact(outlet).ok().and_then(|fact| fact.shape.as_concrete());
        shape.unwrap_or_default().to_vec()
    };
    let outlets = typed.output_outlets().unwrap_or_default();
    Ok(outlets.iter().map(|&outlet| shape(outlet)).zip(axes).collect())
}

/// Every name of the graph, of its nodes too, also those inside the bodies of its nodes.
fn names(graph: &GraphProto) -> HashSet<&str> {
    let mut names: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    names.extend(graph.input.iter().chain(&graph.output).map(|info| info.name.as_str()));
    for node in &graph.node {
        names.extend(node.input.iter().chain(&node.output).map(String::as_str));
        names.insert(&node.name);
        names.extend(node.attribute.iter().filter_map(|a| a.g.as_ref()).flat_map(self::names));
    }
    names
}

/// A beginning that no name of the graph has.
fn free_prefix(graph: &GraphProto) -> String {
    let names = names(graph);
    let taken = |prefix: &str| names.iter().any(|name| name.starts_with(prefix));
    let mut prefixes = (1..).map(|turn| format!("fieldtune{turn}."));
    let first = Some("fieldtune.".to_owned()).into_iter();
    first.chain(&mut prefixes).find(|prefix| !taken(prefix)).expect("names end before numbers do")
}

/// Renames what is called as one of ours.
///
/// * returns old and new names.
fn free_names(graph: &mut GraphProto, prefix: &str, ours: &[&str]) -> HashMap<String, String> {
    let taken = names(graph);
    let renamed: HashMap<String, String> = ours
        .iter()
        .filter(|name| taken.contains(**name))
        .map(|&name| (name.to_owned(), format!("{prefix}own.{name}")))
        .collect();
    if !renamed.is_empty() {
        rename(graph, &renamed);
    }
    renamed
}

fn rename(graph: &mut GraphProto, renamed: &HashMap<String, String>) {
    let change = |name: &mut String| {
        if let Some(new) = renamed.get(name) {
            name.clone_from(new);
        }
    };
    graph.initializer.iter_mut().for_each(|tensor| change(&mut tensor.name));
    graph.input.iter_mut().chain(&mut graph.output).for_each(|info| change(&mut info.name));
    for node in &mut graph.node {
        node.input.iter_mut().chain(&mut node.output).for_each(change);
        let bodies = node.attribute.iter_mut().filter_map(|attribute| attribute.g.as_mut());
        bodies.for_each(|body| rename(body, renamed));
    }
}

/// Half-precision weights stay as they are; where something other than a Cast reads them, it reads them through one.
/// The other half precision, which Cast knows only from version 13 on, is widened.
fn cast_half_weights(graph: &mut GraphProto, prefix: &str) {
    let mut read: HashSet<String> = HashSet::new();
    for node in &graph.node {
        if node.op_type != "Cast" {
            read.extend(node.input.iter().cloned());
        }
        let bodies = node.attribute.iter().filter_map(|attribute| attribute.g.as_ref());
        read.extend(bodies.flat_map(names).map(str::to_owned));
    }
    let mut casts: Vec<NodeProto> = Vec::new();
    for tensor in &mut graph.initializer {
        if tensor.data_type != DataType::Float16 as i32 {
            weights::widen(tensor);
        } else if read.contains(&tensor.name) {
            let half = format!("{prefix}half.{}", tensor.name);
            let to = vec![nodes::integer("to", i64::from(weights::FLOAT))];
            casts.push(nodes::node("Cast", vec![half.clone()], tensor.name.clone(), to));
            tensor.name = half;
        }
    }
    graph.node.splice(0..0, casts);
}

/// Sets inputs, outputs and versions, and leaves out what says something of nodes that are gone.
///
/// * `input`: its axes; `name`: its name; `outputs`: names and axes.
fn finish(model: &mut ModelProto, input: &[usize; 4], name: &str, outputs: &[(&str, Vec<usize>)]) {
    model.ir_version = model.ir_version.max(WEIGHTS_APART);
    model.training_info.clear();
    let proto = model.graph.get_or_insert_default();
    proto.input = vec![value_info(name, input)];
    proto.output = outputs.iter().map(|(name, axes)| value_info(name, axes)).collect();
    proto.value_info.clear();
    proto.quantization_annotation.clear();
    if proto.name.is_empty() {
        "classifier".clone_into(&mut proto.name);
    }
    let used: HashSet<&str> = proto.node.iter().map(|node| node.domain.as_str()).collect();
    let standard = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let needed = |opset: &OperatorSetIdProto| {
        standard(&opset.domain) || used.contains(opset.domain.as_str())
    };
    // Functions of the file may use others.
    if model.functions.is_empty() {
        model.opset_import.retain(needed);
    }
}

/// An f32 tensor of that shape.
fn value_info(name: &str, shape: &[usize]) -> ValueInfoProto {
    use tensor_shape_proto::{Dimension, dimension::Value};
    let dim = |&axis: &usize| Dimension {
        value: Some(Value::DimValue(axis as i64)),
        ..Dimension::default()
    };
    let shape = tract_onnx::pb::TensorShapeProto { dim: shape.iter().map(dim).collect() };
    let tensor = type_proto::Tensor { elem_type: weights::FLOAT, shape: Some(shape) };
    let value = Some(type_proto::Value::TensorType(tensor));
    let r#type = Some(TypeProto { value, ..TypeProto::default() });
    ValueInfoProto { name: name.to_owned(), r#type, ..ValueInfoProto::default() }
}

fn describe(model: &mut ModelProto, metadata: &[(String, String)]) {
    "fieldtune".clone_into(&mut model.producer_name);
    env!("CARGO_PKG_VERSION").clone_into(&mut model.producer_version);
    if let Some((_, words)) = metadata.iter().find(|(key, _)| key == DOC) {
        model.doc_string.clone_from(words);
    }
    model.metadata_props.retain(|entry| metadata.iter().all(|(key, _)| *key != entry.key));
    let entry = |(key, value): &(String, String)| StringStringEntryProto {
        key: key.clone(),
        value: value.clone(),
    };
    model.metadata_props.extend(metadata.iter().map(entry));
}
