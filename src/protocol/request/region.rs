use serde::{Deserialize, Serialize};

use super::forms;
use super::words::{Parsed, Place, Word, Wrong};
use super::{Ask, Audit, Need, Operation};
use crate::image::frame::Region;

/// Look at this part of every frame; without one, show which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetRegion(#[serde(with = "forms::region_if_any")] pub Option<Region>);

pub(super) const WORDS: &[Word] = &[Word::new(
    "region",
    "[whole | X,Y,WIDTH,HEIGHT]",
    "choose the region of interest",
    parse,
)
.places(&[Place::Words(&["whole"])])
.more(
    "In pixels, or with a decimal point in fractions of the frame: 0.25,0.25,0.5,0.5. Until the next start: a board's \
     file keeps it ([regions]), or run --region.",
)];

fn parse(words: &[&str]) -> Parsed {
    match words {
        [] => Ok(SetRegion(None).into()),
        [text] => Ok(SetRegion(Some(region(text).ok_or(Wrong::Usage)?)).into()),
        _ => Err(Wrong::Usage),
    }
}

/// Fractions where any of the numbers has a point.
fn region(text: &str) -> Option<Region> {
    if text == "whole" {
        return Some(Region::Whole);
    }
    let parts: Vec<&str> = text.split(',').collect();
    if text.contains('.') {
        let numbers: Vec<f32> =
            parts.iter().map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let [x, y, width, height] = numbers[..] else { return None };
        return Some(Region::Fractions { x, y, width, height });
    }
    let numbers: Vec<u32> = parts.iter().map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [x, y, width, height] = numbers[..] else { return None };
    Some(Region::Pixels { x, y, width, height })
}

impl Ask for SetRegion {
    const SEES_A_REGION: bool = true;

    const OPERATION: Option<Operation> = Some(Operation::value(
        "Choose the region of interest",
        r#"{"Fractions":{"x":0.1,"y":0.1,"width":0.5,"height":0.5}}"#,
    ));

    const TAKES_LONG: bool = false;

    fn need(&self) -> Need {
        if self.0.is_some() { Need::Change } else { Need::Look }
    }

    fn audit(&self) -> Audit {
        match self.0 {
            Some(region) => Audit::Text(format!("region set to {region}")),
            None => Audit::Nothing,
        }
    }
}
