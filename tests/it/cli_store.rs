//! The store's subcommands as their users run them: generations, packs, backups, checks; damaged files; old files.

use crate::common;
use crate::common::desk;
use crate::common::process;

use std::fs;
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use fieldtune::Fieldtune;
use fieldtune::board::BOARDS;
use fieldtune::image::frame::{Frame, Timestamp};
use fieldtune::image::picture::save_png;
use fieldtune::learn::examples::Examples;
use fieldtune::store::{FileStore, Store as _};

use common::{data, fieldtune, finish, folder_of};
use desk::{Bench, text};
use process::{DRAWN, Device};

#[test]
fn what_was_forgotten_is_come_back_to() {
    let bench = Bench::taught();
    let before = bench.classes();
    assert!(bench.ok(&["save", "monday"]).stdout.starts_with("generation 1: 5 classes"));
    bench.ok(&["forget", "red"]);
    bench.ok(&["relabel", "green", "11"]);
    let listed = bench.ok(&["generations"]).stdout;
    for wanted in ["monday", "before relabel", "5 classes, 25 examples"] {
        assert!(listed.contains(wanted), "{listed}");
    }
    let told = bench.ok(&["diff", "1"]).stdout;
    for wanted in ["- class red", "- example 1 of red", "example 11 moved from stripes to green"] {
        assert!(told.contains(wanted), "{told}");
    }
    assert_eq!(bench.json(&["diff", "1"])["gone"].as_array().map(Vec::len), Some(5));
    assert_eq!(bench.run(&["diff", "1", "1"]).code, 1);
    let back = bench.ok(&["rollback", "1"]).stdout;
    assert!(back.contains("restored generation 1: 5 classes, 25 examples"), "{back}");
    assert_eq!(bench.classes(), before);
    bench.ok(&["generations", "--drop", "1"]);
    let run = bench.run(&["rollback", "1"]);
    assert!(run.code == 2 && run.stderr.contains("no generation 1; there are 2, 3"), "{run:?}");
    assert_eq!(bench.classes(), before);
}

#[test]
fn what_two_devices_learned_is_put_together_either_way_round() {
    let (one, other) = (Bench::new(), Bench::new());
    for (bench, kinds) in [(&one, ["red", "green"]), (&other, ["green", "checks"])] {
        for kind in kinds {
            let folder = folder_of(bench.path(), kind, 0, 4);
            bench.ok(&["teach", kind, text(&folder)]);
        }
    }
    let pack = |bench: &Bench, name: &str| {
        let file = bench.path().join(name);
        bench.ok(&["store", "export", text(&file)]);
        file
    };
    let (of_one, of_other) = (pack(&one, "one.pack"), pack(&other, "other.pack"));
    let learned = one.ok(&["store", "import", text(&of_other)]).stdout;
    // The pictures of green are the same on both, and so are their features.
    assert!(learned.contains("learned 4 examples, 4 known before, 1 new class"), "{learned}");
    other.ok(&["store", "import", text(&of_one)]);
    let (a, b) = (pack(&one, "a"), pack(&other, "b"));
    assert!(fs::read(&a).expect("written") == fs::read(&b).expect("written"));

    let third = Bench::new();
    third.ok(&["store", "import", text(&of_other), text(&of_one), text(&of_other)]);
    // What a new store begins with brings its images along.
    let kept = third.ok(&["store", "images", text(&third.path().join("images"))]).stdout;
    assert!(kept.contains("12 images") && !kept.contains("none"), "{kept}");
    assert!(fs::read(pack(&third, "c")).expect("written") == fs::read(&a).expect("written"));
    let small = third.path().join("small");
    third.ok(&["store", "export", text(&small), "--no-thumbnails"]);
    let length = |path: &Path| fs::metadata(path).expect("written").len();
    assert!(length(&small) < length(&a) / 2);

    one.ok(&["store", "import", "--replace", text(&of_other)]);
    assert!(one.ok(&["generations"]).stdout.contains("before import"));
    assert!(fs::read(pack(&one, "d")).expect("written") == fs::read(&of_other).expect("written"));
    let wrong = one.run(&["store", "import", text(&of_other), text(&data("tiny.onnx"))]);
    assert!(wrong.code == 2 && wrong.stderr.contains("tiny.onnx: not a file of fieldtune"));
    assert!(fs::read(pack(&one, "e")).expect("written") == fs::read(&of_other).expect("written"));
}

