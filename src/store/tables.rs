//! The tables of the file. With its own modules and `on_disk.rs` the only code that names redb.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `state` | `format`, `model`, `head`, `thresholds`, `counters`, `images` | postcard |
//! | | `undo/` and a number, rising, as 16 hexadecimal digits | a step that can be undone ([`UndoRow`]s) |
//! | `classes` | id | name |
//! | `examples` | id | class, numbers of blob and image ([`ExampleRow`]) |
//! | `contents` | number | feature, views, group, origin, time, patches ([`Blob`]) or an image (JPEG), or what is left of it behind its pieces |
//! | `content pieces` | number and which | as much as fills its pages (`contents.rs`) |
//! | `generations` | number, rising | a state that can be rolled back to ([`GenerationRow`]) |
//! | `settings` | name | bytes; `tail` and a fingerprint: fine-tuned blocks (`tail.rs`); `levels`, also with the number of a generation (`levels.rs`) |
//!
//! Up to format 6 there were five more, which are read for ever (`earlier.rs`): `blobs`, `pieces`, `images`, `image pieces`
//! with the contents, and `undo`.

mod contents;
mod earlier;
mod new_images;
mod undo;
mod values;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use contents::Contents;
pub(super) use earlier::Of;
pub(super) use new_images::NewImages;
use redb::{ReadableTable, Table, TableDefinition, TableHandle as _, WriteTransaction};

use super::rows::{Blob, Content, Counters, ExampleRow, GenerationRow, StateRow, UndoRow};
use super::rows::{decode, encode, lost, stored};
use super::{Setting, Step, StoreFault};
use crate::learn::learner::LatestStep;
use crate::store::snapshot::v1::{StoredHead, StoredModel, StoredThresholds};
use crate::store::snapshot::v2::{StoredBody, StoredChange, StoredExample, StoredStep};
use crate::store::snapshot::{ModelId, Snapshot};

/// The format that is read and made the one of today.
const BEFORE: u16 = 2;

/// From this format on older values may be in fewer pieces, which is as good: they stay as they are.
const UNCUT: u16 = 3;

/// Of the tables; version 1 was an exchanged file, version 2 had no groups, version 3 no pieces, version 4 none of images,
/// version 5 no patches, version 6 patches of two bytes a value and more tables (`migrate.rs`).
pub(super) const FORMAT: u16 = 7;

const STATE: TableDefinition<&str, &[u8]> = TableDefinition::new("state");
const CLASSES: TableDefinition<u32, &str> = TableDefinition::new("classes");
const EXAMPLES: TableDefinition<u64, &[u8]> = TableDefinition::new("examples");
const UNDO: TableDefinition<u64, &[u8]> = TableDefinition::new("undo");
const GENERATIONS: TableDefinition<u64, &[u8]> = TableDefinition::new("generations");
const SETTINGS: TableDefinition<&str, &[u8]> = TableDefinition::new("settings");

/// What redb refuses.
pub(super) fn fault(error: impl Into<redb::Error>) -> StoreFault {
    match error.into() {
        redb::Error::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            StoreFault::Damaged("it ends early".to_owned())
        }
        redb::Error::Io(error) => StoreFault::Io(error),
        redb::Error::PreviousIo => {
            StoreFault::Io(std::io::Error::other("an access before this one failed"))
        }
        redb::Error::Corrupted(_) => {
            StoreFault::Damaged("its pages do not match their checksums".to_owned())
        }
        redb::Error::UpgradeRequired(_) => {
            StoreFault::Damaged("its pages are of another version".to_owned())
        }
        _ => StoreFault::Damaged("its tables are not those of a store".to_owned()),
    }
}

/// Tables whose rows are of other forms in an older file.
pub(super) enum Rows {
    Examples,
    Undo,
    Generations,
}

