use serde::{Deserialize, Serialize};

use super::words::{Word, alone};
use super::{Ask, Need, Operation};

/// Give everything that was learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pull;

pub(super) const WORDS: &[Word] =
    &[Word::new("pull", "", "fetch everything learned", |words| alone(words, Pull))
        .more("For programs: `fieldtune ctl pull FILE` and `fieldtune ctl push FILE`.")];

impl Ask for Pull {
    const OPERATION: Option<Operation> = Some(
        Operation::get("Everything learned, as a file").answered_with("application/octet-stream"),
    );

    fn need(&self) -> Need {
        Need::Look
    }
}
