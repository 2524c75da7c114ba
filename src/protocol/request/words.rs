//! The words that are typed for requests: how each is called, what it takes, how it is understood.

use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::Request;
use crate::learn::head::ExampleId;

/// What an argument may be, to complete it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum Place {
    Class,
    Region,
    Output,
    Head,
    Command,
    Words(&'static [&'static str]),
}

pub(super) const ON_OFF: Place = Place::Words(&["on", "off"]);

/// What was typed, understood.
pub(in crate::protocol) type Parsed = Result<Request, Wrong>;

/// What was typed, and is not understood.
#[derive(Debug)]
pub(in crate::protocol) enum Wrong {
    /// Not what the word takes.
    Usage,
    /// For people, in one line.
    Why(String),
}

impl From<String> for Wrong {
    fn from(why: String) -> Self {
        Wrong::Why(why)
    }
}

/// A command of the console.
#[derive(Debug)]
pub struct Word {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub arguments: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// What else there is to know, in a line; may be empty.
    pub more: &'static str,
    /// What its arguments may be, as far as it is known.
    pub(in crate::protocol) places: &'static [Place],
    /// Whether its arguments are secret.
    pub(in crate::protocol) is_secret: bool,
    /// Understands its arguments.
    pub(in crate::protocol) parse: fn(&[&str]) -> Parsed,
}

impl Word {
    pub(in crate::protocol) const fn new(
        name: &'static str,
        arguments: &'static str,
        about: &'static str,
        parse: fn(&[&str]) -> Parsed,
    ) -> Self {
        Self { name, arguments, about, more: "", places: &[], is_secret: false, parse }
    }

    /// With more to know.
    pub(in crate::protocol) const fn more(self, more: &'static str) -> Self {
        Self { more, ..self }
    }

    pub(in crate::protocol) const fn places(self, places: &'static [Place]) -> Self {
        Self { places, ..self }
    }

    /// Its arguments are secret.
    pub(super) const fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }
}

/// There is one word of a name.
impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Word {}

/// Takes no arguments.
pub(super) fn alone(words: &[&str], request: impl Into<Request>) -> Parsed {
    if words.is_empty() { Ok(request.into()) } else { Err(Wrong::Usage) }
}

pub(in crate::protocol) fn on_off(text: &str) -> Result<bool, Wrong> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Wrong::Usage),
    }
}

pub(super) fn number<T: FromStr + PartialOrd + Debug>(
    text: &str,
    what: &str,
    range: RangeInclusive<T>,
) -> Result<T, String> {
    let refuse = || {
        let (low, high) = (range.start(), range.end());
        format!("{what} has to be a number from {low:?} to {high:?}, got {text}")
    };
    text.parse().ok().filter(|number| range.contains(number)).ok_or_else(refuse)
}

/// A share of a whole, as 0.02 or 2%.
pub fn share(text: &str) -> Option<f32> {
    match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse().ok().map(|percent: f32| percent / 100.0),
        None => text.parse().ok(),
    }
}

pub(super) fn frame(text: &str) -> Result<u64, String> {
    let number = number(text, "a frame's number", 1..=u64::MAX);
    number.map_err(|why| format!("{why}; `recent` lists them"))
}

pub(super) fn generation(text: &str) -> Result<u64, String> {
    let number = number(text, "a generation's number", 1..=u64::MAX);
    number.map_err(|why| format!("{why}; `generations` lists them"))
}

pub(super) fn ids(words: &[&str]) -> Result<Vec<ExampleId>, String> {
    words.iter().map(|text| number(text, "ID", 0..=u64::MAX).map(ExampleId)).collect()
}

/// A number by itself is more likely one without its class than a class of digits, which can be taught with a number
/// behind it.
///
/// * `usual`: what the number behind it is where it is left out.
pub(super) fn refuse_count(class: &str, command: &str, usual: &str) -> Result<(), String> {
    match class.parse::<f32>() {
        Ok(_) if class.starts_with(|c: char| c.is_ascii_digit()) => Err(format!(
            "which class? wanted: {command} CLASS {class}; for a class named {class}: {command} {class} {usual}"
        )),
        _ => Ok(()),
    }
}

/// What stands behind the arguments where every frame is wanted, also one like the last.
const EVERY_FRAME: &str = "any";

/// The arguments without that, and whether it was there.
pub(super) fn every_frame<'a>(arguments: &'a [&'a str]) -> (&'a [&'a str], bool) {
    match arguments {
        [rest @ .., EVERY_FRAME] => (rest, true),
        all => (all, false),
    }
}
