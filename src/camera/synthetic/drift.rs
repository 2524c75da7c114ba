//! Light that is not locked: exposure and colours that wander, as those of a camera do that follows its light.

use crate::camera::{Adaptive, CameraLocks};
use crate::image::frame::Timestamp;

/// A full turn of what wanders, in microseconds.
const TURN_MICROS: u64 = 20_000_000;

/// The largest share by which brightness and the balance of red and blue are off.
const EXPOSURE: f32 = 0.35;
const BALANCE: f32 = 0.2;

/// How far exposure and white balance have wandered. Locked, each stays where it is.
#[derive(Debug, Default)]
pub(super) struct Drift {
    latest: Option<Timestamp>,
    /// Microseconds that each was not locked.
    wandered: [u64; 2],
}

impl Drift {
    /// A frame's pixels as far as both have wandered until then; `None` where they are as they were.
    ///
    /// * `pixels`: RGB8.
    pub(super) fn apply(
        &mut self,
        locks: &CameraLocks,
        now: Timestamp,
        pixels: &[u8],
    ) -> Option<Vec<u8>> {
        let passed = self.latest.map_or(0, |latest| now.micros_since(latest));
        self.latest = Some(now);
        for which in Adaptive::ALL {
            if locks.is_locked(which) == Some(false) {
                self.wandered[which as usize] += passed;
            }
        }
        let off = |which: Adaptive| {
            let turn = (self.wandered[which as usize] % TURN_MICROS) as f32 / TURN_MICROS as f32;
            (turn * std::f32::consts::TAU).sin()
        };
        let exposure = 1.0 + EXPOSURE * off(Adaptive::Exposure);
        let balance = BALANCE * off(Adaptive::WhiteBalance);
        let gains = [exposure * (1.0 + balance), exposure, exposure * (1.0 - balance)];
        if gains == [1.0; 3] {
            return None;
        }
        let table = |gain: f32| -> Vec<u8> {
            (0..=255u8).map(|value| (f32::from(value) * gain).round() as u8).collect()
        };
        let tables = gains.map(table);
        let spoilt = pixels.iter().zip(tables.iter().cycle());
        Some(spoilt.map(|(&value, table)| table[usize::from(value)]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_locked_stays_and_what_is_not_wanders() {
        let mut drift = Drift::default();
        let locks = CameraLocks::both(true);
        let mut at = |locks: &CameraLocks, seconds: u64| {
            let spoilt = drift.apply(locks, Timestamp(seconds * 1_000_000), &[100; 3]);
            spoilt.map_or([100; 3], |pixel| pixel.try_into().expect("one pixel"))
        };
        assert_eq!((at(&locks, 0), at(&locks, 7)), ([100; 3], [100; 3]));
        locks.ask(Adaptive::Exposure, false);
        let bright = at(&locks, 12);
        assert_eq!(bright, [135; 3], "a quarter of a turn");
        locks.ask(Adaptive::Exposure, true);
        assert_eq!(at(&locks, 20), bright, "it stays where it is");
        locks.ask(Adaptive::WhiteBalance, false);
        let [red, green, blue] = at(&locks, 25);
        assert!(red > green && green == 135 && blue < green, "{red} {green} {blue}");
    }
}
