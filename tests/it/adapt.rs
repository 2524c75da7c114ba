//! Adaptation as its users run it: applied where frames of another light look more like what was taught with it, refused
//! with the figures where they do not, in force for what is taught afterwards, undone by going back to the checkpoint.

use std::fs;
use std::path::{Path, PathBuf};

use fieldtune::image::frame::Timestamp;
use fieldtune::image::levels::{Levels, Moments};
use fieldtune::image::picture::{self, save_png};
use fieldtune::store::{FileStore, Store as _};
use serde_json::Value;

use crate::common::desk::{Bench, text};
use crate::common::{KINDS, folder_of};

/// Half as light, and bluer.
const DUSK: Levels = Levels { gain: [0.4, 0.5, 0.6], offset: [2.0, 2.0, 6.0] };

/// Six new pictures of every kind in that light, in class folders.
fn pictures(folder: &Path, light: &Levels) -> PathBuf {
    for kind in KINDS {
        let drawn = folder_of(folder, kind, 200, 6);
        for entry in fs::read_dir(&drawn).expect("the folder is the test's") {
            let path = entry.expect("the folder is the test's").path();
            let frame = picture::load(&path, Timestamp(0)).expect("a picture");
            save_png(&path, &light.apply(&frame)).expect("the folder is the test's");
        }
    }
    folder.to_owned()
}

fn accuracy(bench: &Bench, folder: &Path) -> f64 {
    let report = bench.ok(&["test", text(folder), "--json", "-"]).stdout;
    let report: Value = serde_json::from_str(&report).expect("JSON");
    report["balanced_accuracy"].as_f64().expect("a number") * 100.0
}

#[test]
fn frames_of_another_light_are_brought_back() {
    let bench = Bench::taught();
    let dusk = pictures(&bench.path().join("dusk"), &DUSK);
    let before = accuracy(&bench, &dusk);
    let tried = bench.ok(&["adapt", "--frames", text(&dusk), "--try"]).stdout;
    assert!(tried.contains("it would help: frames are looked at as before"), "{tried}");
    assert_eq!(accuracy(&bench, &dusk), before);

    assert!(!bench.ok(&["status"]).stdout.contains("adapted"));
    let run = bench.ok(&["adapt", "--frames", text(&dusk)]);
    assert!(bench.ok(&["status"]).stdout.contains("adapted    red x"));
    for wanted in ["frames     30: ", "levels     red x", "unknown", "applied", "adapt --off"] {
        assert!(run.stdout.contains(wanted), "{wanted}: {run:?}");
    }
    let after = accuracy(&bench, &dusk);
    assert!(after > before + 20.0 && after > 80.0, "{before} to {after}");

    // What is taught now goes through it, and its image is as it would be in the taught light.
    let file = dusk.join("red/red-200.png");
    bench.ok(&["teach", "red", text(&file), "--distinct"]);
    let frame = picture::load(&file, Timestamp(0)).expect("a picture");
    let mut store = FileStore::look(&bench.store()).expect("it is there");
    let mut kept = Vec::new();
    store.images(None, &mut |_, file| kept.push(file.to_vec())).expect("it is sound");
    drop(store);
    let newest = picture::decode(kept.last().expect("images"), "", Timestamp(0)).expect("a JPEG");
    let [kept, raw] = [newest, frame].map(|frame| Moments::of(&frame).mean[0]);
    assert!(kept > 1.8 * raw, "{kept} and {raw}");
    let verdict = bench.verdict(text(&file));
    assert_eq!((&verdict["class"], verdict["novelty"].as_f64() < Some(0.9)), (&"red".into(), true));
    // Relearned from the kept images it is the same.
    bench.ok(&["store", "reteach"]);
    assert!(accuracy(&bench, &dusk) > 80.0);
    bench.ok(&["store", "check"]);

    // And back.
    let listed = bench.ok(&["generations"]).stdout;
    assert!(listed.contains("before adapt"), "{listed}");
    bench.ok(&["rollback", "1"]);
    assert_eq!(accuracy(&bench, &dusk), before);
    let last = bench.ok(&["generations"]).stdout;
    let last = last.lines().last().and_then(|line| line.split_whitespace().next());
    bench.ok(&["rollback", last.expect("a number")]);
    assert!(accuracy(&bench, &dusk) > 80.0);
    bench.ok(&["adapt", "--off"]);
    assert!(accuracy(&bench, &dusk) < 80.0);
    assert_eq!(bench.run(&["adapt", "--off"]).code, 1);
}

