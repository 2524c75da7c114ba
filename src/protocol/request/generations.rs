//! The generations: which there are, and letting go of one.

use serde::{Deserialize, Serialize};

use super::words::{Parsed, Place, Word, Wrong, generation};
use super::{Ask, Audit, Need, Operation};

/// List the generations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generations;

/// Drop a generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DropGeneration {
    /// Its number.
    pub generation: u64,
}

pub(super) const WORDS: &[Word] = &[Word::new(
    "generations",
    "[drop N]",
    "list checkpoints (generations), or drop one",
    parse,
)
.places(&[Place::Words(&["drop"])])
.more(
    "At most 32 automatic checkpoints are kept, the oldest is dropped; saved ones stay until dropped.",
)];

fn parse(words: &[&str]) -> Parsed {
    match words {
        [] => Ok(Generations.into()),
        ["drop", text] => Ok(DropGeneration { generation: generation(text)? }.into()),
        _ => Err(Wrong::Usage),
    }
}

impl Ask for Generations {
    const OPERATION: Option<Operation> = Some(Operation::get("List the checkpoints"));

    fn need(&self) -> Need {
        Need::Look
    }
}

impl Ask for DropGeneration {
    const OPERATION: Option<Operation> =
        Some(Operation::post("Drop a checkpoint").with(&[("generation", "integer", true)]));

    fn need(&self) -> Need {
        Need::Change
    }

    fn audit(&self) -> Audit {
        Audit::Text(format!("generation {} dropped", self.generation))
    }
}
