//! The outputs: which there are, switched by hand, tested.

use serde::{Deserialize, Serialize};

use super::words::{Parsed, Place, Word, Wrong, on_off};
use super::{Ask, Need, Operation};

/// List the outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outputs;

/// Switch an output by hand until the next verdict decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetOutput {
    /// Its name in the board file.
    pub name: String,
    /// Active or not.
    pub on: bool,
}

/// Switch an output for a moment, as a visible test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestOutput {
    /// Its name in the board file.
    pub name: String,
}

pub(super) const WORDS: &[Word] = &[Word::new(
    "outputs",
    "[NAME on | off | test]",
    "list the outputs, or switch one by hand",
    parse,
)
.places(&[Place::Output, Place::Words(&["on", "off", "test"])])
.more("The next prediction sets it again.")];

fn parse(words: &[&str]) -> Parsed {
    match words {
        [] => Ok(Outputs.into()),
        [name, "test"] => Ok(TestOutput { name: (*name).to_owned() }.into()),
        [name, switch] => Ok(SetOutput { name: (*name).to_owned(), on: on_off(switch)? }.into()),
        _ => Err(Wrong::Usage),
    }
}

impl Ask for Outputs {
    const OPERATION: Option<Operation> = Some(Operation::get("List the outputs"));

    const OF_A_REGION: bool = false;
    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }
}

/// It may be switched by the second, so nothing of it is written down.
impl Ask for SetOutput {
    const OPERATION: Option<Operation> = Some(
        Operation::post("Switch an output until the next prediction")
            .with(&[("name", "string", true), ("on", "boolean", true)]),
    );

    const OF_A_REGION: bool = false;
    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        Need::Change
    }
}

impl Ask for TestOutput {
    const OPERATION: Option<Operation> =
        Some(Operation::post("Switch an output for a moment").with(&[("name", "string", true)]));

    const OF_A_REGION: bool = false;
    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        Need::Change
    }
}
