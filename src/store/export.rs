//! What was learned, for other programs: the finished classifier, and the head alone.
//!
//! The scores of most heads are a few sums and products ([`crate::learn::head::Layers`]), so other programs can
//! compute them. With numpy, from the arrays of `fieldtune export head.npz` and a feature `x` (that of
//! `fieldtune inspect NETWORK --run`, or the output `feature` of `fieldtune export classifier.onnx`):
//! ```text
//! import numpy as np
//! h = np.load("head.npz")
//! z = x - h["centre"]
//! if h["unit_length"]:
//!     z = z / max(np.linalg.norm(z), 1e-30)
//! for i in range(h["layers"]):
//!     z = h[f"weights{i}"] @ (np.maximum(z, 0) if i else z) + h[f"bias{i}"]
//! p = np.exp((z - z.max()) / h["temperature"])
//! p /= p.sum()
//! print(dict(zip(h["classes"], p)))
//! ```
//! `head.json` has the same under the same names, its layers a list of `{weights, bias}`.
//!
//! Not in any of these files is what a verdict needs besides the probabilities: that a frame is unknown for lying far
//! from every example takes the examples themselves. The thresholds are in there for who has them.

use serde::Serialize;

use crate::backbone::card::hex;
use crate::backbone::preprocess::{ChannelOrder, Fit, InputSpec, Layout};
use crate::backbone::{
    self, BackboneError, BackboneSpec, Block, Classifier, Dense, Exported, Onnx, PartsModel,
    Pooling, Rounding, Tail,
};
use crate::learn::head::{Affine, ClassId, HeadKind, Layers};
use crate::learn::learner::Learner;
use crate::store::snapshot::ModelId;

/// Why there is nothing to export.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Nothing was taught.
    #[error(
        "no class has an example: there is nothing to export\n  next: fieldtune teach CLASS IMAGE..."
    )]
    Nothing,
    /// The head is its examples.
    #[error(
        "a {0} head has no weights to export: it compares with its examples\n  next: fieldtune head lda, then export again (fieldtune undo brings {0} back)"
    )]
    NoWeights(HeadKind),
    /// The network cannot be written.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
}

/// The network that gives the features.
#[derive(Debug, Clone, Copy)]
pub struct Network<'a> {
    /// The one in the store.
    pub model: &'a ModelId,
    /// How it is fed.
    pub input: &'a InputSpec,
    /// Its input's name in the file.
    pub input_name: &'a str,
    /// The parts of the feature.
    pub blocks: &'a [Block],
}

/// A head ready to be written, with what has to be known to use it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    layers: Layers,
    temperature: f32,
    about: About,
    left_out: Vec<String>,
}

/// Everything but the numbers, as files have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct About {
    version: &'static str,
    head: HeadKind,
    classes: Vec<String>,
    thresholds: Thresholds,
    backbone: Backbone,
    /// Lines of text have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Input>,
}

/// When this program says unknown.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Thresholds {
    confidence: f32,
    /// JSON has no infinity; `None` is no limit.
    novelty: Option<f32>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Backbone {
    name: String,
    fingerprint: String,
    dim: u32,
    blocks: Vec<Part>,
}

/// A part of the feature.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Part {
    tensor: String,
    pool: Pooling,
    offset: usize,
    len: usize,
    /// Whether it is scaled to length one.
    unit_length: bool,
}

/// How an image is prepared.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Input {
    name: String,
    width: u32,
    height: u32,
    layout: Layout,
    order: ChannelOrder,
    /// A value a channel.
    mean: Vec<f32>,
    scale: Vec<f32>,
    fit: Fit,
    resize: &'static str,
    value: &'static str,
}

impl Finished {
    /// # Errors
    /// [`ExportError::Nothing`], [`ExportError::NoWeights`].
    pub fn of(learner: &Learner, network: Network) -> Result<Self, ExportError> {
        Self::with(learner, network.backbone(), Some(network.input()))
    }

