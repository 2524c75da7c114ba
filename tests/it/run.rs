//! `fieldtune run` as a process, asked by `fieldtune ctl`: teaching, ending, being killed, starting again.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::common;
use crate::common::process;

use common::{command, data, fieldtune, finish, folder_of};
use fieldtune::board::BOARDS;
use fieldtune::device::port::CLIENTS;
use fieldtune::protocol::pin::{Pin, PinHash};
use process::{DRAWN, Device};

mod json;
mod told;

#[test]
fn acknowledged_changes_survive_exit_and_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut device = Device::start(folder, &DRAWN);
    assert!(device.ok(&["teach", "steel", "2"]).contains("class=steel examples=1,2"));
    assert_eq!(device.signal("TERM"), Some(0));

    let mut device = Device::start(folder, &DRAWN);
    assert!(device.ok(&["classes"]).contains("name=steel examples=2"));
    for count in 3..6 {
        let taught = device.ok(&["teach", "steel"]);
        assert!(taught.contains(&format!("count={count}")), "{taught}");
        assert_eq!(device.signal("KILL"), None);
        device = Device::start(folder, &DRAWN);
        let classes = device.ok(&["classes"]);
        assert!(classes.contains(&format!("name=steel examples={count}")), "{classes}");
    }
    assert_eq!(device.signal("INT"), Some(0));
}

#[test]
fn images_are_taught_and_packs_move_between_devices() {
    let scratch = tempfile::tempdir().expect("a folder");
    let pictures = ["red", "stripes"].map(|kind| folder_of(scratch.path(), kind, 0, 6));
    let (one, other) = (scratch.path().join("one"), scratch.path().join("other"));
    std::fs::create_dir(&one).expect("there is room");
    std::fs::create_dir(&other).expect("there is room");
    let device = Device::start(&one, &DRAWN);
    let picture = |kind: usize, seed: u64| {
        let name = pictures[kind].file_name().expect("a name").to_str().expect("UTF-8");
        pictures[kind].join(format!("{name}-{seed}.png")).display().to_string()
    };
    for seed in 0..5 {
        device.ok(&["teach", "red", &picture(0, seed)]);
        device.ok(&["teach", "stripes", &picture(1, seed)]);
    }
    let classified = device.ok(&["classify", &picture(1, 5)]);
    assert!(classified.contains("best=stripes"), "{classified}");
    let learned = scratch.path().join("learned").display().to_string();
    device.ok(&["pull", &learned]);

    let second = Device::start(&other, &DRAWN);
    second.ok(&["push", &learned]);
    assert!(second.ok(&["classes"]).contains("name=red examples=5"));
    assert_eq!(second.ok(&["classify", &picture(1, 5)]), classified);
}

#[test]
fn a_camera_that_dies_is_reported_and_ports_still_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let camera = ["--camera", "pipe:exit 3", "--resolution", "32x32"];
    let mut device = Device::start(folder.path(), &camera);
    device.until(folder.path(), "it is noticed", |device, _| {
        device.ok(&["status"]).contains("errors_camera_gone=")
    });
    let refused = device.ctl(&["teach", "steel"]);
    assert!(refused.code != 0 && refused.stderr.contains("no frame"), "{}", refused.stderr);
    assert_eq!(device.signal("TERM"), Some(0));
}

#[test]
fn a_restart_reads_board_and_policy_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = folder.path().join("policy.toml");
    let write = |output: &str| {
        let text =
            format!("[[action]]\noutput = \"{output}\"\nwhen = [\"steel\"]\ndo = \"hold\"\n");
        std::fs::write(&policy, text).expect("there is room");
    };
    write("lamp");
    let policy = policy.display().to_string();
    let mut device = Device::start(folder.path(), &[&DRAWN[..], &["--policy", &policy]].concat());
    device.ok(&["teach", "steel", "3"]);
    device.ok(&["threshold", "novelty=inf"]);
    let level = |device: &Device, wanted: &str| device.ok(&["outputs"]).contains(wanted);
    device.until(folder.path(), "the lamp is on", |device, _| level(device, "name=lamp on=yes"));
    write("reject");
    device.ok(&["restart"]);
    device
        .until(folder.path(), "it stands again", |_, log| log.matches(" ms a frame").count() == 2);
    device.until(folder.path(), "the other output is on", |device, _| {
        level(device, "name=reject on=yes") && level(device, "name=lamp on=no")
    });
    // A slip of the pen is told and changes nothing.
    std::fs::write(&policy, "x = [").expect("there is room");
    let id = device.process.id().to_string();
    let sent = Command::new("kill").args(["-HUP", &id]).status();
    assert!(sent.expect("kill is there").success());
    device.until(folder.path(), "it stands as before", |_, log| {
        log.contains("restarting with the previous configuration")
            && log.matches(" ms a frame").count() == 3
    });
    device.until(folder.path(), "the output is on again", |device, _| {
        level(device, "name=reject on=yes")
    });
}

