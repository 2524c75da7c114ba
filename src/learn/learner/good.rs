//! A class that is taught alone: good parts, compared place by place.

use super::Learner;
use crate::learn::examples::Example;
use crate::learn::head::ClassId;
use crate::learn::patch_memory::PatchMemory;

/// Bytes of patches that examples keep; those of examples that are taught beyond that have none.
const MAX_PATCH_BYTES: usize = 24 << 20;

impl Learner {
    /// Whether a single class is taught, or none yet: then frames are compared with it place by place, and examples keep
    /// their patches.
    pub fn is_alone(&self) -> bool {
        self.classes.len() <= 1
    }

    /// Whether the examples of that class are to keep their patches: no other class is taught, and there is room.
    pub(crate) fn keeps_patches_of(&self, class: ClassId) -> bool {
        let held = |example: &Example| example.patches.as_ref().map_or(0, |one| one.bytes());
        self.classes.keys().all(|&known| known == class)
            && self.examples.iter().map(held).sum::<usize>() < MAX_PATCH_BYTES
    }

    /// The patches of good parts; `None` where more than one class is taught, or the examples have no patches.
    pub fn patch_memory(&self) -> Option<&PatchMemory> {
        self.patches.as_ref()
    }
}
