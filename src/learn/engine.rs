//! A frame in, a verdict out; a command in, a reply out. No I/O, no clock, no threads, no randomness: what happens is
//! a function of the frames, the commands and their times.

use std::borrow::Cow;
use std::sync::Arc;

use crate::backbone::{ExtractError, FeatureSource};
use crate::image::frame::{Frame, FrameError, Region, Timestamp};
use crate::image::levels::Levels;
use crate::image::views::ViewKinds;
use crate::learn::command::{Command, CommandResult, NewExample};
use crate::learn::decision::{Smoother, Verdict};
use crate::learn::explained::{ExplainError, Explained};
use crate::learn::head::{ClassId, HeadError};
use crate::learn::learner::{Learner, MadePatches};
use crate::learn::patches::{FrameFeatures, Patches};

/// A feature source and a learner, brought together.
#[derive(Debug)]
pub struct Engine<S> {
    source: S,
    learner: Learner,
    region: Region,
    smoother: Smoother,
    views: ViewKinds,
    levels: Option<Levels>,
    revision: u64,
}

/// What one frame gave.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameResult {
    /// The frame's own verdict; `None` while nothing has been taught.
    pub verdict: Option<Verdict>,
    /// The verdict steadied over frames: the class, or unknown, and its share, 0 to 1.
    pub steady: Option<(Option<ClassId>, f32)>,
    /// The frame's feature, `[dim]`: teaching this very frame costs no second pass through the backbone.
    pub feature: Vec<f32>,
    /// What was seen at its places, while no second class is taught.
    pub patches: Option<Arc<Patches>>,
    /// Microseconds between capture and `now`.
    pub age_micros: u64,
}

/// Why a frame gave no verdict; what was learned is untouched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The region does not fit the frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The backbone gave no feature.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// The head refused the feature.
    #[error(transparent)]
    Head(#[from] HeadError),
}

impl<S: FeatureSource> Engine<S> {
    /// # Errors
    /// [`HeadError::Dim`] if the source gives features of another length than the learner was taught with.
    pub fn new(source: S, learner: Learner) -> Result<Self, HeadError> {
        if source.dim() != learner.dim() {
            return Err(HeadError::Dim { wanted: learner.dim(), got: source.dim() });
        }
        let (region, smoother) = (Region::Whole, Smoother::new(1));
        let (views, levels, revision) = (ViewKinds::default(), None, 0);
        Ok(Self { source, learner, region, smoother, views, levels, revision })
    }

    /// Which views frames are learned with.
    pub fn view_kinds(&self) -> &ViewKinds {
        &self.views
    }

    /// Frames are learned with these views from now on.
    pub fn set_views(&mut self, kinds: ViewKinds) {
        self.views = kinds;
    }

    /// What frames go through before they are looked at.
    pub fn levels(&self) -> Option<&Levels> {
        self.levels.as_ref()
    }

    /// Frames go through these from now on, so that they look as they would in the light that was taught.
    pub fn set_levels(&mut self, levels: Option<Levels>) {
        self.levels = levels;
        self.changed();
    }

