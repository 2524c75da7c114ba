use super::{Outcome, Reply, class_named};
use crate::learner::{Change, ClassName, Learner};

/// Calls a class differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// Its name.
    pub from: String,
    /// Its new name.
    pub to: String,
}

impl Rename {
    pub(super) fn apply(self, learner: &mut Learner) -> Outcome {
        let class = class_named(learner, &self.from)?;
        let name = ClassName::new(&self.to)?;
        let made = learner.change(vec![Change::RenameClass(class, name)])?;
        Ok((Reply::Renamed { from: self.from, to: self.to }, made))
    }
}
