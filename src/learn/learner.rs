//! Everything learned, as one value, and the only way to change it: a list of changes that happens whole or not
//! at all, and leaves its own undoing behind.

mod advice;
mod apply;
mod calibrate;
mod correction;
mod error;
mod good;
mod name;
mod relearn;
mod restore;
mod stand_in;
mod subject;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::learn::decision::{Calibration, Estimate, Thresholds, Verdict};
use crate::learn::examples::{Example, Examples};
use crate::learn::head::{self, ClassId, ExampleId, Head, HeadConfig, HeadError, StoredLesson};
use crate::learn::patches::Patches;
pub use advice::Advice;
use calibrate::Fit;
pub use correction::Correction;
pub use error::LearnError;
use good::MadeElsewhere;
pub use good::{MadePatches, PatchWork};
pub use name::{ClassName, UNKNOWN};
use stand_in::{looks, stand_ins};
pub use subject::Subject;

/// Classes that may be taught.
pub const MAX_CLASSES: usize = 4096;

/// The largest id of a class. Ids are given once and rise; the room above keeps counting from overflowing.
pub const LAST_CLASS: ClassId = ClassId(u32::MAX >> 1);

/// The largest id of an example.
pub const LAST_EXAMPLE: ExampleId = ExampleId(u64::MAX >> 1);

/// Steps that can be undone; fewer where those hold more bytes of examples than the budget.
pub const UNDO_DEPTH: usize = 32;

/// One change of what was learned; the unit in which a store writes and an undo takes back.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// A new class, or one that comes back.
    AddClass(ClassId, ClassName),
    /// A class without examples goes.
    RemoveClass(ClassId),
    /// A class is called differently.
    RenameClass(ClassId, ClassName),
    /// A new example, or one that comes back.
    AddExample(Example),
    /// An example goes.
    RemoveExample(ExampleId),
    /// An example is of another class.
    Relabel(ExampleId, ClassId),
    /// Another head, taught with all stored examples.
    SetHead(HeadConfig),
    /// Other thresholds.
    SetThresholds(Thresholds),
}

impl Change {
    /// Bytes that it holds for an undo, see [`Example::bytes`]; 0 where it is nothing but a few words.
    fn bytes(&self) -> usize {
        match self {
            Change::AddExample(example) => example.bytes(),
            _ => 0,
        }
    }
}

/// Classes, examples, the head taught with them, and how its scores are classified.
#[derive(Debug)]
pub struct Learner {
    dim: usize,
    subject: Subject,
    classes: BTreeMap<ClassId, ClassName>,
    examples: Examples,
    config: HeadConfig,
    head: Box<dyn Head>,
    thresholds: Thresholds,
    correction: Correction,
    /// What scores mean; of good parts alone it takes long, and is made when it is asked for.
    fit: OnceLock<Fit>,
    /// Where patch memories are made elsewhere.
    elsewhere: Option<MadeElsewhere>,
    next_class: u32,
    next_example: u64,
    undo: Vec<Vec<Change>>,
    latest: Option<Latest>,
    changes_since_fit: usize,
}

/// What it takes to make the latest step one that never was.
#[derive(Debug)]
struct Latest {
    inverse: Vec<Change>,
    next: (u32, u64),
    undo: UndoBefore,
}

/// How the steps that can be undone were before the latest.
#[derive(Debug)]
enum UndoBefore {
    /// One fewer, and these in front of all.
    OneFewer(Vec<Vec<Change>>),
    /// This one, too.
    And(Vec<Change>),
}

/// What the latest [`Learner::change`] or [`Learner::undo`] did to the steps that can be undone.
#[derive(Debug, Clone, Copy)]
pub enum LatestStep<'a> {
    /// It is one of them.
    Made {
        /// What takes it back.
        inverse: &'a [Change],
        /// How many there are now; older ones are dropped.
        steps: usize,
    },
    /// It took the last of them back.
    TakenBack,
}

impl Learner {
    /// Nothing learned.
    ///
    /// * `dim`: length of a feature.
    /// * `budget`: bytes of examples, see [`Examples::new`].
    ///
    /// # Errors
    /// [`LearnError::Head`] if the head refuses its configuration.
    pub fn new(dim: usize, config: HeadConfig, budget: usize) -> Result<Self, LearnError> {
        Ok(Self {
            dim,
            subject: Subject::default(),
            classes: BTreeMap::new(),
            examples: Examples::new(budget),
            head: head::new(&config, dim)?,
            config,
            thresholds: Thresholds::default(),
            correction: Correction::NONE,
            fit: OnceLock::from(Fit::NONE),
            elsewhere: None,
            next_class: 0,
            next_example: 1,
            undo: Vec::new(),
            latest: None,
            changes_since_fit: 0,
        })
    }

    /// Length of a feature.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The classes by id.
    pub fn classes(&self) -> &BTreeMap<ClassId, ClassName> {
        &self.classes
    }

    /// The examples.
    pub fn examples(&self) -> &Examples {
        &self.examples
    }

    /// How the head was made.
    pub fn head_config(&self) -> &HeadConfig {
        &self.config
    }

