//! Whether two images show one part in one place: frames of a burst, one picture, saved again, lighter, darker, moved
//! by a pixel or two.
//!
//! An image is made grey and small, 32 x 32, and the difference of two Gaussian blurs (1 and 4 pixels) leaves its
//! structure without noise and without the light that falls on it. Another image is explained by it as a multiple of the
//! structure and of its two derivatives, which is a small move (first-order Taylor); what is left unexplained, as a share of
//! the other's structure, is the difference. Frames of a burst differ by 0.01 to 0.18, images of different parts of three
//! unlike sets by 0.35 and more, except where those sets have one part under several exposures.

use crate::image::frame::Frame;

const SIDE: usize = 32;

/// Pixels at the border that are not compared: they move in and out of the frame.
const MARGIN: usize = 3;

const INNER: usize = (SIDE - 2 * MARGIN) * (SIDE - 2 * MARGIN);

/// The largest difference of two images of one look.
const SAME: f32 = 0.2;

/// Structure, in grey levels, below which there is none to compare: of plain surfaces nothing is known.
const FLAT: f32 = 0.5;

/// What an image is compared by.
#[derive(Debug, Clone)]
pub struct Sketch {
    /// `[INNER]`, the structure, mean 0.
    structure: Vec<f32>,
    /// `[..][INNER]`, an orthonormal basis of what it explains.
    basis: Vec<Vec<f32>>,
}

impl Sketch {
    /// Of a frame of any size.
    pub fn of(frame: &Frame) -> Self {
        let small = small(frame);
        let (fine, coarse) = (blurred(&small, 1.0), blurred(&small, 4.0));
        let all: Vec<f32> = fine.iter().zip(&coarse).map(|(fine, coarse)| fine - coarse).collect();
        let inner = |value: &dyn Fn(usize, usize) -> f32| -> Vec<f32> {
            let range = MARGIN..SIDE - MARGIN;
            range
                .clone()
                .flat_map(|y| range.clone().map(move |x| (y, x)))
                .map(|(y, x)| value(y, x))
                .collect()
        };
        let at = |y: usize, x: usize| all[y * SIDE + x];
        let mut structure = inner(&at);
        let across = inner(&|y, x| (at(y, x + 1) - at(y, x - 1)) / 2.0);
        let down = inner(&|y, x| (at(y + 1, x) - at(y - 1, x)) / 2.0);
        let mut basis: Vec<Vec<f32>> = vec![vec![(INNER as f32).sqrt().recip(); INNER]];
        let mean = structure.iter().sum::<f32>() / INNER as f32;
        structure.iter_mut().for_each(|value| *value -= mean);
        for mut one in [structure.clone(), across, down] {
            let length = dot(&one, &one).sqrt();
            for earlier in &basis {
                let share = dot(&one, earlier);
                one.iter_mut().zip(earlier).for_each(|(value, earlier)| *value -= share * earlier);
            }
            let rest = dot(&one, &one).sqrt();
            if rest > 1e-3 * length && rest > f32::MIN_POSITIVE {
                one.iter_mut().for_each(|value| *value /= rest);
                basis.push(one);
            }
        }
        Self { structure, basis }
    }

    /// Whether both show one part in one place.
    pub fn is_of_same_look(&self, other: &Self) -> bool {
        self.difference(other) < SAME && other.difference(self) < SAME
    }

