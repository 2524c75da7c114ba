//! Watching whether what a region sees still looks like what it was taught, see [`crate::learn::drift`].
//!
//! What taught images look like is read from the store one a second, after a frame was classified, so that none waits long.

use std::collections::BTreeMap;

use super::{Effects, Station, ViewLearner};
use crate::backbone::FeatureSource;
use crate::image::frame::{Frame, FrameKind, Timestamp};
use crate::image::glance::Glance;
use crate::image::levels::Levels;
use crate::image::picture;
use crate::learn::drift::{self, DriftWatch, PACE_MICROS, Usual, in_words};
use crate::learn::engine::{Engine, FrameResult};
use crate::learn::head::ExampleId;
use crate::protocol::log::Level;
use crate::store::{Store, StoreError};

/// Taught images that are read at a time.
const AT_ONCE: usize = 1;

/// What a region sees, beside what it was taught.
#[derive(Debug, Default)]
pub(super) struct RegionDrift {
    watch: DriftWatch,
    /// Of the examples; `None` where no image is kept.
    glances: BTreeMap<ExampleId, Option<Glance>>,
    usual: Option<Usual>,
    /// What was learned when that was made.
    of: Option<State>,
    /// When one was read last.
    read: Option<Timestamp>,
    /// Times that something was reported.
    alarms: u64,
    /// What was found when services heard of it last.
    shown: Option<String>,
}

/// Changes with whatever is learned.
pub(super) type State = (usize, u64, usize, usize, Option<Levels>);

pub(super) fn state<S: FeatureSource>(engine: &Engine<S>) -> State {
    let learner = engine.learner();
    let (_, ExampleId(next)) = learner.next_ids();
    let (examples, steps) = (learner.examples().len(), learner.undo_steps().len());
    (examples, next, steps, learner.dim(), engine.levels().copied())
}

impl RegionDrift {
    /// What frames go through, or what is taught, is another now.
    pub(super) fn reset(&mut self) {
        self.of = None;
        self.watch.reset();
    }

    /// Whether something was found and lasts.
    pub(super) fn is_found(&self) -> bool {
        !self.watch.found().is_empty()
    }

    /// What services are to hear: what was found, in words, or that nothing is; `None` where they know. How much it is
    /// changes with every frame, of which they hear nothing.
    ///
    /// * `is_reported`: whether the log says it, too.
    fn change(&mut self, is_reported: bool) -> Option<Option<String>> {
        let found = self.watch.found();
        let is_known = !is_reported && found.is_empty() == self.shown.is_none();
        (!is_known).then(|| {
            self.shown = (!found.is_empty()).then(|| in_words(found));
            self.shown.clone()
        })
    }

    /// For people and programs: names and values.
    pub(super) fn figures(&self, now: Timestamp) -> Vec<(String, String)> {
        let mut figures = Vec::new();
        if self.alarms > 0 {
            figures.push(("drift_alarms".to_owned(), self.alarms.to_string()));
        }
        if !self.watch.found().is_empty() {
            let minutes = now.micros_since(self.watch.since()) / 60_000_000;
            let words = format!("{}, for {minutes} min", in_words(self.watch.found()));
            figures.push(("drift".to_owned(), words));
        }
        figures
    }

    /// A frame was classified.
    ///
    /// * `part`: what is looked at, as it came.
    /// * returns what there is to report: something changed, or is as it was taught again.
    fn see<S: FeatureSource, K: Store>(
        &mut self,
        learned: &mut ViewLearner<S, K>,
        step: &FrameResult,
        part: &Frame,
        now: Timestamp,
    ) -> Option<String> {
        let verdict = step.verdict.as_ref()?;
        if !self.watch.is_due(now) || !self.know_usual(learned, now) {
            return None;
        }
        let learner = learned.learner();
        let scores = learner.head().score(&step.feature).ok()?;
        let spread = learner.head().spread(&step.feature).ok()?;
        let glance = Glance::of(&learned.persistent.get().as_taught(part));
        let RegionDrift { watch, usual, alarms, .. } = self;
        let far = drift::distance(spread, &scores);
        if !watch.see(usual.as_ref()?, verdict.best, &glance, far, now) {
            return None;
        }
        if watch.found().is_empty() {
            return Some("frames look as they were taught again".to_owned());
        }
        *alarms += 1;
        Some(format!(
            "frames no longer look as they were taught: {}; look at light and lens, or adapt (fieldtune adapt)",
            in_words(watch.found())
        ))
    }

    /// Reads on what taught images look like.
    ///
    /// * returns whether that is known of all of them.
    fn know_usual<S: FeatureSource, K: Store>(
        &mut self,
        learned: &mut ViewLearner<S, K>,
        now: Timestamp,
    ) -> bool {
        let state = state(learned.persistent.get());
        if self.of == Some(state) {
            return self.usual.is_some();
        }
        let examples = learned.persistent.learner().examples();
        self.glances.retain(|id, _| examples.get(*id).is_some());
        let unknown = examples.iter().map(|example| example.id);
        let unknown = unknown.filter(|id| !self.glances.contains_key(id));
        let unknown: Vec<ExampleId> = unknown.take(AT_ONCE).collect();
        if !unknown.is_empty() {
            if self.read.is_some_and(|read| now.micros_since(read) < PACE_MICROS) {
                return false;
            }
            self.read = Some(now);
            // A store that cannot be read now is asked again with a later frame.
            if let Ok(frames) = learned.taught_frames(&unknown) {
                let glance = |frame: Option<Frame>| frame.as_ref().map(Glance::of);
                let glances = frames.into_iter().map(|(id, frame)| (id, glance(frame)));
                self.glances.extend(glances);
            }
            return false;
        }
        let known = self.glances.iter();
        let known = known.filter_map(|(id, glance)| Some((*id, (*glance)?))).collect();
        self.usual = Usual::of(learned.persistent.learner(), &known);
        self.of = Some(state);
        self.watch.reset();
        self.usual.is_some()
    }
}

impl<S: FeatureSource, K: Store> ViewLearner<S, K> {
    /// The images that are kept with these examples; `None` where none is kept, or it cannot be decoded.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) fn taught_frames(
        &mut self,
        ids: &[ExampleId],
    ) -> Result<BTreeMap<ExampleId, Option<Frame>>, StoreError> {
        let mut frames: BTreeMap<_, _> = ids.iter().map(|id| (*id, None)).collect();
        let mut read = |id, file: &[u8]| {
            frames.insert(id, picture::decode(file, "a taught image", Timestamp(0)).ok());
        };
        self.persistent.store_mut().images(Some(ids), &mut read)?;
        Ok(frames)
    }
}

impl<S: FeatureSource, K: Store> Station<S, K> {
    /// A frame of that region was classified.
    pub(super) fn watch_drift(
        &mut self,
        place: usize,
        step: &FrameResult,
        part: &Frame,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        // Light and lens have no part in a line, nor in samples.
        if matches!(part.kind(), FrameKind::Text | FrameKind::Samples) {
            return;
        }
        let view = &mut self.views[place];
        let learned = &mut self.learners[view.learner];
        let news = view.drift.see(learned, step, part, now);
        let change = view.drift.change(news.is_some());
        if let Some(news) = news {
            effects.note(Level::Warning, self.of_region(place, news));
        }
        if let Some(words) = change {
            effects.drifts.push((self.told_name(place), words));
        }
        let view = &self.views[place];
        let drifts = view.drift.is_found();
        self.panel.change(|panel| panel.actions.drift(view.name(), drifts, now));
    }
}
