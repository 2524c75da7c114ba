use super::{CommandError, Outcome, Reply, class_named};
use crate::head::ExampleId;
use crate::learner::{Change, Learner};

/// Forgets a class with all its examples, or single examples; exactly, as if they had never been taught.
#[derive(Debug, Clone, PartialEq)]
pub enum Forget {
    /// The class of that name.
    Class(String),
    /// These examples, at least one; their classes stay.
    Examples(Vec<ExampleId>),
}

impl Forget {
    pub(super) fn apply(self, learner: &mut Learner) -> Outcome {
        let (changes, classes, examples) = match self {
            Forget::Class(name) => {
                let class = class_named(learner, &name)?;
                let of_class = learner.examples().iter().filter(|example| example.class == class);
                let examples: Vec<_> = of_class.map(|example| example.id).collect();
                let mut changes: Vec<_> =
                    examples.iter().copied().map(Change::RemoveExample).collect();
                changes.push(Change::RemoveClass(class));
                (changes, vec![name], examples)
            }
            Forget::Examples(examples) => {
                if examples.is_empty() {
                    return Err(CommandError::Nothing { command: "forget" });
                }
                (examples.iter().copied().map(Change::RemoveExample).collect(), vec![], examples)
            }
        };
        let made = learner.change(changes)?;
        Ok((Reply::Forgotten { classes, examples }, made))
    }
}
