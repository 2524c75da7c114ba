//! Operators with weights, and those that say more than their name.

use tract_onnx::pb::NodeProto;

use super::{ScoreCurve, Value, WANTED, Walk, input, text};
use crate::backbone::nodes::attribute;

/// What keeps lengths and sums from being zero is at most so large.
const GUARD: f64 = 1e-5;

impl<'a> Walk<'a> {
    /// scikit-learn's layer: the class that was chosen, and the scores or what a curve makes of them.
    pub(super) fn linear_classifier(&mut self, node: &'a NodeProto) -> Result<(), String> {
        self.now(node, 0)?;
        let given = |name| attribute(node, name).map_or(&[][..], |given| &given.floats);
        let numbers = |name| -> Vec<f64> { given(name).iter().map(|&v| f64::from(v)).collect() };
        let (weights, mut bias) = (numbers("coefficients"), numbers("intercepts"));
        let strings = attribute(node, "classlabels_strings").map_or(0, |a| a.strings.len());
        let integers = attribute(node, "classlabels_ints").map_or(0, |a| a.ints.len());
        let classes = strings.max(integers);
        let scores = if bias.is_empty() { classes } else { bias.len() };
        if bias.is_empty() {
            bias.push(0.0);
        }
        let is_whole = scores > 0 && weights.len() % scores == 0 && !weights.is_empty();
        if !is_whole || scores != classes && (scores, classes) != (1, 2) {
            return Err(format!(
                "it has {} coefficients and {scores} intercepts for {classes} classes, wanted an intercept a class, and as many coefficients as values for each",
                weights.len()
            ));
        }
        let shape = (scores, weights.len() / scores);
        let weights = ndarray::Array2::from_shape_vec(shape, weights);
        self.chain.layer(weights.map_err(|error| error.to_string())?, &bias)?;
        self.axes = Some(2);
        let curve = attribute(node, "post_transform").map_or(&b"NONE"[..], |curve| &curve.s);
        match curve {
            b"NONE" => {}
            b"LOGISTIC" => self.chain.curved(ScoreCurve::Sigmoid)?,
            b"SOFTMAX" => self.chain.curved(ScoreCurve::Softmax)?,
            _ => {
                let curve = text(curve);
                return Err(format!("post_transform is {curve}, wanted NONE, LOGISTIC or SOFTMAX"));
            }
        }
        self.give(node, 0, Value::Answer)?;
        self.give(node, 1, Value::Chain(self.chain.changes()))
    }

    /// The chain and a stored number, or one a value.
    pub(super) fn element_wise(&mut self, node: &'a NodeProto, op: &str) -> Result<(), String> {
        let (first, second) = (input(node, 0)?, input(node, 1)?);
        let is_first = matches!(self.value(first), Value::Chain(_));
        self.now(node, usize::from(!is_first))?;
        let numbers = self.constants.row(if is_first { second } else { first })?;
        let negative = || numbers.iter().map(|number| -number).collect::<Vec<_>>();
        match (op, is_first) {
            ("Add", _) => self.chain.affine(&[1.0], &numbers),
            ("Sub", true) => self.chain.affine(&[1.0], &negative()),
            ("Sub", false) => self.chain.affine(&[-1.0], &numbers),
            ("Mul", _) => self.chain.affine(&numbers, &[0.0]),
            (_, true) if numbers.contains(&0.0) => Err("it divides by zero".to_owned()),
            (_, true) => {
                let inverse: Vec<f64> = numbers.iter().map(|number| 1.0 / number).collect();
                self.chain.affine(&inverse, &[0.0])
            }
            (_, false) => Err(WANTED.to_owned()),
        }
    }

