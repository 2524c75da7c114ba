//! The line being typed: bytes in, echo out, with the keys that every terminal program sends.

use std::collections::VecDeque;

use unicode_width::UnicodeWidthChar as _;

use super::keys::{Key, Keys};
use super::parse::secret_from;
use crate::util::letters::is_joiner;
use crate::util::text::is_unsafe;

/// Characters a line may have; what is typed beyond is dropped with the line.
pub const LINE_LIMIT: usize = 1024;

const PROMPT: &str = "> ";
const HISTORY: usize = 50;
/// Columns of the line that are shown: a row of a terminal has 80.
const SHOWN: usize = 72;
/// Characters that are noise, not typed, if they repeat.
const CIRCLE: usize = 256;

/// What typing led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A line was ended.
    Line(String),
    /// A line was ended that cannot be taken, and why.
    Bad(&'static str),
    /// The word before the cursor is to be completed.
    Tab,
    /// Ctrl-D in an empty line.
    Leave,
    /// What came is what a console sent, this one or another.
    Own,
}

/// A line, its cursor, the lines before.
#[derive(Debug)]
pub(super) struct Editor {
    /// Whether there is a prompt and what is typed is shown.
    pub(super) echo: bool,
    /// What is typed is not shown for now, whatever `echo` says.
    pub(super) quiet: bool,
    keys: Keys,
    line: Vec<char>,
    cursor: usize,
    history: VecDeque<String>,
    /// Place in the history; its length is the new line.
    place: usize,
    bad: Option<&'static str>,
    /// Something that is not to be shown stands in the line, wherever it was moved since.
    hides: bool,
}

impl Editor {
    pub(super) fn new(echo: bool) -> Self {
        Self {
            echo,
            quiet: false,
            keys: Keys::new(),
            line: Vec::new(),
            cursor: 0,
            history: VecDeque::new(),
            place: 0,
            bad: None,
            hides: false,
        }
    }

    fn shows(&self) -> bool {
        self.echo && !self.quiet
    }

    /// Nothing came for a while.
    pub(super) fn idle(&mut self) {
        self.keys.idle();
    }

    /// Takes one byte.
    pub(super) fn key(&mut self, byte: u8, out: &mut Vec<u8>) -> Option<Typed> {
        let last = self.line.len();
        match self.keys.key(byte)? {
            Key::Enter => return Some(self.end(out)),
            Key::Tab if self.shows() && !self.keys.is_pasting() => return Some(Typed::Tab),
            Key::Tab => self.insert(' ', out),
            Key::Leave if self.line.is_empty() => return Some(Typed::Leave),
            Key::Char(c) => {
                self.insert(c, out);
                if self.line.len() == CIRCLE && self.shows() && self.goes_in_circles() {
                    self.clear();
                    return Some(Typed::Own);
                }
            }
            Key::Damage => self.bad = Some(DAMAGED),
            Key::Erased => {
                self.clear();
                return Some(Typed::Own);
            }
            Key::Backspace => self.erase(self.cursor.saturating_sub(1), out),
            Key::Delete | Key::Leave => self.erase_to((self.cursor + 1).min(last), out),
            Key::Left => self.go(self.left(), out),
            Key::Right => self.go(self.right(), out),
            Key::WordLeft => self.go(self.word_left(), out),
            Key::WordRight => self.go(self.word_right(), out),
            Key::Home => self.go(0, out),
            Key::End => self.go(last, out),
            Key::Up => self.recall(self.place.saturating_sub(1), out),
            Key::Down => self.recall((self.place + 1).min(self.history.len()), out),
            Key::EraseBefore => self.erase(0, out),
            Key::EraseBehind => self.erase_to(last, out),
            Key::EraseWord => self.erase(self.word_left(), out),
            Key::DeleteWord => self.erase_to(self.word_right(), out),
            Key::Redraw => self.draw(out),
            Key::Cancel => {
                self.clear();
                if self.shows() {
                    out.extend(b"^C\r\n");
                }
                self.draw(out);
            }
            // Of the letters' control keys that shells have; a program means none of them.
            Key::Control(0x02) if self.echo => self.go(self.left(), out),
            Key::Control(0x06) if self.echo => self.go(self.right(), out),
            Key::Control(0x0e) if self.echo => {
                self.recall((self.place + 1).min(self.history.len()), out);
            }
            Key::Control(0x10) if self.echo => self.recall(self.place.saturating_sub(1), out),
            Key::Control(_) if self.echo => {}
            Key::Control(_) => self.bad = Some(DAMAGED),
        }
        None
    }

