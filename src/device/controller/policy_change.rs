//! Another policy while the device runs.

use super::answers::refused;
use super::lessons::Until;
use super::{Effects, Station};
use crate::backbone::FeatureSource;
use crate::board::policy::{Buttons, Policy};
use crate::board::policy_from_toml;
use crate::image::frame::Timestamp;
use crate::protocol::request::{Answer, Refused};
use crate::store::Store;

impl<S: FeatureSource, K: Store> Station<S, K> {
    /// As [`Station::set_policy`], given as text.
    pub(super) fn change_policy(
        &mut self,
        text: &str,
        now: Timestamp,
        effects: &mut Effects,
    ) -> Result<Answer, Refused> {
        let policy = policy_from_toml(text, "the policy").map_err(refused)?;
        self.set_policy(policy, now, effects);
        Ok(Answer::Done.with_notes(self.untaught()))
    }

    /// Follows another policy from now on: what the one before had switched on is off until the next verdict, pulses to
    /// come are not given, and what a held button taught so far is learned.
    ///
    /// * `policy`: names only outputs, inputs and regions that there are.
    pub fn set_policy(&mut self, policy: Policy, now: Timestamp, effects: &mut Effects) {
        let by_button = |until: &Until| matches!(until, Until::Release { .. });
        if let Some(job) = self.job.as_mut().filter(|job| by_button(&job.until)) {
            match job.examples.is_empty() {
                true => job.until = Until::Count(1),
                false => self.finish(now, effects),
            }
        }
        let names: Vec<&str> = self.views.iter().filter_map(super::View::name).collect();
        let each = if names.len() > 1 { policy.for_regions(&names) } else { policy.clone() };
        self.panel.change(|panel| panel.follow(each));
        self.buttons = Buttons::new(&policy, &self.timings);
        self.policy = policy;
        // What it names and nobody taught is part of the answer.
        self.newly_untaught();
    }
}
