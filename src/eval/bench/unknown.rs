//! Each class held out in turn: whether its images, never taught, are told from those of the taught classes.

use super::pupil::Pupil;
use super::{Bench, BenchError, Sample, Task, Variant, figures};

pub(super) const ABOUT: &str = "each class held out in turn, its images being unknown";

/// Images a taught class.
const SHOTS: [usize; 3] = [5, 10, 20];

/// Images that have to be left of a class to classify it by.
const SPARE: usize = 5;

/// Classified of a class at most.
const CLASSIFIED: usize = 50;

pub(super) fn tasks<'a>(bench: &'a Bench<'a>) -> Vec<Task<'a>> {
    let mut tasks: Vec<Task<'a>> = Vec::new();
    for shots in SHOTS {
        for held_out in bench.in_turn(SPARE) {
            for seed in 0..bench.seeds {
                tasks.push(Box::new(move || task(bench, shots, held_out, seed)));
            }
        }
    }
    tasks
}

fn task(
    bench: &Bench<'_>,
    shots: usize,
    held_out: usize,
    seed: u64,
) -> Result<Vec<Sample>, BenchError> {
    let Some(mut deal) = bench.deal(shots, SPARE, seed) else { return Ok(Vec::new()) };
    deal.train.retain(|&(class, _)| class != held_out);
    deal.test.retain(|&(class, _)| class != held_out);
    // Two classes that are told apart are needed for the question; one alone is the part `good`.
    if deal.classes() < 2 {
        return Ok(Vec::new());
    }
    let pupil = Pupil::of_images(bench, bench.head(), &deal.train)?;
    let mut known = Vec::new();
    for class in 0..bench.classes.len() {
        let own = deal.test.iter().filter(|&&(of, _)| of == class).take(CLASSIFIED);
        known.extend(pupil.classify_all(&own.copied().collect::<Vec<_>>(), Variant::AsIs)?);
    }
    let images = bench.shuffled(held_out, seed).into_iter().take(CLASSIFIED);
    let images: Vec<(usize, usize)> = images.map(|image| (held_out, image)).collect();
    let novel = pupil.classify_all(&images, Variant::AsIs)?;
    let values = vec![
        ("auroc", figures::novelty_auroc(&novel, &known)),
        ("rejected", figures::unknown(&known)),
        ("caught", figures::unknown(&novel)),
    ];
    let of = vec![("shots", shots.to_string())];
    Ok(figures::with_all(&bench.classes[held_out], of, values))
}
