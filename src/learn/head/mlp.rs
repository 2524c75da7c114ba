//! A network with one hidden layer, trained with replay of the stored examples.
//!
//! `W2 relu(W1 x + b1) + b2`, on cross-entropy, by mini-batch SGD with momentum, weight decay on `W1` and `W2`, and
//! inverted dropout of hidden units: those that stay are raised by `1 / (1 - dropout)`, so that scoring needs no
//! change. Features are centred on their mean and scaled to a mean square length of one.

use serde::{Deserialize, Serialize};

use super::descent::{Passes, Standard, TrainingSet, cross_entropy, random, uniform};
use super::layer::{FirstLayer, LaterLayer, Layer, Step};
use super::stored::Stored;
use super::trained::Network;
use super::{Affine, ClassId, HeadError, Method, MlpConfig};

const MOMENTUM: f32 = 0.9;

/// First weights reach from minus this to this. So small that units say next to nothing until they have learned
/// something: with He's initialisation, random units say most, and a few examples a class cannot outvote them (13
/// points worse on the sign digits with 20 examples a class).
const BIRTH: f32 = 0.1;

/// Training ends when the examples cost less on average, in nats.
const ENOUGH: f32 = 1e-3;

#[derive(Debug)]
pub(super) struct Mlp {
    classes: Vec<ClassId>,
    standard: Standard,
    hidden: Layer,
    output: Layer,
}

/// It as bytes.
#[derive(Serialize, Deserialize)]
pub(super) struct Saved {
    classes: Vec<u32>,
    standard: Standard,
    hidden: Layer,
    output: Layer,
}

impl Network for Mlp {
    type Settings = MlpConfig;
    type Saved = Saved;

    fn settings(method: &Method) -> Option<Self::Settings> {
        match *method {
            Method::Mlp(settings) => Some(settings),
            _ => None,
        }
    }

    fn train(settings: &Self::Settings, stored: &Stored, earlier: Option<Self>) -> Self {
        let set = TrainingSet::of(stored);
        let passes = Passes::of(settings.epochs, settings.batch, set.len(), earlier.is_some());
        let mut random = random(settings.seed);
        let (units, classes) = (settings.hidden as usize, set.classes.len());
        let (mut hidden, mut output) = match &earlier {
            Some(earlier) => {
                let output = earlier.output.picked(units, &set.places_in(&earlier.classes));
                let hidden = earlier.hidden.clone();
                (FirstLayer::new(&set, hidden, Some(&earlier.standard)), LaterLayer::new(output))
            }
            None => {
                let mut small = || BIRTH * (2.0 * uniform(&mut random) - 1.0);
                let hidden = Layer::new(units, set.dim, &mut small);
                let output = Layer::new(classes, units, &mut small);
                (FirstLayer::new(&set, hidden, None), LaterLayer::new(output))
            }
        };
        let raised = 1.0 / (1.0 - settings.dropout);
        let (mut active, mut masks, mut logits, mut gradient) = (vec![], vec![], vec![], vec![]);
        passes.run(set.len(), ENOUGH, &mut random, |rows, share, random| {
            hidden.forward(rows, &mut active);
            // What the ReLU lets through and the dropout leaves.
            masks.clear();
            masks.extend(active.iter().map(|&value| {
                let stays = value > 0.0 && uniform(random) >= settings.dropout;
                if stays { raised } else { 0.0 }
            }));
            active.iter_mut().zip(&masks).for_each(|(value, mask)| *value *= mask);
            output.forward(units, &active, &mut logits);
            let loss = cross_entropy(&mut logits, rows.iter().map(|&row| set.labels[row]));
            output.backward(units, &logits, &mut gradient);
            gradient.iter_mut().zip(&masks).for_each(|(value, mask)| *value *= mask);
            let rate = settings.learning_rate * share;
            let step = Step { rate, momentum: MOMENTUM, decay: settings.weight_decay };
            output.step(units, &active, &logits, step);
            hidden.step(rows, &gradient, step);
            loss / rows.len() as f32
        });
        let (hidden, output) = (hidden.finish(), output.finish());
        Self { hidden, output, classes: set.classes, standard: set.standard }
    }

    fn gentler(settings: &Self::Settings) -> Self::Settings {
        Self::Settings { learning_rate: settings.learning_rate / 10.0, ..*settings }
    }

    fn is_finite(&self) -> bool {
        self.hidden.is_finite() && self.output.is_finite()
    }

    fn classes(&self) -> &[ClassId] {
        &self.classes
    }

    fn score(&self, z: &[f32]) -> Vec<f32> {
        let mut active = self.hidden.apply(&self.standard.apply(z));
        active.iter_mut().for_each(|value| *value = value.max(0.0));
        self.output.apply(&active)
    }

    fn affine(&self) -> Vec<Affine> {
        let (hidden, hidden_bias) = self.hidden.widened(Some(&self.standard));
        let (output, output_bias) = self.output.widened(None);
        vec![Affine::of(hidden, hidden_bias), Affine::of_scores(output, output_bias)]
    }

    fn save(&self) -> Self::Saved {
        Saved {
            classes: self.classes.iter().map(|class| class.0).collect(),
            standard: self.standard.clone(),
            hidden: self.hidden.clone(),
            output: self.output.clone(),
        }
    }

    fn load(settings: &Self::Settings, dim: usize, saved: Self::Saved) -> Result<Self, HeadError> {
        let units = settings.hidden as usize;
        saved.standard.check(dim)?;
        saved.hidden.check(units, dim)?;
        saved.output.check(saved.classes.len(), units)?;
        let Saved { classes, standard, hidden, output } = saved;
        let classes = classes.into_iter().map(ClassId).collect();
        Ok(Self { classes, standard, hidden, output })
    }
}
