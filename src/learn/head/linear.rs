//! Scores that are a linear function of the feature.

use ndarray::Array2;

use super::{Affine, ClassId, FeatureScaling, Layers, finite};
use crate::learn::linalg::{dot, widened};

/// A head's scores as a linear function: `W z + bias`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Linear {
    /// `[classes, dim]`.
    pub(super) weights: Vec<f32>,
    /// `[classes]`; minus infinity for a class without examples.
    pub(super) bias: Vec<f32>,
}

impl Linear {
    /// * `weights`: `[places, dim]`, `bias`: `[places]`, of the classes at `places` out of `classes`.
    pub(super) fn new(
        classes: usize,
        places: &[usize],
        weights: &Array2<f64>,
        bias: &[f64],
    ) -> Self {
        let dim = weights.ncols();
        let mut linear =
            Self { weights: vec![0.0; classes * dim], bias: vec![f32::NEG_INFINITY; classes] };
        for ((&place, row), &bias) in places.iter().zip(weights.outer_iter()).zip(bias) {
            let to = &mut linear.weights[place * dim..(place + 1) * dim];
            to.iter_mut().zip(row).for_each(|(to, &from)| *to = finite(from));
            linear.bias[place] = finite(bias);
        }
        linear
    }

    /// * `z`: `[dim]`; returns `[classes]`, `W z`.
    pub(super) fn products(&self, z: &[f32]) -> Vec<f64> {
        self.weights.chunks_exact(z.len()).map(|row| f64::from(dot(row, z))).collect()
    }

    /// * `z`: `[dim]`; returns `[classes]`.
    pub(super) fn score(&self, z: &[f32]) -> Vec<f32> {
        let rows = self.weights.chunks_exact(z.len());
        let score = |(row, &bias): (&[f32], &f32)| match bias {
            f32::NEG_INFINITY => bias,
            _ => finite(f64::from(dot(row, z)) + f64::from(bias)),
        };
        rows.zip(&self.bias).map(score).collect()
    }

    /// * `classes`: `[classes]`, of the rows; `scaling`: what made `z`.
    pub(super) fn layers(&self, classes: &[ClassId], scaling: &FeatureScaling) -> Layers {
        let dim = self.weights.len() / classes.len().max(1);
        let taught: Vec<usize> =
            (0..classes.len()).filter(|&at| self.bias[at] != f32::NEG_INFINITY).collect();
        let row = |&at: &usize| widened(&self.weights[at * dim..][..dim]);
        let bias = taught.iter().map(|&at| f64::from(self.bias[at])).collect();
        let affine = Affine::of_scores(taught.iter().flat_map(row).collect(), bias);
        let classes = taught.iter().map(|&at| classes[at]).collect();
        Layers { classes, scaling: scaling.clone(), affine: vec![affine] }
    }

    /// Whether it is one of that many classes and values, and nothing but minus infinity is not finite.
    pub(super) fn is_valid(&self, classes: usize, dim: usize) -> bool {
        let bias = |&value: &f32| value.is_finite() || value == f32::NEG_INFINITY;
        self.bias.len() == classes
            && classes.checked_mul(dim) == Some(self.weights.len())
            && self.weights.iter().all(|value| value.is_finite())
            && self.bias.iter().all(bias)
    }
}
