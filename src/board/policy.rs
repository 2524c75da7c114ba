//! What each named output does and until when, and what a button asks for.
//!
//! A [`Policy`](crate::board::policy::Policy) says it once; [`Actions`](crate::board::policy::Actions) turns verdicts
//! into levels of outputs, [`Buttons`](crate::board::policy::Buttons) edges of inputs into events. Both are functions
//! of its arguments and its times. A level is "on" or "off"; which voltage that is, the board knows.

mod buttons;
mod combine;
mod definition;
mod untaught;

pub use buttons::{ButtonEvent, Buttons, Timing};
pub use combine::{Combine, RegionPrediction};
pub use definition::{Action, ButtonAction, Effect, MAX_MS, Policy, PolicyError, Role, When};

pub use untaught::{Taught, Untaught, untaught_in_words};

use std::collections::{BTreeMap, VecDeque};

use combine::Votes;

use crate::image::frame::Timestamp;

/// Half a beat of the heartbeat.
const BEAT_MICROS: u64 = 500_000;

/// The levels of outputs over time.
#[derive(Debug, Clone)]
pub struct Actions {
    policy: Policy,
    states: Vec<State>,
    heartbeat: Option<Heartbeat>,
    /// When a part came into place for which no frame was classified yet.
    part: Option<Timestamp>,
    missed: u64,
}

/// How one action stands.
#[derive(Debug, Clone, Default)]
struct State {
    /// Holding and blinking: since when.
    since: Option<Timestamp>,
    /// Pulses: starts of those that are under way or to come, which are never more than delay / gap + 1.
    starts: VecDeque<Timestamp>,
    /// Pulses: the latest start.
    last: Option<Timestamp>,
    /// What its regions said last.
    votes: Votes,
}

#[derive(Debug, Clone)]
struct Heartbeat {
    output: String,
    on: bool,
    changed: Option<Timestamp>,
}

impl Actions {
    /// Everything is off.
    ///
    /// * `heartbeat`: the output that shows that frames are being classified.
    pub fn new(policy: Policy, heartbeat: Option<&str>) -> Self {
        let states = vec![State::default(); policy.actions().len()];
        let heartbeat = heartbeat.map(|output| Heartbeat {
            output: output.to_owned(),
            on: false,
            changed: None,
        });
        Self { policy, states, heartbeat, part: None, missed: 0 }
    }

    /// Follows another policy: what the one before had switched on is off until the next verdict.
    pub fn follow(&mut self, policy: Policy) {
        self.states = vec![State::default(); policy.actions().len()];
        self.policy = policy;
        self.part = None;
    }

    /// What it follows.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// A verdict begins to count, of whose class its region is sure, see [`Actions::predicted`].
    pub fn verdict(
        &mut self,
        region: Option<&str>,
        class: Option<&str>,
        captured: Timestamp,
        now: Timestamp,
    ) {
        let likely = class.map(|class| (class, 1.0));
        let likely = likely.as_slice();
        self.predicted(&RegionPrediction { region, class, likely }, captured, now);
    }

    /// A verdict begins to count.
    ///
    /// * `captured`: when the frame was taken, not after `now`: delays count from here, however long classifying took.
    pub fn predicted(
        &mut self,
        prediction: &RegionPrediction<'_>,
        captured: Timestamp,
        now: Timestamp,
    ) {
        for (action, state) in self.policy.actions().iter().zip(&mut self.states) {
            if !action.follows(prediction.region) || action.is_for_drift() {
                continue;
            }
            let applies = match action.combine {
                Combine::Any => self.policy.applies(action, prediction.class),
                Combine::All | Combine::Weighted => {
                    state.votes.cast(&self.policy, action, prediction);
                    state.votes.decide(action)
                }
            };
            let Effect::Pulse { .. } = action.effect else {
                state.since = applies.then(|| state.since.unwrap_or(now));
                continue;
            };
            if applies && state.give_pulse(action, captured, now) {
                self.missed += 1;
            }
        }
    }

    /// Whether frames of a region look as they were taught: to be called with each of its verdicts.
    ///
    /// * `region`: as with [`Actions::verdict`].
    pub fn drift(&mut self, region: Option<&str>, drifts: bool, now: Timestamp) {
        for (action, state) in self.policy.actions().iter().zip(&mut self.states) {
            if !action.follows(region) || !action.is_for_drift() {
                continue;
            }
            let begins = drifts && state.since.is_none();
            state.since = drifts.then(|| state.since.unwrap_or(now));
            if begins {
                state.give_pulse(action, now, now);
            }
        }
    }

