//! Lines that go away and come back, and a person's terminal, with `fieldtune run` as a process.

use crate::common;
use crate::common::process;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use common::{command, data};
use process::{DRAWN, Device};
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

/// A pseudo-terminal: this side of it, and the other's name.
struct Line {
    file: File,
    other: PathBuf,
    heard: String,
}

impl Line {
    fn new() -> Self {
        let device: OwnedFd =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
                .expect("a terminal");
        grantpt(&device).expect("a terminal");
        unlockpt(&device).expect("a terminal");
        let other = ptsname(&device, Vec::new()).expect("a terminal");
        let other = PathBuf::from(other.to_str().expect("UTF-8"));
        rustix::fs::fcntl_setfl(&device, OFlags::NONBLOCK).expect("a terminal");
        Self { file: device.into(), other, heard: String::new() }
    }

    /// Types it until something comes back that has `wanted` in it.
    fn until(&mut self, typed: &str, wanted: &str) {
        let begun = Instant::now();
        let mut said = None;
        while !self.heard.contains(wanted) {
            assert!(begun.elapsed() < Duration::from_secs(300), "no {wanted} in {}", self.heard);
            if said.is_none_or(|said: Instant| said.elapsed() > Duration::from_secs(5)) {
                // Nobody may be there yet.
                let _ = self.file.write_all(typed.as_bytes());
                said = Some(Instant::now());
            }
            let mut bytes = [0; 4096];
            match self.file.read(&mut bytes) {
                Ok(count) => self.heard.push_str(&String::from_utf8_lossy(&bytes[..count])),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        self.heard.clear();
    }
}

fn plug(line: &Line, at: &Path) {
    std::os::unix::fs::symlink(&line.other, at).expect("there is room");
}

#[test]
fn a_serial_line_that_was_pulled_out_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let at = folder.join("line");
    let mut line = Line::new();
    plug(&line, &at);
    let port = format!("serial:{}", at.display());
    let mut device = Device::start(folder, &[&DRAWN[..], &["--port", &port]].concat());
    line.until("\rteach steel 2\r", "ok class=steel examples=1,2");
    for time in 0..3 {
        std::fs::remove_file(&at).expect("it was plugged in");
        drop(line);
        assert!(
            device.ok(&["classes"]).contains("name=steel"),
            "{time}: classified without the line"
        );
        line = Line::new();
        plug(&line, &at);
        line.until("\rclasses\r", "class name=steel examples=2");
    }
    assert_eq!(device.signal("TERM"), Some(0));
}

fn on_terminal(line: &Line, store: &Path) -> Child {
    let side = || {
        let file = File::options().read(true).write(true).open(&line.other);
        Stdio::from(file.expect("its other side"))
    };
    let (store, model) = (store.display().to_string(), data("tiny.toml"));
    let model = model.to_str().expect("UTF-8");
    let arguments = ["run", "--port", "stdio:", "--store", &store, "--model", model];
    command(&[&arguments[..], &DRAWN].concat())
        .stdin(side())
        .stdout(side())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts")
}

#[test]
fn a_terminal_is_raw_only_while_it_is_a_console() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut line = Line::new();
    // Held open, or the terminal forgets its modes when the program has ended.
    let held = File::options().read(true).write(true).open(&line.other).expect("its other side");
    let modes = || tcgetattr(&held).expect("a terminal").local_modes;
    let before = modes();
    assert!(before.contains(LocalModes::ICANON | LocalModes::ECHO));
    let mut child = on_terminal(&line, &folder.path().join("store"));
    // A tab completes, so keys come one by one, and what was typed is shown by the console, once.
    line.until("\u{15}versi\t\r", "version=");
    assert!(!modes().intersects(LocalModes::ICANON | LocalModes::ECHO));
    assert!(modes().contains(LocalModes::ISIG), "Ctrl-C still ends it");
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill").args(["-TERM", &id]).status();
    assert!(sent.expect("kill is there").success());
    assert_eq!(child.wait().expect("it is our child").code(), Some(0));
    assert_eq!(modes(), before);
}

/// Sends back what comes, for a while; returns how much that was.
fn send_back(line: &mut Line, seconds: u64) -> usize {
    let (begun, mut bytes) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(seconds) {
        let mut some = [0; 512];
        match line.file.read(&mut some) {
            Ok(count) => {
                bytes += count;
                line.file.write_all(&some[..count]).expect("there is room");
            }
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    bytes
}

#[test]
fn a_line_that_echoes_everything_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut line = Line::new();
    let port = format!("serial:{}", line.other.display());
    let device = Device::start(folder, &[&DRAWN[..], &["--port", &port]].concat());
    for typed in ["help\r", "teach good 1\r", "undo\r", "log\r"] {
        line.file.write_all(typed.as_bytes()).expect("there is room");
        send_back(&mut line, 3);
        let classes = device.ok(&["classes"]);
        let taught = typed.starts_with("teach");
        assert_eq!(classes.contains("name=good examples=1"), taught, "{typed:?}: {classes}");
        assert_eq!(send_back(&mut line, 1), 0, "{typed:?}: it still speaks");
    }
    // Somebody who sends nothing back is answered.
    line.until("status\r", "ok classes=0");
}

#[test]
fn ctl_does_not_take_what_it_sent_for_an_answer() {
    let mut line = Line::new();
    let port = format!("serial:{}", line.other.display());
    // Held open, so that nothing is lost before ctl has opened it.
    let _held = File::options().read(true).write(true).open(&line.other).expect("its other side");
    let ctl = command(&["ctl", "--port", &port, "--timeout", "3", "status"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    send_back(&mut line, 6);
    let ended = ctl.wait_with_output().expect("it ends by itself");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.status.code() == Some(3) && told.contains("only an echo of the request"),
        "{told}"
    );
}
