use fieldtune_math::layers::Pass;

use super::*;
use crate::backbone::card::ModelCard;
use crate::backbone::preprocess::{ChannelOrder, Fit, InputSpec, Layout, Norm};
use crate::backbone::{CutFeature, Extractor, FeatureSource as _, Tap};
use crate::camera::{Camera as _, Synthetic};
use crate::image::frame::{Frame, Timestamp};
use crate::image::views::ViewKinds;

fn frame() -> Frame {
    Synthetic::new(5).capture(Timestamp(1)).expect("it is drawn")
}

/// The built-in backbone's tail as it is, and the backbone with it.
fn built_in(depth: Option<usize>) -> (Tail, Extractor) {
    let card = ModelCard::named("built-in").expect("it is there");
    let onnx = card.network(None).expect("it is there");
    let base = Extractor::fingerprint_of(&onnx, &card.spec);
    let tail = Tail::of(&onnx, &card.name, &card.spec, base, depth).expect("it can be trained");
    let extractor =
        Extractor::load_with_tail(&onnx, &card.name, &card.spec, &tail).expect("it runs");
    (tail, extractor)
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

#[test]
fn an_untrained_tail_gives_the_frozen_feature_again() {
    for depth in [None, Some(1), Some(2), Some(4)] {
        let (tail, mut extractor) = built_in(depth);
        let lengths: Vec<usize> = extractor.parts().1.blocks().iter().map(|b| b.len).collect();
        let frozen: usize = lengths.iter().sum();
        let feature = extractor.feature(&frame()).expect("it runs");
        assert_eq!(feature.len(), frozen + tail.network().dim());
        let wanted = late(&feature[..frozen], &tail, &lengths);
        let far = furthest(&feature[frozen..], &wanted);
        assert!(far < 1e-4, "depth {depth:?}, {:?}: {far}", tail.cut());

        // The layers that are trained give the same as the kernels.
        let cuts = extractor.cuts(&frame(), &ViewKinds::default()).expect("it runs");
        assert!(cuts.len() > 1 && cuts[0].feature == feature);
        for CutFeature { feature, map } in cuts {
            let mut pass = Pass::default();
            tail.network().forward(&map, &mut pass);
            let far = furthest(&feature[frozen..], pass.feature());
            assert!(far < 1e-4, "depth {depth:?}: {far}");
        }
    }
}

#[test]
fn the_last_stage_of_the_built_in_backbone_is_its_tail() {
    let (tail, mut extractor) = built_in(None);
    assert_eq!((tail.cut(), tail.late()), ("stage3", &[2, 3][..]));
    let card = ModelCard::named("built-in").expect("it is there");
    let onnx = card.network(None).expect("it is there");
    let mut frozen = Extractor::load(&onnx, &card.name, &card.spec).expect("it runs");
    let (wanted, got) = (frozen.feature(&frame()), extractor.feature(&frame()));
    let (wanted, got) = (wanted.expect("it runs"), got.expect("it runs"));
    let far = furthest(&got[..wanted.len()], &wanted);
    assert!(far < 1e-6, "the frozen feature stays as it was: {far}");
    assert_ne!(extractor.fingerprint(), frozen.fingerprint());
    let base = frozen.fingerprint();
    let most = Tail::of(&onnx, "net", &card.spec, base, Some(99)).expect_err("not so deep");
    assert!(most.to_string().starts_with("net: depth 99, wanted 1 to "), "{most}");
    assert!(Tail::of(&onnx, "net", &card.spec, base, Some(0)).is_err());
}

#[test]
fn a_tail_comes_back_from_its_bytes_and_damage_is_found() {
    let (tail, _) = built_in(Some(1));
    let tail = tail.with_weights(tail.network().weights()).expect("as many");
    let bytes = tail.to_bytes();
    let back = Tail::from_bytes(&bytes).expect("it is whole");
    assert_eq!((&back, back.fingerprint()), (&tail, tail.fingerprint()));
    assert!(Tail::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    assert!(Tail::from_bytes(&[9; 40]).is_err());
    // Whatever byte is changed, it is refused or is a tail that does not harm.
    for at in (0..bytes.len().min(600)).step_by(7) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x55;
        drop(Tail::from_bytes(&changed));
    }
    let mut weights = tail.network().weights().to_vec();
    weights[0] = 1e6;
    assert!(tail.with_weights(&weights).is_err(), "too large for half precision");
    weights[0] = 0.25;
    let other = tail.with_weights(&weights).expect("as many");
    assert_ne!(other.fingerprint(), tail.fingerprint());
}

#[test]
fn a_tail_of_another_network_is_refused() {
    let (tail, _) = built_in(Some(1));
    let card = ModelCard::named("built-in").expect("it is there");
    let onnx = card.network(None).expect("it is there");
    let mut spec = card.spec.clone();
    spec.taps.pop();
    let error = Extractor::load_with_tail(&onnx, "net", &spec, &tail).expect_err("other taps");
    assert!(error.to_string().contains("belong to another network"), "{error}");
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
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/backbones");
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
fn pretrained_networks_have_a_tail_and_squeezenet_is_refused_by_name() {
    let Some(assets) = std::env::var_os("FIELDTUNE_ASSETS") else {
        eprintln!("skipped: FIELDTUNE_ASSETS is not set");
        return;
    };
    let folder = std::path::Path::new(&assets).join("backbones");
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
