//! Where the feature is, found from the shape of a network's end; and the tensors that everything passes through.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::NodeProto;

use super::graph::{Graph, axes, label, tensor_type};

/// Where the feature is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// The tensor's name.
    pub tensor: String,
    /// How it was found, in words.
    pub how: String,
}

/// What was crossed on the way from the output to the last layer with weights.
#[derive(Default, Clone, Copy)]
struct Crossed {
    /// Probabilities are made: what comes out are classes.
    softmax: bool,
    pooled: bool,
    /// An activation, which features have and class scores have not.
    activated: bool,
    /// Two ways were followed already.
    forked: bool,
}

impl Graph {
    /// Walks back from output 0 to the input of the last classifier. The first layer with weights that is met is the
    /// classifier, unless what was crossed on the way, or what the layer gives, says that there is none.
    pub fn detect(&self) -> Detected {
        let output =
            self.graph().and_then(|g| g.output.first()).map_or("", |output| output.name.as_str());
        let (producers, constants) = (self.producers(), self.constants());
        let walk = Walk { graph: self, producers, constants };
        match walk.classifier(output, Crossed::default()) {
            Ok((node, tensor)) => {
                let how = format!("the input of the classifier {} ({})", label(node), node.op_type);
                Detected { tensor: tensor.to_owned(), how }
            }
            Err(why) => Detected {
                tensor: output.to_owned(),
                how: format!("the network has no classifier ({why}), its output is the feature"),
            },
        }
    }

    /// Tensors that everything passes through on the way from the input to the output, in the graph's order, each
    /// with the node that gives it. The graph is cut to one output.
    ///
    /// After a tensor that everything passes through is made, nothing that was made before it is read again.
    pub(super) fn passages(&self) -> Vec<(&str, &NodeProto)> {
        let constants = self.constants();
        let mut last_use: HashMap<&str, usize> = HashMap::new();
        for (index, node) in self.nodes().iter().enumerate() {
            if node.op_type != "Shape" {
                last_use.extend(node.input.iter().map(|input| (input.as_str(), index)));
            }
        }
        let output = self.graph().and_then(|graph| graph.output.first());
        last_use.extend(output.map(|output| (output.name.as_str(), usize::MAX)));
        let mut needed_until = 0;
        for input in self.graph().map_or(&[][..], |graph| &graph.input) {
            if !constants.contains(input.name.as_str()) {
                needed_until = last_use.get(input.name.as_str()).copied().unwrap_or(0);
            }
        }
        let mut passages = Vec::new();
        for (index, node) in self.nodes().iter().enumerate() {
            let made: Vec<&str> = node
                .output
                .iter()
                .map(String::as_str)
                .filter(|output| !constants.contains(output) && last_use.contains_key(output))
                .collect();
            if let [tensor] = made[..]
                && needed_until <= index
            {
                passages.push((tensor, node));
            }
            let until = made.iter().filter_map(|tensor| last_use.get(tensor)).max();
            needed_until = needed_until.max(until.copied().unwrap_or(0));
        }
        passages
    }
}

/// The way back from the output.
struct Walk<'a> {
    graph: &'a Graph,
    producers: HashMap<&'a str, &'a NodeProto>,
    constants: HashSet<&'a str>,
}

