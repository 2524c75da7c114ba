use super::super::{Doubt, Smoother};
use super::*;
use crate::learn::head::ExampleId;

fn left_out(id: u64, class: u32, scores: &[f32]) -> LeftOut {
    let (example, group, class) = (ExampleId(id), GroupId(id), ClassId(class));
    LeftOut { example, group, class, scores: scores.to_vec(), spread: None }
}

const CLASSES: [ClassId; 2] = [ClassId(0), ClassId(1)];

fn fit(taught: &[LeftOut]) -> Calibration {
    let apart = vec![Apart { angle: 0.1, ..Apart::default() }; taught.len()];
    Calibration::fit(&CLASSES, taught, &apart, BTreeMap::new(), None, 0.02, false)
}

fn neighbour(cosine: f32) -> Neighbour {
    Neighbour { example: ExampleId(0), class: ClassId(0), cosine }
}

#[test]
fn a_head_that_is_often_wrong_is_made_less_sure() {
    let all_right: Vec<_> = (0..20)
        .map(|i| left_out(i, (i % 2) as u32, &[[3.0, 0.0], [0.0, 3.0]][(i % 2) as usize]))
        .collect();
    let mut some_wrong = all_right.clone();
    for one in some_wrong.iter_mut().take(8) {
        one.scores.reverse();
    }
    let (sure, unsure) = (fit(&all_right), fit(&some_wrong));
    let p = |calibration: &Calibration| calibration.probabilities(&CLASSES, &[3.0, 0.0])[0];
    let (p, q) = (p(&sure), p(&unsure));
    // By the rule of succession 20 of 20 right is 21/22, and 12 of 20 is 13/22.
    assert!((p - 21.0 / 22.0).abs() < 1e-3, "{p}");
    assert!((q - 13.0 / 22.0).abs() < 1e-3, "{q}");
}

#[test]
fn scaling_all_scores_changes_no_probability() {
    let scores = [[2.0, 0.5], [0.1, 1.0], [1.0, 1.2], [0.4, 2.0]];
    let at = |scale: f32| {
        let taught: Vec<_> = scores
            .iter()
            .enumerate()
            .map(|(i, s)| left_out(i as u64, (i % 2) as u32, &[s[0] * scale, s[1] * scale]))
            .collect();
        fit(&taught).probabilities(&CLASSES, &[scale, 0.0])[0]
    };
    assert!((at(1.0) - at(50.0)).abs() < 1e-3, "{} {}", at(1.0), at(50.0));
}

#[test]
fn only_a_far_feature_is_unknown() {
    let taught: Vec<_> = (0..20).map(|i| left_out(i, (i % 2) as u32, &[2.0, 1.0])).collect();
    let apart = |i| Apart { angle: 0.1 + 0.005 * i as f32, ..Apart::default() };
    let apart: Vec<Apart> = (0..20).map(apart).collect();
    let calibration =
        Calibration::fit(&CLASSES, &taught, &apart, BTreeMap::new(), None, 0.02, false);
    let classify = |cosine: f32| {
        calibration
            .verdict(
                &CLASSES,
                &[2.0, 1.0],
                None,
                neighbour(cosine),
                PatchScores::default(),
                &Thresholds::default(),
            )
            .expect("both classes have scores")
    };
    assert_eq!(classify(0.9).class, Some(ClassId(0)));
    let far = classify(0.7);
    assert_eq!((far.class, far.best), (None, ClassId(0)));
    assert!(far.novelty > 1.0 && classify(0.6).novelty > far.novelty);
}

#[test]
fn classes_without_examples_never_win() {
    let all = |scores: &[f32]| {
        let thresholds = Thresholds::default();
        Calibration::NONE.verdict(
            &CLASSES,
            scores,
            None,
            neighbour(1.0),
            PatchScores::default(),
            &thresholds,
        )
    };
    let verdict = all(&[f32::NEG_INFINITY, -5.0]).expect("one class has examples");
    assert_eq!((verdict.best, verdict.confidence, verdict.runner_up), (ClassId(1), 1.0, None));
    assert_eq!(all(&[f32::NEG_INFINITY; 2]), None);
}

#[test]
fn the_estimate_is_mean_recall_and_names_suspects() {
    let taught = [
        left_out(1, 0, &[2.0, 0.0]),
        left_out(2, 0, &[2.0, 0.0]),
        left_out(3, 0, &[0.0, 9.0]),
        left_out(4, 1, &[0.0, 1.0]),
        left_out(5, 1, &[1.0, 0.5]),
    ];
    let estimate = Calibration::NONE.estimate(&CLASSES, &taught).expect("scores are there");
    let told = estimate.balanced_accuracy.expect("both classes can be classified");
    assert!((told - (2.0 / 3.0 + 0.5) / 2.0).abs() < 1e-6);
    assert!(estimate.interval.0 < told && told < estimate.interval.1);
    let doubts: Vec<_> =
        estimate.suspects.iter().map(|s| (s.example, s.taken_for, s.doubt)).collect();
    let wanted = [(ExampleId(3), ClassId(1), Doubt::Hard), (ExampleId(5), ClassId(0), Doubt::Hard)];
    assert_eq!(doubts, wanted);
    assert_eq!(estimate.confused[0], (ClassId(1), ClassId(0), 0.5));
}

#[test]
fn the_class_of_fewest_looks_sets_the_interval() {
    let of = |common: u64, rare: u64| {
        let all = (0..common + rare).map(|id| {
            let class = u32::from(id >= common);
            left_out(id, class, &[[2.0, 0.0], [0.0, 2.0]][class as usize])
        });
        let all: Vec<_> = all.collect();
        let estimate = Calibration::NONE.estimate(&CLASSES, &all).expect("scores are there");
        assert_eq!(estimate.balanced_accuracy, Some(1.0));
        estimate.interval.0
    };
    // 4 / (1/100 + 1/2) is 7.8 looks, not 102.
    assert!(of(100, 2) < of(6, 6) && of(100, 2) > of(2, 2), "{}", of(100, 2));
    assert!((of(4, 4) - 0.64).abs() < 0.01 && of(50, 50) > 0.95, "{} {}", of(4, 4), of(50, 50));
}

#[test]
fn a_look_counts_once_and_one_look_has_no_estimate() {
    let mut taught: Vec<_> = (0..4).map(|id| left_out(id, 0, &[2.0, 0.0])).collect();
    taught.extend((4..10).map(|id| LeftOut { group: GroupId(4), ..left_out(id, 0, &[0.0, 1.0]) }));
    taught.push(left_out(20, 1, &[0.0, f32::NEG_INFINITY]));
    let estimate = Calibration::NONE.estimate(&CLASSES, &taught).expect("scores are there");
    assert_eq!(estimate.recalls[&ClassId(0)], (10, 0.8));
    assert_eq!((estimate.looks, estimate.balanced_accuracy), (5, None));
    assert_eq!(estimate.unestimated, [ClassId(1)]);
}

#[test]
fn smoothing_ignores_one_odd_frame_and_follows_a_change() {
    let thresholds = Thresholds::default();
    let mut verdict = Calibration::NONE
        .verdict(&CLASSES, &[2.0, 1.0], None, neighbour(1.0), PatchScores::default(), &thresholds)
        .expect("scores are there");
    let mut smoother = Smoother::new(4);
    for _ in 0..5 {
        smoother.step(&verdict);
    }
    verdict.class = None;
    assert_eq!(smoother.step(&verdict).0, Some(ClassId(0)));
    for _ in 0..4 {
        smoother.step(&verdict);
    }
    assert_eq!(smoother.step(&verdict).0, None);
}
