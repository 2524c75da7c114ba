//! What a running device tells of policies, ends and repeated images.

use super::*;

#[test]
fn a_policy_that_names_what_nobody_taught_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let policy = folder.join("policy.toml");
    std::fs::write(&policy, SLIP).expect("there is room");
    let policy = policy.to_str().expect("UTF-8");
    let told = "the policy names scracth, which is not taught (did you mean Scratch?)";
    let (store, model) = (folder.join("store"), data("tiny.toml"));
    let [store, model] = [&store, &model].map(|path| path.to_str().expect("UTF-8"));
    let check = || fieldtune(&["check", "--board", "sim", "--policy", policy, "--store", store]);
    let before = check();
    let nothing = "untaught policy: the policy names scracth, good, and nothing is taught yet";
    assert!(before.code == 0 && before.stdout.contains(nothing), "{before:?}");
    for (class, kind) in [("Scratch", "stripes"), ("good", "green")] {
        let images = folder_of(folder, kind, 0, 1);
        let images = images.to_str().expect("UTF-8");
        let taught = fieldtune(&["teach", class, images, "--store", store, "--model", model]);
        assert_eq!(taught.code, 0, "{taught:?}");
    }
    let checked = check();
    assert!(checked.code == 0 && checked.stdout.matches(told).count() == 1, "{checked:?}");
    let status = fieldtune(&["status", "--policy", policy, "--store", store]);
    assert!(status.code == 0 && status.stdout.matches(told).count() == 1, "{status:?}");

    let more = ["--board", "sim", "--policy", policy];
    let mut device = Device::start(folder, &[&DRAWN[..], &more].concat());
    device.until(folder, "it tells", |_, log| log.contains(told));
    assert_eq!(device.ok(&["status"]).matches(told).count(), 1);
    let renamed = device.ok(&["rename", "good", "fine"]);
    let gone = "ok from=good to=fine note=\"the policy names good, which is not taught any more\"";
    assert!(renamed.contains(gone), "{renamed}");
    let json = device.ok(&["--json", "rename", "Scratch", "scratched"]);
    assert!(!json.contains("note"), "it was not taught before: {json}");
    assert_eq!(device.signal("TERM"), Some(0));
}

#[test]
fn who_quits_at_the_program_s_own_terminal_ends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, model) = (folder.path().join("store"), data("tiny.toml"));
    let [store, model] = [&store, &model].map(|path| path.to_str().expect("UTF-8"));
    for typed in ["version\nquit\n", "version\nexit\n", "version\n\x04"] {
        let arguments = ["run", "--port", "stdio:", "--store", store, "--model", model];
        let mut process = command(&[&arguments[..], &DRAWN].concat())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("it starts");
        let mut input = process.stdin.take().expect("it was asked for");
        input.write_all(typed.as_bytes()).expect("it reads");
        // Its input stays open: it does not end for lack of it.
        let ended = process.wait().expect("it is our child");
        drop(input);
        let mut said = String::new();
        process.stdout.take().expect("asked for").read_to_string(&mut said).expect("UTF-8");
        assert!(ended.code() == Some(0) && said.starts_with("ok version="), "{typed:?}: {said}");
    }
}

#[test]
fn a_client_that_quits_leaves_the_device_running() {
    let folder = tempfile::tempdir().expect("a folder");
    let device = Device::start(folder.path(), &DRAWN);
    let mut stream = UnixStream::connect(folder.path().join("port")).expect("it listens");
    stream.write_all(b"version\nquit\n").expect("it reads");
    let mut said = String::new();
    stream.read_to_string(&mut said).expect("it hangs up");
    assert!(said.starts_with("ok version="), "{said}");
    assert!(device.ok(&["version"]).contains("ok version="));
}

