//! Recordings in FLAC: as their WAV files sample for sample, taught and classified, and what is spoiled refused.

use crate::common::{data, desk};

use desk::{Bench, text};
use fieldtune::camera::source::{self, CaptureSettings};
use fieldtune::image::frame::{FrameKind, Timestamp};
use fieldtune::sound::{self, Recording, SoundWindow};

/// As the script beside the files makes them, `tests/data/sounds/flac.py`: the samples by turns of the channels.
fn samples(count: i32, channels: i32, bits: u32) -> Vec<i32> {
    let mut state: u32 = 12345;
    let mut made = Vec::new();
    for at in 0..count {
        for channel in 0..channels {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let place = at * (8 + at * 40 / count + 3 * channel) % 400;
            let triangle = place.min(400 - place) - 100;
            let noise = ((state >> 24) as i32 - 128) << (bits - 8);
            made.push(((triangle << (bits - 8)) >> 1) + (noise >> 7));
        }
    }
    made
}

/// A WAV file of them.
fn wav(samples: &[i32], channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let offset = if bits == 8 { 128 } else { 0 };
    let bytes = usize::from(bits / 8);
    let value = |sample: &i32| (sample + offset).to_le_bytes()[..bytes].to_vec();
    let data: Vec<u8> = samples.iter().flat_map(value).collect();
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0".to_vec();
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend([0; 6]);
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(data(&format!("sounds/{name}"))).expect("it is kept")
}

#[test]
fn a_flac_file_is_its_wav_file_sample_for_sample() {
    for (name, count, channels, rate, bits) in [
        ("mono-16.flac", 14_000, 1, 16_000, 16),
        ("stereo-24.flac", 2500, 2, 44_100, 24),
        ("mono-8.flac", 4000, 1, 8000, 8),
    ] {
        let wav = wav(&samples(count, i32::from(channels), u32::from(bits)), channels, rate, bits);
        let wanted = Recording::decode(&wav).expect("a WAV file").samples;
        assert!(wanted.iter().any(|sample| sample.abs() > 0.1), "{name}");
        let got = Recording::decode(&file(name)).expect("it is one").samples;
        assert!(got == wanted, "{name}: {} samples, wanted {}", got.len(), wanted.len());
    }
}

#[test]
fn a_flac_file_is_taught_classified_and_played() {
    let bench = Bench::new();
    for name in ["mono-16.flac", "stereo-24.flac"] {
        std::fs::write(bench.path().join(name), file(name)).expect("the folder is the test's");
    }
    bench.ok(&["teach", "low", "mono-16.flac"]);
    bench.ok(&["teach", "high", "stereo-24.flac"]);
    // The name of a file says nothing of its content.
    std::fs::write(bench.path().join("named.wav"), file("mono-16.flac")).expect("writable");
    for name in ["mono-16.flac", "named.wav"] {
        assert_eq!(bench.json(&["classify", name])["best"], "low", "{name}");
    }
    let folder = bench.path().join("parts/low");
    std::fs::create_dir_all(&folder).expect("the folder is the test's");
    std::fs::write(folder.join("a.flac"), file("mono-8.flac")).expect("writable");
    let run = bench.ok(&["test", "parts"]);
    assert!(run.stdout.contains("low"), "{run:?}");
    let address = format!("sound:{}", bench.path().join("mono-16.flac").display());
    let mut camera = source::open(&address, &CaptureSettings::default()).expect("it is one");
    let frame = camera.capture(Timestamp(0)).expect("its first window");
    assert_eq!((frame.kind(), frame.width(), frame.height()), (FrameKind::Sound, 101, 128));
    let picture = sound::decode(&file("mono-16.flac"), "a", &SoundWindow::default(), Timestamp(0))
        .expect("it is one");
    assert_eq!(picture.kind(), FrameKind::Sound);
}

#[test]
fn spoiled_flac_files_say_what_was_wanted_and_got() {
    let whole = file("mono-16.flac");
    let changed = |at: usize, bytes: &[u8]| {
        let mut file = whole.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    // Rate, channels, bits and number of samples lie in the 64 bits from byte 18 on, the checksum behind them.
    let info = |rate: u64, total: u64| changed(18, &(rate << 44 | 15 << 36 | total).to_be_bytes());
    let piped = file("mono-8.flac");
    let cases = [
        ("no-more", whole[..8].to_vec(), "it is cut off: its header does not end"),
        (
            "half",
            whole[..9000].to_vec(),
            "it is cut off: its header says 14000 samples, there are ",
        ),
        (
            "header",
            whole[..120].to_vec(),
            "it is cut off: its header says 14000 samples, there are ",
        ),
        ("kind", changed(4, &[4]), "its first block is of kind 4 with 34 bytes, wanted kind 0"),
        ("size", changed(7, &[33]), "its first block is of kind 0 with 33 bytes, wanted kind 0"),
        ("fast", info(600_000, 14_000), "600000 samples a second, wanted 4000 to 384000"),
        ("still", info(0, 14_000), "0 samples a second, wanted 4000 to 384000"),
        ("long", info(16_000, 16_000 * 601), "601 seconds, wanted at most 600;"),
        ("many", info(384_000, 1 << 35), "89478 seconds, wanted at most 600;"),
        ("endless", info(16_000, 15_000), "its header says 15000 samples, there are 14000"),
        ("sum", changed(26, &[0; 15]), "another checksum than its header says"),
        ("riff", b"RIFFnone".to_vec(), "no WAV, FLAC or Ogg file: it begins with \"RIFF"),
        (
            "piped",
            piped[..2000].to_vec(),
            "it is cut off: its header says 4000 samples, there are ",
        ),
    ];
    let bench = Bench::new();
    for (name, bytes, says) in cases {
        let path = bench.path().join(format!("{name}.flac"));
        std::fs::write(&path, bytes).expect("the folder is the test's");
        let run = bench.run(&["teach", "x", text(&path)]);
        let place = format!("{name}.flac: ");
        assert!(
            run.code == 2 && run.stderr.contains(&place) && run.stderr.contains(says),
            "{run:?}"
        );
    }
    // In the middle a byte is another one: never something else than what was recorded.
    for at in (42..whole.len()).step_by(61) {
        let flipped = changed(at, &[whole[at] ^ 0x10]);
        if let Ok(recording) = Recording::decode(&flipped) {
            assert!(recording.samples == Recording::decode(&whole).expect("whole").samples, "{at}");
        }
    }
    // Of one without a checksum a part that is missing is found by its place.
    let mut gap = piped.clone();
    let middle = gap.len() / 2;
    gap.drain(middle..middle + 40);
    assert!(Recording::decode(&gap).is_err());
}
