use super::{Outcome, Reply, accuracy, class_or_new, removed};
use crate::examples::{Example, narrowed};
use crate::frame::Timestamp;
use crate::head::{self, ExampleId};
use crate::learner::{Change, LearnError, Learner};

/// Learns examples of a class, all or none; a name that was not used makes a new class.
#[derive(Debug, Clone, PartialEq)]
pub struct Teach {
    /// The class's name.
    pub class: String,
    /// At least one.
    pub shots: Vec<Shot>,
}

/// What is to be learned from one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Shot {
    /// `[dim]`, finite.
    pub feature: Vec<f32>,
    /// Where it came from.
    pub origin: String,
    /// A small JPEG for people to look at.
    pub thumbnail: Option<Vec<u8>>,
}

impl Teach {
    pub(super) fn apply(self, learner: &mut Learner, now: Timestamp) -> Outcome {
        if self.shots.is_empty() {
            return Err(super::CommandError::Nothing { command: "teach" });
        }
        let (class, new) = class_or_new(learner, &self.class)?;
        let new_class = new.is_some();
        let (_, ExampleId(first)) = learner.next_ids();
        let mut changes = Vec::from_iter(new);
        let mut examples = Vec::with_capacity(self.shots.len());
        for (shot, id) in self.shots.into_iter().zip(first..) {
            // Checked here, since narrowing to f16 would hide an infinity.
            head::check_feature(learner.dim(), &shot.feature).map_err(LearnError::from)?;
            examples.push(ExampleId(id));
            changes.push(Change::AddExample(Example {
                id: ExampleId(id),
                class,
                taught: now,
                origin: shot.origin,
                feature: narrowed(&shot.feature),
                thumbnail: shot.thumbnail,
            }));
        }
        let made = learner.change(changes)?;
        let reply = Reply::Taught {
            class: self.class,
            examples,
            count: learner.examples().count(class),
            new_class,
            evicted: removed(&made),
            estimate: accuracy(learner),
        };
        Ok((reply, made))
    }
}
