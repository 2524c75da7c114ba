//! Value by value.

use fearless_simd::{Simd, SimdBase as _, SimdFloat as _};

use super::activation::{follow, limit};
use super::{Act, Level, load};

/// What a value becomes, before the activation.
#[derive(Debug, Clone, Copy)]
pub enum With<'a> {
    /// Itself.
    Nothing,
    /// Plus the other map's, `[blocks][pixels][LANES]`.
    Plus(&'a [f32]),
    /// Times the other map's.
    Times(&'a [f32]),
    /// Times its channel's, `[blocks][LANES]`.
    Scaled(&'a [f32]),
    /// Times its channel's first, plus its second: `[blocks][LANES]` each.
    Affine(&'a [f32], &'a [f32]),
}

#[inline(always)]
fn run<S: Simd, const CB: usize>(
    simd: S,
    map: &[f32],
    pixels: usize,
    with: With,
    act: Act,
    out: &mut [f32],
) {
    let (map, _) = map.as_chunks::<CB>();
    let (out, _) = out.as_chunks_mut::<CB>();
    match with {
        With::Nothing => {
            for (a, o) in map.iter().zip(&mut *out) {
                limit(simd, load::<S, CB>(simd, a), act).store_slice(o);
            }
        }
        With::Plus(b) => {
            for ((a, b), o) in map.iter().zip(b.as_chunks::<CB>().0).zip(&mut *out) {
                limit(simd, load::<S, CB>(simd, a) + load::<S, CB>(simd, b), act).store_slice(o);
            }
        }
        With::Times(b) => {
            for ((a, b), o) in map.iter().zip(b.as_chunks::<CB>().0).zip(&mut *out) {
                limit(simd, load::<S, CB>(simd, a) * load::<S, CB>(simd, b), act).store_slice(o);
            }
        }
        With::Scaled(s) => {
            for ((map, s), out) in map
                .chunks_exact(pixels)
                .zip(s.as_chunks::<CB>().0)
                .zip(out.chunks_exact_mut(pixels))
            {
                let s = load::<S, CB>(simd, s);
                for (a, o) in map.iter().zip(&mut *out) {
                    limit(simd, load::<S, CB>(simd, a) * s, act).store_slice(o);
                }
            }
        }
        With::Affine(s, t) => {
            for (((map, s), t), out) in map
                .chunks_exact(pixels)
                .zip(s.as_chunks::<CB>().0)
                .zip(t.as_chunks::<CB>().0)
                .zip(out.chunks_exact_mut(pixels))
            {
                let (s, t) = (load::<S, CB>(simd, s), load::<S, CB>(simd, t));
                for (a, o) in map.iter().zip(&mut *out) {
                    limit(simd, load::<S, CB>(simd, a).mul_add(s, t), act).store_slice(o);
                }
            }
        }
    }
    follow::<S, CB>(simd, out, act.curve);
}

#[inline(always)]
fn run_of<S: Simd>(simd: S, map: &[f32], pixels: usize, with: With, act: Act, out: &mut [f32]) {
    simd.vectorize(
        #[inline(always)]
        || match S::f32s::LEN {
            16 => run::<S, 16>(simd, map, pixels, with, act, out),
            8 => run::<S, 8>(simd, map, pixels, with, act, out),
            _ => run::<S, 4>(simd, map, pixels, with, act, out),
        },
    );
}

/// `map` and `out`: `[blocks][pixels][LANES]`.
pub fn elementwise(
    level: Level,
    map: &[f32],
    pixels: usize,
    with: With,
    act: Act,
    out: &mut [f32],
) {
    with_level!(level, simd => run_of(simd, map, pixels, with, act, out));
}
