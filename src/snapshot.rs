//! The portable form of what was learned: a magic number, a version, the body in postcard, a CRC-32.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `FTLEARN\0` |
//! | 2 | version, little-endian |
//! | n | the body: postcard of the version's struct |
//! | 4 | CRC-32 (IEEE) of everything before, little-endian |
//!
//! The structs here are apart from the live ones, so that those may change and old files still be read.

use half::f16;
use serde::{Deserialize, Serialize};

use crate::decision::Thresholds;
use crate::examples::{Example, Examples};
use crate::frame::Timestamp;
use crate::head::{ClassId, ExampleId, HeadConfig};
use crate::learner::{Change, ClassName, LearnError, Learner};

const MAGIC: &[u8; 8] = b"FTLEARN\0";
const VERSION: u16 = 1;
const CRC_BYTES: usize = 4;

/// Which backbone the features came from. Features of another one mean nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelId {
    /// For people.
    pub name: String,
    /// Of the file, the preprocessing and the taps.
    pub fingerprint: [u8; 32],
    /// Length of a feature.
    pub dim: u32,
}

/// Everything learned, ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The backbone it was taught with.
    pub model: ModelId,
    body: Body,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct BodyV1 {
    model: ModelId,
    body: Body,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Body {
    classes: Vec<(u32, String)>,
    examples: Vec<StoredExample>,
    head: HeadConfig,
    thresholds: Thresholds,
    next_class: u32,
    next_example: u64,
    undo: Vec<Vec<StoredChange>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct StoredExample {
    id: u64,
    class: u32,
    taught_micros: u64,
    origin: String,
    feature: Vec<u16>,
    thumbnail: Option<Vec<u8>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum StoredChange {
    AddClass(u32, String),
    RemoveClass(u32),
    RenameClass(u32, String),
    AddExample(StoredExample),
    RemoveExample(u64),
    Relabel(u64, u32),
    SetHead(HeadConfig),
    SetThresholds(Thresholds),
}

/// Why bytes are not a snapshot.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SnapshotError {
    /// It does not begin like one.
    #[error("not a file of fieldtune: wanted it to begin with FTLEARN, got {got}")]
    Magic {
        /// Its first bytes, escaped.
        got: String,
    },
    /// Another program wrote it.
    #[error(
        "the file is of version {got}, this program reads up to {VERSION}: use a newer fieldtune"
    )]
    Version {
        /// Its version.
        got: u16,
    },
    /// It was cut off or changed.
    #[error("the file is damaged: its checksum is {got:08x}, its {bytes} bytes make {wanted:08x}")]
    Checksum {
        /// Length of the file.
        bytes: usize,
        /// What the bytes make.
        wanted: u32,
        /// What stands in the file.
        got: u32,
    },
    /// The checksum is right and the content is not.
    #[error("the file's content cannot be read: {0}")]
    Content(String),
    /// What it holds is refused.
    #[error("the file's content is refused: {0}")]
    Refused(#[from] LearnError),
}

impl Snapshot {
    /// * `model`: the backbone the features came from.
    pub fn of(learner: &Learner, model: ModelId) -> Self {
        let (ClassId(next_class), ExampleId(next_example)) = learner.next_ids();
        let classes = learner.classes().iter();
        let undo = learner.undo_steps().iter();
        Self {
            model,
            body: Body {
                classes: classes.map(|(id, name)| (id.0, name.as_str().to_owned())).collect(),
                examples: learner.examples().iter().map(StoredExample::from).collect(),
                head: learner.head_config().clone(),
                thresholds: *learner.thresholds(),
                next_class,
                next_example,
                undo: undo.map(|step| step.iter().map(StoredChange::from).collect()).collect(),
            },
        }
    }

    /// Everything learned, its head taught anew with the stored examples.
    ///
    /// # Errors
    /// [`SnapshotError::Refused`], [`SnapshotError::Content`] where the content contradicts itself.
    pub fn into_learner(self, budget: usize) -> Result<Learner, SnapshotError> {
        let Body { classes, examples, head, thresholds, next_class, next_example, undo } =
            self.body;
        let dim = self.model.dim as usize;
        let bytes: usize = examples.iter().map(|e| e.feature.len() * 2 + 4096).sum();
        let mut learner = Learner::new(dim, head, budget.max(bytes).max(Examples::DEFAULT_BUDGET))?;
        let mut changes = Vec::with_capacity(classes.len() + examples.len() + 1);
        for (id, name) in classes {
            changes.push(Change::AddClass(ClassId(id), ClassName::new(&name)?));
        }
        changes.extend(examples.into_iter().map(|example| Change::AddExample(example.into())));
        changes.push(Change::SetThresholds(thresholds));
        learner.change(changes)?;
        learner.recalibrate();
        let undo = undo
            .into_iter()
            .map(|step| step.into_iter().map(Change::try_from).collect::<Result<Vec<_>, _>>())
            .collect::<Result<Vec<_>, _>>()?;
        learner.restore_history(undo, ClassId(next_class), ExampleId(next_example));
        Ok(learner)
    }

    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        let whole = BodyV1 { model: self.model.clone(), body: self.body.clone() };
        let mut bytes = postcard::to_extend(&whole, bytes)
            .expect("postcard writes every serde value of known length to a growing vector");
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`SnapshotError`], for every change of a single byte.
    pub fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            let start = &bytes[..bytes.len().min(MAGIC.len())];
            let got = if start.is_empty() {
                "an empty file".to_owned()
            } else {
                start.escape_ascii().to_string()
            };
            return Err(SnapshotError::Magic { got });
        };
        let content = |what: &str| SnapshotError::Content(what.to_owned());
        let (version, rest) = rest.split_first_chunk().ok_or_else(|| content("it ends early"))?;
        let got = u16::from_le_bytes(*version);
        if got != VERSION {
            return Err(SnapshotError::Version { got });
        }
        let (body, crc) =
            rest.split_last_chunk::<CRC_BYTES>().ok_or_else(|| content("it ends early"))?;
        let got = u32::from_le_bytes(*crc);
        let wanted = crc32fast::hash(&bytes[..bytes.len() - CRC_BYTES]);
        if got != wanted {
            return Err(SnapshotError::Checksum { bytes: bytes.len(), wanted, got });
        }
        let whole: BodyV1 =
            postcard::from_bytes(body).map_err(|error| content(&error.to_string()))?;
        Ok(Self { model: whole.model, body: whole.body })
    }
}

