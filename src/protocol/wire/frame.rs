//! A frame's bytes, and a stream taken apart into frames and text.

use super::WireError;
use crate::util::checksum::crc32;

/// The version of frames and messages that this program speaks.
pub const VERSION: u8 = 2;

/// Bytes of a message that one frame carries: lost, it costs a fifth of a second at 115200 baud.
pub const CHUNK: usize = 2048;

const HEADER_BYTES: usize = 13;
const CRC_BYTES: usize = 4;
const LONGEST: usize = HEADER_BYTES + CHUNK + CRC_BYTES;
/// COBS adds a byte, and one more for every 254.
const LONGEST_ENCODED: usize = LONGEST + LONGEST / 254 + 1;

/// Ends a frame, and is nowhere inside.
const DELIMITER: u8 = 0;
/// A frame's second decoded byte is 0, so its first encoded one is 2, which no terminal sends.
const START: u8 = 2;

/// What a frame is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To the device: do that.
    Request = 1,
    /// From the device: done, or refused.
    Answer = 2,
    /// From the device: still at it.
    Progress = 3,
    /// From the device: a verdict, for a client that watches.
    Verdict = 4,
    /// To either side: send these parts of a message.
    More = 5,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Request, Kind::Answer, Kind::Progress, Kind::Verdict, Kind::More];
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireFrame {
    /// Of what.
    pub kind: Kind,
    /// The request that it belongs to.
    pub id: u32,
    /// Which part, below `parts`.
    pub part: u16,
    /// Parts of the message, at least 1.
    pub parts: u16,
    /// The part, at most [`CHUNK`] bytes.
    pub body: Vec<u8>,
}

impl WireFrame {
    /// As it goes over the line, its delimiters included.
    pub fn encode(&self) -> Vec<u8> {
        debug_assert!(self.body.len() <= CHUNK && self.part < self.parts);
        let length = self.body.len() as u16;
        let mut bytes = vec![VERSION, 0, self.kind as u8];
        bytes.extend(self.id.to_le_bytes());
        for number in [self.part, self.parts, length] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(&self.body);
        bytes.extend(crc32(&bytes).to_le_bytes());
        let mut line = vec![DELIMITER];
        line.extend(cobs::encode_vec(&bytes));
        line.push(DELIMITER);
        line
    }

    /// * `bytes`: without COBS and delimiters.
    fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() < HEADER_BYTES + CRC_BYTES {
            return Err(WireError::Short { bytes: bytes.len() });
        }
        let (content, crc) = bytes.split_at(bytes.len() - CRC_BYTES);
        if crc32(content).to_le_bytes() != crc {
            return Err(WireError::Checksum);
        }
        let short = |at: usize| u16::from_le_bytes([content[at], content[at + 1]]);
        let id = u32::from_le_bytes([content[3], content[4], content[5], content[6]]);
        if content[0] != VERSION {
            let is_request = content[2] == Kind::Request as u8;
            return Err(WireError::Version { got: content[0], id, is_request });
        }
        let kind = Kind::ALL.into_iter().find(|&kind| kind as u8 == content[2]);
        let kind = kind.ok_or(WireError::Kind { got: content[2] })?;
        let (part, parts, body) = (short(7), short(9), &content[HEADER_BYTES..]);
        if part >= parts || body.len() != usize::from(short(11)) || body.len() > CHUNK {
            return Err(WireError::Header);
        }
        Ok(Self { kind, id, part, parts, body: body.to_vec() })
    }
}

/// What a stream holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes outside frames.
    Text(Vec<u8>),
    /// A frame, whole and right.
    Frame(WireFrame),
    /// What began like a frame and is none.
    Broken(WireError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Outside frames.
    Text,
    /// Behind a delimiter; what comes now is text, or still the rest of something broken.
    Delimiter { broken: bool },
    /// Inside a frame.
    Frame,
    /// In the rest of something broken: bytes of a torn frame must never be taken for typed input.
    Lost,
}

/// Takes a stream apart, however it was cut into reads. It holds one frame at most.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    frame: Vec<u8>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { state: State::Text, frame: Vec::new() }
    }
}

impl Decoder {
    /// The pieces that these bytes complete. Text is handed on at once.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for &byte in bytes {
            self.state = match (self.state, byte) {
                (State::Frame, DELIMITER) => self.close(&mut pieces),
                (State::Frame, _) if self.frame.len() == LONGEST_ENCODED => {
                    pieces.push(Piece::Broken(WireError::TooLong));
                    State::Lost
                }
                (State::Frame, _) => {
                    self.frame.push(byte);
                    State::Frame
                }
                (State::Text, DELIMITER) => State::Delimiter { broken: false },
                (State::Lost, DELIMITER) => State::Delimiter { broken: true },
                (state @ State::Delimiter { .. }, DELIMITER) => state,
                (State::Delimiter { .. }, START) => {
                    self.frame = vec![START];
                    State::Frame
                }
                (State::Lost | State::Delimiter { broken: true }, _) => State::Lost,
                (State::Text | State::Delimiter { broken: false }, _) => {
                    match pieces.last_mut() {
                        Some(Piece::Text(text)) => text.push(byte),
                        _ => pieces.push(Piece::Text(vec![byte])),
                    }
                    State::Text
                }
            };
        }
        pieces
    }

    /// Nothing came for a while, a second or so: a frame that was begun will not be ended, and what comes next
    /// begins afresh.
    pub fn idle(&mut self) {
        self.state = State::Text;
    }

    fn close(&mut self, pieces: &mut Vec<Piece>) -> State {
        let decoded = cobs::decode_vec(&self.frame).map_err(|_| WireError::Cobs);
        // A frame of full length ends here though its content is damaged; a shorter one goes on behind this delimiter,
        // which the noise made.
        let whole = decoded.as_ref().is_ok_and(|bytes| {
            bytes.len() >= HEADER_BYTES + CRC_BYTES
                && bytes.len() - HEADER_BYTES - CRC_BYTES
                    >= usize::from(u16::from_le_bytes([bytes[11], bytes[12]]))
        });
        pieces.push(match decoded.and_then(|bytes| WireFrame::decode(&bytes)) {
            Ok(frame) => Piece::Frame(frame),
            Err(error) => Piece::Broken(error),
        });
        State::Delimiter { broken: !whole }
    }
}
