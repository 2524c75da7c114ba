//! Dialogues with the console and with a session that speaks text and frames, a device behind it.

use fieldtune::protocol::console::{commands, harmless};
use fieldtune::protocol::request::{self, Request};
use fieldtune::protocol::session::Session;
use fieldtune::protocol::wire::{self, Decoder, Kind, Piece, WireFrame};

use crate::common::device;
use crate::common::screen;

use device::{FakeDevice, Kept, classification};
use screen::screen;

mod typed;

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

    fn frame(&mut self, id: u32, request: &Request) -> Vec<WireFrame> {
        let body = wire::encode_request(request).expect("sendable");
        frames(&self.bytes(&request_frame(id, body)))
    }
}

fn request_frame(id: u32, body: Vec<u8>) -> Vec<u8> {
    WireFrame { kind: Kind::Request, id, part: 0, parts: 1, body }.encode()
}

fn frames(bytes: &[u8]) -> Vec<WireFrame> {
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
                "example id=4 class=scratch taught=1970-01-01T00:00:04Z origin=\"camera\\u{1b}[2J 1\" doubt=- doubt_confidence=-",
                "example id=5 class=scratch taught=1970-01-01T00:00:04Z origin=\"camera\\u{1b}[2J 2\" doubt=- doubt_confidence=-",
                "example id=6 class=scratch taught=1970-01-01T00:00:04Z origin=\"camera\\u{1b}[2J 3\" doubt=- doubt_confidence=-",
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
        (
            "recent 1",
            &[
                "frame number=9 age_s=1.500 class=scratch best=scratch confidence=0.970 novelty=0.500",
                "ok frames=1",
            ],
        ),
        ("recent unsure 1", &["frame number=7 age_s=1.500 class=-", "ok frames=1"]),
        (
            "Inbox",
            &[
                "inbox id=9 kept=1970-01-01T00:00:01Z reason=unknown class=unknown best=scratch confidence=0.970 second=good second_confidence=0.030 novelty=0.500",
                "inbox id=8 kept=1970-01-01T00:00:01Z reason=unknown class=unknown best=scratch confidence=0.970 second=good second_confidence=0.030 novelty=0.500",
                "inbox id=7 kept=1970-01-01T00:00:01Z reason=unknown class=unknown best=scratch confidence=0.970 second=good second_confidence=0.030 novelty=0.500",
                "ok frames=3",
            ],
        ),
        ("inbox frame 9", &["ok width=4 height=3 bytes=40"]),
        ("inbox drop 7 8", &["ok dropped=2 left=1"]),
        ("inbox drop all", &["ok dropped=3 left=0"]),
        (
            "inbox assign 8 9",
            &[
                "error: which class? wanted: inbox assign 8 9 CLASS; for a class named 9: inbox assign 8 +9",
            ],
        ),
        (
            "inbox assign x good",
            &[
                "error: ID has to be a number from 1 to 18446744073709551615, got x; `inbox` lists them",
            ],
        ),
        (
            "confusion",
            &[
                "confusion class=good examples=5 looks=4 predicted=good share=0.750",
                "confusion class=good examples=5 looks=4 predicted=scratch share=0.250",
                "confusion class=scratch examples=5 looks=4 predicted=- share=-",
                "curve at=1970-01-01T00:00:05Z examples=9 estimate=- frames=0 right=0",
                "curve at=1970-01-01T00:00:05Z examples=9 estimate=0.500 frames=4 right=2",
                "ok classes=2 points=2",
            ],
        ),
        (
            "adapt 20",
            &[
                "class name=good share=0.750",
                "class name=scratch share=0.250",
                "ok frames=60 red=1.500 green=1.250 blue=1.000 unknown_before=0.500 unknown=0.125 agreement=0.875 helps=yes reason=- applied=yes",
            ],
        ),
        ("adapt off", &["ok"]),
        (
            "finetune 2 try",
            &[
                "ok examples=48 looks=40 cut=stage3 weights=395136 before=0.750 after=0.875 uncertainty=0.031 helps=yes applied=no",
            ],
        ),
        ("finetune stop", &["ok"]),
        ("finetune 100", &["error: N has to be a number from 1 to 99, got 100"]),
        ("adapt 19", &["error: N has to be a number from 20 to 200, got 19"]),
        ("Recent frame 8", &["ok frame=8 width=4 height=3 bytes=40"]),
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
                "ok classes=3 examples=5 estimate=- estimate_low=- estimate_high=- looks=2 suspects=- wrong_labels=- head=lda dim=4 bytes=420 budget_bytes=67108864 undo_steps=5 next=\"show good again, it has 1 look: other parts, other positions\" confidence=0.000 novelty=1.000 false_reject=0.020",
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
        (
            "explain frame 9",
            &["ok frame=9 width=4 height=3 bytes=40 note=\"scratch, most of it at 1,2\""],
        ),
        ("explain example 2", &["error: no image of that example is kept"]),
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
        (
            "save monday",
            &[
                "ok number=4 name=monday automatic=no made=1970-01-01T00:00:17Z classes=3 examples=5",
            ],
        ),
        (
            "generations",
            &[
                "generation number=1 name=\"before relabel\" automatic=yes made=1970-01-01T00:00:07Z classes=2 examples=6",
                "generation number=2 name=\"before forget of examples\" automatic=yes made=1970-01-01T00:00:09Z classes=3 examples=6",
                "generation number=3 name=\"before forget bump\" automatic=yes made=1970-01-01T00:00:10Z classes=3 examples=5",
                "generation number=4 name=monday automatic=no made=1970-01-01T00:00:17Z classes=3 examples=5",
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
                "restore a checkpoint (generation N)",
                "The current state is saved as a generation first.",
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
fn commands_may_have_capitals_and_names_keep_theirs() {
    let mut talk = Talk::new(false);
    let taught = "ok class=Good examples=1 count=1 new=yes evicted=0 estimate=-";
    assert_eq!(talk.line("Teach Good 1"), ["progress done=1 total=1", taught]);
    assert_eq!(talk.line("CLASSES"), ["class name=Good examples=1 recall=-", "ok classes=1"]);
    assert_eq!(talk.line("Help Version"), talk.line("help version"));
    // Whatever the capitals, a PIN is not shown.
    let mut person = Talk::new(true);
    let shown = String::from_utf8(person.bytes(b"UnLock 12345")).expect("UTF-8");
    assert!(shown.contains("UnLock") && !shown.contains("12345"), "{shown}");
    // A number is a class where it says so.
    assert!(talk.line("teach 5 1")[1].starts_with("ok class=5 "));
}

#[test]
fn teaching_a_still_part_asks_to_move_it() {
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
            "wanted: teach CLASS [COUNT] [any] | CLASS frame NUMBER..., got: teach; see help teach",
        ),
        ("teach a b", "COUNT has to be a number from 1 to 1000, got b"),
        ("teach a 0", "COUNT has to be a number from 1 to 1000, got 0"),
        ("teach a 1 2", "wanted: teach CLASS [COUNT]"),
        ("teach a frame", "COUNT has to be a number"),
        ("teach a frame x", "a frame's number has to be a number from 1 to"),
        ("teach a any any", "COUNT has to be a number"),
        ("recent frame 7", "frame 7 is not there"),
        ("recent 0", "`recent frame NUMBER` shows one frame"),
        ("recent 1 2", "wanted: recent [unsure] [COUNT]"),
        ("teach 5", "which class? wanted: teach CLASS 5; for a class named 5: teach 5 1"),
        ("burst 2.5 any", "which class? wanted: burst CLASS 2.5"),
        ("save two words", "a name is one word: save two-words"),
        ("save \"two words\"", "a name is one word: save two-words"),
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
        ("rename CLASS NAME", "wanted: rename CLASS NAME"),
        ("teach CLASS", "wanted: teach CLASS [COUNT]"),
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
    let damaged = "error: the line was damaged on the way, type it again";
    let wanted = [damaged, damaged, damaged, damaged, "ok version=0.1.0 model=fake"];
    assert_eq!(got.lines().collect::<Vec<_>>(), wanted);
}

#[test]
fn a_refusal_is_one_line_without_escape_sequences() {
    use fieldtune::protocol::console::refused;
    use fieldtune::protocol::request::Refused;
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
    for spec in commands() {
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
        assert!(!talk.kept.left && got.contains("error: a serial line cannot be closed"), "{got}");
        assert!(talk.says("version\r").contains("ok version="));
    }
    let mut talk = Talk::new(true);
    talk.kept.can_be_left = true;
    let got = talk.says("xversion\x01\x04\r");
    assert!(got.contains("ok version=") && !talk.kept.left, "in a line it deletes: {got}");
}