#[test]
fn a_client_that_leaves_during_teaching_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut device = Device::start(folder.path(), &DRAWN);
    let mut gone = UnixStream::connect(folder.path().join("port")).expect("it listens");
    gone.write_all(b"teach gone 1000\rteach later 1000\r").expect("somebody reads");
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains("progress") {
        let mut bytes = [0; 256];
        let count = gone.read(&mut bytes).expect("somebody answers");
        heard.extend(&bytes[..count]);
    }
    drop(gone);
    // It is noticed with the next frame.
    device.until(folder.path(), "others are served", |device, _| {
        device.ctl(&["teach", "steel"]).stdout.contains("examples=1 count=1")
    });
    let classes = device.ok(&["classes"]);
    assert!(classes.contains("steel") && classes.contains("classes=1"), "{classes}");
}

#[test]
fn a_socket_serves_four_clients_and_the_next_waits() {
    let folder = tempfile::tempdir().expect("a folder");
    let device = Device::start(folder.path(), &DRAWN);
    device.ok(&["teach", "steel", "2"]);
    let connect = || {
        let client = UnixStream::connect(folder.path().join("port")).expect("it listens");
        client.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        client
    };
    let heard = |mut client: &UnixStream, wanted: &str| {
        let mut heard = String::new();
        while !heard.contains(wanted) {
            let mut bytes = [0; 256];
            let count = client.read(&mut bytes).expect("somebody answers");
            assert!(count > 0, "{heard}");
            heard.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    };
    // All but one watch, and each sees the verdicts, while the last place is for whoever teaches.
    let watchers: Vec<UnixStream> = (1..CLIENTS).map(|_| connect()).collect();
    for mut client in &watchers {
        client.write_all(b"watch on\r").expect("somebody reads");
        heard(client, "verdict ");
    }
    assert!(device.ok(&["teach", "steel"]).contains("count=3"));
    watchers.iter().for_each(|client| heard(client, "verdict "));

    let mut last = connect();
    last.write_all(b"version\r").expect("somebody reads");
    heard(&last, "ok version=");
    let refused = fieldtune(&["ctl", "--port", &device.port, "--timeout", "1", "version"]);
    assert!(refused.code != 0 && refused.stderr.contains("4 at a time"), "{refused:?}");
    drop(last);
    assert!(device.ok(&["classes"]).contains("classes=1"));
}

#[test]
fn a_suspended_process_does_not_count_as_hung() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut device = Device::start(folder.path(), &DRAWN);
    for _ in 0..3 {
        let id = device.process.id().to_string();
        for (signal, wait) in [("-STOP", 3000), ("-CONT", 1000)] {
            assert!(Command::new("kill").args([signal, &id]).status().is_ok_and(|it| it.success()));
            std::thread::sleep(Duration::from_millis(wait));
        }
        let ended = device.process.try_wait().expect("it is our child");
        let log = std::fs::read_to_string(folder.path().join("log")).expect("it was made");
        assert!(ended.is_none(), "{ended:?}\n{log}");
    }
    assert!(device.ok(&["teach", "steel"]).contains("count=1"));
    assert_eq!(device.signal("TERM"), Some(0));
}

