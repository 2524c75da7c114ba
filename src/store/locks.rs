//! Who may write to a store: one process, whatever the names are that it has.
//!
//! The lock beside the file is there before the file is, and names its process. The lock of the file itself is that of
//! every name that it has, and stays where the other was deleted.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::StoreError;
use super::paths::io_error;
use crate::util::files::sibling;

/// How long to wait for another process to release it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The locks of an open store; they end with it.
#[derive(Debug)]
pub(super) struct Locks {
    /// Beside the file.
    beside: File,
    /// Of the file itself, once it is there: another handle of the one that is written to.
    own: Option<File>,
}

impl Locks {
    /// The lock beside that file, once no other process has it.
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let beside_path = sibling(path, "lock");
        let beside = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&beside_path)
            .map_err(io_error(&beside_path, "open the lock"))?;
        let mut locks = Self { beside, own: None };
        locks.wait_for(path, None)?;
        // For a message only; a lock without a number is as good.
        let mut beside = &locks.beside;
        let _ = beside.set_len(0).and_then(|()| write!(beside, "{}", std::process::id()));
        Ok(locks)
    }

    /// The lock of the file itself, too.
    pub(super) fn hold(&mut self, file: &File, path: &Path) -> Result<(), StoreError> {
        // The one that lay there before is no longer written to.
        self.own = None;
        let own = file.try_clone().map_err(io_error(path, "open"))?;
        self.wait_for(path, Some(&own))?;
        self.own = Some(own);
        Ok(())
    }

    /// Whether the file that is written to is still the one of that name.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        let same = |own: &File| {
            let (own, there) = (own.metadata().ok()?, fs::metadata(path).ok()?);
            Some((own.dev(), own.ino()) == (there.dev(), there.ino()))
        };
        self.own.as_ref().and_then(same).unwrap_or(false)
    }

    /// * `own`: the file itself, or the one beside it.
    fn wait_for(&mut self, path: &Path, own: Option<&File>) -> Result<(), StoreError> {
        let begun = Instant::now();
        loop {
            match own.unwrap_or(&self.beside).try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => {
                    let mut pid = String::new();
                    // A process that has the file under another name has written no number here.
                    let known = own.is_none() && self.beside.read_to_string(&mut pid).is_ok();
                    let owner = match pid.trim() {
                        pid if known && !pid.is_empty() => format!(" (process {pid})"),
                        _ => String::new(),
                    };
                    return Err(StoreError::Locked { path: path.display().to_string(), owner });
                }
                Err(TryLockError::Error(error)) => return Err(io_error(path, "lock")(error)),
            }
        }
    }
}

/// Whether a process has the store open to write.
pub(super) fn is_held(file: &File) -> bool {
    // Shared: two that only ask do not stand in each other's way. It ends with this handle.
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// The file that a symbolic link leads to, so that it is one store under all names; a path that is none as it is.
pub(super) fn followed(path: &Path) -> Result<PathBuf, StoreError> {
    match path.is_symlink() {
        true => fs::canonicalize(path).map_err(io_error(path, "follow the link")),
        false => Ok(path.to_owned()),
    }
}
