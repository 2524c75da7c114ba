//! So many images of each class are taught, one frame a part: how good it is, and how honest.

use super::pupil::Pupil;
use super::{Bench, BenchError, Sample, Task, figures};
use crate::learn::head::HeadKind;

pub(super) const ABOUT: &str = "k images a class, one frame a part";

/// Images that have to be left of a class to classify it by.
const SPARE: usize = 5;

pub(super) fn tasks<'a>(bench: &'a Bench<'a>) -> Vec<Task<'a>> {
    let mut tasks: Vec<Task<'a>> = Vec::new();
    for &shots in &bench.shots {
        for &head in &bench.heads {
            for seed in 0..bench.seeds {
                if bench.deal(shots, SPARE, seed).is_some() {
                    tasks.push(Box::new(move || task(bench, shots, head, seed)));
                }
            }
        }
    }
    tasks
}

fn task(
    bench: &Bench<'_>,
    shots: usize,
    head: Option<HeadKind>,
    seed: u64,
) -> Result<Vec<Sample>, BenchError> {
    let Some(deal) = bench.deal(shots, SPARE, seed) else { return Ok(Vec::new()) };
    let mut pupil = Pupil::of_images(bench, head, &deal.train)?;
    let classified = pupil.classify_all(&deal.test, super::Variant::AsIs)?;
    let mut values = figures::honesty(&classified, pupil.told());
    values.extend(figures::confidence(&classified));
    values.push(("rejected", figures::unknown(&classified)));
    values.push(("right", figures::told_right(&classified)));
    let of = vec![
        ("shots", shots.to_string()),
        ("head", head.map_or("default", HeadKind::name).to_owned()),
        ("classes", deal.classes().to_string()),
    ];
    Ok(vec![Sample { of, values }])
}
