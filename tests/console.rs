//! Dialogues with the console and with a session that speaks text and frames, a device behind it.

use fieldtune::console::{COMMANDS, harmless};
use fieldtune::request::Request;
use fieldtune::session::Session;
use fieldtune::wire::{self, Decoder, Frame, Kind, Piece};

#[path = "common/device.rs"]
mod device;
#[path = "common/screen.rs"]
mod screen;

use device::{FakeDevice, Kept, judgement};
use screen::screen;

struct Talk {
    session: Session,
    device: FakeDevice,
    kept: Kept,
}

impl Talk {
    fn new(echo: bool) -> Self {
        Self { session: Session::new(echo), device: FakeDevice::new(), kept: Kept::default() }
    }

    /// What comes back for these bytes.
    fn bytes(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.session.feed(bytes, &mut self.device, &mut self.kept);
        std::mem::take(&mut self.kept.bytes)
    }

    fn says(&mut self, text: &str) -> String {
        String::from_utf8(self.bytes(text.as_bytes())).expect("a console speaks UTF-8")
    }

    /// The lines that come back for a line.
    fn line(&mut self, line: &str) -> Vec<String> {
        self.says(&format!("{line}\r")).lines().map(str::to_owned).collect()
    }

    fn frame(&mut self, id: u32, request: &Request) -> Vec<Frame> {
        let body = wire::encode_request(request).expect("sendable");
        frames(&self.bytes(&request_frame(id, body)))
    }
}

fn request_frame(id: u32, body: Vec<u8>) -> Vec<u8> {
    Frame { kind: Kind::Request, id, part: 0, parts: 1, body }.encode()
}

fn frames(bytes: &[u8]) -> Vec<Frame> {
    let frame = |piece| match piece {
        Piece::Frame(frame) => Some(frame),
        Piece::Text(_) | Piece::Broken(_) => None,
    };
    Decoder::default().feed(bytes).into_iter().filter_map(frame).collect()
}

