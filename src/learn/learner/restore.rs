//! What was learned, from a store.

use super::{Change, LearnError, Learner};
use crate::learn::head::{ClassId, ExampleId};

impl Learner {
    /// Puts back the steps that can be undone, when what was learned is read from a store.
    pub fn restore_history(
        &mut self,
        undo: Vec<Vec<Change>>,
        next_class: ClassId,
        next_example: ExampleId,
    ) {
        self.undo = undo;
        // What brought the examples here is no step that could be revoked.
        self.latest = None;
        self.raise_ids((next_class, next_example));
    }

    /// Ids from here on are at least these.
    pub fn raise_ids(&mut self, (next_class, next_example): (ClassId, ExampleId)) {
        self.next_class = self.next_class.max(next_class.0);
        self.next_example = self.next_example.max(next_example.0);
    }

    /// Makes what was stored anew: all changes, without the memory that taking them back would need. A learner for which
    /// it fails is of no use.
    ///
    /// # Errors
    /// As [`Learner::change`].
    pub(crate) fn restore(
        &mut self,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<(), LearnError> {
        for change in changes {
            self.make_room(&change, true, &mut Vec::new())?;
            self.apply(change, true)?;
        }
        self.head = self.built(&self.config)?;
        self.recalibrate();
        Ok(())
    }
}
