//! Standard output. A reader that has gone away (`| head`) ends the program quietly, as it does other tools, where the
//! standard macros would panic; one that cannot take it (a full disk) is a failed device.

use std::fs::File;
use std::io::{ErrorKind, Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::Exit;
use crate::console;

/// In place of the standard macro, see [`crate::cli::output`].
macro_rules! print {
    ($($argument:tt)*) => { $crate::cli::output::write(format!($($argument)*).as_bytes()) };
}

/// In place of the standard macro, see [`crate::cli::output`].
macro_rules! println {
    ($($argument:tt)*) => {{
        let mut line = $crate::cli::output::harmless(&format!($($argument)*));
        line.push('\n');
        $crate::cli::output::write(line.as_bytes());
    }};
}

/// The lines of a text without anything that a terminal obeys: a file may be called anything.
pub(super) fn harmless(text: &str) -> String {
    text.split('\n').map(console::harmless).collect::<Vec<_>>().join("\n")
}

/// Writes to standard output, whole and at once; does not return if that fails.
pub(super) fn write(bytes: &[u8]) {
    let mut stdout = stdout().lock();
    if let Err(error) = stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        // What had to be kept was committed before it was told.
        if error.kind() == ErrorKind::BrokenPipe {
            std::process::exit(Exit::Done as i32);
        }
        eprintln!("error: standard output: {error}");
        std::process::exit(Exit::Device as i32);
    }
}

/// Writes a file beside itself and puts it in its place: whole or not at all, what was there stays until then.
///
/// # Errors
/// The file cannot be written; nothing is left of it.
pub(super) fn replace(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = File::create(&part)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&part, file));
    if written.is_err() {
        // It may not even have been made.
        let _ = std::fs::remove_file(&part);
    }
    written.with_context(|| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_put_in_its_place_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let file = folder.path().join("file");
        replace(&file, b"one").expect("the folder is the test's");
        replace(&file, b"two").expect("the folder is the test's");
        assert_eq!(std::fs::read(&file).ok().as_deref(), Some(&b"two"[..]));
        let taken = folder.path().join("folder");
        std::fs::create_dir(&taken).expect("the folder is the test's");
        replace(&taken, b"three").expect_err("a file does not replace a folder");
        let left = std::fs::read_dir(folder.path()).expect("the folder is the test's").count();
        assert_eq!(left, 2, "the file and the folder");
    }

    #[test]
    fn lines_stay_lines_and_nothing_moves_the_cursor() {
        assert_eq!(harmless("a\n  next: b\u{1b}[2J\r"), "a\n  next: b\\u{1b}[2J\\u{d}");
    }
}
