//! Stochastic gradient descent over stored examples: what is descended on, how long, in what steps.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::stored::{Stored, check_finite, check_len};
use super::{ClassId, HeadError};
use crate::learn::linalg::products;

/// Same seed, same draws, on every machine.
pub(super) fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// From 0 to below 1, in steps that f32 holds exactly.
pub(super) fn uniform(random: &mut ChaCha8Rng) -> f32 {
    (random.next_u32() >> 8) as f32 / (1u32 << 24) as f32
}

/// How features are moved and scaled so that they lie around zero at a mean square length of one: then one step
/// size does for all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Standard {
    /// `[dim]`
    pub(super) mean: Vec<f32>,
    /// What is left is multiplied with it, above 0.
    pub(super) scale: f32,
}

impl Standard {
    fn of(stored: &Stored) -> Self {
        let count = stored.len() as f64;
        let mut mean = vec![0.0f64; stored.dim()];
        for (_, kept) in stored.iter() {
            mean.iter_mut().zip(&kept.z).for_each(|(mean, &z)| *mean += f64::from(z) / count);
        }
        let mean: Vec<f32> = mean.into_iter().map(|value| value as f32).collect();
        let square = |z: &[f32]| -> f64 {
            z.iter().zip(&mean).map(|(&z, &mean)| (f64::from(z) - f64::from(mean)).powi(2)).sum()
        };
        let length = (stored.iter().map(|(_, kept)| square(&kept.z)).sum::<f64>() / count).sqrt();
        // Equal features, or equal but for rounding, are left as they are.
        let magnitude = mean.iter().map(|&mean| f64::from(mean).powi(2)).sum::<f64>().sqrt();
        let scale = if length > 1e-6 * magnitude { 1.0 / length } else { 1.0 };
        Self { scale: (scale as f32).clamp(f32::MIN_POSITIVE, f32::MAX), mean }
    }

    /// * `z`: `[dim]`, finite.
    /// * returns `[dim]`; within a million, where no feature of use ever comes.
    pub(super) fn apply(&self, z: &[f32]) -> Vec<f32> {
        const FAR: f64 = 1e6;
        let scale = f64::from(self.scale);
        z.iter()
            .zip(&self.mean)
            .map(|(&z, &mean)| ((f64::from(z) - f64::from(mean)) * scale).clamp(-FAR, FAR) as f32)
            .collect()
    }

    /// The factor of a penalty on squared weights, so that it is one on the weights of features as they were.
    pub(super) fn penalty(&self, penalty: f32) -> f32 {
        let scale = f64::from(self.scale);
        (f64::from(penalty) * scale * scale).min(f64::from(f32::MAX)) as f32
    }

    /// # Errors
    /// [`HeadError::Damaged`].
    pub(super) fn check(&self, dim: usize) -> Result<(), HeadError> {
        check_len("the mean of the features", self.mean.len(), dim)?;
        check_finite("the mean of the features", &self.mean)?;
        if !(self.scale > 0.0 && self.scale.is_finite()) {
            let scale = self.scale;
            let what = format!("features are scaled by {scale}, wanted a finite value above 0");
            return Err(HeadError::Damaged(what));
        }
        Ok(())
    }
}

/// What a network is trained on: features by their standard, and their classes.
#[derive(Debug)]
pub(super) struct TrainingSet {
    pub(super) dim: usize,
    /// `[examples][dim]`
    inputs: Vec<f32>,
    /// `[examples][examples]` products of the inputs, in the dual form.
    pub(super) products: Option<Vec<f32>>,
    /// `[examples]` places in `classes`.
    pub(super) labels: Vec<usize>,
    /// Those with examples.
    pub(super) classes: Vec<ClassId>,
    pub(super) standard: Standard,
}

