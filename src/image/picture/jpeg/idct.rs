//! The inverse cosine transform of 8x8 blocks, to the bit the one that libjpeg takes by default.
//!
//! Loeffler, Ligtenberg and Moschytz: "Practical fast 1-D DCT algorithms with 11 multiplications", ICASSP 1989; numbers of
//! 13 bits behind the point, two more kept between the passes.

const BITS: u32 = 13;
const KEPT: u32 = 2;

const fn fix(value: f64) -> i32 {
    (value * (1 << BITS) as f64 + 0.5) as i32
}

const F_0_298: i32 = fix(0.298_631_336);
const F_0_390: i32 = fix(0.390_180_644);
const F_0_541: i32 = fix(0.541_196_100);
const F_0_765: i32 = fix(0.765_366_865);
const F_0_899: i32 = fix(0.899_976_223);
const F_1_175: i32 = fix(1.175_875_602);
const F_1_501: i32 = fix(1.501_321_110);
const F_1_847: i32 = fix(1.847_759_065);
const F_1_961: i32 = fix(1.961_570_560);
const F_2_053: i32 = fix(2.053_119_869);
const F_2_562: i32 = fix(2.562_915_447);
const F_3_072: i32 = fix(3.072_711_026);

/// One dimension. Sums are of 16 bits, so that each product is one of 16-bit numbers, which every processor has for
/// several at once; those of a picture's own coefficients fit.
#[inline(always)]
fn pass(x: [i16; 8], down: u32) -> [i16; 8] {
    let times = |a: i16, b: i32| i32::from(a) * i32::from(b as i16);
    let sum = i16::wrapping_add;
    let round = 1 << (down - 1);
    // Even part.
    let (t2, t3) = (
        times(x[2], F_0_541) + times(x[6], F_0_541 - F_1_847),
        times(x[2], F_0_541 + F_0_765) + times(x[6], F_0_541),
    );
    let t0 = ((i32::from(x[0]) + i32::from(x[4])) << BITS) + round;
    let t1 = ((i32::from(x[0]) - i32::from(x[4])) << BITS) + round;
    let even = [t0 + t3, t1 + t2, t1 - t2, t0 - t3];
    // Odd part.
    let (a, b) = (sum(x[7], x[3]), sum(x[5], x[1]));
    let z3 = times(a, F_1_175 - F_1_961) + times(b, F_1_175);
    let z4 = times(a, F_1_175) + times(b, F_1_175 - F_0_390);
    let odd = [
        times(x[1], F_1_501 - F_0_899) + times(x[7], -F_0_899) + z4,
        times(x[3], F_3_072 - F_2_562) + times(x[5], -F_2_562) + z3,
        times(x[5], F_2_053 - F_2_562) + times(x[3], -F_2_562) + z4,
        times(x[7], F_0_298 - F_0_899) + times(x[1], -F_0_899) + z3,
    ];
    [
        ((even[0] + odd[0]) >> down) as i16,
        ((even[1] + odd[1]) >> down) as i16,
        ((even[2] + odd[2]) >> down) as i16,
        ((even[3] + odd[3]) >> down) as i16,
        ((even[3] - odd[3]) >> down) as i16,
        ((even[2] - odd[2]) >> down) as i16,
        ((even[1] - odd[1]) >> down) as i16,
        ((even[0] - odd[0]) >> down) as i16,
    ]
}

/// Rows to columns: three perfect shuffles, which compilers know how to do with many values at once.
#[inline(always)]
fn turned<T: Copy + Default>(block: [T; 64]) -> [T; 64] {
    let mut from = block;
    for _ in 0..3 {
        let mut to = [T::default(); 64];
        let (left, right) = from.split_at(32);
        for (to, (&left, &right)) in to.as_chunks_mut().0.iter_mut().zip(left.iter().zip(right)) {
            *to = [left, right];
        }
        from = to;
    }
    from
}

/// * `block`: coefficients, times their steps; row by row; beyond the first `N` rows and columns there are zeros.
/// * `out`: where its first pixel goes; `stride` bytes lie between the beginnings of two rows.
#[inline(always)]
fn transform<const N: usize>(block: &[i16; 64], out: &mut [u8], stride: usize) {
    let mut columns = [0; 64];
    for x in 0..8 {
        let column = std::array::from_fn(|y| if y < N { block[y * 8 + x] } else { 0 });
        let done = pass(column, BITS - KEPT);
        for y in 0..8 {
            columns[y * 8 + x] = done[y];
        }
    }
    let rows = turned(columns);
    let mut pixels = [0; 64];
    for y in 0..8 {
        let row = std::array::from_fn(|x| if x < N { rows[x * 8 + y] } else { 0 });
        let done = pass(row, BITS + KEPT + 3);
        for x in 0..8 {
            pixels[x * 8 + y] = done[x].saturating_add(128).clamp(0, 255) as u8;
        }
    }
    let pixels = turned(pixels);
    for (out, row) in out.chunks_mut(stride).zip(pixels.as_chunks::<8>().0) {
        if let Some(out) = out.first_chunk_mut() {
            *out = *row;
        }
    }
}

/// Paints a block.
///
/// * `block`: coefficients, times their steps; row by row.
/// * `last`: the last one that is not 0, counted in zigzag order; 0 if there is none.
/// * `out`: where its first pixel goes; `stride` bytes lie between the beginnings of two rows.
pub(super) fn paint(block: &[i16; 64], last: usize, out: &mut [u8], stride: usize) {
    match last {
        0 => {
            let level = ((i32::from(block[0]) + 4) >> 3) + 128;
            let row = [level.clamp(0, 255) as u8; 8];
            for out in out.chunks_mut(stride).take(8) {
                if let Some(out) = out.first_chunk_mut() {
                    *out = row;
                }
            }
        }
        // In zigzag order the first 10 lie in the first four rows and columns.
        1..10 => transform::<4>(block, out, stride),
        _ => transform::<8>(block, out, stride),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the definition, in real numbers.
    fn exact(block: &[i16; 64]) -> [f64; 64] {
        let scale = |u: usize| if u == 0 { 0.5_f64.sqrt() } else { 1.0 };
        let wave = |x: usize, u: usize| {
            (std::f64::consts::PI * (2 * x + 1) as f64 * u as f64 / 16.0).cos() * scale(u)
        };
        std::array::from_fn(|at| {
            let (y, x) = (at / 8, at % 8);
            let terms = (0..64).map(|k| f64::from(block[k]) * wave(y, k / 8) * wave(x, k % 8));
            terms.sum::<f64>() / 4.0 + 128.0
        })
    }

    #[test]
    fn blocks_are_transformed_as_the_definition_says() {
        use rand::{RngExt as _, SeedableRng as _};
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        for (side, last) in [(8, 63), (4, 9), (1, 0), (8, 63), (4, 9), (1, 0)] {
            let mut block = [0; 64];
            for (k, value) in block.iter_mut().enumerate() {
                if k / 8 < side && k % 8 < side {
                    *value = random.random_range(-150..150);
                }
            }
            let mut out = [0; 8 * 11];
            paint(&block, last, &mut out, 11);
            for (at, wanted) in exact(&block).into_iter().enumerate() {
                let got = f64::from(out[at / 8 * 11 + at % 8]);
                assert!((got - wanted.clamp(0.0, 255.0)).abs() < 1.0, "{at}: {got}, not {wanted}");
            }
        }
    }
}
