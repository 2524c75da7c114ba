//! Networks that hear, against what ONNX Runtime and other feature extractors say; see `data/hearers.py`. Then the same at work.

use crate::common::{self, desk, process};

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use fieldtune::Fieldtune;
use fieldtune::backbone::card::ModelCard;
use fieldtune::backbone::{BackboneError, SoundInput, SoundNetwork, SoundSpec, TokenPooling};
use fieldtune::image::frame::{FrameKind, Timestamp, Waveform};
use fieldtune::image::picture;
use fieldtune::sound::{self, LogMel, Machine, MachineScene, Recording, SoundWindow};
use serde::Deserialize;

use common::data;
use desk::{Bench, text};
use process::Device;

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
        let mut network = load(&name);
        assert_eq!(network.dim(), hearer.features[0].len(), "{name}");
        for (sound, wanted) in sounds.iter().zip(&hearer.features) {
            let got = network.extract(&tone(*sound, hearer.rate, hearer.samples)).expect("it runs");
            let apart = apart(&got, wanted);
            println!("{name}, {sound:?}: {apart:e}");
            if apart.is_nan() || apart > 1e-4 {
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

/// A folder of recordings of the machine, a second each.
fn recordings(folder: &Path, seed: u64, scene: MachineScene, count: usize) -> PathBuf {
    let folder = folder.join(scene.name());
    fs::create_dir_all(&folder).expect("the folder is the test's");
    let mut machine = Machine::new(seed);
    machine.show(scene);
    for at in 0..count {
        let file = Recording::encode(&machine.second());
        fs::write(folder.join(format!("{at}.wav")), file).expect("the folder is the test's");
    }
    folder
}

/// The card that knows the machine best, of those without learned weights.
fn card() -> String {
    text(&data("hearers/whisper-short.toml")).to_owned()
}

const SCENES: [MachineScene; 3] = [MachineScene::Good, MachineScene::Bearing, MachineScene::Belt];

/// Five recordings of three classes, of two windows each: examples 1 to 30.
fn taught() -> Bench {
    let bench = Bench::new();
    let parts = bench.path().join("parts");
    SCENES.iter().for_each(|&scene| drop(recordings(&parts, 1, scene, 5)));
    let run = bench.ok(&["teach", text(&parts), "--model", &card()]);
    assert!(run.stdout.contains("learned 30 examples of 3 classes"), "{run:?}");
    bench
}

#[test]
fn recordings_are_taught_classified_and_measured() {
    let (bench, card) = (taught(), card());
    let new = bench.path().join("new");
    SCENES.iter().for_each(|&scene| drop(recordings(&new, 2, scene, 4)));
    let result = bench.path().join("result.json");
    bench.ok(&["test", text(&new), "--model", &card, "--json", text(&result)]);
    let result = fs::read_to_string(&result).expect("it was written");
    let result: serde_json::Value = serde_json::from_str(&result).expect("JSON");
    let images = result["images"].as_array().expect("a list");
    let right = images.iter().filter(|one| one["best"] == one["truth"]).count();
    assert!(images.len() == 12 && right >= 10, "{right} of {}", images.len());
    let parts = bench.path().join("parts");
    let run = bench.ok(&["eval", text(&parts), "--shots", "3", "--model", &card]);
    assert!(run.stdout.contains("24 values by whisper-short, samples"), "{run:?}");
    let run = bench.ok(&["classify", text(&new.join("belt/0.wav")), "--model", &card]);
    let seconds: Vec<&str> =
        run.stdout.lines().filter_map(|line| line.split(": ").next()).collect();
    assert!(seconds.len() == 2 && seconds[1].ends_with("belt/0.wav#t=0.5"), "{run:?}");
    let status = bench.ok(&["status"]).stdout;
    assert!(status.contains("whisper-short, samples"), "{status}");
    let shown = bench.ok(&["inspect", &card]).stdout;
    assert!(shown.contains("0.5 s at 16000 Hz, as log-mel features, 200 frames"), "{shown}");
}

#[test]
fn what_a_file_shows_makes_its_card() {
    let bench = Bench::new();
    for (name, kind) in
        [("wav2vec2", "samples"), ("hubert", "samples"), ("whisper", "log-mel"), ("ast", "log-mel")]
    {
        let file = bench.path().join(format!("{name}.onnx"));
        fs::copy(data(&format!("hearers/{name}.onnx")), &file).expect("writable");
        let made = bench.ok(&["inspect", text(&file), "--card"]).stdout;
        assert!(made.contains("The rest is a guess") && made.contains(kind), "{made}");
        let made = ModelCard::parse_sound(&made, name).expect("a card").spec;
        let path = data(&format!("hearers/{name}.toml"));
        let wanted = ModelCard::read_sound_card(&path).expect("the script wrote it").spec;
        let shape = |spec: &SoundSpec| match &spec.input {
            SoundInput::Samples(_) => (spec.window.samples, 0, "samples".to_owned()),
            SoundInput::LogMel(mel, layout) => {
                (mel.frames(&spec.window), mel.bands, format!("{layout:?}"))
            }
        };
        assert_eq!((shape(&made), made.output), (shape(&wanted), wanted.output), "{name}");
    }
    let run = bench.ok(&["inspect", text(&bench.path().join("hubert.onnx"))]);
    assert!(run.stdout.contains("as samples") && run.stdout.contains("a guess"), "{run:?}");
}

#[test]
fn kept_samples_are_all_that_is_needed() {
    let (bench, card) = (taught(), card());
    let examples = || bench.ok(&["examples", "--json"]).stdout;
    let (before, classes) = (examples(), bench.classes());
    bench.ok(&["forget", "--example", "3"]);
    bench.ok(&["forget", "belt"]);
    assert_ne!(bench.classes(), classes);
    bench.ok(&["undo"]);
    bench.ok(&["undo"]);
    assert_eq!((bench.classes(), examples()), (classes.clone(), before));
    // The pictures of the store hold the samples: what they are taken for is what the recordings are.
    let out = bench.path().join("out");
    bench.ok(&["store", "images", text(&out)]);
    let file = out.join("good/21.png");
    let frame = sound::load(&file, &SoundWindow::default(), Timestamp(7)).expect("a PNG");
    let waveform = frame.waveform().expect("it holds them");
    assert_eq!((frame.kind(), waveform.samples().len()), (FrameKind::Samples, 8000));
    assert_eq!(picture::kept(&frame, 64), fs::read(&file).ok(), "to the byte");
    let said = |file: &Path| {
        let run = bench.ok(&["classify", text(file), "--json", "--model", &card]);
        let line = run.stdout.lines().next().expect("one");
        let said: serde_json::Value = serde_json::from_str(line).expect("JSON");
        (said["best"].clone(), said["confidence"].clone())
    };
    assert_eq!(said(&file), said(&bench.path().join("parts/good/0.wav")));
    // A pack and another network that hears as much at once: nothing but the images is needed.
    let pack = bench.path().join("all.pack");
    bench.ok(&["store", "export", text(&pack)]);
    let other = bench.path().join("other.toml");
    let text_of = fs::read_to_string(&card).expect("a card").replace("\"mean\"", "\"last\"");
    fs::write(&other, text_of).expect("writable");
    fs::copy(data("hearers/whisper.onnx"), bench.path().join("whisper.onnx")).expect("writable");
    let run = bench.ok(&["store", "reteach", "--model", text(&other)]);
    assert!(run.stdout.contains("relearned 30 examples"), "{run:?}");
    assert_eq!(bench.classes(), classes);
    let run = bench.run(&["classify", text(&file), "--model", &card]);
    assert!(run.stderr.contains("whisper-short, samples is another network"), "{run:?}");
    bench.ok(&["classify", text(&file), "--model", text(&other)]);
}

#[test]
fn stores_and_networks_that_do_not_fit_are_refused() {
    let (bench, card) = (taught(), card());
    let before = bench.classes();
    let refused = |arguments: &[&str], wanted: &[&str]| {
        let run = bench.run(arguments);
        let fits = run.code != 0 && wanted.iter().all(|part| run.stderr.contains(part));
        assert!(fits, "{arguments:?}: {run:?}");
    };
    let recording = bench.path().join("parts/good/0.wav");
    let recording = text(&recording);
    let [hubert, panns] =
        ["hubert", "panns"].map(|name| text(&data(&format!("hearers/{name}.toml"))).to_owned());
    let next = "run with --model and the card (.toml) of whisper-short";
    refused(&["classify", recording], &["tiny, sound", "whisper-short, samples", next]);
    refused(&["teach", "x", recording, "--model", &hubert], &["hubert, samples", next]);
    refused(&["classify", recording, "--model", &panns], &["32 values", "24", next]);
    let image = bench.new_picture("good");
    let an_image = "this is an image, wanted the samples of a sound";
    refused(&["teach", "x", &image, "--model", &card], &[an_image]);
    refused(&["teach", "x", "--text", "a line", "--model", &card], &["the network hears"]);
    refused(&["adapt", "--frames", recording, "--model", &card], &["adapt changes pixels"]);
    refused(&["views", "none"], &["views changes pixels", "whisper-short"]);
    refused(&["finetune"], &["holds sounds"]);
    refused(&["classify", recording, "--explain", "a.png", "--model", &card], &["--explain: "]);
    refused(&["classify", recording, "--size", "9", "--model", &card], &["--size"]);
    refused(&["classify", recording, "--center-crop", "--model", &card], &["networks that see"]);
    refused(&["inspect", &card, "--run", "a.npy", "--out", "b.npy"], &["this one hears"]);
    let line = ["run", "--camera", "synthetic:", "--bench-seconds", "1", "--model", &card];
    refused(&line, &["wanted a camera that hears"]);
    let parts = bench.path().join("parts");
    let eval = ["eval", text(&parts), "--model", &card];
    for more in [&["--shift", "all"][..], &["--protocol", "bench"], &["--finetune", "auto"]] {
        refused(&[&eval[..], more].concat(), &[more[0], "wants a network that sees"]);
    }
    let region = ["run", "--camera", "sound:synthetic:machine", "--region", "0,0,1,0.5"];
    refused(&[&region[..], &["--model", &card]].concat(), &["heard as a whole"]);
    assert_eq!(bench.classes(), before);
    // Pictures of sounds, as the built-in way has them, are no samples, and the other way round.
    let pictures = Bench::new();
    let folder = recordings(pictures.path(), 1, MachineScene::Good, 2);
    pictures.ok(&["teach", "good", text(&folder)]);
    let run = pictures.run(&["store", "reteach", "--model", &card]);
    assert!(run.code != 0 && run.stderr.contains("wanted the samples of a sound"), "{run:?}");
    let run = pictures.run(&["classify", text(&folder), "--model", &card]);
    assert!(
        run.code != 0 && run.stderr.contains("run with --model and the card (.toml) of tiny"),
        "{run:?}"
    );
    let run = bench.run(&["store", "reteach"]);
    assert!(run.code != 0 && run.stderr.contains("got the samples of a sound"), "{run:?}");
}

#[test]
fn a_device_learns_a_machine_by_its_samples() {
    let folder = tempfile::tempdir().expect("a folder");
    let card = card();
    let camera = ["--camera", "sound:synthetic:machine", "--fps", "10", "--model", &card];
    let device = Device::reading(folder.path(), &camera, Stdio::null());
    let shows = |scene: &str| {
        device.ok(&["set", "scene", scene]);
        std::thread::sleep(Duration::from_millis(900));
    };
    for scene in ["good", "leak"] {
        shows(scene);
        (0..6).for_each(|_| drop(device.ok(&["teach", scene])));
    }
    for scene in ["good", "leak", "good"] {
        shows(scene);
        let recent = device.ok(&["recent", "4"]);
        let right = recent.lines().filter(|line| line.contains(&format!("best={scene}"))).count();
        assert!(right >= 3, "{scene}: {recent}");
    }
    // A recording is taught from afar, and taken back.
    let bearing = recordings(folder.path(), 9, MachineScene::Bearing, 1).join("0.wav");
    device.ok(&["teach", "bearing", text(&bearing)]);
    assert!(device.ok(&["classify", text(&bearing)]).contains("best=bearing"));
    assert!(device.ok(&["undo"]).contains("class bearing is gone"));
    for command in [&["adapt"][..], &["explain"], &["follow", "on"], &["set", "views", "none"]] {
        let run = device.ctl(command);
        let says = run.stderr.contains("wanted images, got samples of sound");
        assert!(run.code != 0 && says, "{command:?}: {run:?}");
    }
    let refused = device.ctl(&["classify", text(&data("pictures/exif-1.jpg"))]);
    let says = "wanted the samples of a sound, got an image";
    assert!(refused.code != 0 && refused.stderr.contains(says), "{refused:?}");
}

#[test]
fn the_library_hears_with_a_card() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || Fieldtune::builder().model(card()).open(folder.path().join("a.ftune"));
    let mut tuner = open().expect("a card and a new store");
    for scene in [MachineScene::Good, MachineScene::Leak] {
        for at in 0..4 {
            let file = recordings(folder.path(), 1, scene, 4).join(format!("{at}.wav"));
            tuner.teach_file(scene.name(), file).expect("a recording");
        }
    }
    drop(tuner);
    let mut tuner = open().expect("the same again");
    let file = recordings(folder.path(), 2, MachineScene::Leak, 1).join("0.wav");
    assert_eq!(tuner.classify_file(file).expect("a recording").best, "leak");
    drop(tuner);
    let error =
        Fieldtune::builder().sounds().open(folder.path().join("a.ftune")).expect_err("other");
    assert!(error.to_string().contains("whisper-short, samples"), "{error}");
}

#[test]
fn other_windows_and_outputs_are_refused() {
    let mut network = load("hubert");
    let mut error =
        |waveform: Waveform| network.extract(&waveform).expect_err("refused").to_string();
    let said = error(tone((440.0, 0.3), 32_000, 8000));
    assert!(said.contains("wanted windows of 8000 samples at 16000 Hz"), "{said}");
    assert!(said.contains("got one of 8000 at 32000 Hz"), "{said}");
    assert!(error(tone((440.0, 0.3), 16_000, 7999)).contains("got one of 7999 at 16000 Hz"));
    let path = data("hearers/hubert.toml");
    let card = ModelCard::read_sound_card(&path).expect("the script wrote it");
    let loaded = |spec: SoundSpec| {
        let onnx = card.network(path.parent()).expect("it is there");
        SoundNetwork::load(&onnx, "hubert", &spec)
    };
    let spec = || card.spec.clone();
    let whole = SoundSpec { pool: TokenPooling::Whole, ..spec() };
    let said = loaded(whole).expect_err("it has moments").to_string();
    assert!(said.contains("wanted [1, values]") && said.contains("pool = "), "{said}");
    let missing = SoundSpec { output: "nothing".to_owned(), ..spec() };
    let said = loaded(missing).expect_err("no such tensor").to_string();
    assert!(said.contains("there is no tensor nothing; its outputs are out"), "{said}");
    let window = SoundWindow { samples: 8001, ..card.spec.window };
    let longer = loaded(SoundSpec { window, ..spec() });
    assert!(matches!(longer, Err(BackboneError::Input { .. })), "{longer:?}");
    let reads = fs::read(data("readers/bert/network.onnx")).expect("it is there");
    let output = "last_hidden_state".to_owned();
    let said = SoundNetwork::load(&reads, "bert", &SoundSpec { output, ..spec() });
    let said = said.expect_err("it reads").to_string();
    assert!(said.contains("a network that hears") && said.contains("input_ids"), "{said}");
}

#[test]
fn cards_of_hearers_name_what_is_wrong() {
    let read = |name: &str| fs::read_to_string(data(&format!("hearers/{name}.toml")));
    let (mel, samples) = (read("ast").expect("a card"), read("wav2vec2").expect("a card"));
    let tap = "output = \"out\"\n[[tap]]\ntensor = \"a\"\npool = [\"avg\"]";
    for (card, was, is, wanted) in [
        (&samples, "rate = 16000", "rate = 0", "input: rate: 0 is not within 4000 and 96000"),
        (&samples, "rate = 16000", "rate = 4000000000", "rate: 4000000000"),
        (&samples, "window = 1.0", "window = 0.1", "window: 0.1 s is not within 0.25 and 30"),
        (&samples, "window = 1.0", "window = nan", "window: NaN s"),
        (&samples, "rate = 16000\nwindow = 1.0", "rate = 96000\nwindow = 30", "at most 480000"),
        (&samples, "\"zero-mean-unit-variance\"", "\"unit\"", "unit"),
        (&samples, "pool =", "bands = 4\npool =", "bands"),
        (&samples, "pool = \"mean\"", "", "pool"),
        (&samples, "output = \"out\"", tap, "a network that hears has none"),
        (&mel, "bands = 32", "bands = 0", "input: bands: 0 is not within 1 and 512"),
        (&mel, "bands = 32", "bands = 100000", "bands: 100000"),
        (&mel, "frame = 400", "frame = 3", "frame: 3 is not within 16 and"),
        (&mel, "frame = 400", "frame = 9223372036854775807", "frame: 9223372036854775807"),
        (&mel, "hop = 160", "hop = 0", "hop: 0 is not within"),
        (&mel, "hop = 160", "hop = 1", "hop: 15601 frames of a window, wanted at most 8192"),
        (&mel, "hop = 160", "hop = 160\nfft = 256", "fft: 256 is not within 400"),
        (&mel, "hop = 160", "hop = 160\nfmax = 9000.0", "wanted two of 0 to 8000"),
        (&mel, "fmin = 20.0", "fmin = -1.0", "fmin, fmax: got -1 to 8000 Hz"),
        (&mel, "\"kaldi\"", "\"bark\"", "bark"),
        (&mel, "mean = -4.2677393", "mean = inf", "mean: got inf, wanted a number"),
        (&mel, "std = 9.1379948", "std = 0.0", "std: got 0, wanted a number above 0"),
        (&mel, "floor = 1.1920929e-07", "floor = 0.0", "floor: got 0"),
        (&mel, "floor = 1.1920929e-07", "range = -8.0", "range: got -8"),
        (&mel, "frames = 104", "frames = 999999", "frames: 999999 is not within 1 and 8192"),
        (&mel, "hop = 160", "hop = 16000", "frames: 1664000 samples with silence, wanted at most"),
        (&mel, "\"time-by-bands\"", "\"square\"", "square"),
        (&mel, "kind = \"log-mel\"", "kind = \"mfcc\"", "input: kind: \"mfcc\" is not"),
    ] {
        let text = card.replace(was, is);
        assert_ne!(text, *card, "{was}");
        let error = ModelCard::parse_sound(&text, "c.toml").expect_err(is).to_string();
        assert!(error.contains(wanted) && error.contains("c.toml"), "{is}: {error}");
    }
    let error = ModelCard::parse(&mel, "c.toml").expect_err("it hears").to_string();
    assert!(error.contains("the network hears, wanted one that looks at images"), "{error}");
    let error = ModelCard::parse_text(&mel, "c.toml").expect_err("it hears").to_string();
    assert!(error.contains("the network hears"), "{error}");
}
