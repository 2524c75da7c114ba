//! A station from the outside, without threads or a clock: frames, presses, console lines and faults in, levels of
//! outputs and replies out, as `tests/stations/*.toml` tell.
//!
//! A scenario is a trace. Its lines begin with a time in milliseconds; what happens is one of
//!
//! | line | what happens |
//! | --- | --- |
//! | `frame COLOUR[/COLOUR] [MS]` | a frame of that colour, or of one on either side, comes; classifying a region takes so long |
//! | `press NAME`, `release NAME` | an input changes |
//! | `> COMMAND` | somebody types that |
//! | `policy "TEXT"` | another policy is saved |
//! | `camera lost` | no frames come any more |
//! | `card full`, `card gone`, `card fine` | nothing can be stored, not even read; all is well |
//! | `wait` | nothing, until then |
//!
//! and every other line is what followed: `NAME on`, `NAME off`, `< REPLY`, `note TEXT`. The test carries out what
//! happens and compares the whole trace.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use fieldtune::backbone::{ExtractError, FeatureSource};
use fieldtune::board::outputs::Output;
use fieldtune::board::policy::Timing;
use fieldtune::board::policy_from_toml;
use fieldtune::device::controller::{Effects, Station, Ticket, View, ViewLearner};
use fieldtune::image::frame::{Frame, Region, Timestamp};
use fieldtune::learn::engine::Engine;
use fieldtune::protocol::console::{self, Entry};
use fieldtune::protocol::request::{Refused, SavePolicy};
use fieldtune::store::DiskStore;
use fieldtune::store::persistent::{self, PersistentLearner};
use fieldtune::store::snapshot::ModelId;
use serde::Deserialize;

use crate::common::alone::{Process, process};
use crate::common::disk::{Card, Health};
use crate::common::figures;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    scenario: Vec<Scenario>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    name: String,
    /// Outputs; an `!` before one that is on when it is safe.
    #[serde(default)]
    outputs: Vec<String>,
    heartbeat: Option<String>,
    #[serde(default)]
    policy: String,
    #[serde(default)]
    keep_when_lost: bool,
    /// By name: x, y, width, height.
    #[serde(default)]
    regions: BTreeMap<String, [u32; 4]>,
    /// Sources of frames beside the camera, by their names.
    #[serde(default)]
    senses: Vec<String>,
    trace: String,
}

/// The mean colour as a feature.
#[derive(Debug)]
struct Colour;

impl FeatureSource for Colour {
    fn dim(&self) -> usize {
        3
    }

    fn feature(&mut self, frame: &Frame) -> Result<Vec<f32>, ExtractError> {
        Ok(frame.pixels()[..3].iter().map(|&value| f32::from(value) / 255.0).collect())
    }
}

struct Stage {
    station: Station<Colour, DiskStore>,
    card: Arc<Mutex<Health>>,
    shown: BTreeMap<String, bool>,
    keep_when_lost: bool,
    senses: Vec<String>,
    trace: Vec<String>,
}

fn colour(name: &str) -> [u8; 3] {
    match name {
        "red" => [230, 20, 20],
        "pink" => [225, 40, 30],
        "rose" => [235, 55, 45],
        "wine" => [200, 20, 40],
        "brick" => [210, 50, 25],
        "green" => [20, 230, 20],
        "lime" => [40, 225, 30],
        "blue" => [20, 20, 230],
        "navy" => [30, 40, 225],
        other => panic!("no colour {other}"),
    }
}

fn millis(time: Timestamp) -> u64 {
    time.0 / 1000
}

