//! What was learned together with where it is kept: a change is acknowledged once it is stored, and one that could not
//! be stored is taken back.

mod error;
mod light;
mod portable;
mod tuned;
mod views;

pub use error::{OtherBackbone, PersistError};
pub use views::{set_views, views};

use std::collections::BTreeSet;

use crate::backbone::{FeatureSource, Fingerprint};
use crate::image::frame::Timestamp;
use crate::image::levels::Levels;
use crate::image::views::ViewKinds;
use crate::learn::command::{Command, CommandError, CommandResult, Merge, Reply};
use crate::learn::engine::Engine;
use crate::learn::examples::{Examples, Images};
use crate::learn::learner::{ClassName, LearnError, Learner};
use crate::store::levels::KeptLevels;
use crate::store::snapshot::{Difference, ModelId, Snapshot, SnapshotError};
use crate::store::{Generation, Setting, Step, Store, levels, tail};

/// What holds a learner and carries out commands on it.
pub trait Learns {
    /// What was learned.
    fn learner(&self) -> &Learner;

    /// Puts another learner in its place.
    fn replace(&mut self, learner: Learner);

    /// Makes the latest change one that never was.
    fn revoke(&mut self);

    /// The backbone that it looks at frames with, where it does and that is known.
    fn fingerprint(&self) -> Option<Fingerprint> {
        None
    }

    /// Whether what was learned with another backbone can take the place of what is learned: nothing is looked at.
    fn takes_any_model(&self) -> bool {
        false
    }

    /// Frames go through these from now on, where it looks at some.
    fn set_levels(&mut self, _levels: Option<Levels>) {}

    /// Carries out a command; what it changed has to be stored before the reply may be given.
    ///
    /// # Errors
    /// [`CommandError`]; then nothing changed.
    fn carry_out(&mut self, command: Command, now: Timestamp) -> CommandResult;
}

impl Learns for Learner {
    fn learner(&self) -> &Learner {
        self
    }

    fn replace(&mut self, learner: Learner) {
        *self = learner;
    }

    fn revoke(&mut self) {
        Learner::revoke(self);
    }

    fn takes_any_model(&self) -> bool {
        true
    }

    fn carry_out(&mut self, command: Command, now: Timestamp) -> CommandResult {
        command.apply(self, now)
    }
}

impl<S: FeatureSource> Learns for Engine<S> {
    fn learner(&self) -> &Learner {
        Engine::learner(self)
    }

    fn replace(&mut self, learner: Learner) {
        self.set_learner(learner);
    }

    fn revoke(&mut self) {
        Engine::revoke(self);
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        self.source().fingerprint()
    }

    fn set_levels(&mut self, levels: Option<Levels>) {
        Engine::set_levels(self, levels);
    }

    fn carry_out(&mut self, command: Command, now: Timestamp) -> CommandResult {
        self.apply(command, now)
    }
}

/// A learner, or an engine with one, and its store.
#[derive(Debug)]
pub struct PersistentLearner<L, S> {
    learns: L,
    store: S,
    model: ModelId,
}

impl<S: Store> PersistentLearner<Learner, S> {
    /// What the store holds, or nothing learned yet, to be classified and taught with that backbone.
    ///
    /// # Errors
    /// [`PersistError::Backbone`] if it was taught with another one; [`PersistError::Load`], [`PersistError::Snapshot`]
    /// if it cannot be read. The store is left as it is.
    pub fn open(mut store: S, model: &ModelId) -> Result<Self, PersistError> {
        let Some(snapshot) = store.load().map_err(PersistError::Load)? else {
            let learner = empty(model).map_err(SnapshotError::from)?;
            return Self::new(learner, store, model.clone());
        };
        if snapshot.model.fingerprint != model.fingerprint {
            let (learned, given) = (snapshot.model, model.clone());
            return Err(PersistError::Backbone(Box::new(OtherBackbone { learned, given })));
        }
        Self::of_snapshot(store, snapshot)
    }

