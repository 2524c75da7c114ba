//! The ONNX graph before tract sees it: checked, widened to f32, searched for the feature, cut to what is needed.

use std::collections::{HashMap, HashSet};

use half::f16;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::{
    GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, tensor_shape_proto, type_proto,
};
use tract_onnx::prelude::Framework as _;

use super::BackboneError;

const FLOAT: i32 = DataType::Float as i32;
const FLOAT16: i32 = DataType::Float16 as i32;

/// Operators that tract lacks or runs uselessly slowly, and what to do instead.
const DYNAMIC: [&str; 4] =
    ["DynamicQuantizeLinear", "ConvInteger", "MatMulInteger", "DynamicQuantizeMatMul"];

/// A checked graph.
#[derive(Debug, Clone)]
pub(super) struct Graph {
    proto: ModelProto,
    name: String,
}

/// The graph's input as the file declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredInput {
    /// Its tensor's name.
    pub name: String,
    /// Its axes; `None` where the file leaves one open.
    pub shape: Vec<Option<u64>>,
    /// Whether the file declares half precision; it is fed f32 all the same.
    pub half: bool,
}

/// Where the feature is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// The tensor's name.
    pub tensor: String,
    /// How it was found, in words.
    pub how: String,
}

impl Graph {
    /// Decodes and checks a file; half-precision weights become f32.
    pub(super) fn parse(onnx: &[u8], name: &str) -> Result<Self, BackboneError> {
        if onnx.is_empty() {
            return Err(BackboneError::parse(name, "the file is empty"));
        }
        let proto = tract_onnx::onnx()
            .proto_model_for_read(&mut &*onnx)
            .map_err(|error| BackboneError::parse(name, &format!("not ONNX: {error:#}")))?;
        let mut graph = Self { proto, name: name.to_owned() };
        if graph.graph().is_none_or(|g| g.node.is_empty() || g.output.is_empty()) {
            return Err(BackboneError::parse(name, "not ONNX: there is no graph with an output"));
        }
        graph.refuse_unsupported()?;
        graph.check_weights()?;
        graph.widen();
        Ok(graph)
    }

    fn graph(&self) -> Option<&GraphProto> {
        self.proto.graph.as_ref()
    }

    fn nodes(&self) -> &[NodeProto] {
        self.graph().map_or(&[], |graph| &graph.node)
    }

    fn initializers(&self) -> &[TensorProto] {
        self.graph().map_or(&[], |graph| &graph.initializer)
    }

    /// The protobuf, for tract.
    pub(super) fn proto(&self) -> &ModelProto {
        &self.proto
    }

    fn refuse_unsupported(&self) -> Result<(), BackboneError> {
        for node in self.nodes() {
            let op = node.op_type.as_str();
            let dynamic = DYNAMIC.contains(&op);
            let operator = op.starts_with("QLinear")
                || (node.domain == "com.microsoft" && op.contains("QLinear"));
            if dynamic || operator {
                let kind = if dynamic { "dynamically quantised" } else { "in QOperator form" };
                return Err(BackboneError::Unsupported {
                    name: self.name.clone(),
                    operator: op.to_owned(),
                    node: node.name.clone(),
                    advice: format!(
                        "the network is {kind}, which cannot run at a useful speed; export it in f32, or quantised in QDQ form"
                    ),
                });
            }
        }
        Ok(())
    }

    /// Every initialiser has as much data as its shape says, in the file itself, and no NaN or infinity.
    fn check_weights(&self) -> Result<(), BackboneError> {
        for tensor in self.initializers() {
            let wrong = |what: String| BackboneError::Weights {
                name: self.name.clone(),
                tensor: tensor.name.clone(),
                what,
            };
            if tensor.data_location == Some(DataLocation::External as i32) {
                return Err(wrong(
                    "its data is in another file; export the network as one file".to_owned(),
                ));
            }
            let mut count: u64 = 1;
            for &dim in &tensor.dims {
                count = u64::try_from(dim)
                    .ok()
                    .and_then(|dim| count.checked_mul(dim))
                    .ok_or_else(|| wrong(format!("its shape {:?} is not one", tensor.dims)))?;
            }
            let got = values(tensor);
            if got.is_some_and(|got| got != count) {
                let got = got.unwrap_or(0);
                return Err(wrong(format!(
                    "its shape {:?} wants {count} values, the file has {got}: the file is damaged or cut off",
                    tensor.dims
                )));
            }
            if let Some(index) = first_not_finite(tensor) {
                return Err(wrong(format!("its value {index} is not finite: the file is damaged")));
            }
        }
        Ok(())
    }

