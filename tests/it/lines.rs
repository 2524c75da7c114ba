//! A device that reads lines of text: taught, predicting, switching outputs; waiting, flooded, given rubbish; refused.

use crate::common::{data, desk, process};
use crate::text::KINDS;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Stdio};
use std::time::{Duration, Instant};

use desk::{Bench, text};
use process::Device;

/// The lamp is on while the latest line is of the class disk, and the reject output for a moment after each.
const POLICY: &str = r#"
[[action]]
output = "lamp"
when = ["disk"]
do = "hold"

[[action]]
output = "reject"
when = ["disk"]
do = { pulse = { ms = 60000 } }
"#;

fn policy(folder: &Path) -> String {
    let file = folder.join("policy.toml");
    std::fs::write(&file, POLICY).expect("the folder is the test's");
    file.display().to_string()
}

/// A device that reads its standard input.
struct Reading {
    device: Device,
    folder: PathBuf,
    stdin: Option<ChildStdin>,
    sent: u64,
}

impl Reading {
    fn start(folder: &Path, more: &[&str]) -> Self {
        let policy = policy(folder);
        let arguments = ["--camera", "lines:-", "--policy", &policy];
        let mut device = Device::reading(folder, &[&arguments[..], more].concat(), Stdio::piped());
        let stdin = device.process.stdin.take();
        Self { device, folder: folder.to_owned(), stdin, sent: 0 }
    }

    fn write(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("it was not closed");
        stdin.write_all(bytes).expect("it reads");
        stdin.flush().expect("it reads");
    }

    /// Writes lines, and waits until they are classified.
    fn say(&mut self, lines: &[&str]) {
        for line in lines {
            self.write(format!("{line}\n").as_bytes());
        }
        self.sent += lines.len() as u64;
        self.until_read();
    }

    fn until_read(&mut self) {
        let wanted = self.sent;
        let read = |device: &Device, _: &str| {
            let status = device.ok(&["status", "--json"]);
            let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
            let device = &status["device"];
            let done = [&device["classified"], &device["failed_frame"]];
            done.iter().filter_map(|count| count.as_u64()).sum::<u64>() >= wanted
        };
        self.device.until(&self.folder, "all lines are read", read);
    }

    fn is_on(&self, output: &str) -> bool {
        self.device.ok(&["outputs"]).contains(&format!("name={output} on=yes"))
    }

    /// Closes its standard input; returns its exit status and its log.
    fn end(mut self) -> (Option<i32>, String) {
        self.stdin.take();
        let status = self.device.process.wait().expect("it is our child").code();
        let log = std::fs::read_to_string(self.folder.join("log")).expect("it was made");
        (status, log)
    }
}

/// A device that was taught five lines of each kind.
fn taught(folder: &Path) -> Reading {
    let mut reading = Reading::start(folder, &[]);
    for (class, lines) in KINDS {
        reading.say(&lines);
        let said = reading.device.ok(&["teach", class, "5"]);
        assert!(said.contains(&format!("class={class} ")) && said.contains("count=5"), "{said}");
    }
    reading
}

const DISK: &str = "kernel: blk_update_request: I/O error, dev sdc, sector 99999";
const LOGIN: &str = "sshd[4711]: Failed password for backup from 172.16.9.1 port 60022 ssh2";
const OTHER: &str = "dhclient: DHCPREQUEST for 192.168.4.7 on eth0 to 255.255.255.255 port 67";

