//! Packs that are pushed to a station: signed, unsigned, altered, sent again, over a restart and on a bad card.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldtune::backbone::{ExtractError, FeatureSource};
use fieldtune::board::policy::Policy;
use fieldtune::device::controller::{Effects, Station, Ticket, View, ViewLearner};
use fieldtune::image::frame::{Frame, Region, Timestamp};
use fieldtune::image::picture;
use fieldtune::learn::command::{Command, Reply};
use fieldtune::learn::engine::Engine;
use fieldtune::learn::learner::Learner;
use fieldtune::protocol::request::{self, Answer, Refused, Request};
use fieldtune::store::persistent::{self, PersistentLearner};
use fieldtune::store::signed::{PrivateKey, Signature};
use fieldtune::store::snapshot::{ModelId, Snapshot};
use fieldtune::store::{DiskStore, Store as _};

use crate::common::disk;

use disk::{Card, Health};

/// The first pixel as a feature.
#[derive(Debug)]
struct Pixel;

impl FeatureSource for Pixel {
    fn dim(&self) -> usize {
        3
    }

    fn feature(&mut self, frame: &Frame) -> Result<Vec<f32>, ExtractError> {
        Ok(frame.pixels()[..3].iter().map(|&value| f32::from(value)).collect())
    }
}

struct Line {
    station: Station<Pixel, DiskStore>,
}

fn model() -> ModelId {
    ModelId { name: "pixel".to_owned(), fingerprint: [3; 32], dim: 3 }
}

fn persistent_of(
    learner: Learner,
    store: DiskStore,
) -> PersistentLearner<Engine<Pixel>, DiskStore> {
    PersistentLearner::new(Engine::new(Pixel, learner).expect("three values"), store, model())
        .expect("the same backbone")
}

impl Line {
    /// Starts a device on that card.
    fn start(card: &Arc<Card>, trusted: &[&PrivateKey]) -> Self {
        let mut store = DiskStore::new(card.clone(), "card");
        let learner = match store.load().expect("it can be read") {
            Some(learned) => learned.into_learner(1 << 20).expect("it was stored"),
            None => persistent::empty(&model()).expect("three values"),
        };
        let persistent = persistent_of(learner, store);
        let (policy, timings) = (Policy::default(), BTreeMap::new());
        let mut station = Station::new(persistent, "test", &policy, Vec::new(), None, &timings);
        station.set_trusted_keys(trusted.iter().map(|key| key.public()).collect());
        Self { station }
    }

    fn push(&mut self, pack: &[u8]) -> Result<Answer, String> {
        self.send(pack, false)
    }

    fn send(&mut self, pack: &[u8], merge: bool) -> Result<Answer, String> {
        let mut effects = Effects::default();
        let request = Request::Push(request::Push { learned: pack.to_vec(), merge });
        self.station.request(Ticket(1), request, Timestamp(5), &mut effects);
        let (_, answer) = effects.answers.pop().expect("it answers at once");
        answer.map_err(|Refused(why)| why)
    }

    fn classes(&self) -> Vec<String> {
        self.station.learner().classes().values().map(|name| name.as_str().to_owned()).collect()
    }
}

/// A pack that knows that class.
fn pack(class: &str) -> Vec<u8> {
    use fieldtune::learn::command::{NewExample, TeachExamples};
    let mut learner = persistent::empty(&model()).expect("three values");
    let example = NewExample::new(vec![1.0, 2.0, 3.0], "test");
    let teach = TeachExamples { class: class.to_owned(), examples: vec![example] };
    Command::Teach(teach).apply(&mut learner, Timestamp(1)).expect("it is a class");
    Snapshot::of(&learner, model()).encode()
}

fn pushed(signature: Signature) -> Result<Answer, String> {
    Ok(Answer::Pushed { signature })
}

fn key(seed: u8) -> PrivateKey {
    PrivateKey::new([seed; 32])
}

#[test]
fn without_trusted_keys_every_whole_pack_is_accepted() {
    let card = Arc::new(Card::default());
    let mut line = Line::start(&card, &[]);
    assert_eq!(line.push(&pack("plain")), pushed(Signature::None));
    let signed = key(1).sign(&pack("signed"), Timestamp(100));
    for _ in 0..2 {
        assert_eq!(line.push(&signed), pushed(Signature::Unchecked));
        assert_eq!(line.classes(), ["signed"]);
    }
    let mut altered = signed.clone();
    *altered.last_mut().expect("it is not empty") ^= 1;
    let why = line.push(&altered).expect_err("it was changed");
    assert!(why.contains("changed after it was signed"), "{why}");
}

