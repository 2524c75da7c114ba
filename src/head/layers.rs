//! A head as a short list of sums and products, for who wants to compute its scores elsewhere.

use super::{ClassId, FeatureScaling, HeadError, finite};
use crate::linalg::dot;

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
    pub(super) fn of(weights: impl Iterator<Item = f64>, bias: impl Iterator<Item = f64>) -> Self {
        Self { weights: weights.map(finite).collect(), bias: bias.map(finite).collect() }
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

impl Layers {
    /// The scores that [`super::Head::score`] gives, but for rounding.
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
