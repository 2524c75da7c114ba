//! Adapting to another light while frames are classified: with each frame a little of the work is done, so that none waits
//! long. Frames are gathered and taught images read, then the gathered ones are seen through what may help, pass by pass;
//! see [`crate::learn::adapt`].

use std::collections::BTreeMap;

use super::answers::refused;
use super::drift::{State, state};
use super::{Effects, Station, Ticket, View, ViewLearner, refuse};
use crate::backbone::FeatureSource;
use crate::image::frame::{Frame, Timestamp};
use crate::image::levels::{Levels, Moments};
use crate::image::picture::{self, IMAGE_SIDE};
use crate::learn::adapt::{LEAST_FRAMES, Proposal, Search, TaughtLight};
use crate::learn::head::ExampleId;
use crate::learn::patches::FrameFeatures;
use crate::protocol::request::{
    ADAPT_FRAMES, Adapt, Adaptation, Answer, MAX_ADAPT_FRAMES, Progress, Refused,
};
use crate::store::Store;

/// Between two frames that are taken.
const PACE_MICROS: u64 = 500_000;

/// Taught images that are read with a frame.
const READ_AT_ONCE: usize = 4;

/// It is given up after so long without any of its work done.
const PATIENCE_MICROS: u64 = 60_000_000;

/// How often the client is told how far it is.
const REPORT_MICROS: u64 = 500_000;

/// An adaptation under way.
#[derive(Debug)]
pub(super) struct Adapting {
    ticket: Ticket,
    view: usize,
    wanted: usize,
    is_trial: bool,
    /// As they come, as small as images are kept.
    frames: Vec<Frame>,
    /// Of each of them.
    moments: Vec<Moments>,
    /// When the next of them is taken.
    due: Timestamp,
    /// Of the taught images; `None` where none is kept.
    taught: BTreeMap<ExampleId, Option<Moments>>,
    search: Option<Search>,
    /// What was seen in the pass that goes on.
    seen: Vec<FrameFeatures>,
    /// Steps done.
    done: u32,
    /// When the client was told that.
    reported: Timestamp,
    /// When it is given up.
    patience: Timestamp,
    /// What was learned when it began.
    of: State,
}

/// What a frame brought.
enum Step {
    /// It goes on; something of it was done.
    Next {
        worked: bool,
    },
    Found(Proposal),
}

impl Adapting {
    pub(super) fn next_tick(&self) -> Timestamp {
        self.patience
    }

    /// The next frame may end it, which may bring a write.
    pub(super) fn is_about_to_end(&self) -> bool {
        self.search.is_some() && self.seen.len() + 1 >= self.frames.len()
    }

    pub(super) fn is_of(&self, ticket: Ticket) -> bool {
        self.ticket == ticket
    }

    fn progress(&self) -> (Ticket, Progress) {
        let total = self.wanted * (1 + Search::PASSES);
        (self.ticket, Progress { done: self.done, total: total as u32, waiting: false })
    }
}

impl<S: FeatureSource, K: Store> Station<S, K> {
    /// It is answered when enough frames have come.
    pub(super) fn begin_adapting(
        &mut self,
        ticket: Ticket,
        view: usize,
        adapt: &Adapt,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        let wanted = adapt.frames.unwrap_or(ADAPT_FRAMES);
        let engine = self.learned(view).persistent.get();
        let why = if !(LEAST_FRAMES as u32..=MAX_ADAPT_FRAMES).contains(&wanted) {
            format!("adapt: wanted {LEAST_FRAMES} to {MAX_ADAPT_FRAMES} frames, got {wanted}")
        } else if self.adapting.is_some() {
            "an adaptation goes on already; wait until that is done".to_owned()
        } else if engine.learner().examples().is_empty() {
            "nothing is taught, so there is nothing to adapt to".to_owned()
        } else {
            self.adapting = Some(Adapting {
                ticket,
                view,
                wanted: wanted as usize,
                is_trial: adapt.r#try,
                frames: Vec::new(),
                moments: Vec::new(),
                due: now,
                taught: BTreeMap::new(),
                search: None,
                seen: Vec::new(),
                done: 0,
                reported: now,
                patience: Timestamp(now.0.saturating_add(PATIENCE_MICROS)),
                of: state(engine),
            });
            return;
        };
        refuse(Some(ticket), why, effects);
    }

    /// Frames are looked at as they are again.
    pub(super) fn end_adapting(
        &mut self,
        place: usize,
        date: Timestamp,
    ) -> Result<Answer, Refused> {
        let learned = self.learned_mut(place);
        if learned.persistent.get().levels().is_none() {
            let why = "nothing is adapted: frames are looked at as they are";
            return Err(Refused(why.to_owned()));
        }
        learned.put_levels(None, "adapt off", date)?;
        self.light_changed(place);
        Ok(Answer::Done)
    }

