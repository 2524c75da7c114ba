//! Linear layers, as they are kept and while they are trained by gradient steps with momentum.
//!
//! The weights of the layer that reads the features change by multiples of the examples' features only. So while
//! there are fewer examples than values in a feature, those multiples are what is trained (the dual form): a step
//! then costs as much as there are examples, not as a feature is long. The numbers are the same but for rounding.

use serde::{Deserialize, Serialize};

use super::HeadError;
use super::descent::{Standard, TrainingSet};
use super::stored::{check_finite, check_len};
use crate::learn::linalg::{add_scaled, dot, widened};

/// `weights * x + bias`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Layer {
    /// `[outputs][inputs]`
    weights: Vec<f32>,
    /// `[outputs]`
    bias: Vec<f32>,
}

impl Layer {
    /// * `weights`: `[outputs][inputs]`, given one by one.
    pub(super) fn new(outputs: usize, inputs: usize, mut weight: impl FnMut() -> f32) -> Self {
        let weights = (0..outputs * inputs).map(|_| weight()).collect();
        Self { weights, bias: vec![0.0; outputs] }
    }

    /// One whose outputs are those of `self`, in another order: output `i` is the one at `sources[i]`, or zero.
    pub(super) fn picked(&self, inputs: usize, sources: &[Option<usize>]) -> Self {
        let mut picked = Self::new(sources.len(), inputs, || 0.0);
        for (to, from) in sources.iter().enumerate() {
            if let Some(from) = *from {
                picked.weights[to * inputs..][..inputs]
                    .copy_from_slice(&self.weights[from * inputs..][..inputs]);
                picked.bias[to] = self.bias[from];
            }
        }
        picked
    }

    /// One that gives for features of standard `to` what `self` gives for those of standard `from`.
    fn moved(mut self, from: &Standard, to: &Standard) -> Self {
        let shift: Vec<f32> = from.apply(&to.mean);
        let ratio = (f64::from(from.scale) / f64::from(to.scale)) as f32;
        for (row, bias) in self.weights.chunks_exact_mut(shift.len()).zip(&mut self.bias) {
            *bias += dot(row, &shift);
            row.iter_mut().for_each(|weight| *weight *= ratio);
        }
        self
    }

    /// * `x`: `[inputs]`
    /// * returns `[outputs]`
    pub(super) fn apply(&self, x: &[f32]) -> Vec<f32> {
        let rows = self.weights.chunks_exact(x.len());
        rows.zip(&self.bias).map(|(row, bias)| dot(row, x) + bias).collect()
    }

    /// Weights and bias in f64; with a standard, of the layer that takes features as they were before it.
    pub(super) fn widened(&self, standard: Option<&Standard>) -> (Vec<f64>, Vec<f64>) {
        let (mut weights, mut bias) = (widened(&self.weights), widened(&self.bias));
        if let Some(standard) = standard {
            let (mean, scale) = (widened(&standard.mean), f64::from(standard.scale));
            weights.iter_mut().for_each(|weight| *weight *= scale);
            let rows = weights.chunks_exact(mean.len()).zip(&mut bias);
            rows.for_each(|(row, bias)| *bias -= dot(row, &mean));
        }
        (weights, bias)
    }

    pub(super) fn is_finite(&self) -> bool {
        self.weights.iter().chain(&self.bias).all(|value| value.is_finite())
    }

    /// # Errors
    /// [`HeadError::Damaged`].
    pub(super) fn check(&self, outputs: usize, inputs: usize) -> Result<(), HeadError> {
        check_len("a layer's bias", self.bias.len(), outputs)?;
        check_finite("a layer's bias", &self.bias)?;
        // A product beyond usize cannot be the length of anything.
        check_len("a layer", self.weights.len(), outputs.saturating_mul(inputs))?;
        check_finite("a layer", &self.weights)
    }
}

/// Parameters with their momentum.
#[derive(Debug)]
pub(super) struct Moving {
    values: Vec<f32>,
    velocity: Vec<f32>,
}

/// The size of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) rate: f32,
    pub(super) momentum: f32,
    /// Weight of the weights themselves in their gradient.
    pub(super) decay: f32,
}

