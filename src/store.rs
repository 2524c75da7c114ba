//! Where what was learned is kept.
//!
//! [`FileStore`](crate::store::FileStore) is one file, written beside itself, synced, and put in place by a rename, so a
//! reader or a power cut finds the old state or the new one, never half of each. The lock is a file of its own, since
//! the store's own file changes with every commit.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::learner::Change;
use crate::snapshot::{Snapshot, SnapshotError};

/// Keeps what was learned. A commit that returned is there after a power cut; one that failed changed nothing.
pub trait Store {
    /// What was committed last; `None` if nothing ever was.
    ///
    /// # Errors
    /// [`StoreError`]. A damaged store is never taken for an empty one.
    fn load(&mut self) -> Result<Option<Snapshot>, StoreError>;

    /// Makes the state after `changes` the committed one.
    ///
    /// * `whole`: that state, for a store that writes all of it.
    ///
    /// # Errors
    /// [`StoreError`]; what was committed before stays. Where only the last step failed, making the folder durable, the
    /// new state may be found after a power cut.
    fn commit(
        &mut self,
        changes: &[Change],
        whole: &dyn Fn() -> Snapshot,
    ) -> Result<(), StoreError> {
        if changes.is_empty() { Ok(()) } else { self.replace(&whole()) }
    }

    /// Makes this the committed state, whatever was committed before.
    ///
    /// # Errors
    /// As [`Store::commit`].
    fn replace(&mut self, whole: &Snapshot) -> Result<(), StoreError>;

    /// A value that is kept beside what was learned, and stays when that is replaced; `None` if it was never set.
    ///
    /// * `name`: letters, digits and `-`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn setting(&mut self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Sets such a value; it is there after a power cut once this returned.
    ///
    /// # Errors
    /// [`StoreError`]; the value is the old one or, where only the last step failed, the new one.
    fn set(&mut self, name: &str, value: &[u8]) -> Result<(), StoreError>;
}

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("{path}: cannot {doing}: {error}")]
    Io {
        /// The file.
        path: String,
        /// What was tried.
        doing: &'static str,
        /// Its answer.
        error: io::Error,
    },
    /// Another process has it.
    #[error(
        "{path} is in use by another fieldtune{owner}; wait for it to end, or use another --store"
    )]
    Locked {
        /// The store.
        path: String,
        /// ` (process N)` where that is known.
        owner: String,
    },
    /// The file is too large to be one of ours.
    #[error("{path}: {bytes} bytes is more than a store may have ({MAX_BYTES})")]
    TooLarge {
        /// The file.
        path: String,
        /// Its length.
        bytes: u64,
    },
    /// The content cannot be used.
    #[error("{path}: {error}; the file was left as it is")]
    Snapshot {
        /// The file.
        path: String,
        /// What is wrong with it.
        error: SnapshotError,
    },
}

/// Bytes a store's file may have.
pub const MAX_BYTES: u64 = 1 << 30;

/// How long to wait for another process to let go.
const PATIENCE: Duration = Duration::from_secs(5);

/// One file, replaced atomically.
#[derive(Debug)]
pub struct FileStore {
    path: PathBuf,
    /// Held for as long as the store is open; the lock ends with the file.
    _lock: File,
}

impl FileStore {
    /// Opens the store, or a place for one; folders are made where they are missing.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process keeps it open for more than 5 seconds; [`StoreError::Io`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            fs::create_dir_all(folder).map_err(io_error(folder, "make the folder"))?;
        }
        let lock_path = sibling(path, "lock");
        let mut lock = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&lock_path)
            .map_err(io_error(&lock_path, "open the lock"))?;
        let begun = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => {
                    let mut pid = String::new();
                    let known = lock.read_to_string(&mut pid).is_ok() && !pid.trim().is_empty();
                    let owner =
                        if known { format!(" (process {})", pid.trim()) } else { String::new() };
                    return Err(StoreError::Locked { path: path.display().to_string(), owner });
                }
                Err(TryLockError::Error(error)) => {
                    return Err(io_error(&lock_path, "lock")(error));
                }
            }
        }
        // For the message above only; a lock without a number is as good.
        let _ = lock.set_len(0).and_then(|()| write!(lock, "{}", std::process::id()));
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Store for FileStore {
    fn load(&mut self) -> Result<Option<Snapshot>, StoreError> {
        let path = || self.path.display().to_string();
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error(&self.path, "open")(error)),
        };
        let bytes = file.metadata().map_err(io_error(&self.path, "look at"))?.len();
        if bytes > MAX_BYTES {
            return Err(StoreError::TooLarge { path: path(), bytes });
        }
        let mut content = Vec::with_capacity(bytes as usize);
        file.read_to_end(&mut content).map_err(io_error(&self.path, "read"))?;
        Snapshot::decode(&content)
            .map(Some)
            .map_err(|error| StoreError::Snapshot { path: path(), error })
    }

    fn replace(&mut self, whole: &Snapshot) -> Result<(), StoreError> {
        let fresh = sibling(&self.path, "new");
        let written = write_synced(&fresh, &whole.encode())
            .and_then(|()| fs::rename(&fresh, &self.path))
            .and_then(|()| sync_folder(&self.path));
        written.map_err(|error| {
            // Nothing can be done about a leftover; the next commit overwrites it.
            let _ = fs::remove_file(&fresh);
            io_error(&self.path, "write")(error)
        })
    }

    fn setting(&mut self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = sibling(&self.path, name);
        match fs::read(&path) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error(&path, "read")(error)),
        }
    }

    fn set(&mut self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        let path = sibling(&self.path, name);
        let fresh = sibling(&path, "new");
        write_synced(&fresh, value)
            .and_then(|()| fs::rename(&fresh, &path))
            .and_then(|()| sync_folder(&path))
            .map_err(io_error(&path, "write"))
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A rename is durable once the folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

fn io_error(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.display().to_string();
    move |error| StoreError::Io { path, doing, error }
}
