//! Sums over vectors. They run in several lanes, so that the compiler may use vector registers without reordering a
//! single chain; the order is fixed, so the same values give the same bits.

use std::iter::Sum;
use std::ops::{AddAssign, Mul};

/// What a sum is kept in: f32, or f64 for values that may be large and where differences matter.
pub trait Real: Copy + Default + Mul<Output = Self> + AddAssign + Sum + From<f32> {
    /// As [`add_scaled`].
    fn add_scaled(y: &mut [Self], scale: Self, x: &[Self]);
}

/// What vectors of [`Real`] values are multiplied with.
pub trait Factors<T: Real>: Copy + Into<T> {
    /// As [`dot`].
    fn dot(a: &[Self], b: &[T]) -> T;
}

// Functions with types of their own are compiled here, with all optimisations, and not where they are called.
macro_rules! real {
    ($real:ty, $($other:ty),*) => {
        impl Real for $real {
            fn add_scaled(y: &mut [Self], scale: Self, x: &[Self]) {
                y.iter_mut().zip(x).for_each(|(y, &x)| *y += scale * x);
            }
        }
        $(impl Factors<$real> for $other {
            fn dot(a: &[Self], b: &[$real]) -> $real {
                dots([a], b)[0]
            }
        })*
    };
}
real!(f32, f32);
real!(f64, f32, f64);

/// The product of two vectors, computed in the type of `b`.
///
/// * `a`, `b`: of one length.
pub fn dot<A: Factors<T>, T: Real>(a: &[A], b: &[T]) -> T {
    A::dot(a, b)
}

/// The products of several vectors with one, which is read once; each as [`dot`] gives it.
///
/// * `a`: `[N][len]`, `b`: `[len]`.
pub(super) fn dots<A: Copy + Into<T>, T: Real, const N: usize>(a: [&[A]; N], b: &[T]) -> [T; N] {
    const LANES: usize = 8;
    let (b_chunks, b_tail) = b.as_chunks::<LANES>();
    let a = a.map(|row| row[..b.len()].as_chunks::<LANES>());
    let mut lanes = [[T::default(); LANES]; N];
    for (at, y) in b_chunks.iter().enumerate() {
        for (lanes, (chunks, _)) in lanes.iter_mut().zip(&a) {
            let x = &chunks[at];
            for lane in 0..LANES {
                lanes[lane] += x[lane].into() * y[lane];
            }
        }
    }
    let mut sums = [T::default(); N];
    for ((sum, lanes), (_, tail)) in sums.iter_mut().zip(&lanes).zip(&a) {
        *sum = lanes.iter().copied().sum();
        *sum += tail.iter().zip(b_tail).map(|(&x, &y)| x.into() * y).sum();
    }
    sums
}

/// The product of every two vectors.
///
/// * `rows`: `[count]`, of one length.
/// * returns `[count][count]`, symmetric.
pub fn products(rows: &[&[f32]]) -> Vec<f32> {
    const TOGETHER: usize = 4;
    let count = rows.len();
    let mut products = vec![0.0; count * count];
    for first in (0..count).step_by(TOGETHER) {
        for (j, other) in rows.iter().enumerate().take(first + TOGETHER) {
            let mut put = |i: usize, product: f32| {
                products[i * count + j] = product;
                products[j * count + i] = product;
            };
            if let [a, b, c, d, ..] = rows[first..] {
                let group = dots([a, b, c, d], other);
                group.into_iter().enumerate().for_each(|(at, product)| put(first + at, product));
            } else {
                for (at, row) in rows[first..].iter().enumerate() {
                    put(first + at, dot(row, other));
                }
            }
        }
    }
    products
}

/// `y += scale * x`
pub fn add_scaled<T: Real>(y: &mut [T], scale: T, x: &[T]) {
    T::add_scaled(y, scale, x);
}

/// `[dim]` in f64.
pub fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_products_of_every_length_are_the_plain_sums() {
        for len in 0..70 {
            let a: Vec<f32> = (0..len).map(|i| (i % 7) as f32 - 3.0).collect();
            let b: Vec<f32> = (0..len).map(|i| (i % 5) as f32 - 1.0).collect();
            let plain: f32 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
            assert_eq!(dot(&a, &b), plain, "length {len}");
            assert_eq!(dot(&a, &widened(&b)), f64::from(plain), "length {len}");
            assert_eq!(dot(&widened(&a), &widened(&b)), f64::from(plain), "length {len}");
        }
    }

    #[test]
    fn products_of_every_two_are_their_dot_products() {
        for count in 0..11 {
            let rows: Vec<Vec<f32>> =
                (0..count).map(|i| (0..13).map(|j| (i * j) as f32 * 0.1 - 0.7).collect()).collect();
            let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            let got = products(&rows);
            for (i, a) in rows.iter().enumerate() {
                for (j, b) in rows.iter().enumerate() {
                    assert_eq!(got[i * count + j], dot(a, b), "{i} and {j} of {count}");
                }
            }
        }
    }
}
