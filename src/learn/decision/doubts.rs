//! Whether an example that all others contradict has the wrong label, or is hard.
//!
//! How often a head is wrong where it is sure cannot be known beforehand: with few looks a class its margins promise
//! more than they keep, and a set of classes that overlap has examples that are contradicted loudly though their labels
//! are right. So the looks themselves say what a margin is worth. Each look has the margin `m` by which its class
//! leads, in nats, negative where another leads. With trust `t` in margins, and a share `E` of wrong labels, a look
//! like it is seen with the probability
//!
//! `(1 - E) s(t m) + E s(-t m)`, `s` being the logistic function
//!
//! Every trust of a list, from margins as they are to margins that say nearly nothing, counts by how well it explains
//! all looks (Bayes; all alike beforehand). An example has probably the wrong label where that is [`LIKELIER`] times as
//! likely as that it is hard. Where few looks agree only mildly, no margin is enough.

use super::Doubt;

/// Share of labels that are wrong, as far as nothing else is known.
const WRONG_SHARE: f64 = 0.1;

/// How many times as likely as a hard example.
const LIKELIER: f64 = 3.0;

/// Trusts in margins: 1 and downwards, each so many times as much as the next.
const TRUSTS: usize = 9;
const STEP: f64 = std::f64::consts::SQRT_2;

/// By how much the class of a left-out look leads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Margin {
    /// Negative where another class leads.
    pub(super) nats: f64,
    /// Its share of its look.
    pub(super) weight: f64,
}

/// What margins are worth, by the looks themselves.
#[derive(Debug)]
pub(super) struct Doubts {
    /// Trusts and their probabilities.
    trusts: Vec<(f64, f64)>,
}

/// The probabilities that a look has that margin with the right and with the wrong label.
fn parts(trust: f64, nats: f64) -> (f64, f64) {
    let right = 1.0 / (1.0 + (-trust * nats).exp());
    ((1.0 - WRONG_SHARE) * right, WRONG_SHARE * (1.0 - right))
}

impl Doubts {
    /// * `margins`: of all looks that were classified.
    pub(super) fn of(margins: &[Margin]) -> Self {
        let trusts: Vec<f64> = (0..TRUSTS).map(|place| STEP.powi(-(place as i32))).collect();
        let explains = |&trust: &f64| {
            let log = |margin: &Margin| {
                let (right, wrong) = parts(trust, margin.nats);
                margin.weight * (right + wrong).ln()
            };
            margins.iter().map(log).sum::<f64>()
        };
        let logs: Vec<f64> = trusts.iter().map(explains).collect();
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let likely: Vec<f64> = logs.iter().map(|log| (log - top).exp()).collect();
        let sum: f64 = likely.iter().sum();
        let likely = likely.into_iter().map(|likely| likely / sum);
        Self { trusts: trusts.into_iter().zip(likely).collect() }
    }

    /// * `nats`: of an example that is contradicted.
    pub(super) fn reason(&self, nats: f64) -> Doubt {
        let wrong = |&(trust, likely): &(f64, f64)| {
            let (right, wrong) = parts(trust, nats);
            likely * wrong / (right + wrong)
        };
        let wrong: f64 = self.trusts.iter().map(wrong).sum();
        match wrong >= LIKELIER * (1.0 - wrong) {
            true => Doubt::WrongLabel,
            false => Doubt::Hard,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubts(margins: &[(f64, usize)]) -> Doubts {
        let looks = |&(nats, looks): &(f64, usize)| vec![Margin { nats, weight: 1.0 }; looks];
        Doubts::of(&margins.iter().flat_map(looks).collect::<Vec<_>>())
    }

    #[test]
    fn classes_that_overlap_have_hard_examples_and_no_wrong_labels() {
        // Of 15 looks three are contradicted at 55 to 1, the others lead by little.
        let few = doubts(&[(1.2, 12), (-4.1, 3)]);
        assert_eq!(few.reason(-4.1), Doubt::Hard);
        assert_eq!(doubts(&[(2.0, 2), (1.0, 1), (-0.5, 1), (-9.0, 1)]).reason(-9.0), Doubt::Hard);
        let many = doubts(&[(6.0, 60), (2.0, 20), (-2.0, 10), (-6.0, 30)]);
        assert_eq!(many.reason(-6.0), Doubt::Hard);
    }

    #[test]
    fn one_against_many_that_agree_has_the_wrong_label() {
        let margins = doubts(&[(6.0, 54), (-6.0, 6)]);
        assert_eq!(margins.reason(-6.0), Doubt::WrongLabel);
        assert_eq!(margins.reason(-0.5), Doubt::Hard);
        assert_eq!(doubts(&[(8.0, 14), (-8.0, 1)]).reason(-8.0), Doubt::WrongLabel);
    }

    #[test]
    fn frames_of_one_look_count_as_one() {
        let frames = vec![Margin { nats: 6.0, weight: 0.001 }; 1000];
        let one = Margin { nats: -5.0, weight: 1.0 };
        let burst = Doubts::of(&[&frames[..], &[one]].concat());
        let looks =
            Doubts::of(&[&vec![Margin { nats: 6.0, weight: 1.0 }; 1000][..], &[one]].concat());
        assert_eq!((burst.reason(-5.0), looks.reason(-5.0)), (Doubt::Hard, Doubt::WrongLabel));
    }
}
