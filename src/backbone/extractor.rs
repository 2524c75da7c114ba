//! Frame to feature: the preprocessing and the network together.

use ndarray::ArrayView4;
use sha2::{Digest, Sha256};

use super::fast::{Runner, turned};
use super::fingerprint::{Fingerprint, in_words};
use super::graph::Graph;
use super::{Backbone, BackboneError, BackboneSpec, Block, Onnx, Tail, TapMap, Vectors, guarded};
use crate::backbone::preprocess::{InputSpec, Preprocessor, TensorError};
use crate::image::frame::{Frame, FrameKind};
use crate::image::views::ViewKinds;
use crate::sound::{self, SoundWindow};
use crate::text::LineError;

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

    /// How its maps make its feature, and what it sees of a frame; `None` from a source that has no maps.
    fn layout(&self, _frame: &Frame) -> Option<MapLayout> {
        None
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

    /// What a window of sound is to it.
    fn sound_window(&self) -> SoundWindow {
        SoundWindow::default()
    }

    /// A source of this kind that looks with another backbone; `None` where this kind looks with none.
    fn of_extractor(_extractor: Extractor) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }
}

/// How the maps of a source make its feature, and what it sees of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct MapLayout {
    /// The parts of the feature, in the order of the maps.
    pub blocks: Vec<Block>,
    /// `[x, y, width, height]` of what is seen, in fractions of the frame's sides.
    pub part: [f64; 4],
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
    /// It is the line.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The frame is of another kind than the features that are wanted.
    #[error("{name}: wanted {wanted}, got {got}")]
    OtherKind {
        /// The network.
        name: String,
        /// What it looks at.
        wanted: FrameKind,
        /// What the frame is.
        got: FrameKind,
    },
    /// The fine-tuned blocks belong to another network, or to other taps of it.
    #[error("{name}: the fine-tuned last blocks belong to another network, input size or taps")]
    OtherBase {
        /// The network.
        name: String,
    },
}

/// What stands behind the name of a backbone with fine-tuned blocks.
pub const FINE_TUNED: &str = ", fine-tuned";

/// What the fingerprint of a network that is used for sounds covers besides; another form of features gets another one.
const SOUND_FORM: &str =
    "sound 1: 128 mel bands of 1024 at 16 kHz, 80 dB; 20 cepstral coefficients";

/// Frame to feature: the preprocessing and the network together.
#[derive(Debug)]
pub struct Extractor {
    name: String,
    fingerprint: Fingerprint,
    kind: FrameKind,
    preprocessor: Preprocessor,
    /// Of the second look, where there is one.
    second: Option<Preprocessor>,
    backbone: Backbone,
    tail: Option<Adapted>,
}

/// A tail that runs behind the network.
struct Adapted {
    tail: Tail,
    runner: Runner,
}

