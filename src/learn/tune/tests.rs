use fieldtune_math::layers::{Act, Block, Network, Node, Op, Size, Window};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use std::sync::Arc;

use half::f16;

use super::*;
use crate::backbone::Fingerprint;

const FROZEN: [usize; 2] = [6, 4];

/// Blocks behind a map of one channel: a window, then ReLU, then six channels pooled.
fn tail() -> Tail {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let (input, inner) =
        (Size { channels: 1, height: 6, width: 6 }, Size { channels: 8, height: 6, width: 6 });
    let window = Window { size: [3, 3], pad: [1, 1], ..Window::ONE };
    let out = Size { channels: FROZEN[0], ..inner };
    let nodes = vec![
        Node { op: Op::Dense(window), act: Act::RELU, inputs: vec![0], size: inner },
        Node { op: Op::Dense(Window::ONE), act: Act::RELU, inputs: vec![1], size: out },
    ];
    let weights = (0..8 * 9 + 8 + 6 * 8 + 6).map(|_| random.random_range(-0.5..0.6)).collect();
    let block = Block { value: 2, largest: false };
    let network = Network::new(input, nodes, vec![block], weights).expect("it fits");
    Tail::of_parts(Fingerprint([7; 32]), "cut", vec![0], network)
}

/// Upright or lying stripes, at a drawn place and in drawn noise; the frozen features know nothing of them.
fn stripes(classes: u32, looks: u64, seed: u64) -> Vec<TuningSample> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut samples = Vec::new();
    for group in 0..looks * u64::from(classes) {
        let class = u32::try_from(group % u64::from(classes)).expect("a few");
        let moved: usize = random.random_range(0..3);
        let mut value = |at: usize| {
            let along = if class == 0 { at % 6 } else { at / 6 };
            let stripe = f32::from(u8::from((along + moved).is_multiple_of(3)));
            f16::from_f32(stripe + random.random_range(-0.2..0.2))
        };
        let map = (0..36).map(&mut value).collect();
        let frozen = (0..10).map(|_| random.random_range(-1.0..1.0)).collect();
        let views = vec![CutView { frozen, map: CutMap::Here(map) }];
        samples.push(TuningSample { class: ClassId(class), group: GroupId(group), views });
    }
    samples
}

fn tuner<'a>(tail: &'a Tail, samples: &'a [TuningSample], recipe: Recipe) -> Tuner<'a> {
    Tuner::new(tail, FROZEN.to_vec(), samples, &HeadConfig::default(), recipe).expect("enough")
}

fn recipe() -> Recipe {
    Recipe { epochs: 60, rate: 1e-2, ..Recipe::default() }
}

#[test]
fn blocks_learn_what_the_frozen_features_cannot_see() {
    let (tail, samples) = (tail(), stripes(2, 30, 1));
    let Tuned { validation, tail: trained } =
        tuner(&tail, &samples, recipe()).run(false, &mut |_, _| true).expect("it runs");
    assert!(validation.frozen < 0.7 && validation.adapted > 0.9, "{validation:?}");
    assert!(validation.helps() && validation.looks == 60);
    let trained = trained.expect("it helps");
    assert_ne!(trained.fingerprint(), tail.fingerprint());
    let longer = features(&trained, FROZEN.len(), &samples[0].views).expect("they are here");
    assert_eq!(longer[0][..10], samples[0].views[0].frozen[..]);
    let length: f32 = longer[0][10..].iter().map(|value| value * value).sum();
    assert!((length - 1.0).abs() < 1e-4, "{length}");
}

/// Maps that are somewhere else, of one length.
struct Elsewhere(Vec<Vec<f16>>);

impl KeptMaps for Elsewhere {
    fn read(&self, place: u64, values: &mut [f16]) -> Result<(), String> {
        let map = self.0.get(place as usize).ok_or("it is gone")?;
        values.copy_from_slice(map);
        Ok(())
    }
}

#[test]
fn maps_from_elsewhere_train_the_same_blocks() {
    let (tail, samples) = (tail(), stripes(2, 10, 1));
    let here = |view: &CutView| match &view.map {
        CutMap::Here(map) => map.clone(),
        CutMap::Kept { .. } => unreachable!("it was just made"),
    };
    let kept: Vec<Vec<f16>> = samples.iter().map(|sample| here(&sample.views[0])).collect();
    let all = kept.len();
    let aside = |maps: Vec<Vec<f16>>| {
        let maps: Arc<dyn KeptMaps> = Arc::new(Elsewhere(maps));
        let mut samples = samples.clone();
        for (place, sample) in (0..).zip(&mut samples) {
            let len = sample.views[0].map.len();
            sample.views[0].map = CutMap::Kept { maps: Arc::clone(&maps), place, len };
        }
        let recipe = Recipe { epochs: 3, ..recipe() };
        tuner(&tail, &samples, recipe).train(&mut |_, _| true)
    };
    let recipe = Recipe { epochs: 3, ..recipe() };
    let wanted = tuner(&tail, &samples, recipe).train(&mut |_, _| true).expect("it runs");
    assert_eq!(aside(kept.clone()).expect("it runs").fingerprint(), wanted.fingerprint());
    // One that cannot be read ends it.
    let error = aside(kept[..all - 1].to_vec()).expect_err("one is gone").to_string();
    assert_eq!(error, "maps that were put aside cannot be read: it is gone");
}

#[test]
fn blocks_that_learn_nothing_are_not_kept() {
    let tail = tail();
    let mut samples = stripes(2, 15, 2);
    // What is to be learned is drawn, too.
    for (at, sample) in samples.iter_mut().enumerate() {
        sample.class = ClassId(u32::from((at * 7919) % 11 < 5));
    }
    let tuned = tuner(&tail, &samples, recipe()).run(false, &mut |_, _| true).expect("it runs");
    assert!(tuned.tail.is_none(), "{:?}", tuned.validation);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (tail, samples) = (tail(), stripes(2, 6, 3));
    let of = |seed: u64| {
        let recipe = Recipe { epochs: 3, batch: 4, seed, ..Recipe::default() };
        tuner(&tail, &samples, recipe).train(&mut |_, _| true).expect("it runs").to_bytes()
    };
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

#[test]
fn it_says_how_far_it_is_and_can_be_stopped() {
    let (tail, samples) = (tail(), stripes(2, 6, 3));
    let recipe = Recipe { epochs: 2, batch: 4, ..Recipe::default() };
    let tuner = tuner(&tail, &samples, recipe);
    let mut seen = Vec::new();
    let mut all = |done, of| {
        seen.push(done);
        assert_eq!(of, tuner.steps(false));
        true
    };
    tuner.validate(&mut all).expect("it runs");
    tuner.train(&mut all).expect("it runs");
    assert_eq!(seen, (1..=tuner.steps(false)).collect::<Vec<_>>());
    let stopped = tuner.run(false, &mut |done, _| done < 3);
    assert_eq!(stopped, Err(TuneError::Stopped));
}

#[test]
fn too_few_looks_are_refused_with_what_is_wanted() {
    let tail = tail();
    for samples in [stripes(2, 2, 1), stripes(1, 9, 1), Vec::new()] {
        let head = HeadConfig::default();
        let refused = Tuner::new(&tail, FROZEN.to_vec(), &samples, &head, recipe());
        let words = refused.expect_err("too few").to_string();
        assert!(words.contains("two classes with 3 looks each"), "{words}");
    }
}
