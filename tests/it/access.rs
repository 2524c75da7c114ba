//! Who may do what: every request at every level, PINs, what the log is told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use fieldtune::image::frame::{Region, Timestamp};
use fieldtune::learn::head::{ExampleId, HeadKind};
use fieldtune::protocol::access::{Access, Gate, Guard, Need, PinLockout};
use fieldtune::protocol::log::Level;
use fieldtune::protocol::pin::{Pin, PinHash};
use fieldtune::protocol::request::{self, Answer, Refused, Request, RequestHandler};
use fieldtune::protocol::session::Session;
use fieldtune::protocol::wire::{self, Decoder, Kind, Piece, WireFrame};

use crate::common::device;

use device::{FakeDevice, Kept};

mod log;

const SECOND: u64 = 1_000_000;
const RELOCK: u64 = 600 * SECOND;
const RIGHT: &str = "8246-x";

/// A device with a PIN, its clock, its log; ports are opened on it.
#[derive(Clone)]
struct House {
    now: Arc<AtomicU64>,
    log: Arc<Mutex<Vec<String>>>,
    pin: Arc<PinHash>,
    lockout: Arc<Mutex<PinLockout>>,
}

impl House {
    fn new() -> Self {
        let pin = PinHash::of(&Pin::new(RIGHT).expect("a PIN")).expect("random bytes");
        let now = Arc::new(AtomicU64::new(1000 * SECOND));
        Self { now, log: Arc::default(), pin: Arc::new(pin), lockout: Arc::default() }
    }

    fn port(&self, name: &str, access: Access) -> Gate<'static, FakeDevice> {
        let guard = Guard {
            port: name.to_owned(),
            access,
            pin: Some(Arc::clone(&self.pin)),
            relock_micros: RELOCK,
            lockout: Arc::clone(&self.lockout),
        };
        let (now, log) = (Arc::clone(&self.now), Arc::clone(&self.log));
        Gate::new(
            FakeDevice::new(),
            guard,
            move || Timestamp(now.load(Ordering::SeqCst)),
            move |level: Level, text: &str| {
                log.lock().expect("no test panics with it").push(format!("{level:?} {text}"));
            },
        )
    }

    fn pass(&self, micros: u64) {
        self.now.fetch_add(micros, Ordering::SeqCst);
    }

    /// What was written since it was asked last.
    fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().expect("no test panics with it"))
    }
}

fn ask(gate: &mut Gate<FakeDevice>, request: Request) -> Result<Answer, String> {
    gate.handle(request, &mut |_| true).map_err(|Refused(why)| why)
}

fn unlock(pin: &str) -> Request {
    Request::Unlock(request::Unlock { pin: Pin::new(pin).expect("a PIN") })
}

fn forget() -> Request {
    Request::Forget(request::Forget::Everything)
}

