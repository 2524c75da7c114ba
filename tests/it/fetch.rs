//! `fieldtune models fetch` against a small HTTP server on loopback that behaves well, badly and not at all.
#![allow(clippy::unwrap_used, reason = "what a test prepares may fail the test")]

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use fieldtune::backbone::fetch::{Download, FetchError, Patience, fetch};
use sha2::{Digest, Sha256};

const LENGTH: usize = 300_000;
const TAG: &str = "\"version-1\"";

/// Bytes that no part of repeats.
fn content() -> Vec<u8> {
    (0..LENGTH as u32 / 4).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

/// What the server does with a connection.
#[derive(Debug, Clone)]
enum Answer {
    /// The file, or the range of it that was asked for.
    File,
    /// The file, whatever was asked for.
    Whole,
    /// As `File`, but the connection is closed after so many bytes.
    Cut(usize),
    /// Other bytes.
    Other(Vec<u8>),
    /// A body without a length that never ends.
    Endless,
    /// That status and no body.
    Status(&'static str),
    /// The request is read and nothing is said.
    Silent,
    /// To another path of this server.
    Redirect,
}

struct Server {
    url: String,
    /// The head of every request, in lower case.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers the first connections so, and every further one as the last.
    fn answering(answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/models/test.onnx", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let mut answers: VecDeque<Answer> = answers.iter().cloned().collect();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let answer =
                    if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
                let seen = Arc::clone(&seen);
                thread::spawn(move || serve(stream.unwrap(), answer.unwrap(), &seen));
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A client that hangs up early is part of what is tested, so failures to write end the answer quietly.
fn serve(mut stream: TcpStream, answer: Answer, seen: &Mutex<Vec<String>>) {
    let mut head = String::new();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
    let head = head.to_lowercase();
    seen.lock().unwrap().push(head.clone());
    let value = |key: &str| {
        head.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim().to_owned())
    };
    let file = content();
    // A range is only good for the version that it is asked of.
    let current = value("if-range:").is_none_or(|tag| tag == TAG);
    let start: usize = value("range:")
        .filter(|_| current)
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok())
        .unwrap_or(0);
    let head = |status: &str, fields: &str| {
        format!("HTTP/1.1 {status}\r\nETag: {TAG}\r\nConnection: close\r\n{fields}\r\n")
    };
    let whole = |body: &[u8]| head("200 OK", &format!("Content-Length: {}\r\n", body.len()));
    let (head, body) = match &answer {
        Answer::File | Answer::Cut(_) if start > file.len() => {
            (head("416 Range Not Satisfiable", "Content-Length: 0\r\n"), vec![])
        }
        Answer::File | Answer::Cut(_) if start > 0 => {
            let body = file[start..].to_vec();
            let (last, all, rest) = (file.len() - 1, file.len(), body.len());
            let range =
                format!("Content-Range: bytes {start}-{last}/{all}\r\nContent-Length: {rest}\r\n");
            (head("206 Partial Content", &range), body)
        }
        Answer::File | Answer::Cut(_) | Answer::Whole => (whole(&file), file),
        Answer::Other(bytes) => (whole(bytes), bytes.clone()),
        Answer::Endless => (head("200 OK", ""), file),
        Answer::Status(status) => (head(status, "Content-Length: 0\r\n"), vec![]),
        Answer::Redirect => {
            (head("302 Found", "Location: /elsewhere\r\nContent-Length: 0\r\n"), vec![])
        }
        Answer::Silent => {
            thread::sleep(Duration::from_secs(20));
            return;
        }
    };
    let sent = if let Answer::Cut(bytes) = answer { bytes } else { body.len() };
    let mut answered =
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body[..sent]));
    while answered.is_ok() && matches!(answer, Answer::Endless) {
        answered = stream.write_all(&body);
    }
}

/// A folder with a card.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hash: String =
            Sha256::digest(content()).iter().map(|byte| format!("{byte:02x}")).collect();
        let card = format!(
            "name = \"test\"\nfile = \"test.onnx\"\nbytes = {LENGTH}\nsha256 = \"{hash}\"\nlicence = \"MIT\"\n[input]\nsize = 8\nnorm = \"unit\"\n"
        );
        fs::write(folder.path().join("test.toml"), card).unwrap();
        Self { folder }
    }

    fn card(&self) -> PathBuf {
        self.folder.path().join("test.toml")
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("models/test.onnx")
    }

    fn part(&self) -> PathBuf {
        self.folder.path().join("models/test.onnx.part")
    }

    fn put(&self, path: &Path, bytes: &[u8]) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// `fieldtune models fetch` of the card, without retries.
    fn fetch(&self, url: &str) -> Output {
        self.command(Command::new(env!("CARGO_BIN_EXE_fieldtune")), url)
    }

    fn command(&self, mut program: Command, url: &str) -> Output {
        for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            program.env_remove(proxy);
        }
        program
            .args(["models", "fetch", "--retries", "0", "--from", url, "--to"])
            .arg(self.folder.path().join("models"))
            .arg(self.card())
            .output()
            .unwrap()
    }

    /// The same through the library, with a little patience.
    fn fetch_patiently(&self, url: &str, silence: Duration) -> Result<(), FetchError> {
        let target = self.target();
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        let sha256 = Sha256::digest(content()).into();
        let wanted = Download { url, bytes: LENGTH as u64, sha256, target: &target };
        let patience = Patience { retries: 2, pause: Duration::ZERO, silence };
        fetch(&wanted, &patience, &mut |_| {})
    }

    fn is_complete(&self) -> bool {
        let right = fs::read(self.target()).is_ok_and(|bytes| bytes == content());
        let left = fs::read_dir(self.folder.path().join("models")).unwrap().count();
        right && left == 1
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_file_arrives_whole_and_is_named_on_standard_output() {
    let (server, place) = (Server::answering(&[Answer::File]), Place::new());
    let output = place.fetch(&server.url);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(place.is_complete());
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        place.target().display().to_string()
    );
    assert!(!server.requests()[0].contains("\r\nrange:"));
}

