//! Set-up through the page: policy, thresholds, exposure.

use std::fs;

use serde_json::json;

use super::{locked, start, until};
use crate::common::fieldtune;

const OUTPUTS: &str = "\n[outputs]\nreject = { line = \"a\" }\nlamp = { line = \"b\" }\n";

fn action(output: &str, class: &str) -> String {
    format!("[[action]]\noutput = \"{output}\"\nwhen = [\"{class}\"]\ndo = \"hold\"\n")
}

/// A device with two outputs and a policy file.
fn with_policy(board: &str, text: &str) -> (tempfile::TempDir, super::Device, super::Page) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("policy.toml");
    fs::write(&file, text).expect("there is room");
    let more = ["--policy", file.to_str().expect("UTF-8")];
    let (device, page) = start(folder.path(), &format!("{board}{OUTPUTS}"), &more);
    (folder, device, page)
}

#[test]
fn a_policy_is_checked_stored_and_followed_at_once() {
    let (folder, mut device, page) = with_policy("", &action("lamp", "good"));
    let stored = || fs::read_to_string(folder.path().join("policy.toml")).expect("it is there");
    page.ok("teach", &json!({ "class": "good", "count": 2, "any": true }));
    // Whatever kind of part comes by.
    page.ok("set-threshold", &json!({ "confidence": 0, "novelty": 1e6 }));
    let is_on = |name: &str| {
        let outputs = page.json("/api/v1/outputs");
        let outputs = outputs.as_array().expect("a list");
        outputs.iter().any(|one| one["name"] == json!(name) && one["on"] == json!(true))
    };
    until("the lamp follows the class", || is_on("lamp"));
    let before = page.json("/api/v1/policy");
    assert_eq!((&before["editable"], &before["why"]), (&json!(true), &json!(null)));
    assert_eq!(before["text"], json!(stored()));
    for (text, wanted) in [
        ("[[action]]\noutput = 3".to_owned(), "line 2"),
        (action("gate", "good"), "has the output gate"),
        (action("reject", ""), "action 1 (reject): when:"),
    ] {
        let refused = page.post("save-policy", &json!({ "text": text }));
        assert!(refused.status == 409 && refused.text().contains(wanted), "{}", refused.text());
        assert_eq!(stored(), action("lamp", "good"), "nothing was stored");
    }
    assert!(is_on("lamp"), "the one before is followed");
    let text = format!("{}{}", action("reject", "good"), action("lamp", "dent"));
    let fields = json!({ "text": text, "revision": before["revision"] });
    let saved = page.ok("save-policy", &fields);
    assert_eq!((&saved["text"], stored()), (&json!(text), text));
    assert!(saved["note"].as_str().is_some_and(|note| note.contains("dent")), "{saved}");
    until("another output follows the class", || is_on("reject") && !is_on("lamp"));
    let late = page.post("save-policy", &fields);
    assert!(late.status == 409 && late.text().contains("changed meanwhile"), "{}", late.text());

    let mine = folder.path().join("mine.toml");
    device.ok(&["policy", mine.to_str().expect("UTF-8")]);
    assert_eq!(fs::read_to_string(&mine).ok(), Some(stored()));
    fs::write(&mine, action("lamp", "good")).expect("there is room");
    device.ok(&["policy", "save", mine.to_str().expect("UTF-8")]);
    until("what ctl saved is followed", || is_on("lamp"));
    assert_eq!(device.signal("KILL"), None);
    assert_eq!(stored(), action("lamp", "good"));
}

#[test]
fn a_policy_needs_the_pin_and_is_logged() {
    let (folder, _device, page) = with_policy(&locked(), "");
    let fields = json!({ "text": action("lamp", "good") });
    let refused = page.post("save-policy", &fields);
    assert!(refused.status == 403 && refused.text().contains("PIN"), "{}", refused.text());
    assert_eq!(page.json("/api/v1/policy")["text"], json!(""));
    let right = page.post("unlock", &json!({ "pin": "2580" }));
    let cookie = right.header("set-cookie").expect("a session").to_owned();
    page.with_cookie(cookie.split(';').next().expect("its value")).ok("save-policy", &fields);
    let log = fs::read_to_string(folder.path().join("log")).expect("it was made");
    assert!(log.contains("web 127.0.0.1: policy changed, "), "{log}");
}

