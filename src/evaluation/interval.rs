//! How far a share that was counted may be from the true one.

/// In which the true share lies with 90 % probability, by Jeffreys' prior: the 5 % and 95 % quantiles of
/// Beta(right + 1/2, wrong + 1/2), and 0 or 1 where nothing or everything was right (Brown, Cai and DasGupta 2001,
/// "Interval Estimation for a Binomial Proportion"). `None` of nothing.
pub fn share_interval(right: u64, all: u64) -> Option<(f64, f64)> {
    mean_interval(&[(right, all)])
}

/// As [`share_interval`], of the mean of several shares that weigh the same, as a balanced accuracy is: the beta
/// distribution with the mean and the variance of the mean of theirs. Shares of nothing do not count.
///
/// * `shares`: (right, all) of each.
pub fn mean_interval(shares: &[(u64, u64)]) -> Option<(f64, f64)> {
    let counted: Vec<(u64, u64)> = shares.iter().copied().filter(|&(_, all)| all > 0).collect();
    if counted.is_empty() {
        return None;
    }
    let count = counted.len() as f64;
    let (mut mean, mut variance) = (0.0, 0.0);
    for &(right, all) in &counted {
        let (a, sum) = (right as f64 + 0.5, all as f64 + 1.0);
        mean += a / sum / count;
        variance += a * (sum - a) / (sum * sum * (sum + 1.0)) / (count * count);
    }
    let sum = mean * (1.0 - mean) / variance - 1.0;
    let (a, b) = (mean * sum, (1.0 - mean) * sum);
    let none = counted.iter().all(|&(right, _)| right == 0);
    let every = counted.iter().all(|&(right, all)| right == all);
    let low = if none { 0.0 } else { beta_quantile(a, b, 0.05) };
    let high = if every { 1.0 } else { beta_quantile(a, b, 0.95) };
    Some((low, high))
}

/// Where the cumulative distribution of Beta(a, b) reaches `share`.
///
/// * `a`, `b`: above 0.
/// * `share`: 0 to 1.
fn beta_quantile(a: f64, b: f64, share: f64) -> f64 {
    const HALVINGS: usize = 60;
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        if beta_below(a, b, middle) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

/// The regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22).
fn beta_below(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    // The fraction converges fast on this side of the mean; I_x(a, b) = 1 - I_(1-x)(b, a) leads there.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_below(b, a, 1.0 - x);
    }
    const STEPS: usize = 500;
    let front = a * x.ln() + b * (1.0 - x).ln() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    // From the inside out: every step is of the form 1 + d / rest.
    let mut rest = 1.0;
    for m in (1..STEPS).rev() {
        let m = m as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        rest = 1.0 + even / (1.0 + odd / rest);
    }
    let first = -(a + b) * x / (a + 1.0);
    front.exp() / (a * (1.0 + first / rest))
}

/// The logarithm of the gamma function, by Stirling's series (DLMF 5.11.1) above 8 and the recurrence below.
///
/// * `x`: above 0.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut below) = (x, 0.0);
    while x < 8.0 {
        below += x.ln();
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = (1.0 / 12.0
        - square
            * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0))))
        / x;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_another_program() {
        // Simpson's rule over the density with x = sin^2 t, in Python, and halving.
        let cases = [
            (0.5, 10.5, 0.95, 0.170_773_108_2),
            (9.5, 1.5, 0.05, 0.669_437_196_7),
            (9.5, 1.5, 0.95, 0.982_108_011_9),
            (95.5, 5.5, 0.05, 0.904_229_236_5),
            (1.0, 1.0, 0.3, 0.3),
            (2.3, 7.1, 0.5, 0.226_067_433_4),
            (400.5, 20.5, 0.05, 0.932_938_154_1),
        ];
        for (a, b, share, wanted) in cases {
            let got = beta_quantile(a, b, share);
            assert!((got - wanted).abs() < 1e-7, "{a} {b} {share}: {got}");
        }
    }

    #[test]
    fn all_right_may_still_be_less_than_all() {
        let (low, high) = share_interval(10, 10).expect("ten were counted");
        assert!((low - 0.829_226_9).abs() < 1e-6 && high == 1.0, "{low} {high}");
        let (low, high) = share_interval(0, 10).expect("ten were counted");
        assert!(low == 0.0 && (high - 0.170_773_1).abs() < 1e-6, "{low} {high}");
        assert_eq!(share_interval(0, 0), None);
    }

    #[test]
    fn the_mean_of_several_shares_is_surer_than_one() {
        let (low, high) = mean_interval(&[(9, 10), (9, 10), (9, 10), (0, 0)]).expect("counted");
        let (one_low, one_high) = share_interval(9, 10).expect("counted");
        assert!(one_low < low && low < 0.9 && 0.9 < high && high < one_high, "{low} {high}");
        // A class with many images is nearly certain; the mean is as uncertain as half the other.
        let (low, high) = mean_interval(&[(90_000, 100_000), (9, 10)]).expect("counted");
        assert!((high - low) < 0.55 * (one_high - one_low), "{low} {high}");
    }
}
