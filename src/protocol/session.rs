//! One port's dialogue with the device: the text and the frames that come in, what goes out for each.

use crate::image::frame::Timestamp;
use crate::learn::command::Reply;
use crate::protocol::console::{Console, Event};
use crate::protocol::request::{
    Answer, Classification, Progress, Refused, Request, RequestHandler, Watch,
};
use crate::protocol::wire::{
    self, Decoder, Incoming, Kind, Outgoing, Piece, Taken, WireError, WireFrame,
};

/// Where a session's bytes go. It never waits: what finds no room is lost.
pub trait Sink {
    /// Bytes that answer a request.
    fn send(&mut self, bytes: Vec<u8>);

    /// Bytes that may be left out, whole, where the line is busy.
    fn offer(&mut self, bytes: Vec<u8>);

    /// Whether the client has gone.
    fn is_gone(&self) -> bool {
        false
    }

    /// Ends the dialogue once all is sent; `false` where that cannot be, as on a serial line.
    fn leave(&mut self) -> bool {
        false
    }
}

/// A client that watches by frames asks again within that time, or is taken for gone.
const WATCH_MICROS: u64 = 30_000_000;

/// Verdicts are sent as frames.
#[derive(Debug)]
struct Watching {
    id: u32,
    /// Capture of the first verdict since it was asked for.
    since: Option<Timestamp>,
}

/// What one port knows of who is at the other end of it.
#[derive(Debug)]
pub struct Session {
    console: Console,
    decoder: Decoder,
    incoming: Option<Incoming>,
    /// The answer to the latest request in frames, in case that part of it is lost.
    answered: Option<Outgoing>,
    watching_text: bool,
    watching_frames: Option<Watching>,
    broken: u64,
}

impl Session {
    /// * `echo`: the console begins with prompt and echo, for a person.
    pub fn new(echo: bool) -> Self {
        Self {
            console: Console::new(echo),
            decoder: Decoder::default(),
            incoming: None,
            answered: None,
            watching_text: false,
            watching_frames: None,
            broken: 0,
        }
    }

    /// Frames that came damaged so far.
    pub fn broken_frames(&self) -> u64 {
        self.broken
    }

    /// A client has come, perhaps another one: it does not watch, nothing has been typed.
    pub fn opened(&mut self, sink: &mut dyn Sink) {
        self.console.reset();
        self.decoder.idle();
        self.incoming = None;
        self.answered = None;
        self.watching_text = false;
        self.watching_frames = None;
        let mut out = Vec::new();
        self.console.greet(&mut out);
        if !out.is_empty() {
            sink.send(out);
        }
    }

    /// Nothing came for a second.
    pub fn idle(&mut self) {
        self.decoder.idle();
        self.console.idle();
    }

    /// The time is `now`: to be called before bytes are handed in, and now and then.
    pub fn tick(&mut self, now: Timestamp) {
        self.console.tick(now);
    }

    /// Takes what came and carries it out.
    pub fn feed(&mut self, bytes: &[u8], device: &mut dyn RequestHandler, sink: &mut dyn Sink) {
        for piece in self.decoder.feed(bytes) {
            match piece {
                Piece::Text(text) => self.text(&text, device, sink),
                Piece::Frame(frame) => self.frame(&frame, device, sink),
                Piece::Broken(error) => {
                    self.broken += 1;
                    // From another version, which would wait for ever. Answers are not answered.
                    if let WireError::Version { id, is_request: true, .. } = error {
                        let refused = Err(Refused(error.to_string()));
                        send_answer(id, &refused, sink);
                    }
                }
            }
        }
    }

    /// Sends a verdict to a client that watches.
    pub fn verdict(&mut self, classification: &Classification, sink: &mut dyn Sink) {
        if self.watching_text {
            let mut out = Vec::new();
            self.console.verdict(classification, &mut out);
            sink.offer(out);
        }
        if let Some(watch) = &mut self.watching_frames {
            let since = *watch.since.get_or_insert(classification.captured);
            if classification.captured.micros_since(since) > WATCH_MICROS {
                self.watching_frames = None;
                return;
            }
            let id = watch.id;
            let body = wire::encode_verdict(classification);
            sink.offer(WireFrame { kind: Kind::Verdict, id, part: 0, parts: 1, body }.encode());
        }
    }

