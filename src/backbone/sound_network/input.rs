//! What the inputs of a network that hears get, as far as its file declares them.

use ndarray::Array4;
use tract_core::prelude::{Datum as _, DatumType, Tensor};
use tract_onnx::pb::ValueInfoProto;
use tract_onnx::tract_hir::infer::InferenceFact;

use super::SoundSpec;
use crate::backbone::graph::{Graph, axes, tensor_type};
use crate::backbone::preprocess::{ChannelOrder, Fit, InputSpec, Layout};
use crate::backbone::read::axes_in_words;
use crate::backbone::{Backbone, BackboneError, BackboneSpec, Pooling, Tap, TokenPooling};

/// What an input gets.
#[derive(Debug, Clone)]
pub(super) enum Input {
    /// The sound, so many times side by side on an axis in front or behind.
    Sound { shape: Vec<usize>, channels: usize, behind: bool, kind: DatumType },
    /// That all samples count.
    Mask { shape: Vec<usize>, kind: DatumType },
}

impl Input {
    /// What is heard, for each channel.
    fn repeated(&self, values: &[f32]) -> Vec<f32> {
        match self {
            Self::Sound { channels, behind: true, .. } => {
                values.iter().flat_map(|&value| std::iter::repeat_n(value, *channels)).collect()
            }
            Self::Sound { channels, .. } => values.repeat(*channels),
            Self::Mask { .. } => Vec::new(),
        }
    }

    /// * `values`: what is heard, without batch and channels.
    pub(super) fn fed(&self, values: &[f32]) -> tract_core::prelude::TractResult<Tensor> {
        let (tensor, kind) = match self {
            Self::Sound { shape, kind, .. } => {
                (Tensor::from_shape(shape, &self.repeated(values))?, kind)
            }
            Self::Mask { shape, kind } => {
                let ones = vec![1_i64; shape.iter().product()];
                (Tensor::from_shape(shape, &ones)?, kind)
            }
        };
        tensor.cast_to_dt(*kind).map(std::borrow::Cow::into_owned)
    }

    pub(super) fn fact(&self) -> InferenceFact {
        match self {
            Self::Sound { shape, kind, .. } | Self::Mask { shape, kind } => {
                InferenceFact::dt_shape(*kind, shape.as_slice())
            }
        }
    }
}

/// What each input of the network gets, in its order.
///
/// # Errors
/// One that is none of a network that hears; axes that do not fit.
pub(super) fn inputs(graph: &Graph, spec: &SoundSpec) -> Result<Vec<Input>, BackboneError> {
    let given = graph.inputs();
    let one = |input: &&ValueInfoProto| -> Result<Option<Input>, BackboneError> {
        let Some(declared) = tensor_type(input) else { return Ok(None) };
        let is_mask = input.name.to_lowercase().contains("mask");
        let kind = match declared.elem_type {
            1 | 10 => f32::datum_type(),
            6 if is_mask => i32::datum_type(),
            7 if is_mask => i64::datum_type(),
            9 if is_mask => bool::datum_type(),
            _ => return Ok(None),
        };
        if is_mask {
            return Ok(Some(Input::Mask { shape: vec![1, spec.window.samples], kind }));
        }
        Ok(Some(sound(graph, &axes(declared), spec)?))
    };
    let found = given.iter().map(one).collect::<Result<Option<Vec<Input>>, _>>()?;
    let fits = |found: &Vec<Input>| {
        let sounds = found.iter().filter(|input| matches!(input, Input::Sound { .. })).count();
        sounds == 1 && found.len() <= 2
    };
    found.filter(fits).ok_or_else(|| {
        let names: Vec<&str> = given.iter().map(|input| input.name.as_str()).collect();
        graph.wrong(&format!(
            "wanted the inputs of a network that hears: its samples or log-mel features as f32, and if it has one attention_mask; got {}",
            names.join(", ").escape_debug()
        ))
    })
}

/// The input that gets the sound.
///
/// * `declared`: its axes in the file, empty where it declares none.
fn sound(
    graph: &Graph,
    declared: &[Option<u64>],
    spec: &SoundSpec,
) -> Result<Input, BackboneError> {
    let plane = spec.input.plane(&spec.window);
    let rank = if declared.is_empty() { plane.len() + 1 } else { declared.len() };
    let channels = |axis: usize| {
        let wanted = declared.get(axis).copied().flatten();
        wanted.filter(|&count| count == 1 || count == 3 && plane.len() == 2)
    };
    // Batch, channels, and what is heard; channels may stand behind it.
    let (before, behind) = match rank.checked_sub(plane.len()) {
        Some(extra @ (0 | 1)) => (vec![1; extra], None),
        Some(2) => match (channels(1), channels(rank - 1)) {
            (None, Some(count)) if plane.len() == 2 => (vec![1], Some(count as usize)),
            (first, _) => (vec![1, first.unwrap_or(1) as usize], None),
        },
        _ => (Vec::new(), None),
    };
    let count = behind.unwrap_or_else(|| before.get(1).copied().unwrap_or(1));
    let shape: Vec<usize> = before.into_iter().chain(plane).chain(behind).collect();
    let fits = |(got, wanted): (&Option<u64>, &usize)| got.is_none_or(|got| got == *wanted as u64);
    // The batch of a file exported for several sounds is set to one.
    let is_batch = |axis: usize| axis == 0 && rank > spec.input.plane(&spec.window).len();
    let mut both = declared.iter().zip(&shape).enumerate();
    if rank != shape.len() || !both.all(|(axis, both)| is_batch(axis) || fits(both)) {
        let (name, wanted) = (graph.name.clone(), axes_in_words(declared));
        return Err(BackboneError::Input { name, wanted, got: format!("{shape:?}") });
    }
    let kind = f32::datum_type();
    Ok(Input::Sound { shape, channels: count, behind: behind.is_some(), kind })
}

/// The same network as one that looks at a picture of one or three channels, where it gives one vector; `None` where it does not
/// take it so.
pub(super) fn as_picture(graph: &Graph, spec: &SoundSpec, inputs: &[Input]) -> Option<Backbone> {
    let [Input::Sound { shape, channels, behind, .. }] = inputs else { return None };
    let (&[_, a, b, c], TokenPooling::Whole) = (&shape[..], spec.pool) else { return None };
    let (height, width) = if *behind { (a, b) } else { (b, c) };
    let input = InputSpec {
        width: u32::try_from(width).ok()?,
        height: u32::try_from(height).ok()?,
        layout: if *behind { Layout::Nhwc } else { Layout::Nchw },
        order: if *channels == 1 { ChannelOrder::Grey } else { ChannelOrder::Rgb },
        mean: [0.0; 3],
        scale: [1.0; 3],
        fit: Fit::Whole,
        any_size: false,
    };
    let taps = vec![Tap { tensor: spec.output.clone(), pool: vec![Pooling::Avg] }];
    Backbone::from_graph(graph.clone(), &BackboneSpec { input, taps }).ok()
}

/// What such a network looks at.
pub(super) fn picture(
    name: &str,
    input: &Input,
    values: &[f32],
) -> Result<Array4<f32>, BackboneError> {
    let (Input::Sound { shape, .. } | Input::Mask { shape, .. }) = input;
    let axes = <[usize; 4]>::try_from(&shape[..]).ok();
    let picture = axes.and_then(|axes| Array4::from_shape_vec(axes, input.repeated(values)).ok());
    picture.ok_or_else(|| BackboneError::parse(name, "its input is no picture"))
}
