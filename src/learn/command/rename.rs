use super::{CommandResult, Reply, class_named, name_of, new_name};
use crate::learn::learner::{Change, Learner};

/// Calls a class differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenameClass {
    /// Its name.
    pub from: String,
    /// Its new name.
    pub to: String,
}

impl RenameClass {
    pub(super) fn apply(self, learner: &mut Learner) -> CommandResult {
        let class = class_named(learner, &self.from)?;
        let from = name_of(learner, class);
        let name = new_name(learner, &self.to, Some(class))?;
        if name.as_str() == from {
            return Ok((Reply::Renamed { to: from.clone(), from }, Vec::new()));
        }
        let made = learner.change(vec![Change::RenameClass(class, name)])?;
        Ok((Reply::Renamed { from, to: name_of(learner, class) }, made))
    }
}
