//! What is exported answers as the program does: the ONNX file through our own loader, the head alone by recomputing.
#![allow(clippy::unwrap_used, reason = "what a test prepares may fail the test")]

use crate::common;

use std::fs;
use std::path::{Path, PathBuf};

use fieldtune::backbone::card::{ModelCard, built_in};
use fieldtune::backbone::preprocess::{InputSpec, Preprocessor};
use fieldtune::backbone::{Backbone, BackboneSpec, Graph, Pooling, Tap};
use fieldtune::image::picture;
use ndarray::{Array1, Array2, Array4};
use ndarray_npy::NpzReader;
use serde_json::Value;
use tempfile::TempDir;

use common::{KINDS, Run, data, finish, folder_of};

/// What confidences of program and file may differ by.
const NEAR: f64 = 1e-4;

const HEADS: [&str; 6] = ["lda", "ridge", "slda", "prototype", "softmax", "mlp"];

/// All heads; on a slow machine two of them, from `first` on.
fn heads(first: usize) -> impl Iterator<Item = &'static str> {
    let every = common::every(3);
    HEADS.into_iter().skip(if every > 1 { first } else { 0 }).step_by(every)
}

/// A store taught with the tests' pictures, and pictures that it has not seen.
struct Bench {
    folder: TempDir,
    /// Arguments that choose the backbone.
    model: Vec<String>,
    input: InputSpec,
}

impl Bench {
    fn new(model: &[&str], input: InputSpec) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let model = model.iter().map(|&word| word.to_owned()).collect();
        Self { folder, model, input }
    }

    fn tiny(taps: &[&str]) -> Self {
        let card = data("tiny.toml");
        let text = fs::read_to_string(&card).unwrap();
        let input = ModelCard::parse(&text, "tiny.toml").unwrap().spec.input;
        Self::new(&[&["--model", card.to_str().unwrap()], taps].concat(), input)
    }

    fn built_in() -> Self {
        Self::new(&["--model", built_in::NAME], built_in::card().spec.input)
    }

    fn taught(self) -> Self {
        for kind in KINDS {
            let folder = folder_of(self.folder.path(), kind, 0, 4);
            let mut words = vec!["teach", kind, folder.to_str().unwrap()];
            words.extend(self.model.iter().map(String::as_str));
            self.ok(&words);
        }
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let mut command = common::command(arguments);
        command.env("FIELDTUNE_STORE", self.path("learned.ftune"));
        command.current_dir(self.folder.path());
        finish(command)
    }

    fn ok(&self, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, 0, "{arguments:?}: {run:?}");
        run
    }

    fn export(&self, arguments: &[&str]) -> Run {
        let mut words = vec!["export"];
        words.extend(arguments);
        words.extend(self.model.iter().map(String::as_str));
        self.run(&words)
    }

    fn exported(&self, arguments: &[&str]) -> Run {
        let run = self.export(arguments);
        assert_eq!(run.code, 0, "{arguments:?}: {run:?}");
        run
    }

    /// Files, one of each kind and a photograph of something else.
    fn strangers(&self) -> Vec<PathBuf> {
        let new = self.path("new");
        let mut files: Vec<PathBuf> = KINDS
            .iter()
            .map(|kind| folder_of(&new, kind, 100, 1).join(format!("{kind}-100.png")))
            .collect();
        files.push(data("pictures/photo.jpg"));
        files
    }

    /// What `classify` says of every file.
    fn verdicts(&self, files: &[PathBuf]) -> Vec<Value> {
        let mut words = vec!["classify", "--json"];
        words.extend(files.iter().map(|file| file.to_str().unwrap()));
        words.extend(self.model.iter().map(String::as_str));
        let run = self.ok(&words);
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What an exported file gives at one of its outputs.
    fn output(&self, onnx: &[u8], tensor: &str, inputs: &[Array4<f32>]) -> Vec<Vec<f32>> {
        let tap = Tap { tensor: tensor.to_owned(), pool: vec![Pooling::Avg] };
        let spec = BackboneSpec { input: self.input.clone(), taps: vec![tap] };
        let mut network = Backbone::load(onnx, "exported", &spec).unwrap();
        inputs.iter().map(|input| network.extract(input.view()).unwrap()).collect()
    }

    fn tensors(&self, files: &[PathBuf]) -> Vec<Array4<f32>> {
        let mut preprocessor = Preprocessor::new(self.input.clone()).unwrap();
        let mut tensor = |file: &PathBuf| {
            let frame = picture::load(file, fieldtune::image::frame::Timestamp(0)).unwrap();
            preprocessor.apply(&frame).unwrap().clone()
        };
        files.iter().map(&mut tensor).collect()
    }
}

