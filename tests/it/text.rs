//! Lines of text: taught, classified, unknown, refused beside images.

use crate::common::{data, desk};

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use desk::{Bench, text};

/// What a machine's parts write, five different lines each.
pub const KINDS: [(&str, [&str; 5]); 3] = [
    (
        "login",
        [
            "sshd[812]: Failed password for root from 10.0.0.7 port 2211 ssh2",
            "sshd[93]: Failed password for invalid user admin from 10.0.0.9 port 41 ssh2",
            "sshd[7]: Connection closed by authenticating user root 10.0.0.7 port 2213 [preauth]",
            "sshd[71]: Invalid user oracle from 10.1.0.3 port 5022",
            "sshd[72]: Received disconnect from 10.1.0.3 port 5022: Bye Bye [preauth]",
        ],
    ),
    (
        "disk",
        [
            "kernel: ata1.00: exception Emask 0x0 SAct 0x0 SErr 0x0 action 0x0",
            "kernel: ata1.00: failed command: READ FPDMA QUEUED",
            "kernel: blk_update_request: I/O error, dev sda, sector 28461",
            "kernel: Buffer I/O error on dev sda1, logical block 355, async page read",
            "kernel: EXT4-fs error (device sda1): ext4_find_entry: reading directory lblock 0",
        ],
    ),
    (
        "web",
        [
            "nginx: 192.168.1.4 GET /index.html HTTP/1.1 200 512",
            "nginx: 192.168.1.9 GET /favicon.ico HTTP/1.1 404 153",
            "nginx: 192.168.1.4 POST /api/v1/teach HTTP/1.1 200 77",
            "nginx: upstream timed out while reading response header from upstream",
            "nginx: client closed connection while waiting for request",
        ],
    ),
];

fn taught() -> Bench {
    let bench = Bench::new();
    for (class, lines) in KINDS {
        let file = bench.path().join(format!("{class}.log"));
        std::fs::write(&file, lines.join("\r\n")).expect("the folder is the test's");
        let run = bench.ok(&["teach", class, "--lines", text(&file)]);
        assert!(run.stdout.contains("5 lines of 5 different forms"), "{run:?}");
    }
    bench
}

#[test]
fn lines_are_told_apart_and_others_are_unknown() {
    let bench = taught();
    let cases = [
        ("sshd[4711]: Failed password for backup from 172.16.9.1 port 60022 ssh2", Some("login")),
        ("kernel: blk_update_request: I/O error, dev sdc, sector 99999", Some("disk")),
        ("nginx: 10.9.8.7 GET /robots.txt HTTP/1.1 404 9", Some("web")),
        ("Der Kühlwasserdruck an Pumpe drei fällt unter zwei Bar", None),
    ];
    for (line, wanted) in cases {
        let run = bench.ok(&["classify", "--json", "--text", line]);
        let answer: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
        assert_eq!((answer["class"].as_str(), &answer["line"]), (wanted, &line.into()), "{run:?}");
    }
    // One line more makes it known.
    bench.ok(&["teach", "water", "--text", cases[3].0]);
    let run = bench.ok(&["classify", "--text", "Kühlwasserdruck an Pumpe drei fällt unter 2 Bar"]);
    assert!(run.stdout.starts_with("water "), "{run:?}");
}

#[test]
fn forms_that_are_known_are_not_taught_again() {
    let bench = taught();
    let before = bench.classes();
    let run = bench.ok(&[
        "teach",
        "disk",
        "--text",
        "kernel: ATA9.17: failed command: read FPDMA queued",
    ]);
    assert!(run.stdout.contains("nothing new to learn"), "{run:?}");
    assert_eq!(bench.classes(), before);
    let run =
        bench.ok(&["teach", "disk", "--text", "disk 1 is full", "disk 22 is full", "no room"]);
    assert!(run.stdout.contains("learned 2 examples of disk (7 in total)"), "{run:?}");
    assert!(run.stdout.contains("3 lines of 2 different forms"), "{run:?}");
}

