//! What `lda` and `ridge` share: a kernel system over the features taught that takes one in and gives one back in
//! O(n^2), and tells what each group of them would have got from all the others.
//!
//! With the examples' features as rows of `Z` `[n, d]`, their classes as columns of the indicator `Y` `[n, C]` and a
//! ridge `l`, everything that either head needs follows from
//! ```text
//! dual,   n <= d:   A = Z Z^T + l I   [n, n]     Q = A^-1 Y     V = Q^T Z            R = Y^T Q
//! primal, n >  d:   H = Z^T Z + l I   [d, d]                    V = (Y^T Z) H^-1     R = (Y^T Y - V (Y^T Z)^T) / l
//! ```
//! which are the same `V` `[C, d]` and `R` `[C, C]` by `Z^T A^-1 = H^-1 Z^T`. Leaving a group of rows `g` out changes a
//! block: with `B = (A^-1)_gg` `[m, m]` and `Q_g` `[m, C]`, the kernel regression on all others answers
//! `Y_g - B^-1 Q_g` at `Z_g`, `R` becomes `R - Q_g^T B^-1 Q_g`, and `Z_g H^-1 Z_g^T` becomes `(B^-1 - l I) / l`.
//!
//! A row weighs one divided by the number of rows of its group in its class, so that every look counts the same however
//! many frames and views were taken of it: in all of the above, rows of `Z` and `Y` are multiplied by the root of their
//! weight.

use std::borrow::Cow;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, Axis, Slice};

mod rows;
mod solution;
mod stored;

pub(super) use rows::Row;
use rows::{Rows, join};
pub(super) use solution::{LeftOutTerms, Solution};
pub(super) use stored::StoredSystem;

use super::units::{Unit, units};
use super::{ClassId, ExampleId, FeatureScaling, GroupId, HeadError, RowId};
use crate::learn::linalg::{Factor, dot};

/// Taught examples and the factor of their system.
#[derive(Debug)]
pub(super) struct System {
    dim: usize,
    classes: Vec<ClassId>,
    examples: Vec<Taught>,
    /// `[n]`, their features.
    rows: Rows,
    tallies: Vec<Tally>,
    form: Form,
}

/// A row: whose it is, and what it weighs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Taught {
    pub(super) id: RowId,
    pub(super) group: GroupId,
    /// Place of its class.
    pub(super) class: usize,
    /// More than 0.
    pub(super) weight: f64,
}

impl Taught {
    fn root(&self) -> f64 {
        self.weight.sqrt()
    }
}

/// Weighted sums over the rows of one class.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    pub(super) rows: usize,
    /// The sum of the rows' weights: how many looks there were.
    pub(super) weight: f64,
    /// `[dim]`, the sum of the features.
    pub(super) sum: Vec<f64>,
    /// The sum of their squared lengths.
    square: f64,
}

impl Tally {
    fn empty(dim: usize) -> Self {
        Self { rows: 0, weight: 0.0, sum: vec![0.0; dim], square: 0.0 }
    }

    fn add(&mut self, z: &[f32], weight: f64) {
        self.rows += 1;
        self.change(z, weight);
    }

    fn take(&mut self, z: &[f32], weight: f64) {
        self.rows -= 1;
        self.change(z, -weight);
        if self.rows == 0 {
            // Nothing may stay of what was forgotten, not even rounding.
            *self = Self::empty(self.sum.len());
        }
    }

    fn change(&mut self, z: &[f32], weight: f64) {
        let mut square = 0.0;
        for (sum, &value) in self.sum.iter_mut().zip(z) {
            let value = f64::from(value);
            *sum += weight * value;
            square += value * value;
        }
        self.square += weight * square;
        self.weight += weight;
    }

    /// `sum w |z - mean|^2`.
    fn scatter(&self) -> f64 {
        if self.rows == 0 {
            return 0.0;
        }
        let mean_square: f64 = self.sum.iter().map(|value| value * value).sum();
        (self.square - mean_square / self.weight).max(0.0)
    }
}

