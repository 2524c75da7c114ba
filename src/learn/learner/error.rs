//! Why what was asked for could not be learned.

use super::{ClassName, MAX_CLASSES};
use crate::learn::decision::Thresholds;
use crate::learn::examples::{MAX_EXAMPLES, MAX_VIEWS};
use crate::learn::head::{ClassId, ExampleId, HeadError};

/// Why a change was refused; nothing was changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// Not a name for a class.
    #[error("\"{name}\" cannot be a class's name: {why}")]
    Name {
        /// The name, escaped.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The name is taken.
    #[error("there is a class called {0} already")]
    NameTaken(ClassName),
    /// No class of that id.
    #[error("there is no class with id {}", .0.0)]
    NoClass(ClassId),
    /// A class of that id is there.
    #[error("there is a class with id {} already", .0.0)]
    ClassExists(ClassId),
    /// Every id was given out.
    #[error("no id is left for another {what}: got {got}, the last is {last}")]
    NoIdLeft {
        /// "class" or "example".
        what: &'static str,
        /// What it would have.
        got: u64,
        /// The largest there is.
        last: u64,
    },
    /// Thresholds that decide nothing.
    #[error(
        "thresholds of confidence {} and novelty {}, wanted 0 to 1 and above 0", .0.confidence, .0.novelty
    )]
    Thresholds(Thresholds),
    /// No example of that id.
    #[error("there is no example {}", .0.0)]
    NoExample(ExampleId),
    /// An example of that id is there.
    #[error("there is an example {} already", .0.0)]
    ExampleExists(ExampleId),
    /// The class still has examples.
    #[error("the class with id {} still has {count} examples", class.0)]
    ClassInUse {
        /// The class.
        class: ClassId,
        /// Its examples.
        count: usize,
    },
    /// Too many classes.
    #[error("no more than {MAX_CLASSES} classes can be taught")]
    TooManyClasses,
    /// Too many examples, and none of them can make room.
    #[error("no more than {MAX_EXAMPLES} examples can be kept")]
    TooManyExamples,
    /// The example does not fit the budget, whatever else goes.
    #[error(
        "an example of {wanted} bytes does not fit the budget of {budget} bytes; raise the budget or forget something"
    )]
    Budget {
        /// Bytes of the example.
        wanted: usize,
        /// Bytes in all.
        budget: usize,
    },
    /// More views than an example may have.
    #[error("an example with {got} views, wanted at most {MAX_VIEWS}")]
    TooManyViews {
        /// How many it has.
        got: usize,
    },
    /// The head refused.
    #[error(transparent)]
    Head(#[from] HeadError),
}
