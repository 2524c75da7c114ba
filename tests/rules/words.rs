//! The words of messages and help.

use std::collections::BTreeSet;

use super::*;

/// What is said to people in no text of the program and in no document: `docs/glossary.md` and CONTRIBUTING have the words
/// that are.
const UNWANTED_WORDS: [&str; 35] = [
    " anew",
    "is told",
    "are told",
    "was told",
    "tells more",
    "without a word",
    "asked to end",
    "age at the verdict",
    "frames came",
    "no frame came",
    "or less for half",
    ", which has 1 now",
    "it has {} now",
    "is called {to}",
    "beware",
    "not stored, and so not done",
    "what lasts with a verdict",
    "goes safe",
    "go safe",
    "was let go",
    "let go of",
    "cannot be told",
    "tells what it",
    "is looked at in",
    "looks with",
    "whoever",
    "nobody",
    "somebody",
    "a screenful",
    "made itself",
    "judge ",
    "judged ",
    "judging",
    "wondering",
    "known yet",
];

/// Words of [`UNWANTED_WORDS`] in what a file says: its strings, and the comments that help is made of.
fn unwanted_words(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        let said = source.said().to_lowercase();
        for word in UNWANTED_WORDS.iter().filter(|word| said.contains(*word)) {
            broken.push(format!("{} says \"{word}\"", source.path));
        }
    }
    broken
}

#[test]
fn messages_and_help_use_the_words_of_the_glossary() {
    none(unwanted_words(&sources("src")));
    let said = |text| unwanted_words(&[Source::new("src/cli/run.rs", text)]).len();
    assert_eq!(said("// asked to end\nfn a() {}"), 0, "a comment is for those who read the code");
    assert_eq!(said("fn a() { print(\"it was asked \\\n  to end\") }"), 1);
    assert_eq!(said("/// Whoever asks\n#[arg(long)]\nname: String,"), 1);
    assert_eq!(said("#[cfg(test)]\nmod tests { const A: &str = \"nobody\"; }"), 0);
}

/// Words of [`UNWANTED_WORDS`] in a document.
fn unwanted_in(path: &str, text: &str) -> Vec<String> {
    let text = text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let found = UNWANTED_WORDS.iter().filter(|word| text.contains(*word));
    found.map(|word| format!("{path} says \"{word}\"")).collect()
}

#[test]
fn documents_use_the_words_of_the_glossary() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = Vec::new();
    for folder in ["", "docs", "models", "models/pretrain", "boards", ".github/ISSUE_TEMPLATE"] {
        for entry in fs::read_dir(root.join(folder)).expect("the repository is there") {
            let path = entry.expect("the repository is there").path();
            let is_text = |ending: &std::ffi::OsStr| ending == "md" || ending == "toml";
            if path.extension().is_some_and(is_text) {
                documents.push(path);
            }
        }
    }
    assert!(documents.len() > 40, "{documents:?}");
    let text = |path: &Path| fs::read_to_string(path).expect("documents are UTF-8");
    let shown = |path: &Path| path.strip_prefix(root).expect("below it").display().to_string();
    none(documents.iter().flat_map(|path| unwanted_in(&shown(path), &text(path))).collect());
    assert_eq!(unwanted_in("a.md", "It is\ntold to\nWhoever asks").len(), 2);
}

/// Words for people who act, in comments: they are clients, users, processes or requests.
const UNWANTED_IN_COMMENTS: [&str; 3] = ["whoever", "nobody", "somebody"];

/// Files whose documentation has a word of [`UNWANTED_IN_COMMENTS`].
fn unwanted_in_comments(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        let comments = source.text.lines().map(str::trim_start);
        let documentation =
            comments.filter(|line| line.starts_with("///") || line.starts_with("//!"));
        let text = documentation.collect::<String>().to_lowercase();
        for word in UNWANTED_IN_COMMENTS.iter().filter(|word| has_word(&text, word)) {
            broken.push(format!("{} says \"{word}\"", source.path));
        }
    }
    broken
}

#[test]
fn documentation_names_clients_users_and_processes() {
    none(unwanted_in_comments(&all_sources()));
    let found = |text| unwanted_in_comments(&[Source::new("src/device/a.rs", text)]);
    assert_eq!(found("/// Nobody waits.\nfn a() {}"), ["src/device/a.rs says \"nobody\""]);
    assert!(found("// Nobody waits.\nfn a() { \"nobody\" }").is_empty());
}

