//! Whether an example that all others contradict has the wrong label, or is hard.
//!
//! How often a head is wrong where it is sure cannot be known beforehand: with few looks a class its margins promise
//! more than they keep, wrong labels make them promise less, and a set of classes that overlap has examples that are
//! contradicted loudly though their labels are right. So the looks themselves say what a margin is worth, and how many
//! labels are wrong. Each look has the margin `m` by which its class leads, in nats, negative where another leads. With
//! trust `t` in margins, and a share `E` of wrong labels, a look like it is seen with the probability
//!
//! `(1 - E) s(t m) + E s(-t m)`, `s` being the logistic function
//!
//! Every trust and share of two lists, from margins that are worth eight times as much to margins that say nearly
//! nothing, and from one wrong label in a hundred to one in ten, counts by how well it explains all looks (Bayes; all alike
//! beforehand). An example has probably the wrong label where that is [`LIKELIER`] times as likely as that it is hard.
//! Where few looks agree only mildly, no margin is enough.

use super::Doubt;

/// Shares of labels that are wrong.
const WRONG_SHARES: [f64; 3] = [0.01, 0.03, 0.1];

/// How many times as likely as a hard example.
const LIKELIER: f64 = 3.0;

/// Trusts in margins: the largest, and each so many times as much as the next.
const MOST_TRUST: f64 = 8.0;
const TRUSTS: i32 = 15;
const STEP: f64 = std::f64::consts::SQRT_2;

/// By how much the class of a left-out look leads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Margin {
    /// Negative where another class leads.
    pub(super) nats: f64,
    /// Its share of its look.
    pub(super) weight: f64,
}

/// What margins are worth, and how many labels are wrong.
#[derive(Debug, Clone, Copy)]
struct Belief {
    trust: f64,
    wrong_share: f64,
}

impl Belief {
    /// The probabilities that a look has that margin with the right and with the wrong label.
    fn parts(self, nats: f64) -> (f64, f64) {
        let right = 1.0 / (1.0 + (-self.trust * nats).exp());
        ((1.0 - self.wrong_share) * right, self.wrong_share * (1.0 - right))
    }
}

/// What to believe, by the looks themselves.
#[derive(Debug)]
pub(super) struct Doubts {
    /// Each with its probability.
    beliefs: Vec<(Belief, f64)>,
}

impl Doubts {
    /// * `margins`: of all looks that were classified.
    pub(super) fn of(margins: &[Margin]) -> Self {
        let beliefs = (0..TRUSTS).flat_map(|place| {
            let trust = MOST_TRUST * STEP.powi(-place);
            WRONG_SHARES.map(|wrong_share| Belief { trust, wrong_share })
        });
        let explains = |belief: Belief| {
            let log = |margin: &Margin| {
                let (right, wrong) = belief.parts(margin.nats);
                margin.weight * (right + wrong).ln()
            };
            (belief, margins.iter().map(log).sum::<f64>())
        };
        let logs: Vec<(Belief, f64)> = beliefs.map(explains).collect();
        let top = logs.iter().map(|(_, log)| *log).fold(f64::NEG_INFINITY, f64::max);
        let likely = |(belief, log): (Belief, f64)| (belief, (log - top).exp());
        let likely: Vec<(Belief, f64)> = logs.into_iter().map(likely).collect();
        let sum: f64 = likely.iter().map(|(_, likely)| likely).sum();
        Self {
            beliefs: likely.into_iter().map(|(belief, likely)| (belief, likely / sum)).collect(),
        }
    }

    /// * `nats`: of an example that is contradicted.
    pub(super) fn reason(&self, nats: f64) -> Doubt {
        let wrong = |&(belief, likely): &(Belief, f64)| {
            let (right, wrong) = belief.parts(nats);
            likely * wrong / (right + wrong)
        };
        let wrong: f64 = self.beliefs.iter().map(wrong).sum();
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
    fn wrong_labels_do_not_hide_behind_the_doubt_that_they_raise() {
        // One in ten is wrong, so that confidence is fitted to nine in ten and the margins are small.
        assert_eq!(doubts(&[(2.0, 36), (-2.2, 4)]).reason(-2.2), Doubt::WrongLabel);
        // As many contradicted among looks that lie between the classes as well.
        let between = doubts(&[(2.0, 16), (0.7, 10), (0.2, 6), (-0.5, 4), (-2.2, 4)]);
        assert_eq!(between.reason(-2.2), Doubt::Hard);
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