    /// A little of the work.
    ///
    /// * `admitted`: the frame is one that is classified.
    ///
    /// * `source`: where the frame comes from.
    pub(super) fn adapt_on(
        &mut self,
        source: usize,
        frame: &Frame,
        admitted: bool,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        let views = &self.views;
        let adapting = self.adapting.take_if(|adapting| views[adapting.view].source == source);
        let Some(mut adapting) = adapting else { return };
        let date = self.dated(now);
        let view = &mut self.views[adapting.view];
        let learned = &mut self.learners[view.learner];
        let step = match admitted {
            true => adapting.take(frame, view, now),
            false => Ok(false),
        };
        let ticket = adapting.ticket;
        let step = step.and_then(|taken| Ok((taken, learned.adapt_on(&mut adapting)?)));
        match step {
            Ok((taken, Step::Next { worked })) => {
                if taken || worked {
                    adapting.patience = Timestamp(now.0.saturating_add(PATIENCE_MICROS));
                }
                if now.micros_since(adapting.reported) >= REPORT_MICROS {
                    adapting.reported = now;
                    effects.progress.push(adapting.progress());
                }
                self.adapting = Some(adapting);
            }
            Ok((_, Step::Found(proposal))) => {
                let answer = learned.adapt(&proposal, adapting.is_trial, date);
                learned.tell_unstored(effects);
                if answer.as_ref().is_ok_and(|adapted| adapted.applied) {
                    self.light_changed(adapting.view);
                }
                let answer = answer.map(|adapted| Answer::Adapted(Box::new(adapted)));
                effects.answers.push((ticket, answer));
            }
            Err(error) => effects.answers.push((ticket, Err(error))),
        }
    }

    /// No frame has come for too long.
    pub(super) fn give_up_adapting(&mut self, now: Timestamp, effects: &mut Effects) {
        if let Some(adapting) = self.adapting.take_if(|adapting| adapting.patience <= now) {
            let seconds = PATIENCE_MICROS / 1_000_000;
            let (done, wanted) = (adapting.frames.len(), adapting.wanted);
            let why = format!(
                "no frame for {seconds} s after {done} of {wanted}; nothing was changed; see status"
            );
            refuse(Some(adapting.ticket), why, effects);
        }
    }
}

impl Adapting {
    /// Takes a frame that is classified, if another one is wanted and due; says whether it did.
    fn take(&mut self, frame: &Frame, view: &mut View, now: Timestamp) -> Result<bool, Refused> {
        if self.frames.len() == self.wanted || now < self.due {
            return Ok(false);
        }
        view.find(frame);
        let part = view.part(frame).map_err(refused)?;
        let small = picture::smaller(&part, IMAGE_SIDE).into_owned();
        self.moments.push(Moments::of(&small));
        self.frames.push(small);
        self.done += 1;
        self.due = Timestamp(now.0.saturating_add(PACE_MICROS));
        Ok(true)
    }
}

impl<S: FeatureSource, K: Store> ViewLearner<S, K> {
    fn adapt_on(&mut self, adapting: &mut Adapting) -> Result<Step, Refused> {
        if state(self.persistent.get()) != adapting.of {
            let why = "what is taught was changed meanwhile, so nothing was adapted; ask again";
            return Err(Refused(why.to_owned()));
        }
        let Some(mut search) = adapting.search.take() else {
            return Ok(Step::Next { worked: self.prepare(adapting)? });
        };
        if let Some(levels) = search.wanted() {
            let frame = &adapting.frames[adapting.seen.len()];
            let engine = self.persistent.get_mut();
            adapting.seen.push(engine.seen_through(&levels, frame).map_err(refused)?);
            adapting.done += 1;
            if adapting.seen.len() == adapting.frames.len() {
                search.seen(engine.learner(), &adapting.seen).map_err(refused)?;
                adapting.seen.clear();
            }
        }
        if search.wanted().is_none() {
            let none = || Refused("nothing was found; nothing was changed".to_owned());
            return search.found().map(Step::Found).ok_or_else(none);
        }
        adapting.search = Some(search);
        Ok(Step::Next { worked: true })
    }

    /// Reads on what taught images look like, and begins the search once all is there.
    ///
    /// * returns whether there was something to do.
    fn prepare(&mut self, adapting: &mut Adapting) -> Result<bool, Refused> {
        let examples = self.persistent.learner().examples();
        let unread = examples.iter().map(|example| example.id);
        let unread = unread.filter(|id| !adapting.taught.contains_key(id));
        let unread: Vec<ExampleId> = unread.take(READ_AT_ONCE).collect();
        if !unread.is_empty() {
            let frames = self.taught_frames(&unread).map_err(refused)?.into_iter();
            let moments = |frame: Option<Frame>| frame.as_ref().map(Moments::of);
            adapting.taught.extend(frames.map(|(id, frame)| (id, moments(frame))));
            return Ok(true);
        }
        let complete = adapting.frames.len() == adapting.wanted;
        if complete {
            let examples = self.persistent.learner().examples().iter();
            let known = examples.filter_map(|one| {
                let moments = adapting.taught.get(&one.id).copied().flatten()?;
                Some((one.class, one.group, moments))
            });
            let light = TaughtLight::of(known);
            let now = self.persistent.get().levels().copied().unwrap_or(Levels::SAME);
            adapting.search = Some(Search::new(light, &adapting.moments, &now).map_err(refused)?);
        }
        Ok(complete)
    }

    /// Takes what is proposed, where it helps.
    fn adapt(
        &mut self,
        proposal: &Proposal,
        is_trial: bool,
        date: Timestamp,
    ) -> Result<Adaptation, Refused> {
        let applied = proposal.comparison.helps() && !is_trial;
        if applied {
            self.put_levels(Some(&proposal.levels), "adapt", date)?;
        }
        Ok(Adaptation::of(proposal, applied, |class| self.class(class)))
    }

    fn put_levels(
        &mut self,
        levels: Option<&Levels>,
        doing: &str,
        date: Timestamp,
    ) -> Result<(), Refused> {
        self.persistent.put_levels(levels, doing, date).map_err(refused)
    }
}
