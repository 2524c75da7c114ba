//! Views of an image as other light, another camera or a part that lies a little turned would show it. An example is
//! learned with them, so that what was taught once is known in conditions that were not.
//!
//! | view | what it is |
//! | --- | --- |
//! | darker | every value times 0.65 |
//! | noise | Gaussian, a standard deviation of 10 of 255 |
//! | blur | Gaussian, a standard deviation of 0.8 pixels |
//! | turned | by 6 degrees about the middle, one way or the other |
//!
//! They are made at the size of the network's input, and depend on nothing but the pixels.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A way of seeing an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// In less light.
    Darker,
    /// By a noisier camera.
    Noise,
    /// Out of focus.
    Blur,
    /// Turned a little.
    Turned,
}

impl View {
    /// Those that an example is learned with.
    pub const USUAL: [View; 4] = [View::Darker, View::Noise, View::Blur, View::Turned];
}

/// What an image looks like so.
///
/// * `pixels`: `[height, width, 3]`, 0 to 255.
/// * returns the same shape.
pub fn view(view: View, pixels: &[u8], width: usize, height: usize) -> Vec<u8> {
    debug_assert_eq!(pixels.len(), width * height * 3);
    match view {
        View::Darker => pixels.iter().map(|&value| rounded(f32::from(value) * 0.65)).collect(),
        View::Noise => noisy(pixels),
        View::Blur => blurred(pixels, width, height),
        View::Turned => {
            let angle: f32 = if seed(pixels).is_multiple_of(2) { 6.0 } else { -6.0 };
            turned(pixels, width, height, angle.to_radians())
        }
    }
}

fn rounded(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// FNV-1a of the pixels: the same image has the same views.
fn seed(pixels: &[u8]) -> u64 {
    pixels.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &value| {
        (hash ^ u64::from(value)).wrapping_mul(0x100_0000_01b3)
    })
}

fn noisy(pixels: &[u8]) -> Vec<u8> {
    const DEVIATION: f32 = 10.0;
    let mut random = ChaCha8Rng::seed_from_u64(seed(pixels));
    // The sum of four uniform values is close to a normal one; its variance is a third.
    let mut normal = || {
        let bytes: [u8; 4] = random.random::<u32>().to_le_bytes();
        let sum: i32 = bytes.iter().map(|&byte| i32::from(byte)).sum();
        (sum - 510) as f32 / 127.5 * 0.75f32.sqrt()
    };
    pixels.iter().map(|&value| rounded(f32::from(value) + DEVIATION * normal())).collect()
}

/// Rows, then columns; beyond the border stands what stands at it.
fn blurred(pixels: &[u8], width: usize, height: usize) -> Vec<u8> {
    const DEVIATION: f32 = 0.8;
    const REACH: usize = 2;
    let weight = |off: usize| (-((off * off) as f32) / (2.0 * DEVIATION * DEVIATION)).exp();
    let sum = weight(0) + 2.0 * (1..=REACH).map(weight).sum::<f32>();
    let weights: Vec<f32> = (0..=REACH).map(|off| weight(off) / sum).collect();
    let at = |row: usize, column: usize, channel: usize| (row * width + column) * 3 + channel;
    let mut across = vec![0.0; pixels.len()];
    for row in 0..height {
        for column in 0..width {
            for channel in 0..3 {
                let value = |column: usize| f32::from(pixels[at(row, column, channel)]);
                let mut sum = weights[0] * value(column);
                for (off, weight) in weights.iter().enumerate().skip(1) {
                    let (left, right) = (column.saturating_sub(off), (column + off).min(width - 1));
                    sum += weight * (value(left) + value(right));
                }
                across[at(row, column, channel)] = sum;
            }
        }
    }
    let mut out = vec![0; pixels.len()];
    for row in 0..height {
        for column in 0..width {
            for channel in 0..3 {
                let value = |row: usize| across[at(row, column, channel)];
                let mut sum = weights[0] * value(row);
                for (off, weight) in weights.iter().enumerate().skip(1) {
                    sum += weight
                        * (value(row.saturating_sub(off)) + value((row + off).min(height - 1)));
                }
                out[at(row, column, channel)] = rounded(sum);
            }
        }
    }
    out
}

/// By an angle in radians about the middle, bilinear; beyond the border stands what stands at it.
fn turned(pixels: &[u8], width: usize, height: usize, angle: f32) -> Vec<u8> {
    let (sin, cos) = angle.sin_cos();
    let (middle_x, middle_y) = ((width - 1) as f32 / 2.0, (height - 1) as f32 / 2.0);
    let mut out = Vec::with_capacity(pixels.len());
    for row in 0..height {
        for column in 0..width {
            let (dx, dy) = (column as f32 - middle_x, row as f32 - middle_y);
            let x = (cos * dx - sin * dy + middle_x).clamp(0.0, (width - 1) as f32);
            let y = (sin * dx + cos * dy + middle_y).clamp(0.0, (height - 1) as f32);
            let (left, top) = (x as usize, y as usize);
            let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
            let (fx, fy) = (x - left as f32, y - top as f32);
            for channel in 0..3 {
                let value = |row: usize, column: usize| {
                    f32::from(pixels[(row * width + column) * 3 + channel])
                };
                let above = value(top, left) * (1.0 - fx) + value(top, right) * fx;
                let below = value(bottom, left) * (1.0 - fx) + value(bottom, right) * fx;
                out.push(rounded(above * (1.0 - fy) + below * fy));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Grey but for a bright dot.
    fn image() -> Vec<u8> {
        let mut pixels = vec![100; 21 * 15 * 3];
        (0..3).for_each(|channel| pixels[(7 * 21 + 18) * 3 + channel] = 250);
        pixels
    }

    fn mean(pixels: &[u8]) -> f64 {
        pixels.iter().map(|&value| f64::from(value)).sum::<f64>() / pixels.len() as f64
    }

    #[test]
    fn every_view_is_what_it_says() {
        let image = image();
        let of = |which| view(which, &image, 21, 15);
        assert!(of(View::Darker)[..3] == [65; 3]);
        let noise: Vec<u8> = view(View::Noise, &[100; 64 * 64 * 3], 64, 64);
        let deviation = noise.iter().map(|&v| (f64::from(v) - 100.0).powi(2)).sum::<f64>();
        let deviation = (deviation / noise.len() as f64).sqrt();
        assert!(
            (deviation - 10.0).abs() < 0.3 && (mean(&noise) - 100.0).abs() < 0.3,
            "{deviation}"
        );
        // The kernel's middle is 0.499 of a row, so 0.249 of the dot stays.
        let blur = of(View::Blur);
        assert_eq!(blur[(7 * 21 + 18) * 3], 137);
        assert!((mean(&blur) - mean(&image)).abs() < 0.2);
        // 8 pixels from the middle 6 degrees are 0.84 pixels up or down.
        let turned = of(View::Turned);
        let row = |row: usize| turned[(row * 21 + 18) * 3];
        assert!(row(7) < 140 && (row(6) > 180 || row(8) > 180), "{} {} {}", row(6), row(7), row(8));
    }

    #[test]
    fn the_same_image_has_the_same_views() {
        for which in View::USUAL {
            assert_eq!(view(which, &image(), 21, 15), view(which, &image(), 21, 15));
        }
    }
}
