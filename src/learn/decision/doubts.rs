//! Whether an example that all others contradict has the wrong label, or is hard.
//!
//! How often a head is wrong where it is sure cannot be known beforehand: with few looks a class its scores promise more
//! than they keep, wrong labels make them promise less, and a set of classes that overlap has examples that are
//! contradicted loudly though their labels are right. So the looks themselves say what scores are worth, and how many
//! labels are wrong. Of a look with the scores `s`, in nats, its label `y` is seen with the probability
//!
//! `(1 - E) p + E (1 - p) / (C - 1)`, `p = exp(t s_y) / sum_c exp(t s_c)`
//!
//! with trust `t` in scores and a share `E` of wrong labels, each of the `C - 1` other classes being as likely to be
//! taken by mistake. Every trust and share of two lists, from scores that are worth eight times as much to scores that
//! say nearly nothing, and from one wrong label in a hundred to one in ten, counts by how well it explains all looks
//! (Bayes; all alike beforehand). An example has probably the wrong label where that is [`LIKELIER`] times as likely as
//! that it is hard. Where few looks agree only mildly, no contradiction is enough.

use super::Doubt;

/// Shares of labels that are wrong.
const WRONG_SHARES: [f64; 3] = [0.01, 0.03, 0.1];

/// How many times as likely as a hard example.
const LIKELIER: f64 = 3.0;

/// Trusts in scores: the largest, and each so many times as much as the next.
const MOST_TRUST: f64 = 8.0;
const TRUSTS: i32 = 15;
const STEP: f64 = std::f64::consts::SQRT_2;

/// How a left-out look stands with its label.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    /// By how many nats each other class leads its own; negative where its own leads.
    pub(super) leads: Vec<f64>,
    /// Its share of its look.
    pub(super) weight: f64,
}

/// What scores are worth, and how many labels are wrong.
#[derive(Debug, Clone, Copy)]
struct Belief {
    trust: f64,
    wrong_share: f64,
}

impl Belief {
    /// The probabilities that a look like it has the right and the wrong label.
    fn parts(self, standing: &Standing) -> (f64, f64) {
        let others: f64 = standing.leads.iter().map(|lead| (self.trust * lead).exp()).sum();
        let right = 1.0 / (1.0 + others);
        let wrong = (1.0 - right) / standing.leads.len().max(1) as f64;
        ((1.0 - self.wrong_share) * right, self.wrong_share * wrong)
    }
}

/// What to believe, by the looks themselves.
#[derive(Debug)]
pub(super) struct Doubts {
    /// Each with its probability.
    beliefs: Vec<(Belief, f64)>,
}

impl Doubts {
    /// * `looks`: all that were classified.
    pub(super) fn of(looks: &[Standing]) -> Self {
        let beliefs = (0..TRUSTS).flat_map(|place| {
            let trust = MOST_TRUST * STEP.powi(-place);
            WRONG_SHARES.map(|wrong_share| Belief { trust, wrong_share })
        });
        let explains = |belief: Belief| {
            let log = |look: &Standing| {
                let (right, wrong) = belief.parts(look);
                look.weight * (right + wrong).max(f64::MIN_POSITIVE).ln()
            };
            (belief, looks.iter().map(log).sum::<f64>())
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

    /// * `standing`: of an example that is contradicted.
    pub(super) fn reason(&self, standing: &Standing) -> Doubt {
        let wrong = |&(belief, likely): &(Belief, f64)| {
            let (right, wrong) = belief.parts(standing);
            likely * wrong / (right + wrong).max(f64::MIN_POSITIVE)
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

    /// Of two classes, one of which leads by so much.
    fn look(margin: f64) -> Standing {
        Standing { leads: vec![-margin], weight: 1.0 }
    }

    fn doubts(margins: &[(f64, usize)]) -> Doubts {
        let looks = |&(margin, looks): &(f64, usize)| vec![look(margin); looks];
        Doubts::of(&margins.iter().flat_map(looks).collect::<Vec<_>>())
    }

    #[test]
    fn classes_that_overlap_have_hard_examples_and_no_wrong_labels() {
        // Of 15 looks three are contradicted at 55 to 1, the others lead by little.
        let few = doubts(&[(1.2, 12), (-4.1, 3)]);
        assert_eq!(few.reason(&look(-4.1)), Doubt::Hard);
        assert_eq!(
            doubts(&[(2.0, 2), (1.0, 1), (-0.5, 1), (-9.0, 1)]).reason(&look(-9.0)),
            Doubt::Hard
        );
        let many = doubts(&[(6.0, 60), (2.0, 20), (-2.0, 10), (-6.0, 30)]);
        assert_eq!(many.reason(&look(-6.0)), Doubt::Hard);
    }

    #[test]
    fn one_against_many_that_agree_has_the_wrong_label() {
        let margins = doubts(&[(6.0, 54), (-6.0, 6)]);
        assert_eq!(margins.reason(&look(-6.0)), Doubt::WrongLabel);
        assert_eq!(margins.reason(&look(-0.5)), Doubt::Hard);
        assert_eq!(doubts(&[(8.0, 14), (-8.0, 1)]).reason(&look(-8.0)), Doubt::WrongLabel);
    }

    #[test]
    fn wrong_labels_do_not_hide_behind_their_own_doubt() {
        // One in ten is wrong, so that confidence is fitted to nine in ten and the margins are small.
        assert_eq!(doubts(&[(2.0, 36), (-2.2, 4)]).reason(&look(-2.2)), Doubt::WrongLabel);
        // As many contradicted among looks that lie between the classes as well.
        let between = doubts(&[(2.0, 16), (0.7, 10), (0.2, 6), (-0.5, 4), (-2.2, 4)]);
        assert_eq!(between.reason(&look(-2.2)), Doubt::Hard);
    }

    #[test]
    fn an_unlikely_label_is_more_suspect_than_the_runner_up() {
        // Of six classes, the next is near and the others are far.
        let of =
            |next: f64, far: f64| Standing { leads: vec![next, far, far, far, far], weight: 1.0 };
        let mut looks = vec![of(-2.0, -6.0); 40];
        looks.extend(vec![of(1.5, -4.0); 8]);
        looks.extend(vec![of(5.0, 4.5); 4]);
        let doubts = Doubts::of(&looks);
        let reasons = [of(1.5, -4.0), of(5.0, -4.0), of(5.0, 4.5)].map(|look| doubts.reason(&look));
        assert_eq!(reasons, [Doubt::Hard, Doubt::Hard, Doubt::WrongLabel]);
    }

    #[test]
    fn frames_of_one_look_count_as_one() {
        let frames = vec![Standing { weight: 0.001, ..look(6.0) }; 1000];
        let burst = Doubts::of(&[&frames[..], &[look(-5.0)]].concat());
        let looks = doubts(&[(6.0, 1000), (-5.0, 1)]);
        assert_eq!(
            (burst.reason(&look(-5.0)), looks.reason(&look(-5.0))),
            (Doubt::Hard, Doubt::WrongLabel)
        );
    }
}
