//! What a file has to offer: its input, its feature, places to tap, size and work.

use tract_core::ops::Cost;
use tract_core::prelude::{DatumType, TypedModel};
use tract_onnx::prelude::InferenceModelExt as _;
use tract_onnx::tract_hir::infer::Factoid as _;
use tract_onnx::tract_hir::infer::InferenceModel;

use super::graph::Graph;
use super::read::inference;
use super::{BackboneError, DeclaredInput, Detected, channels, guarded};
use crate::backbone::preprocess::InputSpec;

/// What a file has to offer, when it is fed as was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The input as the file declares it.
    pub input: DeclaredInput,
    /// Where the feature was found.
    pub detected: Detected,
    /// Places to tap, in the order of the graph; the detected feature is the last.
    pub candidates: Vec<Candidate>,
    /// Values of all weights in the file.
    pub parameters: u64,
    /// Values of the weights that the feature needs.
    pub parameters_to_feature: u64,
    /// Multiply-accumulates of all convolutions and matrix products that the feature needs, for one image.
    pub multiply_accumulates: u64,
}

/// A place to tap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The tensor's name.
    pub tensor: String,
    /// Its axes.
    pub shape: Vec<usize>,
    /// Values that each pooling of it gives.
    pub channels: usize,
    /// Where in the network it is.
    pub place: Place,
}

/// Where in the network a tensor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The last map of its resolution.
    Map {
        /// Rows.
        height: usize,
        /// Values a row.
        width: usize,
    },
    /// Tokens of a transformer, some way through.
    Tokens {
        /// How many there are.
        tokens: usize,
    },
    /// The input of the classifier, or what comes out of a network that has none.
    Penultimate,
}

impl Graph {
    /// # Errors
    /// [`BackboneError`], as for loading.
    pub fn survey(&self, input: &InputSpec) -> Result<Survey, BackboneError> {
        let declared = self.input()?;
        let detected = self.detect();
        let graph = self.clone().cut(std::slice::from_ref(&detected.tensor))?;
        let name = &self.name;
        let mut model = inference(&graph, input)?;
        guarded(name, "finding the shapes", || model.analyse(false))?;
        let candidates = candidates(&graph, &model, input, &detected.tensor);
        let typed = guarded(name, "reading the network", || model.into_typed())?;
        let multiply_accumulates = guarded(name, "counting the work", || work(&typed))?;
        Ok(Survey {
            input: declared,
            parameters: self.parameters(),
            parameters_to_feature: graph.parameters(),
            candidates,
            detected,
            multiply_accumulates,
        })
    }
}

const WEIGHED: [&str; 3] = ["Conv", "Gemm", "MatMul"];

/// Operators that only pass on what the tensor before them says.
const NOTHING_NEW: [&str; 5] = ["QuantizeLinear", "DequantizeLinear", "Pad", "Dropout", "Identity"];

/// The last map of each resolution among the tensors that everything passes through, quarters of a transformer's
/// tokens, and the feature.
fn candidates(
    graph: &Graph,
    model: &InferenceModel,
    input: &InputSpec,
    feature: &str,
) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    let mut tokens: Vec<Candidate> = Vec::new();
    // Before the first layer with weights there is only the image.
    let mut weighed = false;
    let shapes = channels::shapes(model);
    let axes = channels::axes(graph, &shapes, input.layout);
    for (tensor, node) in graph.passages() {
        let op = node.op_type.as_str();
        weighed |= WEIGHED.contains(&op);
        let Some(shape) = shape(model, tensor) else { continue };
        if !weighed || tensor == feature || NOTHING_NEW.contains(&op) {
            continue;
        }
        let axis = axes.get(tensor).copied();
        let named = |place, channels| Candidate {
            tensor: tensor.to_owned(),
            shape: shape.clone(),
            channels,
            place,
        };
        match shape[..] {
            [1, height, width, channels] if axis == Some(3) && height * width > 1 => {
                let place = Place::Map { height, width };
                // What is only turned around is there already.
                if op != "Transpose" {
                    found.retain(|candidate| candidate.place != place);
                    found.push(named(place, channels));
                }
            }
            [1, channels, height, width] if axis != Some(2) && height * width > 1 => {
                let place = Place::Map { height, width };
                found.retain(|candidate| candidate.place != place);
                found.push(named(place, channels));
            }
            [1, count, channels] if count > 1 && op == "Add" => {
                tokens.push(named(Place::Tokens { tokens: count }, channels));
            }
            _ => {}
        }
    }
    let quarter = tokens.len().div_ceil(4).max(1);
    found.extend(
        tokens.into_iter().rev().step_by(quarter).take(4).collect::<Vec<_>>().into_iter().rev(),
    );
    if let Some(shape) = shape(model, feature) {
        let axis = channels::of_tap(&shape, axes.get(feature).copied());
        let channels = axis.map_or(0, |axis| shape[axis]);
        let place = Place::Penultimate;
        found.push(Candidate { tensor: feature.to_owned(), shape, channels, place });
    }
    found
}

/// The axes of a tensor of f32 values.
fn shape(model: &InferenceModel, tensor: &str) -> Option<Vec<usize>> {
    let fact = model.outlet_fact(model.find_outlet_label(tensor)?).ok()?;
    let float = fact.datum_type.concretize() == Some(DatumType::F32);
    let axes = fact.shape.as_concrete_finite().ok()??;
    float.then(|| axes.to_vec())
}

fn work(model: &TypedModel) -> tract_core::prelude::TractResult<u64> {
    let mut total = 0;
    for node in &model.nodes {
        if !["Conv", "EinSum"].contains(&node.op.name().as_ref()) {
            continue;
        }
        let inputs = model.node_input_facts(node.id)?;
        for (cost, count) in node.op.cost(&inputs)? {
            if matches!(cost, Cost::FMA(_)) {
                total += u64::try_from(count.to_i64()?)?;
            }
        }
    }
    Ok(total)
}
