//! Line to embedding: by counted words, or by a tokenizer and the network that belongs to it.

use sha2::{Digest as _, Sha256};

use super::{BackboneError, Fingerprint, Onnx, TextNetwork, TextSpec};
use crate::text::{self, LineError, Tokenizer, TokenizerError};

/// Gives an embedding for a line of text.
#[derive(Debug)]
pub struct TextEncoder {
    name: String,
    fingerprint: Fingerprint,
    network: Option<(Tokenizer, TextNetwork)>,
}

/// Why a line, or all of them, have no embedding.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// It is the line.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The tokenizer cannot be used.
    #[error("{name}: {error}")]
    Tokenizer {
        /// The network.
        name: String,
        /// Why.
        error: TokenizerError,
    },
    /// The network gave none.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
}

/// What stands behind the name of a network that reads text, in what a store remembers.
pub const OF_TEXT: &str = ", text";

impl TextEncoder {
    /// Counts words, without a network, see [`crate::text`].
    pub fn of_words() -> Self {
        let fingerprint = Fingerprint(Sha256::digest(text::TEXT_MODEL).into());
        Self { name: text::TEXT_MODEL.to_owned(), fingerprint, network: None }
    }

    /// * `onnx`: the network's bytes, or [`OnnxFiles`](super::OnnxFiles); `tokenizer`: those of its `tokenizer.json`.
    /// * `name`: what people call it.
    ///
    /// # Errors
    /// [`EncodeError::Tokenizer`], [`EncodeError::Backbone`].
    pub fn load<'a>(
        onnx: impl Into<Onnx<'a>>,
        tokenizer: &[u8],
        name: &str,
        spec: &TextSpec,
    ) -> Result<Self, EncodeError> {
        let onnx = onnx.into();
        let network = TextNetwork::load(onnx, name, spec)?;
        let TextSpec { tokens, pool, output } = network.spec();
        let mut hash = Sha256::new();
        hash.update(onnx.sha256());
        hash.update(Sha256::digest(tokenizer));
        hash.update(format!("text 1: {tokens} tokens, {pool:?} of {output}"));
        let parsed = Tokenizer::parse(tokenizer, *tokens)
            .map_err(|error| EncodeError::Tokenizer { name: name.to_owned(), error })?;
        let fingerprint = Fingerprint(hash.finalize().into());
        let network = Some((parsed, network));
        Ok(Self { name: format!("{name}{OF_TEXT}"), fingerprint, network })
    }

    /// What a store remembers of it, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Of the files, and how they are used.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Length of the embedding.
    pub fn dim(&self) -> usize {
        self.network.as_ref().map_or(text::DIM, |(_, network)| network.dim())
    }

    /// Whether numbers and capitals count, as they do for a network.
    pub fn reads_numbers(&self) -> bool {
        self.network.is_some()
    }

    /// The line in the form in which it is compared: lines of one form are one example.
    pub fn form(&self, line: &str) -> String {
        match &self.network {
            None => text::masked(line),
            Some(_) => line.split_whitespace().collect::<Vec<_>>().join(" "),
        }
    }

    /// * returns `[dim]`, finite, of length 1.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub fn feature(&mut self, line: &str) -> Result<Vec<f32>, EncodeError> {
        match &mut self.network {
            None => Ok(text::feature(line)?),
            Some((tokenizer, network)) => Ok(network.extract(&tokenizer.tokens(line)?)?),
        }
    }
}
