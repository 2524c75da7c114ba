//! The store as a file: made whole or not at all, locked, read where it cannot be written, and its first version read
//! and carried over.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::backup::copy_of;
use super::disk::{FileDisk, LookedAt, MemoryDisk, Written};
use super::locks::{Locks, followed};
use super::on_disk::DiskStore;
use super::paths::{io_error, is_database, is_read_only, read_all};
use super::{Generation, IMAGE_BUDGET, Setting, Step, Store, StoreError};
use crate::image::frame::Timestamp;
use crate::learn::head::ExampleId;
use crate::store::snapshot::{ModelId, Snapshot, SnapshotError};
use crate::util::files::{sibling, sync_folder};

/// One file, and a lock beside it.
#[derive(Debug)]
pub struct FileStore {
    path: PathBuf,
    place: Place,
    written: Arc<Written>,
    /// See [`FileStore::set_image_budget`].
    image_budget: u64,
    /// Held for as long as the store is open.
    locks: Option<Locks>,
    /// What was acknowledged and not written, where that is wanted.
    #[cfg(debug_assertions)]
    early: Option<Option<Snapshot>>,
}

/// What is at the path.
#[derive(Debug)]
enum Place {
    /// Nothing, or a file that is no database: an exchanged file, which is what the first version wrote.
    Other,
    /// A database.
    Open(DiskStore),
    /// A database that cannot be written, and why.
    ReadOnly(Look, String),
}

/// A database to be looked at: its file or, where that was written to meanwhile, a copy of it in memory.
#[derive(Debug)]
struct Look {
    path: PathBuf,
    store: DiskStore,
    /// `None` where it is a copy.
    file: Option<Arc<LookedAt>>,
}

impl Look {
    fn at(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).and_then(LookedAt::new).map_err(io_error(path, "open"))?;
        let file = Arc::new(file);
        let store = DiskStore::new(file.clone(), &path.display().to_string());
        Ok(Self { path: path.to_owned(), store, file: Some(file) })
    }

    /// As it is now, whatever is written to the file from here on.
    fn copied(&mut self) -> Result<&mut DiskStore, StoreError> {
        if self.file.is_some() {
            let copy = Arc::new(MemoryDisk::new(copy_of(&self.path)?));
            self.store = DiskStore::new(copy, &self.path.display().to_string());
            self.file = None;
        }
        Ok(&mut self.store)
    }

    /// * `work`: may be done twice.
    fn read<T>(
        &mut self,
        work: impl Fn(&mut DiskStore) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let done = work(&mut self.store);
        match self.file.as_ref().is_some_and(|file| file.has_changed()) {
            // Also where it succeeded: it may not have read a byte, and be of the commit before.
            true => work(self.copied()?),
            false => done,
        }
    }
}

