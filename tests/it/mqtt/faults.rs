//! Brokers that are away, refuse, or send what they should not.

use std::fs;

use serde_json::{Value, json};

use fieldtune::image::frame::Timestamp;
use fieldtune::image::picture;

use super::{again, answer, classified, log, mqtt, started};
use crate::common::broker::TestBroker;

#[test]
fn hostile_requests_are_answered_and_change_nothing() {
    let broker = TestBroker::start();
    let (_folder, device) = started(&mqtt(&broker, "requests = \"full\"\n"));
    broker.until_subscribed("plant/line-3/request");
    device.ok(&["teach", "good", "2", "--any"]);
    let before = device.ok(&["examples", "--json"]);
    for (payload, wanted) in [
        (&b"\xff\xfe\x00"[..], "UTF-8"),
        (b"", "got nothing"),
        (b"no-such-command", "no command no-such-command"),
        (b"teach", "wanted: teach"),
        (b"quit", "for a console"),
        (b"watch on", "plant/line-3/prediction"),
        (b"pull", "ctl pull"),
        (b"teach good\nforget good", "one line"),
        (b"{\"id\": 1}", "missing field"),
        (b"{\"id\": {}, \"request\": \"forget good\"}", "id: wanted"),
        (&[b'a'; 1 << 20], "at most 8192 bytes, got 1048576"),
        (&[b'a'; 2000], "at most 1024 bytes"),
    ] {
        broker.forget();
        broker.publish("plant/line-3/request", payload, false);
        let answer = broker.until("plant/line-3/answer", |_| true).json();
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.contains(wanted), "{wanted}: {answer}");
    }
    broker.forget();
    broker.publish("plant/line-3/request", b"forget good", true);
    let kept = broker.until("plant/line-3/answer", |_| true).json();
    assert!(kept["error"].as_str().is_some_and(|why| why.contains("retained")), "{kept}");
    assert_eq!(device.ok(&["examples", "--json"]), before, "nothing changed");
    // A picture that was asked for comes beside its answer.
    broker.forget();
    let snap = answer(&broker, "s", "snap");
    let file = broker.until("plant/line-3/answer/image", |_| true);
    assert_eq!(snap["answer"]["bytes"], json!(file.payload.len()));
    assert!(!file.retain && picture::decode(&file.payload, "snap", Timestamp(0)).is_ok());
}

#[test]
fn a_broker_that_comes_back_gets_everything_again() {
    let broker = TestBroker::start();
    broker.leave();
    let (folder, device) = started(&mqtt(&broker, "discovery = \"homeassistant\"\n"));
    device.ok(&["teach", "good", "2", "--any"]);
    let gone = |log: &str| log.matches("wanted a connection to mqtt://127.0.0.1:").count();
    broker.wait("it was tried", || gone(&log(&folder)) == 1);
    let status: Value = serde_json::from_str(&device.ok(&["status", "--json"])).expect("JSON");
    let how = status["device"]["mqtt"].as_str().unwrap_or_default().to_owned();
    assert!(how.starts_with("not connected: "), "{how}");
    let before = classified(&device);
    broker.wait("it classifies all the same", || classified(&device) > before + 10);
    assert_eq!(gone(&log(&folder)), 1, "said once: {}", log(&folder));

    let all =
        ["online", "prediction", "status", "drift"].map(|name| format!("plant/line-3/{name}"));
    let configured = "homeassistant/sensor/plant_line-3/prediction/config".to_owned();
    for _ in 0..2 {
        broker.come_back();
        for topic in all.iter().chain([&configured]) {
            assert!(broker.until(topic, |_| true).retain, "{topic}");
        }
        broker.until_subscribed("plant/line-3/request");
        assert!(answer(&broker, "1", "status")["answer"].is_object());
        broker.leave();
    }
    broker.wait("its end was seen", || gone(&log(&folder)) >= 3);
    assert_eq!(log(&folder).matches("mqtt: connected to").count(), 2, "{}", log(&folder));
}

#[test]
fn a_wrong_password_is_logged_once_without_it() {
    let broker = TestBroker::of_user("line-3", "right one");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    fs::write(&file, "wrong one\n").expect("there is room");
    let lines = format!("user = \"line-3\"\npassword_file = \"{}\"\n", file.display());
    let device = again(folder.path(), &mqtt(&broker, &lines));
    broker.wait("it was tried twice", || broker.clients().len() >= 2);
    let text = log(&folder);
    assert_eq!(text.matches("got: a refusal of the user line-3").count(), 1, "{text}");
    assert!(text.contains("next: check user and password_file"), "{text}");
    assert!(!text.contains("wrong one") && !text.contains("mqtt: connected"), "{text}");
    assert!(classified(&device) > 0 || !device.ok(&["status"]).is_empty());

    fs::write(&file, "right one\n").expect("there is room");
    device.ok(&["restart"]);
    broker.until("plant/line-3/online", |one| one.text() == "true");
    let client = broker.clients().pop().expect("it came");
    assert_eq!((client.id.as_str(), client.user.as_deref()), ("plant_line-3", Some("line-3")));
    assert!(!log(&folder).contains("right one"), "no password is logged");
}

#[test]
fn bytes_that_are_no_mqtt_end_only_the_connection() {
    let broker = TestBroker::start();
    let (folder, device) = started(&mqtt(&broker, ""));
    let unreadable: [&[u8]; 2] = [&[0xff; 64], &[0x30, 0xff, 0xff, 0xff, 0xff, 0xff]];
    for (number, bytes) in unreadable.into_iter().enumerate() {
        broker.wait("it is connected", || broker.clients().len() > number);
        broker.send(bytes);
        broker.wait("it comes again", || broker.clients().len() > number + 1);
    }
    let text = log(&folder);
    assert!(text.contains("no MQTT 3.1.1"), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    device.ok(&["teach", "good", "2", "--any"]);
    broker.until("plant/line-3/prediction", |_| true);
}
