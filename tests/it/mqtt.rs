//! A device at an MQTT broker: what it publishes, what may be asked, and brokers that fail.

mod faults;
mod settings;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use fieldtune::image::frame::{Frame, Timestamp};
use fieldtune::image::picture;

use crate::common::broker::TestBroker;
use crate::common::command;
use crate::common::process::{DRAWN, Device};

/// A board that draws its frames, with these lines in front; it is patient with a machine that does much else.
fn board(folder: &Path, lines: &str) -> String {
    let file = folder.join("bench.toml");
    let text = format!(
        "watchdog_ms = 60000\n{lines}\n[camera]\naddress = \"synthetic:\"\nwidth = 320\nheight = 240\nfps = 10\n[pins]\nby = \"none\"\n"
    );
    fs::write(&file, text).expect("there is room");
    file.to_str().expect("UTF-8").to_owned()
}

/// `[mqtt]` for that broker.
fn mqtt(broker: &TestBroker, lines: &str) -> String {
    let port = broker.port();
    format!("[mqtt]\naddress = \"mqtt://127.0.0.1:{port}\"\ntopic = \"plant/line-3\"\n{lines}")
}

/// A device with these lines in its board.
fn started(lines: &str) -> (tempfile::TempDir, Device) {
    let folder = tempfile::tempdir().expect("a folder");
    let device = again(folder.path(), lines);
    (folder, device)
}

fn again(folder: &Path, lines: &str) -> Device {
    let board = board(folder, lines);
    Device::start(folder, &[&["--board", &board], &DRAWN[..]].concat())
}

fn log(folder: &tempfile::TempDir) -> String {
    fs::read_to_string(folder.path().join("log")).expect("it was made")
}

/// Frames that were classified so far.
fn classified(device: &Device) -> u64 {
    let status: Value = serde_json::from_str(&device.ok(&["status", "--json"])).expect("JSON");
    status["device"]["classified"].as_u64().expect("a number")
}

/// Waits for the answer to a request with that id.
fn answer(broker: &TestBroker, id: &str, request: &str) -> Value {
    let payload = json!({ "id": id, "request": request }).to_string();
    broker.publish("plant/line-3/request", payload.as_bytes(), false);
    broker.until("plant/line-3/answer", |one| one.json()["id"] == json!(id)).json()
}

#[test]
fn the_last_will_says_that_a_killed_device_is_gone() {
    let broker = TestBroker::start();
    let lines = mqtt(&broker, "");
    let (folder, mut device) = started(&lines);
    let online = broker.until("plant/line-3/online", |one| one.text() == "true");
    assert!(online.retain && online.qos == 1, "{online:?}");
    device.signal("KILL");
    let gone = broker.until("plant/line-3/online", |one| one.text() == "false");
    assert!(gone.is_will && gone.retain, "{gone:?}");

    broker.forget();
    let mut device = again(folder.path(), &lines);
    broker.until("plant/line-3/online", |one| one.text() == "true");
    assert_eq!(device.signal("TERM"), Some(0));
    let gone = broker.until("plant/line-3/online", |one| one.text() == "false");
    assert!(!gone.is_will && gone.retain, "it says so itself: {gone:?}");
}

