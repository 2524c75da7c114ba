//! Networks computed by our kernels, against the runtime alone, at every width of vectors that this machine has.
#![allow(clippy::unwrap_used, reason = "what a test prepares may fail the test")]

use crate::common;

use std::fs;

use fieldtune::backbone::card::{ModelCard, read_network};
use fieldtune::backbone::preprocess::{Fit, InputSpec, Norm};
use fieldtune::backbone::{Backbone, BackboneSpec, Graph, OnnxFiles, Pooling, Vectors};
use ndarray::Array4;

use common::{command, data, finish};

/// All that this machine may have; what it has not is left out.
const NAMES: [&str; 5] = ["avx512", "avx2", "sse4.2", "neon", "scalar"];

fn all() -> Vec<Vectors> {
    let all: Vec<Vectors> = NAMES.iter().filter_map(|name| Vectors::named(name).ok()).collect();
    assert!(!all.is_empty());
    all
}

fn pattern(shape: [usize; 4]) -> Array4<f32> {
    let values = (0..shape.iter().product()).map(|i: usize| (i * 7919 % 256) as f32 / 127.5 - 1.0);
    Array4::from_shape_vec(shape, values.collect()).unwrap()
}

fn feature(files: &OnnxFiles, spec: &BackboneSpec, vectors: Vectors) -> Vec<f32> {
    let mut backbone = Backbone::load_with(files, "network", spec, vectors).unwrap();
    assert_eq!(backbone.vectors().name(), vectors.name());
    let first = backbone.extract(pattern(spec.input.shape()).view()).unwrap();
    // The buffers hold what the frame before left in them.
    let other = backbone.extract(Array4::zeros(spec.input.shape()).view()).unwrap();
    let second = backbone.extract(pattern(spec.input.shape()).view()).unwrap();
    assert_eq!(first, second);
    assert_ne!(first, other);
    first
}

/// The largest difference, as a part of the largest value.
fn difference(got: &[f32], wanted: &[f32]) -> f32 {
    assert_eq!(got.len(), wanted.len());
    let largest = wanted.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let apart = got.iter().zip(wanted).map(|(got, wanted)| (got - wanted).abs());
    apart.fold(0.0, f32::max) / largest
}

fn as_declared(files: &OnnxFiles) -> BackboneSpec {
    let graph = Graph::parse(files, "network").unwrap();
    let declared = graph.input().unwrap();
    let (width, height) = declared.size().unwrap_or((32, 32));
    let (layout, order, fit) = (declared.layout, declared.order(), Fit::Whole);
    let (mean, scale) = order.of_rgb(Norm::Unit.mean_scale());
    let input = InputSpec { width, height, layout, order, mean, scale, fit, any_size: false };
    BackboneSpec { input, taps: Vec::new() }
}

fn built_in() -> (OnnxFiles, BackboneSpec) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let onnx = fs::read(root.join("models/fieldtune-128.onnx")).unwrap();
    (OnnxFiles::from(onnx), ModelCard::named("fieldtune-128").unwrap().spec)
}

#[test]
fn the_built_in_feature_is_the_same_with_all_vectors() {
    let (files, spec) = built_in();
    let wanted = feature(&files, &spec, Vectors::off());
    for vectors in all() {
        let apart = difference(&feature(&files, &spec, vectors), &wanted);
        assert!(apart < 1e-5, "{}: {apart}", vectors.name());
    }
}

#[test]
fn features_do_not_depend_on_the_number_of_threads() {
    let (files, spec) = built_in();
    for vectors in all() {
        let alone = feature(&files, &spec, vectors);
        for threads in [2, 3, 16] {
            let shared = vectors.with_threads(threads);
            assert_eq!(feature(&files, &spec, shared), alone, "{}: {threads}", vectors.name());
        }
    }
}

/// What was taught before these kernels was taught with the runtime's features, kept as f16: `built_in_f16.json` is the
/// feature of the pattern by that program.
#[test]
fn features_that_were_stored_before_are_those_of_today() {
    let stored = fs::read_to_string(data("vectors/built_in_f16.json")).unwrap();
    let stored: Vec<f32> = serde_json::from_str(&stored).unwrap();
    let (files, spec) = built_in();
    for vectors in all() {
        for (now, then) in feature(&files, &spec, vectors).iter().zip(&stored) {
            // Half a step of f16, and what the last digits of a sum may differ.
            let tolerance = then.abs() / 2048.0 + 1e-5;
            assert!((now - then).abs() <= tolerance, "{}: {now}, stored {then}", vectors.name());
        }
    }
}

