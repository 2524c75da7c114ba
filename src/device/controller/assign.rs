//! The inbox, asked for: listed, taught from, emptied.

use std::sync::Arc;

use super::answers::refused;
use super::inbox::Moment;
use super::lines::origin_of;
use super::predicted::Picked;
use super::{Station, ViewLearner};
use crate::backbone::FeatureSource;
use crate::image::frame::{Frame, Timestamp};
use crate::image::picture;
use crate::learn::command::{self, NewExample, TeachExamples};
use crate::learn::learner::Advice;
use crate::learn::linalg::widened_halves;
use crate::protocol::request::{
    Answer, Classification, InboxAssign, InboxDrop, InboxFrame, Refused,
};
use crate::store::Store;
use crate::store::inbox::InboxEntry;
use crate::text;

/// The output that the policy switches on a part that is rejected.
const REJECT: &str = "reject";

/// A frame of before, ready to be taught.
pub(super) struct Earlier {
    /// `[dim]`
    pub(super) feature: Vec<f32>,
    pub(super) pixels: Frame,
    pub(super) image: Option<Vec<u8>>,
    /// As [`NewExample::burst`].
    pub(super) burst: u32,
}

impl<S: FeatureSource, K: Store> Station<S, K> {
    /// What the inbox has to know of a frame beside itself.
    pub(super) fn moment(
        &self,
        place: usize,
        classification: Option<&Classification>,
        now: Timestamp,
    ) -> Moment {
        let view = &self.views[place];
        let class = classification.filter(|_| self.learned(place).inbox.wants_rejects());
        let is_reject = class.is_some_and(|classification| {
            let switches = |panel: &super::Panel| {
                let class = classification.class.as_deref();
                panel.actions.policy().switches(REJECT, view.name(), class)
            };
            self.panel.look(switches).0
        });
        Moment { now, date: self.dated(now), is_reject }
    }

    /// Where one class alone is taught and frames unlike it wait: what to do with them.
    pub(super) fn advice_on_inbox(&self, place: usize) -> Option<Advice> {
        let learned = self.learned(place);
        let Advice::SecondClass { class, .. } = learned.learner().advice() else { return None };
        let unlike = learned.inbox.entries().filter(|entry| entry.class.is_none());
        let frames: Vec<u64> = unlike.map(|entry| entry.id).collect();
        (!frames.is_empty()).then_some(Advice::Unlike { class, frames })
    }

    pub(super) fn list_inbox(&self, place: usize) -> Answer {
        let frames = self.learned(place).inbox.entries().rev().map(|entry| InboxFrame {
            id: entry.id,
            kept: entry.at,
            reason: entry.reason.name().to_owned(),
            classification: self.classification_of(place, entry),
            line: picture::line_in(&entry.image).map(text::origin),
        });
        Answer::Inbox(frames.collect())
    }

    fn classification_of(&self, place: usize, entry: &InboxEntry) -> Classification {
        Classification {
            captured: entry.at,
            age_micros: 0,
            frame: None,
            region: self.told_name(place),
            class: entry.class.clone(),
            best: entry.best.clone(),
            confidence: entry.confidence,
            runner_up: entry.runner_up.clone(),
            novelty: entry.novelty,
            line: None,
        }
    }

    pub(super) fn inbox_picture(&self, place: usize, id: u64) -> Result<Answer, Refused> {
        let entry = self.learned(place).inbox.get(id).map_err(Refused)?;
        let frame = picture::decode(&entry.image, "the image", entry.at).map_err(refused)?;
        let (width, height, file) = (frame.width(), frame.height(), entry.image.clone());
        Ok(Answer::Picture { frame: None, width, height, file })
    }

    pub(super) fn drop_from_inbox(
        &mut self,
        place: usize,
        request: InboxDrop,
    ) -> Result<Answer, Refused> {
        let inbox = &mut self.learned_mut(place).inbox;
        let dropped = match request {
            InboxDrop::All => inbox.drop_all(),
            InboxDrop::Frames(ids) if ids.is_empty() => {
                return Err(Refused("which frames? the request names none".to_owned()));
            }
            InboxDrop::Frames(ids) => inbox.drop_frames(&ids).map_err(Refused)?,
        };
        Ok(Answer::InboxDropped { frames: dropped, left: inbox.entries().len() })
    }

