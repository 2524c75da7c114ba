//! How unlike everything taught a feature is.
//!
//! Three things speak for it: the angle to the nearest example, the Mahalanobis distance to the nearest class (where the
//! head has one), and doubt between the classes. Of a class that was taught alone there are patches, too, and how far they
//! lie from its examples' says more than the angle, which is left out then. Each is measured in standard deviations from what left-out groups give,
//! and added. A feature is unknown where the sum is larger than all but a share `a` of left-out groups: of `g` groups the
//! `ceil((g + 1)(1 - a))`-th smallest (the quantile of conformal prediction: Vovk, Gammerman and Shafer 2005,
//! "Algorithmic Learning in a Random World"). While there are too few groups for that, the bound of the next one, were
//! they drawn from a normal distribution.

use crate::learn::linalg::dot;
use crate::learn::patches::{LEVELS, PatchScores};

/// What speaks for a feature being unlike all that was taught; `None` where it cannot be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Evidence {
    /// 1 less the cosine to the nearest example, 0 to 2.
    pub(super) angle: f64,
    /// Squared Mahalanobis distance to the nearest class.
    pub(super) distance: Option<f64>,
    /// 1 less the highest probability.
    pub(super) doubt: f64,
    /// How far its patches lie from those of good parts.
    pub(super) patches: PatchScores,
}

impl Evidence {
    fn terms(&self) -> Terms {
        let [finer, coarser, contrast] = self.patches.map(|far| far.map(f64::from));
        // What is far in both would drown the doubt otherwise, and overflow.
        [Some(self.angle), self.distance, Some(self.doubt), finer, coarser, contrast]
    }

    /// Whether patches say something.
    pub(super) fn has_patches(&self) -> bool {
        self.patches.iter().any(Option::is_some)
    }
}

/// One value of each kind of evidence.
type Terms<T = f64> = [Option<T>; 3 + LEVELS + 1];

/// What each of them counts. The patches of the finer map count half: small defects gain by them, textures lose.
const WEIGHTS: [f64; 3 + LEVELS + 1] = [1.0, 1.0, 1.0, 0.5, 1.0, 1.0];

/// Fitted to left-out groups.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Novelty {
    /// Mean and standard deviation of each term; `None` where it does not vary.
    terms: Terms<(f64, f64)>,
    /// The sum that counts as known yet.
    limit: f64,
    /// From the middle of left-out groups to the limit.
    width: f64,
}

/// When a frame is unlike good parts by its patches alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PatchLimit {
    /// What each of its distances counts.
    pub factors: [f32; LEVELS + 1],
    /// Added to their sum: above 0 a frame is unlike good parts. At -1 it is as far from them as left-out groups in the mean.
    pub offset: f32,
}

impl PatchLimit {
    /// `None` where there are fewer than three groups, or nothing varies.
    ///
    /// * `left_out`: distances and weight, those of a group sum to 1; `false_reject`: the share of good parts
    ///   that may be called unknown, above 0, below 1.
    pub fn fit(left_out: &[(PatchScores, f64)], false_reject: f64) -> Option<Self> {
        let evidence = |&(patches, weight): &(PatchScores, f64)| {
            (Evidence { angle: 0.0, distance: None, doubt: 0.0, patches }, weight)
        };
        let left_out: Vec<_> = left_out.iter().map(evidence).collect();
        let novelty = Novelty::fit(&left_out, false_reject)?;
        let (mut factors, mut offset) = ([0.0; LEVELS + 1], -novelty.limit / novelty.width);
        for ((factor, term), weight) in
            factors.iter_mut().zip(&novelty.terms[3..]).zip(&WEIGHTS[3..])
        {
            let Some((mean, sd)) = term else { continue };
            let share = weight / sd / novelty.width;
            (*factor, offset) = (share as f32, offset - share * mean);
        }
        let is_some = factors.iter().any(|factor| *factor > 0.0);
        is_some.then_some(Self { factors, offset: offset as f32 })
    }
}

/// Groups that it takes at least.
const LEAST: f64 = 3.0;