#[test]
fn features_of_all_networks_agree_with_all_vectors() {
    let mut compared = 0;
    for folder in ["exports", "backbones"] {
        for entry in fs::read_dir(data(folder)).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            if path.extension().is_none_or(|kind| kind != "onnx") || stem.starts_with("fault") {
                continue;
            }
            let Ok(files) = read_network(&path, "") else { continue };
            let spec = as_declared(&files);
            let Ok(mut backbone) = Backbone::load_with(&files, &stem, &spec, Vectors::off()) else {
                continue;
            };
            let Ok(wanted) = backbone.extract(pattern(spec.input.shape()).view()) else { continue };
            for vectors in all() {
                let apart = difference(&feature(&files, &spec, vectors), &wanted);
                assert!(apart < 1e-4, "{stem} {}: {apart}", vectors.name());
            }
            compared += 1;
        }
    }
    assert!(compared > 20, "only {compared} networks were compared");
}

#[test]
fn the_vectors_are_chosen_by_a_variable() {
    let shown = |simd: &str| {
        let mut inspect = command(&["inspect", "fieldtune-128", "--json", "--frames", "1"]);
        inspect.env("FIELDTUNE_SIMD", simd);
        finish(inspect)
    };
    let off = shown("off");
    assert!(off.stdout.contains("\"simd\":\"off\""), "{}{}", off.stdout, off.stderr);
    let wrong = shown("mmx");
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("FIELDTUNE_SIMD: wanted "), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("or off"), "{}", wrong.stderr);
}

#[test]
fn layers_are_timed_and_compared_with_the_runtime() {
    let bench = |arguments: &[&str]| {
        let tiny = data("tiny.toml").display().to_string();
        let arguments = [&["bench", "--model", &tiny, "--frames", "3"], arguments].concat();
        let run = finish(command(&arguments));
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.stdout
    };
    let layers = bench(&["--layers"]);
    assert!(layers.contains("other") && layers.contains("of peak"), "{layers}");
    let compared = bench(&["--compare", "tract"]);
    assert!(compared.contains("ratio of p50"), "{compared}");
}

#[test]
fn maps_are_those_that_the_feature_is_pooled_from() {
    let (files, spec) = built_in();
    let input = pattern(spec.input.shape());
    let mut all = all();
    all.push(Vectors::off());
    let mut first: Option<Vec<f32>> = None;
    for vectors in all {
        let mut backbone = Backbone::load_with(&files, "network", &spec, vectors).unwrap();
        let (feature, maps) = backbone.extract_with_maps(input.view()).unwrap();
        assert_eq!(feature, backbone.extract(input.view()).unwrap(), "{}", vectors.name());
        assert_eq!(maps.len(), spec.taps.len());
        for (map, tap) in maps.iter().zip(&spec.taps) {
            let block = backbone.blocks().iter().find(|block| block.tensor == tap.tensor).unwrap();
            let pooled = map.values.chunks_exact(map.places()).map(|values| match block.pool {
                Pooling::Avg => values.iter().sum::<f32>() / values.len() as f32,
                Pooling::Max => values.iter().copied().fold(f32::NEG_INFINITY, f32::max),
            });
            let pooled: Vec<f32> = pooled.collect();
            let length = pooled.iter().map(|value| value * value).sum::<f32>().sqrt();
            let pooled: Vec<f32> = pooled.iter().map(|value| value / length).collect();
            let apart = difference(&pooled, &feature[block.offset..block.offset + block.len]);
            assert!(apart < 1e-5, "{} at {}: {apart}", vectors.name(), tap.tensor);
            assert!(map.size[0] == map.size[1] && map.channels() == block.len);
        }
        let values: Vec<f32> = maps.into_iter().flat_map(|map| map.values).collect();
        let apart = first.as_ref().map_or(0.0, |first| difference(&values, first));
        assert!(apart < 1e-4, "{}: {apart}", vectors.name());
        first = first.or(Some(values));
    }
}

#[derive(serde::Deserialize)]
struct Expected {
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    feature: Vec<f32>,
}

/// The networks of `data/transformers.py`.
#[test]
fn transformers_give_what_onnx_runtime_gives_with_all_vectors() {
    let text = fs::read_to_string(data("transformers/expected.json")).unwrap();
    let Expected { cases } = serde_json::from_str(&text).unwrap();
    assert!(cases.len() > 7);
    for Case { name, feature: wanted } in cases {
        let files = read_network(&data(&format!("transformers/{name}.onnx")), "").unwrap();
        let spec = as_declared(&files);
        for vectors in all().into_iter().chain([Vectors::off()]) {
            let apart = difference(&feature(&files, &spec, vectors), &wanted);
            assert!(apart < 1e-5, "{name} {}: {apart}", vectors.name());
        }
        if name == "biased" {
            continue;
        }
        // Nothing of a block is left for the runtime.
        let mut backbone = Backbone::load_with(&files, &name, &spec, all()[0]).unwrap();
        let mut kinds = Vec::new();
        let input = pattern(spec.input.shape());
        backbone.extract_in_steps(input.view(), &mut |layer| kinds.push(layer().kind)).unwrap();
        let count = |kind: &str| kinds.iter().filter(|one| one.contains(kind)).count();
        let found = [count("attention"), count("normalise"), count("Softmax"), count("EinSum")];
        assert_eq!(found, [1, 3, 0, 0], "{name}: {kinds:?}");
    }
}
