//! Everything learned, to be taken elsewhere.

use super::{Learns, PersistError, PersistentLearner};
use crate::learn::examples::{ImageMark, Images};
use crate::store::snapshot::Snapshot;
use crate::store::{Store, tail};

impl<L: Learns, S: Store> PersistentLearner<L, S> {
    /// Everything learned, to be taken elsewhere, but the images.
    pub fn learned(&self) -> Snapshot {
        Snapshot::of(self.learner(), self.model.clone())
    }

    /// Everything learned, to be taken elsewhere, where fine-tuned blocks of the backbone are not: with the frozen features
    /// alone, but the images.
    ///
    /// # Errors
    /// [`PersistError::Store`].
    pub fn portable(&mut self) -> Result<Snapshot, PersistError> {
        let tail = tail::tail_of(&mut self.store).map_err(PersistError::Load)?;
        let learned = self.learned();
        Ok(match tail {
            Some(kept) => tail::frozen(learned, &kept.tail),
            None => learned,
        })
    }

    /// As [`PersistentLearner::portable`], with the images that are kept.
    ///
    /// # Errors
    /// [`PersistError::Store`].
    pub fn portable_with_images(&mut self) -> Result<Snapshot, PersistError> {
        let mut images = Images::new();
        let mut add = |_, file: &[u8]| drop(images.insert(ImageMark::of(file), file.to_vec()));
        self.store.images(None, &mut add)?;
        Ok(self.portable()?.with_images(images))
    }
}
