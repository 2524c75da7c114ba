//! What may be wrong with steel. Places, sizes, directions and contrasts are chances within wide ranges.

use std::f32::consts::{PI, TAU};

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::canvas::{Canvas, Line, noise};

/// A place away from the edges, so that a defect shows.
fn inside(canvas: &Canvas, random: &mut ChaCha8Rng) -> [f32; 2] {
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    [random.random_range(0.22..0.78) * width, random.random_range(0.25..0.75) * height]
}

/// One to three nearly parallel lines across the brushing, bright with a dark edge, slightly bent.
pub(super) fn scratch(canvas: &mut Canvas, random: &mut ChaCha8Rng) {
    let centre = inside(canvas, random);
    // Across the brushing, or it would not show.
    let angle: f32 = random.random_range(0.3..PI - 0.3);
    let strength: f32 = random.random_range(0.85..1.5);
    let mut lines = Vec::new();
    for _ in 0..random.random_range(1..4) {
        let angle = angle + random.random_range(-0.06..0.06);
        let length: f32 = random.random_range(65.0..160.0);
        let bend: f32 = random.random_range(-0.12..0.12);
        let half_width: f32 = random.random_range(0.95..1.6);
        let apart: f32 = random.random_range(-16.0..16.0);
        let slide: f32 = random.random_range(-20.0..20.0);
        const PIECES: usize = 8;
        let point = |piece: usize| {
            let t = piece as f32 / PIECES as f32 - 0.5;
            let (along, aside) = (t * length + slide, apart + bend * length * (t * t - 0.25));
            let (sin, cos) = angle.sin_cos();
            [centre[0] + along * cos - aside * sin, centre[1] + along * sin + aside * cos]
        };
        for piece in 0..PIECES {
            // Thinner where the tool came down and went up.
            let ends = 1.0 - (2.0 * (piece as f32 + 0.5) / PIECES as f32 - 1.0).powi(4);
            let (from, to) = (point(piece), point(piece + 1));
            lines.push(Line { from, to, half_width: half_width * (0.5 + 0.5 * ends), depth: ends });
        }
    }
    canvas.engrave(&lines, [1.2, 1.0], -0.35 * strength);
    canvas.engrave(&lines, [0.0; 2], 0.9 * strength);
}

/// A hollow: the side away from the light is lit, the side towards it lies in shadow.
pub(super) fn dent(canvas: &mut Canvas, towards: [f32; 2], random: &mut ChaCha8Rng) {
    let centre = inside(canvas, random);
    let radius: f32 = random.random_range(17.0..38.0);
    let oval: f32 = random.random_range(0.65..1.0);
    let (sin, cos) = random.random_range(0.0..PI).sin_cos();
    let depth: f32 = random.random_range(0.5..0.95);
    canvas.around(centre, 2.4 * radius, |x, y, pixel| {
        let (dx, dy) = ((x - centre[0]) / radius, (y - centre[1]) / radius);
        let (along, aside) = (dx * cos + dy * sin, (dy * cos - dx * sin) / oval);
        let hollow = (-along * along - aside * aside).exp();
        // The slope of a bell is largest at 0.7 of its width, where it is 0.86.
        let slope = [along * cos - aside / oval * sin, along * sin + aside / oval * cos];
        let lit = -(slope[0] * towards[0] + slope[1] * towards[1]) * 2.0 * hollow / 0.86;
        let level = 1.0 + depth * lit - 0.18 * depth * hollow;
        pixel.iter_mut().for_each(|value| *value *= level.max(0.1));
    });
}

/// A line that turns at every step, thin at its ends, with branches.
pub(super) fn crack(canvas: &mut Canvas, random: &mut ChaCha8Rng) {
    let start = inside(canvas, random);
    let heading: f32 = random.random_range(0.0..TAU);
    let length: f32 = random.random_range(60.0..140.0);
    let half_width: f32 = random.random_range(1.0..1.8);
    let mut lines = Vec::new();
    // Both ways from the middle, so that it stays in the frame.
    for heading in [heading, heading + PI + random.random_range(-0.5..0.5)] {
        grow(&mut lines, start, heading, length / 2.0, half_width, 2, random);
    }
    canvas.engrave(&lines, [0.9, 0.7], 0.12);
    canvas.engrave(&lines, [0.0; 2], -random.random_range(0.5..0.85));
}

fn grow(
    lines: &mut Vec<Line>,
    mut from: [f32; 2],
    heading: f32,
    length: f32,
    half_width: f32,
    branchings: u32,
    random: &mut ChaCha8Rng,
) {
    let mut gone = 0.0;
    let mut heading = heading;
    while gone < length {
        let step: f32 = random.random_range(4.0..11.0);
        let turn: f32 = random.random_range(-0.75..0.75);
        let (sin, cos) = (heading + turn).sin_cos();
        let to = [from[0] + step * cos, from[1] + step * sin];
        let rest = 1.0 - 0.65 * gone / length;
        lines.push(Line { from, to, half_width: half_width * rest, depth: 1.0 });
        if branchings > 0 && random.random_bool(0.16) {
            let side = if random.random_bool(0.5) { 0.8 } else { -0.8 };
            let part = (length - gone) * random.random_range(0.3..0.6);
            grow(lines, to, heading + side, part, half_width * 0.7 * rest, branchings - 1, random);
        }
        // It keeps its general direction.
        heading += 0.25 * turn;
        (from, gone) = (to, gone + step);
    }
}

