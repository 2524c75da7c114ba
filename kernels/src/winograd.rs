//! Dense convolutions of 3 x 3 by steps of one with fewer products: Winograd's minimal filtering F(2x2, 3x3). Lavin and Gray:
//! Fast Algorithms for Convolutional Neural Networks, 2016.
//!
//! Four pixels of a tile take 16 products of each pair of channels instead of 36. What is not finite spreads over its tile.

use fearless_simd::{Simd, SimdBase as _};

use super::activation::{follow, limit};
use super::conv::Conv;
use super::point::run_points;
use super::{Act, Level, Part, PartMut, load};

/// Places of a tile of 4x4, of inputs and of products.
const PLACES: usize = 16;

/// Bytes of inputs and products at a time that are kept in the second cache of a core, or half of the weights if those are more:
/// they are read once for each.
const NEAR: usize = 512 << 10;

/// Weights of a convolution of 3 x 3.
#[derive(Debug, Clone)]
pub struct Winograd {
    act: Act,
    products: Conv,
    /// For each place as those of a convolution of one pixel.
    weights: Vec<f32>,
    bias: Vec<f32>,
    /// Squares across, and rows of them at a time.
    across: usize,
    rows: usize,
    /// Rows above and columns to the left.
    pad: [usize; 2],
    /// Rows and columns of the output.
    to: [usize; 2],
}

/// `G g Gᵀ`.
fn transformed(taps: [f32; 9]) -> [f32; PLACES] {
    let four = |[a, b, c]: [f32; 3]| [a, (a + b + c) / 2.0, (a - b + c) / 2.0, c];
    let down = [0, 1, 2].map(|x| four([taps[x], taps[3 + x], taps[6 + x]]));
    let mut all = [0.0; PLACES];
    for (y, row) in all.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        *row = four(down.map(|column| column[y]));
    }
    all
}

impl Winograd {
    /// * `pad`: rows above and columns to the left of the map; `to`: rows and columns of the output.
    /// * `weight`: of an output, an input and a place of the window; `bias`: `[out]`.
    pub fn new(
        level: Level,
        channels: [usize; 2],
        pad: [usize; 2],
        to: [usize; 2],
        weight: impl Fn(usize, usize, usize) -> f32,
        bias: &[f32],
        act: Act,
    ) -> Self {
        let (lanes, [cin, cout]) = (level.lanes(), channels);
        let products = Conv::of_given_weights(lanes, channels);
        let blocks = cout.div_ceil(lanes);
        let per = blocks * lanes * cin;
        let mut weights = vec![0.0; PLACES * per];
        let mut at = 0;
        for first in (0..blocks).step_by(2) {
            let wide = (blocks - first).min(2) * lanes;
            for channel in 0..cin {
                for out in (first * lanes..first * lanes + wide).filter(|out| *out < cout) {
                    let taps = std::array::from_fn(|tap| weight(out, channel, tap));
                    for (place, value) in transformed(taps).into_iter().enumerate() {
                        weights[place * per + at + out - first * lanes] = value;
                    }
                }
                at += wide;
            }
        }
        let mut bias = bias.to_vec();
        bias.resize(blocks * lanes, 0.0);
        let [down, across] = to.map(|side| side.div_ceil(2));
        let of_row = PLACES * (cin.div_ceil(lanes) + blocks) * lanes * across * 4;
        let rows = (NEAR.max(weights.len() * 2) / of_row).clamp(1, down.max(1));
        Self { act, products, weights, bias, across, rows, pad, to }
    }

    /// Rows above and columns to the left of the map within its border.
    pub fn pad(&self) -> [usize; 2] {
        self.pad
    }

    /// Rows and columns of the map within its border, which every tile lies in.
    pub fn padded(&self) -> [usize; 2] {
        self.to.map(|side| side.div_ceil(2) * 2 + 2)
    }

