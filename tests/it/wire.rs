//! Frames: what the module says of their bytes, and what a bad line can do to them.

use std::sync::Arc;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use fieldtune::image::frame::Timestamp;
use fieldtune::protocol::access::{Access, Gate, Guard, MAX_PICTURE_BYTES};
use fieldtune::protocol::pin::{Pin, PinHash};
use fieldtune::protocol::request::{
    self, Classification, Progress, Refused, Request, RequestHandler,
};
use fieldtune::protocol::session::Session;
use fieldtune::protocol::wire::{
    self, Decoder, Incoming, Kind, Outgoing, Piece, Taken, WireError, WireFrame,
};

use crate::common;
use crate::common::messages;

use crate::common::device;

use device::{FakeDevice, Kept};

mod golden;

fn frame(id: u32, body: &[u8]) -> WireFrame {
    WireFrame { kind: Kind::Request, id, part: 0, parts: 1, body: body.to_vec() }
}

/// The pieces with text put together, as cuts must not change it.
fn whole(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (out.last_mut(), piece) {
            (Some(Piece::Text(before)), Piece::Text(text)) => before.extend(text),
            (_, piece) => out.push(piece),
        }
    }
    out
}

fn ids(pieces: &[Piece]) -> Vec<u32> {
    let id = |piece: &Piece| match piece {
        Piece::Frame(frame) => Some(frame.id),
        _ => None,
    };
    pieces.iter().filter_map(id).collect()
}

fn text(pieces: &[Piece]) -> String {
    let text = pieces.iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(String::from_utf8_lossy(text)),
        _ => None,
    });
    text.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// COBS by its definition, apart from the crate that the program uses.
fn cobs(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for block in bytes.split(|&byte| byte == 0) {
        assert!(block.len() < 254, "long enough for these tests");
        out.push(block.len() as u8 + 1);
        out.extend(block);
    }
    out
}

/// CRC-32 by its definition, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

#[test]
fn the_documented_example_is_what_the_wire_carries() {
    let message = wire::encode_request(&Request::Undo(request::Undo)).expect("sendable");
    let line = frame(7, &message).encode();
    let mut bytes = vec![2, 0, 1, 7, 0, 0, 0, 0, 0, 1, 0, 1, 0, 5];
    bytes.extend(crc32(&bytes).to_le_bytes());
    let by_hand: Vec<u8> = [&[0][..], &cobs(&bytes), &[0]].concat();
    assert_eq!(hex(&line), hex(&by_hand));
    let documented: Vec<&str> = include_str!("../../src/protocol/wire.rs")
        .lines()
        .filter_map(|line| {
            line.strip_prefix("//! frame    ").or(line.strip_prefix("//! on line  "))
        })
        .collect();
    assert_eq!(documented, [hex(&bytes), hex(&line)]);
}

#[test]
fn a_stream_is_understood_however_it_is_cut() {
    let damaged = {
        let mut line = frame(2, b"damaged").encode();
        let last_of_body = line.len() - 6;
        line[last_of_body] ^= 0x40;
        line
    };
    let stream = [
        b"status\r\n".to_vec(),
        frame(1, b"").encode(),
        b"x".to_vec(),
        damaged,
        b"undo\r".to_vec(),
        frame(3, &[0; 2048]).encode(),
        frame(4, &[255; 2048]).encode(),
        vec![0, 0, 0],
        "é\r".as_bytes().to_vec(),
    ]
    .concat();
    let at_once = whole(Decoder::default().feed(&stream));
    assert_eq!(ids(&at_once), [1, 3, 4]);
    assert_eq!(text(&at_once), "status\r\nxundo\ré\r");
    assert!(at_once.contains(&Piece::Broken(WireError::Checksum)), "{at_once:?}");
    for cut in 0..=stream.len() {
        let mut decoder = Decoder::default();
        let mut pieces = decoder.feed(&stream[..cut]);
        pieces.extend(decoder.feed(&stream[cut..]));
        assert_eq!(whole(pieces), at_once, "cut at {cut}");
    }
    let mut decoder = Decoder::default();
    let bytes = stream.chunks(1).flat_map(|byte| decoder.feed(byte)).collect();
    assert_eq!(whole(bytes), at_once, "byte by byte");
}

