//! Frames and messages: a stream is the same however it is cut, and what is decoded is encoded to the same again.

use fieldtune::protocol::wire::{
    self, Decoder, Incoming, Kind, Outgoing, Piece, Taken, WireError, WireFrame,
};

use super::Input;

/// * `data`: a byte that says how the stream is cut, and the stream; the stream is taken for a message, too.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let (seed, stream) = (input.byte(), input.rest());
    let at_once = joined(Decoder::default().feed(stream));
    let mut decoder = Decoder::default();
    let (mut pieces, mut at, mut chance) = (Vec::new(), 0, u32::from(seed));
    while at < stream.len() {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let end = stream.len().min(at + 1 + (chance >> 28) as usize);
        pieces.extend(decoder.feed(&stream[at..end]));
        at = end;
    }
    assert_eq!(joined(pieces), at_once, "cut by {seed}");
    for piece in at_once {
        if let Piece::Frame(frame) = piece {
            message(&frame.body);
            let again = Decoder::default().feed(&frame.encode());
            assert_eq!(again, [Piece::Frame(frame)]);
        }
    }
    message(stream);
    transfer(stream, seed);
}

/// Pieces with text put together, as cuts must not change it.
pub fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (out.last_mut(), piece) {
            (Some(Piece::Text(before)), Piece::Text(text)) => before.extend(text),
            (_, piece) => out.push(piece),
        }
    }
    out
}

/// Bytes as a message of every kind.
pub fn message(bytes: &[u8]) {
    stable(bytes, wire::decode_request, |request| {
        wire::encode_request(request).expect("nothing that is decoded holds a feature")
    });
    stable(bytes, wire::decode_answer, wire::encode_answer);
    stable(bytes, wire::decode_verdict, wire::encode_verdict);
    stable(bytes, wire::decode_progress, |progress| wire::encode_progress(*progress));
    if let Ok(parts) = wire::decode_more(bytes) {
        match &Decoder::default().feed(&wire::encode_more(7, &parts))[..] {
            [Piece::Frame(WireFrame { kind: Kind::More, id: 7, body, .. })] => {
                assert_eq!(wire::decode_more(body), Ok(parts));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// What is decoded is encoded to bytes that mean the same. (NaN is not itself, so bytes are compared.)
fn stable<T>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, WireError>,
    encode: impl Fn(&T) -> Vec<u8>,
) {
    match decode(bytes) {
        Ok(message) => {
            let first = encode(&message);
            let again = decode(&first).expect("what was just encoded can be decoded");
            assert_eq!(encode(&again), first);
        }
        Err(error) => super::assert_harmless(&error.to_string()),
    }
}

/// A message arrives whole though every third frame is lost.
fn transfer(bytes: &[u8], seed: u8) {
    let outgoing = Outgoing::new(Kind::Request, 1, bytes.to_vec()).expect("it is short");
    let mut line: Vec<Vec<u8>> = outgoing.first();
    let mut incoming: Option<Incoming> = None;
    for turn in u32::from(seed)..u32::from(seed) + 10_000 {
        // When nothing is under way, the last part that was asked for is sent again.
        let sent = match line.pop() {
            Some(sent) => sent,
            None => outgoing.part(outgoing.parts() - 1).expect("it has a last part"),
        };
        if turn % 3 == 0 {
            continue;
        }
        let pieces = Decoder::default().feed(&sent);
        let [Piece::Frame(frame)] = &pieces[..] else { panic!("{pieces:?}") };
        let taken = incoming.get_or_insert_with(|| Incoming::new(frame)).take(frame);
        match taken {
            Taken::Ask(parts) => {
                line = parts.iter().filter_map(|&part| outgoing.part(part)).collect();
            }
            Taken::Whole => {
                let message = incoming.take().map(Incoming::into_message);
                assert_eq!(message.as_deref(), Some(bytes));
                return;
            }
            Taken::Waiting | Taken::Alien => {}
        }
    }
    panic!("a message of {} bytes never arrived", bytes.len());
}
