//! Fine-tuned last blocks of the backbone, kept with what was learned with them.
//!
//! They are a value under a name that has the fingerprint of the backbone with them: so every generation finds its own,
//! and what was learned without any has none. A value that neither what is learned now nor a generation needs goes.

use super::tables::Tables;
use super::{Store, StoreError, StoreFault};
use crate::backbone::{FINE_TUNED, Fingerprint, Tail, TailError};
use crate::learn::learner::Correction;
use crate::store::snapshot::{ModelId, Snapshot};

/// What the names begin with.
const NAME: &str = "tail ";

/// Of a value.
const VERSION: u16 = 1;

/// The name under which the blocks of the backbone of that fingerprint are kept.
pub fn name_of(fingerprint: Fingerprint) -> String {
    name(&fingerprint.0)
}

fn name(fingerprint: &[u8; 32]) -> String {
    let digits: String = fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{NAME}{digits}")
}

/// What is kept of a fine-tuning.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptTail {
    /// The blocks.
    pub tail: Tail,
    /// How much less is known than the examples that they were trained with say.
    pub correction: Correction,
}

impl KeptTail {
    /// As bytes: a version, the correction, the blocks.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Correction { temperature, novelty, accuracy } = self.correction;
        let mut bytes = VERSION.to_le_bytes().to_vec();
        bytes.extend([temperature, novelty, accuracy].into_iter().flat_map(f32::to_le_bytes));
        bytes.extend(self.tail.to_bytes());
        bytes
    }

    /// From what [`KeptTail::to_bytes`] gave.
    ///
    /// # Errors
    /// [`TailError::Damaged`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TailError> {
        let damaged = |what: &str| TailError::Damaged(what.to_owned());
        let (version, rest) = bytes.split_first_chunk().ok_or_else(|| damaged("no version"))?;
        if u16::from_le_bytes(*version) != VERSION {
            return Err(damaged("another version"));
        }
        let (numbers, rest) = rest.split_at_checked(12).ok_or_else(|| damaged("it ends early"))?;
        let number =
            |at: usize| f32::from_le_bytes(std::array::from_fn(|byte| numbers[4 * at + byte]));
        let correction =
            Correction { temperature: number(0), novelty: number(1), accuracy: number(2) };
        if !correction.is_sound() {
            return Err(damaged("a correction is out of its range"));
        }
        Ok(Self { tail: Tail::from_bytes(rest)?, correction })
    }
}

/// What is kept of the fine-tuning that what is learned now needs; `None` where it needs none.
///
/// # Errors
/// [`StoreError`]; also where it is damaged.
pub fn tail_of(store: &mut impl Store) -> Result<Option<KeptTail>, StoreError> {
    let Some(bytes) = store.tail()? else { return Ok(None) };
    KeptTail::from_bytes(&bytes).map(Some).map_err(|error| StoreError::Damaged {
        path: "the store".to_owned(),
        what: error.to_string(),
    })
}

/// The backbone without its fine-tuned blocks.
///
/// * `model`: with them.
pub fn base_of(model: &ModelId, tail: &Tail) -> ModelId {
    let name = model.name.strip_suffix(FINE_TUNED).unwrap_or(&model.name).to_owned();
    let adapted = u32::try_from(tail.network().dim()).unwrap_or(u32::MAX);
    let dim = model.dim.saturating_sub(adapted);
    ModelId { name, fingerprint: tail.base().0, dim }
}

impl Tables<'_> {
    /// The blocks that what is learned now needs.
    pub(super) fn tail(&self) -> Result<Option<Vec<u8>>, StoreFault> {
        if self.is_new()? {
            return Ok(None);
        }
        self.setting(&name(&self.model()?.fingerprint))
    }

    /// Removes the blocks that nothing refers to.
    pub(super) fn sweep_tails(&mut self) -> Result<(), StoreFault> {
        let mut kept = vec![name(&self.model()?.fingerprint)];
        for (_, generation) in self.generation_rows()? {
            kept.push(name(&ModelId::from(generation.model).fingerprint));
        }
        for known in self.settings_named(NAME)? {
            if !kept.contains(&known) {
                self.unset(&known)?;
            }
        }
        Ok(())
    }
}

/// What was learned with fine-tuned blocks, as it would be without: the frozen features, which come first.
pub fn frozen(learned: Snapshot, tail: &Tail) -> Snapshot {
    let base = base_of(&learned.model, tail);
    learned.shortened(base)
}
