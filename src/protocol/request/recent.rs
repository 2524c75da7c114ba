//! The frames that were classified last: which there are, and their pictures.

use serde::{Deserialize, Serialize};

use super::words::{Parsed, Place, Word, Wrong, frame, number};
use super::{Ask, Need, Operation};

/// List the frames that were classified and can be learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recent {
    /// Those that the head was least sure of first; the newest first otherwise.
    pub unsure_first: bool,
}

/// List the first of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecentFew {
    /// As [`Recent::unsure_first`].
    pub unsure_first: bool,
    /// So many at most.
    pub most: u32,
}

/// Give one of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecentPicture {
    /// Its number.
    pub frame: u64,
}

pub(super) const WORDS: &[Word] = &[Word::new(
    "recent",
    "[unsure] [COUNT] | frame NUMBER",
    "list classified frames, newest or least confident first",
    parse,
)
.places(&[Place::Words(&["unsure", "frame"])])
.more(
    "COUNT lists that many. `teach CLASS frame NUMBER` learns one of them, also after its part has gone. Kept are the \
     last 100 frames and up to 100 unsure ones before them. `fieldtune ctl recent DIR` fetches their pictures.",
)];

fn parse(words: &[&str]) -> Parsed {
    match words {
        [] => Ok(Recent { unsure_first: false }.into()),
        ["unsure"] => Ok(Recent { unsure_first: true }.into()),
        ["frame", text] => Ok(RecentPicture { frame: frame(text)? }.into()),
        ["unsure", text] => Ok(few(true, text)?.into()),
        [text] => Ok(few(false, text)?.into()),
        _ => Err(Wrong::Usage),
    }
}

fn few(unsure_first: bool, text: &str) -> Result<RecentFew, String> {
    let most = number(text, "COUNT", 1..=u32::MAX);
    let most = most.map_err(|why| format!("{why}; `recent frame NUMBER` shows one frame"))?;
    Ok(RecentFew { unsure_first, most })
}

impl Ask for Recent {
    const SEES_A_REGION: bool = true;

    const OPERATION: Option<Operation> =
        Some(Operation::get("List the frames that were classified").with(&[(
            "unsure_first",
            "boolean",
            true,
        )]));

    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }
}

impl Ask for RecentFew {
    const SEES_A_REGION: bool = true;

    const OPERATION: Option<Operation> = Some(
        Operation::get("List some of them")
            .with(&[("unsure_first", "boolean", true), ("most", "integer", true)]),
    );

    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }
}

impl Ask for RecentPicture {
    const SEES_A_REGION: bool = true;

    const OPERATION: Option<Operation> = Some(
        Operation::get("The picture of one of them")
            .with(&[("frame", "integer", true)])
            .answered_with("image/*"),
    );

    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }
}
