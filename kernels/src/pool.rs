//! Pooling, over windows and over all pixels.

use fearless_simd::{Select as _, Simd, SimdBase as _, SimdFloat as _};

use super::Level;
use super::conv::Window;

/// What a window of pixels becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// The largest value; NaN where there is one.
    Max,
    /// The mean of those that lie within the map.
    Mean,
    /// The sum over the window's size, whatever lies within the map.
    MeanOfAll,
}

/// The larger one; NaN where one is.
#[inline(always)]
fn larger<S: Simd>(a: S::f32s, b: S::f32s) -> S::f32s {
    (b.simd_gt(a) | b.is_nan()).select(b, a)
}

/// The largest of 3 x 3 pixels at every second one. What lies outside of the map is taken to be the nearest pixel within,
/// which is in the window, too; so no window may lie outside as a whole.
#[inline(always)]
fn largest_of_three<S: Simd, const CB: usize>(
    simd: S,
    pad: [usize; 2],
    map: &[f32],
    from: [usize; 2],
    out: &mut [f32],
    to: [usize; 2],
) {
    let (map, _) = map.as_chunks::<CB>();
    let (out, _) = out.as_chunks_mut::<CB>();
    let place = |axis: usize, at: usize| at.saturating_sub(pad[axis]).min(from[axis] - 1);
    let planes = map.chunks_exact(from[0] * from[1]);
    for (plane, out) in planes.zip(out.chunks_exact_mut(to[0] * to[1])) {
        for (y, out) in out.chunks_exact_mut(to[1]).enumerate() {
            let row = |dy: usize| &plane[place(0, 2 * y + dy) * from[1]..][..from[1]];
            let rows = [row(0), row(1), row(2)];
            // The largest of a column is that of two windows.
            let column = |at: usize| {
                let [a, b, c] = rows.map(|row| S::f32s::from_slice(simd, &row[place(1, at)]));
                larger::<S>(larger::<S>(a, b), c)
            };
            let mut first = column(0);
            for (x, o) in out.iter_mut().enumerate() {
                let last = column(2 * x + 2);
                larger::<S>(larger::<S>(first, column(2 * x + 1)), last).store_slice(o);
                first = last;
            }
        }
    }
}

#[inline(always)]
fn run<S: Simd, const CB: usize>(
    simd: S,
    how: Pool,
    window: Window,
    map: &[f32],
    from: [usize; 2],
    out: &mut [f32],
    to: [usize; 2],
) {
    let Window { size, stride, dilation, pad } = window;
    let inside = |axis: usize| pad[axis] < 3 && 2 * (to[axis] - 1) < from[axis] + pad[axis];
    if how == Pool::Max
        && (size, stride, dilation) == ([3, 3], [2, 2], [1, 1])
        && inside(0)
        && inside(1)
    {
        return largest_of_three::<S, CB>(simd, pad, map, from, out, to);
    }
    let (map, _) = map.as_chunks::<CB>();
    let (out, _) = out.as_chunks_mut::<CB>();
    for (plane, out) in map.chunks_exact(from[0] * from[1]).zip(out.chunks_exact_mut(to[0] * to[1]))
    {
        for (y, out) in out.chunks_exact_mut(to[1]).enumerate() {
            for (x, o) in out.iter_mut().enumerate() {
                let mut acc =
                    S::f32s::splat(simd, if how == Pool::Max { f32::NEG_INFINITY } else { 0.0 });
                let mut count = 0;
                for dy in 0..size[0] {
                    let Some(row) = (y * stride[0] + dy * dilation[0])
                        .checked_sub(pad[0])
                        .filter(|row| *row < from[0])
                    else {
                        continue;
                    };
                    let row = &plane[row * from[1]..][..from[1]];
                    for dx in 0..size[1] {
                        let Some(column) = (x * stride[1] + dx * dilation[1])
                            .checked_sub(pad[1])
                            .filter(|column| *column < from[1])
                        else {
                            continue;
                        };
                        let v = S::f32s::from_slice(simd, &row[column]);
                        if how == Pool::Max {
                            acc = larger::<S>(acc, v);
                        } else {
                            acc += v;
                        }
                        count += 1;
                    }
                }
                let v = match how {
                    Pool::Max => acc,
                    Pool::Mean => acc * (1.0 / count as f32),
                    Pool::MeanOfAll => acc * (1.0 / (size[0] * size[1]) as f32),
                };
                v.store_slice(o);
            }
        }
    }
}

#[inline(always)]
fn pool_of<S: Simd>(
    simd: S,
    how: Pool,
    window: Window,
    map: &[f32],
    from: [usize; 2],
    out: &mut [f32],
    to: [usize; 2],
) {
    simd.vectorize(
        #[inline(always)]
        || match S::f32s::LEN {
            16 => run::<S, 16>(simd, how, window, map, from, out, to),
            8 => run::<S, 8>(simd, how, window, map, from, out, to),
            _ => run::<S, 4>(simd, how, window, map, from, out, to),
        },
    );
}

/// `map`: `[blocks][from[0]][from[1]][LANES]`; `out`: `[blocks][to[0]][to[1]][LANES]`.
pub fn pool(
    level: Level,
    how: Pool,
    window: Window,
    map: &[f32],
    from: [usize; 2],
    out: &mut [f32],
    to: [usize; 2],
) {
    with_level!(level, simd => pool_of(simd, how, window, map, from, out, to));
}

#[inline(always)]
fn sums<S: Simd, const CB: usize>(
    simd: S,
    map: &[f32],
    pixels: usize,
    scale: f32,
    sums: &mut [f32],
    largest: &mut [f32],
) {
    let (map, _) = map.as_chunks::<CB>();
    let (sums, _) = sums.as_chunks_mut::<CB>();
    let (largest, _) = largest.as_chunks_mut::<CB>();
    let mut largest = largest.iter_mut();
    for (plane, sum) in map.chunks_exact(pixels).zip(sums) {
        let mut acc = [S::f32s::splat(simd, 0.0); 4];
        let (fours, rest) = plane.as_chunks::<4>();
        for four in fours {
            each!(i <4 4 => acc[i] += S::f32s::from_slice(simd, &four[i]));
        }
        for one in rest {
            acc[0] += S::f32s::from_slice(simd, one);
        }
        let total = (acc[0] + acc[1]) + (acc[2] + acc[3]);
        (total * scale).store_slice(sum);
        if let Some(largest) = largest.next() {
            let mut acc = S::f32s::splat(simd, f32::NEG_INFINITY);
            for one in plane {
                acc = larger::<S>(acc, S::f32s::from_slice(simd, one));
            }
            acc.store_slice(largest);
        }
    }
}

#[inline(always)]
fn sums_of<S: Simd>(
    simd: S,
    map: &[f32],
    pixels: usize,
    scale: f32,
    out: &mut [f32],
    largest: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || match S::f32s::LEN {
            16 => sums::<S, 16>(simd, map, pixels, scale, out, largest),
            8 => sums::<S, 8>(simd, map, pixels, scale, out, largest),
            _ => sums::<S, 4>(simd, map, pixels, scale, out, largest),
        },
    );
}

/// Of every channel the sum over all pixels, times `scale`, and the largest value; NaN where one is.
///
/// * `sums`: `[blocks][LANES]`; `largest`: the same, or empty.
pub fn global(
    level: Level,
    map: &[f32],
    pixels: usize,
    scale: f32,
    sums: &mut [f32],
    largest: &mut [f32],
) {
    with_level!(level, simd => sums_of(simd, map, pixels, scale, sums, largest));
}
