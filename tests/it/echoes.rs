//! Lines that send back what they get, as it was or changed: the console answers nothing that it said itself.

use fieldtune::image::frame::Timestamp;
use fieldtune::protocol::console::{Entry, WIDTH, commands, help, parse};
use fieldtune::protocol::request::{self, Request};
use fieldtune::protocol::session::Session;
use fieldtune::protocol::wire::{self, Kind, WireFrame};

use crate::common::device;

use device::{FakeDevice, Kept, classification};

/// A console and what it said.
struct Talk {
    session: Session,
    device: FakeDevice,
    kept: Kept,
    seconds: u64,
}

impl Talk {
    /// One that has greeted.
    fn new(echo: bool) -> Self {
        let (session, device, kept) = (Session::new(echo), FakeDevice::new(), Kept::default());
        let mut talk = Self { session, device, kept, seconds: 0 };
        talk.session.opened(&mut talk.kept);
        talk
    }

    fn said(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.kept.bytes)
    }

    fn hears(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.session.feed(bytes, &mut self.device, &mut self.kept);
        self.said()
    }

    fn says(&mut self, typed: &str) -> String {
        String::from_utf8(self.hears(typed.as_bytes())).expect("a console speaks UTF-8")
    }

    fn waits(&mut self, seconds: u64) {
        self.seconds += seconds;
        self.session.tick(Timestamp(self.seconds * 1_000_000));
        self.session.idle();
    }
}

/// How a line changes what it sends back.
type Change = fn(&[u8], usize) -> Vec<u8>;

fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    String::from_utf8_lossy(bytes).replace(from, to).into_bytes()
}

const CHANGES: [(&str, Change); 12] = [
    ("as it was", |bytes, _| bytes.to_vec()),
    ("LF alone", |bytes, _| bytes.iter().copied().filter(|&b| b != b'\r').collect()),
    ("CR alone", |bytes, _| bytes.iter().copied().filter(|&b| b != b'\n').collect()),
    ("CR as LF", |bytes, _| replaced(bytes, "\r", "\n")),
    ("LF as CR LF", |bytes, _| replaced(bytes, "\n", "\r\n")),
    ("a terminal's echo", |bytes, _| replaced(bytes, "\x1b", "^[")),
    ("every 37th damaged", |bytes, at| {
        let bytes = bytes.iter().enumerate();
        bytes.map(|(i, &b)| if (at + i) % 37 == 36 { b ^ 0x21 } else { b }).collect()
    }),
    ("every 11th lost", |bytes, at| {
        let bytes = bytes.iter().enumerate();
        bytes.filter(|(i, _)| (at + i) % 11 != 10).map(|(_, &b)| b).collect()
    }),
    ("the first half alone", |bytes, _| bytes[..bytes.len() / 2].to_vec()),
    ("the second half alone", |bytes, _| bytes[bytes.len() / 2..].to_vec()),
    ("bytes between", |bytes, _| bytes.iter().flat_map(|&b| [b, 0]).collect()),
    ("a word before each", |bytes, _| replaced(bytes, "\r\n", "\r\npi login: ")),
];

/// What somebody types before: nothing, keys, commands of every kind.
const TYPED: [&str; 16] = [
    "",
    "\r",
    "h",
    "help\r",
    "help undo\r",
    "help restart\r",
    "?\r",
    "teach good 2\r",
    "undo\r",
    "restart\r",
    "re\t",
    "log 3\r",
    "watch on\r",
    "nonsense\r",
    "teach\r",
    "examples\r",
];

/// What half a line may ask for by chance: it changes nothing.
const LOOKS: [&str; 4] = ["Classes", "ListExamples", "GetStatus", "Pull"];

/// Bytes that a console may say to itself before it is silent: a long answer comes back once, and where every row comes
/// back torn, a line of 1024 characters is drawn as often.
const MOST: usize = 150_000;

