//! What is measured, images or lines of text, in words.

use crate::protocol::people::counted;

/// What is classified, in words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    pub(super) one: &'static str,
    pub(super) many: &'static str,
    /// What to take in place of what was taught.
    pub(super) others: &'static str,
    /// What it means that most are unknown, and what to do then.
    pub(super) unknown: &'static str,
}

pub(super) const IMAGES: Unit = Unit {
    one: "image",
    many: "images",
    others: "images of other parts",
    unknown: "another scene than what was taught?\n  next: teach a few frames of this scene, of every class",
};

pub(super) const LINES: Unit = Unit {
    one: "line",
    many: "lines",
    others: "other lines",
    unknown: "other lines than those taught?\n  next: teach a few of these, of every class",
};

impl Unit {
    pub(super) fn counted(self, count: usize) -> String {
        counted(count, self.one, self.many)
    }

    pub(super) fn counted_were(self, count: usize) -> String {
        format!("{} {}", self.counted(count), if count == 1 { "was" } else { "were" })
    }
}