#[test]
fn regions_have_a_store_each_and_are_named() {
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = scratch.path();
    let board = board_with(folder, "");
    let both = "\n[regions]\nleft = { fractions = [0.0, 0.0, 0.5, 1.0] }\nright = { fractions = [0.5, 0.0, 0.5, 1.0] }\n";
    let text = std::fs::read_to_string(&board).expect("it was made") + both;
    std::fs::write(&board, text).expect("there is room");
    let arguments = [&DRAWN[..], &["--board", &board]].concat();
    let mut device = Device::start(folder, &arguments);
    assert!(device.ok(&["@left", "teach", "steel", "2"]).contains("class=steel examples=1,2"));
    assert!(device.ok(&["@right", "teach", "scratch"]).contains("class=scratch examples=1"));
    let refused = device.ctl(&["teach", "steel"]);
    assert!(refused.code != 0 && refused.stderr.contains("@left"), "{}", refused.stderr);
    let status = device.ok(&["status"]);
    assert!(status.contains("left_classes=1 left_examples=2 right_classes=1"), "{status}");
    let regions = device.ok(&["regions", "--json"]);
    assert!(regions.contains("\"name\":\"right\""), "{regions}");
    let pack = folder.join("pack").display().to_string();
    device.ok(&["@left", "pull", &pack]);
    device.ok(&["@right", "push", "merge", &pack]);
    assert_eq!(device.signal("KILL"), None);

    let classes = |store: &str| {
        let store = folder.join(store).display().to_string();
        finish(command(&["classes", "--store", &store])).stdout
    };
    assert!(classes("store.left").contains("steel") && !classes("store.left").contains("scratch"));
    assert!(classes("store.right").contains("steel") && classes("store.right").contains("scratch"));
    assert!(!folder.join("store").exists());

    let device = Device::start(folder, &arguments);
    let log = std::fs::read_to_string(folder.join("log")).expect("it was made");
    assert!(log.contains("left: 1 class taught, right: 2 classes taught"), "{log}");
    assert!(device.ok(&["@right", "classes"]).contains("name=scratch examples=1"));
    // One region that was asked for takes their place, and the device's own store.
    drop(device);
    let device = Device::start(folder, &[&arguments[..], &["--region", "0,0,32,32"]].concat());
    assert!(device.ok(&["teach", "steel"]).contains("examples=1"));
    assert!(folder.join("store").exists());
    let log = std::fs::read_to_string(folder.join("log")).expect("it was made");
    assert!(log.contains("store.left is not used: no region"), "{log}");
    drop(device);
    let _device = Device::start(folder, &arguments);
    let log = std::fs::read_to_string(folder.join("log")).expect("it was made");
    assert!(log.contains("store is not used") && !log.contains("store.left is"), "{log}");
}

#[test]
fn nests_share_a_store_and_follow_after_a_kill() {
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = scratch.path();
    let board = board_with(folder, "");
    let nests = "\n[regions]\nleft = { fractions = [0.0, 0.0, 0.5, 1.0], head = \"nests\" }\nright = { fractions = [0.5, 0.0, 0.5, 1.0], head = \"nests\" }\n";
    let text = std::fs::read_to_string(&board).expect("it was made") + nests;
    std::fs::write(&board, text).expect("there is room");
    let arguments = [&DRAWN[..], &["--board", &board]].concat();
    let mut device = Device::start(folder, &arguments);
    // What the half shows may be flat, or alike wherever it is moved, until another part comes.
    while device.ctl(&["@left", "follow", "on"]).code != 0 {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(device.ok(&["@left", "teach", "steel"]).contains("class=steel examples=1"));
    assert!(device.ok(&["@right", "teach", "scratch"]).contains("class=scratch examples=2"));
    let status = device.ok(&["status"]);
    assert!(status.contains("nests_classes=2 nests_examples=2"), "{status}");
    // What was learned is one: no region need be named, but for what one of them shows.
    assert!(device.ok(&["classes"]).contains("name=scratch examples=1"));
    let unnamed = device.ctl(&["teach", "steel"]);
    assert!(unnamed.code != 0 && unnamed.stderr.contains("@left"), "{unnamed:?}");
    assert!(status.contains("left_follow=") && !status.contains("right_follow"), "{status}");
    assert_eq!(device.signal("KILL"), None);
    assert!(folder.join("store").exists() && !folder.join("store.nests").exists());

    let mut device = Device::start(folder, &arguments);
    assert!(device.ok(&["@right", "classes"]).contains("name=steel examples=1"));
    assert!(device.ok(&["@left", "follow"]).contains("follow=on"));
    assert!(device.ok(&["@right", "follow"]).contains("follow=off"));
    assert_eq!(device.signal("TERM"), Some(0));
    // Elsewhere nothing of it is to be seen.
    let text = std::fs::read_to_string(&board).expect("it was made");
    std::fs::write(&board, text.replace("[0.0, 0.0, 0.5, 1.0]", "[0.1, 0.0, 0.4, 1.0]"))
        .expect("room");
    let device = Device::start(folder, &arguments);
    let log = std::fs::read_to_string(folder.join("log")).expect("it was made");
    assert!(log.contains("left: the region is another one than when it began to follow"), "{log}");
    assert!(device.ok(&["@left", "follow"]).contains("follow=off"));
}

#[test]
fn wrong_boards_policies_and_cameras_start_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("there is room");
        path.display().to_string()
    };
    let policy =
        file("policy.toml", "[[action]]\noutput = \"horn\"\nwhen = [\"bad\"]\ndo = \"hold\"\n");
    let board = file("board.toml", "about = \"x\"\nfurther = 1\n");
    let store = folder.path().join("store").display().to_string();
    let model = data("tiny.toml").display().to_string();
    for (arguments, code, wanted) in [
        (vec!["--policy", &policy], 2, "horn"),
        (vec!["--board", &board], 2, "further"),
        (vec!["--board", "toaster"], 2, "toaster"),
        (vec!["--camera", "webcam:"], 2, "no such kind"),
        (vec!["--camera", "v4l:/dev/video-none"], 3, ""),
        (vec!["--port", "tcp:1", "--camera", "synthetic:"], 2, "is not a port"),
        (vec!["--port", "serial:/dev/tty-none", "--camera", "synthetic:"], 3, "tty-none"),
    ] {
        let start = ["run", "--bench-seconds", "1", "--store", &store, "--model", &model];
        let run = fieldtune(&[&start[..], &arguments].concat());
        assert_eq!(run.code, code, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(wanted), "{arguments:?}: {}", run.stderr);
    }
}

