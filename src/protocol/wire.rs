//! Binary frames, for programs, on the same port as the console's text.
//!
//! # A frame
//! A request is a byte with its number, as the list in `request.rs` has it, and
//! [postcard](https://postcard.jamesmunns.com) of its fields. An answer is postcard of a `Result<Answer, Refused>` and
//! of a note, an `Option` of text; progress and verdicts are postcard of `Progress` and `Classification`, all in
//! `request/answer.rs`. A message is cut into parts of 2048 bytes, each in a frame of its own (the last part may be
//! shorter, also empty):
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | version, 2 |
//! | 1 | 0 |
//! | 1 | kind: 1 request, 2 answer, 3 progress, 4 verdict, 5 more |
//! | 4 | id, little-endian: the request's, chosen by who asks; an answer and its progress carry it too |
//! | 2 | part, from 0, little-endian |
//! | 2 | parts of the message, at least 1, little-endian |
//! | 2 | n, little-endian, at most 2048 |
//! | n | the part |
//! | 4 | CRC-32 (IEEE) of everything before, little-endian |
//!
//! These bytes go through COBS, which leaves no 0 in them, and a 0 is sent before and behind. Since the second byte is
//! 0, a frame always begins with `00 02` on the line: what follows a 0 and does not begin with 2 is text. Version, kind
//! and id keep their places in every version.
//!
//! The request `Undo` (number 5, no fields) with id 7:
//! ```text
//! frame    02 00 01 07 00 00 00 00 00 01 00 01 00 05 8e 53 83 ce
//! on line  00 02 02 03 01 07 01 01 01 01 02 01 02 01 06 05 8e 53 83 ce 00
//! ```
//!
//! # A dialogue
//! 1. Who asks sends the first 32 parts of a request under a new id. A request of one part, as most are, is one frame.
//! 2. Who receives sends `more` with that id and the numbers of the parts it lacks (postcard of a list of `u16`, at
//! most 32, all below the first it lacks plus 32), as soon as it has seen the last one it asked for, and again for
//! every part that it has already. So a lost frame costs one part, and no more than 64 KiB are ever under way.
//! 3. The device may send progress, and sends one answer, its first 32 parts; the same rule holds the other way round.
//! 4. Who asks and hears nothing for a while sends `more` for the answer if a part of it has come, or else the last
//! part of its request that was asked for. The device does no request twice: to the id it answered last it sends
//!    part 0 of the answer again.
//! 5. After the request `Watch(true)` verdicts come by themselves, under that request's id, while there is room on the
//!    line; for 30 seconds, unless the request is sent again under the same id.
//!
//! # A stream with both
//! Text and frames may follow each other in any order. A broken frame is dropped with all that follows it up to the
//! next 0, or to a pause of a second: bytes of a picture must not be taken for a typed command.

mod frame;
mod messages;
mod transfer;

pub use frame::{CHUNK, Decoder, Kind, Piece, VERSION, WireFrame};
pub use messages::{
    decode_answer, decode_progress, decode_request, decode_verdict, encode_answer, encode_progress,
    encode_request, encode_verdict,
};
pub use transfer::{Incoming, Outgoing, Taken, WINDOW, decode_more, encode_more};

/// Why bytes are no frame, or a frame no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// Not COBS.
    #[error("a frame is damaged: its COBS codes lead outside")]
    Cobs,
    /// Cut off.
    #[error("a frame is cut off: got {bytes} bytes, less than a header and a checksum")]
    Short {
        /// Its bytes.
        bytes: usize,
    },
    /// Changed on the way.
    #[error("a frame is damaged: its checksum does not fit")]
    Checksum,
    /// Of another program.
    #[error(
        "the other side speaks version {got} of the protocol, this one {VERSION}: use the same fieldtune on both"
    )]
    Version {
        /// Its version.
        got: u8,
        /// The request that it belongs to.
        id: u32,
        /// Whether it asks for something.
        is_request: bool,
    },
    /// None of the kinds.
    #[error("a frame of an unknown kind: got {got}, wanted 1 to 5")]
    Kind {
        /// Its kind.
        got: u8,
    },
    /// Right on the way and wrong from the start.
    #[error("a frame's header contradicts itself: its part or its length")]
    Header,
    /// Too many bytes without an end.
    #[error("a frame does not end: it is longer than any")]
    TooLong,
    /// A message of more parts than there are numbers for.
    #[error("a message of {bytes} bytes is too long, at most {most} can be sent")]
    Message {
        /// Its length.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// Whole, and not what was expected.
    #[error("a message cannot be read: {0}")]
    Content(String),
    /// What has no form on the wire.
    #[error("what is asked of a region names no other region")]
    NotSent,
}

/// Bytes of a message at most.
pub const MAX_MESSAGE: usize = CHUNK * u16::MAX as usize;

fn to_bytes<T: serde::Serialize>(message: &T) -> Vec<u8> {
    postcard::to_allocvec(message).expect("postcard writes every value of known length to a vector")
}

fn from_bytes<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    match first_of(bytes)? {
        (message, []) => Ok(message),
        (_, rest) => Err(WireError::Content(format!("{} bytes too many", rest.len()))),
    }
}

/// What a message begins with, and the rest of it.
fn first_of<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), WireError> {
    postcard::take_from_bytes(bytes).map_err(|error| WireError::Content(error.to_string()))
}
