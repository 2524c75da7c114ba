//! Frames of a strip of brushed steel that is drawn: steel, what is wrong with it, light, lens and sensor.
//!
//! A frame is a function of the seed, its number, the number of the piece of the strip that lies there and what it
//! shows; every number draws its own chances.

mod canvas;
mod defects;
mod surface;

use std::f32::consts::TAU;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use self::canvas::Canvas;
use self::surface::{steel, wood};

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

/// Pixels a row of a frame.
pub const WIDTH: usize = 320;
/// Rows of a frame.
pub const HEIGHT: usize = 240;

/// A frame as the sensor gives it.
///
/// * `number`: of the frame; `piece`: of the piece of the strip that lies there.
/// * returns `[HEIGHT, WIDTH, 3]`, RGB8.
pub fn frame(seed: u64, number: u64, piece: u64, scene: SyntheticScene) -> Vec<u8> {
    let mut noise = ChaCha8Rng::seed_from_u64(seed);
    noise.set_stream(u64::MAX - number);
    draw(seed, piece, scene).expose(NOISE, &mut noise)
}

/// Where a defect lies: what it changes of the steel before light, lens and sensor.
///
/// * `piece`, `scene`: as of [`frame`].
/// * returns `[HEIGHT, WIDTH]`, nothing where there is no defect.
pub fn defect(seed: u64, piece: u64, scene: SyntheticScene) -> Vec<bool> {
    /// In shares of full scale: less is not seen beside the noise.
    const SEEN: f32 = 0.02;
    if matches!(scene, SyntheticScene::Good | SyntheticScene::Bench) {
        return vec![false; WIDTH * HEIGHT];
    }
    let (with, ..) = surface(seed, piece, scene);
    let (without, ..) = surface(seed, piece, SyntheticScene::Good);
    let pixels = with.pixels().iter().zip(without.pixels());
    pixels.map(|(a, b)| a.iter().zip(b).any(|(a, b)| (a - b).abs() > SEEN)).collect()
}

fn draw(seed: u64, piece: u64, scene: SyntheticScene) -> Canvas {
    let (mut canvas, light, mut random) = surface(seed, piece, scene);
    light.fall_on(&mut canvas);
    canvas.blur(random.random_range(0.06..0.20));
    canvas
}

/// What lies under the light.
fn surface(seed: u64, piece: u64, scene: SyntheticScene) -> (Canvas, Light, ChaCha8Rng) {
    let mut strip = ChaCha8Rng::seed_from_u64(seed);
    let light = Light::at(&mut strip, piece);
    let mut random = strip;
    // Stream 0 gave the light, which all frames share.
    random.set_stream(piece + 1);
    random.set_word_pos(0);
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    if scene == SyntheticScene::Bench {
        wood(&mut canvas, seed, &mut random);
    } else {
        steel(&mut canvas, seed, piece, &mut random);
    }
    let (canvas_, random_, towards) = (&mut canvas, &mut random, light.towards);
    match scene {
        SyntheticScene::Good | SyntheticScene::Bench => {}
        SyntheticScene::Scratch => defects::scratch(canvas_, random_),
        SyntheticScene::Dent => defects::dent(canvas_, towards, random_),
        SyntheticScene::Crack => defects::crack(canvas_, random_),
        SyntheticScene::Rust => defects::rust(canvas_, random_),
        SyntheticScene::Pits => defects::pits(canvas_, towards, random_),
        SyntheticScene::Weld => defects::weld(canvas_, random_),
    }
    (canvas, light, random)
}

/// Standard deviation of the sensor's noise, in shares of full scale.
pub const NOISE: f32 = 0.014;

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

    #[test]
    fn a_defect_lies_where_the_frame_differs() {
        for (piece, scene) in (0..).zip(&SyntheticScene::ALL[1..6]) {
            let inside = defect(5, piece, *scene);
            let share = inside.iter().filter(|one| **one).count() as f64 / inside.len() as f64;
            assert!((0.0005..0.4).contains(&share), "{scene:?}: {share}");
            let [with, without] =
                [*scene, SyntheticScene::Good].map(|scene| frame(5, piece, piece, scene));
            let apart = |at: usize| f64::from(with[3 * at].abs_diff(without[3 * at]));
            let mean = |wanted: bool| {
                let of = (0..inside.len()).filter(|at| inside[*at] == wanted);
                let (sum, count) = of.fold((0.0, 0.0), |(sum, n), at| (sum + apart(at), n + 1.0));
                sum / count
            };
            assert!(mean(true) > 2.0 * mean(false), "{scene:?}: {} {}", mean(true), mean(false));
        }
        assert!(!defect(5, 0, SyntheticScene::Good).contains(&true));
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
}
