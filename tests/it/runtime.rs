//! The runtime with its threads: a camera that is drawn, pins that are recorded, and what goes wrong.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use fieldtune::backbone::{ExtractError, FeatureSource};
use fieldtune::board::outputs::{GpioError, OutputDriver as _, Presses, Recorder, SafeOutputs};
use fieldtune::board::policy::Policy;
use fieldtune::board::{Board, PolicySource, policy_from_toml};
use fieldtune::camera::{Camera, CameraError, CameraErrorKind};
use fieldtune::device::clock::Clock;
use fieldtune::device::controller::Station;
use fieldtune::device::runtime::{
    self, DeviceLog, Ended, HostPaths, LogFormat, Parts, RuntimeSettings, Stop, Watched,
};
use fieldtune::image::frame::{Frame, Timestamp};
use fieldtune::learn::engine::Engine;
use fieldtune::store::FileStore;
use fieldtune::store::persistent::{self, PersistentLearner};
use fieldtune::store::snapshot::ModelId;

use crate::common::alone::{Process, process};

/// Frames by turns of two colours, one every 5 ms, and then what is said.
struct Colours {
    left: u32,
    then: CameraErrorKind,
}

impl Camera for Colours {
    fn name(&self) -> &str {
        "colours"
    }

    fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError> {
        std::thread::sleep(Duration::from_millis(5));
        if self.left == 0 {
            return Err(CameraError::new("colours", self.then, "as it was told"));
        }
        self.left -= 1;
        let pixel = if (self.left / 20).is_multiple_of(2) { [230, 20, 20] } else { [20, 230, 20] };
        Ok(Frame::new(4, 4, pixel.repeat(16), now).expect("16 pixels"))
    }
}

/// The mean colour, unless something is to go wrong with a frame.
struct Source {
    frames: u32,
    hangs_at: Option<u32>,
    panics_at: Option<u32>,
}

impl FeatureSource for Source {
    fn dim(&self) -> usize {
        3
    }

    fn feature(&mut self, frame: &Frame) -> Result<Vec<f32>, ExtractError> {
        self.frames += 1;
        if self.hangs_at == Some(self.frames) {
            std::thread::sleep(Duration::from_secs(3600));
        }
        assert_ne!(self.panics_at, Some(self.frames), "as it was told");
        // Long enough to be told from nothing.
        std::thread::sleep(Duration::from_millis(1));
        Ok(frame.pixels()[..3].iter().map(|&value| f32::from(value) / 255.0).collect())
    }
}

/// Writes every level that is set into a file, so that it can be read after the process has ended.
struct ToFile(Recorder, std::fs::File);

impl fieldtune::board::outputs::OutputDriver for ToFile {
    fn outputs(&self) -> &[fieldtune::board::outputs::Output] {
        self.0.outputs()
    }

    fn set(&mut self, name: &str, on: bool) -> Result<(), GpioError> {
        use std::io::Write as _;
        writeln!(self.1, "{name} {on}").expect("there is room");
        self.0.set(name, on)
    }
}

fn policy() -> Policy {
    let text = "[[action]]\noutput = \"lamp\"\nwhen = [\"red\"]\ndo = \"hold\"\n\
                [buttons.teach]\nteach = \"red\"\n";
    policy_from_toml(text, "policy").expect("it is right")
}

