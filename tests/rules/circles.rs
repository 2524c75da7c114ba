//! Modules of a room, or of a folder in it, that import each other.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// Modules of a folder that import each other, directly or by way of others.
fn circles(sources: &[Source], folder: &str) -> Vec<String> {
    let mut imports: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.path.ends_with("tests.rs")) {
        if let Some(module) = source.module_in(folder) {
            imports.entry(module).or_default().extend(source.named_in(folder));
        }
    }
    // What imports nothing that is left goes, again and again; a circle stays.
    loop {
        let left: BTreeSet<String> = imports.keys().map(|&module| module.to_owned()).collect();
        imports.retain(|&module, names| {
            names.retain(|name| left.contains(name) && name != module);
            !names.is_empty()
        });
        if imports.len() == left.len() {
            break;
        }
    }
    let within = folder.replace('/', "::");
    let describe = |(module, names): (&str, BTreeSet<String>)| {
        let names: Vec<String> = names.into_iter().collect();
        format!("crate::{within}::{module} imports {}, which leads into a circle", names.join(", "))
    };
    imports.into_iter().map(describe).collect()
}

/// All folders in which sources lie, from the rooms down.
fn folders(sources: &[Source]) -> BTreeSet<&str> {
    let inside = sources.iter().filter_map(|source| source.path.strip_prefix("src/"));
    inside.flat_map(|path| path.match_indices('/').map(|(at, _)| &path[..at])).collect()
}

#[test]
fn no_room_has_a_circle_of_modules() {
    let sources = sources("src");
    let folders = folders(&sources);
    assert!(folders.contains("board") && folders.contains("learn/head/lda"), "{folders:?}");
    none(folders.iter().flat_map(|folder| circles(&sources, folder)).collect());
    let file = |path, text| Source::new(path, text);
    let found = circles(
        &[
            file("src/board/access.rs", "super::raw::within(1);"),
            file("src/board/raw.rs", "use super::checks::{self, word};"),
            file("src/board/checks.rs", "use crate::board::access;"),
            file("src/board/mod.rs", "use access::Access; use raw::Raw;"),
            file("src/board/address.rs", "use super::raw::Raw;"),
        ],
        "board",
    );
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[0].starts_with("crate::board::access imports raw,"), "{found:?}");
    let two = ("use super::raw::Raw;", "use super::checks::word;");
    let good = [file("src/board/access.rs", two.0), file("src/board/raw.rs", two.1)];
    assert!(circles(&good, "board").is_empty());
    let deep = [
        file("src/eval/bench/figures.rs", "use super::pupil::Told; use super::Sample;"),
        file("src/eval/bench/pupil.rs", "use crate::eval::bench::figures::share;"),
    ];
    assert!(circles(&deep, "eval").is_empty());
    assert_eq!(circles(&deep, "eval/bench").len(), 2);
}
