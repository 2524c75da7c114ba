//! Parts of an ONNX graph, read one by one.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{AttributeProto, NodeProto, ValueInfoProto, tensor_shape_proto, type_proto};

/// Nodes that a network may have: some ten times those of the largest transformer for images.
pub const MAX_NODES: usize = 1 << 16;

/// What messages call a node.
pub(super) fn label(node: &NodeProto) -> &str {
    let first = || node.output.first().map_or(node.op_type.as_str(), String::as_str);
    if node.name.is_empty() { first() } else { &node.name }
}

/// What the bodies of a node read of the graph around them.
pub(super) fn inside(node: &NodeProto) -> Vec<&str> {
    let mut read = Vec::new();
    for attribute in &node.attribute {
        for body in attribute.g.iter().chain(&attribute.graphs) {
            let given = body.node.iter().flat_map(|node| &node.output);
            let inputs = body.input.iter().map(|input| &input.name);
            let stored = body.initializer.iter().map(|tensor| &tensor.name);
            let own: HashSet<&str> =
                given.chain(inputs).chain(stored).map(String::as_str).collect();
            let nodes = body
                .node
                .iter()
                .flat_map(|node| node.input.iter().map(String::as_str).chain(inside(node)));
            let outputs = body.output.iter().map(|output| output.name.as_str());
            read.extend(nodes.chain(outputs).filter(|name| !own.contains(name)));
        }
    }
    read
}

/// The axes of a transposition.
pub(super) fn permutation(node: &NodeProto) -> Option<&[i64]> {
    let perm = node.attribute.iter().find(|attribute| attribute.name == "perm")?;
    (node.op_type == "Transpose").then_some(&perm.ints)
}

/// `None` for an axis that is left open.
pub(super) fn axes(tensor: &type_proto::Tensor) -> Vec<Option<u64>> {
    let dims = tensor.shape.as_ref().map_or(&[][..], |shape| &shape.dim);
    dims.iter()
        .map(|dim| match dim.value {
            Some(tensor_shape_proto::dimension::Value::DimValue(value)) if value > 0 => {
                Some(value.unsigned_abs())
            }
            _ => None,
        })
        .collect()
}

pub(super) fn tensor_type(info: &ValueInfoProto) -> Option<&type_proto::Tensor> {
    let type_proto::Value::TensorType(tensor) = info.r#type.as_ref()?.value.as_ref()?;
    Some(tensor)
}

pub(super) fn tensor_type_mut(info: &mut ValueInfoProto) -> Option<&mut type_proto::Tensor> {
    let type_proto::Value::TensorType(tensor) = info.r#type.as_mut()?.value.as_mut()?;
    Some(tensor)
}

/// Up to five names that share the longest beginning or end with the one that is missing.
pub(super) fn nearest_names(wanted: &str, names: &[&str]) -> Vec<String> {
    let shared = |name: &&str| {
        let front = name.bytes().zip(wanted.bytes()).take_while(|(a, b)| a == b).count();
        let back = name.bytes().rev().zip(wanted.bytes().rev()).take_while(|(a, b)| a == b).count();
        std::cmp::Reverse(front.max(back))
    };
    let mut names = names.to_vec();
    names.sort_by_key(shared);
    names.into_iter().take(5).map(str::to_owned).collect()
}

/// The attribute of that name.
pub(super) fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

/// Renames what a node reads and gives, also within its bodies.
pub(super) fn rename(node: &mut NodeProto, names: &HashMap<String, String>) {
    for name in node.input.iter_mut().chain(&mut node.output) {
        if let Some(new) = names.get(name) {
            name.clone_from(new);
        }
    }
    for body in node.attribute.iter_mut().filter_map(|attribute| attribute.g.as_mut()) {
        body.node.iter_mut().for_each(|node| rename(node, names));
        for info in &mut body.output {
            if let Some(new) = names.get(&info.name) {
                info.name.clone_from(new);
            }
        }
    }
}
