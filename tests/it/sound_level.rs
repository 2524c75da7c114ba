//! A microphone with a level: what is quieter is passed over, and a device waits for what is loud.

use crate::common::{command, desk, figures, finish, process};

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use desk::{Bench, text};
use fieldtune::camera::source::{self, CaptureSettings};
use fieldtune::camera::{Camera, CameraErrorKind};
use fieldtune::image::frame::Timestamp;
use fieldtune::sound::{Recording, WINDOW_SAMPLES, level, spectrogram};
use process::Device;

/// Samples from one window to the next.
const HOP: usize = WINDOW_SAMPLES / 4;

/// Noise whose root mean square is `loud`.
fn noise(loud: f32, samples: usize) -> Vec<f32> {
    let mut state: u32 = 4711;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        loud * 3.0f32.sqrt() * (state as f32 / (1u32 << 31) as f32 - 1.0)
    };
    (0..samples).map(|_| next()).collect()
}

/// -70 dBFS.
const QUIET: f32 = 0.000_316;
/// -20 dBFS.
const LOUD: f32 = 0.1;

/// Two seconds of quiet, a loud one, two quiet ones.
fn knock() -> Vec<f32> {
    let quiet = noise(QUIET, 2 * WINDOW_SAMPLES);
    [&quiet[..], &noise(LOUD, WINDOW_SAMPLES), &quiet].concat()
}

fn raw(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|sample| ((sample * 32_768.0) as i16).to_le_bytes()).collect()
}

fn opened(address: &str, level: Option<f32>) -> Box<dyn Camera + Send> {
    let wanted = CaptureSettings { level, ..CaptureSettings::default() };
    source::open(address, &wanted).expect("it is an address")
}

/// What comes of each window until its end: whether it becomes a frame, and its level.
fn heard(camera: &mut dyn Camera) -> Vec<(bool, f32)> {
    let mut windows = Vec::new();
    loop {
        match camera.capture(Timestamp(0)).map_err(|error| error.kind) {
            Err(CameraErrorKind::Ended) => return windows,
            captured => {
                assert!(matches!(captured, Ok(_) | Err(CameraErrorKind::Waiting)), "{captured:?}");
                windows.push((captured.is_ok(), camera.level().expect("something was heard")));
            }
        }
    }
}

#[test]
fn only_loud_windows_of_a_recording_become_frames() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("knock.wav");
    std::fs::write(&file, Recording::encode(&knock())).expect("the folder is the test's");
    let address = format!("sound:{}", file.display());
    let mut every = opened(&address, None);
    assert!(!every.gives_events());
    let windows = heard(&mut *every);
    assert!(windows.len() == 17 && windows.iter().all(|(is_frame, _)| *is_frame), "{windows:?}");
    let mut loud = opened(&address, Some(-40.0));
    assert!(loud.gives_events());
    let windows = heard(&mut *loud);
    // A window that has a quarter of the loud second is loud enough; at the edges none has.
    let frames: Vec<usize> = (0..17).filter(|&at| windows[at].0).collect();
    assert_eq!(frames, [5, 6, 7, 8, 9, 10, 11], "{windows:?}");
    assert!((windows[0].1 + 70.0).abs() < 1.0 && (windows[8].1 + 20.0).abs() < 0.5, "{windows:?}");
    // None is loud enough, and it is not read over and over without a rest.
    let wanted = CaptureSettings { level: Some(0.0), again: true, ..CaptureSettings::default() };
    let mut none = source::open(&address, &wanted).expect("it is an address");
    let begun = Instant::now();
    for _ in 0..18 {
        let error = none.capture(Timestamp(0)).expect_err("none is so loud");
        assert!(error.what.starts_with("waiting for 0 dBFS, the last window has -"), "{error}");
    }
    assert!(begun.elapsed() >= Duration::from_millis(200));
    // The synthetic machine is between -31 and -20 dBFS.
    let mut machine = opened("sound:synthetic:machine", Some(-60.0));
    assert!(machine.gives_events() && machine.capture(Timestamp(0)).is_ok());
    let mut machine = opened("sound:synthetic:machine", Some(-10.0));
    let error = machine.capture(Timestamp(0)).expect_err("it is not so loud");
    assert_eq!(error.kind, CameraErrorKind::Waiting, "{error}");
}

#[test]
fn quiet_does_not_replace_a_knock_that_was_heard() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("knock.raw");
    let samples = knock();
    std::fs::write(&file, raw(&samples)).expect("the folder is the test's");
    let mut microphone = opened(&format!("sound:pipe:cat {}", file.display()), Some(-40.0));
    assert!(microphone.gives_events());
    let mut last = None;
    let error = loop {
        match microphone.capture(Timestamp(0)) {
            Ok(frame) => last = Some(frame.taken_at(Timestamp(0))),
            Err(error) if error.kind == CameraErrorKind::Waiting => {
                assert!(error.what.starts_with("waiting for -40 dBFS, the last"), "{error}");
            }
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, CameraErrorKind::Gone, "{error}");
    let heard: Vec<f32> = samples.iter().map(|one| (one * 32_768.0).trunc() / 32_768.0).collect();
    let window = &heard[11 * HOP..11 * HOP + WINDOW_SAMPLES];
    assert!(level(window) > -40.0 && level(&heard[12 * HOP..]) < -40.0);
    assert!(last == Some(spectrogram::frame(window, Timestamp(0))), "the last loud window");
    assert!(microphone.level().is_some_and(|level| (level + 70.0).abs() < 1.0));
}

const POLICY: &str = r#"
[[action]]
output = "lamp"
when = ["knock"]
do = "hold"
"#;

