//! A typed line to a request: the commands, what each takes, what it is for.

use std::str::FromStr;

use crate::command::{
    Classes, Command, Forget, GetStatus, ListExamples, Relabel, Rename, SetHead, SetThreshold, Undo,
};
use crate::frame::Region;
use crate::head::{ExampleId, HeadConfig, HeadKind};
use crate::pin::Pin;
use crate::request::Request;

/// What a line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// An empty line.
    Nothing,
    /// What can be typed, or what that command does.
    Help(Option<&'static Spec>),
    /// Show what is typed, or do not.
    Echo(bool),
    /// Something of the device.
    Request(Request),
}

/// What an argument may be, to complete it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Class,
    Region,
    Output,
    Head,
    Command,
    Words(&'static [&'static str]),
}

/// A command of the console.
#[derive(Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub arguments: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// What else there is to know, in a line; may be empty.
    pub more: &'static str,
    pub(super) places: &'static [Place],
}

const fn spec(
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    places: &'static [Place],
    more: &'static str,
) -> Spec {
    Spec { name, arguments, about, more, places }
}

use Place::{Class, Head, Output, Words};

const ON_OFF: Place = Words(&["on", "off"]);

/// Every command, in the order that `help` lists them.
pub const COMMANDS: [Spec; 28] = [
    spec("help", "[COMMAND]", "this list, or what a command does", &[Place::Command], ""),
    spec(
        "teach",
        "CLASS [COUNT]",
        "learn what the camera sees now",
        &[Class],
        "A new name makes a new class. COUNT frames are learned one after another, 1 if left out.",
    ),
    spec(
        "burst",
        "CLASS [SECONDS]",
        "learn what the camera sees for a while",
        &[Class],
        "2 seconds if left out. Move the part meanwhile: different views teach more than equal ones.",
    ),
    spec("undo", "", "take back the latest change", &[], ""),
    spec(
        "forget",
        "CLASS | example ID...",
        "forget a class, or single examples, exactly",
        &[Class],
        "The ids are those that `examples` lists. `undo` brings them back.",
    ),
    spec("relabel", "CLASS ID...", "these examples are of that class", &[Class], ""),
    spec("rename", "CLASS NAME", "call a class differently", &[Class], ""),
    spec(
        "classes",
        "",
        "the classes, their examples, how well each is told from the others",
        &[],
        "",
    ),
    spec(
        "examples",
        "[CLASS]",
        "the examples, and which of them the others contradict",
        &[Class],
        "",
    ),
    spec(
        "status",
        "",
        "what it knows, how well it would do, how the device is",
        &[],
        "estimate: of all examples, how many the others would have judged right. suspects: which they contradict. \
         age: from a frame's capture to its verdict; pin: to the outputs. dropped: frames that a newer one replaced. \
         dropped_messages: verdicts that a port had no room for.",
    ),
    spec(
        "watch",
        "on | off",
        "tell every verdict as it comes",
        &[ON_OFF],
        "Verdicts that the line has no room for are left out.",
    ),
    spec(
        "snap",
        "",
        "take a picture",
        &[],
        "Here only its size is told; `fieldtune ctl snap FILE` fetches it.",
    ),
    spec(
        "region",
        "[whole | X,Y,WIDTH,HEIGHT]",
        "look at this part of every frame",
        &[Words(&["whole"])],
        "In pixels, or with a decimal point in fractions of the frame: 0.25,0.25,0.5,0.5. Until the next start: a board's \
         file keeps it ([regions]), or run --region.",
    ),
    spec(
        "regions",
        "",
        "list the parts of a frame that are looked at",
        &[],
        "Where the board has several, put the name of one before a command: @left teach good 5",
    ),
    spec("head", "[KIND]", "use another head, taught with all examples", &[Head], ""),
    spec(
        "threshold",
        "[confidence=C] [novelty=N]",
        "when a verdict is unknown",
        &[Words(&["confidence=", "novelty="]), Words(&["confidence=", "novelty="])],
        "Less sure than C (0 to 1), or farther from every example than N (1 is usual, inf is never).",
    ),
    spec(
        "outputs",
        "[NAME on | off | test]",
        "list the outputs, or switch one by hand",
        &[Output, Words(&["on", "off", "test"])],
        "The next verdict decides again.",
    ),
    spec(
        "save",
        "[NAME]",
        "keep what is learned now as a generation, to come back to",
        &[],
        "Everything is stored anyway before it is answered with ok; a generation is a point to return to.",
    ),
    spec(
        "generations",
        "[drop N]",
        "the generations: saved, made before something was taken away, daily",
        &[Words(&["drop"])],
        "The oldest that made itself goes when there are 32; what was saved stays until it is dropped.",
    ),
    spec(
        "rollback",
        "N",
        "learned is again what was learned in generation N",
        &[],
        "What is learned now becomes a generation first.",
    ),
    spec("diff", "N [M]", "what changed from generation N to M, or until now", &[], ""),
    spec("log", "[LINES]", "the latest lines of the log", &[], "20 if left out."),
    spec(
        "set",
        "[NAME VALUE]",
        "list the settings, or change one",
        &[Words(&["echo", "smoothing"]), ON_OFF],
        "`set echo off` is for programs: no prompt, no echo, no completion on this port. `set smoothing N` holds until the \
         next start; run --smoothing keeps it.",
    ),
    spec("version", "", "which program and which backbone", &[], ""),
    spec("restart", "", "end in good order and start again", &[], ""),
    spec(
        "pull",
        "",
        "fetch everything that was learned",
        &[],
        "For programs: `fieldtune ctl pull FILE` and `fieldtune ctl push FILE`.",
    ),
    spec(
        UNLOCK,
        "PIN",
        "allow every change at this port for a while",
        &[],
        "Where the board file locks the port. It locks again with `lock`, and by itself. The PIN is not shown.",
    ),
    spec("lock", "", "allow no changes any more without the PIN", &[], ""),
];

/// The command whose argument nobody is to see.
const UNLOCK: &str = "unlock";

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
        ("help", []) => return Ok(Entry::Help(None)),
        ("help", [name]) => return Ok(Entry::Help(Some(spec_named(name)?))),
        ("teach", [class, rest @ ..]) if rest.len() < 2 => {
            let count = rest.first().map_or(Ok(1), |text| number(text, "COUNT", 1..=1000))?;
            Request::Teach { class: (*class).to_owned(), count }
        }
        ("burst", [class, rest @ ..]) if rest.len() < 2 => {
            let seconds =
                rest.first().map_or(Ok(2.0), |text| number(text, "SECONDS", 0.1..=60.0))?;
            Request::Burst { class: (*class).to_owned(), millis: (seconds * 1000.0f32) as u32 }
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
                    _ => return Err(usage()),
                }
            }
            return command(Command::Threshold(threshold));
        }
        ("watch", [switch]) => Request::Watch(on_off(switch).ok_or_else(usage)?),
        ("snap", []) => Request::Snap,
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
        ("set", []) => Request::Settings,
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

/// What stands before the name of a region.
pub(super) const OF_REGION: char = '@';

/// Understands what is asked of one region.
fn parse_of(region: &str, rest: &str) -> Result<Entry, String> {
    if region.is_empty() {
        return Err("wanted a region's name behind the @, such as @left status".to_owned());
    }
    if rest.starts_with(OF_REGION) {
        return Err("wanted one region and a command, such as @left teach good".to_owned());
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

fn spec_named(name: &str) -> Result<&'static Spec, String> {
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
