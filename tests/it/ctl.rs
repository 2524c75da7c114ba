//! `fieldtune ctl` against a device behind a real pseudo-terminal and a real socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use fieldtune::board::address::Address;
use fieldtune::device::port::{Port, PortHandle};

use crate::common;
use crate::common::device;

use common::{Run, command, fieldtune};
use device::{FakeDevice, classification};

/// A device that serves a port until it is dropped.
struct Served {
    /// As `ctl` is told.
    address: String,
    handle: PortHandle,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<FakeDevice>>,
}

impl Served {
    fn on(address: &str) -> Self {
        let mut ports = Port::listen(&address.parse().expect(address)).expect("it can be made");
        // Of those of a socket, the only one that is served.
        let port = ports.swap_remove(0);
        drop(ports);
        let other = port.other_side().map(|path| path.display().to_string());
        let (handle, stop) = (port.handle(), Arc::new(AtomicBool::new(false)));
        let stopping = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut device = FakeDevice::new();
            port.serve(&mut device, &stopping);
            device
        });
        let address = other.unwrap_or_else(|| address.to_owned());
        Self { address, handle, stop, thread: Some(thread) }
    }

    fn ctl(&self, words: &[&str]) -> Run {
        let start = ["ctl", "--port", &self.address, "--timeout", "20"];
        fieldtune(&[&start, words].concat())
    }

    fn ends(mut self) -> FakeDevice {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("it runs").join().expect("it ends well")
    }
}

fn wanted(run: &Run, code: i32, stdout: &str) {
    assert_eq!((run.code, run.stdout.as_str()), (code, stdout), "{}", run.stderr);
}

fn socket(folder: &Path) -> String {
    format!("unix:{}", folder.join("device.sock").display())
}

#[test]
fn everything_the_console_does_goes_over_a_terminal_line() {
    let served = Served::on("pty:");
    wanted(&served.ctl(&["version"]), 0, "ok version=0.1.0 model=fake\n");
    let taught = "ok class=good examples=1,2 count=2 new=yes evicted=0 estimate=-\n";
    wanted(&served.ctl(&["teach", "good", "2"]), 0, taught);
    wanted(&served.ctl(&["classes"]), 0, "class name=good examples=2 recall=-\nok classes=1\n");
    wanted(
        &served.ctl(&["classes", "--json"]),
        0,
        "[{\"class\":\"good\",\"examples\":2,\"id\":0,\"recall\":null}]\n",
    );
    wanted(&served.ctl(&["region", "1,2,3,4"]), 0, "ok region=\"1,2,3,4\"\n");
    let run = served.ctl(&["forget", "scratch"]);
    wanted(&run, 2, "");
    assert_eq!(run.stderr, "error: there is no class called \"scratch\"; there are good\n");
    let device = served.ends();
    assert_eq!(device.asked.len(), 6, "{:?}", device.asked);
}

#[test]
fn pictures_and_what_was_learned_go_both_ways_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let served = Served::on("pty:");
    let image = path("image.jpg");
    std::fs::write(&image, vec![5; 200_000]).expect("a file");
    let run = served.ctl(&["teach", "scratch", &image]);
    assert!(run.code == 0 && run.stdout.contains("count=1 new=yes"), "{run:?}");
    let run = served.ctl(&["classify", &image]);
    assert!(run.code == 0 && run.stdout.starts_with("ok class=scratch best=scratch"), "{run:?}");
    let picture = path("snap.jpg");
    wanted(&served.ctl(&["snap", &picture]), 0, "ok width=640 height=480 bytes=100000\n");
    let bytes: Vec<u8> = (0..100_000u32).map(|i| (i.wrapping_mul(i) / 7) as u8).collect();
    assert_eq!(std::fs::read(&picture).expect("it is there"), bytes);
    let run = served.ctl(&["snap", &picture, "--explain"]);
    let told = "ok frame=9 width=4 height=3 bytes=40 note=\"scratch, most of it at 1,2\"\n";
    wanted(&run, 0, told);
    assert_eq!(std::fs::read(&picture).expect("it is there"), vec![7; 40]);

    let backup = path("backup.ftune");
    let run = served.ctl(&["pull", &backup]);
    assert_eq!(run.code, 0, "{run:?}");
    wanted(&served.ctl(&["forget", "scratch"]), 0, "ok classes=scratch examples=1\n");
    wanted(&served.ctl(&["push", &backup]), 0, "ok\n");
    let run = served.ctl(&["classes"]);
    assert!(run.stdout.starts_with("class name=scratch examples=1 "), "it is back: {run:?}");
    let run = served.ctl(&["push", &image]);
    assert!(run.code == 2 && run.stderr.contains("not a file of fieldtune"), "{run:?}");
    let device = served.ends();
    assert!(!device.asked.iter().any(|asked| asked.contains("Push") && asked.contains("5, 5, 5")));
}

