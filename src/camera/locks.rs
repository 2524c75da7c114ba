//! What of a camera follows the light, locked and let go from elsewhere while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// What a camera adapts to the light. Locked, it stays as it is: what was taught looks the same tomorrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adaptive {
    /// Exposure time and gain.
    Exposure,
    /// The balance of colours.
    WhiteBalance,
}

impl Adaptive {
    /// Both.
    pub const ALL: [Adaptive; 2] = [Adaptive::Exposure, Adaptive::WhiteBalance];

    /// Its name as a setting.
    pub fn name(self) -> &'static str {
        match self {
            Adaptive::Exposure => "exposure",
            Adaptive::WhiteBalance => "white-balance",
        }
    }
}

const ABSENT: u8 = 0;
const AUTOMATIC: u8 = 1;
const LOCKED: u8 = 2;

/// Whether a camera's exposure and white balance are to be locked, and which of them it has.
#[derive(Debug, Clone, Default)]
pub struct CameraLocks(Arc<[AtomicU8; 2]>);

impl CameraLocks {
    /// A camera that has both.
    pub fn both(locked: bool) -> Self {
        let locks = Self::default();
        Adaptive::ALL.into_iter().for_each(|which| locks.put(which, Some(locked)));
        locks
    }

    fn place(&self, which: Adaptive) -> &AtomicU8 {
        &self.0[which as usize]
    }

    /// Whether it is, or is about to be, locked; `None` where the camera cannot be asked for it.
    pub fn is_locked(&self, which: Adaptive) -> Option<bool> {
        match self.place(which).load(Ordering::SeqCst) {
            ABSENT => None,
            state => Some(state == LOCKED),
        }
    }

    /// Asks the camera to lock it or to let it go, from the next frame on.
    ///
    /// * returns whether the camera can be asked.
    pub fn ask(&self, which: Adaptive, locked: bool) -> bool {
        let state = if locked { LOCKED } else { AUTOMATIC };
        let known = |now| (now != ABSENT).then_some(state);
        self.place(which).fetch_update(Ordering::SeqCst, Ordering::SeqCst, known).is_ok()
    }

    /// How it is; `None` where it cannot be locked.
    pub(super) fn put(&self, which: Adaptive, locked: Option<bool>) {
        let state = locked.map_or(ABSENT, |locked| if locked { LOCKED } else { AUTOMATIC });
        self.place(which).store(state, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_camera_has_can_be_asked_for() {
        let locks = CameraLocks::default();
        assert!(!locks.ask(Adaptive::Exposure, true));
        assert_eq!(locks.is_locked(Adaptive::Exposure), None);
        locks.put(Adaptive::WhiteBalance, Some(true));
        assert!(locks.clone().ask(Adaptive::WhiteBalance, false));
        assert_eq!(locks.is_locked(Adaptive::WhiteBalance), Some(false));
        assert_eq!(locks.is_locked(Adaptive::Exposure), None);
    }
}