#[test]
fn a_device_learns_lines_and_switches_outputs() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut reading = taught(folder.path());
    reading.say(&[LOGIN]);
    assert!(!reading.is_on("lamp") && !reading.is_on("reject"));
    reading.say(&[DISK]);
    assert!(reading.is_on("lamp") && reading.is_on("reject"));
    // What holds lasts until the next line, what pulses goes on.
    reading.say(&[LOGIN]);
    assert!(!reading.is_on("lamp") && reading.is_on("reject"));
    let recent = reading.device.ok(&["recent", "2"]);
    let (first, second) = recent.split_once('\n').expect("two lines");
    assert!(first.contains("login") && first.contains(LOGIN), "{recent}");
    assert!(second.contains("disk") && second.contains(DISK), "{recent}");

    // An unknown line waits, and is named.
    reading.say(&[OTHER]);
    let inbox: serde_json::Value =
        serde_json::from_str(&reading.device.ok(&["inbox", "--json"])).expect("JSON");
    let kept = &inbox[0];
    assert_eq!((&kept["line"], &kept["verdict"]["class"]), (&OTHER.into(), &().into()), "{inbox}");
    let id = kept["id"].to_string();
    reading.device.ok(&["inbox", "assign", &id, "net"]);
    let examples = reading.device.ok(&["examples", "net"]);
    assert!(examples.contains(OTHER), "{examples}");
    reading.say(&["dhclient: DHCPREQUEST for 10.0.0.3 on eth1 to 255.255.255.255 port 67"]);
    assert!(reading.device.ok(&["recent", "1"]).contains("net"));
    reading.device.ok(&["undo"]);
    assert!(!reading.device.ok(&["classes"]).contains("name=net"));

    // The line that was seen last, or one of before.
    reading.say(&["cron[7]: job backup finished"]);
    let said = reading.device.ok(&["teach", "job"]);
    assert!(said.contains("count=1 new=yes"), "{said}");
    let again = reading.device.ok(&["teach", "job"]);
    assert!(again.contains("this line is already example"), "{again}");
    let number = reading.sent - 1;
    reading.device.ok(&["teach", "net", "frame", &number.to_string()]);
    let net = reading.device.ok(&["examples", "net"]);
    assert!(net.contains("dhclient: DHCPREQUEST for 10.0.0.3"), "{net}");
    let few = reading.device.ok(&["teach", "job", "900"]);
    assert!(few.contains(" of 900: no more lines that differ are kept"), "{few}");
    reading.device.ok(&["undo"]);
    reading.device.ok(&["relabel", "disk", "1"]);
    reading.device.ok(&["forget", "example", "1"]);
    reading.device.ok(&["threshold", "novelty=1.5"]);
    let picture = folder.path().join("line.png");
    reading.device.ok(&["snap", text(&picture)]);
    reading.device.ok(&["save", "good"]);

    // Lines that were never read, from elsewhere.
    let given = ["teach", "job", "cron[9]: job report finished", "cron: job tidy failed", "--text"];
    let said = reading.device.ok(&given);
    assert!(said.contains("line=\"cron: job tidy failed\""), "{said}");
    let said = reading.device.ok(&["classify", "cron[1]: job report finished", "--text", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(
        (&said["class"], &said["line"]),
        (&"job".into(), &"cron[1]: job report finished".into())
    );
    let ruler = reading.device.ctl(&["teach", "job", "-----", "--text"]);
    assert!(ruler.code != 0, "{ruler:?}");
    let elsewhere = reading.device.ctl(&["status", "--text"]);
    assert!(elsewhere.stderr.contains("--text goes with teach"), "{elsewhere:?}");
    // What is unknown waits over a restart, too.
    let stranger = "ntpd: clock unsynchronized, stepping by 3.1 s";
    reading.say(&[stranger]);
    assert!(reading.device.ok(&["inbox"]).contains(stranger));
    let classes = reading.device.ok(&["classes"]);
    let (status, log) = reading.end();
    assert_eq!(status, Some(0), "{log}");
    assert!(log.contains("lines:- reached its end"), "{log}");
    assert!(log.contains("learned 5 examples of the new class login"), "{log}");
    // What was taught is there for those who classify without a device, and after a new start.
    let mut bench = crate::common::command(&["classify", "--text", DISK]);
    bench.env("FIELDTUNE_STORE", folder.path().join("store"));
    let run = crate::common::finish(bench);
    assert!(run.stdout.starts_with("disk"), "{run:?}");
    let reading = Reading::start(folder.path(), &[]);
    assert_eq!(reading.device.ok(&["classes"]), classes);
    assert!(reading.device.ok(&["inbox"]).contains(stranger));
}

#[test]
fn a_waiting_device_goes_on_and_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    // Both times are over many times before the test is.
    let board = include_str!("../../boards/sim.toml")
        .replace("[camera]", "[camera]\ntimeout_ms = 100\nlost = \"safe\"");
    let board = format!("watchdog_ms = 100\n{board}");
    let file = folder.path().join("board.toml");
    std::fs::write(&file, board).expect("the folder is the test's");
    let mut reading = Reading::start(folder.path(), &["--board", text(&file)]);
    reading.say(&[LOGIN]);
    reading.device.ok(&["teach", "login"]);
    reading.say(&[DISK]);
    reading.device.ok(&["teach", "disk"]);
    reading.say(&[DISK]);
    let begun = Instant::now();
    let (mut beats, mut before) = (0, reading.is_on("heartbeat"));
    while begun.elapsed() < Duration::from_secs(3) {
        let now = reading.is_on("heartbeat");
        beats += u32::from(now != before);
        before = now;
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(beats >= 2, "it beats {beats} times");
    assert!(reading.is_on("lamp"), "no line says otherwise");
    let status = reading.device.ok(&["status"]);
    assert!(status.contains("waiting for a line"), "{status}");
    let (status, log) = reading.end();
    assert!(status == Some(0) && !log.contains("no prediction in time"), "{log}");
}

#[test]
fn outputs_are_off_once_the_source_of_lines_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let fifo = folder.path().join("end");
    let policy = policy(folder.path());
    let command = format!(
        "lines:pipe:echo '{LOGIN}'; echo '{DISK}'; while ! [ -e {} ]; do sleep 0.1; done; echo pulled >&2; exit 3",
        text(&fifo)
    );
    let arguments = ["--camera", &command, "--policy", &policy];
    let mut device = Device::reading(folder.path(), &arguments, Stdio::null());
    device.until(folder.path(), "both are read", |device, _| {
        device.ok(&["recent"]).contains("I/O error")
    });
    device.ok(&["teach", "login", "frame", "1"]);
    device.ok(&["teach", "disk", "frame", "2"]);
    std::fs::write(&fifo, "").expect("the folder is the test's");
    device.until(folder.path(), "it is started again", |_, log| {
        log.contains("the program ended, exit status: 3; stderr: pulled")
            && log.contains("delivers frames again")
    });
    // Its lines come again each time; then it rests longer than a camera may.
    device.until(folder.path(), "it counts as lost", |device, log| {
        log.contains("no prediction in time") && device.ok(&["outputs"]).contains("lamp on=no")
    });
    assert!(device.ok(&["status"]).contains("errors_camera_gone"));
    assert_eq!(device.signal("TERM"), Some(0));
}

