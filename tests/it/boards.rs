//! Boards and policies: those that are built in, the mistakes that are refused, and the commands that look at them.

use crate::common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use common::{Run, command, finish};
use fieldtune::board::{
    BOARDS, Bias, Board, Driver, Line, Lost, POLICIES, built_in_policy, policy_from_toml,
};
use fieldtune::camera::PixelFormat;
use fieldtune::image::frame::Region;
use fieldtune::protocol::access::Access;

/// A board with a bit of everything.
const BOARD: &str = r#"about = "a bench"
models = ["Bench 1"]
heartbeat = "alive"
watchdog_ms = 500
temperature = "/sys/temperature"
relock_s = 60
[camera]
address = "pipe:cat frames"
width = 320
height = 240
fps = 12.5
format = "GREY"
controls = { exposure = 120, autofocus = false }
settle_ms = 0
timeout_ms = 700
lost = "keep"
[images]
side = 512
budget_mib = 64

[regions]
left = { pixels = [0, 0, 160, 240] }
right = { fractions = [0.5, 0.0, 0.5, 1.0] }
[serial]
device = "/dev/ttyUSB0"
access = "read-only"
[pins]
by = "gpiocdev"
chip = "main"
[outputs]
alive = { offset = 1 }
gate = { offset = 2, chip = "other", active_low = true, safe = "active", bias = "off" }
[inputs]
button = { line = "GPIO5", active_low = true, bias = "pull-up", debounce_ms = 7, long_ms = 900 }
[facts]
tried = ["on a bench"]
"#;

#[test]
fn a_board_is_what_its_file_says() {
    let board = Board::parse(BOARD, "some/bench.toml").expect("it is valid");
    assert_eq!((board.name.as_str(), board.about.as_str()), ("bench", "a bench"));
    assert_eq!((board.watchdog_ms, board.driver), (500, Driver::Gpiocdev));
    let camera = &board.camera;
    assert_eq!((camera.width, camera.height, camera.fps), (320, 240, 12.5));
    assert_eq!(camera.format, Some(PixelFormat::Grey));
    assert_eq!((camera.settle_ms, camera.timeout_ms, camera.lost), (0, 700, Lost::Keep));
    assert_eq!((camera.controls["exposure"], camera.controls["autofocus"]), (120, 0));
    assert_eq!((board.images.side, board.images.budget_mib), (512, 64));
    assert_eq!(board.regions["left"], Region::Pixels { x: 0, y: 0, width: 160, height: 240 });
    assert_eq!(board.serial.as_ref().map(|serial| serial.baud), Some(115_200));
    let [alive, gate] = &board.outputs[..] else { panic!("{:?}", board.outputs) };
    assert_eq!(alive.line, Line::Offset { chip: "main".into(), offset: 1 });
    assert_eq!((alive.active_low, alive.safe, alive.bias), (false, false, Bias::AsIs));
    assert_eq!(gate.line, Line::Offset { chip: "other".into(), offset: 2 });
    assert_eq!((gate.active_low, gate.safe, gate.bias), (true, true, Bias::Off));
    let [button] = &board.inputs[..] else { panic!("{:?}", board.inputs) };
    assert_eq!(button.line, Line::Name("GPIO5".into()));
    assert_eq!((button.active_low, button.bias), (true, Bias::PullUp));
    let timing = board.timings()["button"];
    assert_eq!((timing.debounce_micros, timing.long_micros), (7000, 900_000));
}