#[test]
fn frames_that_were_classified_are_fetched_and_taught() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = Served::on(&socket(folder.path()));
    let look = folder.path().join("look");
    let run = served.ctl(&["recent", "unsure", look.to_str().expect("UTF-8")]);
    assert_eq!(run.code, 0, "{run:?}");
    // The oldest has made room meanwhile.
    assert!(run.stderr.contains("warning: frame 7 is gone, left out: "), "{run:?}");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(
        lines[0].starts_with("frame number=9 ") && lines[0].contains("frame-000009-scratch.jpg")
    );
    assert_eq!((lines.len(), lines[2]), (3, "ok frames=2 gone=1"));
    assert_eq!(std::fs::read(look.join("frame-000008-scratch.jpg")).expect("it is there"), [8; 40]);
    let run = served.ctl(&["Recent", "1"]);
    assert!(run.code == 0 && run.stdout.ends_with("\nok frames=1\n"), "{run:?}");
    let run = served.ctl(&["teach", "scratch", "--frame", "8", "--frame", "9"]);
    assert!(run.code == 0 && run.stdout.contains("class=scratch examples=1,2"), "{run:?}");
    let run = served.ctl(&["teach", "scratch", "frame", "8"]);
    assert!(run.code == 0 && run.stdout.contains("examples=3 "), "{run:?}");
    for words in [&["teach", "scratch", "5", "--frame", "8"][..], &["status", "--frame", "8"]] {
        let run = served.ctl(words);
        assert!(
            run.code == 2 && run.stderr.contains("wanted: teach CLASS --frame NUMBER"),
            "{run:?}"
        );
    }
    let run = served.ctl(&["status", "--any"]);
    assert!(run.code == 2 && run.stderr.contains("--any goes with teach and burst"), "{run:?}");
    let run = served.ctl(&["classes", "--sheet", "x.png"]);
    assert!(
        run.code == 2 && run.stderr.contains("--sheet goes with recent, examples and status"),
        "{run:?}"
    );
    let device = served.ends();
    let asked = |what: &str| device.asked.iter().filter(|asked| asked.contains(what)).count();
    assert_eq!((asked("TeachFrames"), asked("Recent { unsure_first: true }")), (2, 1));
}

#[test]
fn the_inbox_is_exported_and_taught_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = Served::on(&socket(folder.path()));
    let look = folder.path().join("look");
    let run = served.ctl(&["inbox", "export", look.to_str().expect("UTF-8")]);
    let table = look.join("predictions.csv");
    wanted(&run, 0, &format!("ok frames=2 table={}\n", table.display()));
    assert!(run.stderr.contains("warning: left out: the inbox has no frame 7"), "{run:?}");
    assert_eq!(std::fs::read(look.join("000008.jpg")).expect("it is there"), [8; 40]);
    let kept = "file,id,kept,reason,class,best,confidence,second,second_confidence,novelty\n\
                000009.jpg,9,1970-01-01T00:00:01Z,unknown,unknown,scratch,0.97,good,0.03,0.5\n\
                000008.jpg,8,1970-01-01T00:00:01Z,unknown,unknown,scratch,0.97,good,0.03,0.5\n";
    assert_eq!(std::fs::read_to_string(table).expect("it is there"), kept);
    let run = served.ctl(&["inbox", "assign", "8", "9", "dent", "--json"]);
    assert!(run.code == 0 && run.stdout.contains("\"examples\":[1,2]"), "{run:?}");
    let run = served.ctl(&["inbox", "drop", "7", "--json"]);
    wanted(&run, 0, "{\"dropped\":1,\"left\":1}\n");
    let device = served.ends();
    assert!(device.asked.iter().any(|asked| asked == "InboxDrop([7])"), "{:?}", device.asked);
}