#[test]
fn text_and_images_refuse_each_other() {
    let bench = taught();
    let picture = data("pictures/resize-same.png");
    for command in [&["teach", "x"][..], &["classify"]] {
        let run = bench.run(&[command, &[text(&picture)]].concat());
        assert_eq!(run.code, 2, "{run:?}");
        assert!(
            run.stderr.contains("this one holds lines of text") && run.stderr.contains("--text"),
            "{run:?}"
        );
    }
    let images = Bench::new();
    images.ok(&["teach", "x", text(&picture)]);
    let run = images.run(&["classify", "--text", "a line"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("this one holds images"), "{run:?}");
    let run = images.run(&["classify", text(&picture), "--lines", "-"]);
    assert!(run.code == 2 && run.stderr.contains("an image beside --lines"), "{run:?}");
}

#[test]
fn what_is_no_line_is_named_and_nothing_is_learned() {
    let bench = taught();
    let before = bench.classes();
    let file = bench.path().join("broken.log");
    std::fs::write(&file, b"pump stopped\n\n...\nbad \xff\n").expect("the folder is the test's");
    let run = bench.run(&["teach", "pump", "--lines", text(&file)]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("broken.log:3: the line is empty"), "{run:?}");
    assert_eq!(bench.classes(), before);
    let run = bench.ok(&["teach", "pump", "--skip-broken", "--lines", text(&file)]);
    assert!(run.stderr.contains("broken.log:4: not UTF-8 from byte 5"), "{run:?}");
    assert!(run.stdout.contains("1 line of 1 form"), "{run:?}");
    let run = bench.run(&["classify", "--lines", text(&file)]);
    assert_eq!((run.code, run.stdout.lines().count()), (1, 1), "{run:?}");
}

#[test]
fn a_pipe_is_answered_line_by_line_also_in_json() {
    let bench = taught();
    let mut command = bench.command(&["classify", "--lines", "-", "--json"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut pipe = child.stdin.take().expect("it is piped");
    let mut answers = BufReader::new(child.stdout.take().expect("it is piped"));
    for (line, class) in [
        (KINDS[1].1[2], Some("disk")),
        ("Der Kühlwasserdruck an Pumpe drei fällt unter zwei Bar", None),
    ] {
        writeln!(pipe, "{line}").expect("it reads");
        let mut answer = String::new();
        answers.read_line(&mut answer).expect("it answers");
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!((answer["class"].as_str(), &answer["line"]), (class, &line.into()));
    }
    drop(pipe);
    assert!(child.wait().expect("it ends").success());
    let mut command = bench.command(&["classify", "--lines", "-"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut pipe = child.stdin.take().expect("it is piped");
    let mut answers = BufReader::new(child.stdout.take().expect("it is piped"));
    for (class, lines) in KINDS {
        writeln!(pipe, "{}", lines[0]).expect("it reads");
        let mut answer = String::new();
        answers.read_line(&mut answer).expect("it answers");
        assert!(
            answer.starts_with(class) && answer.ends_with(&format!("\t{}\n", lines[0])),
            "{answer}"
        );
    }
    drop(pipe);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn eval_tells_the_accuracy_on_files_of_lines() {
    let bench = taught();
    let folder = bench.path().join("logs");
    std::fs::create_dir(&folder).expect("the folder is the test's");
    for (class, lines) in KINDS {
        // The same again counts once.
        let text = [lines, lines].concat().join("\n");
        std::fs::write(folder.join(format!("{class}.txt")), text).expect("it is the test's");
    }
    let run = bench.ok(&["eval", text(&folder), "--text", "--shots", "3", "--json", "-"]);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(report["model"], "text-1024");
    let accuracy = report["cells"][0]["balanced_accuracy"]["mean"].as_f64();
    assert!(accuracy.is_some_and(|accuracy| accuracy > 0.7), "{}", report["cells"][0]);
}

#[test]
fn more_lines_than_fit_are_refused() {
    let bench = Bench::new();
    let letter = |number: usize, of: usize| char::from(b'a' + (number / of % 26) as u8);
    let word = |at| [26 * 26 * 26, 26 * 26, 26, 1].map(|of| letter(at, of)).iter().collect();
    let words: Vec<String> = (0..24_577).map(word).collect();
    let file = bench.path().join("many.log");
    std::fs::write(&file, words.join("\n")).expect("the folder is the test's");
    let run = bench.run(&["teach", "many", "--lines", text(&file)]);
    assert!(run.code == 2 && run.stderr.contains("more than 24576 different lines"), "{run:?}");
    assert!(!bench.store().exists() || bench.classes().is_empty());
}

#[test]
fn answers_about_a_store_of_lines_speak_of_lines() {
    let bench = taught();
    let few = Bench::new();
    let teach = |class, line| few.ok(&["teach", class, "--text", line, "another"]);
    teach("a", "one");
    let run = teach("b", "two");
    assert!(run.stdout.contains("on lines like those taught"), "{run:?}");
    for bench in [&bench, &few] {
        let told = bench.ok(&["status"]).stdout;
        let json = bench.ok(&["status", "--json"]).stdout;
        let threshold = bench.ok(&["threshold"]).stdout;
        for told in [told, json, threshold] {
            for word in
                ["parts", "scene", "independent look", "position", "frame", "image", "backbone"]
            {
                let told = told.replace("\"looks\"", "");
                assert!(!told.contains(word), "{word}: {told}");
            }
        }
    }
}

#[test]
fn what_needs_images_refuses_a_store_of_lines() {
    let bench = taught();
    let before = std::fs::read(bench.store()).expect("it was taught");
    let commands = [
        &["views"][..],
        &["views", "--try"],
        &["views", "usual,flipped"],
        &["store", "reteach"],
        &["store", "images", "out"],
        &["finetune"],
        &["adapt", "--off"],
        &["adapt", "--frames", "3"],
        &["export", "out.onnx"],
        &["test", "logs", "--sheet", "out.png"],
        &["snap", "out.png", "--camera", "synthetic:", "--explain", "where.png"],
        &["examples", "--sheet", "out.png"],
        &["status", "--sheet", "out.png"],
    ];
    for command in commands {
        let run = bench.run(command);
        assert_eq!(run.code, 2, "{command:?}: {run:?}");
        let wanted = "wants a store of images, this one holds lines of text\n  next: ";
        assert!(run.stderr.contains(wanted), "{command:?}: {run:?}");
        assert!(run.stderr.contains("learned.ftune"), "{command:?}: {run:?}");
    }
    assert_eq!(std::fs::read(bench.store()).expect("it is there"), before);
    for name in ["out", "out.onnx", "out.png", "where.png"] {
        assert!(!bench.path().join(name).exists(), "{name}");
    }
}

#[test]
fn other_lines_measure_what_was_taught() {
    let bench = taught();
    let folder = bench.path().join("logs");
    std::fs::create_dir(&folder).expect("the folder is the test's");
    let put = |name: &str, text: String| std::fs::write(folder.join(name), text).expect(name);
    // The first is as taught but for its numbers.
    put(
        "login.log",
        format!(
            "{}\nsshd[4711]: Failed password for backup from 172.16.9.1 port 60022 ssh2\n",
            KINDS[0].1[0]
        ),
    );
    put(
        "disk.txt",
        "kernel: blk_update_request: I/O error, dev sdc, sector 99999\n...\n".to_owned(),
    );
    put("pump.log", "Der Kühlwasserdruck an Pumpe drei fällt unter zwei Bar\n".to_owned());
    let run = bench.ok(&["test", text(&folder), "--json", "-"]);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!((&report["model"], &report["known"]), (&"text-1024".into(), &1.into()), "{report}");
    assert_eq!((&report["balanced_accuracy"], &report["caught"]), (&1.0.into(), &1.0.into()));
    assert_eq!(report["left_out"][0]["file"], "disk/2");
    let told = bench.ok(&["test", text(&folder.join("login.log"))]).stdout;
    assert!(told.contains("truth   lines") && told.contains("1 line was taught"), "{told}");
}

#[test]
fn the_exported_head_of_lines_gives_their_probabilities() {
    let bench = taught();
    bench.ok(&["export", "head.npz"]);
    let head = bench.ok(&["export", "-", "--format", "json"]).stdout;
    let head: serde_json::Value = serde_json::from_str(&head).expect("JSON");
    assert_eq!(head["backbone"]["name"], "text-1024");
    assert!(head.get("input").is_none(), "{}", head["input"]);
    let line = "sshd[4711]: Failed password for backup from 172.16.9.1";
    let feature = fieldtune::text::feature(line).expect("it has words");
    let number = |value: &serde_json::Value| value.as_f64().expect("a number");
    let layer = &head["layers"][0];
    let scores: Vec<f64> = layer["weights"]
        .as_array()
        .expect("rows")
        .iter()
        .zip(layer["bias"].as_array().expect("numbers"))
        .map(|(row, bias)| {
            let row = row.as_array().expect("a row").iter().zip(&feature);
            row.map(|(weight, &value)| number(weight) * f64::from(value)).sum::<f64>()
                + number(bias)
        })
        .collect();
    let power: Vec<f64> =
        scores.iter().map(|score| (score / number(&head["temperature"])).exp()).collect();
    let best = power.iter().copied().fold(0.0, f64::max) / power.iter().sum::<f64>();
    let told = bench.ok(&["classify", "--json", "--text", line]).stdout;
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert!((number(&told["confidence"]) - best).abs() < 1e-3, "{told} {best}");
}

#[test]
fn lines_are_shown_as_they_were_written() {
    let bench = Bench::new();
    let line = "it's \"gone\": C:\\temp\t\u{1b}[31m";
    bench.ok(&["teach", "x", "--text", line]);
    let told = bench.ok(&["examples"]).stdout;
    assert!(told.contains("it's \"gone\": C:\\temp\\u{9}\\u{1b}[31m"), "{told}");
}

#[test]
fn an_empty_line_is_called_empty() {
    let bench = taught();
    for (command, wanted) in [
        (&["teach", "x", "--text", ""][..], "nothing was learned: the line is empty"),
        (&["classify", "--text", ""], "the line is empty"),
        (&["teach", "x", ""], "an empty name, wanted an image file"),
    ] {
        let run = bench.run(command);
        assert!(run.code != 0 && run.stderr.contains(wanted), "{command:?}: {run:?}");
    }
}

#[test]
fn eval_of_too_few_lines_names_what_would_do() {
    let bench = Bench::new();
    let folder = bench.path().join("logs");
    std::fs::create_dir(&folder).expect("the folder is the test's");
    for (file, lines) in [("a.log", "one\ntwo\nthree\n"), ("b.log", "four\n")] {
        std::fs::write(folder.join(file), lines).expect("the folder is the test's");
    }
    let run = bench.run(&["eval", text(&folder), "--text"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("next: at least two lines of two classes"), "{run:?}");
    std::fs::write(folder.join("b.log"), "four\nfive\nsix\n").expect("it is the test's");
    let run = bench.run(&["eval", text(&folder), "--text", "--shots", "9"]);
    assert!(run.stderr.contains("--shots of 1 to 2, or more lines"), "{run:?}");
}
