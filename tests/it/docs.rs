//! README and docs: their commands run, their links lead somewhere, and they stay short.
//!
//! `cargo test --test it docs:: -- --ignored` writes `docs/cli.md` anew.

mod commands;

use crate::common;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use common::{command, finish};

/// Bytes that README.md and SECURITY.md may have.
const MAX_BYTES: [(&str, u64); 2] = [("README.md", 6 << 10), ("SECURITY.md", 4 << 10)];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All documents of the repository, by their paths from its root.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["", "docs", "models"] {
        for entry in fs::read_dir(root().join(folder)).expect("the repository is there") {
            let path = entry.expect("the repository is there").path();
            if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path.strip_prefix(root()).expect("it was found below").to_owned());
            }
        }
    }
    found.sort();
    found
}

fn text_of(document: &Path) -> String {
    fs::read_to_string(root().join(document)).expect("documents are UTF-8")
}

/// Targets of links in a document that lie in the repository.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}

#[test]
fn links_inside_the_repository_resolve() {
    let mut broken = Vec::new();
    for document in documents() {
        let folder = root().join(&document).parent().expect("a file has a folder").to_owned();
        for link in links(&text_of(&document)) {
            if !folder.join(link).exists() {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert_eq!(links("[a](b.md#c), [d](https://e) and [f](#g)"), ["b.md"]);
}

#[test]
fn the_first_documents_are_short() {
    for (name, limit) in MAX_BYTES {
        let bytes = fs::metadata(root().join(name)).expect("it is there").len();
        assert!(bytes <= limit, "{name} has {bytes} bytes, more than {limit}");
    }
    let picture = fs::metadata(root().join("docs/images/predictions.jpg")).expect("it is there");
    assert!(picture.len() < 150_000, "the picture has {} bytes", picture.len());
}

#[test]
fn the_wiring_in_the_documents_is_that_of_the_board() {
    let drawn = finish(command(&["boards", "raspberry-pi-4", "--svg"]));
    let kept = text_of(Path::new("docs/images/wiring-raspberry-pi-4.svg"));
    let next = "fieldtune boards raspberry-pi-4 --svg writes it again";
    assert!(drawn.code == 0 && drawn.stdout == kept, "{next}: {drawn:?}");
    let sim = finish(command(&["boards", "sim", "--svg"]));
    assert!(sim.code == 2 && sim.stderr.contains("is not known"), "{sim:?}");
}

/// Subcommands that a help text lists.
fn subcommands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    lines
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// The command line's reference: the help of every command and of theirs.
fn reference() -> String {
    let mut text = String::from(
        "# Command line\n\nMade by `cargo test --test it docs:: -- --ignored` from `--help`; not edited by hand.\n",
    );
    let mut waiting = vec![String::new()];
    while let Some(path) = waiting.pop() {
        let mut words: Vec<&str> = path.split_whitespace().collect();
        words.push("--help");
        let help = finish(command(&words));
        assert_eq!(help.code, 0, "{path}: {help:?}");
        let heading = format!("fieldtune {path}");
        let lines: Vec<&str> = help.stdout.lines().map(str::trim_end).collect();
        let _ = write!(
            text,
            "\n## {}\n\n```text\n{}\n```\n",
            heading.trim(),
            lines.join("\n").trim_end()
        );
        for name in subcommands(&help.stdout).iter().rev() {
            waiting.push(format!("{path} {name}").trim().to_owned());
        }
    }
    text
}

#[test]
fn the_reference_of_the_command_line_is_current() {
    let written = text_of(Path::new("docs/cli.md"));
    for (line, (written, now)) in written.lines().zip(reference().lines()).enumerate() {
        assert_eq!(
            written,
            now,
            "docs/cli.md:{}: cargo test --test it docs:: -- --ignored writes it again",
            line + 1
        );
    }
}

#[test]
#[ignore = "writes docs/cli.md"]
fn the_reference_of_the_command_line_is_written() {
    fs::write(root().join("docs/cli.md"), reference()).expect("the repository can be written");
}

/// Words that are not used in help and documents, since nobody searches for them; CONTRIBUTING says what to write.
const UNWANTED: [&str; 10] = [
    "standard error",
    "standard output",
    "nobody is locked in",
    "whoever types",
    "half of the time",
    "again and again",
    "are taken for",
    "foretells how",
    "talk on",
    "who is at a socket",
];

#[test]
fn help_and_documents_use_the_words_of_the_field() {
    let mut texts: Vec<(PathBuf, String)> =
        documents().into_iter().map(|path| (path.clone(), text_of(&path))).collect();
    texts.push(("--help".into(), reference()));
    let mut found = Vec::new();
    for (place, text) in texts {
        // A phrase may be wrapped anywhere.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        for word in UNWANTED.iter().filter(|word| text.contains(*word)) {
            found.push(format!("{}: {word}", place.display()));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
