//! The design's rules of dependence, checked by reading the sources; and that the checks themselves can fail.

use std::fs;
use std::path::Path;

mod circles;
mod found;
mod names;
mod scan;
mod words;

use scan::{
    Source, first_segments, has_word, names_crate, public_items, types_of_crate,
    without_comments_and_strings,
};

/// Lines a source file may have, without the unit tests at its end.
const MAX_LINES: usize = 450;

/// Crates that wrap a device or a format, and the room or module that may name them; some have one in each of two rooms.
const WRAPPERS: [(&str, &str); 42] = [
    ("axum", "web"),
    ("rustls", "web/tls"),
    ("tokio_rustls", "web/tls"),
    ("mdns_sd", "web/announce"),
    ("rumqttc", "mqtt/client"),
    ("rustls", "mqtt/tls"),
    ("tokio_rustls", "mqtt/tls"),
    ("tokio", "mqtt"),
    ("tokio", "web"),
    ("hyper", "web"),
    ("hyper_util", "web"),
    ("tract_core", "backbone"),
    ("tract_onnx", "backbone"),
    ("prost", "backbone"),
    ("fieldtune_kernels", "backbone/fast"),
    ("rayon_core", "backbone/fast"),
    ("fearless_simd", "kernels/src"),
    ("image", "image/picture"),
    ("jpeg_encoder", "image/picture"),
    ("fast_image_resize", "backbone/preprocess"),
    ("rustfft", "sound/mel_bank"),
    ("symphonia", "sound"),
    ("tokenizers", "text/tokenizer"),
    ("toml", "util/settings"),
    ("gpiocdev", "board/outputs"),
    ("rppal", "board/outputs"),
    ("crc32fast", "util/checksum"),
    ("cobs", "protocol/wire"),
    ("v4l", "camera/source"),
    ("signal_hook", "device/runtime"),
    ("sd_notify", "device/runtime"),
    ("fatfs", "cli/flash"),
    ("fscommon", "cli/flash"),
    ("flate2", "cli/flash"),
    ("lzma_rust2", "cli/flash"),
    ("ruzstd", "cli/flash"),
    ("clap_complete", "cli"),
    ("clap_mangen", "cli"),
    ("ndarray_npy", "cli"),
    ("argon2", "protocol/pin"),
    ("ed25519_dalek", "store/signed"),
    ("base64ct", "store/signed"),
];

/// The one crate of ours that another one of ours shows types of.
const SHOWN_WITHIN: (&str, &str) = ("fieldtune_kernels", "math/src/layers");

/// Crates that only the command line names.
const OF_THE_COMMAND_LINE: [&str; 3] = ["anyhow", "clap", "indicatif"];

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
const LIVE: [&str; 6] = [
    "image/frame",
    "learn/examples",
    "learn/decision",
    "learn/learner",
    "learn/command",
    "learn/engine",
];

/// What is in the data plane's rooms, and reads files or devices.
const READS: [&str; 5] =
    ["image/picture", "sound/recording", "camera/source", "backbone/card", "backbone/fetch"];

/// Rooms whose own file is a map of modules that stand in the order in which they build on each other.
const MAPS: [&str; 5] = ["util", "image", "learn", "protocol", "device"];

/// The modules that a file declares, in its order.
fn declared(text: &str) -> Vec<&str> {
    let starts = ["mod ", "pub mod ", "pub(crate) mod ", "pub(super) mod "];
    let name = |line| starts.iter().find_map(|start| str::strip_prefix(line, start));
    text.lines().filter_map(name).filter_map(|rest| rest.strip_suffix(';')).collect()
}

/// The data plane's rooms in the order of `lib.rs`.
fn data_plane(lib: &str) -> Vec<&str> {
    let from = lib.find("// The data plane").expect("the comment above it is there");
    let to = lib.find("// Around it").expect("the comment below it is there");
    declared(&lib[from..to])
}

/// Rules 1 and 4, as far as they are about imports: a room imports only rooms above it.
fn upward_imports(sources: &[Source], rooms: &[&str]) -> Vec<String> {
    let place = |name: &str| rooms.iter().position(|&room| room == name);
    let mut broken = Vec::new();
    for source in sources {
        let Some(own) = place(source.room()) else { continue };
        for import in source.imports() {
            if place(&import).is_some_and(|import| import > own) {
                broken.push(format!("{} imports crate::{import}", source.path));
            }
        }
    }
    broken
}

/// The same inside a room that is a map.
fn upward_in_room(sources: &[Source], room: &str, modules: &[&str]) -> Vec<String> {
    let place = |name: &str| modules.iter().position(|&module| module == name);
    let mut broken = Vec::new();
    for source in sources.iter().filter(|source| source.room() == room) {
        let Some(own) = source.module().and_then(place) else { continue };
        for import in source.siblings() {
            if place(&import).is_some_and(|import| import > own) {
                broken.push(format!("{} imports crate::{room}::{import}", source.path));
            }
        }
    }
    broken
}

/// The threads of a frame: which of them computes what changes no bit of it.
const SHARES: &str = "backbone/fast/share";

