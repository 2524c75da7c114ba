//! `fieldtune finetune`: trains the last blocks of the backbone with what was taught, where that helps.

use std::path::Path;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;

use super::args::model::ModelArgs;
use super::args::store::{Session, StoreArgs, now};
use super::pool::{Pool, on_threads};
use super::views::{frame_of, images_of_all};
use super::{Context, Exit};
use crate::backbone::Extractor;
use crate::device::runtime::room;
use crate::learn::examples::Example;
use crate::learn::head::ExampleId;
use crate::learn::tune::{Recipe, TuneError, Tuned, Tuner, TuningSample};
use crate::protocol::json::answer;
use crate::protocol::people::counted;
use crate::protocol::request::{Answer, FineTuning, MAX_DEPTH};
use crate::store::ViewStorage;
use crate::store::persistent::{self, OtherBackbone};
use crate::store::snapshot::ModelId;
use crate::store::tail;
use crate::store::tuned::TunedLearner;

/// Train the last blocks of the backbone with the taught images, where that helps
///
/// They are kept only where left-out images say that they help by more than chance; what was learned before becomes a
/// checkpoint.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fieldtune finetune               the blocks of the last stage
  fieldtune finetune --depth 1     the last block alone
  fieldtune finetune --try         find out whether it helps, change nothing
  fieldtune rollback NUMBER        back to the checkpoint before

When it helps, what it costs and where it fails: docs/learning.md")]
pub(super) struct FinetuneCommand {
    /// Blocks that are trained, counted from the end: auto (those of the last stage) or 1 and more
    #[arg(long, default_value = "auto", value_name = "auto|N")]
    depth: Depth,
    /// Passes over the images
    #[arg(long, default_value_t = Recipe::default().epochs, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    epochs: u32,
    /// Stop, and change nothing, where it takes longer
    #[arg(long, value_name = "M")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=10_000))]
    minutes: Option<u64>,
    /// Find out whether it helps, and change nothing
    #[arg(long)]
    r#try: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Depth(Option<usize>);

impl FromStr for Depth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("auto", _) => Ok(Self(None)),
            (_, Ok(blocks @ 1..=MAX_DEPTH)) => Ok(Self(Some(blocks as usize))),
            _ => Err(format!("wanted auto or a number from 1 to {MAX_DEPTH}")),
        }
    }
}

impl std::fmt::Display for Depth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            None => f.write_str("auto"),
            Some(blocks) => write!(f, "{blocks}"),
        }
    }
}

