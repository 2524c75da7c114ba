//! Shrinkage linear discriminant analysis with equal priors, the default head.
//!
//! With class means `m_c`, within-class scatter `S = sum (z - m_y)(z - m_y)^T / (n - 1)` and a shrinkage `s`,
//! ```text
//! G = (1 - s) S + s t I,    t = tr S / d,    score_c = z^T G^-1 m_c - m_c^T G^-1 m_c / 2
//! ```
//! `G` is, up to a factor, the examples' system of [`super::system`] at the ridge `l = s / (1 - s) tr((n - 1) S) / d`
//! less what the class means account for; with `V` and `R` from there the scores are
//! ```text
//! score_c = f [R^-1 V z]_c - f ([R^-1]_cc - l / n_c) / 2,    f = (n - 1) / ((1 - s) l)
//! ```
//! The ridge moves a little with every example, and each move would cost a factorisation; so it is rounded to the
//! nearest of sixteen steps an octave, by at most 2.2 % (`s` = 0.5 lies between 0.495 and 0.505). Everything else is
//! exact: learning, forgetting, and leaving a group out, each at the ridge that the remaining examples make. `n` is the
//! sum of the rows' weights, the number of looks.
//!
//! By default `s` is measured, see [`shrinkage`], when the head is tuned; from then on it stays until it is tuned again.
//!
//! Where no class has two examples that differ, there is no `S`: `G` is the identity, and the nearest mean wins.

mod shrinkage;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use super::closed_form::{Answer, Formula, Metric, images};
use super::linear::Linear;
use super::system::{LeftOutTerms, Rest, Solution, System};
use super::units::Unit;
use super::{HeadKind, Shrinkage, finite};
use crate::learn::linalg::{Factor, dot, widened};
use shrinkage::{by_looks, measured};

/// The settings, and what was measured.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Lda {
    shrinkage: Shrinkage,
    /// What [`Shrinkage::LeaveOneOut`] chose last; `None` where there were too few looks, and for the others.
    measured: Option<f64>,
}

/// Shrinkage 1 is the limit of an infinite ridge; this comes as near as is of use.
const MOST: f64 = 1.0 - 1e-6;

/// Scatter below this share of the features' squared lengths is rounding, or repeats of one picture.
const NOTHING: f64 = 1e-7;

const STEPS_AN_OCTAVE: f64 = 16.0;

/// The ridge for a scatter; `None` where there is none to speak of.
fn ridge(scatter: f64, square: f64, dim: usize, shrinkage: f64) -> Option<f64> {
    if scatter <= NOTHING * square {
        return None;
    }
    let exact = shrinkage / (1.0 - shrinkage) * scatter / dim as f64;
    Some(((exact.log2() * STEPS_AN_OCTAVE).round() / STEPS_AN_OCTAVE).exp2())
}

fn ridge_of(system: &System, shrinkage: f64) -> Option<f64> {
    ridge(system.scatter(), system.square(), system.dim(), shrinkage)
}

/// `f = (n - 1) / ((1 - s) l)`, `n` the sum of the weights.
fn factor(weight: f64, shrinkage: f64, lambda: f64) -> f64 {
    (weight - 1.0).max(LEAST_FREEDOM) / ((1.0 - shrinkage) * lambda)
}

/// Of a single look, whose views differ.
const LEAST_FREEDOM: f64 = 0.5;

impl Lda {
    pub(super) fn new(shrinkage: Shrinkage) -> Self {
        Self { shrinkage, measured: None }
    }

    /// The shrinkage in use.
    fn chosen(&self, system: &System) -> f64 {
        match (self.shrinkage, self.measured) {
            (Shrinkage::Fixed(shrinkage), _) => f64::from(shrinkage).min(MOST),
            (Shrinkage::LeaveOneOut, Some(shrinkage)) => shrinkage,
            _ => by_looks(system.tallies().iter().map(|tally| tally.weight)),
        }
    }
}

impl Formula for Lda {
    const KIND: HeadKind = HeadKind::Lda;

    fn lambda(&self, system: &System) -> f64 {
        ridge_of(system, self.chosen(system)).unwrap_or(1.0)
    }

    fn tune(&mut self, system: &System) -> bool {
        let before = self.measured;
        if self.shrinkage == Shrinkage::LeaveOneOut {
            self.measured = measured(system);
        }
        before != self.measured
    }

