//! Power in mel bands. The only file that names rustfft.

use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use super::log_mel::{FrameEdges, LogMelSpec, MelScale};

/// Taken of each sample from the next one, in Kaldi's frames.
const PREEMPHASIS: f32 = 0.97;

/// What all windows share.
#[derive(Clone)]
pub(super) struct MelBank {
    fft: Arc<dyn Fft<f32>>,
    hann: Vec<f32>,
    /// Of each band its first bin and the weights from there on.
    filters: Vec<(usize, Vec<f32>)>,
    hop: usize,
    edges: FrameEdges,
    /// Frames are prepared as Kaldi does it.
    kaldi: bool,
    magnitude: bool,
}

impl std::fmt::Debug for MelBank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MelBank").field("bands", &self.filters.len()).finish_non_exhaustive()
    }
}

impl MelBank {
    /// * `spec`: checked; what stands in it of the logarithm does not count here.
    pub(super) fn new(spec: &LogMelSpec, rate: u32) -> Self {
        let kaldi = spec.scale == MelScale::Kaldi;
        let period = if kaldi { spec.frame - 1 } else { spec.frame };
        let angle = |at: usize| std::f64::consts::TAU * at as f64 / period as f64;
        Self {
            fft: FftPlanner::new().plan_fft_forward(spec.fft),
            hann: (0..spec.frame).map(|at| (0.5 - 0.5 * angle(at).cos()) as f32).collect(),
            filters: filters(spec, rate),
            hop: spec.hop,
            edges: spec.edges,
            kaldi,
            magnitude: spec.magnitude,
        }
    }

    /// What is in the bands of each frame.
    ///
    /// * `samples`: no fewer than a frame has, where what lies beyond the ends is mirrored.
    /// * `each`: gets the number of a frame and `[bands]`, the lowest first.
    pub(super) fn each_frame(
        &self,
        samples: &[f32],
        frames: usize,
        mut each: impl FnMut(usize, &[f32]),
    ) {
        let Self { fft, hann, filters, .. } = self;
        let mut scratch = vec![Complex32::default(); fft.get_inplace_scratch_len()];
        let mut values = vec![Complex32::default(); fft.len()];
        let mut spectrum = vec![0.0f32; fft.len() / 2 + 1];
        let mut frame = vec![0.0f32; hann.len()];
        let mut bands = vec![0.0f32; filters.len()];
        for number in 0..frames {
            for (at, value) in frame.iter_mut().enumerate() {
                *value = self.sample(samples, number * self.hop + at);
            }
            if self.kaldi {
                emphasise(&mut frame);
            }
            values.fill(Complex32::default());
            for ((value, sample), weight) in values.iter_mut().zip(&frame).zip(hann) {
                *value = Complex32::new(sample * weight, 0.0);
            }
            fft.process_with_scratch(&mut values, &mut scratch);
            for (power, value) in spectrum.iter_mut().zip(&values) {
                *power = if self.magnitude { value.norm() } else { value.norm_sqr() };
            }
            for (band, (first, weights)) in bands.iter_mut().zip(filters) {
                let bins = spectrum[*first..].iter().zip(weights);
                *band = bins.map(|(power, weight)| power * weight).sum();
            }
            each(number, &bands);
        }
    }

    /// The sample at a place, counted from the beginning of the first frame.
    fn sample(&self, samples: &[f32], place: usize) -> f32 {
        let before = match self.edges {
            FrameEdges::Within => 0,
            FrameEdges::Reflect | FrameEdges::Silence => self.hann.len() / 2,
        };
        let at = match (place.checked_sub(before), self.edges) {
            (Some(at), FrameEdges::Reflect) if at >= samples.len() => {
                (2 * samples.len()).checked_sub(2 + at)
            }
            (None, FrameEdges::Reflect) => Some(before - place),
            (at, _) => at,
        };
        at.and_then(|at| samples.get(at)).copied().unwrap_or(0.0)
    }
}

fn emphasise(frame: &mut [f32]) {
    let mean = frame.iter().map(|&sample| f64::from(sample)).sum::<f64>() / frame.len() as f64;
    frame.iter_mut().for_each(|sample| *sample -= mean as f32);
    for at in (1..frame.len()).rev() {
        frame[at] -= PREEMPHASIS * frame[at - 1];
    }
    frame[0] -= PREEMPHASIS * frame[0];
}

/// Triangles between neighbours on the mel scale.
fn filters(spec: &LogMelSpec, rate: u32) -> Vec<(usize, Vec<f32>)> {
    let &LogMelSpec { scale, bands, fft, equal_area, .. } = spec;
    let bins = fft / 2 + 1;
    let (low, high) = (scale.mel(spec.fmin), scale.mel(spec.fmax));
    let edge = |at: usize| {
        let mel = low + (high - low) * at as f64 / (bands + 1) as f64;
        // Where the triangles are straight.
        if scale == MelScale::Kaldi { mel } else { scale.hertz(mel) }
    };
    let filter = |band: usize| {
        let (low, middle, high) = (edge(band), edge(band + 1), edge(band + 2));
        let weight = |bin: usize| {
            let hertz = bin as f64 * f64::from(rate) / fft as f64;
            let at = if scale == MelScale::Kaldi { scale.mel(hertz) } else { hertz };
            let share = ((at - low) / (middle - low)).min((high - at) / (high - middle));
            let height = share.max(0.0);
            (if equal_area { height * 2.0 / (high - low) } else { height }) as f32
        };
        let first = (0..bins).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
        let weights = (first..bins).map(weight).take_while(|weight| *weight > 0.0).collect();
        (first, weights)
    };
    (0..bands).map(filter).collect()
}
