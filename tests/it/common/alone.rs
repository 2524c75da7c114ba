//! Tests that need a process of their own: they measure its memory, or take its signals.

use std::process::Command;

/// Set in the process that was started for one test.
const ALONE: &str = "FIELDTUNE_TEST_ALONE";

/// Where a test runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// In a process of its own.
    Own,
    /// With others under an emulator, which cannot start it again: its memory is not that of the test.
    Emulated,
    /// With others; it has passed in a process of its own.
    Shared,
}

/// Runs a test of this program again in a process of its own, unless this is that process or an emulator's.
///
/// * `test`: its name as the harness lists it.
pub fn process(test: &str) -> Process {
    if std::env::var_os(ALONE).is_some() {
        return Process::Own;
    }
    if std::env::var_os("FIELDTUNE_TEST_DIVISOR").is_some() {
        return Process::Emulated;
    }
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture"])
        .env(ALONE, "1")
        .output()
        .expect("it starts");
    let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (said(&output.stdout), said(&output.stderr));
    assert!(output.status.success(), "{test}: {stdout}{stderr}");
    assert!(stdout.contains("1 passed"), "there is no test {test}: {stdout}");
    println!("{stdout}");
    Process::Shared
}
