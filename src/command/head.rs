use super::{Outcome, Reply, accuracy};
use crate::head::HeadConfig;
use crate::learner::{Change, Learner};

/// Uses another head, taught with all that is stored; without one, tells which is in use.
#[derive(Debug, Clone, PartialEq)]
pub struct SetHead {
    /// The head to use.
    pub config: Option<HeadConfig>,
}

impl SetHead {
    pub(super) fn apply(self, learner: &mut Learner) -> Outcome {
        let made = match self.config {
            Some(config) if config != *learner.head_config() => {
                learner.change(vec![Change::SetHead(config)])?
            }
            _ => Vec::new(),
        };
        learner.recalibrate();
        let config = learner.head_config().clone();
        Ok((Reply::Head { config, estimate: accuracy(learner) }, made))
    }
}
