//! Fine-tuning as its users run it: kept where it helps, refused with the figures where it does not, stored with what was
//! learned, undone by going back to the checkpoint.

use std::fs;
use std::path::{Path, PathBuf};

use fieldtune::backbone::card::ModelCard;
use fieldtune::backbone::preprocess::Preprocessor;
use fieldtune::backbone::{Backbone, BackboneSpec, Pooling, Tap};
use fieldtune::image::frame::{Frame, Timestamp};
use fieldtune::image::picture::{load, save_png};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::common::desk::{Bench, text};
use crate::common::{data, folder_of};

/// Faint stripes that stand or lie, in any colour and in noise: what the tests' network sees little of.
pub fn stripes(lying: bool, seed: u64) -> Frame {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let colour: [f64; 3] = std::array::from_fn(|_| random.random_range(60.0..190.0));
    let shift = random.random_range(0..4);
    let mut pixels = Vec::new();
    for at in 0..32 * 32 {
        let along = if lying { at / 32 } else { at % 32 };
        let stripe = if (along + shift) % 4 < 2 { 20.0 } else { 0.0 };
        for value in colour {
            // About a normal one.
            let noise: f64 = (0..3).map(|_| random.random_range(-6.0..6.0)).sum();
            pixels.push((value + stripe + noise).clamp(0.0, 255.0) as u8);
        }
    }
    Frame::new(32, 32, pixels, Timestamp(0)).expect("the sides fit")
}

/// A folder of `count` pictures for each of two classes, the seeds from `first` on.
pub fn drawn(folder: &Path, first: u64, count: u64) -> PathBuf {
    for (class, lying) in [("standing", false), ("lying", true)] {
        fs::create_dir_all(folder.join(class)).expect("the folder is the test's");
        for seed in first..first + count {
            let path = folder.join(class).join(format!("{seed}.png"));
            let seed = 2 * seed + u64::from(lying);
            save_png(&path, &stripes(lying, seed)).expect("the folder is the test's");
        }
    }
    folder.to_owned()
}

fn taught(count: u64) -> Bench {
    let bench = Bench::new();
    let folder = drawn(&bench.path().join("taught"), 0, count);
    for class in ["standing", "lying"] {
        bench.ok(&["teach", class, text(&folder.join(class)), "--distinct"]);
    }
    bench
}

/// Balanced accuracy on pictures that were never taught, in percent.
fn accuracy(bench: &Bench) -> f64 {
    let folder = drawn(&bench.path().join("others"), 1000, 30);
    let report = bench.ok(&["test", text(&folder), "--json", "-"]).stdout;
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    report["balanced_accuracy"].as_f64().expect("a number") * 100.0
}

#[test]
fn blocks_that_help_are_kept_used_and_taken_back() {
    let bench = taught(24);
    let before = accuracy(&bench);
    let run = bench.ok(&["finetune"]);
    for wanted in ["48 looks, left out in turns", "with fine-tuned blocks (+", "rollback NUMBER"] {
        assert!(run.stdout.contains(wanted), "{run:?}");
    }
    let after = accuracy(&bench);
    assert!(after > before + 10.0 && after > 85.0, "{before} to {after}");
    let status = bench.json(&["status"]);
    assert_eq!(status["dim"], 96, "{status}");
    assert!(bench.ok(&["status"]).stdout.contains("tiny, fine-tuned (96 values)"));
    // What the device says of itself is not what the examples that the blocks were trained with say.
    let estimate = status["estimate"].as_f64().expect("a number") * 100.0;
    assert!((estimate - after).abs() < 12.0, "{estimate} and {after}");

    // Where it comes from can be drawn, but not over the image itself.
    let picture = bench.path().join("taught/lying/3.png");
    bench.ok(&["classify", text(&picture), "--explain", "where.png"]);
    let run = bench.run(&["classify", text(&picture), "--explain", text(&picture)]);
    assert!(run.code == 2 && run.stderr.contains("the image itself"), "{run:?}");

    // Teaching and forgetting go on.
    let more = drawn(&bench.path().join("more"), 500, 3);
    bench.ok(&["teach", "lying", text(&more.join("lying")), "--distinct"]);
    assert_eq!(bench.classes()[0].1 + bench.classes()[1].1, 51);
    bench.ok(&["undo"]);
    bench.ok(&["forget", "--example", "1"]);
    assert!(accuracy(&bench) > 80.0);
    bench.ok(&["store", "check"]);

    // And back, and forth.
    bench.ok(&["rollback", "1"]);
    assert_eq!(bench.json(&["status"])["dim"], 48);
    assert_eq!(accuracy(&bench), before);
    let listed = bench.ok(&["generations"]).stdout;
    assert!(
        listed.contains("before finetune") && listed.contains("before rollback to 1"),
        "{listed}"
    );
    let last = listed.lines().last().and_then(|line| line.split_whitespace().next());
    bench.ok(&["rollback", last.expect("a number")]);
    assert_eq!(bench.json(&["status"])["dim"], 96);
    assert!(accuracy(&bench) > 80.0);
}

