use serde::{Deserialize, Serialize};

use super::words::{ON_OFF, Parsed, Word, Wrong, on_off};
use super::{Ask, Need};

/// Send every verdict from now on, or stop; a port's session does this, not the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watch(pub bool);

pub(super) const WORDS: &[Word] =
    &[Word::new("watch", "on | off", "print every prediction", parse)
        .places(&[ON_OFF])
        .more("Predictions that the line cannot carry are dropped.")];

fn parse(words: &[&str]) -> Parsed {
    let [switch] = words else { return Err(Wrong::Usage) };
    Ok(Watch(on_off(switch)?).into())
}

impl Ask for Watch {
    const OF_A_REGION: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }
}
