//! Which axis of a tensor holds its channels, by the layers that it comes from: a Conv's are axis 1, those of a
//! product with stored weights are the last, and what stands behind carries them on.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::infer::InferenceModel;

use super::graph::{Graph, permutation};
use crate::backbone::preprocess::Layout;

/// The axes of every tensor whose axes are known.
pub(super) fn shapes(model: &InferenceModel) -> HashMap<&str, Vec<usize>> {
    let labels = model.outlet_labels.iter();
    labels
        .filter_map(|(outlet, label)| {
            let fact = model.outlet_fact(*outlet).ok()?;
            Some((label.as_str(), fact.shape.as_concrete_finite().ok()??.to_vec()))
        })
        .collect()
}

/// The axis of a tap that holds its channels: what is known of it, or what is usual of so many axes.
///
/// * `shape`: its axes, all known.
/// * returns `None` for axes that cannot be pooled.
pub(super) fn of_tap(shape: &[usize], known: Option<usize>) -> Option<usize> {
    match (shape, known) {
        ([_], _) => Some(0),
        ([1, _], _) => Some(1),
        ([1, _, _] | [1, _, _, _] | [1, _, _, _, _], Some(axis)) if axis > 0 => Some(axis),
        ([1, _, _], _) => Some(2),
        ([1, _, _, _], _) => Some(1),
        _ => None,
    }
}

/// The channels' axis of every tensor of which it is known.
///
/// * `shapes`: see [`shapes`].
pub(super) fn axes<'a>(
    graph: &'a Graph,
    shapes: &HashMap<&str, Vec<usize>>,
    layout: Layout,
) -> HashMap<&'a str, usize> {
    let constants = graph.constants();
    let mut known: HashMap<&'a str, usize> = HashMap::new();
    for input in graph.graph().map_or(&[][..], |graph| &graph.input) {
        if !constants.contains(input.name.as_str()) {
            known.insert(&input.name, if layout == Layout::Nhwc { 3 } else { 1 });
        }
    }
    for node in graph.nodes() {
        let Some(output) = node.output.first().filter(|output| !output.is_empty()) else {
            continue;
        };
        if constants.contains(output.as_str()) {
            continue;
        }
        let place = Place { node, constants: &constants, shapes, known: &known };
        if let Some(axis) = place.axis() {
            let rank = shapes.get(output.as_str()).map(Vec::len);
            if rank.is_none_or(|rank| axis < rank) {
                known.extend(node.output.iter().map(|output| (output.as_str(), axis)));
            }
        }
    }
    known
}

/// A node, and what is known of what it reads.
struct Place<'a> {
    node: &'a NodeProto,
    constants: &'a HashSet<&'a str>,
    shapes: &'a HashMap<&'a str, Vec<usize>>,
    known: &'a HashMap<&'a str, usize>,
}

impl Place<'_> {
    fn rank(&self, tensor: &str) -> Option<usize> {
        self.shapes.get(tensor).map(Vec::len)
    }

    fn integers(&self, name: &str) -> Option<&[i64]> {
        let attribute = self.node.attribute.iter().find(|attribute| attribute.name == name)?;
        Some(&attribute.ints)
    }

    fn axis(&self) -> Option<usize> {
        let node = self.node;
        let inputs: Vec<&str> = node.input.iter().map(String::as_str).collect();
        let data: Vec<&str> = inputs
            .iter()
            .copied()
            .filter(|input| !input.is_empty() && !self.constants.contains(input))
            .collect();
        let first = *data.first()?;
        let carried = self.known.get(first).copied();
        let rank = self.rank(node.output.first()?);
        match node.op_type.as_str() {
            "Conv" | "ConvTranspose" | "DepthToSpace" | "SpaceToDepth" | "Col2Im" => Some(1),
            // Over the channels, which other layers may have left open.
            "LayerNormalization" | "RMSNormalization" | "SkipLayerNormalization" => {
                let last = self.rank(first)?.checked_sub(1);
                let axis = node.attribute.iter().find(|a| a.name == "axis").map_or(-1, |a| a.i);
                let is_last =
                    axis == -1 || Some(axis) == last.and_then(|last| i64::try_from(last).ok());
                if is_last { last } else { carried }
            }
            "Gemm" => Some(1),
            "MatMul" => match &inputs[..] {
                [_, weights, ..] if self.constants.contains(weights) => rank?.checked_sub(1),
                [weights, ..] if self.constants.contains(weights) => rank?.checked_sub(2),
                // Attention: a weighted sum of values keeps their channels.
                [_, values, ..] => {
                    let axis = self.known.get(values).copied()?;
                    (Some(axis + 1) == self.rank(values)).then(|| rank?.checked_sub(1))?
                }
                _ => None,
            },
            "Attention" => self.rank(first).filter(|rank| *rank == 3).map(|_| 2),
            "Einsum" => None,
            "Transpose" => {
                let axis = carried?;
                let count = self.rank(first)?;
                match permutation(node) {
                    Some(perm) => perm.iter().position(|&from| usize::try_from(from) == Ok(axis)),
                    None => count.checked_sub(1 + axis),
                }
            }
            // The axis of the same length with as many values before it.
            "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => {
                let (axis, before) = (carried?, self.shapes.get(first)?);
                let after = self.shapes.get(node.output.first()?.as_str())?;
                let values = |shape: &[usize]| {
                    shape.iter().try_fold(1_usize, |product, &side| product.checked_mul(side))
                };
                let length = *before.get(axis)?;
                let same = |&at: &usize| {
                    after[at] == length && values(&after[..at]) == values(&before[..axis])
                };
                let mut fitting = (0..after.len()).filter(same);
                if length == 1 { fitting.next_back() } else { fitting.next() }
            }
            "Gather" | "ArgMax" | "ArgMin" => self.reduced(carried?, &[self.single_axis()], first),
            op if op.starts_with("Reduce") => {
                let axes = self.integers("axes").map(<[i64]>::to_vec);
                let kept = self.rank(first)? == rank?;
                match axes {
                    _ if kept => carried,
                    Some(axes) => self.reduced(carried?, &axes, first),
                    // Its axes are an input: by the shapes.
                    None => self.left(carried?, first),
                }
            }
            _ => {
                // What several say of a tensor with as many axes.
                let said = data.iter().filter(|input| self.rank(input) == rank);
                said.filter_map(|input| self.known.get(input).copied()).next()
            }
        }
    }

    fn single_axis(&self) -> i64 {
        self.node.attribute.iter().find(|a| a.name == "axis").map_or(0, |a| a.i)
    }

    /// Where an axis is when others are gone; `None` if it is one of them.
    fn reduced(&self, axis: usize, gone: &[i64], input: &str) -> Option<usize> {
        let (before, after) = (self.rank(input)?, self.rank(self.node.output.first()?)?);
        if before == after {
            return Some(axis);
        }
        let count = i64::try_from(before).ok()?;
        let mut at = axis;
        for &one in gone {
            let one = usize::try_from(if one < 0 { one + count } else { one }).ok()?;
            if one == axis {
                return None;
            }
            at -= usize::from(one < axis);
        }
        Some(at)
    }

    /// Where an axis is of which only the lengths before and after are known, if they determine it.
    fn left(&self, axis: usize, input: &str) -> Option<usize> {
        let before = self.shapes.get(input)?;
        let after = self.shapes.get(self.node.output.first()?.as_str())?;
        let mut fitting = (0..after.len()).filter(|&at| after[at] == before[axis] && at <= axis);
        let found = fitting.next_back()?;
        fitting.all(|at| after[at] == 1).then_some(found)
    }
}
