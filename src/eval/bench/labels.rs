//! Wrong labels planted among right ones: how many are found, and what following the report gives.

use super::pupil::Pupil;
use super::{Bench, BenchError, Sample, Task, Values, Variant, figures};
use crate::eval::splits::shuffle;

pub(super) const ABOUT: &str =
    "wrong labels at 20 images a class: found, and the truth when followed";

/// Images a class.
const SHOTS: usize = 20;

/// Images that have to be left of a class to classify it by.
const SPARE: usize = 5;

/// Of 20 images of a class so many are taught as another class.
const PLANTED: [usize; 2] = [0, 2];

pub(super) fn tasks<'a>(bench: &'a Bench<'a>) -> Vec<Task<'a>> {
    let mut tasks: Vec<Task<'a>> = Vec::new();
    for planted in PLANTED {
        for seed in 0..bench.seeds {
            if bench.deal(SHOTS, SPARE, seed).is_some() {
                tasks.push(Box::new(move || task(bench, planted, seed)));
            }
        }
    }
    tasks
}

fn task(bench: &Bench<'_>, planted: usize, seed: u64) -> Result<Vec<Sample>, BenchError> {
    let Some(deal) = bench.deal(SHOTS, SPARE, seed) else { return Ok(Vec::new()) };
    let mut taught = deal.train.clone();
    let mut classes: Vec<usize> = deal.train.iter().map(|&(class, _)| class).collect();
    classes.dedup();
    let mut wrong = vec![false; taught.len()];
    for (place, (class, image)) in taught.iter_mut().enumerate() {
        if place % SHOTS < planted {
            let mut others: Vec<usize> =
                classes.iter().copied().filter(|other| other != class).collect();
            shuffle(&mut others, &format!("{seed}/{image}"));
            *class = others[0];
            wrong[place] = true;
        }
    }
    let truth = |pupil: &Pupil<'_>| -> Result<Option<f64>, BenchError> {
        Ok(figures::balanced_accuracy(&pupil.classify_all(&deal.test, Variant::AsIs)?))
    };
    let mut pupil = Pupil::of_images(bench, bench.head(), &taught)?;
    let before = truth(&pupil)?;
    let told_before = pupil.told().estimate;
    let found = pupil.wrong_labels();
    let hits = found.iter().filter(|(place, _)| wrong[*place]).count() as f64;
    let places: Vec<usize> = found.iter().map(|&(place, _)| place).collect();
    pupil.forget(&places)?;
    let (forgotten, told_forgotten) = (truth(&pupil)?, pupil.told().estimate);
    let mut pupil = Pupil::of_images(bench, bench.head(), &taught)?;
    for &(place, class) in &found {
        pupil.relabel(&[place], class)?;
    }
    let relabelled = truth(&pupil)?;
    let clean = truth(&Pupil::of_images(bench, bench.head(), &deal.train)?)?;
    let all = wrong.iter().filter(|wrong| **wrong).count() as f64;
    let values: Values = vec![
        ("reported", Some(found.len() as f64 / taught.len() as f64)),
        ("precision", (planted > 0 && !found.is_empty()).then(|| hits / found.len() as f64)),
        ("recall", (planted > 0).then(|| hits / all)),
        ("true", before),
        ("forgotten", forgotten),
        ("relabelled", relabelled),
        ("mended", clean),
        ("told", told_before),
        ("told_forgotten", told_forgotten),
    ];
    let of = vec![("planted", format!("{} %", 100 * planted / SHOTS))];
    Ok(vec![Sample { of, values }])
}
