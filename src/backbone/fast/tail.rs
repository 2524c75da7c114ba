//! The end of a network as layers that can be trained, and such layers as a program of the kernels.

use std::collections::{HashMap, HashSet};

use fieldtune_math::layers;
use tract_core::internal::*;
use tract_core::optim::Optimizer;

use super::Vectors;
use super::lift::lift;
use super::lifted::{Lifted, Order, map_of};
use super::net::{Leaves, Map, Net, Node, Op, Weights};
use super::program::{Buffers, Program};
use super::share::Team;
use fieldtune_kernels::Act;
use fieldtune_kernels::conv::Window;
use fieldtune_kernels::pool::Pool;

/// An operator that cannot be trained.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::backbone) struct Untrainable {
    /// The operator, as the runtime calls it.
    pub(in crate::backbone) operator: String,
    /// Its node.
    pub(in crate::backbone) node: String,
}

/// A network of the runtime whose end is looked for.
pub(in crate::backbone) struct Ends {
    model: TypedModel,
    order: Vec<usize>,
}

/// A place where all paths of a network meet.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::backbone) struct Cut {
    /// The node behind which it is.
    pub(in crate::backbone) node: String,
    /// Pixels of its map.
    pub(in crate::backbone) pixels: usize,
}

impl Ends {
    /// * `model`: as it was read.
    pub(in crate::backbone) fn of(mut model: TypedModel) -> TractResult<Self> {
        Optimizer::prop_consts().optimize(&mut model)?;
        let order = model.eval_order()?;
        Ok(Self { model, order })
    }

    fn is_stored(&self, id: usize) -> bool {
        self.model.node(id).outputs.first().is_none_or(|output| output.fact.konst.is_some())
    }

    /// Where the network can be cut, the last first: before the last convolution with a window, before the one before
    /// it, and so on. Of all places between two such convolutions it is the one with the smallest map, the last of equals.
    ///
    /// * `known`: whether a node's value can be named.
    pub(in crate::backbone) fn cuts(&self, known: impl Fn(&str) -> bool) -> Vec<Cut> {
        let order: Vec<usize> =
            self.order.iter().copied().filter(|id| !self.is_stored(*id)).collect();
        let places: HashMap<usize, usize> =
            order.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        // Of each place, the last one that reads what is before it.
        let mut furthest = vec![0; order.len()];
        for (place, id) in order.iter().enumerate() {
            let inputs = self.model.node(*id).inputs.iter();
            for from in inputs.filter_map(|input| places.get(&input.node)) {
                furthest[*from] = furthest[*from].max(place);
            }
        }
        let (mut cuts, mut reach, mut best): (Vec<Cut>, usize, Option<(usize, Cut)>) =
            (Vec::new(), 0, None);
        for (place, id) in order.iter().enumerate() {
            let node = self.model.node(*id);
            if self.has_window(*id)
                && let Some((_, cut)) = best.take()
            {
                cuts.push(cut);
            }
            let map = planar(&node.outputs[0].fact).filter(|map| map.pixels() > 1);
            if reach <= place
                && known(&node.name)
                && node.outputs.len() == 1
                && let Some(map) = map
                && !self.model.inputs.iter().any(|input| input.node == *id)
            {
                let values = map.channels * map.pixels();
                if best.as_ref().is_none_or(|(smallest, _)| values <= *smallest) {
                    best = Some((values, Cut { node: node.name.clone(), pixels: map.pixels() }));
                }
            }
            reach = reach.max(furthest[place]);
        }
        // With a single convolution of that kind it is the end behind it.
        if cuts.is_empty() {
            cuts.extend(best.map(|(_, cut)| cut));
        }
        cuts.reverse();
        cuts
    }

    fn has_window(&self, id: usize) -> bool {
        let conv = self.model.node(id).op_as::<tract_core::ops::cnn::Conv>();
        conv.is_some_and(|conv| conv.pool_spec.kernel_shape.iter().product::<usize>() > 1)
    }

