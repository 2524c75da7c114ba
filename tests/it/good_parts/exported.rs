//! What tells good parts from others as an ONNX file, beside the program.

use fieldtune::backbone::card::ModelCard;
use fieldtune::backbone::preprocess::Preprocessor;
use fieldtune::backbone::{
    Backbone, BackboneSpec, Classifier, Dense, Extractor, FeatureSource as _, Pooling, Rounding,
    Tap, export,
};
use fieldtune::camera::SyntheticScene;
use fieldtune::learn::patches::FrameFeatures;

use super::{frame, taught};

#[test]
fn an_exported_network_tells_good_parts_from_others() {
    for (name, good) in [("fieldtune-128", 12), ("fieldtune-224", 6)] {
        let card = ModelCard::named(name).unwrap();
        let onnx = card.network(None).unwrap();
        let mut source = Extractor::load(&onnx, &card.name, &card.spec).unwrap();
        let learner = taught(&mut source, good);
        let memory = learner.patch_memory().unwrap();
        let maps = source.feature_and_maps(&frame(0, SyntheticScene::Good)).unwrap().1;
        let parts = learner.good_parts(&maps).unwrap();
        let (weights, bias) = (vec![0.0; source.dim()], [0.0]);
        let layers = [Dense { weights: &weights, bias: &bias }];
        let classifier =
            Classifier { centre: None, unit_length: true, layers: &layers, temperature: 1.0 };
        let behind = (&classifier, Some(&parts));
        let exported =
            export(&onnx, name, &card.spec, None, behind, Rounding::Limits, &[]).unwrap();
        let output = |tensor: &str, pool: Pooling| {
            let taps = vec![Tap { tensor: tensor.to_owned(), pool: vec![pool] }];
            let spec = BackboneSpec { taps, ..card.spec.clone() };
            Backbone::load(&exported.onnx, "exported", &spec).unwrap()
        };
        let mut unlike = output("unlike", Pooling::Avg);
        let mut farthest = [output("where0", Pooling::Max), output("where1", Pooling::Max)];
        let mut preprocessor = Preprocessor::new(card.spec.input.clone()).unwrap();
        for number in 0..8 {
            let is_bad = number % 2 == 1;
            let scene = if is_bad { SyntheticScene::Scratch } else { SyntheticScene::Good };
            let seen = frame(500 + number, scene);
            let patches = FrameFeatures::by(&mut source, &seen, true).unwrap().patches.unwrap();
            let scores = memory.scores(&patches);
            let levels = parts.levels.iter().zip(scores);
            let sum: f32 = levels.map(|(level, score)| level.factor * score.unwrap()).sum();
            let off = sum + parts.offset;
            let wanted = if off > 0.0 { 1.0 + off } else { off.exp() };
            let input = preprocessor.apply(&seen).unwrap();
            let got = unlike.extract(input.view()).unwrap()[0];
            println!("{name} {number}: {got} {wanted}");
            assert!((got - wanted).abs() < 0.02 * wanted.max(1.0), "{got} instead of {wanted}");
            assert!(got > 1.0 || !is_bad, "a scratch is {got}");
            for (output, (_, distances)) in farthest.iter_mut().zip(memory.distances(&patches)) {
                let wanted = distances.into_iter().fold(0.0, f32::max);
                let got = output.extract(input.view()).unwrap()[0];
                assert!((got - wanted).abs() < 0.01 * wanted, "{got} instead of {wanted}");
            }
        }
    }
}
