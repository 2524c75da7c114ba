//! Frames as they look a moment later or in other conditions: turned, moved, darker, blurred. Made apart from what the
//! learner does to a frame, so that a measurement does not classify by the very pixels that were taught.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::image::frame::Frame;
use crate::image::{picture, views};

/// One thing that happens to a frame. Lengths are relative to its sides, so that large and small images suffer alike.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Disturbance {
    /// Every value times this.
    Gain(f32),
    /// `255 (value / 255)^gamma`.
    Gamma(f32),
    /// Distances from the mean value times this.
    Contrast(f32),
    /// Red gains this share, blue loses it.
    Warm(f32),
    /// A Gaussian of that many pixels, were the shorter side 128 pixels long.
    Blur(f32),
    /// Gaussian noise of that standard deviation, in grains of a pixel at a shorter side of up to 160 pixels.
    Noise {
        /// In grey levels.
        deviation: f32,
        /// Which noise.
        seed: u64,
    },
    /// Degrees, about the middle, clockwise.
    Turn(f32),
    /// Above 1 looks nearer.
    Zoom(f32),
    /// Fractions of the width to the right and of the height down.
    Move(f32, f32),
    /// Encoded as a JPEG of that quality, 1 to 100, and decoded.
    Jpeg(u8),
}

impl Disturbance {
    /// The frame after it. What comes in from outside repeats the frame's edge.
    pub fn apply(self, frame: &Frame) -> Frame {
        let (width, height) = (frame.width() as f32, frame.height() as f32);
        let channels = |gains: [f32; 3]| mapped(frame, |value, channel| value * gains[channel]);
        match self {
            Disturbance::Gain(gain) => channels([gain; 3]),
            Disturbance::Warm(share) => channels([1.0 + share, 1.0, 1.0 - share]),
            Disturbance::Gamma(gamma) => {
                mapped(frame, |value, _| 255.0 * (value / 255.0).powf(gamma))
            }
            Disturbance::Contrast(factor) => {
                let sum: u64 = frame.pixels().iter().map(|&value| u64::from(value)).sum();
                let mean = sum as f32 / frame.pixels().len() as f32;
                mapped(frame, |value, _| mean + factor * (value - mean))
            }
            Disturbance::Blur(sigma) => blurred(frame, sigma * width.min(height) / 128.0),
            Disturbance::Noise { deviation, seed } => noisy(frame, deviation, seed),
            Disturbance::Turn(degrees) => {
                let (sin, cos) = degrees.to_radians().sin_cos();
                warped(frame, |x, y| (cos * x + sin * y, cos * y - sin * x))
            }
            Disturbance::Zoom(factor) => warped(frame, |x, y| (x / factor, y / factor)),
            Disturbance::Move(right, down) => {
                warped(frame, |x, y| (x - right * width, y - down * height))
            }
            Disturbance::Jpeg(quality) => {
                let bytes = picture::jpeg_of_quality(frame, quality);
                picture::decode(&bytes, "JPEG", frame.captured())
                    .expect("what was just encoded can be decoded")
            }
        }
    }
}

fn with_pixels(frame: &Frame, pixels: Vec<u8>) -> Frame {
    Frame::new(frame.width(), frame.height(), pixels, frame.captured())
        .expect("as many pixels as before")
        .of_kind(frame.kind())
}