    /// Values of `scratch` that it needs.
    pub fn scratch(&self) -> usize {
        let lanes = self.products.lanes;
        let blocks = self.products.channels[0].div_ceil(lanes) + self.products.blocks();
        PLACES * blocks * lanes * self.rows * self.across
    }

    /// Blocks of the output.
    pub fn blocks(&self) -> usize {
        self.products.blocks()
    }

    /// Multiply-accumulates that it stands for.
    pub fn work(&self) -> usize {
        let [cin, cout] = self.products.channels;
        9 * cin * cout * self.to[0] * self.to[1]
    }
}

/// `Bᵀ d B` of a row of tiles of one block, from four rows of its map.
///
/// * `to`: of each place `[tiles]`, so far apart.
#[inline(always)]
fn inputs<S: Simd, const CB: usize>(
    simd: S,
    rows: [&[[f32; CB]]; 4],
    tiles: usize,
    apart: usize,
    to: &mut [[f32; CB]],
) {
    let wide = 2 * tiles + 2;
    let [above, upper, lower, below] = rows;
    let (above, upper) = (&above[..wide], &upper[..wide]);
    let (lower, below) = (&lower[..wide], &below[..wide]);
    macro_rules! down {
        ($x:expr) => {{
            let a = load::<S, CB>(simd, &above[$x]);
            let b = load::<S, CB>(simd, &upper[$x]);
            let c = load::<S, CB>(simd, &lower[$x]);
            let d = load::<S, CB>(simd, &below[$x]);
            [a - c, b + c, c - b, b - d]
        }};
    }
    let (mut first, mut second) = (down!(0), down!(1));
    for tile in 0..tiles {
        let (third, fourth) = (down!(2 * tile + 2), down!(2 * tile + 3));
        each!(y <4 4 => {
            let (a, b, c, d) = (first[y], second[y], third[y], fourth[y]);
            (a - c).store_slice(&mut to[(4 * y) * apart + tile]);
            (b + c).store_slice(&mut to[(4 * y + 1) * apart + tile]);
            (c - b).store_slice(&mut to[(4 * y + 2) * apart + tile]);
            (b - d).store_slice(&mut to[(4 * y + 3) * apart + tile]);
        });
        (first, second) = (third, fourth);
    }
}

/// `Aᵀ m A` of a row of tiles of one block, with the bias, what is added, and the limits.
///
/// * `from`: of each place `[tiles]`, so far apart; `out`: one or two rows of the output, of which `added` has the same.
#[inline(always)]
fn outputs<S: Simd, const CB: usize>(
    simd: S,
    from: &[[f32; CB]],
    apart: usize,
    bias: S::f32s,
    act: Act,
    added: Option<&[[f32; CB]]>,
    width: usize,
    out: &mut [[f32; CB]],
) {
    let (upper, lower) = out.split_at_mut(width);
    for tile in 0..width.div_ceil(2) {
        macro_rules! down {
            ($x:literal) => {{
                let a = load::<S, CB>(simd, &from[$x * apart + tile]);
                let b = load::<S, CB>(simd, &from[(4 + $x) * apart + tile]);
                let c = load::<S, CB>(simd, &from[(8 + $x) * apart + tile]);
                let d = load::<S, CB>(simd, &from[(12 + $x) * apart + tile]);
                [a + b + c, b - c - d]
            }};
        }
        let (a, b, c, d) = (down!(0), down!(1), down!(2), down!(3));
        let x = 2 * tile;
        macro_rules! put {
            ($row:ident, $at:expr, $x:expr, $sum:expr) => {
                if let Some(to) = $row.get_mut($x) {
                    let mut sum = $sum + bias;
                    if let Some(added) = added {
                        sum += load::<S, CB>(simd, &added[$at + $x]);
                    }
                    limit(simd, sum, act).store_slice(to);
                }
            };
        }
        put!(upper, 0, x, a[0] + b[0] + c[0]);
        put!(upper, 0, x + 1, b[0] - c[0] - d[0]);
        put!(lower, width, x, a[1] + b[1] + c[1]);
        put!(lower, width, x + 1, b[1] - c[1] - d[1]);
    }
}

