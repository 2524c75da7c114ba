//! `fieldtune demo`, the binary, with the tests' tiny network. That network tells almost nothing apart here, so what is
//! checked is that the demo is deterministic, whole and honest: a check that failed is told, and by the exit status.

use crate::common;

use std::path::Path;

use common::{Run, data, fieldtune};
use fieldtune::camera::Synthetic;
use fieldtune::image::frame::Timestamp;
use fieldtune::image::picture;
use serde_json::Value;

fn demo(out: &Path, arguments: &[&str]) -> Run {
    let model = data("tiny.toml");
    let paths = [&model, out].map(|path| path.to_str().expect("our paths are UTF-8"));
    let all = [&["demo", "--model", paths[0], "--out", paths[1], "--frames", "30"], arguments];
    fieldtune(&all.concat())
}

/// The answer, without what is the machine's.
fn answer(run: &Run) -> Value {
    assert_eq!(run.stdout.lines().count(), 1, "{run:?}");
    let mut answer: Value = serde_json::from_str(&run.stdout).expect("one object");
    for key in ["seconds", "milliseconds_a_frame"] {
        let taken = answer[key].take();
        assert!(taken.as_f64().is_some_and(|taken| taken > 0.0), "{key}: {run:?}");
    }
    answer
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("wanted a count, got {value}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("wanted a list, got {value}"))
}

#[test]
fn a_seed_tells_one_story_and_another_seed_another() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let out = folder.path().join("new").join("out");
    let runs = ["3", "3", "4"].map(|seed| demo(&out, &["--json", "--seed", seed]));
    let [first, second, other] = runs.each_ref().map(answer);
    assert_eq!(first, second);
    assert_ne!(first["live"], other["live"]);
    assert_eq!(
        (&first["seed"], &first["model"], &first["dim"]),
        (&3.into(), &"tiny".into(), &48.into())
    );
}

#[test]
fn the_answer_has_every_chapter_and_status_follows_the_checks() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let run = demo(folder.path(), &["--json"]);
    let answer = answer(&run);
    let checks = list(&answer["checks"]);
    let names: Vec<&Value> = checks.iter().map(|check| &check["name"]).collect();
    assert_eq!(
        names,
        ["good-only", "accuracy", "estimate", "unknown", "add", "forget", "restart", "undo"]
    );
    let held = checks.iter().all(|check| check["held"] == true);
    assert_eq!((&answer["held"], run.code), (&held.into(), i32::from(!held)), "{run:?}");
    // Whatever the network is worth.
    for check in checks.iter().filter(|p| p["name"] == "forget" || p["name"] == "restart") {
        assert_eq!(check["held"], true, "{check}");
    }
    let alone = &answer["good_alone"];
    assert_eq!((number(&alone["taught"]), number(&alone["frames"])), (20, 40));
    assert!(number(&alone["found"]) <= 40 && number(&alone["marked"]) <= 40, "{alone}");
    let restarted = &answer["restarted"];
    assert_eq!((number(&restarted["frames"]), number(&restarted["identical"])), (42, 42));
    assert_eq!(number(&answer["forgotten"]["changed"]), 0);
    assert_eq!(number(&answer["examples_afterwards"]), 6);

    let classes = list(&answer["classes"]);
    assert_eq!((classes.len(), list(&answer["estimates"]).len()), (6, 5));
    let fresh = &answer["fresh"];
    let confusion: Vec<Vec<u64>> = list(&fresh["confusion"])
        .iter()
        .map(|row| list(row).iter().map(number).collect())
        .collect();
    assert!(confusion.iter().all(|row| row.len() == 6 && row.iter().sum::<u64>() == 5), "{fresh}");
    let right: u64 = (0..6).map(|class| confusion[class][class]).sum();
    let accuracy = fresh["accuracy"].as_f64().expect("a share");
    assert!((accuracy - right as f64 / 30.0).abs() < 1e-9, "{fresh}");
    let strangers: Vec<&Value> =
        list(&answer["never_taught"]).iter().map(|s| &s["scene"]).collect();
    assert_eq!(strangers, ["bench", "weld"]);
    assert_eq!(list(&answer["live"]).len(), 15);
}

