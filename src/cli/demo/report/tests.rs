use super::*;
use crate::learn::examples::Neighbour;
use crate::learn::head::{ClassId, ExampleId};

fn good() -> Report {
    let all_same = || Compared { frames: 42, identical: 42, ..Compared::default() };
    Report {
        good_alone: GoodAlone { frames: 40, found: 28, marked: 34, ..GoodAlone::default() },
        per_class: 5,
        estimates: vec![None, Some(0.9)],
        fresh: Fresh {
            frames: 1000,
            accuracy: 0.95,
            balanced_accuracy: 0.94,
            unknown: 12,
            ..Fresh::default()
        },
        never_taught: vec![
            Strangers { scene: "bench", frames: 20, unknown: 19 },
            Strangers { scene: "weld", frames: 20, unknown: 0 },
        ],
        added: Added {
            class: "weld",
            recall: 1.0,
            others_before: 0.95,
            others: 0.94,
            ..Added::default()
        },
        forgotten: Compared { identical: 3, largest_difference: 1e-6, ..all_same() },
        restarted: all_same(),
        undone: all_same(),
        examples_afterwards: 6,
        ..Report::default()
    }
}

fn broken(mut report: Report) -> Vec<&'static str> {
    report.classify();
    let broken: Vec<_> = report.checks.iter().filter(|check| !check.held).map(|p| p.name).collect();
    assert_eq!(report.held, broken.is_empty());
    assert_eq!(report.closing().matches("FAILED").count(), broken.len());
    broken
}

#[test]
fn every_check_fails_for_its_own_cause_alone() {
    assert_eq!(broken(good()), [""; 0]);
    type Spoil = fn(&mut Report);
    let cases: [(&str, Spoil); 14] = [
        ("good-only", |r| r.good_alone.found = 27),
        ("good-only", |r| r.good_alone.marked = 33),
        ("accuracy", |r| r.fresh.accuracy = 0.84),
        ("estimate", |r| r.estimates.push(Some(0.7))),
        ("estimate", |r| r.estimates.push(None)),
        ("unknown", |r| r.never_taught[0].unknown = 17),
        ("unknown", |r| r.never_taught.clear()),
        ("unknown", |r| r.fresh.unknown = 151),
        ("add", |r| r.added.recall = 0.79),
        ("add", |r| r.added.others = 0.89),
        ("forget", |r| r.forgotten.changed = 1),
        ("forget", |r| r.forgotten.largest_difference = 0.01),
        ("restart", |r| r.restarted.identical = 41),
        ("undo", |r| r.examples_afterwards = 5),
    ];
    for (at, (name, spoil)) in cases.into_iter().enumerate() {
        let mut report = good();
        spoil(&mut report);
        assert_eq!(broken(report), [name], "case {at}");
    }
}

#[test]
fn one_bit_of_a_verdict_is_seen() {
    let verdict = Verdict {
        class: Some(ClassId(1)),
        best: ClassId(1),
        confidence: 0.5,
        runner_up: Some((ClassId(2), 0.25)),
        nearest: Neighbour { example: ExampleId(3), class: ClassId(1), cosine: 0.75 },
        novelty: 0.5,
    };
    let next = |value: f32| f32::from_bits(value.to_bits() + 1);
    type Change = fn(&mut Verdict, fn(f32) -> f32);
    let changes: [Change; 4] = [
        |v, next| v.confidence = next(v.confidence),
        |v, next| v.runner_up = v.runner_up.map(|(class, p)| (class, next(p))),
        |v, next| v.nearest.cosine = next(v.nearest.cosine),
        |v, next| v.novelty = next(v.novelty),
    ];
    let before = [verdict.clone(), verdict.clone()];
    assert!(Compared::of(&before, &before).bit_for_bit());
    for change in changes {
        let mut after = before.clone();
        change(&mut after[1], next);
        let compared = Compared::of(&before, &after);
        assert_eq!((compared.identical, compared.changed), (1, 0));
        assert!(compared.same_but_for_rounding() && !compared.bit_for_bit());
    }
    let mut unknown = before.clone();
    unknown[0].class = None;
    assert_eq!(Compared::of(&before, &unknown).changed, 1);
}
