//! Many short vectors and how far others lie from them: whitening, a few that stand for all, and the nearest of those.

use ndarray::{Array2, ArrayView2, Axis, linalg::general_mat_mul};

use crate::linalg::dot;

/// Rows that are compared at a time, so that their products stay in the cache.
const ROWS: usize = 64;

/// What makes the values of vectors alike in size and independent of each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Whitening {
    mean: Vec<f32>,
    /// `[dim, dim]`, transposed: the inverse of the lower Cholesky factor of the shrunk covariance.
    transform: Array2<f32>,
}

impl Whitening {
    /// * `rows`: `[count][dim]`, at least one; `shrinkage`: the share of the covariance that is its mean variance in every
    ///   direction, above 0, at most 1.
    pub fn fit(rows: &[f32], dim: usize, shrinkage: f64) -> Self {
        let rows = matrix(rows, dim).mapv(f64::from);
        let count = rows.nrows() as f64;
        let mean = rows.sum_axis(Axis(0)) / count;
        let centred = &rows - &mean;
        let mut covariance = Array2::zeros((dim, dim));
        general_mat_mul(1.0 / count, &centred.t(), &centred, 0.0, &mut covariance);
        let variance = covariance.diag().sum() / dim as f64;
        covariance *= 1.0 - shrinkage;
        // Vectors that are all the same are whitened to zero.
        covariance.diag_mut().map_inplace(|value| *value += shrinkage * variance + 1e-12);
        let transform = inverse_factor(covariance).reversed_axes().mapv(|value| value as f32);
        let transform = transform.as_standard_layout().into_owned();
        Self { mean: mean.iter().map(|&value| value as f32).collect(), transform }
    }

    /// * `rows`: `[count][dim]`; returns as many.
    pub fn apply(&self, rows: &[f32]) -> Vec<f32> {
        let centred: Vec<f32> = rows
            .chunks_exact(self.mean.len())
            .flat_map(|row| row.iter().zip(&self.mean).map(|(value, mean)| value - mean))
            .collect();
        let white = matrix(&centred, self.mean.len()).dot(&self.transform);
        white.into_raw_vec_and_offset().0
    }

    /// What is taken off, `[dim]`, and what the rest is multiplied by, `[dim, dim]`.
    pub fn parts(&self) -> (&[f32], ArrayView2<'_, f32>) {
        (&self.mean, self.transform.view())
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        (self.mean.len() + self.transform.len()) * size_of::<f32>()
    }
}

fn matrix(rows: &[f32], dim: usize) -> ArrayView2<'_, f32> {
    let count = rows.len() / dim.max(1);
    ArrayView2::from_shape((count, dim), &rows[..count * dim]).expect("whole rows")
}

/// The inverse of the lower Cholesky factor of a positive definite matrix.
fn inverse_factor(mut matrix: Array2<f64>) -> Array2<f64> {
    let n = matrix.nrows();
    for row in 0..n {
        for column in 0..=row {
            let before: f64 = (0..column).map(|at| matrix[[row, at]] * matrix[[column, at]]).sum();
            let rest = matrix[[row, column]] - before;
            matrix[[row, column]] = match row == column {
                true => rest.max(1e-300).sqrt(),
                false => rest / matrix[[column, column]],
            };
        }
    }
    let mut inverse = Array2::<f64>::zeros((n, n));
    for column in 0..n {
        inverse[[column, column]] = 1.0 / matrix[[column, column]];
        for row in column + 1..n {
            let sum: f64 = (column..row).map(|at| matrix[[row, at]] * inverse[[at, column]]).sum();
            inverse[[row, column]] = -sum / matrix[[row, row]];
        }
    }
    inverse
}

/// Which of these vectors stand for all: each the one that lies farthest from those before it, the first the farthest from
/// the origin (Gonzalez 1985, "Clustering to minimize the maximum intercluster distance"); of equals the first.
///
/// * `rows`: `[count][dim]`; `most`: how many are chosen at most. None is chosen that lies on one before it.
/// * returns their places, as they were chosen.
pub fn far_apart(rows: &[f32], dim: usize, most: usize) -> Vec<usize> {
    let rows: Vec<&[f32]> = rows.chunks_exact(dim.max(1)).collect();
    let norms: Vec<f32> = rows.iter().map(|row| dot(row, row)).collect();
    let farthest = |distances: &[f32]| {
        let mut best = (0, f32::NEG_INFINITY);
        for (at, &distance) in distances.iter().enumerate() {
            if distance > best.1 {
                best = (at, distance);
            }
        }
        best
    };
    let mut chosen = Vec::with_capacity(most.min(rows.len()));
    let mut distances = vec![f32::INFINITY; rows.len()];
    let mut next = farthest(&norms);
    while chosen.len() < most.min(rows.len()) && next.1 > 0.0
        || chosen.is_empty() && !rows.is_empty()
    {
        let (at, _) = next;
        chosen.push(at);
        for ((distance, row), norm) in distances.iter_mut().zip(&rows).zip(&norms) {
            let squared = (norm + norms[at] - 2.0 * dot(row, rows[at])).max(0.0);
            *distance = distance.min(squared);
        }
        distances[at] = 0.0;
        next = farthest(&distances);
    }
    chosen
}

/// Vectors that others are compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearest {
    dim: usize,
    /// `[count][dim]`
    vectors: Vec<f32>,
    /// Half of each one's squared length.
    halves: Vec<f32>,
    /// Whose each is.
    owners: Vec<u64>,
}

