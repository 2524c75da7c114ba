//! One head taught with one split, and the summary of such runs.

use std::collections::BTreeSet;

use super::{ConfusionMatrix, LabelledFeatures, Outcome, Split, Spread, calibration_error};
use crate::image::frame::Timestamp;
use crate::learn::examples::{Example, narrowed};
use crate::learn::head::{ClassId, ExampleId, GroupId, HeadConfig, HeadKind};
use crate::learn::learner::{Change, ClassName, LearnError, Learner};
use crate::learn::tune::Validation;

/// What is taken off every feature before a head learns from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Centre {
    /// Nothing.
    None,
    /// The mean of the taught features.
    TaughtMean,
}

/// What one classified image was taken for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassifiedImage {
    /// Place of the image.
    pub image: usize,
    /// Its class.
    pub truth: usize,
    /// The class with the highest score.
    pub predicted: usize,
    /// Calibrated probability of that class, 0 to 1.
    pub confidence: f32,
    /// How far it lies from every taught image; above 1 is unknown.
    pub novelty: f32,
    /// Whether a device with its usual thresholds would have said "unknown" instead.
    pub unknown: bool,
}

/// What fine-tuning found in a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finetuned {
    /// What the taught images say.
    pub validation: Validation,
    /// Whether the blocks were kept; otherwise the run is that of the frozen features.
    pub kept: bool,
}

/// One head, taught with one split.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The split's seed.
    pub seed: u64,
    /// The classes that were taught, rising.
    pub classes: Vec<usize>,
    /// Images that were taught.
    pub taught: usize,
    /// Of every classified image, in the split's order.
    pub predictions: Vec<ClassifiedImage>,
    /// Balanced accuracy by leave-one-out over the taught images, 0 to 1: what a device would say of itself; `None`
    /// where the head has none or no class has two images.
    pub estimate: Option<f64>,
    /// What fine-tuning found; `None` in a run without.
    pub finetuned: Option<Finetuned>,
}

/// Teaches a head and classifies with it.
///
/// # Errors
/// [`LearnError`] if the head refuses its settings or the features.
pub fn run(
    set: &LabelledFeatures,
    split: &Split,
    config: &HeadConfig,
    centre: Centre,
) -> Result<Run, LearnError> {
    run_corrected(set, split, (config, centre), None)
}

/// As [`run`].
///
/// * `validation`: of a backbone that was trained with the images that are taught.
pub(super) fn run_corrected(
    set: &LabelledFeatures,
    split: &Split,
    (config, centre): (&HeadConfig, Centre),
    validation: Option<&Validation>,
) -> Result<Run, LearnError> {
    let labels = set.labels();
    // Without images what is classified is described.
    let known = if split.train.is_empty() { &split.test } else { &split.train };
    let classes: BTreeSet<usize> = known.iter().map(|&image| labels[image]).collect();
    let mut changes = Vec::with_capacity(classes.len() + split.train.len());
    for &class in &classes {
        // A folder may be called what no class may; the number stands for it.
        let name = ClassName::new(&format!("class{class}"))?;
        changes.push(Change::AddClass(id_of(class), name));
    }
    let mut sum = vec![0.0f64; set.dim()];
    let example = |id: u64, class: usize, feature: &[f32], described: bool| Example {
        id: ExampleId(id),
        class: id_of(class),
        taught: Timestamp(id),
        origin: String::new(),
        feature: narrowed(feature),
        group: GroupId(id),
        views: Vec::new(),
        image: None,
        patches: None,
        described,
    };
    let first = split.train.len() as u64 + 1;
    for (&class, id) in classes.iter().zip(first..) {
        if let Some(words) = set.words().get(class) {
            changes.push(Change::AddExample(example(id, class, words, true)));
        }
    }
    for (&image, id) in split.train.iter().zip(1..) {
        let example = example(id, labels[image], set.feature(image), false);
        let stored = example.widened();
        sum.iter_mut().zip(stored).for_each(|(sum, value)| *sum += f64::from(value));
        changes.push(Change::AddExample(example));
    }
    let count = split.train.len().max(1) as f64;
    let mean = sum.into_iter().map(|sum| (sum / count) as f32).collect();
    let config = config.clone().with_centre((centre == Centre::TaughtMean).then_some(mean));
    let mut learner = Learner::new(set.dim(), config, usize::MAX)?;
    learner.change(changes)?;
    if let Some(validation) = validation {
        learner.set_correction(validation.correction(&learner));
    }
    let mut predictions = Vec::with_capacity(split.test.len());
    for &image in &split.test {
        let Some(verdict) = learner.classify(set.feature(image))? else { continue };
        predictions.push(ClassifiedImage {
            image,
            truth: labels[image],
            predicted: verdict.best.0 as usize,
            confidence: verdict.confidence,
            novelty: verdict.novelty,
            unknown: verdict.class.is_none(),
        });
    }
    Ok(Run {
        seed: split.seed,
        classes: classes.into_iter().collect(),
        taught: split.train.len(),
        predictions,
        estimate: learner.estimate().and_then(|e| e.balanced_accuracy).map(f64::from),
        finetuned: None,
    })
}

