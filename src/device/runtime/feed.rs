//! How the sources of frames are: the camera, and what the board has beside it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::util::mutex::lock;

/// How a source is opened and watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// The name of a source beside the camera; `None`: the camera.
    pub name: Option<String>,
    /// Without a frame for so long it counts as lost, and what lasts with a verdict ends; one that gives events, once it is in
    /// trouble for so long.
    pub patience: Duration,
    /// Every output goes to its safe level then.
    pub safe_when_lost: bool,
}

/// How a source is.
#[derive(Debug, Default)]
pub(super) struct Feed {
    pub(super) name: Option<String>,
    pub(super) errors: Mutex<BTreeMap<&'static str, u64>>,
    /// Why there are no frames.
    pub(super) trouble: Mutex<Option<String>>,
    /// What it waits for, where it gives events and none came lately.
    pub(super) awaited: Mutex<Option<String>>,
    /// How loud a microphone's last window is, in dBFS.
    pub(super) level: Mutex<Option<f32>>,
}

impl Feed {
    pub(super) fn of(watched: &Watched) -> Self {
        Self { name: watched.name.clone(), ..Self::default() }
    }

    pub(super) fn count(&self, kind: &'static str) {
        *lock(&self.errors).entry(kind).or_default() += 1;
    }

    /// How it is, for people: the camera's figures have their own names, those of others begin with the source's.
    pub(super) fn figures(&self) -> Vec<(String, String)> {
        let own = |of: &str| match &self.name {
            Some(name) => format!("{name}_{of}"),
            None => of.to_owned(),
        };
        let errors = lock(&self.errors);
        let mut figures: Vec<_> = errors
            .iter()
            .map(|(kind, count)| (own(&format!("errors_camera_{kind}")), count.to_string()))
            .collect();
        let level = *lock(&self.level);
        figures.extend(level.map(|level| (own("level_dbfs"), format!("{level:.1}"))));
        let awaited = lock(&self.awaited).clone();
        let trouble = lock(&self.trouble).clone().or(awaited);
        figures.extend(trouble.map(|trouble| (own("camera"), trouble)));
        figures
    }
}
