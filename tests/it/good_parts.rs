//! Good parts alone: what differs from them is found and shown, and what was forgotten leaves no trace.
#![allow(clippy::unwrap_used, reason = "what a test prepares may fail the test")]

mod elsewhere;

use std::sync::Arc;

use fieldtune::backbone::card::{ModelCard, built_in};
use fieldtune::backbone::{Extractor, FeatureSource};
use fieldtune::camera::{Camera, Synthetic, SyntheticScene};
use fieldtune::image::frame::{Frame, Timestamp};
use fieldtune::image::picture;
use fieldtune::learn::command::{
    Command, ForgetExamples, NewExample, Reply, TeachExamples, UndoLatest,
};
use fieldtune::learn::decision::Verdict;
use fieldtune::learn::examples::{Examples, narrowed};
use fieldtune::learn::explain::HeatMap;
use fieldtune::learn::head::{ExampleId, HeadConfig};
use fieldtune::learn::learner::Learner;
use fieldtune::learn::patches::{FrameFeatures, PatchLevel, Patches};
use fieldtune::store::persistent::{self, PersistentLearner};
use fieldtune::store::snapshot::{ModelId, Snapshot};
use fieldtune::store::{FileStore, Store};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::common::desk::{Bench, text};
use crate::common::{fieldtune, folder_of, slow_cases};

const DIM: usize = 8;

fn model() -> ModelId {
    ModelId { name: "drawn".to_owned(), fingerprint: [3; 32], dim: DIM as u32 }
}

/// A part whose places are alike but for chance; with `off` one of them is not, of which its feature knows nothing.
fn part(seed: u64, off: f32) -> (Vec<f32>, Arc<Patches>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut level = |side: usize, channels: usize| {
        let mut values: Vec<f32> =
            (0..side * side * channels).map(|_| random.random_range(-1.0..1.0)).collect();
        values[5 * channels..6 * channels].iter_mut().for_each(|value| *value += off);
        PatchLevel { size: [side; 2], channels, values: narrowed(&values) }
    };
    let patches = Patches::of_levels(vec![level(8, 6), level(4, 4)]).unwrap();
    let feature = (0..DIM).map(|_| random.random_range(0.9..1.1)).collect();
    (feature, Arc::new(patches))
}

fn example(seed: u64) -> NewExample {
    let (feature, patches) = part(seed, 0.0);
    NewExample { patches: Some(patches), ..NewExample::new(feature, "drawn") }
}

fn teach(class: &str, seeds: impl Iterator<Item = u64>) -> Command {
    // Each is a look of its own.
    let examples = seeds.zip(0..).map(|(seed, burst)| NewExample { burst, ..example(seed) });
    Command::Teach(TeachExamples { class: class.to_owned(), examples: examples.collect() })
}

fn learner() -> Learner {
    Learner::new(DIM, HeadConfig::default(), Examples::DEFAULT_BUDGET).unwrap()
}

fn apply(learner: &mut Learner, command: Command) -> Reply {
    command.apply(learner, Timestamp(1)).unwrap().0
}

fn verdict(learner: &Learner, seed: u64, off: f32) -> Verdict {
    let (feature, patches) = part(seed, off);
    learner.classify_with(&feature, Some(&patches)).unwrap().unwrap()
}

#[test]
fn one_place_that_is_off_makes_a_frame_unknown() {
    let mut learner = learner();
    apply(&mut learner, teach("good", 0..30));
    let unknown =
        |off| (100..200).filter(|&seed| verdict(&learner, seed, off).class.is_none()).count();
    let (false_alarms, caught) = (unknown(0.0), unknown(4.0));
    assert!(false_alarms <= 10 && caught >= 95, "{false_alarms} and {caught} of 100");
    let (feature, _) = part(100, 4.0);
    assert!(learner.classify(&feature).unwrap().unwrap().class.is_some(), "nothing of the whole");
}

