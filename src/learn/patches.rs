//! What the backbone says of the parts of a frame, place by place, for a store that was taught good parts alone.
//!
//! A defect is small: the feature of the whole frame hardly changes by it, that of the place where it is does. So of the
//! tapped maps the two finest that are usable are kept, and compared place by place with those of good parts
//! (`patch_memory.rs`; after Roth et al. 2022, "Towards Total Recall in Industrial Anomaly Detection"). Its averages over
//! neighbouring places are taken of large maps alone: in those of small ones small defects drown.
//! Beside its patches a map has contrasts: what each place has that those around it have not.

mod kept;
mod linear;

use std::sync::Arc;

pub use kept::{KeptLevel, KeptPatches};
pub(super) use linear::{LinearLevel, product};

use crate::backbone::{ExtractError, FeatureSource, TapMap};
use crate::image::frame::Frame;
use crate::learn::linalg::{StoredFeature, narrowed, widened_halves};

/// Maps that are used of a frame at most.
pub const LEVELS: usize = 2;

/// How far a frame's patches lie from those of good parts, by level, then by the contrasts of the coarsest; `None` where that
/// is not known.
pub type PatchScores = [Option<f32>; LEVELS + 1];

/// Values of a patch at most: neighbouring channels of a wider map are averaged.
const MAX_CHANNELS: usize = 128;

/// Places that a map has to have, and may have at most.
const PLACES: std::ops::RangeInclusive<usize> = 16..=4096;

/// Where the finest map has more places along a side, squares of so many places are averaged, on every map the same, that
/// it has no more.
const SIDE: usize = 16;

/// What the backbone says of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameFeatures {
    /// `[dim]`, of the whole.
    pub feature: Vec<f32>,
    /// Of its places, where they were asked for and there are some.
    pub patches: Option<Arc<Patches>>,
}

impl FrameFeatures {
    /// * `places`: whether patches are wanted; nothing of them is computed otherwise.
    ///
    /// # Errors
    /// [`ExtractError`].
    pub fn by(
        source: &mut impl FeatureSource,
        frame: &Frame,
        places: bool,
    ) -> Result<Self, ExtractError> {
        if !places {
            return Ok(Self { feature: source.feature(frame)?, patches: None });
        }
        let (feature, maps) = source.feature_and_maps(frame)?;
        Ok(Self { feature, patches: Patches::of_maps(&maps).map(Arc::new) })
    }
}

/// The maps that are used, the finest first, and over squares of how many of their places they are averaged.
fn usable(maps: &[TapMap]) -> (Vec<&TapMap>, usize) {
    let mut usable: Vec<&TapMap> =
        maps.iter().filter(|map| PLACES.contains(&map.places())).collect();
    // Stable: of maps of one size the first.
    usable.sort_by_key(|map| std::cmp::Reverse(map.places()));
    usable.dedup_by_key(|map| map.places());
    let side = usable.first().map_or(1, |map| map.size[0].max(map.size[1]));
    usable.truncate(LEVELS);
    (usable, side.div_ceil(SIDE))
}

/// The patches of one map.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchLevel {
    /// Height and width in places; one row where they are some of more.
    pub size: [usize; 2],
    /// Values of a patch.
    pub channels: usize,
    /// `[places][channels]`, finite.
    pub values: StoredFeature,
}

/// The patches of a frame, the finer level first.
#[derive(Debug, Clone, PartialEq)]
pub struct Patches {
    pub(super) levels: Vec<PatchLevel>,
}

impl Patches {
    /// `None` where no map has enough places.
    ///
    /// * `maps`: of one pass, see [`crate::backbone::FeatureSource::feature_and_maps`].
    pub fn of_maps(maps: &[TapMap]) -> Option<Self> {
        let (usable, square) = usable(maps);
        let levels: Vec<PatchLevel> =
            usable.into_iter().map(|map| PatchLevel::of_map(map).averaged(square)).collect();
        (!levels.is_empty()).then_some(Self { levels })
    }

    /// From what was stored; `None` where it is not in order.
    pub fn of_levels(levels: Vec<PatchLevel>) -> Option<Self> {
        let is_sound = |level: &PatchLevel| {
            let places = level.size[0].checked_mul(level.size[1]);
            let values = places.and_then(|places| places.checked_mul(level.channels));
            (1..=MAX_CHANNELS).contains(&level.channels)
                && values.is_some_and(|values| values > 0 && values == level.values.len())
                && level.values.iter().all(|value| value.is_finite())
        };
        let count = (1..=LEVELS).contains(&levels.len());
        (count && levels.iter().all(is_sound)).then_some(Self { levels })
    }

