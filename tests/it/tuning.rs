//! A device that fine-tunes itself: beside its work, kept where it helps, in use at once, taken back by a checkpoint.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use fieldtune::backbone::card::ModelCard;
use fieldtune::backbone::{BackboneFiles, Extractor};
use fieldtune::board::BOARDS;
use fieldtune::board::policy::Policy;
use fieldtune::device::controller::{Background, Effects, Station, Ticket, Work};
use fieldtune::image::frame::{Frame, Timestamp};
use fieldtune::image::picture;
use fieldtune::protocol::request::{
    Answer, Classification, Classify, EndFinetune, FineTuning, Finetune, Generations, GetStatus,
    Inbox, InboxAssign, Request, RollBack, TeachImage, Version,
};
use fieldtune::store::persistent::PersistentLearner;
use fieldtune::store::snapshot::ModelId;
use fieldtune::store::tail::tail_of;
use fieldtune::store::{DiskStore, MemoryDisk, Store as _};

use crate::common::desk::text;
use crate::common::process::{DRAWN, Device};
use crate::common::{data, fieldtune};
use crate::finetune::{drawn, stripes};

/// The network of the tests.
fn tiny() -> BackboneFiles {
    let path = data("tiny.toml");
    let card = ModelCard::read_card(&path).expect("it is in the repository");
    let onnx = card.network(path.parent()).expect("it lies beside its card");
    BackboneFiles { onnx, name: card.name, spec: card.spec }
}

/// As a device on that disk would start.
fn started(disk: &Arc<MemoryDisk>) -> Station<Extractor, DiskStore> {
    let mut store = DiskStore::new(disk.clone(), "memory");
    store.load().expect("it is sound");
    let kept = tail_of(&mut store).expect("it is sound");
    let source = tiny().load(kept.as_ref().map(|kept| &kept.tail)).expect("it is a network");
    let persistent = PersistentLearner::open(store, &ModelId::of(&source)).expect("it is sound");
    let persistent = persistent.looking_with(source).expect("the same backbone");
    let (policy, timings) = (Policy::default(), BTreeMap::new());
    Station::new(persistent, "test", &policy, Vec::new(), None, &timings)
}

/// Bytes of a hundred pictures.
const ROOM: u64 = 4 << 20;

/// A station whose long work lies there until the test does it.
struct Line {
    station: Station<Extractor, DiskStore>,
    disk: Arc<MemoryDisk>,
    work: Arc<Mutex<Vec<Work>>>,
    now: u64,
}

impl Line {
    fn taught(each: u64) -> Self {
        let disk = Arc::new(MemoryDisk::default());
        let (station, work) = (started(&disk), Arc::default());
        let mut line = Self { station, disk, work, now: 1_000_000 };
        line.has_room(|| ROOM, Path::new("/proc/none"));
        for seed in 0..2 * each {
            line.teach(seed);
        }
        line
    }

    fn has_room(&mut self, room: fn() -> u64, scratch: &Path) {
        let (read, later) = (Arc::new(|| Ok(tiny())), Arc::clone(&self.work));
        let later = move |work| later.lock().expect("no test panics with it").push(work);
        self.station.set_background(Background::new(read, later, room, scratch));
    }

    fn teach(&mut self, seed: u64) {
        let lying = seed % 2 == 1;
        let class = if lying { "lying" } else { "standing" }.to_owned();
        let image = picture::png(&stripes(lying, seed));
        let taught = self.ask(Request::TeachImage(TeachImage { class, image }));
        assert!(matches!(taught.expect("it is learned").plain(), Answer::Reply(_)));
    }

    /// What a request answers at once.
    fn ask(&mut self, request: Request) -> Result<Answer, String> {
        let mut effects = Effects::default();
        self.station.request(Ticket(9), request, Timestamp(self.now), &mut effects);
        effects.answers.pop().expect("it answers at once").1.map_err(|refused| refused.0)
    }

    /// The frames that wait for a person.
    fn inbox(&mut self) -> Vec<u64> {
        match self.ask(Inbox.into()) {
            Ok(Answer::Inbox(frames)) => frames.iter().map(|frame| frame.id).collect(),
            other => panic!("inbox answers Inbox, not {other:?}"),
        }
    }

    /// Time goes on, with a frame; what it brought about.
    fn goes_on(&mut self, effects: &mut Effects) {
        self.sees(stripes(true, 77), effects);
    }

    fn sees(&mut self, frame: Frame, effects: &mut Effects) {
        self.now += 600_000;
        let now = Timestamp(self.now);
        self.station.tick(now, effects);
        let before = effects.classifications.len();
        let frame = frame.taken_at(now);
        self.station.frame(frame, now, || now, effects);
        assert_eq!(effects.classifications.len(), before + 1, "every frame is classified");
    }

