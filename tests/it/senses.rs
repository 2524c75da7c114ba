//! A camera, a microphone and a log on one device: each learns by itself, and one policy decides of all.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fieldtune::board::{Board, policy_from_toml};
use fieldtune::device::builder::{BuildError, DeviceBuilder};
use fieldtune::device::stores;
use fieldtune::image::frame::Timestamp;
use fieldtune::image::picture;

use crate::common::process::Device;
use crate::common::{command, data, finish};
use fieldtune::backbone::TextEncoder;

const BOARD: &str = r#"
about = "A bench"

[camera]
address = "synthetic:"
width = 64
height = 64
fps = 10

[pins]
by = "none"

[outputs]
reject = { line = "reject" }
lamp = { line = "lamp" }

[facts]
assumed = ["nothing"]
"#;

const MOTOR: &str = "[senses.motor]\naddress = \"sound:synthetic:machine\"\n";

fn parsed(more: &str) -> Result<Board, String> {
    Board::parse(&format!("{BOARD}\n{more}"), "bench.toml").map_err(|error| error.to_string())
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    std::fs::write(&file, text).expect("there is room");
    file.display().to_string()
}

/// Asks until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(120), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_board_names_its_senses_and_their_stores() {
    let names = |more: &str| {
        let board = parsed(more).expect("it is valid");
        board.region_names().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let region = "[regions]\nleft = { fractions = [0.0, 0.0, 0.5, 1.0] }\n";
    assert!(names("").is_empty());
    assert_eq!(names(MOTOR), ["camera", "motor"]);
    assert_eq!(names(&[region, MOTOR].concat()), ["left", "motor"]);
    let paths = |more: &str| {
        let board = parsed(more).expect("it is valid");
        let of = stores::of_board(Path::new("/x/s.ftune"), &board);
        of.into_iter().map(|one| one.path).collect::<Vec<PathBuf>>()
    };
    // What was taught to the camera before goes on with a sense beside it.
    assert_eq!(paths(""), [Path::new("/x/s.ftune")]);
    let both = [Path::new("/x/s.ftune"), Path::new("/x/s.motor.ftune")];
    assert_eq!(paths(MOTOR), both);
    assert_eq!(paths(&[region, MOTOR].concat()), both);
    let sense = &parsed(MOTOR).expect("it is valid").senses["motor"];
    assert_eq!((sense.camera.fps, sense.camera.timeout_ms), (4.0, 2000));
}

#[test]
fn senses_that_cannot_be_are_refused_with_their_key() {
    for (more, wanted) in [
        ("[senses.motor]\naddress = \"\"\n", "senses.motor.address: got \"\""),
        ("[senses.motor]\nfps = 1\n", "address"),
        ("[senses.\"a b\"]\naddress = \"synthetic:\"\n", "senses: \"a b\" is not 1 to 32"),
        ("[senses.Camera]\naddress = \"synthetic:\"\n", "senses.Camera: beside senses this is"),
        (
            "[senses.motor]\naddress = \"synthetic:\"\n[questions]\nMotor = \"frame\"\n",
            "senses.motor: another one has this name",
        ),
        (
            "[senses.motor]\naddress = \"synthetic:\"\nlevel_dbfs = -40\n",
            "senses.motor.level_dbfs: got \"synthetic:\"",
        ),
        ("[senses.motor]\naddress = \"synthetic:\"\nthreads = 2\n", "threads"),
        ("[senses.motor]\naddress = \"synthetic:\"\ntimeout_ms = 1\n", "senses.motor.timeout_ms"),
    ] {
        let refused = parsed(more).expect_err(wanted);
        assert!(refused.contains(wanted), "{refused}\n-- wanted {wanted}");
    }
    let many: String =
        (0..17).map(|n| format!("[senses.s{n}]\naddress = \"synthetic:\"\n")).collect();
    let refused = parsed(&many).expect_err("17 senses");
    assert!(refused.contains("got 17, wanted at most 16"), "{refused}");
}

