use serde::{Deserialize, Serialize};

use super::words::{Parsed, Place, Word, Wrong, ids};
use super::{Ask, Audit, Need, Operation, Request};
use crate::learn::command::{self, Command};
use crate::learn::head::ExampleId;

/// Forget a class with all its examples, single examples, or everything.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub enum Forget {
    /// The class of that name.
    Class(String),
    /// These examples, at least one; their classes stay.
    Examples(Vec<ExampleId>),
    /// Every class and every example.
    Everything,
}

pub(super) const WORDS: &[Word] = &[Word::new(
    "forget",
    "CLASS | example ID...",
    "forget a class, or single examples, exactly",
    parse,
)
.places(&[Place::Class])
.more("The ids are those that `examples` lists. `undo` brings them back.")];

fn parse(words: &[&str]) -> Parsed {
    match words {
        ["example", list @ ..] if !list.is_empty() => Ok(Forget::Examples(ids(list)?).into()),
        [class] => Ok(Forget::Class((*class).to_owned()).into()),
        _ => Err(Wrong::Usage),
    }
}

/// With its name, as other requests have it.
impl std::fmt::Debug for Forget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_tuple("Forget");
        match self {
            Forget::Class(name) => shown.field(name),
            Forget::Examples(examples) => shown.field(examples),
            Forget::Everything => shown.field(&format_args!("everything")),
        };
        shown.finish()
    }
}

impl Ask for Forget {
    const OPERATION: Option<Operation> = Some(Operation::value(
        "Forget {\"Class\": name}, {\"Examples\": [id]} or \"Everything\"",
        r#"{"Examples":[1]}"#,
    ));

    fn need(&self) -> Need {
        Need::Change
    }

    fn audit(&self) -> Audit {
        Audit::Reply
    }

    fn into_command(self) -> Result<Command, Request> {
        Ok(Command::Forget(match self {
            Forget::Class(name) => command::ForgetExamples::Class(name),
            Forget::Examples(examples) => command::ForgetExamples::Examples(examples),
            Forget::Everything => command::ForgetExamples::Everything,
        }))
    }
}
