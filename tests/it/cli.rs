//! The program as its users run it, with the tests' network: what it prints, what it keeps, how it ends.

use crate::common;
use crate::common::desk;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use common::{KINDS, folder_of};
use desk::{Bench, text};

fn of<const N: usize>(classes: [(&str, u64); N]) -> Vec<(String, u64)> {
    classes.map(|(name, count)| (name.to_owned(), count)).to_vec()
}

#[test]
fn what_was_taught_is_told_apart_in_new_pictures() {
    let bench = Bench::taught();
    // Five examples do not show how far a class reaches; here it counts which one is nearest.
    bench.ok(&["threshold", "--novelty", "inf"]);
    for kind in KINDS {
        let folder = folder_of(&bench.path().join("new"), kind, 100, 4);
        let run = bench.ok(&["classify", text(&folder)]);
        assert_eq!(run.stdout.lines().count(), 4, "{run:?}");
        for line in run.stdout.lines() {
            let (file, verdict) = line.split_once(": ").expect("the file, then the verdict");
            assert!(Path::new(file).is_file(), "{line}");
            assert!(verdict.starts_with(&format!("{kind} ")), "{line}");
            assert!(verdict.contains(", then ") && verdict.contains("nearest example "), "{line}");
        }
    }
}

#[test]
fn a_verdict_in_json_has_every_field_and_repeats_exactly() {
    let bench = Bench::taught();
    let file = bench.new_picture("checks");
    let verdict = bench.verdict(&file);
    assert_eq!(
        (verdict["file"].as_str(), verdict["class"].as_str()),
        (Some(file.as_str()), Some("checks"))
    );
    assert_eq!(
        (verdict["best"].as_str(), verdict["nearest"]["class"].as_str()),
        (Some("checks"), Some("checks"))
    );
    let number = |key: &str| verdict[key].as_f64().unwrap_or_else(|| panic!("{key} in {verdict}"));
    assert!(number("confidence") > number("runner_up_confidence") && number("confidence") <= 1.0);
    assert!(number("novelty") >= 0.0 && verdict["runner_up"].is_string());
    let nearest = &verdict["nearest"];
    assert!((16..=20).contains(&nearest["example"].as_u64().expect("an id")), "{verdict}");
    assert!(nearest["cosine"].as_f64().expect("a number") > 0.9);
    assert!(nearest["origin"].as_str().expect("a path").contains("checks-"));
    assert_eq!(bench.verdict(&file), verdict);
    assert!(bench.json(&["classify", &file])["milliseconds"].as_f64().expect("a number") > 0.0);
}

#[test]
fn a_picture_unlike_everything_taught_is_unknown() {
    let bench = Bench::new();
    for kind in ["red", "green"] {
        bench.ok(&["teach", kind, text(&folder_of(bench.path(), kind, 0, 5))]);
    }
    let file = bench.new_picture("checks");
    let verdict = bench.verdict(&file);
    assert!(verdict["class"].is_null() && verdict["novelty"].as_f64() > Some(1.0), "{verdict}");
    let run = bench.ok(&["classify", &file]);
    assert!(run.stdout.contains(": unknown (most like "), "{run:?}");
    bench.ok(&["threshold", "--novelty", "inf"]);
    assert!(bench.verdict(&file)["class"].is_string());
}

#[test]
fn lists_show_classes_examples_and_how_it_stands() {
    let bench = Bench::taught();
    assert_eq!(bench.classes(), KINDS.map(|kind| (kind.to_owned(), 5)));
    let run = bench.ok(&["classes"]);
    assert!(run.stdout.starts_with("class") && run.stdout.contains("stripes"), "{run:?}");
    let examples = bench.json(&["examples", "green"]);
    let examples = examples.as_array().expect("a list");
    let ids: Vec<u64> = examples.iter().filter_map(|example| example["id"].as_u64()).collect();
    assert_eq!(ids, [6, 7, 8, 9, 10]);
    assert!(examples[0]["origin"].as_str().expect("a path").ends_with("green-0.png"));
    assert_eq!(bench.ok(&["examples"]).stdout.lines().count(), 26);
    let status = bench.json(&["status"]);
    assert_eq!((status["classes"].as_u64(), status["examples"].as_u64()), (Some(5), Some(25)));
    assert_eq!((status["dim"].as_u64(), status["head"].as_str()), (Some(48), Some("lda")));
    let estimate = status["estimate"].as_f64().expect("a share");
    let low = status["estimate_90"][0].as_f64().expect("a share");
    assert!(estimate > 0.8 && low < estimate && status["few_looks"].is_null(), "{status}");
    let run = bench.ok(&["status"]);
    for word in ["learned.ftune", "tiny (48 values)", "lda", "5 classes, 25 examples", "estimate"] {
        assert!(run.stdout.contains(word), "{word}: {run:?}");
    }
}

