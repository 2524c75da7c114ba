//! How a broker is named and trusted: board file, command line, certificates.

use std::fs;

use super::{board, log, started};
use crate::common::broker::TestBroker;
use crate::common::process::{DRAWN, Device};
use crate::common::{data, fieldtune};

#[test]
fn only_a_broker_with_a_trusted_certificate_is_used() {
    let broker = TestBroker::over_tls();
    let authority = |name: &str| {
        let file = data(&format!("certificates/{name}")).display().to_string();
        let port = broker.port();
        format!(
            "[mqtt]\naddress = \"mqtts://localhost:{port}\"\ntopic = \"plant/line-3\"\nca_file = \"{file}\"\n"
        )
    };
    let (folder, device) = started(&authority("expired.pem"));
    broker.wait("it was refused", || log(&folder).contains("got: invalid peer certificate"));
    assert!(log(&folder).contains("next: name the authority"), "{}", log(&folder));
    assert_eq!(broker.clients(), [], "no user and no password was sent");
    drop(device);
    let (folder, device) = started(&authority("authority.pem"));
    broker.until("plant/line-3/online", |one| one.text() == "true");
    assert!(log(&folder).contains("mqtt: connected to mqtts://localhost:"), "{}", log(&folder));
    device.ok(&["teach", "good", "2", "--any"]);
    broker.until("plant/line-3/prediction", |_| true);
    broker.until("plant/line-3/image", |_| true);
}

#[test]
fn mistakes_in_mqtt_name_key_and_wanted() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("empty");
    fs::write(&secret, "\n").expect("there is room");
    let secret = format!("user = \"a\"\npassword_file = \"{}\"", secret.display());
    for (lines, wanted) in [
        ("address = \"broker\"", "mqtt.address: \"broker\" is not an address of a broker"),
        ("address = \"mqtt://a:geheim@b\"", "mqtt.address: got an address with a user in it"),
        ("topic = \"a\"", "missing field `address`"),
        ("address = \"mqtt://b\"\ntopic = \"a/#\"", "mqtt.topic: \"a/#\" is not 1 to 128"),
        ("address = \"mqtt://b\"\nuser = \"\"", "mqtt.user: \"\" is not 1 to 256"),
        ("address = \"mqtt://b\"\npassword_file = \"x\"", "mqtt.user: a password wants its user"),
        ("address = \"mqtt://b\"\npassword = \"geheim\"", "mqtt.password: wanted password_file"),
        ("address = \"mqtt://b\"\nca_file = \"x\"", "mqtt.address: got mqtt://b:1883"),
        ("address = \"mqtts://b\"\nca_file = \"/x\"", "mqtt.ca_file: /x: No such file"),
        (
            "address = \"mqtts://b\"\nca_file = \"/etc/hostname\"",
            "mqtt.ca_file: /etc/hostname: it holds no",
        ),
        (&format!("address = \"mqtt://b\"\n{secret}"), "it is empty: wanted a password"),
        ("address = \"mqtt://b\"\nimages = \"always\"", "`change` or `off`"),
        ("address = \"mqtt://b\"\nrequests = \"all\"", "`off`, `read-only`, `locked`, `full`"),
        ("address = \"mqtt://b\"\ndiscovery = \"openhab\"", "`homeassistant` or `off`"),
        ("address = \"mqtt://b\"\ntopics = \"x\"", "unknown field `topics`"),
    ] {
        let board = board(folder.path(), &format!("[mqtt]\n{lines}\n"));
        let run =
            fieldtune(&["run", "--board", &board, "--camera", "synthetic:", "--port", "stdio:"]);
        assert_eq!(run.code, 2, "{lines}: {}", run.stderr);
        assert!(run.stderr.contains(wanted), "{wanted}: {}", run.stderr);
        assert!(!run.stderr.contains("geheim"), "{}", run.stderr);
    }
    let run = fieldtune(&["run", "--camera", "synthetic:", "--mqtt", "mqtt://a:geheim@b"]);
    assert!(run.code == 2 && run.stderr.contains("--mqtt: got an address with a user"), "{run:?}");
    assert!(!run.stderr.contains("geheim"), "{}", run.stderr);
    let board = board(folder.path(), "[mqtt]\naddress = \"mqtt://b\"\nrequests = \"full\"\n");
    let check = fieldtune(&["check", "--board", &board]);
    for wanted in ["open     mqtt: mqtt://b:1883", "may change everything", "not encrypted"] {
        assert!(check.stdout.contains(wanted), "{wanted}: {}", check.stdout);
    }
}

#[test]
fn a_broker_named_on_the_command_line_is_enough() {
    let broker = TestBroker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let address = format!("mqtt://127.0.0.1:{}", broker.port());
    let _device = Device::start(folder.path(), &[&["--mqtt", &address], &DRAWN[..]].concat());
    broker.wait("it is there", || {
        broker
            .topics()
            .iter()
            .any(|topic| topic.starts_with("fieldtune/") && topic.ends_with("/online"))
    });
}
