use super::*;

fn head(shrinkage: f32) -> Slda {
    let method = Method::Slda { shrinkage, update: SldaUpdate::Exact };
    let scaling = super::super::FeatureScaling { centre: None, unit_length: false };
    let mut head = Slda::new(&HeadConfig { method, scaling }, 2).expect("valid settings");
    (0..2).for_each(|class| head.add_class(ClassId(class)).expect("new"));
    head
}

fn learn(head: &mut Slda, id: u64, class: u32, feature: [f32; 2]) {
    head.learn(ExampleId(id), ClassId(class), &feature).expect("a valid example");
}

#[test]
fn the_scatter_is_that_of_the_definition() {
    let mut head = head(0.5);
    for (id, feature) in (1..).zip([[1.0, 0.0], [3.0, 0.0], [2.0, 3.0]]) {
        learn(&mut head, id, 0, feature);
    }
    learn(&mut head, 9, 1, [50.0, 50.0]);
    // Around (2, 1): 1 + 1 + 0; 0; 1 + 1 + 4.
    for (got, wanted) in head.scatter.values().iter().zip([2.0, 0.0, 6.0]) {
        assert!((got - wanted).abs() < 1e-12, "{:?}", head.scatter);
    }
}

#[test]
fn what_is_emptied_is_exactly_zero() {
    let mut head = head(0.5);
    learn(&mut head, 9, 1, [0.3, 0.1]);
    // Sums of these are rounded, so taking all off again would leave something.
    let features = [[3.0, 0.3], [0.7, 0.9], [1e-9, 0.6]];
    (1..).zip(features).for_each(|(id, feature)| learn(&mut head, id, 0, feature));
    assert!(head.scatter.trace() > 0.0);
    for (id, feature) in (1..).zip(features) {
        head.forget(ExampleId(id), ClassId(0), &feature).expect("it was learned");
        if id == 2 {
            assert_eq!(head.scatter.values(), [0.0; 3]);
        }
    }
    assert_eq!(head.learned[0].sum, [0.0; 2]);
    // With one example a class the nearest mean wins: z.m - |m|^2 / 2.
    let Weights { rows, halves, .. } = head.weights();
    assert!((dot(&[1.0, 1.0], &rows) - halves[0] - 0.35).abs() < 1e-6, "{rows:?} {halves:?}");
    let scores = head.score(&[1.0, 1.0]).expect("a valid feature");
    assert_eq!(scores, [f32::NEG_INFINITY, 0.0], "the only one is the mean");
}

#[test]
fn a_scatter_that_rounding_has_spoilt_leaves_the_trace() {
    let mut head = head(0.01);
    learn(&mut head, 1, 0, [1.0, 0.0]);
    learn(&mut head, 2, 1, [0.0, 1.0]);
    learn(&mut head, 3, 1, [0.0, 3.0]);
    head.scatter = Scatter::from_saved(2, vec![1.0, 2.0, 1.0]).expect("of the right length");
    head.weights.take();
    // tr S / d is (1 + 1) / 2 / 2.
    let scores = head.score(&[1.0, 0.0]).expect("a valid feature");
    assert_eq!(scores, [2.5, -2.5], "1 and -4, less their mean");
}

#[test]
fn features_whose_square_fills_the_memory_are_refused() {
    let config = HeadConfig::of(HeadKind::Slda);
    let refused = Slda::new(&config, MAX_DIM + 1).expect_err("too long").to_string();
    assert!(refused.contains("8192") && refused.contains("8191"), "{refused}");
}
