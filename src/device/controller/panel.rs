//! The levels of all outputs: what the policy says, unless a person says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::board::outputs::{GpioError, Output, place};
use crate::board::policy::{Actions, Policy, RegionPrediction};
use crate::image::frame::Timestamp;
use crate::util::mutex::lock;

/// A panel that one thread changes and another shows.
#[derive(Debug)]
pub struct SharedPanel {
    panel: Mutex<(Panel, u64)>,
    changed: Condvar,
}

impl SharedPanel {
    pub(super) fn new(panel: Panel) -> Self {
        Self { panel: Mutex::new((panel, 0)), changed: Condvar::new() }
    }

    /// Works with it; threads that wait for a change are woken.
    pub(super) fn change<T>(&self, work: impl FnOnce(&mut Panel) -> T) -> T {
        let mut guard = lock(&self.panel);
        guard.1 += 1;
        self.changed.notify_all();
        work(&mut guard.0)
    }

    /// Looks at it.
    ///
    /// * returns what was seen, and the number of changes until then.
    pub fn look<T>(&self, look: impl FnOnce(&Panel) -> T) -> (T, u64) {
        let guard = lock(&self.panel);
        (look(&guard.0), guard.1)
    }

    /// Waits for a change after that many, but not longer than that.
    pub fn wait(&self, changes: u64, patience: Duration) {
        let guard = lock(&self.panel);
        // A poisoned panel is as good as another: see `lock`.
        drop(self.changed.wait_timeout_while(guard, patience, |(_, now)| *now == changes));
    }
}

/// The output that changes for a moment when something was learned.
const LEARNED: &str = "learned";

/// Half of a blink of that output while a part has to be moved.
const BLINK_MICROS: u64 = 125_000;

/// How long a test of an output lasts.
const TEST_MICROS: u64 = 500_000;

/// What a verdict was of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// When the frame was taken.
    pub captured: Timestamp,
    /// Microseconds that its feature took, and those of the regions before it.
    pub looked_micros: u64,
}

/// The levels of all outputs.
#[derive(Debug, Clone)]
pub struct Panel {
    /// What the policy says.
    pub(super) actions: Actions,
    outputs: Vec<Output>,
    heartbeat: Option<String>,
    /// There was no verdict yet: every output but the heartbeat is safe.
    safe: bool,
    /// The sources without which they are safe, too, and that give no frames.
    lost: BTreeSet<usize>,
    /// By hand, until the next verdict decides.
    by_hand: BTreeMap<String, bool>,
    /// The other way round until then, so that a person sees it.
    tests: BTreeMap<String, Timestamp>,
    /// Since when a lesson waits for a part to be moved.
    waiting: Option<Timestamp>,
    verdicts: u64,
    latest: Option<Seen>,
}

impl Panel {
    /// * `outputs`: those there are.
    pub(super) fn new(policy: Policy, outputs: Vec<Output>, heartbeat: Option<&str>) -> Self {
        Self {
            actions: Actions::new(policy, heartbeat),
            outputs,
            heartbeat: heartbeat.map(str::to_owned),
            safe: true,
            lost: BTreeSet::new(),
            by_hand: BTreeMap::new(),
            tests: BTreeMap::new(),
            waiting: None,
            verdicts: 0,
            latest: None,
        }
    }

    /// Follows another policy; what the one before had switched on is off.
    pub(super) fn follow(&mut self, policy: Policy) {
        self.actions.follow(policy);
        self.by_hand.clear();
    }

    /// No frames come from a source: what lasts with a verdict of its regions ends.
    ///
    /// * `regions`: `None` is all there are.
    /// * `safe`: every output but the heartbeat is at its safe level until the next verdict of the source.
    pub(super) fn lost(&mut self, source: usize, regions: &[Option<&str>], safe: bool) {
        self.safe = false;
        match safe {
            true => self.lost.insert(source),
            false => self.lost.remove(&source),
        };
        regions.iter().for_each(|region| self.actions.lapse(*region));
    }

    /// Frames of a source beside the camera come again.
    pub(super) fn found(&mut self, source: usize) {
        if source > 0 {
            self.lost.remove(&source);
        }
    }

    /// * `source`: what the region is of.
    pub(super) fn verdict(
        &mut self,
        source: usize,
        prediction: &RegionPrediction<'_>,
        seen: Seen,
        now: Timestamp,
    ) {
        self.by_hand.clear();
        self.safe = false;
        self.lost.remove(&source);
        self.verdicts += 1;
        self.latest = Some(seen);
        self.actions.predicted(prediction, seen.captured, now);
    }

    /// Verdicts so far, and what the latest was of.
    pub fn verdicts(&self) -> (u64, Option<Seen>) {
        (self.verdicts, self.latest)
    }

    /// Every output and whether it is on.
    pub fn all(&self, now: Timestamp) -> Vec<(String, bool)> {
        let levels = self.actions.levels(now);
        let level = |output: &Output| {
            let name = &output.name;
            let counts =
                !self.safe && self.lost.is_empty() || self.heartbeat.as_ref() == Some(name);
            let policy = levels.get(name.as_str()).copied().filter(|_| counts);
            let policy = policy.unwrap_or(output.safe);
            let on = self.by_hand.get(name).copied().unwrap_or(policy);
            let blinks = name == LEARNED && self.is_blinked(now);
            (name.clone(), on != (blinks || self.tests.get(name).is_some_and(|&end| end > now)))
        };
        self.outputs.iter().map(level).collect()
    }

    /// The earliest time after `now` at which a level changes if nothing else happens.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let tests = self.tests.values().copied().filter(|&end| end > now);
        let blink = self.waiting.filter(|_| self.outputs.iter().any(|one| one.name == LEARNED));
        let blink = blink.map(|since| {
            let halves = now.micros_since(since) / BLINK_MICROS + 1;
            Timestamp(since.0.saturating_add(halves * BLINK_MICROS))
        });
        tests.chain(blink).chain(self.actions.next_change(now)).min()
    }

    pub(super) fn set(&mut self, name: &str, on: bool) -> Result<(), GpioError> {
        place(&self.outputs, name)?;
        self.by_hand.insert(name.to_owned(), on);
        Ok(())
    }

    pub(super) fn test(&mut self, name: &str, now: Timestamp) -> Result<(), GpioError> {
        place(&self.outputs, name)?;
        self.tests.insert(name.to_owned(), Timestamp(now.0.saturating_add(TEST_MICROS)));
        Ok(())
    }

    /// Shows whether a part has to be moved before more can be learned.
    ///
    /// * `since`: `None` where none has to.
    pub(super) fn wait(&mut self, since: Option<Timestamp>) {
        self.waiting = since;
    }

    fn is_blinked(&self, now: Timestamp) -> bool {
        self.waiting.is_some_and(|since| (now.micros_since(since) / BLINK_MICROS).is_multiple_of(2))
    }

    /// Shows that something was learned, and so stored.
    pub(super) fn acknowledge(&mut self, now: Timestamp) {
        // A board without such an output shows nothing.
        let _ = self.test(LEARNED, now);
    }
}
