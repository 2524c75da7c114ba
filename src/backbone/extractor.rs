//! Frame to feature: the preprocessing and the network together.

use sha2::{Digest, Sha256};

use super::{Backbone, BackboneError, BackboneSpec, Onnx, Pooling, Tap, TapMap};
use crate::backbone::preprocess::{
    ChannelOrder, Fit, InputSpec, Layout, Preprocessor, TensorError,
};
use crate::image::frame::Frame;
use crate::image::views::ViewKinds;

/// SHA-256 over the model's hash ([`Onnx::sha256`]), how it is fed and where it is tapped: features with equal fingerprints can be
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

    /// As [`FeatureSource::feature`], with the maps of the same pass that the feature was pooled from; none from a source
    /// that has no maps.
    ///
    /// # Errors
    /// [`ExtractError`].
    fn feature_and_maps(&mut self, frame: &Frame) -> Result<(Vec<f32>, Vec<TapMap>), ExtractError> {
        Ok((self.feature(frame)?, Vec::new()))
    }

    /// `[views][dim]`, finite: the features of these views of a frame, to be learned with it; none from a source that has
    /// no images.
    ///
    /// # Errors
    /// [`ExtractError`].
    fn views(&mut self, _frame: &Frame, _kinds: &ViewKinds) -> Result<Vec<Vec<f32>>, ExtractError> {
        Ok(Vec::new())
    }

    /// Which backbone it is, so that it is never brought together with what was learned with another one; `None` from a
    /// source that is no backbone.
    fn fingerprint(&self) -> Option<Fingerprint> {
        None
    }
}

/// Why a frame gave no feature.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
    /// * `onnx`: the file's bytes, or [`OnnxFiles`](super::OnnxFiles); `name`: what people call the model.
    ///
    /// # Errors
    /// [`ExtractError`].
    pub fn load<'a>(
        onnx: impl Into<Onnx<'a>>,
        name: &str,
        spec: &BackboneSpec,
    ) -> Result<Self, ExtractError> {
        let onnx = onnx.into();
        let preprocessor = Preprocessor::new(spec.input.clone())?;
        let backbone = Backbone::load(onnx, name, spec)?;
        let mut hash = Sha256::new();
        hash.update(onnx.sha256());
        hash.update(in_words(spec));
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

    fn feature_and_maps(&mut self, frame: &Frame) -> Result<(Vec<f32>, Vec<TapMap>), ExtractError> {
        let input = self.preprocessor.apply(frame)?;
        Ok(self.backbone.extract_with_maps(input.view())?)
    }

    fn views(&mut self, frame: &Frame, kinds: &ViewKinds) -> Result<Vec<Vec<f32>>, ExtractError> {
        let InputSpec { width, height, .. } = *self.preprocessor.spec();
        let pixels = self.preprocessor.resize(frame)?.to_vec();
        let mut features = Vec::new();
        for kind in kinds.kinds() {
            for seen in kind.views(&pixels, width as usize, height as usize) {
                let input = self.preprocessor.normalise_instead(&seen);
                features.push(self.backbone.extract(input.view())?);
            }
        }
        Ok(features)
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        Some(self.fingerprint)
    }
}

/// What a fingerprint covers besides the file. Stores hold the hash of these words, so they stay as they are, whatever
/// becomes of the types that they are made from.
fn in_words(spec: &BackboneSpec) -> String {
    let InputSpec { width, height, layout, order, mean, scale, fit } = &spec.input;
    let layout = match layout {
        Layout::Nchw => "nchw",
        Layout::Nhwc => "nhwc",
    };
    let order = match order {
        ChannelOrder::Rgb => "rgb",
        ChannelOrder::Bgr => "bgr",
        ChannelOrder::Grey => "grey",
    };
    let fit = match fit {
        Fit::Whole => "whole".to_owned(),
        Fit::CenterCrop { fraction } => format!("centre {fraction:?}"),
    };
    let mut words = format!("{width}x{height} {layout} {order} {mean:?} {scale:?} {fit}");
    for Tap { tensor, pool } in &spec.taps {
        words += &format!("\n{tensor:?}");
        for pool in pool {
            words += match pool {
                Pooling::Avg => " avg",
                Pooling::Max => " max",
            };
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::preprocess::Norm;

    #[test]
    fn the_words_of_a_fingerprint_stay_as_they_are() {
        let (mean, scale) = Norm::Tf.mean_scale();
        let (layout, order) = (Layout::Nchw, ChannelOrder::Rgb);
        let fit = Fit::CenterCrop { fraction: 0.875 };
        let input = InputSpec { width: 224, height: 192, layout, order, mean, scale, fit };
        let tap = Tap { tensor: "a b".to_owned(), pool: vec![Pooling::Avg, Pooling::Max] };
        let wanted = "224x192 nchw rgb [127.5, 127.5, 127.5] [0.007843138, 0.007843138, 0.007843138] centre 0.875\n\
                      \"a b\" avg max";
        assert_eq!(in_words(&BackboneSpec { input, taps: vec![tap] }), wanted);
    }
}
