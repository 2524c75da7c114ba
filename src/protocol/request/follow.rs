use serde::{Deserialize, Serialize};

use super::words::{Parsed, Place, Word, Wrong};
use super::{Ask, Audit, Need, Operation};

/// Have the region follow the part, however it is moved or turned; or no longer. Without either, show how it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Follow {
    /// Whether it does; the part is known by what the latest frame shows in the region.
    pub on: Option<bool>,
}

pub(super) const WORDS: &[Word] = &[Word::new(
    "follow",
    "[on | off]",
    "have the region of interest follow the part",
    parse,
)
.places(&[Place::Words(&["on", "off"])])
.more(
    "`on`: the part lies in the region as it should. From then on it is found in every frame, moved by up to half the \
     region's longer side and turned by up to 30 degrees, and seen as if it lay there: teach after that, not before. \
     Where it is not found the region stays. Kept in the store, until `off` or another region.",
)];

fn parse(words: &[&str]) -> Parsed {
    let on = match words {
        [] => None,
        ["on"] => Some(true),
        ["off"] => Some(false),
        _ => return Err(Wrong::Usage),
    };
    Ok(Follow { on }.into())
}

impl Ask for Follow {
    const SEES_A_REGION: bool = true;

    const OPERATION: Option<Operation> = Some(
        Operation::post(
            "Have the region follow the part that the latest frame shows, or no longer",
        )
        .with(&[("on", "boolean", false)]),
    );

    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        if self.on.is_some() { Need::Change } else { Need::Look }
    }

    fn audit(&self) -> Audit {
        match self.on {
            Some(true) => Audit::Text("the region follows the part".to_owned()),
            Some(false) => Audit::Text("the region no longer follows the part".to_owned()),
            None => Audit::Nothing,
        }
    }
}
