//! The nodes between feature and scores, one after another.

mod operators;

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::NodeProto;

use super::ScoreCurve;
use super::chain::{Chain, Stage};
use super::constants::{Constants, casts_to_floats};
use crate::backbone::BackboneError;
use crate::backbone::graph::{Graph, label};
use crate::backbone::nodes::attribute;
use crate::backbone::rewrite::{drops, standard};

/// Nodes from feature to scores, those of their weights among them.
const MAX_STEPS: usize = 256;

/// The domain of scikit-learn's operators.
const OF_LEARNING: &str = "ai.onnx.ml";

/// What is to be said of any other operator.
const WANTED: &str = "wanted a classifier of features: layers (Gemm, or MatMul and Add, or LinearClassifier), Relu between two of them, Softmax or Sigmoid behind them, and before them what moves, scales or normalises a feature\n  next: export the last layers alone, a linear classifier, or head.npz (fieldtune teach --help)";

/// What a tensor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    /// What the chain gave after so many changes.
    Chain(usize),
    /// One less the only probability.
    Complement(usize),
    /// The length of the feature.
    Length(usize),
    /// Its square.
    Square(usize),
    /// The sum of the probabilities.
    Total(usize),
    /// It does not depend on the feature.
    Beside,
    /// The class that was chosen.
    Answer,
}

struct Walk<'a> {
    graph: &'a Graph,
    opset: i64,
    constants: Constants<'a>,
    values: HashMap<&'a str, Value>,
    chain: Chain,
    /// Axes of the chain's tensor, where they are known.
    axes: Option<usize>,
}

/// From the feature to one of the outputs.
///
/// * `input`: the feature's tensor; `axes`, `width`: how many axes and values it has, where the file declares them.
/// * returns nothing for an output that only says which class was chosen.
///
/// # Errors
/// [`BackboneError::Unsupported`], [`BackboneError::Parse`].
pub(super) fn scores(
    graph: &Graph,
    (input, axes, width): (&str, Option<usize>, Option<usize>),
    output: &str,
) -> Result<Option<Chain>, BackboneError> {
    let nodes = needed(graph, output);
    if nodes.len() > MAX_STEPS {
        let got = nodes.len();
        return Err(graph.wrong(&format!("it has {got} operators, {WANTED}")));
    }
    let mut walk = Walk {
        graph,
        opset: graph.opset(),
        constants: Constants::of(graph),
        values: HashMap::from([(input, Value::Chain(0))]),
        chain: Chain::new(width),
        axes,
    };
    for node in nodes {
        walk.step(node).map_err(|advice| BackboneError::Unsupported {
            name: graph.name.clone(),
            operator: node.op_type.clone(),
            node: label(node).to_owned(),
            advice,
        })?;
    }
    match walk.values.get(output) {
        Some(Value::Chain(version)) if *version == walk.chain.changes() => Ok(Some(walk.chain)),
        Some(Value::Answer) => Ok(None),
        _ => Err(graph.wrong(&format!("its output {output} holds no scores of classes"))),
    }
}

/// The nodes that an output needs, in the graph's order.
fn needed<'a>(graph: &'a Graph, output: &'a str) -> Vec<&'a NodeProto> {
    let mut tensors: HashSet<&str> = HashSet::from([output]);
    let mut nodes = Vec::new();
    for node in graph.nodes().iter().rev() {
        if node.output.iter().any(|output| tensors.contains(output.as_str())) {
            tensors.extend(node.input.iter().map(String::as_str));
            nodes.push(node);
        }
    }
    nodes.reverse();
    nodes
}

