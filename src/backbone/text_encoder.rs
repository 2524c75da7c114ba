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
    /// A description in words of which the network knows none.
    #[error("{name} gives nothing for \"{words}\": wanted words that it knows")]
    Nothing {
        /// The network.
        name: String,
        /// The beginning of the words.
        words: String,
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
        let parsed = Tokenizer::parse(tokenizer, network.spec().tokens)
            .map_err(|error| EncodeError::Tokenizer { name: name.to_owned(), error })?;
        let sums = [onnx.sha256(), Sha256::digest(tokenizer).into()];
        Ok(Self::of_network(network, parsed, name, sums))
    }

    /// Of a network that is loaded.
    ///
    /// * `tokenizer`: cuts lines to as many tokens as the network reads.
    /// * `sums`: the SHA-256 of the network ([`Onnx::sha256`]), and that of the tokenizer's file.
    pub fn of_network(
        network: TextNetwork,
        tokenizer: Tokenizer,
        name: &str,
        sums: [[u8; 32]; 2],
    ) -> Self {
        let mut hash = Sha256::new();
        sums.iter().for_each(|sum| hash.update(sum));
        hash.update(in_words(network.spec()));
        let fingerprint = Fingerprint(hash.finalize().into());
        let network = Some((tokenizer, network));
        Self { name: format!("{name}{OF_TEXT}"), fingerprint, network }
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

    /// As [`TextEncoder::feature`], of what is said of images.
    ///
    /// # Errors
    /// [`EncodeError`], also where nothing comes of them.
    pub fn describe(&mut self, words: &str) -> Result<Vec<f32>, EncodeError> {
        let feature = self.feature(words)?;
        match feature.iter().any(|&value| value != 0.0) {
            true => Ok(feature),
            false => {
                Err(EncodeError::Nothing { name: self.name.clone(), words: text::origin(words) })
            }
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

/// What a fingerprint covers besides the files; stores hold the hash of these words, so they stay as they are.
fn in_words(spec: &TextSpec) -> String {
    let TextSpec { tokens, pool, output } = spec;
    format!("text 1: {tokens} tokens, {} of {output}", pool.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::TokenPooling;

    #[test]
    fn the_words_of_a_fingerprint_stay_as_they_are() {
        for (pool, name) in [
            (TokenPooling::Mean, "mean"),
            (TokenPooling::First, "first"),
            (TokenPooling::Last, "last"),
            (TokenPooling::Whole, "whole"),
        ] {
            let spec = TextSpec { tokens: 77, pool, output: "out".to_owned() };
            assert_eq!(in_words(&spec), format!("text 1: 77 tokens, {name} of out"));
        }
    }
}
