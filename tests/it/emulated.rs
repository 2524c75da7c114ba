//! Whole machines in QEMU: the program for aarch64 under Debian's kernel, with the kernel's own drivers for camera,
//! pins and serial line, observed from outside.
//!
//! `FIELDTUNE_EMULATION` names the folder that `tests/emulated/prepare` made; without it the tests say that they were
//! skipped.

mod card;
mod machine;
mod updates;
mod webcam;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fieldtune::image::frame::{Frame, Timestamp};
use fieldtune::image::picture;

use crate::common::{figures, jpeg};
use machine::{Machine, USB_CAMERA, images};
use webcam::{Way, Webcam};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const RUN: &str =
    "fieldtune run --store /tmp/s.ftune --model /etc/tiny.toml --policy /etc/policy.toml";

/// Starts the program and waits until it stands.
fn run(board: &mut Machine, arguments: &str) {
    board.sh(&format!("{RUN} {arguments} 2>/tmp/log &"));
    board.until("it stands", |board| {
        let log = board.sh("cat /tmp/log; kill -0 $! || echo it has ended");
        assert!(!log.contains("it has ended"), "{log}");
        log.contains(" ms a frame")
    });
}

/// The lines of the PL061 as `boards/qemu-virt.toml` has them.
const REJECT: u8 = 1 << 0;
const LAMP: u8 = 1 << 1;
const BUTTON_1: u8 = 4;

#[test]
fn a_virtual_board_learns_and_drives_its_pins() {
    let Some(images) = images() else { return };
    let mut board = Machine::virt(&images, "vivid");
    let camera = board.sh("fieldtune cameras");
    assert!(camera.contains("/dev/video0") && camera.contains("YUYV"), "{camera}");
    let checked = board.sh("fieldtune check");
    assert!(checked.contains("board qemu-virt") && !checked.contains("missing"), "{checked}");

    // Two of vivid's test patterns: bars and a chessboard, each taught over the serial line.
    run(&mut board, "--control 0x00f0f000=0");
    let taught = board.ask("teach bars 3 any");
    assert!(taught.contains("class=bars") && taught.contains("count=3"), "{taught}");
    board.sh("kill -TERM $!; wait $!");
    run(&mut board, "--control 0x00f0f000=11");
    assert!(board.ask("teach chess 3 any").contains("count=3"));
    // A new start in the same process finds camera, pins and serial line free again.
    board.ask("restart");
    board.until("it stands again", |board| {
        let log = board.sh("cat /tmp/log; kill -0 $! || echo it has ended");
        assert!(!log.contains("it has ended"), "{log}");
        log.matches(" ms a frame").count() == 2
    });
    board.ask("threshold novelty=inf");
    board.until("chess is seen", |board| board.verdict().contains("class=chess"));
    board.until("the lamp is off and reject on", |board| board.pl061() & (REJECT | LAMP) == REJECT);

    // A button, pressed from outside, teaches its class.
    let before = board.ask("classes");
    board.press_pl061(BUTTON_1, true);
    board.press_pl061(BUTTON_1, false);
    board.until("the button has taught", |board| {
        board.ask("classes").contains("name=chess examples=4")
    });
    assert!(before.contains("name=chess examples=3"), "{before}");

    // Unplugged and plugged in again.
    let frames = |status: &str| figure(status, "frames");
    board.sh("echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind");
    board.until("the loss is noticed", |board| board.ask("status").contains("errors_camera_"));
    let lost = frames(&board.ask("status"));
    board.sh("echo vivid.0 >/sys/bus/platform/drivers/vivid/bind");
    board.until("frames come again", |board| frames(&board.ask("status")) > lost + 2);
    assert!(board.verdict().contains("class="));

    // The end, asked for: every output is safe.
    board.sh("kill -TERM $!; wait $!");
    assert_eq!(board.pl061() & (REJECT | LAMP), 0, "{}", board.sh("cat /tmp/log"));

    // What was learned is there, and every format shows the same.
    for format in ["yuyv", "uyvy", "nv12", "yu12", "rgb3", "bgr3", "grey"] {
        let told = board.sh(&format!(
            "fieldtune snap /tmp/{format}.png --camera v4l:/dev/video0 --resolution 640x360 --format {format} \
             --control 0x00f0f000=0 && fieldtune classify --store /tmp/s.ftune --model /etc/tiny.toml \
             /tmp/{format}.png"
        ));
        // Bars without their colours are another thing.
        let wanted = if format == "grey" { "/tmp/grey.png: " } else { ": bars " };
        assert!(told.contains(wanted), "{format}: {told}");
    }

    // A device with a buffer a plane is another kind, and said to be.
    board.sh("modprobe -r vivid; modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0 multiplanar=2");
    let refused = board.sh("fieldtune snap /tmp/no.png --camera v4l:/dev/video0");
    assert!(refused.contains("planes in separate buffers, which only pipe: can take"), "{refused}");
}

