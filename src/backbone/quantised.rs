//! Networks quantised in QDQ form, computed without the rounding between their layers.
//!
//! Such a network rounds the values between two layers to 8 bits (QuantizeLinear, then DequantizeLinear). In float
//! arithmetic that costs time and gains nothing: the last digits of a sum decide which way a value is rounded, and
//! from layer to layer the differences grow, so that two machines, or two settings of the same runtime, give features
//! that differ by a fifth. So only what the pair does besides rounding is kept, which is to limit the values to the
//! range that 8 bits can say; often that is the network's ReLU. The weights stay as they were rounded; they become f32
//! here, because tract leaves large ones for every frame.

use std::collections::HashMap;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto, attribute_proto};

use super::MAX_VALUES;
use super::graph::Graph;
use super::weights::{FLOAT, floats, integers};

/// The limits of a pair of nodes that rounds.
struct Limits {
    /// The tensor before it.
    input: String,
    min: f32,
    max: f32,
}

impl Graph {
    /// Makes every QuantizeLinear with the DequantizeLinear behind it a Clip to the range of the quantisation, and every
    /// DequantizeLinear of a weight that weight in f32. A pair whose scale is not one constant for the whole tensor stays.
    pub(super) fn without_rounding(mut self) -> Self {
        let limits: Vec<(usize, Limits)> = {
            let producers = self.producers();
            let constants = self.stored();
            self.nodes()
                .iter()
                .enumerate()
                .filter_map(|(index, node)| Some((index, limits(node, &producers, &constants)?)))
                .collect()
        };
        let weights: Vec<(usize, TensorProto)> = {
            let stored = self.stored();
            let weights = self.nodes().iter().enumerate();
            // Many nodes may read the same stored weight: what would be too much in all stays for the runtime.
            let mut room = MAX_VALUES * size_of::<f32>();
            let fits = |(_, tensor): &(usize, TensorProto)| {
                let left = room.checked_sub(tensor.raw_data.len());
                room = left.unwrap_or(0);
                left.is_some()
            };
            weights
                .filter_map(|(index, node)| Some((index, weight(node, &stored)?)))
                .take_while(fits)
                .collect()
        };
        let with_inputs = self.opset() >= 11;
        let Some(graph) = self.proto.graph.as_mut() else { return self };
        for (index, tensor) in weights {
            // A node without outputs is needed by nothing.
            graph.node[index].output.clear();
            graph.initializer.push(tensor);
        }
        for (index, Limits { input, min, max }) in limits {
            let node = &mut graph.node[index];
            let mut clip = NodeProto {
                input: vec![input],
                output: std::mem::take(&mut node.output),
                name: std::mem::take(&mut node.name),
                op_type: "Clip".to_owned(),
                ..NodeProto::default()
            };
            for (what, value) in [("min", min), ("max", max)] {
                if with_inputs {
                    let name = format!("{}.fieldtune.{what}", clip.output[0]);
                    graph.initializer.push(TensorProto {
                        name: name.clone(),
                        data_type: FLOAT,
                        raw_data: value.to_le_bytes().to_vec(),
                        ..TensorProto::default()
                    });
                    clip.input.push(name);
                } else {
                    clip.attribute.push(AttributeProto {
                        name: what.to_owned(),
                        r#type: attribute_proto::AttributeType::Float as i32,
                        f: value,
                        ..AttributeProto::default()
                    });
                }
            }
            *node = clip;
        }
        self
    }

    /// The tensors that the file stores, as weights or as constants between the nodes.
    pub(super) fn stored(&self) -> HashMap<&str, &TensorProto> {
        let constants = self.nodes().iter().filter(|node| node.op_type == "Constant");
        let constants = constants.filter_map(|node| {
            let value = node.attribute.iter().find_map(|attribute| attribute.t.as_ref())?;
            Some((node.output.first()?.as_str(), value))
        });
        self.initializers()
            .iter()
            .map(|tensor| (tensor.name.as_str(), tensor))
            .chain(constants)
            .collect()
    }