#[test]
fn hostile_lines_are_counted_and_change_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut reading = taught(folder.path());
    let classes = reading.device.ok(&["classes"]);
    let endless = [&b"x".repeat(300_000)[..], b"\n"].concat();
    let rubbish: [&[u8]; 6] = [
        b"bad \xff\xfe bytes\n",
        &endless,
        b"\n\r\n   \n-----\n===\n",
        b"\xf0\x9f\n",
        b"\0\0\0\0\n",
        b"\xef\xbb\xbf\n",
    ];
    rubbish.iter().for_each(|bytes| reading.write(bytes));
    // What a terminal would obey, and a line with zeros, are lines.
    reading.say(&["kernel: \u{1b}]0;owned\u{7}\u{1b}[2J I/O error, dev sda\0, sector 3"]);
    let recent = reading.device.ok(&["recent", "1"]);
    assert!(!recent.contains('\u{1b}') && !recent.contains('\0'), "{recent:?}");
    assert!(recent.contains("u{1b}") && recent.contains("disk"), "{recent}");
    let longest = format!("{DISK} {}", "y".repeat(65_000));
    reading.say(&[&longest, DISK]);
    assert!(reading.is_on("lamp"));
    let status = reading.device.ok(&["status"]);
    let figure = |name: &str| crate::common::figures::figure(&status, name);
    assert_eq!(figure("errors_camera_malformed"), Some(3), "{status}");
    assert_eq!(figure("dropped"), Some(0), "{status}");
    assert_eq!(reading.device.ok(&["classes"]), classes);
    // A line that ends with the pipe is a line; half a character is none.
    reading.write(b"web \xc3");
    let (status, log) = reading.end();
    assert_eq!(status, Some(0), "{log}");
    assert!(log.contains("was left out: not UTF-8 from byte 5 of the line, 1 so far"), "{log}");
    assert!(log.contains("of more than 65536 bytes, 2 so far"), "{log}");
}

