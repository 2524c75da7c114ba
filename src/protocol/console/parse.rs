//! A typed line to a request.

use std::str::FromStr;

use super::commands::{COMMANDS, Place, Spec, UNLOCK};
use crate::image::frame::Region;
use crate::learn::command::{
    Classes, Command, Forget, GetStatus, ListExamples, Relabel, Rename, SetHead, SetThreshold, Undo,
};
use crate::learn::head::{ExampleId, HeadConfig, HeadKind};
use crate::protocol::pin::Pin;
use crate::protocol::request::Request;

/// What a line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// An empty line.
    Nothing,
    /// What can be typed, or what that command does.
    Help(Option<&'static Spec>),
    /// Show what is typed, or do not.
    Echo(bool),
    /// End the dialogue.
    Leave,
    /// Something of the device.
    Request(Request),
}

/// Where what is not to be shown or remembered begins in a line, counted in characters.
///
/// * returns `None` for a line without secrets.
pub(super) fn secret_from(line: &[char]) -> Option<usize> {
    let word = |from: usize| {
        let start = line[from..].iter().position(|c| !c.is_whitespace());
        start.map(|start| from + start)
    };
    let mut start = word(0)?;
    if line[start] == OF_REGION {
        let space = line[start..].iter().position(|c| c.is_whitespace())?;
        start = word(start + space)?;
    }
    let end = start + UNLOCK.len();
    let named = line.len() > end && line[start..end].iter().copied().eq(UNLOCK.chars());
    (named && line[end].is_whitespace()).then_some(end)
}

