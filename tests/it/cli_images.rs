//! Images as the program is given them: folders in folders, a Mac's notes, files that are none, a folder of class folders.

use crate::common;
use crate::common::desk;

use std::path::{Path, PathBuf};

use fieldtune::image::frame::{Frame, Timestamp};
use fieldtune::image::picture::save_png;
use prost::Message as _;
use serde_json::Value;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, ValueInfoProto,
};

use common::{KINDS, data, folder_of, picture};
use desk::{Bench, text};

fn copy(case: &str, to: &Path) {
    let folder = to.parent().expect("it lies in a folder");
    std::fs::create_dir_all(folder).expect("the folder is the test's");
    std::fs::copy(data("cases").join(case), to).expect("it is in the repository");
}

#[test]
fn a_folder_from_a_mac_is_taught_without_its_notes() {
    let bench = Bench::new();
    let folder = bench.path().join("f");
    copy("usual.jpg", &folder.join("IMG_1.JPG"));
    copy("apple-double.jpg", &folder.join("._IMG_1.JPG"));
    copy("whole.jpg", &folder.join("more/IMG_2.JPG"));
    copy("heic.jpg", &folder.join("IMG_3.HEIC"));
    let run = bench.ok(&["teach", "good", text(&folder)]);
    assert!(run.stdout.starts_with("learned 2 examples of the new class good"), "{run:?}");
    assert!(run.stderr.contains("left out:") && run.stderr.contains("this is a HEIC"), "{run:?}");
    let run = bench.ok(&["classify", text(&folder), "--json"]);
    assert_eq!(run.stdout.lines().count(), 2, "{run:?}");
}

#[test]
fn other_files_are_named_with_a_converter() {
    let bench = Bench::new();
    for (case, what, next) in [
        ("heic.jpg", "this is a HEIC", "heif-convert"),
        ("apple-double.jpg", "AppleDouble", "names begin with ._"),
        ("half.jpg", "the image is damaged: data is missing", "nothing was learned"),
    ] {
        let file = bench.path().join(case);
        copy(case, &file);
        let run = bench.run(&["teach", "x", text(&file)]);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains(what) && run.stderr.contains(next), "{run:?}");
        // Leaving out the only one would leave none.
        assert!(!run.stderr.contains("--skip-broken"), "{run:?}");
    }
    assert!(!bench.store().exists() || bench.classes().is_empty());
}

#[test]
fn a_folder_of_class_folders_is_taught_in_one_step() {
    let bench = Bench::new();
    let parts = bench.path().join("parts");
    for (kind, count) in KINDS.iter().zip(2..) {
        folder_of(&parts, kind, 0, count);
    }
    let run = bench.ok(&["teach", text(&parts)]);
    for (kind, count) in KINDS.iter().zip(2..) {
        assert!(
            run.stdout.contains(&format!("{kind}: {count} images ({count} in total)")),
            "{run:?}"
        );
    }
    let wanted: Vec<(String, u64)> =
        KINDS.iter().zip(2..).map(|(kind, count)| ((*kind).to_owned(), count)).collect();
    let sorted = |mut list: Vec<(String, u64)>| {
        list.sort();
        list
    };
    assert_eq!(sorted(bench.classes()), sorted(wanted));
    // A class too many is a slip that is told.
    let slip = bench.ok(&["teach", "all", text(&parts)]);
    let told = format!("has {} folders of images, and all are learned as all", KINDS.len());
    assert!(slip.stderr.contains(&told), "{slip:?}");
    bench.ok(&["undo"]);
    // Twice is once.
    let run = bench.ok(&["teach", text(&parts)]);
    assert!(run.stdout.contains("learned 0 examples"), "{run:?}");
    assert!(run.stdout.contains("known already"), "{run:?}");
    bench.ok(&["undo"]);

    std::fs::write(parts.join(KINDS[0]).join("zz.png"), b"no picture").expect("it is the test's");
    folder_of(&parts, "late", 0, 1);
    let run = bench.run(&["teach", text(&parts)]);
    assert!(run.code == 2 && run.stderr.contains("nothing was learned"), "{run:?}");
    assert!(!bench.classes().iter().any(|(name, _)| name == "late"));
}

