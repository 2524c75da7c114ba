//! What a person or a program can ask for: one file a command, each with its fields, what it does and what it
//! answers. A command that fails changes nothing.

mod accuracy;
mod forget;
mod head;
mod list;
mod merge;
mod relabel;
mod rename;
mod repeats;
mod status;
mod teach;
mod threshold;
mod undo;

pub use accuracy::Accuracy;
pub use forget::ForgetExamples;
pub use head::ChangeHead;
pub use list::{ReadClasses, ReadExamples};
pub use merge::Merge;
pub use relabel::RelabelExamples;
pub use rename::RenameClass;
pub use repeats::Repeat;
pub use status::ReadStatus;
pub use teach::{NewExample, TakenFor, TeachExamples};
pub use threshold::{AssessThresholds, ChangeThresholds};
pub use undo::UndoLatest;

use crate::image::frame::Timestamp;
use crate::learn::decision::{Doubt, Suspect, Thresholds};
use crate::learn::examples::Images;
use crate::learn::head::{ClassId, ExampleId, HeadConfig};
use crate::learn::learner::{Change, ClassName, LearnError, Learner, Subject};
use crate::util::letters;

/// A command with its arguments.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Command {
    /// Learn examples of a class.
    Teach(TeachExamples),
    /// Take back the latest change.
    Undo(UndoLatest),
    /// Forget a class or examples.
    Forget(ForgetExamples),
    /// Move examples to another class.
    Relabel(RelabelExamples),
    /// Call a class differently.
    Rename(RenameClass),
    /// List the classes.
    Classes(ReadClasses),
    /// List the examples.
    Examples(ReadExamples),
    /// How it stands.
    Status(ReadStatus),
    /// Use another head.
    Head(ChangeHead),
    /// When a verdict is unknown.
    Threshold(ChangeThresholds),
    /// What other thresholds would make of the examples.
    TryThreshold(AssessThresholds),
    /// Learn what was learned elsewhere.
    Merge(Merge),
}

/// What a command answers.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// Examples were learned.
    Taught {
        /// Their class.
        class: String,
        /// Their ids.
        examples: Vec<ExampleId>,
        /// Examples the class has now.
        count: usize,
        /// Whether the class is new.
        new_class: bool,
        /// Examples that had to make room.
        evicted: Vec<ExampleId>,
        /// How well it would do, where it can be estimated.
        estimate: Option<Accuracy>,
    },
    /// A step was taken back, or there was none.
    Undone {
        /// What was done to take it back, in words; empty if there was nothing to undo.
        changes: Vec<String>,
        /// Steps that are left.
        left: usize,
    },
    /// A class or examples are gone.
    Forgotten {
        /// Classes that are gone.
        classes: Vec<String>,
        /// Examples that are gone.
        examples: Vec<ExampleId>,
    },
    /// Examples are of another class now.
    Relabelled {
        /// The examples.
        examples: Vec<ExampleId>,
        /// Their class.
        class: String,
        /// Whether the class is new.
        new_class: bool,
    },
    /// A class is called differently.
    Renamed {
        /// Before.
        from: String,
        /// Now.
        to: String,
    },
    /// The classes.
    Classes(Vec<ClassSummary>),
    /// The examples.
    Examples(Vec<ExampleSummary>),
    /// How it stands.
    Status(Box<Status>),
    /// The head in use.
    Head {
        /// It.
        config: HeadConfig,
        /// How well it would do, where it can be estimated.
        estimate: Option<Accuracy>,
    },
    /// The thresholds in use.
    Threshold(Thresholds),
    /// What thresholds would make of the taught examples, each left out with its group.
    Effect {
        /// They.
        thresholds: Thresholds,
        /// Examples that would be recognized.
        right: usize,
        /// Examples that would be taken for another class.
        wrong: usize,
        /// Examples that would be unknown.
        unknown: usize,
    },
    /// What was learned elsewhere was learned.
    Merged {
        /// Classes that are new.
        classes: Vec<String>,
        /// Examples that are new.
        added: usize,
        /// Examples that were known, or came twice.
        known: usize,
        /// Examples that were taught as different classes: the name that comes first in the alphabet is kept.
        disputed: usize,
        /// Examples of this device that were repeats of others of it: each is kept once.
        repeated: usize,
    },
}

