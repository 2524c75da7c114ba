//! The frames that were judged last: which there are, and their pictures.

use serde::{Deserialize, Serialize};

use super::words::{Parsed, Place, Word, Wrong, frame};
use super::{Ask, Need};

/// List the frames that were judged and can be learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recent {
    /// Those that the head was least sure of first; the newest first otherwise.
    pub unsure_first: bool,
}

/// Give one of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecentPicture {
    /// Its number.
    pub frame: u64,
}

pub(super) const WORDS: &[Word] = &[Word::new(
    "recent",
    "[unsure | NUMBER]",
    "list classified frames, newest or least confident first",
    parse,
)
.places(&[Place::Words(&["unsure"])])
.more(
    "`teach CLASS frame NUMBER` learns one of them, also after its part has gone. Up to 200 are kept, the unsure ones \
     longest. `fieldtune ctl recent DIR` fetches their pictures.",
)];

fn parse(words: &[&str]) -> Parsed {
    match words {
        [] => Ok(Recent { unsure_first: false }.into()),
        ["unsure"] => Ok(Recent { unsure_first: true }.into()),
        [text] => Ok(RecentPicture { frame: frame(text)? }.into()),
        _ => Err(Wrong::Usage),
    }
}

impl Ask for Recent {
    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }
}

impl Ask for RecentPicture {
    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }
}