fn level(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// A value depends on what it was and on its channel.
fn mapped(frame: &Frame, of: impl Fn(f32, usize) -> f32) -> Frame {
    let tables: [[u8; 256]; 3] = std::array::from_fn(|channel| {
        std::array::from_fn(|value| level(of(value as f32, channel)))
    });
    let (pixels, _) = frame.pixels().as_chunks::<3>();
    let values = pixels
        .iter()
        .flat_map(|pixel| (0..3).map(|channel| tables[channel][usize::from(pixel[channel])]));
    with_pixels(frame, values.collect())
}

/// * `from`: where a place of the new frame lies in the old one, both in pixels from the middle.
fn warped(frame: &Frame, from: impl Fn(f32, f32) -> (f32, f32)) -> Frame {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    with_pixels(frame, views::mapped(frame.pixels(), width, height, &from))
}

/// * `sigma`: in pixels.
fn blurred(frame: &Frame, sigma: f32) -> Frame {
    let radius = (3.0 * sigma).ceil().max(1.0) as isize;
    let weights: Vec<f32> = (-radius..=radius)
        .map(|place| (-0.5 * (place as f32 / sigma.max(1e-3)).powi(2)).exp())
        .collect();
    let sum: f32 = weights.iter().sum();
    let (width, height) = (frame.width() as isize, frame.height() as isize);
    let pass = |values: &[f32], step_x: isize, step_y: isize| -> Vec<f32> {
        let mut out = vec![0.0; values.len()];
        for y in 0..height {
            for x in 0..width {
                let mut mixed = [0.0; 3];
                for (weight, place) in weights.iter().zip(-radius..) {
                    let x = (x + place * step_x).clamp(0, width - 1);
                    let y = (y + place * step_y).clamp(0, height - 1);
                    let at = ((y * width + x) * 3) as usize;
                    for (sum, value) in mixed.iter_mut().zip(&values[at..at + 3]) {
                        *sum += weight * value;
                    }
                }
                let at = ((y * width + x) * 3) as usize;
                out[at..at + 3].copy_from_slice(&mixed.map(|value| value / sum));
            }
        }
        out
    };
    let values: Vec<f32> = frame.pixels().iter().map(|&value| f32::from(value)).collect();
    let values = pass(&pass(&values, 1, 0), 0, 1);
    with_pixels(frame, values.into_iter().map(level).collect())
}

fn noisy(frame: &Frame, deviation: f32, seed: u64) -> Frame {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let grain = (width.min(height) / 160).max(1);
    let (columns, rows) = (width.div_ceil(grain), height.div_ceil(grain));
    let mut uniform = || (random.next_u32() as f32 + 0.5) / (u32::MAX as f32 + 1.0);
    // Box and Muller 1958, "A Note on the Generation of Random Normal Deviates".
    let noise: Vec<f32> = (0..columns * rows * 3)
        .map(|_| {
            let (radius, angle) = (uniform(), uniform());
            (-2.0 * radius.min(1.0).ln()).max(0.0).sqrt() * (std::f32::consts::TAU * angle).cos()
        })
        .collect();
    let pixels = frame.pixels().iter().enumerate().map(|(place, &value)| {
        let (pixel, channel) = (place / 3, place % 3);
        let (x, y) = (pixel % width / grain, pixel / width / grain);
        level(f32::from(value) + deviation * noise[(y * columns + x) * 3 + channel])
    });
    with_pixels(frame, pixels.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::Timestamp;

    /// A white square, left and above the middle, on grey.
    fn square() -> Frame {
        let pixels = (0..64 * 48)
            .flat_map(|place| {
                let (x, y) = (place % 64, place / 64);
                [if (10..20).contains(&x) && (8..16).contains(&y) { 250 } else { 100 }; 3]
            })
            .collect();
        Frame::new(64, 48, pixels, Timestamp(3)).expect("the sides fit")
    }

    fn pixel(frame: &Frame, x: u32, y: u32) -> [u8; 3] {
        let at = ((y * frame.width() + x) * 3) as usize;
        frame.pixels()[at..at + 3].try_into().expect("three values")
    }

    #[test]
    fn every_disturbance_does_what_it_says() {
        let frame = square();
        let at = |disturbance: Disturbance, x, y| pixel(&disturbance.apply(&frame), x, y);
        assert_eq!(at(Disturbance::Gain(0.5), 0, 0), [50; 3]);
        assert_eq!(at(Disturbance::Gain(2.0), 15, 12), [255; 3]);
        assert_eq!(at(Disturbance::Warm(0.2), 0, 0), [120, 100, 80]);
        assert_eq!(at(Disturbance::Gamma(2.0), 0, 0), [39; 3]);
        // 80 of 3072 pixels are 250: the mean is 103.9.
        assert_eq!(at(Disturbance::Contrast(0.5), 15, 12), [177; 3]);
        assert_eq!(at(Disturbance::Move(0.25, 0.0), 31, 12), [250; 3]);
        assert_eq!(at(Disturbance::Move(0.25, 0.0), 15, 12), [100; 3]);
        // Clockwise: what was above the middle is to its right.
        assert_eq!(at(Disturbance::Turn(90.0), 43, 7), [250; 3]);
        // The square's middle was 17 and 12 pixels from the frame's: twice that.
        assert_eq!(at(Disturbance::Zoom(2.0), 3, 3), [250; 3]);
        let soft = at(Disturbance::Blur(4.0), 10, 12)[0];
        assert!((150..200).contains(&soft), "{soft}");
        assert!((90..110).contains(&at(Disturbance::Jpeg(30), 50, 40)[0]));
    }

    #[test]
    fn noise_has_its_deviation_and_its_seed() {
        let frame = Frame::new(100, 80, vec![128; 24_000], Timestamp(0)).expect("the sides fit");
        let noisy = |seed| Disturbance::Noise { deviation: 10.0, seed }.apply(&frame);
        assert_eq!(noisy(1), noisy(1));
        assert_ne!(noisy(1), noisy(2));
        let values: Vec<f64> = noisy(1).pixels().iter().map(|&v| f64::from(v)).collect();
        let spread = crate::eval::Spread::of(&values).expect("values");
        assert!((spread.mean - 128.0).abs() < 0.5 && (spread.std - 10.0).abs() < 0.3, "{spread:?}");
    }

    #[test]
    fn a_frame_of_one_pixel_survives_everything() {
        let frame = Frame::new(1, 1, vec![9, 8, 7], Timestamp(0)).expect("the sides fit");
        for disturbance in [
            Disturbance::Blur(1.0),
            Disturbance::Noise { deviation: 0.0, seed: 0 },
            Disturbance::Turn(10.0),
            Disturbance::Zoom(1.2),
            Disturbance::Move(0.1, 0.1),
        ] {
            assert_eq!(disturbance.apply(&frame), frame, "{disturbance:?}");
        }
    }
}