impl Stage {
    fn of(scenario: &Scenario) -> Self {
        let policy = policy_from_toml(&scenario.policy, "policy").expect("the policy is right");
        let model = ModelId { name: "colour".to_owned(), fingerprint: [0; 32], dim: 3 };
        let health = Arc::new(Mutex::new(Health::Fine));
        let persistent = || {
            let learner = persistent::empty(&model).expect("three values");
            let engine = Engine::new(Colour, learner).expect("three values");
            let card = Card { health: Arc::clone(&health), ..Card::default() };
            PersistentLearner::new(engine, DiskStore::new(Arc::new(card), "card"), model.clone())
                .expect("the same backbone")
        };
        let (mut learners, mut views) = (Vec::new(), Vec::new());
        for (name, &[x, y, width, height]) in &scenario.regions {
            let region = Region::Pixels { x, y, width, height };
            views.push(View::new(Some(name), region, learners.len()));
            learners.push(ViewLearner::new(Some(name), persistent()));
        }
        if views.is_empty() {
            let name = (!scenario.senses.is_empty()).then_some("camera");
            views.push(View::new(name, Region::Whole, 0));
            learners.push(ViewLearner::new(name, persistent()));
        }
        for (name, source) in scenario.senses.iter().zip(1..) {
            let view = View::new(Some(name), Region::Whole, learners.len());
            views.push(view.of_source(source));
            learners.push(ViewLearner::new(Some(name), persistent()));
        }
        let views = (learners, views);
        let outputs = scenario.outputs.iter().map(|name| match name.strip_prefix('!') {
            Some(name) => Output { name: name.to_owned(), safe: true },
            None => Output { name: name.clone(), safe: false },
        });
        let outputs: Vec<Output> = outputs.collect();
        let shown = outputs.iter().map(|output| (output.name.clone(), output.safe)).collect();
        let timing = Timing { debounce_micros: 20_000, long_micros: 800_000 };
        let timings = policy.roles().keys().map(|name| (name.clone(), timing)).collect();
        let heartbeat = scenario.heartbeat.as_deref();
        let station = Station::with_views(views, "test", &policy, outputs, heartbeat, &timings);
        let keep_when_lost = scenario.keep_when_lost;
        let senses = scenario.senses.clone();
        Self { station, card: health, shown, keep_when_lost, senses, trace: Vec::new() }
    }

    fn source(&self, sense: &str) -> usize {
        1 + self.senses.iter().position(|name| name == sense).expect("a sense of the scenario")
    }

    fn say(&mut self, now: Timestamp, what: &str) {
        self.trace.push(format!("{:5} {what}", millis(now)));
    }

    fn show(&mut self, now: Timestamp) {
        let (levels, _) = self.station.panel().look(|panel| panel.all(now));
        for (name, on) in levels {
            if self.shown.insert(name.clone(), on) != Some(on) {
                self.say(now, &format!("{name} {}", if on { "on" } else { "off" }));
            }
        }
    }

    fn tell(&mut self, now: Timestamp, effects: Effects) {
        for (level, text) in effects.notes {
            self.say(now, &format!("note {level:?}: {text}"));
        }
        for (_, progress) in effects.progress.into_iter().filter(|(_, progress)| progress.waiting) {
            self.say(now, &format!("< {}", console::progress(progress)));
        }
        for (_, answer) in effects.answers {
            match answer {
                Ok(answer) => {
                    for row in console::answer(&answer) {
                        self.say(now, &format!("< {row}"));
                    }
                }
                Err(refused) => self.say(now, &format!("< {}", console::refused(&refused))),
            }
        }
    }

    /// Lets time pass until `end`, which itself comes with the next event.
    fn pass(&mut self, mut now: Timestamp, end: Timestamp) {
        loop {
            let panel = self.station.panel();
            let change = panel.look(|panel| panel.next_change(now)).0;
            let next = [self.station.next_tick(), change].into_iter().flatten().min();
            let Some(next) = next.filter(|&next| next < end) else { return };
            now = next.max(now);
            let mut effects = Effects::default();
            self.station.tick(now, &mut effects);
            self.tell(now, effects);
            self.show(now);
        }
    }