    /// What the store holds, whatever backbone it was taught with: to be listed and changed, not to look at frames
    /// with. `None` if nothing was ever taught.
    ///
    /// # Errors
    /// As [`PersistentLearner::open`].
    pub fn open_any(mut store: S) -> Result<Option<Self>, PersistError> {
        let snapshot = store.load().map_err(PersistError::Load)?;
        snapshot.map(|snapshot| Self::of_snapshot(store, snapshot)).transpose()
    }

    fn of_snapshot(mut store: S, snapshot: Snapshot) -> Result<Self, PersistError> {
        let model = snapshot.model.clone();
        let mut learner = snapshot.into_learner(Examples::DEFAULT_BUDGET)?;
        if let Some(kept) = tail::tail_of(&mut store).map_err(PersistError::Load)? {
            learner.set_correction(kept.correction);
        }
        Self::new(learner, store, model)
    }

    /// The same, looking at frames with a backbone.
    ///
    /// # Errors
    /// [`PersistError::Backbone`] if it was taught with another one, [`PersistError::Head`] if the features have
    /// another length.
    pub fn looking_with<F: FeatureSource>(
        self,
        source: F,
    ) -> Result<PersistentLearner<Engine<F>, S>, PersistError> {
        let (learner, mut store, model) = self.into_parts();
        let mut engine = Engine::new(source, learner)?;
        engine.set_views(views(&mut store)?);
        engine.set_levels(levels::levels_of(&mut store).map_err(PersistError::Load)?);
        PersistentLearner::new(engine, store, model)
    }
}

impl<F: FeatureSource, S: Store> PersistentLearner<Engine<F>, S> {
    /// Frames are learned with these views from now on, also after the next start; examples that are there keep theirs.
    ///
    /// # Errors
    /// [`PersistError::Store`]; then all stays as it was.
    pub fn set_views(&mut self, kinds: &ViewKinds) -> Result<(), PersistError> {
        set_views(&mut self.store, kinds)?;
        self.learns.set_views(kinds.clone());
        Ok(())
    }
}

impl<L: Learns, S: Store> PersistentLearner<L, S> {
    /// See [`PersistentLearner::open`], which reads the store.
    ///
    /// * `learns`: what the store held, or nothing learned where it held nothing.
    /// * `model`: the backbone it was taught with.
    ///
    /// # Errors
    /// [`PersistError::Backbone`] where it looks at frames with another one.
    pub fn new(learns: L, store: S, model: ModelId) -> Result<Self, PersistError> {
        let looks_with = learns.fingerprint();
        match looks_with.filter(|looks_with| looks_with.0 != model.fingerprint) {
            None => Ok(Self { learns, store, model }),
            Some(Fingerprint(fingerprint)) => {
                let dim = u32::try_from(learns.learner().dim()).unwrap_or(u32::MAX);
                let given = ModelId { name: String::new(), fingerprint, dim };
                Err(PersistError::Backbone(Box::new(OtherBackbone { learned: model, given })))
            }
        }
    }

    /// What holds the learner.
    pub fn get(&self) -> &L {
        &self.learns
    }

    /// What holds the learner, to look at frames with.
    pub fn get_mut(&mut self) -> &mut L {
        &mut self.learns
    }

    /// What was learned.
    pub fn learner(&self) -> &Learner {
        self.learns.learner()
    }

    /// The backbone it was taught with.
    pub fn model(&self) -> &ModelId {
        &self.model
    }

    /// Where it is kept.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Where it is kept, for settings beside it.
    pub fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    /// All three.
    pub fn into_parts(self) -> (L, S, ModelId) {
        (self.learns, self.store, self.model)
    }

    /// Carries out a command and stores what it changed; the reply comes once that is durable.
    ///
    /// # Errors
    /// [`PersistError`]; then nothing changed.
    pub fn apply(&mut self, command: Command, now: Timestamp) -> Result<Reply, PersistError> {
        self.apply_with(command, None, now)
    }

