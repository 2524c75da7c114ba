//! `fieldtune eval`, the binary, on a small folder of drawn images with the tiny network.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny.toml")
}

/// Three classes of eight images, `stripes` in two folders; flat colours with a little of a pattern that differs.
fn draw(dir: &Path) {
    let colours = [("blue", [20, 30, 200]), ("red", [210, 30, 20]), ("stripes", [128, 128, 128])];
    for (class, base) in colours {
        for i in 0..8u32 {
            let image = image::RgbImage::from_fn(40 + i, 32, |x, y| {
                let swing = if class == "stripes" { 100 } else { 6 };
                let up = (x / 3 + (i % 3) * y / 7).is_multiple_of(2);
                image::Rgb(base.map(|v: i32| {
                    let shade = v + if up { swing } else { -swing } + 3 * i as i32;
                    shade.clamp(0, 255) as u8
                }))
            });
            let sub = if class == "stripes" && i > 5 { "stripes/more" } else { class };
            std::fs::create_dir_all(dir.join(sub)).expect("a writable folder");
            image.save(dir.join(format!("{sub}/{i}.png"))).expect("a writable folder");
        }
    }
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a writable temporary folder"));
        draw(&place.at("parts"));
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).expect("it was written")
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).expect("JSON")
    }

    fn eval(&self, arguments: &[&str]) -> Output {
        self.run("eval", arguments)
    }

    /// Runs in the folder, so that names can stay short.
    fn run(&self, command: &str, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_fieldtune"))
            .arg(command)
            .args(arguments)
            .args(["--model".as_ref(), tiny().as_os_str()])
            .current_dir(self.0.path())
            .env_remove("FIELDTUNE_MODEL")
            .env("FIELDTUNE_STORE", self.at("learned.ftune"))
            .output()
            .expect("the binary runs")
    }

    fn eval_well(&self, arguments: &[&str]) -> String {
        let output = self.eval(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

/// Balanced accuracy of a cell's predictions, counted from the CSV: the mean over seeds of the mean recall.
fn counted(csv: &str, shots: &str) -> f64 {
    let mut seeds: BTreeMap<&str, BTreeMap<&str, (f64, f64)>> = BTreeMap::new();
    for line in csv.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [of, seed, file, truth, predicted, confidence, novelty, unknown] = fields[..] else {
            panic!("eight columns: {line}")
        };
        let far = novelty.parse::<f64>().expect("a number") > 1.0;
        assert_eq!(unknown, if far { "yes" } else { "no" }, "by the usual thresholds: {line}");
        assert_eq!(file.split('/').next(), Some(truth));
        assert!((0.0..=1.0).contains(&confidence.parse::<f64>().expect("a number")), "{line}");
        if of == shots {
            let (right, all) = seeds.entry(seed).or_default().entry(truth).or_default();
            *right += f64::from(u8::from(truth == predicted));
            *all += 1.0;
        }
    }
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let recalls =
        seeds.values().map(|classes| mean(classes.values().map(|(r, a)| r / a).collect()));
    mean(recalls.collect())
}

#[test]
fn a_folder_is_evaluated_and_every_output_tells_the_same() {
    let place = Place::new();
    std::fs::write(place.at("parts/red/broken.png"), b"no picture").unwrap();
    let output = place.eval(&[
        "parts",
        "--shots",
        "1,3",
        "--seeds",
        "3",
        "--json",
        "all.json",
        "--predictions",
        "all.csv",
        "--features",
        "all.npz",
        "--plot",
        "all.png",
        "--write-splits",
        "splits.json",
    ]);
    let (table, talk) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{talk}");
    assert!(talk.contains("left out: red/broken.png: "), "{talk}");
    assert!(table.contains("24 images of 3 classes"), "{table}");

    let report = place.json("all.json");
    assert_eq!(report["model"], "tiny");
    assert_eq!((report["dim"].as_u64(), report["images"].as_u64()), (Some(48), Some(24)));
    assert_eq!(report["left_out"][0]["file"], "red/broken.png");
    let cells = report["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 2);
    let csv = place.text("all.csv");
    assert_eq!(
        csv.lines().next(),
        Some("shots,seed,file,truth,predicted,confidence,novelty,unknown")
    );
    // 3 seeds; 7 and 5 images of each of 3 classes are classified.
    assert_eq!(csv.lines().count(), 1 + 3 * 3 * (7 + 5));
    for (cell, shots) in cells.iter().zip(["1", "3"]) {
        assert_eq!(cell["head"], "lda");
        assert_eq!(
            (&cell["shots"], &cell["seeds"]),
            (&shots.parse::<u64>().unwrap().into(), &3.into())
        );
        let balanced = cell["balanced_accuracy"]["mean"].as_f64().unwrap();
        assert!((balanced - counted(&csv, shots)).abs() < 1e-9, "{cell}");
        assert!(balanced > 0.7, "the drawn classes lie apart: {cell}");
        let classified: u64 = cell["confusion"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|row| row.as_array().unwrap())
            .map(|count| count.as_u64().unwrap())
            .sum();
        assert_eq!(classified, 3 * 3 * (8 - shots.parse::<u64>().unwrap()));
        for key in ["accuracy", "calibration_error", "balanced_calibration_error", "unknown"] {
            let value = cell[key]["mean"].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&value), "{key}: {value}");
        }
        assert_eq!(cell["recall"].as_object().unwrap().len(), 3);
    }
    let image = image::open(place.at("all.png")).unwrap();
    assert!(image.width() > 200 && image.height() > 200);

    let splits = place.json("splits.json");
    for split in splits.as_array().unwrap() {
        let names =
            |side: &str| -> Vec<String> { serde_json::from_value(split[side].clone()).unwrap() };
        let (train, test) = (names("train"), names("test"));
        let both: BTreeSet<&String> = train.iter().chain(&test).collect();
        assert_eq!((both.len(), train.len()), (24, 3 * split["shots"].as_u64().unwrap() as usize));
    }
}

