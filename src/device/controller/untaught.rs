//! What the policy names and was not taught: reported at the start, in a status, and when a change brings it about.

use super::{Effects, Station, View};
use crate::backbone::FeatureSource;
use crate::board::policy::{Policy, Taught, Untaught, untaught_in_words};
use crate::protocol::log::Level;
use crate::protocol::request::{Answer, Refused};
use crate::store::Store;

impl<S: FeatureSource, K: Store> Station<S, K> {
    /// Nothing where the policy asks for none of it.
    fn taught(&self) -> Vec<Taught> {
        if self.policy == Policy::default() {
            return Vec::new();
        }
        let taught =
            |(place, view): (usize, &View)| Taught::of(view.name(), self.learned(place).learner());
        self.views.iter().enumerate().map(taught).collect()
    }

    /// What the policy names and was not taught, in words.
    pub fn untaught(&self) -> Vec<String> {
        let taught = self.taught();
        untaught_in_words(&self.policy.untaught(&taught), &taught)
    }

    /// What the policy names and has just ceased to be taught, in words; asked after every change.
    pub(super) fn newly_untaught(&mut self) -> Vec<String> {
        let now = self.policy.untaught(&self.taught());
        let same = |a: &Untaught, b: &Untaught| a.class == b.class && a.regions == b.regions;
        let is_new = |one: &&Untaught| !self.untaught.iter().any(|known| same(known, one));
        let told = now.iter().filter(is_new);
        let told = told.map(|one| Untaught { any_more: true, ..one.clone() }.to_string()).collect();
        self.untaught = now;
        told
    }

    /// The answer, with what the policy loses by it.
    pub(super) fn noted(
        &mut self,
        answer: Result<Answer, Refused>,
        effects: &mut Effects,
    ) -> Result<Answer, Refused> {
        let notes = self.newly_untaught();
        notes.iter().for_each(|note| effects.note(Level::Warning, note.as_str()));
        answer.map(|answer| answer.with_notes(notes))
    }
}