impl Novelty {
    /// `None` where there are fewer than three groups.
    ///
    /// * `left_out`: evidence and weight, those of a group sum to 1.
    /// * `false_reject`: the share of the frames of taught classes that may be called unknown, above 0, below 1.
    pub(super) fn fit(left_out: &[(Evidence, f64)], false_reject: f64) -> Option<Self> {
        let groups: f64 = left_out.iter().map(|(_, weight)| weight).sum();
        if groups < LEAST - 1e-6 {
            return None;
        }
        let mut terms = Terms::default();
        for (at, term) in terms.iter_mut().enumerate() {
            let values: Option<Vec<(f64, f64)>> = left_out
                .iter()
                .map(|(evidence, weight)| evidence.terms()[at].map(|value| (value, *weight)))
                .collect();
            *term = values.and_then(|values| moments(&values)).filter(|(_, sd)| *sd > 1e-9);
        }
        if terms[3..].iter().any(Option::is_some) {
            terms[0] = None;
        }
        let mut novelty = Self { terms, limit: 0.0, width: 1.0 };
        let mut sums: Vec<(f64, f64)> =
            left_out.iter().map(|(evidence, weight)| (novelty.sum(evidence), *weight)).collect();
        sums.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mean, sd) = moments(&sums)?;
        let bound = mean + student(false_reject, groups - 1.0) * sd * (1.0 + 1.0 / groups).sqrt();
        let rank = (groups + 1.0) * (1.0 - false_reject);
        novelty.limit = if rank <= groups {
            let mut seen = 0.0;
            let reached = |(_, weight): &&(f64, f64)| {
                seen += weight;
                seen >= rank - 1e-9
            };
            sums.iter().find(reached).map_or(bound, |(sum, _)| *sum)
        } else {
            sums.last().map_or(bound, |(sum, _)| sum.max(bound))
        };
        novelty.width = (novelty.limit - mean).max(sd).max(1e-3);
        Some(novelty)
    }

    /// By the angle alone, for fewer than three groups.
    ///
    /// * `angle`: as far as something may be that is known, above 0.
    pub(super) fn of_few(angle: f64) -> Self {
        let mut terms = Terms::default();
        terms[0] = Some((0.0, 1.0));
        Self { terms, limit: angle, width: angle }
    }

    fn sum(&self, evidence: &Evidence) -> f64 {
        let terms = evidence.terms().into_iter().zip(self.terms).zip(WEIGHTS);
        let term = |((value, of), weight): ((Option<f64>, Option<_>), f64)| {
            value
                .zip(of)
                .map_or(0.0, |(value, (mean, sd)): (f64, (f64, f64))| weight * (value - mean) / sd)
        };
        terms.map(term).sum()
    }

    /// Above 0; 1 at the limit, and about 0.37 in the middle of what is known.
    pub(super) fn of(&self, evidence: &Evidence) -> f32 {
        const MOST: f64 = 60.0;
        let off = (self.sum(evidence) - self.limit) / self.width;
        // Beyond the limit it grows evenly, below it never reaches 0.
        if off > 0.0 { (1.0 + off.min(MOST * MOST)) as f32 } else { off.max(-MOST).exp() as f32 }
    }
}

/// Weighted mean and standard deviation.
fn moments(values: &[(f64, f64)]) -> Option<(f64, f64)> {
    let weight: f64 = values.iter().map(|(_, weight)| weight).sum();
    let mean = values.iter().map(|(value, weight)| value * weight).sum::<f64>() / weight;
    let squares: Vec<f64> = values.iter().map(|(value, _)| (value - mean).powi(2)).collect();
    let weights: Vec<f64> = values.iter().map(|(_, weight)| *weight).collect();
    let variance = dot(&squares, &weights) / (weight - 1.0).max(0.5);
    (mean.is_finite() && variance.is_finite()).then(|| (mean, variance.sqrt()))
}

/// The value that a Student t variable exceeds with that probability: Cornish and Fisher's expansion around the normal
/// quantile (Abramowitz and Stegun 26.7.5 and 26.2.23; within 1 % from 4 degrees of freedom on).
fn student(tail: f64, freedom: f64) -> f64 {
    let t = (-2.0 * tail.clamp(1e-9, 0.5).ln()).sqrt();
    let z = t
        - (2.515_517 + 0.802_853 * t + 0.010_328 * t * t)
            / (1.0 + 1.432_788 * t + 0.189_269 * t * t + 0.001_308 * t * t * t);
    let freedom = freedom.max(1.0);
    z + (z.powi(3) + z) / (4.0 * freedom)
        + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * freedom * freedom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(angle: f64) -> Evidence {
        Evidence { angle, distance: None, doubt: 0.0, patches: PatchScores::default() }
    }

    #[test]
    fn students_quantiles_are_those_of_tables() {
        for (tail, freedom, wanted) in
            [(0.05, 10.0, 1.812), (0.02, 20.0, 2.197), (0.02, 1e9, 2.054)]
        {
            assert!((student(tail, freedom) - wanted).abs() < 0.02, "{tail} {freedom}");
        }
    }

    #[test]
    fn of_many_groups_the_named_share_lies_beyond_the_limit() {
        let left_out: Vec<_> = (0..999).map(|i| (seen(f64::from(i) / 999.0), 1.0)).collect();
        let novelty = Novelty::fit(&left_out, 0.02).expect("many groups");
        let beyond = left_out.iter().filter(|(one, _)| novelty.of(one) > 1.0).count();
        assert_eq!(beyond, 19, "1000 * 0.02 less the one to come");
    }

    #[test]
    fn frames_of_a_burst_count_once() {
        let alone = [0.1, 0.12, 0.11, 0.3, 0.09].map(|angle| (seen(angle), 1.0));
        let mut burst = alone.to_vec();
        let (one, _) = burst.pop().expect("five");
        burst.extend([(one, 0.25); 4]);
        let (alone, burst) = (Novelty::fit(&alone, 0.02), Novelty::fit(&burst, 0.02));
        let at = |novelty: Option<Novelty>| novelty.expect("five groups").of(&seen(0.35));
        assert!((at(alone) - at(burst)).abs() < 1e-5);
    }

    #[test]
    fn two_groups_tell_nothing() {
        assert_eq!(Novelty::fit(&[(seen(0.1), 1.0), (seen(0.2), 1.0)], 0.02), None);
    }
}
