//! The patches that an example keeps: a byte a value. On a scale of its own for every channel of every example the rounding
//! is a five-hundredth of what the channel spans there, which changes no score that matters (docs/learning.md).

use std::sync::Arc;

use super::{LEVELS, MAX_CHANNELS, PatchLevel, Patches, spread};
use crate::learn::linalg::{StoredFeature, narrowed, widened_halves};

/// Bytes of values that an example keeps of a level at most.
const MAX_OF_LEVEL: usize = 6272;

/// And of all: with the features of four views of the built-in backbone they fill four pages of a store.
const MAX_OF_ALL: usize = 11_000;

/// What an example keeps of one map.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptLevel {
    /// As of [`PatchLevel`].
    pub size: [usize; 2],
    /// Values of a patch.
    pub channels: usize,
    /// `[channels]`, finite: what a byte of 0 stands for.
    pub low: StoredFeature,
    /// `[channels]`, finite, 0 or more: what each step of a byte adds.
    pub step: StoredFeature,
    /// `[places][channels]`
    pub values: Arc<[u8]>,
}

/// What an example keeps of its patches, the finer level first.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptPatches {
    levels: Vec<KeptLevel>,
}

impl Patches {
    /// What an example keeps of them: all where they are few, else some that are spread over the frame, the same places in
    /// every frame; rounded.
    #[must_use]
    pub fn kept(&self) -> Arc<KeptPatches> {
        Arc::new(KeptPatches::of(&self.spread_out()))
    }

    pub(super) fn spread_out(&self) -> Self {
        let mut left = MAX_OF_ALL;
        let mut levels: Vec<PatchLevel> = Vec::with_capacity(self.levels.len());
        // The coarsest first: what lies beside each place has to be known of it.
        for level in self.levels.iter().rev() {
            let level = level.spread_out(MAX_OF_LEVEL.min(left));
            left = left.saturating_sub(level.values.len());
            levels.insert(0, level);
        }
        Self { levels }
    }
}

impl PatchLevel {
    /// Whether an example keeps all of it, so that what lies beside each place is known.
    pub(super) fn is_kept_whole(&self) -> bool {
        self.values.len() <= MAX_OF_LEVEL && self.size.iter().all(|&side| side > 1)
    }

    /// * `most`: values; one patch stays in any case.
    fn spread_out(&self, most: usize) -> Self {
        let (places, channels) = (self.places(), self.channels);
        let most = (most / channels).max(1);
        if places <= most {
            return self.clone();
        }
        let patch = |place: usize| &self.values[place * channels..(place + 1) * channels];
        let values = spread(places, most).into_iter().flat_map(patch).copied().collect();
        Self { size: [1, most], channels, values }
    }
}

impl KeptPatches {
    /// All of them, rounded; see [`Patches::kept`].
    pub fn of(patches: &Patches) -> Self {
        Self { levels: patches.levels.iter().map(KeptLevel::of).collect() }
    }

    /// From what was stored; `None` where it is not in order.
    pub fn of_levels(levels: Vec<KeptLevel>) -> Option<Self> {
        let count = (1..=LEVELS).contains(&levels.len());
        (count && levels.iter().all(KeptLevel::is_sound)).then_some(Self { levels })
    }

    /// The finer first.
    pub fn levels(&self) -> &[KeptLevel] {
        &self.levels
    }

    /// As they are compared.
    pub fn patches(&self) -> Patches {
        Patches { levels: self.levels.iter().map(KeptLevel::level).collect() }
    }

    /// Bytes that they take.
    pub fn bytes(&self) -> usize {
        let scales = |level: &KeptLevel| size_of_val(&*level.low) + size_of_val(&*level.step);
        self.levels.iter().map(|level| level.values.len() + scales(level)).sum()
    }

    /// Values of a patch, by level.
    pub(in crate::learn) fn channels(&self) -> Vec<usize> {
        self.levels.iter().map(|level| level.channels).collect()
    }
}

impl KeptLevel {
    fn of(level: &PatchLevel) -> Self {
        const STEPS: f32 = 255.0;
        let (size, channels) = (level.size, level.channels);
        let values = level.widened();
        let mut ends = vec![(f32::INFINITY, f32::NEG_INFINITY); channels];
        for patch in values.chunks_exact(channels) {
            for ((low, high), value) in ends.iter_mut().zip(patch) {
                (*low, *high) = (low.min(*value), high.max(*value));
            }
        }
        let low = narrowed(&ends.iter().map(|(low, _)| *low).collect::<Vec<_>>());
        let step = narrowed(
            &ends.iter().map(|(low, high)| (high / STEPS) - (low / STEPS)).collect::<Vec<_>>(),
        );
        let (lows, steps) = (widened_halves(&low), widened_halves(&step));
        let mut bytes = Vec::with_capacity(values.len());
        for patch in values.chunks_exact(channels) {
            let scales = lows.iter().zip(&steps);
            bytes.extend(patch.iter().zip(scales).map(|(value, (low, step))| {
                // Where a channel is the same everywhere, or nearly, its step is 0.
                let at = if *step > 0.0 { (value - low) / step } else { 0.0 };
                at.round().clamp(0.0, STEPS) as u8
            }));
        }
        Self { size, channels, low, step, values: bytes.into() }
    }