    fn linear(&self, system: &System) -> Linear {
        let classes = system.classes().len();
        let shrinkage = self.chosen(system);
        let Some(lambda) = ridge_of(system, shrinkage) else {
            let (places, means) = means(system);
            let bias: Vec<f64> = means.outer_iter().map(|mean| -0.5 * mean.dot(&mean)).collect();
            return Linear::new(classes, &places, &means, &bias);
        };
        let Solution { places, v, r } = system.solve(lambda);
        let inverse = Factor::of(&r, 0.0).inverse();
        let f = factor(system.weight(), shrinkage, lambda);
        let weights = inverse.dot(&v) * f;
        let bias: Vec<f64> = places
            .iter()
            .enumerate()
            .map(|(at, &place)| {
                -0.5 * f * (inverse[[at, at]] - lambda / system.tallies()[place].weight)
            })
            .collect();
        Linear::new(classes, &places, &weights, &bias)
    }

    fn left_out(&self, system: &System, units: &[Unit]) -> Vec<Vec<Answer>> {
        match (self.shrinkage, self.measured) {
            (Shrinkage::ByLooks, _) | (Shrinkage::LeaveOneOut, None) => {
                let without = |unit: &Unit| {
                    let rest = system.rest(unit).weight;
                    let weights = system.tallies().iter().enumerate();
                    by_looks(weights.map(|(at, tally)| match at == unit.class {
                        true => rest,
                        false => tally.weight,
                    }))
                };
                left_out(system, &without, units)
            }
            _ => {
                let shrinkage = self.chosen(system);
                left_out(system, &|_| shrinkage, units)
            }
        }
    }

    fn metric(&self, system: &System) -> Option<Metric> {
        let shrinkage = self.chosen(system);
        let Some(lambda) = ridge_of(system, shrinkage) else {
            return Some(Metric { factor: 1.0, places: Vec::new(), r: None });
        };
        let Solution { places, r, .. } = system.solve(lambda);
        let factor = factor(system.weight(), shrinkage, lambda);
        Some(Metric { factor, places, r: Some(r) })
    }

    /// `P = f l (S_w + l I)^-1`, and by Woodbury's identity
    /// `l z^T (S_w + l I)^-1 z = l z^T (Z^T Z + l I)^-1 z + u^T R u` with `u = R^-1 V z`.
    fn spread(&self, system: &System, metric: &Metric, linear: &Linear, z: &[f32]) -> f32 {
        let Some(r) = &metric.r else {
            return dot(z, z);
        };
        let products = linear.products(z);
        let u = Array1::from_iter(metric.places.iter().map(|&at| products[at] / metric.factor));
        let lambda = system.lambda();
        finite(metric.factor * (lambda * system.quadratic(z) + u.dot(&r.dot(&u))))
    }
}

/// Places and means `[C, dim]` of the classes that have examples.
fn means(system: &System) -> (Vec<usize>, Array2<f64>) {
    let tallies = system.tallies();
    let places: Vec<usize> = (0..tallies.len()).filter(|&at| tallies[at].rows > 0).collect();
    let means = Array2::from_shape_fn((places.len(), system.dim()), |(at, value)| {
        let tally = &tallies[places[at]];
        tally.sum[value] / tally.weight
    });
    (places, means)
}

/// Of every unit what a head taught with all others says.
///
/// * `shrinkage`: of the head without that unit.
fn left_out(system: &System, shrinkage: &dyn Fn(&Unit) -> f64, units: &[Unit]) -> Vec<Vec<Answer>> {
    // Units whose others make the same ridge are left out together.
    let mut by_ridge: BTreeMap<Option<u64>, Vec<(usize, f64, Rest)>> = BTreeMap::new();
    for (at, unit) in units.iter().enumerate() {
        let (rest, shrinkage) = (system.rest(unit), shrinkage(unit));
        let lambda = ridge(rest.scatter, rest.square, system.dim(), shrinkage);
        by_ridge.entry(lambda.map(f64::to_bits)).or_default().push((at, shrinkage, rest));
    }
    let mut all = vec![Vec::new(); units.len()];
    for (lambda, members) in by_ridge {
        let Some(lambda) = lambda.map(f64::from_bits) else {
            for (at, _, rest) in members {
                all[at] = by_means(system, &units[at], &rest);
            }
            continue;
        };
        let chosen: Vec<&Unit> = members.iter().map(|(at, ..)| &units[*at]).collect();
        let (solution, terms) = system.left_out(lambda, &chosen);
        let inverse = Factor::of(&solution.r, 0.0).inverse();
        for ((at, shrinkage, rest), terms) in members.into_iter().zip(terms) {
            let f = factor(rest.total, shrinkage, lambda);
            let without = Without { system, places: &solution.places, inverse: &inverse, lambda };
            all[at] = without.answers(&units[at], &rest, f, &terms);
        }
    }
    all
}

