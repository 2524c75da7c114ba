use super::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn vectors(n: usize, dim: usize, seed: u64) -> Array2<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    Array2::from_shape_fn((n, dim), |_| random.random_range(-1.0..1.0))
}

fn gram(z: &Array2<f64>) -> Array2<f64> {
    z.dot(&z.t())
}

impl Factor {
    fn len(&self) -> usize {
        self.n
    }

    /// `M[row, column]`.
    fn at(&self, row: usize, column: usize) -> f64 {
        match row.cmp(&column) {
            std::cmp::Ordering::Less => self.square[row * self.stride + column],
            std::cmp::Ordering::Equal => self.diagonal[row],
            std::cmp::Ordering::Greater => self.square[column * self.stride + row],
        }
    }
}

/// The largest difference between `L L^T` and `M + lambda I`.
fn error(factor: &Factor) -> f64 {
    let n = factor.len();
    let mut worst: f64 = 0.0;
    for row in 0..n {
        for column in 0..=row {
            let (a, b) = (row * factor.stride, column * factor.stride);
            let product = dot(&factor.square[a..a + column + 1], &factor.square[b..b + column + 1]);
            let ridge = if row == column { factor.lambda } else { 0.0 };
            worst = worst.max((product - factor.at(row, column) - ridge).abs());
        }
    }
    worst
}

#[test]
fn a_matrix_that_grows_and_shrinks_stays_factored() {
    for n in [1, 2, 5, 47, 48, 49, 130] {
        let z = vectors(n, 20, n as u64);
        let whole = gram(&z);
        let mut factor = Factor::empty(0.3);
        for i in 0..n {
            factor.append(&whole.column(i).to_vec()[..i], whole[[i, i]]);
        }
        assert!(error(&factor) < 1e-12, "{n} rows: {}", error(&factor));
        let bulk = Factor::of(&whole, 0.3);
        assert!(error(&bulk) < 1e-12, "{n} rows at once: {}", error(&bulk));
        for index in [n - 1, n / 2, 0] {
            if index < factor.len() {
                factor.remove(index);
                assert!(error(&factor) < 1e-11, "{n} rows less {index}: {}", error(&factor));
            }
        }
    }
}

#[test]
fn outer_products_come_and_go() {
    let z = vectors(200, 70, 1);
    let mut factor = Factor::of(&Array2::zeros((70, 70)), 0.1);
    z.outer_iter().for_each(|row| factor.add_outer(&row.to_vec()));
    assert!(error(&factor) < 1e-11, "{}", error(&factor));
    z.outer_iter().take(150).for_each(|row| factor.subtract_outer(&row.to_vec()));
    assert!(error(&factor) < 1e-9, "{}", error(&factor));
    let wanted = part(z.view(), 150..200, 0..70);
    let wanted = wanted.t().dot(&wanted);
    assert!((factor.at(3, 69) - wanted[[3, 69]]).abs() < 1e-10);
}

#[test]
fn solutions_and_inverses_satisfy_their_equations() {
    for n in [1, 48, 101] {
        let matrix = gram(&vectors(n, 30, 7));
        let factor = Factor::of(&matrix, 0.5);
        let with_ridge = &matrix + &(Array2::<f64>::eye(n) * 0.5);
        let right = vectors(n, 3, 8);
        let mut x = right.clone();
        factor.solve(&mut x);
        let residual = (with_ridge.dot(&x) - &right).mapv(f64::abs);
        assert!(residual.iter().all(|&r| r < 1e-10), "{n}: {residual}");
        let residual = with_ridge.dot(&factor.inverse()) - Array2::<f64>::eye(n);
        assert!(residual.iter().all(|&r| r.abs() < 1e-9), "{n}: {residual}");
        // From a row on, as for what stands there.
        let first = n / 2;
        let mut x = Array2::zeros((n - first, 1));
        x[[0, 0]] = 1.0;
        factor.forward(first, &mut x);
        let (got, wanted) = (x.t().dot(&x)[[0, 0]], factor.inverse()[[first, first]]);
        assert!((got - wanted).abs() < 1e-10 * wanted, "{n}: {got} {wanted}");
    }
}
