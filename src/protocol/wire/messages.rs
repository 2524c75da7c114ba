//! Requests, progress and verdicts as they are sent. The numbers of variants and the order of fields are the format.

use serde::{Deserialize, Serialize};

use super::{WireError, from_bytes, split, to_bytes};
use crate::image::frame::{Region, Timestamp};
use crate::learn::head::{ExampleId, HeadConfig, HeadKind};
use crate::protocol::request::{Judgement, Of, Progress, Request};

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum WireRegion {
    Whole,
    Pixels { x: u32, y: u32, width: u32, height: u32 },
    Fractions { x: f32, y: f32, width: f32, height: f32 },
}

#[derive(Debug, Serialize, Deserialize)]
struct WireProgress {
    done: u32,
    total: u32,
}

/// Behind a [`WireProgress`] while it waits for the part to move.
const WAITING: u8 = 1;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WireVerdict {
    captured_micros: u64,
    age_micros: u64,
    region: Option<String>,
    class: Option<String>,
    best: String,
    confidence: f32,
    runner_up: Option<(String, f32)>,
    novelty: f32,
}

impl From<Region> for WireRegion {
    fn from(region: Region) -> Self {
        match region {
            Region::Whole => WireRegion::Whole,
            Region::Pixels { x, y, width, height } => WireRegion::Pixels { x, y, width, height },
            Region::Fractions { x, y, width, height } => {
                WireRegion::Fractions { x, y, width, height }
            }
        }
    }
}

impl From<WireRegion> for Region {
    fn from(region: WireRegion) -> Self {
        match region {
            WireRegion::Whole => Region::Whole,
            WireRegion::Pixels { x, y, width, height } => Region::Pixels { x, y, width, height },
            WireRegion::Fractions { x, y, width, height } => {
                Region::Fractions { x, y, width, height }
            }
        }
    }
}

impl From<&Judgement> for WireVerdict {
    fn from(judgement: &Judgement) -> Self {
        let Judgement { captured, age_micros, region, class, best, .. } = judgement.clone();
        let Judgement { confidence, runner_up, novelty, .. } = judgement.clone();
        let captured_micros = captured.0;
        Self { captured_micros, age_micros, region, class, best, confidence, runner_up, novelty }
    }
}

impl From<WireVerdict> for Judgement {
    fn from(verdict: WireVerdict) -> Self {
        let WireVerdict { captured_micros, age_micros, region, class, best, .. } = verdict;
        let WireVerdict { confidence, runner_up, novelty, .. } = verdict;
        let captured = Timestamp(captured_micros);
        let frame = None;
        Self { captured, age_micros, frame, region, class, best, confidence, runner_up, novelty }
    }
}

/// The head of that name with its usual settings: settings are not sent.
pub(super) fn head_named(name: &str) -> Result<HeadConfig, WireError> {
    let kind = HeadKind::ALL.into_iter().find(|kind| kind.name() == name);
    let unknown = || WireError::Content(format!("there is no head \"{}\"", name.escape_debug()));
    kind.map(HeadConfig::of).ok_or_else(unknown)
}

pub(super) fn numbers(ids: &[ExampleId]) -> Vec<u64> {
    ids.iter().map(|id| id.0).collect()
}

pub(super) fn ids(numbers: Vec<u64>) -> Vec<ExampleId> {
    numbers.into_iter().map(ExampleId).collect()
}

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

/// As a message.
pub fn encode_progress(progress: Progress) -> Vec<u8> {
    let Progress { done, total, waiting } = progress;
    let mut bytes = to_bytes(&WireProgress { done, total });
    bytes.extend(waiting.then_some(WAITING));
    bytes
}

/// # Errors
/// [`WireError::Content`].
pub fn decode_progress(bytes: &[u8]) -> Result<Progress, WireError> {
    let (message, waiting) = match bytes {
        // Of a message without it, this is the last byte of `total`: 1 only where it begins with `done` alone.
        [message @ .., WAITING] if from_bytes::<WireProgress>(message).is_ok() => (message, true),
        message => (message, false),
    };
    let WireProgress { done, total } = from_bytes(message)?;
    Ok(Progress { done, total, waiting })
}

/// As a message.
pub fn encode_verdict(judgement: &Judgement) -> Vec<u8> {
    let mut bytes = to_bytes(&WireVerdict::from(judgement));
    bytes.extend(judgement.frame.map(|frame| to_bytes(&frame)).unwrap_or_default());
    bytes
}

/// # Errors
/// [`WireError::Content`].
pub fn decode_verdict(bytes: &[u8]) -> Result<Judgement, WireError> {
    let (verdict, rest) = split::<WireVerdict>(bytes)?;
    let judgement = Judgement::from(verdict);
    // The frame's number stands behind it, where it has one.
    let frame = if rest.is_empty() { None } else { Some(from_bytes(rest)?) };
    Ok(Judgement { frame, ..judgement })
}
