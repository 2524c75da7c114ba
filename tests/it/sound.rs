//! Sounds: files taught, classified, measured and refused; a device that listens; what the spectrogram is by librosa.

use crate::common::{self, Run, data, desk, process};

use std::path::{Path, PathBuf};
use std::time::Duration;

use desk::{Bench, text};
use fieldtune::Fieldtune;
use fieldtune::camera::CameraErrorKind;
use fieldtune::camera::source::{self, CaptureSettings};
use fieldtune::image::frame::{FrameKind, Timestamp};
use fieldtune::image::picture;
use fieldtune::sound::{Machine, MachineScene, Recording, SAMPLE_RATE, spectrogram};
use process::Device;

/// Seconds of the machine with that wrong, in one piece.
fn heard(seed: u64, scene: MachineScene, seconds: usize) -> Vec<f32> {
    let mut machine = Machine::new(seed);
    machine.show(scene);
    (0..seconds).flat_map(|_| machine.second()).collect()
}

/// A folder of recordings of a second each.
fn recordings(folder: &Path, seed: u64, scene: MachineScene, count: usize) -> PathBuf {
    let folder = folder.join(scene.name());
    std::fs::create_dir_all(&folder).expect("the folder is the test's");
    for (at, second) in heard(seed, scene, count).chunks(SAMPLE_RATE as usize).enumerate() {
        let file = folder.join(format!("{at}.wav"));
        std::fs::write(file, Recording::encode(second)).expect("the folder is the test's");
    }
    folder
}

const SCENES: [MachineScene; 3] = [MachineScene::Good, MachineScene::Bearing, MachineScene::Belt];

fn taught() -> Bench {
    let bench = Bench::new();
    let parts = bench.path().join("parts");
    SCENES.iter().for_each(|&scene| drop(recordings(&parts, 1, scene, 5)));
    let run = bench.ok(&["teach", text(&parts)]);
    assert!(run.stdout.contains("learned 15 examples of 3 classes"), "{run:?}");
    bench
}

#[test]
fn recordings_are_taught_classified_and_measured() {
    let bench = taught();
    let new = bench.path().join("new");
    SCENES.iter().for_each(|&scene| drop(recordings(&new, 2, scene, 6)));
    let result = bench.path().join("result.json");
    bench.ok(&["test", text(&new), "--json", text(&result)]);
    let result = std::fs::read_to_string(&result).expect("it was written");
    let result: serde_json::Value = serde_json::from_str(&result).expect("JSON");
    let images = result["images"].as_array().expect("a list");
    // The tests' network knows little; that the nearest class is right comes from the cepstrum.
    let right = images.iter().filter(|one| one["best"] == one["truth"]).count();
    assert!(images.len() == 18 && right >= 16, "{right} of {}", images.len());
    let run = bench.ok(&["eval", text(&bench.path().join("parts")), "--shots", "3"]);
    assert!(run.stdout.contains("features of 108 values by tiny, sound"), "{run:?}");
    let run = bench.ok(&["status"]);
    assert!(run.stdout.contains("tiny, sound (108 values)"), "{run:?}");
    // What is kept of a sound is all that it was learned from.
    let file = text(&new.join("belt/1.wav")).to_owned();
    let before = bench.verdict(&file);
    bench.ok(&["store", "reteach"]);
    assert_eq!(bench.verdict(&file), before);
    // And a picture of it is the same sound.
    let kept = bench.path().join("kept");
    bench.ok(&["store", "images", text(&kept)]);
    let found = picture::in_folder(&kept).expect("readable");
    let frame = picture::load(&found.images[0], Timestamp(0)).expect("readable");
    assert_eq!((found.images.len(), frame.kind()), (15, FrameKind::Sound));
    bench.ok(&["classify", text(&found.images[0])]);
}

