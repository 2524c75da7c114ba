//! A linear layer with a softmax: features to classes, and its loss.

use super::convolution::{Matrix, multiply};
use super::forward::add_rows;

/// Weights `[classes][dim]`, then `[classes]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Softmax {
    classes: usize,
    weights: Vec<f32>,
}

impl Softmax {
    /// * `weights`: `[classes][dim]`, then a bias for each class.
    pub fn new(classes: usize, weights: Vec<f32>) -> Self {
        Self { classes, weights }
    }

    /// All weights.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// All weights, to be trained.
    pub fn weights_mut(&mut self) -> &mut [f32] {
        &mut self.weights
    }

    /// `[rows][classes]`.
    ///
    /// * `features`: `[rows][dim]`.
    pub fn scores(&self, features: &[f32]) -> Vec<f32> {
        let (weights, bias) = self.weights.split_at(self.weights.len() - self.classes);
        let dim = weights.len() / self.classes;
        let rows = features.len() / dim;
        let mut scores = vec![0.0; rows * self.classes];
        add_rows(&mut scores, bias);
        let weights = Matrix::of(weights, self.classes, dim).turned();
        multiply(Matrix::of(features, rows, dim), weights, 1.0, &mut scores);
        scores
    }

    /// The cross-entropy of features, and its slopes: those of the weights are added to `sums`.
    ///
    /// * `features`: `[rows][dim]`; `truths`: `[rows]`, each a class and what it weighs.
    /// * returns the sum of the losses, and the slopes of the features.
    pub fn loss(
        &self,
        features: &[f32],
        truths: &[(usize, f32)],
        sums: &mut [f32],
    ) -> (f32, Vec<f32>) {
        let mut scores = self.scores(features);
        let mut loss = 0.0;
        for (row, (truth, weight)) in scores.chunks_exact_mut(self.classes).zip(truths) {
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            row.iter_mut().for_each(|score| *score = (*score - most).exp());
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|score| *score /= sum);
            loss -= weight * row[*truth].max(f32::MIN_POSITIVE).ln();
            row[*truth] -= 1.0;
            row.iter_mut().for_each(|score| *score *= weight);
        }
        let (rows, dim) = (truths.len(), features.len() / truths.len().max(1));
        let slopes = Matrix::of(&scores, rows, self.classes);
        let (weights, bias) = sums.split_at_mut(self.weights.len() - self.classes);
        multiply(slopes.turned(), Matrix::of(features, rows, dim), 1.0, weights);
        for row in scores.chunks_exact(self.classes) {
            bias.iter_mut().zip(row).for_each(|(sum, slope)| *sum += slope);
        }
        let mut of_features = vec![0.0; features.len()];
        let own = &self.weights[..self.classes * dim];
        multiply(slopes, Matrix::of(own, self.classes, dim), 0.0, &mut of_features);
        (loss, of_features)
    }
}
