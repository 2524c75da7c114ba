//! Frames that wait for a person: what was unknown, unlike everything taught, or predicted with little confidence, and,
//! where that is asked for, every so many of the rejects.
//!
//! It holds frames that say something new. Of frames that follow each other closely the one with most doubt is kept; one
//! that differs from a frame in the inbox, or from an example, by no more than frames do in which nothing moves is not
//! added. Where it is full, the more certain of the two that are most alike leaves, or the most certain of all where no
//! two are. Nothing is added before something was taught.

mod again;
mod kept;
mod shared;
mod stream;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use kept::{Kept, closer, unknown_doubt};
pub use shared::{InboxChange, SharedInbox};
use stream::Stream;

use super::history::Past;
use crate::backbone::Fingerprint;
use crate::board::InboxSettings;
use crate::image::frame::{FrameKind, Timestamp};
use crate::image::picture;
use crate::learn::examples::StoredFeature;
use crate::learn::head::ExampleId;
use crate::learn::learner::Learner;
use crate::store::inbox::{InboxContent, InboxEntry, InboxReason};

/// Below that confidence a prediction counts as unsure.
const UNSURE: f32 = 0.8;

/// Frames that lie no farther apart are one look, however much the camera jitters: less than a turn by 5 degrees makes.
const LOOK: f32 = 0.01;

/// Of frames that lie no farther apart, one says little beside the other.
const REDUNDANT: f32 = 0.05;

/// A burst of doubtful frames is over after so long without one, in microseconds.
const BURST_GAP: u64 = 500_000;

/// So long a burst is one look; then the next begins.
const BURST_MOST: u64 = 2_000_000;

/// The longer side of the images that are kept.
const SIDE: u32 = 256;

/// One part in so many of the room is for samples of the rejects.
const SAMPLES: usize = 4;

/// Requests whose frames come back where what they taught is undone.
const LESSONS: usize = 32;

/// How much an inbox holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxLimits {
    /// Frames; 0: it keeps none.
    pub frames: usize,
    /// Bytes of images and features.
    pub bytes: usize,
    /// Every so many of the rejects is kept, too; 0: none.
    pub every: u32,
}

impl InboxLimits {
    /// Of each of so many regions.
    pub fn of_board(settings: &InboxSettings, regions: usize) -> Self {
        let bytes = (settings.budget_mib as usize) << 20;
        Self {
            frames: settings.frames as usize,
            bytes: bytes / regions.max(1),
            every: settings.every,
        }
    }
}

impl Default for InboxLimits {
    fn default() -> Self {
        Self::of_board(&InboxSettings::default(), 1)
    }
}

/// What there is to know of a frame beside itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) date: Timestamp,
    /// The policy switches the reject output on it.
    pub(super) is_reject: bool,
}

/// A frame that may be kept.
#[derive(Debug)]
struct Candidate {
    past: Past,
    date: Timestamp,
    reason: InboxReason,
    doubt: f32,
}

/// Doubtful frames that follow each other.
#[derive(Debug)]
struct BurstOfDoubt {
    first: Timestamp,
    last: Timestamp,
    /// What counts as one look with it.
    look: f32,
    /// The one with most doubt.
    best: Candidate,
}

/// Frames that wait for a person.
#[derive(Debug)]
pub struct RegionInbox {
    limits: InboxLimits,
    /// By rising id.
    kept: Vec<Kept>,
    next: u64,
    /// What comes from each view.
    streams: BTreeMap<usize, Stream>,
    /// What was taught from frames that left, and those frames, the latest last.
    taught: VecDeque<(Vec<ExampleId>, Vec<Arc<InboxEntry>>)>,
    shared: Arc<SharedInbox>,
    /// The backbone that the features are of, where it is another one than at the start.
    backbone: Option<Fingerprint>,
}

impl Default for RegionInbox {
    fn default() -> Self {
        Self {
            limits: InboxLimits::default(),
            kept: Vec::new(),
            next: 1,
            streams: BTreeMap::new(),
            taught: VecDeque::new(),
            shared: Arc::default(),
            backbone: None,
        }
    }
}

impl RegionInbox {
    /// What a file held, without what was taught meanwhile: of what was acknowledged just before a power cut, the store
    /// knows and the file may not.
    pub fn new(limits: InboxLimits, content: InboxContent, learner: &Learner) -> Self {
        let mut inbox = Self { limits, next: content.next.max(1), ..Self::default() };
        if learner.classes().is_empty() {
            return inbox;
        }
        let is_taught = |entry: &InboxEntry| {
            learner.examples().iter().any(|example| example.feature == entry.feature)
        };
        for entry in content.entries.into_iter().filter(|entry| !is_taught(entry)) {
            inbox.insert(Arc::new(entry));
        }
        inbox.make_room();
        inbox.publish();
        inbox
    }

    /// What its file is to hold, for the thread that writes it.
    pub fn shared(&self) -> Arc<SharedInbox> {
        Arc::clone(&self.shared)
    }

    /// The frames, the newest last.
    pub(super) fn entries(
        &self,
    ) -> impl ExactSizeIterator<Item = &Arc<InboxEntry>> + DoubleEndedIterator {
        self.kept.iter().map(|kept| &kept.entry)
    }

