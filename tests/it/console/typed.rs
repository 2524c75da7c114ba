//! What is typed, and lines that text, verdicts and frames share.

use super::*;

#[test]
fn a_line_can_be_edited_and_the_screen_shows_it() {
    let cases: &[(&str, &str, &str, usize)] = &[
        ("letters", "teach", "> teach", 7),
        ("backspace", "teach\x7f\x08h", "> teah", 6),
        ("backspace at the start", "\x7fa", "> a", 3),
        ("all of it", "teach a\x15undo", "> undo", 6),
        ("a word", "teach scratch\x17good", "> teach good", 12),
        ("a word and its spaces", "teach scratch  \x17", "> teach ", 8),
        ("left and in between", "tech\x1b[D\x1b[Da", "> teach", 5),
        ("home, end", "each\x01t\x05!", "> teach!", 8),
        ("home, end as keys", "each\x1b[Ht\x1bOF!", "> teach!", 8),
        ("right stops", "a\x1b[C\x1b[Cb", "> ab", 4),
        ("unknown keys", "a\x1b[3;5~\x1b[15~b", "> ab", 4),
        ("delete", "teacch\x1b[D\x1b[D\x1b[3~", "> teach", 6),
        ("delete at the end", "ab\x1b[3~", "> ab", 4),
        ("Ctrl-D deletes", "xab\x01\x04", "> ab", 2),
        ("home, end of the Linux console", "each\x1b[1~t\x1b[4~!", "> teach!", 8),
        ("home, end of rxvt", "each\x1b[7~t\x1b[8~!", "> teach!", 8),
        ("home, end with Ctrl", "each\x1b[1;5Ht\x1b[1;5F!", "> teach!", 8),
        ("words, back", "teach good 5\x1b[1;5D\x1b[1;3Dx", "> teach xgood 5", 9),
        ("words, on", "teach good 5\x01\x1b[1;5C\x1b[1;5Cx", "> teach goodx 5", 13),
        ("words by Alt", "teach good 5\x1bb\x1bbx\x1bfy", "> teach xgoody 5", 14),
        ("words of rxvt", "teach good\x1bOdx\x1bOcy", "> teach xgoody", 14),
        ("words of old xterms", "teach good\x1bO5Dx", "> teach xgood", 9),
        ("delete a word", "teach good 5\x01\x1bd", ">  good 5", 2),
        ("Ctrl and Delete", "teach good\x01\x1b[3;5~\x1b[3^", "> ", 2),
        ("Alt and Backspace", "teach good\x1b\x7f", "> teach ", 8),
        ("to the end", "teach good\x1b[D\x1b[D\x0b", "> teach go", 10),
        ("keys of shells", "abc\x02\x02x\x06y", "> axbyc", 6),
        ("history of shells", "version\rsave\r\x10\x10\x0e", "> save", 6),
        ("drawn again", "teach\x0c", "> teach", 7),
        ("flow control", "te\x13ac\x11h\x13\x11", "> teach", 7),
        ("flow control in a key", "ab\x1b\x13[\x11Dx", "> axb", 4),
        ("flow control in a letter", "\u{e4}\x13b", "> \u{e4}b", 4),
        ("break and bell", "a\x00b\x07c", "> abc", 5),
        ("control keys without a meaning", "a\x12\x14\x16\x18\x19\x1a\x1c\x1d\x1e\x1fb", "> ab", 4),
        ("pasted", "\x1b[200~teach good\x1b[201~", "> teach good", 12),
        ("a pasted tab", "\x1b[200~te\tgood\x1b[201~", "> te good", 9),
        ("function keys", "\x1bOP\x1b[11~\x1b[24;2~\x1b[[A\x1b[1;2Pa", "> a", 3),
        ("focus and mouse", "a\x1b[I\x1b[O\x1b[<0;3;4M\x1b[<0;3;4mb", "> ab", 4),
        ("reports", "a\x1b[24;80R\x1b[?1;2c\x1b[?2026;2$yb", "> ab", 4),
        ("titles and strings", "a\x1b]0;teach x\x07b\x1bPundo\x1b\\c", "> abc", 5),
        ("character sets", "a\x1b(Bb\x1b#8c", "> abc", 5),
        ("Alt and arrows of PuTTY", "ab\x1b\x1b[Dx", "> axb", 4),
        ("the number block", "teach a \x1bOq\x1bOp", "> teach a 10", 12),
        ("modified keys", "a\x1b[27;5;99~\x1b[99;5ub", "> ab", 4),
        ("umlauts", "schön\x7fo", "> schöo", 7),
        ("history", "version\rsave\r\x1b[A\x1b[A", "> version", 9),
        ("history and back", "version\rsave\r\x1b[A\x1b[A\x1b[B\x1b[B", "> ", 2),
        ("history stops", "version\r\x1b[A\x1b[A\x1b[A", "> version", 9),
        ("no line twice", "save\rsave\rversion\r\x1b[A\x1b[A", "> save", 6),
        ("taken back", "teach x\x03", "> ", 2),
        ("a command", "te\t", "> teach ", 8),
        ("a common start", "re\tl", "> rel", 5),
        ("a class", "teach good\rforget g\t", "> forget good ", 14),
        ("an output", "outputs rej\t", "> outputs reject ", 17),
        ("an output's switch", "outputs reject o\tf\t", "> outputs reject off ", 21),
        ("a PIN", "unlock 12-4", "> unlock ****", 13),
        ("a PIN changed", "  unlock  1234\x1b[D\x1b[D\x7f\x7f9", ">   unlock  ***", 13),
        ("the name before a PIN changed", "unlock 1234\x01x", "> ******* ****", 3),
        ("a head", "head so\t", "> head softmax ", 15),
        ("a threshold", "threshold c\t", "> threshold confidence=", 23),
        ("nothing fits", "teach q\t", "> teach q", 9),
        ("nothing to complete", "undo \t", "> undo ", 7),
    ];
    let mut wrong = Vec::new();
    for (name, keys, row, column) in cases {
        let mut talk = Talk::new(true);
        talk.session.opened(&mut talk.kept);
        let bytes = talk.bytes(keys.as_bytes());
        let (rows, at) = screen(&bytes);
        if rows.last().map(String::as_str) != Some(row) || at != *column {
            wrong.push(format!("{name}: {rows:?} at {at}"));
        }
        // The same a byte at a time.
        let mut slow = Talk::new(true);
        slow.session.opened(&mut slow.kept);
        for byte in keys.bytes() {
            slow.session.feed(&[byte], &mut slow.device, &mut slow.kept);
        }
        if slow.kept.bytes != bytes {
            wrong.push(format!("{name}: another screen a byte at a time"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let mut talk = Talk::new(true);
    let (rows, _) = screen(&talk.bytes(b"re\t"));
    assert_eq!(
        rows[rows.len() - 2..],
        ["relabel  rename  recent  region  regions  restart", "> re"]
    );
    let shown = talk.bytes("傷".repeat(90).as_bytes());
    let mut rows = String::from_utf8(shown).expect("a console speaks UTF-8");
    let rows = rows.split_off(rows.rfind('\r').expect("it was drawn again"));
    assert!(rows.matches('傷').count() <= 37, "a long line of wide letters stays in its row");
    talk.bytes(b"\x15");
    for (typed, drawn) in
        [("a傷\x1b[Db", "\r> ab傷\x1b[K\x1b[2D"), ("ไม้\x1b[Dx", "\r> ไxม้\x1b[K\x1b[1D")]
    {
        assert!(talk.says(typed).ends_with(drawn), "back by columns: {typed}");
        talk.bytes(b"\x05\x15");
    }
    let (rows, column) = screen(&talk.bytes("x".repeat(200).as_bytes()));
    assert!(rows.iter().all(|row| row.len() < 80) && column < 80, "a long line stays in its row");
    assert_eq!(talk.bytes(b"\x15set echo off\r").last_chunk(), Some(b"ok\r\n"));
    assert_eq!(talk.line("version"), ["ok version=0.1.0 model=fake"]);
}

#[test]
fn line_ends_of_every_kind_end_one_line() {
    for text in [
        "restart\rrestart\r",
        "restart\nrestart\n",
        "restart\r\nrestart\r\n",
        "\r\nrestart\n\nrestart\r\n\r\n",
    ] {
        let mut talk = Talk::new(false);
        assert_eq!(talk.says(text), "ok\r\nok\r\n", "{text:?}");
        let mut slow = Talk::new(false);
        let got: String = text.chars().map(|c| slow.says(&c.to_string())).collect();
        assert_eq!(got, "ok\r\nok\r\n", "{text:?}, a byte at a time");
    }
}

#[test]
fn verdicts_never_tear_a_reply_or_the_line_being_typed() {
    let line = "verdict class=scratch best=scratch confidence=0.970 second=good second_confidence=0.030 novelty=0.500 age_us=1500 captured=1970-01-01T00:00:01.000000Z";
    let mut talk = Talk::new(true);
    let verdict =
        |talk: &mut Talk| talk.session.verdict(&classification("scratch"), &mut talk.kept);
    verdict(&mut talk);
    assert!(talk.kept.bytes.is_empty(), "nobody watches");
    let mut shown = talk.bytes(b"watch on\rclas");
    verdict(&mut talk);
    shown.extend(talk.bytes(b"ses\r"));
    verdict(&mut talk);
    talk.kept.busy = true;
    verdict(&mut talk);
    shown.extend(talk.bytes(b"watch off\r"));
    talk.kept.busy = false;
    verdict(&mut talk);
    shown.extend(talk.bytes(b""));
    // The terminal starts a row where the prompt was drawn.
    let (rows, column) = screen(&shown);
    let wanted =
        ["watch on", "ok", line, "> classes", "ok classes=0", line, "> watch off", "ok", "> "];
    assert_eq!((rows, column), (wanted.map(str::to_owned).to_vec(), 2));
}

#[test]
fn text_and_frames_share_a_line() {
    let mut talk = Talk::new(false);
    let version = wire::encode_request(&Request::Version(request::Version)).expect("sendable");
    let mut broken = request_frame(5, version.clone());
    let middle = broken.len() - 6;
    broken[middle] ^= 1;
    let stream = [
        b"restart\rre".to_vec(),
        request_frame(4, version.clone()),
        b"start\r".to_vec(),
        broken,
        request_frame(6, version),
        b"\rrestart\r".to_vec(),
    ];
    let got = talk.bytes(&stream.concat());
    let text: Vec<u8> = Decoder::default()
        .feed(&got)
        .into_iter()
        .filter_map(|piece| if let Piece::Text(text) = piece { Some(text) } else { None })
        .flatten()
        .collect();
    assert_eq!(String::from_utf8(text).expect("UTF-8"), "ok\r\nok\r\nok\r\n");
    let ids: Vec<_> = frames(&got).iter().map(|frame| (frame.kind, frame.id)).collect();
    assert_eq!(ids, [(Kind::Answer, 4), (Kind::Answer, 6)]);
    assert_eq!(talk.session.broken_frames(), 1);
}

#[test]
fn a_repeated_request_in_frames_is_done_once() {
    let mut talk = Talk::new(false);
    let teach = Request::Teach(request::Teach { class: "good".to_owned(), count: 2, any: false });
    let kinds = |frames: Vec<WireFrame>| frames.iter().map(|frame| frame.kind).collect::<Vec<_>>();
    let first = kinds(talk.frame(1, &teach));
    assert_eq!(first, [Kind::Progress, Kind::Progress, Kind::Answer]);
    assert_eq!(kinds(talk.frame(1, &teach)), [Kind::Answer], "again, its answer was lost");
    assert_eq!(talk.device.learner().examples().len(), 2);
    talk.frame(2, &teach);
    assert_eq!(talk.device.learner().examples().len(), 4);
    let snap = talk.frame(3, &Request::Snap(request::Snap));
    assert_eq!(snap.len(), wire::WINDOW, "a window of {} parts", snap[0].parts);
    let more = talk.bytes(&wire::encode_more(3, &[7, 40, 60000]));
    assert_eq!(frames(&more).iter().map(|frame| frame.part).collect::<Vec<_>>(), [7, 40]);
    let gone = talk.bytes(&wire::encode_more(2, &[0]));
    assert!(gone.is_empty(), "an answer that is no longer there");
}

#[test]
fn a_malformed_request_is_answered_with_a_refusal() {
    let mut talk = Talk::new(false);
    let refusal = |frames: &[WireFrame], id: u32| {
        let [frame] = frames else { panic!("{frames:?}") };
        assert_eq!((frame.kind, frame.id), (Kind::Answer, id));
        wire::decode_answer(&frame.body).expect("an answer").expect_err("a refusal").0
    };
    let got = frames(&talk.bytes(&request_frame(8, vec![200])));
    assert!(refusal(&got, 8).contains("cannot be read"));
    let got = talk
        .frame(9, &Request::Set(request::Set { name: "colour".to_owned(), value: String::new() }));
    assert_eq!(refusal(&got, 9), "there is no setting colour");
    assert_eq!(talk.session.broken_frames(), 0, "they came well");
}

#[test]
fn whoever_watches_by_frames_and_goes_away_is_forgotten() {
    let mut talk = Talk::new(false);
    talk.frame(1, &Request::Watch(request::Watch(true)));
    let verdict_at = |talk: &mut Talk, seconds: u64| {
        let mut verdict = classification("good");
        verdict.captured.0 = seconds * 1_000_000;
        talk.session.verdict(&verdict, &mut talk.kept);
        !std::mem::take(&mut talk.kept.bytes).is_empty()
    };
    assert!(verdict_at(&mut talk, 100) && verdict_at(&mut talk, 130));
    talk.frame(1, &Request::Watch(request::Watch(true)));
    assert!(verdict_at(&mut talk, 140) && verdict_at(&mut talk, 170), "asked for again");
    assert!(!verdict_at(&mut talk, 171) && !verdict_at(&mut talk, 172), "nobody asked again");
    talk.frame(2, &Request::Watch(request::Watch(true)));
    assert!(verdict_at(&mut talk, 200));
    talk.session.opened(&mut talk.kept);
    assert!(!verdict_at(&mut talk, 201), "somebody else is there");
}
