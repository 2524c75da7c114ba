//! What a device looks with, whatever its frames are of.

use super::{
    BackboneError, EncodeError, ExtractError, Extractor, FeatureSource, Fingerprint, MapLayout,
    SoundNetwork, TapMap, TextEncoder,
};
use crate::image::frame::{Frame, FrameKind};
use crate::image::views::ViewKinds;
use crate::sound::SoundWindow;

/// Gives an embedding for a frame: of an image or a sound by its pixels, of a line of text by the line, of the samples
/// of a sound by those.
#[derive(Debug)]
#[non_exhaustive]
pub enum EmbeddingSource {
    /// Images, or windows of sound.
    Pixels(Box<Extractor>),
    /// Lines of text.
    Lines(Box<TextEncoder>),
    /// Windows of sound, by their samples.
    Samples(Box<SoundNetwork>),
}

impl From<Extractor> for EmbeddingSource {
    fn from(extractor: Extractor) -> Self {
        Self::Pixels(Box::new(extractor))
    }
}

impl From<TextEncoder> for EmbeddingSource {
    fn from(encoder: TextEncoder) -> Self {
        Self::Lines(Box::new(encoder))
    }
}

impl From<SoundNetwork> for EmbeddingSource {
    fn from(network: SoundNetwork) -> Self {
        Self::Samples(Box::new(network))
    }
}

impl EmbeddingSource {
    /// As [`Extractor::for_sounds`]; what looks at no pixels is as it is.
    #[must_use]
    pub fn for_sounds(self) -> Self {
        match self {
            Self::Pixels(extractor) => extractor.for_sounds().into(),
            other => other,
        }
    }

    /// What looks at pixels, where it does.
    pub fn extractor(&mut self) -> Option<&mut Extractor> {
        match self {
            Self::Pixels(extractor) => Some(extractor),
            Self::Lines(_) | Self::Samples(_) => None,
        }
    }

    /// What it looks at.
    pub fn kind(&self) -> FrameKind {
        match self {
            Self::Pixels(extractor) => extractor.kind(),
            Self::Lines(_) => FrameKind::Text,
            Self::Samples(_) => FrameKind::Samples,
        }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        match self {
            Self::Pixels(extractor) => extractor.name(),
            Self::Lines(encoder) => encoder.name(),
            Self::Samples(network) => network.name(),
        }
    }

    /// Threads that it is computed on.
    pub fn threads(&self) -> usize {
        match self {
            Self::Pixels(extractor) => extractor.vectors().threads(),
            Self::Lines(_) | Self::Samples(_) => 1,
        }
    }
}

impl FeatureSource for EmbeddingSource {
    fn dim(&self) -> usize {
        match self {
            Self::Pixels(extractor) => extractor.dim(),
            Self::Lines(encoder) => encoder.dim(),
            Self::Samples(network) => network.dim(),
        }
    }

    fn feature(&mut self, frame: &Frame) -> Result<Vec<f32>, ExtractError> {
        let (wanted, got) = (self.kind(), frame.kind());
        let other = |name: &str| ExtractError::OtherKind { name: name.to_owned(), wanted, got };
        match self {
            Self::Pixels(extractor) => extractor.feature(frame),
            Self::Lines(encoder) => {
                let line = frame.line().ok_or_else(|| other(encoder.name()))?;
                encoder.feature(line).map_err(|error| match error {
                    EncodeError::Line(error) => error.into(),
                    EncodeError::Backbone(error) => error.into(),
                    EncodeError::Tokenizer { name, error } => {
                        BackboneError::parse(&name, &error.to_string()).into()
                    }
                    EncodeError::Nothing { ref name, .. } => {
                        BackboneError::parse(name, &error.to_string()).into()
                    }
                })
            }
            Self::Samples(network) => {
                let waveform = frame.waveform().ok_or_else(|| other(network.name()))?;
                Ok(network.extract(waveform)?)
            }
        }
    }

    fn feature_and_maps(&mut self, frame: &Frame) -> Result<(Vec<f32>, Vec<TapMap>), ExtractError> {
        match self {
            Self::Pixels(extractor) => extractor.feature_and_maps(frame),
            Self::Lines(_) | Self::Samples(_) => Ok((self.feature(frame)?, Vec::new())),
        }
    }

    fn layout(&self, frame: &Frame) -> Option<MapLayout> {
        match self {
            Self::Pixels(extractor) => extractor.layout(frame),
            Self::Lines(_) | Self::Samples(_) => None,
        }
    }

    fn views(&mut self, frame: &Frame, kinds: &ViewKinds) -> Result<Vec<Vec<f32>>, ExtractError> {
        match self {
            Self::Pixels(extractor) => extractor.views(frame, kinds),
            Self::Lines(_) | Self::Samples(_) => Ok(Vec::new()),
        }
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        match self {
            Self::Pixels(extractor) => Some(extractor.fingerprint()),
            Self::Lines(encoder) => Some(encoder.fingerprint()),
            Self::Samples(network) => Some(network.fingerprint()),
        }
    }

    fn sound_window(&self) -> SoundWindow {
        match self {
            Self::Pixels(_) | Self::Lines(_) => SoundWindow::default(),
            Self::Samples(network) => network.spec().window,
        }
    }

    fn of_extractor(extractor: Extractor) -> Option<Self> {
        Some(extractor.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::Timestamp;
    use crate::text;

    #[test]
    fn a_line_is_read_and_an_image_is_refused() {
        let mut source = EmbeddingSource::from(TextEncoder::of_words());
        let line = text::frame("sshd[812]: Failed password", Timestamp(0));
        let wanted = text::feature("SSHD[9]: failed  password").expect("it has words");
        assert_eq!(source.feature(&line).expect("it is a line"), wanted);
        assert_eq!((source.dim(), source.kind()), (text::DIM, FrameKind::Text));
        let views = source.views(&line, &ViewKinds::default()).expect("there are none");
        assert!(views.is_empty() && source.layout(&line).is_none());
        let image = line.of_kind(FrameKind::Image);
        let error = source.feature(&image).expect_err("it is no line").to_string();
        assert_eq!(error, "text-1024: wanted a line of text, got an image");
        let blank = text::frame("---", Timestamp(0));
        let error = source.feature(&blank).expect_err("nothing counts").to_string();
        assert!(error.contains("wanted letters or digits"), "{error}");
    }
}
