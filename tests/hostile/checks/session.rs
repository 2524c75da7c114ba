//! Whole dialogues: text and frames, right and broken, with a device that answers anything.

use fieldtune::image::frame::Timestamp;
use fieldtune::learn::command::{Command, Merge, NewExample, TeachExamples};
use fieldtune::learn::head::HeadConfig;
use fieldtune::learn::learner::Learner;
use fieldtune::protocol::request::{self, Answer, Progress, Refused, Request, RequestHandler};
use fieldtune::protocol::session::{Session, Sink};
use fieldtune::protocol::wire::{self, Decoder, Kind, Outgoing, Piece, WireFrame};
use fieldtune::store::snapshot::{ModelId, Snapshot};

use super::{Input, assert_for_terminal};

/// Bytes a session may send in one dialogue of these checks: an answer may be long, the dialogue is not.
const MOST_SENT: usize = 64 << 20;

/// * `data`: whether the console echoes; what the device answers with; then what happens, a step after the other.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let echo = input.byte() & 1 == 1;
    let mut device = AnyDevice::new(input.piece());
    let mut session = Session::new(echo);
    let mut kept = Kept(Vec::new());
    while !input.is_empty() {
        step(&mut input, &mut session, &mut device, &mut kept);
    }
    sent(&kept.0);
}

fn step(input: &mut Input, session: &mut Session, device: &mut AnyDevice, kept: &mut Kept) {
    match input.byte() % 8 {
        0 => session.feed(input.piece(), device, kept),
        1 => {
            let line = [input.piece(), b"\r"].concat();
            session.feed(&line, device, kept);
        }
        2 => {
            let (id, message) = (u32::from(input.byte() % 4), input.piece().to_vec());
            let outgoing = Outgoing::new(Kind::Request, id, message).expect("it is short");
            outgoing.first().iter().for_each(|bytes| session.feed(bytes, device, kept));
        }
        3 => session.feed(&frame(input).encode(), device, kept),
        4 => {
            let mut line = frame(input).encode();
            let at = usize::from(input.byte()) * line.len() / 256;
            line[at] ^= input.byte();
            session.feed(&line, device, kept);
        }
        5 => {
            if let Ok(classification) = wire::decode_verdict(input.piece()) {
                session.verdict(&classification, kept);
            }
        }
        6 => session.idle(),
        _ => session.opened(kept),
    }
}

/// A frame whose header and checksum are right; which part of which message it says it is may be anything.
fn frame(input: &mut Input) -> WireFrame {
    let kinds = [Kind::Request, Kind::More, Kind::Answer, Kind::Progress, Kind::Verdict];
    let kind = kinds[usize::from(input.byte()) % kinds.len()];
    let id = u32::from(input.byte() % 4);
    let parts = u16::from_le_bytes([input.byte(), input.byte() % 8]).max(1);
    let part = u16::from_le_bytes([input.byte(), input.byte() % 8]) % parts;
    let mut body = input.piece().to_vec();
    if input.byte() & 1 == 1 {
        body.resize(wire::CHUNK, 0);
    }
    WireFrame { kind, id, part, parts, body }
}

/// What went out is frames that can be read and text that harms no terminal.
fn sent(bytes: &[u8]) {
    assert!(bytes.len() <= MOST_SENT, "{} bytes", bytes.len());
    let mut text = Vec::new();
    for piece in Decoder::default().feed(bytes) {
        match piece {
            Piece::Text(more) => text.extend(more),
            Piece::Broken(error) => panic!("a session sent a broken frame: {error}"),
            Piece::Frame(WireFrame { parts: 2.., .. }) => {}
            Piece::Frame(WireFrame { kind, body, .. }) => match kind {
                Kind::Answer => drop(wire::decode_answer(&body).expect("an answer")),
                Kind::Progress => drop(wire::decode_progress(&body).expect("progress")),
                Kind::Verdict => drop(wire::decode_verdict(&body).expect("a verdict")),
                Kind::More => drop(wire::decode_more(&body).expect("numbers of parts")),
                Kind::Request => panic!("a session asked for something"),
            },
        }
    }
    assert_for_terminal(&text);
}