    /// The layers behind a cut.
    ///
    /// * `cut`: the last output of the network; the others are its taps.
    /// * `pools`: of each tap, for each block whether it is the largest value of a channel instead of the mean.
    /// * returns the layers, and which taps come from them.
    ///
    /// # Errors
    /// The first operator that cannot be trained.
    pub(in crate::backbone) fn layers(
        &self,
        pools: &[Vec<bool>],
    ) -> Result<(layers::Network, Vec<bool>), Untrainable> {
        let (cut, taps) = self.model.outputs.split_last().expect("the cut is an output");
        let taps: Vec<OutletId> = taps.iter().map(|tap| self.unflattened(*tap)).collect();
        let mut behind: HashSet<usize> = HashSet::from([cut.node]);
        for id in &self.order {
            let inputs = &self.model.node(*id).inputs;
            if inputs.iter().any(|input| behind.contains(&input.node)) {
                behind.insert(*id);
            }
        }
        let late: Vec<bool> =
            taps.iter().map(|tap| tap.node != cut.node && behind.contains(&tap.node)).collect();
        let wanted = taps.iter().zip(&late).filter(|(_, late)| **late).map(|(tap, _)| tap.node);
        let (mut net, values) = self.net(*cut, wanted.collect())?;
        let mut blocks = Vec::new();
        for ((tap, pools), _) in taps.iter().zip(pools).zip(&late).filter(|(_, late)| **late) {
            for largest in pools {
                net.outputs.push((values[tap], Leaves::Pooled));
                blocks.push(*largest);
            }
        }
        let net = net.fuse();
        let network = trainable(&net, &blocks)?;
        Ok((network, late))
    }

    /// The operator of a node; what only matters in training hands on its input.
    fn lifted(&self, id: usize) -> Option<Lifted> {
        let node = self.model.node(id);
        match (&*node.op.name(), node.inputs.as_slice()) {
            ("Dropout" | "Identity", &[input]) => {
                let map = planar(self.model.outlet_fact(input).ok()?)?;
                Some(Lifted { op: None, act: Act::NONE, inputs: vec![input], map })
            }
            _ => lift(&self.model, node, Order::Planar),
        }
    }

    /// The vector before it was flattened.
    fn unflattened(&self, tap: OutletId) -> OutletId {
        let mut outlet = tap;
        while let [input] = *self.model.node(outlet.node).inputs.as_slice()
            && self.model.node(outlet.node).op.is::<AxisOp>()
        {
            outlet = input;
        }
        let map = self.model.outlet_fact(outlet).ok().and_then(planar);
        if map.is_some_and(|map| map.pixels() == 1) { outlet } else { tap }
    }

    /// The operators from the cut to these nodes.
    fn net(
        &self,
        cut: OutletId,
        mut wanted: HashSet<usize>,
    ) -> Result<(Net, HashMap<OutletId, usize>), Untrainable> {
        let model = &self.model;
        let refused = |id: usize| {
            let node = model.node(id);
            Untrainable { operator: node.op.name().into_owned(), node: node.name.clone() }
        };
        let mut steps = Vec::new();
        for id in self.order.iter().rev().filter(|id| **id != cut.node) {
            if wanted.contains(id) && !self.is_stored(*id) {
                let lifted = self.lifted(*id).ok_or_else(|| refused(*id))?;
                wanted.extend(lifted.inputs.iter().map(|input| input.node));
                steps.push((*id, lifted));
            }
        }
        let map = model.outlet_fact(cut).ok().and_then(planar).ok_or_else(|| refused(cut.node))?;
        let input =
            Node { name: "cut".to_owned(), op: Op::Input, act: Act::NONE, inputs: vec![], map };
        let mut net = Net { nodes: vec![input], outputs: Vec::new() };
        let mut values = HashMap::from([(cut, 0)]);
        for (id, lifted) in steps.into_iter().rev() {
            let inputs = lifted.inputs.iter().map(|input| values.get(input).copied());
            let inputs: Vec<usize> = inputs.collect::<Option<_>>().ok_or_else(|| refused(id))?;
            let value = match lifted.op {
                None => inputs[0],
                Some(op) => {
                    let name = model.node(id).name.clone();
                    net.nodes.push(Node { name, op, act: lifted.act, inputs, map: lifted.map });
                    net.nodes.len() - 1
                }
            };
            values.insert(id.into(), value);
        }
        Ok((net, values))
    }
}

