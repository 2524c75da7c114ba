//! A camera over a strip of brushed steel that is drawn, not built: the strip moves on by about a frame's width between
//! two frames, the light changes slowly, the lens blurs a little and the sensor is noisy. What comes past next is
//! chosen by [`Synthetic::show`], so every frame's truth is known.
//!
//! A frame is a function of the seed, its number, the number of the piece of the strip that lies there and what it
//! shows; every number draws its own chances, so what was shown before changes nothing. It is made to be neither trivial nor unfair: dust, scuffs and brush marks lie on good
//! surface, too, sizes, places and contrasts vary widely, and brightness tells no class. Only rust and the weld have
//! colours of their own.

mod canvas;
mod defects;
mod line;
mod surface;

use std::f32::consts::TAU;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use self::canvas::Canvas;
pub use self::line::{Line, Scene};
use super::{Camera, CameraError, CameraErrorKind};
use crate::image::frame::{Frame, Timestamp};

/// What a frame shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyntheticScene {
    /// Steel without a defect.
    Good,
    /// A few straight bright lines across the brushing.
    Scratch,
    /// A shallow hollow, light on one side and dark on the other.
    Dent,
    /// A jagged dark line with branches.
    Crack,
    /// Brown patches.
    Rust,
    /// A cluster of small holes.
    Pits,
    /// A seam across the strip, with ripples and the colours of heat.
    Weld,
    /// No steel at all: the wooden bench that shows when the strip has run out.
    Bench,
}

impl SyntheticScene {
    /// Everything that can be shown.
    pub const ALL: [SyntheticScene; 8] = [
        SyntheticScene::Good,
        SyntheticScene::Scratch,
        SyntheticScene::Dent,
        SyntheticScene::Crack,
        SyntheticScene::Rust,
        SyntheticScene::Pits,
        SyntheticScene::Weld,
        SyntheticScene::Bench,
    ];

    /// Its name, one word that may be a class's.
    pub fn name(self) -> &'static str {
        match self {
            SyntheticScene::Good => "good",
            SyntheticScene::Scratch => "scratch",
            SyntheticScene::Dent => "dent",
            SyntheticScene::Crack => "crack",
            SyntheticScene::Rust => "rust",
            SyntheticScene::Pits => "pits",
            SyntheticScene::Weld => "weld",
            SyntheticScene::Bench => "bench",
        }
    }
}

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
    pub const WIDTH: u32 = 320;
    /// Rows of its frames.
    pub const HEIGHT: u32 = 240;

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

    /// Frames that it has given.
    pub fn number(&self) -> u64 {
        self.number
    }

    fn draw(&self) -> Canvas {
        let mut strip = ChaCha8Rng::seed_from_u64(self.seed);
        let piece = self.piece.unwrap_or(self.number);
        let light = Light::at(&mut strip, piece);
        let mut random = strip;
        // Stream 0 gave the light, which all frames share.
        random.set_stream(piece + 1);
        random.set_word_pos(0);
        let mut canvas = Canvas::new(Self::WIDTH as usize, Self::HEIGHT as usize);
        if self.scene == SyntheticScene::Bench {
            surface::wood(&mut canvas, self.seed, &mut random);
        } else {
            surface::steel(&mut canvas, self.seed, piece, &mut random);
        }
        let (canvas_, random_, towards) = (&mut canvas, &mut random, light.towards);
        match self.scene {
            SyntheticScene::Good | SyntheticScene::Bench => {}
            SyntheticScene::Scratch => defects::scratch(canvas_, random_),
            SyntheticScene::Dent => defects::dent(canvas_, towards, random_),
            SyntheticScene::Crack => defects::crack(canvas_, random_),
            SyntheticScene::Rust => defects::rust(canvas_, random_),
            SyntheticScene::Pits => defects::pits(canvas_, towards, random_),
            SyntheticScene::Weld => defects::weld(canvas_, random_),
        }
        light.fall_on(&mut canvas);
        canvas.blur(random.random_range(0.06..0.20));
        canvas
    }
}