#[test]
fn seeds_splits_and_cached_features_give_the_same_result() {
    let place = Place::new();
    let asked = ["--shots", "2", "--seeds", "2", "--json", "-", "--head", "lda,prototype"];
    let first = place.eval_well(
        &[&["parts", "--write-splits", "s.json", "--features", "f.npz"][..], &asked].concat(),
    );
    let cells = |text: &str| serde_json::from_str::<Value>(text).unwrap()["cells"].clone();
    assert_eq!(cells(&first).as_array().unwrap().len(), 2);
    assert_eq!(place.eval_well(&[&["parts"][..], &asked].concat()), first);
    let kept = place.eval_well(&[&["--from-features", "f.npz"][..], &asked].concat());
    assert_eq!(cells(&kept), cells(&first));
    let named = ["parts", "--splits", "s.json", "--json", "-", "--head", "lda,prototype"];
    assert_eq!(cells(&place.eval_well(&named)), cells(&first));
}

#[test]
fn several_heads_share_a_table_small_classes_are_left_out() {
    let place = Place::new();
    for i in 3..8 {
        std::fs::remove_file(place.at(&format!("parts/blue/{i}.png"))).unwrap();
    }
    let output = place.eval(&[
        "parts",
        "--head",
        "lda",
        "--head",
        "prototype",
        "--shots",
        "2,3,7,8",
        "--seeds",
        "2",
        "--predictions",
        "p.csv",
        "--json",
        "r.json",
        "--plot",
        "m.svg",
    ]);
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{talk}");
    assert!(talk.contains("class blue with 3 shots: it has 3 images, wanted 4"), "{talk}");
    assert!(talk.contains("8 shots: fewer than two classes have 9 images"), "{talk}");
    let csv = place.text("p.csv");
    assert!(csv.starts_with("shots,seed,file,truth,predicted,confidence,novelty,unknown,head\n"));
    let of = |shots: &str, class: &str| {
        csv.lines()
            .filter(|line| {
                line.starts_with(&format!("{shots},")) && line.contains(&format!(",{class},"))
            })
            .count()
    };
    assert!(of("2", "blue") > 0 && of("3", "red") > 0);
    assert_eq!(of("3", "blue"), 0);
    let cells = place.json("r.json")["cells"].clone();
    let left_out: Vec<_> = cells
        .as_array()
        .unwrap()
        .iter()
        .map(|cell| (cell["shots"].as_u64().unwrap(), cell["left_out_classes"].clone()))
        .collect();
    assert_eq!(left_out.len(), 6);
    for (shots, names) in left_out {
        let wanted = if shots == 2 { serde_json::json!([]) } else { serde_json::json!(["blue"]) };
        assert_eq!(names, wanted, "{shots} shots");
    }
    assert!(place.text("m.svg").contains(">stripes<"));
}