    /// The frame of that id.
    ///
    /// # Errors
    /// Which there are, in words.
    pub(super) fn get(&self, id: u64) -> Result<&Arc<InboxEntry>, String> {
        self.entries().find(|entry| entry.id == id).ok_or_else(|| {
            let there = match (self.kept.first(), self.kept.last()) {
                (Some(first), Some(last)) if self.kept.len() > 1 => {
                    format!(
                        "there are {} of {} to {}",
                        self.kept.len(),
                        first.entry.id,
                        last.entry.id
                    )
                }
                (Some(one), _) => format!("there is {}", one.entry.id),
                _ => "the inbox is empty".to_owned(),
            };
            format!("the inbox has no frame {id}; {there}; see inbox")
        })
    }

    /// Whether it is of use to know if a frame is rejected.
    pub(super) fn wants_rejects(&self) -> bool {
        self.limits.every > 0 && self.limits.frames > 0
    }

    /// A frame was classified.
    ///
    /// * `view`: which one it comes from; doubtful frames of one that follow each other are one look.
    /// * `from_example`: how far it is from the nearest example, 1 - cosine.
    /// * `jitter`: how far apart frames lie in which nothing moves.
    /// * `novelty`: beyond that it is unlike everything taught.
    pub(super) fn see(
        &mut self,
        view: usize,
        past: &Past,
        moment: Moment,
        (from_example, jitter, novelty): (f32, f32, f32),
    ) {
        let Some(classification) = past.classification.as_ref().filter(|_| self.limits.frames > 0)
        else {
            return;
        };
        let Moment { now, date, is_reject } = moment;
        let is_over = |burst: &mut BurstOfDoubt| {
            now.micros_since(burst.last) > BURST_GAP || now.micros_since(burst.first) >= BURST_MOST
        };
        let stream = self.streams.entry(view).or_default();
        if let Some(burst) = stream.burst.take_if(is_over) {
            self.admit(&burst.best, burst.look);
        }
        let reason = match &classification.class {
            None if classification.novelty > novelty => Some(InboxReason::Novel),
            None => Some(InboxReason::Unknown),
            Some(_) => classification
                .shown_confidence()
                .filter(|&confidence| confidence < UNSURE)
                .map(|_| InboxReason::Unsure),
        };
        let doubt = match &classification.class {
            None => unknown_doubt(classification.novelty),
            Some(_) => 1.0 - classification.confidence,
        };
        let candidate = |reason, doubt| Candidate { past: past.clone(), date, reason, doubt };
        let look = jitter.min(LOOK);
        // Unlike good parts at one place: the whole may be as like an example as it will.
        let is_unlike = reason == Some(InboxReason::Novel) && classification.runner_up.is_none();
        let reason = reason.filter(|_| from_example > look || is_unlike);
        match (reason, &mut self.streams.entry(view).or_default().burst) {
            // Lines that follow each other are no look at one part.
            (Some(reason), _) if past.pixels.kind() == FrameKind::Text => {
                self.admit(&candidate(reason, doubt), look);
            }
            (Some(reason), Some(burst)) => {
                burst.last = now;
                if doubt > burst.best.doubt {
                    burst.best = candidate(reason, doubt);
                }
            }
            (Some(reason), burst) => {
                let best = candidate(reason, doubt);
                *burst = Some(BurstOfDoubt { first: now, last: now, look, best });
            }
            (None, _) => {}
        }
        let every = self.limits.every;
        if is_reject && self.streams.entry(view).or_default().is_sampled(every, now) {
            // However like another one it is: it stands for the parts that were rejected.
            self.admit(&candidate(InboxReason::Sample, 0.0), -1.0);
        }
    }

    /// * `look`: a frame that lies no farther from another one is not added.
    fn admit(&mut self, candidate: &Candidate, look: f32) {
        let Candidate { past, date, reason, .. } = candidate;
        let Some(classification) = &past.classification else { return };
        let mut entry = InboxEntry {
            id: self.next,
            at: *date,
            reason: *reason,
            class: classification.class.clone(),
            best: classification.best.clone(),
            confidence: classification.confidence,
            runner_up: classification.runner_up.clone(),
            novelty: classification.novelty,
            feature: past.feature.clone(),
            image: Vec::new(),
        };
        let new = Kept::new(Arc::new(entry.clone()));
        let is_known = |kept: &Kept| !kept.is_sample() && kept.distance(&new) <= look;
        if self.kept.iter().any(is_known) {
            return;
        }
        let Some(image) = picture::kept(&past.pixels, SIDE) else { return };
        entry.image = image;
        self.next += 1;
        self.insert(Arc::new(entry));
        self.make_room();
        self.publish();
    }

    fn insert(&mut self, entry: Arc<InboxEntry>) {
        let mut new = Kept::new(entry);
        if !new.is_sample() {
            for other in self.kept.iter_mut().filter(|other| !other.is_sample()) {
                let distance = other.distance(&new);
                closer(&mut new.nearest, other.entry.id, distance);
                closer(&mut other.nearest, new.entry.id, distance);
            }
        }
        let place = self.kept.partition_point(|other| other.entry.id < new.entry.id);
        self.kept.insert(place, new);
    }