    /// As [`PersistentLearner::apply`].
    ///
    /// * `setting`: kept with what it changes, see [`Store::set`]: both or neither.
    ///
    /// # Errors
    /// As [`PersistentLearner::apply`].
    pub fn apply_with(
        &mut self,
        command: Command,
        setting: Option<Setting<'_>>,
        now: Timestamp,
    ) -> Result<Reply, PersistError> {
        let savepoint = command.takes_away();
        let images = command.images();
        let (reply, changes) = self.learns.carry_out(command, now)?;
        let (learner, model) = (self.learns.learner(), &self.model);
        let Some(latest) = learner.latest_step().filter(|_| !changes.is_empty()) else {
            if let Some((name, value)) = setting {
                self.store.set(name, value)?;
            }
            return Ok(reply);
        };
        let step = Step {
            changes: &changes,
            latest,
            at: now,
            savepoint: savepoint.as_deref(),
            setting,
            images: &images,
            whole: &|| Snapshot::of(learner, model.clone()),
        };
        if let Err(error) = self.store.commit(&step) {
            self.learns.revoke();
            return Err(error.into());
        }
        Ok(reply)
    }

    /// Puts what was learned elsewhere in place of what was learned here, and stores it; the state before becomes a
    /// generation.
    ///
    /// * `doing`: why, to name that generation.
    /// * `setting`: kept with it, see [`Store::set`].
    ///
    /// # Errors
    /// [`PersistError::Model`] if it was learned with another backbone; as [`PersistentLearner::apply`].
    pub fn replace(
        &mut self,
        learned: Snapshot,
        doing: &str,
        setting: Option<Setting<'_>>,
        now: Timestamp,
    ) -> Result<(), PersistError> {
        self.check_model(&learned)?;
        let mut learner = learned.clone().into_learner(Examples::DEFAULT_BUDGET)?;
        if let Some(kept) = tail::tail_of(&mut self.store).map_err(PersistError::Load)? {
            learner.set_correction(kept.correction);
        }
        // Generations have the ids of what was learned here before.
        learner.raise_ids(self.learner().next_ids());
        // What was taught elsewhere was taught in another light.
        let before = levels::levels_of(&mut self.store).map_err(PersistError::Load)?;
        let none = before.map(|_| KeptLevels::new(None));
        let settings: Vec<Setting<'_>> =
            setting.into_iter().chain(none.as_ref().map(KeptLevels::setting)).collect();
        self.store.replace(&learned, Some(&format!("before {doing}")), &settings, now)?;
        self.learns.set_levels(None);
        self.learns.replace(learner);
        Ok(())
    }

    /// Learns what was learned elsewhere, beside what was learned here, all of it or nothing; see [`Merge`].
    ///
    /// * `setting`: kept with it, see [`Store::set`].
    ///
    /// # Errors
    /// As [`PersistentLearner::replace`].
    pub fn merge(
        &mut self,
        learned: &[Snapshot],
        setting: Option<Setting<'_>>,
        now: Timestamp,
    ) -> Result<Reply, PersistError> {
        let (mut classes, mut packs) = (BTreeSet::new(), Vec::with_capacity(learned.len()));
        let mut images = Images::new();
        for learned in learned {
            self.check_model(learned)?;
            let more = learned.by_name()?;
            classes.extend(more.0);
            packs.push(more.1);
            images.extend(learned.images().iter().map(|(mark, file)| (*mark, file.clone())));
        }
        self.apply_with(Command::Merge(Merge { classes, packs, images }), setting, now)
    }

    fn check_model(&self, learned: &Snapshot) -> Result<(), PersistError> {
        if learned.model.fingerprint == self.model.fingerprint {
            return Ok(());
        }
        let (wanted, got) = (self.model.name.clone(), learned.model.name.clone());
        Err(PersistError::Model { wanted, got })
    }