    /// The finer first.
    pub fn levels(&self) -> &[PatchLevel] {
        &self.levels
    }

    /// What is compared: every level, and the contrasts of the coarsest, where every place of it is kept.
    pub(super) fn compared(&self) -> Vec<PatchLevel> {
        let contrasts = self.levels.last().filter(|level| level.is_kept_whole());
        let contrasts = contrasts.map(PatchLevel::contrasts);
        self.levels.iter().cloned().chain(contrasts).collect()
    }

    /// Whether both are of maps of the same kind.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let channels = |one: &Self| one.levels.iter().map(|one| one.channels).collect::<Vec<_>>();
        self.has_channels(&channels(other))
    }

    /// * `channels`: by level.
    pub(super) fn has_channels(&self, channels: &[usize]) -> bool {
        self.levels.iter().map(|one| one.channels).eq(channels.iter().copied())
    }
}

impl PatchLevel {
    /// How many patches it has.
    pub fn places(&self) -> usize {
        self.size[0] * self.size[1]
    }

    fn of_map(map: &TapMap) -> Self {
        let places = map.places();
        let together = map.channels().div_ceil(MAX_CHANNELS).max(1);
        let channels = map.channels().div_ceil(together);
        let mut values = vec![0.0; places * channels];
        for (channel, planes) in map.values.chunks(places * together).enumerate() {
            let share = places as f32 / planes.len() as f32;
            for plane in planes.chunks_exact(places) {
                let of_channel = values[channel..].iter_mut().step_by(channels);
                of_channel.zip(plane).for_each(|(to, value)| *to += share * value);
            }
        }
        Self { size: map.size, channels, values: narrowed(&values) }
    }

    /// The means of squares of so many places; at the right and the lower edge they may be smaller.
    ///
    /// * `square`: along a side, at least 1.
    fn averaged(self, square: usize) -> Self {
        if square == 1 {
            return self;
        }
        let ([height, width], channels) = (self.size, self.channels);
        let size = [height.div_ceil(square), width.div_ceil(square)];
        let mut sums = vec![0.0; size[0] * size[1] * channels];
        let mut counts = vec![0.0; size[0] * size[1]];
        for (place, patch) in self.widened().chunks_exact(channels).enumerate() {
            let to = place / width / square * size[1] + place % width / square;
            counts[to] += 1.0;
            let sum = &mut sums[to * channels..(to + 1) * channels];
            sum.iter_mut().zip(patch).for_each(|(sum, value)| *sum += value);
        }
        for (sum, count) in sums.chunks_exact_mut(channels).zip(counts) {
            sum.iter_mut().for_each(|value| *value /= count);
        }
        Self { size, channels, values: narrowed(&sums) }
    }

    /// What each place has that those around it have not: less the mean of 3 x 3 places, those beyond the edge as at the edge.
    /// Light and texture that change over a frame change it little, a defect that ends within it much.
    fn contrasts(&self) -> Self {
        let ([height, width], channels) = (self.size, self.channels);
        let values = self.widened();
        let mut out = vec![0.0; values.len()];
        for (place, to) in out.chunks_exact_mut(channels).enumerate() {
            let (y, x) = (place / width, place % width);
            let beside =
                |at: usize, side: usize| [at.saturating_sub(1), at, (at + 1).min(side - 1)];
            let patch = |place: usize| &values[place * channels..(place + 1) * channels];
            to.copy_from_slice(patch(place));
            for row in beside(y, height) {
                for column in beside(x, width) {
                    let other = patch(row * width + column);
                    to.iter_mut().zip(other).for_each(|(to, value)| *to -= value / 9.0);
                }
            }
        }
        Self { size: self.size, channels, values: narrowed(&out) }
    }

    /// `[places][channels]`
    pub(super) fn widened(&self) -> Vec<f32> {
        widened_halves(&self.values)
    }
}

