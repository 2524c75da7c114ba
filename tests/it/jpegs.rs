//! JPEGs of every kind against libjpeg, to the bit, and damaged ones. `tests/data/jpegs.py` makes the files and
//! `jpegs.json`.

use crate::common;

use std::path::{Path, PathBuf};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use fieldtune::image::frame::{Frame, Timestamp};
use fieldtune::image::picture::{self, PictureError};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/jpegs")
}

/// Each file with its entry.
fn cases() -> Vec<(String, Vec<u8>, Value)> {
    let read = |name: &str| std::fs::read(folder().join(name)).expect("it is in the repository");
    let reference: Value =
        serde_json::from_slice(&read("jpegs.json")).expect("the script writes JSON");
    let cases = reference["cases"].as_array().expect("a list").clone();
    let name = |case: &Value| case["file"].as_str().expect("a name").to_owned();
    cases.into_iter().map(|case| (name(&case), read(&name(&case)), case)).collect()
}

/// Of so many files one is damaged: on an emulated core fewer.
fn every() -> usize {
    common::every(8)
}

fn decode(bytes: &[u8]) -> Result<Frame, PictureError> {
    picture::decode(bytes, "it", Timestamp(0))
}

/// Grey levels on average; 255 where the sides differ.
fn difference(a: &Frame, b: &Frame) -> f64 {
    if (a.width(), a.height()) != (b.width(), b.height()) {
        return 255.0;
    }
    let sum: u64 = a.pixels().iter().zip(b.pixels()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.pixels().len() as f64
}

/// Where the first scan's data begins.
fn data_of(jpeg: &[u8]) -> usize {
    let scan = jpeg.windows(2).position(|pair| pair == [0xFF, 0xDA]).expect("a scan");
    scan + 2 + usize::from(jpeg[scan + 3])
}

#[test]
fn every_kind_of_jpeg_shows_what_libjpeg_shows() {
    let cases = cases();
    assert!(cases.len() > 150, "{}", cases.len());
    let mut failures = Vec::new();
    for (name, bytes, case) in &cases {
        let failure = match (decode(bytes), case["crc32"].as_u64()) {
            (Ok(frame), Some(wanted)) => {
                let sides = [u64::from(frame.width()), u64::from(frame.height())];
                let same = u64::from(crc32fast::hash(frame.pixels())) == wanted;
                (sides.map(Some) != [case["width"].as_u64(), case["height"].as_u64()] || !same)
                    .then(|| "shows something else".to_owned())
            }
            (Err(error), Some(_)) => Some(error.to_string()),
            (Ok(_), None) => Some("was not refused".to_owned()),
            (Err(_), None) => None,
        };
        failures.extend(failure.map(|failure| format!("{name}: {failure}")));
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn jpegs_of_cameras_and_encoders_show_what_libjpeg_shows() {
    // Met in the field, or made like those that were; the CRC-32 of what libjpeg-turbo 3 shows.
    let cases = [
        ("3x1.jpg", 0x52427c5c),
        ("bytes-between.jpg", 0xf056ad18),
        ("chroma-first-444.jpg", 0xdd6190de),
        ("finer-chroma-progressive.jpg", 0x8cb0f6ae),
        ("finer-chroma.jpg", 0x8cb0f6ae),
        ("no-end-marker-padded.jpg", 0xf056ad18),
        ("separate-scans-420-restarts.jpg", 0xcfb98157),
        ("separate-scans-420.jpg", 0xf056ad18),
        ("separate-scans-444.jpg", 0xdd6190de),
        ("usual.jpg", 0xcfb98157),
        ("whole.jpg", 0xd97250f0),
        ("y-1x4-chroma-1x2.jpg", 0x79fe052a),
        ("y-then-chroma-420.jpg", 0xf056ad18),
        ("zeros-between.jpg", 0xf056ad18),
    ];
    let folder = folder().with_file_name("cases");
    for (name, wanted) in cases {
        let frame = picture::load(&folder.join(name), Timestamp(0)).expect(name);
        assert_eq!(crc32fast::hash(frame.pixels()), wanted, "{name}");
    }
    let error = picture::load(&folder.join("half.jpg"), Timestamp(0)).expect_err("data is lost");
    assert!(error.to_string().contains("data is missing"), "{error}");
}

#[test]
fn refused_jpegs_say_why_in_words_for_people() {
    let reasons = [
        ("refused-stream", "several JPEGs (MJPEG), wanted one image; next: ffmpeg -f mjpeg -i it"),
        ("refused-arithmetic", "with arithmetic coding; this makes a usual one of it: magick it"),
        ("refused-fraction", "2x1 samples of a colour beside 3x1"),
        ("refused-12-bit", "12 bits a colour"),
        ("refused-height-0", "a height given after the picture"),
        ("refused-lossless", "lossless coding"),
        ("refused-middle-lost", "damaged: a block is beyond black or white"),
        ("refused-end-lost", "damaged: data is missing, at 55 %"),
        ("refused-restart-lost", "damaged: data is left over"),
        ("refused-interval-lost", "damaged: a restart marker is missing or wrong"),
        ("refused-scan-lost", "its last scans are missing"),
        ("refused-colour-lost", "the JPEG is cut off"),
        ("refused-scan-twice", "two scans of the JPEG have the same part"),
    ];
    let cases = cases();
    assert_eq!(
        cases.iter().filter(|(name, ..)| name.starts_with("refused-")).count(),
        reasons.len()
    );
    for (name, reason) in reasons {
        let (_, bytes, _) = cases.iter().find(|case| case.0 == format!("{name}.jpg")).expect(name);
        let error = decode(bytes).expect_err(name).to_string();
        assert!(error.contains(reason), "{name}: {error}");
    }
}

#[test]
fn a_jpeg_cut_off_anywhere_is_refused_unless_whole() {
    for (name, bytes, case) in cases().into_iter().step_by(every()) {
        // Whatever follows the picture's end may be missing.
        if case["crc32"].is_null() || bytes.len() > 2500 {
            continue;
        }
        let whole = decode(&bytes).expect("it is whole");
        let start = data_of(&bytes);
        for end in [vec![], vec![0xFF, 0xD9], vec![0; 40]] {
            for cut in (start..bytes.len()).step_by(23) {
                if let Ok(frame) = decode(&[&bytes[..cut], &end].concat()) {
                    assert!(frame == whole, "{name} cut to {cut} of {}", bytes.len());
                }
            }
        }
    }
}

#[test]
fn a_jpeg_whose_middle_is_lost_is_not_taken() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let (mut tried, mut taken) = (0, Vec::new());
    for (name, bytes, case) in cases().into_iter().step_by(every()) {
        let start = data_of(&bytes);
        if case["crc32"].is_null() || bytes.len() < start + 200 {
            continue;
        }
        let whole = decode(&bytes).expect("it is whole");
        for _ in 0..4 {
            let from = random.random_range(start..bytes.len() - 100);
            let to = random.random_range(from + 40..bytes.len() - 2);
            tried += 1;
            if let Ok(frame) = decode(&[&bytes[..from], &bytes[to..]].concat())
                && difference(&frame, &whole) > 3.0
            {
                taken.push(format!("{name}: {from} to {to}"));
            }
        }
    }
    // By chance what is left may be as long as it should be: a JPEG has no checksum. The two are what few trials may
    // show beyond the share.
    assert!(
        tried * every() > 400 && taken.len() * 50 <= tried + 100,
        "{} of {tried}: {taken:?}",
        taken.len()
    );
}

#[test]
fn most_jpegs_with_a_changed_byte_are_refused_or_unharmed() {
    let mut random = ChaCha8Rng::seed_from_u64(8);
    let (mut tried, mut taken) = (0, 0);
    for (_, bytes, case) in cases().into_iter().step_by(every()) {
        let start = data_of(&bytes);
        if case["crc32"].is_null() || bytes.len() < start + 200 {
            continue;
        }
        let whole = decode(&bytes).expect("it is whole");
        for _ in 0..8 {
            let mut damaged = bytes.clone();
            damaged[random.random_range(start..bytes.len() - 2)] ^= random.random_range(1..=255);
            tried += 1;
            taken +=
                usize::from(decode(&damaged).is_ok_and(|frame| difference(&frame, &whole) > 3.0));
        }
    }
    // What cannot be known: a changed sign, or another number of as many bits.
    println!("{taken} of {tried} were taken");
    assert!(tried * every() > 1000 && taken * 100 <= tried * 10, "{taken} of {tried}");
}

#[test]
fn damage_anywhere_in_a_jpeg_is_never_a_panic() {
    let mut random = ChaCha8Rng::seed_from_u64(9);
    for (_, bytes, _) in cases().into_iter().step_by(every()) {
        for _ in 0..12 {
            let mut damaged = bytes.clone();
            for _ in 0..random.random_range(1..5) {
                let at = random.random_range(2..damaged.len());
                match random.random_range(0..4) {
                    0 => damaged[at] = random.random(),
                    1 => damaged[at] = 0xFF,
                    2 => drop(damaged.remove(at)),
                    _ => damaged.insert(at, random.random()),
                }
            }
            if let Ok(frame) = decode(&damaged) {
                assert!(
                    u64::from(frame.width()) * u64::from(frame.height()) <= picture::MAX_PIXELS
                );
            }
        }
    }
}