#[test]
fn teaching_a_still_part_asks_to_move_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = Served::on(&socket(folder.path()));
    let run = served.ctl(&["teach", "still", "2"]);
    assert!(run.stderr.contains("waiting: move the part (1 of 2)"), "{run:?}");
    assert!(run.stdout.ends_with("note=\"1 of 2: the part did not move\"\n"), "{run:?}");
    let run = served.ctl(&["teach", "good", "2", "--any"]);
    assert!(run.code == 0 && run.stderr.is_empty(), "{run:?}");
    let device = served.ends();
    assert!(device.asked[1].ends_with("count: 2, any: true }"), "{:?}", device.asked);
}

#[test]
fn an_unreadable_image_stops_teaching_but_not_classifying() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let served = Served::on(&socket(folder.path()));
    let image = path("image.jpg");
    std::fs::write(&image, vec![5; 200]).expect("a file");
    // Opening it would wait for somebody to write.
    let pipe = path("pipe.jpg");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("it is there");
    assert!(made.success());
    let (gone, names) = (path("gone.jpg"), ["gone.jpg: No such file", "pipe.jpg: this is a pipe"]);

    let run = served.ctl(&["teach", "scratch", &image, &gone]);
    assert!(run.code == 2 && run.stderr.contains(names[0]), "{run:?}");
    served.ctl(&["teach", "scratch", &image]);
    let all = ["classify", &gone, &image, &pipe, &image];
    let run = served.ctl(&all);
    assert_eq!((run.code, run.stdout.matches("ok class=scratch").count()), (1, 2), "{run:?}");
    assert!(names.iter().all(|name| run.stderr.contains(name)), "{run:?}");
    let run = served.ctl(&[&["--json"], &all[..]].concat());
    let rows: Vec<&str> = run.stdout.lines().map(|line| &line[..line.len().min(30)]).collect();
    let errors = run.stdout.lines().filter(|line| line.contains("\"error\":")).count();
    assert_eq!((run.code, rows.len(), errors), (1, 4, 2), "{run:?}");

    let run = served.ctl(&["snap", &path("snap.txt")]);
    assert!(run.code == 2 && run.stderr.contains("ends with .png or .jpg"), "{run:?}");
    let run = served.ctl(&["status", "--explain"]);
    assert!(run.code == 2 && run.stderr.contains("--explain goes with snap FILE"), "{run:?}");
    let device = served.ends();
    assert_eq!(device.asked.iter().filter(|asked| asked.contains("TeachImage")).count(), 1);
}

#[test]
fn verdicts_stream_while_somebody_watches() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = Served::on(&socket(folder.path()));
    let mut child = command(&["ctl", "--port", &served.address, "watch", "--json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let output = child.stdout.take().expect("piped");
    // Told until the first is seen: when the watch begins is not known here.
    let (handle, seen) = (served.handle.clone(), Arc::new(AtomicBool::new(false)));
    let until = seen.clone();
    let teller = std::thread::spawn(move || {
        while !until.load(Ordering::Relaxed) {
            handle.offer(&classification("scratch"));
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    });
    let mut lines = BufReader::new(output).lines();
    for _ in 0..3 {
        let line = lines.next().expect("a line").expect("UTF-8");
        assert!(
            line.contains("\"captured\":\"1970-01-01T00:00:01.000000Z\"")
                && line.contains("\"class\":\"scratch\"")
        );
    }
    seen.store(true, Ordering::Relaxed);
    teller.join().expect("it ends");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    served.ends();
}

#[test]
fn what_somebody_asked_who_has_given_up_is_not_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = Served::on(&socket(folder.path()));
    let path = folder.path().join("device.sock");
    let mut first = UnixStream::connect(&path).expect("somebody listens");
    first.write_all(b"version\n").expect("written");
    let mut line = String::new();
    BufReader::new(&first).read_line(&mut line).expect("read");
    // Waits behind the first, and leaves before it is its turn.
    let mut second = UnixStream::connect(&path).expect("it may wait");
    second.write_all(b"teach late\n").expect("written");
    drop(second);
    drop(first);
    wanted(&served.ctl(&["restart"]), 0, "ok\n");
    let asked = served.ends().asked;
    assert!(asked.iter().all(|request| !format!("{request:?}").contains("late")), "{asked:?}");
}

#[test]
fn a_console_on_a_socket_serves_one_after_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = socket(folder.path());
    let path: PathBuf = folder.path().join("device.sock");
    let served = Served::on(&address);
    for round in 0..3 {
        let mut stream = UnixStream::connect(&path).expect("somebody listens");
        stream.write_all(b"version\nteach go").expect("written");
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).expect("read");
        assert_eq!(line, "ok version=0.1.0 model=fake\r\n", "round {round}");
    }
    wanted(&served.ctl(&["restart"]), 0, "ok\n");
    let device = served.ends();
    assert!(!path.exists(), "the socket is gone with the port");
    assert!(!device.asked.iter().any(|asked| asked.contains("Teach")), "half a line is no command");
    std::fs::write(&path, "precious").expect("written");
    let error = Port::listen(&Address::Unix(path.clone())).expect_err("no socket").to_string();
    assert!(error.contains("choose another path"), "{error}");
    assert_eq!(std::fs::read(&path).expect("still there"), b"precious");
}

