//! Verdicts that are steady over frames.

use std::collections::BTreeMap;

use super::Verdict;
use crate::learn::head::ClassId;

/// Keeps verdicts steady over frames: an exponential average of each class's probability, unknown being one more
/// class.
#[derive(Debug, Clone, PartialEq)]
pub struct Smoother {
    keep: f32,
    shares: BTreeMap<Option<ClassId>, f32>,
}

impl Smoother {
    /// * `frames`: how many frames a verdict leans on, at least 1; 1 changes nothing.
    pub fn new(frames: u32) -> Self {
        Self { keep: 1.0 - 1.0 / frames.max(1) as f32, shares: BTreeMap::new() }
    }

    /// Forgets the frames seen, as after a part has left.
    pub fn reset(&mut self) {
        self.shares.clear();
    }

    /// Takes in one frame's verdict; returns the steadied class (or unknown) and its share, 0 to 1.
    pub fn step(&mut self, verdict: &Verdict) -> (Option<ClassId>, f32) {
        let weight = if self.shares.is_empty() { 1.0 } else { 1.0 - self.keep };
        self.shares.values_mut().for_each(|share| *share *= 1.0 - weight);
        *self.shares.entry(verdict.class).or_default() += weight;
        self.shares.retain(|_, share| *share > 1e-6);
        let (&class, &share) = self
            .shares
            .iter()
            .max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(a.0)))
            .expect("the verdict was just put in");
        (class, share)
    }
}
