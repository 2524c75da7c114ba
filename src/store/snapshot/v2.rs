//! Version 2 of the file, as it is written: postcard of these structs, field by field, variant by variant. Examples have
//! groups and views; features are bytes, two a value, where version 1 spent up to three.
//!
//! Nothing here may change its shape or order once it was released, since files of this version are read for ever.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Formatter;
use std::sync::Arc;

use half::f16;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::v1::{self, MAX_CHANGES, StoredHead, StoredModel, StoredThresholds, at_most};
use crate::image::frame::Timestamp;
use crate::learn::examples::{Example, ImageMark, Images, MAX_EXAMPLES, MAX_VIEWS};
use crate::learn::head::{ClassId, ExampleId, GroupId};
use crate::learn::learner::{
    Change, ClassName, LAST_CLASS, LAST_EXAMPLE, LearnError, MAX_CLASSES, UNDO_DEPTH,
};
use crate::learn::patches::KeptPatches;

/// Images in a file at most.
const MAX_IMAGES: usize = 2 * MAX_EXAMPLES;

/// Examples of one class that were taught within so long of each other are one group, where nothing else is known.
const BURST_MICROS: u64 = 2_000_000;

/// All that stands between the version and the checksum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredFile {
    pub(crate) model: StoredModel,
    pub(crate) body: StoredBody,
    /// By rising length, then hash: see [`StoredMark`].
    #[serde(deserialize_with = "at_most::<_, _, MAX_IMAGES>")]
    pub(crate) images: Vec<StoredBytes>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredBody {
    /// Id and name.
    #[serde(deserialize_with = "at_most::<_, _, MAX_CLASSES>")]
    pub(crate) classes: Vec<(u32, String)>,
    #[serde(deserialize_with = "at_most::<_, _, MAX_EXAMPLES>")]
    pub(crate) examples: Vec<StoredExample>,
    pub(crate) head: StoredHead,
    pub(crate) thresholds: StoredThresholds,
    pub(crate) next_class: u32,
    pub(crate) next_example: u64,
    /// Steps that can be undone, the latest last.
    #[serde(deserialize_with = "at_most::<_, _, UNDO_DEPTH>")]
    pub(crate) undo: Vec<StoredStep>,
}

/// The changes of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct StoredStep(
    #[serde(deserialize_with = "at_most::<_, _, MAX_CHANGES>")] pub(crate) Vec<StoredChange>,
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredExample {
    pub(crate) id: u64,
    pub(crate) class: u32,
    pub(crate) group: u64,
    pub(crate) taught_micros: u64,
    pub(crate) origin: String,
    pub(crate) feature: StoredFeature,
    #[serde(deserialize_with = "at_most::<_, _, MAX_VIEWS>")]
    pub(crate) views: Vec<StoredFeature>,
    pub(crate) image: Option<StoredMark>,
    /// In an exchanged file behind all others (`patches.rs`).
    #[serde(skip)]
    pub(crate) patches: Option<Arc<KeptPatches>>,
    /// In an exchanged file behind those.
    #[serde(skip)]
    pub(crate) described: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum StoredChange {
    AddClass(u32, String),
    RemoveClass(u32),
    RenameClass(u32, String),
    AddExample(StoredExample),
    RemoveExample(u64),
    Relabel(u64, u32),
    SetHead(StoredHead),
    SetThresholds(StoredThresholds),
}

/// What an image is known by: its length, and the first half of its SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct StoredMark {
    bytes: u32,
    hash: [u8; 16],
}

/// Bytes, as they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StoredBytes(pub(crate) Vec<u8>);

/// Bits of f16; as bytes two a value, little-endian.
#[derive(Debug, Clone)]
pub(crate) struct StoredFeature(pub(crate) Arc<[f16]>);

impl StoredFeature {
    pub(crate) fn of_bits(bits: &[u16]) -> Self {
        Self(bits.iter().map(|&bits| f16::from_bits(bits)).collect())
    }
}

/// By their bits: what is no number is equal to itself.
impl PartialEq for StoredFeature {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for StoredFeature {}

impl PartialOrd for StoredFeature {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for StoredFeature {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.iter().map(|value| value.to_bits()).cmp(other.0.iter().map(|value| value.to_bits()))
    }
}

impl Serialize for StoredBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl Serialize for StoredFeature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|value| value.to_le_bytes()).collect();
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for StoredBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Bytes).map(|bytes| Self(bytes.to_vec()))
    }
}

impl<'de> Deserialize<'de> for StoredFeature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = deserializer.deserialize_bytes(Bytes)?;
        let (values, []) = bytes.as_chunks::<2>() else {
            let bytes = bytes.len();
            return Err(D::Error::custom(format!(
                "a feature of {bytes} bytes, wanted two a value"
            )));
        };
        Ok(Self(values.iter().map(|&two| f16::from_le_bytes(two)).collect()))
    }
}

/// Bytes as they lie in what is read.
struct Bytes;

