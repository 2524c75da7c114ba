//! Sound as frames: a window of sound is drawn as its spectrogram, and what learns from frames learns from that.
//!
//! A window is [`WINDOW_SAMPLES`](crate::sound::WINDOW_SAMPLES) samples, mono, at [`SAMPLE_RATE`](crate::sound::SAMPLE_RATE). Its power in
//! [`BANDS`](crate::sound::BANDS) mel bands, a column every 10 ms, becomes grey levels over a fixed range of 80 dB, the lowest
//! band at the bottom ([`spectrogram`](crate::sound::spectrogram)). The feature of such a frame is the backbone's embedding of
//! the picture and, beside it, statistics of its cepstrum ([`statistics`](crate::sound::statistics)): what a window holds over
//! all its length, which the embedding of a picture has less of. Both are functions of the pixels alone.
//!
//! A network that was trained on sound gets the samples instead, or the [`log_mel`](crate::sound::log_mel) features that it was
//! trained with, of windows that are as long as it wants ([`SoundWindow`](crate::sound::SoundWindow)).
//!
//! Decoding, spectrograms and the synthetic machine are in builds with the feature `sound`; what a stored sound is, and that
//! it is no image, is known to every build.

mod cepstrum;
#[cfg(feature = "sound")]
mod flac;
mod level;
#[cfg(feature = "sound")]
mod limits;
/// What networks that hear are fed with: log-mel features.
pub mod log_mel;
#[cfg(feature = "sound")]
mod machine;
#[cfg(feature = "sound")]
mod mel_bank;
#[cfg(feature = "sound")]
mod mel_features;
#[cfg(feature = "sound")]
mod ogg;
mod recording;
#[cfg(feature = "sound")]
mod resample;
/// A window of sound as a picture.
#[cfg(feature = "sound")]
pub mod spectrogram;
mod views;
#[cfg(feature = "sound")]
mod wav;
mod window;

pub use cepstrum::{STATISTICS, statistics};
pub use level::{LevelTrigger, SOUND_LEVELS, level};
#[cfg(feature = "sound")]
pub use limits::RecordingError;
#[cfg(feature = "sound")]
pub use machine::{Machine, MachineScene};
#[cfg(feature = "sound")]
pub use mel_features::LogMel;
pub use recording::{WindowAddress, decode, kind_of, load, loud_windows, windows};
#[cfg(feature = "sound")]
pub use resample::resampled;
pub use views::{VIEWS, views};
#[cfg(feature = "sound")]
pub use wav::Recording;
pub use window::SoundWindow;

/// Samples a second.
pub const SAMPLE_RATE: u32 = 16_000;

/// Samples of a window: a second.
pub const WINDOW_SAMPLES: usize = 16_000;

/// Mel bands, the rows of a picture.
pub const BANDS: usize = 128;

/// Columns of a picture: one every 10 ms, the first in the middle of its moment.
pub const COLUMNS: usize = WINDOW_SAMPLES / spectrogram_step() + 1;

/// What stands behind the name of a backbone that is used for sounds.
pub const OF_SOUND: &str = ", sound";

const fn spectrogram_step() -> usize {
    SAMPLE_RATE as usize / 100
}

/// What stands behind the name of a network that hears.
pub const OF_SAMPLES: &str = ", samples";

/// The frequency in the middle of a mel band, in Hz.
///
/// * `row`: of a picture of [`BANDS`] rows, from the top.
pub fn frequency(row: usize) -> f64 {
    let top = mel(f64::from(SAMPLE_RATE) / 2.0);
    let band = BANDS.saturating_sub(1 + row) as f64;
    hertz(top * (band + 1.0) / (BANDS + 1) as f64)
}

/// The moment in the middle of a column, in seconds from the beginning of the window.
pub fn second(column: usize) -> f64 {
    (column * spectrogram_step()) as f64 / f64::from(SAMPLE_RATE)
}

/// Linear up to here, logarithmic above (Slaney, *Auditory Toolbox*, 1998).
const LINEAR_HZ: f64 = 1000.0;
/// Hz a mel in the linear part.
const HZ_PER_MEL: f64 = 200.0 / 3.0;

/// Of the logarithmic part: 27 mels are a factor of 6.4.
fn log_step() -> f64 {
    6.4_f64.ln() / 27.0
}

fn mel(hertz: f64) -> f64 {
    match hertz < LINEAR_HZ {
        true => hertz / HZ_PER_MEL,
        false => LINEAR_HZ / HZ_PER_MEL + (hertz / LINEAR_HZ).ln() / log_step(),
    }
}

fn hertz(mel: f64) -> f64 {
    let linear = LINEAR_HZ / HZ_PER_MEL;
    match mel < linear {
        true => mel * HZ_PER_MEL,
        false => LINEAR_HZ * (log_step() * (mel - linear)).exp(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_rise_from_the_bottom_to_half_the_rate() {
        let all: Vec<f64> = (0..BANDS).map(frequency).collect();
        assert!(all.windows(2).all(|pair| pair[0] > pair[1]), "{all:?}");
        assert!(all[0] < 8000.0 && all[0] > 7500.0, "{}", all[0]);
        // A mel of the linear part is 200/3 Hz; the scale has 45.245 of them up to 8 kHz.
        let step = 45.245_640 / 129.0 * 200.0 / 3.0;
        assert!((all[BANDS - 1] - step).abs() < 1e-3, "{} {step}", all[BANDS - 1]);
        for hertz_in in [10.0, 999.0, 1000.0, 4000.0] {
            assert!((hertz(mel(hertz_in)) - hertz_in).abs() < 1e-9);
        }
    }
}