#[test]
fn a_policy_names_senses_and_how_they_decide() {
    let board = parsed(MOTOR).expect("it is valid");
    let action = |more: &str| {
        let text =
            format!("[[action]]\noutput = \"lamp\"\nwhen = [\"bad\"]\ndo = \"hold\"\n{more}");
        let policy = policy_from_toml(&text, "policy").map_err(|error| error.to_string())?;
        board.check_policy(&policy).map_err(|error| error.to_string())
    };
    for more in [
        "",
        "region = \"motor\"",
        "region = [\"camera\", \"motor\"]\ncombine = \"all\"",
        "combine = \"weighted\"",
        "combine = \"any\"",
    ] {
        assert_eq!(action(more), Ok(()), "{more}");
    }
    for (more, wanted) in [
        ("region = \"left\"", "left"),
        ("region = [\"camera\", \"left\"]", "it has camera, motor"),
        ("region = []", "region: got none"),
        ("region = [\"motor\", \"motor\"]", "region: got motor, wanted each region once"),
        ("combine = \"most\"", "most"),
    ] {
        let refused = action(more).expect_err(wanted);
        assert!(refused.contains(wanted), "{refused}\n-- wanted {wanted}");
    }
    let drift =
        "[[action]]\noutput = \"lamp\"\ncombine = \"all\"\nwhen = [\"any drift\"]\ndo = \"hold\"\n";
    let refused = policy_from_toml(drift, "policy").expect_err("drift is of one").to_string();
    assert!(refused.contains("combine: got one for drift"), "{refused}");
}

#[test]
fn a_sense_without_a_backbone_is_refused() {
    let address = "address = \"lines:-\"";
    let lines = BOARD.replace("address = \"synthetic:\"", address);
    let board = Board::parse(&format!("{lines}\n{MOTOR}"), "bench.toml").expect("it is valid");
    let folder = tempfile::tempdir().expect("a folder");
    let builder = DeviceBuilder::open(board, Default::default()).expect("no pins");
    let refused = builder.build(TextEncoder::of_words(), folder.path().join("store"));
    assert!(matches!(&refused, Err(BuildError::NoBackbone { sense }) if sense == "motor"));
    assert!(!folder.path().join("store").exists());
}

#[test]
fn camera_microphone_and_log_learn_and_decide_together() {
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = scratch.path();
    let log = "[senses.log]\naddress = \"lines:pipe:echo ready; sleep 1000\"\n";
    let board = written(folder, "board.toml", &[BOARD, MOTOR, log].concat());
    let policy = "[[action]]\noutput = \"reject\"\nregion = [\"camera\", \"motor\"]\ncombine = \"all\"\n\
                  when = [\"scratch\", \"bearing\"]\ndo = \"hold\"\n\
                  [[action]]\noutput = \"lamp\"\nregion = \"log\"\nwhen = [\"routine\"]\ndo = \"hold\"\n";
    let policy = written(folder, "policy.toml", policy);
    let arguments = ["--board", &board, "--policy", &policy, "--web", "0"];
    let mut device = Device::start(folder, &arguments);
    assert!(device.ok(&["regions"]).contains("name=log region=whole"));
    let refused = device.ctl(&["teach", "scratch"]);
    assert!(refused.code != 0 && refused.stderr.contains("camera, log, motor"), "{refused:?}");

    device.ok(&["@camera", "set", "scene", "scratch"]);
    device.ok(&["@motor", "set", "scene", "bearing"]);
    let other = device.ctl(&["@motor", "set", "scene", "scratch"]);
    assert!(other.stderr.contains("there is no scene scratch; there are"), "{}", other.stderr);
    let is_on = |device: &Device, name: &str| {
        device.ok(&["outputs"]).contains(&format!("name={name} on=yes"))
    };
    for place in ["@camera", "@motor"] {
        let class = if place == "@motor" { "bearing" } else { "scratch" };
        assert!(device.ok(&[place, "teach", class, "2", "any"]).contains("count=2"));
    }
    // One class is all that each knows: what is alike is of it.
    for place in ["@camera", "@motor"] {
        device.ok(&[place, "threshold", "novelty=1000"]);
    }
    until("both say so", || is_on(&device, "reject"));
    assert!(!is_on(&device, "lamp"));
    assert!(device.ok(&["@log", "teach", "routine"]).contains("count=1"));
    let status = device.ok(&["status"]);
    for wanted in ["camera_examples=2", "motor_examples=2", "log_examples=1", "motor_level_dbfs=-"]
    {
        assert!(status.contains(wanted), "{status}\n-- wanted {wanted}");
    }
    until("a pause is told", || {
        device.ok(&["status"]).contains("log_camera=\"waiting for a line\"")
    });

    // Each shows what it is about.
    let picture = |place: &str| {
        let file = folder.join("snap.png").display().to_string();
        device.ok(&[place, "snap", &file]);
        let frame = picture::load(Path::new(&file), Timestamp(0)).expect("an image");
        (frame.width(), frame.height())
    };
    assert_eq!(picture("@camera"), (320, 240));
    assert_ne!(picture("@motor"), (320, 240));
    let refused = device.ctl(&["@motor", "follow", "on"]);
    assert!(refused.stderr.contains("wanted images, got sound"), "{}", refused.stderr);
    #[cfg(feature = "web")]
    {
        let page = crate::web::client::listening(folder);
        until("the page shows the microphone", || {
            let shown = page.get("/api/v1/picture?region=motor");
            shown.status == 200 && shown.header("x-sense").is_some()
        });
        let shown = page.get("/api/v1/picture?region=camera");
        assert_eq!((shown.header("x-width"), shown.header("x-sense")), (Some("320"), None));
    }
    let known = device.ok(&["@motor", "classes"]);
    assert_eq!(device.signal("KILL"), None);

    let device = Device::start(folder, &arguments);
    assert_eq!(device.ok(&["@motor", "classes"]), known);
    assert!(device.ok(&["@log", "classes"]).contains("name=routine"));
    drop(device);
    // Each store is one of its kind.
    let store = folder.join("store.motor").display().to_string();
    let told = finish(command(&["status", "--store", &store])).stdout;
    assert!(told.contains("bearing"), "{told}");
    // Without the senses the camera goes on as before.
    let plain = written(folder, "plain.toml", BOARD);
    let device = Device::start(folder, &["--board", &plain]);
    assert!(device.ok(&["classes"]).contains("name=scratch examples=2"));
}

