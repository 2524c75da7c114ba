//! What a policy may say, checked: it names outputs, buttons and classes, never a pin.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::Combine;
use crate::learn::learner::ClassName;

/// The longest time a policy may name, in milliseconds.
pub const MAX_MS: u32 = 60_000;

/// Which verdicts an action is for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum When {
    /// This class.
    Class(ClassName),
    /// A verdict without a class.
    Unknown,
    /// A class that no action of the policy names. Not an unknown one.
    AnyOther,
    /// Not a verdict: frames no longer look as they were taught. It stands alone.
    Drift,
}

/// What an output does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// On while the verdict lasts.
    Hold,
    /// On and off while the verdict lasts, on first.
    Blink {
        /// Milliseconds on, 1 to [`MAX_MS`].
        on_ms: u32,
        /// Milliseconds off, 1 to [`MAX_MS`].
        off_ms: u32,
    },
    /// On once for each part.
    Pulse {
        /// Milliseconds on, 1 to [`MAX_MS`].
        ms: u32,
        /// Milliseconds from the frame's capture to the start, 0 to [`MAX_MS`]: for a gate downstream. `None`: as soon
        /// as there is a verdict.
        delay_ms: Option<u32>,
        /// Milliseconds from one start to the next at least, `ms` to [`MAX_MS`]: a verdict in between is taken for
        /// one of the same part.
        gap_ms: u32,
    },
}

/// What one output does on which verdicts. Where several actions have the same output, it is on if one of them says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// The output's name.
    pub output: String,
    /// The regions whose verdicts it follows; all of them if there is none.
    pub regions: Vec<String>,
    /// How these decide together.
    pub combine: Combine,
    /// The verdicts, at least one.
    pub when: Vec<When>,
    /// What it does.
    pub effect: Effect,
}

impl Action {
    /// Whether it follows the verdicts of that region; any follows those of a region without a name.
    pub fn follows(&self, region: Option<&str>) -> bool {
        let wanted = &self.regions;
        region.is_none_or(|region| wanted.is_empty() || wanted.iter().any(|one| one == region))
    }

    /// Whether it follows drift instead of verdicts.
    pub fn is_for_drift(&self) -> bool {
        self.when.contains(&When::Drift)
    }
}

/// What a button asks for besides teaching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ButtonAction {
    /// Take the latest change back.
    Undo,
    /// Forget everything.
    Reset,
}

/// What a button or an input is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// A press teaches one example; held, examples that differ, all learned once it is up.
    Teach {
        /// The class.
        class: ClassName,
        /// The region that learns it; may be left out where there is only one.
        region: Option<String>,
        /// Milliseconds between examples while it is held, 20 to [`MAX_MS`].
        burst_ms: u32,
    },
    /// One action when pressed, another one when held; at least one of the two.
    Press {
        /// When pressed, or released before the long press where that means something else.
        short: Option<ButtonAction>,
        /// When held for the board's long press.
        long: Option<ButtonAction>,
        /// The region it is about; may be left out where there is only one.
        region: Option<String>,
    },
    /// A part is in place: the next frame is classified, and no other.
    Trigger,
}

impl Role {
    /// The region it is about, where it says so.
    pub fn region(&self) -> Option<&str> {
        match self {
            Role::Teach { region, .. } | Role::Press { region, .. } => region.as_deref(),
            Role::Trigger => None,
        }
    }
}

/// What each output does, and what each button is for. It cannot be wrong in itself; whether a board has what it names
/// is asked of the board.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    actions: Vec<Action>,
    roles: BTreeMap<String, Role>,
}

/// A policy that says something it may not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: got {got}, wanted {wanted}")]
pub struct PolicyError {
    /// Where, such as `action 2 (reject): ms`.
    pub key: String,
    /// What stands there.
    pub got: String,
    /// What may.
    pub wanted: String,
}