/// * `blocks`: of each output of the net, whether it is the largest value instead of the mean.
fn trainable(net: &Net, blocks: &[bool]) -> Result<layers::Network, Untrainable> {
    let refused = |node: &Node, operator: &str| Untrainable {
        operator: operator.to_owned(),
        node: node.name.clone(),
    };
    let (mut nodes, mut weights) = (Vec::new(), Vec::new());
    for node in &net.nodes[1..] {
        let from = net.nodes[node.inputs.first().copied().unwrap_or(0)].map;
        let op = match &node.op {
            Op::Dense(window, stored) => {
                flatten(stored, *window, [node.map.channels, from.channels], &mut weights);
                layers::Op::Dense(*window)
            }
            Op::Depthwise(window, stored) => {
                flatten_depthwise(stored, *window, node.map.channels, &mut weights);
                layers::Op::Depthwise(*window)
            }
            Op::Pool(Pool::Mean | Pool::MeanOfAll, window)
                if window.size == from.size && node.map.pixels() == 1 && window.pad == [0, 0] =>
            {
                layers::Op::Sum(1.0 / from.pixels() as f32)
            }
            Op::Sum(factor) => layers::Op::Sum(*factor),
            Op::Plus => layers::Op::Plus,
            Op::Times => layers::Op::Times,
            Op::Scaled => layers::Op::Scaled,
            Op::Affine(scale, shift) => layers::Op::Affine(scale.clone(), shift.clone()),
            Op::Alone => layers::Op::Alone,
            Op::Input | Op::Rows => return Err(refused(node, "Input")),
            Op::Norm(..) => return Err(refused(node, "LayerNormalization")),
            Op::Attention(_) => return Err(refused(node, "Attention")),
            Op::Gated(_) => return Err(refused(node, "Gated")),
            Op::Expanded(..) => return Err(refused(node, "Expanded")),
            Op::Pad(_) => return Err(refused(node, "Pad")),
            Op::Pool(..) => return Err(refused(node, "Pool")),
            Op::Concat => return Err(refused(node, "Concat")),
        };
        let act = node.act;
        nodes.push(layers::Node { op, act, inputs: node.inputs.clone(), size: size_of(node.map) });
    }
    let outputs = net.outputs.iter().zip(blocks);
    let blocks =
        outputs.map(|((value, _), largest)| layers::Block { value: *value, largest: *largest });
    let input = size_of(net.nodes[0].map);
    layers::Network::new(input, nodes, blocks.collect(), weights).map_err(|what| {
        let last = net.nodes.last().map_or_else(String::new, |node| node.name.clone());
        Untrainable { operator: what, node: last }
    })
}

fn planar(fact: &TypedFact) -> Option<Map> {
    map_of(fact, Order::Planar)
}

fn size_of(map: Map) -> layers::Size {
    layers::Size { channels: map.channels, height: map.size[0], width: map.size[1] }
}

fn map_from(size: layers::Size) -> Map {
    Map { channels: size.channels, size: [size.height, size.width] }
}

fn flatten(stored: &Weights, window: Window, [out, from]: [usize; 2], weights: &mut Vec<f32>) {
    let view = stored.tensor.to_plain_array_view::<f32>().expect("lifted weights are f32");
    let values: Vec<f32> = view.iter().copied().collect();
    let [of_out, of_input, of_place] = stored.steps;
    for at in 0..out {
        for place in 0..window.size[0] * window.size[1] {
            for channel in 0..from {
                let value = values[at * of_out + channel * of_input + place * of_place];
                weights.push(value * stored.scale[at]);
            }
        }
    }
    weights.extend_from_slice(&stored.bias);
}

fn flatten_depthwise(stored: &Weights, window: Window, channels: usize, weights: &mut Vec<f32>) {
    let view = stored.tensor.to_plain_array_view::<f32>().expect("lifted weights are f32");
    let values: Vec<f32> = view.iter().copied().collect();
    let [of_out, _, of_place] = stored.steps;
    for place in 0..window.size[0] * window.size[1] {
        for channel in 0..channels {
            let value = values[channel * of_out + place * of_place];
            weights.push(value * stored.scale[channel]);
        }
    }
    weights.extend_from_slice(&stored.bias);
}

/// Layers ready to run over one map at a time.
pub(in crate::backbone) struct Runner {
    way: Way,
    /// Of each block, its map's pixels and whether it is the largest value.
    blocks: Vec<(usize, bool)>,
    pooled: Vec<f32>,
}

