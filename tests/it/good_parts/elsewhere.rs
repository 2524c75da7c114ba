//! What is remembered of good parts, made beside the work of a station.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use fieldtune::board::policy::Policy;
use fieldtune::camera::SyntheticScene;
use fieldtune::device::controller::{Effects, Station, Ticket, Work};
use fieldtune::image::frame::Timestamp;
use fieldtune::learn::command::{Command, ForgetExamples};
use fieldtune::learn::examples::Examples;
use fieldtune::learn::head::ExampleId;
use fieldtune::protocol::request::{Teach, UndoTaught};
use fieldtune::store::persistent::PersistentLearner;
use fieldtune::store::snapshot::{ModelId, Snapshot};
use fieldtune::store::{DiskStore, MemoryDisk};

use super::{apply, backbone, frame, learner, teach, verdict};

#[test]
fn patches_made_elsewhere_are_those_made_here() {
    let mut here = learner();
    let mut elsewhere = learner();
    apply(&mut here, teach("good", 0..10));
    apply(&mut elsewhere, teach("good", 0..10));
    elsewhere.make_patches_elsewhere();
    assert!(elsewhere.patch_work().is_none(), "nothing changed yet");
    assert_eq!(elsewhere.patch_memory(), here.patch_memory());
    let before = here.patch_memory().cloned();
    let (more, fewer) = (teach("good", 10..20), ForgetExamples::Examples(vec![ExampleId(4)]));
    let mut made = None;
    for command in [more, Command::Forget(fewer)] {
        apply(&mut here, command.clone());
        apply(&mut elsewhere, command);
        assert_eq!(elsewhere.patch_memory(), before.as_ref(), "as before until it comes back");
        assert!(verdict(&elsewhere, 77, 9.0).class.is_none());
        made = made.or_else(|| elsewhere.patch_work().map(|work| work.run()));
    }
    // What was made before the latest change is better than what was there, and not enough.
    elsewhere.put_patches(made.unwrap());
    assert_ne!(elsewhere.patch_memory(), before.as_ref());
    assert_ne!(elsewhere.patch_memory(), here.patch_memory());
    let made = elsewhere.patch_work().unwrap().run();
    elsewhere.put_patches(made);
    assert!(elsewhere.patch_work().is_none());
    assert_eq!(elsewhere.patch_memory(), here.patch_memory());
    assert_eq!(verdict(&elsewhere, 77, 1.0), verdict(&here, 77, 1.0));
    // With a second class there is nothing to be made.
    apply(&mut elsewhere, teach("bad", 50..51));
    assert!(elsewhere.patch_work().is_none() && elsewhere.patch_memory().is_none());
}

thread_local! {
    /// Work that lies there until the test does it.
    static WORK: RefCell<Vec<Work>> = const { RefCell::new(Vec::new()) };
}

#[test]
fn a_station_goes_on_while_patches_are_made() {
    let model = ModelId::of(&backbone());
    let store = DiskStore::new(Arc::new(MemoryDisk::default()), "memory");
    let persistent = PersistentLearner::open(store, &model).unwrap();
    let persistent = persistent.looking_with(backbone()).unwrap();
    let (policy, timings) = (Policy::default(), BTreeMap::new());
    let mut station = Station::new(persistent, "test", &policy, Vec::new(), None, &timings);
    station.set_workers(|work| WORK.with_borrow_mut(|all| all.push(work)));
    let mut effects = Effects::default();
    let mut number = 0;
    let mut sees = |station: &mut Station<_, _>, effects: &mut Effects| {
        number += 1;
        let now = Timestamp(number * 1_000_000);
        station.frame(frame(number, SyntheticScene::Good).taken_at(now), now, || now, effects);
        now
    };
    for _ in 0..3 {
        let now = sees(&mut station, &mut effects);
        let teach = Teach { class: "good".to_owned(), count: 1, any: true };
        station.request(Ticket(1), teach.into(), now, &mut effects);
        sees(&mut station, &mut effects);
    }
    assert_eq!(effects.answers.len(), 3);
    assert!(effects.answers.iter().all(|(_, answer)| answer.is_ok()));
    assert!(station.learner().patch_memory().is_none(), "nothing was made yet");
    assert!(effects.classifications.len() >= 4, "frames are judged all the same");
    let mut turns = 0;
    while let Some(work) = WORK.with_borrow_mut(Vec::pop) {
        assert!(WORK.with_borrow(Vec::is_empty), "one at a time");
        work();
        sees(&mut station, &mut effects);
        turns += 1;
    }
    assert_eq!(turns, 2, "the first was begun with one example");
    let whole = Snapshot::of(station.learner(), model);
    let wanted = whole.into_learner(Examples::DEFAULT_BUDGET).unwrap();
    assert_eq!(station.learner().patch_memory(), wanted.patch_memory());
    assert!(wanted.patch_memory().is_some());
    // Work that is dropped is asked for again.
    station.request(Ticket(2), UndoTaught.into(), Timestamp(1), &mut effects);
    sees(&mut station, &mut effects);
    assert_eq!(WORK.with_borrow_mut(std::mem::take).len(), 1);
    sees(&mut station, &mut effects);
    assert_eq!(WORK.with_borrow(Vec::len), 1);
}
