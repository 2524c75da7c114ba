//! From operators to steps: weights are packed, and values whose times do not overlap share a buffer.

use super::net::{Leaves, Map, Net, Node, Op, Weights};
use super::program::{Kind, Outcome, Program, Source, Step};
use super::share::Share;
use fieldtune_kernels::attention::Attention;
use fieldtune_kernels::conv::{Conv, Window};
use fieldtune_kernels::depthwise::Depthwise;
use fieldtune_kernels::norm::Norm;
use fieldtune_kernels::winograd::Winograd;
use fieldtune_kernels::{Act, Level};

impl Program {
    /// Packs the weights, and lets go of those of the file one after the other.
    ///
    /// * `threads`: that share the work of a frame.
    pub(super) fn new(net: Net, level: Level, threads: usize) -> Self {
        let net = net.gate().expand(|map, window| Strip::of(map, window).is_worth(map));
        Self::planned(net, level, Share::among(threads))
    }

    /// As it is.
    pub(super) fn planned(net: Net, level: Level, share: Share) -> Self {
        let mut plan = Plan::new(&net, level, share);
        let Net { nodes, outputs } = net;
        let maps: Vec<Map> = nodes.iter().map(|node| node.map).collect();
        let planar: Vec<bool> = nodes.iter().map(|node| plan.takes_planar(node)).collect();
        for (at, node) in nodes.into_iter().enumerate() {
            plan.add(at, node, &maps, planar[at]);
        }
        let result = |(output, leaves): (usize, Leaves)| Outcome {
            source: plan.places[output].unwrap_or(Source::Input(0)),
            map: maps[output],
            leaves,
        };
        let results = outputs.into_iter().map(result).collect();
        let Plan { steps, slots, border, row, scratch, lanes, .. } = plan;
        Self { level, lanes, steps, results, slots, border, row, scratch }
    }
}

/// A program in the making.
struct Plan {
    level: Level,
    share: Share,
    lanes: usize,
    steps: Vec<Step>,
    /// Where each value is, once it is made.
    places: Vec<Option<Source>>,
    /// The same of inputs that were brought into blocks.
    blocked: Vec<Option<usize>>,
    /// The step after which each value is not needed any more.
    last: Vec<usize>,
    /// Values of each slot, and the slots that are free.
    slots: Vec<usize>,
    free: Vec<usize>,
    /// Which inputs have their channels last.
    rows: Vec<bool>,
    border: usize,
    row: usize,
    scratch: usize,
}