/// A grey picture as a webcam sends it, as MJPG and as YUYV.
fn scene(grey: impl Fn(u32, u32) -> u8) -> [Vec<u8>; 2] {
    let (width, height) = (160, 120);
    let levels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let levels: Vec<u8> = levels.map(|(x, y)| grey(x, y)).collect();
    let pixels = levels.iter().flat_map(|&level| [level; 3]).collect();
    let frame = Frame::new(width, height, pixels, Timestamp(0)).expect("the size fits");
    let mut sent = jpeg::without_tables(&picture::jpeg(&frame));
    // Some fill up what they send.
    sent.extend([0; 7]);
    [sent, levels.iter().flat_map(|&level| [level, 128]).collect()]
}

#[test]
fn a_usb_camera_locks_its_exposure_and_recovers_from_faults() {
    let Some(images) = images() else { return };
    let stripes = || scene(|x, _| if x / 10 % 2 == 0 { 230 } else { 30 });
    let chess = || scene(|x, y| if (x / 40 + y / 40) % 2 == 0 { 250 } else { 90 });
    let [mjpg, yuyv] = stripes();
    let camera = Webcam::new(mjpg, yuyv);
    let mut board = Machine::with_usb(&images);
    board.plug_in(camera.port);
    let listed = board.sh("fieldtune cameras");
    for wanted in ["v4l:/dev/video0", USB_CAMERA, "Bench", "MJPG 160x120", "YUYV 160x120", "10"] {
        assert!(listed.contains(wanted), "{wanted} in {listed}");
    }
    // The device beside it carries what uvcvideo knows of its frames, and is no camera.
    assert!(!listed.contains("video1"), "{listed}");

    board.sh(&format!(
        "fieldtune boards qemu-virt | sed 's/timeout_ms = .*/timeout_ms = 2000/; s#/dev/video0#{USB_CAMERA}#' >/tmp/board.toml"
    ));
    let frames = |board: &mut Machine| figure(&board.ask("status"), "frames");
    const WEBCAM: &str = "--board /tmp/board.toml --resolution 160x120 --fps 10";
    for format in ["mjpg", "yuyv"] {
        assert_eq!(camera.control(webcam::EXPOSURE_MODE), 8, "it follows the light");
        run(&mut board, &format!("{WEBCAM} --format {format}"));
        board.sh("program=$!");
        let locked = camera.control(webcam::EXPOSURE);
        assert_eq!(camera.control(webcam::EXPOSURE_MODE), webcam::MANUAL, "{format}");
        assert_eq!(camera.control(webcam::WHITE_BALANCE_AUTO), 0, "{format}");
        assert_eq!(camera.control(webcam::WHITE_BALANCE), 4000, "{format}");
        let said = format!("locked after 2 s: exposure {locked}, white balance 4000");
        board.until("it says so", |board| board.sh("cat /tmp/log").contains(&said));

        assert!(board.ask("teach bars 3 any").contains("count=3"), "{format}");
        let [mjpg, yuyv] = chess();
        camera.show(mjpg, yuyv);
        // Those on their way still show bars.
        let before = frames(&mut board);
        board.until("they have passed", |board| frames(board) > before + 8);
        assert!(board.ask("teach chess 3 any").contains("count=3"), "{format}");
        board.ask("threshold novelty=inf");
        board.until("chess is seen", |board| board.verdict().contains("class=chess"));
        let [mjpg, yuyv] = stripes();
        camera.show(mjpg, yuyv);
        board.until("bars are seen", |board| board.verdict().contains("class=bars"));

        // What is damaged on its way costs only itself; pixels that are too few, and what the camera itself calls
        // damaged, are held back by uvcvideo.
        let torn = if format == "mjpg" { "malformed" } else { "stalled" };
        for (way, trouble) in
            [(Way::Torn, torn), (Way::Marked, "stalled"), (Way::Stalled, "stalled")]
        {
            camera.send_frames(way);
            let count = format!("errors_camera_{trouble}");
            let before = figure(&board.ask("status"), &count);
            board.until("it is counted", |board| figure(&board.ask("status"), &count) > before);
            camera.send_frames(Way::Whole);
            let before = frames(&mut board);
            board.until("frames come again", |board| frames(board) > before + 2);
        }

        // A camera that is plugged in again knows nothing any more, and is told. While another program still has its old
        // device open, it is given another.
        if format == "yuyv" {
            board.sh("exec 9</dev/video0");
        }
        camera.unplug();
        board.until("the loss is noticed", |board| {
            figure(&board.ask("status"), "errors_camera_gone") > 0
        });
        board.until("its device is gone", |board| !board.sh("ls /dev").contains("video"));
        board.plug_in(camera.port);
        let node = board.sh(&format!("readlink {USB_CAMERA}"));
        assert_eq!(node.contains("video0"), format == "mjpg", "{node}");
        let before = frames(&mut board);
        board.until("frames come again", |board| frames(board) > before + 2);
        assert_eq!(camera.control(webcam::EXPOSURE_MODE), webcam::MANUAL, "{format}");
        assert_eq!(camera.control(webcam::EXPOSURE), locked, "{format}");
        board.until("bars are seen", |board| board.verdict().contains("class=bars"));
        board.sh("kill -TERM $program; wait $program");

        // A new start finds neither what was learned nor what was locked.
        board.sh("exec 9<&-; rm /tmp/s.ftune*");
        camera.unplug();
        board.until("its device is gone", |board| !board.sh("ls /dev").contains("video"));
        board.plug_in(camera.port);
    }
}

