//! Recordings in Ogg files: as another decoder has them, taught and played, and what is spoiled refused.

use std::collections::BTreeMap;

use crate::common::{data, desk};

use desk::{Bench, text};
use fieldtune::camera::source::{self, CaptureSettings};
use fieldtune::image::frame::{FrameKind, Timestamp};
use fieldtune::sound::Recording;
use serde::Deserialize;

/// What oggdec makes of a file, see `tests/data/sounds/ogg.py`.
#[derive(Deserialize)]
struct Said {
    count: usize,
    /// Every 97th.
    samples: Vec<f32>,
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(data(&format!("sounds/{name}"))).expect("it is kept")
}

#[test]
fn an_ogg_file_is_decoded_as_oggdec_does() {
    let said: BTreeMap<String, Said> =
        serde_json::from_slice(&file("ogg.json")).expect("the script wrote it");
    for (name, rate) in [("mono.ogg", 16_000), ("stereo.ogg", 44_100)] {
        let got = Recording::decode_at(&file(name), rate).expect("it is one").samples;
        let Said { count, samples } = &said[name];
        assert_eq!(got.len(), *count, "{name}");
        // It writes 16 bits.
        let apart = got.iter().step_by(97).zip(samples).map(|(a, b)| (a - b).abs());
        let apart = apart.fold(0.0, f32::max);
        assert!(apart < 1e-4, "{name}: {apart}");
        assert!(got.iter().any(|sample| sample.abs() > 0.1), "{name}");
    }
}

#[test]
fn an_ogg_file_is_taught_classified_and_played() {
    let bench = Bench::new();
    for name in ["mono.ogg", "stereo.ogg"] {
        std::fs::write(bench.path().join(name), file(name)).expect("writable");
    }
    bench.ok(&["teach", "low", "mono.ogg"]);
    bench.ok(&["teach", "high", "stereo.ogg"]);
    // Known by what it is, whatever its name.
    std::fs::write(bench.path().join("named.wav"), file("mono.ogg")).expect("writable");
    for name in ["mono.ogg", "named.wav"] {
        assert_eq!(bench.json(&["classify", name])["best"], "low", "{name}");
    }
    let folder = bench.path().join("folder");
    std::fs::create_dir_all(&folder).expect("writable");
    std::fs::write(folder.join("a.oga"), file("mono.ogg")).expect("writable");
    bench.ok(&["teach", "low", text(&folder)]);
    let address = format!("sound:{}", bench.path().join("mono.ogg").display());
    let mut camera = source::open(&address, &CaptureSettings::default()).expect("it is there");
    assert_eq!(camera.capture(Timestamp(1)).expect("a window").kind(), FrameKind::Sound);
}

#[test]
fn spoiled_ogg_files_say_what_was_wanted_and_got() {
    let whole = file("mono.ogg");
    let starts: Vec<usize> =
        (0..whole.len()).filter(|&at| whole[at..].starts_with(b"OggS")).collect();
    let [_, second, .., last] = starts[..] else { panic!("{starts:?}") };
    let mut flipped = whole.clone();
    flipped[second + 60] ^= 4;
    let without = [&whole[..second], &whole[starts[2]..]].concat();
    let cases = [
        ("short", whole[..20].to_vec(), "it is cut off: its page 0 at byte 0 does not end"),
        ("half", whole[..last + 40].to_vec(), "does not end"),
        ("header", whole[..second].to_vec(), "it cannot be decoded"),
        ("flipped", flipped, "it is damaged: page 1 at byte "),
        ("gap", without, "has the number 2"),
        (
            "beside",
            [&whole[..second], &whole].concat(),
            "there are several streams beside each other",
        ),
        (
            "rate",
            [&whole[..], &file("stereo.ogg")].concat(),
            "has 44100 samples a second, wanted 16000",
        ),
        ("opus", file("mono.opus"), "an Ogg file of \"OpusHead\", wanted Vorbis; next: ffmpeg"),
        ("none", b"OggS\0\x02\0\0".to_vec(), "it is cut off: its page 0 at byte 0 does not end"),
    ];
    let bench = Bench::new();
    for (name, bytes, says) in cases {
        let path = bench.path().join(format!("{name}.ogg"));
        std::fs::write(&path, bytes).expect("the folder is the test's");
        let run = bench.run(&["teach", "x", text(&path)]);
        let place = format!("{name}.ogg: ");
        let told = run.stderr.contains(&place) && run.stderr.contains(says);
        assert!(run.code == 2 && told, "{run:?}");
    }
    // As programs write it that do not mark the last page: shorter by what is not there.
    let cut = Recording::decode(&whole[..last]).expect("whole pages").samples;
    let all = Recording::decode(&whole).expect("it is one").samples;
    assert!(cut.len() > 1000 && cut.len() < all.len() && cut == all[..cut.len()]);
    // One behind the other is one recording.
    let twice = Recording::decode(&[&whole[..], &whole].concat()).expect("two").samples;
    assert!(twice.len() == 2 * all.len() && twice[all.len()..] == all);
    // A byte anywhere is another one: never something else than what was recorded.
    for at in (0..whole.len()).step_by(41) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        assert!(Recording::decode(&flipped).is_err(), "{at}");
    }
}
