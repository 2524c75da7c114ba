use serde::{Deserialize, Serialize};

use super::words::{Word, alone};
use super::{Ask, Need, Operation};

/// Give the latest frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snap;

pub(super) const WORDS: &[Word] =
    &[Word::new("snap", "", "take a picture", |words| alone(words, Snap))
        .more("Prints only its size; `fieldtune ctl snap FILE` fetches it.")];

impl Ask for Snap {
    const OPERATION: Option<Operation> =
        Some(Operation::get("The newest frame").answered_with("image/*"));

    const OF_A_REGION: bool = false;
    const MAY_NAME_A_REGION: bool = true;
    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }
}
