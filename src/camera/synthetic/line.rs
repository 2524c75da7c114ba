//! Parts of every kind that come past one after another, each lying still for a while, as on a line that stops for its
//! camera.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::drift::Drift;
use super::scene::Scene;
use super::{Synthetic, SyntheticScene};
use crate::camera::{Camera, CameraError, CameraErrorKind, CameraLocks};
use crate::image::frame::{Frame, Timestamp};

/// From one part to the next, in microseconds, and how much of that the strip moves.
const PERIOD_MICROS: u64 = 1_500_000;
const MOVING_MICROS: u64 = 300_000;

/// A [`Synthetic`] camera past which parts come by: every one and a half seconds another, half of them good. While the
/// strip moves, every frame shows another piece of it; then one lies still.
///
/// What comes is a function of the seed, the times of its frames and what was chosen.
#[derive(Debug)]
pub struct SyntheticLine {
    camera: Synthetic,
    seed: u64,
    scene: Scene,
    locks: CameraLocks,
    drift: Drift,
    begun: Option<Timestamp>,
    /// The kind that was chosen when the latest frame was taken, and the number of its part.
    latest: Option<(Option<SyntheticScene>, u64)>,
    /// Since when the strip moves.
    moving: Timestamp,
}

impl SyntheticLine {
    /// A line over a strip of that seed.
    pub fn new(seed: u64) -> Self {
        let names = SyntheticScene::ALL.map(SyntheticScene::name);
        let (camera, scene) = (Synthetic::new(seed), Scene::of(names));
        Self {
            camera,
            seed,
            scene,
            locks: CameraLocks::both(true),
            drift: Drift::default(),
            begun: None,
            latest: None,
            moving: Timestamp(0),
        }
    }

    /// With exposure and white balance that wander unless they are locked, which they are from the start otherwise.
    #[must_use]
    pub fn unlocked(self) -> Self {
        Self { locks: CameraLocks::both(false), ..self }
    }

    /// What comes as that part where every kind does.
    fn kind(&self, part: u64) -> SyntheticScene {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed ^ 0x6c69_6e65);
        random.set_stream(part);
        if random.random_bool(0.5) {
            return SyntheticScene::Good;
        }
        SyntheticScene::ALL[random.random_range(1..SyntheticScene::ALL.len())]
    }
}

impl Camera for SyntheticLine {
    fn name(&self) -> &str {
        self.camera.name()
    }

    fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError> {
        let begun = *self.begun.get_or_insert(now);
        let chosen = self.scene.wanted().and_then(|place| SyntheticScene::ALL.get(place).copied());
        let part = now.micros_since(begun) / PERIOD_MICROS;
        if self.latest != Some((chosen, part)) {
            // Another part, at once where another kind was chosen: nothing of the old one is seen any more.
            self.latest = Some((chosen, part));
            self.moving = now;
            self.camera.show(chosen.unwrap_or_else(|| self.kind(part)));
        }
        let moves = now.micros_since(self.moving) < MOVING_MICROS;
        self.camera.hold(!moves);
        let shown = SyntheticScene::ALL.iter().position(|one| *one == self.camera.showing());
        self.scene.show(shown.unwrap_or(0));
        let frame = self.camera.capture(now)?;
        let Some(pixels) = self.drift.apply(&self.locks, now, frame.pixels()) else {
            return Ok(frame);
        };
        Frame::new(frame.width(), frame.height(), pixels, now).map_err(|error| {
            CameraError::new(self.name(), CameraErrorKind::Malformed, error.to_string())
        })
    }

    fn scene(&self) -> Option<Scene> {
        Some(self.scene.clone())
    }

    fn locks(&self) -> Option<CameraLocks> {
        Some(self.locks.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn capture(line: &mut SyntheticLine, millis: u64) -> Frame {
        line.capture(Timestamp(millis * 1000)).expect("drawn frames are whole")
    }

    #[test]
    fn parts_of_every_kind_come_by_and_lie_still() {
        let mut line = SyntheticLine::new(1);
        let scene = line.scene().expect("it can be chosen");
        let (mut kinds, mut pieces) = (Vec::new(), BTreeSet::new());
        for part in 0..60u64 {
            capture(&mut line, part * 1500);
            kinds.push(scene.shown());
            capture(&mut line, part * 1500 + 500);
            let piece = line.camera.piece.expect("it lies still");
            // A frame takes an emulated core long.
            if part % 6 == 0 {
                capture(&mut line, part * 1500 + 1490);
                assert_eq!((line.camera.piece, scene.shown()), (Some(piece), kinds[part as usize]));
            }
            pieces.insert(piece);
        }
        assert_eq!(pieces.len(), 60);
        assert_eq!(
            kinds.iter().collect::<BTreeSet<_>>().len(),
            SyntheticScene::ALL.len(),
            "{kinds:?}"
        );
        let good = kinds.iter().filter(|&&kind| kind == "good").count();
        assert!((20..=40).contains(&good), "{good} of 60 are good");
    }

    #[test]
    fn the_chosen_kind_starts_with_the_next_frame() {
        let mut line = SyntheticLine::new(1);
        let scene = line.scene().expect("it can be chosen");
        capture(&mut line, 0);
        capture(&mut line, 700);
        assert!(scene.choose(Some("rust")) && !scene.choose(Some("moon")));
        assert_eq!(scene.chosen(), Some("rust"));
        for part in 0..20 {
            capture(&mut line, 710 + part * 700);
            assert_eq!(scene.shown(), "rust");
        }
        scene.choose(None);
        let shown = |at| {
            capture(&mut line, at);
            scene.shown()
        };
        let kinds: BTreeSet<&str> = (0..20).map(|part| 20_000 + part * 1500).map(shown).collect();
        assert!(scene.chosen().is_none() && kinds.len() > 3, "{kinds:?}");
    }
}
