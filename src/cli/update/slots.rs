//! The two slots of a card, from what RAUC and the boot loader's variables say.

use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::rauc;
use crate::cli::{Exit, Failed};

/// Whether a slot starts, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It has shown that it works.
    Good,
    /// It has these starts left to show it.
    Trial(u64),
    /// It is not started.
    Bad,
}

/// A place for a whole system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    /// A or B.
    pub(super) name: char,
    pub(super) state: State,
    /// Of the update in it; `None` where it is as the card was written.
    pub(super) version: Option<String>,
    installed: Option<String>,
    is_running: bool,
}

/// All slots of a card, by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    running: usize,
    starts: usize,
}

impl Slots {
    /// As they are now.
    ///
    /// # Errors
    /// This system has none, or RAUC fails.
    pub(super) fn read() -> anyhow::Result<Self> {
        let status = rauc::status()?;
        Self::of(&status, tries).context("rauc status").context(Failed(Exit::Device))
    }

    /// * `status`: as RAUC prints it; `tries`: what the boot loader has of a slot.
    fn of(status: &Value, tries: impl Fn(char) -> Option<String>) -> anyhow::Result<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let primary = text(&status["boot_primary"]);
        let mut slots = Vec::new();
        let mut starts = None;
        let described = status["slots"].as_array().context("it names no slots")?;
        for (key, slot) in described.iter().filter_map(Value::as_object).flatten() {
            let name = slot["bootname"].as_str().and_then(|name| name.chars().next());
            let Some(name) = name else { continue };
            let state = match (slot["boot_status"].as_str(), tries(name).as_deref()) {
                (Some("bad"), _) => State::Bad,
                (_, Some(left)) => left.parse().map_or(State::Good, State::Trial),
                (_, None) => State::Good,
            };
            if primary.as_deref() == Some(key) {
                starts = Some(name);
            }
            let kept = &slot["slot_status"];
            slots.push(Slot {
                name,
                state,
                version: text(&kept["bundle"]["version"]),
                installed: text(&kept["installed"]["timestamp"]),
                is_running: slot["state"] == "booted",
            });
        }
        slots.sort_by_key(|slot| slot.name);
        let running = slots.iter().position(|slot| slot.is_running);
        let running = running.context("it does not say which slot runs")?;
        if slots.len() != 2 {
            anyhow::bail!("wanted two slots, it has {}", slots.len());
        }
        let starts = slots.iter().position(|slot| Some(slot.name) == starts).unwrap_or(running);
        Ok(Self { slots, running, starts })
    }

    /// The one whose system this is.
    pub(super) fn running(&self) -> &Slot {
        &self.slots[self.running]
    }

    /// The one whose system this is not.
    pub(super) fn other(&self) -> &Slot {
        &self.slots[1 - self.running]
    }

    /// The one that is tried first at the next start.
    pub(super) fn starts(&self) -> &Slot {
        &self.slots[self.starts]
    }

    pub(super) fn json(&self) -> Value {
        let slots = self.slots.iter().map(|slot| {
            let (state, tries) = match slot.state {
                State::Good => ("good", None),
                State::Trial(left) => ("trial", Some(left)),
                State::Bad => ("bad", None),
            };
            json!({
                "installed": slot.installed, "slot": slot.name, "state": state, "tries": tries, "version": slot.version,
            })
        });
        json!({
            "running": self.running().name,
            "slots": slots.collect::<Vec<_>>(),
            "starts": self.starts().name,
        })
    }

    pub(super) fn text(&self) -> String {
        let lines = self.slots.iter().enumerate().map(|(place, slot)| {
            let mut words = Vec::new();
            if place == self.running {
                words.push("runs".to_owned());
            }
            if place == self.starts && place != self.running {
                words.push("starts next".to_owned());
            }
            words.push(match slot.state {
                State::Good => "good".to_owned(),
                State::Trial(1) => "on trial, 1 start left".to_owned(),
                State::Trial(left) => format!("on trial, {left} starts left"),
                State::Bad => "bad: not started".to_owned(),
            });
            match (&slot.version, &slot.installed) {
                (Some(version), Some(time)) => words.push(format!("{version}, installed {time}")),
                (Some(version), None) => words.push(version.clone()),
                (None, _) if slot.state == State::Bad => words.push("no update".to_owned()),
                (None, _) => words.push("as the card was written".to_owned()),
            }
            format!("slot {}  {}", slot.name, words.join("; "))
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// How many starts a slot has left, from the boot loader's side; `None` where this system cannot say.
fn tries(slot: char) -> Option<String> {
    let mut command = Command::new("slots");
    command.args(["tries", &slot.to_string()]).stdin(Stdio::null()).stderr(Stdio::null());
    let said = command.output().ok().filter(|said| said.status.success())?;
    Some(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What RAUC 1.8 printed on an emulated Raspberry Pi 3, with what it says of an update.
    fn status(primary: &str, other: &str) -> Value {
        let text = format!(
            r#"{{"compatible":"fieldtune-debian-arm64","variant":"","booted":"A","boot_primary":"{primary}","slots":[
            {{"system.1":{{"class":"system","device":"/dev/mmcblk0p3","type":"raw","bootname":"B","state":"inactive",
              "parent":null,"mountpoint":null,"boot_status":"{other}","slot_status":{{"bundle":{{"compatible":
              "fieldtune-debian-arm64","version":"0.2.0","description":"","build":null}},"installed":{{"timestamp":
              "2026-12-01T06:14:42Z","count":1}}}}}}}},
            {{"system.0":{{"class":"system","device":"/dev/mmcblk0p2","type":"raw","bootname":"A","state":"booted",
              "parent":null,"mountpoint":null,"boot_status":"good","slot_status":{{"bundle":{{"compatible":null}}}}}}}}]}}"#
        );
        serde_json::from_str(&text).expect("it is JSON")
    }

    #[test]
    fn slots_are_read_from_raucs_status() {
        let tries = |name| Some(if name == 'A' { "good" } else { "2" }.to_owned());
        let slots = Slots::of(&status("system.1", "good"), tries).expect("it is whole");
        assert_eq!(
            (slots.running().name, slots.starts().name, slots.other().name),
            ('A', 'B', 'B')
        );
        assert_eq!(
            slots.text(),
            "slot A  runs; good; as the card was written\n\
             slot B  starts next; on trial, 2 starts left; 0.2.0, installed 2026-12-01T06:14:42Z"
        );
        assert_eq!(
            slots.json().to_string(),
            r#"{"running":"A","slots":[{"installed":null,"slot":"A","state":"good","tries":null,"version":null},{"installed":"2026-12-01T06:14:42Z","slot":"B","state":"trial","tries":2,"version":"0.2.0"}],"starts":"B"}"#
        );
    }

    #[test]
    fn a_bad_slot_is_bad_whatever_its_tries_are() {
        let slots = Slots::of(&status("system.0", "bad"), |_| None).expect("it is whole");
        assert_eq!((slots.starts().name, slots.other().state), ('A', State::Bad));
        assert!(Slots::of(&json!({ "slots": [] }), |_| None).is_err());
        assert!(Slots::of(&json!({}), |_| None).is_err());
    }
}
