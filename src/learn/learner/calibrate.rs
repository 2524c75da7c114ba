//! Fitting what scores mean to what is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use super::stand_in::looks;
use super::{LearnError, Learner};
use crate::learn::decision::{Apart, Calibration, Estimate, LeftOutCounts, Thresholds};
use crate::learn::examples::Example;
use crate::learn::head::{ClassId, ExampleId, GroupId, HeadKind, LeftOut};
use crate::learn::patch_memory::PatchMemory;
use crate::learn::patches::PatchScores;

/// Groups that are left out at most, and as many as there may be whatever it takes.
const MAX_LEFT_OUT: usize = 400;
const LEAST_LEFT_OUT: usize = 100;

/// Left-out groups times examples: how many angles are measured between them.
const MAX_COMPARED: usize = 1_000_000;

/// What scores mean, and how well it would do.
#[derive(Debug)]
pub(super) struct Fit {
    /// Of good parts, while nothing else is taught.
    pub(super) patches: Option<Arc<PatchMemory>>,
    pub(super) calibration: Calibration,
    pub(super) estimate: Option<Estimate>,
}

impl Fit {
    /// Of nothing.
    pub(super) const NONE: Self =
        Self { patches: None, calibration: Calibration::NONE, estimate: None };
}

impl Learner {
    /// Fits the calibration and the leave-one-out estimate to what is stored now. It happens by itself after
    /// every change while little is stored, and after every 4 % of changes later on.
    pub fn recalibrate(&mut self) {
        self.changes_since_fit = 0;
        self.head.tune();
        self.fit = OnceLock::new();
        self.patches_are_due();
        if !self.has_patches() || self.makes_patches_elsewhere() {
            self.fit();
        }
    }

    /// What the latest [`Learner::recalibrate`] made of the examples; of good parts alone it is made here.
    pub(super) fn fit(&self) -> &Fit {
        self.fit.get_or_init(|| {
            let patches = self.made_patches();
            let (left_out, apart) = self.left_out(patches.as_deref());
            let calibration = self.fitted(&left_out, &apart, self.thresholds.false_reject);
            let estimate = calibration.estimate(self.head.classes(), &left_out);
            let estimate = estimate.map(|estimate| self.correction.of_estimate(estimate));
            // Nothing shows how often pictures of a class are right that has none.
            let is_whole = self.only_described().next().is_none();
            let estimate = estimate.map(|estimate| Estimate {
                balanced_accuracy: estimate.balanced_accuracy.filter(|_| is_whole),
                ..estimate
            });
            Fit { patches, calibration, estimate }
        })
    }

    /// Classes that were described, and of which there is no picture.
    pub(super) fn only_described(&self) -> impl Iterator<Item = ClassId> {
        let looks = self.examples.looks();
        let described = self.examples.iter().filter(|example| example.described);
        let described: BTreeSet<ClassId> = described.map(|example| example.class).collect();
        described.into_iter().filter(move |class| !looks.contains_key(class))
    }

    /// What other thresholds would make of the examples, each left out with its group.
    pub fn effect_of(&self, thresholds: &Thresholds) -> LeftOutCounts {
        let (left_out, apart) = self.left_out(self.fit().patches.as_deref());
        let calibration = self.fitted(&left_out, &apart, thresholds.false_reject);
        calibration.count(self.head.classes(), &left_out, &apart, thresholds)
    }

    fn fitted(&self, left_out: &[LeftOut], apart: &[Apart], false_reject: f32) -> Calibration {
        let ((looks, unseen), far) = (looks(&self.examples, self.dim), self.examples.far());
        let classes = self.head.classes();
        let of_distances =
            matches!(self.config.kind(), HeadKind::Lda | HeadKind::Slda | HeadKind::Prototype);
        let of_words = of_distances && self.examples.are_described();
        let mut calibration =
            Calibration::fit(classes, left_out, apart, looks.clone(), far, false_reject, of_words);
        calibration.set_looks(looks, unseen);
        calibration.corrected(self.correction.temperature, self.correction.novelty)
    }

