//! Scores against those of numpy and scikit-learn in `tests/reference/heads.json`, which `heads.py` beside it makes.

use std::path::Path;

use fieldtune::learn::head::{
    self, ClassId, ExampleId, FeatureScaling, Head, HeadConfig, HeadKind, Method, Metric,
    Shrinkage, SldaUpdate,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    tolerance: Tolerance,
    sets: Vec<Set>,
    logistic: Logistic,
}

#[derive(Deserialize)]
struct Tolerance {
    score: f32,
    accuracy_points: f64,
}

#[derive(Deserialize)]
struct Set {
    name: String,
    centre: Vec<f32>,
    features: Vec<Vec<f32>>,
    labels: Vec<u32>,
    queries: Vec<Vec<f32>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    centred: bool,
    scores: Vec<Vec<f32>>,
    left_out: Option<Vec<Vec<f32>>>,
}

#[derive(Deserialize)]
struct Logistic {
    centre: Vec<f32>,
    features: Vec<Vec<f32>>,
    labels: Vec<u32>,
    queries: Vec<Vec<f32>>,
    query_labels: Vec<usize>,
    accuracy: f64,
}

fn reference() -> Reference {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/heads.json");
    let text = std::fs::read_to_string(path).expect("it lies beside the tests");
    serde_json::from_str(&text).expect("heads.py wrote it")
}

fn empty(method: Method, centre: Option<&[f32]>, dim: usize, labels: &[u32]) -> Box<dyn Head> {
    let scaling = FeatureScaling { centre: centre.map(<[f32]>::to_vec), unit_length: true };
    let mut head = head::new(&HeadConfig { method, scaling }, dim).expect("the settings are valid");
    for class in 0..=*labels.iter().max().expect("some") {
        head.add_class(ClassId(class)).expect("new");
    }
    head
}

fn examples<'a>(features: &'a [Vec<f32>], labels: &[u32]) -> Vec<(ExampleId, ClassId, &'a [f32])> {
    let id = |at: usize| ExampleId(at as u64 + 1);
    let all = features.iter().zip(labels).enumerate();
    all.map(|(at, (feature, &label))| (id(at), ClassId(label), feature.as_slice())).collect()
}

/// The largest difference, as a share of the largest score.
fn distance(got: &[Vec<f32>], wanted: &[Vec<f32>]) -> f32 {
    assert_eq!(got.len(), wanted.len());
    let largest = wanted.iter().flatten().fold(0.0f32, |most, score| most.max(score.abs()));
    let pairs = got.iter().zip(wanted).flat_map(|(got, wanted)| {
        assert_eq!(got.len(), wanted.len());
        got.iter().zip(wanted)
    });
    // A NaN is as far away as can be.
    let far = |(got, wanted): (&f32, &f32)| {
        let difference = (got - wanted).abs();
        if difference.is_nan() { f32::INFINITY } else { difference }
    };
    pairs.map(far).fold(0.0, f32::max) / largest
}

fn best(scores: &[f32]) -> usize {
    let order = |a: &usize, b: &usize| scores[*a].total_cmp(&scores[*b]);
    (0..scores.len()).max_by(order).expect("there are classes")
}

/// Votes as shares of their sum; a class without a vote scores below 0.
fn shares(scores: &[f32]) -> Vec<f32> {
    let votes: Vec<f32> = scores.iter().map(|score| score.max(0.0)).collect();
    let sum: f32 = votes.iter().sum();
    votes.into_iter().map(|vote| vote / sum).collect()
}

/// What gives those scores: the methods, and how many times the tolerance of the file they may be off.
fn methods(case: &str) -> Vec<(Method, f32)> {
    let slda = |update| Method::Slda { shrinkage: 0.5, update };
    let lda = Method::Lda { shrinkage: Shrinkage::Fixed(0.5) };
    match case {
        // Lda rounds its ridge by up to 2.2 %, slda does not.
        "lda" => vec![(slda(SldaUpdate::Exact), 1.0), (lda, 22.0)],
        "lda_rounded" => vec![(lda, 1.0)],
        "slda_published" => vec![(slda(SldaUpdate::Published), 1.0)],
        "prototype_euclidean" => vec![(Method::Prototype { metric: Metric::Euclidean }, 1.0)],
        "prototype_cosine" => vec![(Method::Prototype { metric: Metric::Cosine }, 1.0)],
        "ridge" => vec![(Method::Ridge { lambda: 0.1, balanced: false }, 1.0)],
        "ridge_balanced" => vec![(Method::Ridge { lambda: 0.1, balanced: true }, 1.0)],
        "knn" => vec![(Method::Knn { k: 3 }, 1.0)],
        other => panic!("no head for the case {other}"),
    }
}

