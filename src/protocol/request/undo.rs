use serde::{Deserialize, Serialize};

use super::words::{Word, alone};
use super::{Ask, Audit, Need, Operation, Request};
use crate::learn::command::{self, Command};
use crate::learn::head::ExampleId;

/// Take back the latest change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Undo;

/// Take the latest change back if it taught; what guards a locked port makes it of [`Undo`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UndoTaught;

/// Take back what taught these examples, whatever was changed since. For a program that offers to undo what it asked for: it
/// takes back nothing that others did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UndoTeach {
    /// All that one request taught, since the program began.
    pub examples: Vec<ExampleId>,
}

pub(super) const WORDS: &[Word] =
    &[Word::new("undo", "", "revert the latest change (repeatable)", |words| alone(words, Undo))];

impl Ask for Undo {
    const OPERATION: Option<Operation> = Some(Operation::post("Revert the latest change"));

    fn need(&self) -> Need {
        Need::Teach
    }

    fn audit(&self) -> Audit {
        Audit::Reply
    }

    /// What a PIN has done is not undone without it.
    fn does_more_with_pin(&self) -> bool {
        true
    }

    fn without_pin(self) -> Request {
        UndoTaught.into()
    }

    fn into_command(self) -> Result<Command, Request> {
        Ok(Command::Undo(command::UndoLatest))
    }
}

impl Ask for UndoTaught {
    fn need(&self) -> Need {
        Need::Teach
    }

    fn audit(&self) -> Audit {
        Audit::Reply
    }
}

impl Ask for UndoTeach {
    const OPERATION: Option<Operation> =
        Some(Operation::post("Take back what one request taught").with(&[(
            "examples",
            "[integer]",
            true,
        )]));

    fn need(&self) -> Need {
        Need::Teach
    }

    fn audit(&self) -> Audit {
        Audit::Reply
    }
}
