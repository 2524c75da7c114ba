//! Sums over vectors, and a Cholesky factor that fills half the room.
//!
//! Sums run in several lanes, so that the compiler may use vector registers without reordering a single chain;
//! the order is fixed, so the same values give the same bits.

/// * `a`, `b`: of one length.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    dots([a], b)[0]
}

/// The products of several vectors with one, which is read once; each as [`dot`] gives it.
///
/// * `a`: `[N][len]`, `b`: `[len]`.
fn dots<const N: usize>(a: [&[f32]; N], b: &[f32]) -> [f32; N] {
    const LANES: usize = 8;
    let (b_chunks, b_tail) = b.as_chunks::<LANES>();
    let a = a.map(|row| row[..b.len()].as_chunks::<LANES>());
    let mut lanes = [[0.0f32; LANES]; N];
    for (at, y) in b_chunks.iter().enumerate() {
        for (lanes, (chunks, _)) in lanes.iter_mut().zip(&a) {
            let x = &chunks[at];
            for lane in 0..LANES {
                lanes[lane] += x[lane] * y[lane];
            }
        }
    }
    let mut sums = [0.0; N];
    for ((sum, lanes), (_, tail)) in sums.iter_mut().zip(&lanes).zip(&a) {
        let rest: f32 = tail.iter().zip(b_tail).map(|(x, y)| x * y).sum();
        *sum = lanes.iter().sum::<f32>() + rest;
    }
    sums
}

/// The product of every two vectors.
///
/// * `rows`: `[count]`, of one length.
/// * returns `[count][count]`, symmetric.
pub(super) fn products(rows: &[&[f32]]) -> Vec<f32> {
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

/// As [`dot`], in f64: for values that may be large, and where differences matter.
pub(super) fn dot_wide(a: &[f64], b: &[f64]) -> f64 {
    dots_wide([a], b)[0]
}

/// The products of several vectors with one, which is read once.
///
/// * `a`: `[N][len]`, `b`: `[len]`.
fn dots_wide<const N: usize>(a: [&[f64]; N], b: &[f64]) -> [f64; N] {
    const LANES: usize = 4;
    let (b_chunks, b_tail) = b.as_chunks::<LANES>();
    let a = a.map(|row| row[..b.len()].as_chunks::<LANES>());
    let mut lanes = [[0.0f64; LANES]; N];
    for (at, y) in b_chunks.iter().enumerate() {
        for (lanes, (chunks, _)) in lanes.iter_mut().zip(&a) {
            let x = &chunks[at];
            for lane in 0..LANES {
                lanes[lane] += x[lane] * y[lane];
            }
        }
    }
    let mut sums = [0.0; N];
    for ((sum, lanes), (_, tail)) in sums.iter_mut().zip(&lanes).zip(&a) {
        let rest: f64 = tail.iter().zip(b_tail).map(|(x, y)| x * y).sum();
        *sum = lanes.iter().sum::<f64>() + rest;
    }
    sums
}

/// `y += scale * x`
pub(super) fn add_scaled(y: &mut [f32], scale: f32, x: &[f32]) {
    y.iter_mut().zip(x).for_each(|(y, &x)| *y += scale * x);
}

/// `y += scale * x`
pub(super) fn add_scaled_wide(y: &mut [f64], scale: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, &x)| *y += scale * x);
}

/// `[dim]` in f64.
pub(super) fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// A score as heads give it: never NaN or infinite, since that means a class without examples.
pub(super) fn finite(score: f64) -> f32 {
    let limit = f64::from(f32::MAX);
    if score.is_nan() { 0.0 } else { score.clamp(-limit, limit) as f32 }
}

/// How many values a symmetric matrix packed by rows of its lower triangle has; `None` beyond `usize`.
pub(super) fn packed_len(dim: usize) -> Option<usize> {
    Some(dim.checked_mul(dim.checked_add(1)?)? / 2)
}

/// Where row `row` of a packed matrix begins; it has `row + 1` values.
pub(super) fn packed_row(row: usize) -> usize {
    row * (row + 1) / 2
}

/// The lower Cholesky factor of a symmetric positive definite matrix, packed as that was.
#[derive(Debug)]
pub(super) struct PackedCholesky {
    rows: Vec<f64>,
    dim: usize,
}

