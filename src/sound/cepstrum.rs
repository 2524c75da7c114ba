//! Statistics of a sound's cepstrum, from the pixels of its picture.

use crate::image::frame::Frame;

/// Coefficients of each column.
const COEFFICIENTS: usize = 20;

/// Values of [`statistics`]: of each coefficient its mean, its deviation, and its mean absolute change.
pub const STATISTICS: usize = 3 * COEFFICIENTS;

/// What a window holds over all its length: of each column of the picture the first 20 coefficients of the cosine transform
/// over its rows from the bottom up (mel-frequency cepstral coefficients: Davis and Mermelstein 1980), each times the square
/// root of its number from 1 on, so that the lowest, which follow the loudness, do not drown the rest; then their mean over
/// the columns, their standard deviation, and the mean of their absolute change from one column to the next.
///
/// * `frame`: of any size; grey, as [`crate::sound`] draws it.
/// * returns `[STATISTICS]`, finite; zeros for a black picture.
pub fn statistics(frame: &Frame) -> Vec<f32> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let count = COEFFICIENTS.min(height);
    // Type II, orthonormal: `[coefficient][row]`, with the weights.
    let table: Vec<f32> = (0..count)
        .flat_map(|at| {
            let norm = if at == 0 { 1.0 } else { 2.0 } / height as f64;
            let scale = (norm * (1 + at) as f64).sqrt() / 255.0;
            (0..height).map(move |row| {
                let angle = std::f64::consts::PI * at as f64 * (row as f64 + 0.5) / height as f64;
                (scale * angle.cos()) as f32
            })
        })
        .collect();
    let pixels = frame.pixels();
    let mut column = vec![0.0f32; height];
    let mut before = vec![0.0f32; count];
    let (mut sums, mut squares) = (vec![0.0f64; count], vec![0.0f64; count]);
    let mut changes = vec![0.0f64; count];
    for x in 0..width {
        for (up, value) in column.iter_mut().enumerate() {
            *value = f32::from(pixels[((height - 1 - up) * width + x) * 3]);
        }
        for (at, basis) in table.chunks_exact(height).enumerate() {
            let value: f32 = basis.iter().zip(&column).map(|(basis, value)| basis * value).sum();
            sums[at] += f64::from(value);
            squares[at] += f64::from(value).powi(2);
            if x > 0 {
                changes[at] += f64::from((value - before[at]).abs());
            }
            before[at] = value;
        }
    }
    let columns = width as f64;
    let mut found = vec![0.0; STATISTICS];
    for at in 0..count {
        let mean = sums[at] / columns;
        found[at] = mean as f32;
        found[COEFFICIENTS + at] = (squares[at] / columns - mean * mean).max(0.0).sqrt() as f32;
        found[2 * COEFFICIENTS + at] = (changes[at] / (columns - 1.0).max(1.0)) as f32;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::Timestamp;

    fn grey(width: usize, height: usize, level: impl Fn(usize, usize) -> u8) -> Frame {
        let places = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
        let pixels = places.flat_map(|(row, column)| [level(row, column); 3]).collect();
        Frame::new(width as u32, height as u32, pixels, Timestamp(0)).expect("the sides fit")
    }

    #[test]
    fn a_flat_picture_has_only_a_mean_level() {
        let found = statistics(&grey(5, 8, |_, _| 51));
        // 0.2 in every row is 0.2 times the root of 8 along the first basis.
        assert!((found[0] - 0.2 * 8.0f32.sqrt()).abs() < 1e-5, "{found:?}");
        assert!(found[1..].iter().all(|value| value.abs() < 1e-5), "{found:?}");
        assert_eq!(statistics(&grey(1, 1, |_, _| 0)), [0.0; STATISTICS]);
    }

    #[test]
    fn what_changes_from_column_to_column_is_measured() {
        let found = statistics(&grey(4, 8, |_, column| if column % 2 == 0 { 0 } else { 255 }));
        let root = 8.0f32.sqrt();
        assert!((found[0] - root / 2.0).abs() < 1e-5);
        assert!((found[COEFFICIENTS] - root / 2.0).abs() < 1e-5);
        assert!((found[2 * COEFFICIENTS] - root).abs() < 1e-5);
    }

    #[test]
    fn a_shape_over_the_bands_is_one_coefficient() {
        // The third basis of 64 rows, about a level of one half.
        let shape = |row: usize| {
            let angle = std::f64::consts::PI * 2.0 * ((63 - row) as f64 + 0.5) / 64.0;
            (127.5 + 100.0 * angle.cos()).round() as u8
        };
        let found = statistics(&grey(3, 64, |row, _| shape(row)));
        let wanted = 100.0 / 255.0 * (64.0f32 / 2.0).sqrt() * 3.0f32.sqrt();
        assert!((found[2] - wanted).abs() < 0.01, "{} {wanted}", found[2]);
        for at in (1..COEFFICIENTS).filter(|at| *at != 2) {
            assert!(found[at].abs() < 0.02, "{at}: {}", found[at]);
        }
    }
}
