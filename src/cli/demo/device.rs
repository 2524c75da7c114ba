//! What a device is without its camera: the engine, and the store that every change goes through.

use std::path::Path;

use anyhow::Context as _;

use crate::backbone::EmbeddingSource;
use crate::cli::Context;
use crate::cli::args::model::ModelArgs;
use crate::cli::args::store::{StoreArgs, now};
use crate::image::frame::Frame;
use crate::learn::command::{Command, Reply};
use crate::learn::decision::Verdict;
use crate::learn::engine::Engine;
use crate::learn::head::ClassId;
use crate::learn::learner::UNKNOWN;
use crate::store::FileStore;
use crate::store::persistent::PersistentLearner;
use crate::store::snapshot::ModelId;

#[derive(Debug)]
pub(super) struct Device(PersistentLearner<Engine<EmbeddingSource>, FileStore>);

impl Device {
    /// As after power on: loads the backbone, opens the store, learns again what is in it.
    pub(super) fn start(model: &ModelArgs, context: &Context, path: &Path) -> anyhow::Result<Self> {
        let source = model.of_stores(&[path.to_owned()]).load(context)?;
        Self::begin(source, path)
    }

    /// As [`Device::start`], with a backbone that is loaded.
    pub(super) fn begin(source: EmbeddingSource, path: &Path) -> anyhow::Result<Self> {
        let session = StoreArgs::at(path).begin_for(&ModelId::of_source(&source))?;
        Ok(Self(session.looking_with(source)?))
    }

    /// Carries out a command and stores what it changed; the reply comes once that is durable.
    pub(super) fn send(&mut self, command: Command) -> anyhow::Result<Reply> {
        Ok(self.0.apply(command, now())?)
    }

    /// The verdict on a frame, and its feature.
    pub(super) fn look(&mut self, frame: &Frame) -> anyhow::Result<(Verdict, Vec<f32>)> {
        let step = self.0.get_mut().step(frame, now())?;
        Ok((step.verdict.context("nothing has been taught")?, step.feature))
    }

    /// The verdict on a frame that was looked at before.
    pub(super) fn look_again(&self, feature: &[f32]) -> anyhow::Result<Verdict> {
        self.0.learner().classify(feature)?.context("nothing has been taught")
    }

    pub(super) fn engine(&mut self) -> &mut Engine<EmbeddingSource> {
        self.0.get_mut()
    }

    pub(super) fn model(&self) -> &ModelId {
        self.0.model()
    }

    /// Bytes of the store's file.
    pub(super) fn stored_bytes(&self) -> anyhow::Result<u64> {
        let path = self.0.store().path();
        let metadata = std::fs::metadata(path).with_context(|| path.display().to_string())?;
        Ok(metadata.len())
    }

    /// How the class is called; the verdict without a class has a name, too.
    pub(super) fn name(&self, class: Option<ClassId>) -> &str {
        let known = class.map(|class| self.0.learner().classes().get(&class));
        known.map_or(UNKNOWN, |name| name.map_or("?", |name| name.as_str()))
    }
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