#[test]
fn verdicts_come_in_the_order_of_the_files() {
    let bench = Bench::taught();
    let new = bench.path().join("new");
    for kind in KINDS {
        folder_of(&new, kind, 100, 5);
    }
    let files = |run: common::Run| -> Vec<String> {
        run.stdout
            .lines()
            .map(|line| line.split(": ").next().unwrap_or_default().to_owned())
            .collect()
    };
    let found = files(bench.ok(&["classify", text(&new)]));
    let mut sorted = found.clone();
    sorted.sort();
    assert_eq!((found.len(), &found), (5 * KINDS.len(), &sorted));
    let one_by_one: Vec<String> =
        found.iter().take(3).flat_map(|file| files(bench.ok(&["classify", file]))).collect();
    assert_eq!(one_by_one, found[..3]);
}

fn saved(folder: &Path, name: &str, frame: &Frame) -> PathBuf {
    std::fs::create_dir_all(folder).expect("the folder is the test's");
    let path = folder.join(name);
    save_png(&path, frame).expect("the folder is the test's");
    path
}

/// A picture with other noise, a little lighter.
fn again(frame: &Frame, round: u8) -> Frame {
    let noise = (0..).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 17) as u8 % 3 + round);
    let pixels =
        frame.pixels().iter().zip(noise).map(|(&value, noise)| value.saturating_add(noise));
    let (width, height) = (frame.width(), frame.height());
    Frame::new(width, height, pixels.collect(), Timestamp(0)).expect("it fits")
}

#[test]
fn images_that_are_nearly_the_same_count_as_one_look() {
    let bench = Bench::new();
    let folder = bench.path().join("burst");
    let part = picture("checks", 3);
    for round in 0..3 {
        saved(&folder, &format!("{round}.png"), &again(&part, round));
    }
    let run = bench.ok(&["teach", "good", text(&folder)]);
    assert!(run.stdout.contains("3 examples, 1 independent look:"), "{run:?}");
    // Taught later, it is the same look still.
    let late = saved(bench.path(), "late.png", &again(&part, 4));
    let run = bench.ok(&["teach", "good", text(&late)]);
    assert!(run.stdout.contains("1 independent look, 1 of them taught before"), "{run:?}");
    assert!(bench.ok(&["status"]).stdout.contains("looks      1 independent look\n"));
    // So it is where a folder of class folders is taught.
    let parts = bench.path().join("parts");
    saved(&parts.join("good"), "later.png", &again(&part, 5));
    let answer = bench.json(&["teach", text(&parts)]);
    assert_eq!((&answer["added"], &answer["known"]), (&1.into(), &0.into()), "{answer}");
    assert!(bench.ok(&["status"]).stdout.contains("looks      1 independent look\n"));
    let run = bench.ok(&["teach", "other", text(&folder), "--distinct"]);
    assert!(!run.stdout.contains("independent look"), "{run:?}");
    assert!(bench.ok(&["status"]).stdout.contains("looks      4 independent looks\n"));
}

