//! Scores to probabilities and novelty, fitted to what was left out.

use std::collections::BTreeMap;

use super::novelty::{Evidence, Novelty};
use super::offsets::Offsets;
use super::{LEAST_CLASSIFIED, Thresholds, Verdict, first_two, own, softmax};
use crate::learn::examples::Neighbour;
use crate::learn::head::{ClassId, GroupId, LeftOut};

/// How scores become verdicts.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    temperature: f32,
    offsets: Offsets,
    /// `None` while nothing can be called unknown.
    novelty: Option<Novelty>,
}

/// Of one look a class: the temperature over the mean squared distance to the means of the other classes is this,
/// divided by the number of classes to the power of [`NEARER_OF_MANY`]. Measured on 2 to 10 classes of three sets of
/// images that have nothing in common, see docs/learning.md.
const TEMPERATURE_OF_ONE_LOOK: f64 = 0.3;

/// The more classes, the nearer is the nearest of them beside the mean one.
const NEARER_OF_MANY: f64 = 0.4;

/// What the share that may be called unknown is multiplied by where every class has a single look.
const FAR: f64 = 0.05;

impl Calibration {
    /// Scores as they are, nothing unknown.
    pub const NONE: Calibration =
        Calibration { temperature: 1.0, offsets: Offsets::NONE, novelty: None };

    /// * `classes`: the order of the scores.
    /// * `left_out`: from [`crate::learn::head::Head::leave_out`]; where the head has none, the scores are taken as
    ///   logits.
    /// * `angles`: of each of them 1 less the cosine to the nearest example of another group.
    /// * `looks`: the groups of each class.
    /// * `far`: where there are fewer than three groups, 1 less the cosine to the nearest example from which on
    ///   something is unknown; `None` where nothing is.
    /// * `false_reject`: as [`Thresholds::false_reject`].
    pub fn fit(
        classes: &[ClassId],
        left_out: &[LeftOut],
        angles: &[f32],
        looks: BTreeMap<ClassId, usize>,
        far: Option<f32>,
        false_reject: f32,
    ) -> Self {
        let offsets = Offsets::fit(classes, left_out, looks);
        let mut calibration = Self { offsets, ..Self::NONE };
        let scores: Vec<Vec<f32>> =
            left_out.iter().map(|one| calibration.left_out_scores(classes, one)).collect();
        let weights = weights(left_out);
        calibration.temperature = fit_temperature(classes, left_out, &scores, &weights)
            .or_else(|| temperature_of_one_look(classes, left_out))
            .unwrap_or(1.0);
        // Where some classes can be classified, those of a single look say nothing of what is known.
        let classified =
            |one: &LeftOut| own(classes, one).is_some_and(|own| one.scores[own].is_finite());
        let all = !left_out.iter().any(classified);
        let evidence: Vec<(Evidence, f64)> = left_out
            .iter()
            .zip(&scores)
            .zip(angles.iter().zip(&weights.of_group))
            .filter(|((one, _), _)| all || classified(one))
            .filter_map(|((one, scores), (&angle, &weight))| {
                let evidence = calibration.evidence(&one.scores, scores, one.spread, angle)?;
                Some((evidence, weight))
            })
            .collect();
        // How far the classes lie from each other says less of how far a part of one may.
        let share = f64::from(false_reject) * if all { FAR } else { 1.0 };
        calibration.novelty = Novelty::fit(&evidence, share)
            .or_else(|| far.map(|far| Novelty::of_few(f64::from(far))));
        calibration
    }

    /// What the scores are divided by.
    pub fn temperature(&self) -> f32 {
        self.temperature
    }

    /// The groups of each class have changed.
    pub fn set_looks(&mut self, looks: BTreeMap<ClassId, usize>) {
        self.offsets.set_looks(looks);
    }

    /// What is added to the score of a class before it is divided by the temperature.
    pub fn offset(&self, class: ClassId) -> f32 {
        self.offsets.of(class, 0)
    }

