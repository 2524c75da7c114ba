//! Long seeded runs of commands: after every one the learner is what its snapshot says, a refused command changes
//! nothing, and undoing takes back step by step what was there.

use crate::common;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use fieldtune::image::frame::Timestamp;
use fieldtune::learn::command::{
    ChangeHead, ChangeThresholds, Command, ForgetExamples, NewExample, ReadExamples,
    RelabelExamples, RenameClass, Reply, TeachExamples, UndoLatest,
};
use fieldtune::learn::head::{ExampleId, HeadConfig, HeadKind};
use fieldtune::learn::learner::{Learner, UNDO_DEPTH};
use fieldtune::store::snapshot::{ModelId, Snapshot};

const DIM: usize = 12;
const NAMES: [&str; 5] = ["good", "scratch", "dent", "stain", "no name"];
/// Heads that forget exactly; the trained ones start from where they are.
const HEADS: [HeadKind; 5] =
    [HeadKind::Lda, HeadKind::Ridge, HeadKind::Slda, HeadKind::Prototype, HeadKind::Knn];
/// Room for about twenty examples.
const BUDGET: usize = 2000;

fn model() -> ModelId {
    ModelId { name: "none".to_owned(), fingerprint: [0; 32], dim: DIM as u32 }
}

fn snapshot(learner: &Learner) -> Snapshot {
    Snapshot::of(learner, model())
}

/// A feature that lies around a direction of its class, and now and then is none.
fn feature(random: &mut ChaCha8Rng, class: usize) -> Vec<f32> {
    let mut feature: Vec<f32> = (0..DIM).map(|_| random.random_range(-0.5..0.5)).collect();
    feature[class % DIM] += 2.0;
    if random.random_bool(0.03) {
        feature[0] = f32::NAN;
    }
    feature
}

/// Any command, valid or not.
fn any_command(random: &mut ChaCha8Rng, next_example: u64) -> Command {
    let class = random.random_range(0..NAMES.len());
    let name = NAMES[class].to_owned();
    let mut example = || ExampleId(random.random_range(1..next_example + 2));
    let examples = vec![example(), example()];
    match random.random_range(0..20) {
        0..=9 => {
            let new_examples = (0..random.random_range(0..4))
                .map(|_| {
                    let new_example = NewExample::new(feature(random, class), "scenario");
                    NewExample {
                        image: random.random_bool(0.1).then(|| vec![1; 100]),
                        ..new_example
                    }
                })
                .collect();
            Command::Teach(TeachExamples { class: name, examples: new_examples })
        }
        10..=11 => Command::Forget(ForgetExamples::Examples(examples)),
        12 => Command::Forget(ForgetExamples::Class(name)),
        13 => Command::Relabel(RelabelExamples { examples, class: name }),
        14 => {
            let to = NAMES[random.random_range(0..NAMES.len())].to_owned();
            Command::Rename(RenameClass { from: name, to })
        }
        15 => {
            let kind = HEADS[random.random_range(0..HEADS.len())];
            Command::Head(ChangeHead { config: Some(HeadConfig::of(kind)) })
        }
        16 => {
            let confidence = Some(random.random_range(-0.2..1.2));
            Command::Threshold(ChangeThresholds { confidence, ..ChangeThresholds::default() })
        }
        17 => Command::Examples(ReadExamples { class: None }),
        _ => Command::Undo(UndoLatest),
    }
}

/// That the head says what one would that is taught afresh with what is stored.
fn assert_same_scores(learner: &Learner, random: &mut ChaCha8Rng, after: &str) {
    let bytes = snapshot(learner).encode();
    let stored = Snapshot::decode(&bytes).expect("just written");
    let fresh = stored.into_learner(BUDGET).expect("what is stored is consistent");
    assert_eq!(snapshot(&fresh), snapshot(learner), "{after}");
    for class in 0..3 {
        let mut probe: Vec<f32> = (0..DIM).map(|_| random.random_range(-0.5..0.5)).collect();
        probe[class] += 1.0;
        let scores = |learner: &Learner| {
            let scores = learner.head().score(&probe).expect("a valid feature");
            let mut by_class: Vec<_> = learner.head().classes().iter().zip(scores).collect();
            by_class.sort_by_key(|(class, _)| **class);
            by_class.into_iter().map(|(_, score)| score).collect::<Vec<_>>()
        };
        let (got, wanted) = (scores(learner), scores(&fresh));
        let largest = wanted.iter().filter(|s| s.is_finite()).fold(1.0f32, |a, s| a.max(s.abs()));
        for (got, wanted) in got.iter().zip(&wanted) {
            let near = got == wanted || (got - wanted).abs() <= 1e-3 * largest;
            assert!(near, "after {after}: {got} is not {wanted}");
        }
    }
}

