//! What the options of `fieldtune eval` take.

use std::str::FromStr;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::eval::bench::Part;
use crate::eval::{Centre, Keep};
use crate::learn::head::{HeadKind, Shrinkage};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Protocol {
    /// Teach a few images of each class, classify all others
    Shots,
    /// Simulate a production line, part by part
    Bench,
    /// Teach one class alone, find everything else
    GoodParts,
}

/// A part of the bench protocol, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PartChoice(pub(super) Part);

impl ValueEnum for PartChoice {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [PartChoice; Part::ALL.len()] = {
            let mut all = [PartChoice(Part::Shots); Part::ALL.len()];
            let mut place = 0;
            while place < all.len() {
                all[place] = PartChoice(Part::ALL[place]);
                place += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.name()).help(self.0.about()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum CentreChoice {
    Auto,
    None,
    Mean,
}

impl CentreChoice {
    pub(super) fn of(self, kind: HeadKind) -> Centre {
        match (self, kind) {
            (CentreChoice::Mean, _) => Centre::TaughtMean,
            (CentreChoice::Auto, kind) if kind.wants_centre() => Centre::TaughtMean,
            (CentreChoice::Auto | CentreChoice::None, _) => Centre::None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            CentreChoice::Auto => "auto",
            CentreChoice::None => "none",
            CentreChoice::Mean => "mean",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ShrinkageChoice(pub(super) Shrinkage);

impl FromStr for ShrinkageChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self(Shrinkage::LeaveOneOut));
        }
        if text == "looks" {
            return Ok(Self(Shrinkage::ByLooks));
        }
        match text.parse() {
            Ok(s) if s > 0.0 && s <= 1.0 => Ok(Self(Shrinkage::Fixed(s))),
            _ => Err("wanted auto, looks or a number that is more than 0 and at most 1".to_owned()),
        }
    }
}

impl std::fmt::Display for ShrinkageChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Shrinkage::Fixed(s) => write!(f, "{s}"),
            Shrinkage::LeaveOneOut => f.write_str("auto"),
            Shrinkage::ByLooks => f.write_str("looks"),
        }
    }
}

/// When fine-tuned blocks are kept, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FinetuneChoice {
    /// Where left-out images say that they help
    Auto,
    /// In every run, to see what that would do
    Always,
}

impl FinetuneChoice {
    pub(super) fn keep(self) -> Keep {
        match self {
            Self::Auto => Keep::Helpful,
            Self::Always => Keep::Always,
        }
    }
}
