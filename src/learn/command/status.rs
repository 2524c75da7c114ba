use super::{CommandResult, MAX_SUSPECTS, Reply, Status, accuracy};
use crate::learn::learner::Learner;

/// Shows what is stored, the estimated accuracy and the suspects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadStatus;

impl ReadStatus {
    pub(super) fn apply(self, learner: &mut Learner) -> CommandResult {
        learner.bring_up_to_date();
        let estimate = learner.estimate();
        let told = estimate.filter(|estimate| estimate.balanced_accuracy.is_some());
        let status = Status {
            dim: learner.dim(),
            head: learner.head_config().clone(),
            classes: learner.classes().len(),
            examples: learner.examples().len(),
            bytes: (learner.examples().bytes(), learner.examples().budget()),
            undo_steps: learner.undo_steps().len(),
            estimate: accuracy(learner),
            interval: told.map(|estimate| estimate.interval),
            looks: learner.examples().looks().values().sum(),
            advice: learner.advice().about(learner.subject()),
            subject: learner.subject(),
            suspects: estimate
                .map(|estimate| estimate.suspects.iter().take(MAX_SUSPECTS).cloned().collect())
                .unwrap_or_default(),
            thresholds: *learner.thresholds(),
        };
        Ok((Reply::Status(Box::new(status)), Vec::new()))
    }
}
