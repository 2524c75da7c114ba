//! How well a head would do on frames like those it was taught, by leaving each group out once.

use std::collections::{BTreeMap, BTreeSet};

use super::doubts::{Doubts, Standing};
use super::{Calibration, first_two, jeffreys};
use crate::learn::head::{ClassId, ExampleId, GroupId, LeftOut};

/// Probability with which the true accuracy lies in [`Estimate::interval`].
pub const COVER: f64 = 0.9;

/// Why all other examples contradict one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It was probably taught as the wrong class, see `decision/doubts.rs`.
    WrongLabel,
    /// It is hard: keep it, and teach more like it.
    Hard,
}

/// An example whose left-out verdict is another class.
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
    /// What is likely the reason.
    pub doubt: Doubt,
}

/// How well the head would do on frames like those it was taught, by leaving each group of examples out once.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Mean of the classes' recalls, 0 to 1; `None` where it cannot be told: there is one class, or one that has a
    /// single look.
    pub balanced_accuracy: Option<f32>,
    /// Where the true accuracy lies with a probability of 90 %, as far as so few independent looks can tell.
    pub interval: (f32, f32),
    /// Independent looks that were classified.
    pub looks: usize,
    /// Classes that could not be classified, since they have a single look.
    pub unestimated: Vec<ClassId>,
    /// Per class: examples that were classified, and the share that was right, every look weighing the same.
    pub recalls: BTreeMap<ClassId, (usize, f32)>,
    /// Of two classes how often, 0 to 1, the first was taken for the second; most often first.
    pub confused: Vec<(ClassId, ClassId, f32)>,
    /// Examples that the others contradict: wrong labels first, the surest first.
    pub suspects: Vec<Suspect>,
}

#[derive(Default)]
struct Tally {
    examples: usize,
    looks: f64,
    right: f64,
    taken_for: BTreeMap<ClassId, f64>,
}

impl Calibration {
    /// `None` where there are no left-out scores.
    ///
    /// * `classes`: the order of the scores.
    pub fn estimate(&self, classes: &[ClassId], left_out: &[LeftOut]) -> Option<Estimate> {
        let mut sizes: BTreeMap<(ClassId, GroupId), f64> = BTreeMap::new();
        for one in left_out {
            *sizes.entry((one.class, one.group)).or_default() += 1.0;
        }
        let mut tallies: BTreeMap<ClassId, Tally> = BTreeMap::new();
        let mut unestimated = BTreeSet::new();
        let (mut suspects, mut standings) = (Vec::new(), Vec::new());
        for one in left_out {
            let scores = self.left_out_scores(classes, one);
            let own = classes.iter().position(|&class| class == one.class);
            // The only look of its class cannot be classified: nothing is left that knows the class.
            let Some(own) = own.filter(|&own| scores[own].is_finite()) else {
                unestimated.insert(one.class);
                continue;
            };
            let Some((best, _)) = first_two(&scores) else { continue };
            let weight = 1.0 / sizes[&(one.class, one.group)];
            let tally = tallies.entry(one.class).or_default();
            tally.examples += 1;
            tally.looks += weight;
            let leads =
                scores.iter().enumerate().filter(|&(at, score)| at != own && score.is_finite());
            let nats =
                |(_, score): (_, &f32)| f64::from((score - scores[own]) / self.temperature());
            standings.push(Standing { leads: leads.map(nats).collect(), weight });
            if best == own {
                tally.right += weight;
                continue;
            }
            *tally.taken_for.entry(classes[best]).or_default() += weight;
            let suspect = Suspect {
                example: one.example,
                class: one.class,
                taken_for: classes[best],
                confidence: self.softmax(&scores)[best],
                doubt: Doubt::Hard,
            };
            suspects.push((suspect, standings.len() - 1));
        }
        if tallies.is_empty() && unestimated.is_empty() {
            return None;
        }
        let doubts = Doubts::of(&standings);
        let mut suspects: Vec<Suspect> = suspects
            .into_iter()
            .map(|(suspect, at)| Suspect { doubt: doubts.reason(&standings[at]), ..suspect })
            .collect();
        suspects.sort_by(|a, b| {
            let hard = |one: &Suspect| one.doubt == Doubt::Hard;
            hard(a)
                .cmp(&hard(b))
                .then(b.confidence.total_cmp(&a.confidence))
                .then(a.example.cmp(&b.example))
        });
        let recalls: BTreeMap<_, _> = tallies
            .iter()
            .map(|(&class, tally)| (class, (tally.examples, (tally.right / tally.looks) as f32)))
            .collect();
        let mut confused: Vec<_> = tallies
            .iter()
            .flat_map(|(&class, tally)| {
                let share = move |(&other, &weight): (&ClassId, &f64)| {
                    (class, other, (weight / tally.looks) as f32)
                };
                tally.taken_for.iter().map(share)
            })
            .collect();
        confused.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
        let looks = tallies.values().map(|tally| tally.looks).sum::<f64>();
        let mean = recalls.values().map(|(_, recall)| f64::from(*recall)).sum::<f64>()
            / recalls.len().max(1) as f64;
        // The mean of the classes' recalls is known as badly as that of the class with fewest looks: as if there were
        // as many looks as classes times the harmonic mean of theirs. Left-out looks share all their other examples, so
        // that they tell about as much as half of them would alone.
        let inverse: f64 = tallies.values().map(|tally| 1.0 / tally.looks).sum();
        let count = (tallies.len() * tallies.len()) as f64 / inverse.max(f64::MIN_POSITIVE);
        let (low, high) = jeffreys(mean, count / 2.0, COVER);
        let told = unestimated.is_empty() && recalls.len() > 1;
        Some(Estimate {
            balanced_accuracy: told.then_some(mean as f32),
            interval: if told { (low as f32, high as f32) } else { (0.0, 1.0) },
            looks: looks.round() as usize,
            unestimated: unestimated.into_iter().collect(),
            recalls,
            confused,
            suspects,
        })
    }
}