impl From<&Example> for StoredExample {
    fn from(example: &Example) -> Self {
        Self {
            id: example.id.0,
            class: example.class.0,
            taught_micros: example.taught.0,
            origin: example.origin.clone(),
            feature: example.feature.iter().map(|value| value.to_bits()).collect(),
            thumbnail: example.thumbnail.clone(),
        }
    }
}

impl From<StoredExample> for Example {
    fn from(stored: StoredExample) -> Self {
        Self {
            id: ExampleId(stored.id),
            class: ClassId(stored.class),
            taught: Timestamp(stored.taught_micros),
            origin: stored.origin,
            feature: stored.feature.into_iter().map(f16::from_bits).collect(),
            thumbnail: stored.thumbnail,
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
            Change::SetHead(config) => Self::SetHead(config.clone()),
            Change::SetThresholds(thresholds) => Self::SetThresholds(*thresholds),
        }
    }
}

impl TryFrom<StoredChange> for Change {
    type Error = LearnError;

    fn try_from(stored: StoredChange) -> Result<Self, LearnError> {
        Ok(match stored {
            StoredChange::AddClass(class, name) => {
                Self::AddClass(ClassId(class), ClassName::new(&name)?)
            }
            StoredChange::RemoveClass(class) => Self::RemoveClass(ClassId(class)),
            StoredChange::RenameClass(class, name) => {
                Self::RenameClass(ClassId(class), ClassName::new(&name)?)
            }
            StoredChange::AddExample(example) => Self::AddExample(example.into()),
            StoredChange::RemoveExample(example) => Self::RemoveExample(ExampleId(example)),
            StoredChange::Relabel(example, class) => {
                Self::Relabel(ExampleId(example), ClassId(class))
            }
            StoredChange::SetHead(config) => Self::SetHead(config),
            StoredChange::SetThresholds(thresholds) => Self::SetThresholds(thresholds),
        })
    }
}
