//! What frames go through before they are looked at, changed with a checkpoint before.

use super::{Learns, PersistError, PersistentLearner};
use crate::image::frame::Timestamp;
use crate::image::levels::Levels;
use crate::store::Store;
use crate::store::levels::KeptLevels;

impl<L: Learns, S: Store> PersistentLearner<L, S> {
    /// Frames go through these from now on, also after the next start; the state before becomes a generation.
    ///
    /// * `levels`: `None`: frames are looked at as they are.
    /// * `doing`: why, to name that generation.
    ///
    /// # Errors
    /// [`PersistError::Store`]; then all stays as it was.
    pub fn put_levels(
        &mut self,
        levels: Option<&Levels>,
        doing: &str,
        now: Timestamp,
    ) -> Result<(), PersistError> {
        let kept = KeptLevels::new(levels);
        let (learned, name) = (self.learned(), format!("before {doing}"));
        self.store.replace(&learned, Some(&name), &[kept.setting()], now)?;
        self.learns.set_levels(levels.copied());
        Ok(())
    }
}
