//! Teaching from frames: they are gathered, then learned, all or none, in one transaction.
//!
//! Frames of a part that lies still are one look at it, however many they are. So where several are asked for, one is
//! taken only if it differs from all that were taken for the same request by more than noise; see [`super::stillness`].

use super::answers::refused;
use super::assign::{Earlier, named_once};
use super::lines::origin_of;
use super::predicted::Picked;
use super::refuse;
use super::stillness::{Senses, distance};
use super::{Effects, MAX_BURST_MS, MAX_FRAMES, PATIENCE_MICROS, Station, Ticket};
use crate::backbone::FeatureSource;
use crate::image::frame::{Frame, Timestamp};
use crate::image::picture;
use crate::learn::command::{self, NewExample, Repeat, Reply, TakenFor, TeachExamples};
use crate::learn::head::ExampleId;
use crate::learn::learner::Subject;
use crate::learn::patches::FrameFeatures;
use crate::protocol::log::Level;
use crate::protocol::people;
use crate::protocol::request::{Answer, Progress, Refused};
use crate::store::Store;

/// After so long without a frame that differs the client is asked to move the part.
const HINT_MICROS: u64 = 500_000;

/// After so long a burst says again how far it is, or that it waits: a client that has gone cannot be sent that.
const REMIND_MICROS: u64 = 1_000_000;

/// After so long without a frame that differs what was gathered is learned.
const STILL_MICROS: u64 = 10_000_000;

/// Frames that a request asked to learn.
#[derive(Debug)]
pub(super) struct Job {
    /// `None` for a button.
    pub(super) ticket: Option<Ticket>,
    /// Who learns them.
    pub(super) view: usize,
    pub(super) class: String,
    pub(super) examples: Vec<NewExample>,
    pub(super) until: Until,
    /// Frames are taken however like one another they are.
    pub(super) any: bool,
    /// When it is given up if no frame comes.
    pub(super) patience: Timestamp,
    /// Frames that were not taken, since they are like others that were.
    alike: u32,
    /// When the latest was taken.
    taken: Timestamp,
    /// What a frame has to differ by, once that was asked.
    senses: Option<Senses>,
    /// When the client was asked to move the part, since the latest frame was taken.
    hinted: Option<Timestamp>,
    /// When a burst said last how far it is.
    reported: Timestamp,
    /// An example that was taught before and shows the part as it lies now.
    seen_before: Option<ExampleId>,
    /// What is learned from.
    subject: Subject,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    Count(u32),
    Time(Timestamp),
    /// A button is up again.
    Release {
        /// One more frame is due.
        due: bool,
        /// When it counts as up, whatever is heard of it.
        end: Timestamp,
    },
}

impl Job {
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        match self.until {
            Until::Time(end) | Until::Release { end, .. } => end <= now,
            Until::Count(_) => false,
        }
    }

    pub(super) fn next_tick(&self) -> Timestamp {
        match self.until {
            Until::Time(end) | Until::Release { end, .. } => end.min(self.patience),
            Until::Count(_) => self.patience,
        }
    }

    /// What there is to know about how many frames were taken, and how many looks they are.
    fn notes(&self) -> Vec<String> {
        let taken = self.examples.len() as u32;
        let count = match self.until {
            Until::Count(total) if taken < total => {
                Some(format!("{taken} of {total}: the part did not move"))
            }
            Until::Time(_) | Until::Release { .. } if self.alike > 0 => {
                let seen = taken + self.alike;
                Some(match self.subject {
                    Subject::Lines => format!("{taken} of {seen} lines differ"),
                    _ => format!("{taken} of {seen} frames differ: move the part"),
                })
            }
            _ => None,
        };
        let look = self.seen_before.map(|known| no_new_look(known, self.subject));
        count.into_iter().chain(look).collect()
    }

    /// Another frame came, and the next is waited for: of a burst of lines it may take hours.
    fn wait_on(&mut self, now: Timestamp) {
        let is_counted = matches!(self.until, Until::Count(_));
        let is_patient = self.subject == Subject::Lines && !is_counted;
        let time = if is_patient { u64::MAX } else { PATIENCE_MICROS };
        self.patience = Timestamp(now.0.saturating_add(time));
    }

    /// Events may be far apart: what ends by its own time, or with a button, is not given up between them.
    pub(super) fn idle(&mut self, now: Timestamp) {
        if !matches!(self.until, Until::Count(_)) {
            self.wait_on(now);
        }
    }
}

