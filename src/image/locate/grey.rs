//! Grey levels of a frame, made smaller, and how like one another two parts of them are.

use crate::image::frame::Frame;

/// Grey levels, made smaller.
pub(super) struct Grey {
    width: usize,
    height: usize,
    levels: Vec<f32>,
    /// Pixels of the frame a pixel.
    pub(super) scale: f32,
}

impl Grey {
    /// * `scale`: pixels of the frame a pixel, at least 1: each is the mean of what it covers.
    pub(super) fn of(frame: &Frame, scale: f32) -> Self {
        let side = |pixels: u32| ((pixels as f32 / scale).round() as usize).max(1);
        let (width, height) = (side(frame.width()), side(frame.height()));
        let edges = |count: usize, pixels: u32| -> Vec<usize> {
            (0..=count).map(|at| at * pixels as usize / count).collect()
        };
        let (columns, rows) = (edges(width, frame.width()), edges(height, frame.height()));
        let (pixels, row) = (frame.pixels(), frame.width() as usize * 3);
        let mut levels = Vec::with_capacity(width * height);
        let mut sums = vec![0u32; frame.width() as usize];
        for rows in rows.windows(2) {
            sums.fill(0);
            for line in pixels[rows[0] * row..rows[1] * row].chunks_exact(row) {
                for (sum, pixel) in sums.iter_mut().zip(line.chunks_exact(3)) {
                    // Rec. 601 in 256ths.
                    *sum += 77 * u32::from(pixel[0])
                        + 150 * u32::from(pixel[1])
                        + 29 * u32::from(pixel[2]);
                }
            }
            for columns in columns.windows(2) {
                let sum: u64 = sums[columns[0]..columns[1]].iter().map(|sum| u64::from(*sum)).sum();
                let covered = (columns[1] - columns[0]) * (rows[1] - rows[0]);
                levels.push(sum as f32 / (256 * covered) as f32);
            }
        }
        Self { width, height, levels, scale: frame.width() as f32 / width as f32 }
    }

    /// Half as large: each pixel is the mean of four.
    pub(super) fn halved(&self) -> Self {
        let (width, height) = ((self.width / 2).max(1), (self.height / 2).max(1));
        let level = |x: usize, y: usize| {
            self.levels[y.min(self.height - 1) * self.width + x.min(self.width - 1)]
        };
        let mut levels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let (x, y) = (2 * x, 2 * y);
                levels.push(
                    (level(x, y) + level(x + 1, y) + level(x, y + 1) + level(x + 1, y + 1)) / 4.0,
                );
            }
        }
        Self { width, height, levels, scale: 2.0 * self.scale }
    }

    /// Between its pixels, by the four around; beyond its edges, the edge.
    fn at(&self, x: f32, y: f32) -> f32 {
        let (x, y) =
            (x.clamp(0.0, (self.width - 1) as f32), y.clamp(0.0, (self.height - 1) as f32));
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(self.width - 1), (top + 1).min(self.height - 1));
        let (across, down) = (x - left as f32, y - top as f32);
        let level = |x: usize, y: usize| self.levels[y * self.width + x];
        let above = level(left, top) + across * (level(right, top) - level(left, top));
        let below = level(left, bottom) + across * (level(right, bottom) - level(left, bottom));
        above + down * (below - above)
    }

    /// `[height][width]`, a rectangle around a centre, turned clockwise.
    pub(super) fn turned(
        &self,
        (x, y): (f32, f32),
        degrees: f32,
        (width, height): (usize, usize),
    ) -> Vec<f32> {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let half = |side: usize| (side as f32 - 1.0) / 2.0;
        let mut levels = Vec::with_capacity(width * height);
        for row in 0..height {
            let down = row as f32 - half(height);
            for column in 0..width {
                let across = column as f32 - half(width);
                levels.push(self.at(x + across * cos - down * sin, y + across * sin + down * cos));
            }
        }
        levels
    }
}

/// Less its mean, at length one; `None` where it is flat.
pub(super) fn normalised(
    levels: impl Iterator<Item = f32> + Clone,
    count: usize,
) -> Option<Vec<f32>> {
    let mean = levels.clone().sum::<f32>() / count as f32;
    let mut values: Vec<f32> = levels.map(|level| level - mean).collect();
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length < 1e-3 {
        return None;
    }
    values.iter_mut().for_each(|value| *value /= length);
    Some(values)
}

/// Correlation, -1 to 1, with something at length one and without a mean.
pub(super) fn correlation(levels: &[f32], wanted: &[f32]) -> f32 {
    of_rows(std::iter::once(levels), wanted, wanted.len())
}

pub(super) fn of_rows<'a>(
    rows: impl Iterator<Item = &'a [f32]>,
    wanted: &[f32],
    width: usize,
) -> f32 {
    let (mut sum, mut squares, mut product) = (0.0f32, 0.0f32, 0.0f32);
    for (row, wanted) in rows.zip(wanted.chunks_exact(width)) {
        for (&level, &wanted) in row.iter().zip(wanted) {
            sum += level;
            squares += level * level;
            product += level * wanted;
        }
    }
    let spread = squares - sum * sum / wanted.len() as f32;
    // Less than a tenth of a grey level is none.
    if spread > 0.01 * wanted.len() as f32 { product / spread.sqrt() } else { 0.0 }
}
