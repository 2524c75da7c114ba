//! Requests, progress and verdicts as they are sent. The numbers of variants and the order of fields are the format.

use serde::{Deserialize, Serialize};

use super::{WireError, from_bytes, split, to_bytes};
use crate::image::frame::{Region, Timestamp};
use crate::learn::command::{
    Classes, Command, Forget, GetStatus, ListExamples, Relabel, Rename, SetHead, SetThreshold, Undo,
};
use crate::learn::head::{ExampleId, HeadConfig, HeadKind};
use crate::protocol::pin::Pin;
use crate::protocol::request::{Judgement, Progress, Request};

// Not to be shown: it may hold a PIN.
#[derive(Serialize, Deserialize)]
enum WireRequest {
    Version,
    Status,
    Classes,
    Examples {
        class: Option<String>,
    },
    Teach {
        class: String,
        count: u32,
    },
    Burst {
        class: String,
        millis: u32,
    },
    TeachImage {
        class: String,
        image: Vec<u8>,
    },
    Classify {
        image: Vec<u8>,
    },
    Undo,
    ForgetClass(String),
    ForgetExamples(Vec<u64>),
    ForgetEverything,
    Relabel {
        examples: Vec<u64>,
        class: String,
    },
    Rename {
        from: String,
        to: String,
    },
    /// The head by name.
    Head(Option<String>),
    Threshold {
        confidence: Option<f32>,
        novelty: Option<f32>,
        false_reject: Option<f32>,
    },
    Snap,
    Watch(bool),
    Region(Option<WireRegion>),
    Outputs,
    SetOutput {
        name: String,
        on: bool,
    },
    TestOutput {
        name: String,
    },
    Save {
        name: Option<String>,
    },
    Log {
        lines: u32,
    },
    Settings,
    Set {
        name: String,
        value: String,
    },
    Restart,
    Pull,
    Push {
        learned: Vec<u8>,
        merge: bool,
    },
    Generations,
    RollBack {
        generation: u64,
    },
    Difference {
        from: u64,
        to: Option<u64>,
    },
    DropGeneration {
        generation: u64,
    },
    Unlock {
        pin: String,
    },
    Lock,
    Regions,
    /// Another request, as its message, asked of one region; not another one of these.
    Of {
        region: String,
        request: Vec<u8>,
    },
    /// As `Teach`, of every frame that comes.
    TeachAny {
        class: String,
        count: u32,
    },
    /// As `Burst`, of every frame that comes.
    BurstAny {
        class: String,
        millis: u32,
    },
    TeachFrames {
        class: String,
        frames: Vec<u64>,
    },
    Recent {
        unsure_first: bool,
    },
    RecentPicture {
        frame: u64,
    },
}

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
/// [`WireError::NotSent`] for [`Command::Teach`], whose features do not leave the device, and [`Command::Merge`], which
/// is pushed.
pub fn encode_request(request: &Request) -> Result<Vec<u8>, WireError> {
    let wire = match request.clone() {
        Request::Command(command) => match command {
            Command::Teach(_) | Command::Merge(_) => return Err(WireError::NotSent),
            Command::Undo(Undo) => WireRequest::Undo,
            Command::Forget(Forget::Class(name)) => WireRequest::ForgetClass(name),
            Command::Forget(Forget::Everything) => WireRequest::ForgetEverything,
            Command::Forget(Forget::Examples(examples)) => {
                WireRequest::ForgetExamples(numbers(&examples))
            }
            Command::Relabel(Relabel { examples, class }) => {
                WireRequest::Relabel { examples: numbers(&examples), class }
            }
            Command::Rename(Rename { from, to }) => WireRequest::Rename { from, to },
            Command::Classes(Classes) => WireRequest::Classes,
            Command::Examples(ListExamples { class }) => WireRequest::Examples { class },
            Command::Status(GetStatus) => WireRequest::Status,
            Command::Head(SetHead { config }) => {
                WireRequest::Head(config.map(|config| config.kind().name().to_owned()))
            }
            Command::Threshold(SetThreshold { confidence, novelty, false_reject }) => {
                WireRequest::Threshold { confidence, novelty, false_reject }
            }
        },
        Request::Teach { class, count, any: false } => WireRequest::Teach { class, count },
        Request::Teach { class, count, any: true } => WireRequest::TeachAny { class, count },
        Request::Burst { class, millis, any: false } => WireRequest::Burst { class, millis },
        Request::Burst { class, millis, any: true } => WireRequest::BurstAny { class, millis },
        Request::TeachImage { class, image } => WireRequest::TeachImage { class, image },
        Request::TeachFrames { class, frames } => WireRequest::TeachFrames { class, frames },
        Request::Recent { unsure_first } => WireRequest::Recent { unsure_first },
        Request::RecentPicture { frame } => WireRequest::RecentPicture { frame },
        Request::Classify { image } => WireRequest::Classify { image },
        Request::Snap => WireRequest::Snap,
        Request::Watch(on) => WireRequest::Watch(on),
        Request::Region(region) => WireRequest::Region(region.map(WireRegion::from)),
        Request::Outputs => WireRequest::Outputs,
        Request::SetOutput { name, on } => WireRequest::SetOutput { name, on },
        Request::TestOutput { name } => WireRequest::TestOutput { name },
        Request::Save { name } => WireRequest::Save { name },
        Request::Generations => WireRequest::Generations,
        Request::RollBack { generation } => WireRequest::RollBack { generation },
        Request::Difference { from, to } => WireRequest::Difference { from, to },
        Request::DropGeneration { generation } => WireRequest::DropGeneration { generation },
        Request::Log { lines } => WireRequest::Log { lines },
        Request::Settings => WireRequest::Settings,
        Request::Set { name, value } => WireRequest::Set { name, value },
        Request::Version => WireRequest::Version,
        Request::Restart => WireRequest::Restart,
        Request::Pull => WireRequest::Pull,
        Request::Push { learned, merge } => WireRequest::Push { learned, merge },
        Request::Unlock { pin } => WireRequest::Unlock { pin: pin.reveal().to_owned() },
        Request::Lock => WireRequest::Lock,
        Request::Regions => WireRequest::Regions,
        Request::UndoTaught => return Err(WireError::NotSent),
        Request::Of { region, request } => match *request {
            Request::Of { .. } => return Err(WireError::NotSent),
            request => WireRequest::Of { region, request: encode_request(&request)? },
        },
    };
    Ok(to_bytes(&wire))
}

