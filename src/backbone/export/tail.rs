//! Fine-tuned blocks as nodes behind their cut.

use fieldtune_math::layers::{Act, Curve, Network, Node, Op, Size, Window};

use super::super::Pooling;
use super::nodes::{Nodes, integer, integers, real};

impl Nodes {
    /// What the blocks give for a map: each block pooled, of length one.
    ///
    /// * `map`: the tensor at the cut, `[1, channels, height, width]`.
    /// * returns the tensors, `[1, channels]`, and the sum of their channels.
    pub(super) fn tail(&mut self, network: &Network, map: String) -> (Vec<String>, usize) {
        let mut values = vec![(map, network.input())];
        for (at, node) in network.nodes().iter().enumerate() {
            let name = format!("tail{at}");
            let read: Vec<_> = node.inputs.iter().map(|input| values[*input].clone()).collect();
            let given = self.computed(&name, node, network.of_node(at), read);
            values.push((self.activated(&name, node.act, given), node.size));
        }
        let (mut parts, mut dim) = (Vec::new(), 0);
        for (at, block) in network.blocks().iter().enumerate() {
            let (tensor, size) = values[block.value].clone();
            let how = if block.largest { Pooling::Max } else { Pooling::Avg };
            let name = format!("adapted{at}");
            let (pooled, len) = self.pooled(&name, tensor, (&axes(size), 1), how);
            parts.push(self.unit_length(&format!("{name}.unit"), pooled));
            dim += len;
        }
        (parts, dim)
    }

    /// Without its activation.
    fn computed(
        &mut self,
        name: &str,
        node: &Node,
        [weights, bias]: [&[f32]; 2],
        read: Vec<(String, Size)>,
    ) -> String {
        let (from, channels) = (read[0].1, node.size.channels);
        let mut tensors = read.into_iter().map(|(tensor, _)| tensor);
        let first = tensors.next().unwrap_or_default();
        let second = tensors.next();
        let per_channel = [1, channels, 1, 1];
        match &node.op {
            Op::Dense(window) => {
                let inputs = from.channels;
                let places = window.size[0] * window.size[1];
                let turned: Vec<f32> = (0..weights.len())
                    .map(|at| {
                        let (out, channel) = (at / places / inputs, at / places % inputs);
                        weights[(out * places + at % places) * inputs + channel]
                    })
                    .collect();
                let read = (first, from, 1);
                let sum = self.conv(name, read, (window, node.size), &turned, bias);
                match second {
                    Some(added) => self.op("Add", name, "added", vec![sum, added], Vec::new()),
                    None => sum,
                }
            }
            Op::Depthwise(window) => {
                let places = window.size[0] * window.size[1];
                let turned: Vec<f32> = (0..weights.len())
                    .map(|at| weights[at % places * channels + at / places])
                    .collect();
                let read = (first, from, channels);
                self.conv(name, read, (window, node.size), &turned, bias)
            }
            Op::Plus => {
                self.op("Add", name, "sum", vec![first, second.unwrap_or_default()], Vec::new())
            }
            Op::Times | Op::Scaled => {
                self.op("Mul", name, "product", vec![first, second.unwrap_or_default()], Vec::new())
            }
            Op::Sum(factor) => {
                let mean = self.op("GlobalAveragePool", name, "mean", vec![first], Vec::new());
                let factor = self.floats(name, "factor", &[], &[factor * from.pixels() as f32]);
                self.op("Mul", name, "sum", vec![mean, factor], Vec::new())
            }
            Op::Affine(scale, shift) => {
                let scale = self.floats(name, "scale", &per_channel, scale);
                let shift = self.floats(name, "shift", &per_channel, shift);
                let scaled = self.op("Mul", name, "scaled", vec![first, scale], Vec::new());
                self.op("Add", name, "shifted", vec![scaled, shift], Vec::new())
            }
            Op::Alone => first,
        }
    }

    /// * `read`: the map, its size, the groups of its channels; `weights`: `[out][in of a group][height][width]`.
    fn conv(
        &mut self,
        name: &str,
        (map, from, groups): (String, Size, usize),
        (window, to): (&Window, Size),
        weights: &[f32],
        bias: &[f32],
    ) -> String {
        let [height, width] = window.size;
        let dims = [to.channels, from.channels / groups, height, width];
        let weights = self.floats(name, "weights", &dims, weights);
        let bias = self.floats(name, "bias", &[to.channels], bias);
        // What is read below and to the right of the map.
        let behind = |axis: usize, from: usize, to: usize| {
            let reach = (to - 1) * window.stride[axis]
                + (window.size[axis] - 1) * window.dilation[axis]
                + 1;
            reach.saturating_sub(from + window.pad[axis])
        };
        let ends = [behind(0, from.height, to.height), behind(1, from.width, to.width)];
        let attributes = vec![
            integer("group", groups as i64),
            integers("kernel_shape", &window.size),
            integers("strides", &window.stride),
            integers("dilations", &window.dilation),
            integers("pads", &[window.pad, ends].concat()),
        ];
        self.op("Conv", name, "conv", vec![map, weights, bias], attributes)
    }