impl<'a> Walk<'a> {
    fn step(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let read = node.input.iter().filter(|name| !name.is_empty());
        let values: Vec<Value> = read.map(|name| self.value(name)).collect();
        let op = node.op_type.as_str();
        if values.iter().all(|value| *value == Value::Beside) || ["Shape", "Size"].contains(&op) {
            self.constants.take(node);
            return self.give(node, 0, Value::Beside);
        }
        if op == "ArgMax" || values.contains(&Value::Answer) {
            return self.give(node, 0, Value::Answer);
        }
        match (node.domain.as_str(), op) {
            (OF_LEARNING, "LinearClassifier") => return self.linear_classifier(node),
            (OF_LEARNING, _) => self.learned(node, op)?,
            (domain, _) if !standard(domain) => return Err(WANTED.to_owned()),
            _ => match (op, values.first(), values.get(1)) {
                ("Div", Some(Value::Chain(_)), Some(Value::Length(version))) => {
                    self.now(node, 0)?;
                    self.same(*version)?;
                    self.chain.unit_length()?;
                }
                ("Div", Some(Value::Chain(_)), Some(Value::Total(version))) => {
                    self.now(node, 0)?;
                    self.same(*version)?;
                    self.chain.shares()?;
                }
                ("Sqrt", Some(Value::Square(version)), _) => {
                    return self.give(node, 0, Value::Length(*version));
                }
                (_, Some(value @ (Value::Length(_) | Value::Square(_) | Value::Total(_))), _) => {
                    self.guarded(node, op)?;
                    return self.give(node, 0, *value);
                }
                ("Concat", Some(Value::Complement(version)), Some(Value::Chain(_))) => {
                    self.now(node, 1)?;
                    self.same(*version)?;
                }
                ("ReduceL2", ..) => return self.reduced(node, Value::Length(self.chain.changes())),
                ("ReduceSumSquare", ..) => {
                    return self.reduced(node, Value::Square(self.chain.changes()));
                }
                ("ReduceSum" | "ReduceL1", ..) => {
                    return self.reduced(node, Value::Total(self.chain.changes()));
                }
                ("Sub", Some(Value::Beside), _) if self.is_single_probability() => {
                    self.now(node, 1)?;
                    if self.constants.number(&node.input[0])? != 1.0 {
                        return Err(WANTED.to_owned());
                    }
                    return self.give(node, 0, Value::Complement(self.chain.changes()));
                }
                _ => self.computed(node, op)?,
            },
        }
        self.give(node, 0, Value::Chain(self.chain.changes()))
    }

    /// Operators of ONNX's own that change the chain, or leave it as it is.
    fn computed(&mut self, node: &'a NodeProto, op: &str) -> Result<(), String> {
        match op {
            "Add" | "Sub" | "Mul" | "Div" => return self.element_wise(node, op),
            "MatMul" => {
                self.now(node, 0)?;
                let weights = self.constants.matrix(input(node, 1)?)?;
                return self.chain.layer(weights.reversed_axes(), &[0.0]);
            }
            "Gemm" => return self.gemm(node),
            "BatchNormalization" => return self.batch_normalised(node),
            _ => self.now(node, 0)?,
        }
        match op {
            "Identity" => Ok(()),
            "Flatten" => {
                self.axes = Some(2);
                Ok(())
            }
            "Squeeze" | "Unsqueeze" => {
                self.axes = None;
                Ok(())
            }
            "Reshape" => self.reshaped(node),
            "Cast" if casts_to_floats(node) => Ok(()),
            "Cast" => Err("it rounds to whole numbers, wanted floating-point ones".to_owned()),
            "Dropout" if drops(node, &self.graph.stored()) => Err(
                "the classifier was exported in training form\n  next: model.eval() before torch.onnx.export".to_owned(),
            ),
            "Dropout" => Ok(()),
            "Relu" => self.chain.relu(),
            "Abs" if self.chain.stage() == Stage::Probabilities => Ok(()),
            "Log" => self.chain.logarithm(),
            "Sigmoid" => self.chain.curved(ScoreCurve::Sigmoid),
            "Softmax" | "LogSoftmax" => {
                let usual = if self.opset < 13 { 1 } else { -1 };
                let axis = attribute(node, "axis").map_or(usual, |axis| axis.i);
                if !(self.opset < 13 && axis == 1 || self.is_last(axis)) {
                    return Err(format!("its axis is {axis}, wanted that of the classes, -1"));
                }
                self.chain.curved(ScoreCurve::Softmax)?;
                if op == "LogSoftmax" { self.chain.logarithm() } else { Ok(()) }
            }
            "LpNormalization" => {
                let power = attribute(node, "p").map_or(2, |power| power.i);
                let axis = attribute(node, "axis").map_or(-1, |axis| axis.i);
                match power {
                    2 if self.is_last(axis) => self.chain.unit_length(),
                    1 if self.is_last(axis) => self.chain.shares(),
                    _ => Err(format!("p {power}, axis {axis}: wanted p 2 and axis -1")),
                }
            }
            _ => Err(WANTED.to_owned()),
        }
    }

