//! What brings frames back to the light that was taught, kept with what was learned.
//!
//! It is a value under a name. A generation has its own under the name with its number behind it, so that rolling back brings
//! back what was in force then, or that nothing was. A store that was never adapted has no such value.

use super::tables::Tables;
use super::{Setting, Store, StoreError, StoreFault};
use crate::image::levels::Levels;

/// The name.
const NAME: &str = "levels";

/// Of a value.
const VERSION: u16 = 1;

/// As bytes: a version, the factors, the offsets, little-endian. None is no bytes.
fn to_bytes(levels: Option<&Levels>) -> Vec<u8> {
    let Some(Levels { gain, offset }) = levels else { return Vec::new() };
    let numbers = gain.iter().chain(offset).flat_map(|number| number.to_le_bytes());
    VERSION.to_le_bytes().into_iter().chain(numbers).collect()
}

/// From what [`to_bytes`] gave.
fn from_bytes(bytes: &[u8]) -> Result<Option<Levels>, String> {
    let Some((version, numbers)) = bytes.split_first_chunk() else {
        return if bytes.is_empty() { Ok(None) } else { Err("it ends early".to_owned()) };
    };
    let version = u16::from_le_bytes(*version);
    let (numbers, rest) = numbers.as_chunks::<4>();
    if (version, numbers.len(), rest.len()) != (VERSION, 6, 0) {
        return Err(format!("got version {version} of {} numbers", numbers.len()));
    }
    let number = |at: usize| f32::from_le_bytes(numbers[at]);
    let levels = Levels {
        gain: std::array::from_fn(number),
        offset: std::array::from_fn(|at| number(at + 3)),
    };
    if levels.are_sound() {
        Ok(Some(levels))
    } else {
        Err("a number is out of its range".to_owned())
    }
}

/// A value to be kept with what is learned.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptLevels(Vec<u8>);

impl KeptLevels {
    /// * `levels`: `None`: frames are looked at as they are.
    pub fn new(levels: Option<&Levels>) -> Self {
        Self(to_bytes(levels))
    }

    /// To be given to [`Store::replace`].
    pub fn setting(&self) -> Setting<'_> {
        (NAME, &self.0)
    }
}

/// What frames go through before they are looked at; `None` where they are looked at as they are.
///
/// # Errors
/// [`StoreError`]; also where it is damaged.
pub fn levels_of(store: &mut impl Store) -> Result<Option<Levels>, StoreError> {
    let bytes = store.setting(NAME)?.unwrap_or_default();
    from_bytes(&bytes).map_err(|what| StoreError::Damaged {
        path: "the store".to_owned(),
        what: format!("its levels: {what}"),
    })
}

fn name_of(generation: u64) -> String {
    format!("{NAME} {generation}")
}

impl Tables<'_> {
    /// The generation of what is learned now gets what is in force now.
    pub(super) fn keep_levels(&mut self, generation: u64) -> Result<(), StoreFault> {
        let bytes = self.setting(NAME)?.filter(|bytes| !bytes.is_empty());
        let Some(bytes) = bytes else { return Ok(()) };
        self.set(Some((&name_of(generation), &bytes)))
    }

    /// What was in force in a generation.
    pub(super) fn kept_levels(&self, generation: u64) -> Result<Option<Vec<u8>>, StoreFault> {
        self.setting(&name_of(generation))
    }

    /// * `kept`: of [`Tables::kept_levels`].
    pub(super) fn put_levels(&mut self, kept: Option<&[u8]>) -> Result<(), StoreFault> {
        match kept {
            Some(bytes) => self.set(Some((NAME, bytes))),
            None => self.unset(NAME),
        }
    }

    /// A generation goes.
    pub(super) fn drop_levels(&mut self, generation: u64) -> Result<(), StoreFault> {
        self.unset(&name_of(generation))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::image::frame::Timestamp;
    use crate::learn::learner::Learner;
    use crate::store::snapshot::{ModelId, Snapshot};
    use crate::store::{DiskStore, MemoryDisk};

    const DARK: Levels = Levels { gain: [1.5, 1.25, 1.0], offset: [-2.0, 0.0, 0.5] };

    /// The bytes of the first version, which are read for ever.
    const GOLDEN: &str = "01000000c03f0000a03f0000803f000000c0000000000000003f";

    #[test]
    fn the_bytes_of_kept_levels_stay_as_they_are() {
        let bytes = to_bytes(Some(&DARK));
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digits, GOLDEN);
        assert_eq!(from_bytes(&bytes), Ok(Some(DARK)));
        assert_eq!(from_bytes(&[]), Ok(None));
        for cut in 1..bytes.len() {
            assert!(from_bytes(&bytes[..cut]).is_err(), "{cut} bytes");
        }
        let mut none = bytes.clone();
        none[2..6].fill(0);
        assert!(from_bytes(&none).is_err(), "a factor of 0");
        let newer = [&[2, 0], &bytes[2..]].concat();
        assert!(from_bytes(&newer).is_err(), "another version");
    }

    #[test]
    fn levels_come_and_go_with_the_checkpoints() {
        let mut store = DiskStore::new(Arc::new(MemoryDisk::default()), "memory");
        let learner = Learner::new(2, Default::default(), 1 << 20).expect("valid");
        let model = ModelId { name: "net".to_owned(), fingerprint: [9; 32], dim: 2 };
        let whole = Snapshot::of(&learner, model);
        let at = Timestamp;
        store.replace(&whole, None, &[], at(1)).expect("there is memory");
        let kept = |levels: Option<&Levels>| KeptLevels::new(levels);
        let bright = Levels { gain: [0.5; 3], ..DARK };
        for (levels, time) in [(Some(&DARK), 2), (Some(&bright), 3), (None, 4)] {
            let kept = kept(levels);
            let settings = [kept.setting()];
            store.replace(&whole, Some("before"), &settings, at(time)).expect("there is memory");
            assert_eq!(levels_of(&mut store).expect("sound").as_ref(), levels);
        }
        // As it was before each of them.
        for (number, levels) in [(3, Some(bright)), (1, None), (2, Some(DARK))] {
            store.roll_back(number, at(5)).expect("it is there");
            assert_eq!(levels_of(&mut store).expect("sound"), levels, "{number}");
        }
        let name = name_of(3);
        assert!(store.setting(&name).expect("sound").is_some());
        store.drop_generation(3).expect("it is there");
        assert_eq!(store.setting(&name).expect("sound"), None);
    }
}
