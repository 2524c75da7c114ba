//! The inbox of a running device: frames that wait for a person, over its ports and over a restart.

use std::fs;
use std::io::{Cursor, Read as _};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use fieldtune::store::{FileStore, Store as _};

use crate::common::process::{DRAWN, Device};
use crate::web;

fn ids(inbox: &Value) -> Vec<u64> {
    let frames = inbox.as_array().expect("a list");
    frames.iter().map(|frame| frame["id"].as_u64().expect("a number")).collect()
}

fn listed(device: &Device) -> Value {
    serde_json::from_str(&device.ok(&["inbox", "--json"])).expect("it is JSON")
}

/// Two classes are taught and parts of all kinds come, until so many frames wait; then one kind, which brings no more.
fn filled(device: &Device, region: &str, frames: usize) -> Vec<u64> {
    let of = |words: &[&str]| -> String {
        let region = (!region.is_empty()).then_some(region);
        device.ok(&region.into_iter().chain(words.iter().copied()).collect::<Vec<_>>())
    };
    for class in ["good", "scratch"] {
        device.ok(&["set", "scene", class]);
        of(&["teach", class, "3"]);
    }
    device.ok(&["set", "scene", "auto"]);
    let begun = Instant::now();
    loop {
        let inbox: Value = serde_json::from_str(&of(&["inbox", "--json"])).expect("it is JSON");
        let newest_first = ids(&inbox);
        assert!(newest_first.is_sorted_by(|a, b| a > b), "{inbox}");
        if newest_first.len() >= frames {
            return newest_first;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "in vain: {inbox}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The classes of the examples in a store.
fn stored(folder: &Path) -> Vec<String> {
    let mut store = FileStore::open(&folder.join("store")).expect("it is free");
    store.check().expect("it is sound");
    let snapshot = store.load().expect("it is sound").expect("something was learned");
    let (_, examples) = snapshot.by_name().expect("it is consistent");
    examples.into_iter().map(|(class, _)| class.to_string()).collect()
}

#[test]
fn doubtful_frames_survive_a_restart_and_are_assigned_or_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut device = Device::start(folder.path(), &DRAWN);
    assert_eq!(device.ok(&["inbox"]), "ok frames=0\n", "nothing was taught");
    let before = filled(&device, "", 5);
    let [one, two, three] = [0, 1, 2].map(|at| before[before.len() - 1 - at].to_string());
    let assigned = device.ok(&["inbox", "assign", &one, &two, "rust", "--json"]);
    let reply: Value = serde_json::from_str(&assigned).expect("it is JSON");
    assert_eq!((&reply["class"], &reply["new_class"]), (&json!("rust"), &json!(true)));
    assert_eq!(reply["examples"].as_array().map(Vec::len), Some(2));
    let has = |id: &str| ids(&listed(&device)).contains(&id.parse().expect("a number"));
    assert!(!has(&one) && !has(&two) && has(&three));
    // Undone as a whole, and back where they were.
    device.ok(&["undo"]);
    assert!(has(&one) && has(&two));
    assert!(!device.ok(&["classes"]).contains("rust"));
    device.ok(&["inbox", "assign", &one, &two, "rust"]);
    let refused = device.ctl(&["inbox", "assign", &one, "rust"]);
    assert!(refused.code == 2 && refused.stderr.contains("has no frame"), "{refused:?}");
    let refused = device.ctl(&["inbox", "drop", &three, &one]);
    assert!(refused.code == 2 && has(&three), "all or none: {refused:?}");
    assert!(device.ok(&["inbox", "drop", &three]).starts_with("ok dropped=1 left="));
    assert!(device.ok(&["status"]).contains(" inbox="));

    // Looks of their own: the estimate leaves each out by itself.
    let confusion: Value =
        serde_json::from_str(&device.ok(&["confusion", "--json"])).expect("it is JSON");
    let rust = &confusion["classes"][2];
    assert_eq!((&rust["class"], &rust["looks"]), (&json!("rust"), &json!(2)), "{confusion}");

    let look = folder.path().join("look");
    let exported = device.ok(&["inbox", "export", look.to_str().expect("UTF-8")]);
    let table = fs::read_to_string(look.join("predictions.csv")).expect("it was written");
    let files: Vec<&str> =
        table.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert!(exported.contains(&format!("frames={}", files.len())), "{exported}");
    for file in &files {
        let image = fs::read(look.join(file)).expect("it was written");
        assert!(image.starts_with(&[0xff, 0xd8]), "{file}");
    }

    let before = ids(&listed(&device));
    assert!(!before.is_empty() && before.len() >= files.len());
    device.signal("TERM");
    let device = Device::start(folder.path(), &DRAWN);
    let after = ids(&listed(&device));
    // What came before the end and after the start is newer.
    let kept: Vec<u64> = after.iter().copied().filter(|id| *id <= before[0]).collect();
    assert_eq!(kept, before);
    device.ok(&["inbox", "drop", "all"]);
    let (old, new) = (before[0], ids(&listed(&device)));
    assert!(new.iter().all(|id| *id > old), "{new:?}, after {old}");
}

#[test]
fn what_was_acknowledged_is_not_back_after_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut device = Device::start(folder.path(), &DRAWN);
    let frames = filled(&device, "", 4);
    let [one, two, three] = [0, 1, 2].map(|at| frames[frames.len() - 1 - at].to_string());
    // Of two writes that follow each other the second would wait.
    device.ok(&["inbox", "drop", &two]);
    device.ok(&["inbox", "drop", &three]);
    device.ok(&["inbox", "assign", &one, "rust"]);
    device.signal("KILL");
    let classes = stored(folder.path());
    assert_eq!(classes.iter().filter(|class| *class == "rust").count(), 1, "{classes:?}");
    let device = Device::start(folder.path(), &DRAWN);
    let there = ids(&listed(&device));
    for gone in [&one, &two, &three] {
        assert!(!there.contains(&gone.parse().expect("a number")), "{gone} is back: {there:?}");
    }
}

#[test]
fn a_torn_inbox_is_set_aside_and_stops_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut device = Device::start(folder.path(), &DRAWN);
    filled(&device, "", 3);
    device.signal("TERM");
    let path = folder.path().join("store.inbox");
    let whole = fs::read(&path).expect("it was written");
    fs::write(&path, &whole[..whole.len() - 1000]).expect("there is room");
    let mut device = Device::start(folder.path(), &DRAWN);
    let log = fs::read_to_string(folder.path().join("log")).expect("it was made");
    assert!(
        log.contains("it ends within a record") && log.contains("it was set aside as"),
        "{log}"
    );
    let there = ids(&listed(&device));
    assert!(there.len() >= 2, "what is whole is there: {there:?}");
    assert_eq!(
        fs::read(folder.path().join("store.inbox.damaged")).expect("it is kept").len(),
        whole.len() - 1000
    );
    assert!(device.ok(&["classes"]).contains("name=scratch examples=3"));
    device.signal("TERM");
    // It was written anew.
    let device = Device::start(folder.path(), &DRAWN);
    let log = fs::read_to_string(folder.path().join("log")).expect("it was made");
    assert!(!log.contains("set aside"), "{log}");
    assert!(there.iter().all(|id| ids(&listed(&device)).contains(id)));
}

