//! The asking end of the protocol: a request out, its answer back, whatever the line loses on the way.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, anyhow, bail};

use crate::board::address::Address;
use crate::cli::{Exit, Failed};
use crate::device::port::{CLIENTS, Port, Post};
use crate::protocol::request::{Answer, Classification, Progress, Refused, Request, Watch};
use crate::protocol::session::Sink;
use crate::protocol::wire::{
    self, Decoder, Incoming, Kind, Outgoing, Piece, Taken, WireError, WireFrame,
};

/// How long to listen before asking again.
const ASK_AGAIN: Duration = Duration::from_secs(2);
const TURN: Duration = Duration::from_millis(50);

/// What happens before an answer is there.
#[derive(Debug)]
pub(super) enum Stage {
    /// Parts of the request that have arrived, and all.
    Sent(u16, u16),
    /// The device is at it.
    Working(Progress),
    /// Parts of the answer that have come, and all.
    Received(u16, u16),
}

/// A port with a device behind it, it is hoped.
#[derive(Debug)]
pub(super) struct Link {
    port: Port,
    address: Address,
    timeout: Duration,
    decoder: Decoder,
    next_id: u32,
    heard: Heard,
}

/// What came that was no frame, to find what is wrong.
#[derive(Debug, Default)]
struct Heard {
    readable: usize,
    unreadable: usize,
    broken: usize,
    frames: usize,
    /// What was sent came back.
    own: usize,
}

impl Link {
    /// * `timeout`: how long the device may say nothing.
    pub(super) fn open(address: Address, timeout: Duration) -> anyhow::Result<Self> {
        let port = Port::connect(&address).context(Failed(Exit::Device))?;
        // Another than those of runs before: the device answers a number once.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let next_id = since.as_micros() as u32 ^ std::process::id().rotate_left(16);
        let (decoder, heard) = (Decoder::default(), Heard::default());
        Ok(Self { port, address, timeout, decoder, next_id, heard })
    }

    /// Asks, and waits for the answer.
    pub(super) fn request(
        &mut self,
        request: &Request,
        stage: &mut dyn FnMut(Stage),
    ) -> anyhow::Result<Answer> {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        let outgoing = Outgoing::new(Kind::Request, id, wire::encode_request(request)?)?;
        outgoing.first().into_iter().for_each(|bytes| self.send(bytes));
        let mut sent = outgoing.parts().min(wire::WINDOW as u16) - 1;
        let mut incoming: Option<Incoming> = None;
        let (mut heard, mut asked) = (Instant::now(), Instant::now());
        let mut waiting = 0;
        loop {
            for frame in self.frames(id)? {
                // A line that echoes does not answer.
                if frame.kind == Kind::Request {
                    continue;
                }
                (heard, asked) = (Instant::now(), Instant::now());
                match frame.kind {
                    // Once the answer comes, it is we who ask for parts, and may hear that, too.
                    Kind::More if incoming.is_some() => {}
                    Kind::More => {
                        let wanted = wire::decode_more(&frame.body)?;
                        if let Some((&first, &last)) = wanted.first().zip(wanted.last()) {
                            stage(Stage::Sent(first, outgoing.parts()));
                            sent = last;
                        }
                        let parts = wanted.iter().filter_map(|&part| outgoing.part(part));
                        parts.for_each(|bytes| self.send(bytes));
                    }
                    Kind::Progress => stage(Stage::Working(wire::decode_progress(&frame.body)?)),
                    Kind::Answer => {
                        let answer = incoming.get_or_insert_with(|| Incoming::new(&frame));
                        let taken = answer.take(&frame);
                        let (have, parts) = answer.progress();
                        stage(Stage::Received(have, parts));
                        match taken {
                            Taken::Waiting | Taken::Alien => {}
                            Taken::Ask(parts) => self.send(wire::encode_more(id, &parts)),
                            Taken::Whole => {
                                let message = incoming.take().map(Incoming::into_message);
                                let answer = wire::decode_answer(&message.unwrap_or_default())?;
                                return answer.map_err(refused);
                            }
                        }
                    }
                    Kind::Verdict | Kind::Request => {}
                }
            }
            let waiting_before = std::mem::replace(&mut waiting, self.port.waiting());
            if waiting > 0 && waiting < waiting_before {
                // Our own words are still on their way, and get on.
                (heard, asked) = (Instant::now(), Instant::now());
            }
            if heard.elapsed() > self.timeout {
                return Err(anyhow!(self.heard.silence(&self.address, self.timeout)))
                    .context(Failed(Exit::Device));
            }
            if asked.elapsed() > ASK_AGAIN {
                asked = Instant::now();
                match &mut incoming {
                    Some(answer) => {
                        let parts = answer.ask();
                        self.send(wire::encode_more(id, &parts));
                    }
                    None => outgoing.part(sent).into_iter().for_each(|bytes| self.send(bytes)),
                }
            }
        }
    }

