//! States that can be come back to, and what several devices learned put together: over a persistent learner on a disk
//! in memory, what it has in memory compared with what is on the disk after every step.

use crate::common;

use fieldtune::image::frame::Timestamp;
use fieldtune::learn::command::{
    Command, ForgetExamples, RelabelExamples, RenameClass, Reply, UndoLatest,
};
use fieldtune::learn::head::ExampleId;
use fieldtune::store::persistent::PersistError;
use fieldtune::store::snapshot::Snapshot;
use fieldtune::store::{MAX_GENERATIONS, MAX_NAMED, Store, StoreError};

use crate::common::learning;

use learning::{Device, forget, random_device};

const DAY: u64 = 86_400_000_000;

#[test]
fn what_was_taken_away_can_be_come_back_to() {
    let mut device = Device::new();
    device.teach("good", &[[1.0, 0.0, 0.0], [1.0, 0.1, 0.0]]);
    device.teach("bad", &[[0.0, 1.0, 0.0]]);
    let before = device.persistent.learned();
    device.apply(forget("good")).expect("there is one");
    device.teach("odd", &[[0.0, 0.0, 1.0]]);
    let now = device.now();
    let saved = device.persistent.save(Some("monday"), now).expect("there is room");
    assert_eq!((saved.classes, saved.examples, saved.automatic), (2, 2, false));
    let relabel = RelabelExamples { examples: vec![ExampleId(3)], class: "odd".to_owned() };
    device.apply(Command::Relabel(relabel)).expect("it is there");
    // The state before was saved by hand already.
    assert_eq!(device.names(), ["before forget good", "monday"]);

    let first = device.generations()[0].number;
    let now = device.now();
    device.persistent.roll_back(first, now).expect("it is there");
    device.assert_kept();
    assert_eq!(device.names(), ["before forget good", "monday", "before rollback to 1"]);
    let (was, is) = (before.canonical(true), device.persistent.learned().canonical(true));
    assert_eq!(was, is);
    let Reply::Undone { changes, .. } = device.apply(Command::Undo(UndoLatest)).expect("no error")
    else {
        panic!("undo answers Undone")
    };
    assert!(changes.is_empty(), "nothing can be undone after it: {changes:?}");
    device.teach("new", &[[0.5, 0.5, 0.5]]);
    let ids: Vec<u64> = device.persistent.learner().examples().iter().map(|one| one.id.0).collect();
    assert_eq!(ids, [1, 2, 3, 5], "an id is used once, whatever is rolled back");

    // And back again, to what was before the rollback.
    let third = device.generations()[2].number;
    let now = device.now();
    device.persistent.roll_back(third, now).expect("it is there");
    device.assert_kept();
    let names: Vec<String> =
        device.persistent.learner().classes().values().map(ToString::to_string).collect();
    assert_eq!(names, ["bad", "odd"]);
}

#[test]
fn a_difference_names_what_came_and_went() {
    let mut device = Device::new();
    device.teach("good", &[[1.0, 0.0, 0.0], [1.0, 0.1, 0.0]]);
    device.teach("bad", &[[0.0, 1.0, 0.0], [0.0, 1.0, 0.1]]);
    let now = device.now();
    let first = device.persistent.save(None, now).expect("there is room").number;
    device
        .apply(Command::Rename(RenameClass { from: "good".into(), to: "fine".into() }))
        .expect("ok");
    let relabel = RelabelExamples { examples: vec![ExampleId(2)], class: "bad".to_owned() };
    device.apply(Command::Relabel(relabel)).expect("it is there");
    device
        .apply(Command::Forget(ForgetExamples::Examples(vec![ExampleId(3)])))
        .expect("it is there");
    device.teach("odd", &[[0.0, 0.0, 1.0]]);
    let difference = device.persistent.difference(first, None).expect("it is there");
    assert_eq!(difference.classes_added, ["odd"]);
    assert_eq!(difference.renamed, [("good".to_owned(), "fine".to_owned())]);
    assert_eq!(difference.relabelled, [(2, "good".to_owned(), "bad".to_owned())]);
    assert_eq!(difference.gone, [(3, "bad".to_owned())]);
    assert_eq!(difference.added, [(5, "odd".to_owned())]);
    let same = device.persistent.difference(first, Some(first)).expect("it is there");
    assert_eq!(same, Default::default());
    let error = device.persistent.difference(99, None).expect_err("there is none").to_string();
    assert!(error.contains("no generation 99; there are 1, 2"), "{error}");
}

