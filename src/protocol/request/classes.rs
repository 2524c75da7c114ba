use serde::{Deserialize, Serialize};

use super::words::{Word, alone};
use super::{Ask, Need, Operation, Request};
use crate::learn::command::{self, Command};

/// List the classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classes;

pub(super) const WORDS: &[Word] = &[Word::new(
    "classes",
    "",
    "list classes with example counts and leave-one-out recall",
    |words| alone(words, Classes),
)];

impl Ask for Classes {
    const OPERATION: Option<Operation> = Some(Operation::get("List the classes"));

    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }

    fn into_command(self) -> Result<Command, Request> {
        Ok(Command::Classes(command::ReadClasses))
    }
}