/// `ctl watch --json`, and the lines that it has written.
struct Watch {
    process: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Watch {
    fn start(device: &Device) -> Self {
        let mut process = command(&["ctl", "--port", &device.port, "watch", "--json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (stdout, kept) = (process.stdout.take().expect("a pipe"), Arc::clone(&lines));
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                kept.lock().expect("no thread of it panics").push(line);
            }
        });
        Self { process, lines }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn predictions_are_those_of_watch_and_published_on_change() {
    let broker = TestBroker::start();
    let (_folder, device) = started(&mqtt(&broker, ""));
    let watch = Watch::start(&device);
    device.ok(&["teach", "c0", "2", "--any"]);
    let mut number = 0;
    broker.wait("a prediction is the line of watch", || {
        // Another class on every frame that follows.
        device.ok(&["rename", &format!("c{number}"), &format!("c{}", number + 1)]);
        number += 1;
        let lines = watch.lines.lock().expect("no thread of it panics").clone();
        broker.published("plant/line-3/prediction").iter().any(|one| {
            assert!(one.retain && one.qos == 1, "{one:?}");
            lines.iter().any(|line| line == one.text())
        })
    });
    // Frames go on, and the class stays: nothing is published.
    let before = classified(&device);
    thread::sleep(std::time::Duration::from_millis(300));
    broker.forget();
    broker.wait("ten more frames were classified", || classified(&device) >= before + 10);
    let predictions = broker.published("plant/line-3/prediction");
    let classes: Vec<Value> = predictions.iter().map(|one| one.json()["class"].clone()).collect();
    assert!(classes.windows(2).all(|two| two[0] != two[1]), "{classes:?}");
}

#[test]
fn status_is_that_of_ctl_with_the_connection() {
    let broker = TestBroker::start();
    let (_folder, device) = started(&mqtt(&broker, ""));
    let status = broker.until("plant/line-3/status", |_| true);
    assert!(status.retain);
    let published = status.json();
    let own: Value = serde_json::from_str(&device.ok(&["status", "--json"])).expect("JSON");
    let keys =
        |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&published), keys(&own));
    assert_eq!(published["budget_bytes"], own["budget_bytes"]);
    assert_eq!(published["device"]["mqtt"], json!("connected"));
    assert_eq!(own["device"]["mqtt"], json!("connected"));
    let drift = broker.until("plant/line-3/drift", |_| true);
    assert!(drift.retain && drift.json() == json!({ "drift": null }), "{drift:?}");
}