fn id_of(class: usize) -> ClassId {
    ClassId(u32::try_from(class).expect("far fewer classes"))
}

impl Run {
    /// What its images were taken for.
    ///
    /// * `classes`: how many the set has.
    pub fn confusion(&self, classes: usize) -> ConfusionMatrix {
        let mut confusion = ConfusionMatrix::new(classes);
        self.predictions.iter().for_each(|one| confusion.add(one.truth, one.predicted));
        confusion
    }

    /// Expected calibration error; with `balanced` every class weighs the same, else every image.
    fn calibration_error(&self, confusion: &ConfusionMatrix, balanced: bool) -> Option<f64> {
        let outcomes: Vec<Outcome> = self
            .predictions
            .iter()
            .map(|one| {
                let of_class: u64 = confusion.row(one.truth).iter().sum();
                let weight = if balanced { 1.0 / of_class as f64 } else { 1.0 };
                let right = one.predicted == one.truth;
                Outcome { confidence: one.confidence, right, weight }
            })
            .collect();
        calibration_error(&outcomes)
    }
}

/// The runs of one head at one number of shots, one a seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The head.
    pub head: HeadKind,
    /// Whether the last blocks of the backbone were fine-tuned where that helps.
    pub finetune: bool,
    /// Images a class that were taught.
    pub shots: usize,
    /// At least one, each with a prediction.
    pub runs: Vec<Run>,
}

/// What is told of a cell; shares, 0 to 1, over its runs.
#[derive(Debug, Clone, PartialEq)]
pub struct CellSummary {
    /// Mean of the classes' recalls.
    pub balanced_accuracy: Spread,
    /// Share of the images that were recognised.
    pub accuracy: Spread,
    /// The leave-one-out estimate of the balanced accuracy; `None` if a run has none.
    pub estimate: Option<Spread>,
    /// Mean of the confidences.
    pub confidence: Spread,
    /// Expected calibration error, every image weighing the same.
    pub calibration_error: Spread,
    /// Expected calibration error, every class weighing the same, as the calibration does it.
    pub balanced_calibration_error: Spread,
    /// Share of the images that a device would have called unknown, though their class was taught.
    pub unknown: Spread,
    /// `[classes]`: the recall of each; `None` if none of its images was classified.
    pub recalls: Vec<Option<Spread>>,
    /// The counts of all runs.
    pub confusion: ConfusionMatrix,
}

impl Cell {
    /// Of the head, and whether the backbone was fine-tuned with it.
    pub fn name(&self) -> String {
        if self.finetune { format!("{}+finetune", self.head) } else { self.head.to_string() }
    }

    /// Runs in which the fine-tuned blocks were kept.
    pub fn kept(&self) -> usize {
        self.runs.iter().filter(|run| run.finetuned.is_some_and(|tuned| tuned.kept)).count()
    }

