//! Stores and packs of the formats since groups and images came, as their files in `tests/data` have them.

use crate::common::desk::text;
use crate::common::{data, fieldtune};

use std::fs;
use std::path::PathBuf;

use fieldtune::image::frame::Timestamp;
use fieldtune::learn::command::{Command, NewExample, TeachExamples};
use fieldtune::learn::examples::{Example, Examples};
use fieldtune::learn::head::ExampleId;
use fieldtune::learn::patches::KeptLevel;
use fieldtune::store::persistent::PersistentLearner;
use fieldtune::store::snapshot::{ModelId, Snapshot};
use fieldtune::store::{FileStore, Store as _};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

/// A copy of a file in `tests/data`, in a folder that goes with it, checked and open.
fn copied(name: &str) -> (TempDir, PathBuf, FileStore) {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy.ftune");
    fs::copy(data(name), &copy).expect("it is there");
    let mut store = FileStore::open(&copy).expect("nobody has it");
    store.check().expect("it is sound");
    (folder, copy, store)
}

/// Made by `tests/data/store_v3.sh`, as is `pack-v2.ftune`.
const VERSION_3: &str = "store-v3.ftune";

#[test]
fn files_of_format_3_read_as_written() {
    let (_folder, copy, mut store) = copied(VERSION_3);
    let mut images = 0;
    let mut count = |_, file: &[u8]| images += usize::from(file.starts_with(&[0xff, 0xd8]));
    store.images(None, &mut count).expect("it is sound");
    assert_eq!(images, 3);
    let snapshot = store.load().expect("it is sound").expect("something was learned");
    let pack = fs::read(data("pack-v2.ftune")).expect("it is there");
    let pack = Snapshot::decode(&pack).expect("packs of version 2 are read for ever");
    assert_eq!((pack.images().len(), pack.counts()), (3, (2, 3)));
    for snapshot in [&snapshot, &pack] {
        let (_, examples) = snapshot.by_name().expect("it is consistent");
        let told: Vec<_> = examples
            .iter()
            .map(|(class, one)| (class.as_str(), one.origin.as_str(), one.views.len()))
            .collect();
        let wanted = [
            ("blocks", "pictures/exif-1.jpg", 4),
            ("blocks", "pictures/exif-2.jpg", 4),
            ("photograph", "pictures/resize-smaller.png", 4),
        ];
        assert_eq!(told, wanted);
        let groups: Vec<_> = examples.iter().map(|(_, one)| one.group).collect();
        assert!(groups[0] == groups[1] && groups[1] != groups[2], "{groups:?}");
        assert_eq!(examples[0].1.widened()[..3], FIRST);
    }
    let learner = snapshot.into_learner(Examples::DEFAULT_BUDGET).expect("it is consistent");
    assert_eq!(learner.thresholds().false_reject, 0.05);
    let generations = store.generations().expect("it is sound");
    let names: Vec<_> = generations.iter().map(|one| (one.name.as_str(), one.examples)).collect();
    assert_eq!(names, [("monday", 4), ("before forget of examples", 4)]);
    drop(store);
    let undone = fieldtune(&["undo", "--store", text(&copy)]);
    assert!(undone.stdout.contains("example 4 of photograph is back"), "{undone:?}");
}

/// Made by `tests/data/store_v4.sh`.
const VERSION_4: &str = "store-v4.ftune";

#[test]
fn files_of_format_4_read_as_written() {
    let (_folder, copy, mut store) = copied(VERSION_4);
    let snapshot = store.load().expect("it is sound").expect("something was learned");
    let (_, examples) = snapshot.by_name().expect("it is consistent");
    let told: Vec<_> = examples
        .iter()
        .map(|(class, one)| {
            let features = std::iter::once(&one.feature).chain(&one.views);
            let bytes: Vec<u8> =
                features.flat_map(|one| one.iter()).flat_map(|value| value.to_le_bytes()).collect();
            (class.as_str(), one.origin.as_str(), bytes.len(), crc32fast::hash(&bytes))
        })
        .collect();
    let wanted = [
        ("photograph", "pictures/resize-smaller.png", 4560, 0xa78e_3816),
        ("blocks", "pictures/exif-1.jpg", 10_032, 0x4dec_fda1),
        ("blocks", "pictures/exif-2.jpg", 10_032, 0x4dec_fda1),
        ("plain", "pictures/resize-same.png", 912, 0xe196_54a7),
    ];
    assert_eq!(told, wanted);
    let generations = store.generations().expect("it is sound");
    let names: Vec<_> = generations.iter().map(|one| (one.name.as_str(), one.examples)).collect();
    assert_eq!(names, [("monday", 5)], "what is saved needs no other before a forget");
    drop(store);
    let undone = fieldtune(&["undo", "--store", text(&copy)]);
    assert!(undone.stdout.contains("example 2 of photograph is back"), "{undone:?}");
}

/// Made by `tests/data/store_v5.sh`.
const VERSION_5: &str = "store-v5.ftune";

#[test]
fn files_of_format_5_read_as_written() {
    let (_folder, _, mut store) = copied(VERSION_5);
    let mut images = Vec::new();
    let mut look =
        |ExampleId(id), file: &[u8]| images.push((id, file.len(), crc32fast::hash(file)));
    store.images(None, &mut look).expect("it is sound");
    assert_eq!(images, [(1, 6346, 0xeaa6_6bad), (2, 5276, 0xef7d_eb55)]);
}

/// Made by `tests/data/store_v6.sh`.
const VERSION_6: &str = "store-v6.ftune";

/// Made by `tests/data/store_v7.sh`.
const VERSION_7: &str = "store-v7.ftune";

