//! What a store takes as it grows: on disk and in memory little more than its examples. `cargo bench --bench growth`
//! has the figures of full ones.

use std::alloc::System;
use std::fs;

use cap::Cap;
use fieldtune::image::frame::Timestamp;
use fieldtune::learn::command::{Command, NewExample, TeachExamples};
use fieldtune::learn::head::ExampleId;
use fieldtune::store::FileStore;
use fieldtune::store::persistent::PersistentLearner;
use fieldtune::store::snapshot::ModelId;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Counts all that is allocated in this process, which is why there is one test in this file.
#[global_allocator]
static ALLOCATED: Cap<System> = Cap::new(System, usize::MAX);

const DIM: usize = 128;
const CLASSES: usize = 2;
const EACH: usize = 250;
const VIEWS: usize = 16;

/// What does not grow with the examples: pages of the database, the head's matrices.
const FIXED: usize = 6 << 20;

fn feature(class: usize, random: &mut ChaCha8Rng) -> Vec<f32> {
    let own = |at| if at % CLASSES == class { 1.0 } else { 0.0 };
    (0..DIM).map(|at| own(at) + random.random_range(0.0..1.0f32)).collect()
}

#[test]
fn a_store_takes_little_more_than_its_examples() {
    if std::env::var_os("FIELDTUNE_TEST_DIVISOR").is_some() {
        println!("skipped: under an emulator it takes an hour");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("learned.ftune");
    let model = ModelId { name: "any".to_owned(), fingerprint: [7; 32], dim: DIM as u32 };
    let open = || PersistentLearner::open(FileStore::open(&path).expect("it is free"), &model);
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut kept = open().expect("it is new");
    for class in 0..CLASSES {
        let example = |burst| NewExample {
            views: (0..VIEWS).map(|_| feature(class, &mut random)).collect(),
            burst: burst as u32,
            ..NewExample::new(feature(class, &mut random), "part.jpg")
        };
        let examples = (0..EACH).map(example).collect();
        let teach = Command::Teach(TeachExamples { class: format!("c{class}"), examples });
        kept.apply(teach, Timestamp(class as u64)).expect("there is room");
    }
    let bytes = kept.learner().examples().bytes();
    let before = kept.learner().examples().get(ExampleId(1)).cloned();
    drop(kept);

    let file = fs::metadata(&path).expect("it was written").len() as usize;
    assert!(file < bytes + bytes / 3, "{file} bytes on disk for {bytes} bytes of examples");

    let idle = ALLOCATED.allocated();
    // To be changed, and to be looked at.
    for store in [FileStore::open, FileStore::look] {
        let kept = PersistentLearner::open(store(&path).expect("it is free"), &model);
        let kept = kept.expect("it is sound");
        let held = ALLOCATED.allocated() - idle;
        let peak = ALLOCATED.max_allocated() - idle;
        assert_eq!(kept.learner().examples().get(ExampleId(1)), before.as_ref());
        let wanted = bytes + bytes / 2 + FIXED;
        assert!(
            peak < wanted,
            "{peak} bytes in memory, {held} in the end, for {bytes} of examples"
        );
    }
}
