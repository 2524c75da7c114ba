//! Policies as text.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{BoardError, POLICIES, is_file, read, unknown};
use crate::board::policy::{Action, ButtonAction, Combine, Effect, Policy, Role, When};
use crate::learn::learner::{ClassName, UNKNOWN};
use crate::util::settings;

/// How a policy calls the classes that it does not name.
const ANY_OTHER: &str = "any other";

/// How it calls frames that no longer look as they were taught.
const DRIFT: &str = "any drift";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    #[serde(default, rename = "action")]
    actions: Vec<RawAction>,
    #[serde(default)]
    buttons: BTreeMap<String, RawButton>,
    trigger: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAction {
    output: String,
    region: Option<RawRegions>,
    #[serde(default)]
    combine: RawCombine,
    when: Vec<String>,
    #[serde(rename = "do")]
    effect: RawEffect,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawRegions {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
enum RawCombine {
    #[default]
    Any,
    All,
    Weighted,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum RawEffect {
    Hold,
    Blink { on_ms: u32, off_ms: u32 },
    Pulse { ms: u32, delay_ms: Option<u32>, gap_ms: Option<u32> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawButton {
    region: Option<String>,
    teach: Option<String>,
    burst_ms: Option<u32>,
    short: Option<RawButtonAction>,
    long: Option<RawButtonAction>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum RawButtonAction {
    Undo,
    Reset,
}

/// Milliseconds between the examples of a burst unless the policy says otherwise.
const BURST_MS: u32 = 250;

/// A policy's text, checked.
///
/// * `file`: what messages call it.
///
/// # Errors
/// [`BoardError::Text`].
pub fn policy_from_toml(text: &str, file: &str) -> Result<Policy, BoardError> {
    check(text).map_err(|what| BoardError::Text { file: file.to_owned(), what })
}

/// A policy's file, or one that is part of the program.
///
/// # Errors
/// [`BoardError::File`], [`BoardError::Text`], [`BoardError::Unknown`].
pub fn read_policy(asked: &str) -> Result<Policy, BoardError> {
    if is_file(asked) {
        policy_from_toml(&read(Path::new(asked))?, asked)
    } else {
        built_in_policy(asked)
    }
}

/// A policy that is part of the program.
///
/// # Errors
/// [`BoardError::Unknown`].
pub fn built_in_policy(name: &str) -> Result<Policy, BoardError> {
    let (file, text) = POLICIES
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| unknown("policy", name, &POLICIES))?;
    policy_from_toml(text, &format!("boards/{file}.toml"))
}

fn check(text: &str) -> Result<Policy, String> {
    let raw: RawPolicy = settings::parse(text)?;
    let actions = raw.actions.into_iter().enumerate().map(|(index, action)| {
        let key = format!("action {} ({})", index + 1, action.output.escape_debug());
        let when = action.when.iter().map(|word| when(word)).collect::<Result<_, _>>();
        let when = when.map_err(|what| format!("{key}: when: {what}"))?;
        let RawAction { output, region, combine, effect: raw, .. } = action;
        let regions = match region {
            None => Vec::new(),
            Some(RawRegions::One(name)) => vec![name],
            Some(RawRegions::Several(names)) if names.is_empty() => {
                return Err(format!("{key}: region: got none, wanted a name or several"));
            }
            Some(RawRegions::Several(names)) => names,
        };
        let combine = match combine {
            RawCombine::Any => Combine::Any,
            RawCombine::All => Combine::All,
            RawCombine::Weighted => Combine::Weighted,
        };
        Ok(Action { output, regions, combine, when, effect: effect(raw) })
    });
    let actions = actions.collect::<Result<_, String>>()?;
    let roles = raw.buttons.into_iter().map(|(name, button)| {
        let role = role(button).map_err(|what| format!("buttons.{}: {what}", name.escape_debug()));
        Ok((name, role?))
    });
    let mut roles = roles.collect::<Result<BTreeMap<_, _>, String>>()?;
    if let Some(input) = raw.trigger {
        if roles.contains_key(&input) {
            let input = input.escape_debug();
            return Err(format!("trigger: \"{input}\" is a button with another meaning already"));
        }
        roles.insert(input, Role::Trigger);
    }
    Policy::new(actions, roles).map_err(|error| error.to_string())
}

fn when(word: &str) -> Result<When, String> {
    match word {
        UNKNOWN => Ok(When::Unknown),
        ANY_OTHER => Ok(When::AnyOther),
        DRIFT => Ok(When::Drift),
        name => Ok(When::Class(class(name)?)),
    }
}

fn class(name: &str) -> Result<ClassName, String> {
    ClassName::new(name).map_err(|error| error.to_string())
}

fn effect(raw: RawEffect) -> Effect {
    match raw {
        RawEffect::Hold => Effect::Hold,
        RawEffect::Blink { on_ms, off_ms } => Effect::Blink { on_ms, off_ms },
        RawEffect::Pulse { ms, delay_ms, gap_ms } => {
            Effect::Pulse { ms, delay_ms, gap_ms: gap_ms.unwrap_or(ms) }
        }
    }
}

fn role(raw: RawButton) -> Result<Role, String> {
    match raw {
        RawButton { teach: Some(name), region, burst_ms, short: None, long: None } => {
            let class = class(&name).map_err(|what| format!("teach: {what}"))?;
            Ok(Role::Teach { class, region, burst_ms: burst_ms.unwrap_or(BURST_MS) })
        }
        RawButton { teach: None, region, burst_ms: None, short, long } => Ok(Role::Press {
            short: short.map(button_action),
            long: long.map(button_action),
            region,
        }),
        _ => Err("wanted either teach (and burst_ms), or short and long".to_owned()),
    }
}

fn button_action(raw: RawButtonAction) -> ButtonAction {
    match raw {
        RawButtonAction::Undo => ButtonAction::Undo,
        RawButtonAction::Reset => ButtonAction::Reset,
    }
}