#[test]
fn backups_are_sound_while_the_store_is_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let device = Device::start(folder.path(), &DRAWN);
    device.ok(&["teach", "steel"]);
    let (store, copy) = (folder.path().join("store"), folder.path().join("copy"));
    std::thread::scope(|scope| {
        let teaching = scope.spawn(|| {
            for _ in 0..10 {
                device.ok(&["teach", "steel"]);
            }
        });
        let mut backups = 0;
        while !teaching.is_finished() || backups == 0 {
            let run = fieldtune(&["store", "backup", "--store", text(&store), text(&copy)]);
            assert_eq!(run.code, 0, "{run:?}");
            let run = fieldtune(&["store", "check", text(&copy)]);
            assert!(run.code == 0 && run.stdout.contains("no errors found"), "{run:?}");
            backups += 1;
        }
    });
    let run = fieldtune(&["store", "compact", "--store", text(&store)]);
    assert!(run.code == 2 && run.stderr.contains("in use by another fieldtune"), "{run:?}");
    let run = fieldtune(&["classes", "--store", text(&store)]);
    assert!(run.stdout.contains("steel"), "looking needs no lock: {run:?}");
    drop(device);
    let run = fieldtune(&["store", "compact", "--store", text(&store)]);
    assert_eq!(run.code, 0, "{run:?}");
    let run = fieldtune(&["store", "check", "--store", text(&store)]);
    assert!(run.stdout.contains("1 class, 11 examples"), "{run:?}");
}

/// Made by `tests/data/store_v2.sh`.
const VERSION_2: &str = "store-v2.ftune";

#[test]
fn a_store_in_use_is_not_overwritten_or_opened_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut device = Device::start(folder, &DRAWN);
    device.ok(&["teach", "steel", "2"]);
    let store = folder.join("store");
    let path = |name: &str| folder.join(name).display().to_string();
    let here = path("store");
    let run = |words: &[&str]| fieldtune(&[words, &["--store", &here]].concat());
    for words in [&["store", "backup", &here][..], &["store", "export", &here]] {
        let run = run(words);
        assert!(run.code == 2 && run.stderr.contains("another name"), "{words:?}: {run:?}");
    }
    for words in [["pull", &here], ["snap", &here]] {
        let run = device.ctl(&words);
        assert!(run.code != 0, "{words:?}: {run:?}");
    }
    std::os::unix::fs::symlink(&store, folder.join("link")).expect("there is room");
    fs::hard_link(&store, folder.join("twin")).expect("there is room");
    let picture = folder_of(folder, "red", 0, 1);
    let teach = |name: &str| {
        let (store, model) = (path(name), data("tiny.toml"));
        fieldtune(&["teach", "red", text(&picture), "--store", &store, "--model", text(&model)])
    };
    for name in ["store", "link", "twin"] {
        let run = teach(name);
        assert!(run.code != 0 && run.stderr.contains("is in use by another"), "{name}: {run:?}");
    }
    fs::remove_file(folder.join("store.lock")).expect("it is there");
    let run = teach("store");
    assert!(run.code != 0 && run.stderr.contains("is in use by another"), "{run:?}");
    // A backup may take the place of an older one.
    for _ in 0..2 {
        assert_eq!(run_backup(&here, &path("monday")), 0);
    }
    let onto = fieldtune(&["store", "backup", &path("twin"), "--store", &path("monday")]);
    assert!(onto.code == 2 && onto.stderr.contains("a store in use"), "{onto:?}");
    assert!(device.ok(&["teach", "steel"]).contains("count=3"));

    // Whoever takes the file away is noticed before anything is acknowledged.
    fs::rename(&store, folder.join("away")).expect("it is there");
    let refused = device.ctl(&["teach", "steel"]);
    assert!(refused.stderr.contains("moved, deleted or replaced"), "{refused:?}");
    assert!(device.ok(&["classes"]).contains("name=steel examples=3"));
    fs::rename(folder.join("away"), &store).expect("it is there");
    assert!(device.ok(&["teach", "steel"]).contains("count=4"));
    assert_eq!(device.signal("KILL"), None);
    let kept = fieldtune(&["classes", "--store", &here]).stdout;
    assert!(kept.contains('4'), "{kept}");
}

fn run_backup(store: &str, to: &str) -> i32 {
    fieldtune(&["store", "backup", to, "--store", store]).code
}

