//! An inbox whose backbone becomes another one: its frames are looked at again, one after another, or when they are taught.

use std::sync::Arc;

use super::RegionInbox;
use crate::backbone::{FeatureSource, Fingerprint};
use crate::device::controller::{Station, ViewLearner};
use crate::image::frame::Timestamp;
use crate::image::picture;
use crate::learn::examples::{StoredFeature, narrowed};
use crate::store::Store;
use crate::store::inbox::InboxEntry;

/// Between two frames that are looked at again.
const PACE_MICROS: u64 = 1_000_000;

impl RegionInbox {
    /// The backbone is another one now; frames keep the features that they have until they are looked at again.
    pub(in crate::device::controller) fn backbone_changed(
        &mut self,
        backbone: Option<Fingerprint>,
    ) {
        self.backbone = backbone;
        self.streams.clear();
        self.publish();
    }

    /// A frame whose feature is of another backbone.
    ///
    /// * `dim`: length of this one's.
    fn stale(&self, dim: usize) -> Option<Arc<InboxEntry>> {
        self.entries().find(|entry| entry.feature.len() != dim).cloned()
    }

    /// * `feature`: where there is none, the frame leaves.
    fn renew(&mut self, entry: &Arc<InboxEntry>, feature: Option<StoredFeature>) {
        let place = self.kept.iter().position(|kept| kept.entry.id == entry.id);
        place.into_iter().for_each(|place| self.remove(place));
        if let Some(feature) = feature {
            self.insert(Arc::new(InboxEntry { feature, ..InboxEntry::clone(entry) }));
        }
        self.publish();
    }
}

impl<S: FeatureSource, K: Store> ViewLearner<S, K> {
    /// Looks at a frame of the inbox again, where its feature is of another backbone.
    pub(in crate::device::controller) fn look_again(&mut self, entry: &Arc<InboxEntry>) {
        if entry.feature.len() == self.learner().dim() {
            return;
        }
        let engine = self.persistent.get_mut();
        let frame = picture::decode(&entry.image, "the image", entry.at).ok();
        let feature = frame.and_then(|frame| engine.feature_of_whole(&frame).ok());
        self.inbox.renew(entry, feature.map(|feature| narrowed(&feature)));
    }
}

impl<S: FeatureSource, K: Store> Station<S, K> {
    /// Looks at one frame of an inbox again, now and then, so that none that comes waits long.
    pub(in crate::device::controller) fn look_again(&mut self, now: Timestamp) {
        if now < self.next_look {
            return;
        }
        let stale = self.learners.iter_mut().find_map(|learned| {
            let stale = learned.inbox.stale(learned.learner().dim());
            stale.map(|stale| (learned, stale))
        });
        if let Some((learned, stale)) = stale {
            learned.look_again(&stale);
            self.next_look = Timestamp(now.0.saturating_add(PACE_MICROS));
        }
    }
}
