use serde::{Deserialize, Serialize};

use super::words::{Parsed, Place, Word, Wrong};
use super::{Ask, Audit, Need, Operation, Request};
use crate::learn::command::{self, Command};

/// Call a class differently.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rename {
    /// Its name.
    pub from: String,
    /// Its new name.
    pub to: String,
}

pub(super) const WORDS: &[Word] =
    &[Word::new("rename", "CLASS NAME", "change the name of a class", parse)
        .places(&[Place::Class])];

fn parse(words: &[&str]) -> Parsed {
    let [from, to] = words else { return Err(Wrong::Usage) };
    Ok(Rename { from: (*from).to_owned(), to: (*to).to_owned() }.into())
}

impl Ask for Rename {
    const OPERATION: Option<Operation> = Some(
        Operation::post("Rename a class").with(&[("from", "string", true), ("to", "string", true)]),
    );

    fn need(&self) -> Need {
        Need::Change
    }

    fn audit(&self) -> Audit {
        Audit::Reply
    }

    fn into_command(self) -> Result<Command, Request> {
        let Self { from, to } = self;
        Ok(Command::Rename(command::RenameClass { from, to }))
    }
}
