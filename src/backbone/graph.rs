//! The ONNX graph before tract sees it: checked, widened to f32, cut to what is needed.

mod checks;

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, type_proto};
use tract_onnx::prelude::Framework as _;

use super::nodes::{MAX_NODES, inside, nearest_names, tensor_type_mut};
pub(super) use super::nodes::{axes, label, permutation, tensor_type};
use super::{BackboneError, Onnx, files, foreign, outline, rewrite, weights};
use crate::backbone::preprocess::{ChannelOrder, Layout};

/// A decoded and checked file.
#[derive(Debug, Clone)]
pub struct Graph {
    pub(super) proto: ModelProto,
    pub(super) name: String,
    half: bool,
}

/// The graph's input as the file declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredInput {
    /// Its tensor's name.
    pub name: String,
    /// Its axes; `None` where the file leaves one open; empty where it declares none.
    pub shape: Vec<Option<u64>>,
    /// Whether the file declares half precision; it is fed f32 all the same.
    pub half: bool,
    /// Its axis order, as far as the file shows it: one or three channels second or last, or a transposition that comes
    /// first.
    pub layout: Layout,
    /// How many channels it has, as far as the file or its first layer determines it.
    pub channels: Option<u64>,
}

impl DeclaredInput {
    /// The channel order of a network that takes colour (red first), or grey.
    pub fn order(&self) -> ChannelOrder {
        if self.channels == Some(1) { ChannelOrder::Grey } else { ChannelOrder::Rgb }
    }

    /// Width and height in pixels, where the file declares both.
    pub fn size(&self) -> Option<(u32, u32)> {
        let (height, width) = match (&self.shape[..], self.layout) {
            (&[_, _, height, width], Layout::Nchw) => (height?, width?),
            (&[_, height, width, _], Layout::Nhwc) => (height?, width?),
            _ => return None,
        };
        Some((u32::try_from(width).ok()?, u32::try_from(height).ok()?))
    }
}

