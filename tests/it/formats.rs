//! Stores and packs of the formats since groups and images came, as their files in `tests/data` have them.

use crate::common::desk::text;
use crate::common::{data, fieldtune};

use std::fs;

use fieldtune::learn::examples::Examples;
use fieldtune::store::snapshot::Snapshot;
use fieldtune::store::{FileStore, Store as _};

/// Made by `tests/data/store_v3.sh`, as is `pack-v2.ftune`.
const VERSION_3: &str = "store-v3.ftune";

#[test]
fn a_file_of_format_3_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy.ftune");
    fs::copy(data(VERSION_3), &copy).expect("it is there");
    let mut store = FileStore::open(&copy).expect("nobody has it");
    store.check().expect("it is sound");
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
fn a_file_of_format_4_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy.ftune");
    fs::copy(data(VERSION_4), &copy).expect("it is there");
    let mut store = FileStore::open(&copy).expect("nobody has it");
    store.check().expect("it is sound");
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

/// The first values of the first example's feature.
const FIRST: [f32; 3] = [0.0061836243, 0.40478516, 0.19494629];
