//! What is learned from: what people are told, in its words.

use super::Learner;

/// What examples are of. Nothing that is computed depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Subject {
    /// Frames and images.
    #[default]
    Frames,
    /// Lines of text, see [`crate::text`].
    Lines,
    /// Windows of sound, see [`crate::sound`].
    Sounds,
}

impl Subject {
    /// What an estimate, a false-reject rate and an interval are about.
    pub fn holds_for(self) -> &'static str {
        match self {
            Self::Frames => "parts and scenes like those taught",
            Self::Lines => "lines like those taught",
            Self::Sounds => "sounds like those taught",
        }
    }
}

impl Learner {
    /// The same, told of in the words of that subject.
    #[must_use]
    pub fn about(mut self, subject: Subject) -> Self {
        self.subject = subject;
        self
    }

    /// What it learns from.
    pub fn subject(&self) -> Subject {
        self.subject
    }
}
