//! A typed line to a request.

use super::commands::commands;
use crate::protocol::request::{Of, Place, Request, Word, Wrong, on_off};

/// What a line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// An empty line.
    Nothing,
    /// What can be typed, or what that command does.
    Help(Option<&'static Word>),
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
    let rest = &line[start..];
    let end = rest.iter().position(|c| c.is_whitespace())?;
    let is_secret =
        |word: &Word| word.is_secret && is_name(&rest[..end].iter().collect::<String>(), word);
    commands().any(is_secret).then_some(start + end)
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
    let word = word_named(name)?;
    match (word.name, arguments) {
        ("help", []) => return Ok(Entry::Help(None)),
        ("help", [name]) => return Ok(Entry::Help(Some(word_named(name)?))),
        ("quit", []) => return Ok(Entry::Leave),
        ("set", ["echo", switch]) => {
            if let Ok(on) = on_off(switch) {
                return Ok(Entry::Echo(on));
            }
        }
        _ => return understood(word, arguments, &words),
    }
    Err(usage(word, &words))
}

fn understood(word: &Word, arguments: &[&str], words: &[&str]) -> Result<Entry, String> {
    if is_usage(word, arguments) {
        return Err(usage(word, words));
    }
    match (word.parse)(arguments) {
        Ok(request) => Ok(Entry::Request(request)),
        Err(Wrong::Why(why)) => Err(why),
        Err(Wrong::Usage) => Err(usage(word, words)),
    }
}

/// Whether it is the beginning of what help says of the word, which was copied or has come back: CLASS stands for a class,
/// and half a line of help must not teach one of that name.
fn is_usage(word: &Word, arguments: &[&str]) -> bool {
    let stands_for = |text: &&str| text.chars().all(|c| c.is_ascii_uppercase());
    let wanted: Vec<&str> = word.arguments.split_whitespace().collect();
    wanted.starts_with(arguments) && arguments.iter().any(stands_for)
}

/// * `words`: what was typed.
fn usage(word: &Word, words: &[&str]) -> String {
    let name = word.name;
    let wanted = format!("{name} {}", word.arguments);
    if word.is_secret {
        return format!("wanted: {wanted}, and no more");
    }
    format!("wanted: {}, got: {}; see help {name}", wanted.trim(), words.join(" "))
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
        Entry::Request(request) if request.may_name_a_region() => {
            Ok(Entry::Request(Of::new(region, request).into()))
        }
        Entry::Nothing => Err(format!("wanted: @{region} COMMAND, got no command")),
        _ => Err(format!("this command takes no region: leave out @{region}")),
    }
}

/// Whether the line begins with no command. A line of another program may begin with a word as a sentence does: that is
/// none here, though [`parse`] understands it.
pub(super) fn is_unknown(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let first = words.find(|word| !word.starts_with(OF_REGION));
    let is_one = |name: &str| word_named(name).is_ok() && !name.contains(char::is_uppercase);
    first.is_some_and(|name| !is_one(name))
}

/// Names of commands have no capitals, and may be typed with.
fn is_name(typed: &str, word: &Word) -> bool {
    typed.eq_ignore_ascii_case(word.name)
}

fn word_named(name: &str) -> Result<&'static Word, String> {
    let plain = match name.to_ascii_lowercase().as_str() {
        "?" => "help",
        "exit" => "quit",
        _ => name,
    };
    let found = commands().find(|word| is_name(plain, word));
    found.ok_or_else(|| format!("there is no command {name}; help lists them"))
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
    let spec = commands().find(|word| is_name(name, word));
    (word, spec.and_then(|spec| spec.places.get(place)).copied())
}