#[test]
fn wrong_questions_are_refused_with_the_next_step() {
    let place = Place::new();
    std::fs::write(place.at("none.json"), "[]").unwrap();
    std::fs::write(
        place.at("both.json"),
        r#"[{"shots":1,"seed":0,"train":["red/0.png","blue/0.png"],"test":["red/0.png"]}]"#,
    )
    .unwrap();
    std::fs::write(
        place.at("gone.json"),
        r#"[{"shots":1,"seed":0,"train":["red/0.png","blue/9.png"],"test":["red/1.png"]}]"#,
    )
    .unwrap();
    let cases: [(&[&str], &str); 10] = [
        (&["nowhere"], "nowhere"),
        (&["parts/red"], "wanted at least two folders"),
        (&["parts", "--shots", "0"], "nothing would be taught\n  next: --words"),
        (&["parts", "--shots", "100"], ", or more images"),
        (&["parts", "--head", "svm"], "possible values: lda, ridge"),
        (&["parts", "--shrinkage", "2"], "wanted auto, looks or a number"),
        (&["parts", "--plot", "m.jpg"], "ends in .png or .svg"),
        (&["parts", "--json", "no/such/r.json"], "no such folder"),
        (&["parts", "--splits", "both.json"], "red/0.png is named twice"),
        (&["parts", "--splits", "gone.json"], "blue/9.png"),
    ];
    for (arguments, wanted) in cases {
        let output = place.eval(arguments);
        let talk = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {talk}");
        assert!(talk.contains(wanted), "{arguments:?}: {talk}");
    }
    let empty = place.eval(&["parts", "--splits", "none.json"]);
    assert!(String::from_utf8_lossy(&empty.stderr).contains("there is no split"));
}

/// More of the drawn images: as many as the bench protocol needs for its smallest settings.
fn draw_more(dir: &Path) {
    for class in ["blue", "red", "stripes"] {
        for i in 0..8 {
            let from = dir.join(format!("{class}/{i}.png"));
            let from = if from.exists() { from } else { dir.join(format!("{class}/more/{i}.png")) };
            let mut image = image::open(from).expect("it was drawn").to_rgb8();
            image.pixels_mut().for_each(|pixel| pixel.0 = pixel.0.map(|v| v.saturating_add(9)));
            let again = dir.join(format!("{class}/again{i}.png"));
            image.save(again).expect("a writable folder");
        }
    }
}

#[test]
fn the_benchmark_measures_every_part_the_same_each_time() {
    let place = Place::new();
    draw_more(&place.at("parts"));
    std::fs::write(place.at("parts/red/broken.png"), b"no picture").unwrap();
    let asked = ["parts", "--protocol", "bench", "--seeds", "1", "--shots", "2", "--json"];
    let output = place.eval(&[&asked[..], &["b.json"]].concat());
    let (table, talk) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{talk}");
    assert!(talk.contains("left out: red/broken.png: "), "{talk}");
    // Twenty images a class are not there.
    assert!(talk.contains("left out: labels: "), "{talk}");
    let report = place.json("b.json");
    assert_eq!((&report["model"], &report["classes"][1]["images"]), (&"tiny".into(), &16.into()));
    let rows = |part: &str| report["parts"][part]["rows"].as_array().expect(part).clone();
    let mean = |row: &Value, name: &str| row[name]["mean"].as_f64();
    let shots = &rows("shots")[0];
    assert_eq!((&shots["shots"], &shots["head"]), (&"2".into(), &"default".into()));
    for (part, named, count) in
        [("bursts", "true", 2), ("advice", "area", 3), ("shift", "true", 13), ("good", "auroc", 0)]
    {
        let rows = rows(part);
        assert_eq!(rows.len(), count, "{part}: {table}");
        for row in rows.iter().filter(|row| row["shown"] != "gain") {
            let value = mean(row, named).expect(part);
            assert!(value > 0.4 && value <= 1.0, "{part}: the drawn classes lie apart: {row}");
        }
    }
    let uneven = rows("imbalance");
    // All classes and each of three, at 2:2 and 5:5.
    assert_eq!(uneven.len(), 2 * 4, "{table}");
    for row in uneven.iter().chain(&rows("unknown")) {
        assert!(row["class"].is_string() && row["samples"].as_u64() > Some(0), "{row}");
    }
    let again = place.eval(&[&asked[..], &["-", "--parts", "imbalance,unknown"]].concat());
    let again: Value = serde_json::from_slice(&again.stdout).expect("JSON");
    assert_eq!(again["parts"]["imbalance"], report["parts"]["imbalance"]);
    assert_eq!(again["parts"].as_object().map(|parts| parts.len()), Some(2));
    let wrong = place.eval(&["parts", "--protocol", "bench", "--plot", "m.png"]);
    let talk = String::from_utf8_lossy(&wrong.stderr);
    assert!(wrong.status.code() == Some(2) && talk.contains("--plot belongs to"), "{talk}");
}