#[test]
fn files_of_format_2_read_as_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy.ftune");
    fs::copy(data(VERSION_2), &copy).expect("it is there");
    let mut store = FileStore::open(&copy).expect("nobody has it");
    store.check().expect("it is sound");
    let snapshot = store.load().expect("it is sound").expect("something was learned");
    assert_eq!((snapshot.model.name.as_str(), snapshot.model.dim), ("tiny", 4));
    let (classes, examples) = snapshot.by_name().expect("it is consistent");
    let classes: Vec<&str> = classes.iter().map(|name| name.as_str()).collect();
    assert_eq!(classes, ["good", "worn"]);
    let examples: Vec<_> = examples
        .iter()
        .map(|(class, one)| (one.id.0, class.as_str(), one.origin.as_str(), one.widened()))
        .collect();
    assert_eq!(examples[0].0, 1);
    let fourth = &examples[2];
    assert_eq!((fourth.0, fourth.1, fourth.2), (4, "worn", "Kratzer-ü.png"));
    assert_eq!(fourth.3, [-1.0, 0.0, 2.0, 65504.0]);
    let generations = store.generations().expect("it is sound");
    let names: Vec<_> =
        generations.iter().map(|one| (one.name.as_str(), one.automatic, one.examples)).collect();
    assert_eq!(names, [("monday", false, 4), ("before forget of examples", true, 4)]);
    let monday = store.generation(generations[0].number).expect("it is sound");
    assert_eq!(monday.counts(), (2, 4));
    let learner = snapshot.into_learner(0).expect("it is consistent");
    assert_eq!(learner.undo_steps().len(), 9);
    drop(store);
    let undone = fieldtune(&["undo", "--store", text(&copy)]);
    assert!(undone.stdout.contains("example 5 of worn is back"), "{undone:?}");
}

#[test]
fn damage_is_noticed_never_believed_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("learned.ftune");
    let whole = fs::read(data(VERSION_2)).expect("it is there");
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("the folder is ours");
        FileStore::open(&path).expect("nobody has it").load()
    };
    let wanted = read(&whole).expect("it is sound");
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let (mut noticed, cases) = (0, common::cases(1500));
    for case in 0..cases {
        let mut bytes = whole.clone();
        match case % 3 {
            0 => bytes.truncate(random.random_range(0..bytes.len())),
            1 => {
                let at = random.random_range(0..bytes.len());
                bytes[at] ^= 1 << random.random_range(0..8);
            }
            _ => {
                let at = random.random_range(0..bytes.len() - 512);
                random.fill(&mut bytes[at..at + 512]);
            }
        }
        match read(&bytes) {
            // It hit what nothing refers to.
            Ok(found) => assert_eq!(found, wanted, "case {case}"),
            Err(error) => {
                noticed += 1;
                assert!(error.to_string().contains("learned.ftune"), "{error}");
            }
        }
    }
    println!("{noticed} of {cases} damaged files were noticed, the others held what they should");
    assert!(noticed > cases / 4);
    let run = fieldtune(&["store", "check", text(&data("tiny.onnx"))]);
    assert!(run.code == 2 && run.stderr.contains("not a file of fieldtune"), "{run:?}");
}

/// The same network fed with other values: another backbone.
fn otherwise(bench: &Bench) -> String {
    let card = fs::read_to_string(data("tiny.toml")).expect("it is there");
    let card = card.replace("\"tiny\"", "\"otherwise\"").replace("\"unit\"", "\"tf\"");
    fs::copy(data("tiny.onnx"), bench.path().join("tiny.onnx")).expect("the folder is the test's");
    let path = bench.path().join("otherwise.toml");
    fs::write(&path, card).expect("the folder is the test's");
    text(&path).to_owned()
}

