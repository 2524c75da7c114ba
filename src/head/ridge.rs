//! Regularised least squares onto targets of +1 and -1: `W = (Z^T Z + lambda I)^-1 Z^T T`, the class with the highest
//! answer wins.
//!
//! Class balance comes from the targets, not from weights in the loss: those of class `k` are multiplied by
//! `n / (C n_k)`, which leaves the system as it is when counts change (the recoding of Camoriano et al. 2017,
//! "Incremental Robot Learning of New Objects with Fixed Update Time").

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::HeadKind;
use super::closed_form::Formula;
use super::linear::Linear;
use super::system::System;

/// The settings.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ridge {
    pub(super) lambda: f32,
    pub(super) balanced: bool,
}

impl Ridge {
    /// `[C, C]`: the targets of an example of class `k` in row `k`, for classes of these counts.
    fn targets(&self, counts: &[usize]) -> Array2<f64> {
        let present = counts.iter().filter(|&&count| count > 0).count() as f64;
        let total = counts.iter().sum::<usize>() as f64;
        Array2::from_shape_fn((counts.len(), counts.len()), |(own, class)| {
            let sign = if own == class { 1.0 } else { -1.0 };
            if self.balanced { sign * total / (present * counts[own].max(1) as f64) } else { sign }
        })
    }
}

impl Formula for Ridge {
    const KIND: HeadKind = HeadKind::Ridge;

    fn lambda(&self, _system: &System) -> f64 {
        f64::from(self.lambda)
    }

    fn linear(&self, system: &System) -> Linear {
        let solution = system.solve(self.lambda(system));
        let counts: Vec<usize> =
            solution.places.iter().map(|&place| system.tallies()[place].count).collect();
        let weights = self.targets(&counts).t().dot(&solution.v);
        let classes = system.classes().len();
        Linear::new(classes, &solution.places, &weights, &vec![0.0; counts.len()])
    }

    /// The kernel regression on the indicators of the others answers `u = e_y - q / b`, and a change of targets is
    /// linear in it.
    fn left_out(&self, system: &System) -> Vec<Vec<f32>> {
        let (solution, terms) = system.left_out(self.lambda(system));
        let places = &solution.places;
        let counts: Vec<usize> =
            places.iter().map(|&place| system.tallies()[place].count).collect();
        let mut all = Vec::with_capacity(terms.b.len());
        // The same for every example of a class.
        let mut targets: Vec<Option<Array2<f64>>> = vec![None; places.len()];
        for ((taught, q), b) in system.examples().iter().zip(terms.q.outer_iter()).zip(&terms.b) {
            let own = places.binary_search(&taught.class).expect("its class has an example");
            let targets = targets[own].get_or_insert_with(|| {
                let mut without = counts.clone();
                without[own] -= 1;
                self.targets(&without)
            });
            let mut answer = q.mapv(|value| -value / b);
            answer[own] += 1.0;
            let mut scores = vec![f32::NEG_INFINITY; system.classes().len()];
            for (class, &place) in places.iter().enumerate() {
                if class != own || counts[own] > 1 {
                    scores[place] = answer.dot(&targets.column(class)) as f32;
                }
            }
            all.push(scores);
        }
        all
    }
}