#[test]
fn a_redirection_is_followed() {
    let (server, place) = (Server::answering(&[Answer::Redirect, Answer::File]), Place::new());
    assert!(place.fetch(&server.url).status.success());
    assert!(place.is_complete());
    assert!(server.requests()[1].starts_with("get /elsewhere"));
}

#[test]
fn only_a_missing_or_damaged_file_is_fetched() {
    let (server, place) = (Server::answering(&[Answer::File]), Place::new());
    place.put(&place.target(), &content());
    assert!(place.fetch(&server.url).status.success());
    assert!(server.requests().is_empty());
    place.put(&place.target(), &content()[..LENGTH / 2]);
    assert!(place.fetch(&server.url).status.success());
    assert!(place.is_complete());
}

#[test]
fn an_interrupted_download_resumes_where_it_stopped() {
    let (server, place) = (Server::answering(&[Answer::Cut(100_000), Answer::File]), Place::new());
    let output = place.fetch(&server.url);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("100000 of 300000") && text.contains("next: run the same"), "{text}");
    assert!(!place.target().exists());
    assert_eq!(fs::read(place.part()).unwrap(), content()[..100_000]);
    let output = place.fetch(&server.url);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(place.is_complete());
    let second = &server.requests()[1];
    assert!(second.contains("\r\nrange: bytes=100000-\r\n"), "{second}");
    assert!(second.contains(&format!("\r\nif-range: {TAG}\r\n")), "{second}");
}

#[test]
fn a_changed_version_is_fetched_from_the_start() {
    let (server, place) = (Server::answering(&[Answer::File]), Place::new());
    place.put(&place.part(), &[7; 5000]);
    let from = format!("{}\n\"version-0\"\n", server.url);
    place.put(&place.part().with_extension("part.from"), from.as_bytes());
    assert!(place.fetch(&server.url).status.success());
    assert!(place.is_complete());
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_server_without_ranges_sends_the_whole_file() {
    let (server, place) = (Server::answering(&[Answer::Whole]), Place::new());
    place.put(&place.part(), &content()[..120_000]);
    assert!(place.fetch(&server.url).status.success());
    assert!(place.is_complete());
    assert!(server.requests()[0].contains("\r\nrange: bytes=120000-\r\n"));
}

#[test]
fn a_wrong_partial_download_costs_only_time() {
    let parts =
        [("other bytes", 5000, 2), ("as long as the file", LENGTH, 1), ("longer", LENGTH + 9, 1)];
    for (name, length, requests) in parts {
        let (server, place) = (Server::answering(&[Answer::File]), Place::new());
        place.put(&place.part(), &vec![7; length]);
        let output = place.fetch(&server.url);
        assert!(output.status.success(), "{name}: {}", stderr(&output));
        assert!(place.is_complete(), "{name}");
        assert_eq!(server.requests().len(), requests, "{name}");
    }
}

#[test]
fn a_part_that_is_already_whole_needs_no_server() {
    let place = Place::new();
    place.put(&place.part(), &content());
    assert!(place.fetch("http://127.0.0.1:1/nobody").status.success());
    assert!(place.is_complete());
}

#[test]
fn only_the_file_of_the_card_is_installed() {
    let mut other = content();
    other[LENGTH / 2] ^= 1;
    let long = vec![0; LENGTH + 1];
    let cases = [
        ("a byte differs", Answer::Other(other), "sha256"),
        ("too short", Answer::Other(vec![0; 99]), "the server has 99"),
        ("too long", Answer::Other(long), "the server has 300001"),
        ("never ends", Answer::Endless, "the server has more"),
        ("not there", Answer::Status("404 Not Found"), "404 Not Found"),
        ("not allowed", Answer::Status("403 Forbidden"), "403 Forbidden"),
        ("broken", Answer::Status("500 Internal Server Error"), "try again later"),
        ("a range nobody asked for", Answer::Status("206 Partial Content"), "206"),
    ];
    for (name, answer, wanted) in cases {
        let (server, place) = (Server::answering(&[answer]), Place::new());
        let output = place.fetch(&server.url);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{name}: {text}");
        assert!(text.contains(wanted) && text.contains("\n  next: "), "{name}: {text}");
        assert!(text.contains(&server.url), "{name}: {text}");
        assert!(!place.target().exists(), "{name}");
        assert!(fs::metadata(place.part()).map_or(0, |part| part.len()) == 0, "{name}");
        assert!(output.stdout.is_empty(), "{name}");
    }
}

#[test]
fn an_unreachable_server_exits_with_3() {
    let place = Place::new();
    let output = place.fetch("http://127.0.0.1:1/test.onnx");
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("127.0.0.1:1") && text.contains("next: check the address"), "{text}");
}

