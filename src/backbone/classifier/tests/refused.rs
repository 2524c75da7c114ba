//! What is no classifier of features, and what is none any more.

use tract_onnx::pb::tensor_proto::DataLocation;

use super::*;

#[test]
fn what_is_no_classifier_of_features_is_refused_by_name() {
    let layer = |words: &str| node(words, &[integer("transB", 1)]);
    let last = || layer("Gemm x rows bias = y");
    let cases: Vec<(Vec<NodeProto>, &str)> = vec![
        (
            vec![node("Conv x rows = y", &[])],
            "operator Conv (node y): wanted a classifier of features",
        ),
        (
            vec![layer("Gemm x rows bias = a"), node("Gelu a = y", &[])],
            "operator Gelu (node y): wanted",
        ),
        (
            vec![node("Relu x = a", &[]), layer("Gemm a rows bias = y")],
            "operator Relu (node a): wanted",
        ),
        (
            vec![layer("Gemm x rows bias = a"), node("Relu a = b", &[]), node("Add a b = y", &[])],
            "operator Add (node y): it reads",
        ),
        (vec![layer("Gemm x rows bias = a"), node("Relu a = y", &[])], "no score of a layer"),
        (vec![node("Identity x = y", &[])], "no score of a layer"),
        (
            vec![layer("Gemm x rows bias = a"), node("Softmax a = y", &[integer("axis", 0)])],
            "its axis is 0, wanted that of the classes, -1",
        ),
        (
            vec![
                layer("Gemm x rows bias = a"),
                node("Softmax a = b", &[]),
                layer("Gemm b rows = y"),
            ],
            "it reads 2 values, and there are 3",
        ),
        (
            vec![
                layer("Gemm x rows bias = a"),
                node("Softmax a = b", &[]),
                node("Add b bias = y", &[]),
            ],
            "it changes the probabilities",
        ),
        (vec![layer("Gemm x columns = y")], "it reads 3 values, and there are 2"),
        (vec![layer("Gemm x bias = y")], "bias has the shape [3], wanted weights of two axes"),
        (vec![node("MatMul rows x = y", &[])], "operator MatMul (node y): wanted"),
        (vec![node("Add x bias = a", &[]), layer("Gemm a rows = y")], "there are 2"),
        (
            vec![node("LinearClassifier x = l y", &[reals("coefficients", &[1.0; 5])])],
            "5 coefficients and 0 intercepts for 0 classes",
        ),
        (
            vec![node(
                "LinearClassifier x = l y",
                &[
                    reals("coefficients", &[1.0; 4]),
                    strings("classlabels_strings", &["a", "b"]),
                    string("post_transform", "PROBIT"),
                ],
            )],
            "post_transform is PROBIT",
        ),
        (
            vec![
                node("Scaler x = a", &[reals("scale", &[f32::INFINITY]), reals("offset", &[0.0])]),
                layer("Gemm a rows = y"),
            ],
            "not finite",
        ),
    ];
    for (nodes, wanted) in cases {
        let refused = File::new(&nodes, &stored()).refused();
        assert!(refused.starts_with("head.onnx: ") && refused.contains(wanted), "{refused}");
    }
    let mut domain = File::new(&[last()], &stored());
    domain.graph().node[0].domain = "com.example".to_owned();
    assert!(domain.refused().contains("operator Gemm (node y): wanted"));
}

#[test]
fn inputs_that_are_no_feature_are_refused() {
    let layer = || node("Gemm x rows bias = y", &[integer("transB", 1)]);
    let mut file = File::new(&[layer()], &stored());
    for (axes, wanted) in [
        (&[1, 3, 224, 224][..], "its input is [1, 3, 224, 224], an image, or another map; wanted"),
        (&[0, 3, 0, 0], "its input is [any, 3, any, any]"),
        (&[0, 5], "it reads 2 values, and there are 5"),
    ] {
        file.graph().input = vec![info("x", axes)];
        let refused = file.refused();
        assert!(refused.contains(wanted), "{refused}");
    }
    file.0.metadata_props.push(StringStringEntryProto {
        key: "fieldtune.classes".to_owned(),
        value: "[]".to_owned(),
    });
    file.graph().input = vec![info("x", &[1, 3, 224, 224])];
    let refused = file.refused();
    assert!(refused.ends_with("next: fieldtune export head.npz, of the same store"), "{refused}");
    for axes in [&[1, 2, 1, 1][..], &[2], &[8, 2], &[]] {
        file.graph().input = vec![info("x", axes)];
        file.read().expect("one axis is that of the values");
    }
    file.graph().input.push(info("z", &[0, 2]));
    assert!(file.refused().contains("wanted one input, a feature; got 2 (x, z)"));
}

