//! Good parts only: one class is taught alone, everything else should be unknown.

use super::pupil::Pupil;
use super::{Bench, BenchError, Sample, Task, Variant, figures};

pub(super) const ABOUT: &str = "one class taught alone, all others being unknown";

/// Images of the class.
const SHOTS: [usize; 3] = [10, 20, 50];

/// Images that have to be left of the class to classify by.
const SPARE: usize = 10;

/// Classified of every other class at most.
const CLASSIFIED: usize = 30;

pub(super) fn tasks<'a>(bench: &'a Bench<'a>) -> Vec<Task<'a>> {
    let mut tasks: Vec<Task<'a>> = Vec::new();
    for shots in SHOTS {
        let classes = match bench.good {
            Some(class) => vec![class],
            None => bench.in_turn(shots + SPARE),
        };
        for class in classes {
            if bench.images[class].len() >= shots + SPARE {
                for seed in 0..bench.seeds {
                    tasks.push(Box::new(move || task(bench, shots, class, seed)));
                }
            }
        }
    }
    tasks
}

fn task(
    bench: &Bench<'_>,
    shots: usize,
    good: usize,
    seed: u64,
) -> Result<Vec<Sample>, BenchError> {
    let own: Vec<_> = bench.shuffled(good, seed).into_iter().map(|image| (good, image)).collect();
    let (train, test) = own.split_at(shots);
    let pupil = Pupil::of_images(bench, bench.head(), train)?;
    let known =
        pupil.classify_all(&test[..test.len().min(super::MAX_CLASSIFIED)], Variant::AsIs)?;
    let mut others = Vec::new();
    for class in (0..bench.classes.len()).filter(|&class| class != good) {
        let images = bench.shuffled(class, seed).into_iter().take(CLASSIFIED);
        others.extend(images.map(|image| (class, image)));
    }
    let novel = pupil.classify_all(&others, Variant::AsIs)?;
    let values = vec![
        ("auroc", figures::novelty_auroc(&novel, &known)),
        ("rejected", figures::unknown(&known)),
        ("caught", figures::unknown(&novel)),
    ];
    Ok(figures::with_all(&bench.classes[good], vec![("shots", shots.to_string())], values))
}
