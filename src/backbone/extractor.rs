//! Frame to feature: the preprocessing and the network together.

use sha2::{Digest, Sha256};

use super::{Backbone, BackboneError, BackboneSpec};
use crate::frame::Frame;
use crate::tensor::{Preprocessor, TensorError};

/// SHA-256 over the model file's hash, how it is fed and where it is tapped: features with equal fingerprints can be
/// compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

/// Gives a feature for a frame.
pub trait FeatureSource {
    /// Length of a feature.
    fn dim(&self) -> usize;

    /// * returns `[dim]`, finite.
    ///
    /// # Errors
    /// [`ExtractError`].
    fn feature(&mut self, frame: &Frame) -> Result<Vec<f32>, ExtractError>;
}

/// Why a frame gave no feature.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The frame could not be made the network's input.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// The network gave none.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
}

/// Frame to feature: the preprocessing and the network together.
#[derive(Debug)]
pub struct Extractor {
    name: String,
    fingerprint: Fingerprint,
    preprocessor: Preprocessor,
    backbone: Backbone,
}

impl Extractor {
    /// * `onnx`: the file's bytes; `name`: what people call the model.
    ///
    /// # Errors
    /// [`ExtractError`].
    pub fn load(onnx: &[u8], name: &str, spec: &BackboneSpec) -> Result<Self, ExtractError> {
        let preprocessor = Preprocessor::new(spec.input.clone())?;
        let backbone = Backbone::load(onnx, name, spec)?;
        let mut hash = Sha256::new();
        hash.update(Sha256::digest(onnx));
        let fed = postcard::to_allocvec(spec).expect("the specification has a known length");
        hash.update(fed);
        let fingerprint = Fingerprint(hash.finalize().into());
        Ok(Self { name: name.to_owned(), fingerprint, preprocessor, backbone })
    }

    /// What people call the model.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Of the file, the preprocessing and the taps.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The two halves, for who wants to time them apart.
    pub fn parts(&mut self) -> (&mut Preprocessor, &mut Backbone) {
        (&mut self.preprocessor, &mut self.backbone)
    }
}

impl FeatureSource for Extractor {
    fn dim(&self) -> usize {
        self.backbone.dim()
    }

    fn feature(&mut self, frame: &Frame) -> Result<Vec<f32>, ExtractError> {
        let input = self.preprocessor.apply(frame)?;
        Ok(self.backbone.extract(input.view())?)
    }
}
