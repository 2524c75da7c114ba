//! `fieldtune bench`, the binary, with the tiny network. Times are not classified here: they are the machine's.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fieldtune"))
        .arg("bench")
        .args(arguments)
        .env_remove("FIELDTUNE_MODEL")
        .output()
        .expect("the binary runs")
}

fn tiny() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny.toml").display().to_string()
}

#[test]
fn every_stage_and_command_is_timed_and_the_memory_told() {
    let model = tiny();
    let output = bench(&[
        "--model",
        &model,
        "--frames",
        "4",
        "--examples",
        "4,12",
        "--classes",
        "2,6",
        "--growth",
        "3",
        "--head",
        "lda,knn",
        "--json",
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["model"], &report["dim"]), (&"tiny".into(), &48.into()));
    assert!(report["load_ms"].as_f64().unwrap() > 0.0);
    assert_eq!((&report["frame"]["width"], &report["frame"]["height"]), (&640.into(), &480.into()));
    let quantiles = |of: &Value| ["p50", "p95", "max"].map(|key| of[key].as_f64().unwrap());
    let stages = report["stages_ms"].as_object().unwrap();
    assert_eq!(stages.len(), 7, "{stages:?}");
    for (name, stage) in stages {
        let [p50, p95, max] = quantiles(stage);
        assert!(0.0 <= p50 && p50 <= p95 && p95 <= max, "{name}: {stage}");
        assert!(p50 > 0.0 || name == "else", "{name}: {stage}");
    }
    let share = |key: &str| report["share_of_backbone"][key].as_f64().unwrap();
    assert!(share("everything_else") > share("everything_else_without_decode"));
    // 4 examples have no 6 classes.
    let teaching = report["teaching_ms"].as_array().unwrap();
    let points: Vec<_> = teaching
        .iter()
        .map(|row| {
            (
                row["head"].as_str().unwrap(),
                row["examples"].as_u64().unwrap(),
                row["classes"].as_u64().unwrap(),
            )
        })
        .collect();
    let of = |head| [(head, 4, 2), (head, 12, 2), (head, 12, 6)];
    assert_eq!(points, [of("lda"), of("knn")].concat());
    for row in teaching {
        for key in ["teach", "forget", "classify", "learn", "unlearn"] {
            let [p50, p95, max] = quantiles(&row[key]);
            assert!(0.0 < p50 && p50 <= p95 && p95 <= max, "{key}: {row}");
        }
    }
    assert_eq!(report["growth"]["frames"], 3);
    if cfg!(target_os = "linux") {
        for memory in [
            &report["memory_mib"]["loaded"],
            &report["memory_mib"]["running"],
            &report["growth"]["before_mib"],
            &report["growth"]["after_mib"],
        ] {
            let [now, peak] = ["now", "peak"].map(|key| memory[key].as_f64().unwrap());
            assert!(1.0 < now && now <= peak, "{memory}");
        }
    }
}

#[test]
fn people_get_tables_and_an_unknown_model_the_next_step() {
    let model = tiny();
    let output = bench(&["--model", &model, "--frames", "2", "--examples", "2", "--classes", "2"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for wanted in ["tiny: 48 values, loaded in", "backbone", "everything but the backbone", "teach"]
    {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    let unknown = bench(&["--model", "gone"]);
    let talk = String::from_utf8_lossy(&unknown.stderr);
    assert_eq!(unknown.status.code(), Some(2), "{talk}");
    assert!(talk.contains("no model called gone") && talk.contains("fieldtune-128"), "{talk}");
}

#[test]
fn keeping_is_measured_and_what_a_teach_writes_is_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().display().to_string();
    let model = tiny();
    let output = bench(&["--model", &model, "--store", &place, "--stored", "40", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let bytes = report["bytes_a_teach"].as_f64().unwrap();
    assert!((4096.0..65536.0).contains(&bytes), "{bytes}");
    let syncs = report["syncs_a_teach"].as_f64().unwrap();
    assert!((2.0..2.5).contains(&syncs), "one transaction, in two phases: {syncs}");
    assert_eq!(report["examples"], 40);
    for key in ["open_ms", "open_after_cut_ms", "bytes_a_thousand_examples"] {
        assert!(report[key].as_f64().unwrap() > 0.0, "{key}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}
