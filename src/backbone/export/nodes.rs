//! The nodes behind the taps.

use fieldtune_math::layers::Network;
use tract_onnx::pb::{
    AttributeProto, GraphProto, NodeProto, TensorProto, attribute_proto::AttributeType,
    tensor_proto::DataType,
};

use super::super::Pooling;
use super::super::weights::FLOAT;
use super::{Classifier, Dense, OUTPUTS};

/// Added to a length before something is divided by it: it changes no length that a feature of use has, and zero
/// divided by it stays zero.
const GUARD: f32 = 1e-30;

/// Nodes and weights that are put behind a network.
pub(super) struct Nodes {
    /// What names of ours begin with.
    prefix: String,
    nodes: Vec<NodeProto>,
    weights: Vec<TensorProto>,
}

/// A tensor, its axes and which of them holds the channels, and how it is pooled.
pub(super) type Tapped<'a> = (String, (&'a [usize], usize), Pooling);

impl Nodes {
    pub(super) fn new(prefix: String) -> Self {
        Self { prefix, nodes: Vec::new(), weights: Vec::new() }
    }

    pub(super) fn put_into(self, graph: &mut GraphProto) {
        graph.node.extend(self.nodes);
        graph.initializer.extend(self.weights);
    }

    /// From the taps to the output `feature`.
    ///
    /// * `blocks`: tensor, its axes and which of them holds the channels, how it is pooled; `tail`: fine-tuned blocks, and
    ///   the map that they begin with.
    /// * returns the feature's length.
    pub(super) fn feature(
        &mut self,
        blocks: Vec<Tapped<'_>>,
        tail: Option<(&Network, String)>,
    ) -> usize {
        let many = blocks.len() > 1;
        let (mut parts, mut dim) = (Vec::new(), 0);
        for (at, (tensor, shape, how)) in blocks.into_iter().enumerate() {
            let (pooled, len) = self.pooled(&format!("block{at}"), tensor, shape, how);
            dim += len;
            parts.push(match many {
                true => self.unit_length(&format!("block{at}.unit"), pooled),
                false => pooled,
            });
        }
        if let Some((network, map)) = tail {
            let (mut adapted, len) = self.tail(network, map);
            if let ([frozen], [one]) = (&parts[..], &mut adapted[..]) {
                // A single block keeps its length, so the one beside it gets the same.
                let length =
                    self.op("ReduceL2", "frozen", "length", vec![frozen.clone()], Vec::new());
                *one = self.op("Mul", "adapted", "long", vec![one.clone(), length], Vec::new());
            }
            parts.extend(adapted);
            dim += len;
        }
        let (op, attributes) = match parts.len() > 1 {
            true => ("Concat", vec![integer("axis", 1)]),
            false => ("Identity", Vec::new()),
        };
        self.give(op, parts, OUTPUTS[2], attributes);
        dim
    }

    /// One value a channel, `[1, channels]`, as the program pools.
    ///
    /// * returns the tensor and its number of channels.
    pub(super) fn pooled(
        &mut self,
        name: &str,
        tensor: String,
        (shape, axis): (&[usize], usize),
        how: Pooling,
    ) -> (String, usize) {
        let pool = match how {
            Pooling::Avg => "GlobalAveragePool",
            Pooling::Max => "GlobalMaxPool",
        };
        match *shape {
            [_, channels] => (tensor, channels),
            [_, _, _, ..] if axis > 1 => {
                let others = (1..shape.len()).filter(|&other| other != axis);
                let perm: Vec<usize> = [0, axis].into_iter().chain(others).collect();
                let perm = integers("perm", &perm);
                let turned = self.op("Transpose", name, "turned", vec![tensor], vec![perm]);
                (self.flat(pool, name, turned), shape[axis])
            }
            [_, channels, ..] => (self.flat(pool, name, tensor), channels),
            // One axis, or none that is known: the loader has checked which there are.
            _ => {
                let channels = shape.first().copied().unwrap_or(0);
                let row = self.shape(name, &[1, channels]);
                (self.op("Reshape", name, "row", vec![tensor, row], Vec::new()), channels)
            }
        }
    }

    fn flat(&mut self, pool: &str, name: &str, tensor: String) -> String {
        let pooled = self.op(pool, name, "pooled", vec![tensor], Vec::new());
        self.op("Flatten", name, "flat", vec![pooled], vec![integer("axis", 1)])
    }

    /// `x / |x|`, and zero for zero.
    pub(super) fn unit_length(&mut self, name: &str, tensor: String) -> String {
        // Over all axes, which has no axes to be given as an attribute or, later, as an input; the batch is one.
        let length = self.op("ReduceL2", name, "length", vec![tensor.clone()], Vec::new());
        let guard = self.floats(name, "guard", &[], &[GUARD]);
        let length = self.op("Add", name, "guarded", vec![length, guard], Vec::new());
        self.op("Div", name, "unit", vec![tensor, length], Vec::new())
    }