    /// Scores with their offsets.
    ///
    /// * `classes`, `scores`: `[classes]`, in the head's order.
    fn balanced(&self, classes: &[ClassId], scores: &[f32]) -> Vec<f32> {
        classes.iter().zip(scores).map(|(&class, score)| score + self.offset(class)).collect()
    }

    /// The scores of what was left out, with the offsets of the looks that were left.
    pub(super) fn left_out_scores(&self, classes: &[ClassId], one: &LeftOut) -> Vec<f32> {
        let offset = |&class: &ClassId| self.offsets.of(class, usize::from(class == one.class));
        classes.iter().zip(&one.scores).map(|(class, score)| score + offset(class)).collect()
    }

    pub(super) fn softmax(&self, balanced: &[f32]) -> Vec<f32> {
        softmax(balanced, self.temperature)
    }

    /// * `classes`, `scores`: `[classes]`, in the head's order; `f32::NEG_INFINITY` for a class without examples.
    /// * returns `[classes]` probabilities that sum to 1; all 0 where every score is minus infinity.
    pub fn probabilities(&self, classes: &[ClassId], scores: &[f32]) -> Vec<f32> {
        self.softmax(&self.balanced(classes, scores))
    }

    /// * `raw`: without offsets.
    fn evidence(
        &self,
        raw: &[f32],
        balanced: &[f32],
        spread: Option<f32>,
        angle: f32,
    ) -> Option<Evidence> {
        let (best, _) = first_two(balanced)?;
        let (nearest, _) = first_two(raw)?;
        let distance =
            spread.map(|spread| (f64::from(spread) - 2.0 * f64::from(raw[nearest])).max(0.0));
        let doubt = 1.0 - f64::from(self.softmax(balanced)[best]);
        Some(Evidence { angle: f64::from(angle), distance, doubt })
    }

    /// * `classes`, `scores`: `[classes]`, in the head's order.
    /// * `spread`: as [`crate::learn::head::Head::spread`].
    /// * `nearest`: the nearest example to the same feature.
    /// * returns `None` if no class has an example.
    pub fn verdict(
        &self,
        classes: &[ClassId],
        scores: &[f32],
        spread: Option<f32>,
        nearest: Neighbour,
        thresholds: &Thresholds,
    ) -> Option<Verdict> {
        let balanced = self.balanced(classes, scores);
        let (best, second) = first_two(&balanced)?;
        let probabilities = self.softmax(&balanced);
        let angle = (1.0 - nearest.cosine).max(0.0);
        let evidence = self.evidence(scores, &balanced, spread, angle)?;
        let novelty = self.novelty.map_or(UNTOLD, |novelty| novelty.of(&evidence));
        let confidence = probabilities[best];
        let known = confidence >= thresholds.confidence && novelty <= thresholds.novelty;
        Some(Verdict {
            class: known.then_some(classes[best]),
            best: classes[best],
            confidence,
            runner_up: second.map(|second| (classes[second], probabilities[second])),
            nearest,
            novelty,
        })
    }
}

/// What became of examples that were left out, each with its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftOutCounts {
    /// Recognized.
    pub right: usize,
    /// Taken for another class.
    pub wrong: usize,
    /// Unknown.
    pub unknown: usize,
}

impl Calibration {
    /// What thresholds make of what was left out; the only look of a class cannot be classified and is not counted.
    ///
    /// * `angles`: as for [`Calibration::fit`].
    pub fn count(
        &self,
        classes: &[ClassId],
        left_out: &[LeftOut],
        angles: &[f32],
        thresholds: &Thresholds,
    ) -> LeftOutCounts {
        let mut counts = LeftOutCounts::default();
        for (one, &angle) in left_out.iter().zip(angles) {
            let scores = self.left_out_scores(classes, one);
            let classified = own(classes, one).filter(|&own| scores[own].is_finite());
            let best = first_two(&scores).map(|(best, _)| best);
            let evidence = self.evidence(&one.scores, &scores, one.spread, angle);
            let (Some(own), Some(best), Some(evidence)) = (classified, best, evidence) else {
                continue;
            };
            let novelty = self.novelty.map_or(UNTOLD, |novelty| novelty.of(&evidence));
            let confidence = self.softmax(&scores)[best];
            if confidence < thresholds.confidence || novelty > thresholds.novelty {
                counts.unknown += 1;
            } else if best == own {
                counts.right += 1;
            } else {
                counts.wrong += 1;
            }
        }
        counts
    }
}

