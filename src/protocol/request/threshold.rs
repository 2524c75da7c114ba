use serde::{Deserialize, Serialize};

use super::words::{Parsed, Place, Word, Wrong, number, share};
use super::{Ask, Audit, Need, Operation, Request};
use crate::learn::command::{self, Command};

/// Show or set the thresholds for unknown predictions; without values, only show them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SetThreshold {
    /// Least confidence, 0 to 1.
    pub confidence: Option<f32>,
    /// Largest novelty, above 0; infinity turns the check off.
    pub novelty: Option<f32>,
    /// Share of frames of taught classes that may be called unknown, above 0 and below 0.5; not beside a novelty.
    pub false_reject: Option<f32>,
}

/// Show what thresholds would make of the taught examples, each left out; changes nothing. What is left out stays as it
/// is set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TryThreshold {
    /// As [`SetThreshold::confidence`].
    pub confidence: Option<f32>,
    /// As [`SetThreshold::novelty`].
    pub novelty: Option<f32>,
    /// As [`SetThreshold::false_reject`].
    pub false_reject: Option<f32>,
}

const VALUES: Place = Place::Words(&["confidence=", "novelty=", "false-reject=", "try"]);

pub(super) const WORDS: &[Word] = &[Word::new(
    "threshold",
    "[try] [confidence=C] [novelty=N | false-reject=SHARE]",
    "show or set the thresholds for unknown predictions",
    parse,
)
.places(&[VALUES, VALUES, VALUES])
.more(
    "Unknown is a confidence below C (0 to 1) or a novelty above N (usually 1; inf turns it off). Of frames like \
     those taught, of parts and scenes, SHARE have a novelty above 1: 2% by default. `threshold try` shows what the \
     values would make of the taught examples, and changes nothing.",
)];

fn parse(words: &[&str]) -> Parsed {
    match words {
        ["try", values @ ..] => {
            let SetThreshold { confidence, novelty, false_reject } = values_of(values)?;
            Ok(TryThreshold { confidence, novelty, false_reject }.into())
        }
        values => values_of(values).map(Request::from),
    }
}

fn values_of(words: &[&str]) -> Result<SetThreshold, Wrong> {
    let mut threshold = SetThreshold::default();
    for word in words {
        match word.split_once('=') {
            Some(("confidence", text)) => {
                threshold.confidence = Some(number(text, "confidence", 0.0..=1.0)?);
            }
            Some(("novelty", text)) => {
                threshold.novelty = Some(number(text, "novelty", 0.0..=f32::INFINITY)?);
            }
            Some(("false-reject", text)) => {
                let share = share(text);
                threshold.false_reject =
                    Some(share.ok_or("false-reject has to be a share like 2%".to_owned())?);
            }
            _ => return Err(Wrong::Usage),
        }
    }
    Ok(threshold)
}

impl Ask for SetThreshold {
    const OPERATION: Option<Operation> =
        Some(Operation::post("Set the thresholds; without values, show them").with(&[
            ("confidence", "number", false),
            ("novelty", "number", false),
            ("false_reject", "number", false),
        ]));

    fn need(&self) -> Need {
        if *self == Self::default() { Need::Look } else { Need::Change }
    }

    fn audit(&self) -> Audit {
        if *self == Self::default() { Audit::Nothing } else { Audit::Reply }
    }

    fn into_command(self) -> Result<Command, Request> {
        let Self { confidence, novelty, false_reject } = self;
        Ok(Command::Threshold(command::ChangeThresholds { confidence, novelty, false_reject }))
    }
}

impl Ask for TryThreshold {
    const OPERATION: Option<Operation> = Some(
        Operation::get("What thresholds would make of the taught examples, each left out").with(&[
            ("confidence", "number", false),
            ("novelty", "number", false),
            ("false_reject", "number", false),
        ]),
    );

    fn need(&self) -> Need {
        Need::Look
    }

    fn into_command(self) -> Result<Command, Request> {
        let Self { confidence, novelty, false_reject } = self;
        let wanted = command::ChangeThresholds { confidence, novelty, false_reject };
        Ok(Command::TryThreshold(command::AssessThresholds(wanted)))
    }
}
