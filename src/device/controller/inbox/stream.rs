//! What comes from one of the views whose frames an inbox keeps.

use super::{BURST_GAP, BurstOfDoubt};
use crate::image::frame::Timestamp;

/// What comes from one view.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) burst: Option<BurstOfDoubt>,
    /// When the policy last rejected, and how many parts so far.
    rejected: (Option<Timestamp>, u32),
}

impl Stream {
    /// Whether a part that is rejected is one of every so many.
    pub(super) fn is_sampled(&mut self, every: u32, now: Timestamp) -> bool {
        let (last, parts) = &mut self.rejected;
        let is_same = last.is_some_and(|last| now.micros_since(last) <= BURST_GAP);
        *last = Some(now);
        if is_same {
            return false;
        }
        *parts = parts.wrapping_add(1);
        parts.is_multiple_of(every)
    }
}
