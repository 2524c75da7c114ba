//! A symmetric matrix packed by rows of its lower triangle, and its Cholesky factor in the same half of the room: for
//! a matrix that is factored whole each time, where [`super::Factor`] follows one that changes a little.

use super::sums::{add_scaled, dot, dots};

/// How many values a symmetric matrix packed by rows of its lower triangle has; `None` beyond `usize`.
pub fn packed_len(dim: usize) -> Option<usize> {
    Some(dim.checked_mul(dim.checked_add(1)?)? / 2)
}

/// Where row `row` of a packed matrix begins; it has `row + 1` values.
pub fn packed_row(row: usize) -> usize {
    row * (row + 1) / 2
}

/// The lower Cholesky factor of a symmetric positive definite matrix, packed as that was.
#[derive(Debug)]
pub struct PackedCholesky {
    rows: Vec<f64>,
    dim: usize,
}

impl PackedCholesky {
    /// * `matrix`: `[packed_len(dim)]`, overwritten.
    /// * returns `None` if the matrix is not positive definite in f64.
    pub fn of(mut matrix: Vec<f64>, dim: usize) -> Option<Self> {
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
                        dots([&a[..column], &b[..column], &c[..column], &d[..column]], known);
                    for (row, sum) in [a, b, c, d].into_iter().zip(sums) {
                        row[column] = (row[column] - sum) / pivot;
                    }
                } else {
                    for row in &mut block {
                        row[column] = (row[column] - dot(&row[..column], known)) / pivot;
                    }
                }
            }
            for at in 0..count {
                let (done, this) = block.split_at_mut(at);
                let this = &mut this[0];
                for (before, above) in done.iter().enumerate() {
                    let column = first + before;
                    let sum = dot(&this[..column], &above[..column]);
                    this[column] = (this[column] - sum) / above[column];
                }
                let column = first + at;
                let square = this[column] - dot(&this[..column], &this[..column]);
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
    pub fn solve(&self, vectors: &mut [f64]) {
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
            let sums = dots(vectors.each_ref().map(|vector| &vector[..i]), before);
            for (vector, sum) in vectors.iter_mut().zip(sums) {
                vector[i] = (vector[i] - sum) / pivot[0];
            }
        }
        for i in (0..self.dim).rev() {
            let (before, pivot) = row(i);
            for vector in &mut vectors {
                let (earlier, later) = vector.split_at_mut(i);
                later[0] /= pivot[0];
                add_scaled(earlier, -later[0], before);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
