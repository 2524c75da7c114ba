//! A head as a short list of sums and products, for who wants to compute its scores elsewhere.
//!
//! The scores are those of the head but for a number that is the same for every class, and so for no probability: what
//! all classes have in common is taken off the weights. With lda it is most of them, and where it stays, scores of a
//! thousand that differ by one lose their last digits in f32.

use super::{ClassId, FeatureScaling, HeadError, finite};
use crate::learn::linalg::{add_scaled, dot};

/// What a head makes of a feature, without naming the head: the scaling, then each layer on what the one before it
/// gave, with a ReLU between two layers.
#[derive(Debug, Clone, PartialEq)]
pub struct Layers {
    /// The classes that have a score, in the order of the last layer's outputs: those with examples, in the head's
    /// order.
    pub classes: Vec<ClassId>,
    /// What is done to the feature first.
    pub scaling: FeatureScaling,
    /// At least one; the last has an output a class.
    pub affine: Vec<Affine>,
}

/// `weights x + bias`, all finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Affine {
    /// `[outputs][inputs]`
    pub weights: Vec<f32>,
    /// `[outputs]`
    pub bias: Vec<f32>,
}

impl Affine {
    /// * `weights`: `[outputs][inputs]`; `bias`: `[outputs]`.
    pub(super) fn of(weights: Vec<f64>, bias: Vec<f64>) -> Self {
        let rounded = |values: Vec<f64>| values.into_iter().map(finite).collect();
        Self { weights: rounded(weights), bias: rounded(bias) }
    }

    /// One whose outputs are scores: less their mean.
    pub(super) fn of_scores(mut weights: Vec<f64>, mut bias: Vec<f64>) -> Self {
        let inputs = weights.len() / bias.len().max(1);
        less_the_mean(&mut weights, inputs);
        less_the_mean(&mut bias, 1);
        Self::of(weights, bias)
    }

    /// Length of what it takes.
    pub fn inputs(&self) -> usize {
        self.weights.len() / self.bias.len().max(1)
    }

    fn apply(&self, x: &[f32]) -> Vec<f32> {
        let rows = self.weights.chunks_exact(x.len());
        rows.zip(&self.bias).map(|(row, bias)| dot(row, x) + bias).collect()
    }
}

/// * `rows`: `[count][len]`
fn less_the_mean(rows: &mut [f64], len: usize) {
    let len = len.max(1);
    let count = (rows.len() / len) as f64;
    let mut mean = vec![0.0; len];
    rows.chunks_exact(len).for_each(|row| add_scaled(&mut mean, 1.0 / count, row));
    rows.chunks_exact_mut(len).for_each(|row| add_scaled(row, -1.0, &mean));
}

impl Layers {
    /// The scores that [`super::Head::score`] gives, but for rounding and one number taken off all of them.
    ///
    /// * `feature`: `[dim]`, finite; returns `[classes]`, of [`Layers::classes`] only.
    ///
    /// # Errors
    /// [`HeadError::Dim`], [`HeadError::NotFinite`].
    pub fn apply(&self, feature: &[f32]) -> Result<Vec<f32>, HeadError> {
        let Some(first) = self.affine.first().filter(|first| !first.bias.is_empty()) else {
            return Ok(Vec::new());
        };
        let mut x = self.scaling.apply(first.inputs(), feature)?;
        for (at, affine) in self.affine.iter().enumerate() {
            if at > 0 {
                x.iter_mut().for_each(|value| *value = value.max(0.0));
            }
            x = affine.apply(&x);
        }
        Ok(x)
    }
}