impl Moving {
    fn new(values: Vec<f32>) -> Self {
        Self { velocity: vec![0.0; values.len()], values }
    }

    /// `velocity = momentum velocity + decay values + gradient; values -= rate velocity`
    ///
    /// * `add_gradient`: adds it to what it is given.
    fn step(&mut self, step: Step, add_gradient: impl FnOnce(&mut [f32])) {
        let Step { rate, momentum, decay } = step;
        for (velocity, &value) in self.velocity.iter_mut().zip(&self.values) {
            *velocity = momentum * *velocity + decay * value;
        }
        add_gradient(&mut self.velocity);
        add_scaled(&mut self.values, -rate, &self.velocity);
    }
}

/// A linear layer being trained on what [`TrainingSet`] holds.
#[derive(Debug)]
pub(super) struct FirstLayer<'a> {
    set: &'a TrainingSet,
    /// Primal: `[outputs][dim]` weights. Dual: `[outputs][examples]` multiples of the inputs.
    weights: Moving,
    bias: Moving,
    /// Dual only: the weights that were there before.
    start: Option<Start>,
}

/// The part of the weights that lies outside the inputs; training can only shrink it.
#[derive(Debug)]
struct Start {
    layer: Layer,
    /// `[examples][outputs]`: what it makes of the inputs, without the bias.
    seen: Vec<f32>,
    /// How much of it is left, one value.
    share: Moving,
}

impl<'a> FirstLayer<'a> {
    /// * `start`: `[outputs][dim]`; with the standard that it was trained for, if it was.
    pub(super) fn new(set: &'a TrainingSet, start: Layer, earlier: Option<&Standard>) -> Self {
        let start = match earlier {
            Some(earlier) => start.moved(earlier, &set.standard),
            None => start,
        };
        let bias = Moving::new(start.bias.clone());
        if set.products.is_none() {
            return Self { set, weights: Moving::new(start.weights), bias, start: None };
        }
        let rows = start.weights.chunks_exact(set.dim);
        let seen = (0..set.len()).flat_map(|row| rows.clone().map(move |w| dot(w, set.input(row))));
        let seen = seen.collect();
        let weights = Moving::new(vec![0.0; start.bias.len() * set.len()]);
        let share = Moving::new(vec![1.0]);
        Self { set, weights, bias, start: Some(Start { layer: start, seen, share }) }
    }

    fn outputs(&self) -> usize {
        self.bias.values.len()
    }

    /// What the weights are multiplied with for an example.
    fn reads(&self, row: usize) -> &[f32] {
        match &self.set.products {
            Some(products) => &products[row * self.set.len()..][..self.set.len()],
            None => self.set.input(row),
        }
    }

    /// * `rows`: which examples.
    /// * `out`: overwritten with `[rows][outputs]`.
    pub(super) fn forward(&self, rows: &[usize], out: &mut Vec<f32>) {
        out.clear();
        for &row in rows {
            let x = self.reads(row);
            let weights = self.weights.values.chunks_exact(x.len());
            let begin = out.len();
            out.extend(weights.zip(&self.bias.values).map(|(w, bias)| dot(w, x) + bias));
            if let Some(start) = &self.start {
                let seen = &start.seen[row * self.outputs()..][..self.outputs()];
                add_scaled(&mut out[begin..], start.share.values[0], seen);
            }
        }
    }

    /// * `gradient`: `[rows][outputs]`, of the mean loss by what [`FirstLayer::forward`] gave.
    pub(super) fn step(&mut self, rows: &[usize], gradient: &[f32], step: Step) {
        let (set, outputs) = (self.set, self.outputs());
        let of_rows = || rows.iter().zip(gradient.chunks_exact(outputs));
        let dual = self.start.is_some();
        self.weights.step(step, |velocity| {
            for (&row, gradient) in of_rows() {
                let width = velocity.len() / outputs;
                for (velocity, &gradient) in velocity.chunks_exact_mut(width).zip(gradient) {
                    match dual {
                        true => velocity[row] += gradient,
                        false => add_scaled(velocity, gradient, set.input(row)),
                    }
                }
            }
        });
        if let Some(start) = &mut self.start {
            start.share.step(step, |_| {});
        }
        self.bias.step(Step { decay: 0.0, ..step }, |velocity| {
            of_rows().for_each(|(_, gradient)| add_scaled(velocity, 1.0, gradient));
        });
    }