impl Policy {
    /// # Errors
    /// [`PolicyError`] for the first thing that is wrong.
    pub fn new(actions: Vec<Action>, roles: BTreeMap<String, Role>) -> Result<Self, PolicyError> {
        for (index, action) in actions.iter().enumerate() {
            let key = |key: &str| {
                format!("action {} ({}): {key}", index + 1, action.output.escape_debug())
            };
            if action.when.is_empty() {
                return Err(wrong(key("when"), "nothing", "a class, unknown or any other"));
            }
            if action.is_for_drift() && action.when.len() > 1 {
                let wanted = "it alone; an action of its own for verdicts";
                return Err(wrong(key("when"), "drift beside others", wanted));
            }
            if action.is_for_drift() && action.combine != Combine::Any {
                return Err(wrong(
                    key("combine"),
                    "one for drift",
                    "none: any region's drift counts",
                ));
            }
            let mut regions = BTreeSet::new();
            if let Some(twice) = action.regions.iter().find(|region| !regions.insert(*region)) {
                return Err(wrong(key("region"), twice, "each region once"));
            }
            match action.effect {
                Effect::Hold => {}
                Effect::Blink { on_ms, off_ms } => {
                    within(key("on_ms"), on_ms, 1..=MAX_MS)?;
                    within(key("off_ms"), off_ms, 1..=MAX_MS)?;
                }
                Effect::Pulse { ms, delay_ms, gap_ms } => {
                    within(key("ms"), ms, 1..=MAX_MS)?;
                    within(key("delay_ms"), delay_ms.unwrap_or(0), 0..=MAX_MS)?;
                    within(key("gap_ms"), gap_ms, ms..=MAX_MS)?;
                }
            }
        }
        for (name, role) in &roles {
            let key = format!("button {}", name.escape_debug());
            match role {
                Role::Teach { burst_ms, .. } => {
                    within(format!("{key}: burst_ms"), *burst_ms, 20..=MAX_MS)?;
                }
                Role::Press { short: None, long: None, .. } => {
                    return Err(wrong(key, "nothing", "teach, short or long"));
                }
                Role::Press { .. } | Role::Trigger => {}
            }
        }
        Ok(Self { actions, roles })
    }

    /// The actions, in their order.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// What the buttons and inputs are for, by name.
    pub fn roles(&self) -> &BTreeMap<String, Role> {
        &self.roles
    }

    /// Whether frames are classified only when an input says that a part is in place.
    pub fn is_triggered(&self) -> bool {
        self.roles.values().any(|role| *role == Role::Trigger)
    }

    /// The outputs that it names.
    pub fn outputs(&self) -> BTreeSet<&str> {
        self.actions.iter().map(|action| action.output.as_str()).collect()
    }

    /// The regions that it names, each with what names it, such as `action 2 (reject)`.
    pub fn regions(&self) -> Vec<(String, &str)> {
        let actions = self.actions.iter().enumerate().flat_map(|(index, action)| {
            let key = format!("action {} ({})", index + 1, action.output.escape_debug());
            action.regions.iter().map(move |region| (key.clone(), region.as_str()))
        });
        let buttons = self.roles.iter().filter_map(|(name, role)| {
            Some((format!("button {}", name.escape_debug()), role.region()?))
        });
        actions.chain(buttons).collect()
    }

    /// The buttons that change what was learned and do not say of which region.
    pub fn buttons_of_any_region(&self) -> Vec<&str> {
        let any = |role: &Role| *role != Role::Trigger && role.region().is_none();
        self.roles.iter().filter(|(_, role)| any(role)).map(|(name, _)| name.as_str()).collect()
    }

    /// The same for several regions: an action that follows several and needs only one of them becomes one for each, so
    /// that the verdict of one does not end what lasts with another's.
    #[must_use]
    pub fn for_regions(&self, regions: &[&str]) -> Self {
        let each = |action: &Action| {
            let names: Vec<String> = match action.regions.is_empty() {
                false => action.regions.clone(),
                true => regions.iter().map(|&region| region.to_owned()).collect(),
            };
            let of = |regions| Action { regions, ..action.clone() };
            match action.combine {
                Combine::Any => names.into_iter().map(|name| of(vec![name])).collect(),
                Combine::All | Combine::Weighted => vec![of(names)],
            }
        };
        Self { actions: self.actions.iter().flat_map(each).collect(), roles: self.roles.clone() }
    }

