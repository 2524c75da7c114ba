//! Multinomial logistic regression by mini-batch SGD with momentum.
//!
//! It descends on the sum over the examples of `-ln p(class)` plus `l2 / 2 |W|^2`, with a bias that is not
//! penalised: scikit-learn's `LogisticRegression(C = 1 / l2)`. Features are centred on their mean and scaled to a mean
//! square length of one while training, which moves neither minimum nor penalty (the bias takes up the shift).

use serde::{Deserialize, Serialize};

use super::descent::{Passes, Standard, TrainingSet, cross_entropy, random};
use super::layer::{FirstLayer, Layer, Step};
use super::stored::Stored;
use super::trained::Network;
use super::{Affine, ClassId, HeadError, Method, SoftmaxConfig};

/// Logits that move by less in an epoch are where they are going to be.
const ENOUGH: f32 = 1e-3;

#[derive(Debug)]
pub(super) struct Softmax {
    classes: Vec<ClassId>,
    standard: Standard,
    layer: Layer,
}

/// It as bytes.
#[derive(Serialize, Deserialize)]
pub(super) struct Saved {
    classes: Vec<u32>,
    standard: Standard,
    layer: Layer,
}

impl Network for Softmax {
    type Settings = SoftmaxConfig;
    type Saved = Saved;

    fn settings(method: &Method) -> Option<Self::Settings> {
        match *method {
            Method::Softmax(settings) => Some(settings),
            _ => None,
        }
    }

    fn train(settings: &Self::Settings, stored: &Stored, earlier: Option<Self>) -> Self {
        let set = TrainingSet::of(stored);
        let passes = Passes::of(settings.epochs, settings.batch, set.len(), earlier.is_some());
        let mut layer = match &earlier {
            Some(earlier) => {
                let start = earlier.layer.picked(set.dim, &set.places_in(&earlier.classes));
                FirstLayer::new(&set, start, Some(&earlier.standard))
            }
            None => FirstLayer::new(&set, Layer::new(set.classes.len(), set.dim, || 0.0), None),
        };
        let penalty = set.standard.penalty(settings.l2) / set.len() as f32;
        // Neither the loss nor the penalty curves more than this, where a mean square length is one.
        let rate = settings.learning_rate / (1.0 + 2.0 * penalty);
        let classes = set.classes.len();
        let mut before = vec![f32::INFINITY; set.len() * classes];
        let mut logits = Vec::new();
        passes.run(set.len(), ENOUGH, &mut random(settings.seed), |rows, share, _| {
            layer.forward(rows, &mut logits);
            let mut moved = 0.0f32;
            for (&row, now) in rows.iter().zip(logits.chunks_exact(classes)) {
                for (before, &now) in before[row * classes..].iter_mut().zip(now) {
                    moved = moved.max((now - *before).abs());
                    *before = now;
                }
            }
            cross_entropy(&mut logits, rows.iter().map(|&row| set.labels[row]));
            let step = Step { rate: rate * share, momentum: settings.momentum, decay: penalty };
            layer.step(rows, &logits, step);
            moved
        });
        let layer = layer.finish();
        Self { layer, classes: set.classes, standard: set.standard }
    }

    fn gentler(settings: &Self::Settings) -> Self::Settings {
        Self::Settings { learning_rate: settings.learning_rate / 10.0, ..*settings }
    }

    fn is_finite(&self) -> bool {
        self.layer.is_finite()
    }

    fn classes(&self) -> &[ClassId] {
        &self.classes
    }

    fn score(&self, z: &[f32]) -> Vec<f32> {
        self.layer.apply(&self.standard.apply(z))
    }

    fn affine(&self) -> Vec<Affine> {
        let (weights, bias) = self.layer.widened(Some(&self.standard));
        vec![Affine::of_scores(weights, bias)]
    }

    fn save(&self) -> Self::Saved {
        Saved {
            classes: self.classes.iter().map(|class| class.0).collect(),
            standard: self.standard.clone(),
            layer: self.layer.clone(),
        }
    }

    fn load(_: &Self::Settings, dim: usize, saved: Self::Saved) -> Result<Self, HeadError> {
        saved.standard.check(dim)?;
        saved.layer.check(saved.classes.len(), dim)?;
        let Saved { classes, standard, layer } = saved;
        Ok(Self { classes: classes.into_iter().map(ClassId).collect(), standard, layer })
    }
}