impl FileStore {
    /// Opens the store, or a place for one; folders are made where they are missing. What cannot be written is opened to
    /// be looked at, and tried again with each change.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process keeps it open for more than 5 seconds, under whatever name;
    /// [`StoreError::Io`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut store = Self {
            path: followed(path)?,
            place: Place::Other,
            written: Arc::default(),
            image_budget: IMAGE_BUDGET,
            locks: None,
            #[cfg(debug_assertions)]
            early: None,
        };
        match store.open_to_write() {
            Err(StoreError::Io { error, .. }) if is_read_only(&error) && path.exists() => {
                store.place = match is_database(path)? {
                    true => Place::ReadOnly(Look::at(path)?, error.to_string()),
                    false => Place::Other,
                };
            }
            other => other?,
        }
        Ok(store)
    }

    /// Opens what is there to be looked at, as it was last committed, also while another process writes to it. Nothing
    /// can be changed.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::TooLarge`].
    pub fn look(path: &Path) -> Result<Self, StoreError> {
        let place = match path.exists() && is_database(path)? {
            true => Place::ReadOnly(Look::at(path)?, "it was opened read-only".to_owned()),
            false => Place::Other,
        };
        Ok(Self {
            path: path.to_owned(),
            place,
            written: Arc::default(),
            image_budget: IMAGE_BUDGET,
            locks: None,
            #[cfg(debug_assertions)]
            early: None,
        })
    }

    /// The backbone that a store was taught with; `None` where there is no store yet.
    ///
    /// # Errors
    /// As [`Store::load`]; only what is read for it is checked.
    pub fn taught_with(path: &Path) -> Result<Option<ModelId>, StoreError> {
        let store = Self::look(path)?;
        match store.place {
            Place::ReadOnly(look, _) => look.store.taught_with(),
            _ => Ok(store.other()?.map(|snapshot| snapshot.model)),
        }
    }

    /// From here on every commit but the first returns before it is written, with the next one: so that a test of what
    /// a power cut leaves can be seen to fail.
    #[cfg(debug_assertions)]
    #[doc(hidden)]
    pub fn acknowledge_early(&mut self) {
        self.early = Some(None);
    }

    fn open_to_write(&mut self) -> Result<(), StoreError> {
        let locks = if let Some(locks) = &mut self.locks {
            locks
        } else {
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if let Some(folder) = folder {
                fs::create_dir_all(folder).map_err(io_error(folder, "make the folder"))?;
            }
            self.locks.insert(Locks::of(&self.path)?)
        };
        if self.path.exists() && is_database(&self.path)? {
            let file = File::options().read(true).write(true).open(&self.path);
            let file = file.map_err(io_error(&self.path, "open"))?;
            locks.hold(&file, &self.path)?;
            let disk = FileDisk { file, written: Arc::clone(&self.written) };
            let name = self.path.display().to_string();
            let mut store = DiskStore::new(Arc::new(disk), &name);
            store.set_image_budget(self.image_budget);
            self.place = Place::Open(store);
        }
        Ok(())
    }

    /// Keeps this many bytes of images at most, from the next change on.
    pub fn set_image_budget(&mut self, bytes: u64) {
        self.image_budget = bytes;
        if let Place::Open(store) = &mut self.place {
            store.set_image_budget(bytes);
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why it cannot be written, where it was opened to be and cannot.
    pub fn read_only(&self) -> Option<&str> {
        match &self.place {
            Place::ReadOnly(_, why) => Some(why),
            _ => None,
        }
    }

    /// What was written since it was opened.
    pub fn written(&self) -> &Written {
        &self.written
    }

    /// Every page, and that everything refers to something that is there.
    ///
    /// # Errors
    /// [`StoreError::Damaged`]; as [`Store::load`].
    pub fn check(&mut self) -> Result<(), StoreError> {
        match self.reading(DiskStore::check) {
            Some(done) => done,
            None => self.load().map(drop),
        }
    }

    /// The database to write to; `None` where there is none yet.
    fn writable(&mut self) -> Result<Option<&mut DiskStore>, StoreError> {
        if let Place::ReadOnly(_, why) = &self.place {
            let why = why.clone();
            // It may have become writable: a card that was remounted, a permission that was given.
            if self.open_to_write().is_err() {
                return Err(StoreError::ReadOnly { path: self.path.display().to_string(), why });
            }
            if let Place::Open(store) = &mut self.place {
                // What is known of it was read from a copy.
                store.load()?;
            }
        }
        match &mut self.place {
            Place::Open(store) => {
                let is_there = self.locks.as_ref().is_some_and(|locks| locks.is_at(&self.path));
                // What is written to a file without a name is gone when it is closed.
                if !is_there {
                    return Err(StoreError::Gone { path: self.path.display().to_string() });
                }
                Ok(Some(store))
            }
            _ => Ok(None),
        }
    }

    /// Looks at the database; `None` where there is none yet.
    fn reading<T>(
        &mut self,
        work: impl Fn(&mut DiskStore) -> Result<T, StoreError>,
    ) -> Option<Result<T, StoreError>> {
        match &mut self.place {
            Place::Open(store) => Some(work(store)),
            Place::ReadOnly(look, _) => Some(look.read(work)),
            Place::Other => None,
        }
    }

    /// Writes a new database beside the file and puts it in its place.
    fn create(
        &mut self,
        fill: impl FnOnce(&mut DiskStore) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if self.locks.is_none() {
            self.open_to_write()?;
        }
        let fresh = sibling(&self.path, "new");
        let made = self.fill_new(&fresh, fill).and_then(|()| {
            fs::rename(&fresh, &self.path)
                .and_then(|()| sync_folder(&self.path))
                .map_err(io_error(&self.path, "write"))
        });
        if made.is_err() {
            // Nothing can be done about a leftover; the next commit overwrites it.
            let _ = fs::remove_file(&fresh);
            return made;
        }
        self.open_to_write()?;
        self.load().map(drop)
    }

    fn fill_new(
        &self,
        fresh: &Path,
        fill: impl FnOnce(&mut DiskStore) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(fresh);
        let file = file.map_err(io_error(&self.path, "write"))?;
        let disk = Arc::new(FileDisk { file, written: Arc::clone(&self.written) });
        let mut store = DiskStore::new(disk.clone(), &self.path.display().to_string());
        fill(&mut store)?;
        // Closed as any store that has grown is: compacted.
        drop(store);
        disk.file.sync_all().map_err(io_error(&self.path, "write"))
    }

    /// What a file of the first version holds.
    fn other(&self) -> Result<Option<Snapshot>, StoreError> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error(&self.path, "open")(error)),
        };
        let content = read_all(&mut file, &self.path)?;
        Snapshot::decode(&content).map(Some).map_err(|error| self.refused(error))
    }

    fn refused(&self, error: SnapshotError) -> StoreError {
        StoreError::Snapshot { path: self.path.display().to_string(), error }
    }

    fn no_generation(&self, number: u64) -> StoreError {
        StoreError::NoGeneration { number, there: "; there are none yet".to_owned() }
    }
}

