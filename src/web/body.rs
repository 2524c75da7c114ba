//! What a request carries: as much as its kind needs, within a time.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};
use tokio::time::timeout;

/// Bytes of the fields of a request.
pub(super) const FIELDS: usize = 64 << 10;

/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a body is not taken: the status, and why in words.
pub(super) type Refusal = (StatusCode, String);

/// All of a body.
///
/// # Errors
/// It is longer than that, or comes too slowly.
pub(super) async fn all(body: Body, headers: &HeaderMap, most: usize) -> Result<Bytes, Refusal> {
    let too_large = || {
        let what = format!("the request has more than {most} bytes");
        (StatusCode::PAYLOAD_TOO_LARGE, what)
    };
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if length.and_then(|text| text.parse().ok()).is_some_and(|length: u64| length > most as u64) {
        return Err(too_large());
    }
    match timeout(PATIENCE, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the request did not come in time".to_owned())),
    }
}

/// The fields of a request that is sent as JSON; an empty body has none.
///
/// # Errors
/// It is no JSON, or called something else.
pub(super) fn json(bytes: &[u8], headers: &HeaderMap) -> Result<Value, Refusal> {
    if bytes.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    // A page of another site can send a form or plain text without being asked, but not this.
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let what = "the fields of a request are sent as Content-Type: application/json".to_owned();
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
    }
    serde_json::from_slice(bytes).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))
}

/// The fields of a query, as they may be meant: `3` is a number and `true` a truth, then all as text.
pub(super) fn readings(pairs: &[(String, String)]) -> [Value; 2] {
    let read = |as_text: bool| {
        let value = |text: &String| match serde_json::from_str(text) {
            Ok(value @ (Value::Number(_) | Value::Bool(_))) if !as_text => value,
            _ => Value::String(text.clone()),
        };
        let fields = pairs.iter().map(|(name, text)| (name.clone(), value(text)));
        Value::Object(fields.collect())
    };
    [read(false), read(true)]
}
