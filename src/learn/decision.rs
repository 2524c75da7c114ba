//! Scores to a verdict: how sure, whether it is known at all, and steady over frames.
//!
//! Everything here is fitted to what a head says of groups of examples that it has not seen
//! ([`crate::learn::head::Head::leave_out`]):
//!
//! * **Offsets**: the mean of a class of `n` looks lies, on average, `T / n` from where it belongs, `T` being the mean
//!   squared (Mahalanobis) distance of a look from its class. That makes a class of few looks seem farther off than it
//! is, by half as much; so `T / 2n` is added to its score, but no more than can be seen to be amiss
//!   (`decision/offsets.rs`). Classes of equally many looks are not moved against each other.
//! * **Confidence** is the softmax of the scores divided by a temperature, at which the mean confidence of the left-out
//!   examples is the share of them that was right (Clarte et al. 2023, "Expectation consistency for calibration of
//! neural networks"). Where few were taught a fit of the likelihood would be ruled by the one or two that went most
//! wrong.
//! * **Novelty** decides what is unknown, see `decision/novelty.rs`.

mod calibration;
mod doubts;
mod estimate;
mod interval;
mod novelty;
mod offsets;
mod smoother;

pub use calibration::{Apart, Calibration, LeftOutCounts};
pub use estimate::{Doubt, Estimate, Suspect};
pub use interval::{jeffreys, student};
pub use novelty::PatchLimit;
pub use smoother::Smoother;

use crate::learn::examples::Neighbour;
use crate::learn::head::{ClassId, LeftOut};

/// Looks that have to be classified before they say what is usual.
const LEAST_CLASSIFIED: usize = 4;

fn own(classes: &[ClassId], one: &LeftOut) -> Option<usize> {
    classes.iter().position(|&class| class == one.class)
}

/// What a frame is taken for.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The class, or unknown.
    pub class: Option<ClassId>,
    /// The class with the highest score, also where the verdict is unknown.
    pub best: ClassId,
    /// Probability of `best` among the taught classes, 0 to 1, calibrated; 1 while there is but one class.
    pub confidence: f32,
    /// The class in second place and its probability; `None` while there is but one class.
    pub runner_up: Option<(ClassId, f32)>,
    /// The nearest taught example.
    pub nearest: Neighbour,
    /// How unlike everything taught, above 0; 1 where the share of frames of taught classes that is yet called unknown
    /// is the one asked for ([`Thresholds`]).
    pub novelty: f32,
}

impl Verdict {
    /// [`Verdict::confidence`] where there is a second class; without one it is 1 whatever the frame shows, and says
    /// nothing.
    pub fn shown_confidence(&self) -> Option<f32> {
        self.runner_up.map(|_| self.confidence)
    }
}

/// What a person may set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Below this confidence the verdict is unknown, 0 to 1.
    pub confidence: f32,
    /// Above this novelty the verdict is unknown; infinity turns the check off.
    pub novelty: f32,
    /// Share of the frames of taught classes that may be called unknown, above 0 and below 0.5: what sets where a
    /// novelty of 1 lies.
    pub false_reject: f32,
}

impl Thresholds {
    /// Whether they can decide a verdict: a confidence of 0 to 1, a novelty above 0.
    pub fn are_valid(&self) -> bool {
        (0.0..=1.0).contains(&self.confidence)
            && self.novelty > 0.0
            && self.false_reject > 0.0
            && self.false_reject < 0.5
    }

    /// Novelty and rate as the one number that is stored and sent: the rate below zero, where it is not the usual one,
    /// or else the novelty. One of them is always the usual one.
    pub fn limit(&self) -> f32 {
        if self.false_reject == FALSE_REJECT { self.novelty } else { -self.false_reject }
    }

    /// * `limit`: as [`Thresholds::limit`].
    pub fn of_limit(confidence: f32, limit: f32) -> Self {
        let usual = Self { confidence, ..Self::default() };
        match limit < 0.0 {
            true => Self { false_reject: -limit, ..usual },
            false => Self { novelty: limit, ..usual },
        }
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { confidence: 0.0, novelty: 1.0, false_reject: FALSE_REJECT }
    }
}

/// Share of frames of taught classes that may be called unknown, where nothing else is asked for.
pub const FALSE_REJECT: f32 = 0.02;

/// Indices of the highest and the second highest finite score; the first of equals.
fn first_two(scores: &[f32]) -> Option<(usize, Option<usize>)> {
    let mut best: Option<(usize, Option<usize>)> = None;
    for (at, &score) in scores.iter().enumerate().filter(|(_, score)| score.is_finite()) {
        best = Some(match best {
            None => (at, None),
            Some((first, _)) if score > scores[first] => (at, Some(first)),
            Some((first, second)) if second.is_none_or(|second| score > scores[second]) => {
                (first, Some(at))
            }
            Some(both) => both,
        });
    }
    best
}

/// Softmax of the scores over a temperature; all 0 where every score is minus infinity.
fn softmax(scores: &[f32], temperature: f32) -> Vec<f32> {
    let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if top == f32::NEG_INFINITY {
        return vec![0.0; scores.len()];
    }
    let mut out: Vec<f32> =
        scores.iter().map(|score| ((score - top) / temperature).exp()).collect();
    let sum: f32 = out.iter().sum();
    out.iter_mut().for_each(|value| *value /= sum);
    out
}
