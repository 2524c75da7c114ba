//! Whether the inference thread hangs, as the thread of the outputs sees it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::image::frame::Timestamp;

/// Where a thread says that it goes on, and when it will say so again.
///
/// The upper half counts what it said, the lower half is its patience in milliseconds.
#[derive(Debug)]
pub(super) struct Heartbeat(AtomicU64);

impl Default for Heartbeat {
    /// Nothing was heard yet, and nothing is expected.
    fn default() -> Heartbeat {
        Heartbeat(AtomicU64::new(u32::MAX.into()))
    }
}

impl Heartbeat {
    /// It goes on, and will be heard of again within `time`.
    ///
    /// * one thread alone calls it.
    pub(super) fn within(&self, time: Duration) {
        let count = (self.0.load(Ordering::SeqCst) >> 32) as u32;
        let patience = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        let said = u64::from(count.wrapping_add(1)) << 32 | u64::from(patience);
        self.0.store(said, Ordering::SeqCst);
    }
}

/// Who looks at a heartbeat.
///
/// Its time is that in which it was let run itself: while a process is suspended, or a machine is too busy, nothing
/// can be heard.
#[derive(Debug, Default)]
pub(super) struct Watchdog {
    said: u64,
    /// Microseconds until it counts as hung.
    left: u64,
    looked: Timestamp,
}

impl Watchdog {
    /// Looks.
    ///
    /// * `longest`: between two looks, of a watchdog that nothing holds up.
    /// * returns whether who beats is later than it said.
    pub(super) fn is_late(&mut self, beat: &Heartbeat, now: Timestamp, longest: Duration) -> bool {
        let said = beat.0.load(Ordering::SeqCst);
        let passed = now.micros_since(self.looked).min(longest.as_micros() as u64);
        self.looked = now;
        if said != self.said {
            (self.said, self.left) = (said, 1000 * u64::from(said as u32));
            return false;
        }
        self.left = self.left.saturating_sub(passed);
        self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Duration = Duration::from_millis(100);

    /// Looks every 100 ms, from `from` to `to`, in milliseconds.
    fn looks(watchdog: &mut Watchdog, beat: &Heartbeat, from: u64, to: u64) -> Option<u64> {
        (from..=to).step_by(100).find(|&at| watchdog.is_late(beat, Timestamp(1000 * at), LOOK))
    }

    #[test]
    fn who_is_not_heard_in_time_is_late() {
        let (beat, mut watchdog) = (Heartbeat::default(), Watchdog::default());
        assert_eq!(looks(&mut watchdog, &beat, 0, 100_000), None);
        beat.within(Duration::from_secs(1));
        assert_eq!(looks(&mut watchdog, &beat, 100_100, 110_000), Some(101_100));
        beat.within(Duration::from_secs(1));
        assert_eq!(looks(&mut watchdog, &beat, 111_000, 111_900), None);
        beat.within(Duration::from_secs(1));
        assert_eq!(looks(&mut watchdog, &beat, 112_000, 114_000), Some(113_000));
    }

    /// Wherever it was suspended: what was said may be as old as the suspension.
    #[test]
    fn time_in_which_nothing_ran_is_not_counted() {
        let (beat, mut watchdog) = (Heartbeat::default(), Watchdog::default());
        beat.within(Duration::from_secs(1));
        assert_eq!(looks(&mut watchdog, &beat, 0, 900), None);
        assert_eq!(looks(&mut watchdog, &beat, 60_000, 60_000), Some(60_000));
        beat.within(Duration::from_secs(1));
        assert_eq!(looks(&mut watchdog, &beat, 60_100, 60_600), None);
        // A minute later: of what was left, 100 ms have passed.
        assert_eq!(looks(&mut watchdog, &beat, 120_600, 121_500), Some(121_000));
    }
}
