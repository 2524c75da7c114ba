//! What is told of a run: recalls, accuracies, and how honest the confidence was.

/// Mean and standard deviation over runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation of these very values: squares divided by their number, as numpy's `std`; 0 for one.
    pub std: f64,
}

impl Spread {
    /// `None` of no values.
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let square = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        Some(Self { mean, std: square.sqrt() })
    }
}

/// How often each class was taken for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    counts: Vec<u64>,
}

impl ConfusionMatrix {
    /// Nothing classified yet.
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Counts an image; both are below the number of classes.
    pub fn add(&mut self, truth: usize, predicted: usize) {
        self.counts[truth * self.classes + predicted] += 1;
    }

    /// Counts everything that the other counted.
    pub fn merge(&mut self, other: &ConfusionMatrix) {
        assert_eq!(self.classes, other.classes, "matrices of the same classes");
        self.counts.iter_mut().zip(&other.counts).for_each(|(sum, count)| *sum += count);
    }

    /// `[classes]`, what images of that class were taken for.
    pub fn row(&self, truth: usize) -> &[u64] {
        &self.counts[truth * self.classes..(truth + 1) * self.classes]
    }

    /// Share of the class's images that were recognised, 0 to 1; `None` if none was classified.
    pub fn recall(&self, truth: usize) -> Option<f64> {
        let row = self.row(truth);
        let classified: u64 = row.iter().sum();
        (classified > 0).then(|| row[truth] as f64 / classified as f64)
    }

    /// Mean of the recalls of the classes that were classified, 0 to 1; `None` if nothing was.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        let recalls: Vec<f64> = (0..self.classes).filter_map(|class| self.recall(class)).collect();
        Spread::of(&recalls).map(|spread| spread.mean)
    }

    /// Share of the images that were recognised, 0 to 1; `None` if none was classified.
    pub fn accuracy(&self) -> Option<f64> {
        let classified: u64 = self.counts.iter().sum();
        let right: u64 = (0..self.classes).map(|class| self.row(class)[class]).sum();
        (classified > 0).then(|| right as f64 / classified as f64)
    }
}

/// One classified image, for [`calibration_error`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// How sure the verdict was, 0 to 1.
    pub confidence: f32,
    /// Whether it was right.
    pub right: bool,
    /// How much the image weighs, above 0.
    pub weight: f64,
}

/// Expected calibration error, 0 to 1, with 15 bins, see [`calibration_error_in`]. `None` of nothing.
pub fn calibration_error(outcomes: &[Outcome]) -> Option<f64> {
    calibration_error_in(15, outcomes)
}

/// Expected calibration error, 0 to 1: in each of the equal bins of confidence the distance between the mean confidence
/// and the share that was right, weighed by what lies in the bin (Guo et al. 2017, "On Calibration of Modern Neural
/// Networks"). `None` of nothing.
///
/// * `count`: of the bins, at least 1.
pub fn calibration_error_in(count: usize, outcomes: &[Outcome]) -> Option<f64> {
    // A bin is (weight, weighed confidence, weighed right); the distance of means times the weight is the distance
    // of the sums.
    let mut bins = vec![(0.0, 0.0); count];
    let mut total = 0.0;
    for outcome in outcomes {
        let confidence = f64::from(outcome.confidence);
        let bin = ((confidence * count as f64) as usize).min(count - 1);
        bins[bin].0 += outcome.weight * confidence;
        bins[bin].1 += outcome.weight * f64::from(u8::from(outcome.right));
        total += outcome.weight;
    }
    (total > 0.0)
        .then(|| bins.iter().map(|(sure, right)| (sure - right).abs()).sum::<f64>() / total)
}

