//! Regularised least squares onto targets of +1 and -1: `W = (Z^T Z + lambda I)^-1 Z^T T`, the class with the highest
//! answer wins.
//!
//! Class balance comes from the targets, not from weights in the loss: those of class `k` are multiplied by
//! `n / (C n_k)`, which leaves the system as it is when counts change (the recoding of Camoriano et al. 2017,
//! "Incremental Robot Learning of New Objects with Fixed Update Time").

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::HeadKind;
use super::closed_form::{Answer, Formula, images};
use super::linear::Linear;
use super::system::{LeftOutTerms, System};
use super::units::Unit;
use crate::learn::linalg::Factor;

/// Weights at and below it are rounding.
const NONE: f64 = 1e-9;

/// The settings.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ridge {
    pub(super) lambda: f32,
    pub(super) balanced: bool,
}

impl Ridge {
    /// `[C, C]`: the targets of an example of class `k` in row `k`, for classes of these counts.
    fn targets(&self, counts: &[f64]) -> Array2<f64> {
        let present = counts.iter().filter(|&&count| count > NONE).count() as f64;
        let total = counts.iter().sum::<f64>();
        Array2::from_shape_fn((counts.len(), counts.len()), |(own, class)| {
            let sign = if own == class { 1.0 } else { -1.0 };
            if self.balanced {
                sign * total / (present * if counts[own] > NONE { counts[own] } else { 1.0 })
            } else {
                sign
            }
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
        let weight = |&place: &usize| system.tallies()[place].weight;
        let counts: Vec<f64> = solution.places.iter().map(weight).collect();
        let weights = self.targets(&counts).t().dot(&solution.v);
        let classes = system.classes().len();
        Linear::new(classes, &solution.places, &weights, &vec![0.0; counts.len()])
    }

    /// The kernel regression on the indicators of the others answers `u = e_y - B^-1 q`, and a change of targets is
    /// linear in it.
    fn left_out(&self, system: &System, units: &[Unit]) -> Vec<Vec<Answer>> {
        let (solution, terms) =
            system.left_out(self.lambda(system), &units.iter().collect::<Vec<_>>());
        let places = &solution.places;
        let counts: Vec<f64> = places.iter().map(|&place| system.tallies()[place].weight).collect();
        let answer = |(unit, terms): (&Unit, LeftOutTerms)| {
            let own = places.binary_search(&unit.class).expect("its class has a row");
            let rest = system.rest(unit);
            let mut without = counts.clone();
            without[own] = rest.weight;
            let targets = self.targets(&without);
            let fitted = Factor::of(&terms.b, 0.0).solved(terms.q);
            let of_row = |(at, row): (usize, usize)| {
                let root = system.examples()[row].weight.sqrt();
                let mut answer = fitted.row(at).mapv(|value| -value / root);
                answer[own] += 1.0;
                let mut scores = vec![f32::NEG_INFINITY; system.classes().len()];
                for (class, &place) in places.iter().enumerate() {
                    if class != own || rest.rows > 0 {
                        scores[place] = answer.dot(&targets.column(class)) as f32;
                    }
                }
                Answer { row, scores, spread: None }
            };
            images(system, unit).map(of_row).collect()
        };
        units.iter().zip(terms).map(answer).collect()
    }
}
