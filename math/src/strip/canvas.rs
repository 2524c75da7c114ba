//! Pixels in light, before a sensor sees them.

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;

/// Linear RGB `[height, width]`, 1 being full scale.
#[derive(Debug)]
pub(super) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<[f32; 3]>,
}

impl Canvas {
    /// White.
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![[1.0; 3]; width * height] }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    /// `[height, width]`
    pub(super) fn pixels(&self) -> &[[f32; 3]] {
        &self.pixels
    }

    /// Every pixel with its place.
    pub(super) fn each(&mut self, mut change: impl FnMut(f32, f32, &mut [f32; 3])) {
        for (y, row) in self.pixels.chunks_exact_mut(self.width).enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                change(x as f32, y as f32, pixel);
            }
        }
    }

    /// The pixels of a rectangle around `centre` that reaches `reach` to all sides, as far as they lie on the canvas.
    pub(super) fn around(
        &mut self,
        centre: [f32; 2],
        reach: f32,
        mut change: impl FnMut(f32, f32, &mut [f32; 3]),
    ) {
        let span = |middle: f32, side: usize| {
            let from = (middle - reach).floor().clamp(0.0, side as f32) as usize;
            let to = (middle + reach).ceil().clamp(0.0, side as f32) as usize;
            from..to
        };
        let (columns, rows) = (span(centre[0], self.width), span(centre[1], self.height));
        for y in rows {
            for x in columns.clone() {
                change(x as f32, y as f32, &mut self.pixels[y * self.width + x]);
            }
        }
    }

    /// Makes what lies on the lines brighter (`gain` above 0) or darker; where lines meet, only once.
    ///
    /// * `lines`: from, to, half the width there, in pixels.
    /// * `offset`: moves them, in pixels.
    pub(super) fn engrave(&mut self, lines: &[Line], offset: [f32; 2], gain: f32) {
        let mut depth = vec![0.0f32; self.pixels.len()];
        for line in lines {
            let [ax, ay] = [line.from[0] + offset[0], line.from[1] + offset[1]];
            let [dx, dy] = [line.to[0] - line.from[0], line.to[1] - line.from[1]];
            let square = (dx * dx + dy * dy).max(1e-6);
            let middle = [ax + dx / 2.0, ay + dy / 2.0];
            let reach = dx.abs().max(dy.abs()) / 2.0 + 3.0 * line.half_width + 1.0;
            let width = self.width;
            self.around(middle, reach, |x, y, _| {
                let along = (((x - ax) * dx + (y - ay) * dy) / square).clamp(0.0, 1.0);
                let (px, py) = (x - ax - along * dx, y - ay - along * dy);
                let near = (px * px + py * py) / (line.half_width * line.half_width);
                if near < 9.0 {
                    let at = y as usize * width + x as usize;
                    depth[at] = depth[at].max(line.depth * (-near).exp());
                }
            });
        }
        for (pixel, depth) in self.pixels.iter_mut().zip(depth) {
            pixel.iter_mut().for_each(|value| *value *= 1.0 + gain * depth);
        }
    }

    /// A little blur, as of a lens: every pixel gives `share` of its light to each neighbour of its row, then of its
    /// column.
    pub(super) fn blur(&mut self, share: f32) {
        let mix = |before: [f32; 3], own: [f32; 3], after: [f32; 3]| -> [f32; 3] {
            std::array::from_fn(|c| own[c] + share * (before[c] + after[c] - 2.0 * own[c]))
        };
        for row in self.pixels.chunks_exact_mut(self.width) {
            let mut before = row[0];
            for x in 0..row.len() {
                let (own, after) = (row[x], row[(x + 1).min(row.len() - 1)]);
                row[x] = mix(before, own, after);
                before = own;
            }
        }
        let mut above = self.pixels[..self.width].to_vec();
        for y in 0..self.height {
            let below = (y + 1).min(self.height - 1);
            for (x, above) in above.iter_mut().enumerate() {
                let (own, after) =
                    (self.pixels[y * self.width + x], self.pixels[below * self.width + x]);
                self.pixels[y * self.width + x] = mix(*above, own, after);
                *above = own;
            }
        }
    }

    /// What a sensor makes of it: RGB8 with noise, gamma 2.2.
    ///
    /// * `noise`: its standard deviation, in shares of full scale of the finished pixel.
    pub(super) fn expose(&self, noise: f32, random: &mut ChaCha8Rng) -> Vec<u8> {
        // Four uniform bytes sum up to a bell of a standard deviation of 2 * sqrt((256^2 - 1) / 12) = 147.8.
        let scale = noise * 255.0 / 147.8;
        // The power of 230 000 values would take longer than all the drawing.
        const STEPS: usize = 4096;
        let level = |step: usize| (step as f32 / STEPS as f32).powf(1.0 / 2.2) * 255.0;
        let levels: Vec<f32> = (0..=STEPS).map(level).collect();
        let mut pixels = Vec::with_capacity(self.pixels.len() * 3);
        for pixel in &self.pixels {
            for &value in pixel {
                let bytes = random.next_u32().to_le_bytes();
                let bell: i32 = bytes.into_iter().map(i32::from).sum::<i32>() - 510;
                let level = levels[(value.clamp(0.0, 1.0) * STEPS as f32) as usize];
                pixels.push((level + bell as f32 * scale + 0.5).clamp(0.0, 255.0) as u8);
            }
        }
        pixels
    }
}

/// A straight piece of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) from: [f32; 2],
    pub(super) to: [f32; 2],
    pub(super) half_width: f32,
    /// 0 to 1.
    pub(super) depth: f32,
}

/// Smooth noise that is the same wherever it is asked for: a value in -1..=1 at every whole number of the plane, mixed
/// smoothly in between.
pub(super) fn noise(seed: u64, x: f32, y: f32) -> f32 {
    let (column, row) = (floor(x), floor(y));
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (right, down) = (ease(x - column as f32), ease(y - row as f32));
    let at = |i: i64, j: i64| lattice(seed, column + i, row + j);
    let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
    mix(mix(at(0, 0), at(1, 0), right), mix(at(0, 1), at(1, 1), right), down)
}

/// The whole number below. Where the processor has no instruction for it, `f32::floor` is a call, and there are ten a
/// pixel.
pub(super) fn floor(x: f32) -> i64 {
    let towards_zero = x as i64;
    towards_zero - i64::from((towards_zero as f32) > x)
}

/// -1..=1, a value of its own for every place (the finaliser of SplitMix64, Steele et al. 2014).
pub(super) fn lattice(seed: u64, column: i64, row: i64) -> f32 {
    let mut bits = seed
        ^ (column as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (row as u64).wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^= bits >> 31;
    (bits >> 40) as f32 / (1u64 << 23) as f32 - 1.0
}
