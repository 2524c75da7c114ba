//! A store on a disk: opens it, keeps it open, reopens it after it failed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use redb::{Database, StorageBackend};

use super::disk::{Disk, Held};
use super::tables::{Tables, fault};
use super::{Generation, IMAGE_BUDGET, Setting, Step, Store, StoreError, StoreFault};
use crate::image::frame::Timestamp;
use crate::learn::examples::Images;
use crate::learn::head::ExampleId;
use crate::store::snapshot::{ModelId, Snapshot};

/// Bytes of pages that are kept in memory: what is learned is there anyway.
const CACHE_BYTES: usize = 1 << 20;

/// A file that grows is made twice as long; from this length on what is left over is given back at the end.
const WORTH_COMPACTING: u64 = 2 << 20;

/// Everything learned, in tables on a disk.
#[derive(Debug)]
pub struct DiskStore {
    disk: Arc<dyn Disk>,
    /// What messages call it.
    path: String,
    database: Option<Database>,
    /// What the database writes to.
    held: Option<Arc<Held>>,
    /// How many times what was learned had changed when that was last known.
    changes: Option<u64>,
    /// Bytes of images that are kept.
    image_budget: u64,
    /// Bytes it had when it was opened.
    opened_with: u64,
    /// Whether all pages are checked when it is opened.
    checked: bool,
}

#[derive(Debug)]
struct Backend(Arc<dyn Disk>);

impl StorageBackend for Backend {
    fn len(&self) -> std::io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.0.write(offset, data)
    }
}

impl DiskStore {
    /// Opens it with the first use; an empty disk holds nothing yet.
    ///
    /// * `path`: what messages call it.
    pub fn new(disk: Arc<dyn Disk>, path: &str) -> Self {
        let (path, image_budget) = (path.to_owned(), IMAGE_BUDGET);
        let (database, held, changes, opened_with) = (None, None, None, 0);
        let checked = true;
        Self { disk, path, database, held, changes, image_budget, opened_with, checked }
    }

