use serde::{Deserialize, Serialize};

use super::words::{Word, alone};
use super::{Ask, Need, Operation};

/// Allow no more than before the PIN was given; what guards the port does this, not the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lock;

pub(super) const WORDS: &[Word] =
    &[Word::new("lock", "", "close the port: changes need the PIN", |words| alone(words, Lock))];

impl Ask for Lock {
    const OPERATION: Option<Operation> = Some(Operation::post("End the session"));

    const OF_A_REGION: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }
}
