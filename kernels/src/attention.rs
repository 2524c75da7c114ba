//! Attention: of every pixel the values of all pixels, each weighed by how well its key answers the query. Vaswani and others:
//! Attention Is All You Need, 2017.

use fearless_simd::{Simd, SimdBase as _};

use super::activation::exp;
use super::conv::Conv;
use super::point::run_points;
use super::{Level, Part, PartMut, load};

/// The sizes of attention. The channels of each head lie together in whole blocks.
#[derive(Debug, Clone)]
pub struct Attention {
    /// Channels of a head.
    size: usize,
    /// Pixels of the queries, and of keys and values.
    pixels: [usize; 2],
    /// Factor of the product of a query and a key.
    scale: f32,
    products: Conv,
    sums: Conv,
}

impl Attention {
    /// * `size`: channels of a head, whole blocks; `pixels`: of the queries, and of keys and values; `scale`: factor of the
    ///   product of a query and a key.
    pub fn new(level: Level, size: usize, pixels: [usize; 2], scale: f32) -> Self {
        let lanes = level.lanes();
        let products = Conv::of_given_weights(lanes, [size, pixels[1]]);
        let sums = Conv::of_given_weights(lanes, [pixels[1], size]);
        Self { size, pixels, scale, products, sums }
    }

    /// Of the queries, and of keys and values.
    pub fn pixels(&self) -> [usize; 2] {
        self.pixels
    }

    /// Multiply-accumulates of a head.
    pub fn work(&self) -> usize {
        2 * self.size * self.pixels[0] * self.pixels[1]
    }

    /// Values of `scratch` that a head needs.
    pub fn scratch(&self) -> usize {
        let keys = self.pixels[1].div_ceil(self.products.lanes) * self.products.lanes;
        keys * self.size + keys * self.pixels[0] + self.pixels[1] * self.size + self.pixels[0]
    }
}

/// Keys times the scale as the weights of a product: of two blocks of them the channels, one behind the other.
#[inline(always)]
fn pack_keys<const CB: usize>(keys: &[[f32; CB]], pixels: usize, scale: f32, out: &mut [f32]) {
    let (planes, panel) = (keys.len() / pixels, 2 * CB);
    let out = out.chunks_mut(panel * planes * CB);
    for (first, out) in (0..pixels).step_by(panel).zip(out) {
        let count = panel.min(pixels - first);
        let wide = count.div_ceil(CB) * CB;
        for (plane, out) in keys.chunks_exact(pixels).zip(out.chunks_exact_mut(wide * CB)) {
            for (lane, out) in out.chunks_exact_mut(wide).enumerate() {
                let (filled, rest) = out.split_at_mut(count);
                filled.iter_mut().zip(&plane[first..]).for_each(|(o, key)| *o = key[lane] * scale);
                rest.fill(0.0);
            }
        }
    }
}

/// Values as the weights of a product: of two blocks of their channels the pixels, one behind the other.
#[inline(always)]
fn pack_values<const CB: usize>(values: &[[f32; CB]], pixels: usize, out: &mut [f32]) {
    let (out, _) = out.as_chunks_mut::<CB>();
    for (both, out) in values.chunks(2 * pixels).zip(out.chunks_mut(2 * pixels)) {
        let wide = both.len() / pixels;
        for (at, plane) in both.chunks_exact(pixels).enumerate() {
            out[at..].iter_mut().step_by(wide).zip(plane).for_each(|(o, v)| *o = *v);
        }
    }
}

