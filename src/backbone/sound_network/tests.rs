use super::*;
use crate::sound::log_mel::{FrameEdges, LogForm, MelScale};

fn spec(input: SoundInput) -> SoundSpec {
    let window = SoundWindow { rate: 16_000, samples: 15_600, is_kept: true };
    SoundSpec { window, input, pool: TokenPooling::Mean, output: "out".to_owned() }
}

#[test]
fn the_words_of_a_fingerprint_stay_as_they_are() {
    let (none, normed) = (SampleNorm::None, SampleNorm::ZeroMeanUnitVariance);
    for (norm, words) in [(none, "as they are"), (normed, "normed")] {
        let wanted = format!("samples 1: 15600 at 16000, {words}, mean of out");
        assert_eq!(spec(SoundInput::Samples(norm)).in_words(), wanted);
    }
    let mel = LogMelSpec {
        bands: 64,
        frame: 400,
        hop: 160,
        fft: 512,
        fmin: 125.0,
        fmax: 7500.0,
        scale: MelScale::Htk,
        equal_area: false,
        magnitude: true,
        edges: FrameEdges::Within,
        log: LogForm::Ln,
        offset: 0.001,
        floor: 1e-10,
        range: None,
        mean: 0.0,
        std: 1.0,
        frames: Some(96),
    };
    let words = "samples 1: 15600 at 16000, 64 bands htk 125.0 7500.0 area false, 400 160 512 within magnitude true, ln 0.001 1e-10 None 0.0 1.0, Some(96) time first, mean of out";
    assert_eq!(spec(SoundInput::LogMel(mel, MelLayout::TimeByBands)).in_words(), words);
}

#[test]
fn normed_samples_have_no_mean_and_variance_one() {
    let found = normed(&[0.5, 0.25, 0.5, 0.25]);
    let wanted = 0.125 / (0.125_f64.powi(2) + 1e-7).sqrt();
    let off = |(got, sign): (&f32, f64)| (f64::from(*got) - sign * wanted).abs();
    let worst = found.iter().zip([1.0, -1.0, 1.0, -1.0]).map(off).fold(0.0, f64::max);
    assert!(worst < 1e-6, "{found:?}");
    assert_eq!(normed(&[0.0; 3]), [0.0; 3]);
}
