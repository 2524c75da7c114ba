use serde::{Deserialize, Serialize};

use super::words::{Parsed, Word, Wrong, number};
use super::{Ask, Need, Operation};

/// The latest lines of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// Lines at most.
    pub lines: u32,
}

pub(super) const WORDS: &[Word] =
    &[Word::new("log", "[LINES]", "show the latest log lines", parse).more("Default 20.")];

fn parse(words: &[&str]) -> Parsed {
    let ([] | [_]) = words else { return Err(Wrong::Usage) };
    let lines = words.first().map_or(Ok(20), |text| number(text, "LINES", 1..=10_000))?;
    Ok(Log { lines }.into())
}

impl Ask for Log {
    const OPERATION: Option<Operation> =
        Some(Operation::get("The latest lines of the log").with(&[("lines", "integer", true)]));

    const OF_A_REGION: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }
}