#[test]
fn without_a_policy_file_saving_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_device, page) = start(folder.path(), OUTPUTS, &[]);
    let policy = page.json("/api/v1/policy");
    assert_eq!((&policy["policy"], &policy["editable"]), (&json!(null), &json!(false)));
    assert!(policy["why"].as_str().is_some_and(|why| why.contains("--policy FILE")), "{policy}");
    let refused = page.post("save-policy", &json!({ "text": "" }));
    assert!(
        refused.status == 409 && refused.text().contains("no policy file"),
        "{}",
        refused.text()
    );
}

#[test]
fn what_thresholds_would_do_is_shown_before_they_are_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_device, page) = start(folder.path(), "", &[]);
    for (scene, class) in [("good", "good"), ("rust", "rust")] {
        page.ok("set", &json!({ "name": "scene", "value": scene }));
        std::thread::sleep(std::time::Duration::from_millis(700));
        for _ in 0..4 {
            page.ok("teach", &json!({ "class": class, "count": 1, "any": false }));
            std::thread::sleep(std::time::Duration::from_millis(1600));
        }
    }
    let effect = |query: &str| page.json(&format!("/api/v1/try-threshold?{query}"));
    let now = effect("");
    assert_eq!(now["looked_at"], json!(8), "{now}");
    assert_eq!(now["false_reject"], page.json("/api/v1/status")["false_reject"]);
    let none = effect("confidence=0&novelty=1000000");
    assert_eq!(none["unknown"], json!(0), "{none}");
    let all = effect("confidence=1");
    assert_eq!((&all["unknown"], &all["right"]), (&json!(8), &json!(0)), "{all}");
    // Nothing was set by it.
    assert_eq!(page.json("/api/v1/status")["confidence"], json!(0.0));
    let wrong = page.get("/api/v1/try-threshold?confidence=2");
    assert!(wrong.status == 409 && wrong.text().contains("0 to 1"), "{}", wrong.text());
}

#[test]
fn light_wanders_until_it_is_locked() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_device, page) = start(folder.path(), "", &[]);
    let state = |name: &str| page.json("/api/v1/settings")[name].clone();
    assert_eq!((state("exposure"), state("white-balance")), (json!("locked"), json!("locked")));
    page.ok("set", &json!({ "name": "exposure", "value": "automatic" }));
    assert_eq!((state("exposure"), state("white-balance")), (json!("automatic"), json!("locked")));
    page.ok("set", &json!({ "name": "exposure", "value": "locked" }));
    assert_eq!(state("exposure"), json!("locked"));
    for (name, value, wanted) in [
        ("exposure", "off", "wanted locked or automatic"),
        ("focus", "locked", "exposure and white"),
    ] {
        let refused = page.post("set", &json!({ "name": name, "value": value }));
        assert!(refused.status == 409 && refused.text().contains(wanted), "{}", refused.text());
    }
}

#[test]
fn a_recording_s_light_cannot_be_locked() {
    let folder = tempfile::tempdir().expect("a folder");
    let images = crate::common::folder_of(folder.path(), "red", 0, 3);
    let address = format!("replay:{}", images.display());
    let more = ["--camera", &address, "--loop", "--fps", "5"];
    let (_device, page) = super::start_with(folder.path(), "", &more);
    assert_eq!(page.json("/api/v1/settings")["exposure"], json!(null));
    let refused = page.post("set", &json!({ "name": "exposure", "value": "locked" }));
    assert!(
        refused.status == 409 && refused.text().contains("cannot be locked"),
        "{}",
        refused.text()
    );
}

#[test]
fn a_page_that_anyone_may_use_is_warned_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("learned.ftune");
    let log = |address: &str| {
        let store = store.to_str().expect("UTF-8");
        let line = ["run", "--camera", "synthetic:", "--bench-seconds", "1", "--store", store];
        let run = fieldtune(&[&line[..], &["--web", address]].concat());
        assert_eq!(run.code, 0, "{run:?}");
        run.stderr
    };
    assert!(log("0.0.0.0:0").contains("switch outputs without a PIN"));
    assert!(!log("127.0.0.1:0").contains("without a PIN"));
}