/// Rule 2, for the whole data plane but what reads files and devices.
fn outside_in_data_plane(sources: &[Source], plane: &[&str]) -> Vec<String> {
    let pure = |source: &&Source| {
        plane.contains(&source.room()) && !READS.iter().any(|place| source.is_in(place))
    };
    let mut broken = Vec::new();
    for source in sources.iter().filter(pure) {
        let code = source.code();
        let is_allowed = |word: &str| word == "std::thread" && source.is_in(SHARES);
        let words = OUTSIDE.iter().filter(|word| !is_allowed(word));
        for word in words.filter(|word| has_word(&code, word)) {
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

/// Those that the source may not name or show.
fn wrappers_for(source: &Source) -> impl Iterator<Item = (&'static str, &'static str)> {
    let (own, within) = SHOWN_WITHIN;
    let is_within = source.is_in(within);
    WRAPPERS.into_iter().filter(move |(name, _)| *name != own || !is_within)
}

/// Whether it lies where the crate may be named.
fn is_in_place(source: &Source, name: &str) -> bool {
    WRAPPERS.iter().any(|(known, module)| *known == name && source.is_in(module))
}

/// Rule 3 and the other half of rule 4.
fn crates_out_of_place(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        let code = without_comments_and_strings(&source.text);
        for (name, module) in wrappers_for(source) {
            if names_crate(&code, name) && !is_in_place(source, name) {
                broken.push(format!("{} names {name}, which belongs to {module}", source.path));
            }
        }
        for name in OF_THE_COMMAND_LINE {
            if names_crate(&code, name) && !source.is_in("cli") {
                broken.push(format!("{} names {name}", source.path));
            }
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
        for (name, _) in wrappers_for(source) {
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
    let live = sources.iter().filter(|source| LIVE.iter().any(|place| source.is_in(place)));
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
    sources_of(Path::new(env!("CARGO_MANIFEST_DIR")), folder)
}

/// The sources of all crates, as the repository names them.
fn all_sources() -> Vec<Source> {
    ["src", "kernels/src", "math/src"].into_iter().flat_map(sources).collect()
}

/// The same below the root of a crate, named from there.
fn sources_of(root: &Path, folder: &str) -> Vec<Source> {
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

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("it is there")
}

fn none(broken: Vec<String>) {
    assert!(broken.is_empty(), "\n  {}\n", broken.join("\n  "));
}

const LIB: &str = include_str!("../../src/lib.rs");

#[test]
fn rooms_import_only_rooms_above_them() {
    let rooms = declared(LIB);
    assert!(rooms.first() == Some(&"util") && rooms.last() == Some(&"cli"), "{rooms:?}");
    none(upward_imports(&sources("src"), &rooms));
}

#[test]
fn modules_of_a_map_import_only_modules_above_them() {
    let sources = sources("src");
    for room in MAPS {
        let map = format!("src/{room}/mod.rs");
        let map = sources.iter().find(|source| source.path == map).expect("a room has its map");
        let modules = declared(&map.text);
        assert!(modules.len() > 2, "{room}: {modules:?}");
        none(upward_in_room(&sources, room, &modules));
    }
}

#[test]
fn kernels_import_only_modules_above_them_and_touch_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
    let sources = sources_of(&root, "src");
    let lib = sources.iter().find(|source| source.path == "src/lib.rs").expect("it is there");
    let modules = declared(&lib.text);
    assert!(modules.first() == Some(&"level") && modules.len() == 12, "{modules:?}");
    none(upward_imports(&sources, &modules));
    none(outside_in_data_plane(&sources, &[&modules[..], &["lib"]].concat()));
}

#[test]
fn arithmetic_touches_no_file_clock_thread_or_chance() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("math");
    let sources = sources_of(&root, "src");
    let lib = sources.iter().find(|source| source.path == "src/lib.rs").expect("it is there");
    let modules = declared(&lib.text);
    assert_eq!(modules, ["grey", "linalg", "layers", "patches", "strip"]);
    none(outside_in_data_plane(&sources, &[&modules[..], &["lib"]].concat()));
}

#[test]
fn every_file_is_in_a_room() {
    let rooms = declared(LIB);
    let outside = |source: &&Source| source.path.matches('/').count() == 1;
    let names: Vec<String> =
        sources("src").iter().filter(outside).map(|source| source.path.clone()).collect();
    assert_eq!(names, ["src/fieldtune.rs", "src/lib.rs", "src/main.rs"]);
    let homeless: Vec<String> = sources("src")
        .iter()
        .filter(|source| !outside(source) && !rooms.contains(&source.room()))
        .map(|source| source.path.clone())
        .collect();
    none(homeless);
}

#[test]
fn the_data_plane_touches_no_file_clock_thread_or_chance() {
    let plane = data_plane(LIB);
    assert_eq!(plane, ["image", "text", "sound", "camera", "backbone", "learn"]);
    none(outside_in_data_plane(&sources("src"), &plane));
}

#[test]
fn every_crate_that_wraps_a_format_has_one_place() {
    none(crates_out_of_place(&all_sources()));
}

#[test]
fn types_of_wrapped_crates_are_not_shown() {
    none(wrapped_types_in_public(&all_sources()));
}

#[test]
fn what_is_stored_has_structs_of_its_own() {
    none(live_types_that_serialise(&sources("src")));
    let file = [Source::new("src/learn/learner.rs", "use serde::Serialize;")];
    assert_eq!(live_types_that_serialise(&file), ["src/learn/learner.rs names serde"]);
}

#[test]
fn files_are_short_safe_and_finished() {
    for folder in ["src", "tests", "examples", "kernels", "math"] {
        none(unwanted(&sources(folder)));
    }
}

#[test]
fn every_wrapper_in_the_table_is_used_in_its_place() {
    // A misspelt name in the table above would pass for ever.
    for (name, module) in WRAPPERS {
        let used = all_sources().iter().any(|source| {
            source.is_in(module) && names_crate(&without_comments_and_strings(&source.text), name)
        });
        assert!(used, "{name} is not named in {module}");
    }
}