#[test]
fn packs_leave_the_blocks_out_and_exports_have_them() {
    let bench = taught(24);
    let frozen = bench.path().join("frozen.ftune");
    bench.ok(&["store", "export", text(&frozen)]);
    bench.ok(&["finetune"]);
    let pack = bench.path().join("tuned.ftune");
    let run = bench.ok(&["store", "export", text(&pack)]);
    assert!(run.stderr.contains("the pack has the frozen features alone"), "{run:?}");

    let run = bench.run(&["store", "import", text(&frozen)]);
    assert!(run.code == 2 && run.stderr.contains("fine-tuned"), "{run:?}");
    exported_answers_as_the_program(&bench);

    let other = Bench::new();
    other.ok(&["store", "import", text(&pack)]);
    assert!(other.ok(&["status"]).stdout.contains("tiny (48 values)"));
    let picture = bench.path().join("taught/lying/3.png");
    other.ok(&["classify", text(&picture)]);
}

fn exported_answers_as_the_program(bench: &Bench) {
    bench.ok(&["export", "classifier.onnx"]);
    let run = bench.run(&["export", "head.npz"]);
    assert!(run.code == 2 && run.stderr.contains("fine-tuned blocks"), "{run:?}");
    let onnx = fs::read(bench.path().join("classifier.onnx")).expect("just written");
    let card = ModelCard::read_card(&data("tiny.toml")).expect("it is in the repository");
    let tap = Tap { tensor: "probabilities".to_owned(), pool: vec![Pooling::Avg] };
    let spec = BackboneSpec { input: card.spec.input.clone(), taps: vec![tap] };
    let mut network = Backbone::load(&onnx, "exported", &spec).expect("it runs");
    let mut preprocessor = Preprocessor::new(card.spec.input).expect("it is sound");
    let others = drawn(&bench.path().join("others"), 2000, 5);
    for class in ["standing", "lying"] {
        for seed in 2000..2005 {
            let path = others.join(class).join(format!("{seed}.png"));
            let frame = load(&path, Timestamp(0)).expect("just drawn");
            let input = preprocessor.apply(&frame).expect("it has pixels");
            let probabilities = network.extract(input.view()).expect("it runs");
            let verdict = bench.verdict(text(&path));
            let wanted = verdict["confidence"].as_f64().expect("a number") as f32;
            let best = probabilities.iter().copied().fold(0.0, f32::max);
            // A head for such faint stripes magnifies last digits, with fine-tuned blocks and without.
            assert!((best - wanted).abs() < 5e-4, "{best}, wanted {wanted}");
        }
    }
}

