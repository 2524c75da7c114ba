//! Who sends slowly, too much, or nonsense, harms nobody.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use serde_json::json;

use super::started;

#[test]
fn who_sends_slowly_is_cut_off_and_holds_nobody_up() {
    let (_folder, _device, page) = started("");
    let mut slow: Vec<_> = (0..40).map(|_| page.connect()).collect();
    let begun = Instant::now();
    for stream in &mut slow {
        stream.write_all(b"GET /api/v1/status HTTP/1.1\r\nhost: local").expect("it reads");
    }
    let mut body = page.connect();
    let head = format!(
        "POST /api/v1/teach HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: 60\r\n\r\n{{\"class",
        page.address
    );
    body.write_all(head.as_bytes()).expect("it reads");
    // A letter now and then does not keep a connection.
    for letter in 0..4 {
        let asked = Instant::now();
        page.json("/api/v1/status");
        assert!(asked.elapsed() < Duration::from_secs(5), "others are answered");
        std::thread::sleep(Duration::from_secs(1));
        for stream in &mut slow {
            // It may be closed already.
            let _ = stream.write_all(&[b'a' + letter]);
        }
    }
    for mut stream in slow {
        let mut rest = Vec::new();
        // Closed, whether politely or not.
        let _ = stream.read_to_end(&mut rest);
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let mut answer = String::new();
    let _ = body.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    page.ok("teach", &json!({ "class": "good", "count": 1, "any": true }));
}

#[test]
fn what_is_too_large_or_nonsense_is_refused() {
    let (_folder, _device, page) = started("");
    let host = format!("host: {}\r\nconnection: close\r\n", page.address);
    let post = |path: &str, lines: &str, body: &str| {
        page.raw(&format!("POST {path} HTTP/1.1\r\n{host}{lines}\r\n\r\n{body}")).status
    };
    let json = "content-type: application/json\r\n";
    assert_eq!(post("/api/v1/teach", &format!("{json}content-length: 999999999"), "{"), 413);
    let long = format!("\"{}\"", "a".repeat(70_000));
    let length = format!("{json}content-length: {}", long.len());
    assert_eq!(post("/api/v1/teach", &length, &long), 413);
    let chunk = format!("{:x}\r\n{long}\r\n0\r\n\r\n", long.len());
    assert_eq!(post("/api/v1/teach", &format!("{json}transfer-encoding: chunked"), &chunk), 413);
    let image = "content-type: image/jpeg\r\ncontent-length: 99999999";
    assert_eq!(post("/api/v1/teach-image?class=a", image, ""), 413);
    for (path, body, wanted) in [
        ("/api/v1/teach", "{", 400),
        ("/api/v1/teach", "[]", 400),
        ("/api/v1/teach", "{\"class\":3}", 400),
        ("/api/v1/teach", "{\"class\":\"a\\u0007\",\"count\":1,\"any\":true}", 409),
        ("/api/v1/nothing", "{}", 404),
        ("/api/v1/of", "{}", 404),
        ("/api/v1/watch", "true", 404),
        ("/api/v1/regions/none/teach", "{\"class\":\"a\",\"count\":1,\"any\":true}", 409),
        ("/", "{}", 405),
    ] {
        let length = format!("{json}content-length: {}", body.len());
        assert_eq!(post(path, &length, body), wanted, "{path} {body}");
    }
    let get = |path: &str| page.get(path).status;
    assert_eq!(get("/api/v1/teach?class=a&count=1&any=true"), 405, "it changes something");
    assert_eq!(get("/api/v1/pull"), 200);
    assert_eq!(
        (get("/assets/../mod.rs"), get("/assets/%2e%2e%2fmod.rs"), get("/etc/passwd")),
        (404, 404, 404)
    );
    assert_eq!(get(&format!("/{}", "a".repeat(40_000))), 431, "the head is too long");
    let odd = page.raw(&format!("DELETE /api/v1/classes HTTP/1.1\r\n{host}\r\n"));
    assert_eq!(odd.status, 405);
    assert_eq!(page.json("/api/v1/classes"), json!([]), "nothing was taught");
}
