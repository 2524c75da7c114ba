use serde::{Deserialize, Serialize};

use super::words::{Parsed, Word, Wrong, generation};
use super::{Ask, Need};

/// What changed between two generations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diff {
    /// The number of the one.
    pub from: u64,
    /// The number of the other; what is learned now if left out.
    pub to: Option<u64>,
}

pub(super) const WORDS: &[Word] =
    &[Word::new("diff", "N [M]", "what changed from generation N to M, or until now", parse)];

fn parse(words: &[&str]) -> Parsed {
    match words {
        [from] => Ok(Diff { from: generation(from)?, to: None }.into()),
        [from, to] => Ok(Diff { from: generation(from)?, to: Some(generation(to)?) }.into()),
        _ => Err(Wrong::Usage),
    }
}

impl Ask for Diff {
    fn need(&self) -> Need {
        Need::Look
    }
}
