//! The last blocks of networks of many kinds as layers: what they give before they are trained, and what is refused.

use std::path::Path;

use fieldtune::backbone::preprocess::{ChannelOrder, Fit, InputSpec, Layout, Norm};
use fieldtune::backbone::{BackboneSpec, Extractor, Onnx, Tail, TailError, Tap};
use fieldtune::camera::{Camera as _, Synthetic};
use fieldtune::image::frame::{Frame, Timestamp};
use fieldtune::image::views::ViewKinds;
use fieldtune_math::layers::Pass;

fn frame() -> Frame {
    Synthetic::new(5).capture(Timestamp(1)).expect("it is drawn")
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The blocks of the frozen feature that the tail gives, too.
fn late(feature: &[f32], tail: &Tail, blocks: &[usize]) -> Vec<f32> {
    let mut ends = vec![0];
    blocks.iter().for_each(|len| ends.push(ends[ends.len() - 1] + len));
    tail.late().iter().flat_map(|block| feature[ends[*block]..ends[block + 1]].to_vec()).collect()
}

/// Largest distance between what a tail gives before it is trained and the frozen feature's own blocks of length one.
fn apart(onnx: Onnx, name: &str, spec: &BackboneSpec) -> Result<f32, TailError> {
    let tail = Tail::of(onnx, name, spec, Extractor::fingerprint_of(onnx, spec), None)?;
    let mut extractor = Extractor::load_with_tail(onnx, name, spec, &tail).expect("it runs");
    let lengths: Vec<usize> = extractor.parts().1.blocks().iter().map(|b| b.len).collect();
    let frozen: usize = lengths.iter().sum();
    let cuts = extractor.cuts(&frame(), &ViewKinds::of(&[])).expect("it runs");
    let feature = &cuts[0].feature;
    let wanted = late(&feature[..frozen], &tail, &lengths);
    let largest = wanted.iter().fold(1e-6_f32, |largest, value| largest.max(value.abs()));
    let mut pass = Pass::default();
    tail.network().forward(&cuts[0].map, &mut pass);
    let length = wanted.iter().map(|value| value * value).sum::<f32>().sqrt();
    let trained: Vec<f32> = match lengths.len() {
        1 => pass.feature().iter().map(|value| value * length).collect(),
        _ => pass.feature().to_vec(),
    };
    let far = furthest(&feature[frozen..], &wanted).max(furthest(&trained, &wanted));
    Ok(far / largest)
}

fn spec(side: u32, taps: Vec<Tap>, layout: Layout) -> BackboneSpec {
    let (mean, scale) = Norm::Tf.mean_scale();
    let (width, height, order) = (side, side, ChannelOrder::Rgb);
    let input =
        InputSpec { width, height, layout, order, mean, scale, fit: Fit::Whole, any_size: false };
    BackboneSpec { input, taps }
}

#[test]
fn networks_of_many_endings_have_a_tail_or_a_reason() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/backbones");
    let wanted = std::fs::read_to_string(folder.join("expected.json")).expect("it is there");
    let wanted: serde_json::Value = serde_json::from_str(&wanted).expect("JSON");
    let (mut trained, mut refused) = (Vec::new(), Vec::new());
    for case in wanted["cases"].as_array().expect("cases") {
        let name = case["name"].as_str().expect("a name");
        let shape: [usize; 4] = serde_json::from_value(case["shape"].clone()).expect("a shape");
        let taps = serde_json::from_value(case["taps"].clone()).unwrap_or_default();
        let side = u32::try_from(shape[2]).expect("small");
        if shape[1] != 3 {
            continue;
        }
        let onnx = std::fs::read(folder.join(format!("{name}.onnx"))).expect("it is there");
        match apart(Onnx::from(&onnx[..]), name, &spec(side, taps, Layout::Nchw)) {
            Ok(far) => {
                assert!(far < 1e-4, "{name}: {far}");
                trained.push(name.to_owned());
            }
            Err(error) => refused.push(format!("{error}")),
        }
    }
    for name in ["gemm", "conv_relu_pool", "squeeze_excite_sigmoid", "headless_folded"] {
        assert!(trained.iter().any(|known| known == name), "{name}: {refused:#?}");
    }
    assert!(!refused.is_empty() && refused.iter().all(|why| why.contains("train")), "{refused:#?}");
}

#[test]
fn pretrained_networks_have_a_tail_but_squeezenet() {
    let Some(assets) = std::env::var_os("FIELDTUNE_ASSETS") else {
        eprintln!("skipped: FIELDTUNE_ASSETS is not set");
        return;
    };
    let folder = Path::new(&assets).join("backbones");
    let apart = |file: &str| {
        let onnx = std::fs::read(folder.join(file)).expect("it is there");
        apart(Onnx::from(&onnx[..]), file, &spec(224, Vec::new(), Layout::Nchw))
    };
    for file in ["mobilenet_v2_0.35_224.features.onnx", "mobilenet_v1_0.25_224.onnx"] {
        let far = apart(file).expect(file);
        assert!(far < 1e-4, "{file}: {far}");
    }
    let error = apart("squeezenet1.0-fp16.onnx").expect_err("its branches are put together");
    assert!(error.to_string().contains("operator Concat"), "{error}");
}
