//! What a system answers: for all classes, and for each group as if it had not been taught.

use std::borrow::Cow;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, Axis, Slice};

use super::{Form, ROWS, System, Unit};
use crate::learn::linalg::{Factor, dot, widened};

/// The system solved for the classes that have examples.
pub(crate) struct Solution {
    /// Places of those classes.
    pub(crate) places: Vec<usize>,
    /// `[C, dim]`.
    pub(crate) v: Array2<f64>,
    /// `[C, C]`.
    pub(crate) r: Array2<f64>,
}

/// What a unit knows of the others.
pub(crate) struct LeftOutTerms {
    /// `[m, m]`, its block of `A^-1`.
    pub(crate) b: Array2<f64>,
    /// `[m, C]`, its rows of `A^-1 Y`.
    pub(crate) q: Array2<f64>,
}

impl System {
    /// Places of the classes that have examples, and for every place where it stands among them.
    fn active(&self) -> (Vec<usize>, Vec<usize>) {
        let places: Vec<usize> =
            (0..self.tallies.len()).filter(|&place| self.tallies[place].rows > 0).collect();
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
            q[[row, column[taught.class]]] = taught.root();
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
            r.row_mut(column[taught.class]).scaled_add(taught.root(), &row);
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
            r[[at, at]] += self.tallies[place].weight;
        }
        r /= factor.lambda();
        (solved.reversed_axes().as_standard_layout().into_owned(), r)
    }

    /// What leaving units out needs, at a ridge of its own, for each in turn.
    ///
    /// * `lambda`: above 0.
    pub(crate) fn left_out(&self, lambda: f64, units: &[&Unit]) -> (Solution, Vec<LeftOutTerms>) {
        let factor = &self.factor_at(lambda);
        let (places, column) = self.active();
        match &self.form {
            Form::Dual(_) => {
                let q = self.coefficients(factor, &places, &column);
                let (v, r) = (Array2::zeros((0, self.dim)), self.by_class(&q, &column));
                let terms = units.iter().map(|unit| self.dual_terms(factor, unit, &q)).collect();
                (Solution { places, v, r }, terms)
            }
            Form::Primal(_) => {
                let (v, r) = self.primal(factor, &places);
                let of = |unit: &&Unit| self.primal_terms(factor, unit, &v, &column);
                let terms = units.iter().map(of).collect();
                (Solution { places, v, r }, terms)
            }
        }
    }

    /// With `X = L^-1 E_g`, the block is `X^T X`.
    fn dual_terms(&self, factor: &Factor, unit: &Unit, q: &Array2<f64>) -> LeftOutTerms {
        let (count, first) = (self.examples.len(), unit.rows[0]);
        // Above the first of its rows there is nothing but zeros.
        let mut x = Array2::zeros((count - first, unit.rows.len()));
        unit.rows.iter().enumerate().for_each(|(at, &row)| x[[row - first, at]] = 1.0);
        factor.forward(first, &mut x);
        LeftOutTerms { b: x.t().dot(&x), q: q.select(Axis(0), &unit.rows) }
    }

    /// `A^-1 = (I - Z H^-1 Z^T) / l`, a block of it and of its product with `Y`.
    fn primal_terms(
        &self,
        factor: &Factor,
        unit: &Unit,
        v: &Array2<f64>,
        column: &[usize],
    ) -> LeftOutTerms {
        let lambda = factor.lambda();
        let mut z = Array2::zeros((unit.rows.len(), self.dim));
        for (mut row, &index) in z.outer_iter_mut().zip(&unit.rows) {
            row.assign(&self.wide(index, index + 1).row(0));
        }
        let mut q = z.dot(&v.t());
        q.mapv_inplace(|value| -value / lambda);
        for (mut row, &index) in q.outer_iter_mut().zip(&unit.rows) {
            row[column[unit.class]] += self.examples[index].root() / lambda;
        }
        let mut x = z.t().as_standard_layout().into_owned();
        factor.forward(0, &mut x);
        let mut b = x.t().dot(&x);
        b.mapv_inplace(|value| -value / lambda);
        b.diag_mut().mapv_inplace(|value| value + 1.0 / lambda);
        LeftOutTerms { b, q }
    }

    /// `z^T (Z^T Z + l I)^-1 z` at the ridge that the system is kept at.
    ///
    /// * `z`: `[dim]`.
    pub(crate) fn quadratic(&self, z: &[f32]) -> f64 {
        let column = |values: Vec<f64>| {
            Array2::from_shape_vec((values.len(), 1), values).expect("one column")
        };
        let forward = |mut x: Array2<f64>| {
            self.factor().forward(0, &mut x);
            x.iter().map(|value| value * value).sum::<f64>()
        };
        match &self.form {
            Form::Dual(factor) => {
                let rows = self.all_z().zip(&self.examples);
                let wide = widened(z);
                let products = rows.map(|(row, taught)| taught.root() * dot(&row, &wide)).collect();
                (dot(&wide, &wide) - forward(column(products))) / factor.lambda()
            }
            Form::Primal(_) => forward(column(widened(z))),
        }
    }
}