    /// The generations, the oldest first.
    ///
    /// # Errors
    /// [`PersistError::Generation`].
    pub fn generations(&mut self) -> Result<Vec<Generation>, PersistError> {
        self.store.generations().map_err(PersistError::Generation)
    }

    /// Makes what is learned now a generation that stays until it is dropped.
    ///
    /// * `name`: as of a class, see [`ClassName`]; by default `saved`.
    ///
    /// # Errors
    /// [`PersistError::Command`], [`PersistError::Generation`].
    pub fn save(&mut self, name: Option<&str>, now: Timestamp) -> Result<Generation, PersistError> {
        let name = ClassName::new(name.unwrap_or("saved")).map_err(CommandError::from)?;
        self.store.save(name.as_str(), now).map_err(PersistError::Generation)
    }

    /// Makes what was learned in a generation what is learned now; what was learned before becomes a generation.
    ///
    /// # Errors
    /// [`PersistError`]; [`PersistError::Model`] where it was learned with another backbone than the engine's.
    pub fn roll_back(&mut self, number: u64, now: Timestamp) -> Result<(), PersistError> {
        let looks_with = Fingerprint(self.model.fingerprint);
        let any = self.learns.takes_any_model();
        let learner = self.go_back(number, (!any).then_some(looks_with), now)?;
        self.learns.replace(learner);
        Ok(())
    }

    /// All of it but what takes the place of what is learned.
    ///
    /// * `looks_with`: refuses what was learned with another backbone.
    fn go_back(
        &mut self,
        number: u64,
        looks_with: Option<Fingerprint>,
        now: Timestamp,
    ) -> Result<Learner, PersistError> {
        // Before anything is written: whether it can be used.
        let state = self.generation(number)?;
        if looks_with.is_some_and(|looks_with| looks_with.0 != state.model.fingerprint) {
            let (wanted, got) = (self.model.name.clone(), state.model.name);
            return Err(PersistError::Model { wanted, got });
        }
        state.into_learner(Examples::DEFAULT_BUDGET)?;
        let snapshot = self.store.roll_back(number, now).map_err(PersistError::Generation)?;
        self.model = snapshot.model.clone();
        let mut learner = snapshot.into_learner(Examples::DEFAULT_BUDGET)?;
        if let Some(kept) = tail::tail_of(&mut self.store).map_err(PersistError::Load)? {
            learner.set_correction(kept.correction);
        }
        let levels = levels::levels_of(&mut self.store).map_err(PersistError::Load)?;
        self.learns.set_levels(levels);
        Ok(learner)
    }

    /// Lets go of a generation.
    ///
    /// # Errors
    /// [`PersistError::Generation`].
    pub fn drop_generation(&mut self, number: u64) -> Result<(), PersistError> {
        self.store.drop_generation(number).map_err(PersistError::Generation)
    }

    /// What changed between two generations.
    ///
    /// * `to`: `None` is what is learned now.
    ///
    /// # Errors
    /// [`PersistError::Generation`].
    pub fn difference(&mut self, from: u64, to: Option<u64>) -> Result<Difference, PersistError> {
        let from = self.generation(from)?;
        let to = match to {
            Some(number) => self.generation(number)?,
            None => self.learned(),
        };
        Ok(from.difference(&to))
    }

    /// Gives back room that is no longer used, see [`Store::compact`].
    ///
    /// # Errors
    /// [`PersistError::Store`].
    pub fn compact(&mut self) -> Result<(), PersistError> {
        Ok(self.store.compact()?)
    }

    fn generation(&mut self, number: u64) -> Result<Snapshot, PersistError> {
        self.store.generation(number).map_err(PersistError::Generation)
    }
}

/// Nothing learned yet with that backbone.
///
/// # Errors
/// [`LearnError::Head`] if the default head refuses features of that length.
pub fn empty(model: &ModelId) -> Result<Learner, LearnError> {
    let learner = Learner::new(model.dim as usize, model.head(), Examples::DEFAULT_BUDGET)?;
    Ok(learner.about(model.subject()))
}

#[cfg(test)]
mod tests;