    /// What of the other's structure is not explained, 0 to 1.
    fn difference(&self, other: &Self) -> f32 {
        let whole = dot(&other.structure, &other.structure);
        let explained: f32 = self
            .basis
            .iter()
            .map(|one| dot(one, &other.structure))
            .map(|share| share * share)
            .sum();
        if whole < FLAT * FLAT * INNER as f32 {
            return 1.0;
        }
        ((whole - explained).max(0.0) / whole).sqrt()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `[SIDE, SIDE]`: the mean grey (BT.601) under each small pixel.
fn small(frame: &Frame) -> Vec<f32> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let rows = shares(height);
    let columns = shares(width);
    let mut sums = vec![0.0f32; SIDE * SIDE];
    for (line, row) in frame.pixels().chunks_exact(width * 3).zip(rows) {
        let mut across = [0.0f32; SIDE];
        for (pixel, column) in line.chunks_exact(3).zip(&columns) {
            let grey = 0.299 * f32::from(pixel[0])
                + 0.587 * f32::from(pixel[1])
                + 0.114 * f32::from(pixel[2]);
            column.iter().for_each(|&(to, share)| across[to] += share * grey);
        }
        for (to, share) in row {
            let sums = &mut sums[to * SIDE..(to + 1) * SIDE];
            sums.iter_mut().zip(&across).for_each(|(sum, grey)| *sum += share * grey);
        }
    }
    sums
}

/// For each of `pixels` pixels the small ones that it lies under, and its weight in each.
fn shares(pixels: usize) -> Vec<Vec<(usize, f32)>> {
    let scale = SIDE as f64 / pixels as f64;
    (0..pixels)
        .map(|pixel| {
            let (from, to) = (pixel as f64 * scale, (pixel + 1) as f64 * scale);
            let touched = from as usize..(to.ceil() as usize).min(SIDE);
            touched
                .map(|small| {
                    let share = to.min((small + 1) as f64) - from.max(small as f64);
                    (small, share.max(0.0) as f32)
                })
                .collect()
        })
        .collect()
}

/// Gaussian; beyond the border stands what stands at it.
fn blurred(image: &[f32], deviation: f32) -> Vec<f32> {
    let reach = (3.0 * deviation).ceil() as isize;
    let weight = |off: isize| (-((off * off) as f32) / (2.0 * deviation * deviation)).exp();
    let sum: f32 = (-reach..=reach).map(weight).sum();
    let pass = |from: &[f32], step: (usize, usize)| -> Vec<f32> {
        // `step.0` between the pixels of a line, `step.1` between lines.
        let mut to = vec![0.0; from.len()];
        for line in 0..SIDE {
            for place in 0..SIDE {
                let value = |off: isize| {
                    let at = place.saturating_add_signed(off).min(SIDE - 1);
                    from[line * step.1 + at * step.0]
                };
                let total: f32 = (-reach..=reach).map(|off| weight(off) * value(off)).sum();
                to[line * step.1 + place * step.0] = total / sum;
            }
        }
        to
    };
    pass(&pass(image, (1, SIDE)), (SIDE, 1))
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::image::frame::Timestamp;

    /// A part with marks at places of its own, moved and lit, with noise.
    fn frame(part: u64, moved: (f32, f32), gain: f32, noise: u64) -> Frame {
        const WIDTH: usize = 150;
        const HEIGHT: usize = 110;
        let mut marks = ChaCha8Rng::seed_from_u64(part);
        let marks: Vec<[f32; 3]> = (0..9)
            .map(|_| {
                let mut value = |least: f32, most: f32| marks.random_range(least..most);
                [value(10.0, 140.0), value(10.0, 100.0), value(-90.0, 90.0)]
            })
            .collect();
        let mut random = ChaCha8Rng::seed_from_u64(noise);
        let mut pixels = Vec::with_capacity(WIDTH * HEIGHT * 3);
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                let spot = |[at_x, at_y, height]: &[f32; 3]| {
                    let (dx, dy) = (x as f32 - at_x - moved.0, y as f32 - at_y - moved.1);
                    height * (-(dx * dx + dy * dy) / 120.0).exp()
                };
                let grey = 110.0 + 0.2 * x as f32 + marks.iter().map(spot).sum::<f32>();
                for _ in 0..3 {
                    let value = gain * grey + random.random_range(-4.0..4.0);
                    pixels.push(value.round().clamp(0.0, 255.0) as u8);
                }
            }
        }
        Frame::new(WIDTH as u32, HEIGHT as u32, pixels, Timestamp::default()).expect("it fits")
    }

    #[test]
    fn frames_of_a_burst_are_one_look() {
        let of = |part, moved, gain, noise| Sketch::of(&frame(part, moved, gain, noise));
        for part in 0..20 {
            let first = of(part, (0.0, 0.0), 1.0, 1);
            for (moved, gain) in [((0.0, 0.0), 1.0), ((2.0, -1.0), 0.98), ((-1.0, 2.0), 1.05)] {
                assert!(first.is_of_same_look(&of(part, moved, gain, 2)), "{part} {moved:?}");
            }
            // Moved by a tenth of the frame it is another look at it.
            assert!(!first.is_of_same_look(&of(part, (15.0, 8.0), 1.0, 3)), "{part}");
            assert!(!first.is_of_same_look(&of(part + 100, (0.0, 0.0), 1.0, 4)), "{part}");
        }
    }

    #[test]
    fn of_images_without_structure_nothing_is_known() {
        let flat = |grey: u8, side: u32| {
            let pixels = vec![grey; (side * side * 3) as usize];
            Sketch::of(&Frame::new(side, side, pixels, Timestamp::default()).expect("it fits"))
        };
        assert!(!flat(0, 1).is_of_same_look(&flat(200, 40)));
        assert!(!flat(120, 64).is_of_same_look(&flat(120, 64)));
        assert!(!flat(120, 64).is_of_same_look(&Sketch::of(&frame(1, (0.0, 0.0), 1.0, 1))));
    }
}