#[test]
fn classes_with_images_of_another_shape_are_reported() {
    let bench = Bench::new();
    let (upright, wide) = (bench.path().join("upright"), bench.path().join("wide"));
    for seed in 0..4 {
        let frame = picture("checks", seed);
        saved(&wide, &format!("{seed}.png"), &frame);
        let frame = picture("checks", seed + 10);
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let pixel = |x: usize, y: usize| &frame.pixels()[(y * width + x) * 3..][..3];
        let pixels = (0..width).flat_map(|x| (0..height).flat_map(move |y| pixel(x, y))).copied();
        let turned = Frame::new(frame.height(), frame.width(), pixels.collect(), Timestamp(0));
        saved(&upright, &format!("{seed}.png"), &turned.expect("it fits"));
    }
    let run = bench.ok(&["teach", "three", text(&wide), "--distinct"]);
    assert!(!run.stdout.contains("beware"), "{run:?}");
    let run = bench.ok(&["teach", "seven", text(&upright), "--distinct"]);
    let told =
        "warning: the images of seven and three differ in shape (width over height), 0.83 and 1.20";
    assert!(run.stdout.contains(told), "{run:?}");
    let told = bench.json(&["status"])["confounds"].as_array().map(Vec::len);
    assert_eq!(told, Some(1));
}

#[test]
fn what_changes_nothing_leaves_no_step_and_no_checkpoint() {
    let bench = Bench::taught();
    let class = bench.classes()[0].0.clone();
    let before = bench.json(&["status"])["undo_steps"].clone();
    let run = bench.ok(&["relabel", &class, "1", "2"]);
    assert!(run.stdout.contains("nothing moved"), "{run:?}");
    let run = bench.ok(&["rename", &class, &class]);
    assert!(run.stdout.contains("has that name already"), "{run:?}");
    assert_eq!(bench.json(&["status"])["undo_steps"], before);
    assert!(!bench.ok(&["generations"]).stdout.contains("before relabel"));
    // What is not there is still an error, and what can move moves.
    assert_eq!(bench.run(&["relabel", &class, "1", "999"]).code, 2);
    let run = bench.ok(&["relabel", &class, "1", "25"]);
    assert!(run.stdout.contains("moved 1 example to"), "{run:?}");
    assert_ne!(bench.json(&["status"])["undo_steps"], before);
}

/// A folder with eight pictures of each kind.
fn frames_of_all_kinds(parent: &Path) -> String {
    let frames = parent.join("frames");
    for kind in KINDS {
        let folder = folder_of(&parent.join("drawn"), kind, 40, 8);
        std::fs::create_dir_all(&frames).expect("there is room");
        for file in std::fs::read_dir(folder).expect("it was made") {
            let file = file.expect("it was made").path();
            std::fs::copy(&file, frames.join(file.file_name().expect("a name"))).expect("room");
        }
    }
    text(&frames).to_owned()
}

/// What the head of one device says of frames teaches another, which goes on from there.
#[test]
fn another_classifier_teaches_what_it_is_sure_about() {
    let first = Bench::taught();
    first.ok(&["head", "softmax"]);
    let head = first.path().join("head.npz").display().to_string();
    first.ok(&["export", &head]);
    let second = Bench::new();
    let frames = frames_of_all_kinds(second.path());
    let told = second.json(&["teach", "--by", &head, &frames, "--sure", "0.6"]);
    let taught: u64 = second.classes().iter().map(|(_, count)| count).sum();
    assert_eq!(
        told["others"].as_u64().expect("a count") + taught,
        8 * KINDS.len() as u64,
        "{told}"
    );
    // The names of the files are those of what was drawn.
    let examples = second.json(&["examples"]);
    let examples = examples.as_array().expect("a list");
    let right = examples.iter().filter(|one| {
        let class = one["class"].as_str().expect("a name");
        one["origin"].as_str().expect("a name").contains(class)
    });
    assert!(taught > 20 && right.count() as u64 * 10 >= taught * 9, "{examples:?}");
    let agree = told["agree"].as_u64().expect("a count");
    assert!(agree * 10 >= told["others"].as_u64().expect("a count") * 5, "{told}");
    // What was labelled by hand stays so, whatever the classifier says and however the classes are called.
    let third = Bench::new();
    let one = second.new_picture(KINDS[0]);
    third.ok(&["teach", "zero", &one]);
    let folder = Path::new(&one).parent().expect("it is in one");
    let told = third.run(&["teach", "--by", &head, text(folder), "--sure", "0"]);
    assert!(told.code == 2 && told.stderr.contains("every image was taught before"), "{told:?}");
    assert!(told.stderr.contains("1 image was taught before, with a label that stays"), "{told:?}");
    assert_eq!(third.classes().len(), 1);
    // It is taught on as anything is, and the whole of it is one step.
    second.ok(&["teach", "another", &second.new_picture(KINDS[0])]);
    second.ok(&["undo"]);
    second.ok(&["undo"]);
    assert!(second.classes().is_empty());

    for (wrong, wanted) in [
        (&["teach", "--by", &head, &frames, "--sure", "1.5"][..], "from 0 to 1"),
        (&["teach", "--by", &head, &frames, "--sure", "1"], "is sure about none of"),
        (&["teach", "--by", &frames, &frames], "frames"),
        (&["teach", "--by", &head, "--sure"], "value"),
        (&["teach", "--by", &head, &frames, "--model", "built-in"], "it takes features of"),
    ] {
        let refused = second.run(wrong);
        assert!(refused.code != 0 && refused.stderr.contains(wanted), "{wrong:?}: {refused:?}");
        assert!(second.classes().is_empty());
    }
}

