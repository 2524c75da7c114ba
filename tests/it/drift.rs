//! A station says when what comes in no longer looks like what was taught, and when it does again.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldtune::backbone::{ExtractError, FeatureSource};
use fieldtune::board::outputs::Output;
use fieldtune::board::policy_from_toml;
use fieldtune::device::controller::{Effects, Station, Ticket};
use fieldtune::image::frame::{Frame, Timestamp};
use fieldtune::image::levels::Levels;
use fieldtune::image::picture;
use fieldtune::learn::engine::Engine;
use fieldtune::protocol::request::{
    Adapt, Adaptation, Answer, EndAdapt, Generations, GetStatus, Request, TeachImage,
};
use fieldtune::store::persistent::{self, PersistentLearner};
use fieldtune::store::snapshot::ModelId;
use fieldtune::store::{DiskStore, MemoryDisk, Store as _};

/// How light each half of a frame is.
#[derive(Debug)]
struct Halves;

impl FeatureSource for Halves {
    fn dim(&self) -> usize {
        3
    }

    fn feature(&mut self, frame: &Frame) -> Result<Vec<f32>, ExtractError> {
        let mut feature = vec![1.0, 0.0, 0.0];
        for (at, pixel) in frame.pixels().as_chunks::<3>().0.iter().enumerate() {
            feature[if at % 32 < 16 { 1 } else { 2 }] += f32::from(pixel[1]) / 65_536.0;
        }
        Ok(feature)
    }
}

/// A part of one of two classes: light on one side, each a little different.
fn part(class: u32, number: u32) -> Frame {
    let own = number * 7 % 13;
    let value = |at: u32| {
        let light = if (at % 32 < 16) == (class == 0) { 60 } else { 0 };
        [100, 90, 80].map(|base| (base + own + at * (own % 5 + 3) % 7 + light) as u8)
    };
    Frame::new(32, 32, (0..1024).flat_map(value).collect(), Timestamp(0)).expect("the sides fit")
}

const POLICY: &str = r#"
[[action]]
output = "lamp"
when = ["any drift"]
do = "hold"
"#;

struct Line {
    station: Station<Halves, DiskStore>,
    seconds: u64,
    /// What services hear of drift.
    drifts: Vec<(Option<String>, Option<String>)>,
}

impl Line {
    fn taught() -> Self {
        let mut store = DiskStore::new(Arc::new(MemoryDisk::default()), "memory");
        assert_eq!(store.load().expect("an empty disk"), None);
        let model = ModelId { name: "halves".to_owned(), fingerprint: [5; 32], dim: 3 };
        let learner = persistent::empty(&model).expect("three values");
        let engine = Engine::new(Halves, learner).expect("three values");
        let persistent = PersistentLearner::new(engine, store, model).expect("the same backbone");
        let policy = policy_from_toml(POLICY, "policy").expect("a policy");
        let outputs = vec![Output { name: "lamp".to_owned(), safe: false }];
        let station = Station::new(persistent, "test", &policy, outputs, None, &BTreeMap::new());
        let mut line = Self { station, seconds: 1, drifts: Vec::new() };
        for number in 0..8 {
            for (class, name) in [(0, "left"), (1, "right")] {
                let image = picture::png(&part(class, number));
                line.ask(Request::TeachImage(TeachImage { class: name.to_owned(), image }));
            }
        }
        line
    }

    fn ask(&mut self, request: Request) -> Answer {
        let mut effects = Effects::default();
        let now = Timestamp(self.seconds * 1_000_000);
        self.station.request(Ticket(1), request, now, &mut effects);
        effects.answers.pop().expect("it answers at once").1.expect("it is done")
    }

    /// So many frames in that light, one a second; what was logged.
    fn frames(&mut self, count: u32, light: &Levels) -> Vec<String> {
        let mut notes = Vec::new();
        for number in 0..count {
            self.seconds += 1;
            let now = Timestamp(self.seconds * 1_000_000);
            let frame = light.apply(&part(number % 2, 50 + number)).taken_at(now);
            let mut effects = Effects::default();
            self.station.frame(frame, now, || now, &mut effects);
            notes.extend(effects.notes.into_iter().map(|(_, text)| text));
            self.drifts.extend(effects.drifts);
        }
        notes
    }

    /// Whether the lamp is on that drift switches.
    fn lamp(&self) -> bool {
        let now = Timestamp(self.seconds * 1_000_000);
        self.station.panel().look(|panel| panel.all(now)).0[0].1
    }

    fn figure(&mut self, wanted: &str) -> Option<String> {
        let Answer::Status { device, .. } = self.ask(Request::GetStatus(GetStatus)) else {
            panic!("status answers Status")
        };
        device.into_iter().find(|(name, _)| name == wanted).map(|(_, value)| value)
    }
}