/// Understands a line.
///
/// # Errors
/// What was wanted and what to type next, in one line; what was typed stands in it as it was.
pub fn parse(line: &str) -> Result<Entry, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some((&name, arguments)) = words.split_first() else { return Ok(Entry::Nothing) };
    if let Some(region) = name.strip_prefix(OF_REGION) {
        return parse_of(region, line.trim_start()[name.len()..].trim_start());
    }
    let spec = spec_named(name)?;
    let usage = || {
        let wanted = format!("{name} {}", spec.arguments);
        if name == UNLOCK {
            return format!("wanted: {wanted}, and nothing behind it");
        }
        format!("wanted: {}, got: {}; help {name} tells more", wanted.trim(), words.join(" "))
    };
    let command = |command| Ok(Entry::Request(Request::Command(command)));
    let request = match (name, arguments) {
        ("help" | "?", []) => return Ok(Entry::Help(None)),
        ("quit" | "exit", []) => return Ok(Entry::Leave),
        ("help" | "?", [name]) => return Ok(Entry::Help(Some(spec_named(name)?))),
        ("teach", [class, "frame", list @ ..]) if !list.is_empty() => {
            let frames: Vec<u64> = list.iter().map(|text| frame(text)).collect::<Result<_, _>>()?;
            Request::TeachFrames { class: (*class).to_owned(), frames }
        }
        ("teach", [class, rest @ ..]) if rest.len() < 3 => {
            let (rest, any) = every_frame(rest);
            let ([] | [_]) = rest else { return Err(usage()) };
            let count = rest.first().map_or(Ok(1), |text| number(text, "COUNT", 1..=1000))?;
            Request::Teach { class: (*class).to_owned(), count, any }
        }
        ("burst", [class, rest @ ..]) if rest.len() < 3 => {
            let (rest, any) = every_frame(rest);
            let ([] | [_]) = rest else { return Err(usage()) };
            let seconds =
                rest.first().map_or(Ok(2.0), |text| number(text, "SECONDS", 0.1..=60.0))?;
            let millis = (seconds * 1000.0f32) as u32;
            Request::Burst { class: (*class).to_owned(), millis, any }
        }
        ("undo", []) => return command(Command::Undo(Undo)),
        ("forget", ["example", list @ ..]) if !list.is_empty() => {
            return command(Command::Forget(Forget::Examples(ids(list)?)));
        }
        ("forget", [class]) => {
            return command(Command::Forget(Forget::Class((*class).to_owned())));
        }
        ("relabel", [class, list @ ..]) if !list.is_empty() => {
            let (class, examples) = ((*class).to_owned(), ids(list)?);
            return command(Command::Relabel(Relabel { examples, class }));
        }
        ("rename", [from, to]) => {
            let (from, to) = ((*from).to_owned(), (*to).to_owned());
            return command(Command::Rename(Rename { from, to }));
        }
        ("classes", []) => return command(Command::Classes(Classes)),
        ("examples", [] | [_]) => {
            let class = arguments.first().map(|&class| class.to_owned());
            return command(Command::Examples(ListExamples { class }));
        }
        ("status", []) => return command(Command::Status(GetStatus)),
        ("head", []) => return command(Command::Head(SetHead { config: None })),
        ("head", [name]) => {
            let kind = HeadKind::ALL.into_iter().find(|kind| kind.name() == *name);
            let kind = kind.ok_or_else(|| {
                let names: Vec<&str> = HeadKind::ALL.into_iter().map(HeadKind::name).collect();
                format!("there is no head {name}; there are {}", names.join(", "))
            })?;
            return command(Command::Head(SetHead { config: Some(HeadConfig::of(kind)) }));
        }
        ("threshold", arguments) => {
            let mut threshold = SetThreshold::default();
            for argument in arguments {
                match argument.split_once('=') {
                    Some(("confidence", text)) => {
                        threshold.confidence = Some(number(text, "confidence", 0.0..=1.0)?);
                    }
                    Some(("novelty", text)) => {
                        threshold.novelty = Some(number(text, "novelty", 0.0..=f32::INFINITY)?);
                    }
                    Some(("false-reject", text)) => {
                        threshold.false_reject =
                            Some(share(text).ok_or("false-reject has to be a share like 2%")?);
                    }
                    _ => return Err(usage()),
                }
            }
            return command(Command::Threshold(threshold));
        }
        ("watch", [switch]) => Request::Watch(on_off(switch).ok_or_else(usage)?),
        ("snap", []) => Request::Snap,
        ("recent", []) => Request::Recent { unsure_first: false },
        ("recent", ["unsure"]) => Request::Recent { unsure_first: true },
        ("recent", [text]) => Request::RecentPicture { frame: frame(text)? },
        ("region", []) => Request::Region(None),
        ("regions", []) => Request::Regions,
        ("region", [text]) => Request::Region(Some(region(text).ok_or_else(usage)?)),
        ("outputs", []) => Request::Outputs,
        ("outputs", [name, "test"]) => Request::TestOutput { name: (*name).to_owned() },
        ("outputs", [name, switch]) => {
            Request::SetOutput { name: (*name).to_owned(), on: on_off(switch).ok_or_else(usage)? }
        }
        ("save", [] | [_]) => {
            Request::Save { name: arguments.first().map(|&name| name.to_owned()) }
        }
        ("generations", []) => Request::Generations,
        ("generations", ["drop", text]) => {
            Request::DropGeneration { generation: generation(text)? }
        }
        ("rollback", [text]) => Request::RollBack { generation: generation(text)? },
        ("diff", [from]) => Request::Difference { from: generation(from)?, to: None },
        ("diff", [from, to]) => {
            Request::Difference { from: generation(from)?, to: Some(generation(to)?) }
        }
        ("log", [] | [_]) => {
            let lines =
                arguments.first().map_or(Ok(20), |text| number(text, "LINES", 1..=10_000))?;
            Request::Log { lines }
        }
        ("set" | "scene", []) => Request::Settings,
        ("scene", [value]) => Request::Set { name: "scene".to_owned(), value: (*value).to_owned() },
        ("set", ["echo", switch]) => return on_off(switch).map(Entry::Echo).ok_or_else(usage),
        ("set", [name, value]) => {
            Request::Set { name: (*name).to_owned(), value: (*value).to_owned() }
        }
        ("version", []) => Request::Version,
        ("restart", []) => Request::Restart,
        ("pull", []) => Request::Pull,
        (UNLOCK, [pin]) => Request::Unlock { pin: Pin::new(pin).map_err(|e| e.to_string())? },
        ("lock", []) => Request::Lock,
        _ => return Err(usage()),
    };
    Ok(Entry::Request(request))
}

