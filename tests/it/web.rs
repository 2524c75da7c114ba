//! The page and the API over real sockets, against the program itself.

pub mod client;
mod limits;
mod schema;
mod setup;
mod tls;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use fieldtune::store::{FileStore, Store as _};

use crate::common;
use crate::common::process::{DRAWN, Device};
use client::{Events, Page, listening};

/// A device with its page; `board` is put before a board that draws its frames.
pub fn start(folder: &Path, board: &str, more: &[&str]) -> (Device, Page) {
    start_with(folder, board, &[&DRAWN[..], more].concat())
}

/// The same with the camera that is named, or the board's.
pub fn start_with(folder: &Path, board: &str, more: &[&str]) -> (Device, Page) {
    let file = folder.join("bench.toml");
    let text = format!(
        "{board}\n[camera]\naddress = \"synthetic:\"\nwidth = 320\nheight = 240\nfps = 10\n[pins]\nby = \"none\"\n"
    );
    fs::write(&file, text).expect("there is room");
    let board = ["--board", file.to_str().expect("UTF-8"), "--web", "127.0.0.1:0"];
    let device = Device::start(folder, &[&board, more].concat());
    let page = listening(folder);
    (device, page)
}

fn started(board: &str) -> (tempfile::TempDir, Device, Page) {
    let folder = tempfile::tempdir().expect("a folder");
    let (device, page) = start(folder.path(), board, &[]);
    (folder, device, page)
}

/// A board that a PIN locks, and the line for one that is read-only.
fn locked() -> String {
    let pin = fieldtune::protocol::pin::Pin::new("2580").expect("four digits");
    let hash = fieldtune::protocol::pin::PinHash::of(&pin).expect("a salt");
    format!("access = \"locked\"\npin_hash = \"{}\"", hash.as_str())
}

/// Waits until it holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

#[test]
fn the_displayed_frame_is_taught_and_undone() {
    let (_folder, _device, page) = started("");
    let shown = page.get("/api/v1/picture?after=0");
    assert_eq!((shown.status, shown.header("content-type")), (200, Some("image/jpeg")));
    assert!(shown.body.starts_with(&[0xff, 0xd8]), "a JPEG");
    let frame: u64 = shown.header("x-frame").and_then(|n| n.parse().ok()).expect("its number");
    let next = page.get(&format!("/api/v1/picture?after={frame}"));
    let later: u64 = next.header("x-frame").and_then(|n| n.parse().ok()).expect("its number");
    assert!(later > frame);

    let first = page.ok("teach-frames", &json!({ "class": "good", "frames": [frame] }));
    assert_eq!((&first["class"], &first["new_class"]), (&json!("good"), &json!(true)));
    let second = page.ok("teach", &json!({ "class": "dent", "count": 2, "any": true }));
    // What others taught since stays.
    let undone = page.ok("undo-teach", &json!({ "examples": first["examples"] }));
    assert_eq!(undone["examples"], first["examples"]);
    let classes = page.json("/api/v1/classes");
    assert_eq!((&classes[0]["examples"], &classes[1]["examples"]), (&json!(0), &json!(2)));
    // Nothing was changed since: it is undone as a whole, with its class.
    let third = page.ok("teach", &json!({ "class": "scratch", "count": 1, "any": true }));
    let undone = page.ok("undo-teach", &json!({ "examples": third["examples"] }));
    assert_eq!(undone["changes"].as_array().map(Vec::len), Some(2), "{undone}");
    let again = page.post("undo-teach", &json!({ "examples": third["examples"] }));
    assert_eq!(again.status, 409, "{}", again.text());
    let examples = page.json("/api/v1/examples?class=dent");
    assert_eq!(examples.as_array().map(Vec::len), second["examples"].as_array().map(Vec::len));
    let id = &second["examples"][0];
    let picture = page.get(&format!("/api/v1/example-picture?example={id}"));
    assert_eq!(picture.header("content-type"), Some("image/jpeg"));
}