/// Slda's scores are less their mean.
fn relative(method: Method, mut scores: Vec<f32>) -> Vec<f32> {
    if matches!(method, Method::Slda { .. }) {
        let mean = scores.iter().sum::<f32>() / scores.len() as f32;
        scores.iter_mut().for_each(|score| *score -= mean);
    }
    scores
}

#[test]
fn scores_are_those_of_the_plain_formulas() {
    let reference = reference();
    let mut failures = Vec::new();
    let mut classified = 0;
    for set in &reference.sets {
        let dim = set.centre.len();
        for case in &set.cases {
            for (method, factor) in methods(&case.name) {
                let centre = case.centred.then_some(set.centre.as_slice());
                let mut head = empty(method, centre, dim, &set.labels);
                head.learn_many(&examples(&set.features, &set.labels)).expect("they are valid");
                let score = |query: &Vec<f32>| {
                    let scores = head.score(query).expect("a valid feature");
                    if case.name == "knn" { shares(&scores) } else { relative(method, scores) }
                };
                let got: Vec<Vec<f32>> = set.queries.iter().map(score).collect();
                let mut check = |what: &str, got: &[Vec<f32>], wanted: &[Vec<f32>]| {
                    classified += 1;
                    let (off, within) = (distance(got, wanted), factor * reference.tolerance.score);
                    if off > within {
                        let Set { name, .. } = set;
                        let Case { name: case, centred, .. } = case;
                        failures.push(format!(
                            "{what}, {method:?} for {case} of {name}, centred {centred}: off by {off}, wanted {within}"
                        ));
                    }
                };
                let wanted = case.scores.iter().map(|scores| relative(method, scores.clone()));
                check("scores", &got, &wanted.collect::<Vec<_>>());
                if let Some(wanted) = &case.left_out {
                    let left_out = head.leave_one_out().expect("the head has them");
                    let got: Vec<Vec<f32>> = left_out.into_iter().map(|one| one.scores).collect();
                    check("left out", &got, wanted);
                }
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {classified} failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(classified >= 40, "only {classified} were classified");
}

/// In percent, of the queries.
fn accuracy(head: &dyn Head, set: &Logistic) -> f64 {
    let right = |(query, label): &(&Vec<f32>, &usize)| {
        best(&head.score(query).expect("a valid feature")) == **label
    };
    let right = set.queries.iter().zip(&set.query_labels).filter(right).count();
    100.0 * right as f64 / set.queries.len() as f64
}

#[test]
fn softmax_matches_scikit_learn_at_once_and_incrementally() {
    let Reference { tolerance, logistic: set, .. } = reference();
    let method = HeadConfig::of(HeadKind::Softmax).method;
    let examples = examples(&set.features, &set.labels);
    let mut at_once = empty(method, Some(&set.centre), set.centre.len(), &set.labels);
    at_once.learn_many(&examples).expect("they are valid");
    // Trained on the first class alone, then with every tenth example more, and so on.
    let mut by_steps = empty(method, Some(&set.centre), set.centre.len(), &set.labels);
    for some in examples.chunks(10) {
        by_steps.learn_many(some).expect("they are valid");
        by_steps.score(&set.queries[0]).expect("a valid feature");
    }
    for (way, head) in [("at once", &at_once), ("by steps", &by_steps)] {
        let got = accuracy(head.as_ref(), &set);
        assert!(
            (got - set.accuracy).abs() <= tolerance.accuracy_points,
            "taught {way}: {got} %, scikit-learn {} %",
            set.accuracy
        );
    }
}
