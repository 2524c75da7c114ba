//! How many frames wait for a person.

use serde::Deserialize;

use super::checks::within;

/// The frames that wait for a person, of each region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxSettings {
    /// Frames, 0 to 2000; 0: none is kept.
    pub frames: u32,
    /// MiB of all regions together, 1 to 64.
    pub budget_mib: u32,
    /// Every so many of the parts that the policy rejects is kept, too, up to 1000000; 0: none.
    pub every: u32,
}

impl Default for InboxSettings {
    fn default() -> Self {
        Self { frames: 200, budget_mib: 16, every: 0 }
    }
}

/// The same, as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawInbox {
    frames: Option<u32>,
    budget_mib: Option<u32>,
    every: Option<u32>,
}

pub(super) fn check(raw: &RawInbox) -> Result<InboxSettings, String> {
    let usual = InboxSettings::default();
    let settings = InboxSettings {
        frames: raw.frames.unwrap_or(usual.frames),
        budget_mib: raw.budget_mib.unwrap_or(usual.budget_mib),
        every: raw.every.unwrap_or(usual.every),
    };
    within("inbox.frames", settings.frames, 0..=2000)?;
    within("inbox.budget_mib", settings.budget_mib, 1..=64)?;
    within("inbox.every", settings.every, 0..=1_000_000)?;
    Ok(settings)
}
