//! The design's rules of dependence, checked by reading the sources; and that the checks themselves can fail.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

#[path = "rules/scan.rs"]
mod scan;

use scan::{
    Source, first_segments, has_word, names_crate, public_items, types_of_crate,
    without_comments_and_strings,
};

/// Lines a source file may have, without the unit tests at its end.
const MAX_LINES: usize = 450;

/// Crates that wrap a device or a format, and the module (file or folder of that name) that may name them.
const WRAPPERS: [(&str, &str); 20] = [
    ("tract_core", "backbone"),
    ("tract_onnx", "backbone"),
    ("prost", "backbone"),
    ("image", "picture"),
    ("jpeg_encoder", "picture"),
    ("fast_image_resize", "tensor"),
    ("toml", "settings"),
    ("gpiocdev", "outputs"),
    ("rppal", "outputs"),
    ("crc32fast", "checksum"),
    ("cobs", "wire"),
    ("v4l", "capture"),
    ("signal_hook", "runtime"),
    ("sd_notify", "runtime"),
    ("clap_complete", "cli"),
    ("clap_mangen", "cli"),
    ("ndarray_npy", "cli"),
    ("argon2", "pin"),
    ("ed25519_dalek", "signed"),
    ("base64ct", "signed"),
];

/// Crates that one file may name, whichever it is.
const IN_ONE_FILE: [&str; 3] = ["ureq", "csv", "zip"];

/// Clocks, files, threads, chance: what makes two runs differ.
const OUTSIDE: [&str; 12] = [
    "std::fs",
    "std::io",
    "std::env",
    "std::net",
    "std::thread",
    "std::process",
    "Instant",
    "SystemTime",
    "rand::rng",
    "from_os_rng",
    "println!",
    "eprintln!",
];

/// Modules of live types that are stored in forms of their own.
const LIVE: [&str; 6] = ["frame", "examples", "decision", "learner", "command", "engine"];

/// The one data-plane module that reads files.
const READS_FILES: &str = "picture";

/// The data plane's modules in the order of `lib.rs`, up to the comment that ends it.
fn data_plane(lib: &str) -> Vec<String> {
    lib.lines()
        .take_while(|line| !line.starts_with("// Around it"))
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'))
        .map(str::to_owned)
        .collect()
}

/// Rule 1 and the half of rule 4 that is about imports.
fn upward_imports(sources: &[Source], plane: &[String]) -> Vec<String> {
    let place: BTreeMap<&str, usize> =
        plane.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    let modules: BTreeSet<&str> = sources.iter().map(Source::module).collect();
    let mut broken = Vec::new();
    for source in sources {
        let own = source.module();
        for import in source.imports() {
            let import = import.as_str();
            if import == own || !modules.contains(import) {
                continue;
            }
            let allowed = match place.get(own) {
                Some(own) => place.get(import).is_some_and(|import| import < own),
                // The command line is what starts the runtime.
                None => import != "cli" && (import != "runtime" || own == "cli"),
            };
            if !allowed {
                broken.push(format!("{} imports crate::{import}", source.path));
            }
        }
    }
    broken
}

/// Rule 2, for the whole data plane but the module that reads files.
fn outside_in_data_plane(sources: &[Source], plane: &[String]) -> Vec<String> {
    let pure = |source: &&Source| {
        plane.iter().any(|name| name == source.module()) && source.module() != READS_FILES
    };
    let mut broken = Vec::new();
    for source in sources.iter().filter(pure) {
        let code = source.code();
        for word in OUTSIDE.iter().filter(|word| has_word(&code, word)) {
            broken.push(format!("{} names {word}", source.path));
        }
        // `use std::{fs, io}` names them without their path.
        for (at, _) in code.match_indices("std::{") {
            for part in first_segments(&code[at + "std::".len()..]) {
                if OUTSIDE.contains(&format!("std::{part}").as_str()) {
                    broken.push(format!("{} names std::{part}", source.path));
                }
            }
        }
    }
    broken
}

/// Rule 3 and the other half of rule 4.
fn crates_out_of_place(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        let code = without_comments_and_strings(&source.text);
        for (name, module) in WRAPPERS {
            if names_crate(&code, name) && source.module() != module {
                broken.push(format!("{} names {name}, which belongs to {module}", source.path));
            }
        }
        if names_crate(&code, "anyhow") && !["cli", "main"].contains(&source.module()) {
            broken.push(format!("{} names anyhow", source.path));
        }
    }
    for name in IN_ONE_FILE {
        let code = |source: &Source| without_comments_and_strings(&source.text);
        let files: Vec<&str> = sources
            .iter()
            .filter(|source| names_crate(&code(source), name))
            .map(|source| source.path.as_str())
            .collect();
        if files.len() > 1 {
            broken.push(format!("{name} is named in {}", files.join(", ")));
        }
    }
    broken
}