#[test]
fn a_damaged_byte_costs_the_frame_it_hits_alone() {
    let frames: Vec<Vec<u8>> = (1..=3).map(|id| frame(id, b"bo\0dy\rundo\r").encode()).collect();
    let stream = frames.concat();
    let length = frames[0].len();
    let mut failures = Vec::new();
    let mut check = |what: String, hit: usize, stream: &[u8]| {
        let got = ids(&Decoder::default().feed(stream));
        let others: Vec<u32> = (1..=3).filter(|&id| id != hit as u32 / length as u32 + 1).collect();
        let all = got == [1, 2, 3];
        if !all && got != others {
            failures.push(format!("{what} at {hit}: {got:?}"));
        }
    };
    for at in 0..stream.len() {
        let mut lost = stream.clone();
        lost.remove(at);
        check("lost".to_owned(), at, &lost);
        for with in [0, 1, 2, 0x0d, 0x55, 0xff] {
            let mut changed = stream.clone();
            changed[at] = with;
            check(format!("changed to {with}"), at, &changed);
            let mut put_in = stream.clone();
            put_in.insert(at, with);
            check(format!("put in {with}"), at, &put_in);
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn the_rest_of_a_torn_frame_is_not_typed_input() {
    let line = frame(1, b"\rforget good\r").encode();
    let inside = line.windows(6).position(|bytes| bytes == b"forget").expect("it is plain there");
    let mut torn = line.clone();
    torn[inside - 2] = 0;
    let mut decoder = Decoder::default();
    let pieces = decoder.feed(&torn);
    assert_eq!((text(&pieces).as_str(), ids(&pieces)), ("", vec![]));
    decoder.idle();
    assert_eq!(text(&decoder.feed(b"status\r")), "status\r", "after a pause");
    let mut half = Decoder::default();
    half.feed(&line[..line.len() / 2]);
    half.idle();
    assert_eq!(text(&half.feed(b"status\r")), "status\r", "behind half a frame and a pause");
    let mut half = Decoder::default();
    let pieces = half.feed(&[&line[..line.len() / 2], &frame(2, b"").encode()[..]].concat());
    assert_eq!(ids(&pieces), [2], "behind half a frame without one");
}

#[test]
fn noise_costs_no_later_frame_and_memory_stays_bounded() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut decoder = Decoder::default();
    for id in 1..=common::cases(2000) as u32 {
        let mut noise = vec![0; random.random_range(0..200)];
        random.fill_bytes(&mut noise);
        // Delimiters and starts of frames more often than chance would have them.
        noise.iter_mut().for_each(|byte| {
            if *byte > 200 {
                *byte %= 3;
            }
        });
        let mut pieces = decoder.feed(&noise);
        pieces.extend(decoder.feed(&frame(id, b"here").encode()));
        assert_eq!(ids(&pieces), [id]);
    }
    let endless = [vec![0, 2], vec![7; 1 << 20]].concat();
    let pieces = decoder.feed(&endless);
    assert_eq!(whole(pieces), [Piece::Broken(WireError::TooLong)]);
    assert_eq!(ids(&decoder.feed(&frame(1, b"").encode())), [1]);
}

#[test]
fn malformed_frames_with_a_right_checksum_are_reported() {
    let line = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = vec![2, 0, 1, 9, 0, 0, 0, 0, 0, 1, 0, 2, 0, 8, 8];
        change(&mut bytes);
        bytes.extend(crc32(&bytes).to_le_bytes());
        [&[0][..], &cobs(&bytes), &[0]].concat()
    };
    type Change<'a> = &'a dyn Fn(&mut Vec<u8>);
    let cases: [(&str, Change, WireError); 6] = [
        ("version", &|b| b[0] = 1, WireError::Version { got: 1, id: 9, is_request: true }),
        ("kind", &|b| b[2] = 6, WireError::Kind { got: 6 }),
        ("part", &|b| b[7] = 1, WireError::Header),
        ("no parts", &|b| b[9] = 0, WireError::Header),
        ("length", &|b| b[11] = 1, WireError::Header),
        ("short", &|b| b.truncate(3), WireError::Short { bytes: 7 }),
    ];
    assert_eq!(ids(&Decoder::default().feed(&line(&|_| {}))), [9]);
    for (name, change, wanted) in cases {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.feed(&line(change)), [Piece::Broken(wanted)], "{name}");
        assert_eq!(ids(&decoder.feed(&line(&|_| {}))), [9], "behind {name}");
    }
}