/// The novelty of everything while nothing can be called unknown.
const UNTOLD: f32 = 0.0;

/// Of every left-out example its weight among those of its group, and among those of its class.
struct Weights {
    of_group: Vec<f64>,
    of_class: Vec<f64>,
    groups: usize,
}

fn weights(left_out: &[LeftOut]) -> Weights {
    let mut sizes: BTreeMap<(ClassId, GroupId), f64> = BTreeMap::new();
    for one in left_out {
        *sizes.entry((one.class, one.group)).or_default() += 1.0;
    }
    let mut groups: BTreeMap<ClassId, f64> = BTreeMap::new();
    sizes.keys().for_each(|(class, _)| *groups.entry(*class).or_default() += 1.0);
    let of_group: Vec<f64> =
        left_out.iter().map(|one| 1.0 / sizes[&(one.class, one.group)]).collect();
    let of_class =
        left_out.iter().zip(&of_group).map(|(one, weight)| weight / groups[&one.class]).collect();
    Weights { of_group, of_class, groups: sizes.len() }
}

/// See [`TEMPERATURE_OF_ONE_LOOK`]; `None` where the head has no distance or there is one class.
fn temperature_of_one_look(classes: &[ClassId], left_out: &[LeftOut]) -> Option<f32> {
    let (mut sum, mut count, mut known) = (0.0, 0.0, 1.0f64);
    for one in left_out {
        let spread = f64::from(one.spread?);
        let others = classes.iter().zip(&one.scores).filter(|(class, _)| **class != one.class);
        let distances: Vec<f64> = others
            .filter(|(_, score)| score.is_finite())
            .map(|(_, &score)| (spread - 2.0 * f64::from(score)).max(0.0))
            .collect();
        sum += distances.iter().sum::<f64>();
        count += distances.len() as f64;
        known = known.max(distances.len() as f64 + 1.0);
    }
    let mean = sum / count;
    let share = TEMPERATURE_OF_ONE_LOOK / known.powf(NEARER_OF_MANY);
    (mean > 0.0).then_some((share * mean) as f32)
}

/// The temperature at which the mean confidence of the left-out examples is the share of them that was right, every
/// class weighing the same; `None` where too little can be learned from.
fn fit_temperature(
    classes: &[ClassId],
    left_out: &[LeftOut],
    scores: &[Vec<f32>],
    weights: &Weights,
) -> Option<f32> {
    let classified = left_out.iter().zip(scores).zip(&weights.of_class);
    let usable: Vec<Classified> = classified
        .filter_map(|((one, scores), &weight)| Classified::of(scores, own(classes, one)?, weight))
        .collect();
    let looks = usable.len() as f64 / left_out.len().max(1) as f64 * weights.groups as f64;
    if usable.is_empty() || looks < LEAST_CLASSIFIED as f64 - 1e-6 {
        return None;
    }
    let weight: f64 = usable.iter().map(|classified| classified.weight).sum();
    let mean = |value: &dyn Fn(&Classified) -> f64| {
        usable.iter().map(|classified| classified.weight * value(classified)).sum::<f64>() / weight
    };
    let right = mean(&|classified| f64::from(u8::from(classified.right)));
    // Laplace's rule of succession: five right answers of five are not certainty.
    let wanted = (right * looks + 1.0) / (looks + 2.0);
    // The mean confidence falls as the temperature rises: halving finds it.
    const HALVINGS: usize = 48;
    let (mut low, mut high) = (1e-5f64.ln(), 1e6f64.ln());
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        let cold = (-middle).exp();
        if mean(&|classified| classified.confidence(cold)) > wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(((low + high) / 2.0).exp() as f32)
}

/// An example's left-out scores as the temperature needs them.
struct Classified {
    /// The finite scores, less the highest.
    scores: Vec<f64>,
    /// Whether its own class has the highest.
    right: bool,
    weight: f64,
}