    /// There is no verdict any more, as when the camera is lost: what lasts with a verdict ends. Pulses for parts that
    /// were classified before still come.
    ///
    /// * `region`: the one that has none; all if `None`.
    pub fn lapse(&mut self, region: Option<&str>) {
        for (action, state) in self.policy.actions().iter().zip(&mut self.states) {
            if !action.follows(region) {
                continue;
            }
            state.votes.withdraw(region);
            // What the others said may be enough.
            state.since = state.since.filter(|_| state.votes.decide(action));
        }
    }

    /// A part came into place.
    pub fn trigger(&mut self, at: Timestamp) {
        self.part = Some(at);
    }

    /// Whether a frame is to be classified: any, or with a trigger the first taken since a part came into place.
    /// Asking uses the part up.
    pub fn admits(&mut self, captured: Timestamp) -> bool {
        !self.policy.is_triggered() || self.part.take_if(|at| captured >= *at).is_some()
    }

    /// Inference is alive: to be called for every frame that went through it. The heartbeat's output changes at these
    /// calls only, at most twice a second, so it stands still when they stop.
    pub fn heartbeat(&mut self, now: Timestamp) {
        let Some(beat) = &mut self.heartbeat else { return };
        if beat.changed.is_none_or(|changed| now.micros_since(changed) >= BEAT_MICROS) {
            beat.on = !beat.on;
            beat.changed = Some(now);
        }
    }

    /// Every output that the policy or the heartbeat has, and whether it is on.
    pub fn levels(&self, now: Timestamp) -> BTreeMap<&str, bool> {
        let mut levels = BTreeMap::new();
        for (action, state) in self.policy.actions().iter().zip(&self.states) {
            *levels.entry(action.output.as_str()).or_insert(false) |= state.is_on(action, now);
        }
        if let Some(beat) = &self.heartbeat {
            *levels.entry(beat.output.as_str()).or_insert(false) |= beat.on;
        }
        levels
    }

    /// The earliest time after `now` at which a level changes if nothing else happens.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let actions = self.policy.actions().iter().zip(&self.states);
        actions.filter_map(|(action, state)| state.next_change(action, now)).min()
    }

    /// Pulses that could not be given because their verdict came after their end.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

impl State {
    /// Gives a pulse, unless it is one of the part before, or would be over already.
    ///
    /// * returns whether it would be over: it is missed.
    fn give_pulse(&mut self, action: &Action, captured: Timestamp, now: Timestamp) -> bool {
        let Effect::Pulse { ms, delay_ms, gap_ms } = action.effect else { return false };
        self.starts.retain(|&start| after(start, ms) > now);
        let start = delay_ms.map_or(now, |delay| after(captured.min(now), delay));
        if self.last.is_some_and(|last| start < after(last, gap_ms)) {
            return false;
        }
        self.last = Some(start);
        let is_over = after(start, ms) <= now;
        if !is_over {
            self.starts.push_back(start);
        }
        is_over
    }

    fn is_on(&self, action: &Action, now: Timestamp) -> bool {
        match action.effect {
            Effect::Hold => self.since.is_some(),
            Effect::Blink { on_ms, off_ms } => self.since.is_some_and(|since| {
                now.micros_since(since) % (micros(on_ms) + micros(off_ms)) < micros(on_ms)
            }),
            Effect::Pulse { ms, .. } => {
                self.starts.iter().any(|&start| start <= now && now < after(start, ms))
            }
        }
    }

    fn next_change(&self, action: &Action, now: Timestamp) -> Option<Timestamp> {
        match action.effect {
            Effect::Hold => None,
            Effect::Blink { on_ms, off_ms } => self.since.map(|since| {
                let (on, period) = (micros(on_ms), micros(on_ms) + micros(off_ms));
                let phase = now.micros_since(since) % period;
                let left = if phase < on { on - phase } else { period - phase };
                Timestamp(now.0.saturating_add(left))
            }),
            Effect::Pulse { ms, .. } => {
                let ends = self.starts.iter().flat_map(|&start| [start, after(start, ms)]);
                ends.filter(|&end| end > now).min()
            }
        }
    }
}

fn micros(ms: u32) -> u64 {
    u64::from(ms) * 1000
}

fn after(time: Timestamp, ms: u32) -> Timestamp {
    Timestamp(time.0.saturating_add(micros(ms)))
}
