//! Networks that hear, against what ONNX Runtime and other feature extractors say; see `data/hearers.py`. Then the same at work.

use crate::common::{self, desk};

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fieldtune::backbone::card::ModelCard;
use fieldtune::backbone::{SoundInput, SoundNetwork, SoundSpec};
use fieldtune::image::frame::Waveform;
use fieldtune::sound::log_mel::LogMel;
use serde::Deserialize;

use common::data;

#[derive(Deserialize)]
struct Expected {
    /// Hz and level.
    sounds: Vec<(f64, f64)>,
    hearers: BTreeMap<String, Hearer>,
}

#[derive(Deserialize)]
struct Hearer {
    rate: u32,
    samples: usize,
    features: Vec<Vec<f32>>,
    /// Every 37th value of the first sound.
    #[serde(default)]
    mel: Vec<f32>,
}

fn expected() -> Expected {
    let text = fs::read_to_string(data("hearers/expected.json")).expect("it is there");
    serde_json::from_str(&text).expect("the script wrote it")
}

/// A tone over noise, as the script makes it.
fn tone((hertz, level): (f64, f64), rate: u32, samples: usize) -> Waveform {
    let mut state: u32 = 12_345;
    let sample = |at: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = f64::from(state) / f64::from(1u32 << 31) - 1.0;
        let time = at as f64 / f64::from(rate);
        let value = level * (std::f64::consts::TAU * hertz * time).sin() + 0.02 * noise;
        (value * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
    };
    Waveform::new(rate, (0..samples).map(sample).collect()).expect("it fits")
}

fn load(name: &str) -> SoundNetwork {
    let path = data(&format!("hearers/{name}.toml"));
    let card = ModelCard::read_sound_card(&path).expect("the script wrote it");
    card.sound_network(path.parent()).expect("it can be loaded")
}

/// The largest difference, as a part of the largest value.
fn apart(got: &[f32], wanted: &[f32]) -> f32 {
    assert_eq!(got.len(), wanted.len());
    let largest = wanted.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    got.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest
}

#[test]
fn embeddings_are_those_of_onnx_runtime() {
    let Expected { sounds, hearers } = expected();
    let mut failed = Vec::new();
    for (name, hearer) in hearers {
        let network = load(&name);
        assert_eq!(network.dim(), hearer.features[0].len(), "{name}");
        for (sound, wanted) in sounds.iter().zip(&hearer.features) {
            let got = network.extract(&tone(*sound, hearer.rate, hearer.samples)).expect("it runs");
            let apart = apart(&got, wanted);
            println!("{name}, {sound:?}: {apart:e}");
            if apart.is_nan() || apart > 1e-3 {
                failed.push(format!("{name}, {sound:?}: {apart}"));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn log_mel_features_are_those_of_others() {
    let Expected { sounds, hearers } = expected();
    for (name, hearer) in hearers.iter().filter(|(_, hearer)| !hearer.mel.is_empty()) {
        let path = data(&format!("hearers/{name}.toml"));
        let SoundSpec { window, input, .. } =
            ModelCard::read_sound_card(&path).expect("a card").spec;
        let SoundInput::LogMel(spec, _) = input else { panic!("{name} has features") };
        let heard = tone(sounds[0], hearer.rate, hearer.samples);
        let heard: Vec<f32> =
            heard.samples().iter().map(|&sample| f32::from(sample) / 32_768.0).collect();
        let features = LogMel::new(&spec, window).expect("a card is checked").features(&heard);
        assert_eq!(features.len(), spec.frames(&window) * spec.bands, "{name}");
        let every: Vec<f32> = features.iter().step_by(37).copied().collect();
        let apart = apart(&every, &hearer.mel);
        assert!(apart < 1e-3, "{name}: {apart}");
    }
}

#[test]
fn a_card_is_written_as_it_is_read() {
    for name in expected().hearers.keys() {
        let path = data(&format!("hearers/{name}.toml"));
        let card = ModelCard::read_sound_card(&path).expect("the script wrote it");
        let text = card.sound_to_toml();
        let again = ModelCard::parse_sound(&text, "again").expect("it was just written");
        assert_eq!((&again, again.sound_to_toml()), (&card, text));
    }
    assert!(ModelCard::sound_card(Path::new("tests/data/tiny.toml")).expect("it sees").is_none());
}