#[test]
fn each_lost_frame_of_a_long_message_costs_one_part() {
    for (seed, loss, length) in
        [(1, 0.0, 300_000), (2, 0.1, 300_000), (3, 0.5, 150_000), (4, 0.3, 0)]
    {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut message = vec![0; length];
        random.fill_bytes(&mut message);
        let outgoing = Outgoing::new(Kind::Answer, 5, message.clone()).expect("short enough");
        let mut line = outgoing.first();
        let (mut incoming, mut sent, mut lost) = (None, line.len(), 0);
        let mut rounds = 0;
        'all: loop {
            rounds += 1;
            assert!(rounds < 1000, "it does not end: seed {seed}");
            let mut asked = None;
            for bytes in std::mem::take(&mut line) {
                if random.random_bool(loss) {
                    lost += 1;
                    continue;
                }
                let pieces = Decoder::default().feed(&bytes);
                let [Piece::Frame(frame)] = &pieces[..] else { panic!("{pieces:?}") };
                let incoming = incoming.get_or_insert_with(|| Incoming::new(frame));
                match incoming.take(frame) {
                    Taken::Waiting => {}
                    Taken::Ask(parts) => asked = Some(parts),
                    Taken::Whole => break 'all,
                    Taken::Alien => panic!("part {} of {}", frame.part, frame.parts),
                }
            }
            // Nothing more comes: whoever has a clock asks.
            let ask = asked.or_else(|| incoming.as_mut().map(Incoming::ask)).unwrap_or(vec![0]);
            line = ask.iter().filter_map(|&part| outgoing.part(part)).collect();
            sent += line.len();
        }
        let parts = usize::from(outgoing.parts());
        assert_eq!(incoming.map(Incoming::into_message), Some(message), "seed {seed}");
        assert!(sent <= parts + lost, "{sent} sent, {parts} parts, {lost} lost");
    }
}

#[test]
fn parts_that_do_not_belong_are_refused_and_change_nothing() {
    let part = |part, parts, length| WireFrame {
        kind: Kind::Request,
        id: 1,
        part,
        parts,
        body: vec![part as u8; length],
    };
    let mut incoming = Incoming::new(&part(0, 40, wire::CHUNK));
    for (name, frame) in [
        ("short in the middle", part(3, 40, 10)),
        ("far ahead", part(32, 40, wire::CHUNK)),
        ("of another length", part(0, 41, wire::CHUNK)),
        ("of another request", WireFrame { id: 2, ..part(0, 40, wire::CHUNK) }),
        ("of another kind", WireFrame { kind: Kind::Answer, ..part(0, 40, wire::CHUNK) }),
    ] {
        assert_eq!(incoming.take(&frame), Taken::Alien, "{name}");
    }
    let mut short = Incoming::new(&part(0, 2, wire::CHUNK));
    assert_eq!(short.take(&part(1, 2, 5)), Taken::Ask(vec![0]));
    assert_eq!(short.take(&part(1, 2, 900)), Taken::Ask(vec![0]), "once more, with another length");
    assert_eq!(short.take(&part(0, 2, wire::CHUNK)), Taken::Whole);
    assert_eq!(short.into_message().len(), wire::CHUNK + 5);
    assert!(Outgoing::new(Kind::Answer, 1, vec![0; wire::MAX_MESSAGE + 1]).is_err());
}

