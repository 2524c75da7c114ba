//! Image files against what Pillow says they show, damaged and hostile files, and the resize against Pillow's.
//! `tests/data/pictures.py` makes the files and `pictures.json`.

use crate::common::jpeg;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use fieldtune::backbone::preprocess::{ChannelOrder, Fit, InputSpec, Layout, Norm, Preprocessor};
use fieldtune::image::frame::{Frame, Timestamp};
use fieldtune::image::picture::{self, PictureError};

const KINDS: [&str; 11] = [
    "rgb.png",
    "palette-transparent.png",
    "rgb-16.png",
    "rgb.bmp",
    "palette.bmp",
    "rgb.ppm",
    "bits.pbm",
    "exif-6.jpg",
    "photo-progressive.jpg",
    "photo.webp",
    "rgba.webp",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pictures")
}

fn reference() -> Value {
    let text =
        std::fs::read_to_string(folder().join("pictures.json")).expect("it is in the repository");
    serde_json::from_str(&text).expect("the script writes JSON")
}

fn number(entry: &Value, key: &str) -> f64 {
    entry[key].as_f64().unwrap_or_else(|| panic!("{key} in {entry}"))
}

fn text<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry[key].as_str().unwrap_or_else(|| panic!("{key} in {entry}"))
}

fn pixels_from_hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| {
            u8::from_str_radix(str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal")
        })
        .collect()
}

fn load(name: &str) -> Result<Frame, PictureError> {
    picture::load(&folder().join(name), Timestamp(0))
}

/// The mean and the largest difference in grey levels.
fn differences(got: &[u8], wanted: &[u8]) -> (f64, u8) {
    assert_eq!(got.len(), wanted.len());
    let each = || got.iter().zip(wanted).map(|(a, b)| a.abs_diff(*b));
    let mean = each().map(f64::from).sum::<f64>() / got.len() as f64;
    (mean, each().max().unwrap_or(0))
}

#[test]
fn every_kind_of_picture_shows_what_it_should() {
    let reference = reference();
    let cases = reference["cases"].as_array().expect("a list");
    assert!(cases.len() > 40, "{}", cases.len());
    let mut failures = Vec::new();
    for case in cases {
        let name = text(case, "file");
        let frame = match load(name) {
            Ok(frame) => frame,
            Err(error) => {
                failures.push(error.to_string());
                continue;
            }
        };
        let sides = (f64::from(frame.width()), f64::from(frame.height()));
        if sides != (number(case, "width"), number(case, "height")) {
            failures.push(format!("{name}: it is {}x{}", sides.0, sides.1));
            continue;
        }
        let (mean, most) = differences(frame.pixels(), &pixels_from_hex(text(case, "rgb")));
        if mean > number(case, "mean") || f64::from(most) > number(case, "most") {
            failures.push(format!("{name}: off by {mean:.3} on average, {most} at most"));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn files_that_are_no_pictures_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let cases: [(&str, &[u8], &str); 6] = [
        ("empty.png", b"", "0 bytes"),
        ("text.png", b"These are words and no pixels.\n", "begins with \"These ar\""),
        ("zeros.jpg", &[0; 4096], "not an image that can be read"),
        ("head-only.png", b"\x89PNG\r\n\x1a\n", "damaged"),
        ("vector.png", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "this is a drawing (SVG)"),
        (
            "animation.gif",
            b"GIF89a\x01\0\x01\0\0\0\0;",
            "wanted PNG, JPEG, BMP, PPM or WebP; next: magick",
        ),
    ];
    for (name, bytes, wanted) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("the folder is ours");
        let error = picture::load(&path, Timestamp(0)).expect_err(name).to_string();
        assert!(error.contains(name) && error.contains(wanted), "{error}");
    }
    let error = picture::load(folder.path(), Timestamp(0)).expect_err("a folder").to_string();
    assert!(error.contains("this is a folder"), "{error}");
    let missing = folder.path().join("missing.png");
    let error = picture::load(&missing, Timestamp(0)).expect_err("missing").to_string();
    assert!(error.contains("missing.png") && error.contains("No such file"), "{error}");
}

#[test]
fn pictures_with_too_many_pixels_are_refused_before_decoding() {
    for name in ["bomb.png", "bomb.jpg", "bomb.bmp", "bomb.ppm", "bomb.webp"] {
        let begun = Instant::now();
        let error = load(name).expect_err(name);
        assert!(matches!(error, PictureError::TooLarge { .. }), "{name}: {error}");
        assert!(error.to_string().contains("wanted at most"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{name} took {:?}", begun.elapsed());
    }
}

#[test]
fn an_endless_file_is_not_read_for_ever() {
    // /dev/zero never ends; what is read of it is bounded, and it is no picture.
    let error = picture::load(Path::new("/dev/zero"), Timestamp(0)).expect_err("no picture");
    assert!(matches!(error, PictureError::TooLarge { .. }), "{error}");
}

#[test]
fn a_pipe_that_nobody_writes_to_is_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe.png");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo is there").success());
    let error = picture::load(&pipe, Timestamp(0)).expect_err("no picture").to_string();
    assert!(error.contains("pipe.png") && error.contains("this is a pipe"), "{error}");
}

