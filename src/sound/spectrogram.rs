//! The mel spectrogram of a window, and the picture of it.
//!
//! The power is that of `librosa.feature.melspectrogram(y, sr=16000, n_fft=1024, hop_length=160, n_mels=128)`: a Hann window
//! of 64 ms every 10 ms, centred with zeros beyond the ends, and triangles over Slaney's mel scale of equal area.
//! `tests/reference/mel.py` has the values that the tests compare with.

use std::sync::{Arc, OnceLock};

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use super::{BANDS, COLUMNS, SAMPLE_RATE, WINDOW_SAMPLES, hertz, mel, spectrogram_step};
use crate::image::frame::{Frame, FrameKind, Timestamp};

/// Samples of a transform.
const LENGTH: usize = 1024;
const BINS: usize = LENGTH / 2 + 1;

/// The level that is white, in dB of the power of a band, and how far below it black is. Fixed, so that a quiet sound stays
/// one: with the loudest of each window as white, 5 examples of each of 20 voices gave 2 points less.
const WHITE_DB: f32 = 20.0;
const RANGE_DB: f32 = 80.0;

/// What all windows share.
struct Plan {
    fft: Arc<dyn Fft<f32>>,
    hann: Vec<f32>,
    /// Of each band its first bin and the weights from there on.
    filters: Vec<(usize, Vec<f32>)>,
}

fn plan() -> &'static Plan {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    PLAN.get_or_init(|| {
        let angle = |at: usize| std::f64::consts::TAU * at as f64 / LENGTH as f64;
        Plan {
            fft: FftPlanner::new().plan_fft_forward(LENGTH),
            hann: (0..LENGTH).map(|at| (0.5 - 0.5 * angle(at).cos()) as f32).collect(),
            filters: filters(),
        }
    })
}

/// Triangles between neighbours on the mel scale, of area 1 over Hz.
fn filters() -> Vec<(usize, Vec<f32>)> {
    let top = mel(f64::from(SAMPLE_RATE) / 2.0);
    let edge = |at: usize| hertz(top * at as f64 / (BANDS + 1) as f64);
    let filter = |band: usize| {
        let (low, middle, high) = (edge(band), edge(band + 1), edge(band + 2));
        let weight = |bin: usize| {
            let at = bin as f64 * f64::from(SAMPLE_RATE) / LENGTH as f64;
            let height = ((at - low) / (middle - low)).min((high - at) / (high - middle));
            (height.max(0.0) * 2.0 / (high - low)) as f32
        };
        let first = (0..BINS).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
        let weights = (first..BINS).map(weight).take_while(|weight| *weight > 0.0).collect();
        (first, weights)
    };
    (0..BANDS).map(filter).collect()
}

/// The power of each mel band at each moment.
///
/// * `samples`: -1 to 1 at [`SAMPLE_RATE`]; the first [`WINDOW_SAMPLES`] of them, silence where there are fewer.
/// * returns `[BANDS][COLUMNS]`, the lowest band first.
pub fn mel_power(samples: &[f32]) -> Vec<f32> {
    let Plan { fft, hann, filters } = plan();
    let samples = &samples[..samples.len().min(WINDOW_SAMPLES)];
    let mut power = vec![0.0; BANDS * COLUMNS];
    let mut scratch = vec![Complex32::default(); fft.get_inplace_scratch_len()];
    let mut values = vec![Complex32::default(); LENGTH];
    let mut spectrum = vec![0.0f32; BINS];
    for column in 0..COLUMNS {
        let start = column * spectrogram_step();
        for (at, (value, weight)) in values.iter_mut().zip(hann).enumerate() {
            let sample = (start + at).checked_sub(LENGTH / 2).and_then(|at| samples.get(at));
            *value = Complex32::new(sample.map_or(0.0, |sample| sample * weight), 0.0);
        }
        fft.process_with_scratch(&mut values, &mut scratch);
        spectrum.iter_mut().zip(&values).for_each(|(power, value)| *power = value.norm_sqr());
        for (band, (first, weights)) in filters.iter().enumerate() {
            let bins = spectrum[*first..].iter().zip(weights);
            power[band * COLUMNS + column] = bins.map(|(power, weight)| power * weight).sum();
        }
    }
    power
}

/// A window as a frame: `[BANDS][COLUMNS]` grey pixels, the lowest band at the bottom; black is 60 dB below the power 1 of a
/// band, white 20 dB above it.
///
/// * `samples`: as of [`mel_power`].
pub fn frame(samples: &[f32], captured: Timestamp) -> Frame {
    let power = mel_power(samples);
    let mut pixels = Vec::with_capacity(3 * power.len());
    for band in power.chunks_exact(COLUMNS).rev() {
        for &power in band {
            let decibels = 10.0 * power.max(1e-10).log10();
            let level = (decibels - WHITE_DB + RANGE_DB) / RANGE_DB * 255.0;
            pixels.extend([(level.clamp(0.0, 255.0) + 0.5) as u8; 3]);
        }
    }
    Frame::new(COLUMNS as u32, BANDS as u32, pixels, captured)
        .expect("as many pixels as it has")
        .of_kind(FrameKind::Sound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::frequency;

    fn tone(hertz: f64, level: f64) -> Vec<f32> {
        let at = |at: usize| std::f64::consts::TAU * hertz * at as f64 / f64::from(SAMPLE_RATE);
        (0..WINDOW_SAMPLES).map(|sample| (level * at(sample).sin()) as f32).collect()
    }

    #[test]
    fn a_tone_is_bright_in_the_row_of_its_frequency() {
        for hertz in [200.0, 1000.0, 3000.0, 7000.0] {
            let frame = frame(&tone(hertz, 0.01), Timestamp(9));
            assert_eq!((frame.kind(), frame.captured()), (FrameKind::Sound, Timestamp(9)));
            let level = |row: usize| frame.pixels()[(row * COLUMNS + COLUMNS / 2) * 3];
            let brightest = (0..BANDS).max_by_key(|&row| level(row)).expect("there are rows");
            let off = (frequency(brightest) / hertz).ln().abs();
            assert!(off < 0.08, "{hertz} Hz is brightest at {} Hz", frequency(brightest));
        }
    }

    #[test]
    fn twenty_decibels_are_a_quarter_of_the_range() {
        let level = |level: f64| {
            let frame = frame(&tone(1000.0, level), Timestamp(0));
            i32::from(*frame.pixels().iter().max().expect("there are pixels"))
        };
        let (loud, quiet) = (level(0.02), level(0.002));
        assert!((loud - quiet - 64).abs() <= 1, "{loud} {quiet}");
        let silent = frame(&[], Timestamp(0));
        assert!(silent.pixels().iter().all(|&level| level == 0));
    }
}
