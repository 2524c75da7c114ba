//! Taught in one light, classified in another.

use super::pupil::Pupil;
use super::{Bench, BenchError, Sample, Shift, Task, Variant, figures};

pub(super) const ABOUT: &str = "taught as it is, classified in other conditions";

/// Images a class.
const SHOTS: [usize; 2] = [5, 10];

/// Classified of a class at most, in every condition.
const CLASSIFIED: usize = 20;

/// The row of all shifts together.
const ALL_SHIFTS: &str = "all shifts";

pub(super) fn tasks<'a>(bench: &'a Bench<'a>) -> Vec<Task<'a>> {
    let mut tasks: Vec<Task<'a>> = Vec::new();
    for shots in SHOTS {
        for seed in 0..bench.seeds {
            if bench.deal_fixed(shots, CLASSIFIED, seed).is_some() {
                tasks.push(Box::new(move || task(bench, shots, seed)));
            }
        }
    }
    tasks
}

fn task(bench: &Bench<'_>, shots: usize, seed: u64) -> Result<Vec<Sample>, BenchError> {
    let Some(deal) = bench.deal_fixed(shots, CLASSIFIED, seed) else { return Ok(Vec::new()) };
    let pupil = Pupil::of_images(bench, bench.head(), &deal.train)?;
    let as_is = pupil.classify_all(&deal.test, Variant::AsIs)?;
    let truth = figures::balanced_accuracy(&as_is);
    let mut all = Vec::new();
    let sample = |name: &str, classified: &[figures::Classified]| {
        let here = figures::balanced_accuracy(classified);
        let values = vec![
            ("true", here),
            ("change", here.zip(truth).map(|(here, truth)| here - truth)),
            ("rejected", figures::unknown(classified)),
            ("right", figures::told_right(classified)),
            ("ece", figures::calibration_error(classified, false)),
        ];
        Sample { of: vec![("shots", shots.to_string()), ("shift", name.to_owned())], values }
    };
    let mut samples = vec![sample("as it is", &as_is)];
    for shift in Shift::ALL {
        let classified = pupil.classify_all(&deal.test, Variant::Shifted(shift))?;
        samples.push(sample(shift.name(), &classified));
        all.extend(classified);
    }
    samples.insert(1, sample(ALL_SHIFTS, &all));
    Ok(samples)
}