    /// Asks for verdicts and hands them on, for ever; asks again and again, should the device start afresh meanwhile.
    pub(super) fn watch(&mut self, verdict: &mut dyn FnMut(&Classification)) -> anyhow::Result<()> {
        self.request(&Watch(true).into(), &mut |_| {})?;
        let id = self.next_id.wrapping_sub(1);
        let message = wire::encode_request(&Watch(true).into())?;
        let again = Outgoing::new(Kind::Request, id, message)?;
        let mut asked = Instant::now();
        loop {
            for frame in self.frames(id)? {
                if frame.kind == Kind::Verdict {
                    verdict(&wire::decode_verdict(&frame.body)?);
                }
            }
            if asked.elapsed() > ASK_AGAIN {
                asked = Instant::now();
                again.first().into_iter().for_each(|bytes| self.send(bytes));
            }
        }
    }

    fn send(&self, bytes: Vec<u8>) {
        (&self.port).send(bytes);
    }

    /// The frames of that request that have come, after a moment at most.
    fn frames(&mut self, id: u32) -> anyhow::Result<Vec<WireFrame>> {
        let bytes = match self.port.receive(TURN) {
            Post::Bytes(bytes) => bytes,
            Post::Closed => {
                return Err(anyhow!("{}: closed by the device", self.address))
                    .context(Failed(Exit::Device));
            }
            Post::Opened | Post::Left | Post::Nothing | Post::Verdict(_) => return Ok(Vec::new()),
        };
        let mut frames = Vec::new();
        for piece in self.decoder.feed(&bytes) {
            match piece {
                Piece::Frame(frame) => {
                    match frame.kind {
                        Kind::Request => self.heard.own += 1,
                        _ => self.heard.frames += 1,
                    }
                    frames.extend((frame.id == id).then_some(frame));
                }
                Piece::Broken(error @ WireError::Version { .. }) => bail!(error),
                Piece::Broken(_) => self.heard.broken += 1,
                Piece::Text(text) => {
                    let printed = |byte: &&u8| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | 0x1b);
                    let readable = text.iter().filter(printed).count();
                    self.heard.readable += readable;
                    self.heard.unreadable += text.len() - readable;
                }
            }
        }
        Ok(frames)
    }
}

/// Failures of a device are distinguished from refusals.
fn refused(Refused(why): Refused) -> anyhow::Error {
    let failed = ["change rolled back: cannot write the store", "no frame for ", "no frame, "];
    match failed.iter().any(|start| why.starts_with(start)) {
        true => anyhow!(why).context(Failed(Exit::Device)),
        false => anyhow!(why),
    }
}

impl Heard {
    /// What is probably wrong where no answer came.
    fn silence(&self, address: &Address, timeout: Duration) -> String {
        let seconds = timeout.as_secs_f32();
        let baud = match address {
            Address::Serial { baud, .. } => {
                format!("; is {baud} baud what the device's board file says ({address} sets it)?")
            }
            _ => String::new(),
        };
        if self.frames > 0 {
            return format!(
                "{address}: the device answered, then was silent for {seconds} s\n  next: try again, or give it longer with --timeout"
            );
        }
        if self.own > 0 {
            return format!(
                "{address}: received only an echo of the request, no answer for {seconds} s\n  next: remove the loop-back plug; with a half-duplex adapter, check that the device is on and wired{baud}"
            );
        }
        if self.broken > 0 || self.unreadable > self.readable {
            return format!(
                "{address}: received damaged data: noise, or another baud rate\n  next: check cable and ground{baud}"
            );
        }
        if self.readable > 0 {
            return format!(
                "{address}: another program writes text on this port\n  next: stop it (a login console?): fieldtune needs the port for itself{baud}"
            );
        }
        if matches!(address, Address::Unix(_)) {
            return format!(
                "{address}: no answer for {seconds} s\n  next: wait, if others are at that socket, which serves {CLIENTS} at a time; or give it longer with --timeout"
            );
        }
        format!(
            "{address}: no answer for {seconds} s\n  next: is the device on and fieldtune running, is TX wired to RX{baud}"
        )
    }
}
