//! The power is cut at every write and every sync of a long, random run of what a device does, with writes that were
//! not synced lost, torn or done in another order: afterwards there is what was acknowledged, or that and the one
//! command that was under way. And the checks can fail.

use crate::common;

use std::io;
use std::sync::{Arc, Mutex};

use half::f16;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use fieldtune::backbone::card::ModelCard;
use fieldtune::backbone::{BackboneFiles, Tail};
use fieldtune::image::frame::Timestamp;
use fieldtune::image::levels::Levels;
use fieldtune::learn::command::{Command, NewExample, TeachExamples};
use fieldtune::learn::examples::Examples;
use fieldtune::learn::head::{ClassId, GroupId, HeadConfig};
use fieldtune::learn::tune::{CutMap, CutView, Recipe, Tuner, TuningSample, Validation};
use fieldtune::store::levels::levels_of;
use fieldtune::store::persistent::PersistentLearner;
use fieldtune::store::snapshot::Snapshot;
use fieldtune::store::tail::{KeptTail, tail_of};
use fieldtune::store::tuned::TunedLearner;
use fieldtune::store::{Disk, DiskStore, Generation, MemoryDisk, Store};

use crate::common::learning;

use learning::{Device, model, random_device};

/// What a disk writes at once, or not at all.
const SECTOR: usize = 512;

/// What was asked of a disk.
#[derive(Debug, Clone)]
enum Act {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Sync,
}

/// Remembers all that was asked of it.
#[derive(Debug, Default)]
struct Recording {
    memory: MemoryDisk,
    acts: Mutex<Vec<Act>>,
}

impl Recording {
    fn note(&self, act: Act) {
        self.acts.lock().expect("no test panics with it").push(act);
    }

    fn len(&self) -> usize {
        self.acts.lock().expect("no test panics with it").len()
    }
}

impl Disk for Recording {
    fn len(&self) -> io::Result<u64> {
        self.memory.len()
    }

    fn read(&self, at: u64, to: &mut [u8]) -> io::Result<()> {
        self.memory.read(at, to)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.note(Act::Write(at, bytes.to_vec()));
        self.memory.write(at, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.note(Act::SetLen(len));
        self.memory.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.note(Act::Sync);
        self.memory.sync()
    }
}

/// Everything that is to be found again.
#[derive(Debug, Clone, PartialEq)]
struct State {
    learned: Snapshot,
    generations: Vec<Generation>,
    levels: Option<Levels>,
    tail: Option<KeptTail>,
}

/// A run of commands, and what was asked of the disk meanwhile.
struct Run {
    acts: Vec<Act>,
    /// How many acts there were when a state was acknowledged.
    acknowledged: Vec<(usize, State)>,
}

fn run(seed: u64, steps: usize) -> Run {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let others: Vec<Snapshot> =
        (0..3).map(|other| random_device(1000 + other, 12).persistent.learned()).collect();
    let disk = Arc::new(Recording::default());
    let mut device = Device::on(disk.clone());
    device.teach("good", &[[1.0, 0.0, 0.0]]);
    let blocks = Blocks::new();
    let mut acknowledged = Vec::new();
    for step in 0..=steps {
        let (learned, generations) = (device.persistent.learned(), device.generations());
        let store = device.persistent.store_mut();
        let levels = levels_of(store).expect("the disk is fine");
        let tail = tail_of(store).expect("the disk is fine");
        let state = State { learned, generations, levels, tail };
        acknowledged.push((disk.len(), state));
        if step == steps {
            break;
        }
        if step % 30 == 15 && !device.persistent.learner().examples().is_empty() {
            device = blocks.fine_tuned(device, step as f32);
        } else {
            device.random_step(&mut random, &others);
        }
    }
    drop(device);
    let acts = disk.acts.lock().expect("no test panics with it").clone();
    Run { acts, acknowledged }
}

/// Blocks of the network of the tests, to be kept with what was learned.
struct Blocks {
    tail: Tail,
    validation: Validation,
}

impl Blocks {
    fn new() -> Self {
        let path = common::data("tiny.toml");
        let card = ModelCard::read_card(&path).expect("it is in the repository");
        let onnx = card.network(path.parent()).expect("it lies beside its card");
        let network = BackboneFiles { onnx, name: card.name, spec: card.spec };
        let tail = network.tail(Some(1)).expect("it has a last block");
        let samples: Vec<TuningSample> =
            (0..6).map(|at| sample(&tail, ClassId(at % 2), GroupId(at.into()))).collect();
        let recipe = Recipe { epochs: 1, ..Recipe::default() };
        let head = HeadConfig::default();
        let tuner = Tuner::new(&tail, vec![tail.network().dim()], &samples, &head, recipe)
            .expect("there are enough");
        let validation = tuner.validate(&mut |_, _| true).expect("it runs");
        Self { tail, validation }
    }