/// A number of a status; 0 where it is not there.
fn figure(status: &str, name: &str) -> u64 {
    figures::figure(status, name).unwrap_or(0)
}

/// A disk with an empty file system.
fn formatted(disk: &Path) -> PathBuf {
    std::fs::File::create(disk).and_then(|file| file.set_len(64 << 20)).expect("there is room");
    let made = Command::new("mkfs.ext4").args(["-q", "-F"]).arg(disk).status();
    assert!(made.expect("mkfs.ext4 is installed").success());
    disk.to_owned()
}

/// Pulls the plug of a board that teaches to its disk, so many times; returns what was lost, or came from nowhere.
fn cut(images: &Path, times: u64, more: &str) -> Vec<String> {
    let mut random = ChaCha8Rng::seed_from_u64(times);
    let folder = tempfile::tempdir().expect("a folder");
    let disk = folder.path().join("disk");
    let disk = formatted(&disk);
    let run = RUN.replace("/tmp/s.ftune", "/data/s.ftune");
    let (mut taught, mut under_way) = (0, 0);
    let mut wrong = Vec::new();
    for time in 0..=times {
        let mut board = Machine::with_disk(images, &disk);
        board.sh(&format!("{run} --camera synthetic: --fps 20 {more} 2>/tmp/log &"));
        board.until("it stands", |board| board.sh("cat /tmp/log").contains(" ms a frame"));
        let found = figure(&board.ask("status"), "examples");
        if !(taught..=taught + under_way).contains(&found) {
            wrong.push(format!("start {time}: {taught} acknowledged, {found} found"));
        }
        if time == times {
            let checked = board.sh("kill -TERM $!; wait $!; fieldtune store check /data/s.ftune");
            assert!(checked.contains("no errors found"), "{checked}");
            break;
        }
        taught = found;
        for _ in 0..random.random_range(1..4) {
            let answer = board.ask("teach chess");
            assert!(answer.contains("ok class=chess"), "{answer}");
            taught += 1;
        }
        // One more is under way when the plug is pulled, but where it would hide what is to be found out.
        under_way = u64::from(more.is_empty());
        if under_way > 0 {
            board.begin("teach chess");
            std::thread::sleep(Duration::from_millis(random.random_range(0..400)));
        }
        board.cut_power();
    }
    println!("the plug was pulled {times} times, with {taught} examples acknowledged");
    wrong
}

#[test]
fn an_unplugged_board_keeps_what_it_acknowledged() {
    let Some(images) = images() else { return };
    let times = std::env::var("FIELDTUNE_TEST_CUTS").ok().and_then(|times| times.parse().ok());
    let wrong = cut(&images, times.unwrap_or(4), "");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_board_that_acknowledges_too_early_is_found_out() {
    let Some(images) = images() else { return };
    let wrong = cut(&images, 2, "--acknowledge-early");
    assert!(!wrong.is_empty());
}

#[test]
fn a_raspberry_pi_3_drives_its_pins_by_both_drivers() {
    let Some(images) = images() else { return };
    let mut board = Machine::raspi3b(&images);
    let found = board.sh("fieldtune check | head -n 1");
    assert!(found.contains("board raspberry-pi-3:"), "it knows itself: {found}");
    for driver in ["gpiocdev", "rppal"] {
        let file = format!("/etc/{driver}.toml");
        run(&mut board, &format!("--board {file}"));
        let version = board.ask("version");
        assert!(version.contains("ok version="), "{version}{}", board.sh("cat /tmp/log"));
        for on in [true, false] {
            board.ask(&format!("outputs lamp {}", if on { "on" } else { "off" }));
            board.until("the pin follows", |board| board.bcm_level(27) == on);
        }
        board.ask("outputs lamp on");
        board.until("the pin follows", |board| board.bcm_level(27));
        board.sh("kill -TERM $!; wait $!");
        assert!(!board.bcm_level(27), "{driver}: {}", board.sh("cat /tmp/log"));
    }
    // A button is read again and again, since no edges are emulated.
    let file = "/etc/gpiocdev.toml";
    run(&mut board, &format!("--board {file}"));
    board.bcm_set(5, true);
    board.until("the button has taught", |board| board.ask("classes").contains("name=chess"));
    board.bcm_set(5, false);
    board.sh("kill -TERM $!; wait $!");
}

#[test]
fn keeping_is_measured_on_a_board_s_disk() {
    let Some(images) = images() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let disk = folder.path().join("disk");
    let mut board = Machine::with_disk(&images, &formatted(&disk));
    let told =
        board.sh("fieldtune bench --quiet --store /data --stored 1000 --model /etc/tiny.toml");
    println!("{told}");
    assert!(told.contains("teach until acknowledged") && told.contains("2.0 syncs"), "{told}");
}
