//! A line that sends back what it gets: half-duplex adapters, loop-back plugs, a login prompt, another console.
//!
//! Were what comes back taken for something typed, every answer would be answered. So the console knows its own words:
//! every row that is drawn holds ESC \[ K, which no key sends, and every line of an answer begins like one. It never
//! answers them, and falls silent: no prompt, nothing typed is shown, pieces of its own lines are not refused, and what
//! else is no command is refused more and more slowly. A command is carried out and answered at once all the same; when
//! its answer does not come back for a while, all is as before. No line of the console is a command.

use std::collections::VecDeque;

use super::format::ROW_WORDS;
use super::parse;
use crate::image::frame::Timestamp;

/// Lines that are remembered, to know pieces of them.
const SPOKEN: usize = 16;

/// An answer that has not come back for so long will not.
const RETURN_MICROS: u64 = 3_000_000;

/// The first wait between two refusals, which doubles up to the longest.
const WAIT_MICROS: u64 = 1_000_000;
const LONGEST_WAIT_MICROS: u64 = 64_000_000;

/// Lines in a row that are no commands and are refused at once; where the line echoes, and elsewhere.
const REFUSED_AT_ONCE: (u32, u32) = (3, 20);

/// Characters of a piece that is known by itself.
const PIECE: usize = 4;

/// What begins a line of a console, besides a word and a key with its value.
const OPENINGS: [&str; 6] = ["error:", "warning:", "usage:", "note:", "waiting:", "fieldtune:"];

/// What a console knows of what came back to it.
#[derive(Debug)]
pub(super) struct Echoes {
    /// Only a line for people is taken for one that may echo.
    for_person: bool,
    now: Timestamp,
    /// The line sends back what it gets.
    heard: bool,
    /// Nothing has come for a while.
    fresh: bool,
    spoken: VecDeque<String>,
    /// When a command was answered, if nothing came back since.
    answered: Option<Timestamp>,
    /// Lines in a row that were no commands.
    strange: u32,
    /// The next of those is refused from then on.
    refuse_from: Timestamp,
}

impl Echoes {
    pub(super) fn new(for_person: bool) -> Self {
        Self {
            for_person,
            now: Timestamp(0),
            heard: false,
            fresh: true,
            spoken: VecDeque::new(),
            answered: None,
            strange: 0,
            refuse_from: Timestamp(0),
        }
    }

    /// Whether the line sends back what it gets.
    pub(super) fn are_heard(&self) -> bool {
        self.heard
    }

    /// The time is `now`.
    ///
    /// * returns whether the line has just stopped sending back what it gets.
    pub(super) fn tick(&mut self, now: Timestamp) -> bool {
        self.now = now;
        let over = self.answered.is_some_and(|at| now.micros_since(at) > RETURN_MICROS);
        if over {
            self.answered = None;
        }
        over && std::mem::take(&mut self.heard)
    }

    /// Nothing came for a while.
    pub(super) fn idle(&mut self) {
        self.fresh = true;
    }

    /// A line came. Asked once for each, since only the first after a pause may be an Enter that was pressed.
    pub(super) fn is_first(&mut self) -> bool {
        std::mem::take(&mut self.fresh)
    }

    /// A line came back.
    pub(super) fn hear(&mut self) {
        self.heard = true;
        self.answered = None;
    }

    /// Lines are sent.
    pub(super) fn speak(&mut self, lines: &str) {
        for line in lines.split('\n') {
            if self.spoken.len() == SPOKEN {
                self.spoken.pop_front();
            }
            self.spoken.push_back(line.to_owned());
        }
    }

    /// A command came, and was answered.
    pub(super) fn answer(&mut self) {
        self.strange = 0;
        self.answered = self.heard.then_some(self.now);
    }

    /// A line came that is no command.
    ///
    /// * `unknown`: it begins with none.
    /// * returns whether that is reported.
    pub(super) fn refuses(&mut self, line: &str, unknown: bool) -> bool {
        if self.heard && self.is_piece(line) {
            return false;
        }
        if !self.for_person || !(unknown || self.heard) {
            return true;
        }
        self.strange = self.strange.saturating_add(1);
        let at_once = if self.heard { REFUSED_AT_ONCE.0 } else { REFUSED_AT_ONCE.1 };
        let Some(over) = self.strange.checked_sub(at_once) else { return true };
        if over == 0 || self.now >= self.refuse_from {
            let wait = (WAIT_MICROS << over.min(6)).min(LONGEST_WAIT_MICROS);
            self.refuse_from = Timestamp(self.now.0.saturating_add(wait));
            return true;
        }
        false
    }

    /// Whether it is the beginning or the end of a line that was sent, some of it perhaps damaged.
    fn is_piece(&self, line: &str) -> bool {
        let piece: Vec<char> = line.trim().chars().collect();
        let like = |other: &[char]| {
            let same = piece.iter().zip(other).filter(|(a, b)| a == b).count();
            same * 4 >= piece.len() * 3
        };
        piece.len() >= PIECE
            && self.spoken.iter().any(|line| {
                let line: Vec<char> = line.trim().chars().collect();
                line.len() >= piece.len()
                    && (like(&line) || like(&line[line.len() - piece.len()..]))
            })
    }
}

/// Whether the line is one that a console sends.
pub(super) fn is_own(line: &str) -> bool {
    // What a terminal makes of ESC where it echoes by itself.
    if line.contains("^[[K") {
        return true;
    }
    let bare = without_prompts(line);
    if bare.len() < line.trim_start().len() && parse::is_unknown(bare) {
        return true;
    }
    let line = bare;
    let mut words = line.split_whitespace();
    let Some(first) = words.next() else { return false };
    let second = words.next();
    let has_value = second.is_some_and(|word| {
        let key = word.split_once('=').map_or("", |(key, _)| key);
        !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    });
    if ROW_WORDS.contains(&first) && has_value || line == "ok" {
        return true;
    }
    // What a login prompt sends back has its own words before ours.
    let says = |opening: &str| line.starts_with(opening) || line.contains(&format!(" {opening} "));
    parse::is_unknown(line) && OPENINGS.iter().any(|opening| says(opening))
}

/// The line without the prompts before it.
pub(super) fn without_prompts(line: &str) -> &str {
    let mut line = line.trim_start();
    while let Some(rest) = line.strip_prefix("> ") {
        line = rest.trim_start();
    }
    line
}
