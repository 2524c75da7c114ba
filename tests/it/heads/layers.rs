//! A head as layers gives the scores of the head, less their mean.

use fieldtune::learn::head::{self, ClassId, FeatureScaling, HeadConfig, HeadKind, Layers};

use super::kinds::{DIM, Kind, NEAR, Source, assert_agree, config, every_kind, learn_all, queries};

/// What is left when all have the same taken off.
fn less_the_mean(scores: Vec<f32>) -> Vec<f32> {
    let sum: f64 = scores.iter().map(|&score| f64::from(score)).sum();
    let mean = sum / scores.len() as f64;
    scores.into_iter().map(|score| (f64::from(score) - mean) as f32).collect()
}

/// Scores by the head and by its layers, the classes without examples left out of both.
fn assert_same_scores(head: &dyn head::Head, layers: &Layers, queries: &[Vec<f32>]) {
    let place = |class: &ClassId| head.classes().iter().position(|other| other == class);
    let places: Vec<usize> = layers.classes.iter().filter_map(place).collect();
    let (mut by_head, mut by_layers) = (Vec::new(), Vec::new());
    for query in queries {
        let scores = head.score(query).expect("a valid feature");
        assert_eq!(scores.iter().filter(|score| score.is_finite()).count(), places.len());
        by_head.push(less_the_mean(places.iter().map(|&place| scores[place]).collect()));
        by_layers.push(layers.apply(query).expect("a valid feature"));
    }
    assert_agree(NEAR, &by_layers, &by_head);
}

/// With and without a centre and a length of one.
fn configs(kind: &Kind) -> Vec<HeadConfig> {
    let usual = config(kind);
    let scaled = |centre, unit_length| HeadConfig {
        scaling: FeatureScaling { centre, unit_length },
        ..usual.clone()
    };
    let centre = usual.scaling.centre.clone();
    vec![usual.clone(), scaled(centre, false), scaled(None, true), scaled(None, false)]
}

#[test]
fn layers_give_the_scores_of_the_head() {
    every_kind(|kind| {
        for config in configs(kind) {
            // Fewer examples than values and more; classes 1 and 4 have none.
            for per_class in [1, 3, 20] {
                let mut head = head::new(&config, DIM).expect("valid settings");
                (0..5).for_each(|class| head.add_class(ClassId(class)).expect("new"));
                let mut all = Source::new(3).examples(1, per_class, 4);
                all.retain(|one| one.class != ClassId(1));
                learn_all(head.as_mut(), &all);
                let Some(layers) = head.layers() else {
                    assert_eq!(head.kind(), HeadKind::Knn);
                    continue;
                };
                assert_eq!(layers.classes, [0, 2, 3].map(ClassId));
                let mut queries = queries(5);
                queries.push(vec![0.0; DIM]);
                queries.extend(config.scaling.centre.clone());
                assert_same_scores(head.as_ref(), &layers, &queries);
            }
        }
    });
}

#[test]
fn a_head_without_examples_has_layers_without_classes() {
    every_kind(|kind| {
        let mut head = head::new(&config(kind), DIM).expect("valid settings");
        head.add_class(ClassId(7)).expect("new");
        if let Some(layers) = head.layers() {
            assert_eq!(layers.classes, []);
            assert_eq!(layers.apply(&[1.0; DIM]), Ok(Vec::new()));
        }
    });
}
