//! As scikit-learn's classifiers are written: one score of two classes, labels beside probabilities, names.

use super::*;

/// One score s, of scikit-learn or of `nn.Linear(2, 1)`, is -s / 2 and s / 2 here: by a softmax 1 / (1 + exp(-s)).
#[test]
fn one_score_becomes_those_of_two_classes() {
    let stored = [
        floats("w", &[1, 2], &[2.0, -4.0]),
        floats("b", &[1], &[1.0]),
        floats("one", &[], &[1.0]),
        integers("second", &[1]),
    ];
    let layer = |given: &str| node(&format!("Gemm x w b = {given}"), &[integer("transB", 1)]);
    let learned = |curve: &str| {
        let attributes = [
            reals("coefficients", &[-2.0, 4.0, 2.0, -4.0]),
            reals("intercepts", &[-1.0, 1.0]),
            strings("classlabels_strings", &["bad", "good"]),
            string("post_transform", curve),
        ];
        node("LinearClassifier x = label s", &attributes)
    };
    let cases = [
        vec![layer("y")],
        vec![layer("s"), node("Sigmoid s = y", &[])],
        // As scikit-learn's MLPClassifier is written.
        vec![
            layer("s"),
            node("Sigmoid s = p", &[]),
            node("Sub one p = q", &[]),
            node("Concat q p = y", &[integer("axis", 1)]),
        ],
        vec![learned("LOGISTIC"), node("ZipMap s = y", &[])],
        vec![learned("NONE"), node("Identity s = y", &[])],
        vec![learned("NONE"), node("ArrayFeatureExtractor s second = y", &[])],
        vec![
            learned("LOGISTIC"),
            node("Abs s = a", &[]),
            node("ReduceSum a second = t", &[integer("keepdims", 1)]),
            node("Div s t = y", &[]),
        ],
    ];
    for nodes in cases {
        let wanted = (array![[-1.0, 2.0], [1.0, -2.0]], array![-0.5, 0.5]);
        let read = assert_layers(&File::new(&nodes, &stored), &[wanted]);
        assert_eq!(read.curve, ScoreCurve::Softmax);
    }
    // As the format has it, a softmax of both is another thing.
    let both = vec![learned("SOFTMAX"), node("Identity s = y", &[])];
    let wanted = (array![[-2.0, 4.0], [2.0, -4.0]], array![-1.0, 1.0]);
    assert_layers(&File::new(&both, &stored), &[wanted]);
    let single = [layer("s"), node("Softmax s = y", &[])];
    let refused = File::new(&single, &stored).refused();
    assert!(refused.contains("a Softmax of one score"), "{refused}");
}

#[test]
fn probabilities_are_looked_for_among_the_outputs() {
    let labels = strings("classlabels_strings", &["a", "b", "c"]);
    let learned = [
        reals("coefficients", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        reals("intercepts", &[0.5, 0.0, -1.0]),
        labels.clone(),
        string("post_transform", "LOGISTIC"),
    ];
    let nodes = [
        node("LinearClassifier x = l s", &learned),
        node("Cast l = label", &[integer("to", 7)]),
        node("Normalizer s = p", &[string("norm", "L1")]),
        node("ZipMap p = y", &[labels]),
    ];
    let mut file = File::new(&nodes, &[]);
    file.graph().output.insert(0, info("label", &[]));
    let read = assert_layers(&file, &[(weights(), array![0.5, 0.0, -1.0])]);
    assert_eq!(read.curve, ScoreCurve::SigmoidShares);
    assert_eq!(read.classes, ["a", "b", "c"]);
    // Scores and probabilities: the latter say what becomes of the former.
    let nodes = [
        node("Gemm x rows bias = s", &[integer("transB", 1)]),
        node("Sigmoid s = y", &[]),
        node("ArgMax s = label", &[]),
    ];
    let mut file = File::new(&nodes, &stored());
    file.graph().output.splice(0..0, [info("label", &[]), info("s", &[])]);
    assert_eq!(file.read().expect("it is right").curve, ScoreCurve::Sigmoid);
    file.graph().output.truncate(1);
    assert!(file.refused().contains("wanted scores of all classes"));
}

#[test]
fn names_of_the_metadata_come_before_labels() {
    let learned = |labels| {
        let weights = [
            reals("coefficients", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
            reals("intercepts", &[0.5, 0.0, -1.0]),
            labels,
        ];
        let mut file = File::new(&[node("LinearClassifier x = l y", &weights)], &[]);
        file.graph().output[0].name = "y".to_owned();
        file
    };
    let numbered = || AttributeProto { ints: vec![1, 3, 7], ..attribute("classlabels_ints") };
    let read = learned(numbered()).read().expect("it is right");
    assert!(read.classes.is_empty() && read.numbers == [1, 3, 7], "{read:?}");
    for (key, value) in [("names", "{0: 'x', 1: 'y', 2: 'z'}"), ("classes", "x, y, z")] {
        let mut file = learned(strings("classlabels_strings", &["a", "b", "c"]));
        let (key, value) = (key.to_owned(), value.to_owned());
        file.0.metadata_props.push(StringStringEntryProto { key, value });
        let read = file.read().expect("it is right");
        assert!(read.classes == ["x", "y", "z"] && read.numbers.is_empty(), "{read:?}");
    }
}
