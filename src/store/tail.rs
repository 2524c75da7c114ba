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

#[cfg(test)]
mod tests {
    use fieldtune_math::layers::{Act, Block, Network, Node, Op, Size, Window};

    use super::*;
    use crate::image::frame::Timestamp;
    use crate::learn::learner::Learner;
    use crate::store::{DiskStore, MemoryDisk};

    /// One channel of four pixels, and a 1x1 convolution to two.
    fn kept(weight: f32) -> KeptTail {
        let input = Size { channels: 1, height: 2, width: 2 };
        let size = Size { channels: 2, ..input };
        let node = Node { op: Op::Dense(Window::ONE), act: Act::RELU, inputs: vec![0], size };
        let weights = vec![weight, -1.0, 0.5, 0.0];
        let block = Block { value: 1, largest: false };
        let network = Network::new(input, vec![node], vec![block], weights).expect("it fits");
        let tail = Tail::of_parts(Fingerprint([9; 32]), "cut", vec![0], network);
        let correction = Correction { temperature: 1.5, novelty: 1.25, accuracy: 0.125 };
        KeptTail { tail, correction }
    }

    /// The bytes of the first version, which are read for ever.
    const GOLDEN: &str = "01000000c03f0000a03f0000003e\
        010909090909090909090909090909090909090909090909090909090909090909\
        03637574010001020201000101010101010000000000000000807f00010002020201010008003c00bc00380000";

    #[test]
    fn the_bytes_of_a_kept_tail_stay_as_they_are() {
        let digits: String =
            kept(1.0).to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digits, GOLDEN);
        let bytes: Vec<u8> = (0..GOLDEN.len() / 2)
            .map(|at| u8::from_str_radix(&GOLDEN[2 * at..2 * at + 2], 16).expect("digits"))
            .collect();
        assert_eq!(KeptTail::from_bytes(&bytes), Ok(kept(1.0)));
        for cut in 0..bytes.len() {
            assert!(KeptTail::from_bytes(&bytes[..cut]).is_err(), "{cut} bytes");
        }
        let mut cold = bytes;
        cold[2..6].copy_from_slice(&0.5_f32.to_le_bytes());
        assert!(KeptTail::from_bytes(&cold).is_err(), "a temperature that is too low");
    }

    fn snapshot(fingerprint: [u8; 32], dim: u32) -> Snapshot {
        let learner = Learner::new(dim as usize, Default::default(), 1 << 20).expect("valid");
        Snapshot::of(&learner, ModelId { name: "net".to_owned(), fingerprint, dim })
    }

    #[test]
    fn blocks_come_and_go_with_what_was_learned_with_them() {
        let disk = std::sync::Arc::new(MemoryDisk::default());
        let mut store = DiskStore::new(disk, "memory");
        let (first, second) = (kept(1.0), kept(2.0));
        let at = Timestamp;
        store.replace(&snapshot([9; 32], 2), None, &[], at(1)).expect("there is memory");
        assert_eq!(tail_of(&mut store).expect("sound"), None);
        for (kept, time) in [(&first, 2), (&second, 3)] {
            let name = name_of(kept.tail.fingerprint());
            let whole = snapshot(kept.tail.fingerprint().0, 4);
            let bytes = kept.to_bytes();
            let settings = [(name.as_str(), &bytes[..])];
            store.replace(&whole, Some("before"), &settings, at(time)).expect("there is memory");
            assert_eq!(tail_of(&mut store).expect("sound").as_ref(), Some(kept));
        }
        // Back to what was learned with none, and to what was learned with the first.
        store.roll_back(1, at(4)).expect("it is there");
        assert_eq!(tail_of(&mut store).expect("sound"), None);
        store.roll_back(2, at(5)).expect("it is there");
        assert_eq!(tail_of(&mut store).expect("sound"), Some(first.clone()));
        // What no generation needs any more goes.
        let name = name_of(second.tail.fingerprint());
        assert!(store.setting(&name).expect("sound").is_some());
        for generation in store.generations().expect("sound") {
            store.drop_generation(generation.number).expect("it is there");
        }
        assert_eq!(store.setting(&name).expect("sound"), None);
        assert_eq!(tail_of(&mut store).expect("sound"), Some(first));
    }
}
