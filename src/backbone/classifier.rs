//! A classifier of features as an ONNX file has it, whatever operators say it: layers of weights and biases.
//!
//! PyTorch writes Gemm, or MatMul and Add; scikit-learn (skl2onnx) has operators of its own, or writes all of it out. What moves and
//! scales a feature before the first layer is put into that layer, what scales scores into the last; two layers without a
//! ReLU between them become one.
//!
//! ```text
//! feature -> less the centre -> to length one -> layers with ReLUs between -> scores -> softmax or sigmoid -> probabilities
//! ```

mod chain;
mod constants;
mod names;
#[cfg(test)]
mod tests;
mod walk;

use ndarray::{Array1, Array2};
use tract_onnx::pb::tensor_proto::DataType;

use super::graph::{Graph, axes, tensor_type};
use super::read::axes_in_words;
use super::{BackboneError, Onnx, foreign};
use names::Names;

/// Outputs that a classifier may have; which of them holds the scores is found.
const MAX_OUTPUTS: usize = 8;

/// What is to be done with PyTorch's own files.
const EXPORT: &str = "export the classifier with PyTorch: torch.onnx.export(head.eval(), (torch.zeros(1, VALUES),), \"head.onnx\")";

/// How scores become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScoreCurve {
    /// `exp(score)`, divided by the sum over all classes; also where the file gives scores alone.
    Softmax,
    /// `1 / (1 + exp(-score))`, each class for itself.
    Sigmoid,
    /// The same, divided by the sum over all classes.
    SigmoidShares,
}

/// A classifier of features.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassifierLayers {
    /// `[dim]`, taken off the feature first.
    pub centre: Option<Array1<f32>>,
    /// Whether the rest is scaled to length one; zero stays zero.
    pub unit_length: bool,
    /// At least one, a ReLU between two of them: weights `[outputs, inputs]` and a bias `[outputs]`. The last gives the scores, at
    /// least two: a single score is that of the second class against the first.
    pub layers: Vec<(Array2<f32>, Array1<f32>)>,
    /// What becomes of the scores.
    pub curve: ScoreCurve,
    /// Names of the classes in the order of the scores; empty where the file has none.
    pub classes: Vec<String>,
    /// Where it has numbers in place of names: those.
    pub numbers: Vec<i64>,
}

impl ClassifierLayers {
    /// Reads a file.
    ///
    /// * `onnx`: the file's bytes, or [`OnnxFiles`](super::OnnxFiles); `name`: what messages call it.
    ///
    /// # Errors
    /// [`BackboneError::Parse`] for a file that is no ONNX, takes something else than one feature or gives no scores;
    /// [`BackboneError::Unsupported`] for an operator that is no part of a classifier of features.
    pub fn parse<'a>(onnx: impl Into<Onnx<'a>>, name: &str) -> Result<Self, BackboneError> {
        let onnx = onnx.into();
        if let Some((what, next)) = foreign::known(onnx.file) {
            let next = if next == foreign::TORCH { EXPORT } else { next };
            let what = format!(
                "wanted a classifier of features (.npz, .onnx), this is {what}\n  next: {next}"
            );
            return Err(BackboneError::parse(name, &what));
        }
        let graph = Graph::decoded(onnx, name)?;
        graph.check_order()?;
        let (input, axes, width) = feature(&graph)?;
        let outputs = graph.graph().map_or(&[][..], |graph| &graph.output);
        if outputs.len() > MAX_OUTPUTS {
            let got = outputs.len();
            let what =
                format!("it has {got} outputs, wanted at most {MAX_OUTPUTS}: scores of classes");
            return Err(graph.wrong(&what));
        }
        let (mut found, mut wrong) = (None, None);
        for output in outputs {
            match walk::scores(&graph, (&input, axes, width), &output.name) {
                // Scores alone count only where no output says what becomes of them.
                Ok(Some(chain)) if chain.curve().is_some() => {
                    found = Some(chain);
                    break;
                }
                Ok(chain) => found = found.or(chain),
                Err(error) => wrong = wrong.or(Some(error)),
            }
        }
        let Some(chain) = found else {
            let none =
                || graph.wrong("it says which class it chooses, wanted scores of all classes");
            return Err(wrong.unwrap_or_else(none));
        };
        let Names { classes, numbers } = Names::of(&graph);
        let layers = chain.finish().map_err(|what| graph.wrong(&what))?;
        Ok(Self { classes, numbers, ..layers })
    }
}

/// The input that a feature is fed to: its name, and how many axes and values it has, where the file declares them.
fn feature(graph: &Graph) -> Result<(String, Option<usize>, Option<usize>), BackboneError> {
    let inputs = graph.inputs();
    let [input] = inputs[..] else {
        let names: Vec<_> = inputs.iter().map(|input| input.name.as_str()).collect();
        return Err(graph.wrong(&format!(
            "wanted one input, a feature; got {} ({})",
            names.len(),
            names.join(", ")
        )));
    };
    let Some(tensor) = tensor_type(input) else { return Ok((input.name.clone(), None, None)) };
    let shape = axes(tensor);
    // The first axis is the batch.
    let own = if shape.len() > 1 { &shape[1..] } else { &shape[..] };
    let mut long = own.iter().filter(|&&axis| axis != Some(1));
    let width = long.next().copied().flatten();
    if long.next().is_some() {
        let shape = axes_in_words(&shape);
        let is_ours = graph.proto().metadata_props.iter().any(|e| e.key.starts_with("fieldtune."));
        let (what, next) = match is_ours {
            true => (
                "what fieldtune export wrote, network and head in one",
                "fieldtune export head.npz, of the same store",
            ),
            false => (
                "an image, or another map",
                "export the classifier alone, without the network before it; from fieldtune: fieldtune export head.npz",
            ),
        };
        return Err(graph.wrong(&format!(
            "its input is {shape}, {what}; wanted a classifier of features, with an input of [1, values]\n  next: {next}"
        )));
    }
    let kind = DataType::try_from(tensor.elem_type).unwrap_or(DataType::Undefined);
    let numbers = [
        DataType::Undefined,
        DataType::Float,
        DataType::Double,
        DataType::Float16,
        DataType::Bfloat16,
    ];
    if !numbers.contains(&kind) {
        let what =
            format!("its input is of type {kind:?}, wanted floating-point numbers, a feature");
        return Err(graph.wrong(&what));
    }
    let width = width.and_then(|width| usize::try_from(width).ok());
    Ok((input.name.clone(), (!shape.is_empty()).then_some(shape.len()), width))
}
