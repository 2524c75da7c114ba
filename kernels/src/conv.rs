//! Dense convolutions, of which those of one pixel and of planar images are special cases.

use fearless_simd::{Simd, SimdBase as _};

use super::tile::{Ends, Inputs, max_rows, max_rows_alone, tile};
use super::{Act, Level, Part, PartMut};

/// How a window moves over a map; what lies outside of it is zero. Each pair is down, then to the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Height and width.
    pub size: [usize; 2],
    /// Steps down and to the right.
    pub stride: [usize; 2],
    /// Distance of its places.
    pub dilation: [usize; 2],
    /// Rows above and columns to the left of the map that it begins at.
    pub pad: [usize; 2],
}

impl Window {
    /// One pixel.
    pub const ONE: Self = Self { size: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [0, 0] };

    /// Places of the window.
    pub fn places(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Rows and columns that it covers.
    pub fn reach(&self, axis: usize) -> usize {
        (self.size[axis] - 1) * self.dilation[axis] + 1
    }

    /// Whether it is a step of one pixel without a border.
    pub fn is_point(&self) -> bool {
        self.size == [1, 1] && self.stride == [1, 1] && self.pad == [0, 0]
    }

    /// Rows and columns of the map with the border that all windows of an output of that size need.
    pub fn padded(&self, from: [usize; 2], to: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|axis| {
            ((to[axis] - 1) * self.stride[axis] + self.reach(axis)).max(from[axis] + self.pad[axis])
        })
    }
}

/// Weights of a convolution, in the order in which they are used.
///
/// `[panel][block of channels][tap][channel][output block of the panel][LANES]`; a panel is two blocks of outputs, or one.
#[derive(Debug, Clone)]
pub struct Conv {
    /// How the window moves.
    pub window: Window,
    /// Channels in and out.
    pub channels: [usize; 2],
    /// Whether the input is a planar image, `[channels][height][width]`.
    pub planar: bool,
    /// What follows.
    pub act: Act,
    pub(super) lanes: usize,
    /// Blocks of a panel; the last one may have fewer.
    pub(super) panel: usize,
    pub(super) weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Conv {
    /// * `pixels`: of the output; `weight`: of an output, an input and a place in the window; `bias`: `[out]`.
    pub fn new(
        level: Level,
        window: Window,
        channels: [usize; 2],
        planar: bool,
        pixels: usize,
        weight: impl Fn(usize, usize, usize) -> f32,
        bias: &[f32],
        act: Act,
    ) -> Self {
        let lanes = level.lanes();
        let [cin, cout] = channels;
        let taps = window.size[0] * window.size[1];
        let blocks = cout.div_ceil(lanes);
        let mut weights = Vec::with_capacity(blocks * lanes * cin * taps);
        // Where one tile holds all pixels, every weight is read once.
        let one_tile = max_rows(lanes) < pixels && pixels <= max_rows_alone(lanes);
        let panel = if one_tile && window.is_point() && !planar { 1 } else { 2 };
        for first in (0..blocks).step_by(panel) {
            let wide = (blocks - first).min(panel) * lanes;
            let mut put = |channel: usize, tap: usize| {
                weights.extend((0..wide).map(|lane| {
                    let out = first * lanes + lane;
                    if out < cout { weight(out, channel, tap) } else { 0.0 }
                }));
            };
            if planar {
                (0..cin).for_each(|channel| (0..taps).for_each(|tap| put(channel, tap)));
            } else {
                for first in (0..cin).step_by(lanes) {
                    for tap in 0..taps {
                        (first..(first + lanes).min(cin)).for_each(|channel| put(channel, tap));
                    }
                }
            }
        }
        let mut bias = bias.to_vec();
        bias.resize(blocks * lanes, 0.0);
        Self { window, channels, planar, act, lanes, panel, weights, bias }
    }

    /// A product whose weights are given with every call, in the order of panels of two blocks.
    pub(super) fn of_given_weights(lanes: usize, channels: [usize; 2]) -> Self {
        let bias = vec![0.0; channels[1].div_ceil(lanes) * lanes];
        let (window, act, weights) = (Window::ONE, Act::NONE, Vec::new());
        Self { window, channels, planar: false, act, lanes, panel: 2, weights, bias }
    }

    /// Blocks of the output.
    pub fn blocks(&self) -> usize {
        self.channels[1].div_ceil(self.lanes)
    }

    /// Multiply-accumulates of an output of so many pixels.
    pub fn work(&self, pixels: usize) -> usize {
        self.channels[0] * self.channels[1] * self.window.size[0] * self.window.size[1] * pixels
    }

    /// How many weights there are, those of lanes beyond the last output among them.
    pub fn weights(&self) -> usize {
        self.weights.len()
    }

    /// Where the inputs of a window lie in a map of that width, seen from its first: values of a plane in steps of pixels.
    ///
    /// * `padded`: rows and columns of the map with its border.
    pub fn taps(&self, padded: [usize; 2]) -> Vec<usize> {
        let pixel = if self.planar { 1 } else { self.lanes };
        let planes = if self.planar { self.channels[0] } else { 1 };
        let Window { size, dilation, .. } = self.window;
        let mut taps = Vec::new();
        for plane in 0..planes {
            for y in 0..size[0] {
                for x in 0..size[1] {
                    taps.push(
                        ((plane * padded[0] + y * dilation[0]) * padded[1] + x * dilation[1])
                            * pixel,
                    );
                }
            }
        }
        taps
    }

    /// How many panels there are.
    #[inline(always)]
    pub(super) fn panels(&self) -> usize {
        self.blocks().div_ceil(self.panel)
    }

    /// The weights and the bias of a panel.
    #[inline(always)]
    pub(super) fn panel(&self, number: usize) -> (&[f32], &[f32]) {
        self.panel_of(&self.weights, number)
    }

    /// The same of other weights in the same order.
    #[inline(always)]
    pub(super) fn panel_of<'a>(
        &'a self,
        weights: &'a [f32],
        number: usize,
    ) -> (&'a [f32], &'a [f32]) {
        let from = number * self.panel * self.lanes;
        let to = (from + self.panel * self.lanes).min(self.bias.len());
        let per = self.channels[0] * self.window.size[0] * self.window.size[1];
        (&weights[from * per..to * per], &self.bias[from..to])
    }
}

