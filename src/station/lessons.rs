//! Teaching from frames: they are gathered, then learned, all or none, in one transaction.

use super::{Effects, Level, MAX_FRAMES, PATIENCE_MICROS, Station, Ticket, in_words, refuse};
use crate::backbone::FeatureSource;
use crate::command::{Command, Shot, Teach};
use crate::frame::{Frame, Timestamp};
use crate::learner::ClassName;
use crate::picture;
use crate::request::{Answer, Progress};
use crate::store::Store;

/// Frames that somebody asked to be learned.
#[derive(Debug)]
pub(super) struct Job {
    /// `None` for a button.
    pub(super) ticket: Option<Ticket>,
    /// Who learns them.
    pub(super) view: usize,
    pub(super) class: String,
    pub(super) shots: Vec<Shot>,
    pub(super) until: Until,
    /// When it is given up if no frame comes.
    pub(super) patience: Timestamp,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    Count(u32),
    Time(Timestamp),
}

impl<S: FeatureSource, K: Store> Station<S, K> {
    pub(super) fn begin(
        &mut self,
        ticket: Option<Ticket>,
        view: usize,
        class: &str,
        until: Until,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        if let Err(error) = ClassName::new(class) {
            return refuse(ticket, error.to_string(), effects);
        }
        if let Some(job) = &self.job {
            let why = format!("frames of {} are being learned; wait for their answer", job.class);
            return refuse(ticket, why, effects);
        }
        let patience = Timestamp(now.0.saturating_add(PATIENCE_MICROS));
        let (class, shots) = (class.to_owned(), Vec::new());
        self.job = Some(Job { ticket, view, class, shots, until, patience });
    }

    /// The frame is one that was asked for, if any are.
    pub(super) fn teach_frame(
        &mut self,
        frame: &Frame,
        feature: Vec<f32>,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        let Some(job) = &mut self.job else { return };
        // A frame that gave its feature gives its views.
        let views = self.views[job.view].keeper.get_mut().views(frame).unwrap_or_default();
        let image = match frame.region(&self.views[job.view].region()) {
            Ok(part) => Some(picture::thumbnail(&part, picture::THUMBNAIL_SIDE)),
            Err(_) => None,
        };
        job.shots.push(Shot { image, views, ..Shot::new(feature, &self.camera) });
        job.patience = Timestamp(now.0.saturating_add(PATIENCE_MICROS));
        let done = job.shots.len() as u32;
        let complete = match job.until {
            Until::Count(total) => {
                if let (Some(ticket), true) = (job.ticket, total > 1) {
                    effects.progress.push((ticket, Progress { done, total }));
                }
                done >= total
            }
            Until::Time(end) => end <= now || done >= MAX_FRAMES,
        };
        if complete {
            self.finish(now, effects);
        }
    }

    /// Learns the frames that were gathered, all or none, in one transaction.
    pub(super) fn finish(&mut self, now: Timestamp, effects: &mut Effects) {
        let Some(Job { ticket, view, class, shots, .. }) = self.job.take() else { return };
        if shots.is_empty() {
            return refuse(ticket, "no frame came, so nothing was learned".to_owned(), effects);
        }
        let count = shots.len() as u64;
        match self.views[view].apply(Command::Teach(Teach { class, shots }), now) {
            Ok(reply) => {
                self.record.taught += count;
                self.panel.change(|panel| panel.acknowledge(now));
                self.views[view].tell_unstored(effects);
                effects.note(Level::Info, self.of_region(view, in_words(&reply)));
                if let Some(ticket) = ticket {
                    effects.answers.push((ticket, Ok(Answer::Reply(reply))));
                }
            }
            Err(error) => {
                self.record.failed("teach");
                if ticket.is_some() {
                    self.views[view].tell_unstored(effects);
                }
                refuse(ticket, error.to_string(), effects);
            }
        }
    }
}
