use serde::{Deserialize, Serialize};

use super::words::{Parsed, Place, Word, Wrong, every_frame, number, refuse_count};
use super::{Ask, Need, Operation};

/// Learn whatever the camera sees for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Burst {
    /// The class; a new name makes a new class.
    pub class: String,
    /// How long, above 0.
    pub millis: u32,
    /// Every frame that comes, also where it differs from the one before by no more than noise.
    pub any: bool,
}

/// End a burst of that class now, and learn what was gathered. For programs: a key was released.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndBurst {
    /// As it was asked for.
    pub class: String,
}

pub(super) const WORDS: &[Word] = &[Word::new(
    "burst",
    "CLASS [SECONDS] [any]",
    "learn what the camera sees for a while",
    parse,
)
.places(&[Place::Class])
.more("Default 2 seconds. Move the part meanwhile: only frames that differ are learned, or with `any` all.")];

fn parse(words: &[&str]) -> Parsed {
    let [class, rest @ ..] = words else { return Err(Wrong::Usage) };
    let (rest, any) = every_frame(rest);
    let ([] | [_]) = rest else { return Err(Wrong::Usage) };
    if rest.is_empty() {
        refuse_count(class, "burst", "2")?;
    }
    let seconds = rest.first().map_or(Ok(2.0), |text| number(text, "SECONDS", 0.1..=60.0))?;
    let millis = (seconds * 1000.0f32) as u32;
    Ok(Burst { class: (*class).to_owned(), millis, any }.into())
}

impl Ask for Burst {
    const SEES_A_REGION: bool = true;

    const OPERATION: Option<Operation> =
        Some(Operation::post("Learn what the camera sees for a while").with(&[
            ("class", "string", true),
            ("millis", "integer", true),
            ("any", "boolean", true),
        ]));

    fn need(&self) -> Need {
        Need::Teach
    }
}

impl Ask for EndBurst {
    const SEES_A_REGION: bool = true;

    const OPERATION: Option<Operation> = Some(
        Operation::post("End a burst and learn what was gathered")
            .with(&[("class", "string", true)]),
    );

    fn need(&self) -> Need {
        Need::Teach
    }
}