/// Sends back what was said, a piece at a time, until there is silence.
fn circulate(
    talk: &mut Talk,
    said: Vec<u8>,
    change: Change,
    piece: usize,
    slow: bool,
) -> Result<usize, String> {
    let (mut line, mut at) = (said, 0);
    while !line.is_empty() {
        let piece: Vec<u8> = line.drain(..piece.min(line.len())).collect();
        let back = change(&piece, at);
        at += piece.len();
        if slow {
            talk.waits(2);
        }
        line.extend(talk.hears(&back));
        if at > MOST {
            let end = String::from_utf8_lossy(&line).into_owned();
            return Err(format!("it goes on: {:?}", end.chars().take(300).collect::<String>()));
        }
    }
    Ok(at)
}

#[test]
fn what_comes_back_is_not_answered_and_changes_nothing() {
    for (name, change) in CHANGES {
        for typed in TYPED {
            for (echo, greeted, piece, slow) in [
                (true, true, 1, false),
                (true, true, 16, false),
                (true, true, 4096, true),
                (true, false, 4096, false),
                (true, false, 4096, true),
                (false, true, 64, false),
            ] {
                let case = format!("{name}, {typed:?}, {echo} {greeted} {piece} {slow}");
                let mut talk = Talk::new(echo);
                talk.session.feed(b"teach bad 2\r", &mut talk.device, &mut talk.kept);
                let before = talk.said();
                let mut said = if greeted { before } else { Vec::new() };
                said.extend(talk.hears(typed.as_bytes()));
                let asked = talk.device.asked.len();
                let ended = circulate(&mut talk, said, change, piece, slow);
                ended.unwrap_or_else(|goes_on| panic!("{case}: {goes_on}"));
                let looks = |asked: &&String| LOOKS.iter().any(|look| asked.starts_with(look));
                let more: Vec<_> =
                    talk.device.asked[asked..].iter().filter(|a| !looks(a)).collect();
                assert!(more.is_empty(), "{case}: asked {more:?}");
                talk.waits(2);
                // What was left without an end is in the way of nobody's second try.
                let answers = talk.says("version\r") + &talk.says("version\r");
                assert!(answers.contains("ok version=0.1.0 model=fake"), "{case}: {answers:?}");
            }
        }
    }
}

#[test]
fn single_keys_that_come_back_end_by_themselves() {
    let mut talk = Talk::new(true);
    talk.said();
    for typed in ["h", "\x1b[D", "\r", "ab\x1b[D", "\t", "x\x7f"] {
        let said = talk.hears(typed.as_bytes());
        circulate(&mut talk, said, |bytes, _| bytes.to_vec(), 1, false).expect("it ends");
    }
    assert!(talk.device.asked.is_empty(), "{:?}", talk.device.asked);
}

#[test]
fn a_person_types_as_before_once_nothing_comes_back() {
    let mut talk = Talk::new(true);
    let said = talk.said();
    circulate(&mut talk, said, |bytes, _| bytes.to_vec(), 64, false).expect("it ends");
    talk.waits(60);
    assert_eq!(talk.says("\r"), "> ", "an Enter by itself shows that it listens");
    assert_eq!(talk.says("version\r"), "ok version=0.1.0 model=fake\r\n> ", "answered at once");
    talk.waits(1);
    assert_eq!(talk.says("stauts\r"), "error: there is no command stauts; help lists them\r\n> ");
    talk.waits(4);
    assert!(talk.says("ver").ends_with("ver"), "what is typed is shown again");
    assert!(talk.says("sion\r").contains("sion\x1b[K\x1b[K\r\nok version="));
}

