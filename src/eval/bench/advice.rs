//! What to show next: following the learner's advice against showing a random class, image by image.

use std::collections::BTreeMap;

use super::pupil::{Pupil, bursts};
use super::{Bench, BenchError, Sample, Task, Values, Variant, figures};
use crate::eval::splits::shuffle;

pub(super) const ABOUT: &str = "30 more images: of the class that is asked for, or of a random one";

/// Images a class to begin with.
const SHOTS: usize = 2;

/// Images shown after that, one after the other.
const STEPS: usize = 30;

/// The truth is measured every so many.
const EVERY: usize = 3;

/// Classified of a class at most.
const CLASSIFIED: usize = 30;

pub(super) fn tasks<'a>(bench: &'a Bench<'a>) -> Vec<Task<'a>> {
    let mut tasks: Vec<Task<'a>> = Vec::new();
    for seed in 0..bench.seeds {
        if bench.deal_fixed(SHOTS, CLASSIFIED, seed).is_some() {
            tasks.push(Box::new(move || task(bench, seed)));
        }
    }
    tasks
}

fn task(bench: &Bench<'_>, seed: u64) -> Result<Vec<Sample>, BenchError> {
    let random = curve(bench, seed, false)?;
    let advised = curve(bench, seed, true)?;
    let area = |curve: &[f64]| curve.iter().sum::<f64>() / curve.len().max(1) as f64;
    let sample =
        |name: &str, values: Values| Sample { of: vec![("shown", name.to_owned())], values };
    let of = |curve: &[f64]| {
        vec![
            ("area", Some(area(curve))),
            ("begin", curve.first().copied()),
            ("half", curve.get(curve.len() / 2).copied()),
            ("end", curve.last().copied()),
        ]
    };
    let gain: Vec<f64> = advised.iter().zip(&random).map(|(a, b)| a - b).collect();
    Ok(vec![
        sample("random", of(&random)),
        sample("advised", of(&advised)),
        sample("gain", of(&gain)),
    ])
}

/// Balanced accuracy before the first image and after every few.
fn curve(bench: &Bench<'_>, seed: u64, advised: bool) -> Result<Vec<f64>, BenchError> {
    let Some(deal) = bench.deal_fixed(SHOTS, CLASSIFIED, seed) else { return Ok(Vec::new()) };
    let mut pool: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &(class, _) in &deal.train {
        let used = |image: &usize| {
            deal.train.contains(&(class, *image)) || deal.test.contains(&(class, *image))
        };
        let mut left = bench.shuffled(class, seed);
        left.retain(|image| !used(image));
        pool.insert(class, left);
    }
    // A random class for every step, whichever way is gone: so both differ by the advice alone.
    let classes: Vec<usize> = pool.keys().copied().collect();
    let dice = |step: usize| {
        let mut classes = classes.clone();
        shuffle(&mut classes, &format!("{seed}/{step}"));
        classes.first().copied()
    };
    let mut pupil = Pupil::of_images(bench, bench.head(), &deal.train)?;
    let mut curve = Vec::new();
    for step in 0..=STEPS {
        if step % EVERY == 0 {
            let classified = pupil.classify_all(&deal.test, Variant::AsIs)?;
            curve.extend(figures::balanced_accuracy(&classified));
        }
        let wanted = if advised { pupil.wants() } else { None };
        let wanted = wanted.or_else(|| dice(step));
        let has = |class: &usize| pool.get(class).is_some_and(|left| !left.is_empty());
        let class = wanted.filter(&has).or_else(|| pool.keys().copied().find(&has));
        let image = class.and_then(|class| Some((class, pool.get_mut(&class)?.pop()?)));
        match image {
            Some(image) if step < STEPS => pupil.teach(&bursts(bench, &[image], 1)?)?,
            _ => {}
        }
    }
    Ok(curve)
}