/// Every request and what it needs.
fn requests() -> Vec<(Request, Need)> {
    use Need::{Change, Look, Teach};
    let name = || "good".to_owned();
    let commands: Vec<(Request, Need)> = vec![
        (request::Undo.into(), Teach),
        (request::Forget::Class(name()).into(), Change),
        (request::Forget::Examples(vec![ExampleId(1)]).into(), Change),
        (request::Forget::Everything.into(), Change),
        (request::Relabel { examples: vec![ExampleId(1)], class: name() }.into(), Change),
        (request::Rename { from: name(), to: "fine".to_owned() }.into(), Change),
        (request::Classes.into(), Look),
        (request::ListExamples { class: None }.into(), Look),
        (request::GetStatus.into(), Look),
        (request::SetHead { kind: None }.into(), Look),
        (request::SetHead { kind: Some(HeadKind::Lda) }.into(), Change),
        (request::SetThreshold::default().into(), Look),
        (request::SetThreshold { confidence: Some(0.5), ..Default::default() }.into(), Change),
        (request::SetThreshold { novelty: Some(2.0), ..Default::default() }.into(), Change),
        (request::SetThreshold { false_reject: Some(0.1), ..Default::default() }.into(), Change),
    ];
    let rest = vec![
        (Request::Teach(request::Teach { class: name(), count: 1, any: false }), Teach),
        (Request::Burst(request::Burst { class: name(), millis: 100, any: false }), Teach),
        (Request::TeachImage(request::TeachImage { class: name(), image: vec![1] }), Teach),
        (Request::TeachFrames(request::TeachFrames { class: name(), frames: vec![1] }), Teach),
        (Request::Recent(request::Recent { unsure_first: true }), Look),
        (Request::RecentFew(request::RecentFew { unsure_first: true, most: 1 }), Look),
        (Request::RecentPicture(request::RecentPicture { frame: 1 }), Look),
        (Request::ExamplePicture(request::ExamplePicture { example: 1 }), Look),
        (Request::Classify(request::Classify { image: vec![1] }), Look),
        (Request::Snap(request::Snap), Look),
        (Request::Explain(request::Explain::default()), Look),
        (Request::Adapt(request::Adapt { frames: None, r#try: true }), Look),
        (Request::Adapt(request::Adapt { frames: Some(20), r#try: false }), Change),
        (Request::EndAdapt(request::EndAdapt), Change),
        (Request::Finetune(request::Finetune { depth: None, r#try: true }), Change),
        (Request::EndFinetune(request::EndFinetune), Change),
        (Request::Follow(request::Follow { on: None }), Look),
        (Request::Follow(request::Follow { on: Some(true) }), Change),
        (Request::Watch(request::Watch(true)), Look),
        (Request::Watch(request::Watch(false)), Look),
        (Request::SetRegion(request::SetRegion(None)), Look),
        (Request::SetRegion(request::SetRegion(Some(Region::Whole))), Change),
        (Request::Regions(request::Regions), Look),
        (Request::UndoTaught(request::UndoTaught), Teach),
        (Request::UndoTeach(request::UndoTeach { examples: vec![ExampleId(1)] }), Teach),
        (Request::EndBurst(request::EndBurst { class: name() }), Teach),
        (Request::Inbox(request::Inbox), Look),
        (Request::InboxPicture(request::InboxPicture { id: 1 }), Look),
        (Request::InboxAssign(request::InboxAssign { class: name(), frames: vec![1] }), Teach),
        (Request::InboxDrop(request::InboxDrop::Frames(vec![1])), Teach),
        (Request::InboxDrop(request::InboxDrop::All), Teach),
        (Request::Confusion(request::Confusion), Look),
        (Request::TryThreshold(request::TryThreshold::default()), Look),
        (Request::GetPolicy(request::GetPolicy), Look),
        (Request::SavePolicy(request::SavePolicy { text: name(), revision: None }), Change),
        (of_left(Request::Pull(request::Pull)), Look),
        (of_left(Request::Teach(request::Teach { class: name(), count: 1, any: false })), Teach),
        (of_left(Request::Forget(request::Forget::Everything)), Change),
        (of_left(of_left(Request::Pull(request::Pull))), Change),
        (Request::Outputs(request::Outputs), Look),
        (Request::SetOutput(request::SetOutput { name: "red".to_owned(), on: true }), Change),
        (Request::TestOutput(request::TestOutput { name: "red".to_owned() }), Change),
        (Request::Save(request::Save { name: None }), Change),
        (Request::Generations(request::Generations), Look),
        (Request::Diff(request::Diff { from: 1, to: None }), Look),
        (Request::RollBack(request::RollBack { generation: 1 }), Change),
        (Request::DropGeneration(request::DropGeneration { generation: 1 }), Change),
        (Request::Log(request::Log { lines: 1 }), Look),
        (Request::Settings(request::Settings), Look),
        (
            Request::Set(request::Set { name: "smoothing".to_owned(), value: "3".to_owned() }),
            Change,
        ),
        (Request::Version(request::Version), Look),
        (Request::Restart(request::Restart), Change),
        (Request::Pull(request::Pull), Look),
        (Request::Push(request::Push { learned: vec![1], merge: false }), Change),
        (Request::Lock(request::Lock), Look),
        (unlock(RIGHT), Look),
    ];
    commands.into_iter().chain(rest).collect()
}

fn of_left(request: Request) -> Request {
    Request::Of(request::Of { region: "left".to_owned(), request: Box::new(request) })
}

#[test]
fn the_table_of_this_test_has_every_request() {
    let shown: Vec<String> = requests().iter().map(|(request, _)| format!("{request:?}")).collect();
    assert!(Request::NAMES.len() >= 38, "{:?}", Request::NAMES);
    for name in Request::NAMES {
        let begins = |text: &String| {
            let rest = text.strip_prefix(name);
            rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        };
        assert!(shown.iter().any(begins), "{name} is missing in this test");
    }
}

#[test]
fn every_request_passes_or_is_refused_at_every_access_level() {
    let house = House::new();
    let mut failures = Vec::new();
    for (request, wanted) in requests() {
        if request.need() != wanted {
            failures.push(format!("{request:?} needs {:?}, not {wanted:?}", request.need()));
        }
        for (access, unlocked) in [
            (Access::Full, false),
            (Access::Locked, false),
            (Access::Locked, true),
            (Access::ReadOnly, false),
        ] {
            // The gate answers these itself.
            if matches!(request, Request::Unlock(_) | Request::Lock(_)) {
                continue;
            }
            let mut gate = house.port("a", access);
            if unlocked {
                ask(&mut gate, unlock(RIGHT)).expect("it is the PIN");
            }
            let why = match (access, unlocked, wanted) {
                (Access::Locked, false, Need::Change) => "unlock PIN",
                (Access::ReadOnly, _, Need::Teach | Need::Change) => "read-only",
                _ => "",
            };
            let result = ask(&mut gate, request.clone());
            let asked = gate.device().asked.len();
            let refusal = result.err().unwrap_or_default();
            let is_right = match why {
                "" => asked == 1 && !refusal.contains("this port"),
                why => asked == 0 && refusal.contains(why),
            };
            if !is_right {
                let how = format!("{access:?}, unlocked {unlocked}");
                failures.push(format!("{request:?} at {how}: asked {asked}, {refusal:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn a_pin_unlocks_one_port_until_lock_timeout_or_reopening() {
    let house = House::new();
    let (mut one, mut other) =
        (house.port("one", Access::Locked), house.port("two", Access::Locked));
    let is_open = |gate: &mut Gate<FakeDevice>| ask(gate, forget()).is_ok();
    assert!(!is_open(&mut one));
    assert_eq!(ask(&mut one, unlock(RIGHT)), Ok(Answer::Done));
    assert!(is_open(&mut one) && !is_open(&mut other), "the other one stays locked");
    assert_eq!(ask(&mut one, request::Lock.into()), Ok(Answer::Done));
    assert!(!is_open(&mut one));
    assert_eq!(
        house.log(),
        ["Info one: unlocked", "Info one: forgot 0 examples", "Info one: locked"]
    );

    ask(&mut one, unlock(RIGHT)).expect("it is the PIN");
    // Any request is one: whoever looks is there.
    for _ in 0..5 {
        house.pass(RELOCK - 1);
        ask(&mut one, Request::Version(request::Version)).expect("to look is always allowed");
    }
    assert!(is_open(&mut one));
    house.pass(RELOCK);
    assert!(!is_open(&mut one), "nobody asked for 10 minutes");
    let log = house.log();
    assert_eq!(
        log.last().map(String::as_str),
        Some("Info one: locked again, after 10 min without a request")
    );

    ask(&mut one, unlock(RIGHT)).expect("it is the PIN");
    one.opened();
    assert!(!is_open(&mut one), "somebody else may be there now");
    assert!(house.log().concat().contains("locked again: the port was reopened"));
}

#[test]
fn a_locked_port_asks_to_take_back_only_what_taught() {
    let house = House::new();
    let undo = || Request::Undo(request::Undo);
    let asked = |pin: Option<&str>, request| {
        let mut gate = house.port("a", Access::Locked);
        pin.into_iter().for_each(|pin| drop(ask(&mut gate, unlock(pin))));
        ask(&mut gate, request).expect("there is nothing to take back");
        gate.device().asked.concat()
    };
    assert_eq!(asked(Some(RIGHT), undo()), "Undo");
    assert_eq!(asked(None, undo()), "UndoTaught");
    assert_eq!(asked(None, of_left(undo())), "UndoTaught");
}

#[test]
fn a_status_tells_how_the_port_is() {
    let house = House::new();
    let how = |gate: &mut Gate<FakeDevice>| {
        let status = Request::GetStatus(request::GetStatus);
        match ask(gate, status) {
            Ok(Answer::Status { device, .. }) => device.last().cloned().map(|(_, how)| how),
            other => panic!("{other:?}"),
        }
    };
    for (access, wanted) in [
        (Access::Full, None),
        (Access::Locked, Some("locked")),
        (Access::ReadOnly, Some("read-only")),
    ] {
        let mut gate = house.port("a", access);
        assert_eq!(how(&mut gate).as_deref(), wanted);
    }
    let mut gate = house.port("a", Access::Locked);
    ask(&mut gate, unlock(RIGHT)).expect("it is the PIN");
    assert_eq!(how(&mut gate).as_deref(), Some("unlocked"));
}

#[test]
fn full_and_read_only_ports_take_no_pin() {
    let house = House::new();
    let mut full = house.port("full", Access::Full);
    assert_eq!(ask(&mut full, unlock("wrong")), Ok(Answer::Done));
    assert_eq!(ask(&mut full, unlock(RIGHT)), Ok(Answer::Done));
    let mut read_only = house.port("read-only", Access::ReadOnly);
    for pin in ["wrong", RIGHT] {
        let why = ask(&mut read_only, unlock(pin)).expect_err("no PIN unlocks it");
        assert!(why.contains("no PIN unlocks it"), "{why}");
    }
    ask(&mut read_only, forget()).expect_err("it is read-only still");
    assert_eq!(house.log(), [""; 0]);
}

#[test]
fn wrong_pins_delay_every_port_and_none_is_checked_meanwhile() {
    let house = House::new();
    let (mut one, mut other) =
        (house.port("one", Access::Locked), house.port("two", Access::Locked));
    for (number, seconds) in (1..).zip([1u64, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]) {
        let gate = if number % 2 == 0 { &mut one } else { &mut other };
        let why = ask(gate, unlock("wrong")).expect_err("it is wrong");
        assert!(why.starts_with("wrong PIN; "), "{why}");
        house.pass(seconds * SECOND - 1);
        for gate in [&mut one, &mut other] {
            // The right one is refused, too: it is not looked at.
            let why = ask(gate, unlock(RIGHT)).expect_err("it is too soon");
            assert!(why.contains("no PIN is accepted for another 1 s"), "{why}");
        }
        let log = house.log();
        assert_eq!(log.len(), 2, "it is told once: {log:?}");
        assert!(log[0].contains(&format!("wrong PIN, number {number}; ")), "{log:?}");
        assert!(log[1].starts_with("Warning one: locked out: ") && log[0].starts_with("Warning"));
        house.pass(1);
    }
    // The line goes on meanwhile.
    ask(
        &mut one,
        Request::Teach(request::Teach { class: "good".to_owned(), count: 1, any: false }),
    )
    .expect("always allowed");
    assert_eq!(ask(&mut other, unlock(RIGHT)), Ok(Answer::Done));
    let why = ask(&mut one, unlock("wrong")).expect_err("it is wrong");
    assert!(why.ends_with("in 1 s"), "it begins anew: {why}");
}