impl Plan {
    fn new(net: &Net, level: Level, share: Share) -> Self {
        let count = net.nodes.len();
        let mut last: Vec<usize> = (0..count).collect();
        for (at, node) in net.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|input| last[*input] = at);
        }
        net.outputs.iter().for_each(|(output, _)| last[*output] = count);
        let lanes = level.lanes();
        // Results are pooled where borders are made.
        let pooled = net.outputs.iter().map(|(output, _)| net.nodes[*output].map.channels);
        let border = pooled.max().unwrap_or(0).div_ceil(lanes) * lanes * 2;
        Self {
            level,
            share,
            lanes,
            steps: Vec::new(),
            places: vec![None; count],
            blocked: vec![None; count],
            last,
            slots: Vec::new(),
            free: Vec::new(),
            rows: Vec::new(),
            border,
            row: 0,
            scratch: 0,
        }
    }

    /// Whether a node would rather read an image as it comes.
    fn takes_planar(&self, node: &Node) -> bool {
        matches!(&node.op, Op::Dense(..)) && node.inputs.len() == 1
    }

    /// Whether a dense convolution is one of 3 x 3 that takes less time with fewer products: there have to be enough channels to be
    /// summed over, and enough pixels for the weights, which become more.
    fn by_winograd(window: Window, [from, to]: [Map; 2]) -> bool {
        let plain = Window { pad: window.pad, size: [3, 3], ..Window::ONE };
        window == plain && from.channels.min(to.channels) >= 16 && to.pixels() >= 40
    }

    fn len(&self, map: &Map) -> usize {
        map.channels.div_ceil(self.lanes) * self.lanes * map.pixels()
    }

    /// A buffer for a map: the free one that fits best.
    fn slot(&mut self, map: &Map) -> usize {
        let len = self.len(map);
        let best = (0..self.free.len()).min_by_key(|at| {
            let have = self.slots[self.free[*at]];
            if have >= len { (0, have - len) } else { (1, len - have) }
        });
        let slot = best.map(|at| self.free.swap_remove(at)).unwrap_or_else(|| {
            self.slots.push(0);
            self.slots.len() - 1
        });
        self.slots[slot] = self.slots[slot].max(len);
        slot
    }

    /// Where a value is in blocks.
    fn in_blocks(&mut self, value: usize, map: Map) -> Source {
        let place = self.places[value].unwrap_or(Source::Input(0));
        if let Source::Slot(_) = place {
            return place;
        }
        if let Some(slot) = self.blocked[value] {
            return Source::Slot(slot);
        }
        let slot = self.slot(&map);
        let name = "input".to_owned();
        let rows = matches!(place, Source::Input(input) if self.rows.get(input) == Some(&true));
        self.steps.push(Step {
            kind: if rows { Kind::FromRows } else { Kind::ToBlocks },
            inputs: vec![place],
            from: map,
            slot,
            map,
            parts: vec![map.channels.div_ceil(self.lanes)],
            name,
        });
        self.blocked[value] = Some(slot);
        Source::Slot(slot)
    }

    fn add(&mut self, at: usize, node: Node, maps: &[Map], planar: bool) {
        let Node { name, op, act, inputs, map } = node;
        if let Op::Input | Op::Rows = op {
            self.places[at] = Some(Source::Input(self.rows.len()));
            self.rows.push(matches!(op, Op::Rows));
            return;
        }
        let from = maps[inputs[0]];
        let outside = matches!(self.places[inputs[0]], Some(Source::Input(_)));
        let planar = planar && outside && from.channels <= 4;
        let sources: Vec<Source> = if planar {
            vec![self.places[inputs[0]].unwrap_or(Source::Input(0))]
        } else {
            inputs.iter().map(|input| self.in_blocks(*input, maps[*input])).collect()
        };
        let parts = self.parts(&op, from, map);
        let kind = self.kind(op, act, [from, map], planar, &parts, &inputs, maps);
        let slot = self.slot(&map);
        self.steps.push(Step { kind, inputs: sources, from, slot, map, parts, name });
        self.places[at] = Some(Source::Slot(slot));
        let mut done = inputs;
        done.push(at);
        done.sort_unstable();
        done.dedup();
        for value in done.into_iter().filter(|value| self.last[*value] == at) {
            if let Some(Source::Slot(slot)) = self.places[value] {
                self.free.push(slot);
            }
            self.free.extend(self.blocked[value].take());
        }
    }

    /// Blocks of channels of the result that are computed together, by one thread.
    fn parts(&self, op: &Op, from: Map, map: Map) -> Vec<usize> {
        let (blocks, values) = (map.channels.div_ceil(self.lanes), map.channels * map.pixels());
        let taps = |window: &Window| window.size[0] * window.size[1];
        // Multiply-accumulates, or what takes as long; and the blocks that go together, since they share weights.
        let (work, together) = match op {
            Op::Dense(window, _) => (values * from.channels * taps(window), 2),
            Op::Gated(_) => (values * from.channels, 2),
            Op::Depthwise(window, _) => (2 * values * taps(window), 1),
            Op::Expanded(_, _, window, _) => {
                (map.channels * from.pixels() * from.channels + 2 * values * taps(window), 2)
            }
            Op::Pool(_, window) => (4 * values * taps(window), 1),
            Op::Sum(_) => (4 * from.channels * from.pixels(), 1),
            Op::Plus | Op::Times | Op::Scaled | Op::Affine(..) | Op::Alone => (8 * values, 1),
            Op::Attention(heads) => (2 * values * from.pixels(), heads.size.div_ceil(self.lanes)),
            Op::Input | Op::Rows | Op::Pad(_) | Op::Concat | Op::Norm(..) => (0, 1),
        };
        self.share.parts(blocks, together, work)
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of a node, taken apart")]
    fn kind(
        &mut self,
        op: Op,
        act: Act,
        [from, map]: [Map; 2],
        planar: bool,
        parts: &[usize],
        inputs: &[usize],
        maps: &[Map],
    ) -> Kind {
        let padded_to = |values: Vec<f32>, lanes: usize| {
            let mut values = values;
            values.resize(values.len().div_ceil(lanes) * lanes, 0.0);
            values
        };
        match op {
            Op::Input => Kind::ToBlocks,
            Op::Rows => Kind::FromRows,
            Op::Norm(epsilon, scale, shift) => {
                Kind::Norm(Norm::new(self.level, epsilon, &scale, &shift))
            }
            Op::Attention(heads) => {
                let pixels = [map.pixels(), maps[inputs[1]].pixels()];
                let attention = Attention::new(self.level, heads.size, pixels, heads.scale);
                self.scratch = self.scratch.max(parts.len() * attention.scratch());
                Kind::Attention(Box::new(attention), heads)
            }
            Op::Dense(window, weights)
                if window.size == [1, 1] && window.pad == [0, 0] && !planar =>
            {
                let conv = dense(self.level, Window::ONE, [from, map], false, &weights, act, parts);
                if window.is_point() {
                    return Kind::Point(conv);
                }
                self.border = self.border.max(self.len(&Map { size: map.size, ..from }));
                Kind::Stepped { conv, step: window.stride }
            }
            Op::Dense(window, weights) if !planar && Self::by_winograd(window, [from, map]) => {
                let conv = winograd(self.level, window, [from, map], &weights, act, parts);
                let padded = conv.first().map(Winograd::padded).unwrap_or(from.size);
                if padded != from.size {
                    self.border = self.border.max(self.len(&Map { size: padded, ..from }));
                }
                self.scratch = self.scratch.max(conv.iter().map(Winograd::scratch).sum());
                Kind::Winograd(conv)
            }
            Op::Dense(window, weights) => {
                let conv = dense(self.level, window, [from, map], planar, &weights, act, parts);
                let padded = window.padded(from.size, map.size);
                let (planes, inner) = if planar {
                    (from.channels, 1)
                } else {
                    (from.channels.div_ceil(self.lanes), self.lanes)
                };
                if padded != from.size {
                    self.border = self.border.max(planes * padded[0] * padded[1] * inner);
                }
                let taps = conv.first().map(|conv| conv.taps(padded)).unwrap_or_default();
                Kind::Dense { conv, padded, taps }
            }
            Op::Gated(weights) => {
                let conv = dense(self.level, Window::ONE, [from, map], false, &weights, act, parts);
                self.scratch = self.scratch.max(conv.iter().map(Conv::weights).sum());
                Kind::Gated(conv)
            }
            Op::Depthwise(window, weights) => {
                self.row = self.row.max(from.size[1] * self.lanes);
                Kind::Depthwise(depthwise(self.level, window, map, &weights, act, parts))
            }
            Op::Expanded(expand, between, window, weights) => {
                self.row = self.row.max(from.size[1] * self.lanes);
                let wide = Map { channels: map.channels, ..from };
                let maps = [from, wide];
                let expand = dense(self.level, Window::ONE, maps, false, &expand, between, parts);
                let depthwise = depthwise(self.level, window, map, &weights, act, parts);
                let both = expand.into_iter().zip(depthwise).collect();
                let Strip { rows, kept, .. } = Strip::of(wide, window);
                self.border =
                    self.border.max(self.len(&Map { size: [kept, from.size[1]], ..wide }));
                Kind::Expanded { both, rows, kept }
            }
            Op::Pad(pad) => Kind::Pad { pad },
            Op::Pool(how, window) => Kind::Pool(how, window),
            Op::Sum(scale) => Kind::Sum(scale),
            Op::Plus => Kind::Plus(act),
            Op::Times => Kind::Times(act),
            Op::Scaled => Kind::Scaled(act),
            Op::Affine(scale, shift) => {
                Kind::Affine(padded_to(scale, self.lanes), padded_to(shift, self.lanes), act)
            }
            Op::Alone => Kind::Alone(act),
            Op::Concat => Kind::Concat(inputs.iter().map(|input| maps[*input]).collect()),
        }
    }
}

