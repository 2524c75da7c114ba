//! An inbox whose backbone becomes another one.

use std::sync::Arc;

use super::RegionInbox;
use crate::backbone::Fingerprint;
use crate::learn::examples::StoredFeature;
use crate::store::inbox::InboxEntry;

impl RegionInbox {
    /// The backbone is another one now.
    ///
    /// * `look`: the feature that it gives for an image; a frame for which it gives none leaves.
    pub(in crate::device::controller) fn look_again(
        &mut self,
        backbone: Option<Fingerprint>,
        mut look: impl FnMut(&InboxEntry) -> Option<StoredFeature>,
    ) {
        (self.backbone, self.burst) = (backbone, None);
        let mut again = |entry: Arc<InboxEntry>| {
            let feature = look(&entry)?;
            Some(Arc::new(InboxEntry { feature, ..Arc::unwrap_or_clone(entry) }))
        };
        for (_, entries) in &mut self.taught {
            *entries = std::mem::take(entries).into_iter().filter_map(&mut again).collect();
        }
        for kept in std::mem::take(&mut self.kept) {
            again(kept.entry).into_iter().for_each(|entry| self.insert(entry));
        }
        self.publish();
    }
}
