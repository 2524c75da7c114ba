use serde::{Deserialize, Serialize};

use super::words::{Word, alone};
use super::{Ask, Need, Operation};

/// Which program and which backbone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version;

pub(super) const WORDS: &[Word] =
    &[Word::new("version", "", "show program version and backbone", |words| alone(words, Version))];

impl Ask for Version {
    const OPERATION: Option<Operation> = Some(Operation::get("Program version and backbone"));

    const OF_A_REGION: bool = false;
    const MAY_NAME_A_REGION: bool = true;
    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }
}
