//! What a file stores: weights, and the shapes and places that its operators read.

use std::collections::HashMap;

use ndarray::Array2;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{NodeProto, TensorProto};

use crate::backbone::graph::{Graph, permutation};
use crate::backbone::nodes::attribute;
use crate::backbone::weights;

/// The values that a classifier's weights may have in all: 4096 classes of features of 8192 values.
pub(super) const MAX_WEIGHTS: usize = 1 << 25;

/// Tensors that do not depend on the feature and can be read, by their names.
pub(super) struct Constants<'a>(HashMap<&'a str, Constant<'a>>);

#[derive(Clone, Copy)]
struct Constant<'a> {
    values: Values<'a>,
    /// Its rows are the columns of what is stored.
    turned: bool,
}

#[derive(Clone, Copy)]
enum Values<'a> {
    Tensor(&'a TensorProto),
    /// Of an attribute.
    Floats(&'a [f32]),
    Integers(&'a [i64]),
}

impl<'a> Constants<'a> {
    pub(super) fn of(graph: &'a Graph) -> Self {
        let stored = |tensor: &'a TensorProto| {
            (tensor.name.as_str(), Constant { values: Values::Tensor(tensor), turned: false })
        };
        Self(graph.initializers().iter().map(stored).collect())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// What a node gives that reads only what is stored, if it can be read as it is: the value of a Constant, what a node
    /// passes on, a matrix whose axes it exchanges.
    pub(super) fn take(&mut self, node: &'a NodeProto) {
        let Some(output) = node.output.first() else { return };
        let read = node.input.first().and_then(|name| self.0.get(name.as_str())).copied();
        let given = match (node.op_type.as_str(), read) {
            ("Constant", _) => value_of(node).map(|values| Constant { values, turned: false }),
            ("Identity", read) => read,
            ("Cast", read) => read.filter(|_| casts_to_floats(node)),
            ("Transpose", Some(read)) if read.values.axes().len() == 2 => {
                let exchanges = permutation(node).is_none_or(|perm| perm == [1, 0]);
                Some(Constant { turned: read.turned != exchanges, ..read })
            }
            _ => None,
        };
        if let Some(given) = given {
            self.0.insert(output, given);
        }
    }

    fn get(&self, name: &str) -> Result<Constant<'a>, String> {
        let constant = self.0.get(name).copied();
        constant.ok_or_else(|| format!("it reads {name}, wanted weights that the file stores"))
    }

    /// Numbers along the last axis; one number stands for as many as are wanted.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn row(&self, name: &str) -> Result<Vec<f64>, String> {
        let constant = self.get(name)?;
        let axes = constant.values.axes();
        let before = axes.split_last().map_or(&[][..], |(_, before)| before);
        if constant.turned || before.iter().any(|&axis| axis != 1) {
            return Err(format!("{name} has the shape {axes:?}, wanted a row of numbers"));
        }
        constant.values.numbers(name)
    }

    /// One number.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn number(&self, name: &str) -> Result<f64, String> {
        match self.row(name)?[..] {
            [number] => Ok(number),
            ref numbers => Err(format!("{name} has {} values, wanted one", numbers.len())),
        }
    }

    /// * returns numbers of two axes.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn matrix(&self, name: &str) -> Result<Array2<f64>, String> {
        let constant = self.get(name)?;
        let axes = constant.values.axes();
        let shape = || format!("{name} has the shape {axes:?}, wanted weights of two axes");
        let &[rows, columns] = &axes[..] else { return Err(shape()) };
        let both = usize::try_from(rows).ok().zip(usize::try_from(columns).ok());
        let both = both.ok_or_else(shape)?;
        let numbers = constant.values.numbers(name)?;
        let matrix = Array2::from_shape_vec(both, numbers).map_err(|_| shape())?;
        Ok(if constant.turned { matrix.reversed_axes() } else { matrix })
    }

    /// Whole numbers: a shape, axes, a place.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn integers(&self, name: &str) -> Result<Vec<i64>, String> {
        match self.get(name)?.values {
            Values::Integers(integers) => Ok(integers.to_vec()),
            Values::Tensor(tensor) if tensor.data_type == DataType::Int64 as i32 => {
                let raw = tensor.raw_data.as_chunks().0.iter();
                let raw = raw.map(|&bytes| i64::from_le_bytes(bytes));
                Ok(raw.chain(tensor.int64_data.iter().copied()).collect())
            }
            Values::Tensor(tensor) => weights::integers(tensor)
                .ok_or_else(|| format!("it reads {name}, wanted whole numbers there")),
            Values::Floats(_) => Err(format!("it reads {name}, wanted whole numbers there")),
        }
    }
}

