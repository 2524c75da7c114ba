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

    /// Whether there are patches that frames could be compared with.
    pub(super) fn has_patches(&self) -> bool {
        self.is_alone() && self.examples.iter().any(|example| example.patches.is_some())
    }

    /// Bytes of patches that new examples of that class may keep: none where another class is taught.
    pub(crate) fn patch_room(&self, class: ClassId) -> usize {
        let held = |example: &Example| example.patches.as_ref().map_or(0, |one| one.bytes());
        match self.classes.keys().all(|&known| known == class) {
            true => MAX_PATCH_BYTES.saturating_sub(self.examples.iter().map(held).sum::<usize>()),
            false => 0,
        }
    }

    /// The patches of good parts; `None` where more than one class is taught, or the examples have no patches.
    pub fn patch_memory(&self) -> Option<&PatchMemory> {
        self.patches.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::image::frame::Timestamp;
    use crate::learn::command::{Command, NewExample, TeachExamples};
    use crate::learn::head::{HeadConfig, HeadKind};
    use crate::learn::patches::{PatchLevel, Patches};

    #[test]
    fn patches_are_kept_while_there_is_room() {
        let level = PatchLevel {
            size: [16, 16],
            channels: 48,
            values: vec![half::f16::from_f32(0.5); 256 * 48].into(),
        };
        let patches = Patches::of_levels(vec![level.clone(), level]).map(Arc::new);
        let each = patches.as_ref().map_or(0, |patches| patches.kept().bytes());
        let config = HeadConfig::of(HeadKind::Prototype);
        let mut learner = Learner::new(2, config, usize::MAX).expect("valid");
        let new = || NewExample { patches: patches.clone(), ..NewExample::new(vec![1.0, 0.5], "") };
        for (count, wanted) in [(MAX_PATCH_BYTES / each + 5, MAX_PATCH_BYTES / each), (3, 0)] {
            let before = learner.examples().iter().filter(|one| one.patches.is_some()).count();
            let examples = (0..count).map(|_| new()).collect();
            let teach = TeachExamples { class: "good".to_owned(), examples };
            Command::Teach(teach).apply(&mut learner, Timestamp(0)).expect("there is room");
            let after = learner.examples().iter().filter(|one| one.patches.is_some()).count();
            assert_eq!(after - before, wanted, "of {count}");
        }
        assert_eq!(learner.patch_room(ClassId(9)), 0, "another class is not alone");
    }
}
