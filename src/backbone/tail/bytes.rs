//! A tail as stores keep it: postcard of these structs, which never change their shape; weights in half precision.

use fieldtune_math::layers::{Act, Block, Curve, Network, Node, Op, Size, Window};
use half::f16;
use serde::{Deserialize, Serialize};

use super::{Fingerprint, Tail, TailError};

const VERSION: u16 = 1;

/// More layers than any tail has.
const MAX_NODES: usize = 4096;

#[derive(Serialize, Deserialize)]
struct StoredTail {
    version: u16,
    base: [u8; 32],
    cut: String,
    late: Vec<u32>,
    input: StoredSize,
    nodes: Vec<StoredNode>,
    /// The value, and whether it is the largest of each channel instead of the mean.
    blocks: Vec<(u32, bool)>,
    /// Two bytes each, the lower first.
    weights: Vec<u8>,
}

/// Channels, height, width.
type StoredSize = (u32, u32, u32);

/// Size, stride, dilation, padding, each down and then to the right.
type StoredWindow = [u32; 8];

#[derive(Serialize, Deserialize)]
struct StoredNode {
    op: StoredOp,
    lo: f32,
    hi: f32,
    curve: StoredCurve,
    inputs: Vec<u32>,
    size: StoredSize,
}

#[derive(Serialize, Deserialize)]
enum StoredOp {
    Dense(StoredWindow),
    Depthwise(StoredWindow),
    Plus,
    Times,
    Scaled,
    Sum(f32),
    Affine(Vec<f32>, Vec<f32>),
    Alone,
}

#[derive(Serialize, Deserialize)]
enum StoredCurve {
    None,
    HardSwish,
    Sigmoid,
    Silu,
    Gelu,
}

/// Sizes and places are far below.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn stored_size(size: Size) -> StoredSize {
    (narrow(size.channels), narrow(size.height), narrow(size.width))
}

fn live_size((channels, height, width): StoredSize) -> Size {
    Size { channels: channels as usize, height: height as usize, width: width as usize }
}

fn stored_window(window: Window) -> StoredWindow {
    let Window { size, stride, dilation, pad } = window;
    let [[a, b], [c, d], [e, f], [g, h]] = [size, stride, dilation, pad];
    [a, b, c, d, e, f, g, h].map(narrow)
}

fn live_window(window: StoredWindow) -> Window {
    let [a, b, c, d, e, f, g, h] = window.map(|number| number as usize);
    Window { size: [a, b], stride: [c, d], dilation: [e, f], pad: [g, h] }
}

fn stored_node(node: &Node) -> StoredNode {
    let op = match &node.op {
        Op::Dense(window) => StoredOp::Dense(stored_window(*window)),
        Op::Depthwise(window) => StoredOp::Depthwise(stored_window(*window)),
        Op::Plus => StoredOp::Plus,
        Op::Times => StoredOp::Times,
        Op::Scaled => StoredOp::Scaled,
        Op::Sum(factor) => StoredOp::Sum(*factor),
        Op::Affine(scale, shift) => StoredOp::Affine(scale.clone(), shift.clone()),
        Op::Alone => StoredOp::Alone,
    };
    let curve = match node.act.curve {
        Curve::None => StoredCurve::None,
        Curve::HardSwish => StoredCurve::HardSwish,
        Curve::Sigmoid => StoredCurve::Sigmoid,
        Curve::Silu => StoredCurve::Silu,
        Curve::Gelu => StoredCurve::Gelu,
    };
    let (lo, hi) = (node.act.lo, node.act.hi);
    let inputs = node.inputs.iter().map(|input| narrow(*input)).collect();
    StoredNode { op, lo, hi, curve, inputs, size: stored_size(node.size) }
}