/// That a part was taught before, as it lies now.
fn no_new_look(known: ExampleId, subject: Subject) -> String {
    let known = known.0;
    match subject {
        Subject::Lines => {
            format!("the line is of the form of example {known}, so this is no new look")
        }
        _ => format!("the part lies as in example {known}, so this is no new look: move it"),
    }
}

impl<S: FeatureSource, K: Store> Station<S, K> {
    /// The client has gone: what was gathered for the answer is not learned.
    pub fn cancel(&mut self, ticket: Ticket) {
        if self.job.take_if(|job| job.ticket == Some(ticket)).is_some() {
            self.panel.change(|panel| panel.wait(None));
        }
        self.adapting.take_if(|adapting| adapting.is_of(ticket));
        // That goes on without its client.
        self.tuning.iter_mut().for_each(|tuning| tuning.leave(ticket));
    }

    pub(super) fn begin(
        &mut self,
        ticket: Option<Ticket>,
        view: usize,
        (class, any): (&str, bool),
        until: Until,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        if let Err(error) = command::check_class(self.learned(view).learner(), class) {
            return refuse(ticket, error.to_string(), effects);
        }
        if let Some(job) = &self.job {
            let why = format!("frames of {} are being learned; wait until that is done", job.class);
            return refuse(ticket, why, effects);
        }
        let mut job = Job {
            ticket,
            view,
            class: class.to_owned(),
            examples: Vec::new(),
            until,
            any,
            patience: now,
            alike: 0,
            taken: now,
            senses: None,
            hinted: None,
            reported: now,
            seen_before: None,
            subject: self.learned(view).learner().subject(),
        };
        job.wait_on(now);
        self.job = Some(job);
    }

    /// A button that teaches is down.
    pub(super) fn pressed(
        &mut self,
        view: usize,
        class: &str,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        if self.reads_lines(view) {
            return self.press_for_line(view, class, now, effects);
        }
        let end = Timestamp(now.0.saturating_add(u64::from(MAX_BURST_MS) * 1000));
        let until = Until::Release { due: true, end };
        self.begin(None, view, (class, false), until, now, effects);
    }

    /// It is held, or up again.
    pub(super) fn held(
        &mut self,
        view: usize,
        class: &str,
        up: bool,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        let Some(job) = &mut self.job else { return };
        let Until::Release { due, .. } = &mut job.until else { return };
        if (job.view, job.class.as_str()) != (view, class) {
            return;
        }
        match (up, job.examples.is_empty()) {
            (false, _) => *due = true,
            // It was shorter than a frame takes to come.
            (true, true) => job.until = Until::Count(1),
            (true, false) => self.finish(now, effects),
        }
    }

    /// The client ends its burst: what was gathered is learned, and at least one frame.
    pub(super) fn end_burst(
        &mut self,
        view: usize,
        class: &str,
        now: Timestamp,
        effects: &mut Effects,
    ) -> Result<Answer, Refused> {
        let goes_on = |job: &&mut Job| {
            job.view == view && job.class == class && matches!(job.until, Until::Time(_))
        };
        let Some(job) = self.job.as_mut().filter(goes_on) else {
            return Err(Refused(format!("no burst of {} goes on", class.escape_debug())));
        };
        match job.examples.is_empty() && job.subject != Subject::Lines {
            true => job.until = Until::Count(1),
            false => self.finish(now, effects),
        }
        Ok(Answer::Done)
    }

