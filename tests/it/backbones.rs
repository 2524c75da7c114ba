//! Networks of every ending and of every fault, against what ONNX Runtime says of them; see `data/backbones.py`.
#![allow(clippy::unwrap_used, reason = "what a test prepares may fail the test")]

use std::fs;
use std::path::{Path, PathBuf};

use fieldtune::backbone::card::ModelCard;
use fieldtune::backbone::preprocess::{ChannelOrder, Fit, InputSpec, Layout, Norm};
use fieldtune::backbone::{
    Backbone, BackboneError, BackboneSpec, Classifier, Dense, Graph, Place, Pooling, Rounding, Tap,
    export,
};
use ndarray::Array4;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected<C> {
    tolerance: f32,
    cases: Vec<C>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    shape: [usize; 4],
    /// Where the feature must be found.
    tensor: Option<String>,
    multiply_accumulates: Option<u64>,
    #[serde(default)]
    taps: Vec<Tap>,
    feature: Vec<f32>,
}

#[derive(Deserialize)]
struct RealCase {
    file: String,
    shape: [usize; 4],
    tensor: String,
    dim: usize,
    largest: f32,
    every_16th: Vec<f32>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/backbones")
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(folder().join(format!("{name}.onnx"))).unwrap()
}

fn expected<C: for<'a> Deserialize<'a>>(file: &str) -> Expected<C> {
    serde_json::from_str(&fs::read_to_string(folder().join(file)).unwrap()).unwrap()
}

/// `reference.pattern` of the scripts.
fn pattern(shape: [usize; 4]) -> Array4<f32> {
    let values = (0..shape.iter().product()).map(|i: usize| (i * 7919 % 256) as f32 / 127.5 - 1.0);
    Array4::from_shape_vec(shape, values.collect()).unwrap()
}

fn spec(shape: [usize; 4], taps: &[Tap]) -> BackboneSpec {
    let (layout, [height, width]) = match shape {
        [_, height, width, 1 | 3] => (Layout::Nhwc, [height, width]),
        [_, _, height, width] => (Layout::Nchw, [height, width]),
    };
    let grey = shape[1] == 1 || shape[3] == 1;
    let (mean, scale) = Norm::Unit.mean_scale();
    let (width, height) = (width as u32, height as u32);
    let order = if grey { ChannelOrder::Grey } else { ChannelOrder::Rgb };
    let fit = Fit::Whole;
    let input = InputSpec { width, height, layout, order, mean, scale, fit, any_size: false };
    BackboneSpec { input, taps: taps.to_vec() }
}

/// The largest difference, as a part of the largest value.
fn difference(got: &[f32], wanted: &[f32]) -> f32 {
    let largest = wanted.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let apart = got.iter().zip(wanted).map(|(got, wanted)| (got - wanted).abs());
    apart.fold(0.0, f32::max) / largest
}

#[test]
fn features_of_every_network_equal_onnx_runtime_s() {
    let Expected { tolerance, cases } = expected::<Case>("expected.json");
    let mut wrong = Vec::new();
    for Case { name, shape, taps, feature, tensor, .. } in &cases {
        let taken = if taps.is_empty() { "detected" } else { "tapped" };
        let graph = Graph::parse(&bytes(name), name).unwrap();
        let found = graph.detect();
        if tensor.as_ref().is_some_and(|tensor| *tensor != found.tensor) {
            wrong.push(format!("{name}: wanted {tensor:?}, found {found:?}"));
        }
        let got = Backbone::from_graph(graph, &spec(*shape, taps))
            .and_then(|mut backbone| backbone.extract(pattern(*shape).view()));
        match got {
            Err(error) => wrong.push(format!("{name} ({taken}): {error}")),
            Ok(got) if got.len() != feature.len() => {
                wrong.push(format!(
                    "{name} ({taken}): {} values, not {}",
                    got.len(),
                    feature.len()
                ));
            }
            Ok(got) => {
                let apart = difference(&got, feature);
                println!("{name} ({taken}): {apart:.1e}");
                if apart > tolerance || apart.is_nan() {
                    wrong.push(format!("{name} ({taken}): differs by {apart:.1e}"));
                }
            }
        }
    }
    assert!(wrong.is_empty() && cases.len() > 15, "{}", wrong.join("\n"));
}

