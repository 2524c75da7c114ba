//! What several tests need: the program as a process, small pictures, and how many cases a slow machine takes.

pub mod alone;
#[cfg(feature = "mqtt")]
pub mod broker;
pub mod desk;
pub mod device;
pub mod disk;
pub mod figures;
pub mod jpeg;
pub mod learning;
pub mod messages;
pub mod process;
pub mod screen;

use std::path::{Path, PathBuf};
use std::process::Command;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use fieldtune::image::frame::{Frame, Timestamp};
use fieldtune::image::picture::save_png;

/// How a run of the program ended.
#[derive(Debug)]
pub struct Run {
    /// Exit status; -1 for a signal.
    pub code: i32,
    /// What it said on standard output.
    pub stdout: String,
    /// What it said on standard error.
    pub stderr: String,
}

/// The program, not yet started; nothing of the caller's settings reaches it.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fieldtune"));
    for (name, _) in std::env::vars() {
        if name.starts_with("FIELDTUNE_") || name.starts_with("XDG_") {
            command.env_remove(name);
        }
    }
    command.args(arguments);
    command
}

/// Runs the program to its end, without standard input.
pub fn fieldtune(arguments: &[&str]) -> Run {
    finish(command(arguments))
}

/// Runs a command to its end, without standard input.
pub fn finish(mut command: Command) -> Run {
    let output = command.stdin(std::process::Stdio::null()).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the program speaks UTF-8");
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// `usual` random cases, divided by `FIELDTUNE_TEST_DIVISOR` where a slow (emulated) machine sets it; at least 20.
pub fn cases(usual: usize) -> usize {
    slow_cases(usual, 20)
}

/// As [`cases`] where a single case takes long: at least so many.
pub fn slow_cases(usual: usize, least: usize) -> usize {
    (usual / divisor()).max(least)
}

/// Of cases that are listed: 1, all of them; on a slow machine every so many.
pub fn every(slow: usize) -> usize {
    if divisor() > 1 { slow } else { 1 }
}

fn divisor() -> usize {
    let divisor = std::env::var("FIELDTUNE_TEST_DIVISOR").ok().and_then(|text| text.parse().ok());
    divisor.unwrap_or(1).max(1)
}

/// A file of `tests/data`.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// What the small pictures of the tests show; each can be told apart by the tests' network.
pub const KINDS: [&str; 5] = ["red", "green", "stripes", "checks", "flat"];

/// A picture of 48x40 pixels of that kind; every seed another shade, place and grain.
pub fn picture(kind: &str, seed: u64) -> Frame {
    let (width, height) = (48u32, 40u32);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (shift, light) = (random.random_range(0..12u32), random.random_range(140..220));
    let tint: [i32; 3] = std::array::from_fn(|_| random.random_range(0..40));
    let mut pixels = Vec::with_capacity((width * height * 3) as usize);
    for at in 0..width * height {
        let (x, y) = (at % width + shift, at / width);
        let on = |lit: bool| if lit { light } else { 20 };
        let colour = match kind {
            "red" => [light, 20, 20],
            "green" => [20, light, 20],
            "stripes" => [on(x / 6 % 2 == 0); 3],
            "checks" => [on((x / 6 + y / 6) % 2 == 0); 3],
            _ => [light; 3],
        };
        for (value, tint) in colour.into_iter().zip(tint) {
            let grain: i32 = random.random_range(-8..=8);
            pixels.push((value + tint + grain).clamp(0, 255) as u8);
        }
    }
    Frame::new(width, height, pixels, Timestamp(0)).expect("the sides fit")
}

/// Writes `count` pictures of a kind into a folder of that name, seeds from `first` on; returns the folder.
pub fn folder_of(parent: &Path, kind: &str, first: u64, count: u64) -> PathBuf {
    let folder = parent.join(kind);
    std::fs::create_dir_all(&folder).expect("the folder is the test's");
    for seed in first..first + count {
        let path = folder.join(format!("{kind}-{seed}.png"));
        save_png(&path, &picture(kind, seed)).expect("the folder is the test's");
    }
    folder
}