/// The board without hardware, with more said at its top; its file.
fn board_with(folder: &Path, top: &str) -> String {
    let (_, sim) = BOARDS.iter().find(|(name, _)| *name == "sim").expect("it is built in");
    let file = folder.join("board.toml");
    std::fs::write(&file, format!("{top}\n{sim}")).expect("there is room");
    file.display().to_string()
}

#[test]
fn a_locked_port_allows_teaching_and_logs_no_pin() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let (right, wrong) = ("8246-right", "8246-wrong");
    let hash = PinHash::of(&Pin::new(right).expect("a PIN")).expect("random bytes");
    let top = format!("access = \"locked\"\npin_hash = \"{}\"", hash.as_str());
    let board = board_with(folder, &top);
    let mut device = Device::start(folder, &[&DRAWN[..], &["--board", &board]].concat());
    let with_pin = |device: &Device, pin: &str, words: &[&str]| {
        let start = ["ctl", "--port", &device.port, "--timeout", "100"];
        let mut ctl = command(&[&start[..], words].concat());
        ctl.env("FIELDTUNE_PIN", pin);
        finish(ctl)
    };
    device.ok(&["teach", "steel", "2"]);
    assert!(device.ok(&["status"]).contains("access=locked"));
    let refused = device.ctl(&["forget", "steel"]);
    assert!(refused.code == 2 && refused.stderr.contains("unlock PIN first"), "{refused:?}");
    let refused = with_pin(&device, wrong, &["forget", "steel"]);
    assert!(refused.code == 2 && refused.stderr.contains("wrong PIN"), "{refused:?}");
    let refused = device.ctl(&["unlock", right]);
    assert!(refused.code == 2 && refused.stderr.contains("--pin-file"), "{refused:?}");
    // A new start is no new beginning for who guesses.
    let id = device.process.id().to_string();
    let sent = Command::new("kill").args(["-HUP", &id]).status();
    assert!(sent.expect("kill is there").success());
    device.until(folder, "it stands again", |_, log| log.matches(" ms a frame").count() == 2);
    device.until(folder, "the next one is looked at", |device, log| {
        with_pin(device, wrong, &["forget", "steel"]);
        log.contains("wrong PIN, number 2")
    });
    // Once the wait for the wrong ones is over.
    device.until(folder, "the PIN unlocks", |device, _| {
        with_pin(device, right, &["rename", "steel", "iron"]).code == 0
    });
    let refused = device.ctl(&["forget", "iron"]);
    assert!(refused.stderr.contains("unlock PIN first"), "locked again: {refused:?}");
    let file = folder.join("line.pin");
    std::fs::write(&file, format!("{right}\n")).expect("there is room");
    let file = file.display().to_string();
    device.ok(&["--pin-file", &file, "forget", "iron"]);
    let refused = device.ctl(&["undo"]);
    assert!(refused.stderr.contains("unlock PIN first"), "a PIN did it: {refused:?}");
    device.ok(&["--pin-file", &file, "undo"]);
    assert!(device.ok(&["classes"]).contains("name=iron examples=2"));
    device.ok(&["--pin-file", &file, "forget", "iron"]);
    // What needs no PIN asks for none: a wrong one costs no wait.
    assert_eq!(with_pin(&device, wrong, &["classes"]).stdout, "ok classes=0\n");

    device.ok(&["--pin-file", &file, "restart"]);
    device.until(folder, "it stands again", |_, log| log.matches(" ms a frame").count() == 3);
    let refused = device.ctl(&["save"]);
    assert!(refused.stderr.contains("unlock PIN first"), "{refused:?}");
    let log = std::fs::read_to_string(folder.join("log")).expect("it was made");
    let told = device.ok(&["log", "100"]);
    for wanted in
        ["wrong PIN, number 1", "unlocked", "renamed steel to iron", "locked\n", "restart"]
    {
        assert!(log.contains(&format!("{}: {wanted}", device.port)), "{wanted}: {log}");
    }
    assert!(!log.contains("8246") && !told.contains("8246"), "{log}{told}");
    assert_eq!(device.signal("TERM"), Some(0));
}

