//! The library in one type: a frozen backbone, a head that learns, and the file that keeps what it learned.

mod load;
mod text;

use std::fmt;
use std::path::Path;

use crate::backbone::card::{ModelError, built_in};
use crate::backbone::{EmbeddingSource, EncodeError, ExtractError, FeatureSource as _};
use crate::device::clock::Clock;
use crate::image::frame::{Frame, FrameError};
use crate::image::picture::{self, IMAGE_SIDE, PictureError};
use crate::learn::command::{
    ChangeHead, ChangeThresholds, Command, CommandError, ForgetExamples, NewExample, Reply,
    TeachExamples, UndoLatest,
};
use crate::learn::decision::Verdict;
use crate::learn::engine::{Engine, EngineError};
use crate::learn::head::{ClassId, HeadConfig, HeadError};
use crate::learn::learner::{ClassName, Learner};
use crate::protocol::people;
use crate::sound;
use crate::store::persistent::{OtherBackbone, PersistError, PersistentLearner};
use crate::store::signed::{self, SignedError};
use crate::store::snapshot::{ModelId, Snapshot, SnapshotError};
use crate::store::{FileStore, StoreError, tail};

pub use text::TextTuner;

/// Learns classes from a few frames each and says what other frames show.
///
/// Every change is in the store's file when its method returns, and lasts through a power cut; a method that failed
/// changed nothing. One process at a time uses a file.
///
/// ```
/// use fieldtune::Fieldtune;
/// use fieldtune::camera::{Camera, Synthetic};
/// use fieldtune::image::frame::Timestamp;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("learned.ftune");
/// let mut tuner = Fieldtune::open(path)?;
/// let mut camera = Synthetic::new(1);
/// let frame = camera.capture(Timestamp(1))?;
///
/// tuner.teach("good", &frame)?;
/// let prediction = tuner.classify(&frame)?;
/// println!("{prediction}");
/// assert_eq!(prediction.best, "good");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Fieldtune {
    persistent: PersistentLearner<Engine<EmbeddingSource>, FileStore>,
    clock: Clock,
    image_side: u32,
}

/// How a [`Fieldtune`] is opened.
#[derive(Debug, Default)]
#[must_use = "call `open`"]
pub struct Builder {
    backbone: Option<Backbone>,
    head: Option<HeadConfig>,
    thresholds: ChangeThresholds,
    image_side: Option<u32>,
    sounds: bool,
}

#[derive(Debug)]
enum Backbone {
    Named(String),
    Loaded(Box<EmbeddingSource>),
}

/// What a frame shows, by the names of classes.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
#[non_exhaustive]
pub struct Prediction {
    /// The class; `None` where it is unknown: not like anything that was taught, or not sure enough.
    pub class: Option<String>,
    /// The most likely of the taught classes, also where the class is unknown.
    pub best: String,
    /// Probability of `best` among the taught classes, 0 to 1, calibrated.
    pub confidence: f32,
    /// The second most likely class and its probability; `None` while there is but one class.
    pub runner_up: Option<(String, f32)>,
    /// How unlike everything taught, above 0; above 1 is unknown unless the thresholds say otherwise.
    pub novelty: f32,
}

/// A class and how much was taught of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Class {
    /// Its name.
    pub name: String,
    /// Its examples.
    pub examples: usize,
}

/// What a merge brought.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Merged {
    /// Classes that are new.
    pub classes: Vec<String>,
    /// Examples that are new.
    pub added: usize,
    /// Examples that were known already.
    pub known: usize,
}