/// Whether a Cast leaves numbers as they are, or rounds them to a shorter form of theirs.
pub(super) fn casts_to_floats(node: &NodeProto) -> bool {
    let to = attribute(node, "to").and_then(|to| DataType::try_from(to.i as i32).ok());
    let floats = [DataType::Float, DataType::Double, DataType::Float16, DataType::Bfloat16];
    to.is_some_and(|to| floats.contains(&to))
}

/// The value of a Constant.
fn value_of(node: &NodeProto) -> Option<Values<'_>> {
    let value = node.attribute.first()?;
    Some(match value.name.as_str() {
        "value" => Values::Tensor(value.t.as_ref()?),
        "value_float" => Values::Floats(std::slice::from_ref(&value.f)),
        "value_floats" => Values::Floats(&value.floats),
        "value_int" => Values::Integers(std::slice::from_ref(&value.i)),
        "value_ints" => Values::Integers(&value.ints),
        _ => return None,
    })
}

impl Values<'_> {
    fn axes(&self) -> Vec<i64> {
        match self {
            Self::Tensor(tensor) => tensor.dims.clone(),
            Self::Floats(values) => vec![values.len() as i64],
            Self::Integers(values) => vec![values.len() as i64],
        }
    }

    /// All of them, finite in single precision.
    fn numbers(&self, name: &str) -> Result<Vec<f64>, String> {
        let numbers = match self {
            Self::Integers(values) => values.iter().map(|&value| value as f64).collect(),
            Self::Floats(values) => values.iter().map(|&value| f64::from(value)).collect(),
            Self::Tensor(tensor) => stored(tensor).map_err(|what| format!("{name}: {what}"))?,
        };
        finite(numbers).map_err(|what| format!("{name}: {what}"))
    }
}

/// The values of a tensor of floating-point numbers.
fn stored(tensor: &TensorProto) -> Result<Vec<f64>, String> {
    if let Some(what) = weights::complaint(tensor, true) {
        return Err(what);
    }
    let got = tensor.dims.iter().fold(1_u64, |got, dim| got.saturating_mul(dim.unsigned_abs()));
    if got > MAX_WEIGHTS as u64 {
        return Err(format!("it has {got} values, wanted at most {MAX_WEIGHTS}"));
    }
    match DataType::try_from(tensor.data_type) {
        Ok(DataType::Double) => {
            let raw = tensor.raw_data.as_chunks().0.iter();
            let raw = raw.map(|&bytes| f64::from_le_bytes(bytes));
            Ok(raw.chain(tensor.double_data.iter().copied()).collect())
        }
        Ok(DataType::Float | DataType::Float16 | DataType::Bfloat16) => {
            Ok(weights::floats(tensor).map(f64::from).collect())
        }
        _ => {
            let got = weights::type_name(tensor.data_type);
            Err(format!("its element type is {got}, wanted floating-point numbers"))
        }
    }
}

/// # Errors
/// A number that single precision does not have.
pub(super) fn finite(numbers: Vec<f64>) -> Result<Vec<f64>, String> {
    let wrong = |number: &f64| !(*number as f32).is_finite();
    match numbers.iter().position(wrong) {
        Some(at) => Err(format!("its value {at} is {}, wanted a finite number", numbers[at])),
        None => Ok(numbers),
    }
}
