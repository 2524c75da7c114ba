//! Networks in the forms that exporters write them in, against what ONNX Runtime says of them, and files that have to be
//! refused; see `data/exports.py`.
#![allow(clippy::unwrap_used, reason = "what a test prepares may fail the test")]

use crate::common;

use std::fs;
use std::path::{Path, PathBuf};

use fieldtune::backbone::card::{ModelCard, read_network};
use fieldtune::backbone::preprocess::{Fit, InputSpec, Norm};
use fieldtune::backbone::{
    Backbone, BackboneSpec, Classifier, ClassifierLayers, Dense, Graph, Onnx, OnnxFiles, Pooling,
    Rounding, ScoreCurve, Tap, export,
};
use ndarray::{Array1, Array4};
use serde::Deserialize;

use common::{Run, command, data, finish, folder_of};

#[derive(Deserialize)]
struct Expected {
    tolerance: f32,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    shape: [usize; 4],
    /// Where the feature must be found.
    tensor: String,
    feature: Vec<f32>,
}

fn path(name: &str) -> PathBuf {
    data(&format!("exports/{name}.onnx"))
}

fn read(name: &str) -> OnnxFiles {
    read_network(&path(name), "").unwrap()
}

fn expected() -> Expected {
    serde_json::from_str(&fs::read_to_string(data("exports/expected.json")).unwrap()).unwrap()
}

/// `reference.pattern` of the scripts.
fn pattern(shape: [usize; 4]) -> Array4<f32> {
    let values = (0..shape.iter().product()).map(|i: usize| (i * 7919 % 256) as f32 / 127.5 - 1.0);
    Array4::from_shape_vec(shape, values.collect()).unwrap()
}

/// As the command line makes it of a network without a card.
fn spec(graph: &Graph) -> BackboneSpec {
    let declared = graph.input().unwrap();
    let (width, height) = declared.size().unwrap_or((16, 16));
    let (layout, order, fit) = (declared.layout, declared.order(), Fit::Whole);
    let (mean, scale) = order.of_rgb(Norm::Unit.mean_scale());
    let input = InputSpec { width, height, layout, order, mean, scale, fit, any_size: false };
    BackboneSpec { input, taps: Vec::new() }
}

/// The largest difference, as a part of the largest value.
fn difference(got: &[f32], wanted: &[f32]) -> f32 {
    let largest = wanted.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let apart = got.iter().zip(wanted).map(|(got, wanted)| (got - wanted).abs());
    apart.fold(0.0, f32::max) / largest
}

#[test]
fn every_exported_form_gives_the_feature_that_onnx_runtime_gives() {
    let Expected { tolerance, cases } = expected();
    let mut wrong = Vec::new();
    for Case { name, shape, tensor, feature } in &cases {
        let files = read(name);
        let graph = Graph::parse(&files, name).unwrap();
        let spec = spec(&graph);
        let found = graph.detect().tensor;
        if spec.input.shape() != *shape || found != *tensor {
            wrong.push(format!("{name}: {:?}, {found}", spec.input));
        }
        let survey = graph.survey(&spec.input).unwrap();
        let channels = survey.candidates.last().unwrap().channels;
        let got = Backbone::from_graph(graph, &spec)
            .and_then(|mut backbone| backbone.extract(pattern(*shape).view()));
        match got {
            Err(error) => wrong.push(format!("{name}: {error}")),
            Ok(got) if (got.len(), channels) != (feature.len(), feature.len()) => {
                wrong.push(format!("{name}: {} values, not {}", got.len(), feature.len()));
            }
            Ok(got) => {
                let apart = difference(&got, feature);
                if apart > tolerance || apart.is_nan() {
                    wrong.push(format!("{name}: differs by {apart:.1e}"));
                }
            }
        }
    }
    assert!(wrong.is_empty() && cases.len() >= 40, "{}", wrong.join("\n"));
}

