//! What has to hold for bytes from anywhere: a function a reader of such bytes, which panics where it does not hold.
//!
//! The fuzz targets in `fuzz/` call these functions, and `tests/hostile/main.rs` calls them with every input that is kept
//! in `fuzz/corpus`, so that nothing once found comes back unseen.

#![allow(dead_code, reason = "the fuzz targets take all of it, the tests only the table")]

pub mod console;
pub mod inbox;
pub mod json;
pub mod onnx;
pub mod pack;
pub mod picture;
pub mod session;
pub mod settings;
pub mod sound;
pub mod store;
pub mod tokenizer;
pub mod video;
pub mod wire;

/// A check by the name of its fuzz target and of its folder in `fuzz/corpus`.
pub type Check = (&'static str, fn(&[u8]));

/// Every check.
pub const ALL: [Check; 13] = [
    ("wire", wire::check),
    ("session", session::check),
    ("console", console::check),
    ("json", json::check),
    ("pack", pack::check),
    ("settings", settings::check),
    ("picture", picture::check),
    ("onnx", onnx::check),
    ("video", video::check),
    ("store", store::check),
    ("inbox", inbox::check),
    ("sound", sound::check),
    ("tokenizer", tokenizer::check),
];

/// Bytes, taken from the front: numbers and pieces for a check that needs more than one kind of input.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte, 0 at the end.
    pub fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// As many bytes as there are, `count` at most.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A byte that says how many, and those bytes.
    pub fn piece(&mut self) -> &'a [u8] {
        let count = usize::from(self.byte());
        self.bytes(count)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        self.bytes(usize::MAX)
    }
}

/// Whether a terminal or a person would take the character for something else than a letter on the screen: control
/// characters, what turns the direction of writing, what does not show. The two joiners are part of some words.
pub fn is_obeyed(c: char) -> bool {
    let unseen = [
        '\u{ad}'..='\u{ad}',
        '\u{61c}'..='\u{61c}',
        '\u{180e}'..='\u{180e}',
        '\u{200b}'..='\u{200b}',
        '\u{200e}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{feff}'..='\u{feff}',
        '\u{fff9}'..='\u{fffb}',
        '\u{e0000}'..='\u{e007f}',
    ];
    c.is_control() || unseen.iter().any(|range| range.contains(&c))
}

/// Panics unless all that a terminal obeys in these bytes are ends of lines and the two sequences that the console
/// sends itself: erase to the end of the row, and back by so many columns.
pub fn assert_for_terminal(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).expect("a console speaks UTF-8");
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let own = rest.strip_prefix("\x1b[").and_then(|sequence| {
            let sequence = sequence.trim_start_matches(|c: char| c.is_ascii_digit());
            sequence.strip_prefix(['K', 'D'])
        });
        rest = match own {
            Some(behind) => behind,
            None => {
                let harmless = matches!(c, '\r' | '\n') || !is_obeyed(c);
                assert!(harmless, "a terminal obeys {c:?} in {text:?}");
                &rest[c.len_utf8()..]
            }
        };
    }
}

/// Panics unless the text is one line that a terminal obeys nothing of.
pub fn assert_harmless(text: &str) {
    assert!(!text.chars().any(is_obeyed), "a terminal obeys some of {text:?}");
}
