//! What a network says of each token of a line, or of each moment of a sound, to one vector.

use serde::{Deserialize, Serialize};

use super::BackboneError;
use super::graph::Graph;
use super::pooling::normalise;

/// How the values of a line's tokens, or of a sound's moments, become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenPooling {
    /// The mean over all.
    Mean,
    /// The first one's: BERT's `[CLS]`, RoBERTa's `<s>`, an audio transformer's class token.
    First,
    /// The last one's, for networks that read from left to right.
    Last,
    /// The network has made one vector of them itself.
    Whole,
}

impl TokenPooling {
    /// As a card has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::First => "first",
            Self::Last => "last",
            Self::Whole => "whole",
        }
    }
}

/// The graph, cut to that tensor.
///
/// # Errors
/// [`BackboneError::Parse`] where there is no such tensor.
pub(super) fn cut_to(graph: Graph, tensor: &str) -> Result<Graph, BackboneError> {
    if !graph.tensors().contains(&tensor) {
        let outputs = graph.graph().map_or(&[][..], |graph| &graph.output);
        let outputs: Vec<_> =
            outputs.iter().map(|one| one.name.escape_debug().to_string()).collect();
        let what = format!(
            "there is no tensor {}; its outputs are {}",
            tensor.escape_debug(),
            outputs.join(", ")
        );
        return Err(BackboneError::parse(&graph.name, &what));
    }
    graph.cut(&[tensor.to_owned()])
}

/// The output of a network.
pub(super) struct Rows<'a> {
    /// The network.
    pub(super) name: &'a str,
    /// The output.
    pub(super) tensor: &'a str,
    /// What a row is of, in words.
    pub(super) of: &'a str,
    pub(super) shape: &'a [usize],
}

impl Rows<'_> {
    /// * `values`: of the output; `real`: of so many rows those that count, at least one.
    /// * returns the rows as one vector, finite, of length 1 (all zero where the network gives zeros).
    ///
    /// # Errors
    /// [`BackboneError::Parse`] for a shape that does not fit, [`BackboneError::NotFinite`].
    pub(super) fn embedding(
        &self,
        values: &[f32],
        pool: TokenPooling,
        real: impl FnOnce(usize) -> usize,
    ) -> Result<Vec<f32>, BackboneError> {
        let mut feature = self.pooled(values, pool, real)?;
        if let Some(index) = feature.iter().position(|value| !value.is_finite()) {
            let (name, tensor) = (self.name.to_owned(), self.tensor.to_owned());
            return Err(BackboneError::NotFinite { name, tensor, index, value: feature[index] });
        }
        normalise(&mut feature);
        Ok(feature)
    }

    fn pooled(
        &self,
        values: &[f32],
        pool: TokenPooling,
        real: impl FnOnce(usize) -> usize,
    ) -> Result<Vec<f32>, BackboneError> {
        let (rows, dim) = match (self.shape, pool) {
            (&[1, dim] | &[1, dim, 1] | &[1, dim, 1, 1], TokenPooling::Whole) => (1, dim),
            (&[1, rows, dim], pool) if pool != TokenPooling::Whole => (rows, dim),
            // A row of each patch of a sound.
            (&[rows, dim], pool) if pool != TokenPooling::Whole && rows > 1 => (rows, dim),
            _ => return Err(self.of_other_shape(pool)),
        };
        if rows * dim == 0 {
            return Err(self.of_other_shape(pool));
        }
        let real = real(rows).clamp(1, rows);
        let row = |row: usize| &values[row * dim..(row + 1) * dim];
        Ok(match pool {
            TokenPooling::Whole | TokenPooling::First => row(0).to_vec(),
            TokenPooling::Last => row(real - 1).to_vec(),
            TokenPooling::Mean => {
                let mut mean = vec![0.0; dim];
                for at in 0..real {
                    mean.iter_mut().zip(row(at)).for_each(|(sum, value)| *sum += value);
                }
                mean.iter_mut().for_each(|sum| *sum /= real as f32);
                mean
            }
        })
    }

    fn of_other_shape(&self, pool: TokenPooling) -> BackboneError {
        let Self { of, shape, .. } = self;
        let wanted = match pool {
            TokenPooling::Whole => "[1, values]".to_owned(),
            _ => format!("[1, {of}, values]"),
        };
        let what = format!(
            "its output {} is {shape:?}, wanted {wanted}\n  next: pool = \"mean\", \"first\" or \"last\" for values of {of}, \"whole\" for those of all together",
            self.tensor.escape_debug()
        );
        BackboneError::parse(self.name, &what)
    }
}
