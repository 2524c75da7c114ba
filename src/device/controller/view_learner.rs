//! What was learned, of one part of every frame or of several parts that share it.

use std::collections::VecDeque;

use super::Effects;
use super::answers::refused;
use super::good_parts::Made;
use super::inbox::RegionInbox;
use super::predicted::{self, Picked, Predicted};
use super::stillness::{NEAR, Senses, Stillness, distance};
use crate::backbone::FeatureSource;
use crate::image::frame::{Frame, Timestamp};
use crate::learn::command::{
    Accuracy, Command, ForgetExamples, Reply, TakenFor, TeachExamples, UndoLatest,
};
use crate::learn::decision::Verdict;
use crate::learn::engine::Engine;
use crate::learn::head::{ClassId, ExampleId, GroupId};
use crate::learn::learner::{Change, Learner, UNDO_DEPTH};
use crate::protocol::log::Level;
use crate::protocol::request::{Classification, Refused};
use crate::store::Store;
use crate::store::persistent::{PersistError, PersistentLearner};

/// What was learned, of one [`View`](super::View) or of several that share it.
#[derive(Debug)]
pub struct ViewLearner<S, K> {
    name: Option<String>,
    pub(super) persistent: PersistentLearner<Engine<S>, K>,
    /// Frames that wait for a person.
    pub(super) inbox: RegionInbox,
    /// What fine-tuning brought last.
    pub(super) tuned: Option<String>,
    /// What is remembered of good parts, where it is being made.
    pub(super) patches_made: Made,
    /// Why the latest change could not be stored.
    unstored: Option<String>,
    /// What was logged of that.
    told_unstored: Option<String>,
    /// How often it was right about what it was then taught.
    pub(super) predicted: Predicted,
    /// The same before each of the latest changes, as long as they taught and this has seen them.
    taught: Vec<Predicted>,
    /// The examples of each of the latest requests that taught, whatever was changed since.
    lessons: VecDeque<Vec<ExampleId>>,
}

/// Requests that taught and can be taken back by their examples.
const LESSONS: usize = 64;

impl<S: FeatureSource, K: Store> ViewLearner<S, K> {
    /// * `name`: that of its region, or the one under which several share it.
    pub fn new(name: Option<&str>, mut persistent: PersistentLearner<Engine<S>, K>) -> Self {
        // Where it cannot be read, counting starts from zero.
        let kept = persistent.store_mut().setting(predicted::SETTING).ok().flatten();
        let predicted = kept.and_then(|bytes| Predicted::decode(&bytes)).unwrap_or_default();
        Self {
            name: name.map(str::to_owned),
            persistent,
            inbox: RegionInbox::default(),
            tuned: None,
            patches_made: None,
            unstored: None,
            told_unstored: None,
            predicted,
            taught: Vec::new(),
            lessons: VecDeque::new(),
        }
    }

    /// With the frames that wait for a person.
    #[must_use]
    pub fn with_inbox(self, inbox: RegionInbox) -> Self {
        Self { inbox, ..self }
    }

    /// The frames that wait for a person.
    pub fn inbox(&self) -> &RegionInbox {
        &self.inbox
    }

    /// That of its region, or the one under which several share it; `None` where there is one without a name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What a setting of its store holds; `None` also where it cannot be read.
    pub fn setting(&mut self, name: &str) -> Option<Vec<u8>> {
        self.persistent.store_mut().setting(name).ok().flatten()
    }

    /// What was learned.
    pub fn learner(&self) -> &Learner {
        self.persistent.learner()
    }

