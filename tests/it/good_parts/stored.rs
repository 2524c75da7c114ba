//! Good parts in stores and packs.

use std::sync::Arc;

use fieldtune::image::frame::Timestamp;
use fieldtune::learn::command::{Command, ForgetExamples, NewExample, TeachExamples, UndoLatest};
use fieldtune::learn::examples::Examples;
use fieldtune::learn::head::ExampleId;
use fieldtune::store::persistent::{self, PersistentLearner};
use fieldtune::store::snapshot::Snapshot;
use fieldtune::store::{DiskStore, FileStore, MemoryDisk, Store as _};

use super::{apply, example, learner, model, teach, verdict};

#[test]
fn what_is_stored_and_packed_reads_back() {
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

    // A pack carries them, and one without them is compared as a whole.
    let other = |pack: Snapshot, name: &str| {
        let store = FileStore::open(&folder.path().join(name)).unwrap();
        let empty = persistent::empty(&model()).unwrap();
        let mut other = PersistentLearner::new(empty, store, model()).unwrap();
        other.replace(pack, "a test", None, Timestamp(1)).unwrap();
        other
    };
    let with = other(pack, "with.ftune");
    assert_eq!(with.learner().patch_memory(), Some(&memory));
    assert_eq!(verdict(with.learner(), 77, 1.0).class, wanted.class);
    let mut bare = learner();
    let examples = (0..12).map(|seed| NewExample { patches: None, ..example(seed) }).collect();
    let teach_bare = TeachExamples { class: "good".to_owned(), examples };
    apply(&mut bare, Command::Teach(teach_bare));
    let pack = Snapshot::of(&bare, model()).encode();
    assert_eq!(pack[8..10], 2u16.to_le_bytes(), "as older programs read it");
    let mut other = other(Snapshot::decode(&pack).unwrap(), "without.ftune");
    assert_eq!(other.learner().patch_memory(), None);
    assert!(verdict(other.learner(), 77, 9.0).class.is_some());
    // Most of its examples have some now.
    other.apply(teach("good", 20..40), Timestamp(2)).unwrap();
    assert!(other.learner().patch_memory().is_some());
}

#[test]
fn merged_devices_compare_good_parts_alike() {
    let device = |seeds: std::ops::Range<u64>| {
        let store = DiskStore::new(Arc::new(MemoryDisk::default()), "memory");
        let mut kept = PersistentLearner::open(store, &model()).unwrap();
        kept.apply(teach("good", seeds), Timestamp(1)).unwrap();
        kept
    };
    let (mut one, mut two, mut third) = (device(0..8), device(6..20), device(30..35));
    let pack = |of: &PersistentLearner<_, _>| {
        let bytes = of.learned().canonical(false).encode();
        assert_eq!(bytes[8..10], 3u16.to_le_bytes());
        Snapshot::decode(&bytes).unwrap()
    };
    let packs = [pack(&one), pack(&two), pack(&third)];
    let [a, b, c] = packs.clone();
    one.merge(&[b.clone(), c.clone()], None, Timestamp(2)).unwrap();
    two.merge(&[c, a.clone()], None, Timestamp(2)).unwrap();
    third.merge(&[b], None, Timestamp(2)).unwrap();
    third.merge(&[a], None, Timestamp(3)).unwrap();
    let canonical = |of: &PersistentLearner<_, _>| of.learned().canonical(false);
    assert_eq!(canonical(&one).encode(), canonical(&two).encode());
    assert_eq!(canonical(&one).encode(), canonical(&third).encode());
    let memories = [&one, &two, &third].map(|of| {
        let whole = canonical(of).into_learner(Examples::DEFAULT_BUDGET).unwrap();
        whole.patch_memory().cloned().unwrap()
    });
    assert!(memories[0] == memories[1] && memories[0] == memories[2]);
}
