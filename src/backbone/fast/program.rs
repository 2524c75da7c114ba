//! A part of a network as steps over buffers that are planned once.

use super::net::{Leaves, Map};
use fieldtune_kernels::conv::{Conv, Window, convolve};
use fieldtune_kernels::depthwise::{Depthwise, Rows, depthwise};
use fieldtune_kernels::elementwise::{With, elementwise};
use fieldtune_kernels::point::{point, scaled_point};
use fieldtune_kernels::pool::{Pool, global, pool};
use fieldtune_kernels::{Act, Level, Part, PartMut, layout};

/// What a step does.
#[derive(Debug)]
pub(super) enum Kind {
    ToBlocks,
    Point(Conv),
    /// As that, of every so many pixels.
    Stepped {
        conv: Conv,
        step: [usize; 2],
    },
    /// As that, of a map times the last input.
    Gated(Conv),
    /// With the map within its border, and the places of a window in it.
    Dense {
        conv: Conv,
        padded: [usize; 2],
        taps: Vec<usize>,
    },
    Depthwise(Depthwise),
    /// Strips of so many rows, of which so many of what lies between are kept.
    Expanded {
        expand: Conv,
        depthwise: Depthwise,
        rows: usize,
        kept: usize,
    },
    Pad {
        pad: [usize; 2],
    },
    Pool(Pool, Window),
    Sum(f32),
    Plus(Act),
    Times(Act),
    Scaled(Act),
    Affine(Vec<f32>, Vec<f32>, Act),
    Alone(Act),
    /// Channels of each input.
    Concat(Vec<Map>),
}

/// Where a step reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Slot(usize),
    /// What came from outside.
    Input(usize),
}

#[derive(Debug)]
pub(super) struct Step {
    pub(super) kind: Kind,
    pub(super) inputs: Vec<Source>,
    /// The map of the first input.
    pub(super) from: Map,
    pub(super) slot: usize,
    pub(super) map: Map,
    pub(super) name: String,
}

#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) source: Source,
    pub(super) map: Map,
    pub(super) leaves: Leaves,
}

/// Steps, packed weights, and the buffers that they need.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) level: Level,
    pub(super) lanes: usize,
    pub(super) steps: Vec<Step>,
    pub(super) results: Vec<Outcome>,
    /// Values of each buffer.
    pub(super) slots: Vec<usize>,
    /// Values of the largest map within a border.
    pub(super) border: usize,
    /// Values of the longest row.
    pub(super) row: usize,
    /// The most weights of a convolution that are multiplied with a vector.
    pub(super) gated: usize,
}

/// The buffers of a program.
#[derive(Debug, Clone, Default)]
pub(super) struct Buffers {
    slots: Vec<Vec<f32>>,
    border: Vec<f32>,
    zeros: Vec<f32>,
    gated: Vec<f32>,
}

/// A step as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Of the network's node.
    pub name: String,
    /// What it does.
    pub kind: String,
    /// Of its result.
    pub shape: Vec<usize>,
    /// Multiply-accumulates.
    pub work: usize,
}

/// What is called after each layer; it may ask which.
pub(in crate::backbone) type After<'a> = dyn FnMut(&dyn Fn() -> Layer) + 'a;

impl Program {
    pub(super) fn buffers(&self) -> Buffers {
        Buffers {
            slots: self.slots.iter().map(|len| vec![0.0; *len]).collect(),
            border: vec![0.0; self.border],
            zeros: vec![0.0; self.row],
            gated: vec![0.0; self.gated],
        }
    }

    /// Computes all steps; allocates nothing.
    ///
    /// * `inputs`: of each input `[channels][pixels]`; `after`: is called after each step.
    pub(super) fn run(&self, inputs: &[&[f32]], buffers: &mut Buffers, after: &mut After) {
        for step in &self.steps {
            let mut out = std::mem::take(&mut buffers.slots[step.slot]);
            let len = step.map.channels.div_ceil(self.lanes) * self.lanes * step.map.pixels();
            self.step(step, inputs, buffers, &mut out[..len]);
            buffers.slots[step.slot] = out;
            after(&|| step.layer());
        }
    }

