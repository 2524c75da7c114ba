//! A weighted sum of squares `A = sum w v v^T`, packed by rows of its lower triangle.

use super::HeadError;
use super::stored::{check_finite, check_len};
use crate::learn::linalg::{PackedCholesky, add_scaled, packed_len, packed_row};

/// The sum for vectors of that length takes 256 MiB.
pub(super) const MAX_DIM: usize = 8191;

/// A square to be added.
#[derive(Debug)]
pub(super) struct Square {
    /// Below 0 to take it off again.
    pub(super) weight: f64,
    /// `[dim]`
    pub(super) vector: Vec<f64>,
}

#[derive(Debug)]
pub(super) struct Scatter {
    dim: usize,
    /// Empty while it is zero from the beginning.
    values: Vec<f64>,
}

impl Scatter {
    /// * `dim`: at most [`MAX_DIM`].
    pub(super) fn zero(dim: usize) -> Self {
        Self { dim, values: Vec::new() }
    }

    /// * `values`: as [`Scatter::values`] gave them.
    ///
    /// # Errors
    /// [`HeadError::Damaged`].
    pub(super) fn from_saved(dim: usize, values: Vec<f64>) -> Result<Self, HeadError> {
        if !values.is_empty() {
            check_len("the scatter", values.len(), packed_len(dim).unwrap_or(usize::MAX))?;
        }
        check_finite("the scatter", &values)?;
        Ok(Self { dim, values })
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    /// Zero again, exactly.
    pub(super) fn clear(&mut self) {
        self.values.fill(0.0);
    }

    /// Adds all, row by row: the sums are those of one after another, in one pass over memory.
    pub(super) fn add(&mut self, squares: &[Square]) {
        if squares.is_empty() {
            return;
        }
        let len = packed_len(self.dim).expect("the dimension is bounded");
        self.values.resize(len, 0.0);
        let mut rest = self.values.as_mut_slice();
        for row in 0..self.dim {
            let (this, below) = rest.split_at_mut(row + 1);
            for Square { weight, vector } in squares {
                add_scaled(this, weight * vector[row], &vector[..=row]);
            }
            rest = below;
        }
    }

    /// `tr A`
    pub(super) fn trace(&self) -> f64 {
        if self.values.is_empty() {
            return 0.0;
        }
        (0..self.dim).map(|row| self.values[packed_row(row) + row]).sum()
    }

    /// The factor of `share A + ridge I`; `None` if that is not positive definite, which only rounding can cause.
    pub(super) fn factor(&self, share: f64, ridge: f64) -> Option<PackedCholesky> {
        let mut matrix: Vec<f64> = self.values.iter().map(|value| share * value).collect();
        matrix.resize(packed_len(self.dim)?, 0.0);
        for row in 0..self.dim {
            matrix[packed_row(row) + row] += ridge;
        }
        PackedCholesky::of(matrix, self.dim)
    }
}
