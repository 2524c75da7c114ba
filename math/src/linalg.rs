//! Small dense linear algebra in f64: a symmetric matrix that grows, shrinks and changes by one outer product at a
//! time, kept together with the Cholesky factor of it plus a multiple of the identity.

mod halves;
mod packed;
mod sums;

pub use halves::{widen_scaled, widened_halves};
pub use packed::{PackedCholesky, packed_len, packed_row};
pub use sums::{Factors, Real, add_scaled, dot, products, widened};

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, ShapeBuilder, Slice};

/// Columns that are factored together; the rest is matrix products.
const BLOCK: usize = 48;

/// A symmetric matrix `M` `[n, n]` and the lower factor `L` with `L L^T = M + lambda I`.
///
/// Both live in one square: `L` on and below the diagonal, `M` above it, its diagonal apart.
#[derive(Debug, Clone)]
pub struct Factor {
    n: usize,
    stride: usize,
    square: Vec<f64>,
    diagonal: Vec<f64>,
    lambda: f64,
}

impl Factor {
    /// An empty matrix.
    ///
    /// * `lambda`: above 0.
    pub fn empty(lambda: f64) -> Self {
        Self { n: 0, stride: 0, square: Vec::new(), diagonal: Vec::new(), lambda }
    }

    /// * `matrix`: `[n, n]`; what stands on and above its diagonal counts. `matrix + lambda I` is positive definite.
    pub fn of(matrix: &Array2<f64>, lambda: f64) -> Self {
        let n = matrix.nrows();
        let mut factor = Self {
            n,
            stride: n,
            square: matrix.iter().copied().collect(),
            diagonal: matrix.diag().to_vec(),
            lambda,
        };
        factor.refactor(lambda);
        factor
    }

    /// What is added to the diagonal before the matrix is factored.
    pub fn lambda(&self) -> f64 {
        self.lambda
    }

