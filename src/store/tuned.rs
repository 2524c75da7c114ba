//! What was learned, with the features that fine-tuned blocks give beside the frozen ones: made, and kept in place of what
//! was learned without.

use super::snapshot::{ModelId, Snapshot, SnapshotError};
use super::tail::{self, KeptTail};
use super::{Store, StoreError};
use crate::backbone::{FINE_TUNED, Tail};
use crate::image::frame::Timestamp;
use crate::learn::examples::{Example, narrowed};
use crate::learn::learner::Learner;
use crate::learn::tune::{MapError, TuningSample, Validation, features};

/// Why nothing is learned with fine-tuned blocks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TunedError {
    /// It is refused.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A map that was put aside cannot be read.
    #[error(transparent)]
    Map(#[from] MapError),
}

/// What was learned, with fine-tuned blocks.
#[derive(Debug)]
pub struct TunedLearner {
    /// As a store gives it back.
    pub learner: Learner,
    /// The backbone with the blocks.
    pub model: ModelId,
    kept: KeptTail,
}

impl TunedLearner {
    /// * `old`: what was learned; `base`: its backbone, without blocks of its own.
    /// * `samples`: of the learner's examples, in their order.
    /// * `blocks`: how many the frozen feature has.
    ///
    /// # Errors
    /// [`TunedError`].
    pub fn new(
        old: &Learner,
        base: &ModelId,
        samples: &[TuningSample],
        blocks: usize,
        (validation, tail): (&Validation, Tail),
    ) -> Result<Self, TunedError> {
        let adapted = u32::try_from(tail.network().dim()).expect("a feature has far fewer values");
        let model = ModelId {
            name: format!("{}{FINE_TUNED}", base.name),
            fingerprint: tail.fingerprint().0,
            dim: base.dim + adapted,
        };
        let seen = samples.iter().map(|sample| features(&tail, blocks, &sample.views));
        let seen: Vec<_> = seen.collect::<Result<_, _>>()?;
        let examples = old.examples().iter().zip(seen).map(|(example, seen)| {
            let mut seen = seen.into_iter();
            let own = seen.next().expect("a sample has its own view");
            let (feature, views) = (narrowed(&own), seen.map(|view| narrowed(&view)).collect());
            Example { feature, views, ..example.clone() }
        });
        // A centre is the mean of features without the blocks.
        let config = old.head_config().clone().with_centre(None);
        let new =
            old.relearned(examples, model.dim as usize, config).map_err(SnapshotError::from)?;
        let correction = validation.correction(&new);
        let whole = Snapshot::of(&new, model.clone());
        let mut learner = whole.into_learner(old.examples().budget())?;
        learner.set_correction(correction);
        Ok(Self { learner, model, kept: KeptTail { tail, correction } })
    }

    /// Makes it what is learned; what was learned before becomes a checkpoint.
    ///
    /// # Errors
    /// As [`Store::replace`].
    pub fn put(&self, store: &mut impl Store, at: Timestamp) -> Result<(), StoreError> {
        let (name, bytes) = (tail::name_of(self.kept.tail.fingerprint()), self.kept.to_bytes());
        let whole = Snapshot::of(&self.learner, self.model.clone());
        store.replace(&whole, Some("before finetune"), &[(name.as_str(), &bytes)], at)
    }
}
