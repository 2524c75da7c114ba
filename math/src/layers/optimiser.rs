//! Adam (Kingma and Ba, 2015), with a rate for each part of the weights.

use std::ops::Range;

/// How fast a part of the weights is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    /// Which weights.
    pub range: Range<usize>,
    /// Step size.
    pub rate: f32,
}

/// Running means of the slopes and of their squares.
#[derive(Debug, Clone)]
pub struct Adam {
    steps: i32,
    means: Vec<f32>,
    squares: Vec<f32>,
}

impl Adam {
    const MEAN: f32 = 0.9;
    const SQUARE: f32 = 0.999;
    const SMALL: f32 = 1e-8;

    /// * `len`: of the weights.
    pub fn new(len: usize) -> Self {
        Self { steps: 0, means: vec![0.0; len], squares: vec![0.0; len] }
    }

    /// One step down the slopes; weights outside all ranges stay.
    ///
    /// * `share`: all rates are multiplied with it.
    pub fn step(&mut self, weights: &mut [f32], slopes: &[f32], rates: &[Rate], share: f32) {
        self.steps += 1;
        let unbiased = |decay: f32| 1.0 / (1.0 - decay.powi(self.steps));
        let (mean_share, square_share) = (unbiased(Self::MEAN), unbiased(Self::SQUARE));
        for Rate { range, rate } in rates {
            let rate = rate * share;
            let weights = weights[range.clone()].iter_mut().zip(&slopes[range.clone()]);
            let moments =
                self.means[range.clone()].iter_mut().zip(&mut self.squares[range.clone()]);
            for ((weight, slope), (mean, square)) in weights.zip(moments) {
                *mean += (1.0 - Self::MEAN) * (slope - *mean);
                *square += (1.0 - Self::SQUARE) * (slope * slope - *square);
                let size = (*square * square_share).sqrt() + Self::SMALL;
                *weight -= rate * *mean * mean_share / size;
            }
        }
    }
}

/// Adds to the slopes what pulls the weights back to where they began: `strength (weight - start)`.
pub fn pull(weights: &[f32], start: &[f32], strength: f32, slopes: &mut [f32]) {
    for ((slope, weight), start) in slopes.iter_mut().zip(weights).zip(start) {
        *slope += strength * (weight - start);
    }
}
