//! The lock of a port, and how often a PIN may be tried. Time is an argument.

use crate::image::frame::Timestamp;

/// What the first wrong PIN costs.
const FIRST_DELAY_MICROS: u64 = 1_000_000;

/// What a wrong PIN costs at most.
const LONGEST_DELAY_MICROS: u64 = 300_000_000;

/// Wrong PINs in a row, for all ports of a device: each doubles the time until the next PIN is looked at.
#[derive(Debug, Default)]
pub struct PinLockout {
    wrong: u32,
    free_at: Timestamp,
    refused: bool,
}

/// No PIN is looked at for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Microseconds, above 0.
    pub micros: u64,
    /// Whether it is the first try that was refused since the last PIN that was looked at.
    pub is_first: bool,
}

impl PinLockout {
    /// A PIN is tried. The try counts as wrong until [`PinLockout::right`] says otherwise, so that two ports
    /// cannot try at once.
    ///
    /// # Errors
    /// [`Wait`]; then the PIN must not be looked at.
    pub fn begin(&mut self, now: Timestamp) -> Result<(), Wait> {
        // A clock that was set back must not lock anybody out for longer than a wrong PIN can.
        self.free_at = self.free_at.min(Timestamp(now.0.saturating_add(LONGEST_DELAY_MICROS)));
        let micros = self.free_at.micros_since(now);
        if micros > 0 {
            let is_first = !std::mem::replace(&mut self.refused, true);
            return Err(Wait { micros, is_first });
        }
        self.wrong = self.wrong.saturating_add(1);
        self.refused = false;
        self.wait_from(now);
        Ok(())
    }

    /// The PIN was right.
    pub fn right(&mut self) {
        *self = Self::default();
    }

    /// The PIN was wrong, as is known from now on.
    ///
    /// * returns how many were wrong in a row, and the microseconds until the next one is looked at.
    pub fn wrong(&mut self, now: Timestamp) -> (u32, u64) {
        (self.wrong, self.wait_from(now))
    }

    fn wait_from(&mut self, now: Timestamp) -> u64 {
        // 2^9 seconds are more than the longest already.
        let doublings = self.wrong.saturating_sub(1).min(9);
        let micros = (FIRST_DELAY_MICROS << doublings).min(LONGEST_DELAY_MICROS);
        self.free_at = Timestamp(now.0.saturating_add(micros));
        micros
    }
}

/// Whether the PIN was given at a port, and is still good.
#[derive(Debug)]
pub struct PortLock {
    relock_micros: u64,
    /// When it locks by itself; `None` while it is locked.
    open_until: Option<Timestamp>,
}

impl PortLock {
    /// Locked.
    ///
    /// * `relock_micros`: without a request for so long it locks by itself.
    pub fn new(relock_micros: u64) -> Self {
        Self { relock_micros, open_until: None }
    }

    /// The PIN was given.
    pub fn unlock(&mut self, now: Timestamp) {
        self.open_until = Some(Timestamp(now.0.saturating_add(self.relock_micros)));
    }

    /// Locks it.
    ///
    /// * returns whether it was unlocked.
    pub fn lock(&mut self) -> bool {
        self.open_until.take().is_some()
    }

    /// Locks it if its time is over.
    ///
    /// * returns whether it was unlocked until then.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        self.open_until.take_if(|until| *until <= now).is_some()
    }

    /// A request came, or has been answered: the time restarts.
    pub fn used(&mut self, now: Timestamp) {
        if self.open_until.is_some() {
            self.unlock(now);
        }
    }

    /// Whether the PIN was given.
    pub fn is_unlocked(&self) -> bool {
        self.open_until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn wrong_pins_double_the_delay_until_the_right_one() {
        let mut tries = PinLockout::default();
        let mut now = Timestamp(7 * SECOND);
        for (number, seconds) in (1..).zip([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]) {
            assert_eq!(tries.begin(now), Ok(()), "try {number}");
            assert_eq!(tries.wrong(now), (number, seconds * SECOND));
            for (is_first, passed) in [(true, 0), (false, seconds * SECOND - 1)] {
                let micros = seconds * SECOND - passed;
                let soon = Timestamp(now.0 + passed);
                assert_eq!(tries.begin(soon), Err(Wait { micros, is_first }), "try {number}");
            }
            now = Timestamp(now.0 + seconds * SECOND);
        }
        assert_eq!(tries.begin(now), Ok(()));
        tries.right();
        assert_eq!((tries.begin(now), tries.wrong(now)), (Ok(()), (1, SECOND)));
    }

    #[test]
    fn while_a_pin_is_being_looked_at_no_other_is() {
        let mut tries = PinLockout::default();
        assert_eq!(tries.begin(Timestamp(5)), Ok(()));
        let wait = tries.begin(Timestamp(6)).expect_err("the first is not known to be right");
        assert_eq!(wait.micros, SECOND - 1);
    }

    #[test]
    fn a_clock_set_back_delays_pins_by_5_minutes() {
        let mut tries = PinLockout::default();
        tries.begin(Timestamp(1_000_000 * SECOND)).expect("the first");
        let wait = tries.begin(Timestamp(0)).expect_err("it was wrong");
        assert_eq!(wait.micros, 300 * SECOND);
        assert_eq!(tries.begin(Timestamp(300 * SECOND)), Ok(()));
    }

    #[test]
    fn a_port_locks_by_itself_when_it_is_not_used() {
        let mut lock = PortLock::new(10 * SECOND);
        lock.used(Timestamp(0));
        assert!(!lock.is_unlocked(), "to be used unlocks nothing");
        lock.unlock(Timestamp(0));
        assert!(!lock.expire(Timestamp(10 * SECOND - 1)) && lock.is_unlocked());
        lock.used(Timestamp(5 * SECOND));
        assert!(!lock.expire(Timestamp(15 * SECOND - 1)) && lock.is_unlocked());
        assert!(lock.expire(Timestamp(15 * SECOND)) && !lock.is_unlocked());
        assert!(!lock.expire(Timestamp(16 * SECOND)) && !lock.lock());
        lock.unlock(Timestamp(20 * SECOND));
        assert!(lock.lock() && !lock.is_unlocked());
    }
}