/// An exported head as PyTorch would write it: `x - centre`, its length, layers as Gemm, the temperature, Softmax.
///
/// * `head`: `head.json` of `export`; `names`: whether its metadata has those of the classes.
fn as_onnx(head: &Value, names: bool) -> Vec<u8> {
    let mut graph = GraphProto { name: "head".to_owned(), ..GraphProto::default() };
    let mut stored: Vec<TensorProto> = Vec::new();
    let mut store = |name: &str, values: &Value| {
        let rows = |values: &Value| values.as_array().map_or(0, Vec::len) as i64;
        let mut dims = vec![rows(values)];
        dims.extend(values[0].as_array().map(|row| row.len() as i64));
        let flat = values.as_array().into_iter().flatten();
        let numbers = flat.flat_map(|value| match value.as_array() {
            Some(row) => row.clone(),
            None => vec![value.clone()],
        });
        let float_data = numbers.map(|value| value.as_f64().expect("a number") as f32).collect();
        let name = name.to_owned();
        stored.push(TensorProto { name, dims, data_type: 1, float_data, ..TensorProto::default() });
    };
    let node = |op: &str, read: &[&str], gives: &str| NodeProto {
        op_type: op.to_owned(),
        input: read.iter().map(|&name| name.to_owned()).collect(),
        output: vec![gives.to_owned()],
        ..NodeProto::default()
    };
    store("centre", &head["centre"]);
    graph.node.push(node("Sub", &["input", "centre"], "centred"));
    let mut at = "centred".to_owned();
    if head["unit_length"] == true {
        graph.node.push(node("LpNormalization", &[&at], "unit"));
        "unit".clone_into(&mut at);
    }
    for (turn, layer) in head["layers"].as_array().expect("a list").iter().enumerate() {
        if turn > 0 {
            graph.node.push(node("Relu", &[&at], &format!("relu{turn}")));
            at = format!("relu{turn}");
        }
        let [weights, bias, sum] = ["weight", "bias", "sum"].map(|name| format!("{turn}.{name}"));
        store(&weights, &layer["weights"]);
        store(&bias, &layer["bias"]);
        let mut gemm = node("Gemm", &[&at, &weights, &bias], &sum);
        gemm.attribute.push(AttributeProto {
            name: "transB".to_owned(),
            i: 1,
            ..AttributeProto::default()
        });
        graph.node.push(gemm);
        at = sum;
    }
    store("temperature", &serde_json::json!([head["temperature"]]));
    graph.node.push(node("Div", &[&at, "temperature"], "logits"));
    graph.node.push(node("Softmax", &["logits"], "output"));
    graph.initializer = stored;
    let info = |name: &str| ValueInfoProto { name: name.to_owned(), ..ValueInfoProto::default() };
    (graph.input, graph.output) = (vec![info("input")], vec![info("output")]);
    let opset = OperatorSetIdProto { version: 17, ..OperatorSetIdProto::default() };
    let classes =
        StringStringEntryProto { key: "classes".to_owned(), value: head["classes"].to_string() };
    let model = ModelProto {
        ir_version: 8,
        opset_import: vec![opset],
        graph: Some(graph),
        metadata_props: names.then_some(classes).into_iter().collect(),
        ..ModelProto::default()
    };
    model.encode_to_vec()
}