    /// The layer as it came out.
    pub(super) fn finish(self) -> Layer {
        let Some(Start { layer, share, .. }) = self.start else {
            return Layer { weights: self.weights.values, bias: self.bias.values };
        };
        let mut weights = layer.weights;
        weights.iter_mut().for_each(|weight| *weight *= share.values[0]);
        let multiples = self.weights.values.chunks_exact(self.set.len());
        for (weights, multiples) in weights.chunks_exact_mut(self.set.dim).zip(multiples) {
            for (row, &multiple) in multiples.iter().enumerate() {
                add_scaled(weights, multiple, self.set.input(row));
            }
        }
        Layer { weights, bias: self.bias.values }
    }
}

/// A linear layer being trained on what another layer gives.
#[derive(Debug)]
pub(super) struct LaterLayer {
    weights: Moving,
    bias: Moving,
}

impl LaterLayer {
    pub(super) fn new(start: Layer) -> Self {
        Self { weights: Moving::new(start.weights), bias: Moving::new(start.bias) }
    }

    /// * `x`: `[rows][inputs]`
    /// * `out`: overwritten with `[rows][outputs]`.
    pub(super) fn forward(&self, inputs: usize, x: &[f32], out: &mut Vec<f32>) {
        out.clear();
        for x in x.chunks_exact(inputs) {
            let weights = self.weights.values.chunks_exact(inputs);
            out.extend(weights.zip(&self.bias.values).map(|(w, bias)| dot(w, x) + bias));
        }
    }

    /// * `gradient`: `[rows][outputs]`, of the mean loss by what [`LaterLayer::forward`] gave.
    /// * `out`: overwritten with `[rows][inputs]`, the gradient by `x`.
    pub(super) fn backward(&self, inputs: usize, gradient: &[f32], out: &mut Vec<f32>) {
        let outputs = self.bias.values.len();
        out.clear();
        out.resize(gradient.len() / outputs * inputs, 0.0);
        for (gradient, out) in gradient.chunks_exact(outputs).zip(out.chunks_exact_mut(inputs)) {
            for (weights, &gradient) in self.weights.values.chunks_exact(inputs).zip(gradient) {
                add_scaled(out, gradient, weights);
            }
        }
    }

    /// * `x`, `gradient`: of the same rows.
    pub(super) fn step(&mut self, inputs: usize, x: &[f32], gradient: &[f32], step: Step) {
        let outputs = self.bias.values.len();
        let of_rows = || x.chunks_exact(inputs).zip(gradient.chunks_exact(outputs));
        self.weights.step(step, |velocity| {
            for (x, gradient) in of_rows() {
                for (velocity, &gradient) in velocity.chunks_exact_mut(inputs).zip(gradient) {
                    add_scaled(velocity, gradient, x);
                }
            }
        });
        self.bias.step(Step { decay: 0.0, ..step }, |velocity| {
            of_rows().for_each(|(_, gradient)| add_scaled(velocity, 1.0, gradient));
        });
    }

    /// The layer as it came out.
    pub(super) fn finish(self) -> Layer {
        Layer { weights: self.weights.values, bias: self.bias.values }
    }
}

#[cfg(test)]
mod tests {
    use super::super::descent::{random, uniform};
    use super::super::stored::Stored;
    use super::super::{ClassId, ExampleId, FeatureScaling};
    use super::*;

    const DIM: usize = 11;

    fn stored(count: u64) -> Stored {
        let mut stored = Stored::new(DIM, FeatureScaling { centre: None, unit_length: false });
        stored.add_class(ClassId(0)).expect("new");
        let mut random = random(count);
        for id in 0..count {
            let feature: Vec<f32> = (0..DIM).map(|_| 5.0 * uniform(&mut random)).collect();
            stored.learn_one(ExampleId(id), ClassId(0), &feature);
        }
        stored
    }