#[test]
fn real_networks_give_the_features_that_onnx_runtime_gives() {
    let Some(assets) = std::env::var_os("FIELDTUNE_ASSETS") else {
        println!("skipped: FIELDTUNE_ASSETS is not set");
        return;
    };
    let Expected { tolerance, cases } = expected::<RealCase>("real.json");
    for RealCase { file, shape, tensor, dim, largest, every_16th } in cases {
        let onnx = fs::read(Path::new(&assets).join("backbones").join(&file)).unwrap();
        let graph = Graph::parse(&onnx, &file).unwrap();
        let (declared, found) = (graph.input().unwrap(), graph.detect());
        let half = file.contains("fp16");
        assert_eq!((declared.size(), declared.half), (Some((224, 224)), half), "{file}");
        assert_eq!(found.tensor, tensor, "{file}");
        let mut backbone = Backbone::from_graph(graph, &spec(shape, &[])).unwrap();
        let feature = backbone.extract(pattern(shape).view()).unwrap();
        assert_eq!(feature.len(), dim, "{file}");
        let got: Vec<f32> = feature.iter().copied().step_by(16).collect();
        let apart = got.iter().zip(&every_16th).map(|(got, wanted)| (got - wanted).abs());
        let apart = apart.fold(0.0, f32::max) / largest;
        println!("{file}: {apart:.1e}");
        assert!(apart <= tolerance, "{file}: {apart:.1e}");
    }
}

#[test]
fn a_frame_gives_the_same_feature_every_time() {
    let spec = spec([1, 3, 16, 16], &[]);
    let mut backbone = Backbone::load(&bytes("gemm"), "gemm", &spec).unwrap();
    let first = backbone.extract(pattern([1, 3, 16, 16]).view()).unwrap();
    backbone.extract(Array4::ones((1, 3, 16, 16)).view()).unwrap();
    assert_eq!(backbone.extract(pattern([1, 3, 16, 16]).view()).unwrap(), first);
}

/// The built-in network at another size than its file declares, and a file that declares that size.
#[test]
fn a_network_of_convolutions_takes_any_size() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let onnx = fs::read(root.join("models/fieldtune-128.onnx")).unwrap();
    // Two axes of the input's shape, as the format has them: 128 each, then 224.
    let [declared, wanted] = [0x80, 0xe0].map(|low| [0x0a, 3, 8, low, 1, 0x0a, 3, 8, low, 1]);
    let places: Vec<_> = onnx.windows(10).enumerate().filter(|(_, w)| *w == declared).collect();
    let [(at, _)] = places[..] else { panic!("the shape is in it {} times", places.len()) };
    let mut changed = onnx.clone();
    changed[at..at + 10].copy_from_slice(&wanted);

    let shape = [1, 3, 224, 224];
    let taps = ModelCard::named("fieldtune-224").unwrap().spec.taps;
    let declared = spec(shape, &taps);
    let mut any = declared.clone();
    any.input.any_size = true;
    let feature = |onnx: &Vec<u8>, spec| {
        Backbone::load(onnx, "net", spec).unwrap().extract(pattern(shape).view()).unwrap()
    };
    assert_eq!(feature(&onnx, &any), feature(&changed, &declared));
    let refused = Backbone::load(&onnx, "net", &declared).unwrap_err().to_string();
    assert!(refused.contains("[1, 3, 128, 128]"), "{refused}");

    // One that holds a value for every place of its map.
    let mut tied = spec([1, 3, 32, 32], &[]);
    tied.input.any_size = true;
    let refused = Backbone::load(&bytes("class_token"), "token", &tied).unwrap_err().to_string();
    assert!(refused.contains("token"), "{refused}");
}