/// A device that hears a knock each time that the file `go` is made, and else the quiet of a room.
fn listening(folder: &Path) -> Device {
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.join(name), bytes).expect("the folder is the test's");
    };
    write("quiet.raw", &raw(&noise(QUIET, HOP)));
    write("knock.raw", &raw(&noise(LOUD, 2 * WINDOW_SAMPLES)));
    write("policy.toml", POLICY.as_bytes());
    let command = format!(
        "cd {}; while :; do if [ -e go ]; then rm go; cat knock.raw; else cat quiet.raw; fi; sleep 0.05; done",
        folder.display()
    );
    // The times after which a device without predictions would be in trouble are over several times before the test is.
    let board = include_str!("../../boards/sim.toml").replace(
        "address = \"synthetic:\"",
        &format!("address = \"sound:pipe:{command}\"\nlevel_dbfs = -40\ntimeout_ms = 1500"),
    );
    write("board.toml", format!("watchdog_ms = 100\n{board}").as_bytes());
    let file = |name: &str| folder.join(name).display().to_string();
    let (board, policy) = (file("board.toml"), file("policy.toml"));
    let model = crate::common::data("tiny.toml");
    let arguments = ["--board", &board, "--policy", &policy, "--model", text(&model)];
    Device::reading(folder, &arguments, Stdio::null())
}

#[test]
fn a_device_waits_for_a_knock_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut device = listening(folder.path());
    let frames = |device: &Device| {
        figures::figure(&device.ok(&["status"]), "frames").expect("it is a figure")
    };
    let is_on = |device: &Device, output: &str| {
        device.ok(&["outputs"]).contains(&format!("name={output} on=yes"))
    };
    let knock = |device: &mut Device| {
        let before = frames(device);
        std::fs::write(folder.path().join("go"), "").expect("the folder is the test's");
        device.until(folder.path(), "the knock is heard", |device, _| frames(device) > before);
        device.until(folder.path(), "it waits again", |device, _| {
            device.ok(&["status"]).contains("waiting for -40 dBFS")
        });
    };
    let begun = Instant::now();
    let (mut beats, mut before) = (0, is_on(&device, "heartbeat"));
    while begun.elapsed() < Duration::from_secs(5) {
        let now = is_on(&device, "heartbeat");
        beats += u32::from(now != before);
        before = now;
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(beats >= 2, "it beats {beats} times");
    assert_eq!(frames(&device), 0, "nothing was loud enough");
    let status = device.ok(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    let level = &status["device"]["level_dbfs"];
    let heard = level.as_f64().unwrap_or_else(|| panic!("{status}"));
    assert!((heard + 70.0).abs() < 1.0, "{status}");
    let says = status["device"]["camera"].as_str().unwrap_or_default();
    assert!(says.starts_with("waiting for -40 dBFS, the last window has -"), "{status}");

    knock(&mut device);
    let taught = device.ok(&["teach", "knock", "frame", "1"]);
    assert!(taught.contains("class=knock"), "{taught}");
    knock(&mut device);
    assert!(is_on(&device, "lamp"), "quiet says nothing else");
    let recent = device.ok(&["recent", "1"]);
    assert!(recent.contains("knock"), "{recent}");
    // It begins in the quiet, longer ago than a frame may take to come.
    let (folder, port) = (folder.path().to_owned(), device.port.clone());
    let knocks = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(6));
        std::fs::write(folder.join("go"), "").expect("the folder is the test's");
    });
    let burst = ["ctl", "--port", &port, "--timeout", "100", "burst", "door", "8"];
    let run = finish(command(&burst));
    knocks.join().expect("it only sleeps");
    assert!(run.code == 0 && run.stdout.contains("class=door"), "{run:?}");
    let teach = device.ctl(&["teach", "door"]);
    assert!(teach.code != 0 && teach.stderr.contains("no frame for 5 s"), "{teach:?}");
    let log = std::path::Path::new(device.port.trim_start_matches("unix:")).with_file_name("log");
    assert_eq!(device.signal("TERM"), Some(0));
    let log = std::fs::read_to_string(log).expect("it was made");
    assert!(!log.contains("no prediction in time"), "{log}");
}

#[test]
fn levels_are_checked_and_shown() {
    let bench = Bench::new();
    let file = bench.path().join("knock.wav");
    std::fs::write(&file, Recording::encode(&knock())).expect("the folder is the test's");
    let address = format!("sound:{}", file.display());
    for level in ["1", "-101", "NaN", "loud"] {
        let run = bench.run(&["run", "--camera", &address, "--level", level]);
        let says = [level, "'--level <DBFS>'", "wanted -100 to 0 dBFS"];
        assert!(run.code == 2 && says.iter().all(|part| run.stderr.contains(part)), "{run:?}");
    }
    let run = bench.run(&["snap", "a.png", "--camera", "synthetic:", "--level", "-40"]);
    let says = "synthetic:: a level of -40 dBFS goes with sound:SOURCE\n  next: ";
    assert!(run.code == 2 && run.stderr.contains(says), "{run:?}");
    for (level, shown) in [(&[][..], "a.png 101x128, -70."), (&["--level", "-24"], ", -23.")] {
        let run = bench.ok(&[&["snap", "a.png", "--camera", &address], level].concat());
        assert!(run.stdout.contains(shown) && run.stdout.ends_with(" dBFS\n"), "{run:?}");
    }
    let too_loud = CaptureSettings { level: Some(3.0), ..CaptureSettings::default() };
    let error = source::open(&address, &too_loud).err().expect("refused").to_string();
    assert!(error.contains("a level of 3 dBFS, wanted -100 to 0"), "{error}");
}