    fn left(&self) -> usize {
        let before = &self.line[..self.cursor];
        before.iter().rposition(|&c| columns(c) > 0).unwrap_or(0)
    }

    fn right(&self) -> usize {
        let behind = self.line.iter().enumerate().skip(self.cursor + 1);
        behind
            .map(|(at, &c)| (at, c))
            .find(|&(_, c)| columns(c) > 0)
            .map_or(self.line.len(), |(at, _)| at)
    }

    fn word_left(&self) -> usize {
        let before = &self.line[..self.cursor];
        let word_end = before.iter().rposition(|c| *c != ' ').map_or(0, |at| at + 1);
        let start = before[..word_end].iter().rposition(|c| *c == ' ');
        start.map_or(0, |at| at + 1)
    }

    fn word_right(&self) -> usize {
        let from = |from: usize, space: bool| {
            let place = self.line[from..].iter().position(|&c| (c == ' ') == space);
            place.map_or(self.line.len(), |at| from + at)
        };
        from(from(self.cursor, false), true)
    }

    /// Whether the line is the same few characters again and again: what is shown comes back as if it was typed.
    fn goes_in_circles(&self) -> bool {
        let tail = &self.line[CIRCLE / 4..];
        (1..=CIRCLE / 4).any(|period| tail.iter().zip(&tail[period..]).all(|(a, b)| a == b))
    }

    /// Redraws prompt and line, wherever the cursor stood in its row.
    pub(super) fn draw(&self, out: &mut Vec<u8>) {
        if !self.shows() {
            return;
        }
        let shown: Vec<char> = self.shown().map(visible).collect();
        let (mut start, mut before) = (self.cursor, 0);
        while start > 0 && before + columns(shown[start - 1]) <= SHOWN {
            start -= 1;
            before += columns(shown[start]);
        }
        // Marks without the letter that they stand on.
        while start < self.cursor && columns(shown[start]) == 0 {
            start += 1;
        }
        let (mut end, mut behind) = (self.cursor, 0);
        while end < shown.len() && before + behind + columns(shown[end]) <= SHOWN + 1 {
            behind += columns(shown[end]);
            end += 1;
        }
        let text: String = shown[start..end].iter().collect();
        out.extend(format!("\r{PROMPT}{text}\x1b[K").as_bytes());
        if behind > 0 {
            out.extend(format!("\x1b[{behind}D").as_bytes());
        }
    }

    /// A prompt and no more, where what is typed is not shown.
    pub(super) fn prompt(&self, out: &mut Vec<u8>) {
        match self.quiet {
            true if self.echo => out.extend(PROMPT.as_bytes()),
            _ => self.draw(out),
        }
    }

    /// The line, with stars for what is secret.
    fn shown(&self) -> impl Iterator<Item = char> {
        let all = if self.hides { 0 } else { self.line.len() };
        let secret = secret_from(&self.line).unwrap_or(all);
        let hide = move |(at, &c): (usize, &char)| {
            if at >= secret && !c.is_whitespace() { '*' } else { c }
        };
        self.line.iter().enumerate().map(hide)
    }

    /// Takes the line off the screen, so that something else can be shown in its place.
    pub(super) fn hide(&self, out: &mut Vec<u8>) {
        if self.shows() {
            out.extend(b"\r\x1b[K");
        }
    }

