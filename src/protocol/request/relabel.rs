use serde::{Deserialize, Serialize};

use super::words::{Parsed, Place, Word, Wrong, ids};
use super::{Ask, Audit, Need, Operation, Request};
use crate::learn::command::{self, Command};
use crate::learn::head::ExampleId;

/// Move examples to another class; a new name makes a new class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relabel {
    /// At least one.
    pub examples: Vec<ExampleId>,
    /// The class's name.
    pub class: String,
}

pub(super) const WORDS: &[Word] =
    &[Word::new("relabel", "CLASS ID...", "move examples to another class", parse)
        .places(&[Place::Class])];

fn parse(words: &[&str]) -> Parsed {
    match words {
        [class, list @ ..] if !list.is_empty() => {
            Ok(Relabel { examples: ids(list)?, class: (*class).to_owned() }.into())
        }
        _ => Err(Wrong::Usage),
    }
}

impl Ask for Relabel {
    const OPERATION: Option<Operation> = Some(
        Operation::post("Move examples to another class")
            .with(&[("examples", "[integer]", true), ("class", "string", true)]),
    );

    fn need(&self) -> Need {
        Need::Change
    }

    fn audit(&self) -> Audit {
        Audit::Reply
    }

    fn into_command(self) -> Result<Command, Request> {
        let Self { examples, class } = self;
        Ok(Command::Relabel(command::RelabelExamples { examples, class }))
    }
}
