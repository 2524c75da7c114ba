use super::{CommandError, CommandResult, Reply, class_or_new, name_of};
use crate::learn::head::ExampleId;
use crate::learn::learner::{Change, Learner};

/// Moves examples to another class; a name that was not used makes a new class.
#[derive(Debug, Clone, PartialEq)]
pub struct RelabelExamples {
    /// At least one.
    pub examples: Vec<ExampleId>,
    /// The class's name.
    pub class: String,
}

impl RelabelExamples {
    pub(super) fn apply(self, learner: &mut Learner) -> CommandResult {
        if self.examples.is_empty() {
            return Err(CommandError::Nothing { command: "relabel" });
        }
        let (class, new) = class_or_new(learner, &self.class)?;
        let new_class = new.is_some();
        let moves = self.examples.iter().map(|&id| Change::Relabel(id, class));
        let made = learner.change(new.into_iter().chain(moves).collect())?;
        let class = name_of(learner, class);
        Ok((Reply::Relabelled { examples: self.examples, class, new_class }, made))
    }
}
