//! `boards/image/slots`: the notes of which slot starts, by the real tool of U-Boot's variables, on a file in place of the card.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// Where the notes are on a card, from the first on: here a file begins with it.
const NOTES: [u64; 2] = [0x1000, 0x2000];

struct Notes {
    folder: TempDir,
}

impl Notes {
    /// As on a card that was just written; `None` where the tool is missing.
    fn new() -> Option<Self> {
        if Command::new("fw_printenv").arg("-V").output().is_err() {
            eprintln!("skipped: fw_printenv is missing (libubootenv-tool)");
            return None;
        }
        let notes = Self { folder: tempfile::tempdir().expect("a folder") };
        let card = notes.folder.path().join("card");
        let file = File::create(&card).expect("there is room");
        file.set_len(0x4000).expect("there is room");
        for (place, note) in NOTES.iter().enumerate() {
            let line = format!("{} {note:#x} 0x200\n", card.display());
            let config = notes.folder.path().join((place + 1).to_string());
            fs::write(config, line).expect("there is room");
        }
        fs::write(notes.folder.path().join("initial"), "").expect("there is room");
        Some(notes)
    }

    fn slots(&self, arguments: &[&str]) -> String {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards/image/slots");
        let mut command = Command::new("sh");
        command.arg(script).args(arguments).env("FIELDTUNE_SLOTS", self.folder.path());
        let said = command.output().expect("sh is there");
        assert!(said.status.success(), "{arguments:?}: {said:?}");
        String::from_utf8(said.stdout).expect("text").trim().to_owned()
    }

    fn spoil(&self, note: u64) {
        let file = File::options().write(true).open(self.folder.path().join("card"));
        let mut file = file.expect("it was made");
        file.seek(SeekFrom::Start(note + 8)).expect("within");
        file.write_all(b"torn").expect("there is room");
    }
}

#[test]
fn a_slot_is_tried_three_times_until_it_is_good() {
    let Some(notes) = Notes::new() else { return };
    // Nothing is written yet: both are tried.
    assert_eq!(notes.slots(&["get-primary"]), "A");
    assert_eq!(
        (notes.slots(&["tries", "A"]), notes.slots(&["tries", "B"])),
        ("3".into(), "3".into())
    );
    notes.slots(&["set-state", "A", "good"]);
    notes.slots(&["set-state", "B", "bad"]);
    assert_eq!(notes.slots(&["get-state", "B"]), "bad");
    notes.slots(&["set-primary", "B"]);
    assert_eq!(
        (notes.slots(&["get-primary"]), notes.slots(&["tries", "B"])),
        ("B".into(), "3".into())
    );
    notes.slots(&["set-state", "B", "good"]);
    assert_eq!(notes.slots(&["tries", "B"]), "good");
    // One that is good stays so when the other goes first, and comes back.
    notes.slots(&["set-primary", "A"]);
    notes.slots(&["set-primary", "B"]);
    assert_eq!(
        (notes.slots(&["tries", "A"]), notes.slots(&["tries", "B"])),
        ("good".into(), "good".into())
    );
    notes.slots(&["set-state", "B", "bad"]);
    assert_eq!(notes.slots(&["get-primary"]), "A");
}

#[test]
fn of_two_notes_one_may_be_torn() {
    for torn in NOTES {
        let Some(notes) = Notes::new() else { return };
        notes.slots(&["set-primary", "B"]);
        notes.slots(&["set-state", "B", "good"]);
        notes.spoil(torn);
        assert_eq!(
            (notes.slots(&["get-primary"]), notes.slots(&["tries", "B"])),
            ("B".into(), "good".into())
        );
        // The next change makes both whole.
        notes.slots(&["set-state", "A", "good"]);
        notes.spoil(NOTES[0]);
        assert_eq!(
            (notes.slots(&["tries", "A"]), notes.slots(&["tries", "B"])),
            ("good".into(), "good".into())
        );
    }
}