    /// Puts result number `at` where it is wanted, in its order.
    pub(super) fn result(
        &self,
        at: usize,
        inputs: &[&[f32]],
        buffers: &mut Buffers,
        out: &mut [f32],
    ) {
        let Outcome { source, map, leaves } = &self.results[at];
        let (pixels, channels) = (map.pixels(), map.channels);
        let blocks = channels.div_ceil(self.lanes) * self.lanes;
        let Source::Slot(slot) = *source else {
            if let Source::Input(input) = *source {
                out.copy_from_slice(inputs[input]);
            }
            return;
        };
        let data = &buffers.slots[slot][..blocks * pixels];
        match leaves {
            Leaves::Planar => layout::from_blocks(self.lanes, data, pixels, out),
            Leaves::Pooled => {
                let (sums, largest) = buffers.border.split_at_mut(blocks);
                global(self.level, data, pixels, 1.0, sums, &mut largest[..blocks]);
                out[..channels].copy_from_slice(&sums[..channels]);
                out[channels..].copy_from_slice(&largest[..channels]);
            }
        }
    }

    /// Result number `at` as a map, `[channels][pixels]`, also where only its sums leave: what it is read from lies there until
    /// the next run.
    ///
    /// * returns its height and width; `None` where it is what came from outside.
    pub(super) fn map(
        &self,
        at: usize,
        buffers: &Buffers,
        out: &mut Vec<f32>,
    ) -> Option<[usize; 2]> {
        let Outcome { source, map, .. } = &self.results[at];
        let Source::Slot(slot) = *source else { return None };
        let blocks = map.channels.div_ceil(self.lanes) * self.lanes;
        out.resize(map.channels * map.pixels(), 0.0);
        let data = &buffers.slots[slot][..blocks * map.pixels()];
        layout::from_blocks(self.lanes, data, map.pixels(), out);
        Some(map.size)
    }

