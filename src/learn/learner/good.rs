//! A class that is taught alone: good parts, compared place by place.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::Learner;
use crate::backbone::{PartsModel, TapMap};
use crate::learn::decision::PatchLimit;
use crate::learn::examples::Example;
use crate::learn::head::{ClassId, ExampleId, GroupId};
use crate::learn::patch_memory::{PatchMemory, PatchSources};

/// Bytes of patches that examples keep; those of examples that are taught beyond that have none.
const MAX_PATCH_BYTES: usize = 12 << 20;

/// What was made elsewhere of good parts.
#[derive(Debug)]
pub(super) struct MadeElsewhere {
    memory: Option<Arc<PatchMemory>>,
    /// Of which change it was made, and of which it is wanted.
    made: u64,
    wanted: u64,
}

/// The patches of good parts that something is to be made of, see [`Learner::patch_work`].
#[derive(Debug)]
pub struct PatchWork {
    of: PatchSources,
    number: u64,
}

/// What came of it, for [`Learner::put_patches`].
#[derive(Debug)]
pub struct MadePatches {
    memory: Option<PatchMemory>,
    number: u64,
}

impl PatchWork {
    /// It takes some tens of milliseconds on a large machine, and a second on a small one.
    pub fn run(self) -> MadePatches {
        MadePatches { memory: self.of.memory(), number: self.number }
    }
}

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
        self.fit().patches.as_deref()
    }

    /// What tells good parts from others, for another program; `None` where it is not known, or too little was taught.
    ///
    /// * `maps`: of any frame, see [`crate::backbone::FeatureSource::feature_and_maps`].
    pub fn good_parts(&self, maps: &[TapMap]) -> Option<PartsModel> {
        let memory = self.patch_memory()?;
        let ids: Vec<ExampleId> = self.examples.iter().map(|example| example.id).collect();
        let scores = memory.left_out(&ids);
        let known = self.examples.iter().zip(scores);
        let known: Vec<_> =
            known.filter(|(_, scores)| scores.iter().any(Option::is_some)).collect();
        let mut sizes: BTreeMap<GroupId, f64> = BTreeMap::new();
        known.iter().for_each(|(one, _)| *sizes.entry(one.group).or_default() += 1.0);
        let weighed: Vec<_> =
            known.iter().map(|(one, scores)| (*scores, 1.0 / sizes[&one.group])).collect();
        let limit = PatchLimit::fit(&weighed, self.thresholds.false_reject.into())?;
        memory.exported(maps, &limit)
    }

    /// From here on what is remembered of good parts is made by [`PatchWork::run`], in another thread. Until it comes back
    /// frames are compared with what was remembered before.
    pub fn make_patches_elsewhere(&mut self) {
        if self.elsewhere.is_none() {
            let memory = self.fit().patches.clone();
            self.elsewhere = Some(MadeElsewhere { memory, made: 0, wanted: 0 });
        }
    }

    pub(in crate::learn) fn makes_patches_elsewhere(&self) -> bool {
        self.elsewhere.is_some()
    }

    /// What is to be made elsewhere; `None` where nothing is.
    pub fn patch_work(&self) -> Option<PatchWork> {
        let elsewhere = self.elsewhere.as_ref()?;
        let is_due = elsewhere.made != elsewhere.wanted && self.is_alone();
        is_due.then(|| PatchWork { of: PatchSources::of(&self.examples), number: elsewhere.wanted })
    }

    /// What came of it is used from here on, also where examples came meanwhile: then there is more to be made.
    pub fn put_patches(&mut self, MadePatches { memory, number }: MadePatches) {
        let Some(elsewhere) = &mut self.elsewhere else { return };
        (elsewhere.memory, elsewhere.made) = (memory.map(Arc::new), number);
        self.fit = OnceLock::new();
        self.fit();
    }

    pub(super) fn patches_are_due(&mut self) {
        self.elsewhere.iter_mut().for_each(|elsewhere| elsewhere.wanted += 1);
    }

    /// What is remembered of good parts, made here or elsewhere.
    pub(super) fn made_patches(&self) -> Option<Arc<PatchMemory>> {
        match &self.elsewhere {
            _ if !self.is_alone() => None,
            Some(elsewhere) => elsewhere.memory.clone(),
            None => PatchSources::of(&self.examples).memory().map(Arc::new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::Timestamp;
    use crate::learn::command::{Command, NewExample, TeachExamples};
    use crate::learn::head::{HeadConfig, HeadKind};
    use crate::learn::patches::{PatchLevel, Patches};

    #[test]
    fn what_is_remembered_is_made_when_it_is_asked_for() {
        let level =
            PatchLevel { size: [4, 4], channels: 2, values: vec![half::f16::ONE; 32].into() };
        let patches = Patches::of_levels(vec![level]).map(Arc::new);
        let mut learner = Learner::new(2, HeadConfig::default(), usize::MAX).expect("a valid head");
        let examples = vec![NewExample { patches, ..NewExample::new(vec![1.0, 0.5], "") }; 3];
        let teach = TeachExamples { class: "good".to_owned(), examples };
        assert!(teach.taken_for(&learner).is_none());
        Command::Teach(teach.clone()).apply(&mut learner, Timestamp(0)).expect("there is room");
        assert!(teach.taken_for(&learner).is_none() && learner.fit.get().is_none());
        assert!(learner.patch_memory().is_some() && learner.fit.get().is_some());
    }

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