impl<'a> Walk<'a> {
    /// The last classifier before a tensor, and the tensor that it classifies; or why there is none.
    fn classifier(
        &self,
        tensor: &'a str,
        mut crossed: Crossed,
    ) -> Result<(&'a NodeProto, &'a str), String> {
        let mut at = tensor;
        while let Some(&node) = self.producers.get(at) {
            let inputs = node.input.iter().map(String::as_str);
            let data: Vec<&str> = inputs
                .filter(|input| !input.is_empty() && !self.constants.contains(input))
                .collect();
            let Some(&first) = data.first() else { break };
            match node.op_type.as_str() {
                "Softmax" | "LogSoftmax" | "Sigmoid" => crossed.softmax = true,
                "GlobalAveragePool" | "AveragePool" | "ReduceMean" | "GlobalMaxPool" => {
                    crossed.pooled = true;
                }
                "Relu" | "Clip" | "HardSwish" | "LeakyRelu" | "PRelu" | "Elu" | "Selu" | "Gelu"
                | "Tanh" | "HardSigmoid" | "Mish" | "Swish" | "Celu" | "Softplus"
                | "ThresholdedRelu" => crossed.activated = true,
                "BatchNormalization"
                | "LayerNormalization"
                | "InstanceNormalization"
                | "GroupNormalization"
                | "RMSNormalization"
                | "Gather"
                | "Concat"
                | "Slice" => return Err(format!("{} ends it", node.op_type)),
                "Add" if data.len() == 2 && !crossed.forked => {
                    // A distilled transformer's answer is the mean of two classifiers'.
                    crossed.forked = true;
                    let sides: Vec<_> = data
                        .iter()
                        .filter_map(|side| self.classifier(side, crossed).ok())
                        .collect();
                    let classes = |&(node, _): &(&NodeProto, _)| {
                        node.op_type != "Conv" && self.looks_like_classes(node)
                    };
                    return match sides[..] {
                        [first, second] if classes(&first) && classes(&second) => Ok(first),
                        _ => Err("a two-sided Add ends it".to_owned()),
                    };
                }
                "Add" | "Mul" if data.len() > 1 => {
                    return Err(format!("a two-sided {} ends it", node.op_type));
                }
                "Gemm" | "MatMul" | "Conv" => {
                    if let Some(why) = self.no_classifier(node, &crossed) {
                        return Err(why.to_owned());
                    }
                    return Ok((node, unrounded(first, &self.producers)));
                }
                _ => {}
            }
            at = first;
        }
        Err("no layer with weights was met".to_owned())
    }

    /// Why a layer with weights at the network's end gives features and not classes; `None` if it gives classes.
    fn no_classifier(&self, node: &NodeProto, crossed: &Crossed) -> Option<&'static str> {
        if crossed.softmax || self.looks_like_classes(node) {
            return None;
        }
        let output = self.graph.graph()?.output.first().and_then(tensor_type).map(axes);
        let large = |side: &Option<u64>| side.is_some_and(|side| side > 1);
        let map = |axes: &[Option<u64>]| match axes {
            [_, _, height, width] => large(height) || large(width),
            [_, tokens, _] => large(tokens),
            _ => false,
        };
        match crossed {
            Crossed { activated: true, .. } => Some("an activation ends it"),
            Crossed { pooled: true, .. } => Some("a pooling ends it"),
            _ if output.is_some_and(|axes| map(&axes)) => Some("a map comes out"),
            _ => None,
        }
    }

    /// Whether a layer's weights have ImageNet's number of classes, or a sudden drop in channels.
    fn looks_like_classes(&self, node: &NodeProto) -> bool {
        let stored = self.graph.stored();
        let Some(weights) = node
            .input
            .get(1)
            .and_then(|weights| stored.get(through_quantization(weights, &self.producers)))
        else {
            return false;
        };
        let transposed = node.attribute.iter().any(|a| a.name == "transB" && a.i == 1);
        let (out, input) = match weights.dims[..] {
            [out, input, ..] if node.op_type == "Conv" || transposed => (out, input),
            [.., input, out] => (out, input),
            _ => return false,
        };
        [1000, 1001].contains(&out) || out <= input / 4
    }
}

/// The tensor before it was rounded, unless the rounding is also its activation.
fn unrounded<'a>(tensor: &'a str, producers: &HashMap<&str, &'a NodeProto>) -> &'a str {
    let before = through_quantization(tensor, producers);
    let bare = ["Conv", "Gemm", "MatMul", "Add", "BatchNormalization"];
    let activated = producers.get(before).is_none_or(|node| !bare.contains(&&*node.op_type));
    if activated { before } else { tensor }
}

/// The tensor behind a DequantizeLinear after a QuantizeLinear, or the stored one behind a DequantizeLinear.
pub(super) fn through_quantization<'a>(
    tensor: &'a str,
    producers: &HashMap<&str, &'a NodeProto>,
) -> &'a str {
    let mut at = tensor;
    while let Some(node) = producers.get(at) {
        if !["DequantizeLinear", "QuantizeLinear", "Cast"].contains(&node.op_type.as_str()) {
            break;
        }
        match node.input.first() {
            Some(input) => at = input,
            None => break,
        }
    }
    at
}
