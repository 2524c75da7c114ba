//! The last operators of a convolutional network as layers that can be trained: forward, backward, Adam.
//!
//! A map is `[batch][height][width][channels]`; value 0 is what comes in, value `i + 1` what node `i` gives. Where every
//! path of the network ends, maps are pooled over space to blocks of a feature, each of length one. All weights are one
//! list, in which a node has its weights, then its bias:
//!
//! | operator | weights | bias |
//! | --- | --- | --- |
//! | [`Op::Dense`] | `[out][place of the window][in]` | `[out]` |
//! | [`Op::Depthwise`] | `[place of the window][channels]` | `[channels]` |
//!
//! BatchNorm is folded into the weights before they come here and stays so.

mod backward;
mod convolution;
mod curve;
mod feature;
mod forward;
mod optimiser;
mod softmax;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use fieldtune_kernels::conv::Window;
pub use fieldtune_kernels::{Act, Curve};
pub use optimiser::{Adam, Rate, pull};
pub use softmax::Softmax;

/// The size of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Channels.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Size {
    /// Places of a channel.
    pub fn pixels(self) -> usize {
        self.height * self.width
    }

    /// Values of a map.
    pub fn values(self) -> usize {
        self.channels * self.pixels()
    }
}

/// What a node computes, before its activation.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// A dense convolution; a second input is added to it.
    Dense(Window),
    /// A depthwise convolution.
    Depthwise(Window),
    /// The first plus the second.
    Plus,
    /// The first times the second.
    Times,
    /// The first times the second, which is a vector.
    Scaled,
    /// The sum over all pixels, times the factor.
    Sum(f32),
    /// A factor and a summand of each channel, which are not trained.
    Affine(Vec<f32>, Vec<f32>),
    /// Only the activation.
    Alone,
}

/// An operator and where it reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// Behind it.
    pub act: Act,
    /// Numbers of values, smaller than its own.
    pub inputs: Vec<usize>,
    /// Of what it gives.
    pub size: Size,
}

/// A part of the feature: a map pooled over space, of length one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// The value that is pooled.
    pub value: usize,
    /// The largest value of each channel instead of the mean.
    pub largest: bool,
}

/// The layers and their weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    input: Size,
    nodes: Vec<Node>,
    blocks: Vec<Block>,
    /// Of each node, where its weights begin, and where its bias does.
    places: Vec<[usize; 2]>,
    weights: Vec<f32>,
}

/// More values than a map of a photograph has in any layer.
const MAX_VALUES: usize = 1 << 24;

impl Network {
    /// * `weights`: of all nodes, as the table of this module has them.
    ///
    /// # Errors
    /// What does not fit together, in words.
    pub fn new(
        input: Size,
        nodes: Vec<Node>,
        blocks: Vec<Block>,
        weights: Vec<f32>,
    ) -> Result<Self, String> {
        let mut network = Self { input, nodes, blocks, places: Vec::new(), weights };
        network.check()?;
        Ok(network)
    }

    fn check(&mut self) -> Result<(), String> {
        let mut end = 0;
        for at in 0..self.nodes.len() {
            let node = &self.nodes[at];
            let [weights, bias] =
                self.lengths(at).ok_or_else(|| format!("layer {at} does not fit what it reads"))?;
            if node.act.lo.is_nan() || node.act.hi.is_nan() || node.act.lo > node.act.hi {
                return Err(format!("layer {at} has no limits"));
            }
            self.places.push([end, end + weights]);
            end += weights + bias;
        }
        if self.weights.len() != end {
            return Err(format!("wanted {end} weights, got {}", self.weights.len()));
        }
        if self.weights.iter().any(|weight| !weight.is_finite()) {
            return Err("a weight is not a finite number".to_owned());
        }
        let known = |block: &Block| block.value <= self.nodes.len();
        if self.blocks.is_empty() || !self.blocks.iter().all(known) {
            return Err("its feature is of no layer".to_owned());
        }
        Ok(())
    }