#[test]
fn a_signed_pack_is_accepted_once_across_restarts() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let path = |name: &str| folder.join(name).display().to_string();
    let (key, stranger) = (path("line.key"), path("other.key"));
    let public = fieldtune(&["key", "new", &key]).stdout;
    assert_eq!(fieldtune(&["key", "new", &stranger]).code, 0);
    let board = board_with(folder, &format!("trusted_keys = [\"{}\"]", public.trim()));
    let more = [&DRAWN[..], &["--board", &board]].concat();
    let mut device = Device::start(folder, &more);
    device.ok(&["teach", "steel", "2"]);
    let (pack, signed, foreign) = (path("pack"), path("pack.signed"), path("foreign"));
    device.ok(&["pull", &pack]);
    assert_eq!(fieldtune(&["key", "sign", &pack, "--key", &key]).code, 0);
    assert_eq!(fieldtune(&["key", "sign", &pack, "--key", &stranger, "-o", &foreign]).code, 0);
    device.ok(&["forget", "steel"]);
    for (file, why) in [(&pack, "is not signed"), (&foreign, "not in the board's trusted_keys")] {
        let refused = device.ctl(&["push", file]);
        assert!(refused.code == 2 && refused.stderr.contains(why), "{refused:?}");
    }
    assert_eq!(device.ok(&["push", &signed]), "ok signature=trusted\n");
    device.ok(&["forget", "steel"]);
    assert_eq!(device.signal("TERM"), Some(0));
    let log = std::fs::read_to_string(folder.join("log")).expect("it was made");
    for wanted in ["warning: ", "push refused: the pack is not signed", ", signed by a trusted key"]
    {
        assert!(log.contains(wanted), "{wanted}: {log}");
    }

    let mut device = Device::start(folder, &more);
    let refused = device.ctl(&["push", &signed]);
    assert!(refused.code == 2 && refused.stderr.contains("accepted before"), "{refused:?}");
    assert_eq!(device.ok(&["classes"]), "ok classes=0\n");
    assert_eq!(fieldtune(&["key", "sign", &pack, "--key", &key]).code, 0);
    device.ok(&["push", &signed]);
    assert!(device.ok(&["classes"]).contains("name=steel examples=2"));
    assert_eq!(device.signal("TERM"), Some(0));
}

/// A policy for the board `sim`.
const SLIP: &str = "[[action]]\noutput = \"reject\"\nwhen = [\"scracth\"]\ndo = \"hold\"\n\
                    [[action]]\noutput = \"lamp\"\nwhen = [\"good\"]\ndo = \"hold\"\n";
