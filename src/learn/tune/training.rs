//! One training: epochs of shuffled samples, each in one of its views.

use std::collections::BTreeMap;

use fieldtune_math::layers::{Adam, Network, Op, Pass, Rate, Softmax, pull};
use half::f16;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::start::Start;
use super::{GoOn, TuneError, Tuner, TuningSample};
use crate::backbone::Tail;
use crate::learn::head::ClassId;
use crate::learn::linalg::widened_halves;

impl Tuner<'_> {
    fn batches_of(&self, samples: usize) -> usize {
        samples.div_ceil(self.recipe.batch.max(1)).max(1)
    }

    /// Steps of a training with so many samples.
    pub(super) fn steps_of(&self, samples: usize) -> usize {
        self.recipe.epochs as usize * self.batches_of(samples)
    }

    /// The blocks, trained with these samples.
    pub(super) fn trained(
        &self,
        samples: &[&TuningSample],
        seed: u64,
        go_on: &mut GoOn,
    ) -> Result<Tail, TuneError> {
        let Start { softmax, classes } = self.start(samples)?;
        let network = self.tail.network().clone();
        let rates = self.rates(&network);
        let mut training = Training {
            tuner: self,
            truths: truths(samples, &classes),
            adams: [Adam::new(network.weights().len()), Adam::new(softmax.weights().len())],
            slopes: [vec![0.0; network.weights().len()], vec![0.0; softmax.weights().len()]],
            pass: Pass::default(),
            rates,
            network,
            softmax,
        };
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut order: Vec<usize> = (0..samples.len()).collect();
        let (steps, mut done) = (self.steps_of(samples.len()), 0);
        let size = samples.len().div_ceil(self.batches_of(samples.len()));
        for _ in 0..self.recipe.epochs {
            shuffle(&mut order, &mut random);
            for batch in order.chunks(size.max(1)) {
                let half_turn = std::f32::consts::PI * done as f32 / steps as f32;
                training.step(samples, batch, &mut random, (1.0 + half_turn.cos()) / 2.0)?;
                done += 1;
                if !go_on(done, steps) {
                    return Err(TuneError::Stopped);
                }
            }
        }
        Ok(self.tail.with_weights(training.network.weights())?)
    }

    /// Of each layer's weights, the last fastest.
    fn rates(&self, network: &Network) -> Vec<Rate> {
        let mut rate = self.recipe.rate;
        let mut rates = Vec::new();
        for (at, node) in network.nodes().iter().enumerate().rev() {
            if matches!(node.op, Op::Dense(_) | Op::Depthwise(_)) {
                rates.push(Rate { range: network.range(at), rate });
                rate *= self.recipe.deeper;
            }
        }
        rates
    }
}

struct Training<'a> {
    tuner: &'a Tuner<'a>,
    network: Network,
    softmax: Softmax,
    /// Of each sample, its class and its weight.
    truths: Vec<(usize, f32)>,
    rates: Vec<Rate>,
    adams: [Adam; 2],
    slopes: [Vec<f32>; 2],
    pass: Pass,
}

impl Training<'_> {
    /// * `share`: of the rates.
    fn step(
        &mut self,
        samples: &[&TuningSample],
        batch: &[usize],
        random: &mut ChaCha8Rng,
        share: f32,
    ) -> Result<(), TuneError> {
        let Self { tuner, network, softmax, truths, rates, adams, slopes, pass } = self;
        let (mut maps, mut features, mut wanted) = (Vec::<f16>::new(), Vec::new(), Vec::new());
        for sample in batch {
            let views = &samples[*sample].views;
            let view = &views[below(random, views.len())];
            view.map.append_to(&mut maps)?;
            features.extend(tuner.of_unit(&view.frozen));
            let (class, weight) = truths[*sample];
            wanted.push((class, weight / batch.len() as f32));
        }
        network.forward(&widened_halves(&maps), pass);
        let dim = features.len() / batch.len();
        let late = tuner.late();
        for (feature, adapted) in
            features.chunks_exact_mut(dim).zip(pass.feature().chunks_exact(network.dim()))
        {
            let places = late.iter().cloned().flatten();
            places.zip(adapted).for_each(|(place, value)| feature[place] = *value);
        }
        slopes.iter_mut().for_each(|slopes| slopes.fill(0.0));
        let [of_network, of_softmax] = slopes;
        let (_, of_features) = softmax.loss(&features, &wanted, of_softmax);
        let of_adapted: Vec<f32> = of_features
            .chunks_exact(dim)
            .flat_map(|slopes| late.iter().cloned().flatten().map(|place| slopes[place]))
            .collect();
        network.backward(pass, &of_adapted, of_network);
        if tuner.recipe.pull > 0.0 {
            let start = tuner.tail.network().weights();
            pull(network.weights(), start, tuner.recipe.pull, of_network);
        }
        adams[0].step(network.weights_mut(), of_network, rates, share);
        let all = [Rate { range: 0..of_softmax.len(), rate: tuner.recipe.rate }];
        adams[1].step(softmax.weights_mut(), of_softmax, &all, share);
        Ok(())
    }
}

impl Tuner<'_> {
    /// Where the late blocks are in the frozen feature.
    fn late(&self) -> Vec<std::ops::Range<usize>> {
        let place = |block: &usize| {
            let from = self.blocks[..*block].iter().sum::<usize>();
            from..from + self.blocks[*block]
        };
        self.tail.late().iter().map(place).collect()
    }
}

/// Classes weigh the same, and so do the looks of a class.
fn truths(samples: &[&TuningSample], classes: &[ClassId]) -> Vec<(usize, f32)> {
    let mut sizes: BTreeMap<_, f32> = BTreeMap::new();
    let mut looks: BTreeMap<ClassId, f32> = BTreeMap::new();
    for sample in samples {
        let size = sizes.entry((sample.class, sample.group)).or_default();
        if *size == 0.0 {
            *looks.entry(sample.class).or_default() += 1.0;
        }
        *size += 1.0;
    }
    let share = samples.len() as f32 / looks.len().max(1) as f32;
    let truth = |sample: &&TuningSample| {
        let class = classes.iter().position(|class| *class == sample.class);
        let size = sizes[&(sample.class, sample.group)];
        (class.expect("every class of a sample was taught"), share / looks[&sample.class] / size)
    };
    samples.iter().map(truth).collect()
}

/// A number below `len`.
pub(super) fn below(random: &mut ChaCha8Rng, len: usize) -> usize {
    (random.next_u64() % len.max(1) as u64) as usize
}

pub(super) fn shuffle(order: &mut [usize], random: &mut ChaCha8Rng) {
    for at in (1..order.len()).rev() {
        order.swap(at, below(random, at + 1));
    }
}