#[test]
fn with_trusted_keys_each_wrong_pack_has_its_own_message() {
    let card = Arc::new(Card::default());
    let (mine, second, stranger) = (key(1), key(2), key(3));
    let mut line = Line::start(&card, &[&mine, &second]);
    let signed = mine.sign(&pack("first"), Timestamp(3_000_000));
    assert_eq!(line.push(&signed), pushed(Signature::Trusted));
    assert_eq!(line.classes(), ["first"]);

    let plain = pack("plain");
    let mut altered = mine.sign(&plain, Timestamp(9_000_000));
    *altered.last_mut().expect("it is not empty") ^= 1;
    let mut later = mine.sign(&plain, Timestamp(1_000_000));
    later[17] = 1;
    let other_model = {
        let mut model = model();
        model.fingerprint = [9; 32];
        let learner = persistent::empty(&model).expect("three values");
        mine.sign(&Snapshot::of(&learner, model).encode(), Timestamp(9_000_000))
    };
    let wrong: [(&str, &[u8], &str); 9] = [
        ("empty", &[], "not signed"),
        ("unsigned", &plain, "not signed"),
        (
            "of a stranger",
            &stranger.sign(&plain, Timestamp(9_000_000)),
            "not in the board's trusted_keys",
        ),
        ("altered", &altered, "changed after it was signed"),
        ("its time changed", &later, "changed after it was signed"),
        ("the same again", &signed, "accepted before"),
        ("signed at the same time", &second.sign(&plain, Timestamp(3_000_000)), "accepted before"),
        ("older", &second.sign(&plain, Timestamp(1_000_000)), "signed 2 s before the last"),
        ("no pack inside", &mine.sign(b"junk", Timestamp(9_000_000)), "not a file of fieldtune"),
    ];
    for (name, bytes, wanted) in wrong {
        let why = line.push(bytes).expect_err(name);
        assert!(why.contains(wanted), "{name}: {why}");
        assert_eq!(line.classes(), ["first"], "{name}");
    }
    let why = line.push(&other_model).expect_err("of another backbone");
    assert!(why.contains("uses pixel"), "{why}");
    // None of those used the time up.
    let next = second.sign(&pack("next"), Timestamp(3_000_001));
    assert_eq!(line.push(&next), pushed(Signature::Trusted));
    assert_eq!(line.classes(), ["next"]);
}

#[test]
fn a_pack_is_taken_once_also_over_a_restart() {
    let card = Arc::new(Card::default());
    let mine = key(1);
    let packs = [1, 2].map(|time| mine.sign(&pack(&format!("pack-{time}")), Timestamp(time)));
    for pack in &packs {
        let mut line = Line::start(&card, &[&mine]);
        assert_eq!(line.push(pack), pushed(Signature::Trusted));
    }
    for pack in &packs {
        let mut line = Line::start(&card, &[&mine]);
        line.push(pack).expect_err("it was taken before");
        assert_eq!(line.classes(), ["pack-2"]);
    }
}

#[test]
fn a_full_card_neither_repeats_nor_uses_up_a_pack() {
    let card = Arc::new(Card::default());
    let health = |health| *card.health.lock().expect("no test panics with it") = health;
    let mine = key(1);
    let mut line = Line::start(&card, &[&mine]);
    let first = mine.sign(&pack("first"), Timestamp(10));
    health(Health::Full);
    let why = line.push(&first).expect_err("it cannot be put in place");
    assert!(why.contains("change rolled back") && line.classes().is_empty(), "{why}");
    health(Health::Fine);
    assert_eq!(line.push(&first), pushed(Signature::Trusted), "it was not used up");
    line.push(&first).expect_err("now it was");
    let second = mine.sign(&pack("second"), Timestamp(11));
    health(Health::Full);
    line.push(&second).expect_err("it cannot be put in place");
    health(Health::Fine);
    line.push(&mine.sign(&pack("older"), Timestamp(9))).expect_err("older than the last");
    assert_eq!(line.push(&second), pushed(Signature::Trusted));
}

#[test]
fn a_merged_pack_is_accepted_once_too() {
    let card = Arc::new(Card::default());
    let mine = key(1);
    let mut line = Line::start(&card, &[&mine]);
    let first = mine.sign(&pack("first"), Timestamp(10));
    assert_eq!(line.push(&first), pushed(Signature::Trusted));
    let refused = line.send(&pack("plain"), true).expect_err("nobody signed it");
    assert!(refused.contains("not signed"), "{refused}");
    // The same example, of a class whose name comes first.
    let second = mine.sign(&pack("arc"), Timestamp(11));
    let merged = line.send(&second, true).expect("it is signed and new");
    assert!(matches!(merged, Answer::Reply(Reply::Merged { disputed: 1, .. })), "{merged:?}");
    assert_eq!(line.classes(), ["first", "arc"]);
    line.send(&second, true).expect_err("it was taken before");
    // Nothing new is in it, and it is used up all the same.
    let third = mine.sign(&pack("arc"), Timestamp(12));
    line.send(&third, true).expect("it is signed and new");
    line.send(&third, true).expect_err("it was taken before");
    let mut line = Line::start(&card, &[&mine]);
    line.push(&third).expect_err("it was taken before the restart");
}