#[test]
fn a_head_in_onnx_teaches_what_its_arrays_teach() {
    for kind in ["softmax", "mlp"] {
        let first = Bench::taught();
        first.ok(&["head", kind]);
        let [arrays, json, onnx, unnamed, names, whole] =
            ["head.npz", "head.json", "head.onnx", "unnamed.onnx", "names.txt", "whole.onnx"]
                .map(|name| first.path().join(name));
        first.ok(&["export", text(&arrays)]);
        first.ok(&["export", text(&json)]);
        first.ok(&["export", text(&whole)]);
        let head = std::fs::read_to_string(&json).expect("it was exported");
        let head: Value = serde_json::from_str(&head).expect("it was exported");
        std::fs::write(&onnx, as_onnx(&head, true)).expect("there is room");
        std::fs::write(&unnamed, as_onnx(&head, false)).expect("there is room");
        let classes: Vec<&str> = head["classes"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|class| class.as_str().expect("a name"))
            .collect();
        std::fs::write(&names, format!("{}\n\n", classes.join("\r\n"))).expect("there is room");

        let taught = |arguments: &[&str]| {
            let bench = Bench::new();
            let frames = frames_of_all_kinds(bench.path());
            let words = [&["teach", &frames, "--sure", "0.6", "--by"], arguments].concat();
            let told = bench.json(&words);
            let examples = bench.json(&["examples"]);
            let examples = examples.as_array().expect("a list").iter().map(|one| {
                let origin = Path::new(one["origin"].as_str().expect("a name")).file_name();
                (one["class"].clone(), origin.expect("a name").to_owned())
            });
            (told["others"].clone(), told["agree"].clone(), examples.collect::<Vec<_>>())
        };
        let wanted = taught(&[text(&arrays)]);
        assert!(wanted.2.len() > 20, "{wanted:?}");
        assert_eq!(taught(&[text(&onnx)]), wanted);
        assert_eq!(taught(&[text(&unnamed), "--classes", text(&names)]), wanted);

        let bench = Bench::new();
        let frames = frames_of_all_kinds(bench.path());
        let (other, empty) = (first.path().join("other.txt"), first.path().join("empty.txt"));
        std::fs::write(&other, "one\ntwo\n").expect("there is room");
        std::fs::write(&empty, " \n").expect("there is room");
        for (wrong, wanted) in [
            (
                &[text(&unnamed)][..],
                "unnamed.onnx: it has 5 scores and no names of classes\n  next: --classes FILE",
            ),
            (&[text(&onnx), "--classes", text(&other)], "5 scores and 2 classes"),
            (&[text(&arrays), "--classes", text(&other)], "5 scores and 2 classes"),
            (
                &[text(&onnx), "--classes", text(&empty)],
                "empty.txt: wanted the names of the classes",
            ),
            (&[text(&whole)], "next: fieldtune export head.npz, of the same store"),
            (
                &[text(&json)],
                "head.json: wanted a classifier of features (.npz, .onnx), this is a text",
            ),
        ] {
            let refused = bench.run(&[&["teach", &frames, "--by"], wrong].concat());
            assert!(refused.code == 2 && refused.stderr.contains(wanted), "{wrong:?}: {refused:?}");
        }
        let refused = bench.run(&["teach", &frames, "--classes", text(&names)]);
        assert!(refused.code == 2 && refused.stderr.contains("--by"), "{refused:?}");
        assert!(!bench.store().exists());
    }
}
