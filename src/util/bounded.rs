//! Files, read up to a limit: what is named may be an endless device, and what it says of its length may be wrong.

use std::fs::File;
use std::io::{Error, ErrorKind, Read as _, Result};
use std::path::Path;

/// A file's bytes.
///
/// * `limit`: bytes that it may have.
///
/// # Errors
/// The system's, and [`ErrorKind::FileTooLarge`] with the limit.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    // One byte beyond the limit shows that a file is longer, where its metadata does not.
    let too_long = file.metadata()?.len() > limit
        || file.take(limit.saturating_add(1)).read_to_end(&mut bytes)? as u64 > limit;
    if too_long {
        let what = format!("it is longer than such a file may be ({limit} bytes)");
        return Err(Error::new(ErrorKind::FileTooLarge, what));
    }
    Ok(bytes)
}

/// A file's text, see [`read`].
///
/// # Errors
/// As [`read`], and [`ErrorKind::InvalidData`] where it is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> Result<String> {
    let text = String::from_utf8(read(path, limit)?);
    text.map_err(|_| Error::new(ErrorKind::InvalidData, "it is no text in UTF-8"))
}