#[test]
fn where_a_prediction_comes_from_is_drawn_when_asked() {
    let (_folder, _device, page) = started("");
    let none = page.get("/api/v1/explain");
    assert_eq!(none.status, 409, "{}", none.text());
    for class in ["good", "dent"] {
        page.ok("teach", &json!({ "class": class, "count": 2, "any": true }));
    }
    let newest = page.get("/api/v1/explain");
    assert_eq!((newest.status, newest.header("content-type")), (200, Some("image/jpeg")));
    let frame: u64 = newest.header("x-frame").and_then(|n| n.parse().ok()).expect("its number");
    let sides = ["x-width", "x-height"].map(|name| newest.header(name).map(str::to_owned));
    assert_eq!(sides, [Some("320".to_owned()), Some("240".to_owned())]);
    let past = page.get(&format!("/api/v1/explain?frame={frame}"));
    assert!(past.status == 200 && past.body != newest.body, "it was made smaller");
    let kept = page.get("/api/v1/explain?example=1");
    assert_eq!((kept.status, kept.header("x-frame")), (200, None), "{}", kept.text());
    let plain = page.get("/api/v1/example-picture?example=1");
    assert_ne!(plain.body, kept.body);
    for (query, why) in [
        ("example=99", "there is no example 99"),
        // A frame may have come to it meanwhile.
        ("inbox=99", "the inbox "),
        ("frame=1&example=1", "got several"),
    ] {
        let refused = page.get(&format!("/api/v1/explain?{query}"));
        assert!(refused.status == 409 && refused.text().contains(why), "{}", refused.text());
    }
}

#[test]
fn predictions_come_as_events_and_are_counted() {
    let (_folder, _device, page) = started("");
    page.ok("teach", &json!({ "class": "12", "count": 2, "any": true }));
    let mut events = Events::open(&page);
    let hello = events.next("hello");
    let prediction = events.next("prediction");
    assert_eq!(prediction["class"], json!("12"));
    let frame = prediction["frame"].as_u64().expect("a number");
    assert!(events.next("prediction")["frame"].as_u64() > Some(frame));
    page.ok("rename", &json!({ "from": "12", "to": "good" }));
    assert_eq!(events.next("changed"), json!({}));
    let counts = page.json("/api/v1/counts");
    assert_eq!(counts["run"], hello["run"]);
    assert!(counts["predictions"][0]["count"].as_u64() > Some(0), "{counts}");
    // A class of digits is found as text, too.
    let none = page.get("/api/v1/examples?class=12");
    assert_eq!(none.status, 409, "{}", none.text());
    let metrics = page.get("/metrics").text();
    for line in [
        "fieldtune_up 1",
        "fieldtune_classes 1",
        "# HELP fieldtune_memory_mib Resident memory of the program in MiB",
        "fieldtune_predictions_total{class=\"12\"} ",
        "fieldtune_latency_seconds_bucket{le=\"+Inf\"} ",
        "fieldtune_latency_seconds_count ",
    ] {
        assert!(metrics.lines().any(|one| one.starts_with(line)), "{line}: {metrics}");
    }
}

#[test]
fn a_button_that_is_held_teaches_until_it_is_released() {
    let (_folder, _device, page) = started("");
    let held = page.clone();
    let burst = std::thread::spawn(move || {
        held.ok("burst", &json!({ "class": "good", "millis": 60_000, "any": true }))
    });
    std::thread::sleep(Duration::from_millis(1500));
    let other = page.post("end-burst", &json!({ "class": "dent" }));
    assert_eq!(other.status, 409, "it is another's");
    page.ok("end-burst", &json!({ "class": "good" }));
    let taught = burst.join().expect("it ends");
    let count = taught["examples"].as_array().map_or(0, Vec::len);
    assert!((2..40).contains(&count), "{taught}");
}

