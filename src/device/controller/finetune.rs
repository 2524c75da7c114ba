//! Fine-tuning while frames are classified: the kept images are read a few at a time; the rest is done elsewhere, at leisure,
//! and looked after here until what came of it can be put in place. See [`crate::device::tuning`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use super::answers::refused;
use super::drift::{State, state};
use super::{Effects, Station, Ticket, ViewLearner, refuse};
use crate::backbone::FeatureSource;
use crate::device::tuning::{BackboneReader, TuningOutcome, TuningTask};
use crate::image::frame::Timestamp;
use crate::learn::head::ExampleId;
use crate::learn::learner::Subject;
use crate::protocol::log::Level;
use crate::protocol::request::{Answer, FineTuning, Finetune, Progress, Refused};
use crate::store::Store;
use crate::store::snapshot::Snapshot;

/// Images that are read at a time, and the time between two reads.
const READ_AT_ONCE: usize = 8;
const READ_MICROS: u64 = 50_000;

/// How often it is looked after, and the client told how far it is.
const LOOK_MICROS: u64 = 1_000_000;

/// Examples without an image that a refusal names.
const NAMED: usize = 10;

/// Work that takes long, to be done by another thread.
pub type Work = Box<dyn FnOnce() + Send>;

/// How a station does what takes minutes.
pub struct Background {
    backbone: BackboneReader,
    start: Box<dyn Fn(Work) + Send>,
    room: fn() -> u64,
    scratch: PathBuf,
}

impl std::fmt::Debug for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Background")
    }
}

impl Background {
    /// * `backbone`: gives the network that frames are looked at with.
    /// * `start`: does the work beside that of the station, or drops it.
    /// * `room`: bytes of memory that it may take; `scratch`: a folder for what has no room there.
    pub fn new(
        backbone: BackboneReader,
        start: impl Fn(Work) + Send + 'static,
        room: fn() -> u64,
        scratch: &Path,
    ) -> Self {
        Self { backbone, start: Box::new(start), room, scratch: scratch.to_owned() }
    }
}

/// What the two sides know of each other.
#[derive(Debug, Default)]
struct Shared {
    done: AtomicU32,
    steps: AtomicU32,
    stop: AtomicBool,
}

/// A fine-tuning under way.
#[derive(Debug)]
pub(super) struct Tuning {
    /// Who waits for the answer; `None` once the client has gone.
    ticket: Option<Ticket>,
    view: usize,
    asked: Finetune,
    /// When it is looked after next.
    due: Timestamp,
    /// What was learned when it began.
    of: State,
    images: BTreeMap<ExampleId, Vec<u8>>,
    running: Option<Running>,
    shared: Arc<Shared>,
    /// Microseconds that are left, as far as that can be known.
    left_micros: Option<u64>,
}

/// What is done elsewhere.
#[derive(Debug)]
struct Running {
    /// Down to the last example; what is counted in a [`State`] tells most changes at once, not all.
    taught: Arc<Snapshot>,
    begun: Timestamp,
    outcome: Receiver<Result<TuningOutcome, String>>,
}

/// The work ends where nothing waits for what comes of it.
impl Drop for Tuning {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

impl Tuning {
    pub(super) fn next_tick(&self) -> Timestamp {
        self.due
    }

    /// Its client has gone.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.ticket.take_if(|waits| *waits == ticket);
    }

    fn progress(&self) -> Progress {
        let of = |count: &AtomicU32| count.load(Ordering::Relaxed);
        Progress { done: of(&self.shared.done), total: of(&self.shared.steps), waiting: false }
    }

    fn in_words(&self) -> String {
        let Progress { done, total, .. } = self.progress();
        let seconds = self.left_micros.map(|micros| micros.div_ceil(1_000_000));
        match (total, seconds) {
            (0, _) | (_, None) => "it begins".to_owned(),
            (_, Some(seconds)) if seconds < 100 => {
                format!("{} %, about {seconds} s left", 100 * done / total)
            }
            (_, Some(seconds)) => {
                format!("{} %, about {} min left", 100 * done / total, seconds.div_ceil(60))
            }
        }
    }
}

impl<S: FeatureSource, K: Store> Station<S, K> {
    /// Lets it do what takes minutes; without it that is refused.
    pub fn set_background(&mut self, background: Background) {
        self.background = Some(background);
    }

    /// It is answered when all is done.
    pub(super) fn begin_tuning(
        &mut self,
        ticket: Ticket,
        view: usize,
        asked: Finetune,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        let engine = self.learned(view).persistent.get();
        let why = if let Some(tuning) = &self.tuning {
            format!("a fine-tuning goes on already: {}; `finetune stop` ends it", tuning.in_words())
        } else if self.background.is_none() {
            "this device cannot fine-tune itself; stop it, then: fieldtune finetune".to_owned()
        } else if engine.learner().subject() == Subject::Sounds {
            "the last blocks are trained with images, and these are sounds".to_owned()
        } else if engine.learner().examples().is_empty() {
            "nothing is taught, so there is nothing to train with".to_owned()
        } else {
            self.tuning = Some(Tuning {
                ticket: Some(ticket),
                view,
                asked,
                due: now,
                of: state(engine),
                images: BTreeMap::new(),
                running: None,
                shared: Arc::default(),
                left_micros: None,
            });
            return;
        };
        refuse(Some(ticket), why, effects);
    }

