use super::{Accuracy, CommandResult, MAX_SUSPECTS, Reply, Status};
use crate::learn::learner::Learner;

/// Shows what is stored, the estimated accuracy and the suspects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadStatus;

impl ReadStatus {
    pub(super) fn apply(self, learner: &mut Learner) -> CommandResult {
        learner.bring_up_to_date();
        let estimate = learner.estimate();
        let status = Status {
            dim: learner.dim(),
            head: learner.head_config().clone(),
            classes: learner.classes().len(),
            examples: learner.examples().len(),
            bytes: (learner.examples().bytes(), learner.examples().budget()),
            undo_steps: learner.undo_steps().len(),
            estimate: Accuracy::of(learner),
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