impl FinetuneCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let started = Instant::now();
        self.store.refuse_lines("finetune", "teach more lines instead")?;
        self.store.refuse_sounds("finetune", "teach more recordings instead")?;
        let mut session = match self.r#try {
            true => self.store.look()?,
            false => self.store.open_taught()?,
        };
        let model = self.model.of_store(&self.store)?;
        let before = self.base(&mut session, &model)?;
        let as_it_is = model.tail(self.depth.0)?;
        let images = usize::MAX;
        let pool = Pool::load_with(images, &model, Some(&as_it_is), context)?;
        let samples = samples(&mut session, &self.store.path()?, &pool, context)?;
        let head = session.learner().head_config();
        let recipe = Recipe { epochs: self.epochs, ..Recipe::default() };
        let blocks = pool.blocks().to_vec();
        let tuner = Tuner::new(&as_it_is, blocks.clone(), &samples, head, recipe)?;
        let bar = context.bar(tuner.steps(self.r#try) as u64, "fine-tuning");
        let limit = self.minutes.map(|minutes| Duration::from_secs(60 * minutes));
        let tuned = tuner.run(self.r#try, &mut |done, _| {
            bar.set_position(done as u64);
            limit.is_none_or(|limit| started.elapsed() < limit)
        });
        bar.finish_and_clear();
        let Tuned { validation, tail } = match tuned {
            Err(TuneError::Stopped) => {
                let limit = self.minutes.unwrap_or(0);
                bail!(
                    "{}\n  next: a longer --minutes than {limit}, or fewer --epochs",
                    TuneError::Stopped
                )
            }
            tuned => tuned?,
        };
        let found = FineTuning::of(&validation, samples.len(), &as_it_is, tail.is_some());
        let before_too = tail::tail_of(session.store_mut())?.is_some();
        if let Some(tail) = tail {
            let learner = session.learner();
            let tuned =
                TunedLearner::new(learner, &before, &samples, blocks.len(), (&validation, tail));
            tuned.context("nothing was changed")?.put(session.store_mut(), now())?;
        }
        let exit = if found.helps { Exit::Done } else { Exit::Negative };
        if self.json {
            println!("{}", answer(&Answer::FineTuned(Box::new(found))));
            return Ok(exit);
        }
        println!("{}", found.figures());
        if before_too {
            println!(
                "before: of the backbone without blocks, and not with those of the store, which are trained again"
            );
        }
        println!("{}", found.outcome("fieldtune generations", "fieldtune rollback"));
        Ok(exit)
    }

    /// The backbone that the store was taught with, without any blocks of its own; refuses another one.
    fn base(&self, session: &mut Session, model: &ModelArgs) -> anyhow::Result<ModelId> {
        let learned = session.model().clone();
        let base = match tail::tail_of(session.store_mut())? {
            Some(kept) => tail::base_of(&learned, &kept.tail),
            None => learned,
        };
        let chosen = model.choose()?;
        let given = Extractor::fingerprint_of(&chosen.onnx, &chosen.spec).0;
        if given != base.fingerprint {
            let given = ModelId { name: chosen.name, fingerprint: given, dim: base.dim };
            let path = self.store.path()?;
            let other = Box::new(OtherBackbone { learned: base, given });
            return Err(super::args::store::of_store(
                persistent::PersistError::Backbone(other),
                &path,
            ));
        }
        Ok(base)
    }
}

/// Of every example, its image and the views that the store learns with.
///
/// * `path`: the store's file; what memory has no room for is put beside it.
fn samples(
    session: &mut Session,
    path: &Path,
    pool: &Pool,
    context: &Context,
) -> anyhow::Result<Vec<TuningSample>> {
    let kinds = persistent::views(session.store_mut())?;
    let images = images_of_all(session)?;
    let examples: Vec<&Example> = session.learner().examples().iter().collect();
    let missing: Vec<ExampleId> =
        examples.iter().map(|one| one.id).filter(|id| !images.contains_key(id)).collect();
    if !missing.is_empty() {
        bail!(
            "{} no image, so nothing was changed: {}\n  next: teach them again, or leave them out with fieldtune store reteach --drop-missing",
            counted(missing.len(), "example has", "examples have"),
            super::reteach::listed(&missing)
        );
    }
    let bar = context.bar(examples.len() as u64, "embeddings");
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let storage = ViewStorage::new(room(), folder.unwrap_or(Path::new(".")));
    let storage = Mutex::new(storage);
    let samples =
        on_threads(examples.len(), pool.size(), |place| -> anyhow::Result<TuningSample> {
            let example = examples[place];
            let frame = frame_of(example.id, &images[&example.id])?;
            let mut views = pool.cuts(&frame, &kinds)?;
            let mut storage = storage.lock().unwrap_or_else(PoisonError::into_inner);
            storage
                .keep(&mut views)
                .map_err(|error| anyhow::anyhow!("{error}; nothing was changed"))?;
            bar.inc(1);
            Ok(TuningSample { class: example.class, group: example.group, views })
        });
    bar.finish_and_clear();
    samples.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_depth_is_auto_or_a_number_of_blocks() {
        for text in ["auto", "1", "3", "99"] {
            assert_eq!(text.parse::<Depth>().expect(text).to_string(), text);
        }
        for text in ["0", "100", "-1", "last", ""] {
            assert!(text.parse::<Depth>().is_err(), "{text}");
        }
    }
}