impl Classified {
    /// `None` where nothing can be learned from it: its class, or every other one, has no score.
    fn of(scores: &[f32], own: usize, weight: f64) -> Option<Self> {
        let (best, second) = first_two(scores)?;
        if second.is_none() || !scores[own].is_finite() {
            return None;
        }
        let top = f64::from(scores[best]);
        let finite = scores.iter().map(|&s| f64::from(s)).filter(|s| s.is_finite());
        Some(Self { scores: finite.map(|score| score - top).collect(), right: best == own, weight })
    }

    /// The highest probability, with the scores multiplied by `cold`.
    fn confidence(&self, cold: f64) -> f64 {
        1.0 / self.scores.iter().map(|score| (score * cold).exp()).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Doubt, Smoother};
    use super::*;
    use crate::learn::head::ExampleId;

    fn left_out(id: u64, class: u32, scores: &[f32]) -> LeftOut {
        let (example, group, class) = (ExampleId(id), GroupId(id), ClassId(class));
        LeftOut { example, group, class, scores: scores.to_vec(), spread: None }
    }

    const CLASSES: [ClassId; 2] = [ClassId(0), ClassId(1)];

    fn fit(taught: &[LeftOut]) -> Calibration {
        let angles = vec![0.1; taught.len()];
        Calibration::fit(&CLASSES, taught, &angles, BTreeMap::new(), None, 0.02)
    }

    fn neighbour(cosine: f32) -> Neighbour {
        Neighbour { example: ExampleId(0), class: ClassId(0), cosine }
    }

    #[test]
    fn a_head_that_is_often_wrong_is_made_less_sure() {
        let all_right: Vec<_> = (0..20)
            .map(|i| left_out(i, (i % 2) as u32, &[[3.0, 0.0], [0.0, 3.0]][(i % 2) as usize]))
            .collect();
        let mut some_wrong = all_right.clone();
        for one in some_wrong.iter_mut().take(8) {
            one.scores.reverse();
        }
        let (sure, unsure) = (fit(&all_right), fit(&some_wrong));
        let p = |calibration: &Calibration| calibration.probabilities(&CLASSES, &[3.0, 0.0])[0];
        let (p, q) = (p(&sure), p(&unsure));
        // By the rule of succession 20 of 20 right is 21/22, and 12 of 20 is 13/22.
        assert!((p - 21.0 / 22.0).abs() < 1e-3, "{p}");
        assert!((q - 13.0 / 22.0).abs() < 1e-3, "{q}");
    }

    #[test]
    fn scaling_all_scores_changes_no_probability() {
        let scores = [[2.0, 0.5], [0.1, 1.0], [1.0, 1.2], [0.4, 2.0]];
        let at = |scale: f32| {
            let taught: Vec<_> = scores
                .iter()
                .enumerate()
                .map(|(i, s)| left_out(i as u64, (i % 2) as u32, &[s[0] * scale, s[1] * scale]))
                .collect();
            fit(&taught).probabilities(&CLASSES, &[scale, 0.0])[0]
        };
        assert!((at(1.0) - at(50.0)).abs() < 1e-3, "{} {}", at(1.0), at(50.0));
    }

    #[test]
    fn only_a_far_feature_is_unknown() {
        let taught: Vec<_> = (0..20).map(|i| left_out(i, (i % 2) as u32, &[2.0, 1.0])).collect();
        let angles: Vec<f32> = (0..20).map(|i| 0.1 + 0.005 * i as f32).collect();
        let calibration = Calibration::fit(&CLASSES, &taught, &angles, BTreeMap::new(), None, 0.02);
        let classify = |cosine: f32| {
            calibration
                .verdict(&CLASSES, &[2.0, 1.0], None, neighbour(cosine), &Thresholds::default())
                .expect("both classes have scores")
        };
        assert_eq!(classify(0.9).class, Some(ClassId(0)));
        let far = classify(0.7);
        assert_eq!((far.class, far.best), (None, ClassId(0)));
        assert!(far.novelty > 1.0 && classify(0.6).novelty > far.novelty);
    }

