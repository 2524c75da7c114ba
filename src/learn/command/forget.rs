use super::{CommandError, CommandResult, Reply, class_named};
use crate::learn::head::ExampleId;
use crate::learn::learner::{Change, Learner};

/// Forgets a class with all its examples, single examples, or everything; exactly, as if they had never been taught.
#[derive(Debug, Clone, PartialEq)]
pub enum ForgetExamples {
    /// The class of that name.
    Class(String),
    /// These examples, at least one; their classes stay.
    Examples(Vec<ExampleId>),
    /// Every class and every example.
    Everything,
}

impl ForgetExamples {
    pub(super) fn apply(self, learner: &mut Learner) -> CommandResult {
        let (changes, classes, examples) = match self {
            ForgetExamples::Class(name) => {
                let class = class_named(learner, &name)?;
                let of_class = learner.examples().iter().filter(|example| example.class == class);
                let examples: Vec<_> = of_class.map(|example| example.id).collect();
                let mut changes: Vec<_> =
                    examples.iter().copied().map(Change::RemoveExample).collect();
                changes.push(Change::RemoveClass(class));
                (changes, vec![name], examples)
            }
            ForgetExamples::Examples(examples) => {
                if examples.is_empty() {
                    return Err(CommandError::Nothing { command: "forget" });
                }
                (examples.iter().copied().map(Change::RemoveExample).collect(), vec![], examples)
            }
            ForgetExamples::Everything => {
                let examples: Vec<_> = learner.examples().iter().map(|one| one.id).collect();
                let changes = examples.iter().copied().map(Change::RemoveExample);
                let classes = learner.classes();
                let changes = changes.chain(classes.keys().copied().map(Change::RemoveClass));
                let names = classes.values().map(|name| name.as_str().to_owned()).collect();
                (changes.collect(), names, examples)
            }
        };
        let made = learner.change(changes)?;
        Ok((Reply::Forgotten { classes, examples }, made))
    }
}