/// Asks, and gets the answer that comes at once.
fn asked(station: &mut Station<Pixel, DiskStore>, request: Request) -> Result<Answer, String> {
    let mut effects = Effects::default();
    station.request(Ticket(1), request, Timestamp(5), &mut effects);
    let (_, answer) = effects.answers.pop().expect("it answers at once");
    answer.map_err(|Refused(why)| why)
}

/// Two views, each with a learner of its own.
fn halves() -> Vec<View> {
    (0..)
        .zip(["left", "right"])
        .map(|(at, name)| View::new(Some(name), Region::Whole, at))
        .collect()
}

#[test]
fn a_signed_pack_is_accepted_once_across_regions() {
    let view = |name: &str| {
        let store = DiskStore::new(Arc::new(Card::default()), name);
        let persistent = persistent_of(persistent::empty(&model()).expect("three values"), store);
        ViewLearner::new(Some(name), persistent)
    };
    let views = (vec![view("left"), view("right")], halves());
    let (policy, timings) = (Policy::default(), BTreeMap::new());
    let mut station = Station::with_views(views, "test", &policy, Vec::new(), None, &timings);
    station.set_trusted_keys(vec![key(1).public()]);
    let mut push = |region: &str, learned: &[u8]| {
        let push = Request::Push(request::Push { learned: learned.to_vec(), merge: false });
        asked(
            &mut station,
            Request::Of(request::Of { region: region.to_owned(), request: Box::new(push) }),
        )
    };
    let (first, second) =
        (key(1).sign(&pack("a"), Timestamp(100)), key(1).sign(&pack("b"), Timestamp(200)));
    assert_eq!(push("left", &second), pushed(Signature::Trusted));
    for (region, pack) in [("right", &second), ("right", &first), ("left", &second)] {
        push(region, pack).expect_err("it is no newer than what the device took");
    }
    let third = key(1).sign(&pack("c"), Timestamp(300));
    assert_eq!(push("right", &third), pushed(Signature::Trusted));
}

#[test]
fn at_a_locked_port_only_what_taught_is_taken_back() {
    let card = Arc::new(Card::default());
    let mut line = Line::start(&card, &[]);
    line.push(&pack("plain")).expect("it is whole");
    let image = |station: &mut Station<Pixel, DiskStore>| {
        let frame = Frame::new(4, 4, vec![9; 48], Timestamp(0)).expect("16 pixels");
        let image = picture::png(&frame);
        asked(station, Request::TeachImage(request::TeachImage { class: "new".to_owned(), image }))
    };
    let undo = |station: &mut Station<Pixel, DiskStore>| {
        asked(station, Request::UndoTaught(request::UndoTaught))
    };
    let forget = Request::Forget(request::Forget::Class("new".to_owned()));
    let station = &mut line.station;
    undo(station).expect_err("a push is not taken back");
    (0..2).for_each(|_| drop(image(station).expect("it is a picture")));
    undo(station).expect("it taught");
    undo(station).expect("it taught, too");
    undo(station).expect_err("there is nothing more that taught");
    image(station).expect("it is a picture");
    asked(station, forget).expect("there is that class");
    let why = undo(station).expect_err("it took something away");
    assert!(why.contains("unlock PIN"), "{why}");
    asked(station, Request::Undo(request::Undo)).expect("with the PIN");
    assert!(line.classes().contains(&"new".to_owned()));
}

#[test]
fn views_are_set_in_every_region_or_in_none() {
    let cards = [Arc::new(Card::default()), Arc::new(Card::default())];
    let view = |(name, card): (&str, &Arc<Card>)| {
        let store = DiskStore::new(card.clone(), name);
        let persistent = persistent_of(persistent::empty(&model()).expect("three values"), store);
        ViewLearner::new(Some(name), persistent)
    };
    let views = (["left", "right"].into_iter().zip(&cards).map(view).collect(), halves());
    let (policy, timings) = (Policy::default(), BTreeMap::new());
    let mut station = Station::with_views(views, "test", &policy, Vec::new(), None, &timings);
    let mut set = |value: &str| {
        let (name, value) = ("views".to_owned(), value.to_owned());
        asked(&mut station, Request::Set(request::Set { name, value }))
    };
    let kept = || {
        cards.each_ref().map(|card| {
            let mut store = DiskStore::new(card.clone(), "card");
            persistent::views(&mut store).expect("it can be read").to_string()
        })
    };
    set("usual,flipped").expect("there is room");
    *cards[1].health.lock().expect("no test panics with it") = Health::Full;
    let why = set("none").expect_err("the second card is full");
    assert!(why.contains("change rolled back"), "{why}");
    *cards[1].health.lock().expect("no test panics with it") = Health::Fine;
    assert_eq!(kept(), ["usual,flipped", "usual,flipped"]);
}