#[test]
fn it_leaves_pictures_and_a_store_to_go_on_with() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let run = demo(folder.path(), &[]);
    for wanted in [
        "Good parts alone, 20",
        "Teaching good, scratch",
        "5 of each",
        "Forgetting weld",
        "bit for bit",
        "\nChecks\n",
    ] {
        assert!(run.stdout.contains(wanted), "{wanted} in {}", run.stdout);
    }
    let broken = run.stdout.lines().filter(|line| line.starts_with("  FAILED")).count();
    let held = run.stdout.lines().filter(|line| line.starts_with("  passed")).count();
    assert_eq!((broken + held, run.code), (8, i32::from(broken > 0)), "{}", run.stdout);

    let png =
        |name: &str| picture::load(&folder.path().join(name), Timestamp(0)).expect("a picture");
    let (taught, confusion) = (png("taught.png"), png("confusion.png"));
    assert!(
        taught.width() > 6 * Synthetic::WIDTH / 2 && taught.height() > 7 * Synthetic::HEIGHT / 2
    );
    assert!(confusion.width() > 300 && confusion.height() > 300);
    // Rust is brown: there is colour on the sheet.
    let brown = taught.pixels().chunks(3).filter(|p| p[0] > p[2].saturating_add(40)).count();
    assert!(brown > 100, "{brown}");

    let store = folder.path().join("demo.ftune");
    let status = fieldtune(&["status", "--json", "--store", store.to_str().expect("UTF-8")]);
    let status: Value = serde_json::from_str(&status.stdout).expect("one object");
    assert_eq!((&status["classes"], &status["examples"]), (&7.into(), &36.into()));
}

#[test]
fn wrong_usage_ends_with_2_and_leaves_what_was_there() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let file = folder.path().join("file");
    std::fs::write(&file, "kept").expect("the folder is ours");
    let cases: [(Run, &str); 3] = [
        (fieldtune(&["demo", "--frames", "5"]), "6..=100000"),
        (demo(&file, &[]), "file: File exists"),
        (fieldtune(&["demo", "--model", "gone.toml", "--out", "/proc/none"]), "/proc/none"),
    ];
    for (run, wanted) in cases {
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{wanted}: {run:?}");
        assert!(run.stderr.contains(wanted), "{wanted}: {run:?}");
    }
    assert_eq!(std::fs::read_to_string(&file).expect("it was there"), "kept");
}

#[test]
fn the_demo_of_text_holds_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path();
    let shown = out.to_str().expect("our paths are UTF-8");
    let run = fieldtune(&["demo", "--text", "--frames", "50", "--json", "--out", shown]);
    let mut answer: Value = serde_json::from_str(&run.stdout).expect("one object");
    assert!(answer["seconds"].take().as_f64().is_some_and(|taken| taken > 0.0), "{run:?}");
    assert_eq!((run.code, &answer["held"], list(&answer["checks"]).len()), (0, &true.into(), 4));
    let again = fieldtune(&["demo", "--text", "--frames", "50", "--json", "--out", shown]);
    let mut same: Value = serde_json::from_str(&again.stdout).expect("one object");
    same["seconds"].take();
    assert_eq!(same, answer, "a seed tells one story");
    let store = out.join("text.ftune").display().to_string();
    let line = "sshd[11]: Failed password for root from 10.0.3.9 port 4242 ssh2";
    let verdict = fieldtune(&["classify", "--text", line, "--store", &store]);
    assert!(verdict.stdout.starts_with("login "), "{verdict:?}");
    let both = fieldtune(&["demo", "--text", "--sound"]);
    assert_eq!(both.code, 2, "{both:?}");
}
