//! The commands of the console: the words of all requests, and those of the console itself.

use crate::protocol::request::{Parsed, Place, WORDS, Word, Wrong};

const HELP: Word = Word::new("help", "[COMMAND]", "list commands, or explain one", not_a_request)
    .places(&[Place::Command])
    .more("? does the same.");

const QUIT: Word = Word::new("quit", "", "quit: stop the program at its own terminal", not_a_request)
    .more(
        "At a socket only the connection is ended; a serial line cannot be left. exit and Ctrl-D in an empty line do \
         the same.",
    );

fn not_a_request(_: &[&str]) -> Parsed {
    Err(Wrong::Usage)
}

/// Every command, in the order that `help` lists them.
pub fn commands() -> impl Iterator<Item = &'static Word> {
    [&HELP].into_iter().chain(WORDS.iter().copied().flatten()).chain([&QUIT])
}
