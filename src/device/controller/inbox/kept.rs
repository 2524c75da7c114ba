//! A frame of the inbox, as it is compared with the others.

use std::sync::Arc;

use crate::learn::linalg::{dot, widened_halves};
use crate::store::inbox::{InboxEntry, InboxReason};

/// A frame, as it is compared with others.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) entry: Arc<InboxEntry>,
    /// `[dim]`, of length one.
    pub(super) unit: Vec<f32>,
    /// The nearest other one that is no sample, and how far it is.
    pub(super) nearest: Option<(u64, f32)>,
}

impl Kept {
    pub(super) fn new(entry: Arc<InboxEntry>) -> Self {
        let mut unit = widened_halves(&entry.feature);
        let length = dot(&unit, &unit).sqrt();
        if length > 0.0 {
            unit.iter_mut().for_each(|value| *value /= length);
        }
        Self { entry, unit, nearest: None }
    }

    pub(super) fn bytes(&self) -> usize {
        self.entry.image.len() + 6 * self.unit.len() + size_of::<InboxEntry>()
    }

    pub(super) fn is_sample(&self) -> bool {
        self.entry.reason == InboxReason::Sample
    }

    pub(super) fn distance(&self, other: &Kept) -> f32 {
        // Features of two backbones say nothing of each other.
        if self.unit.len() != other.unit.len() {
            return 1.0;
        }
        (1.0f32 - dot(&self.unit, &other.unit)).max(0.0)
    }

    /// Between classes it is less than 1, beyond them more.
    pub(super) fn doubt(&self) -> f32 {
        match self.entry.class {
            None => unknown_doubt(self.entry.novelty),
            Some(_) => 1.0 - self.entry.confidence,
        }
    }
}

/// More than of any class that is predicted.
pub(super) fn unknown_doubt(novelty: f32) -> f32 {
    1.0 + novelty.clamp(0.0, 10.0) / 10.0
}

/// Takes note of another one, where it is nearer.
pub(super) fn closer(nearest: &mut Option<(u64, f32)>, id: u64, distance: f32) {
    if nearest.is_none_or(|(_, known)| distance < known) {
        *nearest = Some((id, distance));
    }
}
