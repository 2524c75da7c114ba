//! What makes up for a class's having few looks: something that is added to its score.

use std::collections::{BTreeMap, BTreeSet};

use super::{LEAST_CLASSIFIED, own};
use crate::learn::head::{ClassId, GroupId, LeftOut};

/// What is added to the score of each class: `T / 2n` for `n` looks, but no more than its mean can have strayed, seeing
/// how near it lies to those of other classes.
///
/// `T` is the mean squared distance of an unseen look from its class. For what a class has fewer looks than the class
/// that has most it is that of the class itself, since it is its mean that strayed; for the rest that of all classes,
/// so that classes of equally many looks are all moved alike.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Offsets {
    /// `T` of all classes; 0 where the head has no distance.
    distance: f64,
    /// `T` of each class that was classified.
    distances: BTreeMap<ClassId, f64>,
    /// How many looks each class has.
    looks: BTreeMap<ClassId, usize>,
    /// The most that may be added to the score of a class, see [`caps`].
    caps: BTreeMap<ClassId, f64>,
}

impl Offsets {
    /// None at all.
    pub(super) const NONE: Offsets = Offsets {
        distance: 0.0,
        distances: BTreeMap::new(),
        looks: BTreeMap::new(),
        caps: BTreeMap::new(),
    };

    /// As [`super::Calibration::fit`].
    pub(super) fn fit(
        classes: &[ClassId],
        left_out: &[LeftOut],
        looks: BTreeMap<ClassId, usize>,
    ) -> Self {
        let (distance, distances) = own_distances(classes, left_out);
        let caps = caps(classes, left_out, distance, &looks);
        Self { distance, distances, caps, looks }
    }

    /// The groups of each class have changed.
    pub(super) fn set_looks(&mut self, looks: BTreeMap<ClassId, usize>) {
        self.looks = looks;
    }

    /// What is added to the score of the class.
    ///
    /// * `left_out`: how many of its looks the head was not taught.
    pub(super) fn of(&self, class: ClassId, left_out: usize) -> f32 {
        let looks = self.looks.get(&class).map_or(0, |looks| looks.saturating_sub(left_out));
        if looks == 0 {
            return 0.0;
        }
        // What a mean strays by, in squared distance, as a share of `T`: of the class of most looks, and of this one
        // beyond it.
        let share_of_most = 1.0 / self.looks.values().copied().max().unwrap_or(looks) as f64;
        let own = self.distances.get(&class).copied().unwrap_or(self.distance);
        let of = |looks: usize| {
            let beyond = 1.0 / looks as f64 - share_of_most;
            (self.distance * share_of_most + own * beyond) / 2.0
        };
        let all = of(looks + left_out);
        let cap = self.caps.get(&class).copied().unwrap_or(f64::INFINITY);
        // A mean of fewer looks strays farther, and is seen to lie farther.
        (all.min(cap) + STRAYED * (of(looks) - all)) as f32
    }
}

/// As many looks as the mean of all classes is worth for the `T` of one.
const PRIOR_LOOKS: f64 = 2.0;

/// `T`, the mean over the classes with at least two looks, and that of each of them. The mean of the `n - 1` looks that
/// are left strays as well, so that a left-out look lies `1 + 1 / (n - 1)` times as far from it.
fn own_distances(classes: &[ClassId], left_out: &[LeftOut]) -> (f64, BTreeMap<ClassId, f64>) {
    let mut sums: BTreeMap<ClassId, (f64, f64, BTreeSet<GroupId>)> = BTreeMap::new();
    for one in left_out {
        let Some(own) = own(classes, one).filter(|&own| one.scores[own].is_finite()) else {
            continue;
        };
        let Some(spread) = one.spread else { continue };
        let distance = (f64::from(spread) - 2.0 * f64::from(one.scores[own])).max(0.0);
        let (sum, count, groups) = sums.entry(one.class).or_default();
        (*sum, *count) = (*sum + distance, *count + 1.0);
        groups.insert(one.group);
    }
    let of = |(class, (sum, count, groups)): (&ClassId, &(f64, f64, BTreeSet<GroupId>))| {
        let looks = groups.len().max(2) as f64;
        (*class, looks, sum / count * (looks - 1.0) / looks)
    };
    let own: Vec<(ClassId, f64, f64)> = sums.iter().map(of).collect();
    let mean = own.iter().map(|(.., own)| own).sum::<f64>() / own.len().max(1) as f64;
    let shrunk = |(class, looks, own): (ClassId, f64, f64)| {
        (class, (looks * own + PRIOR_LOOKS * mean) / (looks + PRIOR_LOOKS))
    };
    (mean, own.into_iter().map(shrunk).collect())
}

/// How much of the squared distance between a class's mean and another's may be straying.
const STRAYED: f64 = 0.8;