    /// Limits by ReLU, whose meaning no version changed, of what lies beyond: what lies within stays bit for bit. Then the
    /// curve.
    fn activated(&mut self, name: &str, act: Act, mut x: String) -> String {
        let Act { lo, hi, curve } = act;
        if lo == 0.0 {
            x = self.op("Relu", name, "relu", vec![x], Vec::new());
        } else if lo > f32::NEG_INFINITY {
            let lo = self.floats(name, "lo", &[], &[lo]);
            let missing = self.op("Sub", name, "missing", vec![lo, x.clone()], Vec::new());
            let missing = self.op("Relu", name, "raise", vec![missing], Vec::new());
            x = self.op("Add", name, "raised", vec![x, missing], Vec::new());
        }
        if hi < f32::INFINITY {
            let hi = self.floats(name, "hi", &[], &[hi]);
            let beyond = self.op("Sub", name, "beyond", vec![x.clone(), hi], Vec::new());
            let beyond = self.op("Relu", name, "cut", vec![beyond], Vec::new());
            x = self.op("Sub", name, "limited", vec![x, beyond], Vec::new());
        }
        let (gate, attributes, times) = match curve {
            Curve::None => return x,
            Curve::HardSwish => {
                ("HardSigmoid", vec![real("alpha", 1.0 / 6.0), real("beta", 0.5)], true)
            }
            Curve::Sigmoid => ("Sigmoid", Vec::new(), false),
            Curve::Silu => ("Sigmoid", Vec::new(), true),
            Curve::Gelu => return self.gelu(name, x),
        };
        let gate = self.op(gate, name, "gate", vec![x.clone()], attributes);
        match times {
            true => self.op("Mul", name, "gated", vec![x, gate], Vec::new()),
            false => gate,
        }
    }

    /// Its own operator came with version 20; Erf with 9, which the file has where it says it so.
    fn gelu(&mut self, name: &str, x: String) -> String {
        let [root, one, half] =
            [("root", std::f32::consts::FRAC_1_SQRT_2), ("one", 1.0), ("half", 0.5)]
                .map(|(what, value)| self.floats(name, what, &[], &[value]));
        let scaled = self.op("Mul", name, "scaled", vec![x.clone(), root], Vec::new());
        let erf = self.op("Erf", name, "erf", vec![scaled], Vec::new());
        let twice = self.op("Add", name, "twice", vec![erf, one], Vec::new());
        let gated = self.op("Mul", name, "gated", vec![x, twice], Vec::new());
        self.op("Mul", name, "halved", vec![gated, half], Vec::new())
    }

    /// The map at the cut with its channels behind the batch; `None` for what is no map of that size.
    ///
    /// * `shape`: its axes, and which of them holds the channels; `size`: what the blocks read.
    pub(super) fn map_at_cut(
        &mut self,
        tensor: String,
        (shape, axis): (&[usize], usize),
        size: Size,
    ) -> Option<String> {
        let Size { channels, height, width } = size;
        if axis == 1 && shape == [1, channels, height, width] {
            return Some(tensor);
        }
        (axis == 3 && shape == [1, height, width, channels]).then(|| {
            let perm = integers("perm", &[0, 3, 1, 2]);
            self.op("Transpose", "cut", "turned", vec![tensor], vec![perm])
        })
    }
}

fn axes(size: Size) -> [usize; 4] {
    [1, size.channels, size.height, size.width]
}

#[cfg(test)]
mod tests {
    use fieldtune_math::layers::{Block, Pass};
    use ndarray::Array4;
    use prost::Message as _;
    use tract_onnx::pb::{GraphProto, ModelProto, OperatorSetIdProto};

    use super::super::value_info;
    use super::*;
    use crate::backbone::preprocess::{ChannelOrder, Fit, InputSpec, Layout};
    use crate::backbone::{Backbone, BackboneSpec, Tap};

    const HARD_SWISH: Act = Act { curve: Curve::HardSwish, ..Act::NONE };