#[test]
fn generations_are_bounded_and_those_saved_by_hand_stay() {
    let mut device = Device::new();
    device.teach("good", &[[1.0, 0.0, 0.0]]);
    for number in 0..MAX_NAMED {
        let now = device.now();
        device.persistent.save(Some(&format!("by-hand-{number}")), now).expect("there is room");
    }
    let now = device.now();
    let refused = device.persistent.save(None, now).expect_err("there is no room");
    assert!(matches!(refused, PersistError::Generation(StoreError::TooManyNamed)), "{refused}");
    for round in 0..2 * MAX_GENERATIONS {
        device.teach("bad", &[[0.0, 1.0, round as f32]]);
        device.apply(forget("bad")).expect("there is one");
    }
    let generations = device.generations();
    assert_eq!(generations.len(), MAX_GENERATIONS);
    assert_eq!(generations.iter().filter(|one| !one.automatic).count(), MAX_NAMED);
    let last = generations.last().expect("there are many").number;
    assert!(generations.iter().any(|one| one.number == last - 3), "the newest stay");

    let error = device.persistent.drop_generation(999).expect_err("there is none").to_string();
    assert!(error.contains("no generation 999"), "{error}");
    device.persistent.drop_generation(generations[0].number).expect("it is there");
    let now = device.now();
    device.persistent.save(Some("again"), now).expect("there is room now");
    device.assert_kept();
    let name = device.persistent.save(Some("two words"), Timestamp(1)).expect_err("not a name");
    assert!(name.to_string().contains("letters, digits"), "{name}");
}

#[test]
fn a_day_of_changes_makes_a_generation() {
    let mut device = Device::new();
    device.teach("good", &[[1.0, 0.0, 0.0]]);
    device.teach("good", &[[1.0, 0.1, 0.0]]);
    assert_eq!(device.names(), [] as [&str; 0]);
    device.now += DAY;
    device.teach("bad", &[[0.0, 1.0, 0.0]]);
    assert_eq!(device.names(), ["daily"]);
    assert_eq!(device.generations()[0].examples, 2, "it is the state before");
    device.teach("bad", &[[0.0, 1.0, 0.1]]);
    assert_eq!(device.names(), ["daily"]);
    device.now += 2 * DAY;
    device.apply(Command::Undo(UndoLatest)).expect("there is a step");
    assert_eq!(device.names(), ["daily", "daily"]);
}

#[test]
fn an_empty_store_saves_no_checkpoint_but_keeps_settings() {
    let mut device = Device::new();
    let refused = device.persistent.save(None, Timestamp(1)).expect_err("nothing was taught");
    assert!(matches!(refused, PersistError::Generation(StoreError::NothingKept)), "{refused}");
    device.teach("good", &[[1.0, 0.0, 0.0]]);
    let mut store = device.on_disk();
    assert_eq!(store.setting("latest").expect("it is sound"), None);
    store.set("latest", b"7").expect("there is room");
    assert_eq!(store.setting("latest").expect("it is sound").as_deref(), Some(&b"7"[..]));
    store.set("latest", b"8").expect("there is room");
    assert_eq!(store.setting("latest").expect("it is sound").as_deref(), Some(&b"8"[..]));
}