    /// The head itself.
    pub fn head(&self) -> &dyn Head {
        self.head.as_ref()
    }

    /// When a verdict is unknown.
    pub fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// How scores become probabilities.
    pub fn calibration(&self) -> &Calibration {
        &self.fit().calibration
    }

    /// How well it would do, by leave-one-out; `None` where that is not available yet.
    pub fn estimate(&self) -> Option<&Estimate> {
        self.fit().estimate.as_ref()
    }

    /// Steps that can be undone, the latest last: each the changes that take it back.
    pub fn undo_steps(&self) -> &[Vec<Change>] {
        &self.undo
    }

    /// The ids that the next class and the next example will have.
    pub fn next_ids(&self) -> (ClassId, ExampleId) {
        (ClassId(self.next_class), ExampleId(self.next_example))
    }

    /// The class of that name, see [`ClassName::is`].
    pub fn class_named(&self, name: &str) -> Option<ClassId> {
        let exactly = self.classes.iter().find(|(_, known)| known.as_str() == name);
        let named = || self.classes.iter().find(|(_, known)| known.is(name));
        exactly.or_else(named).map(|(&id, _)| id)
    }

    /// Another class whose name people would take for this one, see [`ClassName::looks_like`].
    pub fn looks_like(&self, name: &ClassName, but: Option<ClassId>) -> Option<&ClassName> {
        let others = self.classes.iter().filter(|(id, _)| Some(**id) != but);
        others.map(|(_, known)| known).find(|known| known.looks_like(name))
    }

    /// The verdict on a feature; `None` while nothing has been taught.
    ///
    /// * `feature`: `[dim]`, finite.
    ///
    /// # Errors
    /// [`HeadError::Dim`], [`HeadError::NotFinite`].
    pub fn classify(&self, feature: &[f32]) -> Result<Option<Verdict>, HeadError> {
        self.classify_with(feature, None)
    }

    /// As [`Learner::classify`], with what was seen at the places of the frame.
    ///
    /// # Errors
    /// As [`Learner::classify`].
    pub fn classify_with(
        &self,
        feature: &[f32],
        patches: Option<&Patches>,
    ) -> Result<Option<Verdict>, HeadError> {
        let fit = self.fit();
        let memory = fit.patches.as_deref();
        let far = memory.zip(patches).map(|(memory, patches)| memory.scores(patches));
        let far = far.unwrap_or_default();
        let (scores, spread) = (self.head.score(feature)?, self.head.spread(feature)?);
        let (classes, thresholds) = (self.head.classes(), &self.thresholds);
        Ok(self.examples.nearest(feature).and_then(|nearest| {
            fit.calibration.verdict(classes, &scores, spread, nearest, far, thresholds)
        }))
    }

    /// Makes all changes or, if one is refused, none; they can be undone in one step.
    ///
    /// * returns the changes made: those asked for, and the examples that had to make room.
    ///
    /// # Errors
    /// [`LearnError`]; then nothing changed.
    pub fn change(&mut self, changes: Vec<Change>) -> Result<Vec<Change>, LearnError> {
        let next = (self.next_class, self.next_example);
        let (made, inverse) = self.transact(changes)?;
        self.undo.push(inverse.clone());
        let mut kept = 0;
        let held = |step: &Vec<Change>| step.iter().map(Change::bytes).sum::<usize>();
        let recent = self.undo.iter().rev().take(UNDO_DEPTH).take_while(|&step| {
            kept += held(step);
            kept <= self.examples.budget()
        });
        // The latest can always be undone.
        let forgotten = self.undo.len() - recent.count().max(1);
        let forgotten = self.undo.drain(..forgotten).collect();
        self.latest = Some(Latest { inverse, next, undo: UndoBefore::OneFewer(forgotten) });
        Ok(made)
    }