#[test]
fn a_store_is_tested_on_a_labelled_folder() {
    let place = Place::new();
    let untaught = place.run("test", &["parts"]);
    let talk = String::from_utf8_lossy(&untaught.stderr);
    assert!(
        untaught.status.code() == Some(2) && talk.contains("nothing has been taught"),
        "{talk}"
    );
    for class in ["red", "blue"] {
        let files: Vec<String> = (0..4).map(|i| format!("parts/{class}/{i}.png")).collect();
        let arguments: Vec<&str> =
            std::iter::once(class).chain(files.iter().map(String::as_str)).collect();
        assert!(place.run("teach", &arguments).status.success());
        files.iter().for_each(|file| std::fs::remove_file(place.at(file)).unwrap());
    }
    let report = |arguments: &[&str]| {
        let output = place.run("test", arguments);
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), talk)
    };
    let (code, table, talk) = report(&["parts", "--json", "t.json", "--at-least", "1"]);
    assert!(code.is_some_and(|code| code < 2), "{talk}");
    let found = place.json("t.json");
    // The very verdicts that classify gives, counted.
    let mut rights = BTreeMap::<&str, (f64, f64)>::new();
    for image in found["images"].as_array().unwrap() {
        let truth = image["truth"].as_str().unwrap();
        let file = format!("parts/{}", image["file"].as_str().unwrap());
        let line = place.run("classify", &[&file, "--json"]).stdout;
        let line: Value = serde_json::from_slice(&line).expect("JSON");
        assert_eq!((&image["class"], &image["novelty"]), (&line["class"], &line["novelty"]));
        let right =
            if truth == "stripes" { line["class"].is_null() } else { line["class"] == truth };
        assert_eq!(image["right"], right, "{image}");
        let (rights, all) = rights.entry(truth).or_default();
        *rights += f64::from(u8::from(right));
        *all += 1.0;
    }
    let recall = |class: &str| rights[class].0 / rights[class].1;
    let balanced = (recall("red") + recall("blue")) / 2.0;
    assert!((found["balanced_accuracy"].as_f64().unwrap() - balanced).abs() < 1e-9, "{found}");
    assert_eq!(found["caught"].as_f64(), Some(recall("stripes")));
    assert!(table.contains("(never taught)") && table.contains("balanced accuracy"), "{table}");
    assert_eq!(code, Some(i32::from(balanced < 1.0)));
    // Red parts in the folder of blue ones are mistakes, and shown.
    for i in 4..8 {
        let from = place.at(&format!("parts/red/{i}.png"));
        std::fs::copy(from, place.at(&format!("parts/blue/{i}.png"))).unwrap();
    }
    let (code, table, talk) = report(&["parts", "--sheet", "wrong.png", "--at-least", "0.95"]);
    assert!(code == Some(1) && talk.contains("wanted at least 95.0 %"), "{talk}");
    assert!(table.contains("wrong:\n  blue/4.png: "), "{table}");
    assert!(image::open(place.at("wrong.png")).unwrap().height() > 128);
    // What was taught is left out, under whatever name it lies there.
    assert!(place.run("teach", &["red", "parts/red/4.png"]).status.success());
    let (_, table, talk) = report(&["parts", "--json", "t.json"]);
    assert!(table.contains("\n2 images were taught and not classified"), "{table}{talk}");
    let classified = place.json("t.json");
    let names: Vec<&str> = classified["images"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["file"].as_str())
        .collect();
    assert_eq!(classified["known"], 2);
    assert!(!names.contains(&"red/4.png") && !names.contains(&"blue/4.png"), "{names:?}");
    std::fs::create_dir_all(place.at("known/red")).unwrap();
    std::fs::copy(place.at("parts/red/4.png"), place.at("known/red/4.png")).unwrap();
    let (code, _, talk) = report(&["known"]);
    assert!(code == Some(2) && talk.contains("1 image was taught"), "{talk}");
}
