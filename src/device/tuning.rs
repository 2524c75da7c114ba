//! The long part of fine-tuning: what a running device hands to a thread of its own, as [`crate::device::controller`] begins
//! and ends it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::backbone::{BackboneFiles, Extractor};
use crate::image::frame::Timestamp;
use crate::image::picture;
use crate::image::views::ViewKinds;
use crate::learn::examples::Examples;
use crate::learn::head::ExampleId;
use crate::learn::tune::{CutView, GoOn, Recipe, Tuned, Tuner, TuningSample};
use crate::protocol::request::{FineTuning, Finetune};
use crate::store::ViewStorage;
use crate::store::snapshot::{ModelId, Snapshot};
use crate::store::tuned::TunedLearner;

/// Gives the files of the device's backbone; an error is in words.
pub type BackboneReader = Arc<dyn Fn() -> Result<BackboneFiles, String> + Send + Sync>;

/// What is trained, with what.
pub struct TuningTask {
    /// Gives the network.
    pub backbone: BackboneReader,
    /// What is learned.
    pub taught: Arc<Snapshot>,
    /// The backbone that it was learned with, without blocks of its own.
    pub base: ModelId,
    /// Of every example, a JPEG file.
    pub images: BTreeMap<ExampleId, Vec<u8>>,
    /// The views that are learned with.
    pub views: ViewKinds,
    /// What was asked for.
    pub asked: Finetune,
    /// Bytes of memory that what is computed of the images may take.
    pub room: u64,
    /// The folder for what has no room there.
    pub scratch: PathBuf,
}

/// What came of it.
#[derive(Debug)]
pub struct TuningOutcome {
    /// The figures; nothing is applied yet.
    pub found: FineTuning,
    /// Where it helps and was no trial: what is learned with the blocks, and the backbone with them.
    pub tuned: Option<(TunedLearner, Extractor)>,
}

impl TuningTask {
    /// Looks at the images, trains and validates.
    ///
    /// * `go_on`: is asked after each image and each step of training; `false` ends it.
    ///
    /// # Errors
    /// Why nothing came of it, in words.
    pub fn run(self, go_on: &mut GoOn) -> Result<TuningOutcome, String> {
        let network = (self.backbone)()?;
        if network.fingerprint().0 != self.base.fingerprint {
            return Err(format!(
                "{} is not the network any more that the device was started with; restart it",
                network.name
            ));
        }
        let taught = Snapshot::clone(&self.taught);
        let learner = taught.into_learner(Examples::DEFAULT_BUDGET).map_err(in_words)?;
        let as_it_is =
            network.tail(self.asked.depth.map(|depth| depth as usize)).map_err(in_words)?;
        let mut extractor = network.load(Some(&as_it_is)).map_err(in_words)?;
        let blocks: Vec<usize> =
            extractor.parts().1.blocks().iter().map(|block| block.len).collect();
        let (dim, head) = (blocks.iter().sum(), learner.head_config());
        let sample = |class, group| TuningSample { class, group, views: Vec::new() };
        let mut samples: Vec<TuningSample> =
            learner.examples().iter().map(|one| sample(one.class, one.group)).collect();
        let recipe = Recipe::default();
        // Whether there is enough to train with shows before anything is looked at.
        let planned = Tuner::new(&as_it_is, blocks.clone(), &samples, head, recipe.clone())
            .map_err(in_words)?;
        let steps = samples.len() + planned.steps(self.asked.r#try);
        let looked_at = samples.len();
        let mut storage = ViewStorage::new(self.room, &self.scratch);
        for (done, (one, sample)) in learner.examples().iter().zip(&mut samples).enumerate() {
            let file = self.images.get(&one.id).ok_or("an image is missing")?;
            let name = format!("the image of example {}", one.id.0);
            let frame = picture::decode(file, &name, Timestamp(0)).map_err(in_words)?;
            let cuts = extractor.cuts(&frame, &self.views).map_err(in_words)?;
            sample.views = cuts.iter().map(|cut| CutView::of(cut, dim)).collect();
            storage.keep(&mut sample.views).map_err(|error| {
                format!("{error}; nothing was changed; finetune 1 takes less, or fine-tune a backup of the store on another machine")
            })?;
            if !go_on(done + 1, steps) {
                return Err(in_words(crate::learn::tune::TuneError::Stopped));
            }
        }
        let count = blocks.len();
        let tuner = Tuner::new(&as_it_is, blocks, &samples, head, recipe).map_err(in_words)?;
        let tuned = tuner.run(self.asked.r#try, &mut |done, _| go_on(looked_at + done, steps));
        let Tuned { validation, tail } = tuned.map_err(in_words)?;
        let found = FineTuning::of(&validation, samples.len(), &as_it_is, false);
        let Some(tail) = tail else { return Ok(TuningOutcome { found, tuned: None }) };
        let extractor = network.load(Some(&tail)).map_err(in_words)?;
        let tuned = TunedLearner::new(&learner, &self.base, &samples, count, (&validation, tail))
            .map_err(in_words)?;
        Ok(TuningOutcome { found, tuned: Some((tuned, extractor)) })
    }
}

/// An answer is one line.
fn in_words(error: impl std::fmt::Display) -> String {
    error.to_string().replace("\n  next: ", "; ")
}