/// Patches with ragged edges, from a breath of yellow to brown.
pub(super) fn rust(canvas: &mut Canvas, random: &mut ChaCha8Rng) {
    let place = inside(canvas, random);
    let key: u64 = random.random();
    let cover: f32 = random.random_range(0.5..0.95);
    let hue: f32 = random.random_range(0.0..1.0);
    for _ in 0..random.random_range(1..4) {
        let centre = [
            place[0] + random.random_range(-40.0..40.0),
            place[1] + random.random_range(-28.0..28.0),
        ];
        let radius: f32 = random.random_range(11.0..32.0);
        canvas.around(centre, 2.0 * radius, |x, y, pixel| {
            let (dx, dy) = ((x - centre[0]) / radius, (y - centre[1]) / radius);
            let ragged = 0.55 * noise(key, x / 13.0, y / 13.0)
                + 0.35 * noise(key ^ 1, x / 5.0, y / 5.0)
                + 0.2 * noise(key ^ 2, x / 2.2, y / 2.2);
            let there = ((1.0 - dx * dx - dy * dy + ragged) / 0.6).clamp(0.0, 1.0) * cover;
            let level = pixel[1] * (0.85 + 0.5 * noise(key ^ 3, x / 4.0, y / 4.0));
            let brown = [
                level * (1.05 - 0.15 * hue),
                level * (0.55 - 0.1 * hue),
                level * (0.3 - 0.1 * hue),
            ];
            pixel
                .iter_mut()
                .zip(brown)
                .for_each(|(value, brown)| *value += there * (brown - *value));
        });
    }
}

/// Small holes close together, each dark with a bright rim where the light meets it.
pub(super) fn pits(canvas: &mut Canvas, towards: [f32; 2], random: &mut ChaCha8Rng) {
    let place = inside(canvas, random);
    let spread: f32 = random.random_range(18.0..46.0);
    let depth: f32 = random.random_range(0.5..0.9);
    for _ in 0..random.random_range(10..28) {
        let (angle, far): (f32, f32) =
            (random.random_range(0.0..TAU), random.random_range(0.0..1.0));
        let (sin, cos) = angle.sin_cos();
        let centre = [place[0] + spread * far * cos, place[1] + spread * far * sin];
        let radius: f32 = random.random_range(1.6..3.4);
        let rim = [centre[0] - towards[0] * radius * 1.2, centre[1] - towards[1] * radius * 1.2];
        canvas.around(centre, 4.0 * radius, |x, y, pixel| {
            let bell = |at: [f32; 2], radius: f32| {
                let (dx, dy) = (x - at[0], y - at[1]);
                (-(dx * dx + dy * dy) / (radius * radius)).exp()
            };
            let level = (1.0 + 0.5 * depth * bell(rim, radius * 0.8))
                * (1.0 - depth * bell(centre, radius));
            pixel.iter_mut().for_each(|value| *value *= level);
        });
    }
}

/// A bead from edge to edge with ripples like scales, and the colours of heat beside it.
pub(super) fn weld(canvas: &mut Canvas, random: &mut ChaCha8Rng) {
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    let middle = width * random.random_range(0.25..0.75);
    let tilt: f32 = random.random_range(-0.25..0.25);
    let half: f32 = random.random_range(8.0..15.0);
    let ripple: f32 = random.random_range(7.0..12.0);
    let heat: f32 = random.random_range(9.0..20.0);
    let warm: f32 = random.random_range(0.3..0.9);
    let key: u64 = random.random();
    canvas.each(|x, y, pixel| {
        let wander = 2.0 * noise(key, y / 25.0, 0.5);
        let off = x - middle - tilt * (y - height / 2.0) - wander;
        let aside = off.abs() / half;
        if aside < 1.0 {
            let scale = (TAU * (y + 0.7 * half * aside * aside) / ripple).sin();
            let round = (1.0 - aside * aside).sqrt();
            let level = 0.62 + 0.4 * round + 0.28 * scale * round - 0.12 * off / half;
            pixel.iter_mut().for_each(|value| *value *= level);
        } else {
            let far = (off.abs() - half) / heat;
            let (straw, blue) = ((-(far - 1.3).powi(2) / 0.5).exp(), (-far * far / 0.4).exp());
            let tint = [
                1.0 + 0.05 * straw - 0.45 * blue,
                1.0 - 0.12 * straw - 0.3 * blue,
                1.0 - 0.4 * straw,
            ];
            pixel
                .iter_mut()
                .zip(tint)
                .for_each(|(value, tint)| *value *= 1.0 + warm * (tint - 1.0));
        }
    });
}
