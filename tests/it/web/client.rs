//! HTTP, as little of it as the tests need.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// Where the page is, and which session asks.
#[derive(Clone)]
pub struct Page {
    pub address: String,
    cookie: String,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn read(stream: TcpStream) -> Option<Self> {
        let mut from = BufReader::new(stream);
        let mut line = || {
            let mut line = String::new();
            from.read_line(&mut line).ok().filter(|&bytes| bytes > 0)?;
            Some(line.trim_end().to_owned())
        };
        let status = line()?.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Vec::new();
        while let Some((name, value)) = line()?.split_once(": ") {
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut answer = Self { status, headers, body: Vec::new() };
        match answer.header("content-length").and_then(|text| text.parse().ok()) {
            Some(length) => {
                answer.body = vec![0; length];
                from.read_exact(&mut answer.body).ok()?;
            }
            None => drop(from.read_to_end(&mut answer.body)),
        }
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = whole(&answer.body)?;
        }
        Some(answer)
    }
}

/// What came in chunks, each behind its length in hexadecimal figures; `None` where the last one is missing.
fn whole(mut chunks: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|two| two == b"\r\n")?;
        let length = std::str::from_utf8(&chunks[..end]).ok()?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend(chunks.get(end + 2..end + 2 + length)?);
        chunks = chunks.get(end + 4 + length..)?;
    }
}

/// The page of a device that logs to that folder.
pub fn listening(folder: &Path) -> Page {
    let log = folder.join("log");
    for _ in 0..3000 {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let address = text.split("page: http").nth(1).and_then(|rest| rest.split("://").nth(1));
        let address = address.and_then(|rest| rest.split('/').next());
        if let Some(address) = address {
            return Page { address: address.to_owned(), cookie: String::new() };
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("it serves no page: {:?}", std::fs::read_to_string(&log));
}

impl Page {
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(100))).expect("a time-out");
        stream
    }

    pub fn with_cookie(&self, cookie: &str) -> Self {
        Self { cookie: format!("cookie: {cookie}\r\n"), ..self.clone() }
    }

    /// A request as it stands, on a connection of its own.
    pub fn raw(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).expect("it reads");
        Answer::read(stream).expect("it answers")
    }

    pub fn get(&self, path: &str) -> Answer {
        let Self { address, cookie } = self;
        self.raw(&format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\n{cookie}connection: close\r\n\r\n"
        ))
    }

    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body).expect("it is JSON")
    }

    /// Sends a request and does not wait.
    pub fn send(&self, name: &str, body: &str) -> TcpStream {
        let Self { address, cookie } = self;
        let mut stream = self.connect();
        let length = body.len();
        let request = format!(
            "POST /api/v1/{name} HTTP/1.1\r\nhost: {address}\r\n{cookie}\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        stream
    }

    pub fn post(&self, name: &str, fields: &Value) -> Answer {
        Answer::read(self.send(name, &fields.to_string())).expect("it answers")
    }

    /// Bytes of some kind.
    pub fn post_bytes(&self, target: &str, kind: &str, bytes: &[u8]) -> Answer {
        let Self { address, cookie } = self;
        let length = bytes.len();
        let head = format!(
            "POST {target} HTTP/1.1\r\nhost: {address}\r\n{cookie}\
             content-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        );
        let mut stream = self.connect();
        stream.write_all(&[head.as_bytes(), bytes].concat()).expect("it reads");
        Answer::read(stream).expect("it answers")
    }

    /// What is answered to a request that is not refused.
    pub fn ok(&self, name: &str, fields: &Value) -> Value {
        let answer = self.post(name, fields);
        assert_eq!(answer.status, 200, "{name} {fields}: {}", answer.text());
        serde_json::from_slice(&answer.body).expect("it is JSON")
    }
}

/// Server-sent events.
pub struct Events(BufReader<TcpStream>);

impl Events {
    pub fn open(page: &Page) -> Self {
        let mut stream = page.connect();
        let request = format!("GET /api/v1/events HTTP/1.1\r\nhost: {}\r\n\r\n", page.address);
        stream.write_all(request.as_bytes()).expect("it reads");
        Self(BufReader::new(stream))
    }

    /// The value of the next event of that name.
    pub fn next(&mut self, name: &str) -> Value {
        let mut is_wanted = false;
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).expect("it goes on") > 0, "no more {name}");
            if let Some(event) = line.strip_prefix("event: ") {
                is_wanted = event.trim_end() == name;
            }
            if let (true, Some(data)) = (is_wanted, line.strip_prefix("data: ")) {
                return serde_json::from_str(data).expect("it is JSON");
            }
        }
    }
}
