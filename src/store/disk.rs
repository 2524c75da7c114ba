//! What a store writes to: a file, or memory where a test wants to cut the power.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::util::mutex::lock;

/// Bytes at places, and a promise that they last.
#[allow(clippy::len_without_is_empty, reason = "a disk is never asked whether it is empty")]
pub trait Disk: Debug + Send + Sync {
    /// Length in bytes.
    ///
    /// # Errors
    /// The system's, here and below.
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

/// A disk that nothing is written to until it is released: what opens a file that turns out to be damaged leaves it as
/// it was.
#[derive(Debug)]
pub(super) struct Held {
    disk: Arc<dyn Disk>,
    /// What was asked for meanwhile; `None` once it was done.
    acts: Mutex<Option<Acts>>,
}

#[derive(Debug)]
struct Acts {
    len: u64,
    asked: Vec<Act>,
}

#[derive(Debug)]
enum Act {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Sync,
}

impl Held {
    pub(super) fn new(disk: Arc<dyn Disk>) -> io::Result<Self> {
        let acts = Acts { len: disk.len()?, asked: Vec::new() };
        Ok(Self { disk, acts: Mutex::new(Some(acts)) })
    }

    /// Does what was asked for, in its order; from here on the disk is written to at once.
    pub(super) fn release(&self) -> io::Result<()> {
        let Some(acts) = lock(&self.acts).take() else { return Ok(()) };
        for act in acts.asked {
            match act {
                Act::Write(at, bytes) => self.disk.write(at, &bytes)?,
                Act::SetLen(len) => self.disk.set_len(len)?,
                Act::Sync => self.disk.sync()?,
            }
        }
        Ok(())
    }
}

impl Disk for Held {
    fn len(&self) -> io::Result<u64> {
        lock(&self.acts).as_ref().map_or_else(|| self.disk.len(), |acts| Ok(acts.len))
    }

    fn read(&self, at: u64, to: &mut [u8]) -> io::Result<()> {
        let acts = lock(&self.acts);
        let Some(acts) = acts.as_ref() else { return self.disk.read(at, to) };
        let end = at.checked_add(to.len() as u64).filter(|end| *end <= acts.len);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        to.fill(0);
        let there = self.disk.len()?.clamp(at, end) - at;
        self.disk.read(at, &mut to[..there as usize])?;
        for act in &acts.asked {
            match act {
                Act::Write(place, bytes) => {
                    let last = (place + bytes.len() as u64).min(end);
                    for byte in at.max(*place)..last {
                        to[(byte - at) as usize] = bytes[(byte - place) as usize];
                    }
                }
                Act::SetLen(len) => to[(len.clamp(&at, &end) - at) as usize..].fill(0),
                Act::Sync => {}
            }
        }
        Ok(())
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        match lock(&self.acts).as_mut() {
            None => self.disk.write(at, bytes),
            Some(acts) => {
                acts.asked.push(Act::Write(at, bytes.to_vec()));
                Ok(())
            }
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        match lock(&self.acts).as_mut() {
            None => self.disk.set_len(len),
            Some(acts) => {
                acts.len = len;
                acts.asked.push(Act::SetLen(len));
                Ok(())
            }
        }
    }

    fn sync(&self) -> io::Result<()> {
        match lock(&self.acts).as_mut() {
            None => self.disk.sync(),
            Some(acts) => {
                acts.asked.push(Act::Sync);
                Ok(())
            }
        }
    }
}

/// A file that another process may write to, to be looked at as it was last committed: nothing is written to it, and
/// nothing can be read any more once another commit has changed it. The pages of a commit are never written in place, and
/// every commit changes the head of the file: so what is read between two looks at the same head is of one commit.
#[derive(Debug)]
pub(super) struct LookedAt {
    file: Arc<FileDisk>,
    head: Vec<u8>,
    /// What is written, and never released.
    held: Held,
}

impl LookedAt {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let file = Arc::new(FileDisk { file, written: Arc::default() });
        let held = Held::new(Arc::clone(&file) as Arc<dyn Disk>)?;
        let head = Self::head(&file)?;
        Ok(Self { file, head, held })
    }

    fn head(file: &FileDisk) -> io::Result<Vec<u8>> {
        const HEAD: u64 = 4096;
        let mut head = vec![0; file.len()?.min(HEAD) as usize];
        file.read(0, &mut head)?;
        Ok(head)
    }

    /// Whether another commit has changed it.
    pub(super) fn has_changed(&self) -> bool {
        Self::head(&self.file).is_ok_and(|head| head != self.head)
    }
}

impl Disk for LookedAt {
    fn len(&self) -> io::Result<u64> {
        self.held.len()
    }

    fn read(&self, at: u64, to: &mut [u8]) -> io::Result<()> {
        self.held.read(at, to)?;
        match self.has_changed() {
            true => Err(io::Error::other("another process has written to it meanwhile")),
            false => Ok(()),
        }
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.held.write(at, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.held.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Memory: for a copy of a file that another process writes to, and for tests.
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