#[test]
fn a_truncated_picture_is_refused_without_a_panic() {
    for name in KINDS {
        let whole = std::fs::read(folder().join(name)).expect("it is in the repository");
        let full = picture::decode(&whole, name, Timestamp(0)).expect(name);
        let mut taken = 0;
        for length in 0..whole.len() {
            // What ends a file after its last pixel may be missing; a pixel may not.
            if let Ok(frame) = picture::decode(&whole[..length], name, Timestamp(0)) {
                assert_eq!(
                    frame.pixels(),
                    full.pixels(),
                    "{name} cut to {length} of {}",
                    whole.len()
                );
                taken += 1;
            }
        }
        assert!(taken <= 16, "{name}: {taken} of {} cuts were taken for whole", whole.len());
    }
}

#[test]
fn a_damaged_picture_never_panics() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    for name in KINDS {
        let whole = std::fs::read(folder().join(name)).expect("it is in the repository");
        for _ in 0..200 {
            let mut damaged = whole.clone();
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(0..damaged.len());
                damaged[at] = random.random();
            }
            if let Ok(frame) = picture::decode(&damaged, name, Timestamp(0)) {
                let pixels = u64::from(frame.width()) * u64::from(frame.height());
                assert!(pixels <= picture::MAX_PIXELS, "{name}: {pixels} pixels");
            }
        }
    }
}

#[test]
fn resizing_matches_pillow_s_bilinear_filter() {
    let source = load("resize-source.png").expect("the source");
    let (mean, scale) = Norm::Unit.mean_scale();
    let (layout, order) = (Layout::Nchw, ChannelOrder::Rgb);
    let mut failures = Vec::new();
    for entry in reference()["resizes"].as_array().expect("a list") {
        let (width, height) = (number(entry, "width") as u32, number(entry, "height") as u32);
        let fit = match number(entry, "crop") {
            0.0 => Fit::Whole,
            fraction => Fit::CenterCrop { fraction: fraction as f32 },
        };
        let spec = InputSpec { width, height, layout, order, mean, scale, fit, any_size: false };
        let mut preprocessor = Preprocessor::new(spec).expect("a valid specification");
        let got = preprocessor.resize(&source).expect("a valid frame");
        let wanted = load(text(entry, "file")).expect("the reference");
        let (mean, most) = differences(got, wanted.pixels());
        let name = text(entry, "name");
        println!("{name}: {mean:.4} grey levels on average, {most} at most");
        if mean > 2.0 || most > 4 {
            failures.push(format!("{name}: off by {mean:.3} on average, {most} at most"));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn a_saved_png_reads_back_and_thumbnails_are_small_jpegs() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let frame = load("resize-source.png").expect("the source");
    let path = folder.path().join("saved.png");
    picture::save_png(&path, &frame).expect("the folder is ours");
    assert_eq!(picture::load(&path, Timestamp(0)).expect("just written"), frame);
    let error = picture::save_png(&folder.path().join("none/saved.png"), &frame);
    assert!(matches!(error, Err(PictureError::Io { .. })), "{error:?}");
    for (side, wanted) in [(30, (30, 23)), (120, (120, 90)), (500, (120, 90)), (0, (1, 1))] {
        let bytes = picture::thumbnail(&frame, side);
        let small = picture::decode(&bytes, "thumbnail", Timestamp(0)).expect("a JPEG");
        assert_eq!((small.width(), small.height()), wanted, "{side}");
    }
}

#[test]
fn a_jpeg_without_huffman_tables_decodes_the_same() {
    // By another program's encoder, and by ours.
    let file = std::fs::read(folder().join("exif-6.jpg")).expect("it is in the repository");
    let ours = picture::jpeg(&load("resize-source.png").expect("the source"));
    for whole in [file, ours] {
        let sent = jpeg::without_tables(&whole);
        assert!(sent.len() < whole.len() - 400, "there were four tables");
        let show = |bytes: &[u8]| picture::decode(bytes, "JPEG", Timestamp(0)).expect("a JPEG");
        assert_eq!(show(&sent), show(&whole));
        let cut = picture::decode(&sent[..sent.len() - 10], "JPEG", Timestamp(0));
        assert!(cut.is_err_and(|error| error.to_string().contains("cut off")));
    }
}

#[test]
fn names_of_pictures_are_told_by_their_ending() {
    for (name, wanted) in
        [("a.png", true), ("a.JPG", true), ("a.tar.webp", true), ("png", false), ("a.txt", false)]
    {
        assert_eq!(picture::is_picture(Path::new(name)), wanted, "{name}");
    }
}
