//! How far a share that was counted may be from the true one.

use crate::learn::decision::jeffreys;

/// Probability with which the true share lies in an interval.
const COVER: f64 = 0.9;

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
    let all = a + b - 1.0;
    let (low, high) = jeffreys((a - 0.5) / all, all, COVER);
    Some((if none { 0.0 } else { low }, if every { 1.0 } else { high }))
}

#[cfg(test)]
mod tests {
    use super::*;

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
