//! The layers of a classifier while they are put together, in double precision.

use ndarray::{Array1, Array2, Axis};

use super::constants::MAX_WEIGHTS;
use super::{ClassifierLayers, ScoreCurve};

/// Layers that a classifier may have.
const MAX_LAYERS: usize = 16;

/// What the values of the chain are by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The feature.
    Feature,
    /// What a layer gives.
    Sums,
    /// The same, behind a ReLU.
    Rectified,
    /// What a curve made of the scores.
    Probabilities,
    /// Their logarithms.
    Logarithms,
}

/// From the feature to the scores, as far as it is read.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    stage: Stage,
    /// How many values it has by now, where that is known.
    pub(super) width: Option<usize>,
    centre: Option<Vec<f64>>,
    unit_length: bool,
    /// `scale x + offset` of each value, before the next layer; one number stands for all of them.
    scale: Vec<f64>,
    offset: Vec<f64>,
    layers: Vec<(Array2<f64>, Array1<f64>)>,
    curve: Option<ScoreCurve>,
    changes: usize,
}

impl Chain {
    /// * `width`: values of a feature, where the file declares it.
    pub(super) fn new(width: Option<usize>) -> Self {
        Self {
            stage: Stage::Feature,
            width,
            centre: None,
            unit_length: false,
            scale: vec![1.0],
            offset: vec![0.0],
            layers: Vec::new(),
            curve: None,
            changes: 0,
        }
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    pub(super) fn curve(&self) -> Option<ScoreCurve> {
        self.curve
    }

    /// How often its values became others.
    pub(super) fn changes(&self) -> usize {
        self.changes
    }

    fn has_plain_values(&self) -> bool {
        self.scale.iter().all(|&scale| scale == 1.0)
            && self.offset.iter().all(|&offset| offset == 0.0)
    }

    /// That there are so many values, or that they are as many from here on.
    pub(super) fn expect_width(&mut self, wanted: usize) -> Result<(), String> {
        match self.width {
            Some(width) if width != wanted => {
                Err(format!("it reads {wanted} values, and there are {width}"))
            }
            _ => {
                self.width = Some(wanted);
                Ok(())
            }
        }
    }

    /// `scale x + offset` of each value.
    ///
    /// * `scale`, `offset`: one number, or as many as there are values.
    pub(super) fn affine(&mut self, scale: &[f64], offset: &[f64]) -> Result<(), String> {
        self.changes += 1;
        for numbers in [scale, offset] {
            match numbers.len() {
                1 => {}
                count => self.expect_width(count)?,
            }
        }
        let of = |numbers: &[f64], at: usize| numbers[if numbers.len() == 1 { 0 } else { at }];
        match (self.stage, self.layers.last_mut()) {
            (Stage::Sums, Some((weights, bias))) => {
                for (at, mut row) in weights.outer_iter_mut().enumerate() {
                    row *= of(scale, at);
                    bias[at] = bias[at] * of(scale, at) + of(offset, at);
                }
                Ok(())
            }
            (Stage::Feature | Stage::Rectified, _) => {
                let count =
                    [scale, offset, &self.scale, &self.offset].iter().map(|n| n.len()).max();
                let places = 0..count.unwrap_or(1);
                let moved = |at| of(&self.offset, at) * of(scale, at) + of(offset, at);
                let scaled = |at| of(&self.scale, at) * of(scale, at);
                (self.scale, self.offset) =
                    (places.clone().map(scaled).collect(), places.map(moved).collect());
                Ok(())
            }
            _ => Err("it changes the probabilities".to_owned()),
        }
    }

    /// Scales the feature to length one.
    pub(super) fn unit_length(&mut self) -> Result<(), String> {
        self.changes += 1;
        if self.stage != Stage::Feature || self.unit_length {
            return Err("it scales to length one, wanted the feature alone so".to_owned());
        }
        let scale = self.scale[0];
        if scale <= 0.0 || self.scale.iter().any(|&other| other != scale) {
            return Err("it scales to length one what was scaled value by value before".to_owned());
        }
        if self.offset.iter().any(|&offset| offset != 0.0) {
            self.centre = Some(self.offset.iter().map(|offset| -offset / scale).collect());
        }
        (self.scale, self.offset) = (vec![1.0], vec![0.0]);
        self.unit_length = true;
        Ok(())
    }

    /// `weights x + bias`.
    ///
    /// * `weights`: `[outputs, inputs]`; `bias`: one number, or `[outputs]`.
    pub(super) fn layer(&mut self, weights: Array2<f64>, bias: &[f64]) -> Result<(), String> {
        self.changes += 1;
        let (outputs, inputs) = weights.dim();
        if outputs == 0 || inputs == 0 {
            return Err(format!("its weights [{outputs}, {inputs}] are none"));
        }
        self.expect_width(inputs)?;
        if bias.len() != 1 && bias.len() != outputs {
            let got = bias.len();
            return Err(format!("it has {outputs} outputs and a bias of {got} values"));
        }
        let bias = match bias {
            &[bias] => Array1::from_elem(outputs, bias),
            bias => Array1::from_vec(bias.to_vec()),
        };
        let others: usize = self.layers.iter().map(|(weights, _)| weights.len()).sum();
        let most = format!("wanted at most {MAX_WEIGHTS} weights in at most {MAX_LAYERS} layers");
        match self.stage {
            Stage::Sums => {
                let Some((before, moved)) = self.layers.pop() else {
                    return Err("there is no layer before it".to_owned());
                };
                let values = outputs.saturating_mul(before.ncols());
                if values.saturating_add(others - before.len()) > MAX_WEIGHTS {
                    return Err(most);
                }
                self.layers.push((weights.dot(&before), weights.dot(&moved) + bias));
            }
            Stage::Feature | Stage::Rectified => {
                if others + weights.len() > MAX_WEIGHTS || self.layers.len() == MAX_LAYERS {
                    return Err(most);
                }
                let all = |numbers: &[f64]| match numbers {
                    &[number] => Array1::from_elem(inputs, number),
                    numbers => Array1::from_vec(numbers.to_vec()),
                };
                let (scale, offset) = (all(&self.scale), all(&self.offset));
                let bias = weights.dot(&offset) + bias;
                self.layers.push((weights * scale.insert_axis(Axis(0)), bias));
                (self.scale, self.offset) = (vec![1.0], vec![0.0]);
            }
            Stage::Probabilities | Stage::Logarithms => {
                return Err("it is a layer behind the probabilities".to_owned());
            }
        }
        self.stage = Stage::Sums;
        self.width = Some(outputs);
        Ok(())
    }

    pub(super) fn relu(&mut self) -> Result<(), String> {
        self.changes += 1;
        match self.stage {
            Stage::Sums => self.stage = Stage::Rectified,
            Stage::Rectified if self.has_plain_values() => {}
            _ => return Err("wanted a ReLU only behind a layer".to_owned()),
        }
        Ok(())
    }

    /// What becomes of the scores.
    pub(super) fn curved(&mut self, curve: ScoreCurve) -> Result<(), String> {
        self.changes += 1;
        if self.stage != Stage::Sums {
            return Err("wanted it only behind the last layer".to_owned());
        }
        (self.stage, self.curve) = (Stage::Probabilities, Some(curve));
        Ok(())
    }

    pub(super) fn logarithm(&mut self) -> Result<(), String> {
        self.changes += 1;
        if self.stage != Stage::Probabilities {
            return Err("wanted a logarithm only of probabilities".to_owned());
        }
        self.stage = Stage::Logarithms;
        Ok(())
    }

    /// Divides the probabilities by their sum.
    pub(super) fn shares(&mut self) -> Result<(), String> {
        self.changes += 1;
        if self.stage != Stage::Probabilities {
            return Err("it divides by a sum, wanted that only of probabilities".to_owned());
        }
        if self.curve == Some(ScoreCurve::Sigmoid) {
            self.curve = Some(ScoreCurve::SigmoidShares);
        }
        Ok(())
    }

    /// Whether there are two scores, one the negative of the other, as scikit-learn's one score is written.
    pub(super) fn is_mirrored(&self) -> bool {
        let Some((weights, bias)) = self.layers.last() else { return false };
        let opposite = |a: &f64, b: &f64| *a == -*b;
        weights.nrows() == 2
            && weights.row(0).iter().zip(weights.row(1)).all(|(a, b)| opposite(a, b))
            && opposite(&bias[0], &bias[1])
    }

    /// The layers, in single precision.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn finish(mut self) -> Result<ClassifierLayers, String> {
        if matches!(self.stage, Stage::Feature | Stage::Rectified) {
            return Err("its output is no score of a layer".to_owned());
        }
        let (softmax, mirrored) = (self.curve == Some(ScoreCurve::Softmax), self.is_mirrored());
        let mut curve = self.curve.unwrap_or(ScoreCurve::Softmax);
        let Some((weights, bias)) = self.layers.last_mut() else {
            return Err("its output is no score of a layer".to_owned());
        };
        let is_single = weights.nrows() == 1;
        if is_single && softmax {
            return Err("it has a Softmax of one score, which is always 1".to_owned());
        }
        if is_single {
            *weights = ndarray::concatenate![Axis(0), -&*weights, weights.view()];
            *bias = ndarray::concatenate![Axis(0), -&*bias, bias.view()];
        }
        if is_single || mirrored && !softmax {
            // Of one score the second class has the probability 1 / (1 + exp(-score)), as it has by a softmax of its halves.
            *weights /= 2.0;
            *bias /= 2.0;
            curve = ScoreCurve::Softmax;
        }
        let inputs = self.layers[0].0.ncols();
        let centre = self.centre.map(|centre| match centre[..] {
            [one] => Array1::from_elem(inputs, one as f32),
            _ => centre.iter().map(|&value| value as f32).collect(),
        });
        let layers = self.layers.into_iter();
        let layers: Vec<(Array2<f32>, Array1<f32>)> = layers
            .map(|(weights, bias)| (weights.mapv(|w| w as f32), bias.mapv(|b| b as f32)))
            .collect();
        let mut values = layers.iter().flat_map(|(weights, bias)| weights.iter().chain(bias));
        if !values.all(|value| value.is_finite())
            || centre.iter().flatten().any(|value| !value.is_finite())
        {
            return Err("its layers, put together, have weights that are not finite".to_owned());
        }
        Ok(ClassifierLayers {
            centre,
            unit_length: self.unit_length,
            layers,
            curve,
            classes: Vec::new(),
            numbers: Vec::new(),
        })
    }
}
