//! How the program is asked for: help, completions, manual; wrong usage and wrong input, each with its exit status and a
//! message that says where, what was wanted and what was there.

use crate::common;

use std::path::Path;
use std::process::Stdio;

use fieldtune::store::{FileStore, Store as _};

use common::{Run, command, data, fieldtune, finish, folder_of};

#[test]
fn help_and_version_are_told_on_standard_output() {
    let help = fieldtune(&["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""), "{help:?}");
    for subcommand in ["teach", "classify", "forget", "undo", "status", "Exit status:"] {
        assert!(help.stdout.contains(subcommand), "{subcommand}: {help:?}");
    }
    let version = fieldtune(&["--version"]);
    assert_eq!(version.stdout, format!("fieldtune {}\n", env!("CARGO_PKG_VERSION")));
    for subcommand in
        ["teach", "classify", "classes", "examples", "forget", "relabel", "rename", "undo"]
    {
        let help = fieldtune(&[subcommand, "--help"]);
        assert!(help.code == 0 && help.stdout.contains("Usage: fieldtune"), "{help:?}");
    }
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_right() {
    let cases: [(&[&str], &str); 8] = [
        (&[], "Usage: fieldtune"),
        (&["learn"], "unrecognized subcommand 'learn'"),
        (&["teach"], "<CLASS|DIR>"),
        (&["teach", "a"], "fieldtune teach CLASS IMAGE"),
        (&["forget"], "<CLASS>"),
        (&["forget", "a", "--example", "1"], "cannot be used with"),
        (&["forget", "--example", "one"], "invalid digit"),
        (&["head", "oracle"], "possible values: lda"),
    ];
    for (arguments, wanted) in cases {
        let run = fieldtune(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments:?}: {run:?}");
        assert!(run.stderr.contains(wanted), "{arguments:?}: {run:?}");
    }
}

/// Arguments, split at spaces, and what the message has to hold. `IN` is an image; files lie as [`lay_out`] puts them.
const WRONG_INPUT: [(&str, &[&str]); 20] = [
    (
        "status --store /proc/none/a.ftune",
        &["nothing has been taught", "/proc/none/a.ftune", "next: "],
    ),
    ("teach a gone.png --model good/tiny.toml", &["gone.png: No such file", "nothing was learned"]),
    ("teach a nothing --model good/tiny.toml", &["nothing: no PNG"]),
    ("teach a IN --size 64", &["--size applies only to a network without a card"]),
    ("teach a IN --model gone", &["no model called gone", "mobilenetv2-12"]),
    ("teach a IN --model gone.toml", &["gone.toml", "No such file"]),
    ("teach a IN --model gone.onnx --norm tf", &["gone.onnx", "No such file"]),
    ("teach a IN --model card.toml", &["card.toml", "sizes"]),
    ("teach a IN --model changed/tiny.toml", &["changed/tiny.onnx", "sha256", "wanted", "got"]),
    (
        "teach a IN --model good/tiny.onnx",
        &["good/tiny.onnx: unknown input normalisation", "--norm"],
    ),
    ("teach a IN --model good/tiny.toml --norm tf", &["--norm", "card"]),
    ("teach a IN --model words.onnx --norm unit", &["words.onnx", "no ONNX network"]),
    ("teach a IN --model cut.onnx --norm unit --size 32", &["cut.onnx"]),
    (
        "teach a IN --model good/tiny.onnx --norm unit --size 64",
        &["[1, 3, 32, 32]", "[1, 3, 64, 64]"],
    ),
    ("teach a IN --model good/tiny.toml --taps block9:avg", &["block9", "block2"]),
    (
        "teach a IN --store taught.ftune --model good/tiny.onnx --norm tf --size 32",
        &["taught with tiny", "fed or tapped differently", "--store NEW"],
    ),
    (
        "classify IN --store taught.ftune --model good/tiny.toml --taps block2.pointwise.relu:avg+max",
        &["gives 96 values", "taught with 48 of tiny"],
    ),
    ("classes --store damaged.ftune", &["damaged.ftune", "left as it is"]),
    ("forget blue --store taught.ftune", &["no class called \"blue\"", "there are red"]),
    ("forget --example 77 --store taught.ftune", &["there is no example 77"]),
];

fn lay_out(folder: &Path) {
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("the folder is ours");
        std::fs::write(path, bytes).expect("the folder is ours");
    };
    let card = std::fs::read(data("tiny.toml")).expect("it is in the repository");
    let network = std::fs::read(data("tiny.onnx")).expect("it is in the repository");
    let mut changed = network.clone();
    changed[9000] ^= 1;
    put("good/tiny.toml", &card);
    put("good/tiny.onnx", &network);
    put("changed/tiny.toml", &card);
    put("changed/tiny.onnx", &changed);
    put("cut.onnx", &network[..network.len() / 2]);
    put("words.onnx", b"these are words");
    put("card.toml", b"name = \"x\"\nsizes = 3\n");
    put("damaged.ftune", b"FTLEARN and no more");
    std::fs::create_dir(folder.join("nothing")).expect("the folder is ours");
    folder_of(folder, "red", 0, 1);
}

#[test]
fn wrong_input_exits_with_2_naming_place_wanted_and_got() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    lay_out(folder.path());
    let run = |line: &str| {
        let words: Vec<&str> =
            line.split(' ').map(|word| if word == "IN" { "red/red-0.png" } else { word }).collect();
        let mut command = command(&words);
        command.current_dir(folder.path()).env("XDG_DATA_HOME", folder.path().join("data"));
        finish(command)
    };
    let taught = run("teach red IN --model good/tiny.toml --store taught.ftune");
    assert_eq!(taught.code, 0, "{taught:?}");
    let store = || {
        let mut store =
            FileStore::look(&folder.path().join("taught.ftune")).expect("it was taught");
        let generations = store.generations().expect("it is sound");
        (store.load().expect("it is sound"), generations)
    };
    let before = store();
    let mut failures = Vec::new();
    for (line, wanted) in WRONG_INPUT {
        let run = run(line);
        let missing: Vec<_> = wanted.iter().filter(|part| !run.stderr.contains(**part)).collect();
        if run.code != 2 || !run.stdout.is_empty() || !missing.is_empty() {
            failures.push(format!("{line}: missing {missing:?}: {run:?}"));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert!(store() == before, "an error changed the store");
}

#[test]
fn an_empty_variable_counts_as_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let with = |variables: &[(&str, &str)]| {
        let mut command = command(&["status"]);
        command.current_dir(folder.path()).env("HOME", folder.path());
        command.envs(variables.iter().copied());
        finish(command)
    };
    let empty = ["FIELDTUNE_STORE", "FIELDTUNE_MODEL", "FIELDTUNE_BOARD", "FIELDTUNE_SIMD"];
    let (none, empty) = (with(&[]), with(&empty.map(|name| (name, ""))));
    assert_eq!((none.code, &none.stderr), (empty.code, &empty.stderr));
    let named = with(&[("FIELDTUNE_STORE", "elsewhere.ftune")]);
    assert!(named.stderr.contains("elsewhere.ftune"), "{named:?}");
}

#[test]
fn a_damaged_store_is_refused_in_plain_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("learned.ftune");
    let whole = std::fs::read(data("store-v6.ftune")).expect("a store");
    for (name, from) in [("header", 0), ("middle", whole.len() / 2)] {
        let mut bytes = whole.clone();
        bytes[from..from + 4096].fill(0xa5);
        std::fs::write(&store, &bytes).expect("there is room");
        let run = fieldtune(&["classes", "--store", store.to_str().expect("UTF-8")]);
        assert_eq!(run.code, 2, "{name}: {run:?}");
        assert!(run.stderr.contains("  next: "), "{name}: {run:?}");
        for word in ["redb", "panicked", "unwrap", "Corrupted", "checksum mismatch"] {
            assert!(!run.stderr.contains(word), "{name}: {run:?}");
        }
        assert_eq!(std::fs::read(&store).expect("it is there"), bytes, "{name}");
    }
}

#[test]
fn completions_and_manual_pages_know_every_subcommand() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = fieldtune(&["completions", shell]);
        assert!(run.code == 0 && run.stdout.contains("relabel"), "{shell}: {}", run.stderr);
    }
    let run = fieldtune(&["man"]);
    assert!(run.code == 0 && run.stdout.contains(".TH fieldtune 1"), "{}", run.stderr);
    let folder = tempfile::tempdir().expect("a folder for the test");
    let to = folder.path().join("man1");
    let run = fieldtune(&["man", "--to", to.to_str().expect("UTF-8")]);
    assert_eq!(run.code, 0, "{run:?}");
    for page in ["fieldtune.1", "fieldtune-teach.1", "fieldtune-undo.1"] {
        assert!(to.join(page).is_file(), "{page}");
    }
}