    fn view(&self) -> ArrayView2<'_, f64> {
        ArrayView2::from_shape((self.n, self.n).strides((self.stride.max(1), 1)), &self.square)
            .expect("the square holds n rows of a stride of at least n")
    }

    fn reserve(&mut self) {
        if self.n < self.stride {
            return;
        }
        let stride = (self.n + self.n / 2).max(16);
        let mut square = vec![0.0; stride * stride];
        for row in 0..self.n {
            let from = row * self.stride;
            square[row * stride..row * stride + self.n]
                .copy_from_slice(&self.square[from..from + self.n]);
        }
        (self.stride, self.square) = (stride, square);
    }

    /// Adds a last row and column to `M`: `column` `[n]` and the new diagonal value. In O(n^2).
    pub fn append(&mut self, column: &[f64], diagonal: f64) {
        self.append_unfactored(column, diagonal);
        let n = self.n - 1;
        let mut row = column.to_vec();
        self.forward_vector(n, &mut row);
        let rest = diagonal + self.lambda - row.iter().map(|value| value * value).sum::<f64>();
        let start = n * self.stride;
        self.square[start..start + n].copy_from_slice(&row);
        self.square[start + n] = rest.max(self.floor()).sqrt();
    }

    /// As [`Factor::append`] without the factor: [`Factor::refactor`] has to follow.
    pub fn append_unfactored(&mut self, column: &[f64], diagonal: f64) {
        self.reserve();
        for (row, &value) in column.iter().enumerate() {
            self.square[row * self.stride + self.n] = value;
        }
        self.diagonal.push(diagonal);
        self.n += 1;
    }

    /// Takes row and column `index` out. In O(n^2).
    pub fn remove(&mut self, index: usize) {
        // Without row r the factor below it loses a column, which comes back as a rank-one update.
        let mut lost: Vec<f64> =
            (index + 1..self.n).map(|row| self.square[row * self.stride + index]).collect();
        self.remove_unfactored(index);
        self.rank_one(index, &mut lost, false);
    }

    /// As [`Factor::remove`] without the factor: [`Factor::refactor`] has to follow.
    pub fn remove_unfactored(&mut self, index: usize) {
        for row in 0..self.n {
            let start = row * self.stride;
            self.square.copy_within(start + index + 1..start + self.n, start + index);
            if row > index {
                self.square.copy_within(start..start + self.n - 1, start - self.stride);
            }
        }
        self.diagonal.remove(index);
        self.n -= 1;
    }

    /// `M += w w^T`. In O(n^2).
    pub fn add_outer(&mut self, w: &[f64]) {
        self.change_matrix(w, 1.0);
        self.rank_one(0, &mut w.to_vec(), false);
    }

    /// `M -= w w^T`, for a `w` that was added. In O(n^2).
    pub fn subtract_outer(&mut self, w: &[f64]) {
        self.change_matrix(w, -1.0);
        if !self.rank_one(0, &mut w.to_vec(), true) {
            self.refactor(self.lambda);
        }
    }

    fn change_matrix(&mut self, w: &[f64], sign: f64) {
        for (row, &value) in w.iter().enumerate() {
            let (start, scaled) = (row * self.stride, sign * value);
            self.diagonal[row] += scaled * value;
            let above = &mut self.square[start + row + 1..start + self.n];
            above.iter_mut().zip(&w[row + 1..]).for_each(|(m, other)| *m += scaled * other);
        }
    }

    /// `L L^T += w w^T` (or `-=` with `down`) for rows from `first`, by a rotation a column.
    ///
    /// * returns false where the result is not positive definite; the factor is of no use then.
    fn rank_one(&mut self, first: usize, w: &mut [f64], down: bool) -> bool {
        const ROWS: usize = 4;
        let (stride, n) = (self.stride, self.n);
        let mut rotations: Vec<(f64, f64)> = Vec::with_capacity(n - first);
        let rotate = |value: &mut f64, w: &mut f64, (c, s): (f64, f64)| {
            let old = *value;
            if down {
                *value = (old - s * *w) / c;
                *w = c * *w - s * *value;
            } else {
                *value = c * old + s * *w;
                *w = c * *w - s * old;
            }
        };
        let mut row = first;
        while row < n {
            // Rows depend on rotations, not on each other: several at once keep the processor busy.
            let together = ROWS.min(n - row);
            let mut rows = self.square[row * stride..].chunks_mut(stride);
            let mut lines: Vec<&mut [f64]> = rows.by_ref().take(together).collect();
            let here = &mut w[row - first..row - first + together];
            if let ([a, b, c, d], [wa, wb, wc, wd]) = (&mut lines[..], &mut *here) {
                let span = first..row;
                let (a, b) = (&mut a[span.clone()], &mut b[span.clone()]);
                let (c, d) = (&mut c[span.clone()], &mut d[span]);
                for (k, &rotation) in rotations.iter().enumerate() {
                    rotate(&mut a[k], wa, rotation);
                    rotate(&mut b[k], wb, rotation);
                    rotate(&mut c[k], wc, rotation);
                    rotate(&mut d[k], wd, rotation);
                }
            } else {
                for (line, w) in lines.iter_mut().zip(here.iter_mut()) {
                    for (value, &rotation) in line[first..row].iter_mut().zip(&rotations) {
                        rotate(value, w, rotation);
                    }
                }
            }
            for (offset, (line, w)) in lines.iter_mut().zip(here.iter_mut()).enumerate() {
                for k in row..row + offset {
                    rotate(&mut line[k], w, rotations[k - first]);
                }
                let pivot = line[row + offset];
                let square = if down { pivot * pivot - *w * *w } else { pivot * pivot + *w * *w };
                // Also where it is not a number.
                if square.is_nan() || square <= pivot * pivot * 1e-14 {
                    return false;
                }
                let new = square.sqrt();
                line[row + offset] = new;
                rotations.push(if down {
                    (new / pivot, *w / pivot)
                } else {
                    (pivot / new, *w / new)
                });
            }
            row += together;
        }
        true
    }

    /// The least value a squared pivot may have; rounding must not make a negative one.
    fn floor(&self) -> f64 {
        (self.lambda * 1e-3).max(f64::MIN_POSITIVE)
    }

    /// Factors `M + lambda I` from scratch. In O(n^3).
    ///
    /// * `lambda`: `M + lambda I` is positive definite.
    pub fn refactor(&mut self, lambda: f64) {
        self.lambda = lambda;
        let (n, floor) = (self.n, self.floor());
        for start in (0..n).step_by(BLOCK) {
            let end = (start + BLOCK).min(n);
            let mut panel = Array2::<f64>::zeros((n - start, end - start));
            for column in start..end {
                panel[[column - start, column - start]] = self.diagonal[column] + lambda;
                let above = &self.square[column * self.stride..][column + 1..n];
                let mut below = panel.column_mut(column - start);
                below
                    .iter_mut()
                    .skip(column + 1 - start)
                    .zip(above)
                    .for_each(|(to, from)| *to = *from);
            }
            let factor = self.view();
            let (left, top) =
                (part(factor, start..n, 0..start), part(factor, start..end, 0..start));
            general_mat_mul(-1.0, &left, &top.t(), 1.0, &mut panel);
            factor_panel(&mut panel, floor);
            for (row, line) in panel.outer_iter().enumerate() {
                let line = line.to_slice().expect("made in standard layout");
                let width = line.len().min(row + 1);
                let to = (start + row) * self.stride + start;
                self.square[to..to + width].copy_from_slice(&line[..width]);
            }
        }
    }

    /// `x := L^-1 x` for the leading `[n, n]` part.
    fn forward_vector(&self, n: usize, x: &mut [f64]) {
        for row in 0..n {
            let line = &self.square[row * self.stride..][..row + 1];
            x[row] = (x[row] - dot(&line[..row], &x[..row])) / line[row];
        }
    }

    /// `X := (M + lambda I)^-1 X`.
    ///
    /// * `x`: `[n, any]`, in standard layout.
    pub fn solve(&self, x: &mut Array2<f64>) {
        self.forward(0, x);
        let (n, factor) = (self.n, self.view());
        for start in (0..n).step_by(BLOCK).rev() {
            let end = (start + BLOCK).min(n);
            let (mut head, done) = x.view_mut().split_at(Axis(0), end);
            let mut block = head.slice_axis_mut(Axis(0), Slice::from(start..));
            let below = part(factor, end..n, start..end);
            general_mat_mul(-1.0, &below.t(), &done, 1.0, &mut block);
            in_rows(&mut block, |rows, width| {
                for row in (0..end - start).rev() {
                    let line = &self.square[(start + row) * self.stride + start..][..row + 1];
                    let (above, current) = rows.split_at_mut(row * width);
                    let current = &mut current[..width];
                    current.iter_mut().for_each(|value| *value /= line[row]);
                    for (to, &l) in above.chunks_exact_mut(width).zip(line) {
                        to.iter_mut().zip(&*current).for_each(|(to, from)| *to -= l * from);
                    }
                }
            });
        }
    }

    /// `(M + lambda I)^-1 X`.
    ///
    /// * `x`: `[n, any]`.
    pub fn solved(&self, x: Array2<f64>) -> Array2<f64> {
        let mut x = x.as_standard_layout().into_owned();
        self.solve(&mut x);
        x
    }

    /// `X := L'^-1 X` where `L'` is `L` without its first rows and columns.
    ///
    /// * `first`: how many; `x`: `[n - first, any]`, in standard layout.
    pub fn forward(&self, first: usize, x: &mut Array2<f64>) {
        let factor = self.view();
        for start in (first..self.n).step_by(BLOCK) {
            let end = (start + BLOCK).min(self.n);
            let (done, mut rest) = x.view_mut().split_at(Axis(0), start - first);
            let mut block = rest.slice_axis_mut(Axis(0), Slice::from(..end - start));
            let left = part(factor, start..end, first..start);
            general_mat_mul(-1.0, &left, &done, 1.0, &mut block);
            in_rows(&mut block, |rows, width| {
                for row in 0..end - start {
                    let line = &self.square[(start + row) * self.stride + start..][..row + 1];
                    let (above, current) = rows.split_at_mut(row * width);
                    let current = &mut current[..width];
                    for (from, &l) in above.chunks_exact(width).zip(line) {
                        current.iter_mut().zip(from).for_each(|(to, from)| *to -= l * from);
                    }
                    current.iter_mut().for_each(|value| *value /= line[row]);
                }
            });
        }
    }

    /// `[n, n]`, `(M + lambda I)^-1`. In O(n^3).
    pub fn inverse(&self) -> Array2<f64> {
        let mut inverse = Array2::eye(self.n);
        self.solve(&mut inverse);
        inverse
    }
}

