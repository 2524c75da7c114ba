//! What the log is told of who did what, and what nobody is told.

use super::*;

#[test]
fn who_changed_what_stands_in_the_log() {
    let house = House::new();
    let mut gate = house.port("serial", Access::Full);
    let image =
        Request::TeachImage(request::TeachImage { class: "good".to_owned(), image: vec![1] });
    let learned = match ask(&mut gate, Request::Pull(request::Pull)) {
        Ok(Answer::Learned(learned)) => learned,
        other => panic!("{other:?}"),
    };
    let changes: Vec<(Request, Option<&str>)> = vec![
        (Request::Version(request::Version), None),
        (Request::Teach(request::Teach { class: "good".to_owned(), count: 1, any: false }), None),
        (image, Some("Info serial: learned 1 example of good (2 in total)")),
        (request::Undo.into(), Some("Info serial: undone: ")),
        (
            request::Rename { from: "good".into(), to: "fine".into() }.into(),
            Some("Info serial: renamed good to fine"),
        ),
        (request::Forget::Class("none".into()).into(), None),
        (
            request::Forget::Class("fine".into()).into(),
            Some("Info serial: forgot fine and its 1 example"),
        ),
        (
            Request::Set(request::Set { name: "smoothing".into(), value: "3".into() }),
            Some("Info serial: smoothing set to 3"),
        ),
        (Request::Set(request::Set { name: "colour".into(), value: "3".into() }), None),
        (
            Request::SetRegion(request::SetRegion(Some(Region::Pixels {
                x: 1,
                y: 2,
                width: 3,
                height: 4,
            }))),
            Some("Info serial: region set to 1,2,3,4"),
        ),
        (
            Request::Push(request::Push { learned, merge: false }),
            Some("Info serial: push: all that was learned is replaced"),
        ),
        (
            Request::Push(request::Push { learned: vec![], merge: true }),
            Some("Warning serial: push refused: not a file of fieldtune"),
        ),
        (Request::Restart(request::Restart), Some("Info serial: restart")),
    ];
    for (request, wanted) in changes {
        let shown = format!("{request:?}");
        drop(ask(&mut gate, request));
        let log = house.log();
        assert_eq!(log.len(), usize::from(wanted.is_some()), "{shown}: {log:?}");
        assert!(wanted.is_none_or(|wanted| log[0].starts_with(wanted)), "{shown}: {log:?}");
    }
}

#[test]
fn no_pin_is_echoed_or_logged_on_console_or_wire() {
    let house = House::new();
    let mut gate = house.port("serial", Access::Locked);
    let mut session = Session::new(true);
    let mut kept = Kept::default();
    // Of signs that nothing else here holds.
    let (wrong, right) = ("#%&~", RIGHT);
    session.opened(&mut kept);
    let mut say = |text: &str| {
        session.feed(text.as_bytes(), &mut gate, &mut kept);
        String::from_utf8(std::mem::take(&mut kept.bytes)).expect("UTF-8")
    };
    let answers = [
        say("teach good 2\r"),
        say("forget good\r"),
        say(&format!("unlock {wrong}\r")),
        say(&format!("unlock {right}\r")),
    ];
    house.pass(SECOND);
    let rest = [
        say(&format!("unlock {right}\r")),
        say("forget good\r"),
        say("\x1b[A\x1b[A"),
        say("\x15lock\r"),
    ];
    for (answer, wanted) in answers.iter().chain(&rest).zip([
        "ok class=good",
        "error: this port is locked: unlock PIN first",
        "error: wrong PIN; next attempt in 1 s",
        "error: no PIN is accepted for another 1 s",
        "ok\r\n",
        "ok classes=good",
        "forget good",
        "ok\r\n",
    ]) {
        assert!(answer.contains(wanted), "{wanted}: {answer:?}");
        assert!(!answer.contains(wrong) && !answer.contains(right), "{answer:?}");
        assert!(!answer.chars().any(|c| "#%&~".contains(c)), "{answer:?}");
    }
    let mut frame = |id: u32, request: &Request| {
        let body = wire::encode_request(request).expect("sendable");
        let bytes = WireFrame { kind: Kind::Request, id, part: 0, parts: 1, body }.encode();
        session.feed(&bytes, &mut gate, &mut kept);
        let mut pieces = Decoder::default().feed(&std::mem::take(&mut kept.bytes)).into_iter();
        match pieces.next() {
            Some(Piece::Frame(frame)) => wire::decode_answer(&frame.body).expect("an answer"),
            other => panic!("{other:?}"),
        }
    };
    assert!(frame(1, &forget()).is_err());
    assert!(frame(2, &unlock(wrong)).is_err());
    house.pass(SECOND);
    assert_eq!(frame(3, &unlock(right)), Ok(Answer::Done));
    // Where the answer was lost it is asked for again: no PIN is looked at twice.
    assert_eq!(frame(4, &forget()), frame(4, &forget()));
    assert!(frame(4, &forget()).is_ok());
    // Nor does the device ever see one.
    assert!(!gate.device().asked.concat().contains("lock"), "{:?}", gate.device().asked);
    let log = house.log().join("\n");
    assert!(log.contains("unlocked") && log.contains("wrong PIN"), "{log}");
    let told = log + &gate.device().asked.concat();
    assert!([wrong, right].iter().all(|pin| !told.contains(pin)), "{told}");
}
