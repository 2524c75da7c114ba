//! Messages of many parts: sent and asked for a window at a time, so that a lost frame costs one part.

use super::frame::{CHUNK, Kind, WireFrame};
use super::{MAX_MESSAGE, WireError, from_bytes, to_bytes};

/// Parts under way at once.
pub const WINDOW: usize = 32;

/// A message that is being sent.
#[derive(Debug, Clone)]
pub struct Outgoing {
    kind: Kind,
    id: u32,
    message: Vec<u8>,
}

impl Outgoing {
    /// # Errors
    /// [`WireError::Message`] if it is longer than [`MAX_MESSAGE`].
    pub fn new(kind: Kind, id: u32, message: Vec<u8>) -> Result<Self, WireError> {
        match message.len() {
            bytes if bytes > MAX_MESSAGE => Err(WireError::Message { bytes, most: MAX_MESSAGE }),
            _ => Ok(Self { kind, id, message }),
        }
    }

    /// The request that it belongs to.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// How many parts it has, at least 1.
    pub fn parts(&self) -> u16 {
        let parts = self.message.len().div_ceil(CHUNK).max(1);
        u16::try_from(parts).expect("checked when it was made")
    }

    /// The parts that are sent unasked, as bytes for the line.
    pub fn first(&self) -> Vec<Vec<u8>> {
        (0..self.parts()).take(WINDOW).filter_map(|part| self.part(part)).collect()
    }

    /// One part, as bytes for the line; `None` where there is no such part.
    pub fn part(&self, part: u16) -> Option<Vec<u8>> {
        let parts = self.parts();
        (part < parts).then(|| {
            let start = usize::from(part) * CHUNK;
            let end = self.message.len().min(start + CHUNK);
            let body = self.message[start..end].to_vec();
            WireFrame { kind: self.kind, id: self.id, part, parts, body }.encode()
        })
    }
}

/// A message that is being received. It holds what has come and no more than a window beyond.
#[derive(Debug)]
pub struct Incoming {
    kind: Kind,
    id: u32,
    parts: u16,
    message: Vec<u8>,
    have: Vec<bool>,
    /// The first part that has not come.
    lacking: u16,
    /// The last part that was asked for.
    asked: u16,
}

/// What a part led to.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// More are under way.
    Waiting,
    /// These have to be asked for.
    Ask(Vec<u16>),
    /// All have come.
    Whole,
    /// It does not belong here.
    Alien,
}

impl Incoming {
    /// Of the message that this frame is a part of; the frame itself is not taken yet.
    pub fn new(frame: &WireFrame) -> Self {
        let (kind, id, parts) = (frame.kind, frame.id, frame.parts);
        let asked = parts.min(WINDOW as u16) - 1;
        Self { kind, id, parts, message: Vec::new(), have: Vec::new(), lacking: 0, asked }
    }

    /// The request that it belongs to.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Parts that have come without a gap, and parts in all.
    pub fn progress(&self) -> (u16, u16) {
        (self.lacking, self.parts)
    }

    /// Takes a part.
    pub fn take(&mut self, frame: &WireFrame) -> Taken {
        let last = frame.part + 1 == self.parts;
        let place = usize::from(frame.part);
        if (frame.kind, frame.id, frame.parts) != (self.kind, self.id, self.parts)
            || place >= usize::from(self.lacking) + WINDOW
            || !last && frame.body.len() != CHUNK
        {
            return Taken::Alien;
        }
        if self.have.len() <= place {
            self.have.resize(place + 1, false);
            self.message.resize(place * CHUNK + frame.body.len(), 0);
        }
        let again = std::mem::replace(&mut self.have[place], true);
        if !again {
            let start = place * CHUNK;
            self.message[start..start + frame.body.len()].copy_from_slice(&frame.body);
        }
        while self.have.get(usize::from(self.lacking)) == Some(&true) {
            self.lacking += 1;
        }
        if self.lacking == self.parts {
            Taken::Whole
        } else if again || frame.part == self.asked {
            Taken::Ask(self.ask())
        } else {
            Taken::Waiting
        }
    }

    /// The parts to ask for now: those that lack, a window of them.
    pub fn ask(&mut self) -> Vec<u16> {
        let window = (self.lacking..self.parts).take(WINDOW);
        let lacking: Vec<u16> =
            window.filter(|&part| self.have.get(usize::from(part)) != Some(&true)).collect();
        self.asked = lacking.last().copied().unwrap_or(self.asked);
        lacking
    }

    /// The message, once it is whole.
    pub fn into_message(self) -> Vec<u8> {
        self.message
    }
}

/// Asks for parts of the message with that id, as bytes for the line.
pub fn encode_more(id: u32, parts: &[u16]) -> Vec<u8> {
    let body = to_bytes(&parts.iter().take(WINDOW).collect::<Vec<_>>());
    WireFrame { kind: Kind::More, id, part: 0, parts: 1, body }.encode()
}

/// The parts that a frame of kind [`Kind::More`] asks for.
///
/// # Errors
/// [`WireError::Content`].
pub fn decode_more(body: &[u8]) -> Result<Vec<u16>, WireError> {
    let parts: Vec<u16> = from_bytes(body)?;
    match parts.len() {
        0..=WINDOW => Ok(parts),
        got => Err(WireError::Content(format!("{got} parts asked for, at most {WINDOW}"))),
    }
}
