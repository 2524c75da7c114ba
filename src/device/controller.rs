//! What stands at the line: frames, presses and requests in; verdicts, answers and the levels of outputs out. Time is
//! an argument, so the same events at the same times give the same answers and the same levels.

mod adapt;
mod answers;
mod assign;
mod buttons;
mod confusion;
mod drift;
mod effects;
mod explain;
mod finetune;
mod follow;
mod good_parts;
mod history;
mod inbox;
mod lessons;
mod lines;
mod packs;
mod panel;
mod policy_change;
mod predicted;
mod record;
mod shared_source;
mod source;
mod stillness;
mod untaught;
mod view;
mod view_learner;

use std::collections::BTreeMap;
use std::sync::Arc;

use adapt::Adapting;
pub use effects::{Effects, Ticket};
use finetune::Tuning;
pub use finetune::{Background, Work};
pub use good_parts::Start;
use history::History;
pub use inbox::{InboxChange, InboxLimits, RegionInbox, SharedInbox};
use lessons::{Job, Until};
pub use panel::{Panel, Seen, SharedPanel};
pub use record::{LatestTimes, Stats};
pub use shared_source::Latest;
use source::Source;
pub use view::View;
pub use view_learner::ViewLearner;

use crate::backbone::FeatureSource;
use crate::board::outputs::Output;
use crate::board::policy::{Buttons, Policy, Timing, Untaught};
use crate::image::frame::{Frame, FrameKind, Region, Timestamp};
use crate::image::picture;
use crate::learn::engine::{Engine, EngineError};
use crate::learn::learner::Learner;
use crate::protocol::log::Level;
use crate::protocol::request::{Burst, EndBurst, Refused, Request, Teach};
use crate::store::Store;
use crate::store::persistent::PersistentLearner;
use crate::store::signed::PublicKey;
use crate::text;

/// Frames that one request may teach: what waits for its transaction is held in memory.
pub const MAX_FRAMES: u32 = 1000;

/// The longest burst, in milliseconds.
pub const MAX_BURST_MS: u32 = 60_000;

/// How long teaching waits for the next frame.
const PATIENCE_MICROS: u64 = 5_000_000;

/// The longer side of a picture that is asked for, in pixels.
const SNAP_SIDE: u32 = 640;

/// What stands at the line.
#[derive(Debug)]
pub struct Station<S, K> {
    /// At least one, each of at least one view.
    learners: Vec<ViewLearner<S, K>>,
    /// At least one.
    views: Vec<View>,
    panel: Arc<SharedPanel>,
    policy: Policy,
    /// How the buttons behave, by name.
    timings: BTreeMap<String, Timing>,
    /// What the policy names and was not taught after the latest change.
    untaught: Vec<Untaught>,
    buttons: Buttons,
    job: Option<Job>,
    adapting: Option<Adapting>,
    background: Option<Background>,
    workers: Option<Start>,
    tuning: Option<Tuning>,
    /// When a frame of an inbox may be looked at again.
    next_look: Timestamp,
    /// At least one; the first is the camera.
    sources: Vec<Source>,
    /// Frames that came.
    number: u64,
    /// Microseconds that the date is ahead of the time.
    ahead: i64,
    smoothing: u32,
    image_side: u32,
    record: Stats,
    /// Where there are any, only what one of them signed is learned from elsewhere.
    trusted: Vec<PublicKey>,
}

impl<S: FeatureSource, K: Store> Station<S, K> {
    /// One that looks at whole frames.
    ///
    /// * `camera`: its name, the origin of examples.
    /// * `outputs`: those there are.
    /// * `heartbeat`: the output that shows that frames are being classified.
    /// * `timings`: how the buttons behave, by name.
    pub fn new(
        persistent: PersistentLearner<Engine<S>, K>,
        camera: &str,
        policy: &Policy,
        outputs: Vec<Output>,
        heartbeat: Option<&str>,
        timings: &BTreeMap<String, Timing>,
    ) -> Self {
        let looks_at =
            (vec![ViewLearner::new(None, persistent)], vec![View::new(None, Region::Whole, 0)]);
        Self::with_views(looks_at, camera, policy, outputs, heartbeat, timings)
    }

