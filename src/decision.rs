//! Scores to a verdict: how sure, whether it is known at all, and steady over frames.
//!
//! * **Confidence** is the softmax of the scores divided by a temperature. The temperature is fitted to leave-one-out
//!   scores, which every example gives of itself as if it had not been taught, so that their mean confidence is the
//!   share of them that was right (Clarte et al. 2023, "Expectation consistency for calibration of neural networks").
//!   Where few were taught a fit of the likelihood would be ruled by the one or two that went most wrong.
//! * **Unknown** is a feature that lies farther from every example than examples of one class lie from each other.

use std::collections::BTreeMap;

use crate::examples::{Examples, Neighbour};
use crate::head::{ClassId, ExampleId, LeftOut};

/// What a frame is taken for.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The class, or unknown.
    pub class: Option<ClassId>,
    /// The class with the highest score, also where the verdict is unknown.
    pub best: ClassId,
    /// Probability of `best` among the taught classes, 0 to 1, calibrated.
    pub confidence: f32,
    /// The class in second place and its probability; `None` while there is but one class.
    pub runner_up: Option<(ClassId, f32)>,
    /// The nearest taught example.
    pub nearest: Neighbour,
    /// Distance to the nearest example over the largest at which a feature counts as known; above 1 is unknown.
    pub novelty: f32,
}

/// What a person may set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Below this confidence the verdict is unknown, 0 to 1.
    pub confidence: f32,
    /// Above this novelty the verdict is unknown; infinity turns the check off.
    pub novelty: f32,
}

impl Thresholds {
    /// Whether a verdict can be told by them: a confidence of 0 to 1, a novelty above 0.
    pub fn are_valid(&self) -> bool {
        (0.0..=1.0).contains(&self.confidence) && self.novelty > 0.0
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { confidence: 0.0, novelty: 1.0 }
    }
}

/// Scores to probabilities, fitted to leave-one-out scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    temperature: f32,
    reach: f32,
}

/// Angular distance (1 - cosine) at which everything counts as known: nothing to judge by yet.
const UNLIMITED: f32 = 2.0;

impl Calibration {
    /// Scores as they are, nothing unknown.
    pub const NONE: Calibration = Calibration { temperature: 1.0, reach: UNLIMITED };

    /// * `classes`: the order of the scores.
    /// * `left_out`: from [`crate::head::Head::leave_one_out`]; where the head has none, the scores are taken as
    ///   logits.
    /// * `examples`: what was taught; how far apart examples of one class lie sets what counts as known.
    pub fn fit(classes: &[ClassId], left_out: Option<&[LeftOut]>, examples: &Examples) -> Self {
        let temperature =
            left_out.and_then(|left_out| fit_temperature(classes, left_out)).unwrap_or(1.0);
        Self { temperature, reach: reach(examples.cosines_within_classes()) }
    }

    /// What the scores are divided by.
    pub fn temperature(&self) -> f32 {
        self.temperature
    }

    /// * `scores`: `[classes]`; `f32::NEG_INFINITY` for a class without examples.
    /// * returns `[classes]` probabilities that sum to 1; all 0 where every score is minus infinity.
    pub fn probabilities(&self, scores: &[f32]) -> Vec<f32> {
        softmax(scores, self.temperature)
    }

