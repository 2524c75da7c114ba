//! A store of format 2 to 6 becomes one of format 7 in the transaction that first writes to it; one that only looks sees
//! it as if it were.
//!
//! The examples of format 2 had no groups, views or images; they get groups by the time of their teaching, and their
//! thumbnails are their images. Those of format 3 and the images of format 4 are not cut into
//! pieces, and stay as they are. Examples of format 5 and before have no patches.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::StoreFault;
use super::rows::{Blob, ExampleRow, GenerationRow, StateRow, UndoRow, decode};
use super::tables::{Rows, Tables};
use crate::learn::examples::ImageMark;
use crate::store::snapshot::v2::{StoredFeature, Taught, groups_by_time};

/// What of an example never changed.
#[derive(Debug, Deserialize)]
struct OldBlob {
    taught_micros: u64,
    origin: String,
    /// Bits of f16.
    feature: Vec<u16>,
    thumbnail: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
struct OldExampleRow {
    class: u32,
    blob: u64,
    #[allow(dead_code, reason = "its place is the format")]
    bytes: u32,
}

#[derive(Debug, Deserialize)]
struct OldGenerationRow {
    name: String,
    automatic: bool,
    micros: u64,
    state: StateRow<OldExampleRow>,
}

/// The rows of today by the number of their blob.
type Renewed = BTreeMap<u64, ExampleRow>;

fn renewed(old: &OldExampleRow, rows: &Renewed) -> Result<ExampleRow, StoreFault> {
    let row = rows.get(&old.blob);
    let row = row.ok_or_else(|| StoreFault::Damaged(format!("blob {} is not in it", old.blob)))?;
    Ok(ExampleRow { class: old.class, ..*row })
}

impl Tables<'_> {
    pub(super) fn migrate(&mut self) -> Result<(), StoreFault> {
        let examples: Vec<(u64, OldExampleRow)> = self.rows_of(Rows::Examples)?;
        let undo: Vec<(u64, Vec<UndoRow<OldExampleRow>>)> = self.rows_of(Rows::Undo)?;
        let generations: Vec<(u64, OldGenerationRow)> = self.rows_of(Rows::Generations)?;
        let mut old = BTreeMap::new();
        for number in self.contents.earlier_examples()? {
            let what = || format!("blob {number}");
            let bytes = self.blob_bytes(number)?.ok_or_else(|| StoreFault::Damaged(what()))?;
            old.insert(number, decode::<OldBlob>(&bytes, what)?);
        }
        // Of which example and class each is; what is learned now says so first.
        let mut owners: BTreeMap<u64, (u64, u32)> = BTreeMap::new();
        let of_undo = undo.iter().rev().flat_map(|(_, step)| step).filter_map(|row| match row {
            UndoRow::AddExample(id, row) => Some((*id, *row)),
            _ => None,
        });
        let of_generations = generations.iter().rev().flat_map(|(_, row)| &row.state.examples);
        for (id, row) in examples.iter().copied().chain(of_undo).chain(of_generations.copied()) {
            owners.entry(row.blob).or_insert((id, row.class));
        }
        let taught = owners.iter().filter_map(|(blob, &(id, class))| {
            old.get(blob).map(|old| Taught { class, micros: old.taught_micros, id })
        });
        let mut counters = self.counters()?;
        let groups = groups_by_time(taught);
        let mut rows = Renewed::new();
        for (number, old) in old {
            let OldBlob { taught_micros, origin, feature, thumbnail } = old;
            let id = owners.get(&number).map_or(0, |(id, _)| *id);
            let group = groups.get(&id).copied().unwrap_or(id);
            let (feature, views) = (StoredFeature::of_bits(&feature), Vec::new());
            let image = thumbnail.as_deref().map(|file| ImageMark::of(file).into());
            let (patches, described) = (None, false);
            let blob =
                Blob { group, taught_micros, origin, feature, views, image, patches, described };
            let bytes = self.write_blob(number, &blob)?;
            let image = thumbnail.map(|file| self.put_image(&file, &mut counters)).transpose()?;
            rows.insert(number, ExampleRow { class: 0, blob: number, bytes, image });
        }
        self.put_counters(&counters)?;
        for (id, row) in &examples {
            self.put_example(*id, &renewed(row, &rows)?)?;
        }
        for (number, step) in undo {
            let step = step.into_iter().map(|row| row.with(|row| renewed(row, &rows)));
            self.put_undo(number, &step.collect::<Result<Vec<_>, _>>()?)?;
        }
        if !generations.is_empty() {
            let model = (&self.model()?).into();
            for (number, old) in generations {
                let OldGenerationRow { name, automatic, micros, state } = old;
                let examples = state.examples.iter();
                let examples = examples.map(|(id, row)| Ok((*id, renewed(row, &rows)?)));
                let state = StateRow {
                    classes: state.classes,
                    examples: examples.collect::<Result<_, StoreFault>>()?,
                    head: state.head,
                    thresholds: state.thresholds,
                };
                let model = Clone::clone(&model);
                let row = GenerationRow { name, automatic, micros, model, state };
                self.put_generation(number, &row)?;
            }
        }
        self.renewed()
    }
}