    /// The frame is one that was asked for, if any are.
    pub(super) fn teach_part(
        &mut self,
        part: &Frame,
        FrameFeatures { feature, patches }: FrameFeatures,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        let Some(job) = &mut self.job else { return };
        job.wait_on(now);
        if matches!(job.until, Until::Release { due: false, .. }) {
            return;
        }
        let view = &self.views[job.view];
        let learned = &mut self.learners[view.learner];
        if !job.any && !job.examples.is_empty() {
            if job.senses.is_none() {
                job.senses =
                    Senses::of(part, |part| learned.persistent.get_mut().feature_of_whole(part));
            }
            let enough = view.stillness.enough(job.senses);
            if job.examples.iter().any(|example| distance(&example.feature, &feature) <= enough) {
                return self.alike(now, effects);
            }
        }
        let mut joins = None;
        if !job.any {
            let seen_before = learned.seen_before(&job.class, &feature, part, &view.stillness);
            job.seen_before = job.seen_before.or(seen_before.map(|(known, _)| known));
            joins = seen_before.map(|(_, look)| look);
        }
        // A frame that gave its feature gives its views.
        let engine = learned.persistent.get_mut();
        let views = engine.views_of_whole(part).unwrap_or_default();
        let image = picture::kept(&engine.as_taught(part), self.image_side);
        // Each line is a look of its own.
        let burst = if part.line().is_some() { job.examples.len() as u32 } else { 0 };
        let camera = &self.sources[self.views[job.view].source].camera;
        job.examples.push(NewExample {
            image,
            views,
            burst,
            joins,
            patches,
            ..NewExample::new(feature, &origin_of(part, camera))
        });
        (job.taken, job.hinted) = (now, None);
        self.panel.change(|panel| panel.wait(None));
        let done = job.examples.len() as u32;
        let complete = match &mut job.until {
            Until::Count(total) => {
                let total = *total;
                if let (Some(ticket), true) = (job.ticket, total > 1) {
                    effects.progress.push((ticket, Progress { done, total, waiting: false }));
                }
                done >= total
            }
            Until::Time(end) => {
                // A client that has gone is noticed by what cannot be sent.
                if now.micros_since(job.reported) >= REMIND_MICROS {
                    job.reported = now;
                    let step = Progress { done, total: 0, waiting: false };
                    effects.progress.extend(job.ticket.map(|ticket| (ticket, step)));
                }
                *end <= now || done >= MAX_FRAMES
            }
            Until::Release { due, .. } => {
                *due = false;
                done >= MAX_FRAMES
            }
        };
        if complete {
            self.finish(now, effects);
        }
    }

    /// A frame was like one that was taken.
    fn alike(&mut self, now: Timestamp, effects: &mut Effects) {
        let Some(job) = &mut self.job else { return };
        job.alike = job.alike.saturating_add(1);
        if job.subject == Subject::Lines {
            return;
        }
        let total = match job.until {
            Until::Count(total) => total,
            Until::Time(_) | Until::Release { .. } => 0,
        };
        let still = now.micros_since(job.taken);
        if total > 0 && still >= STILL_MICROS {
            return self.finish(now, effects);
        }
        let is_due = match (job.hinted, job.until) {
            (None, _) => still >= HINT_MICROS,
            (Some(hinted), Until::Time(_)) => now.micros_since(hinted) >= REMIND_MICROS,
            (Some(_), _) => false,
        };
        if is_due {
            job.hinted = Some(now);
            self.panel.change(|panel| panel.wait(Some(now)));
            let done = job.examples.len() as u32;
            let hint = |ticket| (ticket, Progress { done, total, waiting: true });
            effects.progress.extend(job.ticket.map(hint));
        }
    }