#[test]
fn taught_and_forgotten_is_never_taught() {
    for (before, after) in [(1, 1), (4, 1), (40, 1), (40, 15)] {
        let mut wanted = learner();
        apply(&mut wanted, teach("good", 0..before));
        let mut got = learner();
        apply(&mut got, teach("good", 0..before));
        let Reply::Taught { examples, .. } = apply(&mut got, teach("good", 500..500 + after))
        else {
            panic!("it was taught")
        };
        assert_ne!(got.patch_memory(), wanted.patch_memory());
        apply(&mut got, Command::Forget(ForgetExamples::Examples(examples)));
        assert_eq!(got.patch_memory(), wanted.patch_memory(), "{before} and {after}");
        // And the other way round: forgotten and brought back.
        let first = Command::Forget(ForgetExamples::Examples(vec![ExampleId(1)]));
        if before > 1 {
            apply(&mut got, first);
            assert_ne!(got.patch_memory(), wanted.patch_memory());
            apply(&mut got, Command::Undo(UndoLatest));
            assert_eq!(got.patch_memory(), wanted.patch_memory());
        }
        for off in [0.0, 2.0] {
            let (got, wanted) = (verdict(&got, 900, off), verdict(&wanted, 900, off));
            assert!((got.novelty - wanted.novelty).abs() < 1e-3 * wanted.novelty.max(1.0));
        }
    }
}

#[test]
fn a_second_class_ends_it_and_undo_brings_it_back() {
    let mut learner = learner();
    apply(&mut learner, teach("good", 0..10));
    let alone = learner.patch_memory().cloned();
    assert!(alone.is_some());
    apply(&mut learner, teach("bad", 50..53));
    assert_eq!(learner.patch_memory(), None);
    let with = |learner: &Learner| {
        let with = learner.examples().iter().filter(|one| one.patches.is_some());
        with.map(|one| one.id.0).collect::<Vec<_>>()
    };
    assert_eq!(with(&learner), Vec::from_iter(1..=10), "what is no good part has none");
    apply(&mut learner, Command::Undo(UndoLatest));
    assert_eq!(learner.patch_memory(), alone.as_ref());
    // Also where little changed beside what is there.
    apply(&mut learner, teach("good", 100..180));
    let alone = learner.patch_memory().cloned();
    apply(&mut learner, teach("bad", 50..51));
    assert_eq!(learner.patch_memory(), None);
    apply(&mut learner, Command::Forget(ForgetExamples::Class("bad".to_owned())));
    assert_eq!(learner.patch_memory(), alone.as_ref());
}

#[test]
fn what_is_stored_reads_back_and_a_pack_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("good.ftune");
    let mut kept = PersistentLearner::open(FileStore::open(&path).unwrap(), &model()).unwrap();
    kept.apply(teach("good", 0..12), Timestamp(1)).unwrap();
    kept.apply(Command::Forget(ForgetExamples::Examples(vec![ExampleId(3)])), Timestamp(2))
        .unwrap();
    let memory = kept.learner().patch_memory().cloned().unwrap();
    let wanted = verdict(kept.learner(), 77, 1.0);
    let pack = Snapshot::decode(&kept.learned().encode()).unwrap();
    drop(kept);

    let mut store = FileStore::open(&path).unwrap();
    store.check().unwrap();
    assert!(store.load().unwrap().is_some());
    let mut kept = PersistentLearner::open(store, &model()).unwrap();
    assert_eq!(kept.learner().patch_memory(), Some(&memory));
    assert_eq!(verdict(kept.learner(), 77, 1.0), wanted);
    kept.apply(Command::Undo(UndoLatest), Timestamp(3)).unwrap();
    assert!(kept.learner().examples().iter().all(|one| one.patches.is_some()), "also the third");

    // As from a store of an older version: the whole alone is compared.
    let other = folder.path().join("other.ftune");
    let empty = persistent::empty(&model()).unwrap();
    let mut other =
        PersistentLearner::new(empty, FileStore::open(&other).unwrap(), model()).unwrap();
    other.replace(pack, "a test", None, Timestamp(1)).unwrap();
    assert_eq!(other.learner().patch_memory(), None);
    assert!(verdict(other.learner(), 77, 9.0).class.is_some());
    // Most of its examples have some now.
    other.apply(teach("good", 20..40), Timestamp(2)).unwrap();
    assert!(other.learner().patch_memory().is_some());
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut learner = learner();
    let mut bytes = Vec::new();
    for turn in 0..3 {
        apply(&mut learner, teach("good", turn * 100..(turn + 1) * 100));
        bytes.push(learner.patch_memory().unwrap().bytes());
    }
    assert!(bytes[2] <= bytes[0] && bytes[2] < 200 << 10, "{bytes:?}");
}