    fn remove(&mut self, place: usize) {
        let gone = self.kept.remove(place).entry.id;
        self.renew_nearest(|id| id == gone);
    }

    /// Frames have left it.
    fn renew_nearest(&mut self, is_gone: impl Fn(u64) -> bool) {
        for at in 0..self.kept.len() {
            if self.kept[at].nearest.is_none_or(|(id, _)| !is_gone(id)) {
                continue;
            }
            let mut nearest = None;
            for (_, other) in self.kept.iter().enumerate().filter(|(other, _)| *other != at) {
                if !other.is_sample() {
                    closer(&mut nearest, other.entry.id, other.distance(&self.kept[at]));
                }
            }
            self.kept[at].nearest = nearest;
        }
    }

    fn make_room(&mut self) {
        let InboxLimits { frames, bytes, .. } = self.limits;
        while self.kept.iter().filter(|kept| kept.is_sample()).count() > (frames / SAMPLES).max(1) {
            let oldest = self.kept.iter().position(Kept::is_sample);
            oldest.into_iter().for_each(|place| self.remove(place));
        }
        let held = |kept: &[Kept]| kept.iter().map(Kept::bytes).sum::<usize>();
        while self.kept.len() > frames || (self.kept.len() > 1 && held(&self.kept) > bytes) {
            let least = self.least();
            self.remove(least);
        }
    }

    /// Which one says least beside the others.
    fn least(&self) -> usize {
        let distance = |kept: &Kept| kept.nearest.map_or(f32::INFINITY, |(_, distance)| distance);
        let closest = self.kept.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        let pair = closest.filter(|kept| distance(kept) <= REDUNDANT);
        let pair = pair.and_then(|kept| Some((kept.entry.id, kept.nearest?.0)));
        let is_meant =
            |kept: &Kept| pair.map_or(!kept.is_sample(), |(a, b)| [a, b].contains(&kept.entry.id));
        // The newest of those that are as certain: what is there stays.
        let meant = self.kept.iter().enumerate().rev().filter(|(_, kept)| is_meant(kept));
        let least = meant.min_by(|(_, a), (_, b)| a.doubt().total_cmp(&b.doubt()));
        least.map_or(0, |(place, _)| place)
    }

    /// Frames leave it: all of these, or none where one of them is not there.
    ///
    /// * returns how many.
    ///
    /// # Errors
    /// As [`RegionInbox::get`].
    pub(super) fn drop_frames(&mut self, ids: &[u64]) -> Result<usize, String> {
        ids.iter().try_for_each(|id| self.get(*id).map(drop))?;
        let before = self.kept.len();
        self.take_out(|entry| ids.contains(&entry.id));
        Ok(before - self.kept.len())
    }

    /// All frames leave it.
    ///
    /// * returns how many.
    pub(super) fn drop_all(&mut self) -> usize {
        self.streams.clear();
        self.take_out(|_| true).len()
    }

    /// As if it had never held a frame; no id comes again.
    pub(super) fn reset(&mut self) {
        self.taught.clear();
        self.drop_all();
    }

    fn take_out(&mut self, which: impl Fn(&InboxEntry) -> bool) -> Vec<Arc<InboxEntry>> {
        let kept = std::mem::take(&mut self.kept);
        let (out, rest): (Vec<Kept>, Vec<Kept>) =
            kept.into_iter().partition(|kept| which(&kept.entry));
        self.kept = rest;
        if !out.is_empty() {
            self.renew_nearest(|id| out.iter().any(|gone| gone.entry.id == id));
            self.publish();
        }
        out.into_iter().map(|gone| gone.entry).collect()
    }

    /// What was taught from it leaves it.
    pub(super) fn taught(&mut self, examples: &[ExampleId], features: &[StoredFeature]) {
        let is_taught = |feature: &StoredFeature| features.contains(feature);
        for stream in self.streams.values_mut() {
            stream.burst.take_if(|burst| is_taught(&burst.best.past.feature));
        }
        let out = self.take_out(|entry| is_taught(&entry.feature));
        if !out.is_empty() {
            self.taught.push_back((examples.to_vec(), out));
            if self.taught.len() > LESSONS {
                self.taught.pop_front();
            }
        }
    }

    /// Frames come back of which all that was taught from them was taken back.
    ///
    /// * `is_there`: whether an example is still learned.
    pub(super) fn give_back(&mut self, is_there: impl Fn(ExampleId) -> bool) {
        let (gone, there): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.taught)
            .into_iter()
            .partition(|(examples, _)| !examples.iter().any(|id| is_there(*id)));
        self.taught = there;
        if gone.is_empty() {
            return;
        }
        gone.into_iter().flat_map(|(_, entries)| entries).for_each(|entry| self.insert(entry));
        self.make_room();
        self.publish();
    }

    fn publish(&self) {
        self.shared.publish(self.entries().cloned().collect(), self.next, self.backbone);
    }
}

#[cfg(test)]
mod tests;