impl PackedCholesky {
    /// * `matrix`: `[packed_len(dim)]`, overwritten.
    /// * returns `None` if the matrix is not positive definite in f64.
    pub(super) fn of(mut matrix: Vec<f64>, dim: usize) -> Option<Self> {
        // Four rows at a time, so that every finished row is fetched from memory a quarter as often.
        for first in (0..dim).step_by(4) {
            let count = (dim - first).min(4);
            let (finished, rest) = matrix.split_at_mut(packed_row(first));
            let mut block: Vec<&mut [f64]> = Vec::with_capacity(count);
            let mut left = rest;
            for row in first..first + count {
                let (this, others) = left.split_at_mut(row + 1);
                block.push(this);
                left = others;
            }
            for column in 0..first {
                let above = &finished[packed_row(column)..][..=column];
                let (known, pivot) = (&above[..column], above[column]);
                if let [a, b, c, d] = &mut block[..] {
                    let sums =
                        dots_wide([&a[..column], &b[..column], &c[..column], &d[..column]], known);
                    for (row, sum) in [a, b, c, d].into_iter().zip(sums) {
                        row[column] = (row[column] - sum) / pivot;
                    }
                } else {
                    for row in &mut block {
                        row[column] = (row[column] - dot_wide(&row[..column], known)) / pivot;
                    }
                }
            }
            for at in 0..count {
                let (done, this) = block.split_at_mut(at);
                let this = &mut this[0];
                for (before, above) in done.iter().enumerate() {
                    let column = first + before;
                    let sum = dot_wide(&this[..column], &above[..column]);
                    this[column] = (this[column] - sum) / above[column];
                }
                let column = first + at;
                let square = this[column] - dot_wide(&this[..column], &this[..column]);
                if !(square > 0.0 && square.is_finite()) {
                    return None;
                }
                this[column] = square.sqrt();
            }
        }
        Some(Self { rows: matrix, dim })
    }

    /// Overwrites each vector with the solution of `matrix * x = vector`.
    ///
    /// * `vectors`: `[count * dim]`.
    pub(super) fn solve(&self, vectors: &mut [f64]) {
        for group in vectors.chunks_mut(4 * self.dim) {
            if group.len() == 4 * self.dim {
                let (a, rest) = group.split_at_mut(self.dim);
                let (b, rest) = rest.split_at_mut(self.dim);
                let (c, d) = rest.split_at_mut(self.dim);
                self.solve_together([a, b, c, d]);
            } else {
                group.chunks_exact_mut(self.dim).for_each(|vector| self.solve_together([vector]));
            }
        }
    }

    fn solve_together<const N: usize>(&self, mut vectors: [&mut [f64]; N]) {
        let row = |row: usize| self.rows[packed_row(row)..][..=row].split_at(row);
        for i in 0..self.dim {
            let (before, pivot) = row(i);
            let sums = dots_wide(vectors.each_ref().map(|vector| &vector[..i]), before);
            for (vector, sum) in vectors.iter_mut().zip(sums) {
                vector[i] = (vector[i] - sum) / pivot[0];
            }
        }
        for i in (0..self.dim).rev() {
            let (before, pivot) = row(i);
            for vector in &mut vectors {
                let (earlier, later) = vector.split_at_mut(i);
                later[0] /= pivot[0];
                add_scaled_wide(earlier, -later[0], before);
            }
        }
    }
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
            assert_eq!(dot_wide(&widened(&a), &widened(&b)), f64::from(plain), "length {len}");
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

    #[test]
    fn the_factor_solves_systems_of_every_size() {
        for dim in 1..14 {
            // Symmetric, and positive definite since its diagonal outweighs the rest.
            let at = |i: usize, j: usize| {
                if i == j { 2.0 * dim as f64 } else { ((i * j) % 3) as f64 - 1.0 }
            };
            let packed: Vec<f64> = (0..dim).flat_map(|i| (0..=i).map(move |j| at(i, j))).collect();
            let factor = PackedCholesky::of(packed, dim).expect("positive definite");
            let wanted: Vec<f64> = (0..6 * dim).map(|i| i as f64 - 4.0).collect();
            let mut got: Vec<f64> = wanted
                .chunks(dim)
                .flat_map(|x| {
                    (0..dim)
                        .map(move |i| (0..dim).map(|j| at(i.max(j), i.min(j)) * x[j]).sum::<f64>())
                })
                .collect();
            factor.solve(&mut got);
            for (got, wanted) in got.iter().zip(&wanted) {
                assert!((got - wanted).abs() < 1e-10, "dimension {dim}: {got}, wanted {wanted}");
            }
        }
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_has_no_factor() {
        assert!(PackedCholesky::of(vec![1.0, 2.0, 1.0], 2).is_none());
        assert!(PackedCholesky::of(vec![f64::NAN], 1).is_none());
    }

    #[test]
    fn scores_are_always_finite() {
        assert_eq!(finite(f64::NAN), 0.0);
        assert_eq!(finite(f64::INFINITY), f32::MAX);
        assert_eq!(finite(-1.5), -1.5);
    }
}
