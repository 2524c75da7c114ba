//! What events bring about.

use crate::protocol::log::Level;
use crate::protocol::request::{Answer, Classification, Progress, Refused};

/// Who asked, so that the answer finds its way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// What an event brought about.
#[derive(Debug, Default, PartialEq)]
pub struct Effects {
    /// Answers to requests.
    pub answers: Vec<(Ticket, Result<Answer, Refused>)>,
    /// Requests that go on.
    pub progress: Vec<(Ticket, Progress)>,
    /// The verdicts on a frame, one a region.
    pub classifications: Vec<Classification>,
    /// Regions whose frames no longer look as they were taught, with what changed, or `None` where they do again. The
    /// region is `None` where there is one alone.
    pub drifts: Vec<(Option<String>, Option<String>)>,
    /// For the log.
    pub notes: Vec<(Level, String)>,
}

impl Effects {
    pub(super) fn note(&mut self, level: Level, text: impl Into<String>) {
        self.notes.push((level, text.into()));
    }
}
