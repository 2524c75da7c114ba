//! What `lda` and `ridge` share: a kernel system over the taught examples that takes one in and gives one back in
//! O(n^2), and tells what each example would have got from all the others.
//!
//! With the examples' features as rows of `Z` `[n, d]`, their classes as columns of the indicator `Y` `[n, C]` and a
//! ridge `l`, everything that either head needs follows from
//! ```text
//! dual,   n <= d:   A = Z Z^T + l I   [n, n]     Q = A^-1 Y     V = Q^T Z            R = Y^T Q
//! primal, n >  d:   H = Z^T Z + l I   [d, d]                    V = (Y^T Z) H^-1     R = (Y^T Y - V (Y^T Z)^T) / l
//! ```
//! which are the same `V` `[C, d]` and `R` `[C, C]` by `Z^T A^-1 = H^-1 Z^T`. Leaving example `i` out is a rank-one
//! change: with `b = (A^-1)_ii` and `q = Q_i`, the kernel regression on all others answers `Y_i - q / b` at `z_i`, and
//! `R` becomes `R - q q^T / b`.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2};

mod solution;
mod stored;

pub(super) use solution::Solution;
pub(super) use stored::StoredSystem;

use super::{ClassId, ExampleId, HeadError};
use crate::linalg::{Factor, dot};

/// Taught examples and the factor of their system.
#[derive(Debug)]
pub(super) struct System {
    dim: usize,
    classes: Vec<ClassId>,
    examples: Vec<Taught>,
    /// `[n, dim]`.
    z: Vec<f32>,
    tallies: Vec<Tally>,
    form: Form,
}

/// An example and the place of its class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Taught {
    pub(super) id: ExampleId,
    pub(super) class: usize,
}

/// Sums over the examples of one class.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    pub(super) count: usize,
    /// `[dim]`, the sum of the features.
    pub(super) sum: Vec<f64>,
    /// The sum of their squared lengths.
    square: f64,
}

impl Tally {
    fn empty(dim: usize) -> Self {
        Self { count: 0, sum: vec![0.0; dim], square: 0.0 }
    }

    fn change(&mut self, z: &[f32], sign: f64) {
        let mut square = 0.0;
        for (sum, &value) in self.sum.iter_mut().zip(z) {
            let value = f64::from(value);
            *sum += sign * value;
            square += value * value;
        }
        self.square += sign * square;
    }

    /// `sum |z - mean|^2`.
    fn scatter(&self) -> f64 {
        let mean_square: f64 = self.sum.iter().map(|value| value * value).sum();
        (self.square - mean_square / self.count.max(1) as f64).max(0.0)
    }
}

#[derive(Debug)]
enum Form {
    Dual(Factor),
    Primal(Factor),
}

