//! One decision of several regions or senses.

use std::collections::BTreeMap;

use super::{Action, Policy, When};

/// How the predictions of an action's regions decide together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Combine {
    /// Each by itself: one of them is enough.
    #[default]
    Any,
    /// All of them have to say so.
    All,
    /// The sum of their log-odds decides: it has to be above 0. The odds are those of the calibrated probability that the
    /// prediction is one that the action is for, cut off at 2 and 98 %, so that no region overrules all others. An unsure
    /// region adds next to nothing. It is Bayes' rule for senses that err independently and classes that are equally
    /// frequent, see Kittler et al., On combining classifiers, 1998, the product rule.
    Weighted,
}

/// What a region's frame was taken for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RegionPrediction<'a> {
    /// The region's name; `None` where there is only one.
    pub region: Option<&'a str>,
    /// The class; `None` for unknown.
    pub class: Option<&'a str>,
    /// The likeliest classes and their calibrated probabilities, 0 to 1; of others it is taken for 0.
    pub likely: &'a [(&'a str, f32)],
}

/// The farthest from 0 and 1 that a probability counts.
const LEAST: f32 = 0.02;

/// A sum of log-odds that is 0 but for rounding.
const ROUNDING: f32 = 1e-3;

/// What one region adds to a decision.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Vote {
    applies: bool,
    log_odds: f32,
}

/// The latest of each region.
#[derive(Debug, Clone, Default)]
pub(super) struct Votes(BTreeMap<String, Vote>);

impl Votes {
    /// A region's frame was classified.
    pub(super) fn cast(&mut self, policy: &Policy, action: &Action, of: &RegionPrediction<'_>) {
        let is_for = |class| policy.applies(action, Some(class));
        let probability = match of.class {
            Some(_) => of.likely.iter().filter(|(class, _)| is_for(class)).map(|(_, p)| p).sum(),
            None if action.when.contains(&When::Unknown) => 1.0,
            // It does not know.
            None => 0.5,
        };
        let p: f32 = f32::clamp(probability, LEAST, 1.0 - LEAST);
        let vote =
            Vote { applies: policy.applies(action, of.class), log_odds: (p / (1.0 - p)).ln() };
        self.0.insert(of.region.unwrap_or_default().to_owned(), vote);
    }

    /// What a region said counts no more.
    pub(super) fn withdraw(&mut self, region: Option<&str>) {
        match region {
            Some(region) => drop(self.0.remove(region)),
            None => self.0.clear(),
        }
    }

    /// Whether they say that the action applies.
    pub(super) fn decide(&self, action: &Action) -> bool {
        match action.combine {
            Combine::Any => self.0.values().any(|vote| vote.applies),
            Combine::All => {
                let all_there = action.regions.iter().all(|region| self.0.contains_key(region));
                all_there && !self.0.is_empty() && self.0.values().all(|vote| vote.applies)
            }
            Combine::Weighted => self.0.values().map(|vote| vote.log_odds).sum::<f32>() > ROUNDING,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Effect;
    use super::*;
    use crate::learn::learner::ClassName;

    fn action(combine: Combine, when: &[&str]) -> Action {
        let when = when.iter().map(|&name| match name {
            "unknown" => When::Unknown,
            name => When::Class(ClassName::new(name).expect("a name")),
        });
        Action {
            output: "reject".to_owned(),
            regions: vec!["camera".to_owned(), "motor".to_owned()],
            combine,
            when: when.collect(),
            effect: Effect::Hold,
        }
    }

    /// A region, its class, its likeliest classes.
    type Said<'a> = (&'a str, Option<&'a str>, &'a [(&'a str, f32)]);

    fn decide(action: &Action, said: &[Said<'_>]) -> bool {
        let policy = Policy::new(vec![action.clone()], BTreeMap::new()).expect("it is right");
        let mut votes = Votes::default();
        for &(region, class, likely) in said {
            votes.cast(&policy, action, &RegionPrediction { region: Some(region), class, likely });
        }
        votes.decide(action)
    }

    #[test]
    fn all_regions_have_to_say_so() {
        let all = action(Combine::All, &["scratch", "hum"]);
        let (scratch, hum, good) = (Some("scratch"), Some("hum"), Some("good"));
        for (said, wanted) in [
            (&[("camera", scratch)][..], false),
            (&[("camera", scratch), ("motor", hum)], true),
            (&[("camera", scratch), ("motor", good)], false),
            (&[("camera", None), ("motor", hum)], false),
            (&[("camera", scratch), ("motor", hum), ("motor", None)], false),
        ] {
            let said: Vec<_> =
                said.iter().map(|&(region, class)| (region, class, &[][..])).collect();
            assert_eq!(decide(&all, &said), wanted, "{said:?}");
        }
        let either = [("camera", scratch, &[][..]), ("motor", good, &[])];
        assert!(decide(&action(Combine::Any, &["scratch", "hum"]), &either));
    }

    /// By hand: ln(0.9 / 0.1) = 2.20, ln(0.2 / 0.8) = -1.39, ln(0.02 / 0.98) = -3.89, ln(0.98 / 0.02) = 3.89.
    #[test]
    fn the_surer_region_decides() {
        let action = action(Combine::Weighted, &["bad", "worse"]);
        let (bad, good) = (Some("bad"), Some("good"));
        let sure = |p: f32| [("good", 1.0 - p), ("bad", p)];
        let case = |camera: f32, motor: f32| {
            let of = |p: f32| if p > 0.5 { bad } else { good };
            let (one, other) = (sure(camera), sure(motor));
            decide(&action, &[("camera", of(camera), &one), ("motor", of(motor), &other)])
        };
        assert!(case(0.9, 0.2) && !case(0.8, 0.1) && !case(0.4, 0.55));
        // However sure, one alone does not overrule as much doubt as may be.
        assert!(!case(1.0, 0.0) && case(1.0, 0.03));
        // Both of the classes count, and one that is unknown says nothing.
        let both = [("bad", 0.4), ("worse", 0.4)];
        assert!(decide(&action, &[("camera", bad, &both), ("motor", good, &sure(0.3))]));
        assert!(decide(&action, &[("camera", bad, &sure(0.6)), ("motor", None, &sure(0.0))]));
        let unknown = self::action(Combine::Weighted, &["unknown"]);
        assert!(!decide(&unknown, &[("camera", None, &[]), ("motor", good, &[("hum", 0.3)])]));
        assert!(decide(&unknown, &[("camera", None, &[])]));
    }

    #[test]
    fn what_was_withdrawn_counts_no_more() {
        let action = action(Combine::All, &["scratch"]);
        let policy = Policy::new(vec![action.clone()], BTreeMap::new()).expect("it is right");
        let mut votes = Votes::default();
        for region in ["camera", "motor"] {
            let (region, class) = (Some(region), Some("scratch"));
            votes.cast(&policy, &action, &RegionPrediction { region, class, likely: &[] });
        }
        assert!(votes.decide(&action));
        votes.withdraw(Some("motor"));
        assert!(!votes.decide(&action));
        votes.withdraw(None);
        assert!(!votes.decide(&Action { combine: Combine::Any, ..action }));
    }
}
