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

/// One class taught alone with images drawn by a seed.
pub struct GoodParts<'a> {
    pupil: Pupil<'a>,
    bench: &'a Bench<'a>,
    good: usize,
    /// Images of the class that were not taught.
    rest: Vec<usize>,
}

/// What became of the images that were not taught, at the threshold that the learner sets itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// How well novelty separates all other classes from the good parts.
    pub auroc: f64,
    /// The share of the good parts that is called unknown.
    pub false_alarms: f64,
    /// The share of all others that is.
    pub caught: f64,
    /// How many were classified.
    pub images: usize,
}

impl<'a> GoodParts<'a> {
    /// The images that are taught.
    pub fn to_teach(bench: &Bench<'_>, good: usize, shots: usize, seed: u64) -> Vec<usize> {
        bench.shuffled(good, seed).into_iter().take(shots).collect()
    }

    /// * `good`: the class; `shots`: images of it, fewer than it has.
    ///
    /// # Errors
    /// [`BenchError`].
    pub fn teach(
        bench: &'a Bench<'a>,
        good: usize,
        shots: usize,
        seed: u64,
    ) -> Result<Self, BenchError> {
        let rest = bench.shuffled(good, seed).into_iter().skip(shots).collect();
        let taught = Self::to_teach(bench, good, shots, seed).into_iter();
        let taught: Vec<_> = taught.map(|image| (good, image)).collect();
        let pupil = Pupil::of_images(bench, bench.head(), &taught)?;
        Ok(Self { pupil, bench, good, rest })
    }

    /// Classifies everything else: the good parts that were not taught, and all images of the other classes.
    ///
    /// # Errors
    /// [`BenchError`].
    pub fn classify(&self) -> Result<Found, BenchError> {
        let own: Vec<_> = self.rest.iter().map(|&image| (self.good, image)).collect();
        let classes = (0..self.bench.classes.len()).filter(|&class| class != self.good);
        let others = classes
            .flat_map(|class| self.bench.images[class].iter().map(move |&image| (class, image)));
        let others: Vec<_> = others.collect();
        let known = self.pupil.classify_all(&own, Variant::AsIs)?;
        let novel = self.pupil.classify_all(&others, Variant::AsIs)?;
        let share = |all: &[figures::Classified]| {
            all.iter().filter(|one| one.unknown).count() as f64 / all.len().max(1) as f64
        };
        Ok(Found {
            auroc: figures::novelty_auroc(&novel, &known).unwrap_or(0.5),
            false_alarms: share(&known),
            caught: share(&novel),
            images: known.len() + novel.len(),
        })
    }

    /// Bytes of the examples with their patches, and of what is compared with.
    pub fn bytes(&self) -> usize {
        self.pupil.bytes()
    }
}