impl TrainingSet {
    /// * `stored`: with at least one example.
    pub(super) fn of(stored: &Stored) -> Self {
        let standard = Standard::of(stored);
        let (dim, count) = (stored.dim(), stored.len());
        let classes = stored.classes_with_examples();
        let mut places = vec![0; stored.classes().ids().len()];
        let place =
            |class| stored.classes().place(class).expect("an example has a class of the head");
        for (at, &class) in classes.iter().enumerate() {
            places[place(class)] = at;
        }
        let labels = stored.iter().map(|(_, kept)| places[place(kept.class)]).collect();
        let inputs: Vec<f32> =
            stored.iter().flat_map(|(_, kept)| standard.apply(&kept.z)).collect();
        let products =
            (count <= dim).then(|| products(&inputs.chunks_exact(dim).collect::<Vec<_>>()));
        Self { dim, inputs, products, labels, classes, standard }
    }

    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Where each of the classes stands in another list.
    pub(super) fn places_in(&self, others: &[ClassId]) -> Vec<Option<usize>> {
        self.classes.iter().map(|class| others.iter().position(|other| other == class)).collect()
    }

    pub(super) fn input(&self, row: usize) -> &[f32] {
        &self.inputs[row * self.dim..][..self.dim]
    }
}

/// Turns logits into the gradient of the mean cross-entropy by them.
///
/// * `logits`: `[rows][classes]`, overwritten; `labels`: `[rows]`.
/// * returns the sum of the cross-entropies.
pub(super) fn cross_entropy(
    logits: &mut [f32],
    labels: impl ExactSizeIterator<Item = usize>,
) -> f32 {
    let rows = labels.len();
    if rows == 0 {
        return 0.0;
    }
    let classes = logits.len() / rows;
    let mut loss = 0.0;
    for (row, label) in logits.chunks_exact_mut(classes).zip(labels) {
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let own = row[label] - top;
        row.iter_mut().for_each(|value| *value = (*value - top).exp());
        let sum: f32 = row.iter().sum();
        loss += sum.ln() - own;
        let share = 1.0 / (sum * rows as f32);
        row.iter_mut().for_each(|value| *value *= share);
        row[label] -= 1.0 / rows as f32;
    }
    loss
}

/// Steps that a training from nothing takes at most: with half a cosine wave they bring logistic regression on 50 to
/// 1000 examples of real features within 0.2 points of the accuracy at its minimum.
const MAX_STEPS: usize = 1500;

/// One part in so many of them are taken to learn what was added.
const WARM_SHARE: usize = 4;

/// How long, and in what steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passes {
    epochs: usize,
    batch: usize,
}

impl Passes {
    /// * `epochs`: at most; `batch`: examples a step, at least 1.
    /// * `warm`: whether training begins with what was learned before.
    pub(super) fn of(epochs: u32, batch: u32, examples: usize, warm: bool) -> Self {
        let batch = usize::try_from(batch).unwrap_or(usize::MAX);
        let steps = examples.div_ceil(batch).max(1);
        let most = usize::try_from(epochs).unwrap_or(usize::MAX).min(MAX_STEPS.div_ceil(steps));
        Self { epochs: if warm { most.div_ceil(WARM_SHARE) } else { most }, batch }
    }

