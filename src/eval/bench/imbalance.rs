//! A rare class beside a common one: each class in turn as the rare one, against the largest of the others.

use super::pupil::Pupil;
use super::{
    ALL_CLASSES, Bench, BenchError, BenchRow, Sample, Spread, Task, Values, Variant, figures,
};

pub(super) const ABOUT: &str = "each class as the rare one against the largest of the others";

/// Images taught of the common and of the rare class; the first two are what the others are compared with.
const COUNTS: [(usize, usize); 5] = [(2, 2), (5, 5), (60, 5), (100, 5), (100, 2)];

/// Images that have to be left of a class to classify it by.
const SPARE: usize = 10;

/// Classified of a class at most.
const CLASSIFIED: usize = 50;

pub(super) fn tasks<'a>(bench: &'a Bench<'a>) -> Vec<Task<'a>> {
    let mut tasks: Vec<Task<'a>> = Vec::new();
    for rare in bench.in_turn(5 + SPARE) {
        let common = (0..bench.classes.len())
            .filter(|&class| class != rare)
            .max_by_key(|&class| (bench.images[class].len(), std::cmp::Reverse(class)));
        let Some(common) = common else { continue };
        for counts in COUNTS {
            if bench.images[common].len() >= counts.0 + SPARE {
                for seed in 0..bench.seeds {
                    tasks.push(Box::new(move || task(bench, rare, common, counts, seed)));
                }
            }
        }
    }
    tasks
}

fn task(
    bench: &Bench<'_>,
    rare: usize,
    common: usize,
    (many, few): (usize, usize),
    seed: u64,
) -> Result<Vec<Sample>, BenchError> {
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (class, count) in [(common, many), (rare, few)] {
        let images = bench.shuffled(class, seed);
        train.extend(images[..count].iter().map(|&image| (class, image)));
        // From the end, so that the same ones are classified whatever was taught.
        let classified = (images.len() - count).min(CLASSIFIED);
        test.extend(images[images.len() - classified..].iter().map(|&image| (class, image)));
    }
    let mut pupil = Pupil::of_images(bench, bench.head(), &train)?;
    let classified = pupil.classify_all(&test, Variant::AsIs)?;
    let mut values: Values = vec![
        ("rare", figures::recall(&classified, rare)),
        ("common", figures::recall(&classified, common)),
    ];
    values.extend(figures::honesty(&classified, pupil.told()));
    values.push(("rejected", figures::unknown(&classified)));
    let of = vec![("counts", label((many, few)))];
    Ok(figures::with_all(&bench.classes[rare], of, values))
}

fn label((many, few): (usize, usize)) -> String {
    format!("{many}:{few}")
}

/// How much each uneven row lost against the even one with as many of the rare class, the worst of all classes: means
/// over the seeds are compared, so that one odd draw does not decide.
pub(super) fn add_worst(rows: &mut Vec<BenchRow>) {
    let find = |class: &str, counts: &str| {
        rows.iter()
            .find(|row| row.label("class") == Some(class) && row.label("counts") == Some(counts))
    };
    let mut worst = Vec::new();
    for (many, few) in COUNTS.into_iter().filter(|(many, few)| many != few) {
        let (uneven, even) = (label((many, few)), label((few, few)));
        let pairs = rows
            .iter()
            .filter(|row| row.is_detail() && row.label("counts") == Some(&uneven))
            .filter_map(|row| Some((row, find(row.label("class")?, &even)?)));
        let pairs: Vec<(&BenchRow, &BenchRow)> = pairs.collect();
        let lost = |name: &'static str| {
            let changes =
                pairs.iter().filter_map(|(row, base)| Some(row.mean(name)? - base.mean(name)?));
            let worst = changes.min_by(f64::total_cmp);
            (name, worst.map(|mean| Spread { mean, std: 0.0 }))
        };
        if !pairs.is_empty() {
            worst.push(BenchRow {
                of: vec![
                    ("class", ALL_CLASSES.to_owned()),
                    ("counts", format!("worst change {even} to {uneven}")),
                ],
                samples: pairs.len(),
                values: vec![lost("rare"), lost("common"), lost("true")],
            });
        }
    }
    rows.extend(worst);
}
