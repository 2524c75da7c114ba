//! A station whose frames are lines of text: buttons, bursts, outputs over time. No clock, no process.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldtune::backbone::{EmbeddingSource, TextEncoder};
use fieldtune::board::outputs::Output;
use fieldtune::board::policy_from_toml;
use fieldtune::device::controller::{Effects, Station, Ticket};
use fieldtune::image::frame::Timestamp;
use fieldtune::learn::engine::Engine;
use fieldtune::protocol::request::{Answer, Burst, Inbox, Refused, Request, Teach};
use fieldtune::store::persistent::{self, PersistentLearner};
use fieldtune::store::snapshot::ModelId;
use fieldtune::store::{DiskStore, MemoryDisk, Store as _};
use fieldtune::text;

const POLICY: &str = r#"
[[action]]
output = "lamp"
when = ["disk"]
do = { pulse = { ms = 1000 } }

[buttons.red]
teach = "disk"
"#;

const DISK: &str = "kernel: I/O error, dev sda, sector 7";
const LOGIN: &str = "sshd[812]: Failed password for root from 10.0.0.7";

struct Log {
    station: Station<EmbeddingSource, DiskStore>,
    millis: u64,
    notes: Vec<String>,
    answers: Vec<Result<Answer, Refused>>,
}

impl Log {
    fn new() -> Self {
        let mut store = DiskStore::new(Arc::new(MemoryDisk::default()), "memory");
        assert_eq!(store.load().expect("an empty disk"), None);
        let source = EmbeddingSource::from(TextEncoder::of_words());
        let model = ModelId::of_source(&source);
        let learner = persistent::empty(&model).expect("its length");
        let engine = Engine::new(source, learner).expect("its length");
        let persistent = PersistentLearner::new(engine, store, model).expect("the same");
        let policy = policy_from_toml(POLICY, "policy").expect("a policy");
        let outputs = vec![Output { name: "lamp".to_owned(), safe: false }];
        let station = Station::new(persistent, "lines:-", &policy, outputs, None, &BTreeMap::new());
        Self { station, millis: 1000, notes: Vec::new(), answers: Vec::new() }
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.millis * 1000)
    }

    /// Something happens at that time, and the clock ticks.
    fn at(&mut self, millis: u64, what: impl FnOnce(&mut Self, Timestamp, &mut Effects)) {
        self.millis = millis;
        let (now, mut effects) = (self.now(), Effects::default());
        what(self, now, &mut effects);
        self.station.tick(now, &mut effects);
        self.notes.extend(effects.notes.into_iter().map(|(_, text)| text));
        self.answers.extend(effects.answers.into_iter().map(|(_, answer)| answer));
    }

    fn line(&mut self, millis: u64, line: &str) {
        self.at(millis, |log, now, effects| {
            log.station.frame(text::frame(line, now), now, || now, effects);
        });
    }

    fn press(&mut self, millis: u64) {
        self.at(millis, |log, now, effects| log.station.edge("red", true, now, effects));
        self.at(millis + 200, |_, _, _| {});
        self.at(millis + 300, |log, now, effects| log.station.edge("red", false, now, effects));
        self.at(millis + 500, |_, _, _| {});
    }

    fn ask(&mut self, millis: u64, request: impl Into<Request>) {
        let request = request.into();
        self.at(millis, |log, now, effects| log.station.request(Ticket(1), request, now, effects));
    }

    fn lamp(&self, millis: u64) -> bool {
        self.station.panel().look(|panel| panel.all(Timestamp(millis * 1000))).0[0].1
    }

    fn origins(&self) -> Vec<String> {
        self.station.learner().examples().iter().map(|one| one.origin.clone()).collect()
    }
}

#[test]
fn a_press_teaches_the_line_that_was_read_last() {
    let mut log = Log::new();
    log.press(1000);
    assert!(log.notes.iter().any(|note| note.contains("no line was read")), "{:?}", log.notes);
    log.line(2000, LOGIN);
    log.line(3000, DISK);
    log.press(9000);
    assert_eq!(log.origins(), [DISK]);
    assert!(log.notes.iter().any(|note| note.contains("new class disk")), "{:?}", log.notes);
    // Hours later too: nothing is waited for.
    log.press(9_000_000);
    assert_eq!(log.origins(), [DISK, DISK]);
}