/// Area under the ROC curve, 0 to 1: how often a value of `high` is above one of `low`, a tie counting half; `None` if
/// either is empty.
pub fn auroc(high: &[f32], low: &[f32]) -> Option<f64> {
    if high.is_empty() || low.is_empty() {
        return None;
    }
    let mut sorted = low.to_vec();
    sorted.sort_by(f32::total_cmp);
    let wins: f64 = high
        .iter()
        .map(|value| {
            let below = sorted.partition_point(|other| other < value);
            let up_to = sorted.partition_point(|other| other <= value);
            (below + up_to) as f64 / 2.0
        })
        .sum();
    Some(wins / (high.len() as f64 * low.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: Option<f64>, wanted: f64) -> bool {
        got.is_some_and(|got| (got - wanted).abs() < 1e-6)
    }

    #[test]
    fn recalls_and_accuracies_are_those_counted_by_hand() {
        // Class 0: 3 of 4, class 1: 1 of 2, class 2: nothing classified, though taken for once.
        let mut confusion = ConfusionMatrix::new(3);
        for (truth, predicted) in [(0, 0), (0, 0), (0, 0), (0, 2), (1, 1), (1, 0)] {
            confusion.add(truth, predicted);
        }
        assert!(near(confusion.recall(0), 0.75) && near(confusion.recall(1), 0.5));
        assert_eq!(confusion.recall(2), None);
        assert!(near(confusion.balanced_accuracy(), 0.625));
        assert!(near(confusion.accuracy(), 4.0 / 6.0));
        assert_eq!(confusion.row(0), [3, 0, 1]);
        let mut twice = confusion.clone();
        twice.merge(&confusion);
        assert_eq!(twice.row(1), [2, 2, 0]);
        assert_eq!(ConfusionMatrix::new(3).balanced_accuracy(), None);
        assert_eq!(ConfusionMatrix::new(3).accuracy(), None);
    }

    #[test]
    fn the_spread_is_numpy_s_mean_and_std() {
        let spread = Spread::of(&[0.5, 0.6, 0.9]).expect("three values");
        assert!((spread.mean - 2.0 / 3.0).abs() < 1e-12);
        assert!((spread.std - 0.169_967_317_119_76).abs() < 1e-12);
        assert_eq!(Spread::of(&[0.25]), Some(Spread { mean: 0.25, std: 0.0 }));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn the_calibration_error_is_that_counted_by_hand() {
        let of = |list: &[(f32, bool, f64)]| -> Vec<Outcome> {
            let outcome = |&(confidence, right, weight)| Outcome { confidence, right, weight };
            list.iter().map(outcome).collect()
        };
        let cases = [
            ("sure and right", of(&[(1.0, true, 1.0), (1.0, true, 1.0)]), 0.0),
            ("sure and wrong", of(&[(1.0, false, 1.0)]), 1.0),
            ("half sure, half right", of(&[(0.5, true, 1.0), (0.5, false, 1.0)]), 0.0),
            // Bin [0.8, 0.8667): confidences 0.8 and 0.85, one right: |1.65 - 1|; bin [0.2, 0.2667): |0.25 - 0|.
            (
                "two bins",
                of(&[(0.801, true, 1.0), (0.85, false, 1.0), (0.25, false, 1.0)]),
                (0.651 + 0.25) / 3.0,
            ),
            ("weights", of(&[(0.6, true, 3.0), (0.6, false, 1.0)]), 0.15),
            // Neighbouring confidences in different bins do not make up for each other.
            ("bins apart", of(&[(0.65, true, 1.0), (0.68, false, 1.0)]), (0.35 + 0.68) / 2.0),
        ];
        for (name, outcomes, wanted) in cases {
            let got = calibration_error(&outcomes);
            assert!(near(got, wanted), "{name}: {got:?}, wanted {wanted}");
        }
        assert_eq!(calibration_error(&[]), None);
    }

    #[test]
    fn the_area_under_the_curve_is_that_counted_by_hand() {
        type Case<'a> = (&'a str, &'a [f32], &'a [f32], Option<f64>);
        let cases: [Case<'_>; 5] = [
            ("apart", &[2.0, 3.0], &[0.0, 1.0], Some(1.0)),
            ("the wrong way", &[0.0], &[1.0, 2.0], Some(0.0)),
            ("one pair of four wrong", &[1.0, 3.0], &[0.0, 2.0], Some(0.75)),
            ("ties", &[1.0, 1.0], &[1.0], Some(0.5)),
            ("nothing", &[], &[1.0], None),
        ];
        for (name, high, low, wanted) in cases {
            assert_eq!(auroc(high, low), wanted, "{name}");
        }
    }
}