    /// Whether an action is for this verdict, of a region that it follows.
    ///
    /// * `class`: its name, `None` for unknown.
    pub fn applies(&self, action: &Action, class: Option<&str>) -> bool {
        action.when.iter().any(|when| match (when, class) {
            (When::Class(wanted), Some(class)) => wanted.is(class),
            (When::Unknown, None) => true,
            (When::AnyOther, Some(class)) => !self.names(class, &action.regions),
            _ => false,
        })
    }

    /// Whether a verdict of that region makes an action switch that output.
    ///
    /// * `class`: `None` for unknown.
    pub fn switches(&self, output: &str, region: Option<&str>, class: Option<&str>) -> bool {
        let of_output = self.actions.iter().filter(|action| action.output == output);
        let mut follow = of_output.filter(|action| action.follows(region));
        follow.any(|action| self.applies(action, class))
    }

    /// Whether an action that follows the verdicts of one of those regions names the class.
    ///
    /// * `regions`: all if there is none.
    fn names(&self, class: &str, regions: &[String]) -> bool {
        let follows = |action: &&Action| {
            regions.is_empty() || regions.iter().any(|region| action.follows(Some(region)))
        };
        self.actions
            .iter()
            .filter(follows)
            .flat_map(|action| &action.when)
            .any(|when| matches!(when, When::Class(name) if name.is(class)))
    }
}

fn wrong(key: String, got: &str, wanted: &str) -> PolicyError {
    PolicyError { key, got: got.to_owned(), wanted: wanted.to_owned() }
}

fn within(key: String, got: u32, range: RangeInclusive<u32>) -> Result<(), PolicyError> {
    if range.contains(&got) {
        return Ok(());
    }
    Err(wrong(key, &got.to_string(), &format!("{} to {}", range.start(), range.end())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(ms: u32, delay_ms: Option<u32>, gap_ms: u32) -> Effect {
        Effect::Pulse { ms, delay_ms, gap_ms }
    }

    #[test]
    fn times_outside_their_range_are_refused_with_their_key() {
        let action = |effect| Action {
            output: "gate".to_owned(),
            regions: Vec::new(),
            combine: Combine::Any,
            when: vec![When::Unknown],
            effect,
        };
        let cases = [
            (action(Effect::Hold), ""),
            (action(pulse(1, Some(0), 1)), ""),
            (action(pulse(MAX_MS, Some(MAX_MS), MAX_MS)), ""),
            (action(pulse(0, None, 1)), "action 1 (gate): ms: got 0, wanted 1 to 60000"),
            (action(pulse(50, None, 49)), "action 1 (gate): gap_ms: got 49, wanted 50 to 60000"),
            (action(pulse(1, Some(MAX_MS + 1), 1)), "delay_ms: got 60001"),
            (action(Effect::Blink { on_ms: 0, off_ms: 1 }), "on_ms: got 0"),
            (action(Effect::Blink { on_ms: 1, off_ms: 0 }), "off_ms: got 0"),
            (Action { when: vec![], ..action(Effect::Hold) }, "when: got nothing"),
            (
                Action { when: vec![When::Drift, When::Unknown], ..action(Effect::Hold) },
                "when: got drift beside others, wanted it alone",
            ),
        ];
        for (action, wanted) in cases {
            let got = Policy::new(vec![action.clone()], BTreeMap::new());
            match got {
                Ok(_) => assert_eq!(wanted, "", "{action:?}"),
                Err(error) => {
                    assert!(!wanted.is_empty() && error.to_string().contains(wanted), "{error}");
                }
            }
        }
    }

    #[test]
    fn buttons_without_a_meaning_or_too_fast_are_refused() {
        let class = ClassName::new("good").expect("a name");
        let cases = [
            (Role::Press { short: None, long: None, region: None }, "button b: got nothing"),
            (Role::Teach { class, region: None, burst_ms: 19 }, "button b: burst_ms: got 19"),
        ];
        for (role, wanted) in cases {
            let roles = BTreeMap::from([("b".to_owned(), role)]);
            let error = Policy::new(Vec::new(), roles).expect_err(wanted).to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
