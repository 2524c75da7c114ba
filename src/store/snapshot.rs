//! The portable form of what was learned: a magic number, a version, the body in postcard, a CRC-32.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `FTLEARN\0` |
//! | 2 | version, little-endian |
//! | n | the body: postcard of the version's struct; in version 3 that of version 2, then the patches of good parts; in version 4 the numbers of the examples that are descriptions behind them |
//! | 4 | CRC-32 (IEEE) of everything before, little-endian |
//!
//! The stored structs (`snapshot/v2.rs`, and `v1.rs` of files that were written before) are apart from the live ones, so
//! that those may change and old files still be read.

mod pack;
pub(crate) mod patches;
pub(crate) mod v1;
pub(crate) mod v2;

use std::collections::BTreeSet;

pub use pack::Difference;

use crate::backbone::card::{MAX_MODEL_NAME, ModelCard, built_in};
use crate::backbone::{
    EmbeddingSource, Extractor, FINE_TUNED, FeatureSource, OF_TEXT, TextEncoder,
};
use crate::learn::decision::Thresholds;
use crate::learn::examples::{Example, ImageMark, Images};
use crate::learn::head::{ClassId, ExampleId, HeadConfig};
use crate::learn::learner::{Change, ClassName, LearnError, Learner, Subject};
use crate::sound;
use crate::text;
use crate::util::checksum::crc32;
use patches::PatchesOf;
use v2::{StoredBody, StoredBytes, StoredChange, StoredExample, StoredFile, StoredStep};

const MAGIC: &[u8; 8] = b"FTLEARN\0";
const VERSION: u16 = 4;

/// What is written where no example is a description in words, and where none has patches either, so that older programs
/// read it.
const WITHOUT_DESCRIPTIONS: u16 = 3;
const WITHOUT_PATCHES: u16 = 2;
const CRC_BYTES: usize = 4;

/// Values that a feature may have.
pub const MAX_DIM: u32 = 1 << 16;

/// Which backbone the features came from. Features of another one mean nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelId {
    /// For people.
    pub name: String,
    /// Of the file, the preprocessing and the taps.
    pub fingerprint: [u8; 32],
    /// Length of a feature.
    pub dim: u32,
}

impl ModelId {
    /// Of a backbone that is loaded.
    pub fn of(source: &Extractor) -> Self {
        Self {
            name: source.name().to_owned(),
            fingerprint: source.fingerprint().0,
            dim: u32::try_from(source.dim()).expect("a feature has far fewer values"),
        }
    }

    /// Of what a device looks with.
    pub fn of_source(source: &EmbeddingSource) -> Self {
        match source {
            EmbeddingSource::Pixels(extractor) => Self::of(extractor),
            EmbeddingSource::Lines(encoder) => Self::of_text(encoder),
            EmbeddingSource::Samples(network) => Self {
                name: network.name().to_owned(),
                fingerprint: network.fingerprint().0,
                dim: u32::try_from(network.dim()).expect("a feature has far fewer values"),
            },
        }
    }

    /// Of lines of text.
    pub fn of_text(encoder: &TextEncoder) -> Self {
        Self {
            name: encoder.name().to_owned(),
            fingerprint: encoder.fingerprint().0,
            dim: u32::try_from(encoder.dim()).expect("a feature has far fewer values"),
        }
    }

    /// What is learned from.
    pub fn subject(&self) -> Subject {
        match self.name.as_str() {
            text::TEXT_MODEL => Subject::Lines,
            name if name.ends_with(OF_TEXT) => Subject::Lines,
            name if name.ends_with(sound::OF_SOUND) || name.ends_with(sound::OF_SAMPLES) => {
                Subject::Sounds
            }
            _ => Subject::Frames,
        }
    }

    /// The head that a new store of it begins with.
    pub fn head(&self) -> HeadConfig {
        match self.name.ends_with(OF_TEXT) {
            true => HeadConfig::of_read_lines(),
            false => HeadConfig::default(),
        }
    }

    /// The network's own name, whatever was done with it and whatever it is used for.
    pub fn backbone(&self) -> &str {
        let name = self.name.strip_suffix(OF_TEXT).unwrap_or(&self.name);
        let name = name.strip_suffix(sound::OF_SAMPLES).unwrap_or(name);
        let name = name.strip_suffix(sound::OF_SOUND).unwrap_or(name);
        name.strip_suffix(FINE_TUNED).unwrap_or(name)
    }