    fn values(count: usize, mut state: u64) -> Vec<f32> {
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    /// A network of every operator, limit and curve, over maps of 6 x 5 pixels.
    fn every_operator() -> Network {
        let size = |channels, height, width| Size { channels, height, width };
        let (large, small, vector) = (size(4, 6, 5), size(4, 3, 3), size(4, 1, 1));
        let three = |stride, dilation, pad| Window {
            size: [3, 3],
            stride: [stride; 2],
            dilation: [dilation; 2],
            pad: [pad; 2],
        };
        let node =
            |op, act, inputs: &[usize], size| Node { op, act, inputs: inputs.to_vec(), size };
        let limits = Act { lo: -0.25, hi: 0.5, curve: Curve::None };
        let nodes = vec![
            node(Op::Dense(three(1, 2, 2)), limits, &[0], large),
            node(Op::Depthwise(three(2, 1, 1)), HARD_SWISH, &[1], small),
            node(Op::Sum(0.2), Act::NONE, &[2], vector),
            node(Op::Dense(Window::ONE), Act { curve: Curve::Sigmoid, ..Act::NONE }, &[3], vector),
            node(Op::Scaled, Act::NONE, &[2, 4], small),
            node(
                Op::Affine(vec![0.5, -1.0, 2.0, 1.5], vec![0.1, 0.2, -0.3, 0.0]),
                Act { curve: Curve::Silu, ..Act::NONE },
                &[5],
                small,
            ),
            node(Op::Plus, Act::NONE, &[5, 6], small),
            node(Op::Times, Act::NONE, &[7, 2], small),
            node(Op::Dense(Window::ONE), Act::RELU, &[8, 7], small),
            node(Op::Alone, Act { hi: 0.1, ..Act::RELU }, &[9], small),
            node(Op::Alone, Act { curve: Curve::Gelu, ..Act::NONE }, &[7], small),
        ];
        let blocks = [(9, false), (10, false), (6, true), (2, false), (11, false)];
        let blocks = blocks.map(|(value, largest)| Block { value, largest }).to_vec();
        let weights = 4 * 9 * 3 + 4 + (9 * 4 + 4) + 2 * (4 * 4 + 4);
        let weights = values(weights, 7).iter().map(|weight| weight * 0.7).collect();
        Network::new(size(3, 6, 5), nodes, blocks, weights).expect("it fits together")
    }

    fn input() -> InputSpec {
        InputSpec {
            width: 5,
            height: 6,
            layout: Layout::Nchw,
            order: ChannelOrder::Rgb,
            mean: [0.0; 3],
            scale: [1.0; 3],
            fit: Fit::Whole,
            any_size: false,
        }
    }

    #[test]
    fn exported_blocks_give_what_the_layers_give() {
        let network = every_operator();
        let mut nodes = Nodes::new("t.".to_owned());
        let map = nodes.map_at_cut("x".to_owned(), (&[1, 3, 6, 5], 1), network.input());
        let (parts, dim) = nodes.tail(&network, map.expect("it is of that size"));
        nodes.op("Concat", "all", "parts", parts, vec![integer("axis", 1)]);
        let mut graph = GraphProto { name: "tail".to_owned(), ..GraphProto::default() };
        nodes.put_into(&mut graph);
        graph.input = vec![value_info("x", &[1, 3, 6, 5])];
        graph.output = vec![value_info("t.all.parts", &[1, dim])];
        let opset = OperatorSetIdProto { version: 7, ..OperatorSetIdProto::default() };
        let (ir_version, opset_import) = (4, vec![opset]);
        let model =
            ModelProto { ir_version, opset_import, graph: Some(graph), ..ModelProto::default() };
        let tap = Tap { tensor: "t.all.parts".to_owned(), pool: vec![Pooling::Avg] };
        let spec = BackboneSpec { input: input(), taps: vec![tap] };
        let mut exported = Backbone::load(&model.encode_to_vec(), "tail", &spec).expect("it runs");

        let map = Array4::from_shape_vec((1, 3, 6, 5), values(90, 3)).expect("90 values");
        let got = exported.extract(map.view()).expect("it runs");
        let mut pass = Pass::default();
        let turned: Vec<f32> = map.permuted_axes([0, 2, 3, 1]).iter().copied().collect();
        network.forward(&turned, &mut pass);
        assert_eq!(got.len(), pass.feature().len());
        for (at, (got, wanted)) in got.iter().zip(pass.feature()).enumerate() {
            assert!((got - wanted).abs() < 1e-5, "value {at}: {got}, wanted {wanted}");
        }
    }

    #[test]
    fn a_cut_of_another_size_is_no_map() {
        let mut nodes = Nodes::new("t.".to_owned());
        let size = every_operator().input();
        let mut map = |shape: &[usize], axis| nodes.map_at_cut("x".to_owned(), (shape, axis), size);
        assert!(map(&[1, 6, 5, 3], 3).is_some_and(|turned| turned != "x"));
        assert!(map(&[1, 3, 5, 6], 1).is_none() && map(&[1, 3, 30], 1).is_none());
    }
}