    /// Half precision to f32, everywhere: tract computes f16 in software on most machines.
    fn widen(&mut self) {
        let Some(graph) = self.proto.graph.as_mut() else { return };
        graph.initializer.iter_mut().for_each(widen_tensor);
        for node in &mut graph.node {
            for attribute in &mut node.attribute {
                if let Some(tensor) = &mut attribute.t {
                    widen_tensor(tensor);
                }
                if node.op_type == "Cast"
                    && attribute.name == "to"
                    && attribute.i == i64::from(FLOAT16)
                {
                    attribute.i = i64::from(FLOAT);
                }
            }
        }
        for input in graph.input.iter_mut().chain(&mut graph.output) {
            if let Some(tensor) = tensor_type_mut(input)
                && tensor.elem_type == FLOAT16
            {
                tensor.elem_type = FLOAT;
                input.doc_string = HALF.to_owned();
            }
        }
        graph.value_info.clear();
    }

    /// The one input that is not a weight.
    pub(super) fn input(&self) -> Result<DeclaredInput, BackboneError> {
        let weights: HashSet<&str> = self.initializers().iter().map(|t| t.name.as_str()).collect();
        let inputs: Vec<&ValueInfoProto> = self
            .graph()
            .map_or(&[][..], |graph| &graph.input)
            .iter()
            .filter(|input| !weights.contains(input.name.as_str()))
            .collect();
        let [input] = inputs[..] else {
            let names: Vec<_> = inputs.iter().map(|input| input.name.as_str()).collect();
            return Err(BackboneError::parse(
                &self.name,
                &format!("wanted one input, an image; got {} ({})", names.len(), names.join(", ")),
            ));
        };
        let shape = tensor_type(input).and_then(|tensor| tensor.shape.as_ref());
        let shape: Vec<Option<u64>> = shape
            .map_or(&[][..], |shape| &shape.dim)
            .iter()
            .map(|dim| match dim.value {
                Some(tensor_shape_proto::dimension::Value::DimValue(value)) if value > 0 => {
                    Some(value as u64)
                }
                _ => None,
            })
            .collect();
        if !shape.is_empty() && shape.len() != 4 {
            return Err(BackboneError::parse(
                &self.name,
                &format!("wanted an image input of 4 axes, got {} axes", shape.len()),
            ));
        }
        Ok(DeclaredInput { name: input.name.clone(), shape, half: input.doc_string == HALF })
    }

    fn producers(&self) -> HashMap<&str, &NodeProto> {
        self.nodes()
            .iter()
            .flat_map(|node| node.output.iter().map(move |output| (output.as_str(), node)))
            .collect()
    }

    /// Tensors that do not depend on the input.
    fn constants(&self) -> HashSet<&str> {
        let mut constants: HashSet<&str> =
            self.initializers().iter().map(|tensor| tensor.name.as_str()).collect();
        for node in self.nodes() {
            let inputs = || node.input.iter().filter(|input| !input.is_empty());
            if node.op_type == "Constant"
                || (inputs().count() > 0
                    && inputs().all(|input| constants.contains(input.as_str())))
            {
                constants.extend(node.output.iter().map(String::as_str));
            }
        }
        constants
    }

