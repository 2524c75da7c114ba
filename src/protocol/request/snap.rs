use serde::{Deserialize, Serialize};

use super::words::{Word, alone};
use super::{Ask, Need};

/// Give the latest frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snap;

pub(super) const WORDS: &[Word] =
    &[Word::new("snap", "", "take a picture", |words| alone(words, Snap))
        .more("Prints only its size; `fieldtune ctl snap FILE` fetches it.")];

impl Ask for Snap {
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
