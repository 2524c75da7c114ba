use serde::{Deserialize, Serialize};

use super::words::{Parsed, Word, Wrong};
use super::{Ask, Need, Operation};

/// Make what is learned now a generation that stays until it is dropped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Save {
    /// Its name; `saved` if left out.
    pub name: Option<String>,
}

pub(super) const WORDS: &[Word] = &[Word::new(
    "save",
    "[NAME]",
    "keep a checkpoint (generation)",
    parse,
)
.more(
    "Every change is stored before it is answered with ok; a generation is a state to return to.",
)];

fn parse(words: &[&str]) -> Parsed {
    if let [_, _, ..] = words {
        let joined = words.join("-").replace('"', "");
        return Err(Wrong::Why(format!("a name is one word: save {joined}")));
    }
    Ok(Save { name: words.first().map(|&name| name.to_owned()) }.into())
}

impl Ask for Save {
    const OPERATION: Option<Operation> =
        Some(Operation::post("Save a checkpoint").with(&[("name", "string", false)]));

    fn need(&self) -> Need {
        Need::Change
    }
}