#[test]
fn a_long_recording_is_classified_second_by_second() {
    let bench = taught();
    let file = bench.path().join("long.wav");
    let mut samples = heard(7, MachineScene::Good, 2);
    samples.extend(heard(7, MachineScene::Bearing, 2));
    std::fs::write(&file, Recording::encode(&samples)).expect("the folder is the test's");
    let run = bench.ok(&["classify", "long.wav"]);
    let starts: Vec<&str> = run
        .stdout
        .lines()
        .filter_map(|line| line.split_once(": ").map(|(start, _)| start))
        .collect();
    assert_eq!(starts, ["long.wav#t=0", "long.wav#t=1", "long.wav#t=2", "long.wav#t=3"]);
    let one = bench.json(&["classify", "long.wav#t=3"]);
    assert_eq!((&one["best"], &one["file"]), (&"bearing".into(), &"long.wav#t=3".into()));
    let run = bench.ok(&["teach", "hum", "long.wav"]);
    assert!(run.stdout.contains("4 examples, 1 independent look"), "{run:?}");
    let run = bench.ok(&["classify", "long.wav", "--explain", "where.png"]);
    assert!(run.stdout.contains(" s, ") && run.stdout.contains(" Hz"), "{run:?}");
    let drawn = picture::load(&bench.path().join("where.png"), Timestamp(0)).expect("drawn");
    assert_eq!((drawn.width(), drawn.height(), drawn.kind()), (404, 512, FrameKind::Image));
}

#[test]
fn sounds_and_images_refuse_each_other() {
    let sounds = taught();
    let picture = sounds.new_picture("good");
    let recording = sounds.path().join("parts/good/0.wav");
    for arguments in [&["teach", "x"][..], &["classify"]] {
        let run = sounds.run(&[arguments, &[&picture]].concat());
        assert_eq!(run.code, 2, "{run:?}");
        let says = "wanted a store of images, this one holds sounds\n  next: give recordings";
        assert!(run.stderr.contains(says), "{run:?}");
    }
    let run = sounds.run(&["teach", "x", text(&recording), &picture]);
    let says = "this is an image, wanted a sound";
    assert!(
        run.code == 2 && run.stderr.contains(says) && run.stderr.contains("good-100"),
        "{run:?}"
    );
    let run = sounds.run(&["classify", "--text", "a line"]);
    assert!(run.code == 2 && run.stderr.contains("this one holds sounds"), "{run:?}");
    let run = sounds.run(&["finetune"]);
    assert!(run.code == 2 && run.stderr.contains("this one holds sounds"), "{run:?}");
    let run = sounds.run(&["run", "--camera", "synthetic:", "--bench-seconds", "1"]);
    assert!(run.code == 2 && run.stderr.contains("this one holds sounds"), "{run:?}");
    let images = Bench::new();
    images.ok(&["teach", "x", &images.new_picture("good")]);
    for arguments in [
        &["classify", text(&recording)][..],
        &["teach", "x", text(&recording)],
        &["run", "--camera", "sound:synthetic:machine", "--bench-seconds", "1"],
    ] {
        let run = images.run(arguments);
        assert_eq!(run.code, 2, "{run:?}");
        let says = "wanted a store of sounds, this one holds images";
        assert!(run.stderr.contains(says) && run.stderr.contains("  next: "), "{run:?}");
    }
}

