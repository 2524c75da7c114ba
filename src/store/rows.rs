//! What stands in the tables, as it is written: postcard of these structs, field by field, variant by variant.
//!
//! Nothing here may change its shape or order, since files of this format are read for ever; a new shape is a new
//! format number. What an exchanged file has in the same form is shared with it (`snapshot/v2.rs`).

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::StoreFault;
use crate::learn::learner::Change;
use crate::learn::patches::{KeptPatches, PatchLevel, Patches};
use crate::store::snapshot::patches::StoredPatches;
use crate::store::snapshot::v1::{StoredHead, StoredModel, StoredThresholds};
use crate::store::snapshot::v2::{StoredChange, StoredExample, StoredFeature, StoredMark};

/// Numbers that only rise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counters {
    pub(super) next_class: u32,
    pub(super) next_example: u64,
    pub(super) next_blob: u64,
    pub(super) next_undo: u64,
    pub(super) next_generation: u64,
    /// Times that what was learned changed.
    pub(super) changes: u64,
    /// `changes` when the newest generation was made, and when that was, in microseconds since 1970.
    pub(super) generation_changes: u64,
    pub(super) generation_micros: u64,
}

/// An example's class, and the number under which the rest of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ExampleRow {
    pub(super) class: u32,
    pub(super) blob: u64,
    /// Length of the blob.
    pub(super) bytes: u32,
    /// The number under which its image is kept, or was before there was too little room.
    pub(super) image: Option<u64>,
}

/// The numbers of an example's blob and image.
pub(super) type Content = (u64, Option<u64>);

impl ExampleRow {
    pub(super) fn content(&self) -> Content {
        (self.blob, self.image)
    }
}

/// What is kept of the images.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct ImageCounters {
    /// Up to format 6 images had numbers of their own, all below this.
    pub(super) earlier: u64,
    /// Bytes of all.
    pub(super) bytes: u64,
}

/// What of an example never changes. Its class may, and generations share it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Blob {
    pub(super) group: u64,
    pub(super) taught_micros: u64,
    pub(super) origin: String,
    pub(super) feature: StoredFeature,
    pub(super) views: Vec<StoredFeature>,
    pub(super) image: Option<StoredMark>,
    /// Behind all of these, where there are any ([`StoredPatches`]).
    #[serde(skip)]
    pub(super) patches: Option<Arc<KeptPatches>>,
    /// One byte behind all of these, where it is ([`DESCRIBED`]); such have no patches.
    #[serde(skip)]
    pub(super) described: bool,
}

/// Before patches that are kept as bytes, since format 7; those before begin with the number of their levels, 1 or 2.
const ROUNDED: u8 = 0;

/// All that stands behind a description in words.
const DESCRIBED: u8 = 3;

/// As format 6 had it.
#[derive(Debug, Serialize, Deserialize)]
struct EarlierPatches(Vec<EarlierLevel>);

#[derive(Debug, Serialize, Deserialize)]
struct EarlierLevel {
    height: u32,
    width: u32,
    channels: u32,
    values: StoredFeature,
}

/// One change of a step that can be undone.
///
/// * `R`: what stands for an example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum UndoRow<R = ExampleRow> {
    AddClass(u32, String),
    RemoveClass(u32),
    RenameClass(u32, String),
    AddExample(u64, R),
    RemoveExample(u64),
    Relabel(u64, u32),
    SetHead(StoredHead),
    SetThresholds(StoredThresholds),
}

/// A state that can be rolled back to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct GenerationRow {
    pub(super) name: String,
    pub(super) automatic: bool,
    pub(super) micros: u64,
    /// The backbone it was taught with.
    pub(super) model: StoredModel,
    pub(super) state: StateRow,
}

/// Everything learned, the examples' blobs left where they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct StateRow<R = ExampleRow> {
    pub(super) classes: Vec<(u32, String)>,
    pub(super) examples: Vec<(u64, R)>,
    pub(super) head: StoredHead,
    pub(super) thresholds: StoredThresholds,
}

/// As bytes.
pub(super) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value)
        .expect("postcard writes every serde value of known length to a growing vector")
}

/// From bytes; `what` is the place in the file.
pub(super) fn decode<T: DeserializeOwned>(
    bytes: &[u8],
    what: impl FnOnce() -> String,
) -> Result<T, StoreFault> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => {
            Err(StoreFault::Damaged(format!("{} bytes stand behind {}", rest.len(), what())))
        }
        Err(error) => Err(StoreFault::Damaged(format!("{}: {error}", what()))),
    }
}

impl Blob {
    /// Of an example in an exchanged file.
    pub(super) fn of(example: &StoredExample) -> Self {
        let StoredExample {
            group,
            taught_micros,
            origin,
            feature,
            views,
            image,
            patches,
            described,
            ..
        } = example.clone();
        Self { group, taught_micros, origin, feature, views, image, patches, described }
    }

