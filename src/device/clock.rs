//! The time, for the rooms around the data plane, which takes it as an argument.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::image::frame::Timestamp;

/// Microseconds since 1970 as they were known when the clock was made, and counted from there: it never runs backwards,
/// whatever is done to the system's time. Durations are taken from it. Dates are the system's: a board without a battery
/// learns the time after the start.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    since_1970: Duration,
}

impl Clock {
    /// Set to the system's time.
    pub fn new() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), since_1970 }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        Timestamp((self.since_1970 + self.started.elapsed()).as_micros() as u64)
    }

    /// The date and time as the system knows them now.
    pub fn date(&self) -> Timestamp {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(since_1970.as_micros() as u64)
    }

    /// How long ago it was made.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// How long it is until then; nothing for the past.
    pub fn until(&self, time: Timestamp) -> Duration {
        Duration::from_micros(time.micros_since(self.now()))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