impl System {
    /// * `lambda`: above 0.
    pub(super) fn new(dim: usize, lambda: f64) -> Self {
        Self {
            dim,
            classes: Vec::new(),
            examples: Vec::new(),
            z: Vec::new(),
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
    pub(super) fn z(&self, index: usize) -> &[f32] {
        &self.z[index * self.dim..(index + 1) * self.dim]
    }

    /// `[n, dim]`, one after another.
    pub(super) fn features(&self) -> &[f32] {
        &self.z
    }

    fn factor(&self) -> &Factor {
        let (Form::Dual(factor) | Form::Primal(factor)) = &self.form;
        factor
    }

    fn factor_mut(&mut self) -> &mut Factor {
        let (Form::Dual(factor) | Form::Primal(factor)) = &mut self.form;
        factor
    }

    /// `sum |z - mean of its class|^2` over all examples.
    pub(super) fn scatter(&self) -> f64 {
        self.tallies.iter().map(Tally::scatter).sum()
    }

    /// Squared length of what example `index` adds to [`System::scatter`].
    pub(super) fn scatter_of(&self, index: usize) -> f64 {
        let tally = &self.tallies[self.examples[index].class];
        let count = tally.count as f64;
        if tally.count < 2 {
            return 0.0;
        }
        let distance: f64 = self
            .z(index)
            .iter()
            .zip(&tally.sum)
            .map(|(&value, sum)| (f64::from(value) - sum / count).powi(2))
            .sum();
        distance * count / (count - 1.0)
    }

    pub(super) fn place(&self, class: ClassId) -> Result<usize, HeadError> {
        let place = self.classes.iter().position(|&known| known == class);
        place.ok_or(HeadError::NoClass(class))
    }

    fn index(&self, example: ExampleId) -> Option<usize> {
        self.examples.iter().position(|taught| taught.id == example)
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
        match self.index(id) {
            Some(_) => Err(HeadError::ExampleExists(id)),
            None => Ok(class),
        }
    }

    /// Takes an example in.
    ///
    /// * `z`: `[dim]`, finite.
    pub(super) fn push(&mut self, taught: Taught, z: &[f32]) {
        let wide: Vec<f64> = z.iter().map(|&value| f64::from(value)).collect();
        let count = self.examples.len();
        match &mut self.form {
            Form::Dual(factor) => {
                let column: Vec<f64> =
                    self.z.chunks_exact(self.dim).map(|row| dot(row, &wide)).collect();
                factor.append(&column, dot(z, &wide));
            }
            Form::Primal(factor) => factor.add_outer(&wide),
        }
        self.note(taught, z);
        if matches!(self.form, Form::Dual(_)) && count + 1 > self.dim {
            self.rebuild(self.factor().lambda());
        }
    }

    /// Takes many examples in; as [`System::push`] one after another, only sooner.
    ///
    /// * `z`: `[examples, dim]`, finite; `lambda`: the ridge afterwards, above 0, from what the system is then.
    pub(super) fn extend(
        &mut self,
        examples: &[Taught],
        z: &[f32],
        lambda: impl FnOnce(&Self) -> f64,
    ) {
        for (&taught, row) in examples.iter().zip(z.chunks_exact(self.dim)) {
            self.note(taught, row);
        }
        self.rebuild(lambda(self));
    }

    fn note(&mut self, taught: Taught, z: &[f32]) {
        self.tallies[taught.class].count += 1;
        self.tallies[taught.class].change(z, 1.0);
        self.examples.push(taught);
        self.z.extend_from_slice(z);
    }

    /// Gives an example back.
    pub(super) fn remove(&mut self, id: ExampleId, class: ClassId) -> Result<(), HeadError> {
        let place = self.place(class)?;
        let index = self.index(id).ok_or(HeadError::NoExample(id))?;
        if self.examples[index].class != place {
            return Err(HeadError::NoExample(id));
        }
        self.take_out(index);
        Ok(())
    }

    fn take_out(&mut self, index: usize) {
        let z = self.z(index).to_vec();
        let tally = &mut self.tallies[self.examples[index].class];
        tally.count -= 1;
        tally.change(&z, -1.0);
        if tally.count == 0 {
            // Nothing may stay of what was forgotten, not even rounding.
            *tally = Tally::empty(self.dim);
        }
        self.examples.remove(index);
        self.z.drain(index * self.dim..(index + 1) * self.dim);
        match &mut self.form {
            Form::Dual(factor) => factor.remove(index),
            Form::Primal(factor) => {
                let wide: Vec<f64> = z.iter().map(|&value| f64::from(value)).collect();
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
        self.form = if count <= self.dim {
            let z = self.wide(0, count);
            Form::Dual(Factor::of(&z.dot(&z.t()), lambda))
        } else {
            let mut moments = Array2::zeros((self.dim, self.dim));
            for start in (0..count).step_by(ROWS) {
                let z = self.wide(start, (start + ROWS).min(count));
                general_mat_mul(1.0, &z.t(), &z, 1.0, &mut moments);
            }
            Form::Primal(Factor::of(&moments, lambda))
        };
    }

    /// `[end - start, dim]`, features in f64.
    fn wide(&self, start: usize, end: usize) -> Array2<f64> {
        let rows = &self.z[start * self.dim..end * self.dim];
        ArrayView2::from_shape((end - start, self.dim), rows).expect("whole rows").mapv(f64::from)
    }
}

/// Examples that are widened to f64 at a time.
const ROWS: usize = 256;
