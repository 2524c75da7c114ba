//! A shorter word for one of the [settings](super::settings).

use super::words::{Parsed, Place, Word, Wrong};
use super::{Set, Settings};

pub(super) const WORDS: &[Word] = &[Word::new(
    "scene",
    "[KIND | auto]",
    "choose what the synthetic camera shows: one kind, or all in turn",
    parse,
)
.places(&[Place::Words(&[
    "auto", "good", "scratch", "dent", "crack", "rust", "pits", "weld", "bench", "bearing", "belt",
    "knock", "leak",
])])
.more(
    "For run --camera synthetic: and sound:synthetic:machine; `status` shows the current one. `set scene KIND` is the same.",
)];

fn parse(words: &[&str]) -> Parsed {
    match words {
        [] => Ok(Settings.into()),
        [value] => Ok(Set { name: "scene".to_owned(), value: (*value).to_owned() }.into()),
        _ => Err(Wrong::Usage),
    }
}
