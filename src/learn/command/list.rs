use super::{ClassSummary, CommandResult, ExampleSummary, Reply, class_named};
use crate::learn::learner::Learner;

/// Lists the classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadClasses;

impl ReadClasses {
    pub(super) fn apply(self, learner: &mut Learner) -> CommandResult {
        let list = learner
            .classes()
            .iter()
            .map(|(&id, name)| ClassSummary {
                id,
                name: name.as_str().to_owned(),
                count: learner.examples().count(id),
                recall: learner
                    .estimate()
                    .and_then(|estimate| estimate.recalls.get(&id))
                    .map(|&(_, recall)| recall),
            })
            .collect();
        Ok((Reply::Classes(list), Vec::new()))
    }
}

/// Lists the examples, of one class or all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadExamples {
    /// Only of the class of that name.
    pub class: Option<String>,
}

impl ReadExamples {
    pub(super) fn apply(self, learner: &mut Learner) -> CommandResult {
        let only = self.class.map(|name| class_named(learner, &name)).transpose()?;
        learner.bring_up_to_date();
        let name = |class| learner.classes()[class].as_str().to_owned();
        let suspects = learner.estimate().map_or(&[][..], |estimate| &estimate.suspects);
        let list = learner
            .examples()
            .iter()
            .filter(|example| only.is_none_or(|only| example.class == only))
            .map(|example| ExampleSummary {
                id: example.id,
                class: name(&example.class),
                taught: example.taught,
                origin: example.origin.clone(),
                doubt: suspects
                    .iter()
                    .find(|suspect| suspect.example == example.id)
                    .map(|suspect| (name(&suspect.taken_for), suspect.confidence)),
            })
            .collect();
        Ok((Reply::Examples(list), Vec::new()))
    }
}