#[test]
fn disk_and_memory_agree_after_every_command() {
    for seed in 0..common::slow_cases(20, 5) as u64 {
        random_device(seed, 60);
    }
}

#[test]
fn packs_merge_in_any_order_with_the_same_bytes() {
    for seed in 0..common::slow_cases(20, 3) as u64 {
        let packs: Vec<Snapshot> = (0..3)
            .map(|device| random_device(100 + 3 * seed + device, 30).persistent.learned())
            .collect();
        let merged = |orders: &[&[usize]]| {
            let mut device = Device::new();
            for order in orders {
                let some: Vec<Snapshot> = order.iter().map(|&place| packs[place].clone()).collect();
                let now = device.now();
                device.persistent.merge(&some, None, now).expect("there is room");
                device.assert_kept();
            }
            device.persistent.learned().canonical(true).encode()
        };
        let wanted = merged(&[&[0, 1, 2]]);
        let orders: [&[&[usize]]; 5] = [
            &[&[2, 1, 0]],
            &[&[0], &[1], &[2]],
            &[&[2], &[0, 1]],
            &[&[1], &[1], &[0, 2, 2], &[1, 0]],
            &[&[1, 2], &[0]],
        ];
        for order in orders {
            assert!(merged(order) == wanted, "seed {seed}, order {order:?}");
        }
        // A device that has learned itself, and one that learns of it, end up equal.
        let (mut one, mut other) = (random_device(seed, 30), random_device(seed + 500, 30));
        let (of_one, of_other) = (one.persistent.learned(), other.persistent.learned());
        one.persistent.merge(&[of_other], None, Timestamp(1)).expect("there is room");
        other.persistent.merge(&[of_one], None, Timestamp(2)).expect("there is room");
        let bytes = |device: &Device| device.persistent.learned().canonical(true).encode();
        assert!(bytes(&one) == bytes(&other), "seed {seed}");
        assert!(Snapshot::decode(&bytes(&one)).is_ok());
    }
}

#[test]
fn features_of_another_backbone_are_refused_with_the_reason() {
    let mut device = random_device(1, 20);
    let before = device.persistent.learned();
    let mut other = random_device(2, 20).persistent.learned();
    other.model.fingerprint = [8; 32];
    other.model.name = "another".to_owned();
    for refused in [
        device.persistent.merge(&[before.clone(), other.clone()], None, Timestamp(1)).map(drop),
        device.persistent.replace(other, "import", None, Timestamp(1)),
    ] {
        let error = refused.expect_err("another backbone").to_string();
        assert!(error.contains("learned with another") && error.contains("tiny"), "{error}");
    }
    assert_eq!(device.persistent.learned(), before);
    device.assert_kept();
}

#[test]
fn a_pack_without_pictures_has_everything_else() {
    let mut device = random_device(3, 30);
    let whole = device.persistent.portable_with_images().expect("the disk is fine");
    let (with, without) = (whole.canonical(true), whole.canonical(false));
    assert!(!with.images().is_empty() && without.images().is_empty());
    assert!(without.encode().len() < with.encode().len());
    assert_eq!(with.canonical(false), without);
    assert_eq!(Snapshot::decode(&with.encode()), Ok(with.clone()));
    let mut other = Device::new();
    other.persistent.merge(&[without], None, Timestamp(1)).expect("there is room");
    other.persistent.merge(std::slice::from_ref(&with), None, Timestamp(1)).expect("there is room");
    let merged = other.persistent.portable_with_images().expect("the disk is fine").canonical(true);
    let mut again = Device::new();
    again.persistent.merge(std::slice::from_ref(&with), None, Timestamp(1)).expect("there is room");
    let once = again.persistent.portable_with_images().expect("the disk is fine").canonical(true);
    assert_eq!(merged, once, "pictures come with those that have them");
    assert_eq!(once.images(), with.images());
}

