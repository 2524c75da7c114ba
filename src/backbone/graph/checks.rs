//! What a network's file has to keep to before anything walks its graph.

use std::collections::HashSet;

use super::{Graph, label};
use crate::backbone::{BackboneError, weights};

impl Graph {
    /// Names are words in messages, so they may not begin a line there.
    pub(super) fn check_names(&self) -> Result<(), BackboneError> {
        let Some(graph) = self.graph() else { return Ok(()) };
        let nodes = graph.node.iter().flat_map(|node| {
            let tensors = node.input.iter().chain(&node.output);
            tensors.chain([&node.name, &node.op_type]).chain(node.attribute.iter().map(|a| &a.name))
        });
        let inputs = graph.input.iter().chain(&graph.output).map(|value| &value.name);
        let names = nodes.chain(inputs).chain(graph.initializer.iter().map(|tensor| &tensor.name));
        match names.into_iter().find(|name| name.contains(char::is_control)) {
            Some(name) => Err(self.wrong(&format!(
                "the name \"{}\" has control characters in it: the file is damaged",
                name.escape_debug()
            ))),
            None => Ok(()),
        }
    }

    /// Every node stands behind those that it needs, and no tensor is made twice, as the format wants it. What walks
    /// the graph relies on it: there is no circle to get lost in.
    pub(in crate::backbone) fn check_order(&self) -> Result<(), BackboneError> {
        let Some(graph) = self.graph() else { return Ok(()) };
        let mut known: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
        known.extend(
            graph.sparse_initializer.iter().filter_map(|t| Some(&*t.values.as_ref()?.name)),
        );
        known.extend(graph.input.iter().map(|input| input.name.as_str()));
        for node in &graph.node {
            for input in node.input.iter().filter(|input| !input.is_empty()) {
                if !known.contains(input.as_str()) {
                    return Err(self.wrong(&format!(
                        "node {} reads {input}, which nothing before it gives",
                        label(node)
                    )));
                }
            }
            for output in node.output.iter().filter(|output| !output.is_empty()) {
                if !known.insert(output) {
                    return Err(self.wrong(&format!("{output} is given twice, by {}", label(node))));
                }
            }
        }
        if let Some(output) = graph.output.iter().find(|output| !known.contains(&*output.name)) {
            return Err(self.wrong(&format!("nothing gives its output {}", output.name)));
        }
        Ok(())
    }

    /// Whole numbers that stand for axes and for distances in a map are small; tract counts up to some of them.
    pub(super) fn check_attributes(&self) -> Result<(), BackboneError> {
        for node in self.nodes() {
            for attribute in &node.attribute {
                let limit = match attribute.name.as_str() {
                    "axis" | "axes" | "perm" | "batch_dims" => 8,
                    "kernel_shape" | "strides" | "pads" | "dilations" | "group"
                    | "output_padding" | "blocksize" => 1 << 16,
                    _ => continue,
                };
                let values = attribute.ints.iter().chain([&attribute.i]);
                if let Some(value) = values.copied().find(|value| !(-limit..=limit).contains(value))
                {
                    return Err(self.wrong(&format!(
                        "node {}: its {} is {value}, wanted -{limit} to {limit}",
                        label(node),
                        attribute.name
                    )));
                }
            }
        }
        Ok(())
    }

    pub(in crate::backbone) fn wrong(&self, what: &str) -> BackboneError {
        BackboneError::parse(&self.name, what)
    }

    /// Every tensor has as much data as its shape says, in the file itself; no weight is NaN or infinite.
    pub(super) fn check_weights(&self) -> Result<(), BackboneError> {
        let weights = self.initializers().iter().map(|tensor| (tensor, !tensor.dims.is_empty()));
        let constants = self
            .nodes()
            .iter()
            .flat_map(|node| &node.attribute)
            .filter_map(|attribute| Some((attribute.t.as_ref()?, false)));
        for (tensor, weight) in weights.chain(constants) {
            if let Some(what) = weights::complaint(tensor, weight) {
                let tensor = tensor.name.clone();
                return Err(BackboneError::Weights { name: self.name.clone(), tensor, what });
            }
        }
        Ok(())
    }
}
