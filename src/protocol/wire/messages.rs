//! Messages as they are sent. Golden bytes of every one hold them.

use serde::{Deserialize, Serialize};

use super::{WireError, first_of, from_bytes, to_bytes};
use crate::protocol::request::{Answer, Classification, Of, Progress, Refused, Request};

/// # Errors
/// [`WireError::NotSent`] for what is asked of a region of a region.
pub fn encode_request(request: &Request) -> Result<Vec<u8>, WireError> {
    if let Request::Of(Of { request, .. }) = request
        && let Request::Of(_) = **request
    {
        return Err(WireError::NotSent);
    }
    let mut message = Vec::new();
    request.write(&mut message);
    Ok(message)
}

/// # Errors
/// [`WireError::Content`].
pub fn decode_request(bytes: &[u8]) -> Result<Request, WireError> {
    Request::read(bytes, false).map_err(WireError::Content)
}

/// An answer, and what there is to know about it.
#[derive(Serialize, Deserialize)]
struct Answered<A, R> {
    result: Result<A, R>,
    note: Option<String>,
}

/// As a message.
pub fn encode_answer(answer: &Result<Answer, Refused>) -> Vec<u8> {
    let note = match answer {
        Ok(Answer::Noted { note, .. }) => Some(note.clone()),
        _ => None,
    };
    let mut message = to_bytes(&Answered { result: answer.as_ref().map(Answer::plain), note });
    let detail = answer.as_ref().ok().and_then(Answer::estimate_detail);
    message.extend(detail.iter().flat_map(to_bytes));
    let lines = answer.as_ref().ok().and_then(Answer::lines);
    message.extend(lines.iter().flat_map(to_bytes));
    message
}

/// # Errors
/// [`WireError::Content`].
pub fn decode_answer(bytes: &[u8]) -> Result<Result<Answer, Refused>, WireError> {
    let (answered, rest) = first_of::<Answered<Answer, Refused>>(bytes)?;
    let Answered { result, note } = answered;
    let result = result.map(|answer| answer.with_notes(note.into_iter().collect()));
    Ok(match rest {
        [] => result,
        rest if result.as_ref().is_ok_and(Answer::may_have_lines) => {
            let lines = from_bytes(rest)?;
            let wrong = || WireError::Content("lines of other frames".to_owned());
            match result.map(|answer| answer.with_lines(lines)) {
                Ok(answer) => Ok(answer.ok_or_else(wrong)?),
                Err(refused) => Err(refused),
            }
        }
        // What an estimate has besides stands behind it.
        rest => {
            let detail = from_bytes(rest)?;
            result.map(|answer| answer.with_estimate_detail(detail))
        }
    })
}

/// As a message.
pub fn encode_progress(progress: Progress) -> Vec<u8> {
    to_bytes(&progress)
}

/// # Errors
/// [`WireError::Content`].
pub fn decode_progress(bytes: &[u8]) -> Result<Progress, WireError> {
    from_bytes(bytes)
}

/// As a message.
pub fn encode_verdict(classification: &Classification) -> Vec<u8> {
    let mut message = to_bytes(classification);
    message.extend(classification.line.iter().flat_map(to_bytes));
    message
}

/// # Errors
/// [`WireError::Content`].
pub fn decode_verdict(bytes: &[u8]) -> Result<Classification, WireError> {
    let (classification, rest) = first_of::<Classification>(bytes)?;
    let line = if rest.is_empty() { None } else { Some(from_bytes::<String>(rest)?) };
    match line.as_deref() {
        Some("") => Err(WireError::Content("an empty line".to_owned())),
        _ => Ok(Classification { line, ..classification }),
    }
}