#[test]
fn who_says_no_commands_is_answered_more_and_more_slowly() {
    let mut talk = Talk::new(true);
    talk.hears(b"ok class=good\r");
    let mut answered = Vec::new();
    for second in 0..600 {
        talk.waits(1);
        if talk.says("Login incorrect\r").contains("no command Login") {
            answered.push(second);
        }
    }
    assert!(answered.len() < 20, "{answered:?}");
    let gaps: Vec<u64> = answered.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.is_sorted() && gaps.last() == Some(&64), "{gaps:?}");
    assert!(talk.says("version\r").contains("ok version="), "a command is answered at once");
    assert!(talk.says("Login\r").contains("no command Login"), "and so is a slip then");
}

#[test]
fn two_consoles_wired_to_each_other_fall_silent() {
    for typed in TYPED {
        for (echo, other) in [(true, true), (true, false), (false, false)] {
            let (mut a, mut b) = (Talk::new(echo), Talk::new(other));
            let (mut to_b, mut to_a) = (a.said(), b.said());
            to_b.extend(a.hears(typed.as_bytes()));
            let (asked, mut bytes) = (a.device.asked.len(), 0);
            while !to_a.is_empty() || !to_b.is_empty() {
                bytes += to_a.len() + to_b.len();
                assert!(bytes < MOST, "{typed:?}: {}", String::from_utf8_lossy(&to_a));
                let (for_a, for_b) = (to_a, to_b);
                (to_a, to_b) = (b.hears(&for_b), a.hears(&for_a));
            }
            assert_eq!((a.device.asked.len(), b.device.asked.len()), (asked, 0), "{typed:?}");
        }
    }
}

#[test]
fn verdicts_that_come_back_are_not_answered() {
    let mut talk = Talk::new(true);
    let mut line = talk.said();
    line.extend(talk.hears(b"watch on\r"));
    circulate(&mut talk, line, |bytes, _| bytes.to_vec(), 64, false).expect("it ends");
    for _ in 0..100 {
        talk.session.verdict(&classification("scratch"), &mut talk.kept);
        let said = talk.said();
        let more = circulate(&mut talk, said.clone(), |bytes, _| bytes.to_vec(), 64, false);
        assert_eq!(more, Ok(said.len()), "a verdict comes back once");
    }
}

#[test]
fn frames_that_come_back_are_not_answered() {
    let body = wire::encode_request(&Request::Snap(request::Snap)).expect("sendable");
    let frame = |kind, version| {
        let body = body.clone();
        let mut line = WireFrame { kind, id: 7, part: 0, parts: 1, body }.encode();
        // The version stands alone behind COBS' first code; the checksum does not fit any more.
        line[2] = version;
        line
    };
    let mut talk = Talk::new(false);
    let mut line = talk.hears(&frame(Kind::Request, wire::VERSION));
    assert!(line.len() > 50_000, "it was answered");
    line.extend(wire::encode_more(8, &[1, 2]));
    let asked = talk.device.asked.len();
    let mut bytes = 0;
    while !line.is_empty() {
        bytes += line.len();
        assert!(bytes < 200_000, "it goes on");
        line = talk.hears(&line);
    }
    assert_eq!(talk.device.asked.len(), asked);
}

#[test]
fn help_lines_are_no_commands_and_fit_a_terminal() {
    let all = commands().map(|spec| help(Some(spec))).chain([help(None)]);
    for line in all.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()) {
        assert!(line.chars().count() <= WIDTH, "{line}");
        let starts = line
            .char_indices()
            .filter(|&(at, _)| at == 0 || line[..at].ends_with(' ') || line[..at].ends_with('@'));
        for (at, _) in starts {
            let got = parse(&line[at..]);
            assert!(
                got.is_err() || matches!(got, Ok(Entry::Nothing)) || !changes(&got),
                "{line}: {} is a command",
                &line[at..]
            );
        }
        assert!(parse(&line).is_err() || line.is_empty(), "{line} is a command");
    }
}

fn changes(entry: &Result<Entry, String>) -> bool {
    use fieldtune::protocol::access::Need;
    matches!(entry, Ok(Entry::Request(request)) if request.need() != Need::Look)
}