/// # Errors
/// [`WireError::Content`].
pub fn decode_request(bytes: &[u8]) -> Result<Request, WireError> {
    match from_bytes::<WireRequest>(bytes)? {
        WireRequest::Of { region, request } => {
            let request = Box::new(plain_request(from_bytes(&request)?)?);
            Ok(Request::Of { region, request })
        }
        plain => plain_request(plain),
    }
}

fn plain_request(wire: WireRequest) -> Result<Request, WireError> {
    let command = |command| Ok(Request::Command(command));
    Ok(match wire {
        WireRequest::Undo => return command(Command::Undo(Undo)),
        WireRequest::ForgetClass(name) => return command(Command::Forget(Forget::Class(name))),
        WireRequest::ForgetEverything => return command(Command::Forget(Forget::Everything)),
        WireRequest::ForgetExamples(examples) => {
            return command(Command::Forget(Forget::Examples(ids(examples))));
        }
        WireRequest::Relabel { examples, class } => {
            return command(Command::Relabel(Relabel { examples: ids(examples), class }));
        }
        WireRequest::Rename { from, to } => return command(Command::Rename(Rename { from, to })),
        WireRequest::Classes => return command(Command::Classes(Classes)),
        WireRequest::Examples { class } => {
            return command(Command::Examples(ListExamples { class }));
        }
        WireRequest::Status => return command(Command::Status(GetStatus)),
        WireRequest::Head(name) => {
            let config = name.map(|name| head_named(&name)).transpose()?;
            return command(Command::Head(SetHead { config }));
        }
        WireRequest::Threshold { confidence, novelty, false_reject } => {
            let set = SetThreshold { confidence, novelty, false_reject };
            return command(Command::Threshold(set));
        }
        WireRequest::Teach { class, count } => Request::Teach { class, count, any: false },
        WireRequest::TeachAny { class, count } => Request::Teach { class, count, any: true },
        WireRequest::Burst { class, millis } => Request::Burst { class, millis, any: false },
        WireRequest::BurstAny { class, millis } => Request::Burst { class, millis, any: true },
        WireRequest::TeachImage { class, image } => Request::TeachImage { class, image },
        WireRequest::TeachFrames { class, frames } => Request::TeachFrames { class, frames },
        WireRequest::Recent { unsure_first } => Request::Recent { unsure_first },
        WireRequest::RecentPicture { frame } => Request::RecentPicture { frame },
        WireRequest::Classify { image } => Request::Classify { image },
        WireRequest::Snap => Request::Snap,
        WireRequest::Watch(on) => Request::Watch(on),
        WireRequest::Region(region) => Request::Region(region.map(Region::from)),
        WireRequest::Outputs => Request::Outputs,
        WireRequest::SetOutput { name, on } => Request::SetOutput { name, on },
        WireRequest::TestOutput { name } => Request::TestOutput { name },
        WireRequest::Save { name } => Request::Save { name },
        WireRequest::Generations => Request::Generations,
        WireRequest::RollBack { generation } => Request::RollBack { generation },
        WireRequest::Difference { from, to } => Request::Difference { from, to },
        WireRequest::DropGeneration { generation } => Request::DropGeneration { generation },
        WireRequest::Log { lines } => Request::Log { lines },
        WireRequest::Settings => Request::Settings,
        WireRequest::Set { name, value } => Request::Set { name, value },
        WireRequest::Version => Request::Version,
        WireRequest::Restart => Request::Restart,
        WireRequest::Pull => Request::Pull,
        WireRequest::Push { learned, merge } => Request::Push { learned, merge },
        WireRequest::Unlock { pin } => {
            let pin = Pin::new(&pin).map_err(|error| WireError::Content(error.to_string()))?;
            Request::Unlock { pin }
        }
        WireRequest::Lock => Request::Lock,
        WireRequest::Regions => Request::Regions,
        // However deep somebody packs them, it is looked into no further.
        WireRequest::Of { .. } => {
            return Err(WireError::Content("a region inside a region".to_owned()));
        }
    })
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
