//! Intervals of a share that was counted.

/// The interval of a share in which the true one lies with that probability: quantiles of Jeffreys' posterior
/// `Beta(n p + 1/2, n (1 - p) + 1/2)` (Brown, Cai and DasGupta 2001, "Interval Estimation for a Binomial Proportion").
///
/// * `share`: `p`, 0 to 1; `count`: `n`, of independent trials; `cover`: 0 to 1.
pub fn jeffreys(share: f64, count: f64, cover: f64) -> (f64, f64) {
    let (a, b) = (count * share + 0.5, count * (1.0 - share) + 0.5);
    let tail = (1.0 - cover) / 2.0;
    let low = if share <= 0.0 { 0.0 } else { beta_quantile(a, b, tail) };
    let high = if share >= 1.0 { 1.0 } else { beta_quantile(a, b, 1.0 - tail) };
    (low, high)
}

/// The value that a Student t variable exceeds with that probability, by halving `P(T > t) = I_x(f/2, 1/2) / 2` with
/// `x = f / (f + t^2)` (Abramowitz and Stegun 26.7.1 and 26.5.27); exact also far out.
///
/// * `tail`: above 0, at most 0.5; `freedom`: `f`, at least 1.
pub fn student(tail: f64, freedom: f64) -> f64 {
    const MOST: f64 = 1e12;
    const HALVINGS: usize = 60;
    let beyond = |t: f64| beta(freedom / (freedom + t * t), freedom / 2.0, 0.5) / 2.0;
    let mut high = 1.0;
    while beyond(high) > tail && high < MOST {
        high *= 2.0;
    }
    let mut low = 0.0;
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        if beyond(middle) > tail { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// `x` with `I_x(a, b) = p`, by halving.
fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    const HALVINGS: usize = 50;
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        if beta(middle, a, b) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

/// The regularised incomplete beta function `I_x(a, b)`, by its continued fraction (Abramowitz and Stegun 26.5.8).
fn beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front =
        (log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(1.0 - x, b, a) / b
    }
}

/// Evaluated from its far end, which converges for `x` below the mean.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TERMS: usize = 200;
    let mut value = 1.0;
    for m in (1..=TERMS).rev() {
        let m = m as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd =
            -(a + m - 1.0) * (a + b + m - 1.0) * x / ((a + 2.0 * m - 2.0) * (a + 2.0 * m - 1.0));
        value = 1.0 + odd / (1.0 + even / value);
    }
    1.0 / value
}

/// By Stirling's series, shifted to where it is exact to 1e-12.
fn log_gamma(x: f64) -> f64 {
    const LARGE: f64 = 10.0;
    let (mut x, mut shift) = (x, 0.0);
    while x < LARGE {
        shift += x.ln();
        x += 1.0;
    }
    let square = x * x;
    let series =
        1.0 / (12.0 * x) - 1.0 / (360.0 * x * square) + 1.0 / (1260.0 * x * square * square);
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn students_quantiles_are_exact_far_out() {
        // Closed forms for 1, 2 and 4 degrees of freedom: cot(pi p), and those of Shaw 2006, "Sampling Student's T".
        let two = |p: f64| (1.0 - 2.0 * p) / (2.0 * p * (1.0 - p)).sqrt();
        let four = |p: f64| {
            let alpha: f64 = 4.0 * p * (1.0 - p);
            let root = 4.0 * ((alpha.sqrt().acos() / 3.0).cos() / alpha.sqrt());
            (root - 4.0).sqrt()
        };
        for p in [0.25, 0.05, 1e-3, 1e-6] {
            let one = 1.0 / (std::f64::consts::PI * p).tan();
            for (freedom, wanted) in [(1.0, one), (2.0, two(p)), (4.0, four(p))] {
                let got = student(p, freedom);
                assert!((got / wanted - 1.0).abs() < 1e-6, "{p} {freedom}: {got} {wanted}");
            }
        }
        // The normal distribution's.
        assert!((student(0.025, 1e7) - 1.959_964).abs() < 1e-4);
    }

    #[test]
    fn the_interval_is_that_of_published_tables() {
        // Brown, Cai and DasGupta 2001 and scipy.stats.beta.ppf: 95 % of 3 of 10, and 90 % of 45 of 50.
        let cases = [
            ((0.3, 10.0, 0.95), (0.0927, 0.6058)),
            ((0.9, 50.0, 0.9), (0.8147, 0.9526)),
            ((0.0, 10.0, 0.9), (0.0, 0.1709)),
            ((1.0, 5.0, 0.9), (0.6943, 1.0)),
        ];
        for ((share, count, cover), (low, high)) in cases {
            let got = jeffreys(share, count, cover);
            assert!((got.0 - low).abs() < 2e-3 && (got.1 - high).abs() < 2e-3, "{share} {got:?}");
        }
    }
}