    /// As bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = encode(self);
        if let Some(patches) = &self.patches {
            bytes.push(ROUNDED);
            bytes.extend(encode(&StoredPatches::of(patches)));
        } else if self.described {
            bytes.push(DESCRIBED);
        }
        bytes
    }

    /// From bytes; `what` is the place in the file.
    pub(super) fn decode(bytes: &[u8], what: impl Fn() -> String) -> Result<Self, StoreFault> {
        let damaged = |error: &dyn Display| StoreFault::Damaged(format!("{}: {error}", what()));
        let (mut blob, rest): (Self, &[u8]) =
            postcard::take_from_bytes(bytes).map_err(|error| damaged(&error))?;
        if rest == [DESCRIBED] {
            blob.described = true;
        } else if !rest.is_empty() {
            let what = || format!("the patches of {}", what());
            let patches = match rest {
                [ROUNDED, rest @ ..] => decode::<StoredPatches>(rest, what)?.patches(),
                _ => decode::<EarlierPatches>(rest, what)?.patches(),
            };
            let patches = patches.ok_or_else(|| damaged(&"its patches are no patches"))?;
            blob.patches = Some(Arc::new(patches));
        }
        Ok(blob)
    }

    pub(super) fn with(self, id: u64, class: u32) -> StoredExample {
        let Self { group, taught_micros, origin, feature, views, image, patches, described } = self;
        StoredExample {
            id,
            class,
            group,
            taught_micros,
            origin,
            feature,
            views,
            image,
            patches,
            described,
        }
    }
}

impl EarlierPatches {
    /// As they are kept today; `None` where they are not in order.
    fn patches(self) -> Option<KeptPatches> {
        let level = |EarlierLevel { height, width, channels, values }| PatchLevel {
            size: [height as usize, width as usize],
            channels: channels as usize,
            values: values.0,
        };
        Patches::of_levels(self.0.into_iter().map(level).collect()).map(|one| KeptPatches::of(&one))
    }
}

impl<R> UndoRow<R> {
    /// The same with something else that stands for an example.
    pub(super) fn with<T>(
        self,
        row: impl FnOnce(&R) -> Result<T, StoreFault>,
    ) -> Result<UndoRow<T>, StoreFault> {
        Ok(match self {
            Self::AddClass(class, name) => UndoRow::AddClass(class, name),
            Self::RemoveClass(class) => UndoRow::RemoveClass(class),
            Self::RenameClass(class, name) => UndoRow::RenameClass(class, name),
            Self::AddExample(id, example) => UndoRow::AddExample(id, row(&example)?),
            Self::RemoveExample(id) => UndoRow::RemoveExample(id),
            Self::Relabel(id, class) => UndoRow::Relabel(id, class),
            Self::SetHead(head) => UndoRow::SetHead(head),
            Self::SetThresholds(thresholds) => UndoRow::SetThresholds(thresholds),
        })
    }
}

impl UndoRow {
    /// * `rows`: of the examples that the change's step touches.
    pub(super) fn of(
        change: &StoredChange,
        rows: &BTreeMap<u64, ExampleRow>,
    ) -> Result<Self, StoreFault> {
        Ok(match change.clone() {
            StoredChange::AddClass(class, name) => Self::AddClass(class, name),
            StoredChange::RemoveClass(class) => Self::RemoveClass(class),
            StoredChange::RenameClass(class, name) => Self::RenameClass(class, name),
            StoredChange::AddExample(example) => {
                let row = rows.get(&example.id).ok_or_else(|| lost(example.id))?;
                Self::AddExample(example.id, ExampleRow { class: example.class, ..*row })
            }
            StoredChange::RemoveExample(id) => Self::RemoveExample(id),
            StoredChange::Relabel(id, class) => Self::Relabel(id, class),
            StoredChange::SetHead(head) => Self::SetHead(head),
            StoredChange::SetThresholds(thresholds) => Self::SetThresholds(thresholds),
        })
    }

    /// * `blob`: gives a blob by its row.
    pub(super) fn change(
        self,
        blob: impl FnOnce(u64, &ExampleRow) -> Result<StoredExample, StoreFault>,
    ) -> Result<StoredChange, StoreFault> {
        Ok(match self {
            Self::AddClass(class, name) => StoredChange::AddClass(class, name),
            Self::RemoveClass(class) => StoredChange::RemoveClass(class),
            Self::RenameClass(class, name) => StoredChange::RenameClass(class, name),
            Self::AddExample(id, row) => StoredChange::AddExample(blob(id, &row)?),
            Self::RemoveExample(id) => StoredChange::RemoveExample(id),
            Self::Relabel(id, class) => StoredChange::Relabel(id, class),
            Self::SetHead(head) => StoredChange::SetHead(head),
            Self::SetThresholds(thresholds) => StoredChange::SetThresholds(thresholds),
        })
    }

    /// The example it would bring back.
    pub(super) fn example(&self) -> Option<(u64, ExampleRow)> {
        match self {
            Self::AddExample(id, row) => Some((*id, *row)),
            _ => None,
        }
    }
}

/// The change has an example that neither the step nor the file has.
pub(super) fn lost(id: u64) -> StoreFault {
    StoreFault::Damaged(format!("example {id} is not in it"))
}

/// The stored forms of a step's changes.
pub(super) fn stored(changes: &[Change]) -> impl Iterator<Item = StoredChange> {
    changes.iter().map(StoredChange::from)
}