    fn step(&self, step: &Step, inputs: &[&[f32]], buffers: &mut Buffers, out: &mut [f32]) {
        let Buffers { slots, border, zeros, gated } = buffers;
        let (level, lanes) = (self.level, self.lanes);
        let source = |source: Source, map: &Map| match source {
            Source::Slot(slot) => {
                &slots[slot][..map.channels.div_ceil(lanes) * lanes * map.pixels()]
            }
            Source::Input(input) => inputs[input],
        };
        let Step { kind, from, map, .. } = step;
        let a = source(step.inputs[0], from);
        let second = || source(step.inputs[1], map);
        let (pixels, stride) = (map.pixels(), map.pixels() * lanes);
        let with =
            |with: With, act: Act, out: &mut [f32]| elementwise(level, a, pixels, with, act, out);
        match kind {
            Kind::ToBlocks => layout::to_blocks(lanes, a, map.channels, pixels, out),
            Kind::Point(conv) => {
                let residual = step.inputs.get(1).map(|_| Part { data: second(), at: 0, stride });
                let out = &mut PartMut { data: out, at: 0, stride };
                point(level, Part { data: a, at: 0, stride }, pixels, conv, residual, out);
            }
            Kind::Stepped { conv, step: steps } => {
                let residual = step.inputs.get(1).map(|_| Part { data: second(), at: 0, stride });
                let border = &mut border[..from.channels.div_ceil(lanes) * stride];
                layout::subsample(lanes, a, from.size, *steps, map.size, border);
                let out = &mut PartMut { data: out, at: 0, stride };
                point(level, Part { data: border, at: 0, stride }, pixels, conv, residual, out);
            }
            Kind::Gated(conv) => {
                let (gate, before) = step.inputs.split_last().expect("a map and a vector");
                let factors = source(*gate, &Map { channels: from.channels, size: [1, 1] });
                let residual = before.get(1).map(|_| Part { data: second(), at: 0, stride });
                let input = Part { data: a, at: 0, stride };
                let out = &mut PartMut { data: out, at: 0, stride };
                scaled_point(level, input, factors, pixels, conv, residual, gated, out);
            }
            Kind::Dense { conv, padded, taps } => {
                let residual = step.inputs.get(1).map(|_| Part { data: second(), at: 0, stride });
                let out = &mut PartMut { data: out, at: 0, stride };
                let rows = [0, map.size[0]];
                let input = if *padded == from.size {
                    a
                } else {
                    let (planes, inner) = if conv.planar {
                        (from.channels, 1)
                    } else {
                        (from.channels.div_ceil(lanes), lanes)
                    };
                    let border = &mut border[..planes * padded[0] * padded[1] * inner];
                    layout::pad(inner, a, from.size, conv.window.pad, *padded, border);
                    border
                };
                convolve(level, input, *padded, taps, conv, rows, map.size[1], residual, out);
            }
            Kind::Expanded { expand, depthwise: weights, rows, kept } => {
                let ([height, width], [_, across]) = (from.size, map.size);
                let Window { stride: [down, _], pad: [above, _], .. } = weights.window;
                let (plane, ring) = (kept * width * lanes, &mut border[..]);
                let mut made = 0;
                for top in (0..map.size[0]).step_by(*rows) {
                    let end = (top + rows).min(map.size[0]);
                    let needed = (end - 1) * down + weights.window.reach(0);
                    let needed = needed.saturating_sub(above).min(height);
                    made = made.max((top * down).saturating_sub(above));
                    while made < needed {
                        // Up to where the ring begins again.
                        let count = (needed - made).min(kept - made % kept);
                        let input =
                            Part { data: a, at: made * width, stride: height * width * lanes };
                        let out =
                            &mut PartMut { data: ring, at: made % kept * width, stride: plane };
                        point(level, input, count * width, expand, None, out);
                        made += count;
                    }
                    let strip = Rows { data: ring, kept: *kept, size: from.size, zeros };
                    let out = &mut out[top * across * lanes..];
                    depthwise(level, strip, weights, top, end, across, out, stride);
                }
            }
            Kind::Depthwise(weights) => {
                let rows = Rows { data: a, kept: from.size[0], size: from.size, zeros };
                let [height, width] = map.size;
                depthwise(level, rows, weights, 0, height, width, out, stride);
            }
            Kind::Pad { pad } => layout::pad(lanes, a, from.size, *pad, map.size, out),
            Kind::Pool(how, window) => pool(level, *how, *window, a, from.size, out, map.size),
            Kind::Sum(scale) => global(level, a, from.pixels(), *scale, out, &mut []),
            Kind::Plus(act) => with(With::Plus(second()), *act, out),
            Kind::Times(act) => with(With::Times(second()), *act, out),
            Kind::Scaled(act) => {
                let vector = Map { channels: map.channels, size: [1, 1] };
                with(With::Scaled(source(step.inputs[1], &vector)), *act, out);
            }
            Kind::Affine(scale, shift, act) => with(With::Affine(scale, shift), *act, out),
            Kind::Alone(act) => with(With::Nothing, *act, out),
            Kind::Concat(maps) => {
                let mut at = 0;
                for (input, map) in step.inputs.iter().zip(maps) {
                    layout::append(lanes, source(*input, map), map.channels, pixels, at, out);
                    at += map.channels;
                }
            }
        }
    }
}

impl Step {
    fn layer(&self) -> Layer {
        let pixels = self.map.pixels();
        let (kind, work) = match &self.kind {
            Kind::ToBlocks => ("to blocks", 0),
            Kind::Point(conv) | Kind::Gated(conv) | Kind::Stepped { conv, .. } => {
                ("1x1", conv.work(pixels))
            }
            Kind::Dense { conv, .. } if conv.planar => ("first", conv.work(pixels)),
            Kind::Dense { conv, .. } => ("dense", conv.work(pixels)),
            Kind::Depthwise(weights) => ("depthwise", weights.work(pixels)),
            Kind::Expanded { expand, depthwise, .. } => {
                let before = expand.work(self.from.pixels());
                ("1x1, depthwise", before + depthwise.work(pixels))
            }
            Kind::Pad { .. } => ("pad", 0),
            Kind::Pool(..) => ("pool", 0),
            Kind::Sum(_) => ("global pool", 0),
            Kind::Plus(_) => ("add", 0),
            Kind::Times(_) | Kind::Scaled(_) => ("multiply", 0),
            Kind::Affine(..) | Kind::Alone(_) => ("activation", 0),
            Kind::Concat(_) => ("concat", 0),
        };
        let [height, width] = self.map.size;
        let shape = vec![1, self.map.channels, height, width];
        Layer { name: self.name.clone(), kind: kind.to_owned(), shape, work }
    }
}
