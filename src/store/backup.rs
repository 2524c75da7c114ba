//! A store's content without its lock, also while another process writes to it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::disk::MemoryDisk;
use super::locks;
use super::on_disk::DiskStore;
use super::paths::{MAGIC, io_error, is_database, read_all};
use super::{Store, StoreError};
use crate::store::snapshot::Snapshot;

/// The bytes of a database as they were at one moment, also while another process writes to it: its pages are never
/// written in place, and every commit changes the head of the file, so where that is the same before and after, all that
/// it refers to is from one commit.
pub(super) fn copy_of(path: &Path) -> Result<Vec<u8>, StoreError> {
    const HEAD: usize = 4096;
    const TRIES: usize = 20;
    let mut tries = 0;
    loop {
        let mut file = File::open(path).map_err(io_error(path, "open"))?;
        let content = read_all(&mut file, path)?;
        let mut again = vec![0; content.len().min(HEAD)];
        let file = File::open(path).and_then(|mut file| file.read_exact(&mut again));
        file.map_err(io_error(path, "read"))?;
        if content.starts_with(&again) {
            return Ok(content);
        }
        tries += 1;
        if tries == TRIES {
            let busy = io::Error::other("it kept changing while it was copied");
            return Err(io_error(path, "read")(busy));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A copy of what was last committed, checked, and without what is no longer used; also while another process writes.
///
/// # Errors
/// [`StoreError`]; also where the file is damaged.
pub fn backup_of(path: &Path) -> Result<Vec<u8>, StoreError> {
    let content = copy_of(path)?;
    if !content.starts_with(MAGIC) {
        let refuse = |error| StoreError::Snapshot { path: path.display().to_string(), error };
        Snapshot::decode(&content).map_err(refuse)?;
        return Ok(content);
    }
    let disk = Arc::new(MemoryDisk::new(content));
    let mut store = DiskStore::new(disk.clone(), &path.display().to_string());
    store.check()?;
    store.compact()?;
    store.close();
    Ok(disk.content())
}

/// Whether a store of this version's form lies there, and no exchanged file.
///
/// # Errors
/// [`StoreError::Io`].
pub fn is_store(path: &Path) -> Result<bool, StoreError> {
    Ok(path.is_file() && is_database(path)?)
}

/// Whether a store lies there that a process has open to write.
///
/// # Errors
/// [`StoreError::Io`].
pub fn is_in_use(path: &Path) -> Result<bool, StoreError> {
    if !is_store(path)? {
        return Ok(false);
    }
    let file = File::open(path).map_err(io_error(path, "open"))?;
    Ok(locks::is_held(&file))
}