    /// The device with blocks of such weights, as a start finds it.
    fn fine_tuned(&self, device: Device, weight: f32) -> Device {
        let (persistent, now) = (device.persistent, device.now + 1_000_000);
        let learner = persistent.learner();
        let weights = vec![weight / 256.0; self.tail.network().weights().len()];
        let tail = self.tail.with_weights(&weights).expect("as many");
        let examples = learner.examples().iter();
        let samples: Vec<TuningSample> = examples
            .map(|one| {
                let view = &sample(&tail, one.class, one.group).views[0];
                let views = std::iter::once(one.widened()).chain(one.widened_views());
                let views = views.map(|own| CutView { frozen: own[..3].to_vec(), ..view.clone() });
                TuningSample { class: one.class, group: one.group, views: views.collect() }
            })
            .collect();
        let tuned = TunedLearner::new(learner, &model(), &samples, 1, (&self.validation, tail));
        let (_, mut store, _) = persistent.into_parts();
        let tuned = tuned.expect("it is learned");
        tuned.put(&mut store, Timestamp(now)).expect("the disk is fine");
        let persistent = PersistentLearner::open_any(store).expect("it is sound");
        Device { persistent: persistent.expect("it was taught"), disk: None, now }
    }
}

fn sample(tail: &Tail, class: ClassId, group: GroupId) -> TuningSample {
    let map = vec![f16::from_f32(class.0 as f32); tail.network().input().values()];
    let frozen = (0..tail.network().dim()).map(|at| (at as u32 * 7 % (class.0 + 5)) as f32);
    let view = CutView { frozen: frozen.collect(), map: CutMap::Here(map) };
    TuningSample { class, group, views: vec![view] }
}

fn write(disk: &mut Vec<u8>, act: &Act) {
    match act {
        Act::Write(at, bytes) => {
            // Beyond the length that lasts, nothing of a file can be found again.
            let at = *at as usize;
            let end = disk.len().min(at + bytes.len());
            if at < end {
                disk[at..end].copy_from_slice(&bytes[..end - at]);
            }
        }
        Act::SetLen(len) => disk.resize(*len as usize, 0),
        Act::Sync => {}
    }
}

/// What is on the disk after a cut: all that was synced, and of the rest what happened to be written.
fn after_cut(synced: &[u8], pending: &[Act], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut disk = synced.to_vec();
    // How much of what was not synced made it, from nothing to all.
    let share = [0.0, 0.1, 0.5, 0.9, 1.0][random.random_range(0..5)];
    for act in pending {
        match act {
            Act::Write(at, bytes) if random.random_bool(0.2) => {
                for (place, sector) in bytes.chunks(SECTOR).enumerate() {
                    if random.random_bool(share) {
                        let at = at + (place * SECTOR) as u64;
                        write(&mut disk, &Act::Write(at, sector.to_vec()));
                    }
                }
            }
            act if random.random_bool(share) => write(&mut disk, act),
            _ => {}
        }
    }
    disk
}

/// Cuts the power at every act of a run after the first acknowledgement.
///
/// * returns how many cuts there were, and what was wrong after them.
fn cut_everywhere(run: &Run, seed: u64) -> (usize, Vec<String>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut synced, mut pending) = (Vec::new(), Vec::new());
    let (mut cuts, mut wrong) = (0, Vec::new());
    for (place, act) in run.acts.iter().enumerate() {
        pending.push(act.clone());
        // The power goes while this act is under way, so it is pending, a sync too.
        if place >= run.acknowledged[0].0 {
            cuts += 1;
            let before = run.acknowledged.iter().rposition(|(acts, _)| *acts <= place);
            let before = before.expect("the first was acknowledged");
            let possible = &run.acknowledged[before..run.acknowledged.len().min(before + 2)];
            let disk = after_cut(&synced, &pending, &mut random);
            if let Err(what) = found_again(disk, possible, cuts % 50 == 0) {
                wrong.push(format!("cut {cuts}, in act {place} of {}: {what}", run.acts.len()));
            }
        }
        if matches!(act, Act::Sync) {
            pending.drain(..).for_each(|act| write(&mut synced, &act));
        }
    }
    (cuts, wrong)
}

