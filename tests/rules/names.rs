//! Names of tests, and names that documents and scripts refer to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::*;

/// Words that a test's name may have.
const MAX_WORDS: usize = 10;

/// The paths of all files of the repository that may have tests, and their code.
static FILES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let sources = ["src", "kernels", "math", "tests", "fuzz"].into_iter().flat_map(sources);
    sources.map(|file| (file.path, without_comments_and_strings(&file.text))).collect()
});

/// Names of all functions that are marked as tests.
fn tests_in(code: &str) -> Vec<String> {
    let behind = code.split("#[test]").skip(1);
    behind
        .filter_map(|rest| rest.split_once("fn "))
        .map(|(_, name)| name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect()
}

/// Names of tests with more than [`MAX_WORDS`] words.
fn long_names(path: &str, code: &str) -> Vec<String> {
    let words = |name: &str| name.split('_').count();
    let tests = tests_in(code).into_iter().map(|name| (words(&name), name));
    tests
        .filter(|(words, _)| *words > MAX_WORDS)
        .map(|(words, name)| format!("{path}: {name} has {words} words"))
        .collect()
}

#[test]
fn test_names_have_at_most_ten_words() {
    none(FILES.iter().flat_map(|(path, code)| long_names(path, code)).collect());
    let text = "#[test]\n#[ignore = \"slow\"]\nfn a_b_c_d_e_f_g_h_i_j_k() {}\n#[test]\nfn a_b() {}";
    let found = long_names("tests/it/a.rs", text);
    assert_eq!(found, ["tests/it/a.rs: a_b_c_d_e_f_g_h_i_j_k has 11 words"]);
}

/// Public types and constants of the library, by their names; `cli` is not public, nor is `util`.
fn public_types(sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let starts = ["struct ", "enum ", "trait ", "type ", "const ", "static "];
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !["cli", "util"].contains(&source.room())) {
        let code = source.code();
        let items = code.lines().filter_map(|line| line.strip_prefix("pub "));
        for item in
            items.filter_map(|item| starts.iter().find_map(|start| item.strip_prefix(start)))
        {
            let name: String =
                item.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.entry(name).or_default().insert(source.path.clone());
        }
    }
    found
}

/// Public types and constants that have the name of another.
fn names_twice(sources: &[Source]) -> Vec<String> {
    let twice = public_types(sources).into_iter().filter(|(_, paths)| paths.len() > 1);
    let words = |paths: BTreeSet<String>| paths.into_iter().collect::<Vec<_>>().join(" and ");
    twice.map(|(name, paths)| format!("{name} is in {}", words(paths))).collect()
}

#[test]
fn no_public_type_has_the_name_of_another() {
    none(names_twice(&sources("src")));
    let found = names_twice(&[
        Source::new("src/learn/a.rs", "pub struct Frame {"),
        Source::new(
            "src/protocol/b.rs",
            "pub enum Frame {\n    pub enum Deeper {}\n}\npub const ONE: u8 = 1;",
        ),
        Source::new("src/cli/c.rs", "pub const ONE: u8 = 1;\npub(super) struct Frame;"),
    ]);
    assert_eq!(found, ["Frame is in src/learn/a.rs and src/protocol/b.rs"]);
}

/// Names behind a word, up to white space.
fn behind<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    text.split(word).skip(1).filter_map(|rest| rest.split_whitespace().next()).collect()
}

#[test]
fn ci_skips_only_tests_that_exist() {
    let tests: BTreeSet<String> = FILES.iter().flat_map(|(_, code)| tests_in(code)).collect();
    let script = read(".ci/run");
    let skipped = behind(&script, "--skip ");
    assert!(skipped.len() > 9, "{skipped:?}");
    // A module's name covers all tests in it.
    let gone = skipped.iter().filter(|name| !name.ends_with("::") && !tests.contains(**name));
    none(gone.map(|name| format!(".ci/run skips {name}")).collect());
}

/// Words between single backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn limits_name_constants_and_tests_that_exist() {
    let code: String = FILES.iter().map(|(_, code)| code.as_str()).collect();
    let text = read("docs/limits.md");
    let names = quoted(&text).filter_map(|quoted| quoted.rsplit("::").next());
    let is_name = |name: &&str| {
        name.contains('_')
            && name.len() > 2
            && name.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    let names: BTreeSet<&str> = names.filter(is_name).collect();
    assert!(names.len() > 50, "{names:?}");
    let gone = names.iter().filter(|name| !has_word(&code, name));
    none(gone.map(|name| format!("docs/limits.md names {name}")).collect());
}
