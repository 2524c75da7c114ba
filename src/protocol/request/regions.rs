use serde::{Deserialize, Serialize};

use super::words::{Word, alone};
use super::{Ask, Need};

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
    fn need(&self) -> Need {
        Need::Look
    }

    fn is_of_a_region(&self) -> bool {
        false
    }

    fn takes_long(&self) -> bool {
        false
    }
}
