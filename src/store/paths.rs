//! Files by their path: bounded reads, what they begin with, their neighbours, errors that name them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::{MAX_BYTES, StoreError};

/// What a file of redb begins with.
pub(super) const MAGIC: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";

/// All of a file, up to [`MAX_BYTES`].
pub(super) fn read_all(file: &mut File, path: &Path) -> Result<Vec<u8>, StoreError> {
    let bytes = file.metadata().map_err(io_error(path, "look at"))?.len();
    if bytes > MAX_BYTES {
        return Err(StoreError::TooLarge { path: path.display().to_string(), bytes });
    }
    let mut content = Vec::with_capacity(bytes as usize);
    file.take(MAX_BYTES).read_to_end(&mut content).map_err(io_error(path, "read"))?;
    Ok(content)
}

/// Whether a file is one of redb.
pub(super) fn is_database(path: &Path) -> Result<bool, StoreError> {
    let mut start = Vec::with_capacity(MAGIC.len());
    let file = File::open(path).map_err(io_error(path, "open"))?;
    file.take(MAGIC.len() as u64).read_to_end(&mut start).map_err(io_error(path, "read"))?;
    Ok(start == MAGIC)
}

/// Whether writing failed since nothing may be written there.
pub(super) fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
}

/// Puts path and action to an error.
pub(super) fn io_error(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.display().to_string();
    move |error| StoreError::Io { path, doing, error }
}
