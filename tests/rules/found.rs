//! That the rules can be broken: what each finds, and what it lets through.

use super::*;

/// A rule, a file that breaks it, and what has to be said.
fn check_fails(rule: impl Fn(&[Source]) -> Vec<String>, cases: &[(&str, &str, &str)]) {
    for (path, text, wanted) in cases {
        let broken = rule(&[Source::new(path, text)]);
        if wanted.is_empty() {
            assert!(broken.is_empty(), "{text}: {broken:?}");
        } else {
            assert!(broken.iter().any(|line| line.contains(wanted)), "{text}: {broken:?}");
        }
    }
}

#[test]
fn imports_against_the_order_are_found_however_they_are_written() {
    let lib = "mod util;\n// The data plane\npub mod image;\n\npub mod learn;\n// Around it\npub mod store;\n\
               #[doc(hidden)]\npub mod cli;\npub use learn::mod_name;";
    let rooms = declared(lib);
    assert_eq!(rooms, ["util", "image", "learn", "store", "cli"]);
    assert_eq!(data_plane(lib), ["image", "learn"]);
    check_fails(
        |sources| upward_imports(sources, &rooms),
        &[
            ("src/learn/head.rs", "use crate::image::frame::Frame;", ""),
            ("src/learn/head/lda.rs", "use super::Head; use crate::learn::head::ClassId;", ""),
            ("src/learn/head.rs", "// use crate::store::Store;", ""),
            (
                "src/learn/head.rs",
                "/// [`crate::store::Store`]\nconst A: &str = \"crate::store\";",
                "",
            ),
            ("src/learn/head.rs", "#[cfg(test)]\nmod tests {\n use crate::store::Store; }", ""),
            ("src/store/mod.rs", "use crate::learn::engine::Engine;", ""),
            ("src/store/mod.rs", "use self::cli::Thing; use super::learn::Learner;", ""),
            ("src/learn/head.rs", "use crate::store::Store;", "imports crate::store"),
            (
                "src/image/frame.rs",
                "use crate::{util::{A, B},\n learn::Engine};",
                "imports crate::learn",
            ),
            ("src/learn/head.rs", "fn f() -> crate::store::Store {}", "imports crate::store"),
            ("src/learn/mod.rs", "use super::store::Store;", "imports crate::store"),
            ("src/learn/head.rs", "use super::super::store::Store;", "imports crate::store"),
            ("src/learn/head/lda.rs", "use super::super::super::cli::A;", "imports crate::cli"),
            ("src/store/mod.rs", "use crate::cli::Exit;", "imports crate::cli"),
        ],
    );
    check_fails(
        |sources| upward_in_room(sources, "learn", &["head", "learner", "engine"]),
        &[
            ("src/learn/mod.rs", "use crate::learn::engine::Engine;", ""),
            ("src/learn/learner.rs", "use crate::learn::head::ClassId; use super::head::A;", ""),
            ("src/store/head.rs", "use crate::learn::engine::Engine;", ""),
            (
                "src/learn/head.rs",
                "use crate::learn::engine::Engine;",
                "imports crate::learn::engine",
            ),
            (
                "src/learn/head.rs",
                "use crate::learn::{head::A, learner::B};",
                "crate::learn::learner",
            ),
            ("src/learn/head.rs", "use super::engine::Engine;", "imports crate::learn::engine"),
            (
                "src/learn/head/lda.rs",
                "use super::super::engine::A;",
                "imports crate::learn::engine",
            ),
        ],
    );
}

#[test]
fn files_clocks_and_threads_in_the_data_plane_are_found() {
    check_fails(
        |sources| outside_in_data_plane(sources, &["image", "learn"]),
        &[
            ("src/learn/head.rs", "use std::fmt; struct Instants;", ""),
            ("src/image/picture.rs", "use std::fs::File;", ""),
            ("src/image/picture/folder.rs", "use std::fs::File;", ""),
            ("src/store/file.rs", "use std::fs::File;", ""),
            ("src/learn/head.rs", "use std::fs::File;", "names std::fs"),
            ("src/image/pictures.rs", "use std::fs::File;", "names std::fs"),
            ("src/learn/head/lda.rs", "use std::{fmt, io::Read};", "names std::io"),
            ("src/learn/head.rs", "let t = std::time::Instant::now();", "names Instant"),
            ("src/learn/head.rs", "println!(\"{x}\");", "names println!"),
        ],
    );
}

#[test]
fn crates_out_of_their_place_are_found() {
    check_fails(
        crates_out_of_place,
        &[
            ("src/image/picture.rs", "use image::DynamicImage; let image = image.width();", ""),
            (
                "src/backbone/preprocess.rs",
                "use fast_image_resize::images::Image; images::Image;",
                "",
            ),
            ("src/backbone/preprocess.rs", "use image::DynamicImage;", "names image"),
            ("src/learn/engine.rs", "fn f(t: tract_core::prelude::Tensor) {}", "names tract_core"),
            ("src/mqtt/live.rs", "use tokio::sync::Notify;", ""),
            ("src/device/port.rs", "use tokio::sync::Notify;", "names tokio"),
            ("src/store/mod.rs", "use anyhow::bail;", "names anyhow"),
            ("src/learn/head.rs", "#[derive(clap::ValueEnum)] struct A;", "names clap"),
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