    /// The example of that class which shows the part as it lies now, and its look: the two differ by no more than
    /// frames do in which nothing moves. Each press of a button at a part that lies still is one look at it, not a look
    /// each.
    ///
    /// * `part`: what is looked at, to ask the backbone what a small change of it does.
    /// * `stillness`: of the view that it comes from, whose jitter does not count; none of its own where it comes from no
    ///   camera.
    pub(super) fn seen_before(
        &mut self,
        class: &str,
        feature: &[f32],
        part: &Frame,
        stillness: &Stillness,
    ) -> Option<(ExampleId, GroupId)> {
        let learner = self.learner();
        let class = learner.class_named(class.trim_start_matches('+'))?;
        let of_class = learner.examples().iter().filter(|example| example.class == class);
        let (near, id, group) = of_class
            .map(|example| (distance(&example.widened(), feature), example.id, example.group))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(near, ..)| *near <= NEAR)?;
        let senses = Senses::of(part, |part| self.persistent.get_mut().feature_of_whole(part));
        (near <= stillness.enough(senses)).then_some((id, group))
    }

    /// Carries out a command, see [`PersistentLearner::apply`].
    pub(super) fn apply(
        &mut self,
        command: Command,
        now: Timestamp,
    ) -> Result<Reply, PersistError> {
        let undone = match &command {
            Command::Undo(_) => self.taught.last().cloned(),
            _ => None,
        };
        let only_looks = command.only_looks();
        let predicted = undone.unwrap_or_else(|| self.predicted.clone());
        let done = self.apply_predicted(command, predicted, now);
        match &done {
            Ok(_) if only_looks => {}
            Ok(Reply::Undone { changes, .. }) if changes.is_empty() => {}
            Ok(Reply::Undone { .. }) => {
                self.taught.pop();
                self.bring_back();
            }
            Ok(_) => self.taught.clear(),
            Err(_) => {}
        }
        self.empty_inbox();
        done
    }

    /// Learns, once it is counted what it would have said of that.
    ///
    /// * returns the reply, and the class that all frames were taken for where it was another.
    ///
    /// # Errors
    /// As [`ViewLearner::apply`].
    pub(super) fn teach(
        &mut self,
        teach: TeachExamples,
        picked: Picked,
        now: Timestamp,
    ) -> Result<(Reply, Option<TakenFor>), PersistError> {
        let (before, mut predicted) = (self.predicted.clone(), self.predicted.clone());
        let estimate = Accuracy::of(self.learner()).map(|accuracy| accuracy.balanced);
        predicted.begin(self.learner().examples().len(), estimate, now);
        let mut taken_for = None;
        if let Some(class) = self.learner().class_named(teach.class.trim_start_matches('+')) {
            let verdicts = teach.verdicts(self.learner());
            for verdict in &verdicts {
                predicted.count(class, verdict.class == Some(class), picked, now);
            }
            taken_for = TakenFor::of(class, &verdicts, self.learner());
        }
        let reply = self.apply_predicted(Command::Teach(teach), predicted, now)?;
        self.taught.push(before);
        if self.taught.len() > UNDO_DEPTH {
            self.taught.remove(0);
        }
        if let Reply::Taught { examples, .. } = &reply {
            let learned = self.persistent.learner().examples();
            let features = examples.iter().filter_map(|id| Some(learned.get(*id)?.feature.clone()));
            self.inbox.taught(examples, &features.collect::<Vec<_>>());
            self.lessons.push_back(examples.clone());
            if self.lessons.len() > LESSONS {
                self.lessons.pop_front();
            }
        }
        Ok((reply, taken_for))
    }

    /// Carries out a command; the score is that from then on, and kept with what it changes.
    fn apply_predicted(
        &mut self,
        command: Command,
        predicted: Predicted,
        now: Timestamp,
    ) -> Result<Reply, PersistError> {
        let only_looks = command.only_looks();
        let bytes = predicted.encode();
        let setting = (predicted != self.predicted).then_some((predicted::SETTING, &bytes[..]));
        let done = self.persistent.apply_with(command, setting, now);
        match &done {
            Ok(_) if only_looks => {}
            Ok(Reply::Undone { changes, .. }) if changes.is_empty() => {}
            Ok(_) => {
                self.predicted = predicted;
                self.unstored = None;
            }
            Err(error @ PersistError::Store(_)) => self.unstored = Some(error.to_string()),
            Err(_) => {}
        }
        done
    }

    /// Reports, once, why nothing can be stored.
    pub(super) fn tell_unstored(&mut self, effects: &mut Effects) {
        if self.unstored != self.told_unstored {
            let of = self.name.as_deref().map(|name| format!("{name}: ")).unwrap_or_default();
            match &self.unstored {
                Some(why) => effects.note(Level::Error, format!("{of}{why}")),
                None => effects.note(Level::Info, format!("{of}the store is writable again")),
            }
            self.told_unstored.clone_from(&self.unstored);
        }
    }

    /// Takes the latest change back if it taught, and was made since the program began.
    pub(super) fn undo_taught(&mut self, now: Timestamp) -> Result<Reply, Refused> {
        if self.taught.is_empty() {
            let why = "the latest change did not teach, or was made before the device started: unlock PIN first to undo it";
            return Err(Refused(why.to_owned()));
        }
        self.apply(Command::Undo(UndoLatest), now).map_err(refused)
    }

    /// Takes back what one request taught: by undoing where nothing was changed since, otherwise by forgetting what is left
    /// of it.
    pub(super) fn undo_teach(
        &mut self,
        examples: &[ExampleId],
        now: Timestamp,
    ) -> Result<Reply, Refused> {
        let place = self.lessons.iter().position(|lesson| lesson == examples);
        let Some(place) = place.filter(|_| !examples.is_empty()) else {
            let why = "these examples were not taught by one request since the device started";
            return Err(Refused(why.to_owned()));
        };
        let removed = |step: &Vec<Change>| -> Vec<ExampleId> {
            let one = |change: &Change| match change {
                Change::RemoveExample(id) => Some(*id),
                _ => None,
            };
            step.iter().filter_map(one).collect()
        };
        let latest = self.learner().undo_steps().last().map(removed).unwrap_or_default();
        let is_latest =
            latest.len() == examples.len() && examples.iter().all(|id| latest.contains(id));
        let left = examples.iter().filter(|id| self.learner().examples().get(**id).is_some());
        let command = match is_latest {
            true => Command::Undo(UndoLatest),
            false => Command::Forget(ForgetExamples::Examples(left.copied().collect())),
        };
        let reply = self.apply(command, now).map_err(refused)?;
        self.lessons.remove(place);
        self.bring_back();
        Ok(reply)
    }

    /// What was learned has been changed by other means than a command.
    ///
    /// * `elsewhere`: it was learned by another device, whose classes have numbers of their own.
    pub(super) fn changed(&mut self, elsewhere: bool) {
        self.taught.clear();
        self.empty_inbox();
        if elsewhere && self.predicted != Predicted::default() {
            self.predicted = Predicted::default();
            // What is left after a power cut now is counted of classes that are not there.
            let _ = self.persistent.store_mut().set(predicted::SETTING, &self.predicted.encode());
        }
    }

    pub(super) fn class(&self, class: ClassId) -> String {
        let name = self.learner().classes().get(&class);
        name.map_or_else(String::new, |name| name.as_str().to_owned())
    }

    /// A verdict in words.
    ///
    /// * `frame`, `region`: the number and the name to report.
    pub(super) fn classification(
        &self,
        frame: Option<u64>,
        region: Option<String>,
        verdict: &Verdict,
        class: Option<String>,
        captured: Timestamp,
        age_micros: u64,
    ) -> Classification {
        let runner_up = verdict.runner_up;
        Classification {
            captured,
            age_micros,
            frame,
            region,
            class,
            best: self.class(verdict.best),
            confidence: verdict.confidence,
            runner_up: runner_up.map(|(class, probability)| (self.class(class), probability)),
            novelty: verdict.novelty,
            line: None,
        }
    }
}