    /// Ends the one under way.
    pub(super) fn end_tuning(&mut self, effects: &mut Effects) -> Result<Answer, Refused> {
        let none = || Refused("no fine-tuning is under way".to_owned());
        let tuning = self.tuning.take().ok_or_else(none)?;
        let stopped = "fine-tuning was stopped; nothing was changed";
        self.tell_tuning(&tuning, Err(Refused(stopped.to_owned())), effects);
        Ok(Answer::Done)
    }

    /// The time is `now`.
    pub(super) fn look_after_tuning(&mut self, now: Timestamp, effects: &mut Effects) {
        let Some(mut tuning) = self.tuning.take_if(|tuning| tuning.due <= now) else { return };
        match self.tune_on(&mut tuning, now) {
            Ok(None) => {
                let progress = tuning.progress();
                let told = tuning.ticket.filter(|_| tuning.running.is_some());
                effects.progress.extend(told.map(|ticket| (ticket, progress)));
                self.tuning = Some(tuning);
            }
            Ok(Some(outcome)) => {
                let answer = self.put_tuned(&tuning, outcome, self.dated(now));
                self.learned_mut(tuning.view).tell_unstored(effects);
                self.tell_tuning(&tuning, answer, effects);
            }
            Err(refused) => self.tell_tuning(&tuning, Err(refused), effects),
        }
    }

    /// The next images, or how far the rest is.
    ///
    /// * returns what came of it, once it has.
    fn tune_on(
        &mut self,
        tuning: &mut Tuning,
        now: Timestamp,
    ) -> Result<Option<TuningOutcome>, Refused> {
        let learner = self.views[tuning.view].learner;
        let learned = &mut self.learners[learner];
        if state(learned.persistent.get()) != tuning.of {
            return Err(changed());
        }
        let Some(running) = &tuning.running else {
            let is_complete = learned.read_images(&mut tuning.images)?;
            tuning.due = Timestamp(now.0.saturating_add(READ_MICROS));
            if is_complete {
                self.start_tuning(tuning, now)?;
            }
            return Ok(None);
        };
        // What is being taught is learned first, which ends this.
        let is_taught =
            self.job.as_ref().is_some_and(|job| self.views[job.view].learner == learner);
        let outcome = match running.outcome.try_recv() {
            Err(TryRecvError::Empty) => None,
            _ if is_taught => return Err(changed()),
            Ok(outcome) => Some(outcome.map_err(Refused)?),
            Err(TryRecvError::Disconnected) => {
                let why = "fine-tuning broke off, nothing was changed; see the log";
                return Err(Refused(why.to_owned()));
            }
        };
        let Progress { done, total, .. } = tuning.progress();
        let micros = u128::from(now.micros_since(running.begun)) * u128::from(total - done);
        tuning.left_micros = (done > 0).then(|| (micros / u128::from(done)) as u64);
        tuning.due = Timestamp(now.0.saturating_add(LOOK_MICROS));
        Ok(outcome)
    }

    /// All images are there.
    fn start_tuning(&mut self, tuning: &mut Tuning, now: Timestamp) -> Result<(), Refused> {
        let learned = &mut self.learners[self.views[tuning.view].learner];
        let Some(background) = &self.background else { return Ok(()) };
        let taught = Arc::new(learned.persistent.learned());
        let task = TuningTask {
            backbone: Arc::clone(&background.backbone),
            taught: Arc::clone(&taught),
            base: learned.persistent.base().map_err(refused)?,
            images: std::mem::take(&mut tuning.images),
            views: learned.persistent.get().view_kinds().clone(),
            asked: tuning.asked.clone(),
            room: (background.room)(),
            scratch: background.scratch.clone(),
        };
        let (sender, outcome) = channel();
        let shared = Arc::clone(&tuning.shared);
        let work = move || {
            let outcome = task.run(&mut |done, steps| {
                shared.steps.store(steps as u32, Ordering::Relaxed);
                shared.done.store(done as u32, Ordering::Relaxed);
                !shared.stop.load(Ordering::Relaxed)
            });
            // Nothing waits for one that was stopped.
            let _ = sender.send(outcome);
        };
        (background.start)(Box::new(work));
        tuning.running = Some(Running { taught, begun: now, outcome });
        Ok(())
    }