impl std::fmt::Debug for Adapted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Adapted").field("cut", &self.tail.cut()).finish()
    }
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
        let fingerprint = Self::fingerprint_of(onnx, spec);
        let (name, kind) = (name.to_owned(), FrameKind::Image);
        let second = spec.input.second_look().map(Preprocessor::new).transpose()?;
        Ok(Self { name, fingerprint, kind, preprocessor, second, backbone, tail: None })
    }

    /// As [`Extractor::load`], with fine-tuned last blocks: a feature is that of the network as it is, and behind it what
    /// the blocks give.
    ///
    /// # Errors
    /// [`ExtractError`]; [`ExtractError::OtherBase`] where the blocks are of another network.
    pub fn load_with_tail<'a>(
        onnx: impl Into<Onnx<'a>>,
        name: &str,
        spec: &BackboneSpec,
        tail: &Tail,
    ) -> Result<Self, ExtractError> {
        let onnx = onnx.into();
        if Self::fingerprint_of(onnx, spec) != tail.base() {
            return Err(ExtractError::OtherBase { name: name.to_owned() });
        }
        let preprocessor = Preprocessor::new(spec.input.clone())?;
        let (graph, vectors) = (Graph::parse(onnx, name)?, Vectors::chosen());
        let backbone = Backbone::build(graph, spec, Some(tail.cut()), vectors)?;
        if tail.late().last().is_some_and(|block| *block >= backbone.blocks().len()) {
            return Err(ExtractError::OtherBase { name: name.to_owned() });
        }
        let runner = guarded(name, "preparing the fine-tuned blocks", || {
            Ok(Runner::new(tail.network(), vectors))
        })?;
        let tail = Adapted { tail: tail.clone(), runner };
        let (name, fingerprint) = (format!("{name}{FINE_TUNED}"), tail.tail.fingerprint());
        let kind = FrameKind::Image;
        let second = None;
        Ok(Self { name, fingerprint, kind, preprocessor, second, backbone, tail: Some(tail) })
    }

    /// The same network for sounds, see [`crate::sound`]: a feature is that of the picture, and behind it the statistics of
    /// the cepstrum, as long as a vector. Name and fingerprint are others, and it refuses images.
    #[must_use]
    pub fn for_sounds(self) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.fingerprint.0);
        hash.update(SOUND_FORM);
        let fingerprint = Fingerprint(hash.finalize().into());
        let name = format!("{}{}", self.name, sound::OF_SOUND);
        // The middle of a spectrogram is no part of its own.
        Self { name, fingerprint, kind: FrameKind::Sound, second: None, ..self }
    }

    /// What it looks at.
    pub fn kind(&self) -> FrameKind {
        self.kind
    }

    /// What is measured of a frame beside the network's feature; nothing of an image.
    fn beside(&self, frame: &Frame) -> Result<Vec<f32>, ExtractError> {
        let (wanted, got) = (self.kind, frame.kind());
        match wanted == got {
            false => Err(ExtractError::OtherKind { name: self.name.clone(), wanted, got }),
            true if wanted == FrameKind::Sound => Ok(sound::statistics(frame)),
            true => Ok(Vec::new()),
        }
    }

    /// What [`Extractor::fingerprint`] is going to be, without a tail.
    pub fn fingerprint_of<'a>(onnx: impl Into<Onnx<'a>>, spec: &BackboneSpec) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update(onnx.into().sha256());
        hash.update(in_words(spec));
        Fingerprint(hash.finalize().into())
    }

    /// The fine-tuned last blocks, if it has some.
    pub fn tail(&self) -> Option<&Tail> {
        self.tail.as_ref().map(|adapted| &adapted.tail)
    }

    /// What fine-tuning learns from: of a frame and of these views of it, the feature and the map at the cut.
    ///
    /// # Errors
    /// [`ExtractError`].
    pub fn cuts(
        &mut self,
        frame: &Frame,
        kinds: &ViewKinds,
    ) -> Result<Vec<CutFeature>, ExtractError> {
        let feature = self.feature(frame)?;
        let mut cuts = vec![CutFeature { feature, map: cut_of(self.tail(), &self.backbone) }];
        self.each_view(frame, kinds, |tail, backbone, feature| {
            cuts.push(CutFeature { feature, map: cut_of(tail, backbone) });
        })?;
        Ok(cuts)
    }

    /// The vectors and threads that it is computed with.
    pub fn vectors(&self) -> Vectors {
        self.backbone.vectors()
    }

    /// What people call the model.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Of the file, the preprocessing and the taps, and of the fine-tuned blocks if it has some.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The two halves, for who wants to time them apart.
    pub fn parts(&mut self) -> (&mut Preprocessor, &mut Backbone) {
        (&mut self.preprocessor, &mut self.backbone)
    }

    /// What the network gives for the centre of a frame; nothing where it has one look.
    fn second_look(&mut self, frame: &Frame) -> Result<Vec<f32>, ExtractError> {
        let Self { second, backbone, .. } = self;
        let Some(second) = second else { return Ok(Vec::new()) };
        Ok(backbone.extract(second.apply(frame)?.view())?)
    }

    fn each_view(
        &mut self,
        frame: &Frame,
        kinds: &ViewKinds,
        mut each: impl FnMut(Option<&Tail>, &Backbone, Vec<f32>),
    ) -> Result<(), ExtractError> {
        if self.kind == FrameKind::Sound && !kinds.kinds().is_empty() {
            // Those of an image would be of another sound.
            for view in sound::views(frame) {
                let feature = self.feature(&view)?;
                each(self.tail(), &self.backbone, feature);
            }
            return Ok(());
        }
        let InputSpec { width, height, .. } = *self.preprocessor.spec();
        let pixels = self.preprocessor.resize(frame)?.to_vec();
        let Self { name, preprocessor, second, backbone, tail, .. } = self;
        let centre = second.as_mut().map(|second| second.resize(frame)).transpose()?;
        let centre = centre.map(<[u8]>::to_vec);
        for kind in kinds.kinds() {
            let views = |pixels: &[u8]| kind.views(pixels, width as usize, height as usize);
            let mut centres = centre.as_deref().map(views).unwrap_or_default().into_iter();
            for seen in views(&pixels) {
                // Both looks see the same of it: what is turned is turned around the middle.
                let behind = match (second.as_mut(), centres.next()) {
                    (Some(second), Some(seen)) => {
                        backbone.extract(second.normalise_instead(&seen).view())?
                    }
                    _ => Vec::new(),
                };
                let input = preprocessor.normalise_instead(&seen);
                let mut feature = extract(name, backbone, tail, input.view())?;
                feature.extend(behind);
                each(tail.as_ref().map(|adapted| &adapted.tail), backbone, feature);
            }
        }
        Ok(())
    }
}

/// What a frame gives at the cut of a tail.
#[derive(Debug, Clone, PartialEq)]
pub struct CutFeature {
    /// `[dim]`.
    pub feature: Vec<f32>,
    /// `[height][width][channels]`; empty without a tail.
    pub map: Vec<f32>,
}