impl<'de> Visitor<'de> for Bytes {
    type Value = &'de [u8];

    fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "bytes")
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(bytes)
    }
}

impl From<ImageMark> for StoredMark {
    fn from(mark: ImageMark) -> Self {
        let ImageMark { bytes, hash } = mark;
        Self { bytes, hash }
    }
}

impl From<StoredMark> for ImageMark {
    fn from(stored: StoredMark) -> Self {
        let StoredMark { bytes, hash } = stored;
        Self { bytes, hash }
    }
}

impl StoredBody {
    /// What the images of its examples are known by, also of those that can come back.
    pub(crate) fn marks(&self) -> BTreeSet<ImageMark> {
        let brought_back =
            self.undo.iter().flat_map(|step| &step.0).filter_map(StoredChange::example);
        let examples = self.examples.iter().chain(brought_back);
        examples.filter_map(|example| example.image).map(ImageMark::from).collect()
    }

    /// The examples that are descriptions in words, also of those that can come back.
    pub(crate) fn described(&self) -> BTreeSet<u64> {
        let brought_back =
            self.undo.iter().flat_map(|step| &step.0).filter_map(StoredChange::example);
        let examples = self.examples.iter().chain(brought_back);
        examples.filter(|example| example.described).map(|example| example.id).collect()
    }

    /// These are, and no others.
    pub(crate) fn set_described(&mut self, ids: &BTreeSet<u64>) {
        let steps = self.undo.iter_mut().flat_map(|step| &mut step.0);
        let brought_back = steps.filter_map(|change| match change {
            StoredChange::AddExample(example) => Some(example),
            _ => None,
        });
        for example in self.examples.iter_mut().chain(brought_back) {
            example.described = ids.contains(&example.id);
            // A store has place for one of them.
            example.patches = example.patches.take().filter(|_| !example.described);
        }
    }

    /// What there is too much of, in words.
    pub(crate) fn excess(&self) -> Option<String> {
        let Self { classes, examples, undo, next_class, next_example, .. } = self;
        let longest = undo.iter().map(|step| step.0.len()).max().unwrap_or(0);
        let brought_back = undo.iter().flat_map(|step| &step.0).filter_map(StoredChange::example);
        let views = examples.iter().chain(brought_back).map(|one| one.views.len()).max();
        let lists = [
            ("classes", classes.len(), MAX_CLASSES),
            ("examples", examples.len(), MAX_EXAMPLES),
            ("steps to undo", undo.len(), UNDO_DEPTH),
            ("changes in a step", longest, MAX_CHANGES),
            ("views of an example", views.unwrap_or(0), MAX_VIEWS),
        ];
        if let Some((what, _, most)) = lists.into_iter().find(|&(_, got, most)| got > most) {
            return Some(format!("more than {most} {what}"));
        }
        let (class, example) = (LAST_CLASS.0 + 1, LAST_EXAMPLE.0 + 1);
        if *next_class > class || *next_example > example {
            let got = format!("{next_class} and {next_example}");
            return Some(format!("next ids of {got}, wanted at most {class} and {example}"));
        }
        None
    }
}

impl StoredChange {
    /// The example that comes with it.
    pub(crate) fn example(&self) -> Option<&StoredExample> {
        match self {
            Self::AddExample(example) => Some(example),
            _ => None,
        }
    }
}

impl From<&Example> for StoredExample {
    fn from(example: &Example) -> Self {
        Self {
            id: example.id.0,
            class: example.class.0,
            group: example.group.0,
            taught_micros: example.taught.0,
            origin: example.origin.clone(),
            feature: StoredFeature(Arc::clone(&example.feature)),
            views: example.views.iter().cloned().map(StoredFeature).collect(),
            image: example.image.map(StoredMark::from),
            patches: example.patches.clone(),
            described: example.described,
        }
    }
}

impl From<StoredExample> for Example {
    fn from(stored: StoredExample) -> Self {
        Self {
            id: ExampleId(stored.id),
            class: ClassId(stored.class),
            group: GroupId(stored.group),
            taught: Timestamp(stored.taught_micros),
            origin: stored.origin,
            feature: stored.feature.0,
            views: stored.views.into_iter().map(|view| view.0).collect(),
            image: stored.image.map(ImageMark::from),
            patches: stored.patches,
            described: stored.described,
        }
    }
}

impl From<&Change> for StoredChange {
    fn from(change: &Change) -> Self {
        match change {
            Change::AddClass(class, name) => Self::AddClass(class.0, name.as_str().to_owned()),
            Change::RemoveClass(class) => Self::RemoveClass(class.0),
            Change::RenameClass(class, name) => {
                Self::RenameClass(class.0, name.as_str().to_owned())
            }
            Change::AddExample(example) => Self::AddExample(example.into()),
            Change::RemoveExample(example) => Self::RemoveExample(example.0),
            Change::Relabel(example, class) => Self::Relabel(example.0, class.0),
            Change::SetHead(config) => Self::SetHead(config.into()),
            Change::SetThresholds(thresholds) => Self::SetThresholds(thresholds.into()),
        }
    }
}