    /// Operators of scikit-learn's that change the chain, or leave it as it is.
    fn learned(&mut self, node: &'a NodeProto, op: &str) -> Result<(), String> {
        self.now(node, 0)?;
        match op {
            "ZipMap" => Ok(()),
            "Normalizer" => {
                let norm = attribute(node, "norm").map_or(&b"MAX"[..], |norm| &norm.s);
                match norm {
                    b"L2" => self.chain.unit_length(),
                    b"L1" => self.chain.shares(),
                    _ => Err(format!("its norm is {}, wanted L2", text(norm))),
                }
            }
            "Scaler" => {
                let given = |name| attribute(node, name).map_or(&[][..], |given| &given.floats);
                let numbers = |name, usual: f64| match given(name) {
                    [] => vec![usual],
                    given => given.iter().map(|&value| f64::from(value)).collect(),
                };
                self.chain.affine(
                    &[1.0],
                    &numbers("offset", 0.0).iter().map(|o| -o).collect::<Vec<_>>(),
                )?;
                self.chain.affine(&numbers("scale", 1.0), &[0.0])
            }
            // The second of two scores that are one and its negative.
            "ArrayFeatureExtractor" if self.chain.stage() == Stage::Sums => {
                let place = self.constants.integers(input(node, 1)?)?;
                match (self.chain.is_mirrored(), &place[..]) {
                    (true, [1]) => Ok(()),
                    _ => Err(format!("it takes scores {place:?}, wanted all of them")),
                }
            }
            _ => Err(WANTED.to_owned()),
        }
    }

    /// The length of the feature or its square, or the sum of the probabilities.
    fn reduced(&mut self, node: &'a NodeProto, given: Value) -> Result<(), String> {
        self.now(node, 0)?;
        let stage = self.chain.stage();
        let wanted = match given {
            Value::Total(_) => Stage::Probabilities,
            _ => Stage::Feature,
        };
        let axes = match node.input.get(1).filter(|name| !name.is_empty()) {
            Some(name) => self.constants.integers(name)?,
            None => attribute(node, "axes").map_or(Vec::new(), |axes| axes.ints.clone()),
        };
        if stage != wanted || !axes.iter().all(|&axis| self.is_last(axis)) {
            return Err(WANTED.to_owned());
        }
        self.give(node, 0, given)
    }

    fn is_single_probability(&self) -> bool {
        self.chain.curve() == Some(ScoreCurve::Sigmoid)
            && self.chain.stage() == Stage::Probabilities
            && self.chain.width == Some(1)
    }

    fn is_last(&self, axis: i64) -> bool {
        let last = self.axes.and_then(|axes| i64::try_from(axes).ok()).map(|axes| axes - 1);
        axis == -1 || axis == last.unwrap_or(1)
    }

    fn value(&self, name: &str) -> Value {
        self.values.get(name).copied().unwrap_or(Value::Beside)
    }

    fn give(&mut self, node: &'a NodeProto, at: usize, value: Value) -> Result<(), String> {
        if let Some(output) = node.output.get(at).filter(|name| !name.is_empty()) {
            self.values.insert(output, value);
        }
        Ok(())
    }

    /// That an input is what the chain gives now, with all its layers.
    fn now(&self, node: &NodeProto, at: usize) -> Result<(), String> {
        match self.value(input(node, at)?) {
            Value::Chain(version) => self.same(version),
            _ => Err(WANTED.to_owned()),
        }
    }

    fn same(&self, version: usize) -> Result<(), String> {
        if version == self.chain.changes() {
            return Ok(());
        }
        Err(format!("it reads what stands before other layers; {WANTED}"))
    }
}

fn input(node: &NodeProto, at: usize) -> Result<&str, String> {
    let name = node.input.get(at).filter(|name| !name.is_empty());
    name.map(String::as_str).ok_or_else(|| format!("its input {at} is missing"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).escape_debug().to_string()
}