/// Where an example came from, and of each level of its patches the size, the channels and the checksum.
type Told = (String, Vec<([usize; 2], usize, u32)>);

fn patches_of(store: &mut FileStore) -> Vec<Told> {
    told(store.load().expect("it is sound").expect("something was learned"))
}

fn told(snapshot: Snapshot) -> Vec<Told> {
    let learner = snapshot.into_learner(1 << 20).expect("it is consistent");
    assert!(learner.patch_memory().is_some());
    let level = |level: &KeptLevel| (level.size, level.channels, crc32fast::hash(&level.values));
    let told = |example: &Example| {
        let patches = example.patches.clone().expect("of a class taught alone");
        (example.origin.clone(), patches.levels().iter().map(level).collect())
    };
    learner.examples().iter().map(told).collect()
}

#[test]
fn files_of_format_6_read_as_written() {
    let (_folder, copy, mut store) = copied(VERSION_6);
    let wanted = [
        (
            "pictures/resize-larger.png".to_owned(),
            vec![([16, 16], 40, 3_732_916_759), ([8, 8], 96, 3_297_820_112)],
        ),
        (
            "pictures/resize-same.png".to_owned(),
            vec![([16, 16], 40, 1_673_656_331), ([8, 8], 96, 644_409_770)],
        ),
    ];
    assert_eq!(patches_of(&mut store), wanted);
    drop(store);
    // What it has and what comes now lie side by side, and either can go.
    let teach =
        |image: &str| fieldtune(&["teach", "good", text(&data(image)), "--store", text(&copy)]);
    assert_eq!(teach("pictures/exif-1.jpg").code, 0);
    let checked = |count: usize| {
        let mut store = FileStore::open(&copy).expect("nobody has it");
        store.check().expect("it is sound");
        let mut images = 0;
        store.images(None, &mut |_, _| images += 1).expect("it is sound");
        assert_eq!((patches_of(&mut store).len(), images), (count, count));
    };
    checked(3);
    for example in ["1", "3"] {
        let forgotten = fieldtune(&["forget", "--example", example, "--store", text(&copy)]);
        assert_eq!(forgotten.code, 0, "{forgotten:?}");
    }
    checked(1);
    for _ in 0..3 {
        assert_eq!(fieldtune(&["undo", "--store", text(&copy)]).code, 0);
    }
    checked(2);
    let undone = fieldtune(&["undo", "--store", text(&copy)]);
    assert!(undone.stdout.contains("example 2"), "a step of format 6: {undone:?}");
    checked(1);
}

#[test]
fn files_of_format_7_read_as_written() {
    let (_folder, copy, mut store) = copied(VERSION_7);
    let mut images = Vec::new();
    let mut look =
        |ExampleId(id), file: &[u8]| images.push((id, file.len(), crc32fast::hash(file)));
    store.images(None, &mut look).expect("it is sound");
    assert_eq!(images, [(1, 6346, 3_936_775_085), (2, 702, 3_977_641_425)]);
    let wanted = [
        (
            "pictures/resize-larger.png".to_owned(),
            vec![([1, 121], 40, 2_258_571_206), ([8, 8], 96, 3_297_820_112)],
        ),
        (
            "pictures/exif-1.jpg".to_owned(),
            vec![([1, 121], 40, 4_219_638_616), ([8, 8], 96, 3_431_818_063)],
        ),
    ];
    assert_eq!(patches_of(&mut store), wanted);
    let pack = fs::read(data("pack-v3.ftune")).expect("it is there");
    assert_eq!(pack[8..10], 3u16.to_le_bytes());
    let pack = Snapshot::decode(&pack).expect("packs of version 3 are read for ever");
    assert_eq!(told(pack), wanted);
    let generations = store.generations().expect("it is sound");
    let names: Vec<_> = generations.iter().map(|one| (one.name.as_str(), one.examples)).collect();
    assert_eq!(names, [("before forget of examples", 3)]);
    drop(store);
    let undone = fieldtune(&["undo", "--store", text(&copy)]);
    assert!(undone.stdout.contains("example 3 of good is back"), "{undone:?}");
}

/// One command that makes a file, then one that makes it longer.
#[test]
fn images_fill_pages_and_nothing_is_left_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("learned.ftune");
    let model = ModelId { name: "any".to_owned(), fingerprint: [7; 32], dim: 4 };
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut images = 0;
    for part in 0..2 {
        let store = FileStore::open(&path).expect("it is free");
        let mut kept = PersistentLearner::open(store, &model).expect("it is sound");
        let example = |at: usize| {
            // What a camera's frames come to.
            let mut image = vec![0; 4500 + 97 * (at % 50)];
            random.fill_bytes(&mut image);
            images += image.len();
            let feature = vec![1.0, at as f32, 0.0, part as f32];
            NewExample { image: Some(image), burst: at as u32, ..NewExample::new(feature, "a.jpg") }
        };
        let examples = (0..450).map(example).collect();
        let teach = Command::Teach(TeachExamples { class: format!("c{part}"), examples });
        kept.apply(teach, Timestamp(part)).expect("there is room");
        drop(kept);
        let file = fs::metadata(&path).expect("it was written").len() as usize;
        assert!(file < images + images / 6, "{file} bytes on disk for {images} bytes of images");
    }
    let mut store = FileStore::open(&path).expect("it is free");
    store.check().expect("it is sound");
    let mut there = 0;
    store.images(None, &mut |_, image| there += image.len()).expect("it is sound");
    assert_eq!(there, images);
}

/// The first values of the first example's feature.
const FIRST: [f32; 3] = [0.0061836243, 0.40478516, 0.19494629];
