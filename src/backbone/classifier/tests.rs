//! Files as exporters write them, built here; the numbers are worked out by hand.

use ndarray::{Array1, Array2, array};
use prost::Message as _;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value as Axis};
use tract_onnx::pb::type_proto;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
};

use super::*;

mod learned;
mod refused;

const FLOAT: i32 = DataType::Float as i32;

fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: FLOAT,
        raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        ..TensorProto::default()
    }
}

fn integers(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: vec![values.len() as i64],
        data_type: DataType::Int64 as i32,
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}

fn attribute(name: &str) -> AttributeProto {
    AttributeProto { name: name.to_owned(), ..AttributeProto::default() }
}

fn integer(name: &str, i: i64) -> AttributeProto {
    AttributeProto { i, r#type: AttributeType::Int as i32, ..attribute(name) }
}

fn real(name: &str, f: f32) -> AttributeProto {
    AttributeProto { f, r#type: AttributeType::Float as i32, ..attribute(name) }
}

fn reals(name: &str, floats: &[f32]) -> AttributeProto {
    AttributeProto {
        floats: floats.to_vec(),
        r#type: AttributeType::Floats as i32,
        ..attribute(name)
    }
}

fn string(name: &str, s: &str) -> AttributeProto {
    AttributeProto {
        s: s.as_bytes().to_vec(),
        r#type: AttributeType::String as i32,
        ..attribute(name)
    }
}

fn strings(name: &str, strings: &[&str]) -> AttributeProto {
    AttributeProto {
        strings: strings.iter().map(|string| string.as_bytes().to_vec()).collect(),
        r#type: AttributeType::Strings as i32,
        ..attribute(name)
    }
}

/// * `words`: the operator, what it reads, `=`, what it gives.
fn node(words: &str, attribute: &[AttributeProto]) -> NodeProto {
    let (read, given) = words.split_once('=').expect("what it gives");
    let mut read = read.split_whitespace();
    let op = read.next().expect("an operator").to_owned();
    let learned = ["LinearClassifier", "Scaler", "Normalizer", "ZipMap", "ArrayFeatureExtractor"];
    NodeProto {
        domain: if learned.contains(&&*op) { "ai.onnx.ml".to_owned() } else { String::new() },
        op_type: op,
        input: read.map(str::to_owned).collect(),
        output: given.split_whitespace().map(str::to_owned).collect(),
        attribute: attribute.to_vec(),
        ..NodeProto::default()
    }
}

fn info(name: &str, axes: &[i64]) -> ValueInfoProto {
    let axis = |&axis: &i64| Dimension {
        value: (axis > 0).then_some(Axis::DimValue(axis)),
        ..Dimension::default()
    };
    let shape = Some(TensorShapeProto { dim: axes.iter().map(axis).collect() });
    let value = Some(type_proto::Value::TensorType(type_proto::Tensor { elem_type: FLOAT, shape }));
    let r#type = Some(TypeProto { value, ..TypeProto::default() });
    ValueInfoProto { name: name.to_owned(), r#type, ..ValueInfoProto::default() }
}

/// A file that reads `x` and gives `y`.
struct File(ModelProto);

impl File {
    fn new(nodes: &[NodeProto], weights: &[TensorProto]) -> Self {
        let graph = GraphProto {
            name: "head".to_owned(),
            node: nodes.to_vec(),
            initializer: weights.to_vec(),
            input: vec![info("x", &[0, 2])],
            output: vec![info("y", &[])],
            ..GraphProto::default()
        };
        let opset =
            |domain: &str, version| OperatorSetIdProto { domain: domain.to_owned(), version };
        let opset_import = vec![opset("", 17), opset("ai.onnx.ml", 1)];
        Self(ModelProto { ir_version: 8, opset_import, graph: Some(graph), ..Default::default() })
    }

    fn graph(&mut self) -> &mut GraphProto {
        self.0.graph.get_or_insert_default()
    }

    fn read(&self) -> Result<ClassifierLayers, BackboneError> {
        ClassifierLayers::parse(&self.0.encode_to_vec(), "head.onnx")
    }

    fn refused(&self) -> String {
        self.read().expect_err("it has to be refused").to_string()
    }
}

/// Three classes of two values.
fn weights() -> Array2<f32> {
    array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
}

/// The weights as rows, and as columns; the bias.
fn stored() -> Vec<TensorProto> {
    vec![
        floats("rows", &[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        floats("columns", &[2, 3], &[1.0, 3.0, 5.0, 2.0, 4.0, 6.0]),
        floats("bias", &[3], &[0.5, 0.0, -1.0]),
        floats("twice", &[3], &[1.0, 0.0, -2.0]),
        floats("half", &[3, 2], &[0.5, 1.0, 1.5, 2.0, 2.5, 3.0]),
        floats("zero", &[], &[0.0]),
        integers("flat", &[-1, 2]),
    ]
}

#[track_caller]
fn assert_layers(file: &File, wanted: &[(Array2<f32>, Array1<f32>)]) -> ClassifierLayers {
    let read = file.read().expect("it is right");
    let near = |a: &f32, b: &f32| (a - b).abs() < 1e-6;
    assert_eq!(read.layers.len(), wanted.len());
    for ((weights, bias), (wanted, wanted_bias)) in read.layers.iter().zip(wanted) {
        assert!(
            weights.dim() == wanted.dim()
                && weights.iter().zip(wanted).all(|(a, b)| near(a, b))
                && bias.iter().zip(wanted_bias).all(|(a, b)| near(a, b)),
            "{read:?}"
        );
    }
    read
}

#[test]
fn a_layer_is_read_however_it_is_written() {
    let turned = || integer("transB", 1);
    let constant = AttributeProto {
        t: Some(stored().remove(2)),
        r#type: AttributeType::Tensor as i32,
        ..attribute("value")
    };
    let training = AttributeProto {
        t: Some(TensorProto {
            data_type: DataType::Bool as i32,
            int32_data: vec![0],
            ..TensorProto::default()
        }),
        r#type: AttributeType::Tensor as i32,
        ..attribute("value")
    };
    let cases: Vec<(&str, Vec<NodeProto>, ScoreCurve)> = vec![
        ("torch", vec![node("Gemm x rows bias = y", &[turned()])], ScoreCurve::Softmax),
        ("columns", vec![node("Gemm x columns bias = y", &[])], ScoreCurve::Softmax),
        (
            "alpha and beta",
            vec![node("Gemm x half twice = y", &[real("alpha", 2.0), real("beta", 0.5), turned()])],
            ScoreCurve::Softmax,
        ),
        (
            "MatMul and Add",
            vec![node("MatMul x columns = a", &[]), node("Add a bias = y", &[])],
            ScoreCurve::Softmax,
        ),
        (
            "a Transpose that was not folded, the bias first",
            vec![
                node("Transpose rows = t", &[]),
                node("Constant = b", &[constant]),
                node("MatMul x t = a", &[]),
                node("Add b a = s", &[]),
                node("Sigmoid s = y", &[]),
            ],
            ScoreCurve::Sigmoid,
        ),
        (
            "what changes nothing",
            vec![
                node("Flatten x = a", &[]),
                node("Reshape a flat = b", &[]),
                node("Cast b = c", &[integer("to", FLOAT.into())]),
                node("Constant = training", &[training]),
                node("Dropout c zero training = d", &[]),
                node("Identity d = e", &[]),
                node("Gemm e rows bias = f", &[turned()]),
                node("Unsqueeze f flat = g", &[]),
                node("Squeeze g flat = h", &[]),
                node("LogSoftmax h = y", &[integer("axis", -1)]),
            ],
            ScoreCurve::Softmax,
        ),
    ];
    for (name, nodes, curve) in cases {
        let read =
            assert_layers(&File::new(&nodes, &stored()), &[(weights(), array![0.5, 0.0, -1.0])]);
        let is_plain = read.centre.is_none() && !read.unit_length;
        assert!(read.curve == curve && is_plain, "{name}: {read:?}");
    }
}

#[test]
fn weights_of_double_and_half_precision_are_read() {
    let mut double = floats("rows", &[3, 2], &[]);
    double.data_type = DataType::Double as i32;
    double.double_data = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let mut half = floats("bias", &[3], &[]);
    half.data_type = DataType::Float16 as i32;
    // 0.5, 0 and -1 in binary16.
    half.int32_data = vec![0x3800, 0, 0xbc00];
    let nodes = [
        node("Cast half = bias", &[integer("to", FLOAT.into())]),
        node("Gemm x rows bias = y", &[integer("transB", 1)]),
    ];
    half.name = "half".to_owned();
    let file = File::new(&nodes, &[double.clone(), half]);
    assert_layers(&file, &[(weights(), array![0.5, 0.0, -1.0])]);
    double.double_data[3] = f64::NAN;
    let refused = File::new(&nodes[1..], &[double.clone(), stored().remove(2)]).refused();
    assert!(refused.contains("rows: its value 3 is NaN, wanted a finite number"), "{refused}");
}

/// With W = [[1, 2], [3, 4], [5, 6]]: W ((x - m) / 2) = (W / 2) x - W m / 2, for m = (1, -1) plus (0.5, 0.5, 0.5). Of the
/// batch: 3 (x - m) / sqrt(v + 0), v = 4 and 9, plus 1: scales 1.5 and 1, offsets 1 - 1.5 = -0.5 and 1 + 1 = 2; W (-0.5, 2) =
/// (3.5, 6.5, 9.5). Scores by 10: W and bias ten times.
#[test]
fn what_moves_and_scales_a_feature_goes_into_its_layer() {
    let mut stored = stored();
    stored.extend([
        floats("mean", &[1, 2], &[1.0, -1.0]),
        floats("two", &[], &[2.0]),
        floats("three", &[2], &[3.0, 3.0]),
        floats("one", &[2], &[1.0, 1.0]),
        floats("variance", &[2], &[4.0, 9.0]),
        floats("ten", &[1], &[10.0]),
    ]);
    let layer = |words: &str| node(words, &[integer("transB", 1)]);
    let halves = (weights() / 2.0, array![0.5, 0.5, 0.5]);
    let file = [node("Sub x mean = a", &[]), node("Div a two = b", &[]), layer("Gemm b rows = y")];
    assert_layers(&File::new(&file, &stored), std::slice::from_ref(&halves));
    let scaler = [
        node("Scaler x = a", &[reals("offset", &[1.0, -1.0]), reals("scale", &[0.5, 0.5])]),
        layer("Gemm a rows = y"),
    ];
    assert_layers(&File::new(&scaler, &stored), &[halves]);
    let batch = [
        node("BatchNormalization x three one mean variance = a", &[real("epsilon", 0.0)]),
        layer("Gemm a rows = s"),
        node("Mul ten s = y", &[]),
    ];
    stored[7].dims = vec![2];
    let scaled = weights() * array![[15.0, 10.0]];
    assert_layers(&File::new(&batch, &stored), &[(scaled, array![35.0, 65.0, 95.0])]);
}

/// [[1, 1], [0, 2]] [[1, 2], [3, 4]] = [[4, 6], [6, 8]], and the bias [[1, 1], [0, 2]] (1, -1) + (0, 3) = (0, 1).
#[test]
fn layers_stay_apart_only_where_a_relu_is_between() {
    let stored = [
        floats("first", &[2, 2], &[1.0, 2.0, 3.0, 4.0]),
        floats("first.bias", &[2], &[1.0, -1.0]),
        floats("second", &[2, 2], &[1.0, 1.0, 0.0, 2.0]),
        floats("second.bias", &[2], &[0.0, 3.0]),
    ];
    let layer = |words: &str| node(words, &[integer("transB", 1)]);
    let (first, second) = (layer("Gemm x first first.bias = a"), "second second.bias = y");
    let apart = [first.clone(), node("Relu a = b", &[]), layer(&format!("Gemm b {second}"))];
    let wanted = [
        (array![[1.0, 2.0], [3.0, 4.0]], array![1.0, -1.0]),
        (array![[1.0, 1.0], [0.0, 2.0]], array![0.0, 3.0]),
    ];
    assert_layers(&File::new(&apart, &stored), &wanted);
    let one = [first, layer(&format!("Gemm a {second}"))];
    let wanted = [(array![[4.0, 6.0], [6.0, 8.0]], array![0.0, 1.0])];
    assert_layers(&File::new(&one, &stored), &wanted);
}

#[test]
fn centring_and_length_one_in_front_are_kept() {
    let mut stored = stored();
    stored.extend([floats("centre", &[2], &[0.5, -2.0]), floats("tiny", &[], &[1e-12])]);
    let behind = |of: &str| node(&format!("Gemm {of} rows bias = y"), &[integer("transB", 1)]);
    let torch = |of: &str| {
        vec![
            node(
                &format!("ReduceL2 {of} = n"),
                &[AttributeProto { ints: vec![-1], ..attribute("axes") }],
            ),
            node("Clip n tiny = m", &[]),
            node(&format!("Shape {of} = s"), &[]),
            node("Expand m s = e", &[]),
            node(&format!("Div {of} e = u"), &[]),
        ]
    };
    let centred = [&[node("Sub x centre = c", &[])], &torch("c")[..], &[behind("u")]].concat();
    let cases = [
        [torch("x"), vec![behind("u")]].concat(),
        centred,
        vec![node("LpNormalization x = u", &[]), behind("u")],
        vec![
            node("ReduceSumSquare x = q", &[]),
            node("Sqrt q = n", &[]),
            node("Div x n = u", &[]),
            behind("u"),
        ],
        vec![node("Normalizer x = u", &[string("norm", "L2")]), behind("u")],
    ];
    for (at, nodes) in cases.iter().enumerate() {
        let file = File::new(nodes, &stored);
        let read = assert_layers(&file, &[(weights(), array![0.5, 0.0, -1.0])]);
        assert!(read.unit_length, "{at}");
        assert_eq!(read.centre, (at == 1).then(|| array![0.5, -2.0]), "{at}");
    }
    stored.push(floats("large", &[], &[1.0]));
    let mut large = cases[0].clone();
    large[1] = node("Clip n large = m", &[]);
    let refused = File::new(&large, &stored).refused();
    assert!(refused.contains("operator Clip (node m): it adds 1 to a length"), "{refused}");
}
