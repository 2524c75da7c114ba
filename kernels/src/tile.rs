//! The product of some pixels with two blocks of weights, which stays in registers: the heart of every convolution.

use fearless_simd::{Simd, SimdBase as _, SimdFloat as _};

use super::activation::{follow, limit};
use super::{Act, Part, PartMut};

/// Pixels of a tile: what leaves room in the registers for the weights.
pub(super) const fn max_rows(lanes: usize) -> usize {
    match lanes {
        16 => 12,
        8 => 6,
        _ if cfg!(target_arch = "aarch64") => 8,
        _ => 4,
    }
}

/// Pixels of a tile with one block of outputs: then 16 sums hide the time of an addition, and every weight is read once.
pub(super) const fn max_rows_alone(lanes: usize) -> usize {
    if lanes == 16 { 16 } else { max_rows(lanes) }
}

/// Where the inputs of a tile are.
///
/// Input `(block, tap, pixel)` is the vector at `start + block * plane + taps[tap] + pixel * ST * LANES`.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub(super) data: &'a [f32],
    pub(super) start: usize,
    pub(super) plane: usize,
    pub(super) taps: &'a [usize],
    /// Channels.
    pub(super) channels: usize,
}

/// What becomes of a tile's sums.
pub(super) struct Ends<'a, 'b> {
    pub(super) act: Act,
    /// Added before the activation.
    pub(super) residual: Option<Part<'a>>,
    pub(super) out: &'a mut PartMut<'b>,
    /// The first block of the outputs, and the first pixel from `out.at` on.
    pub(super) block: usize,
    pub(super) pixel: usize,
    /// Whether these are the first channels of the sums, which begin with the bias, or `out` holds those before; and
    /// whether they are the last, so that the sums are done.
    pub(super) first: bool,
    pub(super) last: bool,
}

/// Each lane of a vector of four, everywhere.
#[inline(always)]
fn spread<S: Simd>(v: S::f32s) -> [S::f32s; 4] {
    let (lo, hi) = (v.zip_low(v), v.zip_high(v));
    [lo.zip_low(lo), lo.zip_high(lo), hi.zip_low(hi), hi.zip_high(hi)]
}

#[inline(always)]
fn begin<S: Simd, const MR: usize, const NV: usize, const CB: usize>(
    simd: S,
    bias: &[f32],
    ends: &Ends,
) -> [[S::f32s; NV]; MR] {
    let mut acc = [[S::f32s::splat(simd, 0.0); NV]; MR];
    if ends.first {
        let (bias, _) = bias.as_chunks::<CB>();
        let bias = &bias[..NV];
        each!(j <2 NV => { let v = S::f32s::from_slice(simd, &bias[j]); each!(i < MR => acc[i][j] = v); });
    } else {
        let out = &ends.out;
        each!(j <2 NV => {
            let from = (ends.block + j) * out.stride + (out.at + ends.pixel) * CB;
            let (o, _) = out.data[from..][..MR * CB].as_chunks::<CB>();
            let o = &o[..MR];
            each!(i < MR => acc[i][j] = S::f32s::from_slice(simd, &o[i]));
        });
    }
    acc
}

/// One more input of every pixel.
#[inline(always)]
fn step<S: Simd, const MR: usize, const NV: usize, const CB: usize, const ST: usize>(
    simd: S,
    acc: &mut [[S::f32s; NV]; MR],
    rows: &[[f32; CB]],
    t: usize,
    w: &[[f32; CB]; NV],
) {
    let mut wv = [acc[0][0]; NV];
    each!(j <2 NV => wv[j] = S::f32s::from_slice(simd, &w[j]));
    each!(i < MR => { let s = S::f32s::splat(simd, rows[i * ST][t]); each!(j <2 NV => acc[i][j] = s.mul_add(wv[j], acc[i][j])); });
}

