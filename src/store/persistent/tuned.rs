//! A device that looks with other last blocks of its backbone from now on: fine-tuned, or gone back to a checkpoint.

use super::{PersistError, PersistentLearner};
use crate::backbone::{FeatureSource, Fingerprint, Tail};
use crate::image::frame::Timestamp;
use crate::learn::engine::Engine;
use crate::learn::head::HeadError;
use crate::store::snapshot::ModelId;
use crate::store::tail::{self, KeptTail};
use crate::store::tuned::TunedLearner;
use crate::store::{Store, StoreError};

impl<F: FeatureSource, S: Store> PersistentLearner<Engine<F>, S> {
    /// Its backbone without fine-tuned blocks.
    ///
    /// # Errors
    /// [`PersistError::Load`].
    pub fn base(&mut self) -> Result<ModelId, PersistError> {
        let kept = tail::tail_of(&mut self.store).map_err(PersistError::Load)?;
        Ok(kept.map_or_else(|| self.model.clone(), |kept| tail::base_of(&self.model, &kept.tail)))
    }

    /// Puts what was learned with fine-tuned blocks in place of what is learned, and stores it; the state before becomes a
    /// generation.
    ///
    /// * `source`: the backbone with the blocks.
    ///
    /// # Errors
    /// [`PersistError::Head`], [`PersistError::Store`]; then all stays as it was.
    pub fn fine_tune(
        &mut self,
        tuned: TunedLearner,
        source: F,
        now: Timestamp,
    ) -> Result<(), PersistError> {
        let (wanted, got) = (tuned.learner.dim(), source.dim());
        if wanted != got {
            return Err(HeadError::Dim { wanted, got }.into());
        }
        tuned.put(&mut self.store, now)?;
        self.model = tuned.model;
        Ok(self.learns.look_with(source, tuned.learner)?)
    }

    /// The blocks that a generation was learned with, where those in use are others: some, or none.
    ///
    /// # Errors
    /// [`PersistError::Generation`], [`PersistError::Load`].
    pub fn other_blocks(&mut self, number: u64) -> Result<Option<Option<Tail>>, PersistError> {
        let model = self.generation(number)?.model;
        if model.fingerprint == self.model.fingerprint {
            return Ok(None);
        }
        let name = tail::name_of(Fingerprint(model.fingerprint));
        let Some(bytes) = self.store.setting(&name).map_err(PersistError::Load)? else {
            return Ok(Some(None));
        };
        let kept = KeptTail::from_bytes(&bytes).map_err(|error| {
            let (path, what) = ("the store".to_owned(), error.to_string());
            PersistError::Load(StoreError::Damaged { path, what })
        })?;
        Ok(Some(Some(kept.tail)))
    }

    /// As [`PersistentLearner::roll_back`], to what was learned with another backbone.
    ///
    /// * `source`: that backbone.
    ///
    /// # Errors
    /// As [`PersistentLearner::roll_back`].
    pub fn roll_back_with(
        &mut self,
        number: u64,
        source: F,
        now: Timestamp,
    ) -> Result<(), PersistError> {
        let learner = self.go_back(number, source.fingerprint(), now)?;
        Ok(self.learns.look_with(source, learner)?)
    }
}
