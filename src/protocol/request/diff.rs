use serde::{Deserialize, Serialize};

use super::words::{Parsed, Word, Wrong, generation};
use super::{Ask, Need, Operation};

/// What changed between two generations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diff {
    /// The first generation.
    pub from: u64,
    /// The second generation [default: the current state].
    pub to: Option<u64>,
}

pub(super) const WORDS: &[Word] =
    &[Word::new("diff", "N [M]", "compare generation N with M, or with the current state", parse)];

fn parse(words: &[&str]) -> Parsed {
    match words {
        [from] => Ok(Diff { from: generation(from)?, to: None }.into()),
        [from, to] => Ok(Diff { from: generation(from)?, to: Some(generation(to)?) }.into()),
        _ => Err(Wrong::Usage),
    }
}

impl Ask for Diff {
    const OPERATION: Option<Operation> = Some(
        Operation::get("What changed since a checkpoint")
            .with(&[("from", "integer", true), ("to", "integer", false)]),
    );

    fn need(&self) -> Need {
        Need::Look
    }
}
