//! Text for a terminal: nothing that it obeys.

use super::letters;

/// The text without anything that a terminal obeys: control characters and those that turn the direction of writing
/// are shown as their codes.
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (c, obeyed) in obeyed(text) {
        if obeyed {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// The characters, and whether a terminal obeys or a person does not see each; a joiner that is part of the writing shows.
pub(crate) fn obeyed(text: &str) -> Vec<(char, bool)> {
    let chars: Vec<char> = text.chars().collect();
    let obeyed = |(at, &c): (usize, &char)| {
        let part = letters::is_joiner(c) && letters::shows(&chars[..at], c, &chars[at + 1..]);
        (c, is_unsafe(c) && !part)
    };
    chars.iter().enumerate().map(obeyed).collect()
}

/// The text on one line, [`harmless`].
pub fn one_line(text: &str) -> String {
    let lines: Vec<&str> = text.split(['\r', '\n']).map(str::trim).collect();
    harmless(&lines.join(" "))
}

/// Whether a terminal obeys the character or a person does not see it: control characters, what turns the direction
/// of writing, what does not show.
pub fn is_unsafe(c: char) -> bool {
    let unseen = [
        '\u{ad}'..='\u{ad}',
        '\u{61c}'..='\u{61c}',
        '\u{180e}'..='\u{180e}',
        '\u{200b}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{feff}'..='\u{feff}',
        '\u{fff9}'..='\u{fffb}',
        '\u{e0000}'..='\u{e007f}',
    ];
    c.is_control() || unseen.iter().any(|range| range.contains(&c))
}