/// Rule 3: a wrapped crate's types stay out of public signatures.
fn wrapped_types_in_public(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        let code = source.code();
        for (name, _) in WRAPPERS {
            let types = types_of_crate(&code, name);
            for item in public_items(&code) {
                let shows = |word: &str| has_word(item, word);
                if names_crate(item, name) || types.iter().any(|word| shows(word)) {
                    let item = item.split_whitespace().collect::<Vec<_>>().join(" ");
                    broken.push(format!("{} shows a type of {name}: pub {item}", source.path));
                }
            }
        }
    }
    broken
}

/// Rule 6, where it can be seen: a live type that does not serialise is not stored as it is.
fn live_types_that_serialise(sources: &[Source]) -> Vec<String> {
    let live = sources.iter().filter(|source| LIVE.contains(&source.module()));
    live.filter(|source| names_crate(&source.code(), "serde"))
        .map(|source| format!("{} names serde", source.path))
        .collect()
}

/// What may stand in no file.
fn unwanted(sources: &[Source]) -> Vec<String> {
    // Put together here, so that this file does not hold the words it looks for.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let macros = [concat!("to", "do!"), concat!("unimplemen", "ted!"), concat!("db", "g!")];
    let mut broken = Vec::new();
    for source in sources {
        let lines = source.code().lines().count();
        if lines > MAX_LINES {
            broken.push(format!("{} has {lines} lines, more than {MAX_LINES}", source.path));
        }
        for mark in marks.iter().filter(|mark| has_word(&source.text, mark)) {
            broken.push(format!("{} has a {mark}", source.path));
        }
        let code = without_comments_and_strings(&source.text);
        for word in macros.iter().filter(|word| code.contains(*word)) {
            broken.push(format!("{} calls {word}", source.path));
        }
        if has_word(&code, "unsafe") {
            broken.push(format!("{} is unsafe", source.path));
        }
    }
    broken
}