#[test]
fn none_of_a_flood_of_lines_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut reading = taught(folder.path());
    let count = crate::common::slow_cases(1500, 200) as u64;
    let flood: String = (0..count).map(|n| format!("{DISK} {n}\n{LOGIN} {n}\n")).collect();
    reading.write(flood.as_bytes());
    reading.sent += 2 * count;
    reading.until_read();
    let status = reading.device.ok(&["status"]);
    let figure = |name: &str| crate::common::figures::figure(&status, name);
    let frames = figure("frames");
    assert_eq!((frames, figure("dropped")), (Some(reading.sent), Some(0)), "{status}");
    // A restart in the middle of one goes on with what was read and not asked for.
    reading.write(flood.as_bytes());
    reading.device.ok(&["restart"]);
    let folder = reading.folder.clone();
    reading
        .device
        .until(&folder, "it stands again", |_, log| log.matches(" ms a frame").count() == 2);
    let (status, log) = reading.end();
    assert_eq!(status, Some(0), "{log}");
}

#[test]
fn lines_images_and_sounds_refuse_each_other() {
    let refused = |folder: &Path, arguments: &[&str], says: &[&str]| {
        let bench = crate::common::command(
            &[
                &["run", "--bench-seconds", "1", "--port", "pty:", "--store"],
                &[text(&folder.join("s"))][..],
                arguments,
            ]
            .concat(),
        );
        let run = crate::common::finish(bench);
        assert_eq!(run.code, 2, "{run:?}");
        for part in says {
            assert!(run.stderr.contains(part), "{part}: {run:?}");
        }
    };
    let model = data("tiny.toml");
    let model = text(&model);
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("s");
    let ok = |arguments: &[&str]| {
        let run = crate::common::fieldtune(&[arguments, &["--store", text(&store)]].concat());
        assert_eq!(run.code, 0, "{run:?}");
    };
    ok(&["teach", "disk", "--text", DISK]);
    let pixels = ["--camera", "synthetic:", "--model", model];
    let says = "wanted a store of images, this one holds lines of text\n  next: ";
    refused(folder.path(), &pixels, &[says, "--camera lines:SOURCE"]);
    #[cfg(feature = "sound")]
    refused(
        folder.path(),
        &["--camera", "sound:synthetic:machine", "--model", model],
        &["wanted a store of sounds, this one holds lines of text"],
    );
    let lines = ["--camera", "lines:-"];
    let other = tempfile::tempdir().expect("a folder");
    let picture = Bench::new();
    let picture_of = picture.new_picture("good");
    let store = text(&other.path().join("s")).to_owned();
    picture.ok(&["teach", "good", &picture_of, "--store", &store]);
    refused(other.path(), &lines, &["wanted a store of lines of text, this one holds images"]);
    // The network reads no text.
    refused(
        folder.path(),
        &[&lines[..], &["--model", model]].concat(),
        &["tiny.toml", "reads text"],
    );
    let part = [&lines[..], &["--region", "0,0,0.5,1"]].concat();
    refused(folder.path(), &part, &["got a line of text, which is looked at as a whole"]);
    let twice = [&lines[..], &["--port", "stdio:"]].concat();
    refused(folder.path(), &twice, &["stdio:: lines are read there", "another port"]);
}