#[test]
fn every_message_round_trips_and_other_lengths_are_refused() {
    let mut random = ChaCha8Rng::seed_from_u64(8);
    // * `begun`: how many of its beginnings are messages.
    let mut damage = |bytes: &[u8], begun: usize, decode: &dyn Fn(&[u8]) -> bool| {
        let ends = (0..bytes.len().min(400)).filter(|end| decode(&bytes[..*end]));
        assert_eq!(ends.count(), begun, "{}", hex(bytes));
        assert!(!decode(&[bytes, &[0]].concat()));
        for _ in 0..20 {
            let mut changed = bytes.to_vec();
            let at = random.random_range(0..changed.len());
            changed[at] = random.random();
            // Whatever it says, it says it.
            decode(&changed);
        }
    };
    for request in messages::requests() {
        let bytes = wire::encode_request(&request).expect("sendable");
        assert_eq!(wire::decode_request(&bytes), Ok(request));
        damage(&bytes, 0, &|bytes| wire::decode_request(bytes).is_ok());
    }
    for answer in messages::answers() {
        let bytes = wire::encode_answer(&answer);
        // Without what stands behind it, an answer is one of before that was known.
        let shown = format!("{answer:?}");
        let begun = ["few_looks: Some", "line: Some"].iter().any(|more| shown.contains(more));
        let begun = usize::from(begun);
        assert_eq!(wire::decode_answer(&bytes), Ok(answer));
        damage(&bytes, begun, &|bytes| wire::decode_answer(bytes).is_ok());
    }
    for (done, total) in [(0, 0), (1, 1), (1, 0), (3, 1000), (128, 129), (u32::MAX, u32::MAX)] {
        for waiting in [false, true] {
            let progress = Progress { done, total, waiting };
            assert_eq!(wire::decode_progress(&wire::encode_progress(progress)), Ok(progress));
        }
    }
    let progress = Progress { done: 3, total: 1000, waiting: false };
    assert_eq!(wire::encode_progress(progress), [3, 0xe8, 7, 0]);
    for frame in [None, Some(0), Some(1), Some(u64::MAX)] {
        let line = frame.map(|frame| format!("line {frame}"));
        let classification = Classification { frame, line, ..device::classification("good") };
        assert_eq!(
            wire::decode_verdict(&wire::encode_verdict(&classification)),
            Ok(classification)
        );
    }
    // A list that says it is longer than any memory.
    assert!(wire::decode_request(&[7, 1, 0xff, 0xff, 0xff, 0xff, 0x0f]).is_err());
}

#[test]
fn a_long_request_is_refused_early_where_nothing_may_change() {
    let pin = || Pin::new("8246-x").expect("a PIN");
    let hash = Arc::new(PinHash::of(&pin()).expect("random bytes"));
    let port = |access| {
        let (pin, lockout) = (Some(Arc::clone(&hash)), Arc::default());
        let guard = Guard { port: "a".to_owned(), access, pin, relock_micros: 1, lockout };
        Gate::new(FakeDevice::new(), guard, || Timestamp(0), |_, _| {})
    };
    // What comes back for the first part of a message of so many: refused or nothing.
    let refused = |gate: &mut dyn RequestHandler, parts: u16| {
        let (mut session, mut kept) = (Session::new(false), Kept::default());
        let body = vec![0; wire::CHUNK];
        let first = WireFrame { kind: Kind::Request, id: 7, part: 0, parts, body };
        session.feed(&first.encode(), gate, &mut kept);
        let pieces = Decoder::default().feed(&kept.bytes).into_iter();
        let answers: Vec<_> = pieces
            .map(|piece| match piece {
                Piece::Frame(frame) => wire::decode_answer(&frame.body).expect("an answer"),
                other => panic!("{other:?}"),
            })
            .collect();
        let wanted = |answer: &Result<_, Refused>| match answer {
            Err(Refused(why)) => why.contains("unlock PIN first") || why.contains("read-only"),
            Ok(_) => false,
        };
        assert!(answers.iter().all(wanted), "{answers:?}");
        !answers.is_empty()
    };
    let parts = u16::try_from(MAX_PICTURE_BYTES / wire::CHUNK + 1).expect("fewer than a message");
    let mut locked = port(Access::Locked);
    assert!(!refused(&mut locked, parts) && refused(&mut locked, parts + 1));
    locked
        .handle(Request::Unlock(request::Unlock { pin: pin() }), &mut |_| true)
        .expect("it is the PIN");
    assert!(!refused(&mut locked, u16::MAX));
    assert!(refused(&mut port(Access::ReadOnly), parts + 1));
    assert!(!refused(&mut port(Access::Full), u16::MAX));
}