#[test]
fn another_backbone_learns_what_was_taught_from_its_images() {
    let bench = Bench::taught();
    let other = otherwise(&bench);
    let probe = folder_of(&bench.path().join("fresh"), "stripes", 7, 3);
    let classified = || -> Vec<String> {
        let told = bench.ok(&["classify", text(&probe)]).stdout;
        let without_time = |line: &str| line.rsplit_once(',').map(|(told, _)| told.to_owned());
        told.lines().filter_map(without_time).collect()
    };
    let (before, examples) = (classified(), bench.json(&["examples"]));
    let run = bench.run(&["classify", "--model", &other, text(&probe)]);
    assert!(run.code == 2 && run.stderr.contains("was taught with tiny"), "{run:?}");

    // All or nothing: one without an image stops it, and is named.
    let late = folder_of(bench.path(), "red", 9, 1).join("red-9.png");
    bench.ok(&["teach", "red", text(&late), "--image-side", "0"]);
    let run = bench.run(&["store", "reteach", "--model", &other]);
    let told = "1 example has no image, so nothing was changed: 26";
    assert!(run.code == 2 && run.stderr.contains(told), "{run:?}");
    assert_eq!(bench.json(&["status"])["examples"], 26);

    let run = bench.ok(&["store", "reteach", "--model", &other, "--drop-missing"]);
    for told in [
        "relearned 25 examples with otherwise instead of tiny",
        "forgot 1 without an image: 26",
        "estimated balanced accuracy: ",
        " % before, 100 % now",
    ] {
        assert!(run.stdout.contains(told), "{run:?}");
    }
    let anew = bench.ok(&["classify", "--model", &other, text(&probe)]).stdout;
    assert!(anew.lines().count() > 0 && anew.contains("stripes"), "{anew}");
    let run = bench.run(&["classify", text(&probe)]);
    assert!(run.code == 2 && run.stderr.contains("was taught with otherwise"), "{run:?}");

    // Ids, classes, times and origins are those of before; and before can be come back to.
    assert_eq!(bench.json(&["examples"])["examples"], examples["examples"]);
    let listed = bench.ok(&["generations"]).stdout;
    assert!(listed.contains("before reteach"), "{listed}");
    let number = listed.lines().find(|line| line.contains("before reteach")).expect("listed");
    let number = number.split_whitespace().next().expect("it begins with its number");
    bench.ok(&["rollback", number]);
    bench.ok(&["forget", "--example", "26"]);
    assert_eq!(classified(), before);
}

/// The built-in network is fed at 224 pixels or, as stores of the first version were taught, at 128.
#[test]
fn the_built_in_network_keeps_a_stores_size() {
    let bench = Bench::new();
    let run = |store: &str, arguments: &[&str]| {
        let mut command = bench.command(arguments);
        command.env("FIELDTUNE_STORE", bench.path().join(store)).env_remove("FIELDTUNE_MODEL");
        finish(command)
    };
    let image = folder_of(bench.path(), "stripes", 0, 1);
    let teach = ["teach", "stripes", text(&image)];
    let new = run("new", &teach);
    let old = run("old", &[&teach[..], &["--model", "fieldtune-128"]].concat());
    assert_eq!((new.code, old.code), (0, 0), "{new:?} {old:?}");
    let classify = ["classify", text(&image)];
    let at = |size: &'static str| ["classify", text(&image), "--model", size];
    for (store, own, other) in
        [("new", "fieldtune-224", "fieldtune-128"), ("old", "fieldtune-128", "fieldtune-224")]
    {
        let (as_taught, named) = (run(store, &classify), run(store, &at(own)));
        assert_eq!((as_taught.code, named.code), (0, 0), "{store}: {as_taught:?} {named:?}");
        let refused = run(store, &at(other));
        let wanted = format!("was taught with {own}");
        assert!(refused.code == 2 && refused.stderr.contains(&wanted), "{store}: {refused:?}");
    }

    // A device, and a program of its own, take it as it was taught; a new device as its board says.
    let board = bench.path().join("board.toml");
    let (_, sim) = BOARDS.iter().find(|(name, _)| *name == "sim").expect("it is built in");
    fs::write(&board, format!("backbone = \"fieldtune-128\"\n{sim}")).expect("there is room");
    for (store, size) in [("new", "224"), ("old", "128"), ("newer", "128")] {
        let device = ["run", "--camera", "synthetic:", "--bench-seconds", "1"];
        let ended = run(store, &[&device[..], &["--board", text(&board)]].concat());
        let wanted = format!("with fieldtune-{size}");
        assert!(ended.code == 0 && ended.stderr.contains(&wanted), "{store}: {ended:?}");
    }
    let tuner = Fieldtune::open(bench.path().join("old")).expect("it is taken as it was taught");
    assert_eq!(tuner.learner().examples().len(), 1);
    drop(tuner);

    let again = run("old", &["store", "reteach", "--model", "fieldtune-224"]);
    let wanted = "relearned 1 example with fieldtune-224 instead of fieldtune-128";
    assert!(again.code == 0 && again.stdout.contains(wanted), "{again:?}");
    assert_eq!(run("old", &at("fieldtune-224")).code, 0);
}

