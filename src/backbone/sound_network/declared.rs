//! What the file of a network that hears shows of how it is fed.

use tract_onnx::pb::ValueInfoProto;

use super::{MelLayout, SampleNorm, SoundInput, SoundSpec};
use crate::backbone::TokenPooling;
use crate::backbone::graph::{Graph, axes, tensor_type};
use crate::sound::SoundWindow;
use crate::sound::log_mel::{FrameEdges, LogForm, LogMelSpec, MelScale};

/// Samples a second where nothing says otherwise.
const USUAL_RATE: u32 = 16_000;

/// So many values or more on an axis are samples.
const LEAST_SAMPLES: u64 = 4000;

/// Mel bands that networks are fed with.
const USUAL_BANDS: [u64; 6] = [32, 40, 64, 80, 96, 128];

/// Outputs that are one vector, by the names that exporters give them.
const POOLED: [&str; 4] = ["pooler_output", "audio_embeds", "embedding", "embeddings"];

impl Graph {
    /// How it is fed and what is taken of it, as far as the file shows it: whether it gets samples, and how many, or log-mel
    /// features, and of how many bands and frames. Everything else is what is usual with such networks, to be compared with
    /// what it was trained with. `None` where it does not look like a network that hears.
    pub fn sound_spec(&self) -> Option<SoundSpec> {
        let inputs = self.inputs();
        let is_mask = |input: &ValueInfoProto| input.name.to_lowercase().contains("mask");
        let [input] = inputs.iter().filter(|input| !is_mask(input)).collect::<Vec<_>>()[..] else {
            return None;
        };
        let declared = tensor_type(input).filter(|kind| [1, 10].contains(&kind.elem_type))?;
        let (window, input) = match axes(declared)[..] {
            [Some(count)] | [_, Some(count)] | [_, Some(1), Some(count)]
                if count >= LEAST_SAMPLES =>
            {
                (window(usize::try_from(count).ok()?), SoundInput::Samples(SampleNorm::None))
            }
            [None] | [_, None] | [_, Some(1), None] => {
                let name = input.name.to_lowercase();
                let hears = ["wave", "audio", "sound", "samples", "input_values"];
                if !hears.iter().any(|word| name.contains(word)) {
                    return None;
                }
                (window(USUAL_RATE as usize), SoundInput::Samples(SampleNorm::None))
            }
            [_, a, b] => log_mel(a, b)?,
            _ => return None,
        };
        let (output, pool) = self.sound_output()?;
        Some(SoundSpec { window, input, pool, output })
    }

    fn sound_output(&self) -> Option<(String, TokenPooling)> {
        let outputs = &self.graph()?.output;
        let named = outputs.iter().find(|output| POOLED.contains(&output.name.as_str()));
        if let Some(output) = named {
            return Some((output.name.clone(), TokenPooling::Whole));
        }
        let first = outputs.first()?;
        match tensor_type(first).map_or(0, |kind| axes(kind).len()) {
            3 => Some((first.name.clone(), TokenPooling::Mean)),
            _ => Some((self.detect().tensor, TokenPooling::Whole)),
        }
    }
}

fn window(samples: usize) -> SoundWindow {
    SoundWindow { rate: USUAL_RATE, samples, is_kept: true }
}

/// Of features with these two axes, behind that of the batch.
fn log_mel(a: Option<u64>, b: Option<u64>) -> Option<(SoundWindow, SoundInput)> {
    let are_bands = |axis: Option<u64>| axis.is_some_and(|axis| USUAL_BANDS.contains(&axis));
    let (frames, bands, layout) = match (are_bands(a), are_bands(b)) {
        // There are mostly more frames than bands.
        (true, true) if a < b => (b, a?, MelLayout::BandsByTime),
        (_, true) => (a, b?, MelLayout::TimeByBands),
        (true, false) => (b, a?, MelLayout::BandsByTime),
        (false, false) => return None,
    };
    let (frame, hop) = (400, 160);
    let frames = frames.and_then(|frames| usize::try_from(frames).ok());
    let heard = frames.map_or(USUAL_RATE as usize, |frames| frames.saturating_mul(hop));
    let mel = LogMelSpec {
        bands: usize::try_from(bands).ok()?,
        frame,
        hop,
        fft: 512,
        fmin: 0.0,
        fmax: f64::from(USUAL_RATE) / 2.0,
        scale: MelScale::Slaney,
        equal_area: true,
        magnitude: false,
        edges: FrameEdges::Reflect,
        log: LogForm::Ln,
        offset: 0.0,
        floor: 1e-10,
        range: None,
        mean: 0.0,
        std: 1.0,
        frames,
    };
    let window = window(heard);
    let fits = SoundSpec::SECONDS.contains(&window.seconds()) && mel.check(&window).is_ok();
    fits.then_some((window, SoundInput::LogMel(mel, layout)))
}
