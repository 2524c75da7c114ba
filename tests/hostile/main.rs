//! Hostile and broken input, without a fuzzer: everything in `fuzz/corpus` and every seed goes through the checks that
//! the fuzz targets are made of.

mod checks;
mod found;
mod seeds;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use checks::Check;

/// Files and bytes that are kept for one target.
const MOST_FILES: usize = 50;
const MAX_BYTES: u64 = 300 << 10;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

/// Names and contents of the files of a folder, by name; none where there is no such folder.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("the folder can be listed").path()).collect();
    paths.sort();
    let name = |path: &Path| path.display().to_string();
    paths.iter().map(|path| (name(path), fs::read(path).expect("a file can be read"))).collect()
}

/// Which of these inputs a check does not hold for.
fn failures((target, check): Check, inputs: &[(String, Vec<u8>)]) -> Vec<String> {
    let fails = |(_, bytes): &&(String, Vec<u8>)| catch_unwind(|| check(bytes)).is_err();
    inputs.iter().filter(fails).map(|(name, _)| format!("{target}: {name}")).collect()
}

#[test]
fn everything_that_was_kept_of_fuzzing_holds() {
    // A package from a registry has no corpus.
    if !corpus().is_dir() {
        eprintln!("skipped: there is no {}", corpus().display());
        return;
    }
    let mut failed = Vec::new();
    for check in checks::ALL {
        let inputs = files(&corpus().join(check.0));
        assert!(!inputs.is_empty(), "nothing is kept for {}", check.0);
        failed.extend(failures(check, &inputs));
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_seed_holds_and_so_does_every_seed_cut_off() {
    let mut failed = Vec::new();
    for check in checks::ALL {
        for (name, bytes) in seeds::of(check.0) {
            let cuts = [bytes.len(), bytes.len() / 2, bytes.len().saturating_sub(1), 0];
            let cut = |cut: usize| (format!("{name} cut at {cut}"), bytes[..cut].to_vec());
            failed.extend(failures(check, &cuts.map(cut)));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn the_corpus_is_small_and_every_target_has_checks() {
    if !corpus().is_dir() {
        return;
    }
    let names: BTreeSet<&str> = checks::ALL.map(|(name, _)| name).into();
    let text = fs::read_to_string(corpus().with_file_name("Cargo.toml")).expect("it is there");
    for name in &names {
        let inputs = files(&corpus().join(name));
        let bytes: u64 = inputs.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        assert!(inputs.len() <= MOST_FILES && bytes <= MAX_BYTES, "{name}: {bytes} bytes");
        assert!(text.contains(&format!("name = \"{name}\"\n")), "no target is called {name}");
    }
    // The kernels' is a test of their own crate.
    assert!(text.contains("name = \"kernels\"\n"));
    assert_eq!(text.matches("[[bin]]").count(), names.len() + 1);
}

/// Writes the seeds into the corpus: `cargo test --test hostile -- --ignored seeds_are_written`.
#[test]
#[ignore = "it writes into the source tree"]
fn seeds_are_written() {
    for (target, _) in checks::ALL {
        let folder = corpus().join(target);
        fs::create_dir_all(&folder).expect("the corpus can be written");
        for (name, bytes) in seeds::of(target) {
            fs::write(folder.join(format!("seed-{name}")), bytes)
                .expect("the corpus can be written");
        }
    }
}
