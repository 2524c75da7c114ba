//! A part of a network as steps over buffers that are planned once.

use super::layer::Layer;
use super::net::{Heads, Leaves, Map};
use fieldtune_kernels::attention::{Attention, attend};
use fieldtune_kernels::conv::{Conv, Window, convolve};
use fieldtune_kernels::depthwise::{Depthwise, Rows, depthwise};
use fieldtune_kernels::elementwise::{With, elementwise};
use fieldtune_kernels::norm::{Norm, normalise};
use fieldtune_kernels::point::{point, scaled_point};
use fieldtune_kernels::pool::{Pool, global, pool};
use fieldtune_kernels::winograd::{Winograd, convolve_winograd};
use fieldtune_kernels::{Act, Level, Part, PartMut, layout};

use super::share::{Piece, Team};

/// What a step does; weights are those of each of its parts.
#[derive(Debug)]
pub(super) enum Kind {
    ToBlocks,
    Point(Vec<Conv>),
    /// As that, of every so many pixels.
    Stepped {
        conv: Vec<Conv>,
        step: [usize; 2],
    },
    /// As that, of a map times the last input.
    Gated(Vec<Conv>),
    /// With the map within its border, and the places of a window in it.
    Dense {
        conv: Vec<Conv>,
        padded: [usize; 2],
        taps: Vec<usize>,
    },
    /// As that, of 3 x 3, with fewer products.
    Winograd(Vec<Winograd>),
    Depthwise(Vec<Depthwise>),
    /// Strips of so many rows, of which so many of what lies between are kept.
    Expanded {
        both: Vec<(Conv, Depthwise)>,
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
    /// Rows of channels, brought into blocks.
    FromRows,
    Norm(Norm),
    Attention(Box<Attention>, Heads),
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
    /// Blocks of channels that are computed together, in their order.
    pub(super) parts: Vec<usize>,
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
    /// Values that steps need beside.
    pub(super) scratch: usize,
}

/// The buffers of a program.
#[derive(Debug, Clone, Default)]
pub(super) struct Buffers {
    slots: Vec<Vec<f32>>,
    border: Vec<f32>,
    zeros: Vec<f32>,
    scratch: Vec<f32>,
}

/// What is called after each layer; it may ask which.
pub(in crate::backbone) type After<'a> = dyn FnMut(&dyn Fn() -> Layer) + Send + 'a;

impl Program {
    pub(super) fn buffers(&self) -> Buffers {
        Buffers {
            slots: self.slots.iter().map(|len| vec![0.0; *len]).collect(),
            border: vec![0.0; self.border],
            zeros: vec![0.0; self.row],
            scratch: vec![0.0; self.scratch],
        }
    }