#[test]
fn what_is_no_recording_is_named_and_nothing_is_learned() {
    let bench = taught();
    let before = bench.classes();
    let whole = Recording::encode(&heard(1, MachineScene::Good, 1));
    let changed = |at: usize, bytes: &[u8]| {
        let mut file = whole.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let mut nan = changed(20, &[3, 0]);
    nan[34] = 32;
    nan[44..48].copy_from_slice(&f32::NAN.to_le_bytes());
    let cases = [
        ("torn", whole[..1000].to_vec(), "its header says 32000 bytes of sound, there are 956"),
        ("nothing", Vec::new(), "no WAV, FLAC or Ogg file: it is empty"),
        ("nan", nan, "is NaN, wanted -1 to 1"),
        ("still", changed(24, &[0; 4]), "0 samples a second"),
        ("crowd", changed(22, &[0xe8, 3]), "1000 channels, wanted 1 to 32"),
        ("mp3", b"ID3\x04\0\0".to_vec(), "ffmpeg -i FILE"),
    ];
    for (name, bytes, says) in cases {
        let file = bench.path().join(format!("{name}.wav"));
        std::fs::write(&file, bytes).expect("the folder is the test's");
        let run = bench.run(&["teach", "good", "parts/good/0.wav", text(&file)]);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(
            run.stderr.contains(&format!("{name}.wav: ")) && run.stderr.contains(says),
            "{run:?}"
        );
        assert_eq!(bench.classes(), before, "{name}");
        let run = bench.run(&["classify", text(&file), "parts/good/0.wav"]);
        assert!(run.code == 1 && run.stderr.contains(says), "{run:?}");
        assert!(run.stdout.starts_with("parts/good/0.wav: "), "the others are classified: {run:?}");
    }
    // A header without a length, as of a program that records into a pipe.
    let endless = bench.path().join("endless.wav");
    std::fs::write(&endless, changed(40, &[0xff; 4])).expect("the folder is the test's");
    bench.ok(&["classify", text(&endless)]);
}

#[test]
fn a_device_learns_a_machine_over_the_console() {
    let folder = tempfile::tempdir().expect("a folder");
    let camera = ["--camera", "sound:synthetic:machine", "--fps", "10"];
    let device = Device::start(folder.path(), &camera);
    let shows = |scene: &str| {
        device.ok(&["set", "scene", scene]);
        // Several seconds of the machine pass, at ten a second.
        std::thread::sleep(Duration::from_millis(700));
    };
    for scene in ["good", "bearing"] {
        shows(scene);
        for _ in 0..5 {
            device.ok(&["teach", scene]);
        }
    }
    let refused = device.ctl(&["set", "scene", "rust"]);
    assert!(refused.stderr.contains("there are good, bearing, belt, knock, leak"), "{refused:?}");
    for scene in ["good", "bearing", "good"] {
        shows(scene);
        let recent = device.ok(&["recent", "3"]);
        assert!(recent.contains(scene), "{scene}: {recent}");
    }
    // A recording is taught and classified from afar, too.
    let bearing = recordings(folder.path(), 9, MachineScene::Bearing, 1).join("0.wav");
    let follow = device.ctl(&["follow", "on"]);
    assert!(follow.code != 0 && follow.stderr.contains("wanted images, got sound"), "{follow:?}");
    let said = device.ok(&["classify", text(&bearing)]);
    assert!(said.contains("bearing"), "{said}");
    let refused = device.ctl(&["classify", text(&data("pictures/exif-1.jpg"))]);
    assert!(refused.code != 0 && refused.stderr.contains("wanted a sound"), "{refused:?}");
    let refused = device.ctl(&["finetune"]);
    assert!(refused.code != 0 && refused.stderr.contains("these are sounds"), "{refused:?}");
}

#[test]
fn a_microphone_that_ends_is_gone_and_started_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let raw = folder.path().join("sound.raw");
    let samples = heard(1, MachineScene::Belt, 2);
    let bytes: Vec<u8> =
        samples.iter().flat_map(|sample| ((sample * 32_768.0) as i16).to_le_bytes()).collect();
    std::fs::write(&raw, &bytes[..bytes.len() - 8000]).expect("the folder is the test's");
    let address = format!("sound:pipe:cat {}; echo unplugged >&2; exit 3", raw.display());
    let mut camera = source::open(&address, &CaptureSettings::default()).expect("it is an address");
    let last = spectrogram::frame(&samples[12_000..28_000], Timestamp(0));
    for _ in 0..2 {
        // The newest window counts; how many came before it is chance.
        let error = loop {
            match camera.capture(Timestamp(0)) {
                Ok(frame) => {
                    assert_eq!((frame.kind(), frame.width()), (FrameKind::Sound, last.width()));
                }
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind, CameraErrorKind::Gone, "{error}");
        assert!(error.to_string().contains("exit status: 3; stderr: unplugged"), "{error}");
    }
    let mut silent = source::open(
        "sound:pipe:sleep 5",
        &CaptureSettings {
            timeout: Duration::from_millis(50),
            start: Duration::from_millis(50),
            ..CaptureSettings::default()
        },
    )
    .expect("it is an address");
    let error = silent.capture(Timestamp(0)).expect_err("it says nothing");
    assert!(error.to_string().contains("wanted a second of raw samples"), "{error}");
}

#[test]
fn the_library_learns_recordings() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("sounds.ftune");
    let model = data("tiny.toml");
    let open = || Fieldtune::builder().model(text(&model)).sounds().open(&store);
    let mut tuner = open().expect("a new store");
    for scene in [MachineScene::Good, MachineScene::Bearing] {
        let files = recordings(folder.path(), 3, scene, 4);
        for at in 0..3 {
            let file = files.join(format!("{at}.wav"));
            tuner.teach_file(scene.name(), file).expect("it is a recording");
        }
    }
    let prediction = tuner.classify_file(folder.path().join("bearing/3.wav"));
    assert_eq!(prediction.expect("it is a recording").best, "bearing");
    let picture = data("pictures/exif-1.jpg");
    let error = tuner.classify_file(picture).expect_err("it is an image").to_string();
    assert!(error.contains("wanted a sound, got an image"), "{error}");
    drop(tuner);
    let error = Fieldtune::builder().model(text(&model)).open(&store).expect_err("of sounds");
    assert!(error.to_string().contains("tiny, sound"), "{error}");
    assert!(open().is_ok());
}