/// All files below a folder of the repository that end in `.rs`.
fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut folders) = (Vec::new(), vec![root.join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the sources are there") {
            let path = entry.expect("the sources are there").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("it was found below");
                let name = name.to_str().expect("our file names are ASCII").to_owned();
                let text = fs::read_to_string(&path).expect("sources are UTF-8");
                found.push(Source { path: name, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn none(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n  {}\n", broken.join("\n  "));
}

fn plane() -> Vec<String> {
    let plane = data_plane(include_str!("../src/lib.rs"));
    assert!(plane.len() >= 10 && plane.last().is_some_and(|last| last == "engine"), "{plane:?}");
    plane
}

#[test]
fn data_plane_modules_import_only_what_stands_above_them_and_nothing_imports_the_command_line() {
    none(upward_imports(&sources("src"), &plane()));
}

#[test]
fn the_data_plane_touches_no_file_clock_thread_or_chance() {
    none(outside_in_data_plane(&sources("src"), &plane()));
}

#[test]
fn every_crate_that_wraps_a_format_has_one_place() {
    none(crates_out_of_place(&sources("src")));
}

#[test]
fn types_of_wrapped_crates_are_not_shown() {
    none(wrapped_types_in_public(&sources("src")));
}

#[test]
fn what_is_stored_has_structs_of_its_own() {
    none(live_types_that_serialise(&sources("src")));
    let file = [Source::new("src/learner.rs", "use serde::Serialize;")];
    assert_eq!(live_types_that_serialise(&file), ["src/learner.rs names serde"]);
}

#[test]
fn files_are_short_safe_and_finished() {
    none(unwanted(&sources("src")));
    none(unwanted(&sources("tests")));
}

#[test]
fn every_wrapper_that_is_checked_for_is_used_where_it_belongs() {
    // A misspelt name in the table above would pass for ever.
    for (name, module) in WRAPPERS {
        let used = sources("src").iter().any(|source| {
            source.module() == module
                && names_crate(&without_comments_and_strings(&source.text), name)
        });
        assert!(used, "{name} is not named in {module}");
    }
}

/// A rule, a file that breaks it, and what has to be said.
fn check_fails(rule: impl Fn(&[Source]) -> Vec<String>, cases: &[(&str, &str, &str)]) {
    for (path, text, wanted) in cases {
        let known = ["frame", "head", "engine", "store", "cli"]
            .map(|module| Source::new(&format!("src/{module}.rs"), ""));
        let all: Vec<Source> = known.into_iter().chain([Source::new(path, text)]).collect();
        let broken = rule(&all);
        if wanted.is_empty() {
            assert!(broken.is_empty(), "{text}: {broken:?}");
        } else {
            assert!(broken.iter().any(|line| line.contains(wanted)), "{text}: {broken:?}");
        }
    }
}

#[test]
fn imports_against_the_order_are_found_however_they_are_written() {
    let plane =
        data_plane("pub mod frame;\n\nmod head;\npub mod engine;\n// Around it\npub mod store;");
    assert_eq!(plane, ["frame", "head", "engine"]);
    check_fails(
        |sources| upward_imports(sources, &plane),
        &[
            ("src/head.rs", "use crate::frame::Frame;", ""),
            ("src/head/lda.rs", "use super::Head; use crate::head::ClassId;", ""),
            ("src/head.rs", "// use crate::engine::Engine;", ""),
            (
                "src/head.rs",
                "/// [`crate::engine::Engine`]\nconst A: &str = \"crate::engine\";",
                "",
            ),
            ("src/head.rs", "#[cfg(test)]\nmod tests {\n use crate::engine::Engine; }", ""),
            ("src/store.rs", "use crate::engine::Engine;", ""),
            ("src/head.rs", "use crate::engine::Engine;", "imports crate::engine"),
            (
                "src/head.rs",
                "use crate::{frame::{A, B},\n engine::Engine};",
                "imports crate::engine",
            ),
            ("src/head.rs", "fn f() -> crate::store::Store {}", "imports crate::store"),
            ("src/head.rs", "use super::engine::Engine;", "imports crate::engine"),
            ("src/head/lda.rs", "use super::super::engine::Engine;", "imports crate::engine"),
            ("src/store.rs", "use crate::cli::Exit;", "imports crate::cli"),
        ],
    );
}

#[test]
fn files_clocks_and_threads_in_the_data_plane_are_found() {
    let plane = ["head".to_owned(), "picture".to_owned()];
    check_fails(
        |sources| outside_in_data_plane(sources, &plane),
        &[
            ("src/head.rs", "use std::fmt; struct Instants;", ""),
            ("src/picture.rs", "use std::fs::File;", ""),
            ("src/store.rs", "use std::fs::File;", ""),
            ("src/head.rs", "use std::fs::File;", "names std::fs"),
            ("src/head/lda.rs", "use std::{fmt, io::Read};", "names std::io"),
            ("src/head.rs", "let t = std::time::Instant::now();", "names Instant"),
            ("src/head.rs", "println!(\"{x}\");", "names println!"),
        ],
    );
}

#[test]
fn crates_out_of_their_place_are_found() {
    check_fails(
        crates_out_of_place,
        &[
            ("src/picture.rs", "use image::DynamicImage; let image = image.width();", ""),
            ("src/tensor.rs", "use fast_image_resize::images::Image; images::Image;", ""),
            ("src/tensor.rs", "use image::DynamicImage;", "names image"),
            ("src/engine.rs", "fn f(t: tract_core::prelude::Tensor) {}", "names tract_core"),
            ("src/store.rs", "use anyhow::bail;", "names anyhow"),
        ],
    );
    let twice = ["src/cli/a.rs", "src/cli/b.rs"].map(|path| Source::new(path, "use ureq;"));
    assert_eq!(crates_out_of_place(&twice), ["ureq is named in src/cli/a.rs, src/cli/b.rs"]);
}

#[test]
fn types_of_wrapped_crates_that_are_shown_are_found() {
    check_fails(
        wrapped_types_in_public,
        &[
            ("src/toml.rs", "use toml::{Table, de::Error}; fn f(t: Table) {}", ""),
            ("src/model.rs", "use toml::Table; pub(super) fn f(t: Table) {}", ""),
            ("src/model.rs", "use toml::Table; pub fn f() { let t = Table::new(); }", ""),
            ("src/model.rs", "use toml::Table; pub fn f(t: &Table) {}", "shows a type of toml"),
            ("src/model.rs", "pub fn f() -> toml::Table {}", "shows a type of toml"),
            ("src/model.rs", "use toml::Table; struct A { pub t: Table }", "shows a type of toml"),
        ],
    );
}

#[test]
fn long_unsafe_and_unfinished_files_are_found() {
    let (unfinished, later) = (concat!("to", "do!()"), concat!("// TO", "DO: later"));
    check_fails(
        unwanted,
        &[
            ("src/a.rs", "// this is not unsafe\nconst A: &str = \"unsafe\";", ""),
            ("src/a.rs", "const A: &str = r#\"a \" unsafe\"#; const Q: char = '\"';", ""),
            ("src/a.rs", "const Q: char = '\"'; unsafe {}", "is unsafe"),
            ("src/a.rs", unfinished, "calls"),
            ("src/a.rs", later, "has a"),
            ("src/a.rs", &"\n".repeat(MAX_LINES + 1), "lines"),
        ],
    );
}
