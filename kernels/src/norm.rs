//! Layer normalisation: every pixel by the mean and the variance of its channels.

use fearless_simd::{Simd, SimdBase as _, SimdFloat as _};

use super::{Level, load};

/// What a map is normalised with. Ba, Kiros and Hinton: Layer Normalization, 2016.
#[derive(Debug, Clone)]
pub struct Norm {
    channels: usize,
    /// Added to the variance.
    epsilon: f32,
    /// 1 for a channel, 0 for a lane beyond the last: `[LANES]` of the last block.
    mask: Vec<f32>,
    /// `[blocks][LANES]` each.
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl Norm {
    /// * `epsilon`: is added to the variance; `scale`, `shift`: `[channels]`, a factor and a summand of what is normalised.
    pub fn new(level: Level, epsilon: f32, scale: &[f32], shift: &[f32]) -> Self {
        let (lanes, channels) = (level.lanes(), scale.len());
        let padded = |values: &[f32]| {
            let mut values = values.to_vec();
            values.resize(channels.div_ceil(lanes) * lanes, 0.0);
            values
        };
        let filled = channels - channels.saturating_sub(1) / lanes * lanes;
        let mask = (0..lanes).map(|lane| if lane < filled { 1.0 } else { 0.0 }).collect();
        Self { channels, epsilon, mask, scale: padded(scale), shift: padded(shift) }
    }
}

#[inline(always)]
fn total<S: Simd, const CB: usize>(v: S::f32s) -> f32 {
    let mut lanes = [0.0; CB];
    v.store_slice(&mut lanes);
    lanes.iter().sum()
}

#[inline(always)]
fn run<S: Simd, const CB: usize>(
    simd: S,
    map: &[f32],
    pixels: usize,
    norm: &Norm,
    out: &mut [f32],
) {
    let (map, out) = (map.as_chunks::<CB>().0, out.as_chunks_mut::<CB>().0);
    let (scale, shift) = (norm.scale.as_chunks::<CB>().0, norm.shift.as_chunks::<CB>().0);
    let (mask, zero) = (S::f32s::from_slice(simd, &norm.mask), S::f32s::splat(simd, 0.0));
    let (last, part) = (scale.len() - 1, 1.0 / norm.channels as f32);
    for pixel in 0..pixels {
        let mut sum = zero;
        for v in map[pixel..].iter().step_by(pixels).take(last) {
            sum += load::<S, CB>(simd, v);
        }
        let end = load::<S, CB>(simd, &map[last * pixels + pixel]);
        let mean = S::f32s::splat(simd, total::<S, CB>(end.mul_add(mask, sum)) * part);
        let mut squares = zero;
        for v in map[pixel..].iter().step_by(pixels).take(last) {
            let rest = load::<S, CB>(simd, v) - mean;
            squares = rest.mul_add(rest, squares);
        }
        let rest = (end - mean) * mask;
        let variance = total::<S, CB>(rest.mul_add(rest, squares)) * part;
        let factor = S::f32s::splat(simd, 1.0 / (variance + norm.epsilon).sqrt());
        let to = out[pixel..].iter_mut().step_by(pixels);
        for (((v, o), s), t) in map[pixel..].iter().step_by(pixels).zip(to).zip(scale).zip(shift) {
            ((load::<S, CB>(simd, v) - mean) * factor)
                .mul_add(load::<S, CB>(simd, s), load::<S, CB>(simd, t))
                .store_slice(o);
        }
    }
}

#[inline(always)]
fn run_of<S: Simd>(simd: S, map: &[f32], pixels: usize, norm: &Norm, out: &mut [f32]) {
    simd.vectorize(
        #[inline(always)]
        || match S::f32s::LEN {
            16 => run::<S, 16>(simd, map, pixels, norm, out),
            8 => run::<S, 8>(simd, map, pixels, norm, out),
            _ => run::<S, 4>(simd, map, pixels, norm, out),
        },
    );
}

/// `map` and `out`: `[blocks][pixels][LANES]`.
pub fn normalise(level: Level, map: &[f32], pixels: usize, norm: &Norm, out: &mut [f32]) {
    with_level!(level, simd => run_of(simd, map, pixels, norm, out));
}