impl Camera for Synthetic {
    fn name(&self) -> &str {
        "synthetic"
    }

    fn capture(&mut self, now: Timestamp) -> Result<Frame, CameraError> {
        let canvas = self.draw();
        let mut noise = ChaCha8Rng::seed_from_u64(self.seed);
        noise.set_stream(u64::MAX - self.number);
        let pixels = canvas.expose(NOISE, &mut noise);
        self.number += 1;
        Frame::new(Self::WIDTH, Self::HEIGHT, pixels, now).map_err(|error| {
            CameraError::new(self.name(), CameraErrorKind::Malformed, error.to_string())
        })
    }
}

/// Standard deviation of the sensor's noise, in shares of full scale.
const NOISE: f32 = 0.014;

/// How the strip is lit while a frame is taken.
#[derive(Debug)]
struct Light {
    /// In shares of full scale for a white surface.
    level: f32,
    /// Where it comes from, in the picture's plane, of length one.
    towards: [f32; 2],
    /// How much brighter that side is.
    slope: f32,
    /// The row of the strip's highlight, in shares of the height.
    highlight: f32,
    /// Per channel.
    tint: [f32; 3],
}

impl Light {
    /// Five slow waves, whose lengths (in frames) and phases the seed chooses.
    fn at(strip: &mut ChaCha8Rng, number: u64) -> Self {
        let mut wave = |shortest: f32, longest: f32| {
            let period = strip.random_range(shortest..longest);
            let phase = strip.random_range(0.0..TAU);
            // In f64 first: a camera may run for years.
            let turns = (number as f64 / f64::from(period)).fract() as f32;
            (turns * TAU + phase).sin()
        };
        let level = 0.92 + 0.16 * wave(60.0, 140.0);
        let angle = -1.9 + 0.7 * wave(90.0, 200.0);
        let slope = 0.16 + 0.10 * wave(70.0, 150.0);
        let highlight = 0.5 + 0.35 * wave(50.0, 120.0);
        let warm = 0.035 * wave(120.0, 300.0);
        let towards = [angle.cos(), angle.sin()];
        Self { level, towards, slope, highlight, tint: [1.0 + warm, 1.0, 1.0 - warm] }
    }

    fn fall_on(&self, canvas: &mut Canvas) {
        let (width, height) = (canvas.width() as f32, canvas.height() as f32);
        let [across, down] = self.towards;
        canvas.each(|x, y, pixel| {
            let (right, low) = (x / width - 0.5, y / height - 0.5);
            let slope = 1.0 + self.slope * (across * right + down * low);
            let off = (low + 0.5 - self.highlight) / 0.28;
            let level = self.level * slope * (1.0 + 0.12 / (1.0 + off * off));
            pixel.iter_mut().zip(self.tint).for_each(|(value, tint)| *value *= level * tint);
        });
    }
}

#[cfg(test)]
mod tests {
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
    fn seed_number_and_sight_make_the_frame_and_nothing_else_does() {
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
    fn a_defect_changes_its_part_of_the_frame_and_leaves_the_rest() {
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
    fn light_changes_slowly_and_far() {
        let lights: Vec<Light> =
            (0..300).map(|n| Light::at(&mut ChaCha8Rng::seed_from_u64(2), n)).collect();
        for pair in lights.windows(2) {
            let [[ax, ay], [bx, by]] = [pair[0].towards, pair[1].towards];
            let step = (pair[0].level - pair[1].level).abs();
            assert!(step < 0.02 && ax * bx + ay * by > 0.99, "{pair:?}");
        }
        let levels = || lights.iter().map(|light| light.level);
        let (low, high) = (levels().fold(f32::MAX, f32::min), levels().fold(0.0, f32::max));
        assert!(high - low > 0.2, "{low} to {high}");
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