/// Patches of the built-in backbone's size, and an image of a usual one.
#[test]
fn a_good_part_taught_writes_at_most_64_kib() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("good.ftune");
    let model = ModelId { dim: 456, ..model() };
    let mut kept = PersistentLearner::open(FileStore::open(&path).unwrap(), &model).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut all = Vec::new();
    for number in 0..100 {
        let mut some =
            |count: usize| (0..count).map(|_| random.random_range(0.0..1.0)).collect::<Vec<f32>>();
        let level = |side: usize, channels: usize, values: Vec<f32>| PatchLevel {
            size: [side; 2],
            channels,
            values: narrowed(&values),
        };
        let levels = vec![level(16, 40, some(16 * 16 * 40)), level(8, 96, some(8 * 8 * 96))];
        let example = NewExample {
            patches: Patches::of_levels(levels).map(Arc::new),
            views: (0..4).map(|_| some(456)).collect(),
            image: Some(some(6000).iter().map(|value| (value * 255.0) as u8).collect()),
            ..NewExample::new(some(456), "drawn")
        };
        let before = kept.store().written().so_far().0;
        let teach = TeachExamples { class: "good".to_owned(), examples: vec![example] };
        kept.apply(Command::Teach(teach), Timestamp(number)).unwrap();
        let bytes = kept.store().written().so_far().0 - before;
        all.push(bytes);
    }
    // The first makes the file.
    let mean = all[1..].iter().sum::<u64>() / (all.len() as u64 - 1);
    let most = all[1..].iter().max().copied().unwrap();
    println!("{mean} bytes in the mean, {most} at most");
    // Now and then a page of the database becomes two.
    assert!(mean <= 62 << 10 && most <= 72 << 10, "{mean} bytes in the mean, {most} at most");
}

/// The built-in backbone at 128 pixels.
fn backbone() -> Extractor {
    let card = ModelCard::named("fieldtune-128").unwrap();
    let onnx = card.network(None).unwrap();
    Extractor::load(&onnx, &card.name, &card.spec).unwrap()
}

/// Frame number `number` of the drawn strip.
fn frame(number: u64, scene: SyntheticScene) -> Frame {
    let mut camera = Synthetic::new(4000 + number);
    camera.show(scene);
    camera.capture(Timestamp(number)).unwrap()
}

fn taught(source: &mut Extractor, good: u64) -> Learner {
    let mut learner =
        Learner::new(source.dim(), HeadConfig::default(), Examples::DEFAULT_BUDGET).unwrap();
    let examples = (0..good).map(|number| {
        let FrameFeatures { feature, patches } =
            FrameFeatures::by(source, &frame(number, SyntheticScene::Good), true).unwrap();
        NewExample { patches, burst: number as u32, ..NewExample::new(feature, "drawn") }
    });
    let examples = examples.collect();
    let teach = TeachExamples { class: "good".to_owned(), examples };
    apply(&mut learner, Command::Teach(teach));
    learner
}

/// A frame with a defect, and where that lies.
fn defect(number: u64, scene: SyntheticScene) -> (Frame, Vec<bool>) {
    let mut camera = Synthetic::new(4000 + number);
    camera.show(scene);
    let inside = camera.next_defect();
    let (width, height) = (Synthetic::WIDTH as usize, Synthetic::HEIGHT as usize);
    // A few pixels more on every side: half the distance between two places of the finer map.
    const MORE: usize = 8;
    let near = |at: usize, all: usize| at.saturating_sub(MORE)..(at + MORE + 1).min(all);
    let mut mask = vec![false; inside.len()];
    for at in (0..inside.len()).filter(|at| inside[*at]) {
        for row in near(at / width, height) {
            let columns = near(at % width, width);
            mask[row * width + columns.start..row * width + columns.end].fill(true);
        }
    }
    (camera.capture(Timestamp(number)).unwrap(), mask)
}

