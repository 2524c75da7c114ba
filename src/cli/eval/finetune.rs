//! `fieldtune eval --finetune`: the same heads over fine-tuned blocks.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use indicatif::ProgressBar;

use super::{EvalCommand, Source, images};
use crate::cli::Context;
use crate::cli::pool::{Pool, cores, on_threads};
use crate::eval::{self, Centre, Cuts, LabelledFeatures, Run, Split};
use crate::learn::head::HeadConfig;
use crate::learn::tune::{CutView, Recipe};

impl EvalCommand {
    /// One pass of the backbone that keeps what goes into its last blocks.
    pub(super) fn with_cuts(
        &self,
        dir: &Path,
        images: &[(String, PathBuf)],
        context: &Context,
    ) -> anyhow::Result<Source> {
        let tail = self.model.tail(None)?;
        let pool = Pool::load_with(images.len(), &self.model, Some(&tail), context)?;
        let (mut views, left_out) = images::cuts(images, &pool, context)?;
        views.sort_by(|a, b| a.0.cmp(&b.0));
        let dim = pool.blocks().iter().sum();
        let frozen = views.iter().map(|(name, view)| (name.clone(), view.frozen.clone()));
        let set = LabelledFeatures::new(dim, frozen.collect())
            .with_context(|| dir.display().to_string())?;
        let views: Vec<CutView> = views.into_iter().map(|(_, view)| view).collect();
        let cuts = Some(Cuts { tail, blocks: pool.blocks().to_vec(), views });
        Ok(Source { model: self.model.choose()?.name, set, left_out, cuts })
    }

    /// One run a split.
    pub(super) fn finetuned(
        &self,
        set: &LabelledFeatures,
        cuts: &Cuts,
        splits: &[&Split],
        (config, centre): (&HeadConfig, Centre),
        bar: &ProgressBar,
    ) -> anyhow::Result<Vec<Run>> {
        let keep = self.finetune.expect("there are cuts because it was given").keep();
        let usual = Recipe::default();
        let recipe = Recipe { epochs: self.epochs.unwrap_or(usual.epochs), ..usual };
        let runs = on_threads(splits.len(), cores(), |at| {
            let run = eval::finetuned(set, cuts, splits[at], (config, centre), (&recipe, keep));
            bar.inc(1);
            run.with_context(|| {
                let Split { shots, seed, .. } = splits[at];
                format!("{shots} shots, seed {seed}, fine-tuned")
            })
        });
        runs.into_iter().collect()
    }
}