/// Some rows and columns. (The macro `s!` would bring `unsafe` along.)
fn part(
    matrix: ArrayView2<'_, f64>,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
) -> ArrayView2<'_, f64> {
    let rows = matrix.slice_axis_move(Axis(0), Slice::from(rows));
    rows.slice_axis_move(Axis(1), Slice::from(columns))
}

/// Cholesky factor of a panel `[rows, width]` in place, from which all columns to its left were taken off.
fn factor_panel(panel: &mut Array2<f64>, floor: f64) {
    let width = panel.ncols();
    let values = panel.as_slice_mut().expect("made in standard layout");
    let (square, below) = values.split_at_mut(width * width);
    for row in 0..width {
        let (above, line) = square.split_at_mut(row * width);
        solve_row(&mut line[..row], above, width);
        let rest = line[row] - dot(&line[..row], &line[..row]);
        line[row] = rest.max(floor).sqrt();
    }
    for line in below.chunks_exact_mut(width) {
        solve_row(line, square, width);
    }
}

/// `line := line * L^-T` for the factor `L` in the rows of `above`.
fn solve_row(line: &mut [f64], above: &[f64], width: usize) {
    for (column, other) in above.chunks_exact(width).enumerate().take(line.len()) {
        line[column] = (line[column] - dot(&line[..column], &other[..column])) / other[column];
    }
}

/// Hands the rows of a block to `work` as one slice, with their width.
fn in_rows(block: &mut ArrayViewMut2<f64>, work: impl FnOnce(&mut [f64], usize)) {
    let width = block.ncols();
    if width > 0 {
        work(block.as_slice_mut().expect("whole rows of a standard layout"), width);
    }
}

#[cfg(test)]
mod tests;