#[test]
fn a_download_resumes_after_a_full_disk() {
    let (server, place) = (Server::answering(&[Answer::File]), Place::new());
    let mut limited = Command::new("sh");
    // Without the trap the system ends a process that goes over the limit; with it the write fails.
    limited.args([
        "-c",
        "trap '' XFSZ; ulimit -f 400; exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_fieldtune"),
    ]);
    let output = place.command(limited, &server.url);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("test.onnx.part") && text.contains("next: free "), "{text}");
    assert!(!place.target().exists());
    let kept = fs::read(place.part()).unwrap();
    assert!(!kept.is_empty() && content().starts_with(&kept), "{} bytes", kept.len());
    assert!(place.fetch(&server.url).status.success());
    assert!(place.is_complete());
    assert!(server.requests()[1].contains(&format!("\r\nrange: bytes={}-\r\n", kept.len())));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let (server, place) = (Server::answering(&[Answer::File]), Place::new());
    place.put(&place.folder.path().join("models"), b"a file is in the way");
    let output = place.fetch(&server.url);
    assert!(!output.status.success());
    assert!(stderr(&output).contains("models"), "{}", stderr(&output));
    assert!(server.requests().is_empty());
}

#[test]
fn a_file_is_fetched_by_one_process_at_a_time() {
    let (server, place) = (Server::answering(&[Answer::File]), Place::new());
    place.put(&place.part(), b"");
    let first = fs::OpenOptions::new().write(true).open(place.part()).unwrap();
    first.lock().unwrap();
    let output = place.fetch(&server.url);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("in use"), "{}", stderr(&output));
    drop(first);
    assert!(place.fetch(&server.url).status.success());
}

#[test]
fn short_failures_are_bridged_and_lasting_ones_are_not() {
    let (cut, broken) = (Answer::Cut(50_000), Answer::Status("503 Service Unavailable"));
    let second = Duration::from_secs(1);
    let cases = [
        ("two cuts", vec![cut.clone(), cut.clone(), Answer::File], second, true),
        ("overloaded at first", vec![broken.clone(), Answer::File], second, true),
        ("three cuts", vec![cut.clone(), cut.clone(), cut], second, false),
        ("overloaded", vec![broken], second, false),
        ("silent at first", vec![Answer::Silent, Answer::File], Duration::from_millis(200), true),
        ("silent", vec![Answer::Silent], Duration::from_millis(200), false),
    ];
    for (name, answers, silence, succeeds) in cases {
        let (server, place) = (Server::answering(&answers), Place::new());
        let fetched = place.fetch_patiently(&server.url, silence);
        assert_eq!(fetched.is_ok(), succeeds, "{name}: {fetched:?}");
        assert_eq!(place.is_complete(), succeeds, "{name}");
    }
}

#[test]
fn verify_tells_right_damaged_and_missing_files_apart() {
    let place = Place::new();
    let verify = || {
        Command::new(env!("CARGO_BIN_EXE_fieldtune"))
            .args(["models", "verify", "--in"])
            .arg(place.folder.path().join("models"))
            .arg(place.card())
            .output()
            .unwrap()
    };
    assert_eq!(verify().status.code(), Some(1), "missing");
    let mut damaged = content();
    damaged[7] ^= 1;
    for (name, bytes, exit) in
        [("right", content(), 0), ("damaged", damaged, 1), ("short", vec![1], 1)]
    {
        place.put(&place.target(), &bytes);
        let output = verify();
        assert_eq!(output.status.code(), Some(exit), "{name}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("test.onnx"), "{name}");
    }
}

#[test]
fn the_list_says_which_models_are_here() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("squeezenet1.1-7.onnx"), b"").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_fieldtune"))
        .args(["models", "list", "--json", "--in"])
        .arg(folder.path())
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let cards: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let here: Vec<_> =
        cards.iter().filter(|card| card["present"] == true).map(|card| &card["name"]).collect();
    // The one in the program is always here.
    let built_in = ["fieldtune-224", "fieldtune-128", "fieldtune-224-twice"];
    assert!(
        cards.len() > 4 && here[..3] == built_in && here[3..] == ["squeezenet1.1-7"],
        "{lines}"
    );
}
