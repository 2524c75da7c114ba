use std::fmt::{Display, Formatter};

use crate::learn::examples::Example;
use crate::learn::head::ExampleId;
use crate::learn::learner::{Learner, Subject};

/// An image that was taught before: its feature is that of another example, bit for bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// The example that was taught now.
    pub example: ExampleId,
    /// Its class.
    pub class: String,
    /// The one with the same image.
    pub known: ExampleId,
    /// That one's class.
    pub known_class: String,
    /// What it is an image of, or a line.
    pub subject: Subject,
}

impl Display for Repeat {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { example, class, known, known_class, subject } = self;
        let what = if *subject == Subject::Lines { "line" } else { "image" };
        write!(
            f,
            "example {}: this {what} is already example {} of {known_class}",
            example.0, known.0
        )?;
        if class != known_class {
            write!(f, ", and one {what} can hardly be of both classes (undo takes {class} back)")?;
        }
        Ok(())
    }
}

impl Repeat {
    /// Which of these examples, that were just taught, are images that were taught before, or twice among themselves.
    pub fn among(learner: &Learner, taught: &[ExampleId]) -> Vec<Self> {
        let name = |example: &Example| super::name_of(learner, example.class);
        let repeat = |&id: &ExampleId| {
            let example = learner.examples().get(id)?;
            let known = learner.examples().iter().find(|known| known.feature == example.feature)?;
            (known.id < id).then(|| Repeat {
                example: id,
                class: name(example),
                known: known.id,
                known_class: name(known),
                subject: learner.subject(),
            })
        };
        taught.iter().filter_map(repeat).collect()
    }
}