/// What is replaced in [`BOARD`], by what, and what the error has to say besides the file.
const MISTAKES: [(&str, &str, &[&str]); 45] = [
    ("about = \"a bench\"", "about = 7", &["about"]),
    ("watchdog_ms", "watchdog", &["watchdog", "unknown field"]),
    ("= 500", "= 0", &["watchdog_ms: got 0, wanted 100 to 60000"]),
    ("= 500", "= -1", &["line 4", "watchdog_ms"]),
    ("= 500", "= ", &["line 4"]),
    ("= 500", "= 99", &["watchdog_ms: got 99, wanted 100 to 60000"]),
    ("relock_s = 60", "relock_s = 9", &["relock_s: got 9, wanted 10 to 86400"]),
    ("\"read-only\"", "\"readonly\"", &["readonly", "`full`, `locked`, `read-only`"]),
    (
        "\"read-only\"",
        "\"locked\"",
        &["serial.access: \"locked\" wants a pin_hash", "fieldtune pin"],
    ),
    ("relock_s = 60", "access = \"locked\"", &["access: \"locked\" wants a pin_hash"]),
    ("relock_s = 60", "pin_hash = \"1234\"", &["pin_hash: got no hash of a PIN", "fieldtune pin"]),
    ("relock_s = 60", "trusted_keys = [\"1234\"]", &["trusted_keys: number 1: got no public key"]),
    ("relock_s = 60", "trusted_key = \"x\"", &["trusted_key", "unknown field"]),
    ("side = 512", "side = 5000", &["images.side: got 5000, wanted 0 to 4096"]),
    ("budget_mib = 64", "budget_mib = 0", &["images.budget_mib: got 0, wanted 1 to 1536"]),
    ("budget_mib = 64", "budget = 64", &["budget", "unknown field"]),
    ("\"GREY\"", "\"GRAIN\"", &["camera.format: there is no pixel format \"GRAIN\""]),
    ("\"Bench 1\"", "\"\"", &["models: got an empty one"]),
    ("= \"alive\"", "= \"alife\"", &["heartbeat: \"alife\" is none of the outputs (alive, gate)"]),
    ("\"pipe:cat frames\"", "\"\"", &["camera.address"]),
    ("width = 320", "width = 0", &["camera.width: got 0"]),
    ("height = 240", "height = 99999", &["camera.height: got 99999"]),
    ("fps = 12.5", "fps = 0", &["camera.fps: got 0, wanted above 0"]),
    ("fps = 12.5", "fps = nan", &["camera.fps: got NaN"]),
    ("fps = 12.5", "fps = 12.5\nthreads = 17", &["camera.threads: got 17, wanted 1 to 16"]),
    ("fps = 12.5", "fps = 5\nlevel_dbfs = 3", &["camera.level_dbfs: got 3, wanted -100 to 0"]),
    ("fps = 12.5", "fps = 5\nlevel_dbfs = -40", &["camera.level_dbfs: got \"pipe:cat", "sound:"]),
    ("exposure = 120", "exposure = \"long\"", &["exposure"]),
    ("= 700", "= 7", &["camera.timeout_ms: got 7, wanted 100"]),
    ("\"keep\"", "\"kep\"", &["kep", "safe", "keep"]),
    ("[0, 0, 160, 240]", "[0, 0, 0, 240]", &["regions.left: got 0,0,0,240"]),
    ("[0.5, 0.0, 0.5, 1.0]", "[0.5, 0.0, 0.5, 1.5]", &["regions.right"]),
    ("[0, 0, 160, 240]", "[0, 0, 160]", &["left"]),
    ("device = \"/dev/ttyUSB0\"", "device = \"x\"\nbaud = 12", &["serial.baud: got 12"]),
    ("\"gpiocdev\"", "\"gpiod\"", &["gpiod", "gpiocdev", "rppal", "none"]),
    ("chip = \"main\"", "", &["outputs.alive: wanted the chip's label"]),
    ("{ offset = 1 }", "{ offset = 1, line = \"x\" }", &["outputs.alive: wanted either line"]),
    ("{ offset = 1 }", "{ }", &["outputs.alive: wanted either line"]),
    (
        "{ offset = 1 }",
        "{ offset = 2, chip = \"other\" }",
        &["outputs.gate", "belongs to outputs.alive"],
    ),
    ("{ offset = 1 }", "{ offset = 1, class = \"good\" }", &["class", "unknown field"]),
    ("\"active\"", "\"of\"", &["of", "`active` or `inactive`"]),
    ("gate = {", "\"the gate\" = {", &["outputs: \"the gate\" is not 1 to 32"]),
    ("debounce_ms = 7", "debounce_ms = 1001", &["inputs.button.debounce_ms: got 1001"]),
    ("long_ms = 900", "long_ms = 0", &["inputs.button.long_ms: got 0, wanted 100"]),
    ("button = {", "alive = {", &["inputs.alive: there is an output of that name"]),
];

