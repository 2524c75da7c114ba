//! A frame becomes the network's input: resized, ordered, normalised.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use ndarray::Array4;
use serde::{Deserialize, Serialize};

use crate::image::frame::Frame;
use crate::image::levels::Levels;

/// How a network wants its input. `value = (pixel - mean) * scale`, pixels 0 to 255.
#[derive(Debug, Clone, PartialEq)]
pub struct InputSpec {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Axis order.
    pub layout: Layout,
    /// Which channel comes first.
    pub order: ChannelOrder,
    /// Taken off each channel, in the network's channel order, 0 to 255; of grey the first counts.
    pub mean: [f32; 3],
    /// Multiplied onto each channel afterwards.
    pub scale: [f32; 3],
    /// How a frame of another shape is fitted.
    pub fit: Fit,
    /// Whether the network takes other sizes than the one that its file declares, being made of convolutions and pooling.
    pub any_size: bool,
}

impl InputSpec {
    /// Axes of the network's input.
    pub fn shape(&self) -> [usize; 4] {
        let (height, width) = (self.height as usize, self.width as usize);
        let channels = self.channels();
        match self.layout {
            Layout::Nchw => [1, channels, height, width],
            Layout::Nhwc => [1, height, width, channels],
        }
    }

    /// Fed so, frames look to the network as they would behind these levels, but for rounding and for what those clip;
    /// `None` where a network that takes grey would need them of each colour.
    pub fn behind(&self, levels: &Levels) -> Option<Self> {
        let Levels { gain, offset } = levels;
        let from = match self.order {
            ChannelOrder::Rgb => [0, 1, 2],
            ChannelOrder::Bgr => [2, 1, 0],
            ChannelOrder::Grey => [0; 3],
        };
        let alike = |values: &[f32; 3]| values.iter().all(|value| *value == values[0]);
        if self.order == ChannelOrder::Grey && !(alike(gain) && alike(offset)) {
            return None;
        }
        // (gain p + offset - mean) scale = (p - (mean - offset) / gain) gain scale
        let mut behind = self.clone();
        for (channel, from) in from.into_iter().enumerate() {
            behind.mean[channel] = (self.mean[channel] - offset[from]) / gain[from];
            behind.scale[channel] = self.scale[channel] * gain[from];
        }
        Some(behind)
    }

    /// How many channels the network takes: 3, or 1 for grey.
    pub fn channels(&self) -> usize {
        if self.order == ChannelOrder::Grey { 1 } else { 3 }
    }
}

/// Axis order of the network's input; the batch is always 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// `[1, channels, height, width]`.
    Nchw,
    /// `[1, height, width, channels]`.
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
    /// One channel: the luma of ITU-R BT.601, 0.299 red + 0.587 green + 0.114 blue.
    Grey,
}

impl ChannelOrder {
    /// The three channels' mean and scale in this order; of grey, those of the mean of the three.
    ///
    /// * `rgb`: mean and scale in RGB order.
    pub fn of_rgb(self, (mean, scale): ([f32; 3], [f32; 3])) -> ([f32; 3], [f32; 3]) {
        let reversed = |[a, b, c]: [f32; 3]| [c, b, a];
        match self {
            Self::Rgb => (mean, scale),
            Self::Bgr => (reversed(mean), reversed(scale)),
            Self::Grey => {
                let middle = |values: [f32; 3]| values.iter().sum::<f32>() / 3.0;
                let same = |[a, b, c]: [f32; 3]| a == b && b == c;
                let spread = scale.map(|scale| 1.0 / scale);
                let scale = if same(scale) { scale } else { [1.0 / middle(spread); 3] };
                (if same(mean) { mean } else { [middle(mean); 3] }, scale)
            }
        }
    }
}

/// The luma of ITU-R BT.601, as Pillow's mode `L` computes it.
fn luma(&[red, green, blue]: &[u8; 3]) -> u8 {
    let sum = 19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue);
    ((sum + 0x8000) >> 16) as u8
}

/// How a frame is fitted to the input's shape.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fit {
    /// The whole frame, its aspect ratio not kept.
    Whole,
    /// The largest centred rectangle of the input's aspect ratio, shrunk to `fraction` (0 to 1) of its sides.
    CenterCrop {
        /// Side of the crop as a fraction of the largest that fits; 1 takes all of it.
        fraction: f32,
    },
    /// Two looks, one behind the other in the feature: at the whole frame, and at its centre as by [`Fit::CenterCrop`].
    WholeAndCenter {
        /// As of [`Fit::CenterCrop`].
        fraction: f32,
    },
}

