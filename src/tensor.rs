//! A frame becomes the network's input: resized, ordered, normalised.

use serde::{Deserialize, Serialize};

/// How a network wants its input. `value = (pixel - mean) * scale`, pixels 0 to 255.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputSpec {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Axis order.
    pub layout: Layout,
    /// Which channel comes first.
    pub order: ChannelOrder,
    /// Taken off each channel, in the network's channel order, 0 to 255.
    pub mean: [f32; 3],
    /// Multiplied onto each channel afterwards.
    pub scale: [f32; 3],
    /// How a frame of another shape is fitted.
    pub fit: Fit,
}

/// Axis order of the network's input; the batch is always 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// `[1, 3, height, width]`.
    Nchw,
    /// `[1, height, width, 3]`.
    Nhwc,
}

/// Channel order of the network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelOrder {
    /// Red first.
    Rgb,
    /// Blue first.
    Bgr,
}

/// How a frame is fitted to the input's shape.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// The whole frame, its aspect ratio not kept.
    Whole,
    /// The largest centred rectangle of the input's aspect ratio, shrunk to `fraction` (0 to 1) of its sides.
    CenterCrop {
        /// Side of the crop as a fraction of the largest that fits; 1 takes all of it.
        fraction: f32,
    },
}

/// The usual normalisations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// `x / 127.5 - 1`.
    Tf,
    /// `(x / 255 - mean) / std` with ImageNet's mean and standard deviation.
    Imagenet,
    /// `x / 255`.
    Unit,
}

impl Norm {
    /// `(mean, scale)` for RGB order.
    pub fn mean_scale(self) -> ([f32; 3], [f32; 3]) {
        match self {
            Norm::Tf => ([127.5; 3], [1.0 / 127.5; 3]),
            Norm::Unit => ([0.0; 3], [1.0 / 255.0; 3]),
            Norm::Imagenet => (
                [0.485 * 255.0, 0.456 * 255.0, 0.406 * 255.0],
                [1.0 / (0.229 * 255.0), 1.0 / (0.224 * 255.0), 1.0 / (0.225 * 255.0)],
            ),
        }
    }
}
