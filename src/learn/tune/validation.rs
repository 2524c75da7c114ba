//! Whether it helps: groups are left out in turns, and classified with and without the trained blocks.

use std::collections::{BTreeMap, BTreeSet};

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::start::taught;
use super::training::shuffle;
use super::{GoOn, TuneError, Tuner, TuningSample, features};
use crate::image::frame::Timestamp;
use crate::learn::examples::{Example, narrowed};
use crate::learn::head::{ClassId, ExampleId, GroupId, Head, HeadConfig};
use crate::learn::learner::{Change, ClassName, Correction, Learner};

/// What left-out looks say; shares, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Validation {
    /// Balanced accuracy with the frozen features alone.
    pub frozen: f64,
    /// Balanced accuracy with the adapted ones beside them.
    pub adapted: f64,
    /// Standard error of the difference.
    pub uncertainty: f64,
    /// Looks that were left out.
    pub looks: usize,
    /// What the examples that the blocks were trained with say too much of confidence and novelty.
    scores: Correction,
}

impl Validation {
    /// How much it gains.
    pub fn gain(&self) -> f64 {
        self.adapted - self.frozen
    }

    /// What a learner of everything, with the adapted features, has to be corrected by: its estimate becomes what was
    /// found for looks that the blocks were not trained with.
    ///
    /// * `learner`: without a correction.
    pub fn correction(&self, learner: &Learner) -> Correction {
        let own = learner.estimate().and_then(|estimate| estimate.balanced_accuracy);
        let accuracy = own.map_or(0.0, |own| own - self.adapted as f32).clamp(0.0, 1.0);
        Correction { accuracy, ..self.scores }
    }

    /// Whether it gains more than chance alone might give.
    pub fn helps(&self) -> bool {
        self.gain() > self.uncertainty
    }
}

/// Groups of each class.
pub(super) fn looks(samples: &[TuningSample]) -> BTreeMap<ClassId, usize> {
    groups(samples).into_iter().map(|(class, groups)| (class, groups.len())).collect()
}

fn groups(samples: &[TuningSample]) -> BTreeMap<ClassId, BTreeSet<GroupId>> {
    let mut groups: BTreeMap<ClassId, BTreeSet<GroupId>> = BTreeMap::new();
    for sample in samples {
        groups.entry(sample.class).or_default().insert(sample.group);
    }
    groups
}

/// How often the looks of a class were right: without and with the blocks, means over a look's samples.
type Rights = BTreeMap<(ClassId, GroupId), Vec<[f64; 2]>>;