/// Runs a device on a folder: `pins` gets the levels, `store` what it learned.
fn run(folder: &Path, camera: Colours, source: Source, press: bool) -> Ended {
    let source_hangs = source.hangs_at.is_some();
    let (recorder, _) = Recorder::new(&[("lamp", false), ("gate", true)]);
    let pins = std::fs::File::create(folder.join("pins")).expect("there is room");
    let outputs = SafeOutputs::new(Box::new(ToFile(recorder, pins)));
    let (presses, hand) = Presses::new();
    let model = ModelId { name: "colour".to_owned(), fingerprint: [0; 32], dim: 3 };
    let store = FileStore::open(&folder.join("store")).expect("there is room");
    let engine = Engine::new(source, persistent::empty(&model).expect("three values"));
    let persistent = PersistentLearner::new(engine.expect("three values"), store, model)
        .expect("the same backbone");
    let timings = BTreeMap::new();
    let names = outputs.outputs().to_vec();
    let station = Station::new(persistent, "colours", &policy(), names, None, &timings);
    let settings = RuntimeSettings {
        host: HostPaths::default(),
        frame_patience: Duration::from_secs(if source_hangs { 1 } else { 60 }),
        end_after: None,
    };
    let watched = Watched { name: None, patience: Duration::from_secs(5), safe_when_lost: true };
    let clock = Clock::new();
    let log = Arc::new(DeviceLog::new(LogFormat::Text, clock));
    let parts = Parts {
        services: Vec::new(),
        inboxes: Vec::new(),
        sources: vec![(Box::new(camera), watched)],
        station,
        policy: PolicySource::new(None, Board::named("sim").expect("it is built in")),
        outputs,
        inputs: Box::new(presses),
        ports: Vec::new(),
    };
    if press {
        hand.set("teach", true);
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(60));
            hand.set("teach", false);
        });
    }
    runtime::run(parts, &settings, clock, log, "it stands")
}

/// The last level of each output.
fn last_levels(folder: &Path) -> BTreeMap<String, bool> {
    let text = std::fs::read_to_string(folder.join("pins")).expect("it was written");
    let level = |line: &str| {
        let (name, on) = line.split_once(' ').expect("a name and a level");
        (name.to_owned(), on == "true")
    };
    text.lines().map(level).collect()
}

fn safe() -> BTreeMap<String, bool> {
    BTreeMap::from([("lamp".to_owned(), false), ("gate".to_owned(), true)])
}

fn source() -> Source {
    Source { frames: 0, hangs_at: None, panics_at: None }
}

#[test]
fn a_recording_is_classified_to_its_end() {
    // The runtime takes the signals of its process.
    let test = "runtime::a_recording_is_classified_to_its_end";
    if process(test) == Process::Shared {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let camera = Colours { left: 100, then: CameraErrorKind::Ended };
    let ended = run(folder.path(), camera, source(), true);
    assert_eq!(ended.stop, Stop::Asked("colours reached its end".to_owned()));
    let (came, dropped) = ended.frames;
    assert_eq!((came, ended.record.classified + dropped), (100, 100));
    assert!(ended.record.taught >= 1, "the button has taught");
    assert_eq!(last_levels(folder.path()), safe());
    let pins = std::fs::read_to_string(folder.path().join("pins")).expect("it was written");
    assert!(pins.contains("lamp true"), "{pins}");
    let (whole, rest) = (ended.to_pin.whole.quantile(0.5), ended.to_pin.rest.quantile(0.5));
    assert!(whole > rest && rest > Some(0), "{whole:?} {rest:?}");
}

/// What the child process of the next tests does, which must not be this one.
const CHILD: &str = "FIELDTUNE_TEST_RUNTIME_CHILD";

/// Runs this very program again, on a folder, with something that goes wrong.
fn child(what: &str, folder: &Path) -> (Option<i32>, String) {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "runtime::the_child_goes_wrong", "--nocapture"])
        .env(CHILD, format!("{what}:{}", folder.display()))
        .output()
        .expect("it starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_child_goes_wrong() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let (what, folder) = told.split_once(':').expect("what, and where");
    let source = match what {
        "hang" => Source { hangs_at: Some(30), ..source() },
        "panic" => Source { panics_at: Some(30), ..source() },
        other => panic!("{other} is nothing that can go wrong"),
    };
    let camera = Colours { left: u32::MAX, then: CameraErrorKind::Ended };
    let ended = run(Path::new(folder), camera, source, true);
    panic!("ended: {:?}", ended.stop);
}

#[test]
fn hung_or_panicking_inference_drives_outputs_safe_and_exits() {
    for (what, says) in
        [("hang", "inference timed out"), ("panic", "the thread of inference panicked")]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let (status, said) = child(what, folder.path());
        assert!(said.contains(says), "{what}: {said}");
        assert_ne!(status, Some(0), "{what}: {said}");
        assert_eq!(last_levels(folder.path()), safe(), "{what}: {said}");
    }
}