    fn text(&mut self, mut bytes: &[u8], device: &mut dyn RequestHandler, sink: &mut dyn Sink) {
        let mut out = Vec::new();
        while let Some(event) = self.console.feed(&mut bytes, &mut out) {
            match event {
                Event::Request(Request::Watch(Watch(on))) => {
                    self.watching_text = on;
                    self.console.answer(&Ok(Answer::Done), &mut out);
                }
                // Requests of a client that has gone are dropped.
                Event::Request(_) if sink.is_gone() => return,
                Event::Request(request) => {
                    let console = &mut self.console;
                    // What was echoed so far is seen before the device is busy.
                    sink.send(std::mem::take(&mut out));
                    let result = device.handle(request, &mut |progress| {
                        let mut line = Vec::new();
                        console.progress(progress, &mut line);
                        sink.send(line);
                        !sink.is_gone()
                    });
                    self.console.answer(&result, &mut out);
                }
                Event::Leave => {
                    sink.send(std::mem::take(&mut out));
                    if sink.leave() {
                        return;
                    }
                    self.console.stay(&mut out);
                }
                Event::Names(request) => {
                    let names =
                        device.handle(request, &mut |_| true).map(names).unwrap_or_default();
                    self.console.complete(&names, &mut out);
                }
            }
        }
        if !out.is_empty() {
            sink.send(out);
        }
    }

    fn frame(&mut self, frame: &WireFrame, device: &mut dyn RequestHandler, sink: &mut dyn Sink) {
        match frame.kind {
            Kind::More => {
                let wanted = wire::decode_more(&frame.body).unwrap_or_default();
                if let Some(answer) = self.answered.as_ref().filter(|a| a.id() == frame.id) {
                    wanted.iter().filter_map(|&part| answer.part(part)).for_each(|b| sink.send(b));
                }
            }
            Kind::Request => self.part_of_request(frame, device, sink),
            // Those are for the other side.
            Kind::Answer | Kind::Progress | Kind::Verdict => {}
        }
    }

    fn part_of_request(
        &mut self,
        frame: &WireFrame,
        device: &mut dyn RequestHandler,
        sink: &mut dyn Sink,
    ) {
        if let Some(answer) = self.answered.as_ref().filter(|answer| answer.id() == frame.id) {
            answer.part(0).into_iter().for_each(|bytes| sink.send(bytes));
            if let Some(watch) = self.watching_frames.as_mut().filter(|w| w.id == frame.id) {
                watch.since = None;
            }
            return;
        }
        // The last part may be short, so this is what it has at least.
        let bytes = usize::from(frame.parts - 1) * wire::CHUNK;
        if let Err(refused) = device.admits(bytes) {
            self.incoming = None;
            self.answered = send_answer(frame.id, &Err(refused), sink);
            return;
        }
        let incoming = match self.incoming.take() {
            Some(incoming) if incoming.id() == frame.id => self.incoming.insert(incoming),
            _ => self.incoming.insert(Incoming::new(frame)),
        };
        match incoming.take(frame) {
            Taken::Waiting | Taken::Alien => {}
            Taken::Ask(parts) => sink.send(wire::encode_more(frame.id, &parts)),
            Taken::Whole => {
                let message = self.incoming.take().map(Incoming::into_message).unwrap_or_default();
                let result = self.request(frame.id, &message, device, sink);
                self.answered = send_answer(frame.id, &result, sink);
            }
        }
    }

    fn request(
        &mut self,
        id: u32,
        message: &[u8],
        device: &mut dyn RequestHandler,
        sink: &mut dyn Sink,
    ) -> Result<Answer, Refused> {
        match wire::decode_request(message).map_err(|error| Refused(error.to_string()))? {
            Request::Watch(Watch(on)) => {
                self.watching_frames = on.then_some(Watching { id, since: None });
                Ok(Answer::Done)
            }
            request => device.handle(request, &mut |progress: Progress| {
                let body = wire::encode_progress(progress);
                sink.send(WireFrame { kind: Kind::Progress, id, part: 0, parts: 1, body }.encode());
                !sink.is_gone()
            }),
        }
    }
}

fn send_answer(id: u32, result: &Result<Answer, Refused>, sink: &mut dyn Sink) -> Option<Outgoing> {
    let answer = |message| Outgoing::new(Kind::Answer, id, message);
    let refuse = |error: WireError| wire::encode_answer(&Err(Refused(error.to_string())));
    let outgoing =
        answer(wire::encode_answer(result)).or_else(|error| answer(refuse(error))).ok()?;
    outgoing.first().into_iter().for_each(|bytes| sink.send(bytes));
    Some(outgoing)
}

/// The names in an answer, to complete one.
fn names(answer: Answer) -> Vec<String> {
    match answer {
        Answer::Reply(Reply::Classes(classes)) => classes.into_iter().map(|c| c.name).collect(),
        Answer::Regions(regions) => {
            let names = regions.into_iter().filter_map(|(name, _)| name);
            names.map(|name| format!("@{name}")).collect()
        }
        Answer::Outputs(outputs) => outputs.into_iter().map(|(name, _)| name).collect(),
        _ => Vec::new(),
    }
}