    /// Learns frames that were classified, all or none, in one transaction.
    pub(super) fn teach_frames(
        &mut self,
        place: usize,
        class: String,
        frames: &[u64],
        now: Timestamp,
    ) -> Result<Answer, Refused> {
        named_once(frames)?;
        let (view, learned) = (&self.views[place], self.learned(place));
        command::check_class(learned.learner(), &class).map_err(refused)?;
        let mut earlier = Vec::with_capacity(frames.len());
        for (&number, burst) in frames.iter().zip(0..) {
            let past = view.history.get(number).map_err(Refused)?;
            let (pixels, feature) = (past.pixels.clone(), past.feature());
            let seen = learned.persistent.get().as_taught(&pixels);
            let image = picture::kept(&seen, self.image_side);
            let burst = if pixels.line().is_some() { burst } else { 0 };
            earlier.push(Earlier { feature, pixels, image, burst });
        }
        self.teach_earlier(place, class, earlier, now)
    }

    /// What there is to know about what was taught: which images were taught before, bit for bit, and otherwise that it
    /// is no new look, and that it was classified as another class.
    pub(super) fn notes_of(
        &self,
        place: usize,
        reply: &Reply,
        seen_before: Option<ExampleId>,
        taken_for: Option<TakenFor>,
    ) -> Vec<String> {
        let repeats = self.repeats(place, reply);
        let look = seen_before.filter(|known| repeats.iter().all(|one| one.known != *known));
        // An image of another class was classified as that, of course.
        let taken_for = taken_for.filter(|_| repeats.is_empty());
        let subject = self.learned(place).learner().subject();
        let look = look.map(|known| no_new_look(known, subject));
        let notes = repeats.iter().map(Repeat::to_string).chain(look);
        notes.chain(taken_for.map(|one| one.to_string())).collect()
    }

    fn repeats(&self, place: usize, reply: &Reply) -> Vec<Repeat> {
        match reply {
            Reply::Taught { examples, .. } => {
                Repeat::among(self.learned(place).learner(), examples)
            }
            _ => Vec::new(),
        }
    }

    /// Learns the frames that were gathered, all or none, in one transaction.
    pub(super) fn finish(&mut self, now: Timestamp, effects: &mut Effects) {
        let Some(job) = self.job.take() else { return };
        self.panel.change(|panel| panel.wait(None));
        let mut notes = job.notes();
        let Job { ticket, view, class, examples, subject, .. } = job;
        if examples.is_empty() {
            let what = if subject == Subject::Lines { "line" } else { "frame" };
            return refuse(ticket, format!("no {what}, nothing was learned"), effects);
        }
        let count = examples.len() as u64;
        let date = self.dated(now);
        match self.learned_mut(view).teach(TeachExamples { class, examples }, Picked::Live, date) {
            Ok((reply, taken_for)) => {
                self.record.taught += count;
                self.keep_templates();
                // A class was taught, and none lost its last example but by making room.
                for lost in self.newly_untaught() {
                    effects.note(Level::Warning, lost);
                }
                self.panel.change(|panel| panel.acknowledge(now));
                self.learned_mut(view).tell_unstored(effects);
                // Frames of a camera that stands still repeat themselves; in two classes they contradict themselves.
                let repeats = self.repeats(view, &reply);
                let disputed = repeats.iter().filter(|one| one.class != one.known_class);
                notes.extend(disputed.map(Repeat::to_string));
                let taken_for = taken_for.filter(|_| repeats.is_empty());
                notes.extend(taken_for.map(|one| one.to_string()));
                let told: String = notes.iter().map(|note| format!("; {note}")).collect();
                let learned = self.of_region(view, people::sentence(&reply));
                effects.note(Level::Info, format!("{learned}{told}"));
                if let Some(ticket) = ticket {
                    let answer = Answer::Reply(reply).with_notes(notes);
                    effects.answers.push((ticket, Ok(answer)));
                }
            }
            Err(error) => {
                self.record.failed("teach");
                if ticket.is_some() {
                    self.learned_mut(view).tell_unstored(effects);
                }
                refuse(ticket, error.to_string(), effects);
            }
        }
    }
}