#[test]
fn every_line_gets_its_reply() {
    let mut talk = Talk::new(false);
    let dialogue: &[(&str, &[&str])] = &[
        ("", &[]),
        ("   ", &[]),
        ("version", &["ok version=0.1.0 model=fake"]),
        ("undo", &["ok changes=- left=0"]),
        ("classes", &["ok classes=0"]),
        (
            "teach good 3",
            &[
                "progress done=1 total=3",
                "progress done=2 total=3",
                "progress done=3 total=3",
                "ok class=good examples=1,2,3 count=3 new=yes evicted=0 estimate=-",
            ],
        ),
        (
            "burst scratch 0.5",
            &["ok class=scratch examples=4,5,6 count=3 new=yes evicted=0 estimate=-"],
        ),
        (
            "classes",
            &[
                "class name=good examples=3 recall=-",
                "class name=scratch examples=3 recall=-",
                "ok classes=2",
            ],
        ),
        (
            "examples scratch",
            &[
                "example id=4 class=scratch taught_s=4 origin=\"camera\\u{1b}[2J 1\" doubt=- doubt_confidence=-",
                "example id=5 class=scratch taught_s=4 origin=\"camera\\u{1b}[2J 2\" doubt=- doubt_confidence=-",
                "example id=6 class=scratch taught_s=4 origin=\"camera\\u{1b}[2J 3\" doubt=- doubt_confidence=-",
                "ok examples=3",
            ],
        ),
        (
            "recent",
            &[
                "frame number=9 age_s=1.500 class=scratch best=scratch confidence=0.970 novelty=0.500",
                "frame number=8 age_s=1.500 class=scratch best=scratch confidence=0.970 novelty=0.500",
                "frame number=7 age_s=1.500 class=-",
                "ok frames=3",
            ],
        ),
        ("recent 8", &["ok frame=8 width=4 height=3 bytes=40"]),
        ("relabel dent 4 5", &["ok class=dent examples=4,5 new=yes"]),
        ("rename dent bump", &["ok from=dent to=bump"]),
        ("forget example 6", &["ok classes=- examples=6"]),
        ("forget bump", &["ok classes=bump examples=4,5"]),
        (
            "undo",
            &[
                "ok changes=\"class bump is back\",\"example 5 of bump is back\",\"example 4 of bump is back\" left=5",
            ],
        ),
        (
            "status",
            &[
                "ok classes=3 examples=5 estimate=- estimate_low=- estimate_high=- looks=2 suspects=- head=lda dim=4 bytes=420 budget_bytes=67108864 undo_steps=5 next=\"show good again, it has 1 look: other parts, other positions\" confidence=0.000 novelty=1.000 false_reject=0.020",
            ],
        ),
        ("head", &["ok head=lda estimate=-"]),
        ("head knn", &["ok head=knn estimate=-"]),
        ("threshold", &["ok confidence=0.000 novelty=1.000 false_reject=0.020"]),
        (
            "threshold novelty=inf confidence=0.5",
            &["ok confidence=0.500 novelty=inf false_reject=0.020"],
        ),
        ("snap", &["ok width=640 height=480 bytes=100000"]),
        ("region", &["ok region=whole"]),
        ("region 1,2,30,40", &["ok region=\"1,2,30,40\""]),
        ("region 0.25,0,0.5,1", &["ok region=\"0.250,0.000,0.500,1.000\""]),
        ("outputs", &["output name=reject on=no", "output name=red on=yes", "ok outputs=2"]),
        ("outputs reject on", &["ok"]),
        ("outputs reject test", &["ok"]),
        ("log 2", &["log text=\"line 0\\u{7}\"", "log text=\"line 1\\u{7}\"", "ok lines=2"]),
        ("set smoothing 5", &["ok"]),
        ("set", &["ok smoothing=5"]),
        (
            "diff 1",
            &[
                "added class=bump",
                "gone example=6 class=scratch",
                "relabelled example=4 class=bump from=scratch",
                "relabelled example=5 class=bump from=scratch",
                "ok added=0 gone=1 relabelled=2",
            ],
        ),
        ("save monday", &["ok number=4 name=monday automatic=no at_s=17 classes=3 examples=5"]),
        (
            "generations",
            &[
                "generation number=1 name=\"before relabel\" automatic=yes at_s=7 classes=2 examples=6",
                "generation number=2 name=\"before forget of examples\" automatic=yes at_s=9 classes=3 examples=6",
                "generation number=3 name=\"before forget bump\" automatic=yes at_s=10 classes=3 examples=5",
                "generation number=4 name=monday automatic=no at_s=17 classes=3 examples=5",
                "ok generations=4",
            ],
        ),
        ("rollback 1", &["ok"]),
        ("generations drop 4", &["ok"]),
        ("restart", &["ok"]),
        ("unlock 12345", &["ok"]),
        ("lock", &["ok"]),
        (
            "help rollback",
            &[
                "usage: `rollback N`",
                "learned is again what was learned in generation N",
                "What is learned now becomes a generation first.",
                "ok",
            ],
        ),
    ];
    let mut wrong = Vec::new();
    for (line, wanted) in dialogue {
        let got = talk.line(line);
        if got != *wanted {
            wrong.push(format!("{line}\n  got    {got:#?}\n  wanted {wanted:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(talk.device.outputs[0].1, "the output is on");
}

#[test]
fn who_teaches_a_part_that_lies_still_is_told_to_move_it() {
    let mut talk = Talk::new(false);
    let wanted = [
        "progress done=1 total=2",
        "progress done=2 total=2",
        "waiting: move the part (1 of 2)",
        "ok class=still examples=1 count=1 new=yes evicted=0 estimate=- note=\"1 of 2: the part did not move\"",
    ];
    assert_eq!(talk.line("teach still 2"), wanted);
}

#[test]
fn what_cannot_be_done_gets_one_error_and_changes_nothing() {
    let mut talk = Talk::new(false);
    talk.line("teach good 2");
    let before = talk.device.learner().examples().len();
    let asked = talk.device.asked.len();
    for (line, wanted) in [
        ("stauts", "there is no command stauts; help lists them"),
        ("help stauts", "there is no command stauts"),
        (
            "teach",
            "wanted: teach CLASS [COUNT] [any] | CLASS frame NUMBER..., got: teach; help teach tells more",
        ),
        ("teach a b", "COUNT has to be a number from 1 to 1000, got b"),
        ("teach a 0", "COUNT has to be a number from 1 to 1000, got 0"),
        ("teach a 1 2", "wanted: teach CLASS [COUNT]"),
        ("teach a frame", "COUNT has to be a number"),
        ("teach a frame x", "a frame's number has to be a number from 1 to"),
        ("teach a any any", "COUNT has to be a number"),
        ("recent 7", "frame 7 is not there"),
        ("scene a b", "wanted: scene [KIND | auto]"),
        ("burst a 61", "SECONDS has to be a number from 0.1 to 60.0, got 61"),
        ("burst a NaN", "SECONDS has to be"),
        ("forget", "wanted: forget CLASS | example ID..."),
        ("forget example", "no class called \"example\""),
        ("forget example x", "ID has to be a number"),
        ("forget nothing", "there is no class called \"nothing\"; there are good"),
        ("relabel good", "wanted: relabel CLASS ID..."),
        ("relabel good 99", "99"),
        ("rename good", "wanted: rename CLASS NAME"),
        ("rename good ../x", "letters, digits"),
        ("undo now", "wanted: undo, got: undo now"),
        ("head svm", "there is no head svm; there are lda, ridge"),
        ("threshold confidence=2", "confidence has to be a number from 0.0 to 1.0, got 2"),
        ("threshold novelty=0", "novelty threshold has to be above 0"),
        ("threshold 0.5", "wanted: threshold"),
        ("watch", "wanted: watch on | off"),
        ("watch maybe", "wanted: watch on | off"),
        ("region 1,2,3", "wanted: region"),
        ("region 1,2,3,-4", "wanted: region"),
        ("outputs nothing on", "there is no output nothing"),
        ("outputs reject", "wanted: outputs"),
        ("set echo 3", "wanted: set"),
        ("set colour blue", "there is no setting colour"),
        ("log 0", "LINES has to be"),
        ("pull", "fieldtune ctl pull FILE"),
        ("unlock", "wanted: unlock PIN"),
        ("unlock 12 34", "wanted: unlock PIN"),
        ("unlock 123", "a PIN has 4 to 64 characters, got 3"),
        ("lock 1234", "wanted: lock"),
        ("\u{202e}\u{200b}", "\\u{202e}\\u{200b}"),
    ] {
        let got = talk.line(line);
        assert!(got.len() == 1 && got[0].starts_with("error: "), "{line}: {got:?}");
        assert!(got[0].contains(wanted), "{line}: {got:?}");
    }
    assert_eq!(talk.device.learner().examples().len(), before);
    assert!(talk.device.asked.len() > asked);
    let long = "x".repeat(1 << 20);
    let got = talk.says(&format!("teach {long}\rversion\r"));
    let lines: Vec<&str> = got.lines().collect();
    assert_eq!(
        lines,
        [
            "error: a line has at most 1024 characters, the whole line was dropped",
            "ok version=0.1.0 model=fake"
        ]
    );
    let got = talk.bytes(b"ver\xffsion\r\x02undo\rclass\xc3es\r\xc2\x9bundo\rversion\r");
    let got = String::from_utf8(got).expect("UTF-8");
    let damaged = "error: the line came damaged, type it again";
    let wanted = [damaged, damaged, damaged, damaged, "ok version=0.1.0 model=fake"];
    assert_eq!(got.lines().collect::<Vec<_>>(), wanted);
}

#[test]
fn a_refusal_is_one_line_without_escapes_whatever_the_device_says() {
    use fieldtune::console::refused;
    use fieldtune::request::Refused;
    let shown = refused(&Refused("bad \u{1b}[31mfile\r\nok\u{85}forged".to_owned()));
    assert_eq!(shown, "error: bad \\u{1b}[31mfile; ok\\u{85}forged");
    assert_eq!(harmless("a\u{7}\u{2066}é"), "a\\u{7}\\u{2066}é");
}

#[test]
fn help_names_every_command_and_what_it_names_is_understood() {
    let mut talk = Talk::new(false);
    let help = talk.line("help");
    assert_eq!(talk.line("?"), help);
    let all = help.join("\n");
    for spec in &COMMANDS {
        let row = format!("\n{}", spec.name);
        assert!(format!("\n{all}").contains(&row), "{}", spec.name);
        let got = talk.line(&format!("help {}", spec.name));
        let usage = format!("usage: `{}", spec.name);
        assert!(got[0].starts_with(&usage) && got.last().is_some_and(|l| l == "ok"), "{got:?}");
        assert_eq!(talk.line(&format!("? {}", spec.name)), got);
        let about: Vec<&str> = spec.about.split(' ').collect();
        assert!(about.iter().all(|word| all.contains(word)), "{}", spec.about);
        let used = talk.line(spec.name);
        assert!(!used.concat().contains("no command"), "{used:?}");
    }
}

#[test]
fn who_leaves_is_let_go_where_that_can_be() {
    for typed in ["quit\r", "exit\r", "\x04"] {
        let mut talk = Talk::new(true);
        talk.kept.can_be_left = true;
        talk.says(typed);
        assert!(talk.kept.left, "{typed:?}");
        let mut talk = Talk::new(true);
        let got = talk.says(typed);
        assert!(!talk.kept.left && got.contains("error: this line cannot be hung up"), "{got}");
        assert!(talk.says("version\r").contains("ok version="));
    }
    let mut talk = Talk::new(true);
    talk.kept.can_be_left = true;
    let got = talk.says("xversion\x01\x04\r");
    assert!(got.contains("ok version=") && !talk.kept.left, "in a line it deletes: {got}");
}

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
    let line = "verdict class=scratch best=scratch confidence=0.970 second=good second_confidence=0.030 novelty=0.500 age_us=1500 captured_us=1000000";
    let mut talk = Talk::new(true);
    let verdict = |talk: &mut Talk| talk.session.verdict(&judgement("scratch"), &mut talk.kept);
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
    let version = wire::encode_request(&Request::Version).expect("sendable");
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
fn a_request_in_frames_is_done_once_however_often_it_comes() {
    let mut talk = Talk::new(false);
    let teach = Request::Teach { class: "good".to_owned(), count: 2, any: false };
    let kinds = |frames: Vec<Frame>| frames.iter().map(|frame| frame.kind).collect::<Vec<_>>();
    let first = kinds(talk.frame(1, &teach));
    assert_eq!(first, [Kind::Progress, Kind::Progress, Kind::Answer]);
    assert_eq!(kinds(talk.frame(1, &teach)), [Kind::Answer], "again, its answer was lost");
    assert_eq!(talk.device.learner().examples().len(), 2);
    talk.frame(2, &teach);
    assert_eq!(talk.device.learner().examples().len(), 4);
    let snap = talk.frame(3, &Request::Snap);
    assert_eq!(snap.len(), wire::WINDOW, "a window of {} parts", snap[0].parts);
    let more = talk.bytes(&wire::encode_more(3, &[7, 40, 60000]));
    assert_eq!(frames(&more).iter().map(|frame| frame.part).collect::<Vec<_>>(), [7, 40]);
    let gone = talk.bytes(&wire::encode_more(2, &[0]));
    assert!(gone.is_empty(), "an answer that is no longer there");
}

#[test]
fn a_request_that_cannot_be_understood_is_refused_to_who_asked() {
    let mut talk = Talk::new(false);
    let refusal = |frames: &[Frame], id: u32| {
        let [frame] = frames else { panic!("{frames:?}") };
        assert_eq!((frame.kind, frame.id), (Kind::Answer, id));
        wire::decode_answer(&frame.body).expect("an answer").expect_err("a refusal").0
    };
    let got = frames(&talk.bytes(&request_frame(8, vec![200])));
    assert!(refusal(&got, 8).contains("cannot be read"));
    let got = talk.frame(9, &Request::Set { name: "colour".to_owned(), value: String::new() });
    assert_eq!(refusal(&got, 9), "there is no setting colour");
    assert_eq!(talk.session.broken_frames(), 0, "they came well");
}

#[test]
fn whoever_watches_by_frames_and_goes_away_is_forgotten() {
    let mut talk = Talk::new(false);
    talk.frame(1, &Request::Watch(true));
    let verdict_at = |talk: &mut Talk, seconds: u64| {
        let mut verdict = judgement("good");
        verdict.captured.0 = seconds * 1_000_000;
        talk.session.verdict(&verdict, &mut talk.kept);
        !std::mem::take(&mut talk.kept.bytes).is_empty()
    };
    assert!(verdict_at(&mut talk, 100) && verdict_at(&mut talk, 130));
    talk.frame(1, &Request::Watch(true));
    assert!(verdict_at(&mut talk, 140) && verdict_at(&mut talk, 170), "asked for again");
    assert!(!verdict_at(&mut talk, 171) && !verdict_at(&mut talk, 172), "nobody asked again");
    talk.frame(2, &Request::Watch(true));
    assert!(verdict_at(&mut talk, 200));
    talk.session.opened(&mut talk.kept);
    assert!(!verdict_at(&mut talk, 201), "somebody else is there");
}