#[test]
fn an_unwritable_inbox_is_reported_and_stops_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let in_the_way = folder.path().join("store.inbox.part");
    fs::create_dir(&in_the_way).expect("there is room");
    let device = Device::start(folder.path(), &DRAWN);
    let frames = filled(&device, "", 3);
    let dropped = device.ok(&["inbox", "drop", &frames[0].to_string()]);
    assert!(
        dropped.contains("cannot write the inbox: ") && dropped.contains("restart"),
        "{dropped}"
    );
    let log = || fs::read_to_string(folder.path().join("log")).expect("it was made");
    assert_eq!(log().matches("store.inbox: cannot write the inbox").count(), 1, "{}", log());
    assert!(device.ok(&["classes"]).contains("name=scratch examples=3"));
    fs::remove_dir(&in_the_way).expect("it is there");
    let dropped = device.ok(&["inbox", "drop", &frames[1].to_string()]);
    assert!(!dropped.contains("note="), "{dropped}");
    assert!(log().contains("the inbox is written again"), "{}", log());
    assert!(folder.path().join("store.inbox").exists());
}

#[test]
fn regions_have_inboxes_and_read_only_ports_only_show_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let board = "access = \"full\"\n[web]\nlisten = \"127.0.0.1:1\"\naccess = \"read-only\"\n[regions]\n\
                 left = { fractions = [0.0, 0.0, 0.5, 1.0] }\nright = { fractions = [0.5, 0.0, 0.5, 1.0] }";
    let (mut device, page) = web::start(folder.path(), board, &[]);
    let frames = filled(&device, "@left", 2);
    let unnamed = device.ctl(&["inbox"]);
    assert!(unnamed.code == 2 && unnamed.stderr.contains("regions left, right"), "{unnamed:?}");
    assert_eq!(device.ok(&["@right", "inbox"]), "ok frames=0\n", "nothing was taught there");
    let status = device.ok(&["status"]);
    assert!(status.contains(" left_inbox=") && !status.contains("right_inbox"), "{status}");

    let id = frames[0];
    let left = |name: &str| page.get(&format!("/api/v1/regions/left/{name}"));
    for (path, kind) in [
        ("inbox".to_owned(), "application/json"),
        ("confusion".to_owned(), "application/json"),
        (format!("inbox-picture?id={id}"), "image/jpeg"),
        ("inbox.zip".to_owned(), "application/zip"),
        ("images.zip".to_owned(), "application/zip"),
    ] {
        let answer = left(&path);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{path}");
    }
    let shown = page.get(&format!("/api/v1/thumbnail?inbox={id}&region=left"));
    assert_eq!(shown.header("content-type"), Some("image/jpeg"));
    for (name, fields) in [
        ("inbox-assign", json!({ "class": "rust", "frames": [id] })),
        ("inbox-drop", json!("All")),
        ("inbox-drop", json!({ "Frames": [id] })),
    ] {
        let refused = page.post(&format!("regions/left/{name}"), &fields);
        assert_eq!(refused.status, 403, "{name}: {}", refused.text());
    }
    assert!(ids(&serde_json::from_slice(&left("inbox").body).expect("JSON")).contains(&id));
    device.signal("TERM");
    assert!(folder.path().join("store.left.inbox").exists());
    assert!(!folder.path().join("store.right.inbox").exists());
}