impl Graph {
    /// Decodes and checks a file; half-precision weights become f32.
    ///
    /// * `onnx`: the file's bytes, or [`OnnxFiles`](super::OnnxFiles); `name`: what messages call it.
    ///
    /// # Errors
    /// [`BackboneError::Parse`], [`BackboneError::Unsupported`], [`BackboneError::Weights`].
    pub fn parse<'a>(onnx: impl Into<Onnx<'a>>, name: &str) -> Result<Self, BackboneError> {
        let mut graph = Self::checked(onnx.into(), name)?;
        graph.widen_between_weights();
        graph.for_runtime();
        Ok(graph)
    }

    /// The rest of [`Graph::parse`], of a graph whose half precision between the weights is widened.
    pub(super) fn for_runtime(&mut self) {
        self.widen_weights();
        rewrite::for_runtime(&mut self.proto);
    }

    /// The first half of [`Graph::parse`]: half precision stays as it is.
    ///
    /// # Errors
    /// As [`Graph::parse`].
    pub(super) fn checked(onnx: Onnx, name: &str) -> Result<Self, BackboneError> {
        let mut graph = Self::decoded(onnx, name)?;
        graph.refuse_unsupported()?;
        graph.check_order()?;
        graph.check_attributes()?;
        graph.check_weights()?;
        graph.half = graph.declared().is_some_and(|tensor| weights::is_half(tensor.elem_type));
        Ok(graph)
    }

    /// What [`Graph::checked`] begins with: nodes that are not yet checked, and values that are not yet looked at.
    ///
    /// # Errors
    /// [`BackboneError::Parse`], [`BackboneError::Weights`].
    pub(super) fn decoded(onnx: Onnx, name: &str) -> Result<Self, BackboneError> {
        let Onnx { file: onnx, weights } = onnx;
        if onnx.is_empty() {
            let what = "the file is empty (0 bytes)\n  next: download or copy it again";
            return Err(BackboneError::parse(name, what));
        }
        if let Some((what, next)) = foreign::known(onnx) {
            let what = format!("this is no ONNX network but {what}\n  next: {next}");
            return Err(BackboneError::parse(name, &what));
        }
        outline::check(onnx, name)?;
        let proto = tract_onnx::onnx().proto_model_for_read(&mut &*onnx).map_err(|error| {
            BackboneError::parse(name, &foreign::undecodable(onnx, &format!("{error:#}")))
        })?;
        let mut graph = Self { proto, name: name.to_owned(), half: false };
        if graph.graph().is_none_or(|g| g.node.is_empty() || g.output.is_empty()) {
            return Err(BackboneError::parse(name, &foreign::without_graph(onnx)));
        }
        if graph.nodes().len() > MAX_NODES {
            let got = graph.nodes().len();
            let what = format!("the network has {got} nodes, wanted at most {MAX_NODES}");
            return Err(BackboneError::parse(name, &what));
        }
        graph.check_names()?;
        files::put_in(&mut graph.proto, weights, name)?;
        rewrite::rewrite(&mut graph.proto);
        graph.check_names()?;
        if graph.nodes().len() > MAX_NODES {
            let what = "the network has more nodes, functions put in place, than are taken";
            return Err(BackboneError::parse(name, what));
        }
        Ok(graph)
    }

    pub(super) fn graph(&self) -> Option<&GraphProto> {
        self.proto.graph.as_ref()
    }

    pub(super) fn nodes(&self) -> &[NodeProto] {
        self.graph().map_or(&[], |graph| &graph.node)
    }

    pub(super) fn initializers(&self) -> &[TensorProto] {
        self.graph().map_or(&[], |graph| &graph.initializer)
    }

    /// The protobuf, for tract.
    pub(super) fn proto(&self) -> &ModelProto {
        &self.proto
    }

    pub(super) fn into_proto(self) -> ModelProto {
        self.proto
    }

    /// Half-precision weights to f32: tract computes f16 in software on most machines.
    pub(super) fn widen_weights(&mut self) {
        let Some(graph) = self.proto.graph.as_mut() else { return };
        graph.initializer.iter_mut().for_each(weights::widen);
    }

    /// Half precision to f32 everywhere but in the weights: constants, casts, input and output.
    pub(super) fn widen_between_weights(&mut self) {
        let Some(graph) = self.proto.graph.as_mut() else { return };
        for node in &mut graph.node {
            for attribute in &mut node.attribute {
                if let Some(tensor) = &mut attribute.t {
                    weights::widen(tensor);
                }
                let half = i32::try_from(attribute.i).is_ok_and(weights::is_half);
                if node.op_type == "Cast" && attribute.name == "to" && half {
                    attribute.i = i64::from(weights::FLOAT);
                }
            }
        }
        for input in graph.input.iter_mut().chain(&mut graph.output) {
            if let Some(tensor) = tensor_type_mut(input)
                && weights::is_half(tensor.elem_type)
            {
                tensor.elem_type = weights::FLOAT;
            }
        }
        graph.value_info.clear();
    }

    /// Inputs that are not weights.
    pub(super) fn inputs(&self) -> Vec<&ValueInfoProto> {
        let weights: HashSet<&str> = self.initializers().iter().map(|t| t.name.as_str()).collect();
        let inputs = self.graph().map_or(&[][..], |graph| &graph.input).iter();
        inputs.filter(|input| !weights.contains(input.name.as_str())).collect()
    }

    fn declared(&self) -> Option<&type_proto::Tensor> {
        self.inputs().first().and_then(|input| tensor_type(input))
    }

    /// The one input that is not a weight.
    ///
    /// # Errors
    /// [`BackboneError::Parse`] if there is none, or more, or it is no image.
    pub fn input(&self) -> Result<DeclaredInput, BackboneError> {
        let inputs = self.inputs();
        let [input] = inputs[..] else {
            let names: Vec<_> = inputs.iter().map(|input| input.name.as_str()).collect();
            return Err(self.wrong(&format!(
                "wanted one input, an image; got {} ({})",
                names.len(),
                names.join(", ")
            )));
        };
        let shape = tensor_type(input).map_or_else(Vec::new, axes);
        if !shape.is_empty() && shape.len() != 4 {
            return Err(
                self.wrong(&format!("wanted an image input of 4 axes, got {} axes", shape.len()))
            );
        }
        let layout = match shape[..] {
            [_, Some(1 | 3), ..] => Layout::Nchw,
            [.., Some(1 | 3)] => Layout::Nhwc,
            _ if self.transposed_first(&input.name) => Layout::Nhwc,
            _ => Layout::Nchw,
        };
        let name = input.name.clone();
        let declared = match (&shape[..], layout) {
            (&[_, channels, ..], Layout::Nchw) | (&[.., channels], Layout::Nhwc) => channels,
            _ => None,
        };
        let channels = declared.or_else(|| self.first_channels(&input.name));
        Ok(DeclaredInput { name, shape, half: self.half, layout, channels })
    }

    /// How many channels the first layer takes, if it is a Conv that reads the input, or what was transposed of it.
    fn first_channels(&self, input: &str) -> Option<u64> {
        let reader = |tensor: &str| {
            self.nodes().iter().find(|node| node.input.first().is_some_and(|name| name == tensor))
        };
        let mut node = reader(input)?;
        while ["Transpose", "Cast", "Identity"].contains(&node.op_type.as_str()) {
            node = reader(node.output.first()?)?;
        }
        let weights = node.input.get(1).filter(|_| node.op_type == "Conv")?;
        let weights = self.initializers().iter().find(|tensor| tensor.name == *weights)?;
        let group = node.attribute.iter().find(|a| a.name == "group").map_or(1, |a| a.i);
        u64::try_from(weights.dims.get(1)?.checked_mul(group)?).ok()
    }

    /// Whether the input's last axis is made its second before anything else.
    fn transposed_first(&self, input: &str) -> bool {
        self.nodes()
            .iter()
            .find(|node| node.input.iter().any(|name| name == input))
            .is_some_and(|node| permutation(node) == Some(&[0, 3, 1, 2]))
    }

    /// Which node gives a tensor.
    pub(super) fn producers(&self) -> HashMap<&str, &NodeProto> {
        self.nodes()
            .iter()
            .flat_map(|node| node.output.iter().map(move |output| (output.as_str(), node)))
            .collect()
    }

    /// Tensors that do not depend on the input's values; its shape is fixed.
    pub(super) fn constants(&self) -> HashSet<&str> {
        let mut constants: HashSet<&str> =
            self.initializers().iter().map(|tensor| tensor.name.as_str()).collect();
        for node in self.nodes() {
            let inputs = node.input.iter().map(String::as_str).chain(inside(node));
            let mut inputs = inputs.filter(|input| !input.is_empty());
            if node.op_type == "Shape" || inputs.all(|input| constants.contains(input)) {
                constants.extend(node.output.iter().map(String::as_str));
            }
        }
        constants
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

    /// Keeps what these tensors need, and makes them the outputs, in this order. From here on nothing is rounded
    /// between the layers.
    ///
    /// * `tensors`: names, at least one.
    ///
    /// # Errors
    /// [`BackboneError::MissingTap`].
    pub fn cut(self, tensors: &[String]) -> Result<Self, BackboneError> {
        self.check_taps(tensors)?;
        Ok(self.without_rounding().kept_for(tensors))
    }

    /// # Errors
    /// [`BackboneError::MissingTap`] for one that cannot be tapped.
    pub(super) fn check_taps(&self, tensors: &[String]) -> Result<(), BackboneError> {
        let known: HashSet<&str> = self.tensors().into_iter().collect();
        for tensor in tensors {
            if !known.contains(tensor.as_str()) {
                return Err(BackboneError::MissingTap {
                    name: self.name.clone(),
                    tensor: tensor.escape_debug().to_string(),
                    near: nearest_names(tensor, &self.tensors()),
                });
            }
        }
        Ok(())
    }

    /// What these tensors need; they become the outputs, in this order.
    pub(super) fn kept_for(mut self, tensors: &[String]) -> Self {
        let mut needed: HashSet<String> = tensors.iter().cloned().collect();
        let graph = self.proto.graph.as_mut().expect("checked when parsed");
        let mut kept: Vec<NodeProto> = Vec::with_capacity(graph.node.len());
        for node in std::mem::take(&mut graph.node).into_iter().rev() {
            if node.output.iter().any(|output| needed.contains(output)) {
                needed.extend(node.input.iter().cloned());
                needed.extend(inside(&node).into_iter().map(str::to_owned));
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
        self
    }

    /// Values of all weights; what only says how others are quantised or shaped is not counted.
    pub fn parameters(&self) -> u64 {
        let mut about: HashSet<&str> = HashSet::new();
        for node in self.nodes() {
            let beside = match node.op_type.as_str() {
                "QuantizeLinear" | "DequantizeLinear" => 1,
                "Reshape" | "Clip" | "Pad" | "Slice" | "Gather" | "ReduceMean" | "Unsqueeze"
                | "Squeeze" | "Expand" => 1,
                _ => continue,
            };
            about.extend(node.input.iter().skip(beside).map(String::as_str));
        }
        self.stored()
            .into_iter()
            .filter(|(name, tensor)| !about.contains(name) && !tensor.dims.is_empty())
            .map(|(_, tensor)| tensor.dims.iter().map(|&dim| dim.unsigned_abs()).product::<u64>())
            .sum()
    }
}
