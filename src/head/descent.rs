//! Stochastic gradient descent over stored examples: what is descended on, how long, in what steps.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::dense::dot;
use super::stored::{Stored, check_finite, check_len};
use super::{ClassId, HeadError};

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
        let row = |i: usize| &inputs[i * dim..][..dim];
        let products = (count <= dim).then(|| {
            let mut products = vec![0.0; count * count];
            for i in 0..count {
                for j in 0..=i {
                    let product = dot(row(i), row(j));
                    products[i * count + j] = product;
                    products[j * count + i] = product;
                }
            }
            products
        });
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
const MOST_STEPS: usize = 1500;

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
        let most = usize::try_from(epochs).unwrap_or(usize::MAX).min(MOST_STEPS.div_ceil(steps));
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