    /// What stands before the cursor.
    pub(super) fn before_cursor(&self) -> String {
        self.line[..self.cursor].iter().collect()
    }

    /// Types this for the person.
    pub(super) fn type_in(&mut self, text: &str, out: &mut Vec<u8>) {
        text.chars().filter(|&c| visible(c) == c).for_each(|c| self.insert(c, out));
    }

    /// Forgets the line that was begun.
    pub(super) fn clear(&mut self) {
        self.line.clear();
        self.cursor = 0;
        self.place = self.history.len();
        self.keys.reset();
        self.bad = None;
        self.hides = false;
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Typed {
        if self.shows() {
            if self.cursor < self.line.len() {
                self.go(self.line.len(), out);
            }
            // No key sends that: should it come back, even torn, the line before it is not taken for another command.
            out.extend(b"\x1b[K\x1b[K\r\n");
        }
        let is_secret = secret_from(&self.line).is_some();
        let bad = if self.keys.reset() { Some(DAMAGED) } else { self.bad };
        let bad = if self.hides && !is_secret { bad.or(Some(MISPLACED)) } else { bad };
        let line: String = self.line.iter().collect();
        let is_new = !line.trim().is_empty() && self.history.back() != Some(&line);
        if bad.is_none() && !is_secret && is_new {
            self.history.push_back(line.clone());
            if self.history.len() > HISTORY {
                self.history.pop_front();
            }
        }
        self.clear();
        bad.map_or(Typed::Line(line), Typed::Bad)
    }

    fn insert(&mut self, c: char, out: &mut Vec<u8>) {
        if self.line.len() == LINE_LIMIT {
            self.bad = Some("a line has at most 1024 characters, the whole line was dropped");
            return;
        }
        self.line.insert(self.cursor, c);
        self.cursor += 1;
        self.look_for_secrets();
        let at_end = self.cursor == self.line.len();
        if self.shows() && at_end && self.line.iter().map(|&c| columns(c)).sum::<usize>() <= SHOWN {
            let shown = visible(self.shown().last().unwrap_or(c));
            out.extend(shown.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            self.draw(out);
        }
    }

    /// A PIN stays one if something is put before it, until the line is empty.
    fn look_for_secrets(&mut self) {
        match secret_from(&self.line) {
            Some(at) => self.hides = self.line[at..].iter().any(|c| !c.is_whitespace()),
            None => self.hides &= !self.line.is_empty(),
        }
    }

    /// Erases from the cursor to there.
    fn erase_to(&mut self, end: usize, out: &mut Vec<u8>) {
        self.line.drain(self.cursor..end);
        self.look_for_secrets();
        self.draw(out);
    }

    /// Erases from there to the cursor.
    fn erase(&mut self, from: usize, out: &mut Vec<u8>) {
        self.line.drain(from..self.cursor);
        self.look_for_secrets();
        self.go(from, out);
    }

    fn go(&mut self, to: usize, out: &mut Vec<u8>) {
        self.cursor = to;
        self.draw(out);
    }

    fn recall(&mut self, place: usize, out: &mut Vec<u8>) {
        if place == self.place {
            return;
        }
        self.place = place;
        self.line = self.history.get(place).map_or_else(Vec::new, |line| line.chars().collect());
        self.hides = false;
        self.go(self.line.len(), out);
    }
}

/// What stands for the character on the screen, in one column: what would turn the direction of writing, or not show, is
/// seen and not obeyed.
fn visible(c: char) -> char {
    if is_unsafe(c) && !is_joiner(c) { char::REPLACEMENT_CHARACTER } else { c }
}

/// Columns that it takes there.
fn columns(c: char) -> usize {
    visible(c).width().unwrap_or(0)
}

const DAMAGED: &str = "the line was damaged on the way, type it again";

const MISPLACED: &str = "the line contained a PIN and was dropped; wanted: unlock PIN";