/// A class in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassSummary {
    /// Its id.
    pub id: ClassId,
    /// Its name.
    pub name: String,
    /// Its examples.
    pub count: usize,
    /// Share of them that the others would get right, 0 to 1; `None` where it cannot be told.
    pub recall: Option<f32>,
}

/// An example in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ExampleSummary {
    /// Its id.
    pub id: ExampleId,
    /// Its class.
    pub class: String,
    /// When it was taught.
    pub taught: Timestamp,
    /// Where it came from.
    pub origin: String,
    /// The class that all other examples take it for, with its probability, where that is another one.
    pub doubt: Option<(String, f32)>,
}

/// How it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Length of a feature.
    pub dim: usize,
    /// The head in use.
    pub head: HeadConfig,
    /// Classes taught.
    pub classes: usize,
    /// Examples stored.
    pub examples: usize,
    /// Bytes in use and bytes that may be used.
    pub bytes: (usize, usize),
    /// Steps that can be undone.
    pub undo_steps: usize,
    /// How well it would do, where it can be estimated.
    pub estimate: Option<Accuracy>,
    /// Independent looks, of all classes together.
    pub looks: usize,
    /// What would help most now, in a sentence.
    pub advice: String,
    /// What examples are of.
    pub subject: Subject,
    /// Examples that the others contradict, wrong labels first: [`MAX_SUSPECTS`] at most.
    pub suspects: Vec<Suspect>,
    /// The thresholds in use.
    pub thresholds: Thresholds,
}

impl Status {
    /// Those of the suspects whose label is probably wrong; the others are hard examples.
    pub fn wrong_labels(&self) -> impl Iterator<Item = ExampleId> {
        let wrong = self.suspects.iter().filter(|one| one.doubt == Doubt::WrongLabel);
        wrong.map(|one| one.example)
    }
}

/// Suspects that are listed.
pub const MAX_SUSPECTS: usize = 10;

/// Why a command was refused; nothing changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// No class of that name.
    #[error("there is no class called \"{name}\"{}", known(.name, .classes))]
    NoClass {
        /// What was asked for, escaped.
        name: String,
        /// The classes there are.
        classes: Vec<String>,
    },
    /// A new name that people would take for another.
    #[error(
        "there is a class {there} already: use that, or +{name} for another class with this similar name"
    )]
    LooksLike {
        /// The new name.
        name: ClassName,
        /// The class's.
        there: ClassName,
    },
    /// A command without what it works on.
    #[error("{command}: nothing was named to work on")]
    Nothing {
        /// The command.
        command: &'static str,
    },
    /// A threshold outside its range.
    #[error("the {name} threshold has to be {wanted}, got {got}")]
    Threshold {
        /// Which.
        name: &'static str,
        /// Its range.
        wanted: &'static str,
        /// What was given.
        got: f32,
    },
    /// Two answers to one question.
    #[error("novelty and false-reject set the same limit: give one of them")]
    NoveltyAndRate,
    /// More than may be kept.
    #[error(
        "together it would be {wanted} bytes of examples, and the budget is {budget} bytes; forget something first"
    )]
    TooMuch {
        /// Bytes of all examples together.
        wanted: usize,
        /// Bytes in all.
        budget: usize,
    },
    /// The change was refused.
    #[error(transparent)]
    Learn(#[from] LearnError),
}

fn known(name: &str, classes: &[String]) -> String {
    let meant = letters::nearest(name, classes.iter().map(String::as_str));
    let meant = meant.map_or_else(String::new, |meant| format!(", did you mean {meant}?"));
    match classes {
        [] => "; nothing has been taught yet".to_owned(),
        names => format!("{meant}; there are {}", names.join(", ")),
    }
}

/// A reply, and the changes that have to be stored before it may be given.
pub type CommandResult = Result<(Reply, Vec<Change>), CommandError>;

