//! A state as a whole: written in place of another, swept after it, checked.

use std::collections::{BTreeMap, BTreeSet};

use super::super::StoreFault;
use super::super::rows::{Blob, Content, Counters, ExampleRow, StateRow, UndoRow};
use super::{Of, Tables, all, fault};
use crate::learn::examples::Images;
use crate::store::snapshot::Snapshot;
use crate::store::snapshot::v1::StoredModel;
use crate::store::snapshot::v2::{StoredChange, StoredExample};

impl Tables<'_> {
    /// Writes everything, in place of whatever was learned.
    ///
    /// * `images`: those of its examples that the file has not, beside those that come with it.
    pub(in crate::store) fn replace(
        &mut self,
        whole: &Snapshot,
        images: &Images,
    ) -> Result<(), StoreFault> {
        self.put_format()?;
        self.put("model", &StoredModel::from(&whole.model))?;
        let mut counters = self.counters()?;
        let body = whole.body();
        let images: Images =
            images.iter().chain(whole.images()).map(|(mark, file)| (*mark, file.clone())).collect();
        let there = self.images_there(body, &images)?;
        let mut written = BTreeMap::new();
        let mut put = |tables: &mut Self, example: &StoredExample, counters: &mut Counters| {
            let image = match example.image {
                Some(mark) => match there.get(&mark).or_else(|| written.get(&mark)) {
                    Some(number) => Some(*number),
                    None => tables.image_for(mark, &images, &BTreeMap::new(), counters)?,
                },
                None => None,
            };
            written.extend(example.image.zip(image));
            tables.put_blob(example.class, &Blob::of(example), image, counters)
        };
        let mut examples = Vec::with_capacity(body.examples.len());
        for example in &body.examples {
            let kept = match self.example(example.id)? {
                Some(row) if self.full(example.id, &row)? == *example => Some(row),
                _ => None,
            };
            let row = match kept {
                Some(row) => row,
                None => put(self, example, &mut counters)?,
            };
            examples.push((example.id, row));
        }
        counters.next_class = counters.next_class.max(body.next_class);
        counters.next_example = counters.next_example.max(body.next_example);
        let state = StateRow {
            classes: body.classes.clone(),
            examples,
            head: body.head.clone(),
            thresholds: body.thresholds,
        };
        let loose = self.set_state(&state, &mut counters)?;
        for step in &body.undo {
            let mut rows = BTreeMap::new();
            for change in &step.0 {
                if let StoredChange::AddExample(example) = change {
                    rows.insert(example.id, put(self, example, &mut counters)?);
                }
            }
            let step: Result<Vec<_>, _> =
                step.0.iter().map(|change| UndoRow::of(change, &rows)).collect();
            self.push_undo(&step?, &mut counters)?;
        }
        self.put_counters(&counters)?;
        self.sweep(loose)?;
        self.sweep_tails()
    }

    /// Makes these rows what is learned; nothing can be undone.
    ///
    /// * returns what may be used no longer, for [`Tables::sweep`].
    pub(in crate::store) fn set_state(
        &mut self,
        state: &StateRow,
        counters: &mut Counters,
    ) -> Result<BTreeSet<Content>, StoreFault> {
        let mut loose = BTreeSet::new();
        for (number, step) in self.undo_steps()? {
            self.remove_undo(number)?;
            loose.extend(step.iter().filter_map(UndoRow::example).map(|(_, row)| row.content()));
        }
        for (class, _) in self.classes()? {
            self.classes.remove(class).map_err(fault)?;
        }
        for (class, name) in &state.classes {
            self.classes.insert(class, name.as_str()).map_err(fault)?;
        }
        let wanted: BTreeMap<u64, ExampleRow> = state.examples.iter().copied().collect();
        let before: BTreeMap<u64, ExampleRow> =
            all(&self.examples, "example")?.into_iter().collect();
        for (id, row) in &before {
            if wanted.get(id) != Some(row) {
                self.examples.remove(id).map_err(fault)?;
                loose.insert(row.content());
            }
        }
        for (id, row) in wanted.iter().filter(|(id, row)| before.get(id) != Some(row)) {
            self.put_example(*id, row)?;
        }
        self.put("head", &state.head)?;
        self.put("thresholds", &state.thresholds)?;
        counters.changes += 1;
        Ok(loose)
    }

    /// Removes the blobs and images among these that nothing refers to any more.
    pub(in crate::store) fn sweep(&mut self, loose: BTreeSet<Content>) -> Result<(), StoreFault> {
        if loose.is_empty() {
            return Ok(());
        }
        let mut blobs: BTreeSet<u64> = loose.iter().map(|(blob, _)| *blob).collect();
        let mut images: BTreeSet<u64> = loose.iter().filter_map(|(_, image)| *image).collect();
        let mut used = |rows: &[ExampleRow]| {
            for row in rows {
                blobs.remove(&row.blob);
                if let Some(image) = row.image {
                    images.remove(&image);
                }
            }
            blobs.is_empty() && images.is_empty()
        };
        if used(&self.held()?) {
            return Ok(());
        }
        let rows = all::<_, ExampleRow>(&self.examples, "example")?;
        used(&rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>());
        for blob in blobs {
            self.contents.remove(Of::Example, blob)?;
        }
        self.remove_images(images)
    }

    /// Rows of the examples that generations and undo steps refer to.
    pub(in crate::store) fn held(&self) -> Result<Vec<ExampleRow>, StoreFault> {
        let mut held = Vec::new();
        for (_, generation) in self.generation_rows()? {
            held.extend(generation.state.examples.iter().map(|(_, row)| *row));
        }
        for (_, step) in self.undo_steps()? {
            held.extend(step.iter().filter_map(UndoRow::example).map(|(_, row)| row));
        }
        Ok(held)
    }

    /// Everything refers to something that is there, and everything that is there is referred to.
    pub(in crate::store) fn check(&self) -> Result<(), StoreFault> {
        let held = self.held()?;
        let mut used: BTreeSet<u64> = held.iter().map(|row| row.blob).collect();
        let mut images: BTreeSet<u64> = held.iter().filter_map(|row| row.image).collect();
        let state = self.state()?;
        let classes: BTreeSet<u32> = state.classes.iter().map(|(id, _)| *id).collect();
        for (id, row) in &state.examples {
            if !classes.contains(&row.class) {
                let what =
                    format!("example {id} is of class {}, which it does not have", row.class);
                return Err(StoreFault::Damaged(what));
            }
            used.insert(row.blob);
            images.extend(row.image);
        }
        match self.contents.compare(&used, &images)? {
            (0, 0) => {}
            (lacking, idle) => {
                return Err(StoreFault::Damaged(format!(
                    "{lacking} examples lack their content, and {idle} contents belong to nothing"
                )));
            }
        }
        for number in used {
            let bytes = self.blob_bytes(number)?.unwrap_or_default();
            Blob::decode(&bytes, || format!("blob {number}"))?;
        }
        self.check_images()
    }
}