impl Tuner<'_> {
    /// Of each sample, the part that it is left out with. The looks of every class are spread evenly over the parts.
    fn parts(&self) -> Vec<usize> {
        let mut random = ChaCha8Rng::seed_from_u64(self.recipe.seed);
        let mut parts = BTreeMap::new();
        // A class does not begin where the one before it did, so that parts are of one size.
        let mut next = 0;
        for (class, groups) in groups(self.samples) {
            let mut order: Vec<usize> = (0..groups.len()).collect();
            shuffle(&mut order, &mut random);
            let groups: Vec<GroupId> = groups.into_iter().collect();
            for place in order {
                parts.insert((class, groups[place]), next % self.recipe.folds.max(2));
                next += 1;
            }
        }
        self.samples.iter().map(|sample| parts[&(sample.class, sample.group)]).collect()
    }

    fn folds(&self) -> Vec<[Vec<&TuningSample>; 2]> {
        let parts = self.parts();
        let fold = |part: usize| {
            let side = |left_out: bool| {
                let of = self.samples.iter().zip(&parts);
                of.filter(|(_, own)| (**own == part) == left_out).map(|(one, _)| one).collect()
            };
            [side(false), side(true)]
        };
        (0..self.recipe.folds.max(2)).map(fold).collect()
    }

    pub(super) fn steps_of_validation(&self) -> usize {
        self.folds().iter().map(|[train, _]| self.steps_of(train.len())).sum()
    }

    /// Leaves parts out in turns.
    ///
    /// # Errors
    /// [`TuneError`].
    pub fn validate(&self, go_on: &mut GoOn) -> Result<Validation, TuneError> {
        let (all, mut before) = (self.steps(false), 0);
        let mut rights = Rights::new();
        let mut folds = Vec::new();
        for (number, [train, left_out]) in (1..).zip(self.folds()) {
            let seed = self.recipe.seed.wrapping_add(number);
            let tail = self.trained(&train, seed, &mut |done, _| go_on(before + done, all))?;
            before += self.steps_of(train.len());
            let frozen = |sample: &&TuningSample| -> Vec<Vec<f32>> {
                sample.views.iter().map(|view| view.frozen.clone()).collect()
            };
            let blocks = self.blocks.len();
            let without: Vec<_> = train.iter().map(frozen).collect();
            let with = train.iter().map(|sample| features(&tail, blocks, &sample.views));
            let with: Vec<_> = with.collect::<Result<_, _>>()?;
            let without = taught(&self.head, &train, &without)?;
            let with = learned(&self.head, &train, with)?;
            let mut seen = Vec::new();
            for sample in left_out {
                let feature = features(&tail, blocks, &sample.views[..1])?.remove(0);
                let right = [
                    is_right(&*without, sample, &sample.views[0].frozen)?,
                    is_right(with.head(), sample, &feature)?,
                ];
                rights.entry((sample.class, sample.group)).or_default().push(right);
                seen.push((feature, right[1]));
            }
            folds.push((with, seen));
        }
        Ok(Validation { scores: correction(&mut folds)?, ..summary(&rights) })
    }
}

/// A learner of a part, and the features of what was left out with whether each was right.
type Fold = (Learner, Vec<(Vec<f32>, f64)>);

/// A learner with these features of samples.
///
/// * `features`: `[samples][views][dim]`.
fn learned(
    config: &HeadConfig,
    samples: &[&TuningSample],
    features: Vec<Vec<Vec<f32>>>,
) -> Result<Learner, TuneError> {
    let dim = features.first().and_then(|views| views.first()).map_or(1, Vec::len);
    let mut learner = Learner::new(dim, config.clone(), usize::MAX)?;
    let classes: BTreeSet<ClassId> = samples.iter().map(|sample| sample.class).collect();
    let mut changes = Vec::new();
    for class in classes {
        changes.push(Change::AddClass(class, ClassName::new(&format!("class{}", class.0))?));
    }
    for ((sample, features), id) in samples.iter().zip(features).zip(1..) {
        let mut features = features.iter().map(|feature| narrowed(feature));
        changes.push(Change::AddExample(Example {
            id: ExampleId(id),
            class: sample.class,
            group: sample.group,
            taught: Timestamp(id),
            origin: String::new(),
            feature: features.next().expect("a sample has its own view"),
            views: features.collect(),
            patches: None,
            described: false,
            image: None,
        }));
    }
    learner.change(changes)?;
    Ok(learner)
}

/// How much less is known than the learners' own left-out examples say.
fn correction(folds: &mut [Fold]) -> Result<Correction, TuneError> {
    let mut correction = Correction::NONE;
    let (mut scores, mut right) = (Vec::new(), Vec::new());
    for (learner, seen) in folds.iter() {
        let (classes, calibration) = (learner.head().classes(), learner.calibration());
        for (feature, is_right) in seen {
            let own = learner.head().score(feature)?;
            let offset = classes.iter().map(|class| calibration.offset(*class));
            let balanced = own.iter().zip(offset).map(|(score, offset)| score + offset);
            scores
                .push(balanced.map(|score| score / calibration.temperature()).collect::<Vec<_>>());
            right.push(*is_right);
        }
    }
    let share = right.iter().sum::<f64>() / right.len().max(1) as f64;
    correction.temperature = temperature(&scores, share);
    let mut novelties = Vec::new();
    let mut named = 0.05;
    for (learner, seen) in folds {
        learner.set_correction(correction);
        named = learner.thresholds().false_reject;
        for (feature, _) in seen {
            novelties.extend(learner.classify(feature)?.map(|verdict| verdict.novelty));
        }
    }
    novelties.sort_by(f32::total_cmp);
    let beyond = (novelties.len() as f32 * named) as usize;
    let at_limit = novelties.iter().rev().nth(beyond).copied();
    correction.novelty = at_limit.filter(|limit| limit.is_finite()).unwrap_or(1.0).clamp(1.0, 1e3);
    Ok(correction)
}