impl TryFrom<StoredChange> for Change {
    type Error = LearnError;

    fn try_from(stored: StoredChange) -> Result<Self, LearnError> {
        Ok(match stored {
            StoredChange::AddClass(class, name) => {
                Self::AddClass(ClassId(class), ClassName::kept(&name)?)
            }
            StoredChange::RemoveClass(class) => Self::RemoveClass(ClassId(class)),
            StoredChange::RenameClass(class, name) => {
                Self::RenameClass(ClassId(class), ClassName::kept(&name)?)
            }
            StoredChange::AddExample(example) => Self::AddExample(example.into()),
            StoredChange::RemoveExample(example) => Self::RemoveExample(ExampleId(example)),
            StoredChange::Relabel(example, class) => {
                Self::Relabel(ExampleId(example), ClassId(class))
            }
            StoredChange::SetHead(head) => Self::SetHead(head.into()),
            StoredChange::SetThresholds(thresholds) => Self::SetThresholds(thresholds.into()),
        })
    }
}

impl From<v1::StoredFile> for StoredFile {
    fn from(old: v1::StoredFile) -> Self {
        let v1::StoredFile { model, body } = old;
        let old_example = |change: &v1::StoredChange| match change {
            v1::StoredChange::AddExample(example) => Some(Taught::of(example)),
            _ => None,
        };
        let brought_back = body.undo.iter().flat_map(|step| &step.0).filter_map(old_example);
        let groups = groups_by_time(body.examples.iter().map(Taught::of).chain(brought_back));
        let group = |id: u64| groups.get(&id).copied().unwrap_or(id);
        let mut images = Images::new();
        let mut example = |example: v1::StoredExample| {
            let group = group(example.id);
            StoredExample::of_v1(example, group, &mut images)
        };
        let examples = body.examples.into_iter().map(&mut example).collect();
        let mut change = |change: v1::StoredChange| match change {
            v1::StoredChange::AddClass(class, name) => StoredChange::AddClass(class, name),
            v1::StoredChange::RemoveClass(class) => StoredChange::RemoveClass(class),
            v1::StoredChange::RenameClass(class, name) => StoredChange::RenameClass(class, name),
            v1::StoredChange::AddExample(old) => StoredChange::AddExample(example(old)),
            v1::StoredChange::RemoveExample(id) => StoredChange::RemoveExample(id),
            v1::StoredChange::Relabel(id, class) => StoredChange::Relabel(id, class),
            v1::StoredChange::SetHead(head) => StoredChange::SetHead(head),
            v1::StoredChange::SetThresholds(thresholds) => StoredChange::SetThresholds(thresholds),
        };
        let step = |step: v1::StoredStep| StoredStep(step.0.into_iter().map(&mut change).collect());
        let undo = body.undo.into_iter().map(step).collect();
        let body = StoredBody {
            classes: body.classes,
            examples,
            head: body.head,
            thresholds: body.thresholds,
            next_class: body.next_class,
            next_example: body.next_example,
            undo,
        };
        Self { model, body, images: images.into_values().map(StoredBytes).collect() }
    }
}

impl StoredExample {
    fn of_v1(old: v1::StoredExample, group: u64, images: &mut Images) -> Self {
        let v1::StoredExample { id, class, taught_micros, origin, feature, thumbnail } = old;
        let image = thumbnail.map(|file| {
            let mark = ImageMark::of(&file);
            images.insert(mark, file);
            mark.into()
        });
        let feature = StoredFeature::of_bits(&feature);
        let (views, patches, described) = (Vec::new(), None, false);
        Self { id, class, group, taught_micros, origin, feature, views, image, patches, described }
    }
}

/// What of an example says which group it is of, where that was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Taught {
    pub(crate) class: u32,
    pub(crate) micros: u64,
    pub(crate) id: u64,
}

impl Taught {
    fn of(example: &v1::StoredExample) -> Self {
        Self { class: example.class, micros: example.taught_micros, id: example.id }
    }
}

/// The groups of examples that were stored without: those of one class, each taught within 2 seconds of the one before.
///
/// * returns the group by id.
pub(crate) fn groups_by_time(examples: impl Iterator<Item = Taught>) -> BTreeMap<u64, u64> {
    let mut examples: Vec<Taught> = examples.collect();
    examples.sort_unstable();
    let mut groups = BTreeMap::new();
    let mut before: Option<(Taught, u64)> = None;
    for one in examples {
        let follows = |(last, _): &(Taught, u64)| {
            last.class == one.class && one.micros - last.micros <= BURST_MICROS
        };
        let group = before.filter(follows).map_or(one.id, |(_, group)| group);
        groups.entry(one.id).or_insert(group);
        before = Some((one, group));
    }
    groups
}

#[cfg(test)]
mod tests;
