//! A part of a network as a list of operators on maps, and what of them can be done in one go.

use std::sync::Arc;

use tract_core::prelude::Tensor;

use fieldtune_kernels::conv::Window;
use fieldtune_kernels::pool::Pool;
use fieldtune_kernels::{Act, Curve};

/// The size of a map; a vector is a map of one pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Map {
    pub(super) channels: usize,
    /// Height and width.
    pub(super) size: [usize; 2],
}

impl Map {
    pub(super) fn pixels(&self) -> usize {
        self.size[0] * self.size[1]
    }
}

/// The weights of a convolution as the file has them, shared with it until they are packed.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    pub(super) tensor: Arc<Tensor>,
    /// Steps in the tensor from an output to the next, from an input, from a place of the window.
    pub(super) steps: [usize; 3],
    /// Factor of each output.
    pub(super) scale: Vec<f32>,
    /// Added to each output.
    pub(super) bias: Vec<f32>,
}

/// What is computed. Inputs are maps of the same size where nothing else is said.
#[derive(Debug, Clone)]
pub(super) enum Op {
    /// From outside, `[channels][pixels]`.
    Input,
    /// From outside, `[pixels][channels]`.
    Rows,
    /// A dense convolution; a second input is added to it.
    Dense(Window, Weights),
    /// A dense convolution of one pixel of a map times a vector, which is the last input; a summand may stand before it.
    Gated(Weights),
    /// A depthwise convolution.
    Depthwise(Window, Weights),
    /// A depthwise convolution of what a convolution of one pixel and an activation make of the input.
    Expanded(Weights, Act, Window, Weights),
    /// Zeros around it: rows above and columns to the left.
    Pad([usize; 2]),
    Pool(Pool, Window),
    /// The sum over all pixels, times the factor.
    Sum(f32),
    /// The first plus the second.
    Plus,
    /// The first times the second.
    Times,
    /// The first times the second, which is a vector.
    Scaled,
    /// A factor and a summand of each channel.
    Affine(Vec<f32>, Vec<f32>),
    /// Only the activation.
    Alone,
    /// The channels of all inputs, one behind the other.
    Concat,
    /// Every pixel by the mean and the variance of its channels, to which so much is added; then a factor and a summand of each
    /// channel.
    Norm(f32, Vec<f32>, Vec<f32>),
    /// Attention, of a map of queries, one of keys and one of values.
    Attention(Heads),
}

/// The heads of attention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Heads {
    pub(super) count: usize,
    /// Channels of each.
    pub(super) size: usize,
    /// Factor of the product of a query and a key.
    pub(super) scale: f32,
    /// In the maps of queries, keys and values the first channel of the first head, and how many to the next one's.
    pub(super) places: [[usize; 2]; 3],
}

impl Heads {
    /// Heads begin and end with blocks of channels; this is a whole number of them whatever the vectors.
    pub(super) const BLOCK: usize = 16;
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) op: Op,
    /// Behind the operator.
    pub(super) act: Act,
    pub(super) inputs: Vec<usize>,
    pub(super) map: Map,
}

/// How a result leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaves {
    /// `[channels][pixels]`.
    Planar,
    /// `[pixels][channels]`.
    Rows,
    /// `[2][channels]`: of each channel the sum over all pixels and the largest value.
    Pooled,
}

/// Operators in an order in which they can be computed.
#[derive(Debug, Clone, Default)]
pub(super) struct Net {
    pub(super) nodes: Vec<Node>,
    pub(super) outputs: Vec<(usize, Leaves)>,
}

impl Net {
    /// How often each value is read on the way to an output.
    fn readers(&self) -> Vec<usize> {
        let mut readers = vec![0; self.nodes.len()];
        self.outputs.iter().for_each(|(output, _)| readers[*output] += 1);
        for (at, node) in self.nodes.iter().enumerate().rev() {
            if readers[at] > 0 {
                node.inputs.iter().for_each(|input| readers[*input] += 1);
            }
        }
        readers
    }

    /// Puts operators together that can be computed in one go.
    ///
    /// A node takes over what it reads, if nothing else reads that; so the order stays right.
    pub(super) fn fuse(mut self) -> Self {
        let mut again = true;
        while again {
            again = false;
            let mut readers = self.readers();
            for at in 0..self.nodes.len() {
                if readers[at] > 0 && self.fuse_one(at, &readers) {
                    readers = self.readers();
                    again = true;
                }
            }
        }
        self.drop_unread();
        self
    }

