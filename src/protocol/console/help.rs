//! What `help` shows, in rows that fit a terminal.

use super::commands::commands;
use crate::protocol::request::Word;

/// Columns that a row of help has at most.
pub const WIDTH: usize = 79;

/// Where what a command does begins in its row.
const COLUMN: usize = 30;

/// What can be typed, or what that command does; its last line is `ok`. None of its lines is a command: it may come back
/// as if it was typed.
pub fn help(word: Option<&Word>) -> String {
    let usage = |word: &Word| format!("{} {}", word.name, word.arguments).trim().to_owned();
    let mut lines = Vec::new();
    match word {
        Some(word) => {
            // In quotes: the end of it is no command either.
            lines.push(format!("usage: `{}`", usage(word)));
            lines.extend(wrapped(word.about, WIDTH));
            lines.extend(wrapped(word.more, WIDTH));
        }
        None => {
            for word in commands() {
                let mut start = usage(word);
                if start.len() >= COLUMN {
                    lines.push(std::mem::take(&mut start));
                }
                for about in wrapped(word.about, WIDTH - COLUMN) {
                    lines.push(format!("{:<COLUMN$}{about}", std::mem::take(&mut start)));
                }
            }
        }
    }
    lines.push("ok".to_owned());
    lines.join("\n")
}

/// The text in lines of so many columns, broken between words; none for an empty text. The last line is no single word where
/// that can be: a word alone could be a command.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    if let [.., before, last] = lines.as_mut_slice()
        && !last.contains(' ')
        && let Some((rest, word)) = before.rsplit_once(' ')
        && word.chars().count() + 1 + last.chars().count() <= columns
    {
        *last = format!("{word} {last}");
        *before = rest.to_owned();
    }
    lines
}