#[test]
fn access_is_set_for_all_ports_or_for_serial_lines() {
    let hash = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let with = |top: &str, serial: &str| {
        let text = BOARD.replace("access = \"read-only\"", serial).replace("relock_s = 60", top);
        Board::parse(&text, "bench.toml").expect(top).access
    };
    let locked = format!("access = \"locked\"\npin_hash = \"{hash}\"");
    for (top, serial, of_serial, of_others) in [
        ("", "", Access::Full, Access::Full),
        ("", "access = \"read-only\"", Access::ReadOnly, Access::Full),
        ("access = \"read-only\"", "", Access::ReadOnly, Access::ReadOnly),
        ("access = \"read-only\"", "access = \"full\"", Access::Full, Access::ReadOnly),
        (&locked, "", Access::Locked, Access::Locked),
        (&locked, "access = \"read-only\"", Access::ReadOnly, Access::Locked),
    ] {
        let access = with(top, serial);
        let at = |address: &str| access.at(&address.parse().expect(address));
        // By whichever name the line is opened.
        for address in ["/dev/ttyUSB0", "/dev/ttyS0@9600"] {
            assert_eq!(at(address), of_serial, "{top} {serial}");
        }
        for address in ["stdio:", "pty:", "unix:/run/a"] {
            assert_eq!(at(address), of_others, "{top} {serial}");
        }
    }
    let settings = with("", "");
    assert_eq!((settings.relock_s, settings.pin, settings.trusted_keys), (600, None, vec![]));
    let settings = with(&format!("relock_s = 10\ntrusted_keys = [\"{key}\"]\n{locked}"), "");
    assert_eq!(settings.relock_s, 10);
    assert_eq!(settings.pin.as_ref().map(|hash| hash.as_str()), Some(hash));
    assert_eq!(settings.trusted_keys.iter().map(ToString::to_string).collect::<Vec<_>>(), [key]);
}

#[test]
fn a_custom_board_needs_no_description() {
    let whole = Board::parse(BOARD, "bench.toml").expect("a board");
    let text = BOARD.replacen("about = \"a bench\"", "", 1);
    let text = text.replacen("[facts]\ntried = [\"on a bench\"]\n", "", 1);
    assert!(!text.contains("bench\""), "{text}");
    let bare = Board::parse(&text, "bench.toml").expect("a board all the same");
    assert_eq!((bare.about.as_str(), &bare.outputs), ("", &whole.outputs));
}