    pub(super) fn gemm(&mut self, node: &'a NodeProto) -> Result<(), String> {
        self.now(node, 0)?;
        let switch = |name| attribute(node, name).is_some_and(|switch| switch.i != 0);
        let factor = |name| attribute(node, name).map_or(1.0, |factor| f64::from(factor.f));
        if switch("transA") {
            return Err("it exchanges the axes of its input (transA)".to_owned());
        }
        let mut weights = self.constants.matrix(input(node, 1)?)?;
        if !switch("transB") {
            weights = weights.reversed_axes();
        }
        let mut bias = match node.input.get(2).filter(|name| !name.is_empty()) {
            Some(name) => self.constants.row(name)?,
            None => vec![0.0],
        };
        weights *= factor("alpha");
        bias.iter_mut().for_each(|bias| *bias *= factor("beta"));
        self.axes = Some(2);
        self.chain.layer(weights, &bias)
    }

    /// `scale (x - mean) / sqrt(variance + epsilon) + bias`.
    pub(super) fn batch_normalised(&mut self, node: &'a NodeProto) -> Result<(), String> {
        self.now(node, 0)?;
        if attribute(node, "training_mode").is_some_and(|training| training.i != 0) {
            return Err(
                "it is in training form\n  next: model.eval() before torch.onnx.export".to_owned()
            );
        }
        let row = |at| self.constants.row(input(node, at)?);
        let (scale, bias, mean, variance) = (row(1)?, row(2)?, row(3)?, row(4)?);
        let count = scale.len();
        if [&bias, &mean, &variance].iter().any(|numbers| numbers.len() != count) {
            return Err(format!("wanted {count} biases, means and variances each"));
        }
        let epsilon = attribute(node, "epsilon").map_or(1e-5, |epsilon| f64::from(epsilon.f));
        let deviation = variance.iter().map(|variance| (variance + epsilon).sqrt());
        let factors: Vec<f64> = scale.iter().zip(deviation).map(|(scale, d)| scale / d).collect();
        if factors.iter().any(|factor| !factor.is_finite()) {
            return Err("its variances are not above 0".to_owned());
        }
        let moved = mean.iter().zip(&factors).zip(&bias);
        let moved: Vec<f64> = moved.map(|((mean, factor), bias)| bias - mean * factor).collect();
        self.chain.affine(&factors, &moved)
    }

    /// One vector stays one, whatever axes of one value are around it.
    pub(super) fn reshaped(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let name = input(node, 1)?;
        if !self.constants.has(name) {
            self.axes = None;
            return Ok(());
        }
        let shape = self.constants.integers(name)?;
        let batch = usize::from(shape.len() > 1);
        let mut long = shape.iter().skip(batch).filter(|&&axis| axis > 1);
        match (long.next(), long.next()) {
            (Some(&axis), None) => self.chain.expect_width(usize::try_from(axis).unwrap_or(0))?,
            (None, _) => {}
            _ => return Err(format!("it makes {shape:?} of one vector, wanted [1, values]")),
        }
        self.axes = Some(shape.len());
        Ok(())
    }

    /// A length or a sum that is kept from being zero, or spread over as many values as it divides.
    pub(super) fn guarded(&mut self, node: &'a NodeProto, op: &str) -> Result<(), String> {
        let mut guards = Vec::new();
        match op {
            "Identity" | "Cast" | "Expand" | "Reshape" | "Unsqueeze" => {}
            "Add" | "Max" => guards.push(self.constants.number(input(node, 1)?)?),
            "Clip" if node.input.len() < 3 && attribute(node, "max").is_none() => {
                guards.extend(attribute(node, "min").map(|min| f64::from(min.f)));
                if let Some(min) = node.input.get(1).filter(|name| !name.is_empty()) {
                    guards.push(self.constants.number(min)?);
                }
            }
            _ => return Err(WANTED.to_owned()),
        }
        match guards.iter().find(|guard| !(0.0..=GUARD).contains(*guard)) {
            Some(guard) => Err(format!("it adds {guard} to a length, wanted at most {GUARD}")),
            None => Ok(()),
        }
    }
}