impl Store for FileStore {
    fn load(&mut self) -> Result<Option<Snapshot>, StoreError> {
        let Some(loaded) = self.reading(Store::load) else { return self.other() };
        // A database is put in its place whole, so one that holds nothing was not made by us.
        loaded?.map(Some).ok_or_else(|| {
            let path = self.path.display().to_string();
            StoreError::Damaged { path, what: "it holds nothing".to_owned() }
        })
    }

    fn commit(&mut self, step: &Step<'_>) -> Result<(), StoreError> {
        #[cfg(debug_assertions)]
        if let (Some(early), Place::Open(store)) = (&mut self.early, &mut self.place) {
            let before = early.replace((step.whole)().with_images(step.images.clone()));
            return before.map_or(Ok(()), |whole| store.replace(&whole, None, &[], step.at));
        }
        if let Some(store) = self.writable()? {
            return store.commit(step);
        }
        let old = self.other()?;
        self.create(|store| match old {
            Some(old) => {
                store.replace(&old, None, &[], step.at)?;
                store.commit(step)
            }
            None => {
                let whole = (step.whole)().with_images(step.images.clone());
                store.replace(&whole, None, step.setting.as_slice(), step.at)
            }
        })
    }

    fn replace(
        &mut self,
        whole: &Snapshot,
        savepoint: Option<&str>,
        settings: &[Setting<'_>],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(store) = self.writable()? {
            return store.replace(whole, savepoint, settings, at);
        }
        let old = self.other()?;
        self.create(|store| {
            if let Some(old) = &old {
                store.replace(old, None, &[], at)?;
            }
            store.replace(whole, savepoint, settings, at)
        })
    }

    fn generations(&mut self) -> Result<Vec<Generation>, StoreError> {
        self.reading(Store::generations).unwrap_or_else(|| Ok(Vec::new()))
    }

    fn save(&mut self, name: &str, at: Timestamp) -> Result<Generation, StoreError> {
        if let Some(store) = self.writable()? {
            return store.save(name, at);
        }
        let Some(old) = self.other()? else { return Err(StoreError::NothingKept) };
        self.create(|store| store.replace(&old, None, &[], at))?;
        self.writable()?.map_or(Err(StoreError::NothingKept), |store| store.save(name, at))
    }

    fn generation(&mut self, number: u64) -> Result<Snapshot, StoreError> {
        let none = self.no_generation(number);
        self.reading(|store| store.generation(number)).unwrap_or(Err(none))
    }

    fn roll_back(&mut self, number: u64, at: Timestamp) -> Result<Snapshot, StoreError> {
        let none = self.no_generation(number);
        self.writable()?.map_or(Err(none), |store| store.roll_back(number, at))
    }

    fn drop_generation(&mut self, number: u64) -> Result<(), StoreError> {
        let none = self.no_generation(number);
        self.writable()?.map_or(Err(none), |store| store.drop_generation(number))
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        self.writable()?.map_or(Ok(()), Store::compact)
    }

    fn images(
        &mut self,
        of: Option<&[ExampleId]>,
        each: &mut dyn FnMut(ExampleId, &[u8]),
    ) -> Result<(), StoreError> {
        match &mut self.place {
            Place::Open(store) => return store.images(of, each),
            // Each is called once.
            Place::ReadOnly(look, _) => return look.copied()?.images(of, each),
            Place::Other => {}
        }
        let Some(old) = self.other()? else { return Ok(()) };
        for (id, mark) in old.image_marks() {
            if of.is_none_or(|of| of.contains(&id)) {
                old.images().get(&mark).inspect(|file| each(id, file));
            }
        }
        Ok(())
    }

    fn tail(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        self.reading(Store::tail).unwrap_or(Ok(None))
    }

    fn setting(&mut self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.reading(|store| store.setting(name)).unwrap_or(Ok(None))
    }

    fn set(&mut self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        match self.writable()? {
            Some(store) => store.set(name, value),
            None => Err(StoreError::NothingKept),
        }
    }
}