/// Softmax over the channels of each pixel, but for the division: `exp(x - largest)`, 0 in lanes beyond the last, and in `parts`, of each
/// pixel, 1 over their sum.
#[inline(always)]
fn softmax<S: Simd, const CB: usize>(
    simd: S,
    map: &mut [[f32; CB]],
    channels: usize,
    parts: &mut [f32],
) {
    let pixels = parts.len();
    let last = (channels - 1) / CB;
    let mut mask = [0.0; CB];
    mask[..channels - last * CB].fill(1.0);
    let mask = S::f32s::from_slice(simd, &mask);
    for (pixel, part) in parts.iter_mut().enumerate() {
        let end = &map[last * pixels + pixel][..channels - last * CB];
        let mut largest = end.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if last > 0 {
            let mut most = load::<S, CB>(simd, &map[pixel]);
            for v in map[pixel..].iter().step_by(pixels).take(last) {
                most = most.max(load::<S, CB>(simd, v));
            }
            let mut lanes = [0.0; CB];
            most.store_slice(&mut lanes);
            largest = lanes.into_iter().fold(largest, f32::max);
        }
        let (most, mut sum) = (S::f32s::splat(simd, largest), S::f32s::splat(simd, 0.0));
        for v in map[pixel..].iter_mut().step_by(pixels).take(last) {
            let weight = exp(simd, load::<S, CB>(simd, v) - most);
            weight.store_slice(v);
            sum += weight;
        }
        let v = &mut map[last * pixels + pixel];
        let weight = exp(simd, load::<S, CB>(simd, v) - most) * mask;
        weight.store_slice(v);
        sum += weight;
        let mut lanes = [0.0; CB];
        sum.store_slice(&mut lanes);
        *part = 1.0 / lanes.iter().sum::<f32>();
    }
}

#[inline(always)]
fn run<S: Simd, const CB: usize>(
    simd: S,
    [queries, keys, values]: [&[f32]; 3],
    heads: &Attention,
    scratch: &mut [f32],
    out: &mut [f32],
) {
    let [asked, pixels] = heads.pixels;
    let wide = pixels.div_ceil(CB) * CB;
    let (of_keys, scratch) = scratch.split_at_mut(wide * heads.size);
    let (weights, scratch) = scratch.split_at_mut(wide * asked);
    let (of_values, scratch) = scratch.split_at_mut(pixels * heads.size);
    let parts = &mut scratch[..asked];
    pack_keys::<CB>(keys.as_chunks::<CB>().0, pixels, heads.scale, of_keys);
    pack_values::<CB>(values.as_chunks::<CB>().0, pixels, of_values);
    let stride = asked * CB;
    let input = Part { data: queries, at: 0, stride };
    let to = &mut PartMut { data: weights, at: 0, stride };
    run_points(simd, input, asked, &heads.products, of_keys, None, to);
    softmax::<S, CB>(simd, weights.as_chunks_mut::<CB>().0, pixels, parts);
    let input = Part { data: weights, at: 0, stride };
    let to = &mut PartMut { data: out, at: 0, stride };
    run_points(simd, input, asked, &heads.sums, of_values, None, to);
    for plane in out.as_chunks_mut::<CB>().0.chunks_exact_mut(asked) {
        for (v, part) in plane.iter_mut().zip(&*parts) {
            (load::<S, CB>(simd, v) * S::f32s::splat(simd, *part)).store_slice(v);
        }
    }
}

#[inline(always)]
fn run_of<S: Simd>(simd: S, maps: [&[f32]; 3], heads: &Attention, rest: [&mut [f32]; 2]) {
    let [scratch, out] = rest;
    simd.vectorize(
        #[inline(always)]
        || match S::f32s::LEN {
            16 => run::<S, 16>(simd, maps, heads, scratch, out),
            8 => run::<S, 8>(simd, maps, heads, scratch, out),
            _ => run::<S, 4>(simd, maps, heads, scratch, out),
        },
    );
}

/// One head.
///
/// * `maps`: its queries, keys and values, each `[blocks of the head][pixels][LANES]`.
/// * `scratch`: at least [`Attention::scratch`] values; `out`: `[blocks of the head][pixels of the queries][LANES]`.
pub fn attend(
    level: Level,
    maps: [&[f32]; 3],
    heads: &Attention,
    scratch: &mut [f32],
    out: &mut [f32],
) {
    with_level!(level, simd => run_of(simd, maps, heads, [scratch, out]));
}
