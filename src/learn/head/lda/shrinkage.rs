//! How much the covariance is shrunk: by how much was seen and, where there is enough, by what left-out looks say.

use super::{System, Unit, left_out};

/// Weights at and below it are rounding.
const LEAST_WEIGHT: f64 = 1e-9;

/// Looks a class, their harmonic mean, below which the rule is as good as anything that can be measured.
const LEAST_LOOKS: f64 = 8.0;

/// Looks that are left out at most, in turns of one of each class.
const LEFT_OUT: usize = 96;

/// What the log odds of the shrinkage move by in a step, and how many steps they may go from the rule.
const STEP: f64 = 0.75;
const STEPS: i32 = 4;

/// Of the odds of the shrinkage: beyond it all shrinkages are the nearest mean.
const MOST_ODDS: f64 = 9.0;

/// Looks of the classes, as their harmonic mean; `None` without classes.
fn looks(weights: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut classes, mut inverse) = (0.0, 0.0);
    for weight in weights.filter(|&weight| weight > LEAST_WEIGHT) {
        classes += 1.0;
        inverse += 1.0 / weight;
    }
    (classes > 0.0).then(|| classes / inverse)
}

/// [`super::Shrinkage::ByLooks`] of classes with these weights.
pub(super) fn by_looks(weights: impl Iterator<Item = f64>) -> f64 {
    const HALF: f64 = 5.0;
    looks(weights).map_or(0.5, |looks| HALF / (HALF + looks))
}

/// [`super::Shrinkage::LeaveOneOut`]: the shrinkage whose left-out looks have the least cross-entropy, found by steps
/// of its log odds from that of [`by_looks`]. The log odds have a normal prior about it, so that a few looks do not
/// carry them far. `None` where there is one class, or too few looks to measure anything.
pub(super) fn measured(system: &System) -> Option<f64> {
    let weights = || system.tallies().iter().map(|tally| tally.weight);
    let enough = looks(weights()).is_some_and(|looks| looks >= LEAST_LOOKS);
    if !enough || weights().filter(|&weight| weight > LEAST_WEIGHT).count() < 2 {
        return None;
    }
    let rule = by_looks(weights());
    let odds = |steps: i32| rule / (1.0 - rule) * (f64::from(steps) * STEP).exp();
    let of = |steps: i32| odds(steps) / (1.0 + odds(steps));
    let units = system.units(LEFT_OUT);
    let loss = |steps: i32| {
        let looks = units.len() as f64;
        looks * cross_entropy(system, of(steps), &units) + (f64::from(steps) * STEP).powi(2)
    };
    let mut best = (0, loss(0));
    for direction in [1, -1] {
        for steps in 1..=STEPS {
            let steps = direction * steps;
            if odds(steps) > MOST_ODDS {
                break;
            }
            let loss = loss(steps);
            if loss >= best.1 {
                break;
            }
            best = (steps, loss);
        }
        if best.0 != 0 {
            break;
        }
    }
    Some(of(best.0))
}

/// Mean of the classes' cross-entropies of left-out images, in nats, at the temperature that fits them best.
fn cross_entropy(system: &System, shrinkage: f64, units: &[Unit]) -> f64 {
    /// Of the temperature, from the coldest.
    const TEMPERATURES: usize = 24;
    const COLDEST: f64 = 0.1;
    const RATIO: f64 = 1.3;
    let answers = left_out(system, &|_| shrinkage, units);
    let classes = system.classes().len();
    let mut least = f64::INFINITY;
    let mut temperature = COLDEST;
    for _ in 0..TEMPERATURES {
        let mut sums = vec![(0.0, 0.0); classes];
        for (unit, answers) in units.iter().zip(&answers) {
            let share = 1.0 / answers.len().max(1) as f64;
            for answer in answers {
                let own = f64::from(answer.scores[unit.class]);
                if own.is_finite() {
                    let of = |score: &f32| ((f64::from(*score) - own) / temperature).exp();
                    let sum: f64 = answer.scores.iter().map(of).sum();
                    sums[unit.class].0 += share * sum.ln();
                    sums[unit.class].1 += share;
                }
            }
        }
        let classified = sums.iter().filter(|(_, looks)| *looks > 0.0);
        let means: Vec<f64> = classified.map(|(sum, looks)| sum / looks).collect();
        least = least.min(means.iter().sum::<f64>() / means.len().max(1) as f64);
        temperature *= RATIO;
    }
    least
}
