//! Teaching: frames that come, frames that were classified, images.

use serde::{Deserialize, Serialize};

use super::words::{Parsed, Place, Word, Wrong, every_frame, frame, number, refuse_count};
use super::{Ask, Audit, Need, Operation};

/// Learn the next frames of the camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Teach {
    /// The class; a new name makes a new class.
    pub class: String,
    /// Frames, at least 1.
    pub count: u32,
    /// Every frame that comes, also where it differs from the one before by no more than noise.
    pub any: bool,
}

/// Learn a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TeachImage {
    /// The class; a new name makes a new class.
    pub class: String,
    /// A PNG, JPEG or other picture file.
    pub image: Vec<u8>,
}

/// Learn frames that were classified, whether or not their part is still there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TeachFrames {
    /// The class; a new name makes a new class.
    pub class: String,
    /// Their numbers, at least one, none twice.
    pub frames: Vec<u64>,
}

pub(super) const WORDS: &[Word] = &[Word::new(
    "teach",
    "CLASS [COUNT] [any] | CLASS frame NUMBER...",
    "learn current frames, or frames already classified",
    parse,
)
.places(&[Place::Class, Place::Words(&["any", "frame"])])
.more(
    "A new name makes a new class. COUNT frames are learned (default 1); each must differ from the others, so move the \
     part. `any` takes every frame. It stops after 10 s without a different frame. `frame` learns frames that `recent` \
     lists.",
)];

fn parse(words: &[&str]) -> Parsed {
    match words {
        [class, "frame", list @ ..] if !list.is_empty() => {
            let frames: Vec<u64> = list.iter().map(|text| frame(text)).collect::<Result<_, _>>()?;
            Ok(TeachFrames { class: (*class).to_owned(), frames }.into())
        }
        [class, rest @ ..] if rest.len() < 3 => {
            let (rest, any) = every_frame(rest);
            let ([] | [_]) = rest else { return Err(Wrong::Usage) };
            if rest.is_empty() {
                refuse_count(class, "teach", "1")?;
            }
            let count = rest.first().map_or(Ok(1), |text| number(text, "COUNT", 1..=1000))?;
            Ok(Teach { class: (*class).to_owned(), count, any }.into())
        }
        _ => Err(Wrong::Usage),
    }
}

/// Frames that are taught leave a line of their own in the log.
impl Ask for Teach {
    const SEES_A_REGION: bool = true;

    const OPERATION: Option<Operation> = Some(Operation::post("Learn the next frames").with(&[
        ("class", "string", true),
        ("count", "integer", true),
        ("any", "boolean", true),
    ]));

    fn need(&self) -> Need {
        Need::Teach
    }
}

impl Ask for TeachImage {
    const OPERATION: Option<Operation> =
        Some(Operation::file("Learn an image").with(&[("class", "string", true)]));

    fn need(&self) -> Need {
        Need::Teach
    }

    fn audit(&self) -> Audit {
        Audit::Reply
    }
}

impl Ask for TeachFrames {
    const SEES_A_REGION: bool = true;

    const OPERATION: Option<Operation> = Some(
        Operation::post("Learn frames that were classified")
            .with(&[("class", "string", true), ("frames", "[integer]", true)]),
    );

    fn need(&self) -> Need {
        Need::Teach
    }

    fn audit(&self) -> Audit {
        Audit::Reply
    }
}
