//! A machine that is computed, not built: a motor, a gear and a fan, heard by a microphone at its side. Load and speed vary
//! from one second to the next, and so do the loudness and the noise of the hall; what is wrong with it is chosen by
//! [`Machine::show`], so every second's truth is known.
//!
//! A second is a function of the seed, its number and what it has; what was heard before changes nothing. Loudness shows no
//! condition, and each varies in how far it has gone.

use std::f32::consts::TAU;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{SAMPLE_RATE, WINDOW_SAMPLES};

/// What a [`Machine`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MachineScene {
    /// Nothing.
    Good,
    /// A damaged bearing: a ball strikes the flaw some 3.6 times a turn, and the ring answers at some 3 kHz.
    Bearing,
    /// A belt that slips: it squeals at some 1.3 kHz, for a part of the time.
    Belt,
    /// Something loose that knocks at every fourth turn.
    Knock,
    /// Air that hisses out above 4 kHz.
    Leak,
}

impl MachineScene {
    /// All of them.
    pub const ALL: [MachineScene; 5] =
        [Self::Good, Self::Bearing, Self::Belt, Self::Knock, Self::Leak];

    /// As people write it, and what a class of it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bearing => "bearing",
            Self::Belt => "belt",
            Self::Knock => "knock",
            Self::Leak => "leak",
        }
    }
}

/// The machine.
#[derive(Debug, Clone)]
pub struct Machine {
    seed: u64,
    number: u64,
    scene: MachineScene,
}

impl Machine {
    /// One of that seed, in order for now.
    pub fn new(seed: u64) -> Self {
        Self { seed, number: 0, scene: MachineScene::Good }
    }

    /// Has this from the next second on.
    pub fn show(&mut self, scene: MachineScene) {
        self.scene = scene;
    }

    /// What the next second has.
    pub fn showing(&self) -> MachineScene {
        self.scene
    }

    /// Seconds that it has given.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The next second: `[WINDOW_SAMPLES]`, -1 to 1.
    pub fn second(&mut self) -> Vec<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed ^ 0x6d61_6368);
        random.set_stream(self.number);
        self.number += 1;
        let mut sound = Sound { random, samples: vec![0.0; WINDOW_SAMPLES] };
        // More load, a slower turn and a louder gear.
        let load = sound.within(0.0, 1.0);
        let turns = sound.within(27.5, 29.5) - 3.0 * load;
        for harmonic in 1..=6 {
            let level = 0.05 / harmonic as f32 * sound.within(0.6, 1.4);
            sound.tone(turns * harmonic as f32, level, (0.0, 1.0));
        }
        let teeth = turns * 23.0;
        for (factor, level) in [(1.0, 0.02), (2.0, 0.012), (3.0, 0.005)] {
            let level = level * (0.5 + load) * sound.within(0.7, 1.3);
            sound.tone(teeth * factor, level, (0.3, turns));
        }
        sound.tone(100.0, 0.01, (0.0, 1.0));
        let (fan, hall) = (sound.within(0.02, 0.05), sound.within(0.002, 0.008));
        sound.noise(fan, 0.12, false);
        sound.noise(hall, 1.0, false);
        let severity = sound.within(0.7, 1.5);
        match self.scene {
            MachineScene::Good => {}
            MachineScene::Bearing => {
                let (every, rings) = (1.0 / (3.57 * turns), sound.within(2700.0, 3500.0));
                // Struck harder where the load presses, once a turn.
                sound.strikes(every, (rings, 0.003), 0.1 * severity, turns);
            }
            MachineScene::Belt => {
                let (pitch, wobble) = (sound.within(1100.0, 1500.0), sound.within(2.0, 5.0));
                sound.squeal(pitch, wobble, 0.03 * severity);
            }
            MachineScene::Knock => {
                let every = 4.0 / turns;
                let rings = sound.within(350.0, 600.0);
                sound.strikes(every, (rings, 0.012), 0.4 * severity, 0.0);
            }
            MachineScene::Leak => {
                sound.noise(0.13 * severity, 1.0, true);
            }
        }
        // As loud as any other, as if the microphone hung nearer or farther off.
        let squares: f32 = sound.samples.iter().map(|sample| sample * sample).sum();
        let gain = sound.within(0.03, 0.1) / (squares / WINDOW_SAMPLES as f32).sqrt();
        sound.samples.iter().map(|sample| (gain * sample).clamp(-1.0, 1.0)).collect()
    }
}

/// A second that is put together.
struct Sound {
    random: ChaCha8Rng,
    samples: Vec<f32>,
}

