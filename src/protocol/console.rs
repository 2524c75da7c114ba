//! The text console: what a person types on a serial line, and what is shown there. Bytes in, bytes out: it opens
//! nothing, waits for nothing and asks the device nothing by itself.
//!
//! Every line that was typed gets one reply, `ok key=value ...` or `error: ...`; before the `ok` of a list come its
//! rows. Lines that come by themselves begin with `verdict`, `progress` or `waiting` and never stand inside another
//! line: the line being typed is taken off the screen and drawn again below. Whatever a name holds, no control
//! character of it is sent. Only a line that a console sent itself, this one or another, gets no reply: the line
//! echoes.

mod commands;
mod echoes;
mod editor;
mod format;
mod help;
mod keys;
mod parse;

pub use crate::util::text::{harmless, is_unsafe, one_line};
pub use commands::commands;
pub use editor::LINE_LIMIT;
pub use format::{Row, Value, answer, progress, refused, verdict};
pub use help::{WIDTH, help};
pub use parse::{Entry, parse};

use crate::image::frame::Timestamp;
use crate::learn::head::HeadKind;
use crate::protocol::request::{
    Answer, Classes, Classification, Of, Outputs, Place, Progress, Refused, Regions, Request,
};
use echoes::Echoes;
use editor::{Editor, Typed};

/// What a console needs of others.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A request; [`Console::answer`] has to follow.
    Request(Request),
    /// The names of classes or outputs, to complete one: [`Console::complete`] may follow with those of the answer to
    /// this request.
    Names(Request),
    /// The end of the session; [`Console::stay`] has to follow where that cannot be.
    Leave,
}

/// A line editor and the words for requests and answers.
#[derive(Debug)]
pub struct Console {
    editor: Editor,
    echoes: Echoes,
    for_person: bool,
}

impl Console {
    /// * `echo`: for a person: prompt, echo, completion. A program does without.
    pub fn new(echo: bool) -> Self {
        Self { editor: Editor::new(echo), echoes: Echoes::new(echo), for_person: echo }
    }

    /// Greets, where there is a person.
    pub fn greet(&mut self, out: &mut Vec<u8>) {
        if self.editor.echo {
            out.extend(b"\r\n");
            self.say("fieldtune: type help for the commands", out);
        }
    }

    /// The time is `now`: to be called before bytes are handed in, and now and then.
    pub fn tick(&mut self, now: Timestamp) {
        if self.echoes.tick(now) {
            self.editor.quiet = false;
        }
    }

    /// Nothing came for a second.
    pub fn idle(&mut self) {
        self.echoes.idle();
        self.editor.idle();
    }

    /// Says that this is no port that can be left.
    pub fn stay(&mut self, out: &mut Vec<u8>) {
        let why = "a serial line cannot be closed from here: exit your terminal program instead (picocom: Ctrl-A Ctrl-X)";
        self.refuse(why, "", true, out);
    }

    /// The user has gone, and what was typed is not for others.
    pub fn reset(&mut self) {
        self.editor = Editor::new(self.editor.echo);
        self.echoes = Echoes::new(self.for_person);
    }

    /// Takes bytes up to the first that asks for something, or all; `bytes` is left with those after it.
    pub fn feed(&mut self, bytes: &mut &[u8], out: &mut Vec<u8>) -> Option<Event> {
        while let Some((&byte, rest)) = bytes.split_first() {
            *bytes = rest;
            let event = match self.editor.key(byte, out) {
                Some(Typed::Line(line)) => self.line(&line, out),
                Some(Typed::Bad(why)) => {
                    self.refuse(why, "", true, out);
                    None
                }
                Some(Typed::Own) => {
                    self.hear_itself();
                    None
                }
                Some(Typed::Leave) => Some(Event::Leave),
                Some(Typed::Tab) => self.tab(out),
                None => None,
            };
            if event.is_some() {
                return event;
            }
        }
        None
    }

    /// Shows what the latest request came to.
    pub fn answer(&mut self, result: &Result<Answer, Refused>, out: &mut Vec<u8>) {
        self.echoes.answer();
        match result {
            Ok(Answer::Learned(_)) => {
                let why =
                    "for programs only: run fieldtune ctl pull FILE at the other end of the line";
                self.say(&refused(&Refused(why.to_owned())), out);
            }
            Ok(answer) => {
                let rows: Vec<String> = format::answer(answer).iter().map(Row::to_string).collect();
                self.say(&rows.join("\n"), out);
            }
            Err(error) => self.say(&refused(error), out),
        }
    }