    /// Computes all steps; allocates nothing.
    ///
    /// * `inputs`: of each input `[channels][pixels]`; `team`: who shares the work; `after`: is called after each step.
    pub(super) fn run(
        &self,
        inputs: &[&[f32]],
        buffers: &mut Buffers,
        team: &Team,
        after: &mut After,
    ) {
        team.within(|| {
            for step in &self.steps {
                let mut out = std::mem::take(&mut buffers.slots[step.slot]);
                let len = step.map.channels.div_ceil(self.lanes) * self.lanes * step.map.pixels();
                self.step(step, inputs, buffers, team, &mut out[..len]);
                buffers.slots[step.slot] = out;
                after(&|| step.layer());
            }
        });
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
            Leaves::Rows => layout::to_rows(self.lanes, data, channels, pixels, out),
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

    fn step(
        &self,
        step: &Step,
        inputs: &[&[f32]],
        buffers: &mut Buffers,
        team: &Team,
        out: &mut [f32],
    ) {
        let Buffers { slots, border, zeros, scratch } = buffers;
        let (level, lanes) = (self.level, self.lanes);
        let source = |source: Source, map: &Map| match source {
            Source::Slot(slot) => {
                &slots[slot][..map.channels.div_ceil(lanes) * lanes * map.pixels()]
            }
            Source::Input(input) => inputs[input],
        };
        let Step { kind, from, map, parts, .. } = step;
        let a = source(step.inputs[0], from);
        let second = || source(step.inputs[1], map);
        let (pixels, stride) = (map.pixels(), map.pixels() * lanes);
        let from_stride = from.pixels() * lanes;
        let plain = |out: &mut [f32], compute: &(dyn Fn(Piece) + Sync)| {
            team.each(parts, stride, out, &mut [], &|_| 0, &compute);
        };
        match kind {
            Kind::ToBlocks => layout::to_blocks(lanes, a, map.channels, pixels, out),
            Kind::FromRows => layout::from_rows(lanes, a, map.channels, pixels, out),
            Kind::Norm(norm) => normalise(level, a, pixels, norm, out),
            Kind::Attention(attention, heads) => {
                let maps = [0, 1, 2].map(|at| {
                    let Source::Slot(slot) = step.inputs[at] else { return (&[][..], 0) };
                    let of_keys = usize::from(at > 0);
                    (&slots[slot][..], attention.pixels()[of_keys] * lanes)
                });
                let blocks = heads.size / lanes;
                team.each(parts, stride, out, scratch, &|_| attention.scratch(), &|piece| {
                    let Piece { block, out, scratch, .. } = piece;
                    for (at, out) in out.chunks_exact_mut(blocks * stride).enumerate() {
                        let head = block / blocks + at;
                        let of_head = |at: usize| {
                            let ((map, plane), [first, step]) = (maps[at], heads.places[at]);
                            &map[(first + head * step) / lanes * plane..][..blocks * plane]
                        };
                        attend(level, [0, 1, 2].map(of_head), attention, scratch, out);
                    }
                });
            }
            Kind::Point(conv) => {
                let residual = step.inputs.get(1).map(|_| second());
                let input = Part { data: a, at: 0, stride };
                plain(out, &|Piece { part, block, out, .. }| {
                    let out = &mut PartMut { data: out, at: 0, stride };
                    point(level, input, pixels, &conv[part], of(residual, block, stride), out);
                });
            }
            Kind::Stepped { conv, step: steps } => {
                let residual = step.inputs.get(1).map(|_| second());
                let border = &mut border[..from.channels.div_ceil(lanes) * stride];
                layout::subsample(lanes, a, from.size, *steps, map.size, border);
                let input = Part { data: border, at: 0, stride };
                plain(out, &|Piece { part, block, out, .. }| {
                    let out = &mut PartMut { data: out, at: 0, stride };
                    point(level, input, pixels, &conv[part], of(residual, block, stride), out);
                });
            }
            Kind::Gated(conv) => {
                let (gate, before) = step.inputs.split_last().expect("a map and a vector");
                let factors = source(*gate, &Map { channels: from.channels, size: [1, 1] });
                let residual = before.get(1).map(|_| second());
                let input = Part { data: a, at: 0, stride };
                let needs = |part: usize| conv[part].weights();
                team.each(parts, stride, out, scratch, &needs, &|piece| {
                    let Piece { part, block, out, scratch, .. } = piece;
                    let (conv, residual) = (&conv[part], of(residual, block, stride));
                    let out = &mut PartMut { data: out, at: 0, stride };
                    scaled_point(level, input, factors, pixels, conv, residual, scratch, out);
                });
            }
            Kind::Dense { conv, padded, taps } => {
                let residual = step.inputs.get(1).map(|_| second());
                let (rows, width) = ([0, map.size[0]], map.size[1]);
                let is_planar = conv.first().is_some_and(|conv| conv.planar);
                let input = if *padded == from.size {
                    a
                } else {
                    let (planes, inner) = match is_planar {
                        true => (from.channels, 1),
                        false => (from.channels.div_ceil(lanes), lanes),
                    };
                    let border = &mut border[..planes * padded[0] * padded[1] * inner];
                    layout::pad(inner, a, from.size, conv[0].window.pad, *padded, border);
                    border
                };
                plain(out, &|Piece { part, block, out, .. }| {
                    let (conv, residual) = (&conv[part], of(residual, block, stride));
                    let out = &mut PartMut { data: out, at: 0, stride };
                    convolve(level, input, *padded, taps, conv, rows, width, residual, out);
                });
            }
            Kind::Winograd(conv) => {
                let residual = step.inputs.get(1).map(|_| second());
                let (padded, pad) = (conv[0].padded(), conv[0].pad());
                let input = if padded == from.size {
                    a
                } else {
                    let len = from.channels.div_ceil(lanes) * padded[0] * padded[1] * lanes;
                    layout::pad(lanes, a, from.size, pad, padded, &mut border[..len]);
                    border
                };
                team.each(parts, stride, out, scratch, &|part| conv[part].scratch(), &|piece| {
                    let Piece { part, block, out, scratch, .. } = piece;
                    let (conv, residual) = (&conv[part], of(residual, block, stride));
                    let out = &mut PartMut { data: out, at: 0, stride };
                    convolve_winograd(level, input, conv, residual, scratch, out);
                });
            }
            Kind::Expanded { both, rows, kept } => {
                let plane = kept * from.size[1] * lanes;
                let needs = |part: usize| parts[part] * plane;
                team.each(parts, stride, out, border, &needs, &|piece| {
                    let Piece { part, out, scratch, .. } = piece;
                    let strips = Strips { rows: *rows, kept: *kept, sizes: [from.size, map.size] };
                    strips.compute(level, a, &both[part], zeros, scratch, out);
                });
            }
            Kind::Depthwise(weights) => {
                let (kept, [height, width]) = (from.size[0], map.size);
                plain(out, &|Piece { part, block, out, .. }| {
                    let data = &a[block * from_stride..];
                    let rows = Rows { data, kept, size: from.size, zeros };
                    depthwise(level, rows, &weights[part], 0, height, width, out, stride);
                });
            }
            Kind::Pad { pad } => layout::pad(lanes, a, from.size, *pad, map.size, out),
            Kind::Pool(how, window) => plain(out, &|Piece { block, blocks, out, .. }| {
                let a = &a[block * from_stride..][..blocks * from_stride];
                pool(level, *how, *window, a, from.size, out, map.size);
            }),
            Kind::Sum(scale) => plain(out, &|Piece { block, blocks, out, .. }| {
                let a = &a[block * from_stride..][..blocks * from_stride];
                global(level, a, from.pixels(), *scale, out, &mut []);
            }),
            Kind::Plus(act) | Kind::Times(act) => {
                let (second, is_sum) = (second(), matches!(kind, Kind::Plus(_)));
                plain(out, &|Piece { block, out, .. }| {
                    let [a, b] = [a, second].map(|map| &map[block * stride..][..out.len()]);
                    let with = if is_sum { With::Plus(b) } else { With::Times(b) };
                    elementwise(level, a, pixels, with, *act, out);
                });
            }
            Kind::Scaled(act) => {
                let vector = source(step.inputs[1], &Map { channels: map.channels, size: [1, 1] });
                plain(out, &|Piece { block, out, .. }| {
                    let a = &a[block * stride..][..out.len()];
                    let with = With::Scaled(&vector[block * lanes..]);
                    elementwise(level, a, pixels, with, *act, out);
                });
            }
            Kind::Affine(scale, shift, act) => plain(out, &|Piece { block, out, .. }| {
                let a = &a[block * stride..][..out.len()];
                let with = With::Affine(&scale[block * lanes..], &shift[block * lanes..]);
                elementwise(level, a, pixels, with, *act, out);
            }),
            Kind::Alone(act) => plain(out, &|Piece { block, out, .. }| {
                let a = &a[block * stride..][..out.len()];
                elementwise(level, a, pixels, With::Nothing, *act, out);
            }),
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

/// What of a map is added to a part that begins with that block.
fn of(residual: Option<&[f32]>, block: usize, stride: usize) -> Option<Part<'_>> {
    residual.map(|data| Part { data: &data[block * stride..], at: 0, stride })
}

/// How a map that is read by a depthwise convolution is made strip by strip.
struct Strips {
    /// Of the output, and of the map between.
    rows: usize,
    kept: usize,
    /// Of the map between, and of the output.
    sizes: [[usize; 2]; 2],
}

impl Strips {
    /// * `ring`: the kept rows of all its blocks.
    fn compute(
        &self,
        level: Level,
        a: &[f32],
        (expand, weights): &(Conv, Depthwise),
        zeros: &[f32],
        ring: &mut [f32],
        out: &mut [f32],
    ) {
        let Self { rows, kept, sizes: [size, [down_to, across]] } = *self;
        let ([height, width], lanes) = (size, level.lanes());
        let Window { stride: [down, _], pad: [above, _], .. } = weights.window;
        let (plane, stride) = (kept * width * lanes, down_to * across * lanes);
        let mut made = 0;
        for top in (0..down_to).step_by(rows) {
            let end = (top + rows).min(down_to);
            let needed = (end - 1) * down + weights.window.reach(0);
            let needed = needed.saturating_sub(above).min(height);
            made = made.max((top * down).saturating_sub(above));
            while made < needed {
                // Up to where the ring begins again.
                let count = (needed - made).min(kept - made % kept);
                let input = Part { data: a, at: made * width, stride: height * width * lanes };
                let out = &mut PartMut { data: ring, at: made % kept * width, stride: plane };
                point(level, input, count * width, expand, None, out);
                made += count;
            }
            let strip = Rows { data: ring, kept, size, zeros };
            let out = &mut out[top * across * lanes..];
            depthwise(level, strip, weights, top, end, across, out, stride);
        }
    }
}