    /// Of a learner of lines of text, whose feature is [`crate::text::feature`]; there is no network to be written.
    ///
    /// # Errors
    /// As [`Finished::of`].
    pub fn of_lines(learner: &Learner, model: &ModelId) -> Result<Self, ExportError> {
        Self::with(learner, Backbone::of(model, Vec::new()), None)
    }

    fn with(
        learner: &Learner,
        backbone: Backbone,
        input: Option<Input>,
    ) -> Result<Self, ExportError> {
        let head = learner.head();
        let mut layers = head.layers().ok_or(ExportError::NoWeights(head.kind()))?;
        if layers.classes.is_empty() {
            return Err(ExportError::Nothing);
        }
        let name = |class: &ClassId| learner.classes()[class].to_string();
        let left_out = head.classes().iter().filter(|class| !layers.classes.contains(class));
        let left_out = left_out.map(name).collect();
        let thresholds = learner.thresholds();
        let about = About {
            version: env!("CARGO_PKG_VERSION"),
            head: head.kind(),
            classes: layers.classes.iter().map(name).collect(),
            thresholds: Thresholds {
                confidence: thresholds.confidence,
                novelty: thresholds.novelty.is_finite().then_some(thresholds.novelty),
            },
            backbone,
            input,
        };
        let temperature = learner.calibration().temperature();
        let bias = layers.affine.last_mut().into_iter().flat_map(|last| &mut last.bias);
        for (bias, &class) in bias.zip(&layers.classes) {
            *bias += learner.calibration().offset(class);
        }
        Ok(Self { layers, temperature, about, left_out })
    }

    /// The classes, in the order of the scores.
    pub fn classes(&self) -> &[String] {
        &self.about.classes
    }

    /// Names of the classes that are left out, because they have no examples and so no score.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// The head's kind.
    pub fn kind(&self) -> HeadKind {
        self.about.head
    }

    /// The layers.
    pub fn layers(&self) -> &Layers {
        &self.layers
    }

    /// `[dim]`, what is taken off the feature first; zero where nothing is.
    pub fn centre(&self) -> Vec<f32> {
        let none = || vec![0.0; self.layers.affine.first().map_or(0, Affine::inputs)];
        self.layers.scaling.centre.clone().unwrap_or_else(none)
    }

    /// What the scores are divided by before the softmax.
    pub fn temperature(&self) -> f32 {
        self.temperature
    }

    /// Everything but the numbers, as one JSON object: version, head, classes, thresholds, backbone, input.
    pub fn about(&self) -> String {
        json(&self.about)
    }

    /// The head alone, as one JSON object.
    pub fn head_json(&self) -> String {
        #[derive(Serialize)]
        struct Rows<'a> {
            weights: Vec<&'a [f32]>,
            bias: &'a [f32],
        }
        #[derive(Serialize)]
        struct Head<'a> {
            #[serde(flatten)]
            about: &'a About,
            temperature: f32,
            unit_length: bool,
            centre: &'a [f32],
            layers: Vec<Rows<'a>>,
        }
        let layers = self.layers.affine.iter().map(|affine| Rows {
            weights: affine.weights.chunks_exact(affine.inputs()).collect(),
            bias: &affine.bias,
        });
        json(&Head {
            about: &self.about,
            temperature: self.temperature,
            unit_length: self.layers.scaling.unit_length,
            centre: &self.centre(),
            layers: layers.collect(),
        })
    }

    /// Keys and values for the metadata of an ONNX file, all with `fieldtune.` in front; values that are more than a
    /// word are JSON.
    pub fn metadata(&self) -> Vec<(String, String)> {
        let About { version, head, classes, thresholds, backbone, input } = &self.about;
        [
            ("version", (*version).to_owned()),
            ("head", head.to_string()),
            ("classes", json(classes)),
            ("temperature", json(&self.temperature)),
            ("thresholds", json(thresholds)),
            ("backbone", json(backbone)),
        ]
        .into_iter()
        .chain(
            input
                .iter()
                .flat_map(|input| [("input", json(input)), ("preprocessing", input.in_words())]),
        )
        .map(|(key, value)| (format!("fieldtune.{key}"), value))
        .collect()
    }

    /// The classifier as one ONNX file, from the image to the probabilities, see [`backbone::export`].
    ///
    /// * `onnx`, `spec`, `tail`: the network that the features were taught with, and its fine-tuned blocks.
    /// * `parts`: what tells good parts from others, see [`crate::learn::learner::Learner::good_parts`].
    ///
    /// # Errors
    /// [`ExportError::Backbone`].
    pub fn onnx<'a>(
        &self,
        onnx: impl Into<Onnx<'a>>,
        spec: &BackboneSpec,
        tail: Option<&Tail>,
        rounding: Rounding,
        parts: Option<&PartsModel>,
    ) -> Result<Exported, ExportError> {
        let dense = self.layers.affine.iter();
        let layers: Vec<Dense> =
            dense.map(|Affine { weights, bias }| Dense { weights, bias }).collect();
        let classifier = Classifier {
            centre: self.layers.scaling.centre.as_deref(),
            unit_length: self.layers.scaling.unit_length,
            layers: &layers,
            temperature: self.temperature,
        };
        let name = &self.about.backbone.name;
        let behind = (&classifier, parts);
        Ok(backbone::export(onnx, name, spec, tail, behind, rounding, &self.metadata())?)
    }
}

