//! A camera over a strip of brushed steel that is drawn, not built: the strip moves on by about a frame's width between
//! two frames, the light changes slowly, the lens blurs a little and the sensor is noisy. What comes past next is
//! chosen by [`Synthetic::show`], so every frame's truth is known.
//!
//! A frame is a function of the seed, its number, the number of the piece of the strip that lies there and what it
//! shows; every number draws its own chances, so what was shown before changes nothing. It is made to be neither trivial nor unfair: dust, scuffs and brush marks lie on good
//! surface, too, sizes, places and contrasts vary widely, and brightness shows no class. Only rust and the weld have
//! colours of their own.

mod drift;
mod line;
mod scene;

pub use fieldtune_math::strip::SyntheticScene;
use fieldtune_math::strip::{self, HEIGHT, WIDTH};

pub use self::line::SyntheticLine;
pub use self::scene::Scene;
use super::{Camera, CameraError, CameraErrorKind};
use crate::image::frame::{Frame, Timestamp};

/// The camera.
#[derive(Debug, Clone)]
pub struct Synthetic {
    seed: u64,
    number: u64,
    /// The piece of the strip that lies there; the next frame's number where the strip moves.
    piece: Option<u64>,
    scene: SyntheticScene,
}

impl Synthetic {
    /// Pixels a row of its frames.
    pub const WIDTH: u32 = WIDTH as u32;
    /// Rows of its frames.
    pub const HEIGHT: u32 = HEIGHT as u32;

    /// A strip of that seed, from its beginning, without a defect for now.
    pub fn new(seed: u64) -> Self {
        Self { seed, number: 0, piece: None, scene: SyntheticScene::Good }
    }

    /// Lets this come past from the next frame on.
    pub fn show(&mut self, scene: SyntheticScene) {
        self.scene = scene;
    }

    /// Lets the strip lie still, or move on with every frame, which it does from the start.
    pub fn hold(&mut self, still: bool) {
        self.piece = still.then(|| self.piece.unwrap_or(self.number.saturating_sub(1)));
    }

    /// What the next frame will show.
    pub fn showing(&self) -> SyntheticScene {
        self.scene
    }

    /// Where the defect of the next frame lies: `[HEIGHT, WIDTH]`.
    pub fn next_defect(&self) -> Vec<bool> {
        strip::defect(self.seed, self.piece.unwrap_or(self.number), self.scene)
    }

    /// Frames that it has given.
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl Camera for Synthetic {
    fn name(&self) -> &str {
        "synthetic"
    }

    fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError> {
        let piece = self.piece.unwrap_or(self.number);
        let pixels = strip::frame(self.seed, self.number, piece, self.scene);
        self.number += 1;
        Frame::new(Self::WIDTH, Self::HEIGHT, pixels, now).map_err(|error| {
            CameraError::new(self.name(), CameraErrorKind::Malformed, error.to_string())
        })
    }
}

#[cfg(test)]
mod tests {
    use fieldtune_math::strip::NOISE;

    use super::*;

    fn frame(seed: u64, number: u64, scene: SyntheticScene) -> Frame {
        let mut camera = Synthetic { seed, number, piece: None, scene };
        camera.capture(Timestamp(5)).expect("drawn frames are whole")
    }

    /// Mean over the pixels and channels of the squared difference.
    fn distance(a: &Frame, b: &Frame) -> f64 {
        let squares = a.pixels().iter().zip(b.pixels());
        let sum: i64 = squares.map(|(&a, &b)| (i64::from(a) - i64::from(b)).pow(2)).sum();
        sum as f64 / a.pixels().len() as f64
    }

    fn mean(frame: &Frame, channel: usize) -> f64 {
        let values = frame.pixels().iter().skip(channel).step_by(3);
        values.map(|&value| f64::from(value)).sum::<f64>() / (frame.pixels().len() / 3) as f64
    }

    #[test]
    fn seed_number_and_scene_alone_make_the_frame() {
        let mut camera = Synthetic::new(3);
        let mut shown = Vec::new();
        for scene in SyntheticScene::ALL {
            camera.show(scene);
            assert_eq!(camera.showing(), scene);
            shown.push(camera.capture(Timestamp(5)).expect("drawn frames are whole"));
        }
        assert_eq!(camera.number(), 8);
        for (number, (scene, shown)) in (0..).zip(SyntheticScene::ALL.into_iter().zip(shown)) {
            assert!(frame(3, number, scene) == shown, "{scene:?}, whatever was shown before");
            assert!(frame(4, number, scene) != shown, "{scene:?}, another seed");
            assert!(frame(3, number + 1, scene) != shown, "{scene:?}, another number");
        }
    }