fn found_again(disk: Vec<u8>, possible: &[(usize, State)], go_on: bool) -> Result<(), String> {
    let mut store = DiskStore::new(Arc::new(MemoryDisk::new(disk)), "disk");
    let learned = store.load().map_err(|error| error.to_string())?.ok_or("nothing is there")?;
    let generations = store.generations().map_err(|error| error.to_string())?;
    let levels = levels_of(&mut store).map_err(|error| error.to_string())?;
    let tail = tail_of(&mut store).map_err(|error| error.to_string())?;
    let found = State { learned, generations, levels, tail };
    if !possible.iter().any(|(_, state)| *state == found) {
        return Err("what is there was never acknowledged, or not last".to_owned());
    }
    store.check().map_err(|error| error.to_string())?;
    if go_on {
        let (model, dim) = (found.learned.model.clone(), found.learned.model.dim as usize);
        let learner = found
            .learned
            .into_learner(Examples::DEFAULT_BUDGET)
            .map_err(|error| error.to_string())?;
        let mut persistent =
            PersistentLearner::new(learner, store, model).expect("the same backbone");
        let example = NewExample::new(vec![0.5; dim], "");
        let teach = TeachExamples { class: "afterwards".to_owned(), examples: vec![example] };
        let taught = persistent.apply(Command::Teach(teach), Timestamp(u64::MAX / 2));
        taught.map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[test]
fn acknowledged_changes_survive_a_power_cut_at_any_write() {
    let wanted = common::cases(10_000);
    let mut cuts = 0;
    for seed in 0.. {
        let run = run(seed, 120);
        let (count, wrong) = cut_everywhere(&run, seed);
        assert!(wrong.is_empty(), "run {seed}: {} of {count}: {:#?}", wrong.len(), &wrong[..1]);
        cuts += count;
        if cuts >= wanted {
            println!("the power was cut {cuts} times in {} runs of 120 commands", seed + 1);
            break;
        }
    }
}

#[test]
fn acknowledging_too_early_or_without_a_sync_is_found_out() {
    let honest = run(1, 20);
    assert!(cut_everywhere(&honest, 1).1.is_empty());
    // A command is acknowledged as soon as it came.
    let mut hasty = run(1, 20);
    for place in (1..hasty.acknowledged.len()).rev() {
        hasty.acknowledged[place].0 = hasty.acknowledged[place - 1].0;
    }
    assert!(!cut_everywhere(&hasty, 1).1.is_empty());
    // Nothing is synced.
    let mut lazy = run(1, 20);
    let mut removed = 0;
    let mut acts = Vec::new();
    for (place, act) in lazy.acts.iter().enumerate() {
        for (acknowledged, _) in lazy.acknowledged.iter_mut().filter(|(acts, _)| *acts == place) {
            *acknowledged = place - removed;
        }
        match act {
            Act::Sync if place > 40 => removed += 1,
            act => acts.push(act.clone()),
        }
    }
    lazy.acts = acts;
    assert!(!cut_everywhere(&lazy, 1).1.is_empty());
}