/// Bytes that are surely kept in the nearest cache of a core, beside what passes through it.
const NEAR: usize = 20 << 10;

/// Rows of windows of any size.
#[inline(always)]
fn windows<S: Simd, const CB: usize, const ST: usize, const PLANAR: bool>(
    simd: S,
    map: &[f32],
    padded: [usize; 2],
    taps: &[usize],
    w: &Conv,
    rows: [usize; 2],
    width: usize,
    residual: Option<Part>,
    out: &mut PartMut,
) {
    let pixel = if PLANAR { 1 } else { CB };
    let (panels, channels) = (w.panels(), w.channels[0]);
    let tiles = width.div_ceil(max_rows(CB));
    let (base, extra) = (width / tiles, width % tiles);
    let row = |panel: usize, from: usize, to: usize, y: usize, out: &mut PartMut| {
        let (weights, bias) = w.panel(panel);
        let weights = &weights[from * taps.len() * bias.len()..];
        let mut x = 0;
        for t in 0..tiles {
            let count = base + usize::from(t < extra);
            let plane = padded[0] * padded[1] * pixel;
            let start = (y * w.window.stride[0] * padded[1] + x * ST) * pixel + from / CB * plane;
            let inputs = Inputs { data: map, start, plane, taps, channels: to - from };
            let ends = Ends {
                act: w.act,
                residual,
                out,
                block: panel * w.panel,
                pixel: (y - rows[0]) * width + x,
                first: from == 0,
                last: to == channels,
            };
            tile::<S, CB, ST, PLANAR>(simd, count, inputs, weights, bias, ends);
            x += count;
        }
    };
    if PLANAR || w.weights.len() * 4 <= NEAR {
        for y in rows[0]..rows[1] {
            for panel in 0..panels {
                row(panel, 0, channels, y, out);
            }
        }
        return;
    }
    // Weights are taken in parts that stay in the nearest cache while all pixels are gone through.
    let of_block = taps.len() * CB * w.panel * CB * 4;
    let part = (NEAR / of_block).max(1) * CB;
    for panel in 0..panels {
        for from in (0..channels).step_by(part) {
            for y in rows[0]..rows[1] {
                row(panel, from, (from + part).min(channels), y, out);
            }
        }
    }
}

/// A convolution of a map, or of a planar image, with its border; steps to the right are 1 or 2.
///
/// * `map`: `[blocks][padded[0]][padded[1]][LANES]`, or `[channels][padded[0]][padded[1]]`.
/// * `taps`: of [`Conv::taps`]; `rows`: of the output, from and to; `width`: of the output. Row `rows[0]` is put at `out.at`.
pub fn convolve(
    level: Level,
    map: &[f32],
    padded: [usize; 2],
    taps: &[usize],
    w: &Conv,
    rows: [usize; 2],
    width: usize,
    residual: Option<Part>,
    out: &mut PartMut,
) {
    with_level!(level, simd => run_windows(simd, map, padded, taps, w, rows, width, residual, out));
}

#[inline(always)]
fn run_windows<S: Simd>(
    simd: S,
    map: &[f32],
    padded: [usize; 2],
    taps: &[usize],
    w: &Conv,
    rows: [usize; 2],
    width: usize,
    residual: Option<Part>,
    out: &mut PartMut,
) {
    macro_rules! go {
        ($cb:literal) => {
            match (w.window.stride[1], w.planar) {
                (1, false) => windows::<S, $cb, 1, false>(
                    simd, map, padded, taps, w, rows, width, residual, out,
                ),
                (_, false) => windows::<S, $cb, 2, false>(
                    simd, map, padded, taps, w, rows, width, residual, out,
                ),
                (1, true) => windows::<S, $cb, 1, true>(
                    simd, map, padded, taps, w, rows, width, residual, out,
                ),
                (_, true) => windows::<S, $cb, 2, true>(
                    simd, map, padded, taps, w, rows, width, residual, out,
                ),
            }
        };
    }
    match S::f32s::LEN {
        16 => go!(16),
        8 => go!(8),
        _ => go!(4),
    }
}
