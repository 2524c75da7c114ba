//! What becomes of a map before it is compared, as matrices: for programs that have nothing else.

use super::{MAX_CHANNELS, usable};
use crate::backbone::TapMap;

/// `places x map x channels`, what is compared of a map at a tap.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::learn) struct LinearLevel {
    /// The tap, as of [`TapMap`].
    pub(in crate::learn) tap: usize,
    /// Height and width in places.
    pub(in crate::learn) size: [usize; 2],
    /// `[places][places of the map]`; `None` where they are as in the map.
    pub(in crate::learn) places: Option<Vec<f32>>,
    /// `[channels of the map][channels]`
    pub(in crate::learn) channels: Vec<f32>,
}

impl LinearLevel {
    /// Of every level, and the contrasts of the coarsest, in the order of [`super::Patches::compared`].
    ///
    /// * `maps`: of any frame.
    pub(in crate::learn) fn all(maps: &[TapMap]) -> Vec<Self> {
        let (usable, square) = usable(maps);
        let mut levels: Vec<Self> = usable.iter().map(|map| Self::of(map, square)).collect();
        levels.extend(levels.last().map(Self::contrasts));
        levels
    }

    fn of(map: &TapMap, square: usize) -> Self {
        let ([height, width], count) = (map.size, map.channels());
        let size = [height.div_ceil(square), width.div_ceil(square)];
        let together = count.div_ceil(MAX_CHANNELS).max(1);
        let channels = averages(count.div_ceil(together), count, |at| at / together);
        let places = averages(size[0] * size[1], height * width, |at| {
            at / width / square * size[1] + at % width / square
        });
        // The other way round: what goes in comes last.
        let channels = turned(&channels, count);
        Self { tap: map.tap, size, places: (square > 1).then_some(places), channels }
    }

    fn contrasts(&self) -> Self {
        let [height, width] = self.size;
        let count = height * width;
        let mut less = vec![0.0; count * count];
        for place in 0..count {
            let (y, x) = (place / width, place % width);
            let beside =
                |at: usize, side: usize| [at.saturating_sub(1), at, (at + 1).min(side - 1)];
            less[place * count + place] += 1.0;
            for row in beside(y, height) {
                for column in beside(x, width) {
                    less[place * count + row * width + column] -= 1.0 / 9.0;
                }
            }
        }
        let places = match &self.places {
            Some(places) => product(&less, places, count),
            None => less,
        };
        Self { places: Some(places), ..self.clone() }
    }
}

/// `[outputs][inputs]`: each output the mean of its inputs.
///
/// * `of`: the output that an input belongs to.
fn averages(outputs: usize, inputs: usize, of: impl Fn(usize) -> usize) -> Vec<f32> {
    let mut counts = vec![0.0; outputs];
    (0..inputs).for_each(|at| counts[of(at)] += 1.0);
    let mut matrix = vec![0.0; outputs * inputs];
    (0..inputs).for_each(|at| matrix[of(at) * inputs + at] = 1.0 / counts[of(at)]);
    matrix
}

/// * `columns`: of the matrix.
fn turned(matrix: &[f32], columns: usize) -> Vec<f32> {
    let column = |at: usize| matrix[at..].iter().step_by(columns).copied();
    (0..columns).flat_map(column).collect()
}

/// * `inner`: columns of `a`, rows of `b`.
pub(in crate::learn) fn product(a: &[f32], b: &[f32], inner: usize) -> Vec<f32> {
    let columns = b.len() / inner.max(1);
    let mut product = vec![0.0; a.len() / inner.max(1) * columns];
    for (row, to) in a.chunks_exact(inner).zip(product.chunks_exact_mut(columns)) {
        for (factor, b) in row.iter().zip(b.chunks_exact(columns)) {
            to.iter_mut().zip(b).for_each(|(to, b)| *to += factor * b);
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::super::Patches;
    use super::*;

    #[test]
    fn matrices_give_what_is_compared() {
        let map = |tap: usize, size: [usize; 2], channels: usize| {
            let count = size[0] * size[1] * channels;
            let values = (0..count).map(|at| (at * 7919 % 101) as f32 / 50.0).collect();
            TapMap { tap, size, values }
        };
        for maps in [
            vec![map(0, [16, 16], 20), map(1, [8, 8], 48)],
            vec![map(0, [33, 20], 5), map(1, [10, 9], 130), map(2, [5, 5], 3)],
        ] {
            let compared = Patches::of_maps(&maps).expect("usable").compared();
            let levels = LinearLevel::all(&maps);
            assert_eq!(levels.len(), compared.len());
            for (level, wanted) in levels.iter().zip(&compared) {
                let map = maps.iter().find(|map| map.tap == level.tap).expect("one of them");
                let rows = turned(&map.values, map.places());
                let rows = match &level.places {
                    Some(places) => product(places, &rows, map.places()),
                    None => rows,
                };
                let got = product(&rows, &level.channels, map.channels());
                assert_eq!((level.size, got.len()), (wanted.size, wanted.values.len()));
                for (got, wanted) in got.iter().zip(wanted.widened()) {
                    assert!((got - wanted).abs() < 3e-3, "{got} instead of {wanted}");
                }
            }
        }
    }
}