/// Keeps what was sent, and takes every offer.
struct Kept(Vec<u8>);

impl Sink for Kept {
    fn send(&mut self, bytes: Vec<u8>) {
        self.0.extend(bytes);
    }

    fn offer(&mut self, bytes: Vec<u8>) {
        self.0.extend(bytes);
    }
}

/// A real learner behind the commands; to everything else it answers whatever stands in its script.
struct AnyDevice<'a> {
    learner: Learner,
    script: &'a [u8],
    time: u64,
}

impl<'a> AnyDevice<'a> {
    fn new(script: &'a [u8]) -> Self {
        let learner = Learner::new(4, HeadConfig::default(), 1 << 16);
        Self { learner: learner.expect("the usual head takes features of 4"), script, time: 0 }
    }

    /// A command that is refused changes nothing.
    fn command(&mut self, command: Command) -> Result<Answer, Refused> {
        self.time += 1;
        let before = pulled(&self.learner);
        let outcome = command.apply(&mut self.learner, Timestamp(self.time));
        if outcome.is_err() {
            assert_eq!(pulled(&self.learner), before, "a refused command changed something");
        }
        outcome.map(|(reply, _)| Answer::Reply(reply)).map_err(|error| Refused(error.to_string()))
    }

    /// An image's bytes are the feature itself here, and where it came from.
    fn teach(&mut self, class: String, image: &[u8]) -> Result<Answer, Refused> {
        let feature = image.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).take(4);
        let origin = String::from_utf8_lossy(image).into_owned();
        let example = NewExample::new(feature.collect(), &origin);
        self.command(Command::Teach(TeachExamples { class, examples: vec![example] }))
    }

    fn scripted(&mut self) -> Result<Answer, Refused> {
        let mut input = Input::new(self.script);
        let answer = wire::decode_answer(input.piece());
        self.script = input.rest();
        answer.unwrap_or_else(|error| Err(Refused(error.to_string())))
    }
}

fn model() -> ModelId {
    ModelId { name: "fuzz".to_owned(), fingerprint: [7; 32], dim: 4 }
}

fn pulled(learner: &Learner) -> Vec<u8> {
    Snapshot::of(learner, model()).encode()
}

impl RequestHandler for AnyDevice<'_> {
    fn handle(
        &mut self,
        request: Request,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Answer, Refused> {
        let request = match request.into_command() {
            Ok(command) => return self.command(command),
            Err(request) => request,
        };
        match request {
            Request::TeachImage(request::TeachImage { class, image }) => self.teach(class, &image),
            Request::Pull(request::Pull) => Ok(Answer::Learned(pulled(&self.learner))),
            Request::Push(request::Push { learned, merge: true }) => {
                let refused = |error: &dyn std::fmt::Display| Refused(error.to_string());
                let snapshot = Snapshot::decode(&learned).map_err(|error| refused(&error))?;
                let (classes, pack) = snapshot.by_name().map_err(|error| refused(&error))?;
                self.command(Command::Merge(Merge {
                    classes,
                    packs: vec![pack],
                    images: snapshot.images().clone(),
                }))
            }
            Request::Push(request::Push { learned, merge: false }) => {
                let refused = |error: &dyn std::fmt::Display| Refused(error.to_string());
                let snapshot = Snapshot::decode(&learned).map_err(|error| refused(&error))?;
                self.learner = snapshot.into_learner(1 << 16).map_err(|error| refused(&error))?;
                Ok(Answer::Done)
            }
            Request::Teach(request::Teach { count, .. }) => {
                progress(Progress { done: 1, total: count, waiting: false });
                self.scripted()
            }
            _ => self.scripted(),
        }
    }
}
