//! What is typed at a console and not for others' eyes.

use fieldtune::protocol::pin::{Pin, PinHash};
use fieldtune::protocol::session::Session;

use crate::common::alone::{Process, process};
use crate::common::device::{FakeDevice, Kept, classification};
use crate::common::figures::resident_kib;

/// A person at a console.
struct Talk {
    session: Session,
    device: FakeDevice,
    kept: Kept,
}

impl Talk {
    fn new() -> Self {
        Self { session: Session::new(true), device: FakeDevice::new(), kept: Kept::default() }
    }

    /// What comes back for these keys.
    fn bytes(&mut self, keys: &[u8]) -> Vec<u8> {
        self.session.feed(keys, &mut self.device, &mut self.kept);
        std::mem::take(&mut self.kept.bytes)
    }
}

#[test]
fn a_pin_is_neither_shown_nor_remembered() {
    // Each of its characters is sent by nothing else here.
    let pin = "#%&~";
    let is_silent = |bytes: &[u8]| !bytes.iter().any(|byte| pin.as_bytes().contains(byte));
    for (keys, asked) in [
        (format!("unlock {pin}\r"), true),
        (format!("\tunlock\u{3000} {pin} \r"), true),
        (format!("unl\t{pin}\r"), true),
        (format!("unlock {pin}\x1b[D\x1b[D\x1b[C\x05\r"), true),
        (format!("unlock {pin} {pin}\r"), false),
        (format!("unlock {pin}\x01x\r"), false),
        (format!("unlock {pin}\x01\x1b[C\x08\r"), false),
        (format!("unlock {pin}\x01help \r"), false),
        (format!("unlock {pin}\x03"), false),
        (format!("unlock {pin}\x1b[A\r"), false),
        (format!("unlock {}\r", pin.repeat(17)), false),
    ] {
        let mut talk = Talk::new();
        talk.bytes(b"version\r");
        let mut shown = talk.bytes(keys.as_bytes());
        talk.session.verdict(&classification("scratch"), &mut talk.kept);
        // Whatever is remembered: up, up, up, and down again.
        shown.extend(talk.bytes(b"\x15\x1b[A\x1b[A\x1b[A\x1b[B\x1b[B"));
        assert!(is_silent(&shown), "{keys:?}: {}", String::from_utf8_lossy(&shown));
        let latest = talk.bytes(b"\x15\x1b[A").escape_ascii().to_string();
        let is_older = latest.contains("version") && !latest.contains("unlock");
        assert!(is_older, "{keys:?} is remembered: {latest}");
        let unlocks = talk.device.asked.iter().filter(|asked| asked.contains("Unlock")).count();
        assert_eq!(unlocks, usize::from(asked), "{keys:?}: {:?}", talk.device.asked);
        assert!(is_silent(talk.device.asked.concat().as_bytes()), "{:?}", talk.device.asked);
    }
    // A line that held one and was emptied is a line like others.
    let mut talk = Talk::new();
    assert!(talk.bytes(b"unlock 7777\x15status").ends_with(b"status"));
    let shown = talk.bytes(b"\x15unlock 77\x7f\x7f\x7f\x7f\x7f\x7f\x7fdo");
    assert!(shown.ends_with(b"\r> un\x1b[Kdo"), "{}", shown.escape_ascii());
}

#[test]
fn what_was_typed_is_not_there_for_whoever_comes_next() {
    let mut talk = Talk::new();
    talk.bytes(b"teach secret\r");
    assert!(talk.bytes(b"\x1b[A\x15").escape_ascii().to_string().contains("secret"));
    talk.session.opened(&mut talk.kept);
    talk.kept.bytes.clear();
    let shown = talk.bytes(b"\x1b[A\x1b[A");
    assert!(!shown.escape_ascii().to_string().contains("secret"), "{}", shown.escape_ascii());
}

#[test]
fn memory_of_a_pin_check_is_returned_by_every_thread() {
    let test = "secrets::memory_of_a_pin_check_is_returned_by_every_thread";
    match process(test) {
        Process::Own => {}
        Process::Shared => return,
        Process::Emulated => {
            println!("skipped: under an emulator its memory would be measured");
            return;
        }
    }
    let (right, wrong) = (Pin::new("8246-x").expect("a PIN"), Pin::new("8246-y").expect("a PIN"));
    let hash = PinHash::of(&right).expect("random bytes");
    let before = resident_kib("self");
    // One after another, each in a thread that stays, as a device's ports do.
    let turn = std::sync::Mutex::new(());
    let stay = std::sync::Barrier::new(9);
    let more = std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let its_turn = turn.lock().expect("nobody panics");
                for _ in 0..3 {
                    assert!(hash.fits(&right) && !hash.fits(&wrong));
                }
                drop(its_turn);
                stay.wait();
                stay.wait();
            });
        }
        stay.wait();
        let more = resident_kib("self").saturating_sub(before);
        stay.wait();
        more
    });
    // A check takes 19,456.
    assert!(more < 19_456, "{more} KiB more");
}