/// So many places out of more, evenly spread over rows and columns: each lies the golden section of all behind the one
/// before.
pub(super) fn spread(places: usize, most: usize) -> Vec<usize> {
    let gcd = |mut a: usize, mut b: usize| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let golden = (places as f64 * 0.618_033_988_75) as usize;
    let step = (golden.max(1)..).find(|&step| gcd(step, places) == 1).unwrap_or(1);
    let mut chosen: Vec<usize> = (0..most.min(places)).map(|at| at * step % places).collect();
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Drawn.
    pub(super) fn map(tap: usize, side: usize, channels: usize) -> TapMap {
        let count = side * side * channels;
        let values = (0..count).map(|at| (at * 7919 % 101) as f32).collect();
        TapMap { tap, size: [side, side], values }
    }

    #[test]
    fn the_two_finest_usable_maps_are_taken() {
        let maps = [map(0, 128, 1), map(1, 4, 3), map(2, 16, 4), map(3, 8, 300), map(4, 16, 5)];
        let patches = Patches::of_maps(&maps).expect("some are usable");
        let got: Vec<_> =
            patches.levels().iter().map(|level| (level.size, level.channels)).collect();
        assert_eq!(got, [([16, 16], 4), ([8, 8], 100)]);
        assert_eq!(Patches::of_maps(&[map(0, 3, 8)]), None);
        assert_eq!(Patches::of_levels(patches.levels().to_vec()), Some(patches.clone()));
        let cut = PatchLevel { size: [15, 16], ..patches.levels()[0].clone() };
        assert_eq!(Patches::of_levels(vec![cut]), None);
        assert_eq!(Patches::of_levels(Vec::new()), None);
    }

    #[test]
    fn a_patch_is_what_lies_at_its_place() {
        // Two channels of every three are one, the last stands alone.
        let values = (0..257 * 16).map(|at| (at / 16 * 2 + at % 16) as f32).collect();
        let level = PatchLevel::of_map(&TapMap { tap: 0, size: [4, 4], values });
        assert_eq!(level.channels, 86);
        let at = |place: usize, channel: usize| level.values[place * 86 + channel].to_f32();
        assert_eq!([at(0, 0), at(5, 0), at(5, 1), at(5, 85)], [2.0, 7.0, 13.0, 516.0]);
    }

    #[test]
    fn large_maps_are_averaged_over_squares() {
        let sizes = |maps: &[TapMap]| {
            let patches = Patches::of_maps(maps).expect("usable");
            patches.levels().iter().map(|level| level.size).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[map(0, 28, 3), map(1, 14, 5)]), [[14, 14], [7, 7]]);
        assert_eq!(sizes(&[map(0, 16, 3), map(1, 8, 5)]), [[16, 16], [8, 8]]);
        assert_eq!(sizes(&[map(0, 33, 3), map(1, 9, 5)]), [[11, 11], [3, 3]]);
        let values: Vec<f32> = (0..25).map(|at| at as f32).collect();
        let level = PatchLevel::of_map(&TapMap { tap: 0, size: [5, 5], values });
        let means: Vec<f32> = level.averaged(2).values.iter().map(|value| value.to_f32()).collect();
        assert_eq!(means, [3.0, 5.0, 6.5, 13.0, 15.0, 16.5, 20.5, 22.5, 24.0]);
    }

    #[test]
    fn contrasts_are_what_a_place_has_beside_its_neighbours() {
        // Lighter to the right and downwards, and one place that stands out by 8.
        let value = |at: usize| (at % 5 + 2 * (at / 5)) as f32 + if at == 12 { 8.0 } else { 0.0 };
        let values = narrowed(&(0..25).map(value).collect::<Vec<_>>());
        let level = PatchLevel { size: [5, 5], channels: 1, values };
        let patches = Patches::of_levels(vec![level.clone()]).expect("sound");
        let compared = patches.compared();
        assert_eq!(compared.len(), 2);
        let at = |place: usize| compared[1].values[place].to_f32();
        // A ninth of what stands out is in the mean of each of the nine places around.
        for (place, wanted) in [(12, 64.0 / 9.0), (6, -8.0 / 9.0), (13, -8.0 / 9.0), (0, -1.0)] {
            assert!((at(place) - wanted).abs() < 0.01, "{place}: {}", at(place));
        }
        // Where some places alone are kept, it is not known what lies beside them.
        let values = vec![half::f16::ONE; 256 * 64].into();
        let large = PatchLevel { size: [16, 16], channels: 64, values };
        let patches = Patches::of_levels(vec![large]).expect("sound");
        assert_eq!((patches.compared().len(), patches.spread_out().compared().len()), (1, 1));
    }
}
