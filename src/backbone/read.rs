//! The graph handed to the runtime, with its input set, and what is to be said where the runtime refuses it.

use std::collections::HashMap;

use tract_core::prelude::{Datum as _, TypedModel};
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{Framework as _, InferenceModelExt as _};
use tract_onnx::tract_hir::infer::{InferenceFact, InferenceModel};

use super::graph::{Graph, label};
use super::{BackboneError, channels, check_sizes, guarded, ops};
use crate::backbone::preprocess::{InputSpec, Layout};

/// A graph as the runtime has it.
pub(super) struct Read {
    pub(super) typed: TypedModel,
    /// The channels' axis of each tensor that was asked for, where it is known.
    pub(super) axes: Vec<Option<usize>>,
    pub(super) reasons: Reasons,
}

/// Reads a graph that was cut to these tensors.
///
/// # Errors
/// [`BackboneError`], which names the operator that the runtime refuses.
pub(super) fn read(
    graph: &Graph,
    input: &InputSpec,
    tensors: &[String],
) -> Result<Read, BackboneError> {
    let reasons = Reasons::of(graph);
    let name = &graph.name;
    let explain = |error| reasons.explain(error);
    let mut model = inference(graph, input)?;
    guarded(name, "finding the shapes", || model.analyse(false)).map_err(explain)?;
    let axes = {
        let known = channels::axes(graph, &channels::shapes(&model), input.layout);
        tensors.iter().map(|tensor| known.get(tensor.as_str()).copied()).collect()
    };
    let typed = guarded(name, "reading the network", || model.into_typed()).map_err(explain)?;
    check_sizes(&typed, name)?;
    Ok(Read { typed, axes, reasons })
}

/// The graph in the runtime's first form, with its input set.
///
/// # Errors
/// [`BackboneError::Input`], [`BackboneError::Unsupported`], [`BackboneError::Runtime`].
pub(super) fn inference(graph: &Graph, input: &InputSpec) -> Result<InferenceModel, BackboneError> {
    let wanted = input.shape();
    let declared = graph.input()?;
    if let Some(got) = declared.channels.filter(|got| ![1, 3].contains(got)) {
        let what = format!(
            "the network takes images of {got} channels ({}), fieldtune has frames of 3 (RGB) or, made grey, 1\n  next: export a network whose first layer takes 3 channels or 1",
            axes_in_words(&declared.shape)
        );
        return Err(BackboneError::parse(&graph.name, &what));
    }
    let fits = |(got, wanted): (&Option<u64>, &usize)| got.is_none_or(|got| got == *wanted as u64);
    let spatial = match input.layout {
        Layout::Nchw => [2, 3],
        Layout::Nhwc => [1, 2],
    };
    // The batch of a file exported for several images is set to one.
    let free = |axis: usize| axis == 0 || input.any_size && spatial.contains(&axis);
    let mut axes_of_both = declared.shape.iter().zip(&wanted).enumerate();
    if !axes_of_both.all(|(axis, both)| free(axis) || fits(both)) {
        return Err(BackboneError::Input {
            name: graph.name.clone(),
            wanted: axes_in_words(&declared.shape),
            got: format!("{wanted:?}"),
        });
    }
    graph.refuse_unknown()?;
    guarded(&graph.name, "reading the network", || {
        ops::reader()
            .with_ignore_value_info(true)
            .with_ignore_output_shapes(true)
            .model_for_proto_model(graph.proto())?
            .with_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), wanted))
    })
    .map_err(|error| Reasons::of(graph).explain(error))
}

pub(super) fn axes_in_words(shape: &[Option<u64>]) -> String {
    let axes: Vec<_> = shape
        .iter()
        .map(|axis| axis.map_or_else(|| "any".to_owned(), |axis| axis.to_string()))
        .collect();
    format!("[{}]", axes.join(", "))
}

/// What is known of a graph that explains why the runtime refuses it.
pub(super) struct Reasons {
    /// Operators by the names of their nodes.
    operators: HashMap<String, String>,
    /// Images that the file was exported for, if not one or any number.
    batch: Option<u64>,
}

impl Reasons {
    pub(super) fn of(graph: &Graph) -> Self {
        let named = |node: &NodeProto| (label(node).to_owned(), node.op_type.clone());
        let batch = graph.input().ok().and_then(|input| *input.shape.first()?);
        Self {
            operators: graph.nodes().iter().map(named).collect(),
            batch: batch.filter(|&batch| batch > 1),
        }
    }

    /// The error with the operator, its node and what to do, as far as they are known.
    pub(super) fn explain(&self, error: BackboneError) -> BackboneError {
        let (name, words) = match &error {
            BackboneError::Runtime { name, doing, error } => (name, format!("{doing}: {error}")),
            BackboneError::TapShape { name, got, .. } => (name, format!("its feature is {got}")),
            _ => return error,
        };
        if let Some(batch) = self.batch {
            let what = format!(
                "the network was exported for a batch of {batch} images, and the batch is written into its layers; fieldtune looks at one frame at a time ({words})\n  next: export it with an example of one image, torch.zeros(1, 3, HEIGHT, WIDTH), or with the batch left open (dynamic_shapes, dynamic_axes)"
            );
            return BackboneError::parse(name, &what);
        }
        if !matches!(error, BackboneError::Runtime { .. }) {
            return error;
        }
        // The runtime calls nodes after ours, and puts more behind the name for what it makes of one.
        let mut named = words.split('"').skip(1).step_by(2);
        let found = named.find_map(|quoted| {
            let of = |(node, _): &(&String, &String)| {
                quoted
                    .strip_prefix(node.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            self.operators.iter().filter(of).max_by_key(|(node, _)| node.len())
        });
        match found {
            Some((node, operator)) => BackboneError::Unsupported {
                name: name.clone(),
                operator: operator.clone(),
                node: node.clone(),
                advice: format!(
                    "the runtime cannot compute it in this form ({words})\n  next: export the network in another way (torch.onnx.export with opset_version=17 or 20, dynamo=True or False, a fixed input shape), or use another network"
                ),
            },
            None => error,
        }
    }
}