    fn some_layer(outputs: usize, seed: u64) -> Layer {
        let mut random = random(seed);
        let mut layer = Layer::new(outputs, DIM, || uniform(&mut random) - 0.5);
        layer.bias.iter_mut().for_each(|bias| *bias = uniform(&mut random));
        layer
    }

    fn assert_near(got: &[f32], wanted: &[f32]) {
        assert_eq!(got.len(), wanted.len());
        for (g, w) in got.iter().zip(wanted) {
            assert!((g - w).abs() < 1e-4, "got {got:?}, wanted {wanted:?}");
        }
    }

    #[test]
    fn both_forms_train_to_the_same_layer() {
        let stored = stored(7);
        let dual = TrainingSet::of(&stored);
        let mut primal = TrainingSet::of(&stored);
        assert!(primal.products.take().is_some(), "fewer examples than values make it dual");
        let trained = |set: &TrainingSet| {
            let mut layer = FirstLayer::new(set, some_layer(3, 1), None);
            let mut seen = Vec::new();
            for turn in 0..20 {
                let rows = [turn % 7, (turn + 3) % 7];
                layer.forward(&rows, &mut seen);
                // Towards zero outputs: the gradient of half their squares.
                let step = Step { rate: 0.1, momentum: 0.8, decay: 0.05 };
                layer.step(&rows, &seen.clone(), step);
            }
            (seen, layer.finish())
        };
        let ((seen, layer), (wanted_seen, wanted)) = (trained(&dual), trained(&primal));
        assert_near(&seen, &wanted_seen);
        assert_near(&layer.weights, &wanted.weights);
        assert_near(&layer.bias, &wanted.bias);
        assert!((layer.weights[0] - some_layer(3, 1).weights[0]).abs() > 0.01, "it was trained");
    }

    #[test]
    fn what_comes_out_gives_what_was_seen_while_training() {
        for count in [6, 30] {
            let set = TrainingSet::of(&stored(count));
            let mut layer = FirstLayer::new(&set, some_layer(2, 2), None);
            layer.step(
                &[1, 4],
                &[1.0, -1.0, 0.5, 2.0],
                Step { rate: 0.1, momentum: 0.9, decay: 0.1 },
            );
            let mut seen = Vec::new();
            layer.forward(&[3], &mut seen);
            assert_near(&layer.finish().apply(set.input(3)), &seen);
        }
    }

    #[test]
    fn another_standard_changes_no_output() {
        let (one, other) = (TrainingSet::of(&stored(5)), TrainingSet::of(&stored(9)));
        let layer = some_layer(4, 3);
        let z = [2.5; DIM];
        let wanted = layer.apply(&one.standard.apply(&z));
        let moved = layer.moved(&one.standard, &other.standard);
        assert_near(&moved.apply(&other.standard.apply(&z)), &wanted);
    }

    #[test]
    fn picked_outputs_keep_their_weights_and_new_ones_are_zero() {
        let layer = some_layer(3, 4);
        let picked = layer.picked(DIM, &[Some(2), None, Some(0)]);
        let (was, is) = (layer.apply(&[0.7; DIM]), picked.apply(&[0.7; DIM]));
        assert_eq!(is, [was[2], 0.0, was[0]]);
    }

    #[test]
    fn a_later_layer_descends() {
        let inputs = 5;
        let mut layer = LaterLayer::new(Layer::new(2, inputs, || 0.3));
        let x: Vec<f32> = (0..2 * inputs).map(|at| at as f32 * 0.1).collect();
        let (mut seen, mut back) = (Vec::new(), Vec::new());
        layer.forward(inputs, &x, &mut seen);
        // Half the squares of the outputs: the gradient by an input is the column's product with the outputs.
        layer.backward(inputs, &seen, &mut back);
        assert_near(&back[..1], &[0.3 * (seen[0] + seen[1])]);
        let before: f32 = seen.iter().map(|value| value * value).sum();
        layer.step(inputs, &x, &seen.clone(), Step { rate: 0.1, momentum: 0.0, decay: 0.0 });
        layer.forward(inputs, &x, &mut seen);
        assert!(seen.iter().map(|value| value * value).sum::<f32>() < 0.9 * before);
    }
}
