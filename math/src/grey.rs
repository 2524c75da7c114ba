//! Grey levels of a frame, made smaller, how like one another two parts of them are, and a turned part of a frame.

/// Grey levels, made smaller.
#[derive(Debug, Clone, PartialEq)]
pub struct Grey {
    width: usize,
    height: usize,
    levels: Vec<f32>,
    /// Pixels of the frame a pixel.
    pub scale: f32,
}

impl Grey {
    /// Of a frame, made smaller.
    ///
    /// * `pixels`: `[height][width][3]`; `size`: width and height, at least 1 each.
    /// * `scale`: pixels of the frame a pixel, at least 1: each is the mean of what it covers.
    ///
    /// # Panics
    /// Where there are fewer pixels than the size says.
    pub fn of(pixels: &[u8], (across, down): (u32, u32), scale: f32) -> Self {
        let side = |pixels: u32| ((pixels as f32 / scale).round() as usize).max(1);
        let (width, height) = (side(across), side(down));
        let edges = |count: usize, pixels: u32| -> Vec<usize> {
            (0..=count).map(|at| at * pixels as usize / count).collect()
        };
        let (columns, rows) = (edges(width, across), edges(height, down));
        let row = across as usize * 3;
        let mut levels = Vec::with_capacity(width * height);
        let mut sums = vec![0u32; across as usize];
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
        Self { width, height, levels, scale: across as f32 / width as f32 }
    }

    /// Half as large: each pixel is the mean of four.
    #[must_use]
    pub fn halved(&self) -> Self {
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
    pub fn turned(
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
pub fn normalised(levels: &[f32]) -> Option<Vec<f32>> {
    let mean = levels.iter().sum::<f32>() / levels.len().max(1) as f32;
    let mut values: Vec<f32> = levels.iter().map(|level| level - mean).collect();
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length < 1e-3 {
        return None;
    }
    values.iter_mut().for_each(|value| *value /= length);
    Some(values)
}

/// Correlation, -1 to 1, with something at length one and without a mean; 0 for what is flat.
///
/// * `levels`, `wanted`: as many.
pub fn correlation(levels: &[f32], wanted: &[f32]) -> f32 {
    correlation_at(levels, wanted.len(), [0, 0], wanted, wanted.len())
}

/// The same of a part of a window.
///
/// * `window`: `[rows][across]`; `at`: the part's first column and row; `width`: the part's.
///
/// # Panics
/// Where the part reaches outside.
pub fn correlation_at(
    window: &[f32],
    across: usize,
    [left, top]: [usize; 2],
    wanted: &[f32],
    width: usize,
) -> f32 {
    let (mut sum, mut squares, mut product) = (0.0f32, 0.0f32, 0.0f32);
    // Only differences count, and small numbers add up more exactly.
    let least = window[top * across + left];
    let rows = window[top * across..].chunks(across.max(1));
    for (row, wanted) in rows.zip(wanted.chunks_exact(width.max(1))) {
        for (&level, &wanted) in row[left..left + width].iter().zip(wanted) {
            let level = level - least;
            sum += level;
            squares += level * level;
            product += level * wanted;
        }
    }
    let spread = squares - sum * sum / wanted.len() as f32;
    // Less than a tenth of a grey level is none.
    if spread > 0.01 * wanted.len() as f32 { product / spread.sqrt() } else { 0.0 }
}

/// A rectangle of a frame around a centre, turned clockwise: `[height][width][3]`. Between pixels it is what the four around say;
/// beyond the edges, the edge goes on.
///
/// * `pixels`: `[rows][columns][3]`; `columns`, `rows`: at least 1 each; `centre`: x and y; `size`: width and height.
///
/// # Panics
/// Where there are fewer pixels than columns and rows say.
pub fn turned_part(
    pixels: &[u8],
    (columns, rows): (u32, u32),
    (x, y): (f32, f32),
    degrees: f32,
    (width, height): (u32, u32),
) -> Vec<u8> {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (columns, rows) = (columns as usize, rows as usize);
    let half = |side: u32| (side as f32 - 1.0) / 2.0;
    let mut part = Vec::with_capacity(width as usize * height as usize * 3);
    for row in 0..height {
        let down = row as f32 - half(height);
        for column in 0..width {
            let across = column as f32 - half(width);
            let at_x = (x + across * cos - down * sin).clamp(0.0, (columns - 1) as f32);
            let at_y = (y + across * sin + down * cos).clamp(0.0, (rows - 1) as f32);
            let (left, top) = (at_x as usize, at_y as usize);
            let (right, bottom) = ((left + 1).min(columns - 1), (top + 1).min(rows - 1));
            let (part_x, part_y) = (at_x - left as f32, at_y - top as f32);
            let at = |x: usize, y: usize| -> [f32; 3] {
                let from = (y * columns + x) * 3;
                [pixels[from], pixels[from + 1], pixels[from + 2]].map(f32::from)
            };
            let around = [at(left, top), at(right, top), at(left, bottom), at(right, bottom)];
            for colour in 0..3 {
                let [a, b, c, d] = around.map(|pixel| pixel[colour]);
                let (above, below) = (a + part_x * (b - a), c + part_x * (d - c));
                part.push((above + part_y * (below - above)).round() as u8);
            }
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_turned_is_cut_as_it_is() {
        let pixels: Vec<u8> = (0..5 * 4 * 3).map(|at| (at * 37 % 251) as u8).collect();
        let cut = turned_part(&pixels, (5, 4), (2.0, 1.5), 0.0, (3, 2));
        let rows = [1, 2].map(|row| &pixels[(row * 5 + 1) * 3..][..9]);
        assert_eq!(cut, rows.concat());
        // A quarter turn: what was at the right is below.
        let line = [[10; 3], [20; 3], [30; 3]].concat();
        let standing = turned_part(&line, (3, 1), (1.0, 0.0), 90.0, (1, 3));
        assert_eq!(standing[3..6], [20; 3]);
        let square: Vec<u8> = [10, 20, 30, 40].iter().flat_map(|level| [*level; 3]).collect();
        let turned = turned_part(&square, (2, 2), (0.5, 0.5), 90.0, (2, 2));
        assert_eq!(turned.chunks(3).map(|pixel| pixel[0]).collect::<Vec<_>>(), [20, 40, 10, 30]);
    }

    #[test]
    fn light_and_contrast_do_not_change_a_correlation() {
        let levels: Vec<f32> = (0..24).map(|at| (at * 7 % 11) as f32).collect();
        let wanted = normalised(&levels).expect("it is not flat");
        let duller: Vec<f32> = levels.iter().map(|level| 90.0 + 0.4 * level).collect();
        assert!((correlation(&duller, &wanted) - 1.0).abs() < 1e-4);
        let negative: Vec<f32> = levels.iter().map(|level| 90.0 - level).collect();
        assert!((correlation(&negative, &wanted) + 1.0).abs() < 1e-4);
        assert_eq!(correlation(&[7.0; 24], &wanted), 0.0, "flat");
        assert_eq!(normalised(&[7.0; 24]), None);
    }
}
