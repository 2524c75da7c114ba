//! Scores to probabilities and novelty, fitted to what was left out.

use std::collections::{BTreeMap, BTreeSet};

use super::novelty::{Evidence, Novelty};
use super::offsets::Offsets;
use super::{LEAST_CLASSIFIED, Thresholds, Verdict, first_two, own, softmax};
use crate::learn::examples::Neighbour;
use crate::learn::head::{ClassId, GroupId, LeftOut};
use crate::learn::patches::PatchScores;

/// How scores become verdicts.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    temperature: f32,
    offsets: Offsets,
    /// `None` while nothing can be called unknown.
    novelty: Option<Novelty>,
    /// The same for what comes with patches; `None` where good parts have none.
    by_patches: Option<Novelty>,
    /// What every novelty is divided by.
    wider: f32,
    /// Classes that were described, and of which nothing was seen.
    unseen: BTreeSet<ClassId>,
}

/// How far a left-out example lies from those of other groups.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Apart {
    /// 1 less the cosine to the nearest.
    pub angle: f32,
    /// How far its patches lie from theirs.
    pub patches: PatchScores,
}

/// Of one look a class: the temperature over the mean squared distance to the means of the other classes is this,
/// divided by the number of classes to the power of [`NEARER_OF_MANY`]. Measured on 2 to 10 classes of three sets of
/// images that have nothing in common, see docs/learning.md.
const TEMPERATURE_OF_ONE_LOOK: f64 = 0.3;

/// The more classes, the nearer is the nearest of them beside the mean one.
const NEARER_OF_MANY: f64 = 0.4;

/// What networks of pictures and words divide cosines by: they are trained with factors of about 100, the largest that
/// CLIP allows (Radford et al. 2021).
const TEMPERATURE_OF_WORDS: f32 = 0.01;

/// What the share that may be called unknown is multiplied by where every class has a single look.
const FAR: f64 = 0.05;

impl Calibration {
    /// Scores as they are, nothing unknown.
    pub const NONE: Calibration = Calibration {
        temperature: 1.0,
        offsets: Offsets::NONE,
        novelty: None,
        by_patches: None,
        wider: 1.0,
        unseen: BTreeSet::new(),
    };

    /// * `classes`: the order of the scores.
    /// * `left_out`: from [`crate::learn::head::Head::leave_out`]; where the head has none, the scores are taken as
    ///   logits.
    /// * `apart`: of each of them.
    /// * `looks`: the groups of each class, and what its description is worth.
    /// * `far`: where there are fewer than three groups, 1 less the cosine to the nearest example from which on
    ///   something is unknown; `None` where nothing is.
    /// * `false_reject`: as [`Thresholds::false_reject`].
    /// * `of_words`: whether classes were described in words, and the scores are distances.
    pub fn fit(
        classes: &[ClassId],
        left_out: &[LeftOut],
        apart: &[Apart],
        looks: BTreeMap<ClassId, usize>,
        far: Option<f32>,
        false_reject: f32,
        of_words: bool,
    ) -> Self {
        let offsets = Offsets::fit(classes, left_out, looks);
        let mut calibration = Self { offsets, ..Self::NONE };
        let scores: Vec<Vec<f32>> =
            left_out.iter().map(|one| calibration.left_out_scores(classes, one)).collect();
        let weights = weights(left_out);
        calibration.temperature = fit_temperature(classes, left_out, &scores, &weights)
            .or_else(|| match of_words {
                true => Some(TEMPERATURE_OF_WORDS),
                false => temperature_of_one_look(classes, left_out),
            })
            .unwrap_or(1.0);
        // Where some classes can be classified, those of a single look say nothing of what is known.
        let classified =
            |one: &LeftOut| own(classes, one).is_some_and(|own| one.scores[own].is_finite());
        let all = !left_out.iter().any(classified);
        let evidence: Vec<(Evidence, f64)> = left_out
            .iter()
            .zip(&scores)
            .zip(apart.iter().zip(&weights.of_group))
            .filter(|((one, _), _)| all || classified(one))
            .filter_map(|((one, scores), (&apart, &weight))| {
                let evidence = calibration.evidence(&one.scores, scores, one.spread, apart)?;
                Some((evidence, weight))
            })
            .collect();
        // How far the classes lie from each other says less of how far a part of one may.
        let share = f64::from(false_reject) * if all { FAR } else { 1.0 };
        let with_patches: Vec<_> =
            evidence.iter().filter(|(one, _)| one.has_patches()).copied().collect();
        calibration.by_patches = Novelty::fit(&with_patches, share);
        let without = |(one, weight): &(Evidence, f64)| {
            (Evidence { patches: PatchScores::default(), ..*one }, *weight)
        };
        let evidence: Vec<_> = evidence.iter().map(without).collect();
        calibration.novelty = Novelty::fit(&evidence, share)
            .or_else(|| far.map(|far| Novelty::of_few(f64::from(far))));
        calibration
    }