/// The mean difference of their values.
fn difference(a: &Frame, b: &Frame) -> f64 {
    let sum: u64 = a.pixels().iter().zip(b.pixels()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.pixels().len() as f64
}

#[test]
fn the_picture_shows_where_a_prediction_comes_from() {
    let broker = TestBroker::start();
    let (folder, device) = started(&mqtt(&broker, ""));
    for scene in ["good", "rust"] {
        device.ok(&["set", "scene", scene]);
        device.ok(&["teach", scene, "3", "--any"]);
    }
    device.ok(&["set", "scene", "auto"]);
    let look = folder.path().join("look");
    // Pictures of the frames that were predicted, as they came.
    let plain = || -> Vec<Frame> {
        let listed = device.ok(&["recent", look.to_str().expect("UTF-8"), "--json"]);
        let listed: Value = serde_json::from_str(&listed).expect("JSON");
        let files = listed.as_array().expect("a list").iter();
        let files = files.filter_map(|one| one["picture"].as_str().map(Path::new));
        files.map(|file| picture::load(file, Timestamp(0)).expect("it decodes")).collect()
    };
    let mut seen = 0;
    broker.wait("a picture is drawn over", || {
        let images = broker.published("plant/line-3/image");
        let new = images[seen..].iter();
        seen = images.len();
        new.into_iter().any(|image| {
            assert!(image.retain && image.qos == 0 && image.payload.starts_with(&[0xff, 0xd8]));
            let image = picture::decode(&image.payload, "image", Timestamp(0)).expect("it decodes");
            assert_eq!(image.width() * 3, image.height() * 4, "all of the frame");
            // What is like a single class, or says nothing of one, has no heat map.
            let alike =
                |frame: &Frame| (frame.width(), frame.height()) == (image.width(), image.height());
            let frames = plain();
            frames.iter().any(alike)
                && frames
                    .iter()
                    .filter(|frame| alike(frame))
                    .all(|frame| difference(frame, &image) > 3.0)
        })
    });
}

#[test]
fn requests_may_do_what_their_access_allows() {
    for (access, teaches, forgets) in
        [("read-only", false, false), ("locked", true, false), ("full", true, true)]
    {
        let broker = TestBroker::start();
        let (folder, device) = started(&mqtt(&broker, &format!("requests = \"{access}\"\n")));
        broker.until_subscribed("plant/line-3/request");
        let classes = |device: &Device| -> Value {
            serde_json::from_str(&device.ok(&["classes", "--json"])).expect("JSON")
        };
        let taught = answer(&broker, "a", "teach good 2 any");
        assert_eq!(taught["answer"]["count"] == json!(2), teaches, "{access}: {taught}");
        assert_eq!(taught["error"].is_null(), teaches, "{access}: {taught}");
        assert_eq!(classes(&device).as_array().map(Vec::len), Some(usize::from(teaches)));
        let listed = answer(&broker, "b", "classes");
        assert_eq!(listed["answer"], classes(&device), "as ctl says it");
        let forgotten = answer(&broker, "c", "forget good");
        assert_eq!(forgotten["answer"]["classes"] == json!(["good"]), forgets, "{forgotten}");
        let before = classes(&device);
        let undone = answer(&broker, "d", "undo");
        assert_eq!(undone["answer"]["changes"].is_array(), teaches, "{access}: {undone}");
        assert_eq!(classes(&device) != before, teaches, "{access}");
        let unlocked = answer(&broker, "e", "unlock 2580");
        assert!(unlocked["error"].as_str().is_some_and(|why| why.contains("PIN")), "{unlocked}");
        assert!(!log(&folder).contains("2580"), "no PIN is logged");
        assert_eq!(log(&folder).contains("may teach, forget"), access == "full", "a warning");
    }
}

#[test]
fn without_requests_nothing_is_subscribed() {
    let broker = TestBroker::start();
    let (_folder, device) = started(&mqtt(&broker, "requests = \"off\"\nimages = \"off\"\n"));
    device.ok(&["teach", "good", "2", "--any"]);
    broker.until("plant/line-3/prediction", |_| true);
    broker.until("plant/line-3/status", |_| true);
    broker.publish("plant/line-3/request", b"status", false);
    let before = classified(&device);
    broker.wait("frames go on", || classified(&device) > before + 5);
    assert_eq!(broker.subscribed(), Vec::<String>::new());
    let topics = broker.topics();
    assert!(topics.iter().all(|topic| topic.starts_with("plant/line-3/")), "{topics:?}");
    let not = ["plant/line-3/image", "plant/line-3/answer"];
    assert!(topics.iter().all(|topic| !not.contains(&topic.as_str())), "{topics:?}");
}

#[test]
fn home_assistant_is_shown_topics_that_are_published() {
    let broker = TestBroker::start();
    let regions = "[regions]\nleft = { fractions = [0.0, 0.0, 0.5, 1.0] }\nright = { fractions = [0.5, 0.0, 0.5, 1.0] }\n";
    let lines = mqtt(&broker, "discovery = \"homeassistant\"\n");
    let (_folder, device) = started(&format!("{regions}{lines}"));
    for region in ["left", "right"] {
        device.ok(&[&format!("@{region}"), "teach", "good", "2", "--any"]);
        device.ok(&[&format!("@{region}"), "teach", "dent", "2", "--any"]);
    }
    let of = |kind: &str, name: &str| {
        broker
            .until(&format!("homeassistant/{kind}/plant_line-3/{name}/config"), |one| one.retain)
            .json()
    };
    let mut configs = vec![of("binary_sensor", "online")];
    for region in ["left", "right"] {
        configs.push(of("sensor", &format!("prediction_{region}")));
        configs.push(of("binary_sensor", &format!("drift_{region}")));
        configs.push(of("image", &format!("image_{region}")));
    }
    for config in configs {
        for key in ["state_topic", "image_topic", "json_attributes_topic", "availability_topic"] {
            if let Some(topic) = config[key].as_str() {
                broker.until(topic, |one| one.retain);
            }
        }
        assert_eq!(config["device"]["identifiers"], json!(["plant_line-3"]));
    }
    let prediction = broker.until("plant/line-3/prediction/left", |_| true).json();
    assert_eq!(prediction["region"], json!("left"));
}
