//! What was seen at the places of an example's image, as it is written: in a store since format 7, in a pack since version 3.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::v2::{StoredBytes, StoredExample, StoredFeature};
use crate::learn::patches::{KeptLevel, KeptPatches};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredPatches(Vec<StoredLevel>);

#[derive(Debug, Serialize, Deserialize)]
struct StoredLevel {
    height: u32,
    width: u32,
    channels: u32,
    low: StoredFeature,
    step: StoredFeature,
    values: StoredBytes,
}

/// Those of an example of a pack.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PatchesOf {
    example: u64,
    patches: StoredPatches,
}

impl StoredPatches {
    pub(crate) fn of(patches: &KeptPatches) -> Self {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let level = |level: &KeptLevel| StoredLevel {
            height: number(level.size[0]),
            width: number(level.size[1]),
            channels: number(level.channels),
            low: StoredFeature(Arc::clone(&level.low)),
            step: StoredFeature(Arc::clone(&level.step)),
            values: StoredBytes(level.values.to_vec()),
        };
        Self(patches.levels().iter().map(level).collect())
    }

    /// `None` where they are not in order.
    pub(crate) fn patches(self) -> Option<KeptPatches> {
        let level = |StoredLevel { height, width, channels, low, step, values }| KeptLevel {
            size: [height as usize, width as usize],
            channels: channels as usize,
            low: low.0,
            step: step.0,
            values: values.0.into(),
        };
        KeptPatches::of_levels(self.0.into_iter().map(level).collect())
    }
}

impl PatchesOf {
    /// Of the examples that have some.
    pub(super) fn all(examples: &[StoredExample]) -> Vec<Self> {
        let of = |example: &StoredExample| {
            let patches = StoredPatches::of(example.patches.as_deref()?);
            Some(Self { example: example.id, patches })
        };
        examples.iter().filter_map(of).collect()
    }

    /// Gives the examples theirs.
    ///
    /// # Errors
    /// Some are not in order, or of an example that is not there, in words.
    pub(super) fn give(all: Vec<Self>, examples: &mut [StoredExample]) -> Result<(), String> {
        let mut places: BTreeMap<u64, &mut StoredExample> =
            examples.iter_mut().map(|example| (example.id, example)).collect();
        for Self { example: id, patches } in all {
            let example = places.get_mut(&id);
            let example =
                example.ok_or_else(|| format!("patches of example {id}, which is not in it"))?;
            let patches =
                patches.patches().ok_or_else(|| format!("the patches of example {id} are none"))?;
            example.patches = Some(Arc::new(patches));
        }
        Ok(())
    }
}