#[test]
fn the_demo_of_sound_is_whole_and_honest() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, out) = (data("tiny.toml"), folder.path().join("out"));
    let arguments = ["demo", "--sound", "--frames", "20", "--json", "--model", text(&model)];
    let run: Run = common::fieldtune(&[&arguments[..], &["--out", text(&out)]].concat());
    let answer: serde_json::Value = serde_json::from_str(&run.stdout).expect("one object");
    let held = answer["checks"].as_array().expect("a list").iter();
    let all = held.clone().all(|check| check["held"] == true);
    assert!(held.len() == 5 && answer["held"] == all, "{run:?}");
    assert_eq!(run.code, i32::from(!all), "{run:?}");
    assert!(out.join("sound.ftune").exists());
}

#[test]
fn the_spectrogram_is_that_of_librosa() {
    let reference: serde_json::Value =
        serde_json::from_str(include_str!("../reference/mel.json")).expect("JSON");
    let mut state: u32 = 12345;
    let samples: Vec<f32> = (0..16_000)
        .map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = f64::from(state) / f64::from(1u32 << 31) - 1.0;
            let time = f64::from(at) / 16_000.0;
            let sine = |turns: f64| (std::f64::consts::TAU * turns).sin();
            let rising = sine((1000.0 + 1500.0 * time) * time);
            (0.5 * sine(440.0 * time) + 0.25 * rising + 0.01 * noise) as f32
        })
        .collect();
    let power = spectrogram::mel_power(&samples);
    let bands = reference["power"].as_array().expect("a list");
    let value = |band: usize, column: usize| bands[band][column].as_f64().expect("a number");
    let all = (0..128).flat_map(|band| (0..11).map(move |column| (band, column)));
    let largest = all.clone().map(|(band, column)| value(band, column)).fold(0.0, f64::max);
    for (band, column) in all {
        let (wanted, got) = (value(band, column), f64::from(power[band * 101 + 10 * column]));
        let allowed = 1e-3 * wanted.max(1e-6 * largest);
        assert!((got - wanted).abs() <= allowed, "{band} {column}: {got}, wanted {wanted}");
    }
}
