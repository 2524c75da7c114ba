//! What there is where no defect is: brushed steel, with the dust and scuffs of any shop floor, or the bench.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::canvas::{Canvas, Line, floor, lattice, noise};

/// Brush marks are streaks along the strip: per octave their length in pixels and how much they change the brightness.
const STREAKS: [(f32, f32); 3] = [(7.0, 0.045), (38.0, 0.06), (210.0, 0.05)];

/// Pixels that the strip moves on between two frames, a little more than a frame is wide.
const STEP: f64 = 347.0;

/// * `number`: which frame of the strip.
pub(super) fn steel(canvas: &mut Canvas, seed: u64, number: u64, random: &mut ChaCha8Rng) {
    let middle = canvas.width() as f32 / 2.0;
    // Wrapped far beyond the precision of an f32, long before the eye could meet the same piece again.
    let along = (number as f64 * STEP % 1e5) as f32;
    let sway: f32 = random.random_range(0.0..40.0);
    let slope: f32 = random.random_range(-0.03..0.03);
    let rough: f32 = random.random_range(0.6..1.4);
    let base: f32 = random.random_range(0.24..0.34);
    // Rows that the strip can show: those of the canvas, swayed and sloped.
    let margin = (slope.abs() * middle).ceil() as i64;
    let rows = -margin..canvas.height() as i64 + 41 + margin;
    let mut streaks: Vec<[Streak; 3]> = rows.map(|row| Streak::of_row(seed, row)).collect();
    canvas.each(|x, y, pixel| {
        let (u, v) = (along + x, y + sway + slope * (x - middle));
        let row = floor(v);
        let part = v - row as f32;
        let at = (row + margin) as usize;
        let mut streak = |at: usize| streaks[at].iter_mut().map(|one| one.at(u)).sum::<f32>();
        let streaks = streak(at) * (1.0 - part) + streak(at + 1) * part;
        let mottle = 0.05 * noise(seed ^ (9 << 56), u / 75.0, v / 55.0);
        let level = base * (1.0 + 2.2 * rough * streaks + mottle);
        *pixel = [level, level * 1.005, level * 1.03];
    });
    dust(canvas, random);
    scuffs(canvas, random);
}

/// One octave of one row's brush marks.
struct Streak {
    key: u64,
    row: i64,
    /// Per pixel.
    step: f32,
    /// Every row has places of its own for its marks.
    shift: f32,
    weight: f32,
    /// The last column asked for and the values at both its ends: the next pixel mostly lies in the same.
    column: i64,
    ends: [f32; 2],
}

impl Streak {
    fn of_row(seed: u64, row: i64) -> [Self; 3] {
        let mut octave = 0;
        STREAKS.map(|(length, weight)| {
            octave += 1;
            let key = seed ^ (octave << 56);
            let shift = 8.0 * lattice(key, i64::MAX, row);
            let (column, ends) = (i64::MIN, [0.0; 2]);
            Self { key, row, step: 1.0 / length, shift, weight, column, ends }
        })
    }

    fn at(&mut self, along: f32) -> f32 {
        let at = along * self.step + self.shift;
        let column = floor(at);
        if self.column != column {
            self.column = column;
            self.ends = [0, 1].map(|next| lattice(self.key, self.column + next, self.row));
        }
        let [a, b] = self.ends;
        self.weight * (a + (b - a) * (at - column as f32))
    }
}

/// Single specks, light and dark.
fn dust(canvas: &mut Canvas, random: &mut ChaCha8Rng) {
    for _ in 0..random.random_range(0..5) {
        let centre = anywhere(canvas, random);
        let radius: f32 = random.random_range(0.7..1.5);
        let gain: f32 = random.random_range(-0.45..0.5);
        canvas.around(centre, 4.0 * radius, |x, y, pixel| {
            let (dx, dy) = (x - centre[0], y - centre[1]);
            let there = (-(dx * dx + dy * dy) / (radius * radius)).exp();
            pixel.iter_mut().for_each(|value| *value *= 1.0 + gain * there);
        });
    }
}

/// Faint lines along the brushing, and a broad smear now and then.
fn scuffs(canvas: &mut Canvas, random: &mut ChaCha8Rng) {
    for _ in 0..random.random_range(0..3) {
        let [x, y] = anywhere(canvas, random);
        let length: f32 = random.random_range(30.0..160.0);
        let fall = random.random_range(-0.08..0.08) * length;
        let half_width = random.random_range(0.5..0.9);
        let line = Line { from: [x, y], to: [x + length, y + fall], half_width, depth: 1.0 };
        let gain = random.random_range(-0.2..0.3);
        canvas.engrave(&[line], [0.0; 2], gain);
    }
    if random.random_bool(0.4) {
        let centre = anywhere(canvas, random);
        let radius: f32 = random.random_range(25.0..70.0);
        let gain: f32 = random.random_range(-0.10..0.08);
        canvas.around(centre, 2.0 * radius, |x, y, pixel| {
            let (dx, dy) = ((x - centre[0]) / radius, (y - centre[1]) / (0.6 * radius));
            let there = (-dx * dx - dy * dy).exp();
            pixel.iter_mut().for_each(|value| *value *= 1.0 + gain * there);
        });
    }
}

/// Planks, their grain running down the picture.
pub(super) fn wood(canvas: &mut Canvas, seed: u64, random: &mut ChaCha8Rng) {
    const PLANK: f32 = 118.0;
    let shift: f32 = random.random_range(0.0..PLANK);
    let start: f32 = random.random_range(0.0..5000.0);
    let knot = anywhere(canvas, random);
    let ring: f32 = random.random_range(9.0..16.0);
    canvas.each(|x, y, pixel| {
        let plank = ((x + shift) / PLANK).floor();
        let own = lattice(seed, plank as i64, start as i64);
        let (dx, dy) = (x - knot[0], (y - knot[1]) * 0.45);
        let near = (dx * dx + dy * dy).sqrt();
        // Fibres run around a knot.
        let bent = x + 14.0 * dx / ring * (-near / (2.0 * ring)).exp();
        let wander = 9.0 * noise(seed ^ 1, bent / 60.0, (y + start) / 90.0);
        let grain = 0.6 * noise(seed ^ 2, (bent + wander) / 5.0, (y + start) / 140.0)
            + 0.4 * noise(seed ^ 3, (bent + wander) / 1.7, (y + start) / 60.0);
        let gap = ((x + shift) % PLANK - 1.5).abs();
        let dark =
            1.0 - 0.75 * (-gap * gap / 2.0).exp() - 0.5 * (-near * near / (ring * ring)).exp();
        let level = (1.0 + 0.24 * grain + 0.12 * own) * dark;
        *pixel = [0.42 * level, 0.25 * level, 0.13 * level];
    });
}

/// A place on the canvas.
pub(super) fn anywhere(canvas: &Canvas, random: &mut ChaCha8Rng) -> [f32; 2] {
    [
        random.random_range(0.0..canvas.width() as f32),
        random.random_range(0.0..canvas.height() as f32),
    ]
}
