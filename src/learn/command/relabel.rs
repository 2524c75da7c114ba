use super::{CommandError, CommandResult, Reply, class_or_new, name_of};
use crate::learn::head::ExampleId;
use crate::learn::learner::{Change, Learner};

/// Moves examples to another class; a name that was not used makes a new class. What is of that class already stays.
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
        let is_there = |id: &ExampleId| {
            learner.examples().get(*id).is_some_and(|example| example.class == class)
        };
        let moved: Vec<ExampleId> = self.examples.into_iter().filter(|id| !is_there(id)).collect();
        let moves = moved.iter().map(|&id| Change::Relabel(id, class));
        let changes: Vec<Change> = new.into_iter().chain(moves).collect();
        // Where nothing moves there is nothing to undo.
        let made = if changes.is_empty() { Vec::new() } else { learner.change(changes)? };
        let class = name_of(learner, class);
        Ok((Reply::Relabelled { examples: moved, class, new_class }, made))
    }
}
