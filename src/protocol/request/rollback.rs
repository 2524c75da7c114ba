use serde::{Deserialize, Serialize};

use super::words::{Parsed, Word, Wrong, generation};
use super::{Ask, Audit, Need, Operation};

/// Make what was learned in a generation what is learned now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RollBack {
    /// Its number.
    pub generation: u64,
}

pub(super) const WORDS: &[Word] =
    &[Word::new("rollback", "N", "restore a checkpoint (generation N)", parse)
        .more("The current state is saved as a generation first.")];

fn parse(words: &[&str]) -> Parsed {
    let [text] = words else { return Err(Wrong::Usage) };
    Ok(RollBack { generation: generation(text)? }.into())
}

impl Ask for RollBack {
    const OPERATION: Option<Operation> =
        Some(Operation::post("Restore a checkpoint").with(&[("generation", "integer", true)]));

    fn need(&self) -> Need {
        Need::Change
    }

    fn audit(&self) -> Audit {
        Audit::Text(format!("rolled back to generation {}", self.generation))
    }
}