/// Starts the program with nobody reading what it prints.
fn with_closed_output(arguments: &[&str]) -> Run {
    let mut command = command(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::new(),
        stderr: text(output.stderr),
    }
}

#[test]
fn a_reader_that_goes_away_early_ends_the_program_quietly() {
    let store = data("store-v1.ftune");
    let folder = tempfile::tempdir().expect("a folder for the test");
    let copy = folder.path().join("learned.ftune");
    std::fs::copy(store, &copy).expect("the folder is ours");
    let store = copy.to_str().expect("UTF-8");
    let cases: [&[&str]; 6] = [
        &["completions", "bash"],
        &["man"],
        &["classes", "--store", store],
        &["examples", "--json", "--store", store],
        &["status", "--store", store],
        &["undo", "--store", store],
    ];
    for arguments in cases {
        let run = with_closed_output(arguments);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{arguments:?}: {run:?}");
    }
    // What was done is done, told or not.
    let run = fieldtune(&["status", "--json", "--store", store]);
    assert!(run.stdout.contains("\"undo_steps\":5"), "{run:?}");
}

#[test]
fn output_that_cannot_be_written_is_a_failed_device() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let mut command = command(&["completions", "bash"]);
    command.stdout(full).stderr(Stdio::piped());
    let output = command.spawn().expect("the program starts").wait_with_output().expect("it ends");
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("standard output") && stderr.contains("No space left"), "{stderr}");
}