/// The usual normalisations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
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

/// Why a frame cannot become the network's input.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorError {
    /// A side out of range.
    #[error("the network's input is {width}x{height}, wanted sides of 1 to {MAX_INPUT_SIDE}")]
    Side {
        /// Pixels a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// A normalisation that makes NaN or nothing of every pixel.
    #[error("the normalisation's {what} of channel {channel} is {got}, wanted {wanted}")]
    Norm {
        /// `mean` or `scale`.
        what: &'static str,
        /// Which channel.
        channel: usize,
        /// What stands there.
        got: f32,
        /// What may stand there.
        wanted: &'static str,
    },
    /// A crop out of range.
    #[error("the centre crop takes {got} of the frame, wanted more than 0 and at most 1")]
    Crop {
        /// The fraction.
        got: f32,
    },
    /// The resize failed.
    #[error("the frame of {width}x{height} cannot be resized: {error}")]
    Resize {
        /// Pixels a row of the frame.
        width: u32,
        /// Rows of the frame.
        height: u32,
        /// The library's words.
        error: String,
    },
}

/// The largest side of a network's input.
pub const MAX_INPUT_SIDE: u32 = 4096;

/// Makes frames into the network's input; buffers are kept from frame to frame.
#[derive(Debug)]
pub struct Preprocessor {
    spec: InputSpec,
    resizer: Resizer,
    resized: Vec<u8>,
    tensor: Array4<f32>,
}

impl InputSpec {
    /// How the network is fed at its second look; `None` where it has one look.
    pub fn second_look(&self) -> Option<Self> {
        match self.fit {
            Fit::WholeAndCenter { fraction } => {
                Some(Self { fit: Fit::CenterCrop { fraction }, ..self.clone() })
            }
            _ => None,
        }
    }

    /// Whether a network can be fed so; takes no memory, however large it is.
    ///
    /// # Errors
    /// [`TensorError::Side`], [`TensorError::Norm`], [`TensorError::Crop`].
    pub fn check(&self) -> Result<(), TensorError> {
        let InputSpec { width, height, .. } = *self;
        let sides = 1..=MAX_INPUT_SIDE;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(TensorError::Side { width, height });
        }
        for channel in 0..3 {
            let (mean, scale) = (self.mean[channel], self.scale[channel]);
            if !mean.is_finite() {
                let (what, wanted) = ("mean", "a finite value");
                return Err(TensorError::Norm { what, channel, got: mean, wanted });
            }
            if !scale.is_normal() {
                let (what, wanted) = ("scale", "a finite value other than 0");
                return Err(TensorError::Norm { what, channel, got: scale, wanted });
            }
        }
        if let Fit::CenterCrop { fraction: got } | Fit::WholeAndCenter { fraction: got } = self.fit
            && !(got > 0.0 && got <= 1.0)
        {
            return Err(TensorError::Crop { got });
        }
        Ok(())
    }
}

impl Preprocessor {
    /// # Errors
    /// As [`InputSpec::check`].
    pub fn new(spec: InputSpec) -> Result<Self, TensorError> {
        spec.check()?;
        let InputSpec { width, height, .. } = spec;
        let (w, h) = (width as usize, height as usize);
        let shape = spec.shape();
        Ok(Self {
            spec,
            resizer: Resizer::new(),
            resized: vec![0; w * h * 3],
            tensor: Array4::zeros(shape),
        })
    }

    /// How the network wants its input.
    pub fn spec(&self) -> &InputSpec {
        &self.spec
    }

    /// Resizes and normalises a frame.
    ///
    /// * returns [`InputSpec::shape`].
    ///
    /// # Errors
    /// [`TensorError::Resize`].
    pub fn apply(&mut self, frame: &Frame) -> Result<&Array4<f32>, TensorError> {
        self.resize(frame)?;
        Ok(self.normalise())
    }

