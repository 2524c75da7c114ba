//! Modules of a room that import each other.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// Modules of a room that import each other, directly or by way of others.
fn circles(sources: &[Source], room: &str) -> Vec<String> {
    let mut imports: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let own = |source: &&Source| source.room() == room && !source.path.ends_with("tests.rs");
    for source in sources.iter().filter(own) {
        if let Some(module) = source.module() {
            imports.entry(module).or_default().extend(source.siblings());
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
    let describe = |(module, names): (&str, BTreeSet<String>)| {
        let names: Vec<String> = names.into_iter().collect();
        format!("crate::{room}::{module} imports {}, which leads into a circle", names.join(", "))
    };
    imports.into_iter().map(describe).collect()
}

#[test]
fn no_room_has_a_circle_of_modules() {
    let sources = sources("src");
    none(declared(LIB).iter().flat_map(|room| circles(&sources, room)).collect());
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
}