/// Why something was not done; then nothing changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model's card or file cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The backbone cannot be loaded, or gave no feature.
    #[error(transparent)]
    Backbone(#[from] ExtractError),
    /// The store was taught with another backbone.
    #[error("{}", .0.about(.1))]
    OtherBackbone(Box<OtherBackbone>, String),
    /// The store's file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A command was refused: a name, a class that there is not, a value out of its range.
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// The change could not be stored, or what is stored cannot be used.
    #[error(transparent)]
    Keeping(PersistError),
    /// The frame cannot be used.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The head refused the feature.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// A line of text has no embedding.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// An image's file cannot be used.
    #[error(transparent)]
    Image(#[from] PictureError),
    /// Bytes are no pack.
    #[error(transparent)]
    Pack(#[from] SnapshotError),
    /// A pack's signature does not hold.
    #[error(transparent)]
    Signature(#[from] SignedError),
    /// Nothing has been taught yet, so nothing can be classified.
    #[error("nothing has been taught yet: teach a class first")]
    NothingTaught,
}

impl From<PersistError> for Error {
    fn from(error: PersistError) -> Self {
        match error {
            PersistError::Command(error) => Self::Refused(error),
            PersistError::Load(error) => Self::Store(error),
            PersistError::Head(error) => Self::Head(error),
            PersistError::Backbone(other) => Self::OtherBackbone(other, "the store".to_owned()),
            error => Self::Keeping(error),
        }
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Frame(error) => Self::Frame(error),
            EngineError::Extract(error) => Self::Backbone(error),
            EngineError::Head(error) => Self::Head(error),
        }
    }
}

impl Builder {
    /// The backbone: a model's name, or the path of its card (`.toml`), also of a network that hears. The default is `built-in`, at the size that the
    /// store was taught with, or 224 pixels.
    ///
    /// A card's network is looked for beside the card, then in
    /// [`ModelCard::folder`](crate::backbone::card::ModelCard::folder).
    pub fn model(mut self, name: impl Into<String>) -> Self {
        self.backbone = Some(Backbone::Named(name.into()));
        self
    }

    /// A backbone that was loaded already.
    pub fn backbone(mut self, backbone: impl Into<EmbeddingSource>) -> Self {
        self.backbone = Some(Backbone::Loaded(Box::new(backbone.into())));
        self
    }

    /// Learns sounds in place of images, see [`crate::sound`]: recordings, and frames of a camera that listens.
    pub fn sounds(mut self) -> Self {
        self.sounds = true;
        self
    }

    /// The head; a store with another one relearns it from the examples. By default the store's own, LDA in a new
    /// one.
    pub fn head(mut self, head: HeadConfig) -> Self {
        self.head = Some(head);
        self
    }

    /// Below this confidence a prediction is unknown, 0 to 1.
    pub fn min_confidence(mut self, confidence: f32) -> Self {
        self.thresholds.confidence = Some(confidence);
        self
    }

    /// Above this novelty a prediction is unknown, above 0; infinity turns the check off.
    pub fn max_novelty(mut self, novelty: f32) -> Self {
        self.thresholds.novelty = Some(novelty);
        self
    }

    /// The longer side of the image that is kept with an example, in pixels; 0 keeps none. [`IMAGE_SIDE`] by default.
    pub fn image_side(mut self, pixels: u32) -> Self {
        self.image_side = Some(pixels);
        self
    }

    /// Opens a store's file, or makes it.
    ///
    /// # Errors
    /// [`Error::OtherBackbone`] if the store was taught with another backbone; [`Error::Model`], [`Error::Backbone`] if
    /// the backbone cannot be loaded; [`Error::Store`], [`Error::Keeping`] if the store cannot be used;
    /// [`Error::Refused`] for a threshold out of its range.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Fieldtune, Error> {
        let path = path.as_ref();
        let mut store = FileStore::open(path)?;
        let tail = tail::tail_of(&mut store)?.map(|kept| kept.tail);
        let source = match self.backbone {
            Some(Backbone::Loaded(source)) => *source,
            Some(Backbone::Named(name)) if name != built_in::NAME => {
                load::load(&name, tail.as_ref())?
            }
            _ => {
                // What is wrong with the store is said when it is opened.
                let taught = FileStore::taught_with(path).ok().flatten();
                let card = taught.and_then(|model| model.built_in());
                let name = card.map_or_else(|| built_in::NAME.to_owned(), |card| card.name);
                load::load(&name, tail.as_ref())?
            }
        };
        let source = if self.sounds { source.for_sounds() } else { source };
        let persistent = PersistentLearner::open(store, &ModelId::of_source(&source));
        let persistent = persistent.map_err(|error| match error {
            PersistError::Backbone(other) => {
                Error::OtherBackbone(other, path.display().to_string())
            }
            error => error.into(),
        })?;
        let persistent = persistent.looking_with(source)?;
        let image_side = self.image_side.unwrap_or(IMAGE_SIDE);
        let mut tuner = Fieldtune { persistent, clock: Clock::new(), image_side };
        if let Some(head) = self.head.filter(|head| head != tuner.learner().head_config()) {
            tuner.apply(Command::Head(ChangeHead { config: Some(head) }))?;
        }
        if self.thresholds != ChangeThresholds::default() {
            tuner.apply(Command::Threshold(self.thresholds))?;
        }
        Ok(tuner)
    }
}

impl Fieldtune {
    /// Opens a store's file with the built-in backbone, or makes it.
    ///
    /// # Errors
    /// As [`Builder::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::builder().open(path)
    }

    /// To open with another backbone, head or thresholds.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Learns a frame as one example of a class; a name that was not used makes a new class.
    ///
    /// * returns the examples that the class has now.
    ///
    /// # Errors
    /// [`Error::Refused`] for a name that cannot be one; [`Error::Keeping`] if it could not be stored.
    pub fn teach(&mut self, class: &str, frame: &Frame) -> Result<usize, Error> {
        let image = picture::kept(&self.persistent.get().as_taught(frame), self.image_side);
        let example = self.persistent.get_mut().new_example(frame, "library", image)?;
        self.teach_example(class, example)
    }

    /// As [`Fieldtune::teach`], of an image's file.
    ///
    /// # Errors
    /// [`Error::Image`]; as [`Fieldtune::teach`].
    pub fn teach_file(&mut self, class: &str, file: impl AsRef<Path>) -> Result<usize, Error> {
        let file = file.as_ref();
        let frame = self.load_file(file)?;
        let image = picture::kept(&self.persistent.get().as_taught(&frame), self.image_side);
        let example =
            self.persistent.get_mut().new_example(&frame, &picture::shown(file), image)?;
        self.teach_example(class, example)
    }

    fn teach_example(&mut self, class: &str, example: NewExample) -> Result<usize, Error> {
        let teach = TeachExamples { class: class.to_owned(), examples: vec![example] };
        match self.apply(Command::Teach(teach))? {
            Reply::Taught { count, .. } => Ok(count),
            _ => unreachable!("teaching is answered so"),
        }
    }

    /// What a frame shows.
    ///
    /// # Errors
    /// [`Error::NothingTaught`]; [`Error::Backbone`] if the frame gives no feature.
    pub fn classify(&mut self, frame: &Frame) -> Result<Prediction, Error> {
        let now = self.clock.now();
        let verdict = self.persistent.get_mut().step(frame, now)?.verdict;
        Ok(prediction(self.learner(), &verdict.ok_or(Error::NothingTaught)?))
    }

    /// What an image's file shows.
    ///
    /// # Errors
    /// [`Error::Image`]; as [`Fieldtune::classify`].
    pub fn classify_file(&mut self, file: impl AsRef<Path>) -> Result<Prediction, Error> {
        self.classify(&self.load_file(file.as_ref())?)
    }

    fn load_file(&self, file: &Path) -> Result<Frame, Error> {
        let window = self.persistent.get().source().sound_window();
        Ok(sound::load(file, &window, self.clock.now())?)
    }

    /// Forgets a class and its examples.
    ///
    /// # Errors
    /// [`Error::Refused`] where there is no such class.
    pub fn forget(&mut self, class: &str) -> Result<(), Error> {
        self.apply(Command::Forget(ForgetExamples::Class(class.to_owned()))).map(drop)
    }

    /// Takes back the latest change.
    ///
    /// * returns whether there was one.
    ///
    /// # Errors
    /// [`Error::Keeping`].
    pub fn undo(&mut self) -> Result<bool, Error> {
        match self.apply(Command::Undo(UndoLatest))? {
            Reply::Undone { changes, .. } => Ok(!changes.is_empty()),
            _ => unreachable!("undoing is answered so"),
        }
    }

    /// The classes, in the order they were taught.
    pub fn classes(&self) -> Vec<Class> {
        classes(self.learner())
    }

    /// Balanced accuracy by leave-one-out, 0 to 1: how well it would do on frames like the examples. `None` while too
    /// little was taught.
    pub fn estimated_accuracy(&self) -> Option<f32> {
        self.learner().estimate().and_then(|estimate| estimate.balanced_accuracy)
    }

    /// Everything learned, with images, as a pack for another device with the same backbone.
    ///
    /// # Errors
    /// [`Error::Store`] if the images cannot be read.
    pub fn export(&mut self) -> Result<Vec<u8>, Error> {
        Ok(self.persistent.portable_with_images()?.canonical(true).encode())
    }

    /// Learns what another device learned, beside what was learned here, all of it or nothing.
    ///
    /// * `pack`: of [`Fieldtune::export`] or `fieldtune store export`, signed or not: no signature is required.
    ///
    /// # Errors
    /// [`Error::Pack`], [`Error::Signature`] for other bytes; [`Error::Keeping`] if it was learned with another
    /// backbone.
    pub fn merge(&mut self, pack: &[u8]) -> Result<Merged, Error> {
        let opened = signed::open(pack, &[])?;
        let snapshot = Snapshot::decode(opened.pack)?;
        let now = self.clock.now();
        match self.persistent.merge(&[snapshot], None, now)? {
            Reply::Merged { classes, added, known, .. } => Ok(Merged { classes, added, known }),
            _ => unreachable!("merging is answered so"),
        }
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

fn prediction(learner: &Learner, verdict: &Verdict) -> Prediction {
    let name = |id: ClassId| {
        learner.classes().get(&id).map(|name| name.as_str().to_owned()).unwrap_or_default()
    };
    Prediction {
        class: verdict.class.map(name),
        best: name(verdict.best),
        confidence: verdict.confidence,
        runner_up: verdict.runner_up.map(|(id, confidence)| (name(id), confidence)),
        novelty: verdict.novelty,
    }
}

fn classes(learner: &Learner) -> Vec<Class> {
    let named = |(&id, name): (&ClassId, &ClassName)| Class {
        name: name.as_str().to_owned(),
        examples: learner.examples().count(id),
    };
    learner.classes().iter().map(named).collect()
}

impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let confidence = self.runner_up.as_ref().map(|_| self.confidence);
        f.write_str(&people::prediction(self.class.as_deref(), &self.best, confidence))
    }
}