    /// Walks back from output 0 to the input of the last classifier. The first layer with weights that is met is the
    /// classifier, unless what was crossed on the way says that there is none.
    pub(super) fn detect(&self) -> Detected {
        let output =
            self.graph().and_then(|g| g.output.first()).map_or("", |output| output.name.as_str());
        let (producers, constants) = (self.producers(), self.constants());
        let headless = |why: &str| Detected {
            tensor: output.to_owned(),
            how: format!("the network has no classifier ({why}), its output is the feature"),
        };
        let (mut at, mut softmax, mut pooled) = (output, false, false);
        while let Some(node) = producers.get(at) {
            let data: Vec<&str> = node
                .input
                .iter()
                .map(String::as_str)
                .filter(|input| !input.is_empty() && !constants.contains(input))
                .collect();
            let Some(&first) = data.first() else { break };
            match node.op_type.as_str() {
                "Softmax" | "LogSoftmax" => softmax = true,
                "GlobalAveragePool" | "AveragePool" | "ReduceMean" | "GlobalMaxPool" => {
                    pooled = true
                }
                "BatchNormalization"
                | "LayerNormalization"
                | "InstanceNormalization"
                | "Gather"
                | "Concat"
                | "Slice" => {
                    return headless(&format!("{} stands before it", node.op_type));
                }
                "Add" | "Mul" if data.len() > 1 => {
                    return headless(&format!("a two-sided {} stands before it", node.op_type));
                }
                "Gemm" | "MatMul" | "Conv" => {
                    if pooled && !softmax && !self.looks_like_classes(node, &producers) {
                        return headless("pooled features come out");
                    }
                    let label = if node.name.is_empty() { &node.output[0] } else { &node.name };
                    let tensor = through_quantization(first, &producers);
                    let how = format!("the input of the classifier {label} ({})", node.op_type);
                    return Detected { tensor: tensor.to_owned(), how };
                }
                _ => {}
            }
            at = first;
        }
        headless("no layer with weights was met")
    }

    /// Whether a convolution before the last pooling has a channel a class rather than a channel a feature.
    fn looks_like_classes(&self, node: &NodeProto, producers: &HashMap<&str, &NodeProto>) -> bool {
        let shape = node.input.get(1).and_then(|weights| {
            let stored = through_quantization(weights, producers);
            self.initializers().iter().find(|tensor| tensor.name == stored)
        });
        shape.is_some_and(|tensor| match tensor.dims[..] {
            [out, input, ..] => [1000, 1001].contains(&out) || out * 4 <= input,
            _ => false,
        })
    }

    /// Tensors that may be tapped: what nodes give that depend on the input, in the graph's order.
    pub(super) fn tensors(&self) -> Vec<&str> {
        let constants = self.constants();
        self.nodes()
            .iter()
            .flat_map(|node| node.output.iter().map(String::as_str))
            .filter(|output| !output.is_empty() && !constants.contains(output))
            .collect()
    }

    /// Keeps what these tensors need, and makes them the outputs, in this order.
    pub(super) fn cut(mut self, tensors: &[String]) -> Result<Self, BackboneError> {
        let known: HashSet<&str> = self.tensors().into_iter().collect();
        for tensor in tensors {
            if !known.contains(tensor.as_str()) {
                return Err(BackboneError::MissingTap {
                    name: self.name.clone(),
                    tensor: tensor.clone(),
                    near: nearest_names(tensor, &self.tensors()),
                });
            }
        }
        let mut needed: HashSet<String> = tensors.iter().cloned().collect();
        let graph = self.proto.graph.as_mut().expect("checked when parsed");
        let mut kept: Vec<NodeProto> = Vec::with_capacity(graph.node.len());
        for node in std::mem::take(&mut graph.node).into_iter().rev() {
            if node.output.iter().any(|output| needed.contains(output)) {
                needed.extend(node.input.iter().cloned());
                kept.push(node);
            }
        }
        kept.reverse();
        graph.node = kept;
        graph.initializer.retain(|tensor| needed.contains(&tensor.name));
        graph.input.retain(|input| needed.contains(&input.name));
        graph.output = tensors
            .iter()
            .map(|tensor| ValueInfoProto { name: tensor.clone(), ..Default::default() })
            .collect();
        Ok(self)
    }

