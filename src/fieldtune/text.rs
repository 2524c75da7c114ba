//! The same of lines of text, and words for what frames show.

use std::path::Path;

use super::{Class, Error, Fieldtune, Prediction, classes, prediction};
use crate::backbone::TextEncoder;
use crate::device::clock::Clock;
use crate::learn::command::{Command, NewExample, Reply, TeachExamples};
use crate::learn::learner::Learner;
use crate::store::FileStore;
use crate::store::persistent::{PersistError, PersistentLearner};
use crate::store::snapshot::ModelId;
use crate::text;

impl Fieldtune {
    /// Learns a class from what its frames show in words; a name that was not used makes a new class. Frames that are
    /// taught count beside it, and more the more they are.
    ///
    /// * `words`: at least one description; several are one, the mean of them.
    /// * `encoder`: of the network that was trained with the backbone (CLIP, SigLIP), see [`TextEncoder::load`]. It is
    ///   needed here alone.
    /// * returns the examples that the class has now, a description being one.
    ///
    /// # Errors
    /// [`Error::Encode`]; [`Error::Refused`] for a name that cannot be one, and embeddings of another length than the
    /// backbone's; [`Error::Keeping`] if it could not be stored.
    pub fn describe(
        &mut self,
        class: &str,
        words: &[&str],
        encoder: &mut TextEncoder,
    ) -> Result<usize, Error> {
        let described = |&words: &&str| {
            Ok(NewExample::described(encoder.describe(words)?, &text::origin(words)))
        };
        let examples = words.iter().map(described).collect::<Result<_, Error>>()?;
        match self.apply(Command::Teach(TeachExamples { class: class.to_owned(), examples }))? {
            Reply::Taught { count, .. } => Ok(count),
            _ => unreachable!("teaching is answered so"),
        }
    }
}

/// Learns classes of lines of text from a few lines each, see [`crate::text`].
///
/// ```
/// use fieldtune::TextTuner;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("lines.ftune");
/// let mut tuner = TextTuner::open(path)?;
/// tuner.teach("disk", "ata1.00: failed command: READ FPDMA QUEUED")?;
/// tuner.teach("login", "sshd[812]: Failed password for root from 10.0.0.7")?;
/// let prediction = tuner.classify("sshd[19]: Failed password for admin from 10.9.0.1")?;
/// assert_eq!(prediction.best, "login");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TextTuner {
    encoder: TextEncoder,
    persistent: PersistentLearner<Learner, FileStore>,
    clock: Clock,
}

impl TextTuner {
    /// Opens a store's file, or makes it; lines are read without a network.
    ///
    /// # Errors
    /// As [`TextTuner::open_with`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(path, TextEncoder::of_words())
    }

    /// Opens a store's file, or makes it.
    ///
    /// * `encoder`: what reads the lines, see [`TextEncoder::load`].
    ///
    /// # Errors
    /// [`Error::OtherBackbone`] if images were taught, or lines with another one; [`Error::Store`], [`Error::Keeping`] if it
    /// cannot be used.
    pub fn open_with(path: impl AsRef<Path>, encoder: TextEncoder) -> Result<Self, Error> {
        let path = path.as_ref();
        let model = ModelId::of_text(&encoder);
        let persistent = PersistentLearner::open(FileStore::open(path)?, &model);
        let persistent = persistent.map_err(|error| match error {
            PersistError::Backbone(other) => {
                Error::OtherBackbone(other, path.display().to_string())
            }
            error => error.into(),
        })?;
        Ok(Self { encoder, persistent, clock: Clock::new() })
    }

    /// Learns a line as one example of a class; a name that was not used makes a new class.
    ///
    /// * returns the examples that the class has now.
    ///
    /// # Errors
    /// [`Error::Encode`]; [`Error::Refused`] for a name that cannot be one; [`Error::Keeping`] if it could not be stored.
    pub fn teach(&mut self, class: &str, line: &str) -> Result<usize, Error> {
        let examples = vec![NewExample::new(self.encoder.feature(line)?, &text::origin(line))];
        let teach = TeachExamples { class: class.to_owned(), examples };
        match self.apply(Command::Teach(teach))? {
            Reply::Taught { count, .. } => Ok(count),
            _ => unreachable!("teaching is answered so"),
        }
    }

    /// What a line is.
    ///
    /// # Errors
    /// [`Error::Encode`]; [`Error::NothingTaught`].
    pub fn classify(&mut self, line: &str) -> Result<Prediction, Error> {
        let feature = self.encoder.feature(line)?;
        let verdict = self.learner().classify(&feature)?;
        Ok(prediction(self.learner(), &verdict.ok_or(Error::NothingTaught)?))
    }

    /// The classes, in the order they were taught.
    pub fn classes(&self) -> Vec<Class> {
        classes(self.learner())
    }

    /// Everything learned, for what this type has no method for.
    pub fn learner(&self) -> &Learner {
        self.persistent.learner()
    }

    /// Carries out any command and stores what it changed.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Keeping`].
    pub fn apply(&mut self, command: Command) -> Result<Reply, Error> {
        Ok(self.persistent.apply(command, self.clock.now())?)
    }
}
