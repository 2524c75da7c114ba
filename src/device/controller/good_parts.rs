//! What is remembered of good parts is made anew with each that is taught. That takes longer than a frame may wait, so it is
//! done elsewhere; until it comes back frames are compared with what was remembered before.

use std::sync::mpsc::{Receiver, TryRecvError, channel};

use super::{Station, ViewLearner, Work};
use crate::backbone::FeatureSource;
use crate::learn::learner::MadePatches;
use crate::store::Store;

/// Does work beside that of the station, or drops it.
pub type Start = fn(Work);

impl<S: FeatureSource, K: Store> Station<S, K> {
    /// Lets it do elsewhere what takes longer than a frame may wait; without it that is done in between.
    pub fn set_workers(&mut self, start: Start) {
        self.workers = Some(start);
        for learner in &mut self.learners {
            learner.persistent.get_mut().make_patches_elsewhere();
        }
    }

    /// Puts in place what came back, and hands out what is to be made. Called with every frame.
    pub(super) fn look_after_patches(&mut self) {
        let Some(start) = self.workers else { return };
        self.learners.iter_mut().for_each(|learner| learner.look_after_patches(start));
    }
}

impl<S: FeatureSource, K: Store> ViewLearner<S, K> {
    fn look_after_patches(&mut self, start: Start) {
        if let Some(made) = &self.patches_made {
            match made.try_recv() {
                Err(TryRecvError::Empty) => return,
                Ok(made) => self.persistent.get_mut().put_patches(made),
                // There was no thread to be had; the next frame asks again.
                Err(TryRecvError::Disconnected) => {}
            }
            self.patches_made = None;
        }
        self.patches_made = self.learner().patch_work().map(|work| {
            let (sender, made) = channel();
            start(Box::new(move || {
                // Nothing waits for it where the station has gone.
                let _ = sender.send(work.run());
            }));
            made
        });
    }
}

/// What comes back.
pub(super) type Made = Option<Receiver<MadePatches>>;