#[test]
fn what_does_not_help_or_cannot_be_trained_changes_nothing() {
    let bench = Bench::new();
    for kind in ["red", "green"] {
        let folder = folder_of(bench.path(), kind, 0, 6);
        bench.ok(&["teach", kind, text(&folder), "--distinct"]);
    }
    let before = bench.ok(&["status"]).stdout;
    let run = bench.run(&["finetune", "--epochs", "2"]);
    assert_eq!(run.code, 1, "{run:?}");
    for wanted in ["100.0 % before, 100.0 % with", "nothing was changed"] {
        assert!(run.stdout.contains(wanted), "{run:?}");
    }
    assert_eq!(bench.ok(&["status"]).stdout, before);
    assert!(bench.ok(&["generations"]).stdout.lines().count() <= 1);

    let cases: [(&[&str], &str); 4] = [
        (&["--depth", "99"], "depth 99, wanted 1 to"),
        (&["--depth", "0"], "wanted auto or a number from 1 to 99"),
        (&["--epochs", "0"], "0 is not in 1..=1000"),
        (&["--model", "built-in"], "--model and the card (.toml) of tiny"),
    ];
    for (arguments, wanted) in cases {
        let run = bench.run(&[&["finetune"], arguments].concat());
        assert!(run.code == 2 && run.stderr.contains(wanted), "{arguments:?}: {run:?}");
    }
    assert_eq!(bench.ok(&["status"]).stdout, before);

    let few = taught(2);
    let run = few.run(&["finetune"]);
    assert!(run.code == 2 && run.stderr.contains("two classes with 3 looks each"), "{run:?}");
    let bare = Bench::new();
    let folder = folder_of(bare.path(), "red", 0, 4);
    bare.ok(&["teach", "red", text(&folder), "--distinct", "--image-side", "0"]);
    let run = bare.run(&["finetune"]);
    assert!(run.code == 2 && run.stderr.contains("no example has an image"), "{run:?}");
}

#[test]
fn eval_has_a_cell_beside_the_head() {
    let bench = Bench::new();
    let folder = drawn(&bench.path().join("parts"), 0, 30);
    let file = bench.path().join("cells.json");
    let arguments = ["--shots", "2,20", "--seeds", "2", "--json", text(&file)];
    let begin = ["eval", text(&folder), "--finetune", "auto"];
    let table = bench.ok(&[&begin[..], &arguments].concat()).stdout;
    assert!(table.contains("lda+finetune    20     2") && table.contains("kept in "), "{table}");
    let output = fs::read_to_string(&file).expect("it was written");
    let report: serde_json::Value = serde_json::from_str(&output).expect("JSON");
    let cells = report["cells"].as_array().expect("cells");
    let names: Vec<&str> = cells.iter().filter_map(|cell| cell["head"].as_str()).collect();
    assert_eq!(names, ["lda", "lda+finetune", "lda", "lda+finetune"]);
    // With two images a class nothing can be left out: the same as without.
    assert_eq!(cells[0]["balanced_accuracy"], cells[1]["balanced_accuracy"]);
    assert!(cells[1]["runs"][0]["finetune"].is_null());
    for (without, with) in (0..2).map(|run| (&cells[2]["runs"][run], &cells[3]["runs"][run])) {
        let found = &with["finetune"];
        let gain =
            found["after"].as_f64().expect("a share") - found["before"].as_f64().expect("a share");
        let kept = gain > found["uncertainty"].as_f64().expect("a share");
        assert_eq!(found["kept"], kept, "{found}");
        assert!(kept || without["balanced_accuracy"] == with["balanced_accuracy"], "{with}");
    }
    let always = ["eval", text(&folder), "--finetune", "always", "--shots", "4", "--seeds", "2"];
    assert!(bench.ok(&always).stdout.contains("kept in 2 of 2"));
    let tiny = data("tiny.toml");
    let bench_too = ["eval", text(&folder), "--protocol", "bench", "--finetune", "auto"];
    let run = bench.run(&[&bench_too[..], &["--model", text(&tiny)]].concat());
    assert!(run.stderr.contains("--finetune belongs to --protocol shots"), "{run:?}");
}