#[test]
fn lines_switch_an_output_for_its_time() {
    let mut log = Log::new();
    log.line(1000, DISK);
    let teach = |class: &str| Teach { class: class.to_owned(), count: 1, any: false };
    log.ask(1001, teach("disk"));
    log.line(1100, LOGIN);
    log.ask(1101, teach("login"));
    // What the first line switched on, before there was a second class.
    assert!(!log.lamp(5000));
    log.line(10_000, "kernel: I/O error, dev sdb, sector 99");
    log.line(10_010, LOGIN);
    assert!(log.lamp(10_020) && log.lamp(10_999) && !log.lamp(11_001));
    log.line(12_000, LOGIN);
    assert!(!log.lamp(12_001));
}

#[test]
fn a_burst_of_lines_takes_those_that_come() {
    let mut log = Log::new();
    log.line(1000, LOGIN);
    log.ask(2000, Burst { class: "disk".to_owned(), millis: 60_000, any: false });
    log.at(9000, |_, _, _| {});
    for (place, line) in [DISK, "kernel: I/O error, dev sda, sector 8", "kernel: ata1: link down"]
        .into_iter()
        .enumerate()
    {
        // Far longer apart than frames may be.
        log.line(10_000 + 15_000 * place as u64, line);
    }
    assert!(log.answers.is_empty(), "it goes on: {:?}", log.answers);
    log.at(62_000, |_, _, _| {});
    assert!(matches!(log.answers.pop(), Some(Ok(_))), "{:?}", log.answers);
    // The second is of the form of the first; each other one is a look of its own.
    assert_eq!(log.origins(), [DISK, "kernel: ata1: link down"]);
    let learner = log.station.learner();
    let looks: Vec<_> = learner.examples().iter().map(|one| one.group).collect();
    assert_ne!(looks[0], looks[1]);
    assert!(log.notes.iter().any(|note| note.contains("2 of 3 lines differ")), "{:?}", log.notes);
}

#[test]
fn every_unknown_line_waits_and_none_twice() {
    let mut log = Log::new();
    for (class, lines) in crate::text::KINDS {
        for line in lines {
            log.line(log.millis + 10, line);
        }
        let teach = Teach { class: class.to_owned(), count: 5, any: false };
        log.ask(log.millis + 1, teach);
    }
    let strangers = [
        "dhclient: DHCPREQUEST for 192.168.4.7 on eth0 to 255.255.255.255 port 67",
        "ntpd: clock unsynchronized, stepping by 3.1 s",
        "dhclient: DHCPREQUEST for 10.0.0.1 on eth1 to 255.255.255.255 port 67",
        "cups: printer laser went offline",
    ];
    // Within the time of one look at a part.
    strangers.iter().for_each(|line| log.line(log.millis + 1, line));
    log.answers.clear();
    log.ask(log.millis + 1, Inbox);
    let Some(Ok(Answer::Inbox(frames))) = log.answers.pop() else { panic!("an inbox") };
    let mut lines: Vec<_> = frames.into_iter().filter_map(|frame| frame.line).collect();
    lines.reverse();
    assert_eq!(lines, [strangers[0], strangers[1], strangers[3]]);
}

/// A device that has just started is asked before its log has said anything.
#[test]
fn before_the_first_line_teaching_waits_for_it() {
    let mut log = Log::new();
    let teach = || Teach { class: "disk".to_owned(), count: 20, any: false };
    log.ask(1000, teach());
    assert!(log.answers.is_empty());
    log.line(3000, DISK);
    assert!(matches!(&log.answers[..], [Ok(_)]), "{:?}", log.answers);
    assert_eq!(log.origins(), [DISK]);
    let mut silent = Log::new();
    silent.ask(1000, teach());
    silent.at(6100, |_, _, _| {});
    let Some(Err(Refused(why))) = silent.answers.last() else { panic!("{:?}", silent.answers) };
    assert!(why.contains("no line was read for 5 s, nothing was learned"), "{why}");
}
