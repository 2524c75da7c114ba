//! What the program is built from: crates of the registry alone, under licences that allow what this one allows, and
//! without the C libraries that a board would have to bring; and what of it is published. Read from `cargo metadata`,
//! `cargo tree` and `cargo package --list`, which need no network.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Licences that ask for no more than to be named.
const ALLOWED: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    // The list of certificate authorities that fetching a model trusts.
    "CDLA-Permissive-2.0",
    // Of the encoder of JPEG: README says whose work it is based on.
    "IJG",
    "ISC",
    "MIT",
    // Of the decoder of FLAC: whoever passes on changed files of it passes on their source; what uses it is free.
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that would need a library of the system, or open doors that nobody asked for.
const BANNED: [&str; 6] =
    ["openssl-sys", "native-tls", "libgit2-sys", "libsqlite3-sys", "curl-sys", "git2"];

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Whether a licence expression can be met with allowed ones: parts of AND all, parts of OR one. `/` is an old OR.
fn is_allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let parts = top_level(&expression, " AND ");
    if parts.len() > 1 {
        return parts.iter().all(|part| is_allowed(part));
    }
    let parts = top_level(&expression, " OR ");
    if parts.len() > 1 {
        return parts.iter().any(|part| is_allowed(part));
    }
    let one = expression.trim();
    match one.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => is_allowed(inner),
        None => ALLOWED.contains(&one),
    }
}

/// The parts of an expression between these words, those in brackets left whole.
fn top_level<'a>(expression: &'a str, word: &str) -> Vec<&'a str> {
    let (mut parts, mut begin, mut depth) = (Vec::new(), 0, 0);
    for (at, c) in expression.char_indices() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if depth == 0 && at >= begin && expression[at..].starts_with(word) {
            parts.push(&expression[begin..at]);
            begin = at + word.len();
        }
    }
    parts.push(&expression[begin..]);
    parts
}

/// What is wrong with the packages of `cargo metadata`.
fn complaints(metadata: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let used: BTreeSet<String> = list(&metadata["resolve"]["nodes"])
        .iter()
        .filter_map(|node| node["id"].as_str().map(str::to_owned))
        .collect();
    let own = list(&metadata["workspace_members"]);
    let mut wrong = Vec::new();
    for package in list(&metadata["packages"]) {
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        if !used.contains(&text("id")) {
            continue;
        }
        let (name, licence, source) = (text("name"), text("license"), text("source"));
        if !is_allowed(&licence) {
            wrong.push(format!("{name} is under \"{licence}\""));
        }
        if BANNED.contains(&name.as_str()) {
            wrong.push(format!("{name} is not wanted"));
        }
        if source != REGISTRY && !own.contains(&package["id"]) {
            wrong.push(format!("{name} is from \"{source}\""));
        }
    }
    wrong
}

#[test]
fn every_dependency_has_an_allowed_licence_and_source() {
    let variants: [&[&str]; 2] = [
        &["--filter-platform", "x86_64-unknown-linux-gnu"],
        &["--filter-platform", "aarch64-unknown-linux-gnu", "--features", "device"],
    ];
    for arguments in variants {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["metadata", "--format-version", "1", "--locked", "--offline"]).args(arguments);
        let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let output = output.expect("cargo, which built this, can be started");
        if !output.status.success() {
            // Crates of another platform were never fetched here; .ci/run fetches all.
            eprintln!("skipped: {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            continue;
        }
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
        assert!(metadata["packages"].as_array().is_some_and(|list| list.len() > 100));
        let wrong = complaints(&metadata);
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

/// Crates that only the program needs, and those that only the page needs. `anyhow` comes with the runtime of networks.
const OF_THE_PROGRAM: [&str; 12] = [
    "clap",
    "clap_complete",
    "clap_mangen",
    "csv",
    "indicatif",
    "ndarray-npy",
    "noto-sans-mono-bitmap",
    "ureq",
    "zip",
    "axum",
    "hyper",
    "tokio",
];

/// What cargo prints, by lines; `None` where a crate was never fetched here.
fn cargo(arguments: &[&str]) -> Option<Vec<String>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(arguments).args(["--locked", "--offline"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo.output().expect("cargo, which built this, can be started");
    if !output.status.success() {
        eprintln!("skipped: {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    Some(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

/// The names of the crates that are compiled with these features.
fn crates(features: &[&str]) -> Option<BTreeSet<String>> {
    let tree = ["tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
    let lines = cargo(&[&tree[..], features].concat())?;
    Some(lines.iter().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}

#[test]
fn the_library_alone_needs_no_crate_of_the_program() {
    let Some(library) = crates(&["--no-default-features", "--features", "built-in"]) else {
        return;
    };
    let Some(program) = crates(&[]) else { return };
    for name in OF_THE_PROGRAM {
        assert!(program.contains(name), "{name} is not used any more");
        assert!(!library.contains(name), "the library needs {name}");
    }
    assert!(library.len() < 170, "{} crates", library.len());
}

#[test]
fn what_is_published_builds_and_has_no_tests() {
    let list = ["package", "--list", "--package", "fieldtune", "--allow-dirty"];
    let Some(published) = cargo(&list) else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "boards", "examples"] {
        for entry in fs::read_dir(root.join(folder)).expect("the repository is there") {
            let name = entry.expect("the repository is there").file_name();
            let path = format!("{folder}/{}", name.to_string_lossy());
            assert!(published.iter().any(|file| file.starts_with(&path)), "{path} is left out");
        }
    }
    for needed in
        ["README.md", "LICENSE-MIT", "models/fieldtune-128.onnx", "models/mobilenetv2-12.toml"]
    {
        assert!(published.iter().any(|file| file == needed), "{needed} is left out");
    }
    let unwanted = ["tests/", "fuzz/", "models/pretrain", "models/check", ".ci", ".github"];
    let unwanted = |file: &&String| unwanted.iter().any(|start| file.starts_with(start));
    assert_eq!(published.iter().find(unwanted), None);
}

#[test]
fn expressions_are_read_as_they_are_meant() {
    for (expression, wanted) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("MIT/GPL-2.0", true),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
        ("(GPL-2.0 OR GPL-3.0) AND MIT", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("", false),
    ] {
        assert_eq!(is_allowed(expression), wanted, "{expression}");
    }
}

#[test]
fn wrong_licences_banned_crates_and_other_sources_are_reported() {
    let metadata = serde_json::json!({
        "resolve": { "nodes": [{ "id": "a" }, { "id": "b" }, { "id": "own" }] },
        "workspace_members": ["own"],
        "packages": [
            { "id": "a", "name": "git2", "license": "GPL-3.0", "source": "git+https://x" },
            { "id": "b", "name": "fine", "license": "MIT", "source": REGISTRY },
            { "id": "own", "name": "own", "license": "MIT", "source": null },
            { "id": "unused", "name": "c", "license": "GPL-3.0", "source": "git+https://x" },
        ],
    });
    assert_eq!(complaints(&metadata).len(), 3);
}

#[test]
fn the_list_for_cargo_deny_has_the_same_licences() {
    let list = include_str!("../deny.toml").split("\nallow = [").nth(1).expect("it has a list");
    let list = list.split(']').next().expect("the list ends");
    let names: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    assert_eq!(names, ALLOWED);
}