#[test]
fn a_board_reads_lines_and_is_checked() {
    let bench = Bench::new();
    let write = |address: &str| {
        let board = include_str!("../../boards/sim.toml")
            .replace("\"synthetic:\"", &format!("\"{address}\""));
        std::fs::write(bench.path().join("board.toml"), board).expect("the folder is the test's");
    };
    for (address, says) in [
        ("lines:-", "standard input"),
        ("lines:pipe:sh -c 'echo one'", "/sh"),
        ("sound:synthetic:machine", "computed by this program"),
        ("lines:pipe:no-such-program -f", "no program no-such-program"),
        ("lines:serial:/dev/none@9600", "/dev/none"),
        ("lines:none.log", "none.log is not there"),
    ] {
        write(address);
        let run = bench.run(&["check", "--board", "board.toml"]);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains(says), "{address}: {run:?}");
    }
    let lines: Vec<&str> = KINDS.iter().flat_map(|(_, lines)| lines).copied().collect();
    std::fs::write(bench.path().join("log"), lines.join("\n")).expect("the folder is the test's");
    write("lines:log");
    // The rate of a board's camera is none of its lines.
    let begun = Instant::now();
    let run = bench.run(&["run", "--board", "board.toml", "--port", "pty:"]);
    assert!(run.code == 0 && run.stderr.contains("lines:log reached its end"), "{run:?}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{run:?}");
}

#[test]
fn what_is_about_pixels_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut reading = Reading::start(folder.path(), &[]);
    let early = reading.device.ctl(&["teach", "disk"]);
    assert!(
        early.code != 0 && early.stderr.contains("no line was read for 5 s, nothing was learned"),
        "{early:?}"
    );
    reading.say(&[DISK]);
    reading.device.ok(&["teach", "disk"]);
    for words in [
        &["adapt"][..],
        &["finetune"],
        &["follow", "on"],
        &["region", "0,0,0.5,1"],
        &["views", "none"],
    ] {
        let asked = if words[0] == "views" { [&["set"], words].concat() } else { words.to_vec() };
        let refused = reading.device.ctl(&asked);
        let says = format!("{}: wanted images, got lines of text", words[0]);
        assert!(refused.code != 0 && refused.stderr.contains(&says), "{words:?}: {refused:?}");
    }
    let picture = Bench::new().new_picture("good");
    for words in [&["classify", &picture][..], &["teach", "disk", &picture]] {
        let refused = reading.device.ctl(words);
        assert!(refused.code != 0, "{refused:?}");
    }
    // The picture of a line is the line.
    let kept = folder.path().join("kept");
    reading.device.ok(&["recent", text(&kept)]);
    let burst = reading.device.ctl(&["burst", "disk", "0.1"]);
    assert!(burst.code != 0 && burst.stderr.contains("no line, nothing was learned"), "{burst:?}");
}

#[test]
#[cfg(feature = "text")]
fn a_network_reads_the_lines_of_a_device() {
    let folder = tempfile::tempdir().expect("a folder");
    let network = data("readers/bert/network.onnx");
    let mut reading = Reading::start(folder.path(), &["--model", text(&network)]);
    reading.say(&["the pump hums"]);
    reading.device.ok(&["teach", "pump"]);
    reading.say(&["failed password for root"]);
    reading.device.ok(&["teach", "login"]);
    reading.say(&["the pump hums"]);
    let recent = reading.device.ok(&["recent", "1"]);
    assert!(recent.contains("pump"), "{recent}");
    let status = reading.device.ok(&["version"]);
    assert!(status.contains("network, text"), "{status}");
}
