//! How loud a window of sound is, and whether that is loud enough to look at it.

use std::ops::RangeInclusive;

/// Levels that can be asked for, in dBFS.
pub const SOUND_LEVELS: RangeInclusive<f32> = -100.0..=0.0;

/// The level of a window in dBFS: the root mean square of its samples about their mean, in decibels relative to full scale.
///
/// A square wave from -1 to 1 has 0 dBFS, a sine -3.01; an offset of the microphone is no sound.
///
/// * `samples`: -1 to 1, any number.
/// * returns a number of [`SOUND_LEVELS`], the lowest for silence.
pub fn level(samples: &[f32]) -> f32 {
    let count = samples.len().max(1) as f64;
    let (sum, squares) = samples.iter().fold((0.0, 0.0), |(sum, squares), &sample| {
        let sample = f64::from(sample);
        (sum + sample, squares + sample * sample)
    });
    let power = squares / count - (sum / count).powi(2);
    let decibels = 10.0 * power.max(f64::MIN_POSITIVE).log10();
    (decibels as f32).clamp(*SOUND_LEVELS.start(), *SOUND_LEVELS.end())
}

/// Passes on the windows that are loud enough.
#[derive(Debug, Clone)]
pub struct LevelTrigger {
    threshold: Option<f32>,
    heard: Option<f32>,
}

impl LevelTrigger {
    /// * `threshold`: the lowest level that is passed on, in dBFS; `None` passes on every window.
    pub fn new(threshold: Option<f32>) -> Self {
        Self { threshold, heard: None }
    }

    /// Whether there is a threshold.
    pub fn is_set(&self) -> bool {
        self.threshold.is_some()
    }

    /// The level of the last window, in dBFS.
    pub fn heard(&self) -> Option<f32> {
        self.heard
    }

    /// A window of that level was heard.
    ///
    /// * returns whether it is passed on.
    pub fn passes(&mut self, level: f32) -> bool {
        self.heard = Some(level);
        self.threshold.is_none_or(|threshold| level >= threshold)
    }

    /// What it waits for, in words.
    pub fn awaited(&self) -> String {
        let threshold = self.threshold.unwrap_or(*SOUND_LEVELS.start());
        let heard = self.heard.map(|heard| format!(", the last window has {heard:.1}"));
        format!("waiting for {threshold} dBFS{}", heard.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_relative_to_full_scale() {
        let square = |high: f32, low: f32| [high, low].repeat(8000);
        let sine = |most: f32| -> Vec<f32> {
            (0..16_000).map(|at| most * (at as f32 * std::f32::consts::TAU / 16.0).sin()).collect()
        };
        let cases = [
            ("full scale", square(1.0, -1.0), 0.0),
            ("a hundredth", square(0.01, -0.01), -40.0),
            ("a sine", sine(1.0), -3.0103),
            ("a tenth of it", sine(0.1), -23.0103),
            ("an offset", square(0.51, 0.49), -40.0),
            ("beyond full scale", square(9.0, -9.0), 0.0),
            ("silence", vec![0.0; 16_000], -100.0),
            ("an offset alone", vec![0.5; 16_000], -100.0),
            ("nothing", Vec::new(), -100.0),
        ];
        for (name, samples, wanted) in cases {
            let got = level(&samples);
            assert!((got - wanted).abs() < 0.01, "{name}: {got}, wanted {wanted}");
        }
    }

    #[test]
    fn a_trigger_passes_on_what_is_loud_enough() {
        let mut trigger = LevelTrigger::new(Some(-40.0));
        assert_eq!(trigger.awaited(), "waiting for -40 dBFS");
        assert!(!trigger.passes(-40.5) && trigger.passes(-40.0) && trigger.passes(-3.0));
        assert!(!trigger.passes(-63.24));
        assert_eq!((trigger.is_set(), trigger.heard()), (true, Some(-63.24)));
        assert_eq!(trigger.awaited(), "waiting for -40 dBFS, the last window has -63.2");
        let mut every = LevelTrigger::new(None);
        assert!(every.passes(-100.0) && !every.is_set());
    }
}