    /// Shows how far the latest request is.
    pub fn progress(&mut self, so_far: Progress, out: &mut Vec<u8>) {
        line_end(&progress(so_far), out);
    }

    /// Shows a verdict above the line being typed.
    pub fn verdict(&mut self, classification: &Classification, out: &mut Vec<u8>) {
        self.editor.hide(out);
        line_end(&verdict(classification).to_string(), out);
        self.editor.draw(out);
    }

    /// Completes the word before the cursor, or shows what it may become.
    ///
    /// * `names`: what may stand there, from whomever.
    pub fn complete(&mut self, names: &[String], out: &mut Vec<u8>) {
        let before = self.editor.before_cursor();
        let (word, _) = parse::expected(&before);
        let fitting: Vec<&str> =
            names.iter().map(String::as_str).filter(|name| name.starts_with(word)).collect();
        let Some(&first) = fitting.first() else { return };
        let common = fitting.iter().fold(first, |common, name| common_start(common, name));
        if let [only] = fitting[..] {
            let space = if only.ends_with('=') { "" } else { " " };
            self.editor.type_in(&format!("{}{space}", &only[word.len()..]), out);
        } else if common.len() > word.len() {
            self.editor.type_in(&common[word.len()..], out);
        } else {
            self.editor.hide(out);
            // Names of commands: what is drawn is never taken for typed, should it come back.
            line_end(&format!("{}\x1b[K", harmless(&fitting.join("  "))), out);
            self.editor.draw(out);
        }
    }

    fn line(&mut self, line: &str, out: &mut Vec<u8>) -> Option<Event> {
        if echoes::is_own(line) {
            self.hear_itself();
            return None;
        }
        let is_first = self.echoes.is_first();
        // An echoed prompt stands before what is typed.
        let line = if self.echoes.are_heard() { echoes::without_prompts(line) } else { line };
        match parse(line) {
            // Lines that come back have ends, too: only an Enter by itself shows that there is a user.
            Ok(Entry::Nothing) if !self.echoes.are_heard() || is_first => self.editor.prompt(out),
            Ok(Entry::Nothing) => {}
            Err(_) if line.starts_with("> ") => {
                self.refuse("leave out the prompt, > and a space", line, true, out);
            }
            Ok(Entry::Help(word)) => {
                self.echoes.answer();
                self.say(&help(word), out);
            }
            Ok(Entry::Echo(on)) => {
                self.echoes.answer();
                self.editor.echo = on;
                self.say("ok", out);
            }
            Ok(Entry::Leave) => return Some(Event::Leave),
            Ok(Entry::Request(request)) => return Some(Event::Request(request)),
            Err(why) => self.refuse(&why, line, parse::is_unknown(line), out),
        }
        None
    }

    fn tab(&mut self, out: &mut Vec<u8>) -> Option<Event> {
        let before = self.editor.before_cursor();
        let names: Vec<&str> = match parse::expected(&before).1? {
            Place::Class => {
                return Some(Event::Names(match parse::region_of(&before) {
                    Some(region) => Of::new(region, Classes).into(),
                    None => Classes.into(),
                }));
            }
            Place::Region => return Some(Event::Names(Regions.into())),
            Place::Output => return Some(Event::Names(Outputs.into())),
            Place::Head => HeadKind::ALL.into_iter().map(HeadKind::name).collect(),
            Place::Command => commands().map(|word| word.name).collect(),
            Place::Words(words) => words.to_vec(),
        };
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        self.complete(&names, out);
        None
    }

    /// The line sends back what it gets.
    fn hear_itself(&mut self) {
        self.echoes.hear();
        self.editor.quiet = true;
    }

    /// * `line`: what was typed, where that is known.
    /// * `unknown`: it begins with no command.
    fn refuse(&mut self, why: &str, line: &str, unknown: bool, out: &mut Vec<u8>) {
        if self.echoes.refuses(line, unknown) {
            self.say(&refused(&Refused(why.to_owned())), out);
        }
    }

    /// Lines, then the prompt.
    fn say(&mut self, lines: &str, out: &mut Vec<u8>) {
        self.echoes.speak(lines);
        lines.split('\n').for_each(|line| line_end(line, out));
        self.editor.prompt(out);
    }
}

fn line_end(line: &str, out: &mut Vec<u8>) {
    out.extend(line.as_bytes());
    out.extend(b"\r\n");
}

fn common_start<'a>(a: &'a str, b: &str) -> &'a str {
    let end = a.char_indices().zip(b.chars()).find(|((_, x), y)| x != y).map(|((at, _), _)| at);
    &a[..end.unwrap_or(a.len().min(b.len()))]
}