/// The rows that are computed at a time where a depthwise convolution reads what another one makes.
struct Strip {
    /// Of the output.
    rows: usize,
    /// Of the map between, those that the next strip reads again among them.
    kept: usize,
    /// Pixels of the map between that each strip makes.
    pixels: usize,
}

impl Strip {
    /// Values of the kept rows, if a strip can be as short: 128 KiB, a part of the second cache of a small core.
    const KEPT: usize = 1 << 15;

    /// Values of a map that may have left that cache when it is read: 512 KiB.
    const LARGE: usize = 1 << 17;

    /// Pixels below which the weights are read too often.
    const MIN_PIXELS: usize = 48;

    /// * `map`: the one between; `window`: of the depthwise convolution.
    fn of(map: Map, window: Window) -> Self {
        let (reach, step, width) = (window.reach(0), window.stride[0], map.size[1]);
        let rows = (Self::KEPT / (map.channels * width)).saturating_sub(reach) / step + 1;
        Self { rows, kept: (rows - 1) * step + reach, pixels: rows * step * width }
    }

    fn is_worth(&self, map: Map) -> bool {
        map.channels * map.pixels() > Self::LARGE && self.pixels >= Self::MIN_PIXELS
    }
}

/// The channels of each part: the first, and how many.
fn channels(
    parts: &[usize],
    lanes: usize,
    channels: usize,
) -> impl Iterator<Item = (usize, usize)> {
    parts.iter().scan(0, move |first, blocks| {
        let from = *first;
        *first += blocks * lanes;
        Some((from, (*first).min(channels) - from))
    })
}