/// All tables, within a transaction.
pub(super) struct Tables<'t> {
    state: Table<'t, &'static str, &'static [u8]>,
    classes: Table<'t, u32, &'static str>,
    examples: Table<'t, u64, &'static [u8]>,
    pub(super) contents: Contents<'t>,
    /// Of earlier formats, where the file has it.
    undo: Option<Table<'t, u64, &'static [u8]>>,
    generations: Table<'t, u64, &'static [u8]>,
    settings: Table<'t, &'static str, &'static [u8]>,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreFault> {
        let mut tables = transaction.list_tables().map_err(fault)?;
        let undo = tables.any(|table| table.name() == UNDO.name());
        Ok(Self {
            state: transaction.open_table(STATE).map_err(fault)?,
            classes: transaction.open_table(CLASSES).map_err(fault)?,
            examples: transaction.open_table(EXAMPLES).map_err(fault)?,
            contents: Contents::open(transaction)?,
            undo: undo.then(|| transaction.open_table(UNDO).map_err(fault)).transpose()?,
            generations: transaction.open_table(GENERATIONS).map_err(fault)?,
            settings: transaction.open_table(SETTINGS).map_err(fault)?,
        })
    }

    pub(super) fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        let value = self.settings.get(name).map_err(fault)?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    pub(super) fn set(&mut self, setting: Option<Setting<'_>>) -> Result<(), StoreFault> {
        let Some((name, value)) = setting else { return Ok(()) };
        self.settings.insert(name, value).map_err(fault).map(drop)
    }

    pub(super) fn set_all(&mut self, settings: &[Setting<'_>]) -> Result<(), StoreFault> {
        settings.iter().try_for_each(|setting| self.set(Some(*setting)))
    }

    /// Names of the settings that begin so.
    pub(super) fn settings_named(&self, begin: &str) -> Result<Vec<String>, StoreFault> {
        let mut names = Vec::new();
        for row in self.settings.iter().map_err(fault)? {
            let name = row.map_err(fault)?.0.value().to_owned();
            names.extend(Some(name).filter(|name| name.starts_with(begin)));
        }
        Ok(names)
    }

    pub(super) fn unset(&mut self, name: &str) -> Result<(), StoreFault> {
        self.settings.remove(name).map_err(fault).map(drop)
    }

    /// Whether it holds nothing yet.
    pub(super) fn is_new(&self) -> Result<bool, StoreFault> {
        Ok(self.optional::<u16>("format")?.is_none())
    }

    /// The file's format, checked; an older one is made the one of today.
    pub(super) fn renew(&mut self) -> Result<(), StoreFault> {
        match self.optional("format")? {
            None | Some(FORMAT) => Ok(()),
            Some(UNCUT..FORMAT) => {
                for (number, step) in self.rows_of::<Vec<UndoRow>>(Rows::Undo)? {
                    self.put_undo(number, &step)?;
                }
                self.renewed()
            }
            Some(BEFORE) => self.migrate(),
            Some(got) => Err(StoreFault::Format { wanted: FORMAT, got }),
        }
    }

    /// From here on it is of the format of today: new contents have numbers that none of an earlier format has, and steps that
    /// can be undone are in one place.
    pub(super) fn renewed(&mut self) -> Result<(), StoreFault> {
        if let Some(undo) = &mut self.undo {
            undo.retain(|_, _| false).map_err(fault)?;
        }
        let mut counters = self.counters()?;
        counters.next_blob = counters.next_blob.max(self.image_counters()?.earlier);
        self.put_counters(&counters)?;
        self.put_format()
    }

    pub(super) fn put_format(&mut self) -> Result<(), StoreFault> {
        self.put("format", &FORMAT)
    }

    pub(super) fn counters(&self) -> Result<Counters, StoreFault> {
        Ok(self.optional("counters")?.unwrap_or_default())
    }

    pub(super) fn put_counters(&mut self, counters: &Counters) -> Result<(), StoreFault> {
        self.put("counters", counters)
    }

    pub(super) fn put<T: serde::Serialize>(
        &mut self,
        name: &str,
        value: &T,
    ) -> Result<(), StoreFault> {
        self.state.insert(name, encode(value).as_slice()).map_err(fault).map(drop)
    }

    pub(super) fn optional<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, StoreFault> {
        let Some(bytes) = self.state.get(name).map_err(fault)? else { return Ok(None) };
        decode(bytes.value(), || format!("its {name}")).map(Some)
    }

    fn get<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, StoreFault> {
        self.optional(name)?.ok_or_else(|| StoreFault::Damaged(format!("it has no {name}")))
    }

    pub(super) fn model(&self) -> Result<ModelId, StoreFault> {
        self.get::<StoredModel>("model").map(ModelId::from)
    }

    fn classes(&self) -> Result<Vec<(u32, String)>, StoreFault> {
        let rows = self.classes.iter().map_err(fault)?;
        let class = |row: Result<(redb::AccessGuard<u32>, redb::AccessGuard<&str>), _>| {
            row.map(|(id, name)| (id.value(), name.value().to_owned())).map_err(fault)
        };
        rows.map(class).collect()
    }

    pub(super) fn example(&self, id: u64) -> Result<Option<ExampleRow>, StoreFault> {
        let Some(bytes) = self.examples.get(id).map_err(fault)? else { return Ok(None) };
        decode(bytes.value(), || format!("example {id}")).map(Some)
    }

    pub(super) fn put_example(&mut self, id: u64, row: &ExampleRow) -> Result<(), StoreFault> {
        self.examples.insert(id, encode(row).as_slice()).map_err(fault).map(drop)
    }

    /// What is learned, as rows.
    pub(super) fn state(&self) -> Result<StateRow, StoreFault> {
        Ok(StateRow {
            classes: self.classes()?,
            examples: all(&self.examples, "example")?,
            head: self.get::<StoredHead>("head")?,
            thresholds: self.get::<StoredThresholds>("thresholds")?,
        })
    }

    pub(super) fn rows_of<T: serde::de::DeserializeOwned>(
        &self,
        of: Rows,
    ) -> Result<Vec<(u64, T)>, StoreFault> {
        match of {
            Rows::Examples => all(&self.examples, "example"),
            Rows::Undo => self.undo.as_ref().map_or(Ok(Vec::new()), |one| all(one, "undo step")),
            Rows::Generations => all(&self.generations, "generation"),
        }
    }

    pub(super) fn generation_rows(&self) -> Result<Vec<(u64, GenerationRow)>, StoreFault> {
        all(&self.generations, "generation")
    }

    pub(super) fn put_generation(
        &mut self,
        number: u64,
        row: &GenerationRow,
    ) -> Result<(), StoreFault> {
        self.generations.insert(number, encode(row).as_slice()).map_err(fault).map(drop)
    }

    /// Takes a generation out; its blobs stay until [`Tables::sweep`].
    pub(super) fn remove_generation(&mut self, number: u64) -> Result<(), StoreFault> {
        self.generations.remove(number).map_err(fault).map(drop)
    }

    pub(super) fn full(&self, id: u64, row: &ExampleRow) -> Result<StoredExample, StoreFault> {
        let bytes = self.contents.get(Of::Example, row.blob)?.ok_or_else(|| lost(id))?;
        Ok(Blob::decode(&bytes, || format!("example {id}"))?.with(id, row.class))
    }

    /// A state with everything that belongs to it.
    ///
    /// * `undo`: the steps that can be undone.
    pub(super) fn snapshot(
        &self,
        model: ModelId,
        state: StateRow,
        undo: Vec<Vec<UndoRow>>,
    ) -> Result<Snapshot, StoreFault> {
        let counters = self.counters()?;
        let StateRow { classes, examples, head, thresholds } = state;
        let examples = examples.iter().map(|(id, row)| self.full(*id, row));
        let step = |step: Vec<UndoRow>| {
            let changes = step.into_iter().map(|row| row.change(|id, row| self.full(id, row)));
            changes.collect::<Result<Vec<_>, _>>().map(StoredStep)
        };
        let body = StoredBody {
            classes,
            examples: examples.collect::<Result<_, _>>()?,
            head,
            thresholds,
            next_class: counters.next_class,
            next_example: counters.next_example,
            undo: undo.into_iter().map(step).collect::<Result<_, _>>()?,
        };
        Snapshot::of_parts(model, body).map_err(|error| StoreFault::Damaged(error.to_string()))
    }

    /// Writes a step of a learner.
    pub(super) fn commit(&mut self, step: &Step<'_>) -> Result<(), StoreFault> {
        let mut counters = self.counters()?;
        let taken_back = matches!(step.latest, LatestStep::TakenBack);
        // Rows of the examples that the step touches, also of those that it takes away or brings back.
        let mut touched = BTreeMap::new();
        if taken_back && let Some((_, last)) = self.undo_steps()?.pop() {
            touched.extend(last.iter().filter_map(UndoRow::example));
        }
        let mut loose = BTreeSet::new();
        let mut images = NewImages::of(step);
        for change in stored(step.changes) {
            self.change(change, &mut images, &mut counters, &mut touched, &mut loose)?;
        }
        match step.latest {
            LatestStep::TakenBack => {
                self.pop_undo()?;
            }
            LatestStep::Made { inverse, steps } => {
                let rows = stored(inverse).map(|change| UndoRow::of(&change, &touched));
                let rows = rows.collect::<Result<Vec<_>, _>>()?;
                self.push_undo(&rows, &mut counters)?;
                let all = self.undo_steps()?;
                for (number, gone) in all.iter().take(all.len().saturating_sub(steps)) {
                    self.remove_undo(*number)?;
                    loose.extend(
                        gone.iter().filter_map(UndoRow::example).map(|(_, row)| row.content()),
                    );
                }
            }
        }
        counters.changes += 1;
        self.put_counters(&counters)?;
        self.sweep(loose)
    }

    fn change(
        &mut self,
        change: StoredChange,
        images: &mut NewImages<'_>,
        counters: &mut Counters,
        touched: &mut BTreeMap<u64, ExampleRow>,
        loose: &mut BTreeSet<Content>,
    ) -> Result<(), StoreFault> {
        match change {
            StoredChange::AddClass(class, name) | StoredChange::RenameClass(class, name) => {
                self.classes.insert(class, name.as_str()).map_err(fault)?;
                counters.next_class = counters.next_class.max(class.saturating_add(1));
            }
            StoredChange::RemoveClass(class) => {
                self.classes.remove(class).map_err(fault)?;
            }
            StoredChange::AddExample(example) => {
                let (id, class) = (example.id, example.class);
                let row = match touched.get(&id) {
                    Some(row) => ExampleRow { class, ..*row },
                    None => {
                        let image = match example.image {
                            Some(mark) => {
                                self.image_for(mark, images.given, &images.moved, counters)?
                            }
                            None => None,
                        };
                        self.put_blob(class, &Blob::of(&example), image, counters)?
                    }
                };
                self.put_example(id, &row)?;
                touched.insert(id, row);
                counters.next_example = counters.next_example.max(id.saturating_add(1));
            }
            StoredChange::RemoveExample(id) => {
                let row = self.example(id)?.ok_or_else(|| lost(id))?;
                self.examples.remove(id).map_err(fault)?;
                touched.insert(id, row);
                self.note_image(&row, images)?;
                loose.insert(row.content());
            }
            StoredChange::Relabel(id, class) => {
                let row = self.example(id)?.ok_or_else(|| lost(id))?;
                self.put_example(id, &ExampleRow { class, ..row })?;
            }
            StoredChange::SetHead(head) => self.put("head", &head)?,
            StoredChange::SetThresholds(thresholds) => self.put("thresholds", &thresholds)?,
        }
        Ok(())
    }

    fn put_blob(
        &mut self,
        class: u32,
        blob: &Blob,
        image: Option<u64>,
        counters: &mut Counters,
    ) -> Result<ExampleRow, StoreFault> {
        let number = counters.next_blob;
        counters.next_blob += 1;
        Ok(ExampleRow { class, blob: number, bytes: self.write_blob(number, blob)?, image })
    }

    /// * returns its length in bytes.
    pub(super) fn write_blob(&mut self, number: u64, blob: &Blob) -> Result<u32, StoreFault> {
        let bytes = blob.encode();
        self.contents.put(Of::Example, number, &bytes)?;
        Ok(bytes.len().try_into().unwrap_or(u32::MAX))
    }

    pub(super) fn blob_bytes(&self, number: u64) -> Result<Option<Vec<u8>>, StoreFault> {
        self.contents.get(Of::Example, number)
    }
}

fn all<R, T>(table: &R, what: &str) -> Result<Vec<(u64, T)>, StoreFault>
where
    R: ReadableTable<u64, &'static [u8]>,
    T: serde::de::DeserializeOwned,
{
    let mut rows = Vec::new();
    for row in table.iter().map_err(fault)? {
        let (key, bytes) = row.map_err(fault)?;
        let key = key.value();
        rows.push((key, decode(bytes.value(), || format!("{what} {key}"))?));
    }
    Ok(rows)
}
