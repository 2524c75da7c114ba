//! Taught in one light, judged in another.

use super::pupil::Pupil;
use super::{Bench, BenchError, Sample, Shift, Task, Variant, figures};

pub(super) const ABOUT: &str = "taught as it is, judged in other conditions";

/// Images a class.
const SHOTS: [usize; 2] = [5, 10];

/// Judged of a class at most, in every condition.
const JUDGED: usize = 20;

/// The row of all shifts together.
const ALL_SHIFTS: &str = "all shifts";

pub(super) fn tasks<'a>(bench: &'a Bench<'a>) -> Vec<Task<'a>> {
    let mut tasks: Vec<Task<'a>> = Vec::new();
    for shots in SHOTS {
        for seed in 0..bench.seeds {
            if bench.deal_fixed(shots, JUDGED, seed).is_some() {
                tasks.push(Box::new(move || task(bench, shots, seed)));
            }
        }
    }
    tasks
}

fn task(bench: &Bench<'_>, shots: usize, seed: u64) -> Result<Vec<Sample>, BenchError> {
    let Some(deal) = bench.deal_fixed(shots, JUDGED, seed) else { return Ok(Vec::new()) };
    let pupil = Pupil::of_images(bench, bench.head(), &deal.train)?;
    let as_is = pupil.judge_all(&deal.test, Variant::AsIs)?;
    let truth = figures::balanced_accuracy(&as_is);
    let mut all = Vec::new();
    let sample = |name: &str, judged: &[figures::Judged]| {
        let here = figures::balanced_accuracy(judged);
        let values = vec![
            ("true", here),
            ("change", here.zip(truth).map(|(here, truth)| here - truth)),
            ("rejected", figures::unknown(judged)),
            ("right", figures::told_right(judged)),
            ("ece", figures::calibration_error(judged, false)),
        ];
        Sample { of: vec![("shots", shots.to_string()), ("shift", name.to_owned())], values }
    };
    let mut samples = vec![sample("as it is", &as_is)];
    for shift in Shift::ALL {
        let judged = pupil.judge_all(&deal.test, Variant::Shifted(shift))?;
        samples.push(sample(shift.name(), &judged));
        all.extend(judged);
    }
    samples.insert(1, sample(ALL_SHIFTS, &all));
    Ok(samples)
}
