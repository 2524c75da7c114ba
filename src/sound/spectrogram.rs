//! The mel spectrogram of a window, and the picture of it.
//!
//! The power is that of `librosa.feature.melspectrogram(y, sr=16000, n_fft=1024, hop_length=160, n_mels=128)`: a Hann window
//! of 64 ms every 10 ms, centred with zeros beyond the ends, and triangles over Slaney's mel scale of equal area.
//! `tests/reference/mel.py` has the values that the tests compare with.

use std::sync::OnceLock;

use super::log_mel::{FrameEdges, LogForm, LogMelSpec, MelScale};
use super::mel_bank::MelBank;
use super::{BANDS, COLUMNS, SAMPLE_RATE, SoundWindow, WINDOW_SAMPLES, spectrogram_step};
use crate::image::frame::{Frame, FrameKind, Timestamp, Waveform};

/// Samples of a transform.
const LENGTH: usize = 1024;

/// The level that is white, in dB of the power of a band, and how far below it black is. Fixed, so that a quiet sound stays
/// one: with the loudest of each window as white, 5 examples of each of 20 voices gave 2 points less.
const WHITE_DB: f32 = 20.0;
const RANGE_DB: f32 = 80.0;

/// Columns of a picture that is only looked at, at most.
const MAX_COLUMNS: usize = 256;

/// * `frame`, `hop`: in samples.
fn bank_of(rate: u32, frame: usize, hop: usize) -> MelBank {
    let spec = LogMelSpec {
        bands: BANDS,
        frame,
        hop,
        fft: frame,
        fmin: 0.0,
        fmax: f64::from(rate) / 2.0,
        scale: MelScale::Slaney,
        equal_area: true,
        magnitude: false,
        edges: FrameEdges::Silence,
        log: LogForm::Db,
        offset: 0.0,
        floor: 1e-10,
        range: None,
        mean: 0.0,
        std: 1.0,
        frames: None,
    };
    MelBank::new(&spec, rate)
}

/// What all windows share.
fn bank() -> &'static MelBank {
    static BANK: OnceLock<MelBank> = OnceLock::new();
    BANK.get_or_init(|| bank_of(SAMPLE_RATE, LENGTH, spectrogram_step()))
}

/// The power of each mel band at each moment.
///
/// * `samples`: -1 to 1 at [`SAMPLE_RATE`]; the first [`WINDOW_SAMPLES`] of them, silence where there are fewer.
/// * returns `[BANDS][COLUMNS]`, the lowest band first.
pub fn mel_power(samples: &[f32]) -> Vec<f32> {
    power(bank(), &samples[..samples.len().min(WINDOW_SAMPLES)], COLUMNS)
}

/// * returns `[BANDS][columns]`
fn power(bank: &MelBank, samples: &[f32], columns: usize) -> Vec<f32> {
    let mut power = vec![0.0; BANDS * columns];
    bank.each_frame(samples, columns, |column, bands| {
        for (band, &value) in bands.iter().enumerate() {
            power[band * columns + column] = value;
        }
    });
    power
}

/// A window as a frame: `[BANDS][COLUMNS]` grey pixels, the lowest band at the bottom; black is 60 dB below the power 1 of a
/// band, white 20 dB above it.
///
/// * `samples`: as of [`mel_power`].
pub fn frame(samples: &[f32], captured: Timestamp) -> Frame {
    drawn(&mel_power(samples), COLUMNS, captured).of_kind(FrameKind::Sound)
}

fn drawn(power: &[f32], columns: usize, captured: Timestamp) -> Frame {
    let mut pixels = Vec::with_capacity(3 * power.len());
    for band in power.chunks_exact(columns).rev() {
        for &power in band {
            let decibels = 10.0 * power.max(1e-10).log10();
            let level = (decibels - WHITE_DB + RANGE_DB) / RANGE_DB * 255.0;
            pixels.extend([(level.clamp(0.0, 255.0) + 0.5) as u8; 3]);
        }
    }
    Frame::new(columns as u32, BANDS as u32, pixels, captured).expect("as many pixels as it has")
}

impl SoundWindow {
    /// A window as a frame: as [`frame`], or its samples in 16 bits and their spectrogram to look at.
    ///
    /// * `samples`: -1 to 1 at the window's rate; its first ones, silence where there are fewer.
    pub fn frame(&self, samples: &[f32], captured: Timestamp) -> Frame {
        if !self.is_kept {
            return frame(samples, captured);
        }
        let mut kept = vec![0; self.samples];
        for (kept, sample) in kept.iter_mut().zip(samples) {
            *kept = (sample * 32_768.0).round() as i16;
        }
        let heard: Vec<f32> = kept.iter().map(|&sample| f32::from(sample) / 32_768.0).collect();
        let bank =
            |hop| bank_of(self.rate, self.rate as usize * LENGTH / SAMPLE_RATE as usize, hop);
        let usual = self.rate as usize / 100;
        let hop = usual.max(self.samples.div_ceil(MAX_COLUMNS - 1));
        let columns = self.samples / hop + 1;
        let power = match (self.rate, hop == usual) {
            (SAMPLE_RATE, true) => power(self::bank(), &heard, columns),
            _ => power(&bank(hop), &heard, columns),
        };
        let waveform = Waveform::new(self.rate, kept).expect("a checked window has as many");
        drawn(&power, columns, captured).of_waveform(waveform)
    }
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