    /// Whether the line is something that happens.
    fn happens(&mut self, now: Timestamp, what: &str, ticket: Ticket) -> bool {
        let mut effects = Effects::default();
        let mut words = what.split_whitespace();
        let verb = words.next().expect("a line says something");
        let rest: Vec<&str> = words.collect();
        match (verb, &rest[..]) {
            ("sense", [sense, "lost"]) => {
                self.say(now, what);
                self.station.lost(self.source(sense), !self.keep_when_lost);
            }
            ("sense", [sense, name]) => {
                self.say(now, what);
                let frame = Frame::new(4, 4, colour(name).repeat(16), now).expect("16 pixels");
                self.station.frame_of(self.source(sense), frame, now, || now, &mut effects);
            }
            ("frame", [name, took @ ..]) => {
                self.say(now, what);
                let (left, right) = name.split_once('/').unwrap_or((name, name));
                let row = [colour(left).repeat(2), colour(right).repeat(2)].concat();
                let pixels = row.repeat(4);
                let frame = Frame::new(4, 4, pixels, now).expect("16 pixels");
                let took: u64 = took.first().map_or(0, |ms| ms.parse().expect("milliseconds"));
                let mut done = now;
                let mut is_looking = false;
                let later = || {
                    is_looking = !is_looking;
                    done = Timestamp(done.0 + if is_looking { took * 1000 } else { 0 });
                    done
                };
                self.station.frame(frame, now, later, &mut effects);
                self.tell(done, effects);
                self.show(done);
                return true;
            }
            (">", _) => {
                self.say(now, what);
                match console::parse(what[1..].trim()) {
                    Ok(Entry::Request(request)) => {
                        self.station.request(ticket, request, now, &mut effects);
                    }
                    Ok(_) => panic!("{what} asks the station for nothing"),
                    Err(why) => effects.answers.push((ticket, Err(Refused(why)))),
                }
            }
            ("policy", _) => {
                self.say(now, what);
                let text = what.split_once(' ').expect("a text").1;
                let text = serde_json::from_str(text).expect("as JSON writes it");
                let save = SavePolicy { text, revision: None };
                self.station.request(ticket, save.into(), now, &mut effects);
            }
            ("press" | "release", [name]) => {
                self.say(now, what);
                self.station.edge(name, verb == "press", now, &mut effects);
            }
            ("camera", ["lost"]) => {
                self.say(now, what);
                self.station.lost(0, !self.keep_when_lost);
            }
            ("card", [state]) => {
                self.say(now, what);
                *self.card.lock().expect("no test panics with it") = match *state {
                    "full" => Health::Full,
                    "gone" => Health::Gone,
                    "fine" => Health::Fine,
                    other => panic!("a card is never {other}"),
                };
            }
            ("wait", []) => {
                self.say(now, what);
                self.station.tick(now, &mut effects);
            }
            _ => return false,
        }
        self.tell(now, effects);
        self.show(now);
        true
    }
}

fn play(scenario: &Scenario) -> String {
    let mut stage = Stage::of(scenario);
    let mut now = Timestamp(0);
    for (line, ticket) in scenario.trace.lines().zip(1..) {
        let (time, what) = line.trim_start().split_once(' ').unwrap_or_else(|| panic!("{line:?}"));
        let time: u64 = time.parse().unwrap_or_else(|_| panic!("{line:?} begins with no time"));
        let known =
            ["frame ", "> ", "press ", "release ", "policy ", "camera ", "sense ", "card ", "wait"];
        if !known.iter().any(|verb| what.starts_with(verb)) {
            continue;
        }
        let then = Timestamp(time * 1000);
        stage.pass(now, then);
        now = then;
        assert!(stage.happens(now, what, Ticket(ticket)), "{}: {line:?}", scenario.name);
    }
    let mut text = stage.trace.join("\n");
    text.push('\n');
    text
}

