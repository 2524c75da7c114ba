//! Samples to log-mel features, see [`log_mel`](super::log_mel).

use super::SoundWindow;
use super::log_mel::{FrameEdges, LogForm, LogMelSpec, MelScale};
use super::mel_bank::MelBank;

/// Samples to log-mel features.
#[derive(Debug, Clone)]
pub struct LogMel {
    spec: LogMelSpec,
    window: SoundWindow,
    bank: MelBank,
}

impl LogMel {
    /// # Errors
    /// As [`LogMelSpec::check`].
    pub fn new(spec: &LogMelSpec, window: SoundWindow) -> Result<Self, String> {
        spec.check(&window)?;
        Ok(Self { spec: spec.clone(), window, bank: MelBank::new(spec, window.rate) })
    }

    /// * `samples`: -1 to 1, as many as the window has.
    /// * returns `[frames][bands]`, see [`LogMelSpec::frames`].
    pub fn features(&self, samples: &[f32]) -> Vec<f32> {
        let spec = &self.spec;
        let frames = spec.frames(&self.window);
        let mut samples = samples.to_vec();
        let missing = frames.saturating_sub(spec.frames_of(samples.len()));
        if missing > 0 && spec.scale != MelScale::Kaldi {
            let long = match spec.edges {
                FrameEdges::Within => spec.frame + (frames - 1) * spec.hop,
                FrameEdges::Reflect | FrameEdges::Silence => frames * spec.hop,
            };
            samples.resize(long, 0.0);
        }
        let mut values = Vec::with_capacity(frames * spec.bands);
        let heard = frames.min(spec.frames_of(samples.len()));
        self.bank.each_frame(&samples, heard, |_, bands| {
            values.extend(bands.iter().map(|&value| self.log(value)));
        });
        if let Some(range) = spec.range {
            let most = values.iter().copied().fold(f32::MIN, f32::max);
            values.iter_mut().for_each(|value| *value = value.max(most - range));
        }
        values.resize(frames * spec.bands, 0.0);
        values.iter_mut().for_each(|value| *value = (*value - spec.mean) / spec.std);
        values
    }

    fn log(&self, value: f32) -> f32 {
        let value = (value + self.spec.offset).max(self.spec.floor);
        match self.spec.log {
            LogForm::Ln => value.ln(),
            LogForm::Log10 => value.log10(),
            LogForm::Db => 10.0 * value.log10(),
        }
    }
}
