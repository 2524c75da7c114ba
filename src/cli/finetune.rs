//! `fieldtune finetune`: trains the last blocks of the backbone with what was taught, where that helps.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;

use super::args::model::ModelArgs;
use super::args::store::{Session, StoreArgs, now};
use super::pool::{Pool, on_threads};
use super::views::{frame_of, images_of_all, relearned};
use super::{Context, Exit};
use crate::backbone::{Extractor, FINE_TUNED, Tail};
use crate::learn::examples::{Example, narrowed};
use crate::learn::head::ExampleId;
use crate::learn::learner::Learner;
use crate::learn::tune::{Recipe, TuneError, Tuned, Tuner, TuningSample, Validation, features};
use crate::protocol::people::counted;
use crate::store::persistent::{self, OtherBackbone};
use crate::store::snapshot::{ModelId, Snapshot};
use crate::store::tail::KeptTail;
use crate::store::{Store as _, tail};

/// Train the last blocks of the backbone with the taught images, where that helps
///
/// They are kept only where left-out images say that they help by more than chance; what was learned before becomes a
/// checkpoint.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fieldtune finetune               the blocks of the last stage
  fieldtune finetune --depth 1     the last block alone
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
            (_, Ok(blocks @ 1..=99)) => Ok(Self(Some(blocks))),
            _ => Err("wanted auto or a number from 1 to 99".to_owned()),
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
        let mut session = self.store.open_taught()?;
        let model = self.model.of_store(&self.store)?;
        let before = self.base(&mut session, &model)?;
        let as_it_is = model.tail(self.depth.0)?;
        let images = usize::MAX;
        let pool = Pool::load_with(images, &model, Some(&as_it_is), context)?;
        let samples = samples(&mut session, &pool, context)?;
        let learner = session.learner();
        let recipe = Recipe { epochs: self.epochs, ..Recipe::default() };
        let blocks = pool.blocks().to_vec();
        let head = learner.head_config();
        let tuner = Tuner::new(&as_it_is, blocks.clone(), &samples, head, recipe)?;
        let bar = context.bar(tuner.steps() as u64, "fine-tuning");
        let limit = self.minutes.map(|minutes| Duration::from_secs(60 * minutes));
        let tuned = tuner.run(&mut |done, _| {
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
        println!("{}", figures(&validation));
        if tail::tail_of(session.store_mut())?.is_some() {
            println!(
                "before: of the backbone without blocks, and not with those of the store, which are trained again"
            );
        }
        let Some(tail) = tail else {
            println!(
                "not kept: it does not help by more than chance; nothing was changed\n  next: teach more images of every class, then try again"
            );
            return Ok(Exit::Negative);
        };
        let new = with_tail(&session, &samples, &tail, &before, blocks.len())?;
        let correction = validation.correction(&new);
        let model = fine_tuned(&before, &tail);
        let whole = Snapshot::of(&new, model);
        let name = tail::name_of(tail.fingerprint());
        let kept = KeptTail { tail, correction };
        let bytes = kept.to_bytes();
        let settings = [(name.as_str(), bytes.as_slice())];
        session.store_mut().replace(&whole, Some("before finetune"), &settings, now())?;
        println!(
            "fine-tuned the blocks behind {} with {}: {} weights, {} bytes\n  next: fieldtune generations shows the checkpoint before; fieldtune rollback NUMBER goes back to it",
            kept.tail.cut(),
            counted(samples.len(), "example", "examples"),
            kept.tail.network().weights().len(),
            bytes.len()
        );
        Ok(Exit::Done)
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

fn figures(validation: &Validation) -> String {
    format!(
        "balanced accuracy of {}, left out in turns: {:.1} % before, {:.1} % with fine-tuned blocks ({:+.1} ± {:.1} points)",
        counted(validation.looks, "look", "looks"),
        validation.frozen * 100.0,
        validation.adapted * 100.0,
        validation.gain() * 100.0,
        validation.uncertainty * 100.0
    )
}

/// Of every example, its image and the views that the store learns with.
fn samples(
    session: &mut Session,
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
    let samples =
        on_threads(examples.len(), pool.size(), |place| -> anyhow::Result<TuningSample> {
            let example = examples[place];
            let frame = frame_of(example.id, &images[&example.id])?;
            let views = pool.cuts(&frame, &kinds)?;
            bar.inc(1);
            Ok(TuningSample { class: example.class, group: example.group, views })
        });
    bar.finish_and_clear();
    samples.into_iter().collect()
}

/// What was learned, with the features that the backbone gives with the blocks.
///
/// * `samples`: of the learner's examples, in their order.
fn with_tail(
    session: &Session,
    samples: &[TuningSample],
    tail: &Tail,
    before: &ModelId,
    blocks: usize,
) -> anyhow::Result<Learner> {
    let old = session.learner();
    let dim = before.dim as usize + tail.network().dim();
    let seen: BTreeMap<ExampleId, Vec<Vec<f32>>> = old
        .examples()
        .iter()
        .zip(samples)
        .map(|(example, sample)| (example.id, features(tail, blocks, &sample.views)))
        .collect();
    let examples = old.examples().iter().map(|example| {
        let (own, views) = seen[&example.id].split_first().expect("a sample has its own view");
        Example {
            feature: narrowed(own),
            views: views.iter().map(|view| narrowed(view)).collect(),
            ..example.clone()
        }
    });
    // A centre is the mean of features without the blocks.
    let config = old.head_config().clone().with_centre(None);
    let mut new = relearned(old, examples, dim, config).context("nothing was changed")?;
    let ids = old.next_ids();
    new.restore_history(Vec::new(), ids.0, ids.1);
    Ok(new)
}

/// The backbone with the blocks.
fn fine_tuned(base: &ModelId, tail: &Tail) -> ModelId {
    let adapted = u32::try_from(tail.network().dim()).expect("a feature has far fewer values");
    ModelId {
        name: format!("{}{FINE_TUNED}", base.name),
        fingerprint: tail.fingerprint().0,
        dim: base.dim + adapted,
    }
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