/// Of each class the most that may be added to its score. The mean of a few looks strays by `T / n` on average, but one
/// that lies at the squared distance `A` from the mean of a class of many looks has hardly strayed by more than `A`:
/// where it was added nevertheless, all of the class of many were taken for that of few. So a class is moved against
/// one of more looks by at most 0.8 `A / 2`. `A` is how much farther from it the other's left-out looks lie than from
/// their own mean.
fn caps(
    classes: &[ClassId],
    left_out: &[LeftOut],
    distance: f64,
    looks: &BTreeMap<ClassId, usize>,
) -> BTreeMap<ClassId, f64> {
    /// Of one class: its looks, and the sums over their scores and their distances to their own class.
    struct Sums {
        count: f64,
        scores: Vec<f64>,
        own: f64,
    }
    let mut sums: BTreeMap<ClassId, (usize, Sums)> = BTreeMap::new();
    for one in left_out {
        let Some(own) = own(classes, one).filter(|&own| one.scores[own].is_finite()) else {
            continue;
        };
        let Some(spread) = one.spread.map(f64::from) else { continue };
        let none = || (own, Sums { count: 0.0, scores: vec![0.0; classes.len()], own: 0.0 });
        let (_, sums) = sums.entry(one.class).or_insert_with(none);
        sums.count += 1.0;
        sums.own += (spread - 2.0 * f64::from(one.scores[own])).max(0.0);
        sums.scores.iter_mut().zip(&one.scores).for_each(|(sum, &score)| *sum += f64::from(score));
    }
    let of = |class: &ClassId| looks.get(class).copied().filter(|&looks| looks > 0);
    let offset = |looks: usize| distance / 2.0 / looks as f64;
    let mut caps = BTreeMap::new();
    for (at, class) in classes.iter().enumerate() {
        let Some(few) = of(class) else { continue };
        for (other, (own, Sums { count, scores, own: distances })) in &sums {
            let Some(many) = of(other).filter(|&many| many > few) else { continue };
            if *count < LEAST_CLASSIFIED as f64 || !scores[at].is_finite() {
                continue;
            }
            // Left-out looks lie farther from their own mean than those that made it.
            let kept = (many as f64 - 1.0) / many as f64;
            let apart = 2.0 * (scores[*own] - scores[at]) + distances * (1.0 - kept * kept);
            let cap = offset(many) + STRAYED * (apart / count).max(0.0) / 2.0;
            let least = caps.entry(*class).or_insert(f64::INFINITY);
            *least = cap.min(*least);
        }
    }
    caps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::head::ExampleId;

    const CLASSES: [ClassId; 2] = [ClassId(0), ClassId(1)];

    fn left_out(id: u64, class: u32, spread: f32, scores: [f32; 2]) -> LeftOut {
        let (example, group, class) = (ExampleId(id), GroupId(id), ClassId(class));
        LeftOut { example, group, class, scores: scores.to_vec(), spread: Some(spread) }
    }

    #[test]
    fn rare_classes_are_moved_by_the_spread_of_their_mean() {
        // Every look lies 8 from the mean of the others of its class and 14 from the other class's.
        let taught: Vec<LeftOut> = (0..12)
            .map(|id| match id >= 10 {
                true => left_out(id, 1, 10.0, [-2.0, 1.0]),
                false => left_out(id, 0, 10.0, [1.0, -2.0]),
            })
            .collect();
        let looks = BTreeMap::from([(CLASSES[0], 10), (CLASSES[1], 2)]);
        let offsets = Offsets::fit(&CLASSES, &taught, looks);
        // 8 (n - 1) / n is 7.2 and 4, in the mean 5.6; half of it over 10 looks for both. The class of 2 strays by
        // itself for what it has fewer: by (2 * 4 + 2 * 5.6) / 4 = 4.8.
        let of = CLASSES.map(|class| offsets.of(class, 0));
        let few = |looks: f32| 0.28 + 2.4 * (1.0 / looks - 0.1);
        assert!((of[0] - 0.28).abs() < 1e-6 && (of[1] - few(2.0)).abs() < 1e-6, "{of:?}");
        // For a left-out look by 0.8 of what its class strays farther without it.
        let left_out = few(2.0) + 0.8 * (few(1.0) - few(2.0));
        assert!((offsets.of(CLASSES[1], 1) - left_out).abs() < 1e-6);
        let even = Offsets { looks: BTreeMap::from(CLASSES.map(|class| (class, 4))), ..offsets };
        assert_eq!(even.of(CLASSES[0], 0), even.of(CLASSES[1], 0));
    }

    #[test]
    fn a_rare_class_is_not_moved_beyond_its_neighbour() {
        // Looks of the common class lie 10 from its mean and 12 from the other's, which lies 2 away.
        let common = |id| left_out(id, 0, 10.0, [0.0, -1.0]);
        let rare = |id| left_out(id, 1, 30.0, [0.0, -5.0]);
        let taught: Vec<LeftOut> = (0..100).map(common).chain((100..102).map(rare)).collect();
        let looks = BTreeMap::from([(CLASSES[0], 100), (CLASSES[1], 2)]);
        let offsets = Offsets::fit(&CLASSES, &taught, looks);
        let of = CLASSES.map(|class| offsets.of(class, 0));
        // T is (9.9 + 20) / 2. Over 2 looks its half would be 3.7, and every common look the rare class's.
        let apart = 2.0 + 10.0 * (1.0 - 0.99f32 * 0.99);
        assert!((of[0] - 14.95 / 200.0).abs() < 1e-5, "{of:?}");
        assert!((of[1] - of[0] - 0.8 * apart / 2.0).abs() < 1e-5, "{of:?}");
    }
}