    /// As [`Station::new`], of parts of a frame that were named.
    ///
    /// * `learners`: each with its own name and its own store; those of one source with the same backbone.
    /// * `views`: at least one, each with its own name, and of one of the learners; the first of the camera.
    ///
    /// # Panics
    /// Without a view, or with one of a learner that is not there.
    pub fn with_views(
        (learners, mut views): (Vec<ViewLearner<S, K>>, Vec<View>),
        camera: &str,
        policy: &Policy,
        outputs: Vec<Output>,
        heartbeat: Option<&str>,
        timings: &BTreeMap<String, Timing>,
    ) -> Self {
        let count = views.len();
        let sources = views.iter().map(|view| view.source + 1).max().unwrap_or(1);
        views.iter_mut().for_each(|view| view.history = History::new(count));
        assert!(!views.is_empty(), "a station looks at something");
        assert!(views.iter().all(|view| view.learner < learners.len()), "each view has a learner");
        let names: Vec<&str> = views.iter().filter_map(View::name).collect();
        let each = if names.len() > 1 { policy.for_regions(&names) } else { policy.clone() };
        let mut station = Self {
            panel: Arc::new(SharedPanel::new(Panel::new(each, outputs, heartbeat))),
            learners,
            views,
            policy: policy.clone(),
            timings: timings.clone(),
            untaught: Vec::new(),
            buttons: Buttons::new(policy, timings),
            job: None,
            adapting: None,
            background: None,
            workers: None,
            tuning: None,
            next_look: Timestamp(0),
            sources: (0..sources).map(|_| Source::named(camera)).collect(),
            number: 0,
            ahead: 0,
            smoothing: 1,
            image_side: picture::IMAGE_SIDE,
            record: Stats::default(),
            trusted: Vec::new(),
        };
        // Set by the builder.
        station.newly_untaught();
        station
    }

    /// What the outputs follow.
    pub fn panel(&self) -> Arc<SharedPanel> {
        Arc::clone(&self.panel)
    }

    /// What is looked at, in the order of the regions' names.
    pub fn views(&self) -> &[View] {
        &self.views
    }

    /// What was learned, of the first region where there are several.
    pub fn learner(&self) -> &Learner {
        self.learned(0).learner()
    }

    /// Whether frames are being learned: then a frame may bring a write to the store, which may take its time.
    pub fn is_teaching(&self) -> bool {
        self.job.is_some() || self.adapting.as_ref().is_some_and(Adapting::is_about_to_end)
    }