impl Backbone {
    fn of(model: &ModelId, blocks: Vec<Part>) -> Self {
        let ModelId { name, fingerprint, dim } = model;
        Self { name: name.clone(), fingerprint: hex(fingerprint), dim: *dim, blocks }
    }
}

impl Input {
    /// What has to be done with an image before the network, step by step.
    fn in_words(&self) -> String {
        let Self { name, width, height, mean, scale, .. } = self;
        let fit = match self.fit {
            // One look is written; a network with two is refused.
            Fit::Whole | Fit::WholeAndCenter { .. } => {
                "take the whole image, its aspect ratio not kept".to_owned()
            }
            Fit::CenterCrop { fraction } => format!(
                "take the largest centred rectangle of {width}:{height}, shrunk to {fraction} of its sides"
            ),
        };
        let order = match self.order {
            ChannelOrder::Rgb => "channels red, green, blue",
            ChannelOrder::Bgr => "channels blue, green, red",
            ChannelOrder::Grey => "one channel, the luma of BT.601 (Pillow: convert(\"L\"))",
        };
        let axes = match self.layout {
            Layout::Nchw => "[1, channels, height, width]",
            Layout::Nhwc => "[1, height, width, channels]",
        };
        format!(
            "Input {name}, f32 {axes}. 1. Decode the image to 8-bit RGB, upright. 2. {fit}. 3. Resize it to {width}x{height}, \
             bilinear with antialiasing (Pillow: resize(({width}, {height}), Image.BILINEAR)). 4. {order}. \
             5. (pixel - mean) * scale, mean {mean:?}, scale {scale:?}. fieldtune's own resize differs from Pillow's by at \
             most one grey level a pixel, which moved a probability by up to 0.034 in our measurements; images that are \
             {width}x{height} already give the same probabilities within 1e-4."
        )
    }
}

impl Network<'_> {
    fn backbone(&self) -> Backbone {
        let unit_length = self.blocks.len() > 1;
        let part = |block: &Block| Part {
            tensor: block.tensor.clone(),
            pool: block.pool,
            offset: block.offset,
            len: block.len,
            unit_length,
        };
        Backbone::of(self.model, self.blocks.iter().map(part).collect())
    }

    fn input(&self) -> Input {
        let InputSpec { width, height, layout, order, mean, scale, fit, any_size: _ } = *self.input;
        Input {
            name: self.input_name.to_owned(),
            width,
            height,
            layout,
            order,
            mean: mean[..self.input.channels()].to_vec(),
            scale: scale[..self.input.channels()].to_vec(),
            fit,
            resize: "bilinear with antialiasing, as Pillow's BILINEAR, to 8 bits a channel",
            value: "(pixel - mean) * scale, pixel from 0 to 255, mean and scale in this channel order",
        }
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("its keys are strings and its numbers finite")
}