#[test]
fn the_place_most_unlike_lies_in_the_drawn_defect() {
    use SyntheticScene::{Crack, Dent, Pits, Rust, Scratch};
    let mut source = backbone();
    let learner = taught(&mut source, 20);
    let memory = learner.patch_memory().unwrap();
    let (mut hits, mut areas, mut told) = (0, 0.0, String::new());
    let count = slow_cases(40, 10) as u64;
    for number in 0..count {
        let scene = [Scratch, Dent, Crack, Rust, Pits][number as usize % 5];
        let (bad, mask) = defect(1000 + number, scene);
        let patches = FrameFeatures::by(&mut source, &bad, true).unwrap().patches.unwrap();
        let heat = HeatMap::of_patches(memory, &patches).unwrap();
        let heat = heat.at_size(bad.width() as usize, bad.height() as usize);
        let most = (0..heat.len()).max_by(|a, b| heat[*a].total_cmp(&heat[*b])).unwrap();
        hits += u64::from(mask[most]);
        if !mask[most] {
            told += &format!(" {}:{number}", scene.name());
        }
        areas += mask.iter().filter(|inside| **inside).count() as f64 / mask.len() as f64;
    }
    println!(
        "{hits} of {count} in the defect, which is {:.0} % of the frame; not:{told}",
        100.0 * areas / count as f64
    );
    assert!(hits * 100 >= count * 85, "{hits} of {count}: not{told}");
}

#[test]
fn class_activation_adds_up_to_the_difference_of_the_scores() {
    let mut source = backbone();
    let mut learner =
        Learner::new(source.dim(), HeadConfig::default(), Examples::DEFAULT_BUDGET).unwrap();
    for scene in [SyntheticScene::Good, SyntheticScene::Scratch, SyntheticScene::Rust] {
        let examples = (0..5).map(|number| {
            let feature = source.feature(&frame(number, scene)).unwrap();
            NewExample { burst: number as u32, ..NewExample::new(feature, "drawn") }
        });
        let examples = examples.collect();
        let class = scene.name().to_owned();
        apply(&mut learner, Command::Teach(TeachExamples { class, examples }));
    }
    let layers = learner.head().layers().unwrap();
    let mut constants = Vec::new();
    for number in 20..24 {
        let (feature, maps) =
            source.feature_and_maps(&frame(number, SyntheticScene::Scratch)).unwrap();
        let verdict = learner.classify(&feature).unwrap().unwrap();
        let (best, second) = (verdict.best, verdict.runner_up.unwrap().0);
        let blocks = source.parts().1.blocks().to_vec();
        let heat = HeatMap::of_classes(&layers, (best, second), &blocks, &maps, &feature).unwrap();
        let scores = learner.head().score(&feature).unwrap();
        let at = |class| learner.head().classes().iter().position(|one| *one == class).unwrap();
        let bias = layers.affine[0].bias[at(best)] - layers.affine[0].bias[at(second)];
        let difference = scores[at(best)] - scores[at(second)] - bias;
        // The default head has no centre, so nothing else is left.
        constants.push((heat.sum() - difference).abs() / difference.abs().max(1.0));
    }
    assert!(constants.iter().all(|rest| *rest < 1e-3), "{constants:?}");
}

