//! The bytes of every message are kept: what was sent once is understood for ever.

use super::*;

/// What is sent, named and in figures; of long messages the start, the length and the sum.
fn golden() -> String {
    let written = |bytes: &[u8]| match bytes {
        [start @ .., _] if start.len() > 100 => {
            format!("{} ... {} bytes, CRC-32 {:08x}", hex(&start[..32]), bytes.len(), crc32(bytes))
        }
        bytes => hex(bytes),
    };
    let name = |shown: String| shown.chars().take(100).collect::<String>();
    let requests = messages::requests().into_iter().map(|request| {
        let bytes = wire::encode_request(&request).expect("sendable");
        (format!("request {}", name(format!("{request:?}"))), bytes)
    });
    let answers = messages::answers().into_iter().map(|answer| {
        (format!("answer {}", name(format!("{answer:?}"))), wire::encode_answer(&answer))
    });
    let progress = [false, true].map(|waiting| {
        let progress = Progress { done: 3, total: 1000, waiting };
        (format!("progress {progress:?}"), wire::encode_progress(progress))
    });
    let verdicts = [None, Some(300)].map(|frame| {
        let classification = Classification { frame, ..device::classification("scratch") };
        (format!("verdict, frame {frame:?}"), wire::encode_verdict(&classification))
    });
    let line = Some("sshd[7]: Failed password".to_owned());
    let of_line = Classification { line, ..device::classification("scratch") };
    let of_line = ("verdict of a line".to_owned(), wire::encode_verdict(&of_line));
    let all = requests.chain(answers).chain(progress).chain(verdicts).chain([of_line]);
    all.map(|(name, bytes)| format!("{name}\n    {}\n", written(&bytes))).collect()
}

#[test]
fn every_message_has_the_bytes_that_it_always_had() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/wire-v2.txt");
    if std::env::var_os("FIELDTUNE_BLESS").is_some() {
        std::fs::write(path, golden()).expect("the folder is there");
    }
    let kept = std::fs::read_to_string(path).expect("it is there");
    let (golden, kept): (Vec<_>, Vec<_>) =
        (golden().lines().map(str::to_owned).collect(), kept.lines().collect());
    for (at, line) in golden.iter().enumerate() {
        assert_eq!(
            Some(&line.as_str()),
            kept.get(at),
            "line {}: FIELDTUNE_BLESS=1 keeps new messages",
            at + 1
        );
    }
    assert_eq!(golden.len(), kept.len());
}

#[test]
fn the_other_side_of_another_version_is_told_so() {
    let mut bytes = vec![1, 0, 1, 9, 0, 0, 0, 0, 0, 1, 0, 1, 0, 8];
    bytes.extend(crc32(&bytes).to_le_bytes());
    let line = [&[0][..], &cobs(&bytes), &[0]].concat();
    let (mut session, mut kept) = (Session::new(false), Kept::default());
    session.feed(&line, &mut FakeDevice::new(), &mut kept);
    let answer = match &Decoder::default().feed(&kept.bytes)[..] {
        [Piece::Frame(frame)] => wire::decode_answer(&frame.body).expect("an answer"),
        other => panic!("{other:?}"),
    };
    let why = answer.expect_err("refused").0;
    assert!(why.contains("speaks version 1") && why.contains("this one 2"), "{why}");
}
