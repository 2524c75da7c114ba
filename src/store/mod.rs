//! Where what was learned is kept: written, made to last, and only then acknowledged.
//!
//! [`FileStore`](crate::store::FileStore) is one file of redb, a transaction a command, and a lock beside it. What an
//! exchanged file holds ([`crate::store::snapshot`]) is spread over tables here, so that teaching an example writes that
//! example and not all of them. Generations are states that can be rolled back to; they share the examples' features and images.
//!
//! What a reader may rely on:
//! * A commit that returned lasts through a power cut; one that failed changed nothing.
//! * Every page is checked when the file is opened, so damage is noticed and never believed.
//! * A disk that was full or could not be written is tried again with the next commit.

/// The portable form of what was learned.
pub mod snapshot;

/// What was learned together with its store: stored, then acknowledged.
pub mod persistent;

/// Packs with a signature, and keys. The only file that names ed25519-dalek.
pub mod signed;

/// What was learned, for other programs: the classifier as ONNX, the head as numbers.
pub mod export;

/// Frames that wait for a person, in a file beside the store.
pub mod inbox;

mod backup;
mod disk;
mod file;
mod generations;
mod images;
mod locks;
mod migrate;
mod on_disk;
mod paths;
mod rows;
mod scratch;
mod tables;

/// What a region follows.
pub mod followed;

/// What brings frames back to the light that was taught, kept with what was learned.
pub mod levels;

/// Fine-tuned last blocks of the backbone, kept with what was learned with them.
pub mod tail;

/// What was learned with them, made and put in place.
pub mod tuned;

use std::io;

pub use backup::{backup_of, is_in_use, is_store};
pub use disk::{Disk, MemoryDisk, Written};
pub use file::FileStore;
pub use generations::{MAX_GENERATIONS, MAX_KEPT_BYTES, MAX_NAMED};
pub use on_disk::DiskStore;
pub use scratch::ViewStorage;

use crate::image::frame::Timestamp;
use crate::learn::examples::Images;
use crate::learn::head::ExampleId;
use crate::learn::learner::{Change, LatestStep};
use crate::store::snapshot::{Snapshot, SnapshotError};

/// Bytes of images that a store keeps, where nothing else is said. Where there are more, the oldest go of the class that
/// has most; their examples stay.
pub const IMAGE_BUDGET: u64 = 256 << 20;

/// Bytes a store's file may have.
pub const MAX_BYTES: u64 = 2 << 30;

/// One step of a learner, to be made the committed state.
#[derive(Clone, Copy)]
pub struct Step<'a> {
    /// What it changed, at least one change.
    pub changes: &'a [Change],
    /// How it is taken back.
    pub latest: LatestStep<'a>,
    /// When it was asked for.
    pub at: Timestamp,
    /// The state before becomes a generation of that name, because the step takes something away.
    pub savepoint: Option<&'a str>,
    /// Set with it, see [`Store::set`]: both or neither last.
    pub setting: Option<Setting<'a>>,
    /// Images of the examples that are new.
    pub images: &'a Images,
    /// The state after it, for a store that has to write all of it.
    pub whole: &'a dyn Fn() -> Snapshot,
}

/// A name and the value that is kept under it.
pub type Setting<'a> = (&'a str, &'a [u8]);

/// A state that can be rolled back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Rises, never used twice.
    pub number: u64,
    /// Given by a person, or what it was made before.
    pub name: String,
    /// Made by itself; may be dropped when there are too many.
    pub automatic: bool,
    /// When.
    pub at: Timestamp,
    /// Classes it has.
    pub classes: usize,
    /// Examples it has.
    pub examples: usize,
}

/// Keeps what was learned. A commit that returned is there after a power cut; one that failed changed nothing.
pub trait Store {
    /// What was committed last; `None` if nothing ever was.
    ///
    /// # Errors
    /// [`StoreError`]. A damaged store is never taken for an empty one.
    fn load(&mut self) -> Result<Option<Snapshot>, StoreError>;