    /// A frame as it would look in the light that was taught: what is looked at, and kept with an example.
    pub fn as_taught<'a>(&self, frame: &'a Frame) -> Cow<'a, Frame> {
        match &self.levels {
            Some(levels) => Cow::Owned(levels.apply(frame)),
            None => Cow::Borrowed(frame),
        }
    }

    /// Looks at this part of every frame from now on.
    pub fn set_region(&mut self, region: Region) {
        self.region = region;
        self.smoother.reset();
    }

    /// * `frames`: how many frames a steadied verdict leans on, at least 1.
    pub fn set_smoothing(&mut self, frames: u32) {
        self.smoother = Smoother::new(frames);
    }

    /// What was learned.
    pub fn learner(&self) -> &Learner {
        &self.learner
    }

    /// Puts another learner in its place, of features of the same length.
    pub fn set_learner(&mut self, learner: Learner) {
        let elsewhere = self.learner.makes_patches_elsewhere();
        self.learner = learner;
        if elsewhere {
            self.learner.make_patches_elsewhere();
        }
        self.changed();
    }

    /// See [`Learner::make_patches_elsewhere`]; also of a learner that is put in the place of this one.
    pub fn make_patches_elsewhere(&mut self) {
        self.learner.make_patches_elsewhere();
    }

    /// See [`Learner::put_patches`].
    pub fn put_patches(&mut self, made: MadePatches) {
        self.learner.put_patches(made);
        self.changed();
    }

    /// Looks with another source from now on, and classifies with what was learned with that one.
    ///
    /// # Errors
    /// As [`Engine::new`]; then nothing changed.
    pub fn look_with(&mut self, source: S, learner: Learner) -> Result<(), HeadError> {
        if source.dim() != learner.dim() {
            return Err(HeadError::Dim { wanted: learner.dim(), got: source.dim() });
        }
        self.source = source;
        self.set_learner(learner);
        Ok(())
    }

    /// Makes the latest change to what was learned one that never was, see [`Learner::revoke`].
    pub fn revoke(&mut self) {
        self.learner.revoke();
        self.changed();
    }

    /// Rises whenever what was learned, or what frames go through, becomes another: verdicts before and after are not to be
    /// steadied together.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    fn changed(&mut self) {
        self.revision += 1;
        self.smoother.reset();
    }

    /// Where features come from.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// The two halves, to explain what they make of a frame.
    pub fn parts(&mut self) -> (&mut S, &Learner) {
        (&mut self.source, &self.learner)
    }

    /// Classifies one frame.
    ///
    /// # Errors
    /// [`EngineError`]; the next frame starts afresh.
    pub fn step(&mut self, frame: &Frame, now: Timestamp) -> Result<FrameResult, EngineError> {
        let seen = self.seen(frame)?;
        self.classify(frame, seen, now)
    }

    /// Classifies a frame that was looked at, as the second half of [`Engine::step`].
    ///
    /// * `seen`: what [`Engine::seen`] gave for it.
    ///
    /// # Errors
    /// [`EngineError::Head`].
    pub fn classify(
        &mut self,
        frame: &Frame,
        FrameFeatures { feature, patches }: FrameFeatures,
        now: Timestamp,
    ) -> Result<FrameResult, EngineError> {
        let verdict = self.learner.classify_with(&feature, patches.as_deref())?;
        let steady = verdict.as_ref().map(|verdict| self.smoother.step(verdict));
        let age_micros = now.micros_since(frame.captured());
        Ok(FrameResult { verdict, steady, feature, patches, age_micros })
    }

    /// What the backbone says of the region of a frame, with its patches while no second class is taught.
    ///
    /// # Errors
    /// As [`Engine::feature`].
    pub fn seen(&mut self, frame: &Frame) -> Result<FrameFeatures, EngineError> {
        self.seen_whole(frame.region(&self.region)?.as_ref())
    }

    /// As [`Engine::seen`], of a frame whole, wherever the region is.
    ///
    /// # Errors
    /// [`EngineError::Extract`].
    pub fn seen_whole(&mut self, frame: &Frame) -> Result<FrameFeatures, EngineError> {
        let (places, frame) = (self.learner.is_alone(), self.as_taught(frame));
        Ok(FrameFeatures::by(&mut self.source, frame.as_ref(), places)?)
    }

    /// As [`Engine::seen_whole`], of a frame that goes through other levels than those in force.
    ///
    /// # Errors
    /// [`EngineError::Extract`].
    pub fn seen_through(
        &mut self,
        levels: &Levels,
        frame: &Frame,
    ) -> Result<FrameFeatures, EngineError> {
        let places = self.learner.is_alone();
        Ok(FrameFeatures::by(&mut self.source, &levels.apply(frame), places)?)
    }

    /// `[dim]`, what the backbone says of the region of a frame.
    ///
    /// # Errors
    /// [`EngineError::Frame`], [`EngineError::Extract`].
    pub fn feature(&mut self, frame: &Frame) -> Result<Vec<f32>, EngineError> {
        self.feature_of_whole(frame.region(&self.region)?.as_ref())
    }

    /// `[views][dim]`, what a frame is learned with beside its own feature, see [`FeatureSource::views`].
    ///
    /// # Errors
    /// As [`Engine::feature`].
    pub fn views(&mut self, frame: &Frame) -> Result<Vec<Vec<f32>>, EngineError> {
        self.views_of_whole(frame.region(&self.region)?.as_ref())
    }

    /// `[dim]`, what the backbone says of a frame whole, wherever the region is.
    ///
    /// # Errors
    /// [`EngineError::Extract`].
    pub fn feature_of_whole(&mut self, frame: &Frame) -> Result<Vec<f32>, EngineError> {
        let frame = self.as_taught(frame);
        Ok(self.source.feature(frame.as_ref())?)
    }

    /// As [`Engine::views`], of a frame whole.
    ///
    /// # Errors
    /// [`EngineError::Extract`].
    pub fn views_of_whole(&mut self, frame: &Frame) -> Result<Vec<Vec<f32>>, EngineError> {
        let frame = self.as_taught(frame);
        Ok(self.source.views(frame.as_ref(), &self.views)?)
    }

    /// Where in a frame its prediction comes from, wherever the region is; it takes a pass of the backbone.
    ///
    /// # Errors
    /// [`ExplainError`].
    pub fn explain(&mut self, frame: &Frame) -> Result<Explained, ExplainError> {
        Explained::of(&mut self.source, &self.learner, frame)
    }

    /// A frame made ready to be taught.
    ///
    /// # Errors
    /// As [`Engine::feature`].
    pub fn new_example(
        &mut self,
        frame: &Frame,
        origin: &str,
        image: Option<Vec<u8>>,
    ) -> Result<NewExample, EngineError> {
        let (FrameFeatures { feature, patches }, views) = (self.seen(frame)?, self.views(frame)?);
        Ok(NewExample { image, views, patches, ..NewExample::new(feature, origin) })
    }

    /// Carries out a command. The reply may be given once the changes beside it are stored.
    ///
    /// # Errors
    /// [`crate::learn::command::CommandError`]; then nothing changed.
    pub fn apply(&mut self, command: Command, now: Timestamp) -> CommandResult {
        let outcome = command.apply(&mut self.learner, now)?;
        if !outcome.1.is_empty() {
            self.changed();
        }
        Ok(outcome)
    }
}
