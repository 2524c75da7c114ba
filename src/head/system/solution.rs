//! What a system answers: for all classes, and for each example as if it had not been taught.

use std::borrow::Cow;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, Axis, Slice};

use super::{Form, ROWS, System};
use crate::linalg::Factor;

/// The system solved for the classes that have examples.
pub(crate) struct Solution {
    /// Places of those classes.
    pub(crate) places: Vec<usize>,
    /// `[C, dim]`.
    pub(crate) v: Array2<f64>,
    /// `[C, C]`.
    pub(crate) r: Array2<f64>,
}

/// What a single example knows of the others.
pub(crate) struct LeftOutTerms {
    /// `[n]`, the diagonal of `A^-1`.
    pub(crate) b: Vec<f64>,
    /// `[n, C]`, `A^-1 Y`.
    pub(crate) q: Array2<f64>,
}

impl System {
    /// Places of the classes that have examples, and for every place where it stands among them.
    fn active(&self) -> (Vec<usize>, Vec<usize>) {
        let places: Vec<usize> =
            (0..self.tallies.len()).filter(|&place| self.tallies[place].count > 0).collect();
        let mut column = vec![usize::MAX; self.tallies.len()];
        places.iter().enumerate().for_each(|(at, &place)| column[place] = at);
        (places, column)
    }

    /// The factor at that ridge: the one at hand, or a copy.
    fn factor_at(&self, lambda: f64) -> Cow<'_, Factor> {
        let own = self.factor();
        if own.lambda() == lambda {
            return Cow::Borrowed(own);
        }
        let mut copy = own.clone();
        copy.refactor(lambda);
        Cow::Owned(copy)
    }

    /// Solves the system; in O(n^2 C) at its own ridge, in O(n^3) at another.
    ///
    /// * `lambda`: above 0.
    pub(crate) fn solve(&self, lambda: f64) -> Solution {
        let factor = &self.factor_at(lambda);
        let (places, column) = self.active();
        match &self.form {
            Form::Dual(_) => {
                let q = self.coefficients(factor, &places, &column);
                let (v, r) = (self.project(&q), self.by_class(&q, &column));
                Solution { places, v, r }
            }
            Form::Primal(_) => {
                let (v, r) = self.primal(factor, &places);
                Solution { places, v, r }
            }
        }
    }

    /// `[n, C]`, `Q = A^-1 Y`.
    fn coefficients(&self, factor: &Factor, places: &[usize], column: &[usize]) -> Array2<f64> {
        let mut q = Array2::zeros((self.examples.len(), places.len()));
        for (row, taught) in self.examples.iter().enumerate() {
            q[[row, column[taught.class]]] = 1.0;
        }
        factor.solve(&mut q);
        q
    }

    /// `[C, dim]`, `Q^T Z`.
    fn project(&self, q: &Array2<f64>) -> Array2<f64> {
        let count = self.examples.len();
        let mut v = Array2::zeros((q.ncols(), self.dim));
        for start in (0..count).step_by(ROWS) {
            let end = (start + ROWS).min(count);
            let part = q.slice_axis(Axis(0), Slice::from(start..end));
            general_mat_mul(1.0, &part.t(), &self.wide(start, end), 1.0, &mut v);
        }
        v
    }

    /// `[C, C]`, `Y^T Q`.
    fn by_class(&self, q: &Array2<f64>, column: &[usize]) -> Array2<f64> {
        let mut r = Array2::zeros((q.ncols(), q.ncols()));
        for (taught, row) in self.examples.iter().zip(q.outer_iter()) {
            let mut of_class = r.row_mut(column[taught.class]);
            of_class += &row;
        }
        r
    }

    fn primal(&self, factor: &Factor, places: &[usize]) -> (Array2<f64>, Array2<f64>) {
        let sums = Array2::from_shape_fn((self.dim, places.len()), |(row, at)| {
            self.tallies[places[at]].sum[row]
        });
        let mut solved = sums.clone();
        factor.solve(&mut solved);
        let mut r = solved.t().dot(&sums);
        r.mapv_inplace(|value| -value);
        for (at, &place) in places.iter().enumerate() {
            r[[at, at]] += self.tallies[place].count as f64;
        }
        r /= factor.lambda();
        (solved.reversed_axes().as_standard_layout().into_owned(), r)
    }

    /// What leaving each example out needs, at a ridge of its own.
    ///
    /// * `lambda`: above 0.
    pub(crate) fn left_out(&self, lambda: f64) -> (Solution, LeftOutTerms) {
        let factor = &self.factor_at(lambda);
        let (places, column) = self.active();
        match &self.form {
            Form::Dual(_) => {
                let q = self.coefficients(factor, &places, &column);
                let (v, r) = (Array2::zeros((0, self.dim)), self.by_class(&q, &column));
                let terms = LeftOutTerms { b: factor.inverse_diagonal(), q };
                (Solution { places, v, r }, terms)
            }
            Form::Primal(_) => {
                let (v, r) = self.primal(factor, &places);
                let terms = self.primal_terms(factor, &v, &column);
                (Solution { places, v, r }, terms)
            }
        }
    }

    /// `A^-1 = (I - Z H^-1 Z^T) / l`, its diagonal and its product with `Y`.
    fn primal_terms(&self, factor: &Factor, v: &Array2<f64>, column: &[usize]) -> LeftOutTerms {
        let count = self.examples.len();
        let mut terms =
            LeftOutTerms { b: Vec::with_capacity(count), q: Array2::zeros((count, v.nrows())) };
        let lambda = factor.lambda();
        for start in (0..count).step_by(ROWS) {
            let z = self.wide(start, (start + ROWS).min(count));
            let fitted = z.dot(&v.t());
            let mut columns = z.t().as_standard_layout().into_owned();
            factor.forward(0, &mut columns);
            let leverages: Array1<f64> = columns.mapv(|value| value * value).sum_axis(Axis(0));
            for (offset, leverage) in leverages.iter().enumerate() {
                terms.b.push((1.0 - leverage) / lambda);
                let mut q = terms.q.row_mut(start + offset);
                q -= &fitted.row(offset);
                q[column[self.examples[start + offset].class]] += 1.0;
                q /= lambda;
            }
        }
        terms
    }
}
