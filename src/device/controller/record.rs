//! What a station has seen and done, in constant memory.

use std::collections::{BTreeMap, VecDeque};

/// Ages that are kept for their quantiles.
const AGES: usize = 512;

/// The latest of many times, for their quantiles.
#[derive(Debug, Clone, Default)]
pub struct LatestTimes(VecDeque<u64>);

impl LatestTimes {
    /// * `micros`: the newest; with 512 others the oldest goes.
    pub fn push(&mut self, micros: u64) {
        if self.0.len() == AGES {
            self.0.pop_front();
        }
        self.0.push_back(micros);
    }

    /// In microseconds; `None` before the first.
    ///
    /// * `quantile`: 0 to 1; the smallest that at least this part of them keeps.
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        let mut sorted: Vec<u64> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        let rank = (sorted.len() as f64 * quantile).ceil() as usize;
        sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
    }
}

/// What a station has seen and done.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Frames that were classified.
    pub classified: u64,
    /// Frames that were not, since no part was in place.
    pub passed: u64,
    /// Frames that were learned.
    pub taught: u64,
    ages: LatestTimes,
    errors: BTreeMap<&'static str, u64>,
}

impl Stats {
    pub(super) fn classified(&mut self, age_micros: u64) {
        self.classified += 1;
        self.ages.push(age_micros);
    }

    pub(super) fn failed(&mut self, kind: &'static str) {
        *self.errors.entry(kind).or_default() += 1;
    }

    /// Microseconds between capture and verdict of the latest frames; `None` before the first.
    ///
    /// * `quantile`: 0 to 1; the smallest age that at least this part of them keeps.
    pub fn age_micros(&self, quantile: f64) -> Option<u64> {
        self.ages.quantile(quantile)
    }

    /// For people: names and values.
    pub(super) fn figures(&self, missed_pulses: u64) -> Vec<(String, String)> {
        let mut figures = vec![("classified", self.classified), ("taught", self.taught)];
        figures.extend((self.passed > 0).then_some(("passed", self.passed)));
        figures.extend((missed_pulses > 0).then_some(("missed_pulses", missed_pulses)));
        let mut figures: Vec<_> =
            figures.into_iter().map(|(name, value)| (name.to_owned(), value.to_string())).collect();
        for (name, quantile) in [("age_p50_ms", 0.5), ("age_p95_ms", 0.95)] {
            let age = self.age_micros(quantile).map(|age| format!("{:.1}", age as f64 / 1000.0));
            figures.extend(age.map(|age| (name.to_owned(), age)));
        }
        let errors = self.errors.iter();
        figures.extend(errors.map(|(kind, count)| (format!("errors_{kind}"), count.to_string())));
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_latest_frames() {
        let mut record = Stats::default();
        assert_eq!(record.age_micros(0.5), None);
        (0..AGES as u64).for_each(|_| record.classified(9999));
        (1..=AGES as u64).for_each(|age| record.classified(age));
        assert_eq!(
            [0.0, 0.5, 0.95, 1.0].map(|q| record.age_micros(q)),
            [1, 256, 487, 512].map(Some)
        );
        assert_eq!(record.classified, 2 * AGES as u64);
    }
}