#[test]
fn a_survey_counts_work_and_names_maps_by_resolution() {
    for Case { name, shape, multiply_accumulates, feature, .. } in
        expected::<Case>("expected.json").cases
    {
        let Some(work) = multiply_accumulates else { continue };
        let graph = Graph::parse(&bytes(&name), &name).unwrap();
        let survey = graph.survey(&spec(shape, &[]).input).unwrap();
        assert_eq!(survey.multiply_accumulates, work, "{name}");
        let last = survey.candidates.last().unwrap();
        assert_eq!((last.place, last.channels), (Place::Penultimate, feature.len()), "{name}");
    }
    let survey = |name| {
        Graph::parse(&bytes(name), name).unwrap().survey(&spec([1, 3, 16, 16], &[]).input).unwrap()
    };
    let gemm = survey("gemm");
    let named: Vec<_> = gemm.candidates.iter().map(|c| (c.tensor.as_str(), c.channels)).collect();
    assert_eq!(named, [("relu3", 8), ("map", 12), ("feature", 12)]);
    // Two convolutions, a depthwise one, the classifier; each with an offset a channel.
    let before = 8 * (3 * 9 + 1) + 8 * (9 + 1) + 12 * (8 * 9 + 1);
    assert_eq!((gemm.parameters, gemm.parameters_to_feature), (before + 10 * 13, before));
    let quantised = survey("quantised");
    let named: Vec<_> = quantised.candidates.iter().map(|c| c.tensor.as_str()).collect();
    assert_eq!(named, ["conv1.rounded", "conv2.rounded", "feature"]);
    let tokens = survey("class_token");
    assert!(
        tokens.candidates.iter().any(|c| c.place == Place::Tokens { tokens: 17 }),
        "{tokens:?}"
    );
}

