//! What a device is without its camera: the engine, and the store that every change goes through.

use std::path::Path;

use anyhow::Context as _;

use crate::backbone::{Extractor, FeatureSource as _};
use crate::cli::model_args::ModelArgs;
use crate::cli::store_args::now;
use crate::cli::{Context, model_id};
use crate::command::{Command, Reply};
use crate::decision::Verdict;
use crate::engine::Engine;
use crate::examples::Examples;
use crate::frame::Frame;
use crate::head::ClassId;
use crate::learner::{Learner, UNKNOWN};
use crate::snapshot::{ModelId, Snapshot};
use crate::store::{FileStore, Store as _};

#[derive(Debug)]
pub(super) struct Device {
    engine: Engine<Extractor>,
    store: FileStore,
    model: ModelId,
}

impl Device {
    /// As after power on: loads the backbone, opens the store, learns again what is in it.
    pub(super) fn start(model: &ModelArgs, context: &Context, path: &Path) -> anyhow::Result<Self> {
        let source = model.load(context)?;
        let mut store = FileStore::open(path)?;
        let id = model_id(&source);
        let learner = match store.load()? {
            Some(snapshot) => {
                let learner = snapshot.into_learner(Examples::DEFAULT_BUDGET);
                learner.with_context(|| path.display().to_string())?
            }
            None => Learner::new(source.dim(), Default::default(), Examples::DEFAULT_BUDGET)?,
        };
        Ok(Self { engine: Engine::new(source, learner)?, store, model: id })
    }

    /// Takes away what an earlier demo left, since this one begins with nothing learned.
    pub(super) fn erase(path: &Path) -> anyhow::Result<()> {
        // Opened first: another demo may be using it.
        let _store = FileStore::open(path)?;
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| path.display().to_string())
            }
            _ => Ok(()),
        }
    }

    /// Carries out a command and stores what it changed; the reply comes once that is durable.
    pub(super) fn send(&mut self, command: Command) -> anyhow::Result<Reply> {
        let (reply, changes) = self.engine.apply(command, now())?;
        let (learner, model) = (self.engine.learner(), &self.model);
        self.store.commit(&changes, &|| Snapshot::of(learner, model.clone()))?;
        Ok(reply)
    }

    /// The verdict on a frame, and its feature.
    pub(super) fn look(&mut self, frame: &Frame) -> anyhow::Result<(Verdict, Vec<f32>)> {
        let step = self.engine.step(frame, now())?;
        Ok((step.verdict.context("nothing has been taught")?, step.feature))
    }

    /// The verdict on a frame that was looked at before.
    pub(super) fn look_again(&self, feature: &[f32]) -> anyhow::Result<Verdict> {
        self.engine.learner().judge(feature)?.context("nothing has been taught")
    }

    pub(super) fn engine(&mut self) -> &mut Engine<Extractor> {
        &mut self.engine
    }

    pub(super) fn model(&self) -> &ModelId {
        &self.model
    }

    /// Bytes of the store's file.
    pub(super) fn stored_bytes(&self) -> anyhow::Result<u64> {
        let path = self.store.path();
        let metadata = std::fs::metadata(path).with_context(|| path.display().to_string())?;
        Ok(metadata.len())
    }

    /// How the class is called; the verdict without a class has a name, too.
    pub(super) fn name(&self, class: Option<ClassId>) -> &str {
        let known = class.map(|class| self.engine.learner().classes().get(&class));
        known.map_or(UNKNOWN, |name| name.map_or("?", |name| name.as_str()))
    }
}
