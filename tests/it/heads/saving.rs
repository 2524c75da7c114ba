//! What is refused, and what comes back from bytes.

use fieldtune::learn::head::{
    self, ClassId, ExampleId, FeatureScaling, HeadConfig, HeadError, Method, MlpConfig,
};

use super::kinds::{
    Agree, DIM, Source, Taught, all_scores, assert_agree, every_kind, learn, queries, score,
    taught, with,
};

#[test]
fn invalid_features_and_known_ids_are_refused_without_change() {
    every_kind(|kind| {
        let mut source = Source::new(12);
        let all = source.examples(1, 3, 2);
        let mut head = with(kind, 2, &all);
        score(head.as_ref(), &all[0].feature);
        let before = head.save();
        let good = taught(50, 0, &source.feature(0));
        let spoilt = |value| {
            let mut feature = good.feature.clone();
            feature[2] = value;
            feature
        };
        let (long, no_class) = (vec![1.0; DIM + 1], ClassId(9));
        let not_new = taught(2, 0, &good.feature);
        let cases = [
            (taught(51, 0, &[]), HeadError::Dim { wanted: DIM, got: 0 }),
            (taught(51, 0, &long), HeadError::Dim { wanted: DIM, got: DIM + 1 }),
            (
                taught(51, 0, &spoilt(f32::INFINITY)),
                HeadError::NotFinite { index: 2, value: f32::INFINITY },
            ),
            (
                taught(51, 0, &spoilt(f32::NEG_INFINITY)),
                HeadError::NotFinite { index: 2, value: f32::NEG_INFINITY },
            ),
            (taught(51, 9, &good.feature), HeadError::NoClass(no_class)),
            (not_new, HeadError::ExampleExists(ExampleId(2))),
        ];
        for (bad, error) in cases {
            let Taught { id, class, feature } = &bad;
            assert_eq!(head.learn(*id, *class, feature).as_ref(), Err(&error));
            let list = [(good.id, good.class, good.feature.as_slice()), (*id, *class, feature)];
            assert_eq!(head.learn_many(&list), Err(error));
            assert_eq!(head.save(), before);
        }
        // NaN is not equal to itself, so its error is looked at by hand.
        let nan = spoilt(f32::NAN);
        let refused = |error| matches!(error, Err(HeadError::NotFinite { index: 2, .. }));
        assert!(refused(head.learn(ExampleId(51), ClassId(0), &nan)));
        assert!(refused(head.score(&nan).map(|_| ())));
        let twice = [(good.id, good.class, good.feature.as_slice()); 2];
        assert_eq!(head.learn_many(&twice), Err(HeadError::ExampleExists(good.id)));
        let score = head.score(&[0.0; 2]);
        assert_eq!(score, Err(HeadError::Dim { wanted: DIM, got: 2 }));
        assert_eq!(head.remove_class(no_class), Err(HeadError::NoClass(no_class)));
        assert_eq!(head.save(), before);
    });
}

#[test]
fn a_loaded_head_continues_as_the_saved_one() {
    every_kind(|kind| {
        let mut source = Source::new(16);
        let all = source.examples(1, 7, 3);
        // Before the first score, after it, and after a change that was not scored yet.
        for stage in 0..3 {
            let mut head = with(kind, 4, &all);
            if stage > 0 {
                score(head.as_ref(), &all[0].feature);
            }
            if stage > 1 {
                learn(head.as_mut(), &taught(70, 3, &source.feature(3)));
            }
            let bytes = head.save();
            let mut loaded = head::load(&bytes).expect("it was saved");
            assert_eq!(loaded.save(), bytes);
            assert_eq!((loaded.kind(), loaded.dim()), (head.kind(), head.dim()));
            assert_eq!(loaded.classes(), head.classes());
            let wanted = all_scores(head.as_ref(), &queries(4));
            assert_agree(Agree::Bits, &all_scores(loaded.as_ref(), &queries(4)), &wanted);
            assert_eq!(loaded.leave_one_out(), head.leave_one_out());
            let more = taught(80, 1, &source.feature(1));
            for head in [&mut head, &mut loaded] {
                learn(head.as_mut(), &more);
                let again = head.learn(more.id, more.class, &more.feature);
                assert_eq!(again, Err(HeadError::ExampleExists(more.id)));
            }
            let wanted = all_scores(head.as_ref(), &queries(4));
            assert_agree(Agree::Bits, &all_scores(loaded.as_ref(), &queries(4)), &wanted);
        }
    });
}

#[test]
fn the_same_calls_give_the_same_bytes() {
    every_kind(|kind| {
        let run = || {
            let mut source = Source::new(17);
            let mut head = with(kind, 3, &source.examples(1, 5, 3));
            score(head.as_ref(), &source.feature(0));
            learn(head.as_mut(), &taught(90, 0, &source.feature(0)));
            score(head.as_ref(), &source.feature(1));
            head.save()
        };
        assert_eq!(run(), run());
    });
}

#[test]
fn damaged_bytes_of_a_head_never_panic() {
    every_kind(|kind| {
        let mut method = kind.method;
        if let Method::Mlp(settings) = &mut method {
            // Small, so that every byte can be tried.
            *settings = MlpConfig { hidden: 3, ..*settings };
        }
        let centre = Some(vec![0.5; 5]);
        let scaling = FeatureScaling { centre, unit_length: true };
        let mut head = head::new(&HeadConfig { method, scaling }, 5).expect("valid settings");
        let mut source = Source::new(20);
        (0..3).for_each(|class| head.add_class(ClassId(class)).expect("new"));
        for id in 1..=6 {
            let feature: Vec<f32> = (0..5).map(|_| source.value()).collect();
            head.learn(ExampleId(id), ClassId(id as u32 % 2), &feature).expect("a valid example");
        }
        head.score(&[0.3; 5]).expect("a valid feature");
        let good = head.save();
        let mut refused = 0;
        let mut use_it = |bytes: &[u8]| match head::load(bytes) {
            Err(HeadError::Damaged(_)) => refused += 1,
            Err(other) => panic!("{other}"),
            Ok(mut head) => {
                if head.dim() != 5 {
                    assert!(head.score(&[0.3; 5]).is_err());
                    return;
                }
                // It may be another head now, but it still is one.
                let scores = head.score(&[0.3; 5]).expect("a valid feature");
                assert!(!scores.iter().any(|score| score.is_nan()), "{scores:?}");
                head.leave_one_out();
                head.save();
                if let Some(&class) = head.classes().first() {
                    let _ = head.learn(ExampleId(70), class, &[0.1; 5]);
                    let _ = head.forget(ExampleId(2), class, &[0.1; 5]);
                    let _ = head.score(&[0.3; 5]);
                    let _ = head.remove_class(class);
                }
            }
        };
        for len in 0..good.len() {
            use_it(&good[..len]);
        }
        for at in 0..good.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[at] ^= flip;
                use_it(&bytes);
            }
        }
        assert!(refused >= good.len(), "no truncation is a head");
    });
}
