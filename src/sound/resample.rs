//! Sound at another rate: a low-pass and interpolation in one, a sinc under Kaiser's window.

/// Zero crossings of the sinc on each side.
const CROSSINGS: usize = 24;
/// Of Kaiser's window: what is beyond the band is some 80 dB down.
const BETA: f64 = 8.0;
/// The pass band ends at this share of half the lower rate.
const PASS: f64 = 0.94;
/// Places between two samples at most that have coefficients of their own.
const PHASES: u64 = 512;

/// The same sound at another rate.
///
/// * `rate`: samples a second of what is given, above 0; `target`: of what is wanted, above 0.
pub fn resampled(samples: &[f32], rate: u32, target: u32) -> Vec<f32> {
    let target = u64::from(target.max(1));
    let rate = u64::from(rate.max(1));
    if rate == target {
        return samples.to_vec();
    }
    // Of the lower of both rates, in cycles a sample of what is given.
    let cutoff = PASS * (target as f64 / rate as f64).min(1.0);
    let reach = (CROSSINGS as f64 / cutoff).ceil() as usize;
    let phases = (target / gcd(target, rate)).min(PHASES);
    let taps = 2 * reach;
    let table: Vec<f32> =
        (0..phases).flat_map(|phase| kernel(phase, phases, cutoff, reach)).collect();
    let count = (samples.len() as u64 * target).div_ceil(rate);
    (0..count)
        .map(|at| {
            let (whole, rest) = (at * rate / target, at * rate % target);
            let kernel = &table[(rest * phases / target) as usize * taps..][..taps];
            // The first tap stands at `whole - reach + 1`.
            let first = (whole as usize + 1).checked_sub(reach);
            let (skipped, from) = match first {
                Some(from) => (0, from),
                None => (reach - 1 - whole as usize, 0),
            };
            let there = samples.get(from..).unwrap_or_default();
            kernel[skipped..].iter().zip(there).map(|(weight, sample)| weight * sample).sum()
        })
        .collect()
}

/// Weights of the samples from `reach - 1` before to `reach` behind a place between two samples; they add up to 1.
fn kernel(phase: u64, phases: u64, cutoff: f64, reach: usize) -> Vec<f32> {
    let place = phase as f64 / phases as f64;
    let weights: Vec<f64> = (0..2 * reach)
        .map(|tap| {
            let x = tap as f64 - (reach as f64 - 1.0) - place;
            let within = x / reach as f64;
            let window = bessel(BETA * (1.0 - within * within).max(0.0).sqrt()) / bessel(BETA);
            window * sinc(cutoff * x)
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| (weight / sum) as f32).collect()
}

fn sinc(x: f64) -> f64 {
    let angle = std::f64::consts::PI * x;
    if angle.abs() < 1e-9 { 1.0 } else { angle.sin() / angle }
}

/// The modified Bessel function of order 0, by its series.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for at in 1..40 {
        term *= (x / (2.0 * f64::from(at))).powi(2);
        sum += term;
    }
    sum
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::SAMPLE_RATE;

    fn tone(hertz: f64, rate: u32, count: usize) -> Vec<f32> {
        let step = std::f64::consts::TAU * hertz / f64::from(rate);
        (0..count).map(|at| (step * at as f64).sin() as f32).collect()
    }

    #[test]
    fn a_tone_stays_the_same_tone_at_another_rate() {
        for rate in [8000, 11_025, 22_050, 44_100, 48_000, 96_000, 15_999] {
            let got = resampled(&tone(1000.0, rate, rate as usize / 2), rate, SAMPLE_RATE);
            assert_eq!(got.len(), SAMPLE_RATE as usize / 2, "{rate}");
            let wanted = tone(1000.0, SAMPLE_RATE, got.len());
            let off = got.iter().zip(&wanted).skip(400).take(7000);
            let worst = off.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // Places between samples are rounded to a 512th where the rates have no small ratio.
            let allowed = if rate == 15_999 { 2e-3 } else { 1e-3 };
            assert!(worst < allowed, "{rate}: {worst}");
        }
    }

    #[test]
    fn what_is_beyond_half_the_rate_is_gone() {
        let got = resampled(&tone(11_000.0, 48_000, 24_000), 48_000, SAMPLE_RATE);
        let loudest = got[400..7600].iter().fold(0.0f32, |most, value| most.max(value.abs()));
        assert!(loudest < 1e-3, "{loudest}");
        assert_eq!(resampled(&[0.5, -0.5], SAMPLE_RATE, SAMPLE_RATE), [0.5, -0.5]);
        assert!(resampled(&[], 44_100, SAMPLE_RATE).is_empty());
    }
}