    /// With a higher temperature and a wider limit of what is known.
    ///
    /// * `temperature`, `novelty`: factors.
    #[must_use]
    pub fn corrected(mut self, temperature: f32, novelty: f32) -> Self {
        self.temperature *= temperature;
        self.wider = novelty;
        self
    }

    /// What the scores are divided by.
    pub fn temperature(&self) -> f32 {
        self.temperature
    }

    /// The groups of each class have changed.
    ///
    /// * `unseen`: classes of which a description is all that is known: how far they reach is not.
    pub fn set_looks(&mut self, looks: BTreeMap<ClassId, usize>, unseen: BTreeSet<ClassId>) {
        self.offsets.set_looks(looks);
        self.unseen = unseen;
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
        Apart { angle, patches }: Apart,
    ) -> Option<Evidence> {
        let (best, _) = first_two(balanced)?;
        let (nearest, _) = first_two(raw)?;
        let distance =
            spread.map(|spread| (f64::from(spread) - 2.0 * f64::from(raw[nearest])).max(0.0));
        let doubt = 1.0 - f64::from(self.softmax(balanced)[best]);
        Some(Evidence { angle: f64::from(angle), distance, doubt, patches })
    }

    fn novelty(&self, evidence: &Evidence) -> f32 {
        let by_patches = self.by_patches.filter(|_| evidence.has_patches());
        by_patches.or(self.novelty).map_or(UNTOLD, |novelty| novelty.of(evidence) / self.wider)
    }

    /// * `classes`, `scores`: `[classes]`, in the head's order.
    /// * `spread`: as [`crate::learn::head::Head::spread`].
    /// * `nearest`: the nearest example to the same feature; `patches`: how far those of the same frame are from good parts'.
    /// * returns `None` if no class has an example.
    pub fn verdict(
        &self,
        classes: &[ClassId],
        scores: &[f32],
        spread: Option<f32>,
        nearest: Neighbour,
        patches: PatchScores,
        thresholds: &Thresholds,
    ) -> Option<Verdict> {
        let balanced = self.balanced(classes, scores);
        let (best, second) = first_two(&balanced)?;
        let probabilities = self.softmax(&balanced);
        let apart = Apart { angle: (1.0 - nearest.cosine).max(0.0), patches };
        let evidence = self.evidence(scores, &balanced, spread, apart)?;
        let is_unseen = self.unseen.contains(&classes[best]);
        let novelty = if is_unseen { UNTOLD } else { self.novelty(&evidence) };
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
    /// * `apart`: as for [`Calibration::fit`].
    pub fn count(
        &self,
        classes: &[ClassId],
        left_out: &[LeftOut],
        apart: &[Apart],
        thresholds: &Thresholds,
    ) -> LeftOutCounts {
        let mut counts = LeftOutCounts::default();
        for (one, &apart) in left_out.iter().zip(apart) {
            let scores = self.left_out_scores(classes, one);
            let classified = own(classes, one).filter(|&own| scores[own].is_finite());
            let best = first_two(&scores).map(|(best, _)| best);
            let evidence = self.evidence(&one.scores, &scores, one.spread, apart);
            let (Some(own), Some(best), Some(evidence)) = (classified, best, evidence) else {
                continue;
            };
            let novelty = self.novelty(&evidence);
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
mod tests;
