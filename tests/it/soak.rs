//! `fieldtune run` as it stands on a line for long: frames as fast as they are classified, people and programs that
//! come and go, teach, forget, save, go back, restart it and send nonsense; and neither memory, threads nor open files
//! grow.
//!
//! `FIELDTUNE_TEST_FRAMES=2592000` takes as many frames as a camera of 30 a second gives in 24 hours.

use crate::common;
use crate::common::figures;
use crate::common::process;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use common::folder_of;
use figures::{figure, resident_kib};
use process::Device;

/// How far its memory may grow once it has done everything for a while, in KiB: what the allocator moves about.
const GROWTH: u64 = 2048;

/// Rounds of all that is asked, at least.
const ROUNDS: usize = 240;

/// What is asked in turn, and how its answer begins; N is the generation that was saved.
const ASKED: [(&str, &str); 16] = [
    ("teach steel 3", "ok"),
    ("teach rust 2", "ok"),
    ("undo", "ok"),
    ("save", "ok"),
    ("forget steel", "ok"),
    ("rollback N", "ok"),
    ("generations drop N", "ok"),
    ("classes", "ok"),
    ("examples", "ok"),
    ("head softmax", "ok"),
    ("head lda", "ok"),
    ("log 20", "ok"),
    ("outputs", "ok"),
    ("watch on", "ok"),
    ("no such thing", "error"),
    ("forget steel", "ok"),
];

/// Memory in KiB, threads, open files.
#[derive(Debug, Clone, Copy)]
struct Taken {
    memory: u64,
    threads: usize,
    files: usize,
}

impl Taken {
    fn of(process: u32) -> Self {
        let folder = Path::new("/proc").join(process.to_string());
        let memory = resident_kib(&process.to_string());
        let count = |name| std::fs::read_dir(folder.join(name)).expect("it runs").count();
        Self { memory, threads: count("task"), files: count("fd") }
    }
}

/// Shows the end of the device's log where the test fails.
struct LogOnFailure<'a>(&'a Path);

impl Drop for LogOnFailure<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.0.join("log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            println!("the log ends\n{}", lines[lines.len().saturating_sub(60)..].join("\n"));
        }
    }
}

/// A client of the socket.
struct Client(UnixStream);

impl Client {
    fn new(folder: &Path) -> Self {
        let stream = UnixStream::connect(folder.join("port")).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        Self(stream)
    }

    fn line(&mut self, wanted: &str) -> String {
        loop {
            let mut line = Vec::new();
            while line.last() != Some(&b'\n') {
                let mut byte = [0];
                self.0.read_exact(&mut byte).expect("somebody answers");
                line.push(byte[0]);
            }
            let line = String::from_utf8_lossy(&line).trim().to_owned();
            if line.starts_with("ok") || line.starts_with("error") {
                assert!(line.starts_with(wanted), "wanted {wanted}, got {line}");
                return line;
            }
        }
    }

    fn ask(&mut self, request: &str, wanted: &str) -> String {
        self.0.write_all(format!("{request}\r").as_bytes()).expect("somebody reads");
        self.line(wanted)
    }
}

#[test]
fn nothing_grows_however_long_it_runs_and_whatever_is_asked() {
    if std::env::var_os("FIELDTUNE_TEST_DIVISOR").is_some() {
        println!("skipped: under an emulator its memory would be measured");
        return;
    }
    let wanted = std::env::var("FIELDTUNE_TEST_FRAMES").ok();
    let wanted: u64 = wanted.map_or(20_000, |text| text.parse().expect("a number of frames"));
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let pictures = folder_of(folder, "stripes", 0, 8);
    let camera = format!("replay:{}", pictures.display());
    let arguments = ["--camera", &camera, "--loop", "--fps", "5000", "--log-format", "json"];
    let device = Device::start(folder, &arguments);
    let _log = LogOnFailure(folder);

    let begun = Instant::now();
    let (mut frames, mut rounds, mut starts) = (0, 0, 1);
    let mut warm = None;
    while frames < wanted || rounds < ROUNDS {
        let mut client = Client::new(folder);
        let mut saved = String::new();
        for (request, answer) in ASKED {
            let answer = client.ask(&request.replace('N', &saved), answer);
            if request == "save" {
                saved = figure(&answer, "number").expect("it has one").to_string();
            }
        }
        // Noise, a message that breaks off, half a line; then it goes without a word.
        client.0.write_all(b"\0\x07\0\xFF\xFE\x80\0half a li").expect("somebody reads");
        drop(client);

        let mut client = Client::new(folder);
        let since_start = figure(&client.ask("status", "ok"), "frames").expect("it is there");
        rounds += 1;
        let is_restart = rounds % 40 == 0;
        if is_restart {
            client.ask("restart", "ok");
        }
        drop(client);
        if is_restart {
            // It begins anew in the same process.
            frames += since_start;
            starts += 1;
            until(begun, "it stands again", || {
                let log = std::fs::read_to_string(folder.join("log"));
                log.is_ok_and(|log| log.matches(" ms a frame").count() == starts)
            });
        }
        if warm.is_none() && rounds >= 40 && frames > wanted / 4 {
            warm = Some(settled(begun, &device));
        }
    }
    let (warm, now) = (warm.expect("it was warm"), settled(begun, &device));
    println!("{rounds} rounds, {frames} frames, {starts} starts in {:?}", begun.elapsed());
    println!("{warm:?} when it was warm, {now:?} now");
    assert_eq!((now.threads, now.files), (warm.threads, warm.files), "threads and files");
    assert!(now.memory < warm.memory + GROWTH, "{} KiB, then {} KiB", warm.memory, now.memory);
}

fn until(begun: Instant, what: &str, holds: impl Fn() -> bool) {
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(7200), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What it takes once everybody's leaving is noticed.
fn settled(begun: Instant, device: &Device) -> Taken {
    let mut last = Taken::of(device.process.id());
    let mut equal = 0;
    while equal < 20 {
        assert!(begun.elapsed() < Duration::from_secs(7200), "it does not come to rest");
        std::thread::sleep(Duration::from_millis(50));
        let now = Taken::of(device.process.id());
        equal = if (now.threads, now.files) == (last.threads, last.files) { equal + 1 } else { 0 };
        last = now;
    }
    last
}
