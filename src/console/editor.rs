//! The line being typed: bytes in, echo out, with the keys that every terminal program sends.

use std::collections::VecDeque;

use super::format::is_unsafe;
use super::parse::secret_from;

/// Characters a line may have; what is typed beyond is dropped with the line.
pub const LINE_LIMIT: usize = 1024;

const PROMPT: &str = "> ";
const HISTORY: usize = 50;
/// Characters of the line that are shown: a row of a terminal has 80.
const SHOWN: usize = 72;

/// What typing led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A line was ended.
    Line(String),
    /// A line was ended that cannot be taken, and why.
    Bad(&'static str),
    /// The word before the cursor is to be completed.
    Tab,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    None,
    /// Behind ESC.
    Begun,
    /// Behind ESC [ or ESC O.
    Sequence,
}

/// A line, its cursor, the lines before.
#[derive(Debug)]
pub(super) struct Editor {
    /// Whether there is a prompt and what is typed is shown.
    pub(super) echo: bool,
    line: Vec<char>,
    cursor: usize,
    history: VecDeque<String>,
    /// Place in the history; its length is the new line.
    place: usize,
    escape: Escape,
    /// The bytes of a character that is not whole yet.
    partial: Vec<u8>,
    bad: Option<&'static str>,
    /// Something that is not to be shown stands in the line, wherever it was moved since.
    hides: bool,
    after_return: bool,
}

impl Editor {
    pub(super) fn new(echo: bool) -> Self {
        Self {
            echo,
            line: Vec::new(),
            cursor: 0,
            history: VecDeque::new(),
            place: 0,
            escape: Escape::None,
            partial: Vec::new(),
            bad: None,
            hides: false,
            after_return: false,
        }
    }

    /// Takes one byte.
    pub(super) fn key(&mut self, byte: u8, out: &mut Vec<u8>) -> Option<Typed> {
        let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
        match (self.escape, byte) {
            (Escape::Begun, b'[' | b'O') => self.escape = Escape::Sequence,
            (Escape::Sequence, b'0'..=b'9' | b';') => {}
            (Escape::Sequence, 0x20..=0x7e) => {
                self.escape = Escape::None;
                self.arrow(byte, out);
            }
            (_, 0x1b) => self.escape = Escape::Begun,
            (Escape::Begun, 0x20..=0x7e) => self.escape = Escape::None,
            (_, b'\n') if after_return => {}
            (_, b'\r' | b'\n') => return Some(self.end(out)),
            (_, b'\t') if self.echo => return Some(Typed::Tab),
            (_, b'\t') => self.insert(' ', out),
            (_, 0x08 | 0x7f) => self.erase(self.cursor.saturating_sub(1), out),
            (_, 0x01) => self.go(0, out),
            (_, 0x05) => self.go(self.line.len(), out),
            (_, 0x15) => self.erase(0, out),
            (_, 0x17) => {
                let before = &self.line[..self.cursor];
                let word_end = before.iter().rposition(|c| *c != ' ').map_or(0, |at| at + 1);
                let start = before[..word_end].iter().rposition(|c| *c == ' ');
                self.erase(start.map_or(0, |at| at + 1), out);
            }
            (_, 0x03) => {
                self.clear();
                if self.echo {
                    out.extend(b"^C\r\n");
                }
                self.draw(out);
            }
            (_, 0x20..=0x7e) if self.partial.is_empty() => self.insert(char::from(byte), out),
            _ => self.part_of_character(byte, out),
        }
        None
    }

    /// Shows prompt and line anew, wherever the cursor stood in its row.
    pub(super) fn draw(&self, out: &mut Vec<u8>) {
        if !self.echo {
            return;
        }
        let start = self.cursor.saturating_sub(SHOWN);
        let end = self.line.len().min(start + SHOWN + 1);
        let shown: String = self.shown().skip(start).take(end - start).map(visible).collect();
        out.extend(format!("\r{PROMPT}{shown}\x1b[K").as_bytes());
        if end > self.cursor {
            out.extend(format!("\x1b[{}D", end - self.cursor).as_bytes());
        }
    }

    /// The line, with stars for what nobody is to see.
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
        if self.echo {
            out.extend(b"\r\x1b[K");
        }
    }

    /// What stands before the cursor.
    pub(super) fn before_cursor(&self) -> String {
        self.line[..self.cursor].iter().collect()
    }

    /// Types this for the person.
    pub(super) fn type_in(&mut self, text: &str, out: &mut Vec<u8>) {
        text.chars().filter(|&c| !is_unsafe(c)).for_each(|c| self.insert(c, out));
    }

    /// Forgets the line that was begun.
    pub(super) fn clear(&mut self) {
        self.line.clear();
        self.cursor = 0;
        self.place = self.history.len();
        self.escape = Escape::None;
        self.partial.clear();
        self.bad = None;
        self.hides = false;
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Typed {
        if self.echo {
            out.extend(b"\r\n");
        }
        let is_secret = secret_from(&self.line).is_some();
        let bad = if self.partial.is_empty() { self.bad } else { Some(DAMAGED) };
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
        if self.echo && self.cursor == self.line.len() && self.cursor <= SHOWN {
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

    fn arrow(&mut self, last: u8, out: &mut Vec<u8>) {
        match last {
            b'A' if self.place > 0 => self.recall(self.place - 1, out),
            b'B' if self.place < self.history.len() => self.recall(self.place + 1, out),
            b'C' => self.go((self.cursor + 1).min(self.line.len()), out),
            b'D' => self.go(self.cursor.saturating_sub(1), out),
            b'H' => self.go(0, out),
            b'F' => self.go(self.line.len(), out),
            _ => {}
        }
    }

    fn recall(&mut self, place: usize, out: &mut Vec<u8>) {
        self.place = place;
        self.line = self.history.get(place).map_or_else(Vec::new, |line| line.chars().collect());
        self.hides = false;
        self.go(self.line.len(), out);
    }

    fn part_of_character(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.partial.push(byte);
        let text = std::str::from_utf8(&self.partial).map(|text| text.chars().next());
        match text {
            Ok(Some(c)) if !c.is_control() => self.insert(c, out),
            Err(error) if error.error_len().is_none() => return,
            _ => self.bad = Some(DAMAGED),
        }
        self.partial.clear();
    }
}

/// What stands for the character on the screen, in one column: what would turn the direction of writing, or not show, is
/// seen and not obeyed.
fn visible(c: char) -> char {
    if is_unsafe(c) { char::REPLACEMENT_CHARACTER } else { c }
}

const DAMAGED: &str = "the line came damaged, type it again";

const MISPLACED: &str = "a PIN stood in the line: it was dropped; wanted: unlock PIN";