    /// Weights and bias of a node; `None` where it does not fit what it reads.
    fn lengths(&self, at: usize) -> Option<[usize; 2]> {
        let node = &self.nodes[at];
        let fits = |size: Size| {
            (1..=MAX_VALUES)
                .contains(&size.channels.checked_mul(size.height)?.checked_mul(size.width)?)
                .then_some(size)
        };
        let inputs: Vec<Size> = node
            .inputs
            .iter()
            .map(|input| (*input <= at).then(|| self.size(*input)).and_then(fits))
            .collect::<Option<_>>()?;
        let (own, first) = (fits(node.size)?, *inputs.first()?);
        let moves = |window: &Window| {
            let all = [window.size, window.stride, window.dilation];
            let sound = all.iter().flatten().all(|length| (1..=64).contains(length))
                && window.pad.iter().all(|pad| *pad <= 64);
            sound.then_some(window.places())
        };
        let vector = Size { height: 1, width: 1, ..own };
        let none = |holds: bool| holds.then_some([0, 0]);
        match &node.op {
            Op::Dense(window) => {
                let added = inputs.get(1).is_none_or(|added| *added == own);
                let weights =
                    own.channels.checked_mul(moves(window)?)?.checked_mul(first.channels)?;
                (inputs.len() <= 2 && added && weights <= MAX_VALUES)
                    .then_some([weights, own.channels])
            }
            Op::Depthwise(window) => {
                let holds = inputs.len() == 1 && first.channels == own.channels;
                holds.then_some([moves(window)? * own.channels, own.channels])
            }
            Op::Plus | Op::Times => none(inputs == [own, own]),
            Op::Scaled => none(inputs == [own, vector]),
            Op::Sum(factor) => none(
                inputs.len() == 1
                    && own == Size { height: 1, width: 1, ..first }
                    && factor.is_finite(),
            ),
            Op::Affine(scale, shift) => {
                let finite = scale.iter().chain(shift).all(|value| value.is_finite());
                none(
                    inputs == [own]
                        && scale.len() == own.channels
                        && shift.len() == own.channels
                        && finite,
                )
            }
            Op::Alone => none(inputs == [own]),
        }
    }

    fn size(&self, value: usize) -> Size {
        value.checked_sub(1).map_or(self.input, |node| self.nodes[node].size)
    }

    /// Of what comes in.
    pub fn input(&self) -> Size {
        self.input
    }

    /// In the order in which they are computed.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The parts of the feature.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Length of each part.
    pub fn block_lengths(&self) -> impl Iterator<Item = usize> {
        self.blocks.iter().map(|block| self.size(block.value).channels)
    }

    /// Length of the feature.
    pub fn dim(&self) -> usize {
        self.block_lengths().sum()
    }

    /// All weights.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// All weights, to be trained.
    pub fn weights_mut(&mut self) -> &mut [f32] {
        &mut self.weights
    }

    /// A node's weights, and its bias.
    pub fn of_node(&self, at: usize) -> [&[f32]; 2] {
        let [weights, bias] = self.ranges(at);
        [&self.weights[weights], &self.weights[bias]]
    }

    fn ranges(&self, at: usize) -> [Range<usize>; 2] {
        let [weights, bias] = self.places[at];
        let end = self.places.get(at + 1).map_or(self.weights.len(), |next| next[0]);
        [weights..bias, bias..end]
    }

    /// Where all of a node's weights are in the list.
    pub fn range(&self, at: usize) -> Range<usize> {
        let [weights, bias] = self.ranges(at);
        weights.start..bias.end
    }

    /// Multiply-accumulates of one map, forward.
    pub fn work(&self) -> usize {
        let of = |node: &Node| match &node.op {
            Op::Dense(window) => {
                node.size.values() * window.places() * self.size(node.inputs[0]).channels
            }
            Op::Depthwise(window) => node.size.values() * window.places(),
            _ => 0,
        };
        self.nodes.iter().map(of).sum()
    }
}

/// What a pass over some maps left: every value, for the way back.
#[derive(Debug, Clone, Default)]
pub struct Pass {
    batch: usize,
    values: Vec<Vec<f32>>,
    /// Of each node with a curve, what goes into the curve's limits.
    before: Vec<Vec<f32>>,
    /// `[batch][dim]`.
    feature: Vec<f32>,
    /// `[batch][blocks]`, the lengths before they became one.
    norms: Vec<f32>,
    columns: Vec<f32>,
}

impl Pass {
    /// `[batch][dim]`.
    pub fn feature(&self) -> &[f32] {
        &self.feature
    }
}
