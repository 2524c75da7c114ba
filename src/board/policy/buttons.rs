//! Edges of inputs to button events: debounced, short and long presses distinguished.

use std::collections::BTreeMap;

use super::{ButtonAction, Policy, Role, micros};
use crate::image::frame::Timestamp;
use crate::learn::learner::ClassName;

/// What a button asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ButtonEvent {
    /// The button is down: an example of a class, at once.
    Teach {
        /// The class.
        class: ClassName,
        /// The region that learns it; the only one if `None`.
        region: Option<String>,
    },
    /// It is held: one more example, of another look.
    TeachMore {
        /// The class.
        class: ClassName,
        /// The region that learns it; the only one if `None`.
        region: Option<String>,
    },
    /// It is up again: what this press taught is complete.
    TeachEnd {
        /// The class.
        class: ClassName,
        /// The region that learns it; the only one if `None`.
        region: Option<String>,
    },
    /// Something to do.
    Do {
        /// What.
        action: ButtonAction,
        /// The region it is about; the only one if `None`.
        region: Option<String>,
    },
    /// A part came into place.
    Trigger {
        /// When its edge came.
        at: Timestamp,
    },
}

/// How a button behaves in time; the board knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Microseconds that a level has to last to count.
    pub debounce_micros: u64,
    /// Microseconds after which a press is a long one.
    pub long_micros: u64,
}

impl Default for Timing {
    /// 20 and 800 milliseconds.
    fn default() -> Self {
        Self { debounce_micros: 20_000, long_micros: 800_000 }
    }
}

/// All buttons that a policy gives a role.
#[derive(Debug, Clone)]
pub struct Buttons {
    buttons: BTreeMap<String, Button>,
}

#[derive(Debug, Clone)]
struct Button {
    role: Role,
    timing: Timing,
    /// The level that lasted.
    pressed: bool,
    /// Since when the level is the other one.
    other_since: Option<Timestamp>,
    /// While pressed: when the long press, or the burst's next example, is due.
    due: Option<Timestamp>,
}

impl Buttons {
    /// All buttons are up.
    ///
    /// * `timings`: by name; the default where one is missing.
    pub fn new(policy: &Policy, timings: &BTreeMap<String, Timing>) -> Self {
        let button = |(name, role): (&String, &Role)| {
            let timing = timings.get(name).copied().unwrap_or_default();
            let role = role.clone();
            let button = Button { role, timing, pressed: false, other_since: None, due: None };
            (name.clone(), button)
        };
        Self { buttons: policy.roles().iter().map(button).collect() }
    }

    /// An edge came; so did the time `now`, as with [`Buttons::tick`]. An input without a role means nothing.
    pub fn edge(&mut self, name: &str, pressed: bool, now: Timestamp) -> Vec<ButtonEvent> {
        let mut events = self.tick(now);
        if let Some(button) = self.buttons.get_mut(name) {
            button.other_since =
                (pressed != button.pressed).then(|| button.other_since.unwrap_or(now));
            button.tick(now, &mut events);
        }
        events
    }

    /// The time is `now`. A late call loses no press, but a burst does not catch up on the examples it missed.
    pub fn tick(&mut self, now: Timestamp) -> Vec<ButtonEvent> {
        let mut events = Vec::new();
        for button in self.buttons.values_mut() {
            button.tick(now, &mut events);
        }
        events
    }

    /// When [`Buttons::tick`] has to be called next, if no edge comes before.
    pub fn next_tick(&self) -> Option<Timestamp> {
        // While a release is pending, it decides whether what is due comes at all.
        let time = |button: &Button| button.settled().or(button.due);
        self.buttons.values().filter_map(time).min()
    }
}

impl Button {
    /// When the level that is pending has lasted long enough.
    fn settled(&self) -> Option<Timestamp> {
        let lasted = |since: Timestamp| since.0.saturating_add(self.timing.debounce_micros);
        self.other_since.map(|since| Timestamp(lasted(since)))
    }

    fn tick(&mut self, now: Timestamp, events: &mut Vec<ButtonEvent>) {
        // A long press that is due while the button may be up already has to wait until that is settled.
        let held_until = self.other_since.unwrap_or(now);
        if self.pressed && self.due.is_some_and(|due| due <= held_until) {
            self.held(now, events);
        }
        if self.settled().is_some_and(|settled| settled <= now) {
            let since = self.other_since.take().expect("it settled");
            self.pressed = !self.pressed;
            if self.pressed {
                self.down(since, events);
                if self.due.is_some_and(|due| due <= now) {
                    self.held(now, events);
                }
            } else {
                self.up(events);
            }
        }
    }

    fn down(&mut self, since: Timestamp, events: &mut Vec<ButtonEvent>) {
        let long = Some(Timestamp(since.0.saturating_add(self.timing.long_micros)));
        match &self.role {
            Role::Teach { class, region, .. } => {
                events.push(ButtonEvent::Teach { class: class.clone(), region: region.clone() });
                self.due = long;
            }
            Role::Press { short, long: None, region } => events.extend(event_of(*short, region)),
            Role::Press { long: Some(_), .. } => self.due = long,
            Role::Trigger => events.push(ButtonEvent::Trigger { at: since }),
        }
    }

    fn held(&mut self, now: Timestamp, events: &mut Vec<ButtonEvent>) {
        self.due = None;
        match &self.role {
            Role::Teach { class, region, burst_ms } => {
                events
                    .push(ButtonEvent::TeachMore { class: class.clone(), region: region.clone() });
                self.due = Some(Timestamp(now.0.saturating_add(micros(*burst_ms))));
            }
            Role::Press { long, region, .. } => events.extend(event_of(*long, region)),
            Role::Trigger => {}
        }
    }

    fn up(&mut self, events: &mut Vec<ButtonEvent>) {
        let was_short = self.due.take().is_some();
        match &self.role {
            Role::Teach { class, region, .. } => {
                events.push(ButtonEvent::TeachEnd { class: class.clone(), region: region.clone() });
            }
            Role::Press { short, region, .. } if was_short => {
                events.extend(event_of(*short, region))
            }
            Role::Press { .. } | Role::Trigger => {}
        }
    }
}

fn event_of(action: Option<ButtonAction>, region: &Option<String>) -> Option<ButtonEvent> {
    action.map(|action| ButtonEvent::Do { action, region: region.clone() })
}