    /// The backbone that it was taught with; of all that is there nothing else is read or checked.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub(super) fn taught_with(mut self) -> Result<Option<ModelId>, StoreError> {
        self.checked = false;
        let result = self.read(|tables| match tables.is_new()? {
            true => Ok(None),
            false => tables.model().map(Some),
        });
        self.named("read", result)
    }

    /// Keeps this many bytes of images at most, from the next change on.
    pub fn set_image_budget(&mut self, bytes: u64) {
        self.image_budget = bytes;
    }

    /// What is there is sound: from here on it is written to.
    fn release(&self) -> Result<(), StoreFault> {
        self.held.as_ref().map_or(Ok(()), |held| held.release()).map_err(StoreFault::Io)
    }

    /// Closed in good order, so that it need not be mended when it is opened again.
    pub(super) fn close(&mut self) {
        let database = self.database.take();
        // One that failed before may fail again.
        let _ = guarded(|| {
            drop(database);
            Ok(())
        });
    }

    fn open(&mut self) -> Result<(), StoreFault> {
        if self.database.is_some() {
            return Ok(());
        }
        self.opened_with = self.disk.len().map_err(StoreFault::Io)?;
        let disk = Arc::new(Held::new(Arc::clone(&self.disk)).map_err(StoreFault::Io)?);
        self.held = Some(Arc::clone(&disk));
        self.database = Some(guarded(|| {
            let mut builder = Database::builder();
            // The file may have been changed or damaged since.
            builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(self.checked);
            builder.create_with_backend(Backend(disk)).map_err(fault)
        })?);
        Ok(())
    }

    /// Does something in a transaction, which is committed where it succeeds.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<T, StoreFault>,
    ) -> Result<T, StoreFault> {
        self.transact(true, |transaction| {
            let mut tables = Tables::open(transaction)?;
            tables.renew()?;
            work(&mut tables)
        })
    }

    /// Looks at something; nothing is written.
    fn read<T>(
        &mut self,
        work: impl FnOnce(&Tables<'_>) -> Result<T, StoreFault>,
    ) -> Result<T, StoreFault> {
        self.transact(false, |transaction| {
            let mut tables = Tables::open(transaction)?;
            tables.renew()?;
            work(&tables)
        })
    }

    fn transact<T>(
        &mut self,
        keep: bool,
        work: impl FnOnce(&redb::WriteTransaction) -> Result<T, StoreFault>,
    ) -> Result<T, StoreFault> {
        self.open()?;
        let database = self.database.as_ref().expect("it was just opened");
        let release = || self.release();
        let done = guarded(|| {
            let mut transaction = database.begin_write().map_err(fault)?;
            // So that a damaged page is never taken for a commit that was cut off, which would be passed over.
            transaction.set_two_phase_commit(true);
            let done = work(&transaction)?;
            match keep {
                true => {
                    release()?;
                    transaction.commit().map_err(fault)?;
                }
                false => transaction.abort().map_err(fault)?,
            }
            Ok(done)
        });
        if matches!(done, Err(StoreFault::Io(_) | StoreFault::Damaged(_))) {
            // What it holds in memory may differ from the disk now.
            self.close();
        }
        done
    }

    /// Does something that changes what is learned.
    ///
    /// * `known`: does it, where the disk is as it was left; `else_`: where it is not known what is on it.
    fn change<T>(
        &mut self,
        known: impl FnOnce(&mut Tables<'_>) -> Result<T, StoreFault>,
        unknown: impl FnOnce(&mut Tables<'_>) -> Result<T, StoreFault>,
    ) -> Result<T, StoreFault> {
        let before = self.changes;
        let result = self.write(|tables| {
            let there = tables.counters()?.changes;
            let done = if before == Some(there) { known(tables) } else { unknown(tables) }?;
            Ok((done, tables.counters()?.changes))
        });
        let (done, changes) = result?;
        self.changes = Some(changes);
        Ok(done)
    }

    /// What is on the disk may be a change that was refused: only [`Store::commit`] and [`Store::replace`] can mend that.
    fn settled<T>(
        &mut self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<T, StoreFault>,
    ) -> Result<T, StoreError> {
        if self.changes.is_none() {
            self.load()?;
        }
        let path = self.path.clone();
        let in_doubt = StoreError::InDoubt { path: self.path.clone() };
        let result = self.change(|tables| work(tables).map(Some), |_| Ok(None));
        result.map_err(|fault| fault.of(&path, "write"))?.ok_or(in_doubt)
    }

    fn named<T>(
        &self,
        doing: &'static str,
        result: Result<T, StoreFault>,
    ) -> Result<T, StoreError> {
        result.map_err(|fault| fault.of(&self.path, doing))
    }

    /// Everything refers to something that is there.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn check(&mut self) -> Result<(), StoreError> {
        let result = self.read(|tables| match tables.is_new()? {
            true => Ok(()),
            false => tables.check(),
        });
        self.named("read", result)
    }
}

impl Store for DiskStore {
    fn load(&mut self) -> Result<Option<Snapshot>, StoreError> {
        let result = self.read(|tables| {
            if tables.is_new()? {
                return Ok((None, 0));
            }
            let undo = tables.undo_steps()?.into_iter().map(|(_, step)| step).collect();
            let snapshot = tables.snapshot(tables.model()?, tables.state()?, undo)?;
            Ok((Some(snapshot), tables.counters()?.changes))
        });
        let (snapshot, changes) = self.named("read", result)?;
        let released = self.release();
        self.named("write", released)?;
        self.changes = Some(changes);
        Ok(snapshot)
    }

    fn commit(&mut self, step: &Step<'_>) -> Result<(), StoreError> {
        let budget = self.image_budget;
        let result = self.change(
            |tables| {
                tables.set(step.setting)?;
                if tables.is_new()? {
                    tables.replace(&(step.whole)(), step.images)?;
                    return tables.trim_images(budget);
                }
                tables.savepoint(step.savepoint, step.at)?;
                tables.commit(step)?;
                tables.trim_images(budget)
            },
            |tables| {
                tables.set(step.setting)?;
                tables.replace(&(step.whole)(), step.images)?;
                tables.trim_images(budget)
            },
        );
        self.named("write", result)
    }

    fn replace(
        &mut self,
        whole: &Snapshot,
        savepoint: Option<&str>,
        settings: &[Setting<'_>],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (budget, none) = (self.image_budget, Images::new());
        let result = self.change(
            |tables| {
                if savepoint.is_some() && !tables.is_new()? {
                    tables.savepoint(savepoint, at)?;
                }
                // Behind the savepoint, which sweeps what belongs to nothing yet.
                tables.set_all(settings)?;
                tables.replace(whole, &none)?;
                tables.trim_images(budget)
            },
            |tables| {
                tables.set_all(settings)?;
                tables.replace(whole, &none)?;
                tables.trim_images(budget)
            },
        );
        self.named("write", result)
    }

    fn generations(&mut self) -> Result<Vec<Generation>, StoreError> {
        let result = self.read(|tables| tables.generations());
        self.named("read", result)
    }

    fn save(&mut self, name: &str, at: Timestamp) -> Result<Generation, StoreError> {
        self.settled(|tables| match tables.is_new()? {
            false => tables.save(name, at),
            true => Err(StoreFault::NothingKept),
        })
    }

    fn generation(&mut self, number: u64) -> Result<Snapshot, StoreError> {
        let result = self.read(|tables| tables.generation(number));
        self.named("read", result)
    }

    fn roll_back(&mut self, number: u64, at: Timestamp) -> Result<Snapshot, StoreError> {
        self.settled(|tables| tables.roll_back(number, at))
    }

    fn drop_generation(&mut self, number: u64) -> Result<(), StoreError> {
        let result = self.write(|tables| tables.drop_generation(number));
        self.named("write", result)
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        let result = self.open().and_then(|()| {
            self.release()?;
            let database = self.database.as_mut().expect("it was just opened");
            guarded(|| database.compact().map_err(fault).map(drop))
        });
        if result.is_err() {
            self.close();
        }
        self.named("write", result)
    }

    fn images(
        &mut self,
        of: Option<&[ExampleId]>,
        each: &mut dyn FnMut(ExampleId, &[u8]),
    ) -> Result<(), StoreError> {
        let result = self.read(|tables| tables.each_image(of, each));
        self.named("read", result)
    }

    fn tail(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let result = self.read(|tables| tables.tail());
        self.named("read", result)
    }

    fn setting(&mut self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let result = self.read(|tables| tables.setting(name));
        self.named("read", result)
    }

    fn set(&mut self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        let result = self.write(|tables| tables.set(Some((name, value))));
        self.named("write", result)
    }
}

impl Drop for DiskStore {
    fn drop(&mut self) {
        let has_grown = |len| len >= WORTH_COMPACTING && len > self.opened_with;
        if self.database.is_some() && self.disk.len().is_ok_and(has_grown) {
            // What is stored is stored: where this fails, the file stays longer than it need be.
            let _ = self.compact();
        }
        self.close();
    }
}

/// A panic over a changed file is damage like any other.
fn guarded<T>(work: impl FnOnce() -> Result<T, StoreFault>) -> Result<T, StoreFault> {
    let contradiction = || Err(StoreFault::Damaged("its pages contradict each other".to_owned()));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| contradiction())
}