    /// Puts what came of it in place, where it helps.
    fn put_tuned(
        &mut self,
        tuning: &Tuning,
        TuningOutcome { found, tuned }: TuningOutcome,
        date: Timestamp,
    ) -> Result<Answer, Refused> {
        let learned = self.learned_mut(tuning.view);
        let answer = |found: FineTuning| Ok(Answer::FineTuned(Box::new(found)));
        let Some((tuned, extractor)) = tuned else { return answer(found) };
        let taught = tuning.running.as_ref().map(|running| &*running.taught);
        if taught != Some(&learned.persistent.learned()) {
            return Err(changed());
        }
        let source = S::of_extractor(extractor)
            .ok_or_else(|| Refused("this device has no backbone to load".to_owned()))?;
        learned.persistent.fine_tune(tuned, source, date).map_err(refused)?;
        learned.backbone_changed();
        self.light_changed(tuning.view);
        answer(FineTuning { applied: true, ..found })
    }

    fn tell_tuning(
        &mut self,
        tuning: &Tuning,
        answer: Result<Answer, Refused>,
        effects: &mut Effects,
    ) {
        let sentence = match &answer {
            Ok(Answer::FineTuned(found)) => found.sentence(),
            Ok(_) => String::new(),
            Err(Refused(why)) => why.clone(),
        };
        self.learned_mut(tuning.view).tuned = Some(sentence.clone());
        match tuning.ticket {
            Some(ticket) => effects.answers.push((ticket, answer)),
            None => {
                let level = if answer.is_ok() { Level::Info } else { Level::Warning };
                effects.note(level, self.of_region(tuning.view, format!("finetune: {sentence}")));
            }
        }
    }

    /// How far it is, or what came of the last.
    pub(super) fn tuning_figure(&self, place: usize) -> Option<(String, String)> {
        let under_way = self
            .tuning
            .as_ref()
            .filter(|tuning| self.views[tuning.view].learner == self.views[place].learner);
        match under_way {
            Some(tuning) => Some(("finetuning".to_owned(), tuning.in_words())),
            None => self.learned(place).tuned.clone().map(|told| ("finetuned".to_owned(), told)),
        }
    }

    /// Goes back to a generation, also to one that was learned with other last blocks of the backbone.
    pub(super) fn roll_back(
        &mut self,
        place: usize,
        number: u64,
        date: Timestamp,
    ) -> Result<Answer, Refused> {
        let learner = self.views[place].learner;
        let learned = &mut self.learners[learner];
        let before = learned.persistent.get().levels().copied();
        let blocks = learned.persistent.other_blocks(number).map_err(refused)?;
        match blocks.zip(self.background.as_ref()) {
            Some(_)
                if self.job.as_ref().is_some_and(|job| self.views[job.view].learner == learner) =>
            {
                let why = "frames are being learned; wait until that is done";
                return Err(Refused(why.to_owned()));
            }
            Some((tail, background)) => {
                let network = (background.backbone)().map_err(Refused)?;
                let extractor = network.load(tail.as_ref()).map_err(refused)?;
                let source = S::of_extractor(extractor)
                    .ok_or_else(|| Refused("this device has no backbone to load".to_owned()))?;
                learned.persistent.roll_back_with(number, source, date).map_err(refused)?;
                learned.backbone_changed();
                self.light_changed(place);
            }
            None => {
                learned.persistent.roll_back(number, date).map_err(refused)?;
                learned.changed(false);
                if learned.persistent.get().levels().copied() != before {
                    self.light_changed(place);
                }
            }
        }
        Ok(Answer::Done)
    }
}

fn changed() -> Refused {
    let why = "what is taught was changed meanwhile, so nothing was fine-tuned; ask again";
    Refused(why.to_owned())
}

impl<S: FeatureSource, K: Store> ViewLearner<S, K> {
    /// Reads on.
    ///
    /// * returns whether all images are there.
    fn read_images(&mut self, images: &mut BTreeMap<ExampleId, Vec<u8>>) -> Result<bool, Refused> {
        let examples = self.persistent.learner().examples();
        let unread = examples.iter().map(|example| example.id);
        let unread = unread.filter(|id| !images.contains_key(id));
        let unread: Vec<ExampleId> = unread.take(READ_AT_ONCE).collect();
        let store = self.persistent.store_mut();
        let mut add = |id, file: &[u8]| drop(images.insert(id, file.to_vec()));
        store.images(Some(&unread), &mut add).map_err(refused)?;
        let missing: Vec<String> = unread
            .iter()
            .filter(|id| !images.contains_key(id))
            .map(|id| id.0.to_string())
            .take(NAMED)
            .collect();
        if missing.is_empty() {
            return Ok(unread.is_empty());
        }
        Err(Refused(format!(
            "no image is kept of the examples {}, so nothing was changed; teach them again, or forget them",
            missing.join(", ")
        )))
    }

    /// Frames are looked at with other blocks: nothing that was seen with those before can be compared.
    fn backbone_changed(&mut self) {
        self.tuned = None;
        self.changed(false);
        self.inbox.backbone_changed(self.persistent.get().source().fingerprint());
    }
}
