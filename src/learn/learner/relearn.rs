//! The same classes and thresholds, learned from other examples.

use super::{Change, LearnError, Learner};
use crate::learn::examples::Example;
use crate::learn::head::HeadConfig;

impl Learner {
    /// What a learner with the same classes and thresholds makes of these examples; nothing of it can be undone.
    ///
    /// * `dim`: length of their features.
    ///
    /// # Errors
    /// As [`Learner::change`].
    pub fn relearned(
        &self,
        examples: impl IntoIterator<Item = Example>,
        dim: usize,
        config: HeadConfig,
    ) -> Result<Learner, LearnError> {
        let examples: Vec<Example> = examples.into_iter().collect();
        let bytes: usize = examples.iter().map(Example::bytes).sum();
        let classes = self.classes.iter();
        let mut changes: Vec<Change> =
            classes.map(|(&class, name)| Change::AddClass(class, name.clone())).collect();
        changes.extend(examples.into_iter().map(Change::AddExample));
        changes.push(Change::SetThresholds(self.thresholds));
        // Longer features throw out nothing.
        let budget = self.examples.budget().max(bytes);
        let mut new = Learner::new(dim, config, budget)?.about(self.subject);
        new.change(changes)?;
        new.bring_up_to_date();
        let (class, example) = self.next_ids();
        new.restore_history(Vec::new(), class, example);
        Ok(new)
    }
}