    /// * `classes`, `scores`: `[classes]`, in the head's order.
    /// * `nearest`: the nearest example to the same feature.
    /// * returns `None` if no class has an example.
    pub fn verdict(
        &self,
        classes: &[ClassId],
        scores: &[f32],
        nearest: Neighbour,
        thresholds: &Thresholds,
    ) -> Option<Verdict> {
        let (best, second) = first_two(scores)?;
        let probabilities = self.probabilities(scores);
        let novelty = (1.0 - nearest.cosine).max(0.0) / self.reach;
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

/// Indices of the highest and the second highest finite score; the first of equals.
fn first_two(scores: &[f32]) -> Option<(usize, Option<usize>)> {
    let mut order: Vec<usize> = (0..scores.len()).filter(|&i| scores[i].is_finite()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    Some((*order.first()?, order.get(1).copied()))
}

fn places(classes: &[ClassId]) -> BTreeMap<ClassId, usize> {
    classes.iter().enumerate().map(|(place, &class)| (class, place)).collect()
}

fn softmax(scores: &[f32], temperature: f32) -> Vec<f32> {
    let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if top == f32::NEG_INFINITY {
        return vec![0.0; scores.len()];
    }
    let mut out: Vec<f32> =
        scores.iter().map(|score| ((score - top) / temperature).exp()).collect();
    let sum: f32 = out.iter().sum();
    out.iter_mut().for_each(|value| *value /= sum);
    out
}

/// The temperature at which the mean confidence of the left-out examples is the share of them that was right, every
/// class weighing the same; `None` where nothing can be learned from (fewer than two classes with two examples each).
fn fit_temperature(classes: &[ClassId], left_out: &[LeftOut]) -> Option<f32> {
    let places = places(classes);
    let mut counts: BTreeMap<ClassId, usize> = BTreeMap::new();
    for one in left_out {
        *counts.entry(one.class).or_default() += 1;
    }
    let usable: Vec<Judged> = left_out
        .iter()
        .filter_map(|one| Judged::of(one, *places.get(&one.class)?, counts[&one.class]))
        .collect();
    if usable.is_empty() {
        return None;
    }
    let weight: f64 = usable.iter().map(|judged| judged.weight).sum();
    let mean = |value: &dyn Fn(&Judged) -> f64| {
        usable.iter().map(|judged| judged.weight * value(judged)).sum::<f64>() / weight
    };
    let right = mean(&|judged| f64::from(u8::from(judged.right)));
    // Laplace's rule of succession: five right answers of five are not certainty.
    let count = usable.len() as f64;
    let wanted = (right * count + 1.0) / (count + 2.0);
    // The mean confidence falls as the temperature rises: halving finds it.
    const HALVINGS: usize = 48;
    let (mut low, mut high) = (1e-4f64.ln(), 1e4f64.ln());
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        let cold = (-middle).exp();
        if mean(&|judged| judged.confidence(cold)) > wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(((low + high) / 2.0).exp() as f32)
}

/// An example's leave-one-out scores as the temperature needs them.
struct Judged {
    /// The finite scores, less the highest.
    scores: Vec<f64>,
    /// Whether its own class has the highest.
    right: bool,
    /// Weight of the example: every class weighs the same.
    weight: f64,
}

impl Judged {
    /// `None` where nothing can be learned from it: its class, or every other one, has no score.
    fn of(one: &LeftOut, own: usize, count: usize) -> Option<Self> {
        let (best, second) = first_two(&one.scores)?;
        if second.is_none() || !one.scores[own].is_finite() {
            return None;
        }
        let top = f64::from(one.scores[best]);
        let finite = one.scores.iter().map(|&s| f64::from(s)).filter(|s| s.is_finite());
        let scores = finite.map(|score| score - top).collect();
        Some(Self { scores, right: best == own, weight: 1.0 / count as f64 })
    }

    /// The highest probability, with the scores multiplied by `cold`.
    fn confidence(&self, cold: f64) -> f64 {
        1.0 / self.scores.iter().map(|score| (score * cold).exp()).sum::<f64>()
    }
}

/// The distance up to which a feature counts as known, such that one more of the same kind lies within it with 95 %
/// probability: of `n` distances of an example to the nearest other of its class, the `ceil(0.95 (n + 1))`-th smallest
/// (the quantile of conformal prediction: Vovk, Gammerman and Shafer 2005, "Algorithmic Learning in a Random World"),
/// the largest while there are fewer than 19. With fewer than three nothing is called unknown.
fn reach(cosines: impl Iterator<Item = f32>) -> f32 {
    let mut distances: Vec<f32> = cosines.map(|cosine| (1.0 - cosine).max(0.0)).collect();
    if distances.len() < 3 {
        return UNLIMITED;
    }
    distances.sort_by(f32::total_cmp);
    let rank = ((distances.len() + 1) as f64 * 0.95).ceil() as usize;
    let index = rank.min(distances.len()) - 1;
    const SMALLEST: f32 = 1e-4;
    distances[index].clamp(SMALLEST, UNLIMITED)
}

/// An example whose leave-one-out verdict is another class, surely: mislabelled, or worth a look.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspect {
    /// The example.
    pub example: ExampleId,
    /// What it was taught as.
    pub class: ClassId,
    /// What the others say it is.
    pub taken_for: ClassId,
    /// The probability of that, 0 to 1.
    pub confidence: f32,
}

/// How well the head would do on frames like those it was taught, by leaving each example out once.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Mean of the classes' recalls, 0 to 1.
    pub balanced_accuracy: f32,
    /// Per class: examples that were judged, and the share that was right.
    pub recalls: BTreeMap<ClassId, (usize, f32)>,
    /// Examples that hurt, the surest first.
    pub suspects: Vec<Suspect>,
}

impl Calibration {
    /// `None` where the head has no leave-one-out scores or no class has two examples.
    ///
    /// * `classes`: the order of the scores.
    pub fn estimate(&self, classes: &[ClassId], left_out: &[LeftOut]) -> Option<Estimate> {
        let mut tally: BTreeMap<ClassId, (usize, usize)> = BTreeMap::new();
        let mut suspects = Vec::new();
        let places = places(classes);
        for one in left_out {
            // The only example of its class cannot be judged: nothing is left that knows the class.
            let own = places.get(&one.class).copied();
            let Some(own) = own.filter(|&own| one.scores[own].is_finite()) else { continue };
            let Some((best, _)) = first_two(&one.scores) else { continue };
            let entry = tally.entry(one.class).or_default();
            entry.0 += 1;
            if best == own {
                entry.1 += 1;
                continue;
            }
            suspects.push(Suspect {
                example: one.example,
                class: one.class,
                taken_for: classes[best],
                confidence: self.probabilities(&one.scores)[best],
            });
        }
        if tally.is_empty() {
            return None;
        }
        suspects
            .sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(a.example.cmp(&b.example)));
        let recalls: BTreeMap<_, _> = tally
            .into_iter()
            .map(|(class, (judged, right))| (class, (judged, right as f32 / judged as f32)))
            .collect();
        let balanced_accuracy =
            recalls.values().map(|(_, recall)| recall).sum::<f32>() / recalls.len() as f32;
        Some(Estimate { balanced_accuracy, recalls, suspects })
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(id: u64, class: u32, scores: &[f32]) -> LeftOut {
        LeftOut { example: ExampleId(id), class: ClassId(class), scores: scores.to_vec() }
    }