    /// Whether [`Station::tick`] has something to do, which may be such a write, too.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.next_tick().is_some_and(|due| due <= now)
    }

    /// The backbone's name.
    pub fn model_name(&self) -> &str {
        &self.learners[0].persistent.model().name
    }

    /// What was seen and done.
    pub fn record(&self) -> &Stats {
        &self.record
    }

    /// What is learned and kept from now on is dated so; until then, and for durations always, by the time itself.
    ///
    /// * `now`, `date`: the same moment on the station's clock, which never jumps, and on the system's, which may.
    pub fn set_date(&mut self, now: Timestamp, date: Timestamp) {
        self.ahead = date.0.wrapping_sub(now.0) as i64;
    }

    /// The date at that time.
    fn dated(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_add_signed(self.ahead))
    }

    /// * `frames`: how many frames a verdict leans on, at least 1.
    pub fn set_smoothing(&mut self, frames: u32) {
        self.smoothing = frames.max(1);
        self.views.iter_mut().for_each(|view| view.set_smoothing(self.smoothing));
    }

    /// * `pixels`: the longer side of the images that are kept with examples; 0 keeps none.
    pub fn set_image_side(&mut self, pixels: u32) {
        self.image_side = pixels;
    }

    /// A frame of the camera came, see [`Station::frame_of`].
    pub fn frame(
        &mut self,
        frame: Frame,
        now: Timestamp,
        clock: impl FnMut() -> Timestamp,
        effects: &mut Effects,
    ) {
        self.frame_of(0, frame, now, clock, effects);
    }

    /// A frame came. A trigger is about the camera's; those of other sources are all classified.
    ///
    /// * `source`: as [`View::of_source`] counts them.
    /// * `now`: when classifying began; `clock`: gives the time, twice a region: with its feature and its verdict.
    pub fn frame_of(
        &mut self,
        source: usize,
        frame: Frame,
        now: Timestamp,
        mut clock: impl FnMut() -> Timestamp,
        effects: &mut Effects,
    ) {
        self.number += 1;
        self.look_after_patches();
        let captured = frame.captured();
        let admitted = source > 0 || self.panel.change(|panel| panel.actions.admits(captured));
        if !admitted && self.job.is_none() {
            self.panel.change(|panel| panel.actions.heartbeat(now));
            self.record.passed += 1;
            self.adapt_on(source, &frame, false, now, effects);
            self.sources[source].latest = Some((self.number, frame));
            return;
        }
        let (mut now, mut age, mut looked_micros) = (now, None, 0);
        for place in 0..self.views.len() {
            let is_taught = self.job.as_ref().is_some_and(|job| job.view == place);
            if self.views[place].source != source || !admitted && !is_taught {
                continue;
            }
            let (before, rest) = self.views.split_at_mut(place);
            let view = &mut rest[0];
            // Questions about one part ask where it is once.
            match before.iter().find(|other| admitted && view.follows_as(other)) {
                Some(other) => view.find_with(other),
                None => view.find(&frame),
            }
            let engine = self.learners[view.learner].persistent.get_mut();
            let part = view.part(&frame).map_err(EngineError::from);
            let seen = part.and_then(|part| Ok((engine.seen_whole(&part)?, part)));
            let looked = clock();
            let step = seen.and_then(|(seen, part)| {
                Ok((view.classify(engine, seen, looked.micros_since(captured))?, part))
            });
            looked_micros += looked.micros_since(now);
            now = clock();
            self.panel.change(|panel| panel.actions.heartbeat(now));
            match step {
                Ok((step, part)) => {
                    // Where each is an event of its own, nothing stands still.
                    if part.kind() != FrameKind::Text {
                        view.stillness.see(&step.feature);
                    }
                    age = Some(now.micros_since(captured));
                    view.trouble = None;
                    if admitted {
                        let seen = Seen { captured, looked_micros };
                        let mut classification = self.classified(place, &step, seen, now);
                        if let Some(classification) = &mut classification {
                            classification.line = part.line().map(text::origin);
                        }
                        self.remember(place, &classification, &step, &part, now);
                        effects.classifications.extend(classification);
                        self.watch_drift(place, &step, &part, now, effects);
                    }
                    if is_taught {
                        let seen = crate::learn::patches::FrameFeatures {
                            feature: step.feature,
                            patches: step.patches,
                        };
                        self.teach_part(&part, seen, now, effects);
                    }
                }
                Err(error) => {
                    self.record.failed("frame");
                    self.views[place].cannot_classify(&error, effects);
                }
            }
        }
        age.into_iter().for_each(|age| self.record.classified(age));
        if effects.classifications.is_empty() {
            // Where nothing is taught of it no verdict says that it is there again.
            self.panel.change(|panel| panel.found(source));
        }
        self.adapt_on(source, &frame, admitted, now, effects);
        self.look_again(now);
        self.sources[source].latest = Some((self.number, frame));
    }

    /// An input changed.
    pub fn edge(&mut self, name: &str, pressed: bool, now: Timestamp, effects: &mut Effects) {
        let events = self.buttons.edge(name, pressed, now);
        self.grant(events, now, effects);
    }

    /// The time is `now`: to be called when [`Station::next_tick`] has come.
    pub fn tick(&mut self, now: Timestamp, effects: &mut Effects) {
        let events = self.buttons.tick(now);
        self.grant(events, now, effects);
        if self.job.as_ref().is_some_and(|job| job.is_over(now)) {
            self.finish(now, effects);
        }
        self.give_up_adapting(now, effects);
        self.look_after_tuning(now, effects);
        if let Some(job) = self.job.take_if(|job| job.patience <= now) {
            self.panel.change(|panel| panel.wait(None));
            let seconds = PATIENCE_MICROS / 1_000_000;
            let why = match &self.views[job.view].trouble {
                Some(trouble) => format!("{trouble}; nothing was learned"),
                None => {
                    let what = if self.reads_lines(job.view) { "line was read" } else { "frame" };
                    format!("no {what} for {seconds} s, nothing was learned; see status")
                }
            };
            refuse(job.ticket, why, effects);
        }
    }

    /// When [`Station::tick`] has to be called next, if nothing else happens.
    pub fn next_tick(&self) -> Option<Timestamp> {
        let job = self.job.as_ref().map(Job::next_tick);
        let adapting = self.adapting.as_ref().map(Adapting::next_tick);
        let tuning = self.tuning.as_ref().map(Tuning::next_tick);
        [self.buttons.next_tick(), job, adapting, tuning].into_iter().flatten().min()
    }

    /// A request; the answer comes at once or, where frames are needed, with one of them.
    pub fn request(
        &mut self,
        ticket: Ticket,
        request: Request,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        if let (Request::GetStatus(_), 2..) = (&request, self.views.len()) {
            return effects.answers.push((ticket, Ok(self.status_of_all(now))));
        }
        let (place, request) = match self.addressed(request) {
            Ok(addressed) => addressed,
            Err(refused) => return effects.answers.push((ticket, Err(refused))),
        };
        if let Err(refused) = self.refuse_of_lines(place, &request) {
            return effects.answers.push((ticket, Err(refused)));
        }
        let answer = match request {
            Request::Teach(Teach { class, count, any }) => {
                if !(1..=MAX_FRAMES).contains(&count) {
                    let why = format!("teach: {count} frames, wanted 1 to {MAX_FRAMES}");
                    return refuse(Some(ticket), why, effects);
                }
                let reads_lines = self.reads_lines(place);
                if reads_lines && !self.views[place].history.is_empty() {
                    let teach = Teach { class, count, any };
                    self.teach_lines(place, teach, now, effects)
                } else {
                    // Before the first line it is about that.
                    let until = Until::Count(if reads_lines { 1 } else { count });
                    let asked = (class.as_str(), any);
                    return self.begin(Some(ticket), place, asked, until, now, effects);
                }
            }
            Request::Burst(Burst { class, millis, any }) => {
                if !(1..=MAX_BURST_MS).contains(&millis) {
                    let why = format!("burst: {millis} ms, wanted 1 to {MAX_BURST_MS}");
                    return refuse(Some(ticket), why, effects);
                }
                let end = Timestamp(now.0.saturating_add(u64::from(millis) * 1000));
                let until = Until::Time(end);
                return self.begin(Some(ticket), place, (&class, any), until, now, effects);
            }
            Request::Adapt(adapt) => {
                return self.begin_adapting(ticket, place, &adapt, now, effects);
            }
            Request::EndAdapt(_) => self.end_adapting(place, self.dated(now)),
            Request::Finetune(asked) => {
                return self.begin_tuning(ticket, place, asked, now, effects);
            }
            Request::EndFinetune(_) => self.end_tuning(effects),
            Request::EndBurst(EndBurst { class }) => self.end_burst(place, &class, now, effects),
            Request::SavePolicy(save) => self.change_policy(&save.text, now, effects),
            other => self.answer(place, other, now),
        };
        self.learned_mut(place).tell_unstored(effects);
        self.keep_templates();
        let answer = self.noted(answer, effects);
        effects.answers.push((ticket, answer));
    }
}

fn refuse(ticket: Option<Ticket>, why: String, effects: &mut Effects) {
    match ticket {
        Some(ticket) => effects.answers.push((ticket, Err(Refused(why)))),
        None => effects.note(Level::Warning, format!("button: {why}")),
    }
}