    /// `None` if there is no run, or one without a prediction.
    ///
    /// * `classes`: how many the set has.
    pub fn summary(&self, classes: usize) -> Option<CellSummary> {
        let confusions: Vec<ConfusionMatrix> =
            self.runs.iter().map(|run| run.confusion(classes)).collect();
        let runs = || self.runs.iter().zip(&confusions);
        let share = |of: &dyn Fn(&Run, &ConfusionMatrix) -> Option<f64>| {
            let values: Option<Vec<f64>> =
                runs().map(|(run, confusion)| of(run, confusion)).collect();
            Spread::of(&values?)
        };
        let mean = |run: &Run, of: &dyn Fn(&ClassifiedImage) -> f64| {
            Spread::of(&run.predictions.iter().map(of).collect::<Vec<_>>())
                .map(|spread| spread.mean)
        };
        let mut confusion = ConfusionMatrix::new(classes);
        confusions.iter().for_each(|one| confusion.merge(one));
        let recalls = (0..classes).map(|class| {
            let classified: Vec<f64> = confusions.iter().filter_map(|c| c.recall(class)).collect();
            Spread::of(&classified)
        });
        Some(CellSummary {
            balanced_accuracy: share(&|_, confusion| confusion.balanced_accuracy())?,
            accuracy: share(&|_, confusion| confusion.accuracy())?,
            estimate: share(&|run, _| run.estimate),
            confidence: share(&|run, _| mean(run, &|one| f64::from(one.confidence)))?,
            calibration_error: share(&|run, counts| run.calibration_error(counts, false))?,
            balanced_calibration_error: share(&|run, counts| run.calibration_error(counts, true))?,
            unknown: share(&|run, _| mean(run, &|one| f64::from(u8::from(one.unknown))))?,
            recalls: recalls.collect(),
            confusion,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_of(seed: u64, estimate: Option<f64>, list: &[(usize, usize, f32)]) -> Run {
        let predictions = list
            .iter()
            .enumerate()
            .map(|(image, &(truth, predicted, confidence))| {
                let unknown = confidence < 0.5;
                ClassifiedImage { image, truth, predicted, confidence, novelty: 0.5, unknown }
            })
            .collect();
        Run { seed, classes: vec![0, 1], taught: 2, predictions, estimate, finetuned: None }
    }

    #[test]
    fn a_summary_is_the_mean_counted_by_hand() {
        // Run 0: class 0 2 of 3, class 1 1 of 1; run 1: all right.
        let runs = vec![
            run_of(0, Some(0.5), &[(0, 0, 0.9), (0, 0, 0.9), (0, 1, 0.4), (1, 1, 0.6)]),
            run_of(1, Some(0.7), &[(0, 0, 1.0), (1, 1, 1.0)]),
        ];
        let cell = Cell { head: HeadKind::Lda, finetune: false, shots: 1, runs };
        let summary = cell.summary(2).expect("there are predictions");
        let near = |got: Spread, mean: f64, std: f64| {
            assert!((got.mean - mean).abs() < 1e-6 && (got.std - std).abs() < 1e-6, "{got:?}");
        };
        let (first, second) = ((2.0 / 3.0 + 1.0) / 2.0, 1.0);
        near(summary.balanced_accuracy, (first + second) / 2.0, (second - first) / 2.0);
        near(summary.accuracy, 0.875, 0.125);
        near(summary.estimate.expect("both runs have one"), 0.6, 0.1);
        near(summary.unknown, 0.125, 0.125);
        near(summary.confidence, (0.7 + 1.0) / 2.0, 0.15);
        // Run 0: bins of 0.9 (twice right), 0.4 (wrong), 0.6 (right): (0.2 + 0.4 + 0.4) / 4.
        near(summary.calibration_error, 0.125, 0.125);
        // Balanced: weights 1/3, 1/3, 1/3 and 1, in all 2: (0.2 / 3 + 0.4 / 3 + 0.4) / 2.
        near(summary.balanced_calibration_error, 0.15, 0.15);
        near(summary.recalls[0].expect("classified"), 5.0 / 6.0, 1.0 / 6.0);
        assert_eq!(summary.confusion.row(0), [3, 1]);
    }

    #[test]
    fn an_estimate_missing_in_one_run_has_no_mean() {
        let runs = vec![run_of(0, Some(0.5), &[(0, 0, 0.9)]), run_of(1, None, &[(0, 0, 0.9)])];
        let cell = Cell { head: HeadKind::Lda, finetune: false, shots: 1, runs };
        let summary = cell.summary(3).expect("there are predictions");
        assert_eq!((summary.estimate, summary.recalls[2]), (None, None));
        let none = Cell { head: HeadKind::Lda, finetune: false, shots: 1, runs: vec![] };
        assert_eq!(none.summary(2), None);
    }

    /// Two far groups and, of class 1, one image that lies in the group of class 0.
    fn groups() -> LabelledFeatures {
        let image = |class: &str, i: usize, x: f32, y: f32| {
            (format!("{class}/{i}"), vec![x + 0.01 * i as f32, y - 0.02 * i as f32, 1.0])
        };
        let mut images: Vec<_> = (0..6).map(|i| image("a", i, 5.0, 0.0)).collect();
        images.extend((0..5).map(|i| image("b", i, 0.0, 5.0)));
        images.push(image("b", 5, 5.0, 0.0));
        LabelledFeatures::new(3, images).expect("valid")
    }

    #[test]
    fn every_head_tells_far_groups_apart_and_runs_twice_alike() {
        let set = groups();
        let split = Split {
            shots: 3,
            seed: 4,
            train: vec![0, 1, 2, 6, 7, 8],
            test: vec![3, 4, 5, 9, 10, 11],
        };
        for kind in HeadKind::ALL {
            for centre in [Centre::None, Centre::TaughtMean] {
                let once = run(&set, &split, &HeadConfig::of(kind), centre).expect("valid");
                let predicted: Vec<_> = once.predictions.iter().map(|one| one.predicted).collect();
                assert_eq!(predicted, [0, 0, 0, 1, 1, 0], "{kind} {centre:?}");
                let balanced = once.confusion(2).balanced_accuracy().expect("classified");
                assert!((balanced - (1.0 + 2.0 / 3.0) / 2.0).abs() < 1e-9);
                assert_eq!((once.seed, once.taught, &once.classes[..]), (4, 6, &[0, 1][..]));
                assert_eq!(once, run(&set, &split, &HeadConfig::of(kind), centre).expect("valid"));
            }
        }
    }
}
