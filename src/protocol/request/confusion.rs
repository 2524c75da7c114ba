//! How well the classes are told apart, and how that came about.

use serde::{Deserialize, Serialize};

use super::words::{Word, alone};
use super::{Ask, Need, Operation};

/// Give the confusion matrix by leave-one-out and the learning curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Confusion;

pub(super) const WORDS: &[Word] = &[Word::new(
    "confusion",
    "",
    "show which classes are confused, and the learning curve",
    |words| alone(words, Confusion),
)
.more(
    "Shares are of looks that were left out once. A point of the curve is a request that taught: the estimate before it, \
     and how many of its frames were predicted right before they were taught.",
)];

impl Ask for Confusion {
    const OPERATION: Option<Operation> =
        Some(Operation::get("Which classes are confused; the learning curve"));

    fn need(&self) -> Need {
        Need::Look
    }
}
