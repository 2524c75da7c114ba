use serde::{Deserialize, Serialize};

use super::words::{Parsed, Place, Word, Wrong};
use super::{Ask, Need, Operation, Request};
use crate::learn::command::{self, Command};

/// List the examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListExamples {
    /// Only of the class of that name.
    pub class: Option<String>,
}

/// Give the image of one of them, as it is kept. For programs: `fieldtune ctl examples --sheet FILE` draws them all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExamplePicture {
    /// Its id.
    pub example: u64,
}

pub(super) const WORDS: &[Word] =
    &[Word::new("examples", "[CLASS]", "list examples and suspect labels", parse)
        .places(&[Place::Class])];

fn parse(words: &[&str]) -> Parsed {
    let ([] | [_]) = words else { return Err(Wrong::Usage) };
    Ok(ListExamples { class: words.first().map(|&class| class.to_owned()) }.into())
}

impl Ask for ExamplePicture {
    const OPERATION: Option<Operation> = Some(
        Operation::get("The image of an example")
            .with(&[("example", "integer", true)])
            .answered_with("image/*"),
    );

    fn need(&self) -> Need {
        Need::Look
    }

    fn takes_long(&self) -> bool {
        false
    }
}

impl Ask for ListExamples {
    const OPERATION: Option<Operation> =
        Some(Operation::get("List the examples").with(&[("class", "string", false)]));

    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }

    fn into_command(self) -> Result<Command, Request> {
        Ok(Command::Examples(command::ReadExamples { class: self.class }))
    }
}
