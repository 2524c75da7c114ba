use serde::{Deserialize, Serialize};

use super::words::{Word, alone};
use super::{Ask, Need, Operation};

/// List the regions that are looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Regions;

pub(super) const WORDS: &[Word] = &[Word::new(
    "regions",
    "",
    "list the regions of interest",
    |words| alone(words, Regions),
)
.more("Where the board has several, put the name of one before a command: `@left teach good 5`")];

impl Ask for Regions {
    const OPERATION: Option<Operation> = Some(Operation::get("List the regions"));

    const OF_A_REGION: bool = false;
    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }
}