#[test]
fn a_sense_that_ends_or_fails_leaves_the_camera_running() {
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = scratch.path();
    let lines = written(folder, "three.log", "one thing\nanother thing\na third matter\n");
    let senses = format!(
        "[senses.log]\naddress = \"lines:{lines}\"\n\
         [senses.motor]\naddress = \"sound:pipe:exit 3\"\ntimeout_ms = 500\nlost = \"safe\"\n"
    );
    let board = written(folder, "board.toml", &[BOARD, &senses].concat());
    let policy =
        "[[action]]\noutput = \"lamp\"\nregion = \"camera\"\nwhen = [\"part\"]\ndo = \"hold\"\n";
    let policy = written(folder, "policy.toml", policy);
    let mut device = Device::start(folder, &["--board", &board, "--policy", &policy]);
    device.until(folder, "the log has ended", |_, log| log.contains("three.log reached its end"));
    device.until(folder, "the microphone is missed", |_, log| {
        log.contains("motor: no prediction in time")
    });
    assert!(device.ok(&["@camera", "teach", "part", "2", "any"]).contains("count=2"));
    device.ok(&["@camera", "threshold", "novelty=1000"]);
    // The third line is there still.
    assert!(device.ok(&["@log", "teach", "matter"]).contains("count=1"));
    let status = device.ok(&["status"]);
    for wanted in ["motor_errors_camera_gone=", "motor_camera=", "reached its end"] {
        assert!(status.contains(wanted), "{status}\n-- wanted {wanted}");
    }
    // Without the microphone outputs are safe, as the board says.
    let outputs = device.ok(&["outputs"]);
    assert!(outputs.contains("name=lamp on=no"), "{outputs}");
    assert_eq!(device.signal("TERM"), Some(0));
}

/// A sense may have a backbone of its own, and what looks at images is not for it.
#[test]
fn a_sense_hears_with_a_network_of_its_own() {
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = scratch.path();
    let card = data("hearers/yamnet.toml").display().to_string();
    let with = |address: &str| {
        let sense = format!("[senses.motor]\naddress = \"{address}\"\nbackbone = \"{card}\"\n");
        written(folder, "board.toml", &[BOARD, &sense].concat())
    };
    let board = with("sound:synthetic:machine");
    let device = Device::start(folder, &["--board", &board]);
    assert!(device.ok(&["@motor", "teach", "hum", "2", "any"]).contains("count=2"));
    assert!(device.ok(&["@camera", "teach", "part"]).contains("count=1"));
    let model = |place: &str| device.ok(&[place, "version"]);
    assert_ne!(model("@motor"), model("@camera"));
    drop(device);
    let board = with("synthetic:");
    let store = folder.join("other").display().to_string();
    let refused =
        finish(command(&["run", "--board", &board, "--store", &store, "--port", "stdio:"]));
    assert!(refused.code != 0 && refused.stderr.contains("sense motor"), "{refused:?}");
    assert!(refused.stderr.contains("wanted a camera that hears"), "{refused:?}");
}