    /// Learns frames of the inbox, each a look of its own, all or none; they leave it.
    pub(super) fn assign(
        &mut self,
        place: usize,
        InboxAssign { class, frames }: InboxAssign,
        now: Timestamp,
    ) -> Result<Answer, Refused> {
        named_once(&frames)?;
        let learned = &mut self.learners[self.views[place].learner];
        command::check_class(learned.learner(), &class).map_err(refused)?;
        let (side, mut earlier) = (self.image_side, Vec::with_capacity(frames.len()));
        for (id, burst) in frames.into_iter().zip(0..) {
            let entry = Arc::clone(learned.inbox.get(id).map_err(Refused)?);
            learned.look_again(&entry);
            let entry = learned.inbox.get(id).map_err(Refused)?;
            let pixels = picture::decode(&entry.image, "the image", entry.at).map_err(refused)?;
            // In another light than when it was kept it is looked at again.
            let engine = learned.persistent.get_mut();
            let (image, feature) = match engine.levels() {
                None => {
                    let image = picture::kept_file(&entry.image, &pixels, side);
                    (image.filter(|_| side > 0), widened_halves(&entry.feature))
                }
                Some(levels) => {
                    let image = picture::kept(&levels.apply(&pixels), side);
                    (image, engine.feature_of_whole(&pixels).map_err(refused)?)
                }
            };
            earlier.push(Earlier { feature, pixels, image, burst });
        }
        self.teach_earlier(place, class, earlier, now)
    }

    /// Learns frames of before, all or none, in one transaction.
    pub(super) fn teach_earlier(
        &mut self,
        place: usize,
        class: String,
        earlier: Vec<Earlier>,
        now: Timestamp,
    ) -> Result<Answer, Refused> {
        let date = self.dated(now);
        let view = &self.views[place];
        let camera = &self.sources[view.source].camera;
        let learned = &mut self.learners[view.learner];
        let (count, mut seen_before) = (earlier.len() as u64, None);
        let mut examples = Vec::with_capacity(earlier.len());
        for Earlier { feature, pixels, image, burst } in earlier {
            let known = learned.seen_before(&class, &feature, &pixels, &view.stillness);
            seen_before = seen_before.or(known.map(|(known, _)| known));
            let engine = learned.persistent.get_mut();
            let views = engine.views_of_whole(&pixels).map_err(refused)?;
            // It was kept without what was seen at its places.
            let patches = match engine.learner().is_alone() {
                true => engine.seen_whole(&pixels).map_err(refused)?.patches,
                false => None,
            };
            examples.push(NewExample {
                image,
                views,
                burst,
                patches,
                joins: known.map(|(_, look)| look),
                ..NewExample::new(feature, &origin_of(&pixels, camera))
            });
        }
        let teach = TeachExamples { class, examples };
        let (reply, taken_for) = learned.teach(teach, Picked::Recent, date).map_err(refused)?;
        let notes = self.notes_of(place, &reply, seen_before, taken_for);
        self.record.taught += count;
        self.panel.change(|panel| panel.acknowledge(now));
        Ok(Answer::Reply(reply).with_notes(notes))
    }
}

impl<S: FeatureSource, K: Store> ViewLearner<S, K> {
    /// Frames whose teaching was undone are in the inbox again.
    pub(super) fn bring_back(&mut self) {
        let examples = self.persistent.learner().examples();
        self.inbox.give_back(|id| examples.get(id).is_some());
    }

    /// What was unlike classes that are all gone says nothing of those that come.
    pub(super) fn empty_inbox(&mut self) {
        if self.learner().classes().is_empty() {
            self.inbox.reset();
        }
    }
}

/// # Errors
/// A number is there twice.
pub(super) fn named_once(frames: &[u64]) -> Result<(), Refused> {
    match (1..frames.len()).find(|&at| frames[..at].contains(&frames[at])) {
        Some(twice) => Err(Refused(format!("frame {} is named twice", frames[twice]))),
        None => Ok(()),
    }
}