    #[test]
    fn classes_without_examples_never_win() {
        let all = |scores: &[f32]| {
            let thresholds = Thresholds::default();
            Calibration::NONE.verdict(&CLASSES, scores, None, neighbour(1.0), &thresholds)
        };
        let verdict = all(&[f32::NEG_INFINITY, -5.0]).expect("one class has examples");
        assert_eq!((verdict.best, verdict.confidence, verdict.runner_up), (ClassId(1), 1.0, None));
        assert_eq!(all(&[f32::NEG_INFINITY; 2]), None);
    }

    #[test]
    fn the_estimate_is_mean_recall_and_names_suspects() {
        let taught = [
            left_out(1, 0, &[2.0, 0.0]),
            left_out(2, 0, &[2.0, 0.0]),
            left_out(3, 0, &[0.0, 9.0]),
            left_out(4, 1, &[0.0, 1.0]),
            left_out(5, 1, &[1.0, 0.5]),
        ];
        let estimate = Calibration::NONE.estimate(&CLASSES, &taught).expect("scores are there");
        let told = estimate.balanced_accuracy.expect("both classes can be classified");
        assert!((told - (2.0 / 3.0 + 0.5) / 2.0).abs() < 1e-6);
        assert!(estimate.interval.0 < told && told < estimate.interval.1);
        let doubts: Vec<_> =
            estimate.suspects.iter().map(|s| (s.example, s.taken_for, s.doubt)).collect();
        let wanted =
            [(ExampleId(3), ClassId(1), Doubt::Hard), (ExampleId(5), ClassId(0), Doubt::Hard)];
        assert_eq!(doubts, wanted);
        assert_eq!(estimate.confused[0], (ClassId(1), ClassId(0), 0.5));
    }

    #[test]
    fn the_class_of_fewest_looks_sets_the_interval() {
        let of = |common: u64, rare: u64| {
            let all = (0..common + rare).map(|id| {
                let class = u32::from(id >= common);
                left_out(id, class, &[[2.0, 0.0], [0.0, 2.0]][class as usize])
            });
            let all: Vec<_> = all.collect();
            let estimate = Calibration::NONE.estimate(&CLASSES, &all).expect("scores are there");
            assert_eq!(estimate.balanced_accuracy, Some(1.0));
            estimate.interval.0
        };
        // 4 / (1/100 + 1/2) is 7.8 looks, not 102.
        assert!(of(100, 2) < of(6, 6) && of(100, 2) > of(2, 2), "{}", of(100, 2));
        assert!((of(4, 4) - 0.64).abs() < 0.01 && of(50, 50) > 0.95, "{} {}", of(4, 4), of(50, 50));
    }

    #[test]
    fn a_look_counts_once_and_one_look_has_no_estimate() {
        let mut taught: Vec<_> = (0..4).map(|id| left_out(id, 0, &[2.0, 0.0])).collect();
        taught.extend(
            (4..10).map(|id| LeftOut { group: GroupId(4), ..left_out(id, 0, &[0.0, 1.0]) }),
        );
        taught.push(left_out(20, 1, &[0.0, f32::NEG_INFINITY]));
        let estimate = Calibration::NONE.estimate(&CLASSES, &taught).expect("scores are there");
        assert_eq!(estimate.recalls[&ClassId(0)], (10, 0.8));
        assert_eq!((estimate.looks, estimate.balanced_accuracy), (5, None));
        assert_eq!(estimate.unestimated, [ClassId(1)]);
    }

    #[test]
    fn smoothing_ignores_one_odd_frame_and_follows_a_change() {
        let thresholds = Thresholds::default();
        let mut verdict = Calibration::NONE
            .verdict(&CLASSES, &[2.0, 1.0], None, neighbour(1.0), &thresholds)
            .expect("scores are there");
        let mut smoother = Smoother::new(4);
        for _ in 0..5 {
            smoother.step(&verdict);
        }
        verdict.class = None;
        assert_eq!(smoother.step(&verdict).0, Some(ClassId(0)));
        for _ in 0..4 {
            smoother.step(&verdict);
        }
        assert_eq!(smoother.step(&verdict).0, None);
    }
}