impl Command {
    /// Carries it out.
    ///
    /// # Errors
    /// [`CommandError`]; then nothing changed.
    pub fn apply(self, learner: &mut Learner, now: Timestamp) -> CommandResult {
        match self {
            Command::Teach(command) => command.apply(learner, now),
            Command::Undo(command) => command.apply(learner),
            Command::Forget(command) => command.apply(learner),
            Command::Relabel(command) => command.apply(learner),
            Command::Rename(command) => command.apply(learner),
            Command::Classes(command) => command.apply(learner),
            Command::Examples(command) => command.apply(learner),
            Command::Status(command) => command.apply(learner),
            Command::Head(command) => command.apply(learner),
            Command::Threshold(command) => command.apply(learner),
            Command::TryThreshold(command) => command.apply(learner),
            Command::Merge(command) => command.apply(learner),
        }
    }

    /// The images that come with it, to be kept with what it changes.
    pub fn images(&self) -> Images {
        match self {
            Command::Teach(command) => command.images(),
            Command::Merge(command) => command.images.clone(),
            _ => Images::new(),
        }
    }

    /// Whether it changes nothing.
    pub fn only_looks(&self) -> bool {
        matches!(
            self,
            Command::Classes(_)
                | Command::Examples(_)
                | Command::Status(_)
                | Command::Head(ChangeHead { config: None })
                | Command::TryThreshold(_)
                | Command::Threshold(ChangeThresholds {
                    confidence: None,
                    novelty: None,
                    false_reject: None
                })
        )
    }

    /// What a generation is called that is made of the state before, where the command takes something away or brings
    /// much that an undo may not reach any more.
    pub fn takes_away(&self) -> Option<String> {
        match self {
            Command::Forget(ForgetExamples::Class(class)) => Some(format!("before forget {class}")),
            Command::Forget(ForgetExamples::Examples(_)) => {
                Some("before forget of examples".to_owned())
            }
            Command::Forget(ForgetExamples::Everything) => {
                Some("before forget of everything".to_owned())
            }
            Command::Relabel(_) => Some("before relabel".to_owned()),
            Command::Merge(_) => Some("before import".to_owned()),
            Command::Teach(_)
            | Command::Undo(_)
            | Command::Rename(_)
            | Command::Classes(_)
            | Command::Examples(_)
            | Command::Status(_)
            | Command::Head(_)
            | Command::TryThreshold(_)
            | Command::Threshold(_) => None,
        }
    }
}

/// The class of that name.
fn class_named(learner: &Learner, name: &str) -> Result<ClassId, CommandError> {
    learner.class_named(name).ok_or_else(|| CommandError::NoClass {
        name: name.escape_debug().to_string(),
        classes: learner.classes().values().map(|name| name.as_str().to_owned()).collect(),
    })
}

/// What stands before the name of a new class that may look like another's; no name begins so.
const SURELY: char = '+';

/// A name that may be that of a new class, or of this one.
///
/// # Errors
/// [`CommandError::Learn`], [`CommandError::LooksLike`].
fn new_name(
    learner: &Learner,
    name: &str,
    class: Option<ClassId>,
) -> Result<ClassName, CommandError> {
    let plain = name.strip_prefix(SURELY);
    let new = ClassName::new(plain.unwrap_or(name))?;
    match learner.looks_like(&new, class) {
        Some(there) if plain.is_none() && !there.is(new.as_str()) => {
            Err(CommandError::LooksLike { name: new, there: there.clone() })
        }
        _ => Ok(new),
    }
}

/// Whether a class can be taught under that name: before work is done for it.
///
/// # Errors
/// [`CommandError::Learn`], [`CommandError::LooksLike`].
pub fn check_class(learner: &Learner, name: &str) -> Result<(), CommandError> {
    class_or_new(learner, name).map(drop)
}

/// The class of that name, or a new one and the change that makes it.
fn class_or_new(learner: &Learner, name: &str) -> Result<(ClassId, Option<Change>), CommandError> {
    if let Some(class) = learner.class_named(name.strip_prefix(SURELY).unwrap_or(name)) {
        return Ok((class, None));
    }
    let (class, _) = learner.next_ids();
    Ok((class, Some(Change::AddClass(class, new_name(learner, name, None)?))))
}

/// How the class is called.
fn name_of(learner: &Learner, class: ClassId) -> String {
    learner.classes().get(&class).map_or_else(String::new, ToString::to_string)
}

/// Examples that are gone by these changes.
fn removed(changes: &[Change]) -> Vec<ExampleId> {
    changes
        .iter()
        .filter_map(|change| match change {
            Change::RemoveExample(id) => Some(*id),
            _ => None,
        })
        .collect()
}