/// Of the latest frame.
fn cut_of(tail: Option<&Tail>, backbone: &Backbone) -> Vec<f32> {
    tail.map_or_else(Vec::new, |tail| turned(backbone.cut_map(), tail.network().input()))
}

/// The network's feature, and behind it what the tail gives.
fn extract(
    name: &str,
    backbone: &mut Backbone,
    tail: &mut Option<Adapted>,
    input: ArrayView4<f32>,
) -> Result<Vec<f32>, BackboneError> {
    let feature = backbone.extract(input)?;
    with_tail(name, backbone, tail, feature)
}

/// A feature of the network as it is, and behind it what the tail gives for the same pass.
fn with_tail(
    name: &str,
    backbone: &Backbone,
    tail: &mut Option<Adapted>,
    mut feature: Vec<f32>,
) -> Result<Vec<f32>, BackboneError> {
    let Some(Adapted { tail, runner }) = tail else { return Ok(feature) };
    let (frozen, map) = (feature.len(), backbone.cut_map());
    let wanted = tail.network().input().values();
    if map.len() != wanted {
        let what = format!("{} gives {} values, wanted {wanted}", tail.cut(), map.len());
        return Err(BackboneError::parse(name, &what));
    }
    guarded(name, "running the fine-tuned blocks", || {
        runner.run(map, &mut feature);
        Ok(())
    })?;
    if backbone.blocks().len() == 1 {
        // A single block keeps its length, so the one beside it gets the same.
        let length = feature[..frozen].iter().map(|value| value * value).sum::<f32>().sqrt();
        feature[frozen..].iter_mut().for_each(|value| *value *= length);
    }
    match feature.iter().position(|value| !value.is_finite()) {
        None => Ok(feature),
        Some(index) => {
            let (name, tensor) = (name.to_owned(), "the fine-tuned blocks".to_owned());
            Err(BackboneError::NotFinite { name, tensor, index, value: feature[index] })
        }
    }
}

/// A feature of the network with what is measured beside it, which becomes a vector of the same length: of half to twice that,
/// nothing was better by more than half a point on the mean of the sets in docs/senses.md.
fn joined(mut feature: Vec<f32>, beside: &[f32]) -> Vec<f32> {
    let length = |values: &[f32]| values.iter().map(|value| value * value).sum::<f32>().sqrt();
    let own = length(beside);
    let scale = if own > 0.0 { length(&feature) / own } else { 0.0 };
    feature.extend(beside.iter().map(|value| value * scale));
    feature
}

impl FeatureSource for Extractor {
    fn dim(&self) -> usize {
        let adapted = self.tail.as_ref().map_or(0, |adapted| adapted.tail.network().dim());
        let beside = if self.kind == FrameKind::Sound { sound::STATISTICS } else { 0 };
        let looks = 1 + usize::from(self.second.is_some());
        looks * self.backbone.dim() + adapted + beside
    }

    fn feature(&mut self, frame: &Frame) -> Result<Vec<f32>, ExtractError> {
        let beside = self.beside(frame)?;
        let behind = self.second_look(frame)?;
        let Self { name, preprocessor, backbone, tail, .. } = self;
        let input = preprocessor.apply(frame)?;
        let mut feature = extract(name, backbone, tail, input.view())?;
        feature.extend(behind);
        Ok(if beside.is_empty() { feature } else { joined(feature, &beside) })
    }

    fn feature_and_maps(&mut self, frame: &Frame) -> Result<(Vec<f32>, Vec<TapMap>), ExtractError> {
        let beside = self.beside(frame)?;
        let behind = self.second_look(frame)?;
        let Self { name, preprocessor, backbone, tail, .. } = self;
        let input = preprocessor.apply(frame)?;
        let (feature, maps) = backbone.extract_with_maps(input.view())?;
        let mut feature = with_tail(name, backbone, tail, feature)?;
        feature.extend(behind);
        Ok((if beside.is_empty() { feature } else { joined(feature, &beside) }, maps))
    }

    fn layout(&self, frame: &Frame) -> Option<MapLayout> {
        let (x, y, width, height) = self.preprocessor.part(frame);
        let (across, down) = (f64::from(frame.width()), f64::from(frame.height()));
        let part = [x / across, y / down, width / across, height / down];
        Some(MapLayout { blocks: self.backbone.blocks().to_vec(), part })
    }

    fn views(&mut self, frame: &Frame, kinds: &ViewKinds) -> Result<Vec<Vec<f32>>, ExtractError> {
        let mut features = Vec::new();
        self.each_view(frame, kinds, |_, _, feature| features.push(feature))?;
        Ok(features)
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        Some(self.fingerprint)
    }

    fn of_extractor(extractor: Extractor) -> Option<Self> {
        Some(extractor)
    }
}
