//! Classes that a policy names and that are not taught: an output that never moves is easily overlooked.

use std::collections::BTreeSet;
use std::fmt::{Display, Formatter};

use super::{Policy, Role, When};
use crate::learn::head::ClassId;
use crate::learn::learner::{ClassName, Learner};
use crate::util::letters;

/// What was taught of one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taught {
    /// The region's name, if it has one.
    pub region: Option<String>,
    /// The names of the classes that have examples.
    pub classes: Vec<String>,
}

impl Taught {
    /// What this learner was taught.
    pub fn of(region: Option<&str>, learner: &Learner) -> Self {
        let with_examples: BTreeSet<ClassId> =
            learner.examples().iter().map(|example| example.class).collect();
        let classes = learner.classes().iter();
        let taught = classes.filter(|(id, _)| with_examples.contains(id));
        Self {
            region: region.map(str::to_owned),
            classes: taught.map(|(_, name)| name.to_string()).collect(),
        }
    }
}

/// A class that a policy names and that is not taught.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Untaught {
    /// Its name.
    pub class: ClassName,
    /// The regions that it is named for, one of which has to be taught it; any if there is none.
    pub regions: Vec<String>,
    /// The class that was probably meant.
    pub meant: Option<String>,
    /// It was taught before.
    pub any_more: bool,
}

impl Display for Untaught {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { class, regions, meant, any_more } = self;
        write!(f, "the policy names {class}")?;
        match &regions[..] {
            [] => {}
            [region] => write!(f, " for the region {}", region.escape_debug())?,
            several => write!(f, " for the regions {}", several.join(", ").escape_debug())?,
        }
        write!(f, ", which is not taught{}", if *any_more { " any more" } else { "" })?;
        meant.iter().try_for_each(|meant| write!(f, " (did you mean {meant}?)"))
    }
}

impl Policy {
    /// The classes that actions and buttons name and that were not taught, each once for each region that it is named
    /// for. What is named for any region has to be taught of one.
    ///
    /// * `taught`: one for each region that is looked at.
    pub fn untaught(&self, taught: &[Taught]) -> Vec<Untaught> {
        let actions = self.actions().iter().flat_map(|action| {
            let classes = action.when.iter().filter_map(|when| match when {
                When::Class(class) => Some(class),
                When::Unknown | When::AnyOther | When::Drift => None,
            });
            classes.map(|class| (class, &action.regions[..]))
        });
        let buttons = self.roles().values().filter_map(|role| match role {
            Role::Teach { class, region, .. } => Some((class, region.as_slice())),
            Role::Press { .. } | Role::Trigger => None,
        });
        let mut untaught = Vec::new();
        for (class, regions) in actions.chain(buttons) {
            let of = |one: &&Taught| {
                regions.is_empty() || one.region.as_ref().is_none_or(|one| regions.contains(one))
            };
            let names = || taught.iter().filter(of).flat_map(|one| &one.classes);
            if names().any(|name| class.is(name)) {
                continue;
            }
            let meant = letters::nearest(class.as_str(), names().map(String::as_str));
            let one = Untaught {
                class: class.clone(),
                regions: regions.to_vec(),
                meant: meant.map(str::to_owned),
                any_more: false,
            };
            if !untaught.contains(&one) {
                untaught.push(one);
            }
        }
        untaught
    }
}

/// In words, each once; in one where nothing was taught at all, as before the first start.
pub fn untaught_in_words(untaught: &[Untaught], taught: &[Taught]) -> Vec<String> {
    if untaught.is_empty() || taught.iter().any(|one| !one.classes.is_empty()) {
        return untaught.iter().map(ToString::to_string).collect();
    }
    let mut names: Vec<&str> = untaught.iter().map(|one| one.class.as_str()).collect();
    names.dedup();
    vec![format!("the policy names {}, and nothing is taught yet", names.join(", "))]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::board::policy::{Action, Combine, Effect};

    fn policy(actions: &[(&str, Option<&str>)], buttons: &[(&str, Option<&str>)]) -> Policy {
        let name = |name: &str| ClassName::new(name).expect("a name");
        let region = |region: &Option<&str>| region.map(str::to_owned);
        let actions = actions.iter().map(|(class, of)| Action {
            output: "gate".to_owned(),
            regions: region(of).into_iter().collect(),
            combine: Combine::Any,
            when: vec![When::Class(name(class)), When::Unknown, When::AnyOther],
            effect: Effect::Hold,
        });
        let role = |(class, of): &(&str, Option<&str>)| Role::Teach {
            class: name(class),
            region: region(of),
            burst_ms: 250,
        };
        let roles = buttons.iter().enumerate().map(|(i, one)| (format!("b{i}"), role(one)));
        Policy::new(actions.collect(), roles.collect::<BTreeMap<_, _>>()).expect("right")
    }

    fn taught(region: Option<&str>, classes: &[&str]) -> Taught {
        let classes = classes.iter().map(|&class| class.to_owned()).collect();
        Taught { region: region.map(str::to_owned), classes }
    }

    #[test]
    fn what_a_policy_names_and_nobody_taught_is_told_once() {
        let slip = policy(&[("scracth", None), ("good", None)], &[("scracth", None)]);
        let told = |policy: &Policy, taught: &[Taught]| {
            untaught_in_words(&policy.untaught(taught), taught)
        };
        let of_all = [taught(None, &["Scratch", "good"])];
        let wanted = "the policy names scracth, which is not taught (did you mean Scratch?)";
        assert_eq!(told(&slip, &of_all), [wanted]);
        assert!(told(&slip, &[taught(None, &["scracth", "good"])]).is_empty());
        let nothing = "the policy names scracth, good, and nothing is taught yet";
        assert_eq!(told(&slip, &[taught(None, &[])]), [nothing]);
        assert!(told(&policy(&[], &[]), &[taught(None, &[])]).is_empty());

        let regions = [taught(Some("left"), &["good"]), taught(Some("right"), &["dent"])];
        let each = policy(
            &[("good", None), ("good", Some("right")), ("dent", Some("right"))],
            &[("Dent", Some("left"))],
        );
        assert_eq!(
            told(&each, &regions),
            [
                "the policy names good for the region right, which is not taught",
                "the policy names Dent for the region left, which is not taught",
            ]
        );
    }
}