#[test]
fn the_program_teaches_good_parts_finds_others_and_shows_where() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("good.ftune");
    let save = |name: &str, number, scene| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture::save_png(&path, &frame(number, scene)).unwrap();
        path
    };
    for number in 0..10 {
        save(&format!("good/{number}.png"), number, SyntheticScene::Good);
    }
    let run = |arguments: &[&str]| {
        let run = fieldtune(&[arguments, &["--store", text(&store)]].concat());
        assert_eq!(run.code, 0, "{run:?}");
        run
    };
    run(&["teach", "good", text(&folder.path().join("good"))]);
    let bad = save("rust.png", 1003, SyntheticScene::Rust);
    let out = folder.path().join("where.png");
    let found = run(&["classify", text(&bad), "--json", "--explain", text(&out)]);
    let found: Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!((&found["class"], &found["best"]), (&Value::Null, &Value::from("good")));
    assert_eq!(found["place"]["stands_out"], true, "{found}");
    let (_, mask) = defect(1003, SyntheticScene::Rust);
    let at = |axis: &str| found["place"][axis].as_u64().unwrap() as usize;
    assert!(mask[at("y") * Synthetic::WIDTH as usize + at("x")], "{found}");
    let drawn = picture::load(&out, Timestamp(0)).unwrap();
    let before = picture::load(&bad, Timestamp(0)).unwrap();
    let changed = drawn.pixels().iter().zip(before.pixels()).filter(|(a, b)| a != b).count();
    let share = changed as f64 / drawn.pixels().len() as f64;
    assert!((0.0001..0.6).contains(&share), "{share} of the values were drawn over");
    // Beside the good part that it is most like, and a frame of the camera the same way.
    let beside = folder.path().join("beside.png");
    let found = run(&["classify", text(&bad), "--json", "--like", text(&beside)]);
    let found: Value = serde_json::from_str(&found.stdout).unwrap();
    let at = |axis: &str| found["differs"][axis].as_u64().unwrap() as usize;
    assert!(mask[at("y") * Synthetic::WIDTH as usize + at("x")], "{found}");
    let drawn = picture::load(&beside, Timestamp(0)).unwrap();
    assert!(drawn.width() > 2 * 256 && drawn.height() > 192, "two pictures and words");
    let snapped = folder.path().join("snap.png");
    let camera = format!("replay:{}", text(&bad));
    let snap = ["snap", text(&snapped), "--explain", text(&out), "--camera", &camera];
    let told = run(&[&snap[..], &["--resolution", "320x240"]].concat()).stdout;
    assert!(
        told.contains("unknown (unlike good, the only class), unlike good parts at "),
        "{told}"
    );
    assert_eq!(picture::load(&out, Timestamp(0)).unwrap().width(), 320);
    // Two images at once are refused, and a store of several classes is shown, too.
    let two = fieldtune(&[
        "classify",
        text(&bad),
        text(&out),
        "--explain",
        "x.png",
        "--store",
        text(&store),
    ]);
    assert!(two.code == 2 && two.stderr.contains("--explain draws one image, got 2"), "{two:?}");
    run(&["teach", "rust", text(&bad)]);
    let found = run(&["classify", text(&bad), "--explain", text(&out)]);
    assert!(found.stdout.contains(", most of it at "), "{found:?}");
}

#[test]
fn the_protocol_of_good_parts_reports_its_cells() {
    let bench = Bench::new();
    folder_of(bench.path(), "stripes", 0, 12);
    folder_of(bench.path(), "checks", 0, 6);
    let json = bench.path().join("out.json");
    let eval = |more: &[&str]| {
        let common = ["eval", ".", "--protocol", "good-parts", "--seeds", "2", "--model"];
        bench.run(&[&common[..], &[built_in::NAME], more].concat())
    };
    let run = eval(&["--good", "stripes", "--shots", "4,8,40", "--json", text(&json)]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("left out: 40 good images: stripes has 12"), "{run:?}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    let cells = report["cells"].as_array().unwrap();
    assert_eq!(
        cells.iter().map(|cell| cell["shots"].as_u64().unwrap()).collect::<Vec<_>>(),
        [4, 8]
    );
    for cell in cells {
        for name in ["auroc", "false_alarms", "caught", "learn_ms", "classify_ms", "bytes"] {
            let of = |part: &str| cell[name][part].as_f64().unwrap();
            assert!(of("mean") >= 0.0 && of("std") >= 0.0, "{name}: {cell}");
        }
        assert!(cell["auroc"]["mean"].as_f64().unwrap() > 0.9, "stripes are no checks: {cell}");
    }
    let without = eval(&[]);
    assert!(without.code == 2 && without.stderr.contains("needs --good CLASS"), "{without:?}");
}
