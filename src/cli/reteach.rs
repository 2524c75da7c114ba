//! `fieldtune store reteach`: what was taught, learned anew from its images with another backbone.

use std::collections::BTreeSet;

use anyhow::bail;
use clap::Args;

use super::args::model::ModelArgs;
use super::args::store::{StoreArgs, now};
use super::output::counted;
use super::{Context, Exit};
use crate::backbone::FeatureSource;
use crate::image::picture;
use crate::learn::examples::{Example, ImageMark, Images, narrowed};
use crate::learn::head::ExampleId;
use crate::learn::learner::{Change, Learner};
use crate::store::Store as _;
use crate::store::snapshot::ModelId;
use crate::store::snapshot::Snapshot;

/// Examples that are named at most.
const NAMED: usize = 20;

/// Learn everything anew from the kept images, after a change of backbone, taps or preprocessing
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
        let mut source = self.model.load(context)?;
        let model = ModelId::of(&source);
        let mut session = store.open_taught()?;
        let mut images = Images::new();
        let mut there = BTreeSet::new();
        session.store_mut().images(None, &mut |id, file| {
            there.insert(id);
            images.insert(ImageMark::of(file), file.to_vec());
        })?;
        let old = session.learner();
        let missing: Vec<ExampleId> =
            old.examples().iter().map(|one| one.id).filter(|id| !there.contains(id)).collect();
        if !missing.is_empty() && !self.drop_missing {
            bail!(
                "{} no image, so nothing was changed: {}\n  next: teach them again, or leave them out with --drop-missing",
                counted(missing.len(), "example has", "examples have"),
                listed(&missing)
            );
        }
        let bar = context.bar(there.len() as u64, "learning anew");
        let mut changes: Vec<Change> = old
            .classes()
            .iter()
            .map(|(&class, name)| Change::AddClass(class, name.clone()))
            .collect();
        let kept = old.examples().iter().filter(|example| there.contains(&example.id));
        for example in kept {
            let file = example.image.as_ref().and_then(|mark| images.get(mark));
            let Some(file) = file else { bail!("example {} has another's image", example.id.0) };
            let name = format!("the image of example {}", example.id.0);
            let frame = picture::decode(file, &name, now())?;
            let (feature, views) = (source.feature(&frame)?, source.views(&frame)?);
            changes.push(Change::AddExample(Example {
                feature: narrowed(&feature),
                views: views.iter().map(|view| narrowed(view)).collect(),
                ..example.clone()
            }));
            bar.inc(1);
        }
        bar.finish_and_clear();
        changes.push(Change::SetThresholds(*old.thresholds()));
        // A centre is the mean of features of the backbone before.
        let config = old.head_config().clone().with_centre(None);
        let mut new = Learner::new(source.dim(), config, old.examples().budget())?;
        new.change(changes)?;
        let (count, before, ids) = (new.examples().len(), estimate(old), old.next_ids());
        new.restore_history(Vec::new(), ids.0, ids.1);
        let after = estimate(&new);
        let whole = Snapshot::of(&new, model.clone());
        let from = session.model().name.clone();
        session.store_mut().replace(&whole, Some("before reteach"), None, now())?;
        println!(
            "learned {} anew, with {} where it was {from}",
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
    known.map_or_else(|| "cannot be told yet".to_owned(), |known| format!("{:.0} %", known * 100.0))
}

fn listed(ids: &[ExampleId]) -> String {
    let named: Vec<String> = ids.iter().take(NAMED).map(|id| id.0.to_string()).collect();
    let more = ids.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}