    const CLASSES: [ClassId; 2] = [ClassId(0), ClassId(1)];

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
        let examples = Examples::new(0);
        let sure = Calibration::fit(&CLASSES, Some(&all_right), &examples);
        let unsure = Calibration::fit(&CLASSES, Some(&some_wrong), &examples);
        let (p, q) = (sure.probabilities(&[3.0, 0.0])[0], unsure.probabilities(&[3.0, 0.0])[0]);
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
            Calibration::fit(&CLASSES, Some(&taught), &Examples::new(0))
                .probabilities(&[scale, 0.0])[0]
        };
        assert!((at(1.0) - at(50.0)).abs() < 1e-3, "{} {}", at(1.0), at(50.0));
    }

    #[test]
    fn a_far_feature_is_unknown_and_a_near_one_is_not() {
        let calibration = Calibration { temperature: 1.0, reach: 0.2 };
        let judge = |cosine: f32| {
            calibration
                .verdict(&CLASSES, &[2.0, 1.0], neighbour(cosine), &Thresholds::default())
                .expect("both classes have scores")
        };
        assert_eq!(judge(0.9).class, Some(ClassId(0)));
        let far = judge(0.7);
        assert_eq!((far.class, far.best), (None, ClassId(0)));
        assert!((far.novelty - 1.5).abs() < 1e-3);
    }

    #[test]
    fn classes_without_examples_never_win_and_nothing_taught_gives_no_verdict() {
        let all = |scores: &[f32]| {
            Calibration::NONE.verdict(&CLASSES, scores, neighbour(1.0), &Thresholds::default())
        };
        let verdict = all(&[f32::NEG_INFINITY, -5.0]).expect("one class has examples");
        assert_eq!((verdict.best, verdict.confidence, verdict.runner_up), (ClassId(1), 1.0, None));
        assert_eq!(all(&[f32::NEG_INFINITY; 2]), None);
    }

    #[test]
    fn the_estimate_is_the_mean_of_recalls_and_names_who_hurts() {
        let taught = [
            left_out(1, 0, &[2.0, 0.0]),
            left_out(2, 0, &[2.0, 0.0]),
            left_out(3, 0, &[0.0, 9.0]),
            left_out(4, 1, &[0.0, 1.0]),
        ];
        let estimate = Calibration::NONE.estimate(&CLASSES, &taught).expect("scores are there");
        assert!((estimate.balanced_accuracy - (2.0 / 3.0 + 1.0) / 2.0).abs() < 1e-6);
        assert_eq!(estimate.suspects.len(), 1);
        assert_eq!(estimate.suspects[0].example, ExampleId(3));
        assert_eq!(estimate.suspects[0].taken_for, ClassId(1));
    }

    #[test]
    fn smoothing_rides_over_one_odd_frame_and_follows_a_lasting_change() {
        let mut verdict = Calibration::NONE
            .verdict(&CLASSES, &[2.0, 1.0], neighbour(1.0), &Thresholds::default())
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
