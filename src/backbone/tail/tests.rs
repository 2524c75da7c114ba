use fieldtune_math::layers::Pass;

use super::*;
use crate::backbone::card::ModelCard;
use crate::backbone::{CutFeature, Extractor, FeatureSource as _};
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
fn the_built_in_backbone_is_cut_at_its_last_stage() {
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
fn a_tail_comes_back_from_its_bytes() {
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