#[test]
fn ctl_ends_as_the_subcommand_of_that_name_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let image = folder_of(folder, "red", 0, 1).join("red-0.png").display().to_string();
    let model = data("tiny.toml").display().to_string();
    let desk = folder.join("desk").display().to_string();
    let alone = |words: &[&str]| {
        let words = [words, &["--store", &desk]].concat();
        let takes_model = ["teach", "classify"].contains(&words[0]);
        let model = ["--model", &model];
        fieldtune(&if takes_model { [&words[..], &model].concat() } else { words }).code
    };
    let device = Device::start(folder, &DRAWN);
    let cases: [(&[&str], i32); 14] = [
        (&["undo"], 1),
        (&["classify", &image], 2),
        (&["teach", "red", &image], 0),
        (&["undo"], 0),
        (&["undo"], 1),
        (&["teach", "Red", &image], 0),
        (&["teach", "red", &image], 2),
        (&["teach", "+red", &image], 0),
        (&["forget", "blue"], 2),
        (&["rename", "red", "two words"], 2),
        (&["save", "one"], 0),
        (&["diff", "1"], 1),
        (&["diff", "9"], 2),
        (&["rollback", "9"], 2),
    ];
    for (words, code) in cases {
        let asked = device.ctl(words);
        assert_eq!((asked.code, alone(words)), (code, code), "{words:?}: {asked:?}");
    }
}

#[test]
fn an_image_that_was_taught_before_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let image = folder_of(folder, "red", 0, 1).join("red-0.png").display().to_string();
    let device = Device::start(folder, &DRAWN);
    device.ok(&["teach", "good", &image]);
    let again = device.ok(&["teach", "good", &image]);
    let note = "example 2: this image is already example 1 of good";
    assert!(again.contains(&format!(" note=\"{note}\" image=")), "{again}");
    let other = device.ok(&["teach", "bad", &image]);
    assert!(other.contains("example 1 of good, and one image can hardly be of both"), "{other}");

    let (store, model) = (folder.join("desk"), data("tiny.toml"));
    let [store, model] = [&store, &model].map(|path| path.to_str().expect("UTF-8"));
    let teach = |more: &[&str]| {
        let words = [&["teach", "good", "--store", store, "--model", model], more].concat();
        let run = fieldtune(&words);
        assert_eq!(run.code, 0, "{run:?}");
        run.stdout
    };
    let twice = teach(&[&image, &image]);
    assert!(twice.contains(note), "twice in one go: {twice}");
    let json: serde_json::Value = serde_json::from_str(&teach(&[&image, "--json"])).expect("JSON");
    let wanted = serde_json::json!([{ "example": 3, "same_as": 1, "class": "good" }]);
    assert_eq!(json["repeats"], wanted);
}

#[test]
fn what_a_device_learned_is_drawn_as_a_sheet() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let device = Device::start(folder, &DRAWN);
    for kind in ["red", "stripes"] {
        let images = folder_of(folder, kind, 0, 2);
        for name in [format!("{kind}-0.png"), format!("{kind}-1.png")] {
            device.ok(&["teach", kind, &images.join(name).display().to_string()]);
        }
    }
    let sheet = |name: &str, words: &[&str]| {
        let file = folder.join(name).display().to_string();
        let told = device.ok(&[words, &["--sheet", &file]].concat());
        assert_eq!(told, device.ok(words), "the answer is the same");
        let file = fieldtune::image::picture::load(
            Path::new(&file),
            fieldtune::image::frame::Timestamp(0),
        );
        file.expect("a PNG file")
    };
    let (all, one) = (sheet("all.png", &["examples"]), sheet("one.png", &["examples", "red"]));
    let (height, of_one) = (all.height(), one.height());
    assert!(height > of_one, "two classes are two sections: {height} and {of_one}");
    // The pictures themselves are there.
    let red = one.pixels().chunks(3).filter(|p| p[0] > 120 && p[1] < 90 && p[2] < 90).count();
    assert!(red > 2000, "{red} red pixels");
    let file = folder.join("status.png").display().to_string();
    device.ok(&["status", "--sheet", &file]);
    assert!(!Path::new(&file).exists(), "no example is contradicted by the others");
    assert!(device.ok(&["set", "views", "usual,flipped"]).contains("views=\"usual,flipped\""));
    drop(device);
    // Views are of the store: they outlast the device.
    let store = folder.join("store").display().to_string();
    let kept = fieldtune(&["views", "--store", &store]);
    assert!(kept.stdout.contains("darker, noise, blur, turned, flipped"), "{kept:?}");
}
