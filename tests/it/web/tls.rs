//! The page with a certificate of its own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::{locked, started};
use crate::common::{data, fieldtune};

fn lines(certificate: &str, key: &str) -> String {
    let file = |name: &str| data(&format!("certificates/{name}")).display().to_string();
    format!(
        "[web]\nlisten = \"127.0.0.1:1\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
        file(certificate),
        file(key)
    )
}

#[test]
fn only_a_browser_with_the_certificate_connects_over_tls() {
    let board = format!("{}\n{}", locked(), lines("good.pem", "good.key"));
    let (folder, _device, page) = started(&board);
    let log = fs::read_to_string(folder.path().join("log")).expect("it was made");
    assert!(log.contains("page: https://127.0.0.1:"), "{log}");
    let agent = |known: &str| {
        let pem = fs::read(data(&format!("certificates/{known}"))).expect("it is there");
        let root = Certificate::from_pem(&pem).expect("PEM");
        let tls = TlsConfig::builder().root_certs(RootCerts::from(vec![root])).build();
        let config = ureq::Agent::config_builder().tls_config(tls);
        ureq::Agent::new_with_config(config.http_status_as_error(false).build())
    };
    let address = format!("https://{}", page.address);
    let knows = agent("authority.pem");
    let mut index = knows.get(&address).call().expect("it answers");
    assert!(index.body_mut().read_to_string().is_ok_and(|text| text.contains("fieldtune")));
    let unlock = knows.post(format!("{address}/api/v1/unlock"));
    let unlock = unlock.header("origin", &address).content_type("application/json");
    let unlocked = unlock.send("{\"pin\":\"2580\"}").expect("it answers");
    let cookie = unlocked.headers()["set-cookie"].to_str().expect("text").to_owned();
    assert!(cookie.contains("; Secure") && cookie.contains("HttpOnly"), "{cookie}");
    let stranger = agent("expired.pem").get(&address).call();
    assert!(stranger.is_err(), "it does not trust the certificate");

    // Plain HTTP and silence are no way in, and hold nobody up.
    let mut silent = TcpStream::connect(&page.address).expect("it listens");
    silent.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    let mut plain = TcpStream::connect(&page.address).expect("it listens");
    plain.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("it reads");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    let classes = knows.get(format!("{address}/api/v1/classes")).call().expect("it answers");
    assert_eq!(classes.status(), 200);
    assert_eq!(silent.read(&mut [0; 8]).ok(), Some(0), "closed after ten seconds");
}

#[test]
fn check_says_what_a_certificate_is_worth() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bench.toml");
    let check = |lines: &str| {
        let text = format!(
            "[camera]\naddress = \"synthetic:\"\nwidth = 320\nheight = 240\nfps = 10\n[pins]\nby = \"none\"\n{}",
            lines.replace("127.0.0.1:1", "0.0.0.0:8443")
        );
        fs::write(&file, text).expect("there is room");
        fieldtune(&["check", "--board", file.to_str().expect("UTF-8")])
    };
    let good = check(&lines("good.pem", "good.key"));
    for wanted in
        ["page: https://0.0.0.0:8443/", "valid until 2126-01-01", "announced on the network"]
    {
        assert!(good.stdout.contains(wanted), "{wanted}: {}", good.stdout);
    }
    assert!(good.code == 0 && !good.stdout.contains("plain HTTP"), "{}", good.stdout);
    let quiet = check(&format!("{}announce = false\n", lines("good.pem", "good.key")));
    assert!(!quiet.stdout.contains("announced"), "{}", quiet.stdout);
    for (certificate, key, wanted) in [
        ("expired.pem", "good.key", "the certificate expired 2021-01-01"),
        ("good.pem", "other.key", "other.key: it is not the key of"),
        ("none.pem", "good.key", "none.pem: No such file"),
    ] {
        let wrong = check(&lines(certificate, key));
        assert!(wrong.code == 3 && wrong.stdout.contains(wanted), "{wanted}: {}", wrong.stdout);
    }
    let half = check("[web]\nlisten = \"80\"\ncertificate = \"a\"\n");
    assert!(half.code == 2 && half.stderr.contains("web.key: "), "{}", half.stderr);
}

#[test]
fn a_key_that_does_not_fit_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bench.toml");
    let board = |certificate: &str, key: &str| {
        let text = format!(
            "[camera]\naddress = \"synthetic:\"\nwidth = 320\nheight = 240\nfps = 10\n[pins]\nby = \"none\"\n{}",
            lines(certificate, key)
        );
        fs::write(&file, text).expect("there is room");
    };
    board("good.pem", "other.key");
    let name = file.to_str().expect("UTF-8");
    let run = fieldtune(&["run", "--board", name, "--camera", "synthetic:", "--port", "stdio:"]);
    assert!(run.code == 2 && run.stderr.contains("other.key: it is not the key"), "{}", run.stderr);

    let (folder, _device, page) = started(&lines("good.pem", "good.key"));
    let file = folder.path().join("bench.toml");
    let text = fs::read_to_string(&file).expect("it is there").replace("good.key", "other.key");
    fs::write(&file, text).expect("there is room");
    let restart = json!({}).to_string();
    drop((page, restart));
    let port = format!("unix:{}", folder.path().join("port").display());
    let done = fieldtune(&["ctl", "--port", &port, "restart"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    super::until("it goes on with what it had", || {
        let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        log.contains("restarting with the previous configuration")
            && log.matches("page: https://").count() == 2
    });
}