/// What stands behind the arguments where every frame is wanted, also one like the last.
const EVERY_FRAME: &str = "any";

/// The arguments without that, and whether it was there.
fn every_frame<'a>(arguments: &'a [&'a str]) -> (&'a [&'a str], bool) {
    match arguments {
        [rest @ .., EVERY_FRAME] => (rest, true),
        all => (all, false),
    }
}

/// What stands before the name of a region.
pub(super) const OF_REGION: char = '@';

/// Understands what is asked of one region.
fn parse_of(region: &str, rest: &str) -> Result<Entry, String> {
    if region.is_empty() {
        return Err("wanted a region's name behind the @, such as `@left status`".to_owned());
    }
    if rest.starts_with(OF_REGION) {
        return Err("wanted one region and a command, such as `@left teach good`".to_owned());
    }
    match parse(rest)? {
        Entry::Request(request) if request.is_of_a_region() => {
            let (region, request) = (region.to_owned(), Box::new(request));
            Ok(Entry::Request(Request::Of { region, request }))
        }
        Entry::Nothing => Err(format!("wanted: @{region} COMMAND, got no command")),
        _ => Err(format!("that is not about a region: leave out @{region}")),
    }
}

/// Whether the line begins with no command.
pub(super) fn is_unknown(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let first = words.find(|word| !word.starts_with(OF_REGION));
    first.is_some_and(|name| spec_named(name).is_err())
}

fn spec_named(name: &str) -> Result<&'static Spec, String> {
    let name = match name {
        "?" => "help",
        "exit" => "quit",
        name => name,
    };
    let found = COMMANDS.iter().find(|spec| spec.name == name);
    found.ok_or_else(|| format!("there is no command {name}; help lists them"))
}

fn on_off(text: &str) -> Option<bool> {
    match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn number<T: FromStr + PartialOrd + std::fmt::Debug>(
    text: &str,
    what: &str,
    range: std::ops::RangeInclusive<T>,
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

fn frame(text: &str) -> Result<u64, String> {
    let number = number(text, "a frame's number", 1..=u64::MAX);
    number.map_err(|why| format!("{why}; `recent` lists them"))
}

fn generation(text: &str) -> Result<u64, String> {
    let number = number(text, "a generation's number", 1..=u64::MAX);
    number.map_err(|why| format!("{why}; `generations` lists them"))
}

fn ids(words: &[&str]) -> Result<Vec<ExampleId>, String> {
    words.iter().map(|text| number(text, "ID", 0..=u64::MAX).map(ExampleId)).collect()
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

/// The region that the line asks, if it names one.
pub(super) fn region_of(line: &str) -> Option<String> {
    line.split_whitespace().next()?.strip_prefix(OF_REGION).map(str::to_owned)
}

/// What may stand where the line ends.
///
/// * returns what has been typed of the last word, and what that word may be; `None` where nothing is known of it.
pub(super) fn expected(line: &str) -> (&str, Option<Place>) {
    // A space may have more than one byte.
    let last_space = line.char_indices().rfind(|(_, c)| c.is_whitespace());
    let word_start = last_space.map_or(0, |(at, space)| at + space.len_utf8());
    let (before, word) = line.split_at(word_start);
    let mut words = before.split_whitespace().peekable();
    if words.next_if(|first| first.starts_with(OF_REGION)).is_none() && words.peek().is_none() {
        let place = if word.starts_with(OF_REGION) { Place::Region } else { Place::Command };
        return (word, Some(place));
    }
    let Some(name) = words.next() else { return (word, Some(Place::Command)) };
    let place = words.count();
    let spec = COMMANDS.iter().find(|spec| spec.name == name);
    (word, spec.and_then(|spec| spec.places.get(place)).copied())
}