    fn is_sound(&self) -> bool {
        let places = self.size[0].checked_mul(self.size[1]);
        let values = places.and_then(|places| places.checked_mul(self.channels));
        let scales = [&self.low, &self.step];
        (1..=MAX_CHANNELS).contains(&self.channels)
            && values.is_some_and(|values| values > 0 && values == self.values.len())
            && scales.iter().all(|scale| scale.len() == self.channels)
            && scales.iter().all(|scale| scale.iter().all(|value| value.is_finite()))
            && self.step.iter().all(|step| step.to_f32() >= 0.0)
    }

    fn level(&self) -> PatchLevel {
        let (lows, steps) = (widened_halves(&self.low), widened_halves(&self.step));
        let mut values = Vec::with_capacity(self.values.len());
        for patch in self.values.chunks_exact(self.channels) {
            let scales = lows.iter().zip(&steps);
            values.extend(
                patch.iter().zip(scales).map(|(value, (low, step))| low + step * f32::from(*value)),
            );
        }
        PatchLevel { size: self.size, channels: self.channels, values: narrowed(&values) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::map;
    use super::*;

    #[test]
    fn what_an_example_keeps_is_bounded_and_spread() {
        for (maps, wanted) in [
            ([map(0, 16, 40), map(1, 8, 96)], [121, 64]),
            ([map(0, 14, 40), map(1, 7, 96)], [156, 49]),
            ([map(0, 14, 96), map(1, 7, 128)], [49, 49]),
            ([map(0, 16, 40), map(1, 8, 128)], [118, 49]),
        ] {
            let patches = Patches::of_maps(&maps).expect("usable");
            let spread = patches.spread_out();
            let count: Vec<usize> = spread.levels().iter().map(PatchLevel::places).collect();
            assert_eq!(count, wanted);
            assert_eq!(spread.spread_out(), spread, "what is spread stays");
            let kept = patches.kept();
            assert!(kept.bytes() <= 12 << 10 && kept.patches().is_like(&patches));
        }
        for (places, most) in [(4096, 256), (1024, 96), (49, 10), (16, 16)] {
            let chosen = spread(places, most);
            assert_eq!(chosen.len(), most);
            assert!(chosen.windows(2).all(|two| two[0] < two[1]));
            let quarter = chosen.iter().filter(|place| **place < places / 4).count();
            assert!(quarter.abs_diff(most / 4) <= 2, "{quarter} of {most} in the first quarter");
        }
    }

    #[test]
    fn what_is_kept_is_near_what_was_seen() {
        // A channel of large values, one of small ones, one that is the same everywhere, one up to the limits.
        let limit = half::f16::MAX.to_f32();
        let patch = |at: usize| {
            let share = at as f32 / 24.0;
            [1000.0 * share - 300.0, 0.001 * share, -0.25, limit * (2.0 * share - 1.0)]
        };
        let values: Vec<f32> = (0..25).flat_map(patch).collect();
        let level = PatchLevel { size: [5, 5], channels: 4, values: narrowed(&values) };
        let patches = Patches::of_levels(vec![level]).expect("sound");
        let kept = KeptPatches::of(&patches);
        let again = kept.patches();
        let spans = [1000.0, 0.001, 0.0, 2.0 * limit];
        let pairs = patches.levels()[0].widened().into_iter().zip(again.levels()[0].widened());
        for (at, (was, is)) in pairs.enumerate() {
            let near = spans[at % 4] / 500.0 + was.abs() / 1000.0;
            assert!((was - is).abs() <= near, "{at}: {was} is kept as {is}");
        }
        assert_eq!(KeptPatches::of_levels(kept.levels().to_vec()), Some(kept.clone()));
        let broken = |change: fn(&mut KeptLevel)| {
            let mut levels = kept.levels().to_vec();
            change(&mut levels[0]);
            KeptPatches::of_levels(levels)
        };
        assert_eq!(broken(|level| level.size = [4, 5]), None);
        assert_eq!(broken(|level| level.low = vec![half::f16::NAN; 4].into()), None);
        assert_eq!(broken(|level| level.step = vec![half::f16::NEG_ONE; 4].into()), None);
        assert_eq!(broken(|level| level.step = vec![half::f16::ONE; 3].into()), None);
        assert_eq!(KeptPatches::of_levels(Vec::new()), None);
    }
}