/// The largest difference between probabilities and what `classify` says of first and second.
fn apart(probabilities: &[f32], classes: &[String], verdict: &Value) -> f64 {
    let sum: f32 = probabilities.iter().sum();
    assert!((sum - 1.0).abs() < 1e-5 && probabilities.len() == classes.len(), "{probabilities:?}");
    let of = |name: &str, confidence: &str| {
        let place = classes.iter().position(|class| *class == verdict[name].as_str().unwrap());
        (f64::from(probabilities[place.unwrap()]) - verdict[confidence].as_f64().unwrap()).abs()
    };
    of("best", "confidence").max(of("runner_up", "runner_up_confidence"))
}

fn kinds() -> Vec<String> {
    KINDS.map(str::to_owned).to_vec()
}

#[test]
fn an_exported_network_answers_as_the_program() {
    let benches = [
        ("tiny", Bench::tiny(&[])),
        ("tapped", Bench::tiny(&["--taps", "block1.pointwise.relu:avg+max,feature:avg"])),
        ("built-in", Bench::built_in()),
    ];
    let mut wrong = Vec::new();
    for (name, bench) in benches {
        let bench = bench.taught();
        let files = bench.strangers();
        let inputs = bench.tensors(&files);
        for head in heads(0) {
            bench.ok(&["head", head]);
            bench.exported(&["out.onnx", "--force"]);
            let onnx = fs::read(bench.path("out.onnx")).unwrap();
            let probabilities = bench.output(&onnx, "probabilities", &inputs);
            let verdicts = bench.verdicts(&files);
            let answers = probabilities.iter().zip(&verdicts);
            let most = answers.map(|(p, verdict)| apart(p, &kinds(), verdict)).fold(0.0, f64::max);
            println!("{name}, {head}: {most:.1e}");
            if most > NEAR {
                wrong.push(format!("{name}, {head}: differs by {most:.1e}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_exported_file_describes_itself_and_holds_nothing_unused() {
    let bench = Bench::tiny(&[]).taught();
    bench.exported(&["out.onnx"]);
    let onnx = fs::read(bench.path("out.onnx")).unwrap();
    let holds = |text: &str| onnx.windows(text.len()).any(|window| window == text.as_bytes());
    let classes = serde_json::to_string(&kinds()).unwrap();
    for text in [
        "fieldtune.classes",
        &classes,
        "fieldtune.head",
        "lda",
        "\"width\":32,\"height\":32,\"layout\":\"nchw\",\"order\":\"rgb\"",
        "\"fit\":\"whole\"",
        "{\"confidence\":0.0,\"novelty\":1.0}",
        "\"name\":\"tiny\",\"fingerprint\":\"",
        env!("CARGO_PKG_VERSION"),
    ] {
        assert!(holds(text), "{text}");
    }
    assert!(!holds("classifier.weight"), "what stands behind the tap is gone");
    // The head has a row of 48 and one more a class, and the guard and the temperature are no weights.
    let before = Graph::parse(&fs::read(data("tiny.onnx")).unwrap(), "tiny").unwrap();
    let after = Graph::parse(&onnx, "exported").unwrap();
    assert_eq!(after.parameters(), before.parameters() - 10 * 49 + 5 * 49);
    assert_eq!(after.input().unwrap(), before.input().unwrap());
}

#[test]
fn an_exported_network_is_a_backbone_and_exports_again() {
    let bench = Bench::tiny(&[]).taught();
    bench.exported(&["out.onnx"]);
    let inputs = bench.tensors(&bench.strangers());
    let onnx = fs::read(bench.path("out.onnx")).unwrap();
    let wanted = bench.output(&fs::read(data("tiny.onnx")).unwrap(), "feature", &inputs);
    assert_eq!(bench.output(&onnx, "feature", &inputs), wanted);
    let model = bench.path("out.onnx");
    let again = Bench::new(
        &["--model", model.to_str().unwrap(), "--norm", "unit", "--taps", "scores:avg"],
        bench.input.clone(),
    )
    .taught();
    again.exported(&["again.onnx"]);
    let twice = fs::read(again.path("again.onnx")).unwrap();
    let scores = again.output(&twice, "feature", &inputs);
    assert_eq!(scores, bench.output(&onnx, "scores", &inputs));
    let files = again.strangers();
    let probabilities = again.output(&twice, "probabilities", &again.tensors(&files));
    for (p, verdict) in probabilities.iter().zip(again.verdicts(&files)) {
        assert!(apart(p, &kinds(), &verdict) < NEAR, "{p:?}: {verdict}");
    }
}

/// The ten lines of `fieldtune export --help`, in f64.
fn probabilities(head: &Value, feature: &[f32]) -> Vec<f32> {
    let list = |value: &Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    };
    let centre = list(&head["centre"]);
    let mut z: Vec<f64> = feature.iter().zip(centre).map(|(&x, c)| f64::from(x) - c).collect();
    if head["unit_length"].as_bool().unwrap() {
        let norm = z.iter().map(|value| value * value).sum::<f64>().sqrt().max(1e-30);
        z.iter_mut().for_each(|value| *value /= norm);
    }
    for (at, layer) in head["layers"].as_array().unwrap().iter().enumerate() {
        if at > 0 {
            z.iter_mut().for_each(|value| *value = value.max(0.0));
        }
        let rows = layer["weights"].as_array().unwrap().iter().zip(list(&layer["bias"]));
        let sum = |(row, bias): (&Value, f64)| {
            list(row).iter().zip(&z).map(|(weight, value)| weight * value).sum::<f64>() + bias
        };
        z = rows.map(sum).collect();
    }
    let top = z.iter().copied().fold(f64::MIN, f64::max);
    let temperature = head["temperature"].as_f64().unwrap();
    let e: Vec<f64> = z.iter().map(|value| ((value - top) / temperature).exp()).collect();
    e.iter().map(|value| (value / e.iter().sum::<f64>()) as f32).collect()
}

#[test]
fn the_head_alone_gives_the_same_probabilities_from_a_feature() {
    let bench = Bench::tiny(&[]).taught();
    let files = bench.strangers();
    let tiny = fs::read(data("tiny.onnx")).unwrap();
    let features = bench.output(&tiny, "feature", &bench.tensors(&files));
    for head in heads(1) {
        bench.ok(&["head", head]);
        bench.exported(&["head.json", "--force"]);
        bench.exported(&["head.npz", "--force"]);
        let text = fs::read_to_string(bench.path("head.json")).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((json["head"].as_str(), &json["classes"]), (Some(head), &Value::from(kinds())));
        assert_eq!(json["backbone"]["dim"], 48);
        assert_eq!(json["backbone"]["blocks"][0]["tensor"], "feature");
        for (feature, verdict) in features.iter().zip(bench.verdicts(&files)) {
            let p = probabilities(&json, feature);
            assert!(apart(&p, &kinds(), &verdict) < NEAR, "{head}: {p:?}: {verdict}");
        }
        assert_same_arrays(&bench.path("head.npz"), &json);
    }
}

fn assert_same_arrays(npz: &Path, json: &Value) {
    let mut npz = NpzReader::new(fs::File::open(npz).unwrap()).unwrap();
    let numbers = |value: &Value| -> Vec<f32> { serde_json::from_value(value.clone()).unwrap() };
    let centre: Array1<f32> = npz.by_name("centre").unwrap();
    assert_eq!(centre.to_vec(), numbers(&json["centre"]));
    let layers = json["layers"].as_array().unwrap();
    for (at, layer) in layers.iter().enumerate() {
        let weights: Array2<f32> = npz.by_name(&format!("weights{at}")).unwrap();
        let rows: Vec<Vec<f32>> = weights.outer_iter().map(|row| row.to_vec()).collect();
        let wanted: Vec<_> = layer["weights"].as_array().unwrap().iter().map(numbers).collect();
        assert_eq!(rows, wanted);
        let bias: Array1<f32> = npz.by_name(&format!("bias{at}")).unwrap();
        assert_eq!(bias.to_vec(), numbers(&layer["bias"]));
    }
    let names = npz.names().unwrap();
    assert_eq!(names.len(), 6 + 2 * layers.len(), "{names:?}");
}

#[test]
fn a_class_without_examples_is_reported_and_not_exported() {
    let bench = Bench::tiny(&[]).taught();
    bench.ok(&["forget", "--example", "5", "6", "7", "8"]);
    let run = bench.exported(&["out.json"]);
    assert!(run.stderr.contains("left out: green has no examples"), "{run:?}");
    let text = fs::read_to_string(bench.path("out.json")).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["classes"], Value::from(vec!["red", "stripes", "checks", "flat"]));
    assert_eq!(json["layers"][0]["bias"].as_array().unwrap().len(), 4);
    let out = bench.exported(&["-", "--format", "json"]);
    assert_eq!(out.stdout, text, "standard output has the same");
}

#[test]
fn quantised_networks_export_as_computed_or_with_a_warning() {
    let network = data("backbones/quantised.onnx");
    let card = built_in::card().spec.input;
    let input = InputSpec { width: 16, height: 16, ..card };
    let bench = Bench::new(&["--model", network.to_str().unwrap(), "--norm", "tf"], input).taught();
    let run = bench.exported(&["rounded.onnx", "--rounding"]);
    assert!(
        run.stderr.contains("the answers will differ") && run.stderr.contains("--rounding"),
        "{run:?}"
    );
    let run = bench.exported(&["limits.onnx"]);
    assert_eq!(run.stderr, "");
    let files = bench.strangers();
    let (inputs, verdicts) = (bench.tensors(&files), bench.verdicts(&files));
    for (file, rounds) in [("rounded.onnx", true), ("limits.onnx", false)] {
        let onnx = fs::read(bench.path(file)).unwrap();
        assert_eq!(onnx.windows(14).any(|window| window == b"QuantizeLinear"), rounds, "{file}");
        // Our own loader takes the rounding out of either.
        let probabilities = bench.output(&onnx, "probabilities", &inputs);
        for (p, verdict) in probabilities.iter().zip(&verdicts) {
            assert!(apart(p, &kinds(), verdict) < NEAR, "{file}: {p:?}: {verdict}");
        }
    }
}

#[test]
fn what_cannot_be_exported_is_refused_and_nothing_is_written() {
    let bench = Bench::tiny(&[]);
    let refused = |arguments: &[&str], wanted: &[&str]| {
        let run = bench.export(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments:?}: {run:?}");
        for words in wanted {
            assert!(run.stderr.contains(words), "{arguments:?}: {words}: {run:?}");
        }
    };
    refused(&["a.onnx"], &["nothing has been taught", "next: fieldtune teach"]);
    let folder = folder_of(bench.folder.path(), "red", 0, 2);
    bench.ok(&["teach", "red", folder.to_str().unwrap(), "--model", &bench.model[1]]);
    refused(&["a.h5"], &["a.h5: wanted", ".onnx, .npz or .json", "next: "]);
    refused(&["a"], &["a: wanted", "--format"]);
    refused(&["gone/a.onnx"], &["gone/a.onnx: there is no folder gone", "next: "]);
    refused(&["red", "--format", "npz"], &["red is a folder"]);
    refused(&["a.npz", "--rounding"], &["only in .onnx"]);
    fs::write(bench.path("there.onnx"), "mine").unwrap();
    refused(&["there.onnx"], &["there.onnx exists already", "--force"]);
    bench.ok(&["head", "knn"]);
    refused(&["there.onnx", "--force"], &["knn", "next: fieldtune head lda"]);
    assert_eq!(fs::read(bench.path("there.onnx")).unwrap(), b"mine");
    bench.ok(&["forget", "--example", "1", "2"]);
    bench.ok(&["head", "lda"]);
    refused(&["a.json"], &["no class has an example"]);
    let names = ["a.onnx", "a.npz", "a.json", "there.onnx.part"];
    assert!(names.iter().all(|name| !bench.path(name).exists()), "nothing was written");
}