#[test]
fn every_exported_form_is_exported_again_as_one_file() {
    let mut wrong = Vec::new();
    for Case { name, shape, feature, .. } in expected().cases {
        let files = read(&name);
        let spec = spec(&Graph::parse(&files, &name).unwrap());
        let weights: Vec<f32> = (0..2 * feature.len()).map(|i| (i % 5) as f32 - 2.0).collect();
        let layers = [Dense { weights: &weights, bias: &[0.0, 0.5] }];
        let classifier =
            Classifier { centre: None, unit_length: false, layers: &layers, temperature: 1.0 };
        let exported =
            export(&files, &name, &spec, None, (&classifier, None), Rounding::Limits, &[]).unwrap();
        let tap = Tap { tensor: "feature".to_owned(), pool: vec![Pooling::Avg] };
        let got = Backbone::load(&exported.onnx, &name, &BackboneSpec { taps: vec![tap], ..spec })
            .and_then(|mut backbone| backbone.extract(pattern(shape).view()));
        match got {
            Ok(got) if difference(&got, &feature) < 1e-4 && got.len() == feature.len() => {}
            got => wrong.push(format!("{name}: {got:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn refusals_name_the_operator_and_what_to_do() {
    let cases: [(&str, &[&str]); 18] = [
        ("fault_batch", &["a batch of 4 images", "next: export it with an example of one image"]),
        ("fault_four_channels", &["images of 4 channels", "next: "]),
        ("fault_fused_layout", &["operator Conv (node odd)", "ORT_ENABLE_BASIC"]),
        ("fault_vendor", &["operator TransposeMatMul (node odd)", "ORT_ENABLE_BASIC"]),
        ("fault_other_domain", &["operator Relu (node odd)", "\"my.own\""]),
        ("fault_loop", &["operator Loop (node odd)", "onnxsim"]),
        ("fault_sequence", &["operator SequenceConstruct (node odd)", "fixed example"]),
        ("fault_random", &["operator RandomNormalLike (node odd)", "model.eval()"]),
        ("fault_training", &["operator Dropout (node odd)", "model.eval()"]),
        ("fault_old_broadcasting", &["operator Add (node odd)", "version_converter"]),
        ("fault_deformed", &["operator DeformConv (node odd)", "opset_version"]),
        ("fault_elsewhere_absolute", &["\"/etc/passwd\"", "absolute path", "external_data=False"]),
        ("fault_elsewhere_above", &["\"a/../../b.data\"", "leads out", "external_data=False"]),
        (
            "fault_elsewhere_gone",
            &["gone.data, which is not there", "next: ", "external_data=False"],
        ),
        ("fault_elsewhere_short", &["the 864 bytes from 0 on of short.data, which has 100"]),
        ("fault_elsewhere_offset", &["from 1099511627776 on of short.data, which has 100"]),
        ("fault_elsewhere_length", &["wants 864 bytes", "short.data is said to hold 12"]),
        ("fault_elsewhere_number", &["its offset in another file is \"-1\", wanted a number"]),
    ];
    let mut wrong = Vec::new();
    for (name, wanted) in cases {
        let loaded = read_network(&path(name), "").map_err(|error| error.to_string());
        let loaded = loaded.and_then(|files| {
            let graph = Graph::parse(&files, name).map_err(|error| error.to_string())?;
            let spec = spec(&graph);
            Backbone::from_graph(graph, &spec).map_err(|error| error.to_string())
        });
        let error = loaded.map_or_else(|error| error, |_| "loaded".to_owned());
        if !wanted.iter().all(|words| error.contains(words)) {
            wrong.push(format!("{name}: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A copy of a network in several files.
fn copied(name: &str, folder: &Path) -> PathBuf {
    let files = read(name);
    for file in &files.weights {
        let path = folder.join(&file.name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &file.bytes).unwrap();
    }
    let network = folder.join("net.onnx");
    fs::write(&network, &files.onnx).unwrap();
    network
}

#[test]
fn external_weights_count_for_hash_and_card() {
    let folder = tempfile::tempdir().unwrap();
    let network = copied("external_many", folder.path());
    let run = |arguments: &[&str]| -> Run {
        let mut command = command(arguments);
        command.current_dir(folder.path()).env("FIELDTUNE_STORE", folder.path().join("s.ftune"));
        finish(command)
    };
    let card = run(&["inspect", "net.onnx", "--card", "--norm", "unit", "--frames", "1"]);
    assert_eq!(card.code, 0, "{card:?}");
    fs::write(folder.path().join("net.toml"), &card.stdout).unwrap();
    let parsed = ModelCard::parse(&card.stdout, "net.toml").unwrap();
    let names: Vec<_> = parsed.data.iter().map(|data| data.file.as_str()).collect();
    assert_eq!(names, ["Gewichte-ä.bin", "a b.bin", "net", "weights/part.0", "weights/part.1"]);
    let verify = || run(&["models", "verify", "net.toml", "--in", "."]);
    assert_eq!(verify().code, 0, "{:?}", verify());
    let images = folder_of(folder.path(), "red", 0, 2);
    let images = images.to_str().unwrap();
    assert_eq!(run(&["teach", "red", images, "--model", "net.toml"]).code, 0);
    let exported = run(&["export", "out.onnx", "--model", "net.onnx", "--norm", "unit"]);
    assert_eq!(exported.code, 0, "{exported:?}");
    let one = read_network(&folder.path().join("out.onnx"), "").unwrap();
    assert!(one.weights.is_empty());
    // One bit of a weight: another network.
    let before = Onnx::from(&read_network(&network, "").unwrap()).sha256();
    let part = folder.path().join("a b.bin");
    let mut bytes = fs::read(&part).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&part, &bytes).unwrap();
    assert_ne!(Onnx::from(&read_network(&network, "").unwrap()).sha256(), before);
    let changed = verify();
    assert!(changed.code == 1 && changed.stdout.contains("a b.bin is not the file"), "{changed:?}");
    let status = run(&["classify", images, "--model", "net.onnx", "--norm", "unit"]);
    assert_ne!(status.code, 0, "taught with another network: {status:?}");
    // Torn, and gone.
    fs::write(&part, &bytes[..bytes.len() - 1]).unwrap();
    let torn = run(&["inspect", "net.onnx", "--frames", "1"]);
    assert!(torn.code == 2 && torn.stderr.contains("a b.bin, which has"), "{torn:?}");
    fs::remove_file(&part).unwrap();
    let gone = run(&["inspect", "net.onnx", "--frames", "1"]);
    assert!(gone.code == 2 && gone.stderr.contains("a b.bin, which is not there"), "{gone:?}");
}

#[test]
fn weights_are_not_read_through_links_out_of_the_folder() {
    use std::os::unix::fs::symlink;
    let (home, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let network = copied("external_one", home.path());
    let data = home.path().join("gemm.onnx.data");
    let elsewhere = store.path().join("blob");
    fs::rename(&data, &elsewhere).unwrap();
    symlink(&elsewhere, &data).unwrap();
    let error = read_network(&network, "").unwrap_err().to_string();
    assert!(error.contains("gemm.onnx.data, which is a link that leads out"), "{error}");
    // As a cache of models has it: both are links into one store.
    let blob = store.path().join("other-blob");
    fs::rename(&network, &blob).unwrap();
    symlink(&blob, &network).unwrap();
    assert_eq!(read_network(&network, "").unwrap(), read("external_one"));
    // Within the folder.
    fs::remove_file(&data).unwrap();
    fs::remove_file(&network).unwrap();
    fs::rename(&blob, &network).unwrap();
    fs::rename(&elsewhere, home.path().join("real")).unwrap();
    symlink("real", &data).unwrap();
    assert_eq!(read_network(&network, "").unwrap(), read("external_one"));
}

#[test]
fn files_that_are_no_networks_get_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let onnx = fs::read(path("last_normed")).unwrap();
    let cases: [(&str, &[u8], &[&str]); 10] = [
        ("empty.onnx", b"", &["the file is empty", "next: "]),
        ("pointer.onnx", b"version https://git-lfs.github.com/spec/v1\noid x\n", &["git lfs pull"]),
        ("page.onnx", b"<!DOCTYPE html>\n<html></html>", &["a web page", "next: "]),
        ("cut.onnx", &onnx[..onnx.len() / 2], &["cut off", "next: "]),
        ("zeros.onnx", &[0; 4096], &["only zero bytes", "next: "]),
        ("net.onnx.gz", b"\x1f\x8b\x08\0", &["gzip", "gunzip"]),
        ("net.pt", b"PK\x03\x04..............net/data.pkl", &["torch.save", "torch.onnx.export"]),
        ("net.tflite", b"\x1c\0\0\0TFL3", &["TensorFlow Lite", "tf2onnx"]),
        ("net.h5", b"\x89HDF\r\n\x1a\n", &["HDF5", "model.export"]),
        ("net.safetensors", b"\x10\0\0\0\0\0\0\0{\"a\":{}}......", &["safetensors"]),
    ];
    for (name, bytes, wanted) in cases {
        fs::write(folder.path().join(name), bytes).unwrap();
        let mut inspect = command(&["inspect", name, "--frames", "1"]);
        inspect.current_dir(folder.path());
        let run = finish(inspect);
        assert!(run.code == 2 && run.stderr.contains(name), "{name}: {run:?}");
        assert!(wanted.iter().all(|words| run.stderr.contains(words)), "{name}: {run:?}");
    }
}

#[test]
fn a_grey_network_needs_no_option_for_channels() {
    let folder = tempfile::tempdir().unwrap();
    let network = path("grey_first");
    let network = network.to_str().unwrap();
    let run = |arguments: &[&str]| -> Run {
        let mut command = command(arguments);
        command.current_dir(folder.path()).env("FIELDTUNE_STORE", folder.path().join("s.ftune"));
        finish(command)
    };
    let card = run(&["inspect", network, "--card", "--norm", "unit", "--frames", "1"]);
    assert!(card.stdout.contains("channels = 1"), "{card:?}");
    let images = folder_of(folder.path(), "red", 0, 2);
    let images = images.to_str().unwrap();
    let teach = run(&["teach", "red", images, "--model", network, "--norm", "unit"]);
    assert_eq!(teach.code, 0, "{teach:?}");
    let refused = run(&["classify", images, "--model", network, "--norm", "unit", "--bgr"]);
    assert!(refused.code == 2 && refused.stderr.contains("grey"), "{refused:?}");
}

#[derive(Deserialize)]
struct ExpectedHeads {
    features: Vec<Vec<f32>>,
    heads: std::collections::BTreeMap<String, ExpectedHead>,
}

#[derive(Deserialize)]
struct ExpectedHead {
    classes: Vec<String>,
    probabilities: Vec<Vec<f32>>,
}

/// Of scikit-learn's classifiers as skl2onnx writes them; see `data/heads.py`.
#[test]
fn heads_of_scikit_learn_give_the_probabilities_of_onnx_runtime() {
    let expected = fs::read_to_string(data("heads/expected.json")).unwrap();
    let ExpectedHeads { features, heads } = serde_json::from_str(&expected).unwrap();
    assert_eq!(heads.len(), 3);
    for (name, head) in heads {
        let onnx = read_network(&data(&format!("heads/{name}.onnx")), "").unwrap();
        let read = ClassifierLayers::parse(&onnx, &name).unwrap();
        assert_eq!(read.classes, head.classes, "{name}");
        for (feature, wanted) in features.iter().zip(&head.probabilities) {
            let mut values = Array1::from_vec(feature.clone());
            if let Some(centre) = &read.centre {
                values -= centre;
            }
            if read.unit_length {
                values /= values.dot(&values).sqrt();
            }
            for (at, (weights, bias)) in read.layers.iter().enumerate() {
                let rectified = values.mapv(|value| if at > 0 { value.max(0.0) } else { value });
                values = weights.dot(&rectified) + bias;
            }
            let mut shares = match read.curve {
                ScoreCurve::Softmax => values.exp(),
                ScoreCurve::Sigmoid | ScoreCurve::SigmoidShares => {
                    values.mapv(|score| 1.0 / (1.0 + (-score).exp()))
                }
            };
            shares /= shares.sum();
            let apart = shares.iter().zip(wanted).map(|(got, wanted)| (got - wanted).abs());
            let apart = apart.fold(0.0, f32::max);
            println!("{name}: {apart:.1e}");
            assert!(apart < 1e-5, "{name}: {shares} is not {wanted:?}");
        }
    }
}