#[test]
fn damaged_and_hostile_files_are_refused() {
    let layer = || node("Gemm x rows bias = y", &[integer("transB", 1)]);
    let with = |change: &dyn Fn(&mut TensorProto)| {
        let mut file = File::new(&[layer()], &stored());
        change(&mut file.graph().initializer[0]);
        file.refused()
    };
    for (refused, wanted) in [
        (with(&|t| t.dims = vec![2, 1 << 30]), "wants 2147483648 values, the file has 6"),
        (with(&|t| t.dims = vec![1 << 40, 1 << 40]), "is not one"),
        (with(&|t| t.dims = vec![-3, 2]), "has the shape [-3, 2], wanted weights"),
        (with(&|t| t.dims = vec![0, 2]), "wants 0 values, the file has 6"),
        (with(&|t| t.raw_data.truncate(5)), "wants 6 values, the file has 2"),
        (with(&|t| t.raw_data[..4].fill(0xff)), "its value 0 is NaN"),
        (with(&|t| t.data_type = DataType::String as i32), "String is not supported"),
        (
            with(&|t| {
                t.data_location = Some(DataLocation::External as i32);
                t.external_data = vec![StringStringEntryProto {
                    key: "location".to_owned(),
                    value: "head.onnx.data".to_owned(),
                }];
            }),
            "in the file head.onnx.data, which is not there",
        ),
    ] {
        assert!(refused.starts_with("head.onnx: ") && refused.contains(wanted), "{refused}");
    }
    let whole = File::new(&[layer()], &stored()).0.encode_to_vec();
    let parse = |bytes: &[u8]| ClassifierLayers::parse(bytes, "head.onnx");
    // Behind the graph only the versions of the operators follow, two fields; without them a file is whole, too.
    let cut: Vec<_> = (0..whole.len()).map(|length| parse(&whole[..length])).collect();
    assert!(cut.iter().filter(|cut| cut.is_ok()).count() <= 2);
    for error in cut.into_iter().filter_map(Result::err) {
        assert!(error.to_string().starts_with("head.onnx: "), "{error}");
    }
    for (bytes, wanted) in [
        (&b""[..], "the file is empty (0 bytes)"),
        (
            b"\x80\x04\x95",
            "this is a pickle, as older PyTorch saves weights (.pt, .pth)\n  next: export the classifier",
        ),
        (b"<html>", "this is a web page"),
        (&[0; 64], "it has only zero bytes"),
    ] {
        let refused = parse(bytes).expect_err("it is another file").to_string();
        assert!(refused.contains(wanted), "{refused}");
    }
    // Any byte may be wrong: what is read then is a classifier, or nothing is.
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut wrong = whole.clone();
            wrong[at] ^= 1 << bit;
            if let Ok(read) = parse(&wrong) {
                let values =
                    read.layers.iter().flat_map(|(weights, bias)| weights.iter().chain(bias));
                assert!(values.clone().all(|value| value.is_finite()) && values.count() > 0);
            }
        }
    }
}

/// 6000 outputs of 6000 values by way of one are 36 million weights, put together.
#[test]
fn too_many_layers_weights_operators_and_outputs_are_refused() {
    let one = floats("one", &[1, 1], &[1.0]);
    let mut nodes = Vec::new();
    for at in 0..17 {
        let read = if at == 0 { "x".to_owned() } else { format!("r{}", at - 1) };
        nodes.push(node(&format!("MatMul {read} one = a{at}"), &[]));
        nodes.push(node(&format!("Relu a{at} = r{at}"), &[]));
    }
    let mut layers = File::new(&nodes, std::slice::from_ref(&one));
    layers.graph().input = vec![info("x", &[0, 1])];
    layers.graph().output = vec![info("a15", &[])];
    assert_eq!(layers.read().expect("16 layers").layers.len(), 16);
    layers.graph().output = vec![info("a16", &[])];
    assert!(layers.refused().contains("wanted at most 33554432 weights in at most 16 layers"));

    let many =
        [floats("narrow", &[6000, 1], &[1.0; 6000]), floats("wide", &[1, 6000], &[1.0; 6000])];
    let nodes = [node("MatMul x narrow = a", &[]), node("MatMul a wide = y", &[])];
    let mut wide = File::new(&nodes, &many);
    wide.graph().input = vec![info("x", &[0, 6000])];
    assert!(wide.refused().contains("wanted at most 33554432 weights"));

    let identity = |at: usize| {
        let read = if at == 0 { "x".to_owned() } else { format!("i{}", at - 1) };
        node(&format!("Identity {read} = i{at}"), &[])
    };
    let mut nodes: Vec<NodeProto> = (0..255).map(identity).collect();
    let layer = |of: &str| node(&format!("Gemm {of} rows bias = y"), &[integer("transB", 1)]);
    nodes.push(layer("i254"));
    File::new(&nodes, &stored()).read().expect("256 operators");
    nodes[255] = identity(255);
    nodes.push(layer("i255"));
    assert!(File::new(&nodes, &stored()).refused().contains("it has 257 operators"));

    let mut outputs = File::new(&[layer("x")], &stored());
    outputs.graph().output = vec![info("y", &[]); 9];
    assert!(outputs.refused().contains("it has 9 outputs, wanted at most 8"));
}