    /// What the latest [`Learner::change`] or [`Learner::undo`] did; `None` where there was none since the start.
    pub fn latest_step(&self) -> Option<LatestStep<'_>> {
        self.latest.as_ref().map(|latest| match latest.undo {
            UndoBefore::OneFewer(_) => {
                LatestStep::Made { inverse: &latest.inverse, steps: self.undo.len() }
            }
            UndoBefore::And(_) => LatestStep::TakenBack,
        })
    }

    /// Takes back the latest step.
    ///
    /// * returns the changes made, `None` if there is nothing to undo.
    ///
    /// # Errors
    /// [`LearnError`]; then nothing changed.
    pub fn undo(&mut self) -> Result<Option<Vec<Change>>, LearnError> {
        let Some(step) = self.undo.last().cloned() else { return Ok(None) };
        let next = (self.next_class, self.next_example);
        let (made, inverse) = self.transact(step)?;
        let undo = UndoBefore::And(self.undo.pop().expect("its last step was just taken back"));
        self.latest = Some(Latest { inverse, next, undo });
        Ok(Some(made))
    }

    /// Makes the latest [`Learner::change`] or [`Learner::undo`] one that never was: for one that could not be stored.
    /// Does nothing where there is none, or it was revoked already.
    pub fn revoke(&mut self) {
        let Some(Latest { inverse, next, undo }) = self.latest.take() else { return };
        self.transact(inverse).expect("the inverse of a step that was just made");
        (self.next_class, self.next_example) = next;
        match undo {
            UndoBefore::OneFewer(first) => {
                self.undo.pop();
                self.undo.splice(0..0, first);
            }
            UndoBefore::And(last) => self.undo.push(last),
        }
    }

    /// Makes the changes in order.
    ///
    /// * returns the changes made, and those that take them back, in their order.
    fn transact(&mut self, changes: Vec<Change>) -> Result<(Vec<Change>, Vec<Change>), LearnError> {
        // A head that relearns at every example (or a long list) is quicker built anew, and a new one is atomic. One
        // that cannot forget has to be: nothing that it has learned can be taken back.
        let forgets = |change: &Change| match change {
            Change::SetHead(config) => config.forgets(),
            _ => true,
        };
        let forgets = self.config.forgets() && changes.iter().all(forgets);
        // What is learned of words depends on all pictures.
        let describes =
            |change: &Change| matches!(change, Change::AddExample(example) if example.described);
        let describes = self.examples.are_described() || changes.iter().any(describes);
        let rebuild = changes.len() > REBUILD_AT || !forgets || describes;
        let mut done: Vec<(Change, Change)> = Vec::with_capacity(changes.len());
        let (next_class, next_example) = (self.next_class, self.next_example);
        let mut result = Ok(());
        for change in changes {
            result = self
                .make_room(&change, rebuild, &mut done)
                .and_then(|()| self.apply(change.clone(), rebuild))
                .map(|inverse| done.push((change, inverse)));
            if result.is_err() {
                break;
            }
        }
        if result.is_ok() && rebuild {
            result = self.built(&self.config).map(|head| self.head = head);
        }
        if let Err(error) = result {
            for (_, inverse) in done.into_iter().rev() {
                self.apply(inverse, rebuild).expect("the inverse of a change that was just made");
            }
            // These ids were never reported.
            (self.next_class, self.next_example) = (next_class, next_example);
            return Err(error);
        }
        self.changes_since_fit += done.len();
        if let Some(fit) = self.fit.get_mut() {
            let (looks, unseen) = looks(&self.examples, self.dim);
            fit.calibration.set_looks(looks, unseen);
        }
        let refit = done.iter().any(|(change, _)| matches!(change, Change::SetThresholds(_)));
        // What is remembered of good parts follows from those that are there, at any time.
        let had_patches = self.fit.get().is_none_or(|fit| fit.patches.is_some());
        let refit = refit || had_patches || self.has_patches();
        if refit || self.changes_since_fit > self.examples.len() / REFIT_SHARE {
            self.recalibrate();
        }
        let (made, inverse): (Vec<_>, Vec<_>) = done.into_iter().unzip();
        Ok((made, inverse.into_iter().rev().collect()))
    }

    /// Evicts examples until a new one fits.
    fn make_room(
        &mut self,
        change: &Change,
        rebuild: bool,
        done: &mut Vec<(Change, Change)>,
    ) -> Result<(), LearnError> {
        let Change::AddExample(example) = change else { return Ok(()) };
        let (wanted, budget) = (example.bytes(), self.examples.budget());
        while let Some(evicted) = self.examples.to_evict(example.class, wanted) {
            let removal = Change::RemoveExample(evicted);
            let inverse = self.apply(removal.clone(), rebuild)?;
            done.push((removal, inverse));
        }
        if self.examples.bytes() + wanted > budget {
            return Err(LearnError::Budget { wanted, budget });
        }
        if self.examples.is_full() {
            return Err(LearnError::TooManyExamples);
        }
        Ok(())
    }

    /// A head of that configuration, taught with everything stored.
    fn built(&self, config: &HeadConfig) -> Result<Box<dyn Head>, LearnError> {
        self.built_of(config, |_| true)
    }

    /// As [`Learner::built`], taught with some examples only; always with all descriptions.
    fn built_of(
        &self,
        config: &HeadConfig,
        of: impl Fn(&Example) -> bool,
    ) -> Result<Box<dyn Head>, LearnError> {
        let mut head = head::new(config, self.dim)?;
        for &class in self.classes.keys() {
            head.add_class(class)?;
        }
        let chosen = self.examples.iter().filter(|&example| example.described || of(example));
        let chosen: Vec<&Example> = chosen.collect();
        let pictures = chosen.iter().filter(|example| !example.described);
        let lessons: Vec<StoredLesson<'_>> =
            pictures.map(|example| example.stored_lesson()).collect();
        head.teach_stored(&lessons)?;
        if self.examples.are_described() {
            for stand_in in stand_ins(chosen.iter().copied(), self.dim) {
                stand_in.teach(head.as_mut())?;
            }
        }
        head.tune();
        Ok(head)
    }

    fn name_of(&self, class: ClassId) -> Result<&ClassName, LearnError> {
        self.classes.get(&class).ok_or(LearnError::NoClass(class))
    }
}

/// Lists longer than this rebuild the head once instead of changing it change by change.
const REBUILD_AT: usize = 8;

/// One part in so many of the examples has to change before the calibration, cubic in their number, is fitted anew.
const REFIT_SHARE: usize = 25;