#[derive(Debug)]
enum Form {
    Dual(Factor),
    Primal(Factor),
}

impl System {
    /// * `scaling`: of stored features; `lambda`: above 0.
    pub(super) fn new(dim: usize, scaling: &FeatureScaling, lambda: f64) -> Self {
        Self {
            dim,
            classes: Vec::new(),
            examples: Vec::new(),
            rows: Rows::new(dim, scaling.clone()),
            tallies: Vec::new(),
            form: Form::Dual(Factor::empty(lambda)),
        }
    }

    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    pub(super) fn classes(&self) -> &[ClassId] {
        &self.classes
    }

    pub(super) fn examples(&self) -> &[Taught] {
        &self.examples
    }

    pub(super) fn tallies(&self) -> &[Tally] {
        &self.tallies
    }

    /// `[dim]`, the feature of the example at that index.
    pub(super) fn z(&self, index: usize) -> Cow<'_, [f32]> {
        self.rows.z(index)
    }

    /// `[n][dim]`.
    fn all_z(&self) -> impl Iterator<Item = Cow<'_, [f32]>> {
        (0..self.examples.len()).map(|index| self.z(index))
    }

    fn factor(&self) -> &Factor {
        let (Form::Dual(factor) | Form::Primal(factor)) = &self.form;
        factor
    }

    /// The ridge that it is kept at.
    pub(super) fn lambda(&self) -> f64 {
        self.factor().lambda()
    }

    fn factor_mut(&mut self) -> &mut Factor {
        let (Form::Dual(factor) | Form::Primal(factor)) = &mut self.form;
        factor
    }

    /// `sum w |z - mean of its class|^2` over all rows.
    pub(super) fn scatter(&self) -> f64 {
        self.tallies.iter().map(Tally::scatter).sum()
    }

    /// The sum of all rows' weights: how many looks there were.
    pub(super) fn weight(&self) -> f64 {
        self.tallies.iter().map(|tally| tally.weight).sum()
    }

    /// What is left without the rows of a unit.
    pub(super) fn rest(&self, unit: &Unit) -> Rest {
        let mut tally = self.tallies[unit.class].clone();
        let before = (tally.scatter(), tally.square);
        for &row in &unit.rows {
            tally.take(&self.z(row), self.examples[row].weight);
        }
        Rest {
            scatter: (self.scatter() - before.0 + tally.scatter()).max(0.0),
            square: self.square() - before.1 + tally.square,
            weight: tally.weight,
            total: self.weight() - self.tallies[unit.class].weight + tally.weight,
            rows: tally.rows,
        }
    }

    /// Every group within its class, `most` of them at most.
    pub(super) fn units(&self, most: usize) -> Vec<Unit> {
        units(self.examples.iter().map(|taught| (taught.group, taught.class)), most)
    }

    /// Indices of the rows of that group and class.
    fn rows_of(&self, group: GroupId, class: usize) -> Vec<usize> {
        let of = |(_, taught): &(usize, &Taught)| taught.group == group && taught.class == class;
        self.examples.iter().enumerate().filter(of).map(|(index, _)| index).collect()
    }

    pub(super) fn place(&self, class: ClassId) -> Result<usize, HeadError> {
        let place = self.classes.iter().position(|&known| known == class);
        place.ok_or(HeadError::NoClass(class))
    }

    fn knows(&self, example: ExampleId) -> bool {
        self.examples.iter().any(|taught| taught.id.0 == example)
    }

    pub(super) fn add_class(&mut self, class: ClassId) -> Result<(), HeadError> {
        if self.classes.contains(&class) {
            return Err(HeadError::ClassExists(class));
        }
        self.classes.push(class);
        self.tallies.push(Tally::empty(self.dim));
        Ok(())
    }

    pub(super) fn remove_class(&mut self, class: ClassId) -> Result<(), HeadError> {
        let place = self.place(class)?;
        for index in (0..self.examples.len()).rev() {
            if self.examples[index].class == place {
                self.take_out(index);
            }
        }
        self.classes.remove(place);
        self.tallies.remove(place);
        for taught in &mut self.examples {
            taught.class -= usize::from(taught.class > place);
        }
        Ok(())
    }

    /// That the example can be learned; the place of its class.
    pub(super) fn check_new(&self, id: ExampleId, class: ClassId) -> Result<usize, HeadError> {
        let class = self.place(class)?;
        if self.knows(id) { Err(HeadError::ExampleExists(id)) } else { Ok(class) }
    }

    /// Takes the features of an example in; the rows of its group weigh less from then on.
    ///
    /// * `new`: `[features]`, each finite.
    pub(super) fn push(&mut self, id: ExampleId, group: GroupId, class: usize, new: Vec<Row>) {
        let mut rows = self.take_group(group, class);
        rows.extend((0..).zip(new).map(|(view, row)| ((id, view), row)));
        self.put_group(rows, group, class);
    }

    /// Takes the rows of a group out, to be put back by [`System::put_group`].
    fn take_group(&mut self, group: GroupId, class: usize) -> Vec<(RowId, Row)> {
        let indices = self.rows_of(group, class);
        let taken =
            indices.iter().map(|&index| (self.examples[index].id, self.rows.get(index).clone()));
        let taken = taken.collect();
        indices.into_iter().rev().for_each(|index| self.take_out(index));
        taken
    }

    fn put_group(&mut self, rows: Vec<(RowId, Row)>, group: GroupId, class: usize) {
        let weight = 1.0 / rows.len().max(1) as f64;
        for (id, row) in rows {
            self.push_row(Taught { id, group, class, weight }, row);
        }
    }

    fn push_row(&mut self, taught: Taught, row: Row) {
        let z = self.rows.scaled(&row).into_owned();
        let root = taught.root();
        let wide: Vec<f64> = z.iter().map(|&value| root * f64::from(value)).collect();
        let count = self.examples.len();
        match &mut self.form {
            Form::Dual(factor) => {
                let rows = (0..count).map(|index| self.rows.z(index)).zip(&self.examples);
                let column: Vec<f64> =
                    rows.map(|(row, taught)| taught.root() * dot(&row, &wide)).collect();
                factor.append(&column, dot(&wide, &wide));
            }
            Form::Primal(factor) => factor.add_outer(&wide),
        }
        self.tallies[taught.class].add(&z, taught.weight);
        self.examples.push(taught);
        self.rows.push(row, &z);
        if matches!(self.form, Form::Dual(_)) && count + 1 > self.dim {
            self.rebuild(self.factor().lambda());
        }
    }

    /// Takes many rows in; as [`System::push`] one after another, only sooner.
    ///
    /// * `taught`: their weights are set here; `rows`: `[taught]`, finite; `lambda`: the ridge afterwards, above 0, from
    ///   what the system is then.
    pub(super) fn extend(
        &mut self,
        taught: Vec<Taught>,
        rows: Vec<Row>,
        lambda: impl FnOnce(&Self) -> f64,
    ) {
        join(&mut self.examples, taught);
        self.rows.extend(rows);
        for unit in self.units(usize::MAX) {
            let weight = 1.0 / unit.rows.len() as f64;
            unit.rows.into_iter().for_each(|row| self.examples[row].weight = weight);
        }
        let mut tallies = vec![Tally::empty(self.dim); self.classes.len()];
        for (taught, z) in self.examples.iter().zip(self.all_z()) {
            tallies[taught.class].add(&z, taught.weight);
        }
        self.tallies = tallies;
        self.rebuild(lambda(self));
    }

    /// Gives an example back, with all its features; what is left of its group weighs more from then on.
    pub(super) fn remove(&mut self, id: ExampleId, class: ClassId) -> Result<(), HeadError> {
        let place = self.place(class)?;
        let mine = |taught: &&Taught| taught.id.0 == id && taught.class == place;
        let group = self.examples.iter().find(mine).ok_or(HeadError::NoExample(id))?.group;
        let mut rows = self.take_group(group, place);
        rows.retain(|((example, _), _)| *example != id);
        self.put_group(rows, group, place);
        Ok(())
    }

    fn take_out(&mut self, index: usize) {
        let (z, taught) = (self.z(index).into_owned(), self.examples[index]);
        self.tallies[taught.class].take(&z, taught.weight);
        self.examples.remove(index);
        self.rows.remove(index);
        match &mut self.form {
            Form::Dual(factor) => factor.remove(index),
            Form::Primal(factor) => {
                let root = taught.root();
                let wide: Vec<f64> = z.iter().map(|&value| root * f64::from(value)).collect();
                factor.subtract_outer(&wide);
            }
        }
        // Somewhat below where it became primal, so that an example that comes and goes does not cost a rebuild.
        if matches!(self.form, Form::Primal(_)) && self.examples.len() * 8 < self.dim * 7 {
            self.rebuild(self.factor().lambda());
        }
    }

    /// Uses another ridge from now on; in O(n^3) where it differs.
    pub(super) fn set_lambda(&mut self, lambda: f64) {
        if self.factor().lambda() != lambda {
            self.factor_mut().refactor(lambda);
        }
    }

    /// The sum of all features' squared lengths.
    pub(super) fn square(&self) -> f64 {
        self.tallies.iter().map(|tally| tally.square).sum()
    }

    /// Makes the smaller of the two forms from the features.
    fn rebuild(&mut self, lambda: f64) {
        let count = self.examples.len();
        self.rows.keep_scaled(count <= self.dim);
        self.form = if count <= self.dim {
            let z = self.wide(0, count);
            Form::Dual(Factor::of(&z.dot(&z.t()), lambda))
        } else {
            let mut moments = Array2::zeros((self.dim, self.dim));
            for start in (0..count).step_by(ROWS) {
                let z = self.wide(start, (start + ROWS).min(count));
                // Only on and above the diagonal.
                for first in (0..self.dim).step_by(COLUMNS) {
                    let rows = first..(first + COLUMNS).min(self.dim);
                    let left = z.slice_axis(Axis(1), Slice::from(rows.clone()));
                    let right = z.slice_axis(Axis(1), Slice::from(first..));
                    let part = moments.slice_axis_mut(Axis(0), Slice::from(rows));
                    let mut part = part.slice_axis_move(Axis(1), Slice::from(first..));
                    general_mat_mul(1.0, &left.t(), &right, 1.0, &mut part);
                }
            }
            Form::Primal(Factor::of(&moments, lambda))
        };
    }

    /// `[end - start, dim]`, features in f64, multiplied by the roots of their weights.
    fn wide(&self, start: usize, end: usize) -> Array2<f64> {
        let mut wide = Vec::with_capacity((end - start) * self.dim);
        for (index, taught) in (start..end).zip(&self.examples[start..end]) {
            let root = taught.root();
            wide.extend(self.z(index).iter().map(|&value| f64::from(value) * root));
        }
        Array2::from_shape_vec((end - start, self.dim), wide).expect("whole rows")
    }
}

/// What is left of a system without a unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest {
    /// As [`System::scatter`].
    pub(super) scatter: f64,
    /// As [`System::square`].
    pub(super) square: f64,
    /// Of the unit's class.
    pub(super) weight: f64,
    /// Of all classes.
    pub(super) total: f64,
    /// Rows of the unit's class.
    pub(super) rows: usize,
}

/// Examples that are widened to f64 at a time.
const ROWS: usize = 256;

/// Columns of the second moments that are computed at a time.
const COLUMNS: usize = 64;
