use serde::{Deserialize, Serialize};

use super::words::{Word, alone};
use super::{Ask, Audit, Need, Operation};

/// End in good order and start again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Restart;

pub(super) const WORDS: &[Word] =
    &[Word::new("restart", "", "shut down cleanly and start again", |words| alone(words, Restart))];

impl Ask for Restart {
    const OPERATION: Option<Operation> = Some(Operation::post("Restart the device"));

    const OF_A_REGION: bool = false;

    fn need(&self) -> Need {
        Need::Change
    }

    fn audit(&self) -> Audit {
        Audit::Text("restart".to_owned())
    }
}
