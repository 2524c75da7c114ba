use super::{CommandResult, Reply};
use crate::learn::learner::{Change, Learner};

/// Takes back the latest teach, forget, relabel, rename, head or threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UndoLatest;

impl UndoLatest {
    pub(super) fn apply(self, learner: &mut Learner) -> CommandResult {
        let names = learner.classes().clone();
        let changes = learner.undo()?.unwrap_or_default();
        let name = |class| {
            let known = learner.classes().get(class).or_else(|| names.get(class));
            known.map_or_else(|| "a class".to_owned(), ToString::to_string)
        };
        let words = changes
            .iter()
            .map(|change| match change {
                Change::AddClass(_, name) => format!("class {name} is back"),
                Change::RemoveClass(class) => format!("class {} is gone", name(class)),
                Change::RenameClass(_, name) => format!("a class is called {name} again"),
                Change::AddExample(example) => {
                    format!("example {} of {} is back", example.id.0, name(&example.class))
                }
                Change::RemoveExample(id) => format!("example {} is gone", id.0),
                Change::Relabel(id, class) => {
                    format!("example {} is of {} again", id.0, name(class))
                }
                Change::SetHead(config) => format!("the head is {} again", config.kind()),
                Change::SetThresholds(_) => "the thresholds are as before".to_owned(),
            })
            .collect();
        Ok((Reply::Undone { changes: words, left: learner.undo_steps().len() }, changes))
    }
}