    fn fuse_one(&mut self, at: usize, readers: &[usize]) -> bool {
        if self.gated(at) {
            return true;
        }
        let node = &self.nodes[at];
        let Some(&from) = node.inputs.first() else { return false };
        let before = &self.nodes[from];
        let alone = readers[from] == 1;
        match (&node.op, &before.op) {
            (
                Op::Alone,
                Op::Input
                | Op::Rows
                | Op::Concat
                | Op::Pad(_)
                | Op::Pool(..)
                | Op::Sum(_)
                | Op::Norm(..)
                | Op::Attention(_),
            ) => false,
            (Op::Alone, _) if alone => {
                let Some(act) = behind(before.act, node.act) else { return false };
                self.take(at, from, |node| node.act = act);
                true
            }
            (Op::Affine(scale, shift), Op::Dense(_, _) | Op::Depthwise(_, _))
                if alone && before.act == Act::NONE && before.inputs.len() == 1 =>
            {
                let (scale, shift, act) = (scale.clone(), shift.clone(), node.act);
                self.take(at, from, |node| {
                    if let Op::Dense(_, weights) | Op::Depthwise(_, weights) = &mut node.op {
                        weights.affine(&scale, &shift);
                    }
                    node.act = act;
                });
                true
            }
            (Op::Affine(scale, shift), Op::Affine(first, second) | Op::Norm(_, first, second))
                if alone && before.act == Act::NONE =>
            {
                let product = first.iter().zip(scale).map(|(a, b)| a * b).collect();
                let moved = second.iter().zip(scale).zip(shift);
                let sum = moved.map(|((b, scale), shift)| b * scale + shift).collect();
                let (op, act) = match before.op {
                    Op::Norm(epsilon, ..) if node.act == Act::NONE => {
                        (Op::Norm(epsilon, product, sum), Act::NONE)
                    }
                    Op::Norm(..) => return false,
                    _ => (Op::Affine(product, sum), node.act),
                };
                self.take(at, from, |node| (node.op, node.act) = (op, act));
                true
            }
            (Op::Affine(scale, shift), Op::Sum(sum)) if alone && before.act == Act::NONE => {
                let uniform = scale.iter().all(|value| *value == scale[0]);
                if !uniform || shift.iter().any(|value| *value != 0.0) {
                    return false;
                }
                let (op, act) = (Op::Sum(sum * scale[0]), node.act);
                self.take(at, from, |node| (node.op, node.act) = (op, act));
                true
            }
            (Op::Dense(window, _) | Op::Depthwise(window, _), Op::Pad(pad))
                if alone && before.act == Act::NONE && node.inputs.len() == 1 =>
            {
                let pad = [window.pad[0] + pad[0], window.pad[1] + pad[1]];
                let inputs = before.inputs.clone();
                let node = &mut self.nodes[at];
                if let Op::Dense(window, _) | Op::Depthwise(window, _) = &mut node.op {
                    window.pad = pad;
                }
                node.inputs = inputs;
                true
            }
            (Op::Plus, _) => self.sum_into_convolution(at, readers),
            _ => false,
        }
    }

    /// The node becomes the one that it reads, changed; that one is read no more.
    fn take(&mut self, at: usize, from: usize, change: impl FnOnce(&mut Node)) {
        let mut node = self.nodes[from].clone();
        node.map = self.nodes[at].map;
        change(&mut node);
        self.nodes[at] = node;
    }

    /// `x * sigmoid(x)`, however it was written.
    fn gated(&mut self, at: usize) -> bool {
        let node = &self.nodes[at];
        let &[a, b] = node.inputs.as_slice() else { return false };
        if !matches!(node.op, Op::Times) {
            return false;
        }
        for (x, gate) in [(a, b), (b, a)] {
            let gate = &self.nodes[gate];
            if gate.inputs != [x] {
                continue;
            }
            let curve = match (&gate.op, gate.act) {
                (Op::Alone, act) if act == (Act { curve: Curve::Sigmoid, ..Act::NONE }) => {
                    Curve::Silu
                }
                (Op::Affine(scale, shift), Act { lo: 0.0, hi: 1.0, curve: Curve::None })
                    if scale.iter().all(|s| (s - 1.0 / 6.0).abs() < 1e-6)
                        && shift.iter().all(|s| (s - 0.5).abs() < 1e-6) =>
                {
                    Curve::HardSwish
                }
                _ => continue,
            };
            let rest = self.nodes[at].act;
            if rest != Act::NONE {
                return false;
            }
            let node = &mut self.nodes[at];
            (node.op, node.inputs) = (Op::Alone, vec![x]);
            node.act = Act { curve, ..Act::NONE };
            return true;
        }
        false
    }