    /// Makes the state after a step the committed one.
    ///
    /// # Errors
    /// [`StoreError`]; what was committed before stays. Where only the last act failed, making it last, the new state may
    /// be found after a power cut.
    fn commit(&mut self, step: &Step<'_>) -> Result<(), StoreError>;

    /// Makes this the committed state, whatever was committed before.
    ///
    /// * `savepoint`: the state before becomes a generation of that name.
    /// * `settings`: set with it, see [`Store::set`]: all or nothing lasts.
    ///
    /// # Errors
    /// As [`Store::commit`].
    fn replace(
        &mut self,
        whole: &Snapshot,
        savepoint: Option<&str>,
        settings: &[Setting<'_>],
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// The generations, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`], here and below.
    fn generations(&mut self) -> Result<Vec<Generation>, StoreError>;

    /// Makes the committed state a generation that stays until it is dropped.
    ///
    /// # Errors
    /// [`StoreError::TooManyNamed`], [`StoreError::NothingKept`].
    fn save(&mut self, name: &str, at: Timestamp) -> Result<Generation, StoreError>;

    /// What a generation holds; nothing in it can be undone.
    ///
    /// # Errors
    /// [`StoreError::NoGeneration`].
    fn generation(&mut self, number: u64) -> Result<Snapshot, StoreError>;

    /// Makes a generation's state the committed one; the state before becomes a generation. Nothing can be undone then.
    ///
    /// * returns the state.
    ///
    /// # Errors
    /// [`StoreError::NoGeneration`].
    fn roll_back(&mut self, number: u64, at: Timestamp) -> Result<Snapshot, StoreError>;

    /// Lets go of a generation.
    ///
    /// # Errors
    /// [`StoreError::NoGeneration`].
    fn drop_generation(&mut self, number: u64) -> Result<(), StoreError>;

    /// Gives back what is no longer used.
    ///
    /// # Errors
    /// [`StoreError`].
    fn compact(&mut self) -> Result<(), StoreError>;

    /// Gives the images of what is learned now, one after another. One that was never kept, or had to make room, is passed
    /// over.
    ///
    /// * `of`: of these examples only.
    ///
    /// # Errors
    /// [`StoreError`].
    fn images(
        &mut self,
        of: Option<&[ExampleId]>,
        each: &mut dyn FnMut(ExampleId, &[u8]),
    ) -> Result<(), StoreError>;

    /// The fine-tuned blocks of the backbone that what is learned now needs, see [`tail`]; `None` where it needs none.
    ///
    /// # Errors
    /// [`StoreError`].
    fn tail(&mut self) -> Result<Option<Vec<u8>>, StoreError>;

    /// What [`Store::set`] put under that name last.
    ///
    /// # Errors
    /// [`StoreError`].
    fn setting(&mut self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Keeps a value under a name, lasting once this returns.
    ///
    /// # Errors
    /// [`StoreError`]; then the value from before stays.
    fn set(&mut self, name: &str, value: &[u8]) -> Result<(), StoreError>;
}

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
        "{path} is in use by another fieldtune{owner}; wait for it to end, use its port (fieldtune ctl), or use another --store"
    )]
    Locked {
        /// The store.
        path: String,
        /// ` (process N)` where that is known.
        owner: String,
    },
    /// It can be read and not written.
    #[error("{path} is read-only: {why}; classification works, learning does not")]
    ReadOnly {
        /// The file.
        path: String,
        /// The system's words.
        why: String,
    },
    /// The file is too large to be one of ours.
    #[error("{path}: {bytes} bytes is more than a store may have ({MAX_BYTES})")]
    TooLarge {
        /// The file.
        path: String,
        /// Its length.
        bytes: u64,
    },
    /// Another program wrote it.
    #[error(
        "{path}: the file is of format {got}, this program reads up to {wanted}: use a newer fieldtune"
    )]
    Format {
        /// The file.
        path: String,
        /// The newest that is known.
        wanted: u16,
        /// Its own.
        got: u16,
    },
    /// It was cut off or changed.
    #[error(
        "the store {path} is damaged: {what}; it was left as it is\n  next: put a backup in its place (fieldtune store backup makes one), or use another --store"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What was found.
        what: String,
    },
    /// The content cannot be used.
    #[error(
        "{path}: {error}; it was left as it is\n  next: put a backup in its place (fieldtune store backup makes one), or use another --store"
    )]
    Snapshot {
        /// The file.
        path: String,
        /// What is wrong with it.
        error: SnapshotError,
    },
    /// No generation of that number.
    #[error("there is no generation {number}{there}")]
    NoGeneration {
        /// What was asked for.
        number: u64,
        /// Those there are, in words.
        there: String,
    },
    /// As many as there may be.
    #[error("there are {MAX_NAMED} saved generations, the maximum; drop one first")]
    TooManyNamed,
    /// Nothing was ever committed.
    #[error("nothing has been taught yet, so there is nothing to save")]
    NothingKept,
    /// It was moved, deleted or replaced by another file.
    #[error(
        "{path} was moved, deleted or replaced while it was open, so nothing is stored there\n  next: put it back; or fetch what is in memory with fieldtune ctl pull FILE, then start again"
    )]
    Gone {
        /// The file.
        path: String,
    },
    /// The last change failed in a way that left open whether it is kept.
    #[error(
        "{path}: the last change failed, and whether it was stored is unknown; teach or undo something, then try again"
    )]
    InDoubt {
        /// The file.
        path: String,
    },
}

/// A [`StoreError`] that does not know yet which file it is about.
#[derive(Debug)]
enum StoreFault {
    Io(io::Error),
    Damaged(String),
    Format { wanted: u16, got: u16 },
    NoGeneration { number: u64, there: Vec<u64> },
    TooManyNamed,
    NothingKept,
}

impl StoreFault {
    fn of(self, path: &str, doing: &'static str) -> StoreError {
        let path = path.to_owned();
        match self {
            Self::Io(error) => StoreError::Io { path, doing, error },
            Self::Damaged(what) => StoreError::Damaged { path, what },
            Self::Format { wanted, got } => StoreError::Format { path, wanted, got },
            Self::NoGeneration { number, there } => {
                let numbers: Vec<String> = there.iter().map(u64::to_string).collect();
                let there = match numbers.len() {
                    0 => "; there are none yet".to_owned(),
                    _ => format!("; there are {}", numbers.join(", ")),
                };
                StoreError::NoGeneration { number, there }
            }
            Self::TooManyNamed => StoreError::TooManyNamed,
            Self::NothingKept => StoreError::NothingKept,
        }
    }
}
