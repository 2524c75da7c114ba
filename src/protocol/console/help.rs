//! What `help` shows, in rows that fit a terminal.

use super::commands::{COMMANDS, Spec};

/// Columns that a row of help has at most.
pub const WIDTH: usize = 79;

/// Where what a command does begins in its row.
const COLUMN: usize = 30;

/// What can be typed, or what that command does; its last line is `ok`. None of its lines is a command: it may come back
/// as if it was typed.
pub fn help(spec: Option<&Spec>) -> String {
    let usage = |spec: &Spec| format!("{} {}", spec.name, spec.arguments).trim().to_owned();
    let mut lines = Vec::new();
    match spec {
        Some(spec) => {
            // In quotes: the end of it is no command either.
            lines.push(format!("usage: `{}`", usage(spec)));
            lines.extend(wrapped(spec.about, WIDTH));
            lines.extend(wrapped(spec.more, WIDTH));
        }
        None => {
            for spec in &COMMANDS {
                let mut start = usage(spec);
                if start.len() >= COLUMN {
                    lines.push(std::mem::take(&mut start));
                }
                for about in wrapped(spec.about, WIDTH - COLUMN) {
                    lines.push(format!("{:<COLUMN$}{about}", std::mem::take(&mut start)));
                }
            }
        }
    }
    lines.push("ok".to_owned());
    lines.join("\n")
}

/// The text in lines of so many columns, broken between words; none for an empty text.
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
    lines
}