    /// The version of ONNX's own operators; 0 where the file names none.
    pub(super) fn opset(&self) -> i64 {
        let opsets = self.proto.opset_import.iter();
        let onnx = opsets.filter(|opset| opset.domain.is_empty() || opset.domain == "ai.onnx");
        onnx.map(|opset| opset.version).max().unwrap_or(0)
    }
}

/// Of a DequantizeLinear that stands behind a QuantizeLinear with the same scale.
fn limits(
    node: &NodeProto,
    producers: &HashMap<&str, &NodeProto>,
    constants: &HashMap<&str, &TensorProto>,
) -> Option<Limits> {
    if node.op_type != "DequantizeLinear" || node.output.is_empty() {
        return None;
    }
    let before = producers.get(node.input.first()?.as_str())?;
    if before.op_type != "QuantizeLinear" {
        return None;
    }
    let scale = |node: &NodeProto| {
        let mut scales = floats(constants.get(node.input.get(1)?.as_str())?);
        scales.next().filter(|_| scales.next().is_none())
    };
    // Without a zero point it is 0 and the values are unsigned, unless an attribute says otherwise.
    let zero = |node: &NodeProto| match node.input.get(2).filter(|name| !name.is_empty()) {
        None if node.attribute.iter().any(|a| a.name == "output_dtype" && a.i != 0) => None,
        None => Some((DataType::Uint8 as i32, 0)),
        Some(name) => {
            let tensor = constants.get(name.as_str())?;
            Some((tensor.data_type, integers(tensor)?.first().copied()?))
        }
    };
    let (step, (kind, zero_point)) = (scale(before)?, zero(before)?);
    if scale(node) != Some(step) || zero(node) != Some((kind, zero_point)) {
        return None;
    }
    let (least, most) = match DataType::try_from(kind).ok()? {
        DataType::Uint8 => (0, 255),
        DataType::Int8 => (-128, 127),
        DataType::Uint16 => (0, 65535),
        DataType::Int16 => (-32768, 32767),
        _ => return None,
    };
    let value = |level: i64| (level - zero_point) as f32 * step;
    let input = before.input.first()?.clone();
    Some(Limits { input, min: value(least), max: value(most) })
}

/// What a DequantizeLinear makes of a tensor that the file stores, with a scale for all of it or one an index of an axis.
fn weight(node: &NodeProto, stored: &HashMap<&str, &TensorProto>) -> Option<TensorProto> {
    let input = |index: usize| stored.get(node.input.get(index)?.as_str()).copied();
    let levels = input(0).filter(|_| node.op_type == "DequantizeLinear")?;
    let scales: Vec<f32> = floats(input(1)?).collect();
    let zeros = match node.input.get(2).filter(|name| !name.is_empty()) {
        Some(_) => integers(input(2)?)?,
        None => vec![0; scales.len()],
    };
    let attribute = |name: &str| node.attribute.iter().find(|a| a.name == name).map(|a| a.i);
    if scales.is_empty() || zeros.len() != scales.len() || attribute("block_size").unwrap_or(0) != 0
    {
        return None;
    }
    // Levels that follow one another with the same scale, and how many scales there are before they begin again.
    let run = if scales.len() == 1 {
        usize::MAX
    } else {
        let axis = attribute("axis").unwrap_or(1);
        let axis = if axis < 0 { axis + levels.dims.len() as i64 } else { axis };
        let (axis, behind) = levels.dims.get(usize::try_from(axis).ok()?..)?.split_first()?;
        if *axis != scales.len() as i64 {
            return None;
        }
        let count = behind.iter().try_fold(1_i64, |count, &dim| count.checked_mul(dim));
        usize::try_from(count?).ok()?.max(1)
    };
    let value = |(index, level): (usize, i64)| {
        let scale = index / run % scales.len();
        (level - zeros[scale]) as f32 * scales[scale]
    };
    let values = integers(levels)?.into_iter().enumerate().map(value);
    Some(TensorProto {
        name: node.output.first()?.clone(),
        dims: levels.dims.clone(),
        data_type: FLOAT,
        raw_data: values.flat_map(f32::to_le_bytes).collect(),
        ..TensorProto::default()
    })
}