/// A whole block of channels.
#[inline(always)]
fn block<S: Simd, const MR: usize, const NV: usize, const CB: usize, const ST: usize>(
    simd: S,
    acc: &mut [[S::f32s; NV]; MR],
    rows: &[[f32; CB]],
    w: &[[[f32; CB]; NV]; CB],
) {
    if CB == 4 {
        let mut av = [acc[0][0]; MR];
        each!(i < MR => av[i] = S::f32s::from_slice(simd, &rows[i * ST]));
        each!(t <4 4 => {
            let mut wv = [acc[0][0]; NV];
            each!(j <2 NV => wv[j] = S::f32s::from_slice(simd, &w[t][j]));
            each!(i < MR => { let s = spread::<S>(av[i])[t]; each!(j <2 NV => acc[i][j] = s.mul_add(wv[j], acc[i][j])); });
        });
    } else {
        for t in 0..CB {
            step::<S, MR, NV, CB, ST>(simd, acc, rows, t, &w[t]);
        }
    }
}

/// The weights of `n` taps, as the blocks of channels and the rest have them.
#[inline(always)]
fn sums<S: Simd, const MR: usize, const NV: usize, const CB: usize, const ST: usize>(
    simd: S,
    a: Inputs,
    w: &[f32],
    bias: &[f32],
    ends: &Ends,
) -> [[S::f32s; NV]; MR] {
    let mut acc = begin::<S, MR, NV, CB>(simd, bias, ends);
    let (full, rest) = (a.channels / CB, a.channels % CB);
    let (w, _) = w.as_chunks::<CB>();
    let (w, _) = w.as_chunks::<NV>();
    let (whole, tail) = w.split_at(full * a.taps.len() * CB);
    let (whole, _) = whole.as_chunks::<CB>();
    let span = ((MR - 1) * ST + 1) * CB;
    if let [tap] = *a.taps {
        let mut at = a.start + tap;
        for w in whole {
            let (rows, _) = a.data[at..][..span].as_chunks::<CB>();
            block::<S, MR, NV, CB, ST>(simd, &mut acc, &rows[..(MR - 1) * ST + 1], w);
            at += a.plane;
        }
    } else {
        for (kb, w) in whole.chunks_exact(a.taps.len()).enumerate() {
            let at = a.start + kb * a.plane;
            for (w, tap) in w.iter().zip(a.taps) {
                let (rows, _) = a.data[at + tap..][..span].as_chunks::<CB>();
                block::<S, MR, NV, CB, ST>(simd, &mut acc, &rows[..(MR - 1) * ST + 1], w);
            }
        }
    }
    if rest > 0 {
        for (w, tap) in tail.chunks_exact(rest).zip(a.taps) {
            let (rows, _) = a.data[a.start + full * a.plane + tap..][..span].as_chunks::<CB>();
            for (t, w) in w.iter().enumerate().take(CB) {
                step::<S, MR, NV, CB, ST>(simd, &mut acc, &rows[..(MR - 1) * ST + 1], t, w);
            }
        }
    }
    acc
}

/// As [`sums`], of a planar image, where the pixels of a channel lie side by side: every tap is one input.
#[inline(always)]
fn planar<S: Simd, const MR: usize, const NV: usize, const CB: usize, const ST: usize>(
    simd: S,
    a: Inputs,
    w: &[f32],
    bias: &[f32],
    ends: &Ends,
) -> [[S::f32s; NV]; MR] {
    let mut acc = begin::<S, MR, NV, CB>(simd, bias, ends);
    let (w, _) = w.as_chunks::<CB>();
    let (w, _) = w.as_chunks::<NV>();
    for (w, tap) in w.iter().zip(a.taps) {
        let (rows, _) = a.data[a.start + tap..][..(MR - 1) * ST + 1].as_chunks::<1>();
        let rows = &rows[..(MR - 1) * ST + 1];
        let mut wv = [acc[0][0]; NV];
        each!(j <2 NV => wv[j] = S::f32s::from_slice(simd, &w[j]));
        each!(i < MR => { let s = S::f32s::splat(simd, rows[i * ST][0]); each!(j <2 NV => acc[i][j] = s.mul_add(wv[j], acc[i][j])); });
    }
    acc
}

