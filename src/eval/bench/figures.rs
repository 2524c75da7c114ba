//! Figures of classified images, every class weighing the same.

use super::{Sample, Values};
use crate::eval::measures::{auroc, calibration_error_in};
use crate::eval::{ConfusionMatrix, Outcome, Spread};

/// One classified image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Classified {
    /// Its class.
    pub(super) truth: usize,
    /// The class with the highest score; `None` where nothing was taught.
    pub(super) best: Option<usize>,
    /// The reported probability of that class.
    pub(super) confidence: f32,
    /// Whether it was called unknown.
    pub(super) unknown: bool,
    /// How far it is from everything taught.
    pub(super) novelty: f32,
}

/// What the learner says of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SelfEstimate {
    /// Balanced accuracy, 0 to 1; `None` where there is no estimate.
    pub(super) estimate: Option<f64>,
    /// In which it lies with 90 % probability; `None` where there is none.
    pub(super) interval: Option<(f64, f64)>,
}

impl Classified {
    /// By a learner that knows nothing.
    pub(super) fn nothing(truth: usize) -> Self {
        Self { truth, best: None, confidence: 0.0, unknown: true, novelty: f32::INFINITY }
    }

    fn right(&self) -> bool {
        self.best == Some(self.truth)
    }
}

/// Mean over the classes of the share for which something holds; `None` of nothing.
pub(super) fn share(classified: &[Classified], holds: impl Fn(&Classified) -> bool) -> Option<f64> {
    let classes = classified.iter().map(|one| one.truth).max()? + 1;
    let mut counts = ConfusionMatrix::new(classes.max(2));
    for one in classified {
        // Where it does not hold it counts as any other class.
        let other = (one.truth + 1) % classes.max(2);
        counts.add(one.truth, if holds(one) { one.truth } else { other });
    }
    counts.balanced_accuracy()
}

/// Balanced accuracy of the nearest classes, whether called unknown or not.
pub(super) fn balanced_accuracy(classified: &[Classified]) -> Option<f64> {
    share(classified, Classified::right)
}

/// Balanced accuracy where a known frame that is called unknown counts as wrong.
pub(super) fn told_right(classified: &[Classified]) -> Option<f64> {
    share(classified, |one| one.right() && !one.unknown)
}

/// Share of the frames that are called unknown.
pub(super) fn unknown(classified: &[Classified]) -> Option<f64> {
    share(classified, |one| one.unknown)
}

/// Recall of one class.
pub(super) fn recall(classified: &[Classified], class: usize) -> Option<f64> {
    let own: Vec<Classified> =
        classified.iter().copied().filter(|one| one.truth == class).collect();
    balanced_accuracy(&own)
}

/// Expected calibration error in 10 bins; with `balanced` every class weighs the same, else every image.
pub(super) fn calibration_error(classified: &[Classified], balanced: bool) -> Option<f64> {
    let count = |class| classified.iter().filter(|one| one.truth == class).count() as f64;
    let outcome = |one: &Classified| Outcome {
        confidence: one.confidence,
        right: one.right(),
        weight: if balanced { 1.0 / count(one.truth) } else { 1.0 },
    };
    calibration_error_in(10, &classified.iter().map(outcome).collect::<Vec<_>>())
}

/// How well novelty separates what was never taught from what was.
pub(super) fn novelty_auroc(novel: &[Classified], known: &[Classified]) -> Option<f64> {
    let novelties =
        |classified: &[Classified]| classified.iter().map(|one| one.novelty).collect::<Vec<_>>();
    auroc(&novelties(novel), &novelties(known))
}

/// The true accuracy, the reported one, and how far apart they are.
pub(super) fn honesty(classified: &[Classified], told: SelfEstimate) -> Values {
    let truth = balanced_accuracy(classified);
    let bias = told.estimate.zip(truth).map(|(told, truth)| told - truth);
    let cover = told.interval.zip(truth).map(|((low, high), truth)| {
        // A balanced accuracy is a sum of shares: one that is 1 may be a hair less.
        const ROUNDING: f64 = 1e-6;
        f64::from(u8::from((low - ROUNDING..=high + ROUNDING).contains(&truth)))
    });
    vec![
        ("true", truth),
        ("told", told.estimate),
        ("bias", bias),
        ("error", bias.map(f64::abs)),
        ("cover", cover),
        ("width", told.interval.map(|(low, high)| high - low)),
    ]
}

/// Confidence: its mean and its error.
pub(super) fn confidence(classified: &[Classified]) -> Values {
    let all: Vec<f64> = classified.iter().map(|one| f64::from(one.confidence)).collect();
    vec![
        ("confidence", Spread::of(&all).map(|spread| spread.mean)),
        ("ece", calibration_error(classified, false)),
        ("ece_balanced", calibration_error(classified, true)),
    ]
}

/// A sample of a class and the same of all classes.
pub(super) fn with_all(
    class: &str,
    of: Vec<(&'static str, String)>,
    values: Values,
) -> Vec<Sample> {
    let labelled = |class: &str| {
        let of = std::iter::once(("class", class.to_owned())).chain(of.clone()).collect();
        Sample { of, values: values.clone() }
    };
    vec![labelled(super::ALL_CLASSES), labelled(class)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classified(list: &[(usize, usize, bool, f32)]) -> Vec<Classified> {
        let one = |&(truth, best, unknown, novelty)| {
            let confidence = 0.75;
            Classified { truth, best: Some(best), confidence, unknown, novelty }
        };
        list.iter().map(one).collect()
    }

    #[test]
    fn figures_are_those_counted_by_hand() {
        // Class 0: 3 of 4 right, one of them called unknown; class 2: 1 of 2 right.
        let list = classified(&[
            (0, 0, false, 0.1),
            (0, 0, false, 0.2),
            (0, 0, true, 1.5),
            (0, 2, false, 0.3),
            (2, 2, false, 0.4),
            (2, 0, true, 2.0),
        ]);
        assert_eq!(balanced_accuracy(&list), Some(0.625));
        assert_eq!(told_right(&list), Some(0.5));
        assert_eq!(unknown(&list), Some(0.375));
        assert_eq!((recall(&list, 0), recall(&list, 1)), (Some(0.75), None));
        // All in one bin: 0.75 told, 4 of 6 right; every class the same: 0.625.
        let error = |balanced| calibration_error(&list, balanced).expect("images");
        assert!((error(false) - (0.75 - 4.0 / 6.0)).abs() < 1e-6);
        assert!((error(true) - 0.125).abs() < 1e-6);
        assert_eq!(novelty_auroc(&list[5..], &list[..4]), Some(1.0));
        assert_eq!(balanced_accuracy(&[]), None);
    }

    #[test]
    fn honesty_compares_what_was_told_with_what_is_true() {
        let list = classified(&[(0, 0, false, 0.0), (0, 1, false, 0.0), (1, 1, false, 0.0)]);
        let told = SelfEstimate { estimate: Some(0.9), interval: Some((0.5, 0.75)) };
        let values = honesty(&list, told);
        let get = |wanted: &str| values.iter().find(|(name, _)| *name == wanted).expect("there").1;
        assert_eq!((get("true"), get("cover"), get("width")), (Some(0.75), Some(1.0), Some(0.25)));
        assert!((get("bias").expect("both") - 0.15).abs() < 1e-9);
        let silent = honesty(&list, SelfEstimate { estimate: None, interval: None });
        assert!(silent[1..].iter().all(|(_, value)| value.is_none()));
    }
}
