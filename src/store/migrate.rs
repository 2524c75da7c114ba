//! A store of format 2 becomes one of format 3 in the transaction that first writes to it; one that only looks sees it as
//! if it were.
//!
//! Its examples had no groups, views or images; they get groups by the time of their teaching, and their thumbnails are
//! their images.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::StoreFault;
use super::rows::{Blob, ExampleRow, UndoRow, decode};
use super::tables::Tables;
use crate::snapshot::v2::{StoredBytes, StoredFeature, Taught, groups_by_time};

/// The format that is read and made the one of today.
pub(super) const BEFORE: u16 = 2;

/// What of an example never changed.
#[derive(Debug, Deserialize)]
struct OldBlob {
    taught_micros: u64,
    origin: String,
    /// Bits of f16.
    feature: Vec<u16>,
    thumbnail: Option<Vec<u8>>,
}

impl Tables<'_> {
    pub(super) fn migrate(&mut self) -> Result<(), StoreFault> {
        let mut old = BTreeMap::new();
        for number in self.blob_numbers()? {
            let what = || format!("blob {number}");
            let bytes = self.blob_bytes(number)?.ok_or_else(|| StoreFault::Damaged(what()))?;
            old.insert(number, decode::<OldBlob>(&bytes, what)?);
        }
        // Of which example and class each is; what is learned now says so first.
        let mut owners: BTreeMap<u64, (u64, u32)> = BTreeMap::new();
        let generations = self.generation_rows()?;
        let of_generations = generations.iter().rev().flat_map(|(_, row)| &row.state.examples);
        let undo = self.undo_steps()?;
        let of_undo = undo.iter().rev().flat_map(|(_, step)| step).filter_map(UndoRow::example);
        let of_state = self.state()?.examples;
        for (id, row) in of_state.into_iter().chain(of_undo).chain(of_generations.copied()) {
            owners.entry(row.blob).or_insert((id, row.class));
        }
        let taught = owners.iter().filter_map(|(blob, &(id, class))| {
            old.get(blob).map(|old| Taught { class, micros: old.taught_micros, id })
        });
        let groups = groups_by_time(taught);
        let mut lengths = BTreeMap::new();
        for (number, old) in old {
            let OldBlob { taught_micros, origin, feature, thumbnail } = old;
            let id = owners.get(&number).map_or(0, |(id, _)| *id);
            let blob = Blob {
                group: groups.get(&id).copied().unwrap_or(id),
                taught_micros,
                origin,
                feature: StoredFeature(feature),
                views: Vec::new(),
                image: thumbnail.map(StoredBytes),
            };
            lengths.insert(number, self.write_blob(number, &blob)?);
        }
        let renewed = |row: &ExampleRow| ExampleRow {
            bytes: lengths.get(&row.blob).copied().unwrap_or(row.bytes),
            ..*row
        };
        for (id, row) in self.state()?.examples {
            self.put_example(id, &renewed(&row))?;
        }
        for (number, mut step) in undo {
            for row in &mut step {
                if let UndoRow::AddExample(_, example) = row {
                    *example = renewed(example);
                }
            }
            self.put_undo(number, &step)?;
        }
        for (number, mut generation) in generations {
            for (_, row) in &mut generation.state.examples {
                *row = renewed(row);
            }
            self.put_generation(number, &generation)?;
        }
        self.put_format()
    }
}
