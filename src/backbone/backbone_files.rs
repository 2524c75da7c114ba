//! All that a backbone is loaded from, with fine-tuned last blocks or without.

use super::{BackboneSpec, ExtractError, Extractor, Fingerprint, Onnx, OnnxFiles, Tail, TailError};

/// A network's files, its name and how it is fed.
#[derive(Debug, Clone, PartialEq)]
pub struct BackboneFiles {
    /// The network.
    pub onnx: OnnxFiles,
    /// What people call it.
    pub name: String,
    /// How it is fed and where it is tapped.
    pub spec: BackboneSpec,
}

impl BackboneFiles {
    /// Of the network, its preprocessing and its taps.
    pub fn fingerprint(&self) -> Fingerprint {
        Extractor::fingerprint_of(&self.onnx, &self.spec)
    }

    /// * `tail`: fine-tuned last blocks, see [`Extractor::load_with_tail`].
    ///
    /// # Errors
    /// [`ExtractError`].
    pub fn load(&self, tail: Option<&Tail>) -> Result<Extractor, ExtractError> {
        match tail {
            None => Extractor::load(&self.onnx, &self.name, &self.spec),
            Some(tail) => Extractor::load_with_tail(&self.onnx, &self.name, &self.spec, tail),
        }
    }

    /// The last blocks as they are, see [`Tail::of`].
    ///
    /// # Errors
    /// [`TailError`].
    pub fn tail(&self, depth: Option<usize>) -> Result<Tail, TailError> {
        Tail::of(Onnx::from(&self.onnx), &self.name, &self.spec, self.fingerprint(), depth)
    }
}
