//! `fieldtune store reteach`: relearns what was taught from its images, with another backbone.

use anyhow::bail;
use clap::Args;

use super::args::model::ModelArgs;
use super::args::store::{StoreArgs, now};
use super::pool::{Pool, on_threads};
use super::views::{frame_of, images_of_all};
use super::{Context, Exit};
use crate::learn::examples::{Example, narrowed};
use crate::learn::head::ExampleId;
use crate::learn::learner::Learner;
use crate::protocol::people::counted;
use crate::store::snapshot::Snapshot;
use crate::store::{Store as _, persistent};

/// Examples that are named at most.
const NAMED: usize = 20;

/// Relearn everything from the kept images, after a change of backbone, taps or preprocessing
///
/// All or nothing; what was learned before becomes a checkpoint, with the backbone it was taught with.
#[derive(Debug, Args)]
pub(super) struct ReteachCommand {
    /// Forget the examples that have no image instead of refusing
    #[arg(long)]
    drop_missing: bool,
    #[command(flatten)]
    model: ModelArgs,
}

impl ReteachCommand {
    pub(super) fn run(self, store: &StoreArgs, context: &Context) -> anyhow::Result<Exit> {
        store.refuse_untaught()?;
        store.refuse_lines("store reteach", "teach the lines again")?;
        let pool = Pool::load(&self.model.of_store(store)?, context)?;
        let model = pool.model().clone();
        let mut session = store.open_taught()?;
        let kinds = persistent::views(session.store_mut())?;
        let images = images_of_all(&mut session)?;
        let old = session.learner();
        let missing: Vec<ExampleId> =
            old.examples().iter().map(|one| one.id).filter(|id| !images.contains_key(id)).collect();
        if !missing.is_empty() && !self.drop_missing {
            bail!(
                "{} no image, so nothing was changed: {}\n  next: teach them again, or leave them out with --drop-missing",
                counted(missing.len(), "example has", "examples have"),
                listed(&missing)
            );
        }
        let kept: Vec<&Example> =
            old.examples().iter().filter(|example| images.contains_key(&example.id)).collect();
        let bar = context.bar(kept.len() as u64, "relearning");
        let places = old.is_alone();
        let examples = on_threads(kept.len(), pool.size(), |place| -> anyhow::Result<Example> {
            let example = kept[place];
            let frame = frame_of(example.id, &images[&example.id])?;
            let seen = pool.seen(&frame, places)?;
            let views = pool.views(&frame, &kinds)?;
            bar.inc(1);
            Ok(Example {
                feature: narrowed(&seen.feature),
                patches: seen.patches.map(|patches| patches.kept()),
                views: views.iter().map(|view| narrowed(view)).collect(),
                ..example.clone()
            })
        });
        bar.finish_and_clear();
        let examples: Vec<Example> = examples.into_iter().collect::<anyhow::Result<_>>()?;
        // A centre is the mean of features of the backbone before.
        let config = old.head_config().clone().with_centre(None);
        let new = old.relearned(examples, pool.dim(), config)?;
        let (count, before, after) = (new.examples().len(), estimate(old), estimate(&new));
        let whole = Snapshot::of(&new, model.clone());
        let from = session.model().name.clone();
        session.store_mut().replace(&whole, Some("before reteach"), &[], now())?;
        println!(
            "relearned {} with {} instead of {from}",
            counted(count, "example", "examples"),
            model.name
        );
        if !missing.is_empty() {
            println!("forgot {} without an image: {}", missing.len(), listed(&missing));
        }
        println!("estimated balanced accuracy: {before} before, {after} now");
        Ok(Exit::Done)
    }
}

fn estimate(learner: &Learner) -> String {
    let known = learner.estimate().and_then(|estimate| estimate.balanced_accuracy);
    known.map_or_else(|| "not available yet".to_owned(), |known| format!("{:.0} %", known * 100.0))
}

pub(super) fn listed(ids: &[ExampleId]) -> String {
    let named: Vec<String> = ids.iter().take(NAMED).map(|id| id.0.to_string()).collect();
    let more = ids.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}