#[test]
fn mistakes_in_a_board_name_file_key_got_and_wanted() {
    let mut failures = Vec::new();
    for (from, to, wanted) in MISTAKES {
        let text = BOARD.replacen(from, to, 1);
        assert_ne!(text, BOARD, "{from} is not there");
        let error = match Board::parse(&text, "bench.toml") {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        let wanted = wanted.iter().chain(&["bench.toml: "]);
        failures.extend(
            wanted
                .filter(|word| !error.contains(**word))
                .map(|word| format!("{to}: no {word:?} in: {error}")),
        );
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

#[test]
fn mistakes_in_a_policy_are_told_with_file_and_key() {
    let action = |rest: &str| format!("[[action]]\noutput = \"gate\"\n{rest}");
    let cases = [
        (action("when = [\"bad\"]"), "missing field `do`"),
        (action("when = []\ndo = \"hold\""), "action 1 (gate): when: got nothing"),
        (action("when = [\"two words\"]\ndo = \"hold\""), "action 1 (gate): when: "),
        (action("when = [\"bad\"]\ndo = \"held\""), "held"),
        (action("when = [\"bad\"]\ndo = { pulse = { ms = 0 } }"), "ms: got 0"),
        (action("when = [\"bad\"]\ndo = { pulse = { ms = 5, gap = 9 } }"), "gap"),
        (action("when = [\"bad\"]\ndo = \"hold\"\noffset = 17"), "offset"),
        (action("when = [\"bad\"]\ndo = \"hold\"\nline = \"GPIO17\""), "line"),
        ("[buttons.b]".to_owned(), "button b: got nothing, wanted teach, short or long"),
        ("[buttons.b]\nteach = \"a b\"".to_owned(), "buttons.b: teach: "),
        ("[buttons.b]\nteach = \"unknown\"".to_owned(), "buttons.b: teach: "),
        ("[buttons.b]\nteach = \"a\"\nlong = \"reset\"".to_owned(), "buttons.b: wanted either"),
        ("[buttons.b]\nshort = \"undo\"\nburst_ms = 9".to_owned(), "buttons.b: wanted either"),
        ("[buttons.b]\nshort = \"teach\"".to_owned(), "teach"),
        ("[buttons.b]\nregion = \"left\"".to_owned(), "button b: got nothing, wanted teach"),
        ("trigger = \"b\"\n[buttons.b]\nshort = \"undo\"".to_owned(), "trigger: \"b\" is a button"),
    ];
    let mut failures = Vec::new();
    for (text, wanted) in &cases {
        let error = match policy_from_toml(text, "line.toml") {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        if !(error.starts_with("line.toml: ") && error.contains(wanted)) {
            failures.push(format!("{text}: no {wanted:?} in: {error}"));
        }
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

#[test]
fn board_files_are_built_in_and_say_what_was_tested() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards");
    let files = fs::read_dir(folder).expect("it is there").map(|file| {
        file.expect("it is there").file_name().into_string().expect("our names are ASCII")
    });
    let files: BTreeSet<_> = files.filter(|name| name.ends_with(".toml")).collect();
    let built_in = BOARDS.iter().chain(&POLICIES).map(|(name, _)| format!("{name}.toml"));
    assert_eq!(files, built_in.collect());
    for (name, text) in BOARDS {
        let file = format!("boards/{name}.toml");
        let board = Board::parse(text, &file).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(board.name, name);
        let facts = &board.facts;
        let count = facts.documented.len() + facts.tried.len() + facts.assumed.len();
        assert!(!board.about.is_empty() && count > 0, "{name}");
    }
}

#[test]
fn boards_and_policies_share_only_output_and_button_names() {
    let sorting = built_in_policy("policy-reject").expect("it is built in");
    let lights = built_in_policy("policy-teachable").expect("it is built in");
    for board in Board::built_in() {
        let teachable = board.name.ends_with("teachable");
        let (own, other) = if teachable { (&lights, &sorting) } else { (&sorting, &lights) };
        board.check_policy(own).unwrap_or_else(|error| panic!("{error}"));
        let error = board.check_policy(other).expect_err(&board.name).to_string();
        assert!(error.contains(&board.name), "{error}");
        let outputs = board.outputs.iter().map(|pin| pin.name.as_str());
        let names: Vec<_> =
            outputs.chain(board.inputs.iter().map(|pin| pin.name.as_str())).collect();
        for class in ["good", "scratch", "one", "two", "three", "four"] {
            assert!(!names.contains(&class), "{} names the class {class}", board.name);
        }
    }
}

#[test]
fn policies_for_missing_outputs_are_refused_with_those_there_are() {
    let board = Board::parse(BOARD, "bench.toml").expect("it is valid");
    let board = Board { regions: Default::default(), ..board };
    let hold = |output| format!("[[action]]\noutput = \"{output}\"\nwhen = [\"a\"]\ndo = \"hold\"");
    let cases = [
        (hold("gate"), ""),
        ("[buttons.button]\nteach = \"a\"".to_owned(), ""),
        (hold("gait"), "the output gait, which the board bench lacks: it has alive, gate"),
        (hold("alive"), "uses as its heartbeat"),
        ("[buttons.knob]\nteach = \"a\"".to_owned(), "the button knob, which"),
        (
            "trigger = \"part\"".to_owned(),
            "the button part, which the board bench lacks: it has button",
        ),
    ];
    for (text, wanted) in cases {
        let policy = policy_from_toml(&text, "line.toml").expect("it is valid");
        match board.check_policy(&policy) {
            Ok(()) => assert_eq!(wanted, "", "{text}"),
            Err(error) => {
                assert!(!wanted.is_empty() && error.to_string().contains(wanted), "{error}");
            }
        }
    }
}

#[test]
fn a_board_is_detected_from_the_device_tree() {
    let cases = [
        ("Raspberry Pi Zero 2 W Rev 1.0\0", Some("raspberry-pi-zero-2w")),
        ("Raspberry Pi 3 Model B\0", Some("raspberry-pi-3")),
        ("Raspberry Pi 3 Model B Plus Rev 1.3\0", Some("raspberry-pi-3")),
        ("Raspberry Pi 4 Model B Rev 1.5\0", Some("raspberry-pi-4")),
        ("Raspberry Pi 5 Model B Rev 1.0\0", Some("raspberry-pi-5")),
        ("NVIDIA Jetson Nano Developer Kit\0", Some("jetson-nano")),
        ("NVIDIA Jetson Orin Nano Developer Kit\0", Some("jetson-orin-nano")),
        ("linux,dummy-virt\0", Some("qemu-virt")),
        ("Raspberry Pi Model B Rev 2\0", None),
        ("a toaster", None),
        ("", None),
    ];
    for (model, wanted) in cases {
        let board = Board::of_model(model).map(|board| board.name);
        assert_eq!(board.as_deref(), wanted, "{model}");
        let chosen = Board::choose(None, Some(model)).expect("there is always one");
        assert_eq!(chosen.name, wanted.unwrap_or("pc"), "{model}");
        let asked = Board::choose(Some("sim"), Some(model)).expect("it is built in");
        assert_eq!(asked.name, "sim");
    }
    let error = Board::choose(Some("raspberry"), None).expect_err("there is none").to_string();
    assert!(
        error.contains("no board called raspberry") && error.contains("raspberry-pi-4"),
        "{error}"
    );
    let error = Board::choose(Some("./none.toml"), None).expect_err("there is none").to_string();
    assert!(error.contains("./none.toml"), "{error}");
}

fn check(text: &str, more: &[&str]) -> Run {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let file = folder.path().join("line.toml");
    fs::write(&file, text).expect("it is written");
    let file = file.to_str().expect("it is UTF-8");
    finish(command(&[&["check", "--board", file], more].concat()))
}

/// [`BOARD`] with everything there.
fn all_there() -> String {
    BOARD.replace("/dev/ttyUSB0", "/dev/null").replace("\"gpiocdev\"", "\"none\"")
}

#[test]
fn check_lists_what_is_missing_with_a_fix() {
    let good = all_there();
    let cases: [(&str, String, i32, &[&str]); 11] = [
        (
            "all there",
            good.clone(),
            0,
            &[
                "board line: a bench",
                "found    camera: /",
                "found    outputs.gate:",
                "found    inputs.button:",
                "found    serial: /dev/null",
                "absent   temperature: ",
                "guarded  serial lines: read-only",
                "open     ports of --port: anyone who can connect",
                "open     push: packs are taken from anyone",
            ],
        ),
        (
            "anyone who can connect",
            good.replace("access = \"read-only\"", ""),
            0,
            &["open     serial lines: anyone", "fieldtune pin prints"],
        ),
        (
            "only what is signed",
            good.replace(
                "relock_s = 60",
                "trusted_keys = [\"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"]",
            ),
            0,
            &["guarded  push: packs are taken if one of 1 keys signed them"],
        ),
        (
            "no serial port",
            good.replace("/dev/null", "/dev/none"),
            3,
            &["missing  serial: /dev/none is not there\n  next: "],
        ),
        (
            "a file for a port",
            good.replace("/dev/null", "/etc/passwd"),
            3,
            &["missing  serial: /etc/passwd is not a device"],
        ),
        (
            "no program",
            good.replace("pipe:cat", "pipe:no-such-cat"),
            3,
            &["missing  camera: there is no program no-such-cat\n  next: "],
        ),
        (
            "no camera",
            good.replace("pipe:cat frames", "v4l:/dev/none"),
            3,
            &["missing  camera: /dev/none is not there\n  next: "],
        ),
        (
            "no such camera",
            good.replace("pipe:", "tube:"),
            3,
            &["missing  camera: tube: is no kind of camera"],
        ),
        (
            "drawn frames",
            good.replace("pipe:cat frames", "synthetic:"),
            0,
            &["found    camera: drawn"],
        ),
        ("no pins", BOARD.replace("/dev/ttyUSB0", "/dev/null"), 3, &["missing  ", "next: "]),
        ("not a board", good.replace("fps = 12.5", "fps = 0"), 2, &[]),
    ];
    for (name, text, code, wanted) in cases {
        let run = check(&text, &[]);
        assert_eq!(run.code, code, "{name}: {run:?}");
        for word in wanted {
            assert!(run.stdout.contains(word), "{name}: no {word:?} in {run:?}");
        }
    }
}

#[test]
fn check_blinks_only_when_asked_and_only_with_pins() {
    let with = |more| check(&all_there(), more).stdout;
    assert!(!with(&[]).contains("blink"));
    assert!(with(&["--blink"]).contains("found    blink: 2 outputs"));
    assert!(!check(BOARD, &["--blink"]).stdout.contains("blink"));
}

#[test]
fn boards_lists_them_and_prints_one_to_start_from() {
    let list = finish(command(&["boards"]));
    for (name, text) in BOARDS.iter().chain(&POLICIES) {
        assert!(list.stdout.contains(name), "{name}: {list:?}");
        let printed = finish(command(&["boards", name]));
        assert_eq!((printed.code, printed.stdout.as_str()), (0, *text), "{name}");
    }
    let unknown = finish(command(&["boards", "toaster"]));
    assert!(unknown.code == 2 && unknown.stderr.contains("there are pc, sim"), "{unknown:?}");
}
