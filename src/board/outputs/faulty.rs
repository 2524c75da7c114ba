//! Outputs that fail: some always, all now and then.

use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{GpioError, Output, OutputDriver};

/// Outputs of which some fail always, and all now and then, by a seed.
pub struct FaultyOutputs {
    inner: Box<dyn OutputDriver>,
    broken: BTreeSet<String>,
    failures: f64,
    random: ChaCha8Rng,
}

impl FaultyOutputs {
    /// Nothing fails yet.
    pub fn new(inner: Box<dyn OutputDriver>, seed: u64) -> Self {
        let random = ChaCha8Rng::seed_from_u64(seed);
        Self { inner, broken: BTreeSet::new(), failures: 0.0, random }
    }

    /// This output fails always.
    #[must_use]
    pub fn broken(mut self, name: &str) -> Self {
        self.broken.insert(name.to_owned());
        self
    }

    /// * `share`: of all calls that fail, clamped to 0..=1.
    #[must_use]
    pub fn failing(mut self, share: f64) -> Self {
        self.failures = share.clamp(0.0, 1.0);
        self
    }
}

impl OutputDriver for FaultyOutputs {
    fn outputs(&self) -> &[Output] {
        self.inner.outputs()
    }

    fn set(&mut self, name: &str, on: bool) -> Result<(), GpioError> {
        let chance = self.random.random_bool(self.failures);
        if chance || self.broken.contains(name) {
            let pin = name.escape_debug().to_string();
            return Err(GpioError::Line { pin, what: "injected fault".to_owned() });
        }
        self.inner.set(name, on)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Recorder;
    use super::*;

    #[test]
    fn the_same_seed_fails_at_the_same_calls() {
        let run = |seed| {
            let (recorder, _) = Recorder::new(&[("a", false)]);
            let mut faulty = FaultyOutputs::new(Box::new(recorder), seed).failing(0.25);
            (0..400).map(|_| faulty.set("a", true).is_err()).collect::<Vec<_>>()
        };
        let failed = run(1);
        assert_eq!(failed, run(1));
        assert_ne!(failed, run(2));
        let count = failed.iter().filter(|failed| **failed).count();
        assert!((60..140).contains(&count), "{count} of 400");
    }
}