    /// The first half of [`Preprocessor::apply`]: bilinear with antialiasing, as Pillow's `BILINEAR`.
    ///
    /// * returns `[height, width, 3]`, RGB8.
    ///
    /// # Errors
    /// [`TensorError::Resize`].
    pub fn resize(&mut self, frame: &Frame) -> Result<&[u8], TensorError> {
        let failed = |error: String| TensorError::Resize {
            width: frame.width(),
            height: frame.height(),
            error,
        };
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        let options = match self.spec.fit {
            Fit::Whole | Fit::WholeAndCenter { .. } => options,
            Fit::CenterCrop { fraction } => {
                let (x, y, width, height) = self.crop(frame, fraction);
                options.crop(x, y, width, height)
            }
        };
        // Typed on purpose: the untyped form brings every pixel format's filters into this crate, which then
        // takes minutes to compile.
        let source =
            TypedImageRef::<U8x3>::from_buffer(frame.width(), frame.height(), frame.pixels())
                .map_err(|error| failed(error.to_string()))?;
        let InputSpec { width, height, .. } = self.spec;
        let mut target = TypedImage::<U8x3>::from_buffer(width, height, &mut self.resized)
            .map_err(|error| failed(error.to_string()))?;
        self.resizer
            .resize_typed(&source, &mut target, &options)
            .map_err(|error| failed(error.to_string()))?;
        Ok(&self.resized)
    }

    /// As [`Preprocessor::normalise`], of other pixels than those that were resized last.
    ///
    /// * `pixels`: `[height, width, 3]` of the network's input, RGB8.
    pub fn normalise_instead(&mut self, pixels: &[u8]) -> &Array4<f32> {
        self.resized.copy_from_slice(pixels);
        self.normalise()
    }

    /// The second half of [`Preprocessor::apply`], of the frame that was resized last.
    pub fn normalise(&mut self) -> &Array4<f32> {
        let InputSpec { mean, scale, order, layout, .. } = &self.spec;
        // Where the network's channel stands in an RGB pixel.
        let from = match order {
            ChannelOrder::Rgb | ChannelOrder::Grey => [0, 1, 2],
            ChannelOrder::Bgr => [2, 1, 0],
        };
        let tables: [[f32; 256]; 3] = std::array::from_fn(|channel| {
            std::array::from_fn(|level| (level as f32 - mean[channel]) * scale[channel])
        });
        let (pixels, _) = self.resized.as_chunks::<3>();
        let values = self.tensor.as_slice_mut().expect("it was made in standard layout");
        if *order == ChannelOrder::Grey {
            for (value, pixel) in values.iter_mut().zip(pixels) {
                *value = tables[0][usize::from(luma(pixel))];
            }
            return &self.tensor;
        }
        match layout {
            Layout::Nchw => {
                for (channel, plane) in values.chunks_exact_mut(pixels.len()).enumerate() {
                    let (table, from) = (&tables[channel], from[channel]);
                    for (value, pixel) in plane.iter_mut().zip(pixels) {
                        *value = table[usize::from(pixel[from])];
                    }
                }
            }
            Layout::Nhwc => {
                for (out, pixel) in values.chunks_exact_mut(3).zip(pixels) {
                    for channel in 0..3 {
                        out[channel] = tables[channel][usize::from(pixel[from[channel]])];
                    }
                }
            }
        }
        &self.tensor
    }

    /// `(x, y, width, height)` of the part of a frame that the network sees, in pixels of the frame.
    pub fn part(&self, frame: &Frame) -> (f64, f64, f64, f64) {
        match self.spec.fit {
            // The second look lies within the first.
            Fit::Whole | Fit::WholeAndCenter { .. } => {
                (0.0, 0.0, f64::from(frame.width()), f64::from(frame.height()))
            }
            Fit::CenterCrop { fraction } => self.crop(frame, fraction),
        }
    }

    /// `(x, y, width, height)` of the centred part with the input's aspect ratio, in pixels of the frame.
    fn crop(&self, frame: &Frame, fraction: f32) -> (f64, f64, f64, f64) {
        let (width, height) = (f64::from(frame.width()), f64::from(frame.height()));
        let aspect = f64::from(self.spec.width) / f64::from(self.spec.height);
        let fraction = f64::from(fraction);
        let crop_width = width.min(height * aspect) * fraction;
        let crop_height = height.min(width / aspect) * fraction;
        ((width - crop_width) / 2.0, (height - crop_height) / 2.0, crop_width, crop_height)
    }
}

#[cfg(test)]
mod tests;