#[test]
fn labelled_frames_are_taught_in_the_new_light() {
    let bench = Bench::taught();
    let dusk = pictures(&bench.path().join("dusk"), &DUSK);
    let run = bench.ok(&["adapt", "--labelled", text(&dusk)]);
    assert!(run.stdout.contains("applied"), "{run:?}");
    assert!(run.stdout.contains("learned 30 examples of 5 classes"), "{run:?}");
    assert_eq!(bench.classes().iter().map(|(_, count)| count).sum::<u64>(), 55);
}

#[test]
fn what_does_not_help_changes_nothing() {
    let bench = Bench::taught();
    let before = bench.ok(&["status"]).stdout;
    let same = pictures(&bench.path().join("same"), &Levels::SAME);
    let run = bench.run(&["adapt", "--frames", text(&same)]);
    assert_eq!(run.code, 1, "{run:?}");
    for wanted in ["strange", "±", "not applied: ", "frames are looked at as before"] {
        assert!(run.stdout.contains(wanted), "{wanted}: {run:?}");
    }
    assert_eq!(bench.ok(&["status"]).stdout, before);
    assert!(bench.ok(&["generations"]).stdout.lines().count() <= 1);
    let few = folder_of(&bench.path().join("few"), "red", 300, 3);
    let cases: [(&[&str], &str); 4] = [
        (&["--frames", text(&few)], "wanted at least 20, got 3"),
        (&[], "--frames"),
        (&["--frames", "0"], "wanted 1 to 1000 frames"),
        (&["--off", "--try"], "cannot be used with"),
    ];
    for (arguments, wanted) in cases {
        let run = bench.run(&[&["adapt"], arguments].concat());
        assert!(run.code == 2 && run.stderr.contains(wanted), "{arguments:?}: {run:?}");
    }
    let bare = Bench::new();
    let run = bare.run(&["adapt", "--frames", text(&same)]);
    assert!(run.code == 2 && run.stderr.contains("nothing has been taught yet"), "{run:?}");
}

#[test]
fn eval_measures_what_comes_back() {
    let bench = Bench::new();
    let folder = bench.path().join("parts");
    for kind in KINDS {
        folder_of(&folder, kind, 0, 24);
    }
    let json = bench.path().join("shift.json");
    let arguments = ["--shift", "darker", "--severities", "5", "--shots", "4", "--seeds", "1"];
    let begin = ["eval", text(&folder), "--json", text(&json)];
    let table = bench.ok(&[&begin[..], &arguments].concat()).stdout;
    for wanted in ["as it is", "photometric", "worst change", "always_skewed", "upper"] {
        assert!(table.contains(wanted), "{wanted}: {table}");
    }
    let report = fs::read_to_string(&json).expect("it was written");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let rows = report["rows"].as_array().expect("rows");
    let dark = rows.iter().find(|row| row["shift"] == "darker" && row["severity"] == "5");
    let mean = |name: &str| dark.expect("a row")[name]["mean"].as_f64().expect("a number");
    assert!(mean("without") < mean("as_is") - 0.1, "{table}");
    assert!(mean("adapted") > mean("without") + 0.1, "{table}");
    let run = bench.run(&["eval", text(&folder), "--shift", "dim"]);
    assert!(run.code == 2 && run.stderr.contains("wanted all, or some of darker"), "{run:?}");
}