/// The files of a ZIP archive.
fn unpacked(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).expect("it is whole");
    let count = archive.len();
    let file = |at| {
        let mut file = archive.by_index(at).expect("it is there");
        let mut content = Vec::new();
        file.read_to_end(&mut content).expect("its checksum fits");
        (file.name().to_owned(), content)
    };
    (0..count).map(file).collect()
}

#[test]
fn images_and_the_inbox_come_as_archives() {
    let folder = tempfile::tempdir().expect("a folder");
    let (device, page) = web::start(folder.path(), "", &[]);
    let empty = page.get("/api/v1/images.zip");
    assert_eq!((empty.status, unpacked(&empty.body).len()), (200, 0));
    filled(&device, "", 3);
    let frames = page.json("/api/v1/inbox");
    let archive = page.get("/api/v1/inbox.zip");
    assert!(archive.header("content-disposition").is_some_and(|name| name.contains("inbox.zip")));
    let files = unpacked(&archive.body);
    let (table, images) = files.split_last().expect("at least the table");
    assert_eq!(table.0, "predictions.csv");
    let table = String::from_utf8(table.1.clone()).expect("text");
    for id in ids(&frames) {
        let name = format!("{id:06}.jpg");
        assert!(table.contains(&format!("\n{name},{id},")), "{table}");
        let image = images.iter().find(|(known, _)| *known == name).expect("it is there");
        assert_eq!(image.1, page.get(&format!("/api/v1/inbox-picture?id={id}")).body);
    }

    let id = ids(&frames)[0];
    page.ok("inbox-assign", &json!({ "class": "défaut", "frames": [id] }));
    let files = unpacked(&page.get("/api/v1/images.zip").body);
    let examples = page.json("/api/v1/examples");
    let names = examples
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| format!("{}/{}.jpg", one["class"].as_str().expect("a name"), one["id"]));
    assert_eq!(
        files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(),
        names.collect::<Vec<_>>()
    );
    let (name, image) = files.last().expect("it was taught last");
    assert!(name.starts_with("défaut/") && image.starts_with(&[0xff, 0xd8]), "{name}");
    assert_eq!(page.get("/api/v1/other.zip").status, 404);
    assert_eq!(page.post("images.zip", &json!({})).status, 405);

    let confusion = page.json("/api/v1/confusion");
    let classes = confusion["classes"].as_array().expect("a list");
    assert_eq!(classes.len(), 3, "{confusion}");
    assert_eq!(classes[2]["predicted"], Value::Null, "it has one look");
    let curve = confusion["curve"].as_array().expect("a list");
    let examples: Vec<_> = curve.iter().map(|point| point["examples"].as_u64()).collect();
    assert_eq!(examples, [Some(0), Some(3), Some(6)], "{confusion}");
}

#[test]
fn rejects_are_sampled_and_the_inbox_can_be_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = folder.path().join("policy.toml");
    fs::write(&policy, "[[action]]\noutput = \"reject\"\nwhen = [\"scratch\"]\ndo = \"hold\"\n")
        .expect("room");
    let more = ["--policy", policy.to_str().expect("UTF-8")];
    let board =
        |inbox: &str| format!("[inbox]\n{inbox}\n[outputs]\nreject = {{ line = \"reject\" }}");
    let (mut device, _) = web::start(folder.path(), &board("every = 1"), &more);
    device.ok(&["set", "scene", "good"]);
    device.ok(&["teach", "good", "3"]);
    device.ok(&["set", "scene", "scratch"]);
    device.ok(&["teach", "scratch", "3"]);
    let begun = Instant::now();
    while !device.ok(&["inbox"]).contains("reason=sample class=scratch") {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", device.ok(&["inbox"]));
        std::thread::sleep(Duration::from_millis(200));
        // Parts of another kind between them.
        device.ok(&[
            "set",
            "scene",
            if begun.elapsed().as_secs() % 4 < 2 { "good" } else { "scratch" },
        ]);
    }
    device.signal("TERM");
    let (device, _) = web::start(folder.path(), &board("frames = 0"), &more);
    assert_eq!(device.ok(&["inbox"]), "ok frames=0\n");
}