#[inline(always)]
fn run<S: Simd, const CB: usize>(
    simd: S,
    map: &[f32],
    w: &Winograd,
    residual: Option<Part>,
    scratch: &mut [f32],
    out: &mut PartMut,
) {
    let [height, width] = w.padded();
    let (map, _) = map.as_chunks::<CB>();
    let from_blocks = w.products.channels[0].div_ceil(CB);
    let per = w.weights.len() / PLACES;
    let [down, across] = w.to;
    for first in (0..down.div_ceil(2)).step_by(w.rows) {
        let rows = w.rows.min(down.div_ceil(2) - first);
        let tiles = rows * w.across;
        let [of_inputs, of_products] = [from_blocks, w.blocks()].map(|blocks| blocks * tiles);
        let (inputs_of, rest) = scratch.split_at_mut(PLACES * of_inputs * CB);
        let products_of = &mut rest[..PLACES * of_products * CB];
        for (block, plane) in map.chunks_exact(height * width).take(from_blocks).enumerate() {
            for row in 0..rows {
                let y = 2 * (first + row);
                let four = [0, 1, 2, 3].map(|at| &plane[(y + at) * width..][..width]);
                let to = &mut inputs_of.as_chunks_mut::<CB>().0[block * tiles + row * w.across..];
                inputs::<S, CB>(simd, four, w.across, of_inputs, to);
            }
        }
        let stride = tiles * CB;
        let places = inputs_of
            .chunks_exact(of_inputs * CB)
            .zip(products_of.chunks_exact_mut(of_products * CB))
            .zip(w.weights.chunks_exact(per));
        for ((data, to), weights) in places {
            let input = Part { data, at: 0, stride };
            let to = &mut PartMut { data: to, at: 0, stride };
            run_points(simd, input, tiles, &w.products, weights, None, to);
        }
        let (products, _) = products_of.as_chunks::<CB>();
        for block in 0..w.blocks() {
            let bias = S::f32s::from_slice(simd, &w.bias[block * CB..][..CB]);
            for row in 0..rows {
                let y = 2 * (first + row);
                let (len, at) = ((down - y).min(2) * across, y * across);
                let added = residual.map(|part| {
                    let from = block * part.stride + (part.at + at) * CB;
                    part.data[from..][..len * CB].as_chunks::<CB>().0
                });
                let from = block * out.stride + (out.at + at) * CB;
                let (to, _) = out.data[from..][..len * CB].as_chunks_mut::<CB>();
                let from = &products[block * tiles + row * w.across..];
                outputs::<S, CB>(simd, from, of_products, bias, w.act, added, across, to);
                follow::<S, CB>(simd, to, w.act.curve);
            }
        }
    }
}

#[inline(always)]
fn run_of<S: Simd>(
    simd: S,
    map: &[f32],
    w: &Winograd,
    residual: Option<Part>,
    scratch: &mut [f32],
    out: &mut PartMut,
) {
    simd.vectorize(
        #[inline(always)]
        || match S::f32s::LEN {
            16 => run::<S, 16>(simd, map, w, residual, scratch, out),
            8 => run::<S, 8>(simd, map, w, residual, scratch, out),
            _ => run::<S, 4>(simd, map, w, residual, scratch, out),
        },
    );
}

/// A convolution of a map within its border.
///
/// * `map`: `[blocks]` of [`Winograd::padded`] `[LANES]`; `scratch`: at least [`Winograd::scratch`] values.
pub fn convolve_winograd(
    level: Level,
    map: &[f32],
    w: &Winograd,
    residual: Option<Part>,
    scratch: &mut [f32],
    out: &mut PartMut,
) {
    with_level!(level, simd => run_of(simd, map, w, residual, scratch, out));
}