enum Way {
    Kernels(Program, Buffers),
    Plain(Box<layers::Network>, layers::Pass),
}

impl Runner {
    /// * `network`: whose blocks come from its nodes.
    pub(in crate::backbone) fn new(network: &layers::Network, vectors: Vectors) -> Self {
        let size = |value: usize| network.nodes()[value - 1].size;
        let blocks =
            network.blocks().iter().map(|block| (size(block.value).pixels(), block.largest));
        let blocks = blocks.collect();
        let way = match vectors.level.filter(|_| has_kernels(network)) {
            Some(level) => {
                let program = Program::new(net_of(network), level, 1);
                let buffers = program.buffers();
                Way::Kernels(program, buffers)
            }
            None => Way::Plain(Box::new(network.clone()), layers::Pass::default()),
        };
        Self { way, blocks, pooled: Vec::new() }
    }

    /// Appends the blocks, each of length one.
    ///
    /// * `map`: `[channels][pixels]`.
    pub(in crate::backbone) fn run(&mut self, map: &[f32], feature: &mut Vec<f32>) {
        match &mut self.way {
            Way::Kernels(program, buffers) => {
                program.run(&[map], buffers, &Team::ALONE, &mut |_| ());
                for (at, (pixels, largest)) in self.blocks.iter().enumerate() {
                    let from = feature.len();
                    self.pooled.resize(2 * program.results[at].map.channels, 0.0);
                    program.result(at, &[map], buffers, &mut self.pooled);
                    let (sums, most) = self.pooled.split_at(self.pooled.len() / 2);
                    if *largest {
                        feature.extend_from_slice(most);
                    } else {
                        feature.extend(sums.iter().map(|sum| sum / *pixels as f32));
                    }
                    crate::backbone::normalise(&mut feature[from..]);
                }
            }
            Way::Plain(network, pass) => {
                network.forward(&turned(map, network.input()), pass);
                feature.extend_from_slice(pass.feature());
            }
        }
    }
}

/// `[channels][pixels]` as `[pixels][channels]`.
pub(in crate::backbone) fn turned(map: &[f32], size: layers::Size) -> Vec<f32> {
    let pixels = size.pixels();
    let at = |index: usize| map[index % size.channels * pixels + index / size.channels];
    (0..map.len()).map(at).collect()
}

/// Longer steps have no kernel.
fn has_kernels(network: &layers::Network) -> bool {
    network.nodes().iter().all(|node| match &node.op {
        layers::Op::Dense(window) => window.stride[1] <= 2,
        _ => true,
    })
}

fn net_of(network: &layers::Network) -> Net {
    let input = map_from(network.input());
    let mut nodes = vec![Node {
        name: "cut".to_owned(),
        op: Op::Input,
        act: Act::NONE,
        inputs: Vec::new(),
        map: input,
    }];
    for (at, node) in network.nodes().iter().enumerate() {
        let [values, bias] = network.of_node(at);
        let channels = node.size.channels;
        let stored = |steps: [usize; 3]| Weights {
            tensor: tensor1(values).into_arc_tensor(),
            steps,
            scale: vec![1.0; channels],
            bias: bias.to_vec(),
        };
        let from = nodes[node.inputs[0]].map;
        let op = match &node.op {
            layers::Op::Dense(window) => {
                let places = window.size[0] * window.size[1];
                let steps = [places * from.channels, 1, from.channels];
                Op::Dense(*window, stored(steps))
            }
            layers::Op::Depthwise(window) => Op::Depthwise(*window, stored([1, 1, channels])),
            layers::Op::Plus => Op::Plus,
            layers::Op::Times => Op::Times,
            layers::Op::Scaled => Op::Scaled,
            layers::Op::Sum(factor) => Op::Sum(*factor),
            layers::Op::Affine(scale, shift) => Op::Affine(scale.clone(), shift.clone()),
            layers::Op::Alone => Op::Alone,
        };
        let (act, map, inputs) = (node.act, map_from(node.size), node.inputs.clone());
        nodes.push(Node { name: format!("tail.{at}"), op, act, inputs, map });
    }
    let outputs = network.blocks().iter().map(|block| (block.value, Leaves::Pooled)).collect();
    Net { nodes, outputs }
}