    #[test]
    fn frames_have_their_size_their_time_and_are_well_exposed() {
        for (number, scene) in (0..48).map(|n| (n * 37, SyntheticScene::ALL[n as usize % 8])) {
            let frame = frame(11, number, scene);
            assert_eq!((frame.width(), frame.height()), (Synthetic::WIDTH, Synthetic::HEIGHT));
            assert_eq!(frame.captured(), Timestamp(5));
            let clipped = frame.pixels().iter().filter(|&&v| v == 0 || v == 255).count();
            assert!(clipped * 50 < frame.pixels().len(), "{scene:?} {number}: {clipped} clipped");
            let level = mean(&frame, 1);
            assert!((50.0..210.0).contains(&level), "{scene:?} {number}: {level}");
        }
    }

    #[test]
    fn a_defect_changes_only_its_part_of_the_frame() {
        for scene in [
            SyntheticScene::Scratch,
            SyntheticScene::Dent,
            SyntheticScene::Crack,
            SyntheticScene::Rust,
            SyntheticScene::Pits,
        ] {
            for number in 0..12 {
                let (with, without) =
                    (frame(7, number, scene), frame(7, number, SyntheticScene::Good));
                // Blur draws after the defect, so that pixels elsewhere differ by a little.
                let changed = with.pixels().iter().zip(without.pixels());
                let changed = changed.filter(|(a, b)| a.abs_diff(**b) > 14).count();
                let share = changed as f64 / with.pixels().len() as f64;
                assert!((0.0002..0.35).contains(&share), "{scene:?} {number}: {share}");
            }
        }
    }

    #[test]
    fn two_frames_show_two_pieces_of_the_strip() {
        // They lie apart by more than noise alone would put them.
        let apart =
            distance(&frame(2, 100, SyntheticScene::Good), &frame(2, 101, SyntheticScene::Good));
        let noise = 2.0 * f64::from(NOISE * 255.0).powi(2);
        assert!(apart > 3.0 * noise, "{apart}, noise {noise}");
    }

    #[test]
    fn no_taught_class_can_be_told_by_its_mean_brightness() {
        let levels = |scene| -> Vec<f64> {
            (0..24).map(|number| mean(&frame(5, number * 13, scene), 1)).collect()
        };
        let range = |levels: &[f64]| {
            let low = levels.iter().copied().fold(f64::MAX, f64::min);
            (low, levels.iter().copied().fold(f64::MIN, f64::max))
        };
        let good = range(&levels(SyntheticScene::Good));
        for scene in [
            SyntheticScene::Scratch,
            SyntheticScene::Dent,
            SyntheticScene::Crack,
            SyntheticScene::Rust,
            SyntheticScene::Pits,
        ] {
            let inside = levels(scene).iter().filter(|&&v| good.0 <= v && v <= good.1).count();
            assert!(inside >= 16, "{scene:?}: {inside} of 24 are as bright as good ones");
        }
    }

    #[test]
    fn a_strip_that_lies_still_differs_by_noise_alone() {
        let mut camera = Synthetic::new(2);
        let capture =
            |camera: &mut Synthetic| camera.capture(Timestamp(5)).expect("drawn frames are whole");
        camera.show(SyntheticScene::Scratch);
        let first = capture(&mut camera);
        camera.hold(true);
        let second = capture(&mut camera);
        let noise = 2.0 * f64::from(NOISE * 255.0).powi(2);
        let apart = distance(&first, &second);
        assert!((0.5 * noise..1.5 * noise).contains(&apart), "{apart}, noise {noise}");
        camera.hold(false);
        assert!(distance(&first, &capture(&mut camera)) > 3.0 * noise);
    }

    #[test]
    fn every_name_is_a_class_s_and_its_own() {
        let names: std::collections::BTreeSet<_> =
            SyntheticScene::ALL.map(SyntheticScene::name).into();
        assert_eq!(names.len(), SyntheticScene::ALL.len());
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase())));
    }
}