#[test]
fn forgetting_relabelling_and_renaming_are_taken_back_step_by_step() {
    let bench = Bench::taught();
    let file = bench.new_picture("stripes");
    let before = bench.verdict(&file);
    assert_eq!(before["class"], "stripes");

    let forgotten = bench.json(&["forget", "--example", "11", "12"]);
    assert_eq!(forgotten["examples"], serde_json::json!([11, 12]));
    let run = bench.ok(&["forget", "red"]);
    assert!(run.stdout.contains("forgot red and its 5 examples"), "{run:?}");
    bench.ok(&["relabel", "blurred", "24", "25"]);
    bench.ok(&["rename", "checks", "chess"]);
    let now = of([("green", 5), ("stripes", 3), ("chess", 5), ("flat", 3), ("blurred", 2)]);
    assert_eq!(bench.classes(), now);

    for (said, left) in
        [("checks again", 8), ("of flat again", 7), ("red is back", 6), ("is back", 5)]
    {
        let undone = bench.json(&["undo"]);
        assert!(undone["changes"].to_string().contains(said), "{undone}");
        assert_eq!(undone["left"].as_u64(), Some(left));
    }
    assert_eq!(bench.classes(), KINDS.map(|kind| (kind.to_owned(), 5)));
    let after = bench.verdict(&file);
    let confidence = |verdict: &Value| verdict["confidence"].as_f64().expect("a number");
    assert_eq!((&after["class"], &after["nearest"]), (&before["class"], &before["nearest"]));
    assert!((confidence(&after) - confidence(&before)).abs() < 1e-3, "{before} {after}");

    for _ in 0..5 {
        bench.ok(&["undo"]);
    }
    let run = bench.run(&["undo"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, "nothing to undo\n"));
    assert_eq!(bench.classes(), []);
}

#[test]
fn another_head_is_taught_with_what_is_stored() {
    let bench = Bench::taught();
    assert_eq!(bench.json(&["head"])["head"], "lda");
    let file = bench.new_picture("red");
    for kind in ["ridge", "lda"] {
        let run = bench.ok(&["head", kind]);
        assert!(run.stdout.starts_with(&format!("the head is {kind};")), "{run:?}");
        assert_eq!(bench.verdict(&file)["class"], "red", "{kind}");
    }
    bench.ok(&["undo"]);
    assert_eq!(bench.json(&["head"])["head"], "ridge");
}

#[test]
fn thresholds_are_kept_checked_and_taken_back() {
    let bench = Bench::taught();
    bench.ok(&["threshold", "--confidence", "0.75", "--novelty", "inf"]);
    let set = bench.json(&["threshold"]);
    assert_eq!((set["confidence"].as_f64(), set["novelty"].is_null()), (Some(0.75), true));
    for (flag, value) in [("--confidence", "1.5"), ("--confidence", "NaN"), ("--novelty", "0")] {
        let run = bench.run(&["threshold", flag, value]);
        assert_eq!(run.code, 2, "{flag} {value}: {run:?}");
        assert!(run.stderr.contains("threshold has to be"), "{run:?}");
    }
    assert_eq!(bench.json(&["threshold"]), set);
    bench.ok(&["undo"]);
    assert_eq!(bench.json(&["threshold"])["confidence"].as_f64(), Some(0.0));
}

