//! What a store writes to: a file, or memory where a test wants to cut the power.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::mutex::lock;

/// Bytes at places, and a promise that they last.
pub trait Disk: Debug + Send + Sync {
    /// Length in bytes.
    ///
    /// # Errors
    /// The system's, here and below.
    #[allow(clippy::len_without_is_empty)]
    fn len(&self) -> io::Result<u64>;

    /// Fills `to` with the bytes from `at` on; an error where there are too few.
    ///
    /// # Errors
    /// See [`Disk::len`].
    fn read(&self, at: u64, to: &mut [u8]) -> io::Result<()>;

    /// Puts bytes at a place within its length.
    ///
    /// # Errors
    /// See [`Disk::len`].
    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts it off, or makes it longer with zeros.
    ///
    /// # Errors
    /// See [`Disk::len`].
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// All that was written before lasts through a power cut once this returns.
    ///
    /// # Errors
    /// See [`Disk::len`].
    fn sync(&self) -> io::Result<()>;
}

/// What was written, to know how it wears a card.
#[derive(Debug, Default)]
pub struct Written {
    bytes: AtomicU64,
    syncs: AtomicU64,
}

impl Written {
    /// Bytes written, and times that they were made to last.
    pub fn so_far(&self) -> (u64, u64) {
        (self.bytes.load(Ordering::Relaxed), self.syncs.load(Ordering::Relaxed))
    }
}

/// A file.
#[derive(Debug)]
pub(super) struct FileDisk {
    pub(super) file: File,
    pub(super) written: Arc<Written>,
}

impl Disk for FileDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, at: u64, to: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(to, at)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.written.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.file.write_all_at(bytes, at)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.written.syncs.fetch_add(1, Ordering::Relaxed);
        self.file.sync_data()
    }
}

/// Memory: for a look at a file that somebody else writes to, and for tests.
#[derive(Debug, Default)]
pub struct MemoryDisk(Mutex<Vec<u8>>);

impl MemoryDisk {
    /// With that content; an empty one is a new disk.
    pub fn new(content: Vec<u8>) -> Self {
        Self(Mutex::new(content))
    }

    /// A copy of its content.
    pub fn content(&self) -> Vec<u8> {
        lock(&self.0).clone()
    }
}

impl Disk for MemoryDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.0).len() as u64)
    }

    fn read(&self, at: u64, to: &mut [u8]) -> io::Result<()> {
        let bytes = lock(&self.0);
        let from = usize::try_from(at).ok().and_then(|at| bytes.get(at..)?.get(..to.len()));
        to.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut all = lock(&self.0);
        let place =
            usize::try_from(at).ok().and_then(|at| all.get_mut(at..)?.get_mut(..bytes.len()));
        place.ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::StorageFull)?;
        lock(&self.0).resize(len, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
