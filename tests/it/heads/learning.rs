//! Learning: what wins afterwards, and in which order it may come.

use fieldtune::learn::head::{
    self, ClassId, ExampleId, FeatureScaling, HeadConfig, HeadError, HeadKind,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::kinds::{
    Agree, DIM, NEAR, Source, all_scores, assert_agree, config, empty, every_kind, learn, queries,
    score, taught, winner, with,
};

#[test]
fn a_class_without_examples_scores_minus_infinity() {
    every_kind(|kind| {
        let mut head = empty(kind, 0);
        assert!(score(head.as_ref(), &[1.0; DIM]).is_empty());
        assert_eq!((head.dim(), head.classes()), (DIM, &[][..]));
        head.add_class(ClassId(7)).expect("new");
        head.add_class(ClassId(3)).expect("new");
        assert_eq!(head.classes(), [ClassId(7), ClassId(3)]);
        assert_eq!(score(head.as_ref(), &[1.0; DIM]), [f32::NEG_INFINITY; 2]);
        assert_eq!(head.add_class(ClassId(7)), Err(HeadError::ClassExists(ClassId(7))));
        assert_eq!(head.leave_one_out().is_some(), kind.left_out);
        assert_eq!(head.leave_one_out().unwrap_or_default(), []);
        head.learn_many(&[]).expect("nothing is always valid");
        assert_eq!(head.kind(), config(kind).kind());
    });
}

#[test]
fn one_class_with_examples_wins() {
    every_kind(|kind| {
        let mut source = Source::new(1);
        let mut head = empty(kind, 2);
        for id in 1..=3 {
            learn(head.as_mut(), &taught(id, 1, &source.feature(1)));
            let scores = score(head.as_ref(), &source.feature(0));
            assert!(scores[0] == f32::NEG_INFINITY && scores[1].is_finite(), "{scores:?}");
        }
    });
}

#[test]
fn a_later_class_keeps_the_older_ones() {
    every_kind(|kind| {
        let mut source = Source::new(2);
        let mut head = with(kind, 2, &source.examples(1, 5, 2));
        score(head.as_ref(), &source.feature(0));
        head.add_class(ClassId(2)).expect("new");
        assert_eq!(score(head.as_ref(), &source.feature(0))[2], f32::NEG_INFINITY);
        for id in 100..105 {
            learn(head.as_mut(), &taught(id, 2, &source.feature(2)));
        }
        for class in 0..3 {
            assert_eq!(winner(head.as_ref(), &source.feature(class)), ClassId(class));
        }
    });
}

#[test]
fn a_class_of_one_example_wins_on_it() {
    every_kind(|kind| {
        let mut source = Source::new(3);
        let mut head = with(kind, 3, &source.examples(1, 6, 2));
        let only = taught(100, 2, &source.feature(2));
        learn(head.as_mut(), &only);
        assert_eq!(winner(head.as_ref(), &only.feature), ClassId(2));
        assert_eq!(winner(head.as_ref(), &source.feature(0)), ClassId(0));
    });
}

#[test]
fn the_same_feature_can_be_taught_twice() {
    every_kind(|kind| {
        let mut source = Source::new(4);
        let (a, b) = (source.feature(0), source.feature(1));
        let mut head = with(kind, 2, &[taught(1, 0, &a), taught(2, 0, &a), taught(3, 1, &b)]);
        assert_eq!(winner(head.as_ref(), &a), ClassId(0));
        assert_eq!(winner(head.as_ref(), &b), ClassId(1));
        // Nothing but equal features, then one that belongs to both.
        learn(head.as_mut(), &taught(4, 1, &b));
        assert_eq!(winner(head.as_ref(), &b), ClassId(1));
        learn(head.as_mut(), &taught(5, 1, &a));
        let scores = score(head.as_ref(), &a);
        assert!(scores.iter().all(|score| score.is_finite()), "{scores:?}");
    });
}

#[test]
fn a_zero_feature_is_a_feature() {
    every_kind(|kind| {
        let centre = config(kind).scaling.centre.expect("it has one");
        let mut source = Source::new(5);
        let mut head = with(kind, 2, &source.examples(1, 2, 2));
        learn(head.as_mut(), &taught(50, 0, &centre));
        assert!(score(head.as_ref(), &centre).iter().all(|score| score.is_finite()));
    });
}

#[test]
fn order_does_not_matter_for_heads_that_promise_it() {
    every_kind(|kind| {
        let mut source = Source::new(10);
        let all = source.examples(1, 6, 3);
        let mut other_order = all.clone();
        other_order.reverse();
        other_order.rotate_left(5);
        let wanted = all_scores(with(kind, 3, &all).as_ref(), &queries(3));
        let mut head = empty(kind, 3);
        other_order.iter().for_each(|one| learn(head.as_mut(), one));
        let got = all_scores(head.as_ref(), &queries(3));
        if kind.order != Agree::Never {
            assert_agree(kind.order, &got, &wanted);
        }
    });
}

#[test]
fn learning_many_is_learning_one_after_another() {
    every_kind(|kind| {
        let mut source = Source::new(11);
        // More examples than dimensions, so that both forms of a head are seen.
        let all = source.examples(1, 14, 3);
        let at_once = with(kind, 3, &all);
        let mut one_by_one = empty(kind, 3);
        all.iter().for_each(|one| learn(one_by_one.as_mut(), one));
        // Their sums may run in another order, but never for heads that are exact to the bit.
        let agree = if kind.undo == Agree::Bits { Agree::Bits } else { NEAR };
        let wanted = all_scores(one_by_one.as_ref(), &queries(3));
        assert_agree(agree, &all_scores(at_once.as_ref(), &queries(3)), &wanted);
    });
}

#[test]
fn a_thousand_classes_are_told_apart() {
    every_kind(|kind| {
        let mut source = Source::new(15);
        let all = source.examples(1, 1, 1000);
        let mut head = with(kind, 1000, &all);
        for at in [0, 500, 999] {
            let scores = score(head.as_ref(), &all[at].feature);
            assert!(scores.iter().all(|score| score.is_finite()));
            assert_eq!(winner(head.as_ref(), &all[at].feature), all[at].class);
        }
        if !kind.removes_examples && kind.undo != Agree::Never {
            head.forget(all[500].id, all[500].class, &all[500].feature).expect("it was learned");
        }
        if kind.undo != Agree::Never {
            head.remove_class(ClassId(500)).expect("it is there");
            assert_eq!(head.classes().len(), 999);
            assert_eq!(winner(head.as_ref(), &all[999].feature), ClassId(999));
        }
    });
}

#[test]
fn features_of_any_size_keep_scores_finite() {
    every_kind(|kind| {
        for scale in [1e-30, 1e-3, 1e4, 1e30] {
            let scaling = FeatureScaling { centre: None, unit_length: false };
            let config = HeadConfig { method: kind.method, scaling };
            let mut head = head::new(&config, DIM).expect("the settings are valid");
            (0..2).for_each(|class| head.add_class(ClassId(class)).expect("new"));
            let mut source = Source::new(19);
            for mut one in source.examples(1, 3, 2) {
                one.feature.iter_mut().for_each(|value| *value *= scale);
                learn(head.as_mut(), &one);
            }
            let query: Vec<f32> = source.feature(0).iter().map(|value| value * scale).collect();
            let scores = score(head.as_ref(), &query);
            assert!(scores.iter().all(|score| score.is_finite()), "at {scale}: {scores:?}");
            score(head.as_ref(), &[f32::MAX; DIM]);
            let left_out = head.leave_one_out().unwrap_or_default();
            assert!(left_out.iter().flat_map(|one| &one.scores).all(|score| score.is_finite()));
            assert!(head::load(&head.save()).is_ok());
        }
    });
}

#[test]
fn an_mlp_learns_a_boundary_that_is_no_line() {
    let corners = |random: &mut ChaCha8Rng, count: usize| -> Vec<(u32, Vec<f32>)> {
        let mut side = || if random.next_u32() & 1 == 0 { -1.0f32 } else { 1.0 };
        let mut points: Vec<(u32, Vec<f32>)> = (0..count)
            .map(|_| {
                let (a, b) = (side(), side());
                (u32::from(a == b), vec![a, b, 0.0])
            })
            .collect();
        let mut jitter = |value: &mut f32| {
            *value += 0.4 * ((random.next_u32() >> 8) as f32 / (1u32 << 23) as f32 - 1.0);
        };
        points.iter_mut().flat_map(|(_, point)| point).for_each(&mut jitter);
        points
    };
    let mut random = ChaCha8Rng::seed_from_u64(21);
    let (known, asked) = (corners(&mut random, 60), corners(&mut random, 200));
    let rate = |kind: HeadKind| {
        let mut head = head::new(&HeadConfig::of(kind), 3).expect("valid settings");
        (0..2).for_each(|class| head.add_class(ClassId(class)).expect("new"));
        for (id, (class, point)) in (1..).zip(&known) {
            head.learn(ExampleId(id), ClassId(*class), point).expect("a valid example");
        }
        let right = asked.iter().filter(|(class, point)| winner(head.as_ref(), point).0 == *class);
        right.count() as f32 / asked.len() as f32
    };
    let (linear, mlp) = (rate(HeadKind::Softmax), rate(HeadKind::Mlp));
    assert!(linear < 0.75 && mlp > 0.97, "softmax {linear}, mlp {mlp}");
}