    /// Calls `step` with shuffled batches of the examples until the passes are done, or until no step of an epoch
    /// returns more than `enough`.
    ///
    /// * `step`: takes rows, and the share of the step size, which falls from 1 to 0 as half a cosine wave; returns
    ///   how much it mattered.
    pub(super) fn run(
        self,
        examples: usize,
        enough: f32,
        random: &mut ChaCha8Rng,
        mut step: impl FnMut(&[usize], f32, &mut ChaCha8Rng) -> f32,
    ) {
        let mut order: Vec<usize> = (0..examples).collect();
        for epoch in 0..self.epochs {
            let turn = epoch as f32 / self.epochs as f32 * std::f32::consts::PI;
            let share = 0.5 * (1.0 + turn.cos());
            for last in (1..examples).rev() {
                let other = (u64::from(random.next_u32()) * (last as u64 + 1)) >> 32;
                order.swap(last, other as usize);
            }
            let mattered =
                order.chunks(self.batch).map(|rows| step(rows, share, random)).fold(0.0, f32::max);
            if mattered <= enough {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ExampleId, FeatureScaling};
    use super::*;

    fn stored(features: &[[f32; 2]]) -> Stored {
        let mut stored = Stored::new(2, FeatureScaling { centre: None, unit_length: false });
        for (id, feature) in features.iter().enumerate() {
            // Added in falling order, and one without examples.
            let class = ClassId(features.len() as u32 - id as u32);
            stored.add_class(class).expect("new");
            stored.learn_one(ExampleId(id as u64), class, feature);
        }
        stored.add_class(ClassId(90)).expect("new");
        stored
    }

    #[test]
    fn inputs_are_centred_with_mean_square_length_one() {
        let set = TrainingSet::of(&stored(&[[1e3, 0.0], [2e3, 5e3], [0.0, 4e3]]));
        for value in 0..2 {
            assert!((0..3).map(|row| set.input(row)[value]).sum::<f32>().abs() < 1e-5);
        }
        let square: f32 = (0..3).flat_map(|row| set.input(row)).map(|value| value * value).sum();
        assert!((square / 3.0 - 1.0).abs() < 1e-5, "{square}");
        assert_eq!(set.labels, [0, 1, 2]);
        assert_eq!(set.classes, [ClassId(3), ClassId(2), ClassId(1)]);
        assert_eq!(set.places_in(&[ClassId(1), ClassId(3)]), [Some(1), None, Some(0)]);
    }

    #[test]
    fn equal_features_are_only_moved() {
        let set = TrainingSet::of(&stored(&[[0.1, 0.7], [0.1, 0.7]]));
        assert_eq!(set.standard.apply(&[1.1, 0.7]), [1.0, 0.0]);
    }

    #[test]
    fn the_gradient_is_that_of_the_mean_cross_entropy() {
        let logits = [0.3, -1.0, 2.0, 0.0, 0.5, 0.1];
        let labels = [2usize, 0];
        let loss = |logits: &[f32]| cross_entropy(&mut logits.to_vec(), labels.into_iter()) / 2.0;
        let mut gradient = logits.to_vec();
        cross_entropy(&mut gradient, labels.into_iter());
        for at in 0..logits.len() {
            let moved = |by: f32| {
                let mut moved = logits.to_vec();
                moved[at] += by;
                loss(&moved)
            };
            let slope = (moved(0.01) - moved(-0.01)) / 0.02;
            assert!((slope - gradient[at]).abs() < 1e-3, "{at}: {slope}, got {}", gradient[at]);
        }
        let far = cross_entropy(&mut [-1e30, 1e30], [0].into_iter());
        assert!(far > 1e29 && far.is_finite());
    }

    #[test]
    fn a_pass_takes_every_example_once_shuffled() {
        let mut orders = Vec::new();
        let mut shares = Vec::new();
        Passes { epochs: 3, batch: 4 }.run(10, 0.0, &mut random(1), |rows, share, _| {
            orders.extend_from_slice(rows);
            shares.push(share);
            1.0
        });
        let epochs: Vec<Vec<usize>> = orders.chunks(10).map(<[usize]>::to_vec).collect();
        assert_eq!((epochs.len(), shares.len()), (3, 9));
        assert_ne!(epochs[0], epochs[1]);
        for mut epoch in epochs {
            epoch.sort_unstable();
            assert_eq!(epoch, (0..10).collect::<Vec<_>>());
        }
        assert!(shares[0] == 1.0 && shares.is_sorted_by(|a, b| a >= b) && shares[8] < 0.5);
    }

    #[test]
    fn training_ends_when_an_epoch_does_not_matter() {
        let mut steps = 0;
        Passes { epochs: 100, batch: 5 }.run(10, 0.5, &mut random(1), |_, _, _| {
            steps += 1;
            if steps < 7 { 1.0 } else { 0.5 }
        });
        assert_eq!(steps, 8);
    }

    #[test]
    fn passes_are_bounded_and_fewer_for_many_examples() {
        let epochs = |examples, warm| Passes::of(100, 10, examples, warm).epochs;
        assert_eq!((epochs(20, false), epochs(20, true)), (100, 25));
        assert_eq!((epochs(1000, false), epochs(1_000_000, false)), (15, 1));
    }
}
