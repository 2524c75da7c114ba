//! Requests that come from the broker: a console line each, carried out one after another as at a port.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::live::{Live, Message};
use super::topics::Topics;
use crate::device::service::Host;
use crate::protocol::access::{Gate, Guard};
use crate::protocol::console::{Entry, LINE_LIMIT, help, parse};
use crate::protocol::json;
use crate::protocol::request::{Answer, Request, RequestHandler};

/// Requests that may wait.
pub(super) const WAITING: usize = 16;

/// Bytes of a request: a line of the console in JSON, every character of it escaped, with its id.
pub(super) const MAX_BYTES: usize = 8 << 10;

/// Bytes of an id, as JSON.
const MAX_ID: usize = 128;

/// How often it is looked whether the device stops.
const LOOK: Duration = Duration::from_millis(200);

/// A request with an id, which its answer repeats.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithId {
    id: Value,
    request: String,
}

/// What was asked for, or why it cannot be; with the id that the answer has to repeat.
struct Asked {
    id: Option<Value>,
    line: Result<String, String>,
}

/// Carries out what comes until the device stops.
pub(super) fn carry_out(
    asked: &Receiver<Vec<u8>>,
    live: &Live,
    topics: &Topics,
    guard: Guard,
    host: &Arc<dyn Host>,
) {
    let (now, log) = (|| host.now(), |level, text: &str| host.log(level, text));
    let mut gate = Gate::new(host.connect(), guard, now, log);
    while !host.is_stopping() {
        match asked.recv_timeout(LOOK) {
            Ok(payload) => {
                let Asked { id, line } = read(&payload);
                let answer = line.and_then(|line| ask(&line, topics, &mut gate, host.as_ref()));
                if let Ok(answer) = &answer
                    && let Answer::Picture { file, .. } = answer.plain()
                {
                    live.answer(Message::once(topics.answer_image(), file.clone()));
                }
                let answer = answer.map(|answer| json::answer(&answer));
                live.answer(message(topics, id, answer));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// An answer, or that there is none.
///
/// * `id`: of the request, if it had one.
pub(super) fn message(
    topics: &Topics,
    id: Option<Value>,
    answer: Result<Value, String>,
) -> Message {
    let value = match (answer, id) {
        (Ok(answer), None) => answer,
        (Ok(answer), Some(id)) => json!({ "answer": answer, "id": id }),
        (Err(error), None) => json!({ "error": error }),
        (Err(error), Some(id)) => json!({ "error": error, "id": id }),
    };
    Message::once(topics.answer(), value.to_string())
}

/// The id of a request that is not carried out, if it has one.
pub(super) fn id_of(payload: &[u8]) -> Option<Value> {
    if payload.len() > MAX_BYTES { None } else { read(payload).id }
}

fn read(payload: &[u8]) -> Asked {
    let refused = |why: &str| Asked { id: None, line: Err(why.to_owned()) };
    let Ok(text) = std::str::from_utf8(payload) else {
        return refused("the request is no text in UTF-8");
    };
    let text = text.trim();
    if !text.starts_with('{') {
        return Asked { id: None, line: Ok(text.to_owned()) };
    }
    match serde_json::from_str::<WithId>(text) {
        Ok(WithId { id, request }) if is_id(&id) => Asked { id: Some(id), line: Ok(request) },
        Ok(_) => refused("id: wanted a text of at most 120 bytes or a number"),
        Err(error) => refused(&format!(
            "wanted a line of the console, or {{\"id\": .., \"request\": \"status\"}}; got JSON: {error}"
        )),
    }
}

fn is_id(id: &Value) -> bool {
    (id.is_string() || id.is_number()) && id.to_string().len() <= MAX_ID
}

fn ask(
    line: &str,
    topics: &Topics,
    gate: &mut dyn RequestHandler,
    host: &dyn Host,
) -> Result<Answer, String> {
    if line.len() > LINE_LIMIT {
        return Err(format!("wanted a line of at most {LINE_LIMIT} bytes, got {}", line.len()));
    }
    if line.contains(char::is_control) {
        return Err("wanted one line without control characters".to_owned());
    }
    let request = match parse(line)? {
        Entry::Request(request) => request,
        Entry::Help(word) => {
            return Ok(Answer::Log(help(word).lines().map(str::to_owned).collect()));
        }
        Entry::Nothing => return Err("wanted a command, got nothing; help lists them".to_owned()),
        Entry::Echo(_) | Entry::Leave => {
            return Err("this is for a console; here are topics".to_owned());
        }
    };
    match request.plain() {
        Request::Unlock(_) => {
            return Err(
                "a PIN is not taken here, where others may read it: use a port of the device"
                    .to_owned(),
            );
        }
        Request::Watch(_) => {
            return Err(format!("subscribe to {} instead", topics.prediction(None)));
        }
        Request::Pull(_) => {
            return Err("what was learned is not published: use fieldtune ctl pull FILE".to_owned());
        }
        _ => {}
    }
    gate.handle(request, &mut |_| !host.is_stopping()).map_err(|refused| refused.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(payload: &[u8]) -> (Option<Value>, Result<String, String>) {
        let Asked { id, line } = read(payload);
        (id, line)
    }

    #[test]
    fn a_request_is_a_line_or_has_an_id() {
        assert_eq!(answered(b" status\n"), (None, Ok("status".to_owned())));
        let with_id = br#"{"id": 7, "request": "teach good 5"}"#;
        assert_eq!(answered(with_id), (Some(json!(7)), Ok("teach good 5".to_owned())));
        for payload in [
            &b"\xff\xfe"[..],
            b"{",
            b"{}",
            br#"{"id": 7}"#,
            br#"{"id": [1], "request": "status"}"#,
            br#"{"id": null, "request": "status"}"#,
            br#"{"id": 7, "request": "status", "pin": 1}"#,
        ] {
            let (id, line) = answered(payload);
            assert!(id.is_none() && line.is_err(), "{}", payload.escape_ascii());
        }
        let long = format!(r#"{{"id": "{}", "request": "status"}}"#, "a".repeat(MAX_ID));
        assert!(answered(long.as_bytes()).1.is_err());
    }

    #[test]
    fn answers_are_those_of_the_program_with_the_id_beside() {
        let topics = Topics::new("a");
        let text = |id, answer| String::from_utf8(message(&topics, id, answer).payload);
        assert_eq!(text(None, Ok(json!([1]))).as_deref(), Ok("[1]"));
        assert_eq!(
            text(Some(json!("x")), Ok(json!({}))).as_deref(),
            Ok(r#"{"answer":{},"id":"x"}"#)
        );
        let refused = || Err("no".to_owned());
        assert_eq!(text(None, refused()).as_deref(), Ok(r#"{"error":"no"}"#));
        assert_eq!(text(Some(json!(1)), refused()).as_deref(), Ok(r#"{"error":"no","id":1}"#));
    }
}
