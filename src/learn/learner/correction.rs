//! Left-out examples say too much where the backbone was trained with them: by how much was measured, and is taken off.

use super::Learner;
use crate::learn::decision::Estimate;

/// How much less is known than left-out examples say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correction {
    /// What the temperature is multiplied with, at least 1.
    pub temperature: f32,
    /// What the limit of novelty is multiplied with, at least 1.
    pub novelty: f32,
    /// What is taken off the estimate, 0 to 1.
    pub accuracy: f32,
}

impl Correction {
    /// Nothing is corrected.
    pub const NONE: Self = Self { temperature: 1.0, novelty: 1.0, accuracy: 0.0 };

    /// Whether all of it is within its range.
    pub fn is_sound(&self) -> bool {
        let factor = |value: f32| (1.0..=1e6).contains(&value);
        factor(self.temperature) && factor(self.novelty) && (0.0..=1.0).contains(&self.accuracy)
    }

    pub(super) fn of_estimate(&self, mut estimate: Estimate) -> Estimate {
        let less = |share: f32| (share - self.accuracy).max(0.0);
        estimate.balanced_accuracy = estimate.balanced_accuracy.map(less);
        estimate.interval = (less(estimate.interval.0), less(estimate.interval.1));
        estimate.recalls.values_mut().for_each(|(_, recall)| *recall = less(*recall));
        estimate
    }
}

impl Learner {
    /// Corrects the calibration and the estimate by this, now and after every change.
    pub fn set_correction(&mut self, correction: Correction) {
        if correction != self.correction {
            self.correction = correction;
            self.recalibrate();
        }
    }
}
