//! Functions of a file: operators that it defines by nodes, put in place.

use std::collections::HashMap;

use prost::Message as _;
use tract_onnx::pb::{AttributeProto, FunctionProto, ModelProto, NodeProto};

use super::nodes::{MAX_NODES, attribute, rename};

/// Bytes of functions that are put in place, each as often as it is used.
const MAX_COPIED: usize = 1 << 28;

/// Functions that stand in functions.
const MAX_DEPTH: usize = 32;

/// Nodes that the file defines as operators, put where they are used.
pub(super) fn put_functions_in(model: &mut ModelProto) {
    let functions: HashMap<(String, String), FunctionProto> = std::mem::take(&mut model.functions)
        .into_iter()
        .map(|function| ((function.domain().to_owned(), function.name().to_owned()), function))
        .collect();
    if functions.is_empty() {
        return;
    }
    let Some(graph) = &mut model.graph else { return };
    let size = |function: &FunctionProto| {
        function.node.iter().map(|node| node.encoded_len()).sum::<usize>()
    };
    let (mut turn, mut room) = (0, MAX_COPIED);
    for _ in 0..MAX_DEPTH {
        let of = |node: &NodeProto| functions.get(&(node.domain.clone(), node.op_type.clone()));
        if !graph.node.iter().any(|node| of(node).is_some()) || graph.node.len() > MAX_NODES {
            break;
        }
        let mut nodes = Vec::with_capacity(graph.node.len());
        for node in std::mem::take(&mut graph.node) {
            match of(&node) {
                Some(function) if nodes.len() <= MAX_NODES && size(function) <= room => {
                    turn += 1;
                    room -= size(function);
                    nodes.extend(called(function, &node, turn));
                }
                _ => nodes.push(node),
            }
        }
        graph.node = nodes;
    }
}

/// A function's nodes, with the names of where it is used.
///
/// * `turn`: a number that no other use has.
fn called(function: &FunctionProto, node: &NodeProto, turn: usize) -> Vec<NodeProto> {
    let mut names: HashMap<String, String> = HashMap::new();
    for (formal, actual) in [(&function.input, &node.input), (&function.output, &node.output)] {
        for (at, name) in formal.iter().enumerate() {
            names.insert(name.clone(), actual.get(at).cloned().unwrap_or_default());
        }
    }
    let mut nodes = function.node.clone();
    for output in nodes.iter().flat_map(|node| &node.output).filter(|output| !output.is_empty()) {
        let own = || format!("fieldtune.call{turn}.{output}");
        let name = names.entry(output.clone()).or_insert_with(own);
        // An output that the caller does not read still has to be called something.
        if name.is_empty() {
            *name = own();
        }
    }
    for inner in &mut nodes {
        rename(inner, &names);
        if !inner.name.is_empty() {
            inner.name = format!("fieldtune.call{turn}.{}", inner.name);
        }
        settle(inner, node);
    }
    nodes
}

/// Gives attributes that stand for those of the caller their values.
fn settle(inner: &mut NodeProto, caller: &NodeProto) {
    for at in (0..inner.attribute.len()).rev() {
        if let Some(body) = &mut inner.attribute[at].g {
            body.node.iter_mut().for_each(|node| settle(node, caller));
        }
        let reference = inner.attribute[at].ref_attr_name.clone();
        if reference.is_empty() {
            continue;
        }
        match attribute(caller, &reference) {
            Some(given) => {
                let name = inner.attribute[at].name.clone();
                inner.attribute[at] = AttributeProto { name, ..given.clone() };
            }
            None => drop(inner.attribute.remove(at)),
        }
    }
}
