//! Standard output. A reader that has gone away (`| head`) ends the program quietly, as it does other tools, where the
//! standard macros would panic; one that cannot take it (a full disk) is a failed device.

use std::io::{ErrorKind, Write, stdout};
use std::path::Path;

use anyhow::{Context as _, bail};

use super::Exit;
use crate::store;
use crate::util::files;
use crate::util::text::obeyed;

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

/// In place of the standard macro: what goes to stderr may hold a file's name, too.
macro_rules! eprintln {
    ($($argument:tt)*) => {
        std::eprintln!("{}", $crate::cli::output::harmless(&format!($($argument)*)))
    };
}

/// The lines of a text without anything that a terminal obeys: a file may be called anything.
///
/// What JSON may hold as it is, such as what turns the direction of writing, is written as JSON would escape it: the
/// text may be JSON.
pub(super) fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (c, obeyed) in obeyed(text) {
        match c {
            '\n' => out.push(c),
            c if c < ' ' => out.extend(c.escape_unicode()),
            c if obeyed => {
                out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
            }
            c => out.push(c),
        }
    }
    out
}

/// Writes to standard output, whole and at once; does not return if that fails.
pub(super) fn write(bytes: &[u8]) {
    let mut stdout = stdout().lock();
    if let Err(error) = stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        // What had to be stored was committed before it was reported.
        if error.kind() == ErrorKind::BrokenPipe {
            std::process::exit(Exit::Done as i32);
        }
        eprintln!("error: standard output: {error}");
        std::process::exit(Exit::Device as i32);
    }
}

/// Writes a file, whole or not at all: what was there stays until the new one is complete and lasts. Never over a
/// store.
pub(super) fn write_whole(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    refuse_store(file)?;
    write_over(file, bytes)
}

/// # Errors
/// A store lies there.
pub(super) fn refuse_store(file: &Path) -> anyhow::Result<()> {
    if store::is_store(file)? {
        let place = file.display();
        bail!("{place} is a store and is not overwritten\n  next: give another name");
    }
    Ok(())
}

/// As [`write_whole`], a store, which may take the place of another that is not in use.
pub(super) fn write_store(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    refuse_store_in_use(file)?;
    write_over(file, bytes)
}

/// # Errors
/// A store lies there that a process has open.
pub(super) fn refuse_store_in_use(file: &Path) -> anyhow::Result<()> {
    if store::is_in_use(file)? {
        let place = file.display();
        bail!("{place} is a store in use and is not overwritten\n  next: give another name");
    }
    Ok(())
}

fn write_over(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    // A pipe, a terminal or /dev/null is written to, and never replaced.
    if std::fs::metadata(file).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return std::fs::write(file, bytes).with_context(|| file.display().to_string());
    }
    files::replace(file, bytes, None).with_context(|| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_put_in_its_place_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let file = folder.path().join("file");
        write_whole(&file, b"one").expect("the folder is the test's");
        write_whole(&file, b"two").expect("the folder is the test's");
        assert_eq!(std::fs::read(&file).ok().as_deref(), Some(&b"two"[..]));
        let taken = folder.path().join("folder");
        std::fs::create_dir(&taken).expect("the folder is the test's");
        write_whole(&taken, b"three").expect_err("a file does not replace a folder");
        write_whole(Path::new("/dev/null"), b"four").expect("it takes everything");
        let kind = std::fs::metadata("/dev/null").expect("it is there").file_type();
        assert!(!kind.is_file(), "a device is written to, not replaced");
        let left = std::fs::read_dir(folder.path()).expect("the folder is the test's").count();
        assert_eq!(left, 2, "the file and the folder");
    }

    #[test]
    fn lines_stay_lines_and_nothing_moves_the_cursor() {
        assert_eq!(harmless("a\n  next: b\u{1b}[2J\r"), "a\n  next: b\\u{1b}[2J\\u{d}");
    }

    #[test]
    fn json_stays_what_it_says() {
        let value = serde_json::json!({ "file": "a\u{202e}\u{1b}[2J\u{9b}\u{7f}\u{e0001}\n.png" });
        let text = harmless(&value.to_string());
        assert!(text.is_ascii() && !text.contains('\u{1b}'), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).ok(), Some(value));
    }
}