    /// Values of all weights.
    pub(super) fn parameters(&self) -> u64 {
        let floats =
            self.initializers().iter().filter(|tensor| tensor.dims.iter().all(|&d| d >= 0));
        floats.map(|tensor| tensor.dims.iter().map(|&dim| dim as u64).product::<u64>()).sum()
    }
}

/// Marks an input that was half precision in the file.
const HALF: &str = "fieldtune: widened from float16";

fn tensor_type(info: &ValueInfoProto) -> Option<&type_proto::Tensor> {
    let type_proto::Value::TensorType(tensor) = info.r#type.as_ref()?.value.as_ref()?;
    Some(tensor)
}

fn tensor_type_mut(info: &mut ValueInfoProto) -> Option<&mut type_proto::Tensor> {
    let type_proto::Value::TensorType(tensor) = info.r#type.as_mut()?.value.as_mut()?;
    Some(tensor)
}

/// The tensor behind a DequantizeLinear after a QuantizeLinear, or the stored one behind a DequantizeLinear.
fn through_quantization<'a>(tensor: &'a str, producers: &HashMap<&str, &'a NodeProto>) -> &'a str {
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

/// How many values the file holds for a tensor; `None` for types of no interest here.
fn values(tensor: &TensorProto) -> Option<u64> {
    let width: u64 = match DataType::try_from(tensor.data_type).ok()? {
        DataType::Float | DataType::Int32 | DataType::Uint32 => 4,
        DataType::Double | DataType::Int64 | DataType::Uint64 => 8,
        DataType::Float16 | DataType::Bfloat16 | DataType::Int16 | DataType::Uint16 => 2,
        DataType::Int8 | DataType::Uint8 | DataType::Bool => 1,
        _ => return None,
    };
    if !tensor.raw_data.is_empty() {
        let bytes = tensor.raw_data.len() as u64;
        return (bytes % width == 0).then_some(bytes / width).or(Some(u64::MAX));
    }
    let listed = [
        tensor.float_data.len(),
        tensor.int32_data.len(),
        tensor.int64_data.len(),
        tensor.double_data.len(),
        tensor.uint64_data.len(),
    ];
    Some(listed.iter().sum::<usize>() as u64)
}

fn first_not_finite(tensor: &TensorProto) -> Option<usize> {
    match tensor.data_type {
        FLOAT if tensor.raw_data.is_empty() => {
            tensor.float_data.iter().position(|value| !value.is_finite())
        }
        FLOAT => {
            tensor.raw_data.as_chunks().0.iter().position(|&b| !f32::from_le_bytes(b).is_finite())
        }
        FLOAT16 => halves(tensor).iter().position(|value| !value.is_finite()),
        _ => None,
    }
}

fn halves(tensor: &TensorProto) -> Vec<f16> {
    if tensor.raw_data.is_empty() {
        return tensor.int32_data.iter().map(|&bits| f16::from_bits(bits as u16)).collect();
    }
    tensor.raw_data.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes)).collect()
}

fn widen_tensor(tensor: &mut TensorProto) {
    if tensor.data_type == FLOAT16 {
        tensor.raw_data = halves(tensor).iter().flat_map(|h| h.to_f32().to_le_bytes()).collect();
        tensor.int32_data.clear();
        tensor.data_type = FLOAT;
    }
}

/// Up to five names that share the longest beginning or end with the one that is missing.
fn nearest_names(wanted: &str, names: &[&str]) -> Vec<String> {
    let shared = |name: &&str| {
        let front = name.bytes().zip(wanted.bytes()).take_while(|(a, b)| a == b).count();
        let back = name.bytes().rev().zip(wanted.bytes().rev()).take_while(|(a, b)| a == b).count();
        std::cmp::Reverse(front.max(back))
    };
    let mut names = names.to_vec();
    names.sort_by_key(shared);
    names.into_iter().take(5).map(str::to_owned).collect()
}
