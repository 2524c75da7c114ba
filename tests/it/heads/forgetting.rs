//! Forgetting, removing, and leaving out.

use fieldtune::learn::head::{ClassId, ExampleId, HeadError, LeftOut, Method, Shrinkage};

use super::kinds::{
    Agree, DIM, Source, Taught, all_scores, assert_agree, empty, every_kind, learn, learn_all,
    queries, score, taught, winner, with,
};

#[test]
fn forgetting_undoes_learning() {
    every_kind(|kind| {
        let mut source = Source::new(6);
        let base = source.examples(10, 5, 3);
        // The newest, the oldest, and one in the middle, by id.
        for id in [5, 17 + 100, 900] {
            let extra = taught(id, 1, &source.feature(2));
            let mut head = with(kind, 3, &base);
            let before = all_scores(head.as_ref(), &queries(3));
            learn(head.as_mut(), &extra);
            let between = all_scores(head.as_ref(), &queries(3));
            assert_ne!(between, before, "learning changes scores");
            let forgotten = head.forget(extra.id, extra.class, &extra.feature);
            if kind.undo == Agree::Never {
                assert!(matches!(forgotten, Err(HeadError::NotForgettable(_))));
                assert_eq!(all_scores(head.as_ref(), &queries(3)), between);
            } else {
                assert_eq!(forgotten, Ok(()));
                assert_agree(kind.undo, &all_scores(head.as_ref(), &queries(3)), &before);
            }
        }
    });
}

#[test]
fn forgetting_everything_leaves_an_empty_head_that_can_learn_again() {
    every_kind(|kind| {
        if kind.undo == Agree::Never {
            return;
        }
        let mut source = Source::new(7);
        let all = source.examples(1, 4, 3);
        let mut head = with(kind, 3, &all);
        let before = all_scores(head.as_ref(), &queries(3));
        for one in all.iter().rev() {
            head.forget(one.id, one.class, &one.feature).expect("it was learned");
        }
        assert_eq!(score(head.as_ref(), &all[0].feature), [f32::NEG_INFINITY; 3]);
        all.iter().for_each(|one| learn(head.as_mut(), one));
        assert_agree(kind.undo, &all_scores(head.as_ref(), &queries(3)), &before);
    });
}

#[test]
fn many_examples_come_and_go_without_leaving_a_trace() {
    every_kind(|kind| {
        if kind.undo == Agree::Never {
            return;
        }
        let mut source = Source::new(8);
        let base = source.examples(1, 4, 3);
        let mut head = with(kind, 3, &base);
        let before = all_scores(head.as_ref(), &queries(3));
        let passing = source.examples(1000, 60, 3);
        learn_all(head.as_mut(), &passing);
        for one in &passing {
            head.forget(one.id, one.class, &one.feature).expect("it was learned");
        }
        assert_agree(kind.undo, &all_scores(head.as_ref(), &queries(3)), &before);
    });
}

#[test]
fn what_cannot_be_forgotten_is_refused() {
    every_kind(|kind| {
        let mut source = Source::new(9);
        let all = source.examples(1, 3, 2);
        let mut head = with(kind, 2, &all);
        score(head.as_ref(), &all[0].feature);
        let (one, before) = (&all[0], head.save());
        let absent = ExampleId(77);
        let cases = [
            (absent, one.class, one.feature.as_slice(), HeadError::NoExample(absent)),
            (one.id, ClassId(1), &one.feature, HeadError::NoExample(one.id)),
            (one.id, ClassId(9), &one.feature, HeadError::NoClass(ClassId(9))),
            (one.id, one.class, &[1.0; 3], HeadError::Dim { wanted: DIM, got: 3 }),
        ];
        for (id, class, feature, error) in cases {
            assert_eq!(head.forget(id, class, feature), Err(error));
        }
        assert_eq!(head.save(), before);
    });
}

#[test]
fn a_removed_class_is_gone_with_its_examples() {
    every_kind(|kind| {
        let mut source = Source::new(13);
        let all = source.examples(1, 5, 3);
        let mut head = with(kind, 3, &all);
        score(head.as_ref(), &all[0].feature);
        if !kind.removes_examples {
            let before = head.save();
            let refused = head.remove_class(ClassId(1));
            assert!(matches!(refused, Err(HeadError::NotForgettable(_))));
            assert_eq!(head.save(), before);
            if kind.undo == Agree::Never {
                return;
            }
            for one in all.iter().filter(|one| one.class == ClassId(1)) {
                head.forget(one.id, one.class, &one.feature).expect("it was learned");
            }
        }
        head.remove_class(ClassId(1)).expect("it is there");
        assert_eq!(head.classes(), [ClassId(0), ClassId(2)]);
        let absent = HeadError::NoClass(ClassId(1));
        let back = &all[1];
        assert_eq!(head.learn(back.id, back.class, &back.feature), Err(absent));
        let mut never = empty(kind, 0);
        never.add_class(ClassId(0)).expect("new");
        never.add_class(ClassId(2)).expect("new");
        let others: Vec<Taught> =
            all.iter().filter(|one| one.class != ClassId(1)).cloned().collect();
        learn_all(never.as_mut(), &others);
        let wanted = all_scores(never.as_ref(), &queries(3));
        assert_agree(kind.undo, &all_scores(head.as_ref(), &queries(3)), &wanted);
        // It can come back, at the end, and its examples' ids are free again.
        head.add_class(ClassId(1)).expect("it was removed");
        learn(head.as_mut(), back);
        assert_eq!(head.classes(), [ClassId(0), ClassId(2), ClassId(1)]);
        assert_eq!(winner(head.as_ref(), &back.feature), ClassId(1));
    });
}

#[test]
fn a_class_without_examples_can_be_removed_from_any_head() {
    every_kind(|kind| {
        let mut source = Source::new(14);
        let all = source.examples(1, 3, 2);
        let mut head = with(kind, 4, &all);
        head.remove_class(ClassId(2)).expect("it is there");
        assert_eq!(head.classes(), [ClassId(0), ClassId(1), ClassId(3)]);
        let scores = score(head.as_ref(), &all[1].feature);
        assert!(scores[1] > scores[0] && scores[2] == f32::NEG_INFINITY, "{scores:?}");
    });
}

#[test]
fn leaving_one_out_is_teaching_all_the_others() {
    every_kind(|kind| {
        if !kind.left_out {
            return;
        }
        let mut source = Source::new(18);
        // Fewer examples than dimensions, and more; and always a class with a single one.
        for per_class in [4, 12] {
            let mut all = source.examples(1, per_class, 3);
            all.push(taught(500, 3, &source.feature(3)));
            let left_out = with(kind, 5, &all).leave_one_out().expect("the head has them");
            assert_eq!(left_out.len(), all.len());
            for (at, LeftOut { example, class, scores, .. }) in left_out.into_iter().enumerate() {
                assert_eq!((example, class), (all[at].id, all[at].class));
                let mut others = all.clone();
                let one = others.remove(at);
                // A chosen shrinkage is the one chosen with all the examples, so the others alone may choose another.
                if matches!(kind.method, Method::Lda { shrinkage: Shrinkage::LeaveOneOut }) {
                    assert_eq!(scores[3] == f32::NEG_INFINITY, class == ClassId(3));
                    continue;
                }
                let wanted = score(with(kind, 5, &others).as_ref(), &one.feature);
                assert_agree(Agree::Within(1e-3), &[scores], &[wanted]);
            }
        }
    });
}