    /// The card of the built-in network at the size that this names, if it names one.
    pub fn built_in(&self) -> Option<ModelCard> {
        let name = self.backbone();
        built_in::cards().into_iter().find(|card| card.name == name)
    }
}

/// Everything learned, ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The backbone it was taught with.
    pub model: ModelId,
    body: StoredBody,
    /// Of its examples, as many as came with them.
    images: Images,
}

/// Why bytes are not a snapshot.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// It does not begin like one.
    #[error("not a file of fieldtune: got {got}{}", what_it_is(got))]
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
    // Not its source as well, or a chain of errors would say it twice.
    #[error("the file's content is refused: {0}")]
    Refused(LearnError),
}

/// What lies there instead of what was learned, where that is known.
fn what_it_is(got: &str) -> &'static str {
    match got {
        _ if got.starts_with("redb") => {
            ": it is a store; fieldtune store export makes a pack of it"
        }
        _ if got.starts_with("FTSIGNED") => ": it is a signed pack, for ctl push and store import",
        _ => "",
    }
}

impl From<LearnError> for SnapshotError {
    fn from(error: LearnError) -> Self {
        Self::Refused(error)
    }
}

impl Snapshot {
    /// As it lies in a store.
    ///
    /// # Errors
    /// [`SnapshotError::Content`] where it has more of something than there may be.
    pub(crate) fn of_parts(model: ModelId, body: StoredBody) -> Result<Self, SnapshotError> {
        match excess_of_model(&model).or_else(|| body.excess()) {
            Some(what) => Err(SnapshotError::Content(what)),
            None => Ok(Self { model, body, images: Images::new() }),
        }
    }

    /// Images of its examples: those that came in a file, or were put there by [`Snapshot::with_images`].
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// What the images of its examples are known by, by example.
    pub fn image_marks(&self) -> Vec<(ExampleId, ImageMark)> {
        let examples = self.body.examples.iter();
        let marks = examples.filter_map(|one| Some((ExampleId(one.id), one.image?.into())));
        marks.collect()
    }

    /// The same with these images; those that are of no example are left out.
    #[must_use]
    pub fn with_images(mut self, images: Images) -> Self {
        let marks = self.body.marks();
        self.images = images.into_iter().filter(|(mark, _)| marks.contains(mark)).collect();
        self
    }

    /// As it is laid into a store.
    pub(crate) fn body(&self) -> &StoredBody {
        &self.body
    }

    /// * `model`: the backbone the features came from.
    pub fn of(learner: &Learner, model: ModelId) -> Self {
        let (ClassId(next_class), ExampleId(next_example)) = learner.next_ids();
        let classes = learner.classes().iter();
        let undo = learner.undo_steps().iter();
        Self {
            model,
            images: Images::new(),
            body: StoredBody {
                classes: classes.map(|(id, name)| (id.0, name.as_str().to_owned())).collect(),
                examples: learner.examples().iter().map(StoredExample::from).collect(),
                head: learner.head_config().into(),
                thresholds: learner.thresholds().into(),
                next_class,
                next_example,
                undo: undo
                    .map(|step| StoredStep(step.iter().map(StoredChange::from).collect()))
                    .collect(),
            },
        }
    }