#[test]
fn examples_are_learned_with_the_views_that_were_set() {
    let bench = Bench::taught();
    let names = |arguments: &[&str]| bench.json(&[&["views"], arguments].concat())["views"].clone();
    assert_eq!(names(&[]), serde_json::json!(["darker", "noise", "blur", "turned"]));
    let run = bench.run(&["views", "usual,mirrored"]);
    assert!(run.code == 2 && run.stderr.contains("\"mirrored\" is no kind of view"), "{run:?}");
    let run = bench.ok(&["views", "usual", "flipped"]);
    let told = "25 examples that are there keep their views\n  next: fieldtune store reteach";
    assert!(run.stdout.contains(told), "{run:?}");
    // What the others differ by is told, and what is no better than chance is not proposed.
    let tried = bench.json(&["views", "--try"]);
    let rows = tried["tried"].as_array().expect("a list");
    let of: Vec<_> = rows.iter().filter_map(|row| row["views"].as_str()).collect();
    assert_eq!(of, ["usual,flipped", "usual,flipped,quarter-turns", "usual,flipped,scaled"]);
    assert_eq!(tried["proposed"], serde_json::Value::Null, "all are right: {tried}");
    let views = || {
        let mut store = FileStore::look(&bench.store()).expect("it is sound");
        let taught = store.load().expect("it is sound").expect("it was taught");
        let learner = taught.into_learner(Examples::DEFAULT_BUDGET).expect("it is sound");
        learner.examples().iter().map(|one| one.views.len()).collect::<Vec<_>>()
    };
    let late = folder_of(bench.path(), "red", 9, 1).join("red-9.png");
    bench.ok(&["teach", "red", text(&late)]);
    assert_eq!(views(), [vec![4; 25], vec![5]].concat());
    bench.ok(&["store", "reteach"]);
    assert_eq!(views(), [5; 26]);
}

/// A bright square in the upper or lower half, usually on the left or right, every third time on the other side.
fn squares(bench: &Bench) {
    for (class, (row, usual)) in [("upper", (10, 8)), ("lower", (29, 39))] {
        for number in 0..7 {
            let column = if number % 3 == 0 { 47 - usual } else { usual };
            let light = [150, 200, 170, 220, 160, 210, 180, 190][number % 8];
            let lit = |x: i32, y: i32| (x - column).abs() < 6 && (y - row).abs() < 6;
            let pixels =
                (0..40).flat_map(|y| (0..48).map(move |x| if lit(x, y) { light } else { 20 }));
            let pixels = pixels.flat_map(|value| [value; 3]).collect();
            let frame = Frame::new(48, 40, pixels, Timestamp(0)).expect("it fits");
            let folder = bench.path().join("squares").join(class);
            fs::create_dir_all(&folder).expect("the folder is the test's");
            save_png(&folder.join(format!("{number}.png")), &frame).expect("there is room");
        }
    }
}

#[test]
fn mirrored_parts_are_learned_with_mirrored_views() {
    let bench = Bench::new();
    squares(&bench);
    bench.ok(&["teach", "squares", "--distinct"]);
    let tried = bench.json(&["views", "--try"]);
    assert_eq!(tried["proposed"], "usual,flipped", "{tried}");
    let row = &tried["tried"][1];
    assert!(row["better"].as_f64() > Some(2.0) && row["worse"] == 0.0, "{row}");
    let table = bench.ok(&["views", "--try"]).stdout;
    assert!(table.contains("proposed: usual,flipped") && !table.contains(" -0"), "{table}");
    bench.ok(&["views", "usual,flipped"]);
    bench.ok(&["store", "reteach"]);
    let now = bench.json(&["status"])["estimate"].as_f64();
    assert_eq!(now, row["estimate"].as_f64(), "as it was said");
}

/// The file may have so many bytes; a shell's blocks have 512.
fn limited(bench: &Bench, blocks: u32, arguments: &[&str]) -> common::Run {
    let plain = bench.command(arguments);
    let script = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &script]).arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.current_dir(bench.path());
    common::finish(shell)
}

#[test]
fn a_store_that_cannot_grow_is_an_error() {
    let bench = Bench::new();
    let folder = folder_of(bench.path(), "red", 0, 1);
    let run = limited(&bench, 8, &["teach", "red", text(&folder)]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.stderr.contains("File too large"), "{run:?}");
}