/// Parts of names that no public item has: the field's own words are used, or what a thing is.
const UNWANTED_PARTS: [&str; 7] = ["wish", "deed", "sight", "trouble", "hand", "told", "tries"];

/// The parts of a name, in small letters: `MAX_FrameCount` has `max`, `frame` and `count`.
fn parts(name: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut before = '_';
    for letter in name.chars() {
        if before == '_' || letter.is_uppercase() && before.is_lowercase() {
            parts.push(String::new());
        }
        if letter != '_' {
            parts.last_mut().expect("the first begins one").extend(letter.to_lowercase());
        }
        before = letter;
    }
    parts
}

/// Public names, and those of their arguments, with a part of [`UNWANTED_PARTS`].
fn unwanted_names(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        let code = source.code();
        for item in public_items(&code) {
            let names = item.split(|c: char| !c.is_alphanumeric() && c != '_');
            let unwanted = |name: &&str| {
                // `MAX_..` says what it is.
                name.starts_with("MOST_")
                    || parts(name).iter().any(|part| UNWANTED_PARTS.contains(&part.as_str()))
            };
            broken.extend(names.filter(unwanted).map(|name| format!("{}: {name}", source.path)));
        }
    }
    broken
}

/// Words that no name has, public or not, with the folder in which they mean something else.
const UNWANTED_IN_NAMES: [(&str, Option<&str>); 13] = [
    ("wish", None),
    ("wishes", None),
    ("wished", None),
    ("deed", None),
    ("sight", None),
    ("keeper", None),
    ("judge", None),
    ("judges", None),
    ("judged", None),
    ("judging", None),
    ("judgement", None),
    // Of k-shot evaluation alone.
    ("shot", Some("eval")),
    ("shots", Some("eval")),
];

/// Names in the code with a part of [`UNWANTED_IN_NAMES`].
fn unwanted_anywhere(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        let code = without_comments_and_strings(&source.text);
        let names = code.split(|c: char| !c.is_alphanumeric() && c != '_');
        let unwanted = |name: &&str| {
            let parts = parts(name);
            UNWANTED_IN_NAMES.iter().any(|(word, but_in)| {
                let elsewhere = but_in.is_none_or(|folder| !source.path.contains(folder));
                elsewhere && parts.iter().any(|part| part == word)
            })
        };
        let names: BTreeSet<&str> = names.filter(unwanted).collect();
        broken.extend(names.iter().map(|name| format!("{}: {name}", source.path)));
    }
    broken
}

#[test]
fn names_in_the_code_are_those_of_the_field() {
    none(unwanted_anywhere(&all_sources()));
    for folder in ["tests", "examples", "benches"] {
        none(unwanted_anywhere(&sources(folder)));
    }
    let found = |path, text| unwanted_anywhere(&[Source::new(path, text)]);
    assert_eq!(found("src/store/a.rs", "let keeper = 1;"), ["src/store/a.rs: keeper"]);
    assert_eq!(found("src/store/a.rs", "fn judge_all() {}"), ["src/store/a.rs: judge_all"]);
    assert_eq!(found("src/store/a.rs", "Teach { shots }"), ["src/store/a.rs: shots"]);
    assert!(found("src/eval/a.rs", "let shots = 5;").is_empty());
    assert!(found("src/store/a.rs", "let snapshot = 5; // judged\n").is_empty());
}

#[test]
fn public_names_are_those_of_the_field() {
    none(unwanted_names(&all_sources()));
    let found = |text| unwanted_names(&[Source::new("src/camera/mod.rs", text)]);
    assert_eq!(found("pub struct CameraTrouble {"), ["src/camera/mod.rs: CameraTrouble"]);
    assert_eq!(found("pub const MOST_SIDES: u32 = 1;"), ["src/camera/mod.rs: MOST_SIDES"]);
    assert_eq!(found("pub fn show(&mut self, sight: Scene) {}"), ["src/camera/mod.rs: sight"]);
    assert!(found("pub retries: u32, pub fn almost() {}\nfn told() {}").is_empty());
}