#[test]
fn faulty_networks_are_refused_with_the_place_and_the_reason() {
    let cases = [
        ("fault_operator_form", "QLinearConv (node conv0): the network is in QOperator form"),
        ("fault_operator_form_of_a_vendor", "QLinearAdd (node conv0): the network is in QOperator"),
        ("fault_dynamic", "DynamicQuantizeLinear (node quantise): the network is dynamically"),
        ("fault_not_a_number", "conv0.weight: its value 3 is NaN"),
        ("fault_infinity", "conv0.weight: its value 3 is inf"),
        ("fault_cut_off", "not ONNX"),
        (
            "fault_short_weight",
            "conv0.weight: its shape [8, 3, 3, 3] wants 216 values, the file has 215",
        ),
        ("fault_enormous_weight", "conv0.weight: its shape [4611686018427387904"),
        ("fault_enormous_layer", "node conv0 gives [1, 8, 40007, 40007] values, wanted at most"),
        (
            "fault_data_elsewhere",
            "\"../../../etc/passwd\", which leads out of the network's folder",
        ),
        ("fault_two_inputs", "wanted one input, an image; got 2 (image, mask)"),
        ("fault_far_axis", "node feature: its axis is -4611686018427387904, wanted -8 to 8"),
        ("fault_flat_input", "wanted an image input of 4 axes, got 2"),
        ("fault_unknown_operator", "Frobnicate"),
        ("fault_circle", "node conv0 reads map, which nothing before it gives"),
        ("fault_given_twice", "conv0 is given twice"),
        ("fault_no_graph", "there is no graph"),
    ];
    let spec = spec([1, 3, 16, 16], &[]);
    let mut wrong = Vec::new();
    for (name, wanted) in cases {
        match Backbone::load(&bytes(name), name, &spec) {
            Ok(_) => wrong.push(format!("{name}: loaded")),
            Err(error) => {
                let text = error.to_string();
                if !text.starts_with(&format!("{name}: ")) || !text.contains(wanted) {
                    wrong.push(format!("{name}: wanted {wanted}, got {text}"));
                }
            }
        }
    }
    for (name, onnx) in [("empty", &b""[..]), ("text", b"<html>404</html>"), ("zeros", &[0; 99])] {
        match Backbone::load(onnx, name, &spec) {
            Err(BackboneError::Parse { .. }) => {}
            other => wrong.push(format!("{name}: {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_mismatched_specification_is_refused_with_wanted_and_got() {
    let tap = |tensor: &str| Tap { tensor: tensor.to_owned(), pool: vec![Pooling::Avg] };
    let square = [1, 3, 16, 16];
    let cases = [
        ("another size", [1, 3, 32, 32], vec![], "wants its input [1, 3, 16, 16]"),
        ("another order", [1, 16, 16, 3], vec![], "says [1, 16, 16, 3]"),
        (
            "no such tap",
            square,
            vec![tap("mop")],
            "no tensor mop to tap; the nearest names are map,",
        ),
        ("a weight as tap", square, vec![tap("conv0.weight")], "no tensor conv0.weight"),
        ("the image as tap", square, vec![tap("image")], "no tensor image"),
    ];
    for (name, shape, taps, wanted) in cases {
        let error = Backbone::load(&bytes("gemm"), "gemm", &spec(shape, &taps)).unwrap_err();
        assert!(error.to_string().contains(wanted), "{name}: {error}");
    }
}

#[test]
fn an_input_that_overflows_f32_is_an_error() {
    let mut backbone = Backbone::load(&bytes("gemm"), "gemm", &spec([1, 3, 16, 16], &[])).unwrap();
    for value in [f32::NAN, f32::INFINITY, 3e38] {
        let got = backbone.extract(Array4::from_elem((1, 3, 16, 16), value).view());
        assert!(matches!(got, Err(BackboneError::NotFinite { .. })), "{value}: {got:?}");
    }
}

/// Three classes over a hidden layer of two, in f64, as the exported file has to compute it.
fn probabilities(feature: &[f32], classifier: &Classifier) -> Vec<f32> {
    let mut x: Vec<f64> = feature.iter().map(|&value| f64::from(value)).collect();
    if let Some(centre) = classifier.centre {
        x.iter_mut().zip(centre).for_each(|(value, &mean)| *value -= f64::from(mean));
    }
    let length = x.iter().map(|value| value * value).sum::<f64>().sqrt();
    if classifier.unit_length && length > 0.0 {
        x.iter_mut().for_each(|value| *value /= length);
    }
    for (at, layer) in classifier.layers.iter().enumerate() {
        if at > 0 {
            x.iter_mut().for_each(|value| *value = value.max(0.0));
        }
        let rows = layer.weights.chunks_exact(x.len()).zip(layer.bias);
        let dot = |row: &[f32]| row.iter().zip(&x).map(|(&w, x)| f64::from(w) * x).sum::<f64>();
        x = rows.map(|(row, &bias)| dot(row) + f64::from(bias)).collect();
    }
    let temperature = f64::from(classifier.temperature);
    let e: Vec<f64> = x.iter().map(|value| (value / temperature).exp()).collect();
    e.iter().map(|value| (value / e.iter().sum::<f64>()) as f32).collect()
}

#[test]
fn every_kind_of_network_exports_its_classifier() {
    let mut wrong = Vec::new();
    for Case { name, shape, taps, .. } in expected::<Case>("expected.json").cases {
        let (onnx, spec) = (bytes(&name), spec(shape, &taps));
        let feature = Backbone::load(&onnx, &name, &spec)
            .and_then(|mut backbone| backbone.extract(pattern(shape).view()))
            .unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(feature.len() as u64);
        let mut some = |count| (0..count).map(|_| random.random_range(-1.0..1.0)).collect();
        let weights: [Vec<f32>; 4] = [some(2 * feature.len()), some(2), some(6), some(3)];
        let layers = [
            Dense { weights: &weights[0], bias: &weights[1] },
            Dense { weights: &weights[2], bias: &weights[3] },
        ];
        let mut centres: Vec<Option<Vec<f32>>> = vec![None, Some(some(feature.len()))];
        for turn in 0..3 {
            for rounding in [Rounding::AsInTheFile, Rounding::Limits] {
                let centre = centres[turn].as_deref();
                let classifier =
                    Classifier { centre, unit_length: true, layers: &layers, temperature: 0.3 };
                let exported =
                    export(&onnx, &name, &spec, None, (&classifier, None), rounding, &[]).unwrap();
                let rounds = name.starts_with("quantised") && rounding == Rounding::AsInTheFile;
                assert_eq!(exported.rounds, rounds, "{name}");
                let gives = |tensor: &str| {
                    let tap = Tap { tensor: tensor.to_owned(), pool: vec![Pooling::Avg] };
                    let spec = BackboneSpec { taps: vec![tap], ..spec.clone() };
                    let mut network = Backbone::load(&exported.onnx, &name, &spec).unwrap();
                    network.extract(pattern(shape).view()).unwrap()
                };
                let own = gives("feature");
                let wanted = probabilities(&own, &classifier);
                let apart = difference(&own, &feature);
                let apart = apart.max(difference(&gives("probabilities"), &wanted));
                if apart > 1e-5 || apart.is_nan() {
                    wrong.push(format!("{name}, {turn}, {rounding:?}: differs by {apart:.1e}"));
                }
                // At last: less itself it is zero, which has no length.
                centres.push(Some(own));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn half_precision_weights_stay_half_in_an_exported_file() {
    let (onnx, spec) = (bytes("half"), spec([1, 3, 16, 16], &[]));
    let dim = Backbone::load(&onnx, "half", &spec).unwrap().dim();
    let weights = vec![0.0; dim];
    let layers = [Dense { weights: &weights, bias: &[0.0] }];
    let classifier =
        Classifier { centre: None, unit_length: true, layers: &layers, temperature: 1.0 };
    let metadata = [("a key".to_owned(), "a value".to_owned())];
    let exported =
        export(&onnx, "half", &spec, None, (&classifier, None), Rounding::AsInTheFile, &metadata)
            .unwrap()
            .onnx;
    let holds = |bytes: &[u8]| exported.windows(bytes.len()).any(|window| window == bytes);
    // Most of the file are weights, and these are some of the last convolution's.
    assert!(holds(&onnx[onnx.len() / 2..][..64]), "the weights are those of the file");
    assert!(holds(b"a key") && holds(b"a value"));
    let input = Graph::parse(&exported, "exported").unwrap().input().unwrap();
    assert!(!input.half, "the input is f32, as this program's");
    // One value too few.
    let layers = [Dense { weights: &weights[1..], bias: &[0.0] }];
    let classifier = Classifier { layers: &layers, ..classifier };
    let refused =
        export(&onnx, "half", &spec, None, (&classifier, None), Rounding::Limits, &[]).unwrap_err();
    assert!(refused.to_string().contains("gives 12 values"), "{refused}");
}

/// Every outcome is fine but a panic, an abort and a hang.
#[test]
fn damaged_files_give_errors_or_features_and_never_a_panic() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut loaded = 0;
    for (name, shape) in [
        ("gemm", [1, 3, 16, 16]),
        ("quantised", [1, 3, 16, 16]),
        ("channels_last", [1, 16, 16, 3]),
        ("class_token", [1, 3, 16, 16]),
    ] {
        let (sound, spec) = (bytes(name), spec(shape, &[]));
        let cut = (0..20).map(|part| sound[..sound.len() * part / 20].to_vec());
        let flipped = (0..150).map(|_| {
            let mut onnx = sound.clone();
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(0..onnx.len());
                onnx[at] = random.random();
            }
            onnx
        });
        for onnx in cut.chain(flipped) {
            if let Ok(graph) = Graph::parse(&onnx, name) {
                let _ = graph.survey(&spec.input);
                if let Ok(mut backbone) = Backbone::from_graph(graph, &spec) {
                    let _ = backbone.extract(pattern(shape).view());
                    loaded += 1;
                }
            }
        }
    }
    // Most of a file is weights, and a weight that changed is no fault that can be seen.
    assert!(
        loaded > 50,
        "only {loaded} could be run: the damage hides what is behind the first check"
    );
}
