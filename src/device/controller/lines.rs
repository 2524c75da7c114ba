//! Where frames are lines of text: what is taught of those that were read, and what has no meaning for them.

use super::{Effects, Station};
use crate::backbone::FeatureSource;
use crate::image::frame::{Frame, Timestamp};
use crate::learn::command;
use crate::learn::learner::Subject;
use crate::protocol::log::Level;
use crate::protocol::people;
use crate::protocol::request::{Answer, Follow, Refused, Request, Set, SetRegion, Teach};
use crate::store::Store;
use crate::text;

impl<S: FeatureSource, K: Store> Station<S, K> {
    /// A source of events is in order and none came: the heartbeat goes on, and so does a burst.
    ///
    /// * `source`: as [`View::of_source`](super::View::of_source) counts them.
    pub fn idle(&mut self, source: usize, now: Timestamp) {
        // Beside a camera its frames say whether inference is alive.
        if source == 0 {
            self.panel.change(|panel| panel.actions.heartbeat(now));
        }
        let views = &self.views;
        let of_it = self.job.iter_mut().filter(|job| views[job.view].source == source);
        of_it.for_each(|job| job.idle(now));
    }

    /// Whether it learns from lines of text.
    pub(super) fn reads_lines(&self, place: usize) -> bool {
        self.learned(place).learner().subject() == Subject::Lines
    }

    /// What is about pixels is refused, also of samples of sound.
    pub(super) fn refuse_of_lines(&self, place: usize, request: &Request) -> Result<(), Refused> {
        let command = match request {
            Request::Adapt(_) => "adapt",
            Request::Finetune(_) => "finetune",
            Request::Explain(_) => "explain",
            Request::Follow(Follow { on: Some(_) }) => "follow",
            Request::SetRegion(SetRegion(Some(_))) => "region",
            Request::Set(Set { name, .. }) if name == "views" => "views",
            _ => return Ok(()),
        };
        let hears = self.learned(place).persistent.get().source().sound_window().is_kept;
        match self.reads_lines(place) {
            true => Err(Refused(format!("{command}: wanted images, got lines of text"))),
            false if hears => {
                Err(Refused(format!("{command}: wanted images, got samples of sound")))
            }
            false => Ok(()),
        }
    }

    /// Learns the lines that were read last: those that differ in more than what does not count, each a look of its own.
    ///
    /// * `count`: how many; where fewer were read, those.
    /// * `any`: also lines of the same form.
    pub(super) fn teach_lines(
        &mut self,
        place: usize,
        Teach { class, count, any }: Teach,
        now: Timestamp,
        effects: &mut Effects,
    ) -> Result<Answer, Refused> {
        let named = command::check_class(self.learned(place).learner(), &class);
        named.map_err(|error| Refused(error.to_string()))?;
        let lines = self.views[place].history.newest(count as usize, any);
        if lines.is_empty() {
            let why = match &self.views[place].trouble {
                Some(trouble) => format!("{trouble}; nothing was learned"),
                None => "no line was read so far, nothing was learned".to_owned(),
            };
            return Err(Refused(why));
        }
        let taken = lines.len();
        let answer = self.teach_frames(place, class, &lines, now)?;
        let fewer = (taken < count as usize)
            .then(|| format!("{taken} of {count}: no more lines that differ are kept"));
        let answer = answer.with_notes(fewer.into_iter().collect());
        if let Answer::Reply(reply) = answer.plain() {
            let note = match &answer {
                Answer::Noted { note, .. } => format!("; {note}"),
                _ => String::new(),
            };
            let learned = self.of_region(place, people::sentence(reply));
            effects.note(Level::Info, format!("{learned}{note}"));
        }
        Ok(answer)
    }

    /// A button that teaches was pressed: it is about the line that was read last.
    pub(super) fn press_for_line(
        &mut self,
        place: usize,
        class: &str,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        let teach = Teach { class: class.to_owned(), count: 1, any: false };
        let answer = self.teach_lines(place, teach, now, effects);
        self.learned_mut(place).tell_unstored(effects);
        if let Err(Refused(why)) = answer {
            self.record.failed("button");
            effects.note(Level::Warning, format!("button: {why}"));
        }
        for lost in self.newly_untaught() {
            effects.note(Level::Warning, lost);
        }
    }
}

/// Where an example comes from, for people: its line, where it is one.
pub(super) fn origin_of(frame: &Frame, otherwise: &str) -> String {
    frame.line().map_or_else(|| otherwise.to_owned(), text::origin)
}
