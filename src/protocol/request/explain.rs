//! A picture with where in it its prediction comes from.

use serde::{Deserialize, Serialize};

use super::words::{Parsed, Place, Word, Wrong, frame, number};
use super::{Ask, Need, Operation};

/// Draw where in the latest frame, or in a kept picture, its prediction comes from. Nothing of that is computed until it is
/// asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Explain {
    /// A frame that was classified, by its number.
    pub frame: Option<u64>,
    /// The image of an example, by its id.
    pub example: Option<u64>,
    /// A frame of the inbox, by its id.
    pub inbox: Option<u64>,
}

pub(super) const WORDS: &[Word] = &[Word::new(
    "explain",
    "[frame NUMBER | example ID | inbox ID]",
    "show where a prediction comes from",
    parse,
)
.places(&[Place::Words(&["frame", "example", "inbox"])])
.more(
    "Of the latest frame, one that `recent` lists, an example, or a frame of the inbox. Prints the place that says most; \
     `fieldtune ctl snap FILE --explain` fetches the picture.",
)];

fn parse(words: &[&str]) -> Parsed {
    let id = |text: &str| number(text, "ID", 0..=u64::MAX);
    let none = Explain::default();
    match words {
        [] => Ok(none.into()),
        ["frame", text] => Ok(Explain { frame: Some(frame(text)?), ..none }.into()),
        ["example", text] => Ok(Explain { example: Some(id(text)?), ..none }.into()),
        ["inbox", text] => Ok(Explain { inbox: Some(id(text)?), ..none }.into()),
        _ => Err(Wrong::Usage),
    }
}

impl Ask for Explain {
    const SEES_A_REGION: bool = true;

    const OPERATION: Option<Operation> = Some(
        Operation::get(
            "Where a prediction comes from, drawn over the newest frame or a kept picture",
        )
        .with(&[
            ("frame", "integer", false),
            ("example", "integer", false),
            ("inbox", "integer", false),
        ])
        .answered_with("image/*"),
    );

    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }
}