#[inline(always)]
fn put<S: Simd, const MR: usize, const NV: usize, const CB: usize>(
    simd: S,
    mut acc: [[S::f32s; NV]; MR],
    ends: Ends,
) {
    let Ends { act, residual, out, block, pixel, last, .. } = ends;
    each!(j <2 NV => {
        let (o, _) = out.data[(block + j) * out.stride + (out.at + pixel) * CB..][..MR * CB].as_chunks_mut::<CB>();
        let o = &mut o[..MR];
        if !last {
            each!(i < MR => acc[i][j].store_slice(&mut o[i]));
        } else {
        if let Some(r) = residual {
            let (r, _) = r.data[(block + j) * r.stride + (r.at + pixel) * CB..][..MR * CB].as_chunks::<CB>();
            let r = &r[..MR];
            each!(i < MR => acc[i][j] += S::f32s::from_slice(simd, &r[i]));
        }
        each!(i < MR => limit(simd, acc[i][j], act).store_slice(&mut o[i]));
        follow::<S, CB>(simd, o, act.curve);
        }
    });
}

macro_rules! out_of_line {
    ($($name:ident $rows:literal),*) => { $(
        fn $name<S: Simd, const NV: usize, const CB: usize, const ST: usize, const PLANAR: bool>(simd: S, a: Inputs, w: &[f32], bias: &[f32], ends: Ends) {
            simd.vectorize(#[inline(always)] || {
                let acc = if PLANAR { planar::<S, $rows, NV, CB, ST>(simd, a, w, bias, &ends) } else { sums::<S, $rows, NV, CB, ST>(simd, a, w, bias, &ends) };
                put::<S, $rows, NV, CB>(simd, acc, ends);
            })
        } )* };
}
out_of_line!(r1 1, r2 2, r3 3, r4 4, r5 5, r6 6, r7 7, r8 8, r9 9, r10 10, r11 11, r12 12, r13 13, r14 14, r15 15, r16 16);

#[inline(always)]
fn rows<S: Simd, const NV: usize, const CB: usize, const ST: usize, const PLANAR: bool>(
    simd: S,
    count: usize,
    a: Inputs,
    w: &[f32],
    bias: &[f32],
    ends: Ends,
) {
    macro_rules! go { ($($n:literal $f:ident),*) => { match count { $($n => $f::<S, NV, CB, ST, PLANAR>(simd, a, w, bias, ends),)* _ => {} } } }
    if CB == 16 && NV == 1 && ST == 1 && !PLANAR {
        go!(1 r1, 2 r2, 3 r3, 4 r4, 5 r5, 6 r6, 7 r7, 8 r8, 9 r9, 10 r10, 11 r11, 12 r12, 13 r13, 14 r14, 15 r15, 16 r16)
    } else if CB == 16 {
        go!(1 r1, 2 r2, 3 r3, 4 r4, 5 r5, 6 r6, 7 r7, 8 r8, 9 r9, 10 r10, 11 r11, 12 r12)
    } else if CB == 8 {
        go!(1 r1, 2 r2, 3 r3, 4 r4, 5 r5, 6 r6)
    } else if max_rows(4) == 8 {
        go!(1 r1, 2 r2, 3 r3, 4 r4, 5 r5, 6 r6, 7 r7, 8 r8)
    } else {
        go!(1 r1, 2 r2, 3 r3, 4 r4)
    }
}

/// `count` pixels, at most [`max_rows`], times one block of weights or two: as many as there is bias.
///
/// * `w`: `[block of channels][tap][channel][NV][LANES]`, or `[tap][NV][LANES]` of a planar image.
#[inline(always)]
pub(super) fn tile<S: Simd, const CB: usize, const ST: usize, const PLANAR: bool>(
    simd: S,
    count: usize,
    a: Inputs,
    w: &[f32],
    bias: &[f32],
    ends: Ends,
) {
    if bias.len() > CB {
        rows::<S, 2, CB, ST, PLANAR>(simd, count, a, w, bias, ends)
    } else {
        rows::<S, 1, CB, ST, PLANAR>(simd, count, a, w, bias, ends)
    }
}