#[test]
fn a_lamp_that_fades_is_reported_once_in_words() {
    let mut line = Line::taught();
    assert_eq!(line.frames(120, &Levels::SAME), Vec::<String>::new());
    assert_eq!((line.figure("drift"), line.figure("drift_alarms")), (None, None));
    assert!(!line.lamp());

    let dark = Levels { gain: [0.6; 3], offset: [0.0; 3] };
    let notes = line.frames(120, &dark);
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("no longer look as they were taught: darker by "), "{notes:?}");
    assert_eq!(line.figure("drift_alarms").as_deref(), Some("1"));
    let drift = line.figure("drift").expect("it lasts");
    assert!(drift.contains("darker by 4") && drift.ends_with(" min"), "{drift}");
    assert!(line.lamp());
    let [(None, Some(heard))] = &line.drifts[..] else { panic!("once: {:?}", line.drifts) };
    assert!(notes[0].contains(heard.as_str()), "as the log says it: {heard}");

    let notes = line.frames(120, &Levels::SAME);
    assert_eq!(notes, ["frames look as they were taught again"]);
    assert!(!line.lamp());
    assert_eq!((line.drifts.len(), &line.drifts[1]), (2, &(None, None)));
    assert_eq!(line.figure("drift"), None);
    assert_eq!(line.figure("drift_alarms").as_deref(), Some("1"));
}

/// What a request that takes many frames answers, with frames in that light, one in so many microseconds.
fn in_time(line: &mut Line, request: Request, light: &Levels, each: u64) -> Result<Answer, String> {
    let mut effects = Effects::default();
    let mut now = Timestamp(line.seconds * 1_000_000);
    line.station.request(Ticket(1), request, now, &mut effects);
    // Frames that may write, for which a device that hangs is waited for longer: the last of each pass.
    let mut writing = 0;
    for number in 0..1000 {
        if let Some((_, answer)) = effects.answers.pop() {
            assert!(writing <= 3, "{writing} frames might have written");
            line.seconds = now.0 / 1_000_000 + 1;
            return answer.map_err(|refused| refused.0);
        }
        now = Timestamp(now.0 + each);
        line.station.tick(now, &mut effects);
        let before = effects.classifications.len();
        writing += usize::from(line.station.is_teaching());
        let frame = light.apply(&part(number % 2, 70 + number % 31)).taken_at(now);
        line.station.frame(frame, now, || now, &mut effects);
        assert_eq!(effects.classifications.len(), before + 1, "every frame is classified");
    }
    panic!("it never answered")
}

fn adapt(line: &mut Line, is_trial: bool, light: &Levels) -> Adaptation {
    let request = Request::Adapt(Adapt { frames: Some(20), r#try: is_trial });
    // On a slow board the passes alone take longer than anything is waited for.
    match in_time(line, request, light, 2_000_000) {
        Ok(Answer::Adapted(adapted)) => *adapted,
        other => panic!("adapt answers Adapted, not {other:?}"),
    }
}

#[test]
fn a_running_device_adapts_and_goes_on_classifying() {
    let mut line = Line::taught();
    // In the same light there is nothing to do.
    let same = adapt(&mut line, false, &Levels::SAME);
    assert!(!same.applied && same.reason.is_some(), "{same:?}");
    assert_eq!(line.figure("adapted"), None);

    let dark = Levels { gain: [0.6; 3], offset: [0.0; 3] };
    let tried = adapt(&mut line, true, &dark);
    assert!(!tried.applied && tried.reason.is_none(), "{tried:?}");
    assert_eq!(line.figure("adapted"), None);

    let applied = adapt(&mut line, false, &dark);
    assert!(applied.applied && (applied.gain[0] * 0.6 - 1.0).abs() < 0.1, "{applied:?}");
    assert!(applied.unknown[1] < applied.unknown[0], "{applied:?}");
    assert!(line.figure("adapted").is_some_and(|levels| levels.contains("red x1.")));
    let Answer::Generations(kept) = line.ask(Request::Generations(Generations)) else {
        panic!("generations answer Generations")
    };
    assert_eq!(kept.last().map(|kept| kept.name.as_str()), Some("before adapt"));

    assert_eq!(line.ask(Request::EndAdapt(EndAdapt)), Answer::Done);
    assert_eq!(line.figure("adapted"), None);
    let again = in_time(&mut line, Request::EndAdapt(EndAdapt), &dark, 100_000).unwrap_err();
    assert!(again.contains("nothing is adapted"), "{again}");
}

#[test]
fn an_adaptation_without_frames_or_client_ends() {
    let mut line = Line::taught();
    let adapt = || Request::Adapt(Adapt { frames: None, r#try: false });
    let begin = Timestamp(line.seconds * 1_000_000);
    let mut effects = Effects::default();
    line.station.request(Ticket(1), adapt(), begin, &mut effects);
    line.station.request(Ticket(2), adapt(), begin, &mut effects);
    let (_, second) = effects.answers.pop().expect("one goes on");
    assert!(second.unwrap_err().0.contains("goes on already"));
    // A client that has gone makes room for the next.
    line.station.cancel(Ticket(1));
    line.station.request(Ticket(2), adapt(), begin, &mut effects);
    assert!(effects.answers.is_empty());
    let late = Timestamp(begin.0 + 61_000_000);
    assert!(line.station.is_due(late));
    line.station.tick(late, &mut effects);
    let (_, given_up) = effects.answers.pop().expect("it is given up");
    let given_up = given_up.unwrap_err().0;
    assert!(given_up.contains("no frame for 60 s after 0 of 60"), "{given_up}");
    // What was taught meanwhile is another thing to adapt to.
    line.station.request(Ticket(3), adapt(), begin, &mut effects);
    let image = picture::png(&part(0, 40));
    line.ask(Request::TeachImage(TeachImage { class: "left".to_owned(), image }));
    line.station.frame(part(0, 41).taken_at(begin), begin, || begin, &mut effects);
    let (_, changed) = effects.answers.pop().expect("it is refused");
    assert!(changed.unwrap_err().0.contains("changed meanwhile"));
}