/// Images by example.
fn images(device: &mut Device) -> Vec<(u64, Vec<u8>)> {
    let mut images = Vec::new();
    let mut add = |id: ExampleId, file: &[u8]| images.push((id.0, file.to_vec()));
    device.on_disk().images(None, &mut add).expect("the disk is fine");
    images
}

#[test]
fn images_come_back_with_an_undo_and_a_generation() {
    let mut device = Device::new();
    device.teach("good", &[[1.0, 0.0, 0.0], [1.0, 0.1, 0.0]]);
    device.teach("bad", &[[0.0, 1.0, 0.0]]);
    let all = images(&mut device);
    assert_eq!(all, [(1, vec![2; 10]), (2, vec![2; 10]), (3, vec![1; 10])]);
    device.apply(forget("good")).expect("there is one");
    assert_eq!(images(&mut device), [(3, vec![1; 10])]);
    device.apply(Command::Undo(UndoLatest)).expect("there is a step");
    assert_eq!(images(&mut device), all);
    device.apply(Command::Forget(ForgetExamples::Everything)).expect("there is something");
    assert_eq!(images(&mut device), []);
    let last = device.generations().last().expect("one was made").number;
    let now = device.now();
    device.persistent.roll_back(last, now).expect("it is there");
    device.assert_kept();
    assert_eq!(images(&mut device), all);
}

#[test]
fn images_make_room_and_their_examples_stay() {
    let mut device = Device::new();
    let (_, mut store, _) = std::mem::replace(&mut device, Device::new()).persistent.into_parts();
    store.set_image_budget(65);
    let learner = fieldtune::store::persistent::empty(&learning::model()).expect("three values");
    device.persistent =
        fieldtune::store::persistent::PersistentLearner::new(learner, store, learning::model())
            .expect("the same backbone");
    let teach = |device: &mut Device, class: &str, feature| {
        let example = fieldtune::learn::command::NewExample {
            image: Some(vec![7; 10]),
            ..fieldtune::learn::command::NewExample::new(feature, "test")
        };
        let class = class.to_owned();
        let teach = fieldtune::learn::command::TeachExamples { class, examples: vec![example] };
        let now = device.now();
        device.persistent.apply(Command::Teach(teach), now).expect("there is room");
    };
    teach(&mut device, "rare", vec![0.0, 1.0, 0.0]);
    for place in 0..6 {
        teach(&mut device, "good", vec![1.0, place as f32, 0.0]);
    }
    assert_eq!(device.persistent.learner().examples().len(), 7);
    let mut left = Vec::new();
    let store = device.persistent.store_mut();
    store.images(None, &mut |id, _| left.push(id.0)).expect("the disk is fine");
    // The oldest of the class that has most.
    assert_eq!(left, [1, 3, 4, 5, 6, 7]);
    store.check().expect("an image that made room is no damage");
}

#[test]
fn features_of_another_backbone_replace_all_and_roll_back() {
    let mut device = Device::new();
    device.teach("good", &[[1.0, 0.0, 0.0], [1.0, 0.1, 0.0]]);
    let (before, kept) = (device.persistent.learned(), images(&mut device));
    let other = fieldtune::store::snapshot::ModelId {
        name: "other".to_owned(),
        fingerprint: [9; 32],
        dim: learning::model().dim,
    };
    let mut whole = before.clone();
    whole.model = other.clone();
    let store = device.persistent.store_mut();
    store.replace(&whole, Some("before reteach"), &[], Timestamp(5)).expect("there is room");
    let loaded = store.load().expect("it is sound").expect("it was taught");
    assert_eq!(loaded.model, other);
    store.check().expect("it is consistent");
    let generation = store.generations().expect("it is sound")[0].number;
    assert_eq!(images(&mut device), kept, "they stay where they are");
    device.persistent.roll_back(generation, Timestamp(6)).expect("nothing is looked at");
    assert_eq!(device.persistent.model(), &before.model);
    device.assert_kept();
}