    /// What the head says of examples that it is asked about without their group, and how far each lies from
    /// the examples of other groups.
    fn left_out(&self, patches: Option<&PatchMemory>) -> (Vec<LeftOut>, Vec<Apart>) {
        let most = (MAX_COMPARED / self.examples.len().max(1)).clamp(LEAST_LEFT_OUT, MAX_LEFT_OUT);
        let left_out = if self.examples.are_described() {
            // Where words lie depends on the pictures that are left.
            self.folds().ok()
        } else {
            self.head.leave_out(most).or_else(|| {
                let twin = self.head.twin().and_then(|config| self.built(&config).ok());
                twin.map_or_else(|| self.folds().ok(), |twin| twin.leave_out(most))
            })
        };
        let left_out = left_out.unwrap_or_default();
        let ids: Vec<ExampleId> = left_out.iter().map(|one| one.example).collect();
        let angles = self.examples.angles_to_others(&ids);
        let patches = patches.map(|one| one.left_out(&ids));
        let patches = patches.unwrap_or_else(|| vec![PatchScores::default(); ids.len()]);
        let apart = angles.into_iter().zip(patches);
        let apart = apart.map(|(angle, patches)| Apart { angle, patches }).collect();
        (left_out, apart)
    }

    /// As [`Learner::recalibrate`], where anything changed since.
    pub fn bring_up_to_date(&mut self) {
        if self.changes_since_fit > 0 {
            self.recalibrate();
        }
    }

    /// What heads like the one in use say of examples that they were not taught, for one that cannot leave out: each is
    /// taught with two thirds of the groups of every class, and asked about the others. Where classes are described it is
    /// four fifths, and of classes with fewer looks one class after the other is left to its words.
    fn folds(&self) -> Result<Vec<LeftOut>, LearnError> {
        let (folds, turns) = match self.examples.are_described() {
            true => (5, self.turns_by_content()),
            false => (3, self.turns_by_time()),
        };
        let turn = |example: &Example| turns[&(example.class, example.group)] % folds;
        let pictures = || self.examples.iter().filter(|example| !example.described);
        let mut all = Vec::with_capacity(self.examples.len());
        for fold in 0..folds {
            let head = self.built_of(&self.config, |example| turn(example) != fold)?;
            for example in pictures().filter(|example| turn(example) == fold) {
                let feature = example.widened();
                let (scores, spread) = (head.score(&feature)?, head.spread(&feature)?);
                let &Example { id: example, group, class, .. } = example;
                all.push(LeftOut { example, group, class, scores, spread });
            }
        }
        Ok(all)
    }

    /// The place of each group in its class.
    fn turns_by_time(&self) -> BTreeMap<(ClassId, GroupId), usize> {
        let groups: BTreeSet<(ClassId, GroupId)> =
            self.examples.iter().map(|example| (example.class, example.group)).collect();
        let mut places: BTreeMap<ClassId, usize> = BTreeMap::new();
        let mut turn = |class| {
            let place = places.entry(class).or_default();
            *place += 1;
            *place - 1
        };
        groups.into_iter().map(|group| (group, turn(group.0))).collect()
    }

    /// The place of each group of images in its class and the place of the class, whatever the order in which they were
    /// taught: on another device it is the same.
    fn turns_by_content(&self) -> BTreeMap<(ClassId, GroupId), usize> {
        let mut least: BTreeMap<(ClassId, GroupId), Vec<u16>> = BTreeMap::new();
        for example in self.examples.iter().filter(|example| !example.described) {
            let bits: Vec<u16> = example.feature.iter().map(|value| value.to_bits()).collect();
            let kept = least.entry((example.class, example.group)).or_insert_with(|| bits.clone());
            if bits < *kept {
                *kept = bits;
            }
        }
        let mut names: Vec<_> = self.classes.iter().map(|(class, name)| (name, *class)).collect();
        names.sort();
        let mut turns = BTreeMap::new();
        for (place, (_, class)) in names.into_iter().enumerate() {
            let of_class = least.range((class, GroupId(0))..=(class, GroupId(u64::MAX)));
            let mut groups: Vec<_> = of_class.map(|(group, bits)| (bits, *group)).collect();
            groups.sort();
            turns.extend(groups.into_iter().zip(place..).map(|((_, group), turn)| (group, turn)));
        }
        turns
    }
}
