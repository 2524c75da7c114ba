//! The settings: which there are, and changing one.

use serde::{Deserialize, Serialize};

use super::words::{ON_OFF, Parsed, Place, Word, Wrong};
use super::{Ask, Audit, Need, Operation};

/// List the settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings;

/// Change a setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Set {
    /// Its name.
    pub name: String,
    /// Its value, as it was typed.
    pub value: String,
}

/// `set echo` never comes here: it is the console's own.
pub(super) const WORDS: &[Word] =
    &[Word::new("set", "[NAME VALUE]", "list the settings, or change one", parse)
        .places(&[Place::Words(&["echo", "smoothing", "scene", "views", "exposure", "white-balance"]), ON_OFF])
        .more(
            "`set echo off` is for programs: no prompt, no echo, no completion on this port. `set smoothing N` holds \
             until the next start; run --smoothing keeps it. `set views usual,flipped`: what examples are learned with \
             from now on, of darker, noise, blur, turned (these are usual), flipped, quarter-turns, scaled. `set exposure locked` or `automatic`, and `set white-balance`, where the \
             camera can: they hold until the next start; camera.settle_ms in the board file decides then.",
        )];

fn parse(words: &[&str]) -> Parsed {
    match words {
        [] => Ok(Settings.into()),
        [name, value] => Ok(Set { name: (*name).to_owned(), value: (*value).to_owned() }.into()),
        _ => Err(Wrong::Usage),
    }
}

impl Ask for Settings {
    const OPERATION: Option<Operation> = Some(Operation::get("List the settings"));

    const OF_A_REGION: bool = false;
    const MAY_NAME_A_REGION: bool = true;
    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }
}

impl Ask for Set {
    const OPERATION: Option<Operation> = Some(
        Operation::post("Change a setting")
            .with(&[("name", "string", true), ("value", "string", true)]),
    );

    const OF_A_REGION: bool = false;
    const MAY_NAME_A_REGION: bool = true;

    fn need(&self) -> Need {
        Need::Change
    }

    fn audit(&self) -> Audit {
        Audit::Text(format!("{} set to {}", self.name, self.value))
    }
}
