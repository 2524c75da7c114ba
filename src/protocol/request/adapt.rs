//! Bringing frames of another light or camera back to what was taught.

use serde::{Deserialize, Serialize};

use super::words::{Parsed, Place, Word, Wrong, number};
use super::{Answer, Ask, Audit, Need, Operation, Refused};
use crate::learn::adapt::LEAST_FRAMES;
use crate::protocol::log::Level;

/// Frames that a device takes at most: it holds them in memory.
pub const MAX_ADAPT_FRAMES: u32 = 200;

/// Frames that it takes where it is not said.
pub const ADAPT_FRAMES: u32 = 60;

/// Compare frames of the camera with what was taught, two a second, and make their light and colour alike where that
/// helps; predictions go on meanwhile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adapt {
    /// How many, [`LEAST_FRAMES`] to [`MAX_ADAPT_FRAMES`]; [`ADAPT_FRAMES`] where it is not said.
    pub frames: Option<u32>,
    /// Compare, and change nothing.
    pub r#try: bool,
}

/// Look at frames as they are again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndAdapt;

pub(super) const WORDS: &[Word] = &[Word::new(
    "adapt",
    "[N] [try] | off",
    "bring another light or camera back to what was taught",
    parse,
)
.places(&[Place::Words(&["try", "off"]), Place::Words(&["try"])])
.more(
    "Takes 60 frames, or N, two a second: show parts of every class meanwhile; predictions go on. Light and colour are \
     adapted only where frames then look more like what was taught; the state before becomes a generation. `try` \
     changes nothing, `off` looks at frames as they are again.",
)];

fn parse(words: &[&str]) -> Parsed {
    let count = |text: &str| number(text, "N", LEAST_FRAMES as u32..=MAX_ADAPT_FRAMES).map(Some);
    match words {
        ["off"] => Ok(EndAdapt.into()),
        [] => Ok(Adapt { frames: None, r#try: false }.into()),
        ["try"] => Ok(Adapt { frames: None, r#try: true }.into()),
        [text] => Ok(Adapt { frames: count(text)?, r#try: false }.into()),
        [text, "try"] => Ok(Adapt { frames: count(text)?, r#try: true }.into()),
        _ => Err(Wrong::Usage),
    }
}

impl Ask for Adapt {
    const SEES_A_REGION: bool = true;

    const OPERATION: Option<Operation> =
        Some(Operation::post("Bring frames of another light back to what was taught, where that helps; takes half a second a frame").with(&[("frames", "integer", false), ("try", "boolean", true)]));

    fn need(&self) -> Need {
        if self.r#try { Need::Look } else { Need::Change }
    }

    fn audit(&self) -> Audit {
        if self.r#try { Audit::Nothing } else { Audit::Entry(entry) }
    }
}

impl Ask for EndAdapt {
    const OPERATION: Option<Operation> = Some(Operation::post("Look at frames as they are again"));

    fn need(&self) -> Need {
        Need::Change
    }

    fn audit(&self) -> Audit {
        Audit::Text("frames are looked at as they are".to_owned())
    }
}

fn entry(result: Result<&Answer, &Refused>) -> (Level, String) {
    match result.map(Answer::plain) {
        Ok(Answer::Adapted(adapted)) => match &adapted.reason {
            None => (Level::Info, "adapt: frames are adapted from now on".to_owned()),
            Some(reason) => (Level::Info, format!("adapt: not applied: {reason}")),
        },
        Ok(_) => (Level::Info, "adapt".to_owned()),
        Err(refused) => (Level::Warning, format!("adapt: {refused}")),
    }
}
