use super::{CommandError, CommandResult, Reply};
use crate::learn::decision::{LeftOutCounts, Thresholds};
use crate::learn::learner::{Change, Learner};

/// Shows or sets the thresholds for unknown predictions; without values, it only shows them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ChangeThresholds {
    /// Least confidence, 0 to 1.
    pub confidence: Option<f32>,
    /// Largest novelty, above 0; infinity turns the check off.
    pub novelty: Option<f32>,
    /// Share of frames of taught classes that may be called unknown, above 0 and below 0.5; sets the novelty back to 1, as
    /// a novelty sets this back.
    pub false_reject: Option<f32>,
}

/// Shows what thresholds would make of the taught examples, each left out; changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AssessThresholds(pub ChangeThresholds);

impl ChangeThresholds {
    /// What they would be.
    fn checked(self, learner: &Learner) -> Result<Thresholds, CommandError> {
        let mut thresholds = *learner.thresholds();
        if let Some(got) = self.confidence {
            if !(0.0..=1.0).contains(&got) {
                let (name, wanted) = ("confidence", "0 to 1");
                return Err(CommandError::Threshold { name, wanted, got });
            }
            thresholds.confidence = got;
        }
        if let Some(got) = self.novelty {
            if got.is_nan() || got <= 0.0 {
                let (name, wanted) = ("novelty", "above 0 (inf turns it off)");
                return Err(CommandError::Threshold { name, wanted, got });
            }
            thresholds = Thresholds::of_limit(thresholds.confidence, got);
        }
        if let Some(got) = self.false_reject {
            if !(got > 0.0 && got < 0.5) {
                let (name, wanted) = ("false-reject", "above 0 and below 0.5 (0.02 is 2 %)");
                return Err(CommandError::Threshold { name, wanted, got });
            }
            if self.novelty.is_some() {
                return Err(CommandError::NoveltyAndRate);
            }
            thresholds = Thresholds::of_limit(thresholds.confidence, -got);
        }
        Ok(thresholds)
    }

    pub(super) fn apply(self, learner: &mut Learner) -> CommandResult {
        let thresholds = self.checked(learner)?;
        let made = if thresholds == *learner.thresholds() {
            Vec::new()
        } else {
            learner.change(vec![Change::SetThresholds(thresholds)])?
        };
        Ok((Reply::Threshold(thresholds), made))
    }
}

impl AssessThresholds {
    pub(super) fn apply(self, learner: &mut Learner) -> CommandResult {
        let thresholds = self.0.checked(learner)?;
        let LeftOutCounts { right, wrong, unknown } = learner.effect_of(&thresholds);
        Ok((Reply::Effect { thresholds, right, wrong, unknown }, Vec::new()))
    }
}