    fn begin(&mut self, is_trial: bool) -> Effects {
        let mut effects = Effects::default();
        let request = Finetune { depth: None, r#try: is_trial };
        self.station.request(Ticket(1), request.into(), Timestamp(self.now), &mut effects);
        effects
    }

    /// Until the long work lies there.
    fn begun(&mut self, is_trial: bool) -> Effects {
        let mut effects = self.begin(is_trial);
        for _ in 0..100 {
            if !self.work.lock().expect("no test panics with it").is_empty() {
                assert!(effects.answers.is_empty(), "{:?}", effects.answers);
                return effects;
            }
            self.goes_on(&mut effects);
        }
        panic!("it never begins: {:?}", effects.answers)
    }

    /// As a start after a power cut would find it.
    fn restarted(&self) -> Station<Extractor, DiskStore> {
        started(&Arc::new(MemoryDisk::new(self.disk.content())))
    }

    fn work(&self) -> Work {
        self.work.lock().expect("no test panics with it").pop().expect("it was begun")
    }

    /// The answer, once the work is done.
    fn answer(&mut self, mut effects: Effects) -> Result<Answer, String> {
        (self.work())();
        self.goes_on(&mut effects);
        let (ticket, answer) = effects.answers.pop().expect("it is done");
        assert_eq!(ticket, Ticket(1));
        answer.map_err(|refused| refused.0)
    }

    fn tuned(&mut self, is_trial: bool) -> FineTuning {
        let effects = self.begun(is_trial);
        match self.answer(effects) {
            Ok(Answer::FineTuned(tuning)) => *tuning,
            other => panic!("finetune answers FineTuned, not {other:?}"),
        }
    }

    fn model(&mut self) -> String {
        match self.ask(Version.into()) {
            Ok(Answer::Version { model, .. }) => model,
            other => panic!("version answers Version, not {other:?}"),
        }
    }

    fn figure(&mut self, wanted: &str) -> Option<String> {
        let Ok(Answer::Status { device, .. }) = self.ask(GetStatus.into()) else {
            panic!("status answers Status")
        };
        device.into_iter().find(|(name, _)| name == wanted).map(|(_, value)| value)
    }
}

fn classified(
    station: &mut Station<Extractor, DiskStore>,
    frame: &Frame,
) -> Option<Classification> {
    let mut effects = Effects::default();
    let classify = Classify { image: picture::png(frame) };
    station.request(Ticket(5), classify.into(), Timestamp(9), &mut effects);
    match effects.answers.pop().expect("it answers at once").1 {
        Ok(Answer::Classified(found)) => found,
        other => panic!("classify answers Classified, not {other:?}"),
    }
}

/// What pictures that were never taught are taken for; and how many are right.
fn others(station: &mut Station<Extractor, DiskStore>) -> (Vec<Option<Classification>>, usize) {
    let kinds = (1000..1040).map(|seed| (seed % 2 == 1, seed));
    let (mut all, mut right) = (Vec::new(), 0);
    for (lying, seed) in kinds {
        let found = classified(station, &stripes(lying, seed));
        let wanted = if lying { "lying" } else { "standing" };
        right += usize::from(found.as_ref().is_some_and(|found| found.best == wanted));
        all.push(found);
    }
    (all, right)
}

#[test]
fn blocks_that_help_are_used_at_once_and_after_restart() {
    let mut line = Line::taught(24);
    let (before, right) = others(&mut line.station);
    let tried = line.tuned(true);
    assert!(
        tried.helps && !tried.applied && (tried.examples, tried.looks) == (48, 48),
        "{tried:?}"
    );
    assert_eq!(line.model(), "tiny");
    assert!(others(&mut line.station).0 == before);
    let told = line.figure("finetuned").expect("it was tried");
    assert!(told.starts_with("fine-tuning would help, nothing was changed: balanced"), "{told}");

    // What waits for a person.
    let mut effects = Effects::default();
    for seed in 300..340 {
        line.sees(stripes(seed % 2 == 1, seed), &mut effects);
    }
    let waiting = line.inbox();
    assert!(!waiting.is_empty());
    let tuned = line.tuned(false);
    assert_eq!(line.inbox(), waiting);
    assert_eq!(tuned, FineTuning { applied: true, ..tried });
    assert_eq!(line.model(), "tiny, fine-tuned");
    let (after, right_after) = others(&mut line.station);
    assert!(right_after > right, "{right} to {right_after} of {}", after.len());
    assert!(others(&mut line.restarted()).0 == after, "as after a start");

    // Teaching goes on, from the inbox too, and so do checkpoints.
    line.teach(500);
    let assign = InboxAssign { class: "lying".to_owned(), frames: waiting[..1].to_vec() };
    line.ask(assign.into()).expect("it is learned");
    assert_eq!(line.inbox(), waiting[1..]);
    let Ok(Answer::Generations(kept)) = line.ask(Generations.into()) else { panic!("generations") };
    let [checkpoint] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!(checkpoint.name, "before finetune");
    let back = RollBack { generation: checkpoint.number };
    assert_eq!(line.ask(back.into()), Ok(Answer::Done));
    assert_eq!(line.model(), "tiny");
    assert!(others(&mut line.station).0 == before);
    assert!(others(&mut line.restarted()).0 == before, "as after a start");
    assert_eq!(line.figure("finetuned"), None);
    line.teach(500);
    line.goes_on(&mut effects);
    // And forth.
    let Ok(Answer::Generations(kept)) = line.ask(Generations.into()) else { panic!("generations") };
    let forth = RollBack { generation: kept[1].number };
    assert_eq!(line.ask(forth.into()), Ok(Answer::Done));
    assert_eq!(line.model(), "tiny, fine-tuned");
    assert!(others(&mut line.restarted()).0 == others(&mut line.station).0);
    line.goes_on(&mut effects);
}

#[test]
fn progress_is_reported_and_a_stop_changes_nothing() {
    let mut line = Line::taught(6);
    let (mut effects, before) = (line.begun(false), others(&mut line.station).0);
    let again = line.begin(false).answers.pop().expect("one goes on").1.expect_err("one goes on");
    assert!(again.0.contains("goes on already: it begins; `finetune stop`"), "{again}");
    // What is half done: the work asks after each step whether to go on.
    let work = line.work();
    let thread = std::thread::spawn(work);
    while effects.answers.is_empty() {
        line.goes_on(&mut effects);
        let told = line.figure("finetuning").unwrap_or_default();
        let is_told = told.is_empty() || told == "it begins" || told.ends_with(" left");
        assert!(is_told, "{told}");
    }
    thread.join().expect("it ends");
    let mine = effects.progress.iter().filter(|(ticket, _)| *ticket == Ticket(1));
    let steps: Vec<u32> = mine.map(|(_, progress)| progress.done).collect();
    assert!(steps.is_sorted() && steps.last() > Some(&0), "{steps:?}");

    let _ = line.begun(false);
    assert_eq!(line.ask(EndFinetune.into()), Ok(Answer::Done));
    (line.work())();
    let mut effects = Effects::default();
    line.goes_on(&mut effects);
    assert!(effects.answers.is_empty() && line.figure("finetuning").is_none());
    assert!(others(&mut line.station).0 == before);
    let none = line.ask(EndFinetune.into()).expect_err("it was stopped");
    assert!(none.contains("no fine-tuning is under way"), "{none}");
}

#[test]
fn what_is_taught_meanwhile_is_never_lost() {
    let mut line = Line::taught(24);
    let effects = line.begun(false);
    line.teach(600);
    let before = others(&mut line.station).0;
    let changed = line.answer(effects).expect_err("something was taught");
    assert!(changed.contains("changed meanwhile, so nothing was fine-tuned"), "{changed}");
    assert_eq!(line.model(), "tiny");
    assert!(others(&mut line.station).0 == before);

    // What an undo and the same again leave behind looks the same by its numbers.
    for seed in 700..740 {
        line.teach(seed);
    }
    let effects = line.begun(false);
    let relabel = |class: &str| {
        Request::Relabel(fieldtune::protocol::request::Relabel {
            examples: vec![fieldtune::learn::head::ExampleId(1)],
            class: class.to_owned(),
        })
    };
    line.ask(relabel("lying")).expect("it is there");
    let changed = line.answer(effects).expect_err("a label was changed");
    assert!(changed.contains("changed meanwhile"), "{changed}");
}

#[test]
fn a_client_that_has_gone_leaves_the_work_behind() {
    let mut line = Line::taught(24);
    let mut effects = line.begun(false);
    line.station.cancel(Ticket(1));
    (line.work())();
    line.goes_on(&mut effects);
    assert!(effects.answers.is_empty());
    let told = &effects.notes.last().expect("it is logged").1;
    assert!(told.starts_with("finetune: fine-tuned: balanced accuracy of 48 looks"), "{told}");
    assert_eq!(line.model(), "tiny, fine-tuned");
}

#[test]
fn what_cannot_be_trained_is_refused_with_the_reason() {
    let mut line = Line::taught(2);
    let effects = line.begun(false);
    let few = line.answer(effects).expect_err("too few");
    assert!(few.contains("two classes with 3 looks each, got 0; teach more"), "{few}");
    let mut deep = Effects::default();
    let request = Finetune { depth: Some(99), r#try: true };
    line.station.request(Ticket(1), request.into(), Timestamp(line.now), &mut deep);
    while line.work.lock().expect("no test panics with it").is_empty() {
        line.goes_on(&mut deep);
    }
    let deep = line.answer(deep).expect_err("there are not so many blocks");
    assert!(deep.contains("depth 99, wanted 1 to"), "{deep}");

    line.station.set_image_side(0);
    line.teach(50);
    let mut effects = line.begin(false);
    while effects.answers.is_empty() {
        line.goes_on(&mut effects);
    }
    let missing = effects.answers[0].1.clone().expect_err("an image is missing").0;
    assert!(missing.starts_with("no image is kept of the examples 5, so nothing"), "{missing}");

    let mut bare = line.restarted();
    let mut effects = Effects::default();
    let request = Finetune { depth: None, r#try: false };
    bare.request(Ticket(1), request.into(), Timestamp(1), &mut effects);
    let why = effects.answers[0].1.clone().expect_err("it has no network").0;
    assert!(why.contains("this device cannot fine-tune itself"), "{why}");
}

#[test]
fn what_memory_cannot_hold_is_put_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    let found = |room: fn() -> u64| {
        let mut line = Line::taught(3);
        line.has_room(room, folder.path());
        let effects = line.begun(true);
        line.answer(effects).expect("there is room on the disk")
    };
    let (in_memory, aside) = (found(|| ROOM), found(|| 1000));
    assert_eq!(format!("{in_memory:?}"), format!("{aside:?}"));
    assert_eq!(folder.path().read_dir().expect("it is there").count(), 0);
    // Nor can the disk.
    let mut line = Line::taught(3);
    line.has_room(|| 1000, Path::new("/proc/none"));
    let effects = line.begun(true);
    let much = line.answer(effects).expect_err("that is more than there is");
    for part in ["not enough memory", "/proc/none", "nothing was changed; finetune 1 takes less"] {
        assert!(much.contains(part), "{much}");
    }
}

/// Taught with so many pictures of each class.
fn device_of(folder: &Path, store: &str, each: u64) {
    let pictures = drawn(&folder.join("taught"), 0, each);
    let (store, model) = (folder.join(store), data("tiny.toml"));
    for class in ["standing", "lying"] {
        let images = pictures.join(class);
        let teach = ["teach", class, text(&images), "--distinct", "--store", text(&store)];
        let taught = fieldtune(&[&teach[..], &["--model", text(&model)]].concat());
        assert_eq!(taught.code, 0, "{taught:?}");
    }
}

#[test]
fn device_and_command_line_find_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let (folder, model) = (folder.path(), data("tiny.toml"));
    device_of(folder, "store", 20);
    let mut device = Device::start(folder, &DRAWN);
    let store = folder.join("store");
    let here = ["finetune", "--try", "--json", "--store", text(&store), "--model", text(&model)];
    let (there, here) = (device.ok(&["finetune", "try", "--json"]), fieldtune(&here));
    assert_eq!((here.code, here.stdout), (0, there), "{}", here.stderr);
    let told = device.ok(&["finetune"]);
    assert!(told.contains("applied=yes"), "{told}");
    assert!(device.ok(&["version"]).contains("tiny, fine-tuned"));
    assert_eq!(device.signal("TERM"), Some(0));
    let mut device = Device::start(folder, &DRAWN);
    assert!(device.ok(&["version"]).contains("tiny, fine-tuned"));
    device.ok(&["rollback", "1"]);
    assert!(device.ok(&["status"]).contains("dim=48"));
    assert_eq!(device.signal("TERM"), Some(0));
}

#[test]
fn a_region_of_several_has_blocks_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    device_of(folder, "store.left", 20);
    let board = folder.join("board.toml");
    let (_, sim) = BOARDS.iter().find(|(name, _)| *name == "sim").expect("it is built in");
    let both = "\n[regions]\nleft = { fractions = [0.0, 0.0, 0.5, 1.0] }\nright = { fractions = [0.5, 0.0, 0.5, 1.0] }\n";
    std::fs::write(&board, format!("{sim}{both}")).expect("there is room");
    let more = [&DRAWN[..], &["--board", text(&board)]].concat();
    let mut device = Device::start(folder, &more);
    device.ok(&["@right", "teach", "other"]);
    let tuned = device.ok(&["@left", "finetune"]);
    assert!(tuned.contains("applied=yes"), "{tuned}");
    let status = device.ok(&["status"]);
    assert!(status.contains("left_finetuned=\"fine-tuned: "), "{status}");
    for (region, dim) in [("@left", "dim=96"), ("@right", "dim=48")] {
        assert!(device.ok(&[region, "status"]).contains(dim), "{region}");
    }
    device.ok(&["@right", "teach", "other"]);
    assert_eq!(device.signal("TERM"), Some(0));
    let device = Device::start(folder, &more);
    for (region, dim) in [("@left", "dim=96"), ("@right", "dim=48")] {
        assert!(device.ok(&[region, "status"]).contains(dim), "{region}");
    }
}