    /// A sum of which one side is a convolution that nothing else reads.
    fn sum_into_convolution(&mut self, at: usize, readers: &[usize]) -> bool {
        let node = &self.nodes[at];
        let &[a, b] = node.inputs.as_slice() else { return false };
        for (from, other) in [(a, b), (b, a)] {
            let before = &self.nodes[from];
            let fits = matches!(before.op, Op::Dense(_, _))
                && before.act == Act::NONE
                && before.inputs.len() == 1
                && readers[from] == 1
                && from != other;
            if fits {
                let act = node.act;
                self.take(at, from, |node| {
                    node.inputs.push(other);
                    node.act = act;
                });
                return true;
            }
        }
        false
    }

    /// Puts a depthwise convolution and the convolution of one pixel before it together. Nothing else is put together
    /// afterwards.
    ///
    /// * `worth`: whether that is faster, by the map between them and the window.
    pub(super) fn expand(mut self, worth: impl Fn(Map, Window) -> bool) -> Self {
        let readers = self.readers();
        for at in 0..self.nodes.len() {
            let node = &self.nodes[at];
            let Op::Depthwise(window, weights) = &node.op else { continue };
            let before = &self.nodes[node.inputs[0]];
            let Op::Dense(point, expand) = &before.op else { continue };
            let fits = point.is_point()
                && before.inputs.len() == 1
                && readers[node.inputs[0]] == 1
                && worth(before.map, *window);
            if fits {
                let op = Op::Expanded(expand.clone(), before.act, *window, weights.clone());
                let inputs = before.inputs.clone();
                (self.nodes[at].op, self.nodes[at].inputs) = (op, inputs);
            }
        }
        self.drop_unread();
        self
    }

    /// Puts a vector that a map is multiplied with into the convolution behind it, where its weights are fewer than the
    /// map's values. Nothing is put together afterwards.
    pub(super) fn gate(mut self) -> Self {
        let readers = self.readers();
        for at in 0..self.nodes.len() {
            let node = &self.nodes[at];
            let Op::Dense(window, weights) = &node.op else { continue };
            let scaled = &self.nodes[node.inputs[0]];
            let fits = matches!(scaled.op, Op::Scaled)
                && scaled.act == Act::NONE
                && readers[node.inputs[0]] == 1
                && window.is_point()
                && node.map.channels <= node.map.pixels();
            if fits {
                let (op, inputs) = (Op::Gated(weights.clone()), scaled.inputs.clone());
                let node = &mut self.nodes[at];
                node.op = op;
                node.inputs[0] = inputs[0];
                node.inputs.push(inputs[1]);
            }
        }
        self.drop_unread();
        self
    }

    /// Leaves out what leads nowhere.
    fn drop_unread(&mut self) {
        let mut wanted = vec![false; self.nodes.len()];
        self.outputs.iter().for_each(|(output, _)| wanted[*output] = true);
        for at in (0..self.nodes.len()).rev() {
            // Inputs stay, since their places are counted from outside.
            wanted[at] |= matches!(self.nodes[at].op, Op::Input | Op::Rows);
            if wanted[at] {
                self.nodes[at].inputs.iter().for_each(|input| wanted[*input] = true);
            }
        }
        let mut places = Vec::with_capacity(wanted.len());
        let mut next = 0;
        for wanted in &wanted {
            places.push(next);
            next += usize::from(*wanted);
        }
        let mut keep = wanted.iter();
        self.nodes.retain(|_| keep.next().copied().unwrap_or(false));
        for node in &mut self.nodes {
            node.inputs.iter_mut().for_each(|input| *input = places[*input]);
        }
        self.outputs.iter_mut().for_each(|(output, _)| *output = places[*output]);
    }
}

impl Weights {
    /// What a factor and a summand behind it make of them.
    fn affine(&mut self, scale: &[f32], shift: &[f32]) {
        self.scale.iter_mut().zip(scale).for_each(|(own, scale)| *own *= scale);
        self.bias.iter_mut().zip(scale).zip(shift).for_each(|((own, scale), shift)| {
            *own = *own * scale + shift;
        });
    }
}

/// Both activations as one, if they are one.
fn behind(first: Act, second: Act) -> Option<Act> {
    if first.curve != Curve::None {
        return None;
    }
    let limited = |value: f32| value.max(second.lo).min(second.hi);
    Some(Act { lo: limited(first.lo), hi: limited(first.hi), curve: second.curve })
}