#[test]
fn every_scenario_goes_as_it_is_told() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stations");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the scenarios are there")
        .map(|entry| entry.expect("the scenarios are there").path())
        .collect();
    files.sort();
    let (mut failures, mut played) = (Vec::new(), 0);
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a scenario file");
        let file: File =
            toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for scenario in &file.scenario {
            played += 1;
            let got = play(scenario);
            if got != scenario.trace {
                let (name, wanted) = (&scenario.name, &scenario.trace);
                failures.push(format!("== {name}\n-- wanted\n{wanted}-- got\n{got}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {played}:\n{}", failures.len(), failures.join("\n"));
    assert!(played >= 30, "only {played} scenarios");
}

#[test]
fn dates_follow_the_system_s_and_durations_do_not() {
    let trace = "0 > teach good\n10 frame green\n20 > teach bad\n";
    let file = format!("[[scenario]]\nname = \"a date\"\ntrace = {trace:?}");
    let scenario = &toml::from_str::<File>(&file).expect("a scenario").scenario[0];
    let mut stage = Stage::of(scenario);
    let day = 86_400_000_000u64;
    stage.happens(Timestamp(0), "> teach good", Ticket(1));
    stage.happens(Timestamp(10), "frame green", Ticket(0));
    // The system learns the date while frames are awaited; then it is set back.
    stage.station.set_date(Timestamp(20), Timestamp(20_000 * day + 20));
    stage.happens(Timestamp(30), "> teach bad 2 any", Ticket(2));
    stage.happens(Timestamp(40), "frame red", Ticket(0));
    assert_eq!(stage.station.next_tick(), Some(Timestamp(5_000_040)), "it waits 5 s as before");
    stage.happens(Timestamp(50), "frame red", Ticket(0));
    stage.station.set_date(Timestamp(60), Timestamp(19_000 * day + 60));
    stage.happens(Timestamp(70), "> teach bad", Ticket(3));
    stage.happens(Timestamp(80), "frame red", Ticket(0));
    let dates: Vec<u64> =
        stage.station.learner().examples().iter().map(|example| example.taught.0).collect();
    assert_eq!(dates, [10, 20_000 * day + 50, 20_000 * day + 50, 19_000 * day + 80]);
}

#[test]
fn a_day_of_faults_leaves_memory_flat_and_heartbeats_regular() {
    let process = process("stations::a_day_of_faults_leaves_memory_flat_and_heartbeats_regular");
    if process == Process::Shared {
        return;
    }
    const SECOND: u64 = 1_000_000;
    let divisor: u64 =
        std::env::var("FIELDTUNE_TEST_DIVISOR").map_or(1, |n| n.parse().expect("a number"));
    let end = 24 * 3600 * SECOND / divisor;
    let scenario = Scenario {
        name: "a day".to_owned(),
        outputs: vec!["reject".to_owned(), "heart".to_owned()],
        heartbeat: Some("heart".to_owned()),
        policy: "[[action]]\noutput = \"reject\"\nwhen = [\"bad\"]\ndo = { pulse = { ms = 50, delay_ms = 200 } }\n\
                 [buttons.teach]\nteach = \"good\"\n[buttons.undo]\nshort = \"undo\"\n"
            .to_owned(),
        keep_when_lost: false,
        regions: BTreeMap::new(),
        senses: Vec::new(),
        trace: String::new(),
    };
    let mut stage = Stage::of(&scenario);
    let colours = ["red", "pink", "green", "lime", "blue", "navy"];
    // A fixed sequence of faults and presses, by xorshift.
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let (mut now, mut lost_until, mut beat) = (Timestamp(0), 0, (false, 0));
    let (mut frames, mut longest, mut after_an_hour) = (0u64, 0, None);
    while now.0 < end {
        let then = Timestamp(now.0 + SECOND / 4 + random(SECOND / 4));
        stage.pass(now, then);
        now = then;
        match random(400) {
            0 => lost_until = now.0 + random(60) * SECOND,
            1 => drop(stage.happens(now, "card full", Ticket(0))),
            2..=9 => drop(stage.happens(now, "card fine", Ticket(0))),
            10 => drop(stage.happens(now, "> teach good 3", Ticket(1))),
            11 => drop(stage.happens(now, "> burst bad 2", Ticket(2))),
            12 => drop(stage.happens(now, "> forget bad", Ticket(3))),
            13 | 14 => drop(stage.happens(now, "press teach", Ticket(0))),
            15..=214 => drop(stage.happens(now, "release teach", Ticket(0))),
            215 => drop(stage.happens(now, "press undo", Ticket(0))),
            216..=219 => drop(stage.happens(now, "release undo", Ticket(0))),
            220 => drop(stage.happens(now, "> status", Ticket(4))),
            221 => drop(stage.happens(now, "> forget good", Ticket(5))),
            _ => {}
        }
        if now.0 < lost_until {
            stage.happens(now, "camera lost", Ticket(0));
            beat.1 = now.0;
        } else {
            let colour = colours[random(colours.len() as u64) as usize];
            stage.happens(now, &format!("frame {colour} {}", random(40)), Ticket(0));
            frames += 1;
        }
        if stage.shown["heart"] != beat.0 {
            longest = longest.max(now.0 - beat.1);
            beat = (stage.shown["heart"], now.0);
        }
        stage.trace.clear();
        if after_an_hour.is_none() && now.0 > end / 24 {
            after_an_hour = Some(figures::resident_kib("self"));
        }
    }
    let (record, before) = (stage.station.record(), after_an_hour.expect("an hour went by"));
    let grown = figures::resident_kib("self").saturating_sub(before);
    println!(
        "{frames} frames, {} learned, {grown} KiB more, {longest} us between beats",
        record.taught
    );
    assert!(frames > 100_000 / divisor && record.taught > 500 / divisor, "{frames} frames");
    assert_eq!(record.classified, frames);
    assert!(process != Process::Own || grown < 16 * 1024, "{grown} KiB more than after an hour");
    // Half a second at least from beat to beat, and half a second at most from frame to frame.
    assert!(longest <= SECOND + 50_000, "{longest} us without a heartbeat while frames came");
}