#[test]
fn an_unread_line_holds_nothing_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = Served::on(&socket(folder.path()));
    let path = folder.path().join("device.sock");
    let mut stream = UnixStream::connect(path).expect("somebody listens");
    // Each answer is some 45 KB, far more in all than queue and socket hold; not one is read.
    for _ in 0..200 {
        stream.write_all(b"log 2000\n").expect("written");
    }
    stream.write_all(b"restart\n").expect("written");
    stream.shutdown(std::net::Shutdown::Write).expect("open until now");
    let dropped = served.handle.clone();
    let mut rest = Vec::new();
    while dropped.dropped() == 0 {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    stream.read_to_end(&mut rest).expect("read");
    let device = served.ends();
    assert_eq!(device.asked.len(), 201, "every line was carried out");
}

#[test]
fn who_cannot_be_reached_is_told_with_the_next_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("none").display().to_string();
    let cases: [(&[&str], i32, &str); 7] = [
        (&["--port", &missing, "status"], 3, "plug the adapter in"),
        (&["--port", &format!("unix:{missing}"), "status"], 3, "start the device's program"),
        (&["--port", "tcp:1", "status"], 2, "wanted serial:DEVICE[@BAUD]"),
        (&["--port", "pty:", "status"], 3, "only a device makes one"),
        (&["--port", "/dev/null", "status"], 3, "is it a serial line"),
        (&["--port", "/dev/null", "stauts"], 2, "there is no command stauts"),
        (&["--port", "/dev/null", "push"], 2, "wanted: push FILE"),
    ];
    for (arguments, code, wanted) in cases {
        let run = fieldtune(&[&["ctl"], arguments].concat());
        assert!(run.code == code && run.stderr.contains(wanted), "{arguments:?}: {run:?}");
    }
    let help = fieldtune(&["ctl", "--port", "/dev/null", "help", "teach"]);
    let usage = "usage: `teach CLASS [COUNT] [any]";
    assert!(help.code == 0 && help.stdout.starts_with(usage), "{help:?}");
}

/// What `ctl` says of somebody on a socket who says this and no more.
fn silence(says: &[u8]) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("other.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    let says = says.to_vec();
    let other = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody comes");
        stream.write_all(&says).expect("written");
        let mut asked = Vec::new();
        stream.read_to_end(&mut asked).expect("read");
    });
    let port = format!("unix:{}", path.display());
    let run = fieldtune(&["ctl", "--port", &port, "--timeout", "0.5", "status"]);
    other.join().expect("it ends");
    run
}

#[test]
fn a_silent_or_a_strange_other_side_is_told_apart() {
    for (says, wanted) in [
        (&b""[..], "no answer for 0.5 s"),
        (b"\xf8\x80\x1c\xe0\xf8\x80", "another baud rate"),
        (b"\0\x02\x01\x09damaged\0", "received damaged data"),
        (b"debian login: ", "a login console"),
    ] {
        let run = silence(says);
        assert!(run.code == 3 && run.stderr.contains(wanted), "{says:?}: {run:?}");
        assert!(run.stderr.contains("  next: "), "{run:?}");
    }
}