#[test]
fn broken_images_teach_nothing_unless_they_may_be_left_out() {
    let bench = Bench::new();
    let folder = folder_of(bench.path(), "red", 0, 3);
    std::fs::write(folder.join("empty.png"), "").expect("the folder is ours");
    std::fs::write(folder.join("words.jpg"), "no picture").expect("the folder is ours");
    std::fs::write(folder.join("notes.txt"), "not looked at").expect("the folder is ours");
    let run = bench.run(&["teach", "red", text(&folder)]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
    for word in ["nothing was learned", "empty.png", "0 bytes", "--skip-broken"] {
        assert!(run.stderr.contains(word), "{word}: {run:?}");
    }
    assert!(!bench.store().exists());

    let taught = bench.run(&["teach", "red", text(&folder), "--skip-broken", "--json"]);
    assert_eq!(taught.code, 0, "{taught:?}");
    let reply: Value = serde_json::from_str(&taught.stdout).expect("one object");
    assert_eq!((reply["count"].as_u64(), reply["new_class"].as_bool()), (Some(3), Some(true)));
    assert!(
        taught.stderr.contains("left out: ") && taught.stderr.contains("words.jpg"),
        "{taught:?}"
    );

    // Of many images to classify the others are classified all the same.
    let run = bench.run(&["classify", text(&folder), "--json"]);
    assert_eq!((run.code, run.stdout.lines().count()), (1, 5), "{run:?}");
    let errors = run.stdout.lines().filter(|line| line.contains("\"error\"")).count();
    assert_eq!((errors, run.stderr.lines().count()), (2, 2), "{run:?}");
    let run = bench.run(&["classify", text(&bench.path().join("gone.png")), text(&folder)]);
    assert_eq!((run.code, run.stdout.lines().count()), (1, 3), "{run:?}");
    assert!(run.stderr.contains("gone.png: No such file"), "{run:?}");

    let none = bench.path().join("none");
    std::fs::create_dir(&none).expect("the folder is ours");
    std::fs::write(none.join("empty.png"), "").expect("the folder is ours");
    let run = bench.run(&["teach", "red", text(&none), "--skip-broken"]);
    assert!(run.code == 2 && run.stderr.contains("none of 1 images"), "{run:?}");
    assert_eq!(bench.classes(), of([("red", 3)]));
}

#[test]
fn class_names_take_any_script_and_no_escape_sequence() {
    let bench = Bench::new();
    let folder = folder_of(bench.path(), "red", 0, 1);
    for name in ["Kratzer_ü", "傷", "défaut-2", "царапина"] {
        let run = bench.ok(&["teach", name, text(&folder)]);
        assert!(run.stdout.contains(name), "{run:?}");
    }
    let names: Vec<String> = bench.classes().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Kratzer_ü", "傷", "défaut-2", "царапина"]);
    bench.ok(&["rename", "傷", "凹み"]);
    let long = "x".repeat(65);
    for name in ["", "two words", "../up", "-x", "\u{1b}[31mred", "unknown", "a\nb", long.as_str()]
    {
        let run = bench.run(&["teach", "--", name, text(&folder)]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{name:?}: {run:?}");
        assert!(
            !run.stderr.contains('\u{1b}') && run.stderr.contains("cannot be a class's name"),
            "{run:?}"
        );
    }
}

#[test]
fn two_programs_at_once_lose_nothing() {
    let bench = Bench::new();
    let children: Vec<_> = KINDS
        .iter()
        .map(|kind| {
            let folder = folder_of(bench.path(), kind, 0, 2);
            let mut command = bench.command(&["teach", kind, text(&folder)]);
            command.stdout(Stdio::null()).spawn().expect("the program starts")
        })
        .collect();
    for mut child in children {
        assert!(child.wait().expect("it ends").success());
    }
    let mut classes = bench.classes();
    classes.sort();
    let mut wanted = KINDS.map(|kind| (kind.to_owned(), 2));
    wanted.sort();
    assert_eq!(classes, wanted);
}

#[test]
fn a_program_that_is_killed_loses_nothing_that_it_acknowledged() {
    let bench = Bench::new();
    let folder = folder_of(bench.path(), "red", 0, 1);
    bench.ok(&["teach", "red", text(&folder)]);
    let mut acknowledged = 1;
    for wait in 0..12 {
        let mut command = bench.command(&["teach", "red", text(&folder)]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        std::thread::sleep(Duration::from_millis(wait * 4));
        // It may have ended by itself.
        let _ = child.kill();
        let output = child.wait_with_output().expect("it ends");
        acknowledged +=
            u64::from(String::from_utf8_lossy(&output.stdout).contains("learned 1 example"));
        let count = bench.classes()[0].1;
        assert!(count >= acknowledged, "{count} of {acknowledged} are left");
        acknowledged = count;
    }
}