    /// From the output `feature` to `scores` and `probabilities`.
    ///
    /// * returns how many classes there are.
    pub(super) fn classifier(&mut self, dim: usize, classifier: &Classifier) -> usize {
        let mut at = OUTPUTS[2].to_owned();
        if let Some(centre) = classifier.centre {
            let centre = self.floats("head", "centre", &[1, dim], centre);
            at = self.op("Sub", "head", "centred", vec![at, centre], Vec::new());
        }
        if classifier.unit_length {
            at = self.unit_length("head", at);
        }
        let mut classes = 0;
        for (index, layer) in classifier.layers.iter().enumerate() {
            let name = format!("layer{index}");
            if index > 0 {
                at = self.op("Relu", &name, "relu", vec![at], Vec::new());
            }
            at = self.gemm(&name, at, layer, index + 1 == classifier.layers.len());
            classes = layer.bias.len();
        }
        // As the program does it: probabilities of large scores would lose digits otherwise.
        let top = self.op("ReduceMax", "softmax", "largest", vec![at.clone()], Vec::new());
        let below = self.op("Sub", "softmax", "below", vec![at, top], Vec::new());
        let temperature = self.floats("softmax", "temperature", &[], &[classifier.temperature]);
        let logits = self.op("Div", "softmax", "logits", vec![below, temperature], Vec::new());
        self.give("Softmax", vec![logits], OUTPUTS[0], vec![integer("axis", 1)]);
        classes
    }

    /// * `last`: it gives the scores.
    fn gemm(&mut self, name: &str, x: String, layer: &Dense, last: bool) -> String {
        let (outputs, inputs) = (layer.bias.len(), layer.weights.len() / layer.bias.len().max(1));
        let weights = self.floats(name, "weights", &[outputs, inputs], layer.weights);
        let bias = self.floats(name, "bias", &[outputs], layer.bias);
        let (read, turned) = (vec![x, weights, bias], vec![integer("transB", 1)]);
        if last {
            return self.give("Gemm", read, OUTPUTS[1], turned);
        }
        self.op("Gemm", name, "sum", read, turned)
    }

    /// A node that gives one of the outputs. Networks have nodes of such names, so it is not called after it.
    pub(super) fn give(
        &mut self,
        op: &str,
        inputs: Vec<String>,
        output: &str,
        attributes: Vec<AttributeProto>,
    ) -> String {
        let mut last = node(op, inputs, output.to_owned(), attributes);
        last.name = format!("{}{output}", self.prefix);
        self.nodes.push(last);
        output.to_owned()
    }

    pub(super) fn name(&self, of: &str, what: &str) -> String {
        format!("{}{of}.{what}", self.prefix)
    }

    /// A node whose output is called after what it is part of and what it gives.
    pub(super) fn op(
        &mut self,
        op: &str,
        of: &str,
        what: &str,
        inputs: Vec<String>,
        attributes: Vec<AttributeProto>,
    ) -> String {
        let output = self.name(of, what);
        self.nodes.push(node(op, inputs, output.clone(), attributes));
        output
    }

    pub(super) fn floats(
        &mut self,
        of: &str,
        what: &str,
        dims: &[usize],
        values: &[f32],
    ) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.weight(self.name(of, what), dims, FLOAT, bytes)
    }

    /// A shape as a tensor of its own.
    pub(super) fn shape(&mut self, of: &str, axes: &[usize]) -> String {
        let bytes = axes.iter().flat_map(|&axis| (axis as i64).to_le_bytes()).collect();
        self.weight(self.name(of, "shape"), &[axes.len()], DataType::Int64 as i32, bytes)
    }

    pub(super) fn push(&mut self, node: NodeProto) {
        self.nodes.push(node);
    }

    pub(super) fn weight(
        &mut self,
        name: String,
        dims: &[usize],
        kind: i32,
        bytes: Vec<u8>,
    ) -> String {
        self.weights.push(TensorProto {
            name: name.clone(),
            dims: dims.iter().map(|&axis| axis as i64).collect(),
            data_type: kind,
            raw_data: bytes,
            ..TensorProto::default()
        });
        name
    }
}

/// A node, called as what it gives.
pub(super) fn node(
    op: &str,
    input: Vec<String>,
    output: String,
    attribute: Vec<AttributeProto>,
) -> NodeProto {
    NodeProto {
        name: output.clone(),
        op_type: op.to_owned(),
        input,
        output: vec![output],
        attribute,
        ..NodeProto::default()
    }
}

/// An attribute that is a whole number.
pub(super) fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Int as i32,
        i: value,
        ..AttributeProto::default()
    }
}

/// An attribute that is a list of whole numbers.
pub(super) fn integers(name: &str, values: &[usize]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Ints as i32,
        ints: values.iter().map(|&value| value as i64).collect(),
        ..AttributeProto::default()
    }
}

/// An attribute that is a number.
pub(super) fn real(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        r#type: AttributeType::Float as i32,
        f: value,
        ..AttributeProto::default()
    }
}