fn live_node(node: StoredNode) -> Node {
    let StoredNode { op, lo, hi, curve, inputs, size } = node;
    let op = match op {
        StoredOp::Dense(window) => Op::Dense(live_window(window)),
        StoredOp::Depthwise(window) => Op::Depthwise(live_window(window)),
        StoredOp::Plus => Op::Plus,
        StoredOp::Times => Op::Times,
        StoredOp::Scaled => Op::Scaled,
        StoredOp::Sum(factor) => Op::Sum(factor),
        StoredOp::Affine(scale, shift) => Op::Affine(scale, shift),
        StoredOp::Alone => Op::Alone,
    };
    let curve = match curve {
        StoredCurve::None => Curve::None,
        StoredCurve::HardSwish => Curve::HardSwish,
        StoredCurve::Sigmoid => Curve::Sigmoid,
        StoredCurve::Silu => Curve::Silu,
        StoredCurve::Gelu => Curve::Gelu,
    };
    let inputs = inputs.into_iter().map(|input| input as usize).collect();
    Node { op, act: Act { lo, hi, curve }, inputs, size: live_size(size) }
}

impl Tail {
    /// As bytes that [`Tail::from_bytes`] understands.
    pub fn to_bytes(&self) -> Vec<u8> {
        let network = &self.network;
        let blocks = network.blocks().iter();
        let stored = StoredTail {
            version: VERSION,
            base: self.base.0,
            cut: self.cut.clone(),
            late: self.late.iter().map(|block| narrow(*block)).collect(),
            input: stored_size(network.input()),
            nodes: network.nodes().iter().map(stored_node).collect(),
            blocks: blocks.map(|block| (narrow(block.value), block.largest)).collect(),
            weights: network
                .weights()
                .iter()
                .flat_map(|weight| f16::from_f32(*weight).to_le_bytes())
                .collect(),
        };
        postcard::to_allocvec(&stored)
            .expect("postcard writes every serde value of known length to a growing vector")
    }

    /// From what [`Tail::to_bytes`] gave.
    ///
    /// # Errors
    /// [`TailError::Damaged`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TailError> {
        let damaged = |what: &str| TailError::Damaged(what.to_owned());
        let stored: StoredTail =
            postcard::from_bytes(bytes).map_err(|error| TailError::Damaged(error.to_string()))?;
        if stored.version != VERSION {
            let what = format!("version {}, wanted {VERSION}", stored.version);
            return Err(TailError::Damaged(what));
        }
        let (weights, []) = stored.weights.as_chunks::<2>() else {
            return Err(damaged("half a weight stands at the end"));
        };
        let weights = weights.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect();
        if stored.nodes.len() > MAX_NODES {
            return Err(damaged("it has too many layers"));
        }
        if stored.late.len() != stored.blocks.len() || !stored.late.is_sorted() {
            return Err(damaged("its blocks are not those of the feature"));
        }
        if stored.blocks.iter().any(|(value, _)| *value == 0) {
            return Err(damaged("a block comes from before the cut"));
        }
        let blocks = stored.blocks.into_iter();
        let blocks = blocks.map(|(value, largest)| Block { value: value as usize, largest });
        let nodes = stored.nodes.into_iter().map(live_node).collect();
        let network = Network::new(live_size(stored.input), nodes, blocks.collect(), weights)
            .map_err(TailError::Damaged)?;
        let late = stored.late.into_iter().map(|block| block as usize).collect();
        Ok(Self { base: Fingerprint(stored.base), cut: stored.cut, late, network })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_curve_comes_back_from_its_bytes() {
        let size = Size { channels: 2, height: 3, width: 4 };
        for curve in [Curve::None, Curve::HardSwish, Curve::Sigmoid, Curve::Silu, Curve::Gelu] {
            let act = Act { lo: -1.0, hi: 6.0, curve };
            let node = Node { op: Op::Alone, act, inputs: vec![3], size };
            let bytes = postcard::to_stdvec(&stored_node(&node)).expect("it is small");
            let back: StoredNode = postcard::from_bytes(&bytes).expect("it is whole");
            assert_eq!(live_node(back), node);
        }
    }
}