const STEP: f32 = 1.0 / SAMPLE_RATE as f32;

impl Sound {
    fn within(&mut self, low: f32, high: f32) -> f32 {
        self.random.random_range(low..high)
    }

    /// Adds a tone whose loudness varies by a share at a rate.
    fn tone(&mut self, hertz: f32, level: f32, (share, rate): (f32, f32)) {
        let (phase, other) = (self.within(0.0, TAU), self.within(0.0, TAU));
        for (at, sample) in self.samples.iter_mut().enumerate() {
            let time = at as f32 * STEP;
            let loud = 1.0 + share * (TAU * rate * time + other).sin();
            *sample += level * loud * (TAU * hertz * time + phase).sin();
        }
    }

    /// Adds noise through a filter of one pole: what is below it, or above.
    ///
    /// * `share`: of each new value in the filtered one, 1 for all frequencies alike.
    fn noise(&mut self, level: f32, share: f32, above: bool) {
        let (mut low, mut slow) = (0.0f32, 0.0f32);
        for sample in &mut self.samples {
            let value = self.random.random_range(-1.7f32..1.7);
            low += share * (value - low);
            if above {
                // Twice the difference to the value before: 12 dB an octave up to half the rate.
                let high = (value - slow) / 2.0;
                slow = value;
                *sample += level * high;
            } else {
                *sample += level * low / share.sqrt();
            }
        }
    }

    /// Adds strikes that ring and die away.
    ///
    /// * `every`: seconds from one to the next, give or take a few per cent; `ring`: Hz, and the seconds in which it falls to
    ///   a third; `rate`: at which their force varies, 0 if it does not.
    fn strikes(&mut self, every: f32, (hertz, lasts): (f32, f32), level: f32, rate: f32) {
        let mut time = self.within(0.0, every);
        while time < 1.0 {
            let force = 1.0 + 0.6 * (TAU * rate * time).sin() + self.within(-0.2, 0.2);
            let first = (time / STEP) as usize;
            let reach = (5.0 * lasts / STEP) as usize;
            for (at, sample) in self.samples.iter_mut().skip(first).take(reach).enumerate() {
                let since = at as f32 * STEP;
                *sample += level * force * (-since / lasts).exp() * (TAU * hertz * since).sin();
            }
            time += every * self.within(0.97, 1.03);
        }
    }

    /// Adds a squeal with two harmonics, whose pitch wobbles and which comes and goes.
    fn squeal(&mut self, hertz: f32, wobble: f32, level: f32) {
        let (mut phase, start) = (0.0f32, self.within(0.0, TAU));
        for (at, sample) in self.samples.iter_mut().enumerate() {
            let turn = (TAU * wobble * at as f32 * STEP + start).sin();
            phase = (phase + TAU * hertz * (1.0 + 0.02 * turn) * STEP) % TAU;
            let loud = (0.4 + turn).clamp(0.0, 1.0);
            let tone = phase.sin() + 0.5 * (2.0 * phase).sin() + 0.3 * (3.0 * phase).sin();
            *sample += level * loud * tone;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(seed: u64, number: u64, scene: MachineScene) -> Vec<f32> {
        Machine { seed, number, scene }.second()
    }

    #[test]
    fn seed_number_and_scene_alone_make_the_second() {
        let mut machine = Machine::new(3);
        for (number, scene) in (0..).zip(MachineScene::ALL) {
            machine.show(scene);
            assert_eq!((machine.showing(), machine.number()), (scene, number));
            let heard = machine.second();
            assert!(
                heard.len() == WINDOW_SAMPLES && heard.iter().all(|sample| sample.abs() <= 1.0)
            );
            assert!(heard == second(3, number, scene), "{scene:?}, whatever was heard before");
            assert!(heard != second(4, number, scene) && heard != second(3, number + 1, scene));
        }
    }

    #[test]
    fn loudness_shows_no_condition() {
        let loudness = |scene| -> Vec<f32> {
            let level = |sound: Vec<f32>| sound.iter().map(|s| s * s).sum::<f32>().sqrt();
            (0..16).map(|number| level(second(5, 10 * number, scene))).collect()
        };
        let good = loudness(MachineScene::Good);
        let (low, high) = good
            .iter()
            .fold((f32::MAX, 0.0f32), |(low, high), &level| (low.min(level), high.max(level)));
        for scene in MachineScene::ALL {
            let inside = loudness(scene).iter().filter(|&&l| (low..=high).contains(&l)).count();
            assert!(inside >= 11, "{scene:?}: {inside} of 16 are as loud as good ones");
        }
    }
}