/// The weights of a file, each times the factor of its output: of an output, an input and a place of the window.
///
/// * `first`: the output that is counted from.
fn weights_of(weights: &Weights, first: usize) -> impl Fn(usize, usize, usize) -> f32 {
    let Weights { tensor, steps, scale, .. } = weights;
    let values = tensor.to_plain_array_view::<f32>().ok().and_then(|values| values.to_slice());
    let values = values.unwrap_or_default();
    move |out, channel, tap| {
        let out = first + out;
        values[out * steps[0] + channel * steps[1] + tap * steps[2]] * scale[out]
    }
}

/// For each part its own weights.
fn depthwise(
    level: Level,
    window: Window,
    map: Map,
    weights: &Weights,
    act: Act,
    parts: &[usize],
) -> Vec<Depthwise> {
    let part = |(first, count): (usize, usize)| {
        let weight = weights_of(weights, first);
        let weight = |channel: usize, tap: usize| weight(channel, 0, tap);
        let bias = &weights.bias[first..first + count];
        Depthwise::new(level, window, count, weight, bias, act)
    };
    channels(parts, level.lanes(), map.channels).map(part).collect()
}

/// For each part its own weights.
fn winograd(
    level: Level,
    window: Window,
    maps: [Map; 2],
    weights: &Weights,
    act: Act,
    parts: &[usize],
) -> Vec<Winograd> {
    let part = |(first, count): (usize, usize)| {
        let (weight, bias) = (weights_of(weights, first), &weights.bias[first..first + count]);
        let channels = [maps[0].channels, count];
        Winograd::new(level, channels, window.pad, maps[1].size, weight, bias, act)
    };
    channels(parts, level.lanes(), maps[1].channels).map(part).collect()
}

/// For each part its own weights.
fn dense(
    level: Level,
    window: Window,
    maps: [Map; 2],
    planar: bool,
    weights: &Weights,
    act: Act,
    parts: &[usize],
) -> Vec<Conv> {
    let part = |(first, count): (usize, usize)| {
        let (weight, bias) = (weights_of(weights, first), &weights.bias[first..first + count]);
        let channels = [maps[0].channels, count];
        Conv::new(level, window, channels, planar, maps[1].pixels(), weight, bias, act)
    };
    channels(parts, level.lanes(), maps[1].channels).map(part).collect()
}
