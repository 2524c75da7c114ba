//! Few parts, each seen several times: what a camera over a part that lies still gives. The frames of a part are one
//! group; the same parts taught by one frame each stand beside it.

use super::pupil::{Pupil, bursts};
use super::{Bench, BenchError, Sample, Task, Variant, figures};

pub(super) const ABOUT: &str = "k parts a class, each taught by a burst of frames or by one";

/// Parts a class.
const PARTS: [usize; 2] = [5, 10];

/// Frames of a burst.
const FRAMES: u32 = 4;

/// Fresh parts that are classified of a class.
const CLASSIFIED: usize = 30;

/// How often each taught part is seen again, see [`Variant::Again`].
const AGAIN: u32 = 4;

pub(super) fn tasks<'a>(bench: &'a Bench<'a>) -> Vec<Task<'a>> {
    let mut tasks: Vec<Task<'a>> = Vec::new();
    for parts in PARTS {
        for frames in [FRAMES, 1] {
            for seed in 0..bench.seeds {
                if bench.deal_fixed(parts, CLASSIFIED, seed).is_some() {
                    tasks.push(Box::new(move || task(bench, parts, frames, seed)));
                }
            }
        }
    }
    tasks
}

fn task(
    bench: &Bench<'_>,
    parts: usize,
    frames: u32,
    seed: u64,
) -> Result<Vec<Sample>, BenchError> {
    let Some(deal) = bench.deal_fixed(parts, CLASSIFIED, seed) else { return Ok(Vec::new()) };
    let mut pupil = Pupil::new(bench, bench.head(), &bursts(bench, &deal.train, frames)?)?;
    let classified = pupil.classify_all(&deal.test, Variant::AsIs)?;
    let mut again = Vec::new();
    for copy in 0..AGAIN {
        again.extend(pupil.classify_all(&deal.train, Variant::Again(copy))?);
    }
    let mut values = figures::honesty(&classified, pupil.told());
    values.extend([
        ("rejected", figures::unknown(&classified)),
        ("right", figures::told_right(&classified)),
        ("again_rejected", figures::unknown(&again)),
        ("again_true", figures::balanced_accuracy(&again)),
    ]);
    let of = vec![("parts", parts.to_string()), ("frames", frames.to_string())];
    Ok(vec![Sample { of, values }])
}