#[test]
fn long_runs_of_commands_keep_head_store_and_history_together() {
    let (mut refused, mut evictions, mut undone) = (0, 0, 0);
    for seed in 0..common::cases(40) as u64 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let config = HeadConfig::of(HEADS[seed as usize % HEADS.len()]);
        let mut learner = Learner::new(DIM, config, BUDGET).expect("the usual settings");
        for step in 0..80 {
            let command = any_command(&mut random, learner.next_ids().1.0);
            let after = format!("seed {seed}, step {step}, {command:?}");
            let before = snapshot(&learner);
            match command.apply(&mut learner, Timestamp(step)) {
                Ok((reply, changes)) => {
                    let unchanged = snapshot(&learner) == before;
                    assert!(!unchanged || changes.is_empty(), "nothing came of changes, {after}");
                    assert!(unchanged || !changes.is_empty(), "a change was not told, {after}");
                    if let Reply::Taught { evicted, .. } = &reply {
                        evictions += evicted.len();
                    }
                    undone += usize::from(matches!(reply, Reply::Undone { .. }));
                }
                Err(error) => {
                    refused += 1;
                    assert_eq!(snapshot(&learner), before, "{error}, {after}");
                }
            }
            assert!(learner.examples().bytes() <= BUDGET, "{after}");
            assert_same_scores(&learner, &mut random, &after);
        }
    }
    // Otherwise the run showed less than it should.
    assert!(refused > 20 && evictions > 20 && undone > 20, "{refused} {evictions} {undone}");
}

#[test]
fn undoing_goes_back_through_every_state() {
    for seed in 0..common::cases(40) as u64 {
        let mut random = ChaCha8Rng::seed_from_u64(1000 + seed);
        let config = HeadConfig::of(HEADS[seed as usize % HEADS.len()]);
        let mut learner = Learner::new(DIM, config, BUDGET).expect("the usual settings");
        // What was learned; ids that were used stay used.
        let learned = |learner: &Learner| {
            let examples: Vec<_> = learner.examples().iter().cloned().collect();
            (
                learner.classes().clone(),
                examples,
                learner.head_config().clone(),
                *learner.thresholds(),
            )
        };
        let mut states = vec![learned(&learner)];
        for step in 0..60 {
            let command = any_command(&mut random, learner.next_ids().1.0);
            if matches!(command, Command::Undo(_)) {
                continue;
            }
            if command.apply(&mut learner, Timestamp(step)).is_ok_and(|(_, made)| !made.is_empty())
            {
                states.push(learned(&learner));
            }
        }
        assert_eq!(states.pop(), Some(learned(&learner)));
        // Steps that hold more bytes than the budget are let go of, the oldest first.
        let steps = learner.undo_steps().len();
        assert!((2..=UNDO_DEPTH).contains(&steps), "seed {seed}: {steps} steps");
        for back in 0..steps {
            let Some(state) = states.pop() else { break };
            Command::Undo(UndoLatest).apply(&mut learner, Timestamp(100)).expect("there are steps");
            assert_eq!(learned(&learner), state, "seed {seed}, {back} steps back");
        }
        assert_same_scores(&learner, &mut random, &format!("undoing, seed {seed}"));
    }
}

/// Taught with that many examples of three classes that overlap.
fn overlapping(config: HeadConfig, count: usize) -> Learner {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut learner = Learner::new(DIM, config, 64 << 20).expect("a valid head");
    let mut new_examples: [Vec<NewExample>; 3] = Default::default();
    for at in 0..count {
        let mut feature: Vec<f32> = (0..DIM).map(|_| random.random_range(-1.0..1.0)).collect();
        feature[at % 3] += 0.6;
        // Each is a look of its own.
        let burst = u32::try_from(at).expect("few examples");
        new_examples[at % 3].push(NewExample { burst, ..NewExample::new(feature, "") });
    }
    for (name, new_examples) in NAMES.iter().zip(new_examples) {
        let teach = TeachExamples { class: (*name).to_owned(), examples: new_examples };
        Command::Teach(teach).apply(&mut learner, Timestamp(0)).expect("valid examples");
    }
    learner.recalibrate();
    learner
}

#[test]
fn a_head_without_examples_takes_another_s_calibration() {
    let slda = overlapping(HeadConfig::of(HeadKind::Slda), 90);
    let twin = slda.head().twin().expect("the exact update has one");
    let lda = overlapping(twin, 90);
    let probe = vec![0.4; DIM];
    let (a, b) = (slda.head().score(&probe), lda.head().score(&probe));
    let (a, b) = (a.expect("a feature"), b.expect("a feature"));
    // Lda's ridge is rounded by up to 2.2 %.
    for (a, b) in a.windows(2).zip(b.windows(2)) {
        let (a, b) = (a[1] - a[0], b[1] - b[0]);
        assert!((a - b).abs() < 0.03 * a.abs().max(1.0), "{a} {b}");
    }
    let temperature = |learner: &Learner| learner.calibration().temperature();
    let (a, b) = (temperature(&slda), temperature(&lda));
    assert!(a > 1.2 && (a - b).abs() < 1e-5, "{a} {b}");
    let classified = |learner: &Learner| {
        let estimate = learner.estimate().expect("every class has examples");
        estimate.recalls.values().map(|(count, _)| count).sum::<usize>()
    };
    assert_eq!((classified(&slda), classified(&lda)), (90, 90));
    // So many that only some of them are left out, of every class.
    let many = overlapping(HeadConfig::of(HeadKind::Slda), 1500);
    assert_eq!(classified(&many), 400);
    assert!(many.estimate().expect("it has one").recalls.len() == 3);
}