/// A system, and what leaving a unit out of it needs.
struct Without<'a> {
    system: &'a System,
    /// Of the classes with rows.
    places: &'a [usize],
    /// `[C, C]`, `S = R^-1`.
    inverse: &'a Array2<f64>,
    lambda: f64,
}

impl Without<'_> {
    /// With `P = Q_g S` the inverse without the unit is `S + P^T K P`, where `K = (B - P Q_g^T)^-1`; for the only unit of
    /// its class, row and column of the class are taken out of `S` first.
    fn answers(&self, unit: &Unit, rest: &Rest, f: f64, terms: &LeftOutTerms) -> Vec<Answer> {
        let Without { system, places, lambda, .. } = *self;
        let own = places.binary_search(&unit.class).expect("its class has a row");
        let alone = rest.rows == 0;
        let (b, q) = (&terms.b, &terms.q);
        let mut p = q.dot(self.inverse);
        let column = self.inverse.column(own);
        if alone {
            for mut row in p.outer_iter_mut() {
                let share = row[own] / column[own];
                row.scaled_add(-share, &column);
            }
        }
        let k = Factor::of(&(b - &p.dot(&q.t())), 0.0).inverse();
        let block = Factor::of(b, 0.0);
        let (fitted, inverse_block) = (block.solved(q.clone()), block.inverse());
        let kp = k.dot(&p);
        let diagonal: Vec<f64> = (0..places.len())
            .map(|at| {
                let taken = if alone { column[at] * column[at] / column[own] } else { 0.0 };
                self.inverse[[at, at]] - taken + p.column(at).dot(&kp.column(at))
            })
            .collect();
        let answer = |(at, row): (usize, usize)| {
            let weight = system.examples()[row].weight;
            // `V z` of the others.
            let mut vz = fitted.row(at).mapv(|value| -value / weight.sqrt());
            vz[own] += 1.0;
            if alone {
                vz[own] = 0.0;
            }
            let mut linear = self.inverse.dot(&vz);
            if alone {
                let share = linear[own] / column[own];
                linear.scaled_add(-share, &column);
            }
            linear += &kp.t().dot(&p.dot(&vz));
            let mut scores = vec![f32::NEG_INFINITY; system.classes().len()];
            for (at, &place) in places.iter().enumerate() {
                let count = if at == own { rest.weight } else { system.tallies()[place].weight };
                if at != own || !alone {
                    scores[place] =
                        finite(f * (linear[at] - 0.5 * (diagonal[at] - lambda / count)));
                }
            }
            let quadratic = (inverse_block[[at, at]] - lambda) / weight + vz.dot(&linear);
            Answer { row, scores, spread: Some(finite(f * quadratic)) }
        };
        images(system, unit).map(answer).collect()
    }
}

/// A unit without which no class has two rows that differ: the nearest mean.
fn by_means(system: &System, unit: &Unit, rest: &Rest) -> Vec<Answer> {
    let (places, mut means) = means(system);
    let own = places.binary_search(&unit.class).expect("its class has a row");
    if rest.rows > 0 {
        let before = system.tallies()[unit.class].weight;
        let mut mean = means.row_mut(own);
        mean *= before / rest.weight;
        for &row in &unit.rows {
            let share = system.examples()[row].weight / rest.weight;
            mean.iter_mut().zip(&*system.z(row)).for_each(|(m, &z)| *m -= share * f64::from(z));
        }
    }
    let answer = |(_, row): (usize, usize)| {
        let z = Array1::from_vec(widened(&system.z(row)));
        let mut scores = vec![f32::NEG_INFINITY; system.classes().len()];
        for (at, &place) in places.iter().enumerate() {
            if at != own || rest.rows > 0 {
                let mean = means.row(at);
                scores[place] = finite(z.dot(&mean) - 0.5 * mean.dot(&mean));
            }
        }
        Answer { row, scores, spread: Some(finite(z.dot(&z))) }
    };
    images(system, unit).map(answer).collect()
}