    /// Everything learned, its head retaught with the stored examples.
    ///
    /// * `budget`: bytes of examples, see [`crate::learn::examples::Examples::new`]; where more are stored, as many as they are.
    ///
    /// # Errors
    /// [`SnapshotError::Refused`], [`SnapshotError::Content`] where the content contradicts itself.
    pub fn into_learner(self, budget: usize) -> Result<Learner, SnapshotError> {
        let StoredBody { classes, examples, head, thresholds, next_class, next_example, undo } =
            self.body;
        let dim = self.model.dim as usize;
        // What is stored is never thrown out by being read.
        let examples: Vec<Example> = examples.into_iter().map(Example::from).collect();
        let bytes: usize = examples.iter().map(Example::bytes).sum();
        let subject = self.model.subject();
        let mut learner = Learner::new(dim, head.into(), budget.max(bytes))?.about(subject);
        let class = |(id, name): (u32, String)| -> Result<Change, SnapshotError> {
            Ok(Change::AddClass(ClassId(id), ClassName::kept(&name)?))
        };
        let classes = classes.into_iter().map(class).collect::<Result<Vec<_>, _>>()?;
        let examples = examples.into_iter().map(Change::AddExample);
        let thresholds = Change::SetThresholds(Thresholds::from(thresholds));
        learner.restore(classes.into_iter().chain(examples).chain([thresholds]))?;
        let undo = undo
            .into_iter()
            .map(|step| step.0.into_iter().map(Change::try_from).collect::<Result<Vec<_>, _>>())
            .collect::<Result<Vec<_>, _>>()?;
        learner.restore_history(undo, ClassId(next_class), ExampleId(next_example));
        Ok(learner)
    }

    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        // Beside a second class nothing is compared with them.
        let is_alone = self.body.classes.len() <= 1;
        let patches = if is_alone { PatchesOf::all(&self.body.examples) } else { Vec::new() };
        let described = self.body.described();
        let version = match (patches.is_empty(), described.is_empty()) {
            (true, true) => WITHOUT_PATCHES,
            (false, true) => WITHOUT_DESCRIPTIONS,
            (_, false) => VERSION,
        };
        bytes.extend(version.to_le_bytes());
        let whole = StoredFile {
            model: (&self.model).into(),
            body: self.body.clone(),
            images: self.images.values().cloned().map(StoredBytes).collect(),
        };
        let mut bytes = postcard::to_extend(&whole, bytes)
            .and_then(|bytes| match version {
                WITHOUT_PATCHES => Ok(bytes),
                WITHOUT_DESCRIPTIONS => postcard::to_extend(&patches, bytes),
                _ => postcard::to_extend(&(&patches, &described), bytes),
            })
            .expect("postcard writes every serde value of known length to a growing vector");
        bytes.extend(crc32(&bytes).to_le_bytes());
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
        let version = got;
        if !(1..=VERSION).contains(&version) {
            return Err(SnapshotError::Version { got });
        }
        let (body, crc) =
            rest.split_last_chunk::<CRC_BYTES>().ok_or_else(|| content("it ends early"))?;
        let got = u32::from_le_bytes(*crc);
        let wanted = crc32(&bytes[..bytes.len() - CRC_BYTES]);
        if got != wanted {
            return Err(SnapshotError::Checksum { bytes: bytes.len(), wanted, got });
        }
        let read = match version {
            1 => postcard::take_from_bytes::<v1::StoredFile>(body)
                .map(|(file, rest)| (StoredFile::from(file), rest)),
            _ => postcard::take_from_bytes(body),
        };
        let (StoredFile { model, mut body, images }, mut rest) =
            read.map_err(|error| content(&error.to_string()))?;
        if version >= WITHOUT_DESCRIPTIONS {
            let patches: Vec<PatchesOf>;
            (patches, rest) = postcard::take_from_bytes(rest)
                .map_err(|error| content(&format!("its patches: {error}")))?;
            PatchesOf::give(patches, &mut body.examples).map_err(|what| content(&what))?;
        }
        if version == VERSION {
            let described: BTreeSet<u64>;
            (described, rest) = postcard::take_from_bytes(rest)
                .map_err(|error| content(&format!("its descriptions: {error}")))?;
            body.set_described(&described);
        }
        if !rest.is_empty() {
            return Err(content(&format!("{} bytes stand behind its end", rest.len())));
        }
        let images = images.into_iter().map(|image| (ImageMark::of(&image.0), image.0)).collect();
        Ok(Self::of_parts(model.into(), body)?.with_images(images))
    }
}

/// What is too long, too large or no name about a model, in words.
fn excess_of_model(model: &ModelId) -> Option<String> {
    let (dim, name) = (model.dim, model.name.len());
    if !(1..=MAX_DIM).contains(&dim) {
        return Some(format!("features of {dim} values, wanted 1 to {MAX_DIM}"));
    }
    let wanted = MAX_MODEL_NAME;
    if name > wanted {
        return Some(format!("a model's name of {name} bytes, wanted at most {wanted}"));
    }
    // It is a word in messages, where it may not begin a line.
    let escaped = || format!("the model's name \"{}\" is not one line", model.name.escape_debug());
    model.name.contains(char::is_control).then(escaped)
}
