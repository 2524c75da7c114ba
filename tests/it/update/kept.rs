//! `boards/image/keep-store`: what is kept of a store when another program is about to write to it, with the real program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::common::desk::Bench;

/// The folder of what is learned, with a program in front of it.
struct Learned {
    folder: TempDir,
}

impl Learned {
    /// With a store that was taught.
    fn new() -> Self {
        let learned = Self { folder: tempfile::tempdir().expect("a folder") };
        fs::copy(Bench::taught().store(), learned.store()).expect("there is room");
        learned
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn store(&self) -> PathBuf {
        self.path().join("learned.ftune")
    }

    fn kept(&self, program: &str) -> PathBuf {
        self.path().join(".kept").join(program).join("learned.ftune")
    }

    /// A program of that name is about to run.
    fn runs(&self, program: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards/image/keep-store");
        let programs = Path::new(env!("CARGO_BIN_EXE_fieldtune")).parent().expect("a folder");
        let mut command = Command::new("sh");
        command.arg(script).arg(self.path()).arg(program);
        command.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
        let said = command.output().expect("sh is there");
        assert!(said.status.success(), "{program}: {said:?}");
    }

    /// As a program of a later format leaves the store: this one cannot read it.
    fn written_by_a_later_program(&self) -> Vec<u8> {
        let later = b"a store of format 99".to_vec();
        fs::write(self.store(), &later).expect("there is room");
        later
    }
}

#[test]
fn a_store_is_kept_before_another_program_writes() {
    let learned = Learned::new();
    let before = fs::read(learned.store()).expect("it was taught");
    learned.runs("first");
    assert!(!learned.path().join(".kept").exists(), "the first program has nobody before it");
    learned.runs("second");
    assert_eq!(fs::read(learned.kept("first")).expect("it is kept"), before);
    // It stays as it was at the change, whatever the second teaches.
    fs::remove_file(learned.store()).expect("it is ours");
    learned.runs("second");
    assert_eq!(fs::read(learned.kept("first")).expect("it is kept"), before);
}

#[test]
fn an_older_program_takes_its_copy_where_it_cannot_read() {
    let learned = Learned::new();
    let before = fs::read(learned.store()).expect("it was taught");
    learned.runs("first");
    learned.runs("second");
    let later = learned.written_by_a_later_program();
    learned.runs("first");
    assert_eq!(fs::read(learned.store()).expect("it was put back"), before);
    let aside = learned.path().join(".kept/second/learned.ftune.aside");
    assert_eq!(fs::read(aside).expect("nothing is lost"), later);
    assert_eq!(fs::read_to_string(learned.path().join(".writer")).expect("text"), "first");
}

#[test]
fn a_power_cut_while_a_copy_is_taken_loses_nothing() {
    let learned = Learned::new();
    let before = fs::read(learned.store()).expect("it was taught");
    learned.runs("first");
    learned.runs("second");
    let later = learned.written_by_a_later_program();
    learned.runs("first");
    // As if the power was cut before it was noted who writes: everything begins again.
    fs::write(learned.path().join(".writer"), "second").expect("there is room");
    learned.runs("first");
    assert_eq!(fs::read(learned.store()).expect("it was put back"), before);
    let aside = learned.path().join(".kept/second/learned.ftune.aside");
    assert_eq!(fs::read(aside).expect("nothing is lost"), later);
}

#[test]
fn of_programs_before_the_last_nothing_is_kept() {
    let learned = Learned::new();
    for program in ["first", "second", "third"] {
        learned.runs(program);
    }
    assert!(!learned.kept("first").exists() && learned.kept("second").exists());
}
