//! Dense convolutions of single pixels: products of matrices.

use fearless_simd::{Simd, SimdBase as _, SimdFloat as _};

use super::activation::{follow, limit};
use super::conv::Conv;
use super::tile::{Ends, Inputs, max_rows, max_rows_alone, tile};
use super::{Level, Part, PartMut};

/// Bytes of a map that are kept in the second cache of a core, beside the weights that pass through it.
const FAR: usize = 256 << 10;

#[inline(always)]
fn points<S: Simd, const CB: usize>(
    simd: S,
    a: Part,
    pixels: usize,
    w: &Conv,
    weights: &[f32],
    residual: Option<Part>,
    out: &mut PartMut,
) {
    let panels = w.panels();
    let most = if w.panel == 1 { max_rows_alone(CB) } else { max_rows(CB) };
    let one = |panel: usize, pixel: usize, count: usize, out: &mut PartMut| {
        let (weights, bias) = w.panel_of(weights, panel);
        let inputs = Inputs {
            data: a.data,
            start: (a.at + pixel) * CB,
            plane: a.stride,
            taps: &[0],
            channels: w.channels[0],
        };
        let ends = Ends {
            act: w.act,
            residual,
            out,
            block: panel * w.panel,
            pixel,
            first: true,
            last: true,
        };
        tile::<S, CB, 1, false>(simd, count, inputs, weights, bias, ends);
    };
    // Weights that stay in the nearest cache pass over all pixels of a part; so each plane is written in long runs.
    let parts = (pixels * w.channels[0] * 4).div_ceil(FAR).min(pixels.div_ceil(most));
    let tiles = pixels.div_ceil(most);
    let (base, extra) = (pixels / tiles, pixels % tiles);
    for part in 0..parts {
        let [from, to] = [part, part + 1].map(|part| part * tiles / parts);
        for panel in 0..panels {
            let mut at = from * base + from.min(extra);
            for t in from..to {
                let count = base + usize::from(t < extra);
                one(panel, at, count, out);
                at += count;
            }
        }
    }
}

/// A product with one pixel: as many sums at once as hide the time of an addition.
#[inline(always)]
fn vector<S: Simd, const CB: usize>(
    simd: S,
    a: &[f32],
    w: &Conv,
    residual: Option<&[f32]>,
    out: &mut [f32],
) {
    let cin = w.channels[0];
    let pairs = w.blocks() / 2;
    let (out, _) = out.as_chunks_mut::<CB>();
    let a = &a[..cin];
    let mut pair = 0;
    macro_rules! group { ($n:literal) => { while pair + $n <= pairs {
        let mut acc = [[S::f32s::splat(simd, 0.0); 2]; $n];
        let mut panels: [&[[[f32; CB]; 2]]; $n] = [&[]; $n];
        each!(p <4 $n => {
            let (w, bias) = w.panel(pair + p);
            each!(j <2 2 => acc[p][j] = S::f32s::from_slice(simd, &bias[j * CB..][..CB]));
            panels[p] = &w.as_chunks::<CB>().0.as_chunks::<2>().0[..cin];
        });
        for (t, &x) in a.iter().enumerate() {
            let x = S::f32s::splat(simd, x);
            each!(p <4 $n => { let w = &panels[p][t]; each!(j <2 2 => acc[p][j] = x.mul_add(S::f32s::from_slice(simd, &w[j]), acc[p][j])); });
        }
        each!(p <4 $n => each!(j <2 2 => {
            let block = (pair + p) * 2 + j;
            let v = match residual { Some(r) => acc[p][j] + S::f32s::from_slice(simd, &r[block * CB..][..CB]), None => acc[p][j] };
            limit(simd, v, w.act).store_slice(&mut out[block]);
        }));
        pair += $n;
    } }; }
    group!(4);
    group!(1);
    if w.blocks() % 2 == 1 {
        let (weights, bias) = w.panel(pairs);
        let mut acc = S::f32s::from_slice(simd, bias);
        for (x, w) in a.iter().zip(weights.as_chunks::<CB>().0) {
            acc = S::f32s::splat(simd, *x).mul_add(S::f32s::from_slice(simd, w), acc);
        }
        let block = pairs * 2;
        let v = match residual {
            Some(r) => acc + S::f32s::from_slice(simd, &r[block * CB..][..CB]),
            None => acc,
        };
        limit(simd, v, w.act).store_slice(&mut out[block]);
    }
    follow::<S, CB>(simd, &mut out[..w.blocks()], w.act.curve);
}

#[inline(always)]
pub(super) fn run_points<S: Simd>(
    simd: S,
    a: Part,
    pixels: usize,
    w: &Conv,
    weights: &[f32],
    residual: Option<Part>,
    out: &mut PartMut,
) {
    if pixels == 0 {
        return;
    }
    match S::f32s::LEN {
        16 => points::<S, 16>(simd, a, pixels, w, weights, residual, out),
        8 => points::<S, 8>(simd, a, pixels, w, weights, residual, out),
        _ => points::<S, 4>(simd, a, pixels, w, weights, residual, out),
    }
}

/// A convolution of single pixels, `[pixels]` of a map in blocks.
pub fn point(
    level: Level,
    a: Part,
    pixels: usize,
    w: &Conv,
    residual: Option<Part>,
    out: &mut PartMut,
) {
    let alone = pixels == 1
        && w.panel == 2
        && a.at == 0
        && out.at == 0
        && a.stride == w.lanes
        && out.stride == w.lanes
        && residual.is_none_or(|r| r.at == 0 && r.stride == w.lanes);
    with_level!(level, simd => {
        if alone {
            run_vector(simd, a.data, w, residual.map(|r| r.data), out.data);
        } else {
            run_points(simd, a, pixels, w, &w.weights, residual, out);
        }
    });
}

/// As [`point`], of a map times a factor for each of its channels: they go into the weights, which are fewer than the
/// values of a large map.
///
/// * `factors`: `[blocks][LANES]`; `scratch`: at least [`Conv::weights`] values.
pub fn scaled_point(
    level: Level,
    a: Part,
    factors: &[f32],
    pixels: usize,
    w: &Conv,
    residual: Option<Part>,
    scratch: &mut [f32],
    out: &mut PartMut,
) {
    let scratch = &mut scratch[..w.weights.len()];
    let mut at = 0;
    for panel in 0..w.panels() {
        let (weights, bias) = w.panel(panel);
        let to = scratch[at..at + weights.len()].chunks_exact_mut(bias.len());
        at += weights.len();
        for ((to, from), factor) in to.zip(weights.chunks_exact(bias.len())).zip(factors) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from * factor);
        }
    }
    with_level!(level, simd => run_points(simd, a, pixels, w, scratch, residual, out));
}

#[inline(always)]
fn run_vector<S: Simd>(simd: S, a: &[f32], w: &Conv, residual: Option<&[f32]>, out: &mut [f32]) {
    simd.vectorize(
        #[inline(always)]
        || match S::f32s::LEN {
            16 => vector::<S, 16>(simd, a, w, residual, out),
            8 => vector::<S, 8>(simd, a, w, residual, out),
            _ => vector::<S, 4>(simd, a, w, residual, out),
        },
    );
}
