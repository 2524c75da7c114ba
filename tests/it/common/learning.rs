//! A device without a camera that learns what a test says, or at random, on a disk in memory.

use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use fieldtune::image::frame::Timestamp;
use fieldtune::image::levels::Levels;
use fieldtune::learn::command::{
    Command, ForgetExamples, NewExample, RelabelExamples, Reply, TeachExamples, UndoLatest,
};
use fieldtune::learn::examples::narrowed;
use fieldtune::learn::head::ExampleId;
use fieldtune::learn::learner::Learner;
use fieldtune::learn::patches::{PatchLevel, Patches};
use fieldtune::store::persistent::{self, PersistError, PersistentLearner};
use fieldtune::store::snapshot::{ModelId, Snapshot};
use fieldtune::store::{Disk, DiskStore, Generation, MemoryDisk, Store};

pub fn model() -> ModelId {
    ModelId { name: "tiny".to_owned(), fingerprint: [7; 32], dim: 3 }
}

pub struct Device {
    pub persistent: PersistentLearner<Learner, DiskStore>,
    /// Looked at after every step, where it is there.
    pub disk: Option<Arc<MemoryDisk>>,
    pub now: u64,
}

impl Device {
    pub fn new() -> Self {
        let disk = Arc::new(MemoryDisk::default());
        Self { disk: Some(disk.clone()), ..Self::on(disk) }
    }

    /// Nobody looks at that disk.
    pub fn on(disk: Arc<dyn Disk>) -> Self {
        let mut store = DiskStore::new(disk, "disk");
        assert_eq!(store.load().expect("an empty disk"), None);
        let learner = persistent::empty(&model()).expect("three values");
        let persistent =
            PersistentLearner::new(learner, store, model()).expect("the same backbone");
        Self { persistent, disk: None, now: 1_000_000 }
    }

    pub fn now(&mut self) -> Timestamp {
        self.now += 1_000_000;
        Timestamp(self.now)
    }

    pub fn apply(&mut self, command: Command) -> Result<Reply, PersistError> {
        let now = self.now();
        let result = self.persistent.apply(command, now);
        self.assert_kept();
        result
    }

    pub fn teach(&mut self, class: &str, features: &[[f32; 3]]) {
        let dim = self.persistent.learner().dim();
        let long = |feature: &[f32; 3]| feature.iter().copied().cycle().take(dim).collect();
        let examples = features.iter().map(|feature| NewExample {
            image: Some(vec![features.len() as u8; 10]),
            views: vec![long(feature); features.len() - 1],
            burst: u32::from(feature[0] > 1.0),
            patches: Some(Arc::new(patches(feature))),
            ..NewExample::new(long(feature), "test")
        });
        let teach = TeachExamples { class: class.to_owned(), examples: examples.collect() };
        self.apply(Command::Teach(teach)).expect("it can be learned");
    }

    pub fn generations(&mut self) -> Vec<Generation> {
        self.persistent.generations().expect("the disk is fine")
    }

    pub fn names(&mut self) -> Vec<String> {
        self.generations().into_iter().map(|generation| generation.name).collect()
    }

    /// As it would be found after the power was cut.
    pub fn on_disk(&self) -> DiskStore {
        let content = self.disk.as_ref().expect("a disk to look at").content();
        DiskStore::new(Arc::new(MemoryDisk::new(content)), "a copy")
    }

    pub fn assert_kept(&self) {
        if self.disk.is_some() {
            let mut copy = self.on_disk();
            let kept = copy.load().expect("it is sound");
            assert_eq!(
                kept.unwrap_or_else(|| self.persistent.learned()),
                self.persistent.learned()
            );
            copy.check().expect("it is consistent");
        }
    }

    /// Teaches, forgets, relabels, undoes, rolls back, learns what another learned, adapts, or compacts.
    pub fn random_step(&mut self, random: &mut ChaCha8Rng, others: &[Snapshot]) {
        let class = format!("class-{}", random.random_range(0..4));
        let ids: Vec<ExampleId> =
            self.persistent.learner().examples().iter().map(|example| example.id).collect();
        match random.random_range(0..12) {
            0 if !ids.is_empty() => {
                let examples = vec![ids[random.random_range(0..ids.len())]];
                let relabel = Command::Relabel(RelabelExamples { examples, class });
                self.apply(relabel).expect("it is there");
            }
            1 if !ids.is_empty() => {
                let one = ids[random.random_range(0..ids.len())];
                let forget = Command::Forget(ForgetExamples::Examples(vec![one]));
                self.apply(forget).expect("it is there");
            }
            // There may be no such class.
            2 => drop(self.apply(forget(&class))),
            3 => drop(self.apply(Command::Undo(UndoLatest)).expect("no error")),
            4 => {
                let now = self.now();
                let numbers: Vec<u64> = self.generations().iter().map(|one| one.number).collect();
                if !numbers.is_empty() {
                    let number = numbers[random.random_range(0..numbers.len())];
                    self.persistent.roll_back(number, now).expect("it is there");
                }
            }
            5 => {
                let now = self.now();
                // All that may be made by hand may be there.
                let _ = self.persistent.save(Some(&class), now);
            }
            6 if !others.is_empty() => {
                let now = self.now();
                let other = &others[random.random_range(0..others.len())];
                let merged = self.persistent.merge(std::slice::from_ref(other), None, now);
                // Features of fine-tuned blocks and others do not go together.
                assert!(merged.is_ok() || *self.persistent.model() != model(), "there is room");
            }
            7 if random.random_range(0..8) == 0 => self.persistent.compact().expect("it is sound"),
            8 if random.random_range(0..3) == 0 => {
                let now = self.now();
                let gain = [0.5, 1.5, 2.0].get(random.random_range(0..4));
                let levels = gain.map(|&gain| Levels { gain: [gain; 3], ..Levels::SAME });
                self.persistent.put_levels(levels.as_ref(), "adapt", now).expect("no error");
            }
            _ => {
                let count = random.random_range(1..4);
                // Few values, so that devices have examples in common.
                let features = (0..count).map(|_| [0; 3].map(|_| random.random_range(0..3) as f32));
                self.teach(&class, &features.collect::<Vec<_>>());
            }
        }
        self.assert_kept();
    }
}

/// What is seen at the places of a frame of that feature.
fn patches(feature: &[f32; 3]) -> Patches {
    let level = |side: usize| {
        let values =
            (0..side * side * 3).map(|at| feature[at % 3] + (at * 7919 % 31) as f32 / 31.0);
        let values = narrowed(&values.collect::<Vec<_>>());
        PatchLevel { size: [side; 2], channels: 3, values }
    };
    Patches::of_levels(vec![level(6), level(4)]).expect("all are numbers")
}

pub fn forget(class: &str) -> Command {
    Command::Forget(ForgetExamples::Class(class.to_owned()))
}

/// A device that learned at random.
pub fn random_device(seed: u64, steps: usize) -> Device {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut device = Device::new();
    // Devices were not made at the same moment.
    device.now += seed * 777;
    for _ in 0..steps {
        device.random_step(&mut random, &[]);
    }
    device
}