/// The factor, at least 1, at which the mean probability of the best class is the share that was right.
fn temperature(scores: &[Vec<f32>], right: f64) -> f32 {
    let confidence = |factor: f32| {
        let of = |scores: &Vec<f32>| {
            let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = scores.iter().map(|score| ((score - most) / factor).exp()).sum();
            f64::from(1.0 / sum)
        };
        scores.iter().map(of).sum::<f64>() / scores.len().max(1) as f64
    };
    let (mut low, mut high) = (1.0_f32, 1e3_f32);
    for _ in 0..40 {
        let middle = (low * high).sqrt();
        if confidence(middle) > right { low = middle } else { high = middle }
    }
    low
}

/// 1 where the sample's class scores best.
fn is_right(head: &dyn Head, sample: &TuningSample, feature: &[f32]) -> Result<f64, TuneError> {
    let scores = head.score(feature)?;
    let best = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let right = best.is_some_and(|best| head.classes()[best] == sample.class);
    Ok(f64::from(u8::from(right)))
}

fn summary(rights: &Rights) -> Validation {
    let mut classes: BTreeMap<ClassId, Vec<[f64; 2]>> = BTreeMap::new();
    for ((class, _), samples) in rights {
        let mean =
            |of: usize| samples.iter().map(|right| right[of]).sum::<f64>() / samples.len() as f64;
        classes.entry(*class).or_default().push([mean(0), mean(1)]);
    }
    let count = classes.len().max(1) as f64;
    let (mut recall, mut variance) = ([0.0, 0.0], 0.0);
    for looks in classes.values() {
        let share = 1.0 / (count * looks.len() as f64);
        for [frozen, adapted] in looks {
            recall[0] += frozen * share;
            recall[1] += adapted * share;
            // About zero, not about the mean: a class in which nothing changed is not known to be unchanged.
            variance += ((adapted - frozen) * share).powi(2);
        }
    }
    let looks = classes.values().map(Vec::len).sum();
    let (uncertainty, scores) = (variance.sqrt(), Correction::NONE);
    Validation { frozen: recall[0], adapted: recall[1], uncertainty, looks, scores }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_counts_only_where_it_is_more_than_chance() {
        let of = |changes: &[[f64; 2]]| {
            let looks = (0..)
                .zip(changes)
                .map(|(at, right)| ((ClassId(at % 2), GroupId(u64::from(at))), vec![*right]));
            summary(&looks.collect())
        };
        let (up, down, same) = ([0.0, 1.0], [1.0, 0.0], [1.0, 1.0]);
        let none = of(&[same; 10]);
        assert_eq!((none.gain(), none.uncertainty, none.helps()), (0.0, 0.0, false));
        let one = of(&[up, same, same, same, same, same, same, same, same, same]);
        assert!((one.gain() - 0.1).abs() < 1e-9 && (one.uncertainty - 0.1).abs() < 1e-9);
        assert!(!one.helps(), "one look says nothing");
        assert!(of(&[up, up, up, same, same, same, same, same, same, same]).helps());
        assert!(!of(&[up, up, up, down, down, same, same, same, same, same]).helps());
        assert!(!of(&[down, down, same, same]).helps());
    }
}
