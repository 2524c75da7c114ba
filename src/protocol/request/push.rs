use serde::{Deserialize, Serialize};

use super::words::Word;
use super::{Answer, Ask, Audit, Need, Operation, Refused};
use crate::protocol::log::Level;
use crate::protocol::people;
use crate::store::signed::Signature;

/// Replace everything that was learned, or learn more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Push {
    /// A [`crate::store::snapshot::Snapshot`], encoded, in a container of [`crate::store::signed`] or not.
    pub learned: Vec<u8>,
    /// Learn it beside what was learned.
    pub merge: bool,
}

/// A file cannot be typed.
pub(super) const WORDS: &[Word] = &[];

impl Ask for Push {
    const OPERATION: Option<Operation> = Some(
        Operation::file("Replace or merge what was learned").with(&[("merge", "boolean", false)]),
    );

    fn need(&self) -> Need {
        Need::Change
    }

    fn audit(&self) -> Audit {
        Audit::Entry(entry)
    }
}

/// Also what was refused is written down.
fn entry(result: Result<&Answer, &Refused>) -> (Level, String) {
    let how = match result {
        Err(refused) => return (Level::Warning, format!("push refused: {refused}")),
        Ok(Answer::Reply(reply)) => {
            return (Level::Info, format!("push: {}", people::sentence(reply)));
        }
        Ok(Answer::Pushed { signature: Signature::Trusted }) => ", signed by a trusted key",
        Ok(Answer::Pushed { signature: Signature::Unchecked }) => {
            "; the signature was not checked, since the board trusts no keys"
        }
        Ok(_) => ", not signed",
    };
    (Level::Info, format!("push: all that was learned is replaced{how}"))
}