impl Nearest {
    /// * `vectors`: `[count][dim]`; `owners`: `[count]`.
    pub fn new(vectors: Vec<f32>, dim: usize, owners: Vec<u64>) -> Self {
        let halves = vectors.chunks_exact(dim.max(1)).map(|row| dot(row, row) / 2.0).collect();
        Self { dim, vectors, halves, owners }
    }

    /// `[count][dim]`
    pub fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.halves.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.halves.is_empty()
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        (self.vectors.len() + self.halves.len()) * size_of::<f32>()
            + self.owners.len() * size_of::<u64>()
    }

    /// Of each vector the distance to the nearest; infinity where there is none.
    ///
    /// * `rows`: `[count][dim]`; `but`: those of this owner do not count.
    pub fn distances(&self, rows: &[f32], but: Option<u64>) -> Vec<f32> {
        let mut distances = Vec::with_capacity(rows.len() / self.dim.max(1));
        let vectors = matrix(&self.vectors, self.dim);
        // What does not count lies nowhere.
        let halves: Vec<f32> = self
            .halves
            .iter()
            .zip(&self.owners)
            .map(|(half, owner)| if Some(*owner) == but { f32::INFINITY } else { *half })
            .collect();
        for rows in rows.chunks(ROWS * self.dim.max(1)) {
            let products = matrix(rows, self.dim).dot(&vectors.t());
            let each = products.outer_iter().zip(rows.chunks_exact(self.dim));
            distances.extend(each.map(|(products, row)| {
                let products = products.to_slice().unwrap_or_default();
                let half = least(&halves, products);
                (2.0 * half + dot(row, row)).max(0.0).sqrt()
            }));
        }
        distances
    }
}

/// The smallest difference, in lanes.
fn least(halves: &[f32], products: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut smallest = [f32::INFINITY; LANES];
    let (halves, halves_left) = halves.as_chunks::<LANES>();
    let (products, products_left) = products.as_chunks::<LANES>();
    for (halves, products) in halves.iter().zip(products) {
        for lane in 0..LANES {
            smallest[lane] = smallest[lane].min(halves[lane] - products[lane]);
        }
    }
    let left = halves_left.iter().zip(products_left).map(|(half, product)| half - product);
    left.chain(smallest).fold(f32::INFINITY, f32::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Evenly distributed enough, and the same every time.
    fn values(count: usize) -> impl Iterator<Item = f32> {
        let mut state = 1u64;
        (0..count).map(move |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f32 / (1 << 24) as f32
        })
    }

    #[test]
    fn whitened_values_have_variance_one_and_no_covariance() {
        let base: Vec<f32> = values(3000).collect();
        let mixed = |row: &[f32]| [5.0 * row[0], row[0] + row[1], 100.0 + row[2] - 2.0 * row[1]];
        let rows: Vec<f32> = base.chunks_exact(3).flat_map(mixed).collect();
        let white = Whitening::fit(&rows, 3, 1e-9).apply(&rows);
        for (a, b) in [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)] {
            let sum: f32 = white.chunks_exact(3).map(|row| row[a] * row[b]).sum();
            let wanted = f32::from(u8::from(a == b));
            assert!((sum / 1000.0 - wanted).abs() < 1e-3, "{a} {b}: {}", sum / 1000.0);
        }
        // All the same is no reason for values that are no numbers.
        let same = Whitening::fit(&[2.0, 3.0, 2.0, 3.0], 2, 0.1).apply(&[2.0, 3.0]);
        assert_eq!(same, [0.0, 0.0]);
    }

    #[test]
    fn those_chosen_are_each_the_farthest_from_those_before() {
        let rows = [0.0, 0.0, 1.0, 0.0, 10.0, 0.0, 0.0, 9.0, 10.0, 0.0];
        assert_eq!(far_apart(&rows, 2, 3), [2, 3, 0]);
        assert_eq!(far_apart(&rows, 2, 9), [2, 3, 0, 1], "one that is there already adds nothing");
        assert_eq!(far_apart(&[0.0; 6], 2, 9), [0]);
        assert!(far_apart(&[], 2, 9).is_empty());
    }

    #[test]
    fn distances_are_those_to_the_nearest_that_counts() {
        let (dim, vectors): (usize, Vec<f32>) = (5, values(5 * 150).collect());
        let owners: Vec<u64> = (0..150).map(|at| at % 4).collect();
        let nearest = Nearest::new(vectors.clone(), dim, owners.clone());
        let rows: Vec<f32> = values(5 * 350).skip(5 * 150).collect();
        for but in [None, Some(2), Some(7)] {
            let got = nearest.distances(&rows, but);
            assert_eq!(got.len(), 200);
            for (row, got) in rows.chunks_exact(dim).zip(got) {
                let counting = vectors.chunks_exact(dim).zip(&owners);
                let wanted = counting
                    .filter(|(_, owner)| Some(**owner) != but)
                    .map(|(one, _)| one.iter().zip(row).map(|(a, b)| (a - b).powi(2)).sum::<f32>())
                    .fold(f32::INFINITY, f32::min);
                assert!((wanted.sqrt() - got).abs() < 1e-3, "{wanted} {got}");
            }
        }
        let none = Nearest::new(Vec::new(), dim, Vec::new());
        assert_eq!(none.distances(&rows[..5], None), [f32::INFINITY]);
    }
}