#[test]
fn the_pin_opens_a_session_for_who_gave_it() {
    let (folder, _device, page) = started(&locked());
    page.ok("teach", &json!({ "class": "good", "count": 1, "any": true }));
    let forget = json!({ "Class": "good" });
    let session = page.json("/api/v1/session");
    assert_eq!((&session["access"], &session["unlocked"]), (&json!("locked"), &json!(false)));
    assert_eq!(page.post("forget", &forget).status, 403);
    let wrong = page.post("unlock", &json!({ "pin": "1111" }));
    assert_eq!((wrong.status, wrong.header("set-cookie")), (403, None));
    let soon = page.post("unlock", &json!({ "pin": "2580" }));
    assert!(soon.status == 403 && soon.text().contains("no PIN is accepted"), "{}", soon.text());
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(page.get("/api/v1/unlock?pin=2580").status, 405, "no PIN stands in an address");
    let right = page.post("unlock", &json!({ "pin": "2580" }));
    let cookie = right.header("set-cookie").expect("a session").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let owner = page.with_cookie(cookie.split(';').next().expect("its value"));
    assert_eq!(owner.json("/api/v1/session")["may_change"], json!(true));
    // Nobody else is let in by it.
    assert_eq!(page.post("forget", &forget).status, 403);
    assert_eq!(
        page.with_cookie(&format!("fieldtune={}", "0".repeat(32))).post("forget", &forget).status,
        403
    );
    owner.ok("forget", &forget);
    owner.ok("lock", &json!({}));
    assert_eq!(owner.post("forget", &forget).status, 403);
    let log = fs::read_to_string(folder.path().join("log")).expect("it was made");
    for line in ["web 127.0.0.1: wrong PIN", "web 127.0.0.1: unlocked", "web 127.0.0.1: locked"] {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert!(log.contains("web 127.0.0.1: forgotten") || log.contains("forgot"), "{log}");
    assert!(!log.contains("2580"), "{log}");
}

#[test]
fn the_page_works_on_a_read_only_port() {
    let (_folder, device, page) =
        started("access = \"full\"\n[web]\nlisten = \"127.0.0.1:1\"\naccess = \"read-only\"");
    device.ok(&["teach", "good", "2", "any"]);
    let index = page.get("/");
    assert_eq!(index.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = index.header("content-security-policy").expect("one");
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    let mut files: Vec<String> = linked(&index.text(), "\"/assets/");
    let mut seen = 0;
    while seen < files.len() {
        let file = page.get(&format!("/assets/{}", files[seen]));
        assert_eq!(file.status, 200, "{}", files[seen]);
        for more in linked(&file.text(), "from \"./").into_iter().chain(late(&file.text())) {
            if !files.contains(&more) {
                files.push(more);
            }
        }
        seen += 1;
    }
    assert!(seen >= 16 && files.iter().any(|file| file == "guide.js"), "{files:?}");
    for path in [
        "session",
        "regions",
        "classes",
        "status",
        "counts",
        "examples",
        "recent-few?unsure_first=true&most=200",
        "recent-few?unsure_first=false&most=100",
        "thumbnail?example=1",
        "thumbnail?example=99999",
        "thumbnail?frame=99999",
        "picture?after=0",
    ] {
        let answer = page.get(&format!("/api/v1/{path}"));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    let teach = page.post("teach", &json!({ "class": "good", "count": 1, "any": true }));
    assert!(teach.status == 403 && teach.text().contains("read-only"), "{}", teach.text());
    assert_eq!(page.post("unlock", &json!({ "pin": "2580" })).status, 403);
    assert_eq!(page.json("/api/v1/session")["may_teach"], json!(false));
}

/// The views that are loaded once they are opened, and the words of the first language.
fn late(text: &str) -> Vec<String> {
    let mut names: Vec<String> =
        linked(text, "late(\"").iter().map(|name| format!("{name}.js")).collect();
    if text.contains("./words-${language}.js") {
        names.push("words-en.js".to_owned());
    }
    names
}

/// What follows each of these marks, up to the next quotation mark.
fn linked(text: &str, mark: &str) -> Vec<String> {
    text.split(mark).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[test]
fn requests_of_other_sites_are_refused() {
    let (_folder, _device, page) = started("");
    let body = "{\"class\":\"good\",\"count\":1,\"any\":true}";
    let send = |lines: &str| {
        page.raw(&format!(
            "POST /api/v1/teach HTTP/1.1\r\n{lines}content-length: {}\r\n\r\n{body}",
            body.len()
        ))
    };
    let own = format!("host: {}\r\n", page.address);
    let json = "content-type: application/json\r\n";
    for (lines, wanted) in [
        (format!("{own}{json}origin: http://evil.example\r\n"), 403),
        (format!("{own}{json}origin: null\r\n"), 403),
        (format!("{own}{json}sec-fetch-site: cross-site\r\n"), 403),
        (format!("host: evil.example\r\n{json}"), 403),
        (format!("{own}content-type: text/plain\r\n"), 415),
        (format!("{own}content-type: application/x-www-form-urlencoded\r\n"), 415),
    ] {
        assert_eq!(send(&lines).status, wanted, "{lines}");
    }
    assert_eq!(page.json("/api/v1/classes"), json!([]), "nothing was taught");
    assert_eq!(send(&format!("{own}{json}origin: http://{}\r\n", page.address)).status, 200);
}

#[test]
fn two_browsers_teach_at_once() {
    let (_folder, _device, page) = started("");
    let teach = |class: &'static str| {
        let page = page.clone();
        std::thread::spawn(move || -> Vec<Value> {
            let mut taught = Vec::new();
            while taught.len() < 12 {
                let shown = page.get("/api/v1/picture?after=0");
                let frame: u64 = shown.header("x-frame").and_then(|n| n.parse().ok()).expect("one");
                taught.push(page.ok("teach-frames", &json!({ "class": class, "frames": [frame] })));
            }
            taught
        })
    };
    let [one, other] = [teach("one"), teach("other")].map(|thread| thread.join().expect("it ends"));
    let ids = |taught: &[Value]| -> Vec<u64> {
        taught.iter().filter_map(|reply| reply["examples"][0].as_u64()).collect()
    };
    let mut all = [ids(&one), ids(&other)].concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 24, "each has its own");
    // Each takes back what it taught itself.
    page.ok("undo-teach", &json!({ "examples": one[3]["examples"] }));
    page.ok("undo-teach", &json!({ "examples": other[11]["examples"] }));
    let count =
        |class| page.json(&format!("/api/v1/examples?class={class}")).as_array().map(Vec::len);
    assert_eq!((count("one"), count("other")), (Some(11), Some(11)));
}

#[test]
fn who_goes_away_stops_what_was_asked_for() {
    let (_folder, _device, page) = started("");
    let request = "{\"class\":\"good\",\"millis\":60000,\"any\":true}";
    let mut leaving = page.send("burst", request);
    let teach = || page.post("teach", &json!({ "class": "dent", "count": 1, "any": true }));
    until("the burst goes on", || {
        let goes_on = teach().status == 409;
        if !goes_on {
            // The other came first, and a burst is refused while something is taught.
            leaving = page.send("burst", request);
        }
        goes_on
    });
    drop(leaving);
    until("it has ended", || teach().status == 200);
    let classes = page.json("/api/v1/classes");
    assert_eq!(classes.as_array().map(Vec::len), Some(1), "nothing of it was learned: {classes}");
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let (folder, mut device, page) = started("");
    page.ok("teach", &json!({ "class": "good", "count": 1, "any": true }));
    // A second one is under way.
    let under_way = page.send("teach", "{\"class\":\"good\",\"count\":1,\"any\":true}");
    device.signal("KILL");
    drop(under_way);
    let mut store = FileStore::open(&folder.path().join("store")).expect("it is free");
    store.check().expect("it is sound");
    let snapshot = store.load().expect("it is sound").expect("something was learned");
    let (_, examples) = snapshot.by_name().expect("it is consistent");
    assert!((1..=2).contains(&examples.len()));
}

#[test]
fn check_says_what_an_address_on_the_network_means() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bench.toml");
    let check = |lines: &str| {
        let text = format!(
            "[camera]\naddress = \"synthetic:\"\nwidth = 320\nheight = 240\nfps = 10\n[pins]\nby = \"none\"\n[web]\n{lines}"
        );
        fs::write(&file, text).expect("there is room");
        common::fieldtune(&["check", "--board", file.to_str().expect("UTF-8")])
    };
    let open = check("listen = \"0.0.0.0:8080\"").stdout;
    for line in
        ["open     page: http://0.0.0.0:8080/: anyone on the network may change", "plain HTTP"]
    {
        assert!(open.contains(line), "{line}: {open}");
    }
    let local = check("listen = \"8080\"").stdout;
    assert!(
        local.contains("guarded  page: http://127.0.0.1:8080/: users of this machine"),
        "{local}"
    );
    for (lines, wanted) in [
        ("listen = \"here\"", "web.listen: \"here\" is not an address"),
        ("listen = \"80\"\naccess = \"locked\"", "web.access: \"locked\" wants a pin_hash"),
        ("listen = \"80\"\nnames = [\"a b\"]", "web.names: \"a b\" is not the name of a host"),
        ("listen = \"80\"\nport = 3", "unknown field `port`"),
    ] {
        let refused = check(lines);
        assert!(
            refused.code == 2 && refused.stderr.contains(wanted),
            "{wanted}: {}",
            refused.stderr
        );
    }
}

#[test]
fn every_path_of_the_openapi_document_is_there() {
    let (_folder, _device, page) = started("");
    let document = page.json("/api/v1/openapi.json");
    assert_eq!(document["openapi"], json!("3.1.0"));
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() > 40, "{}", paths.len());
    for (path, methods) in paths {
        let name = path.strip_prefix("/api/v1/").expect("the API's");
        // These end the device, or never end.
        if ["restart", "events"].contains(&name) {
            continue;
        }
        let is_get = methods.get("get").is_some();
        let answer =
            if is_get { page.get(path) } else { page.post(name, &json!({ "nothing": 1 })) };
        assert!(
            ![404, 405].contains(&answer.status) && answer.status < 500,
            "{path}: {}",
            answer.status
        );
        let other = if is_get { continue } else { page.get(path) };
        assert!(answer.status >= 200 && other.status != 500, "{path}");
    }
}
