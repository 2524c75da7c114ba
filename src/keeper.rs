//! What was learned together with where it is kept: a change is acknowledged once it is stored, and one that could not
//! be stored is taken back.

use crate::backbone::FeatureSource;
use crate::command::{Command, CommandError, Outcome, Reply};
use crate::engine::Engine;
use crate::examples::Examples;
use crate::frame::Timestamp;
use crate::learner::{LearnError, Learner};
use crate::snapshot::{ModelId, Snapshot, SnapshotError};
use crate::store::{Store, StoreError};

/// What holds a learner and carries out commands on it.
pub trait Learns {
    /// What was learned.
    fn learner(&self) -> &Learner;

    /// Puts another learner in its place.
    fn replace(&mut self, learner: Learner);

    /// Makes the latest change one that never was.
    fn revoke(&mut self);

    /// Carries out a command; what it changed has to be stored before the reply may be given.
    ///
    /// # Errors
    /// [`CommandError`]; then nothing changed.
    fn carry_out(&mut self, command: Command, now: Timestamp) -> Outcome;
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

    fn carry_out(&mut self, command: Command, now: Timestamp) -> Outcome {
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

    fn carry_out(&mut self, command: Command, now: Timestamp) -> Outcome {
        self.apply(command, now)
    }
}

/// Why a command was not acknowledged; what was learned is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// It was refused.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// It could not be stored.
    // Not its source as well, or a chain of errors would say it twice.
    #[error("not stored, and so not done: {0}")]
    Store(StoreError),
    /// It was learned with another backbone.
    #[error(
        "it was learned with {got}, and this device looks with {wanted}: features of one mean nothing to the other"
    )]
    Model {
        /// This device's.
        wanted: String,
        /// The other.
        got: String,
    },
    /// What is stored cannot be used.
    #[error("{0}")]
    Snapshot(#[from] SnapshotError),
}

impl From<StoreError> for KeeperError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A learner, or an engine with one, and its store.
#[derive(Debug)]
pub struct Keeper<L, S> {
    learns: L,
    store: S,
    model: ModelId,
}

impl<L: Learns, S: Store> Keeper<L, S> {
    /// * `learns`: what the store held, or nothing learned where it held nothing.
    /// * `model`: the backbone it was taught with.
    pub fn new(learns: L, store: S, model: ModelId) -> Self {
        Self { learns, store, model }
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
    /// [`KeeperError`]; then nothing changed.
    pub fn apply(&mut self, command: Command, now: Timestamp) -> Result<Reply, KeeperError> {
        let (reply, changes) = self.learns.carry_out(command, now)?;
        let (learner, model) = (self.learns.learner(), &self.model);
        if let Err(error) = self.store.commit(&changes, &|| Snapshot::of(learner, model.clone())) {
            self.learns.revoke();
            return Err(error.into());
        }
        Ok(reply)
    }

    /// Puts what was learned elsewhere in place of what was learned here, and stores it.
    ///
    /// # Errors
    /// [`KeeperError::Model`] if it was learned with another backbone; as [`Keeper::apply`].
    pub fn replace(&mut self, learned: Snapshot) -> Result<(), KeeperError> {
        if learned.model.fingerprint != self.model.fingerprint {
            let (wanted, got) = (self.model.name.clone(), learned.model.name.clone());
            return Err(KeeperError::Model { wanted, got });
        }
        let learner = learned.clone().into_learner(Examples::DEFAULT_BUDGET)?;
        self.store.replace(&learned)?;
        self.learns.replace(learner);
        Ok(())
    }
}

/// Nothing learned yet with that backbone.
///
/// # Errors
/// [`LearnError::Head`] if the default head refuses features of that length.
pub fn empty(model: &ModelId) -> Result<Learner, LearnError> {
    Learner::new(model.dim as usize, Default::default(), Examples::DEFAULT_BUDGET)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Forget, Shot, Teach, Undo};
    use crate::learner::UNDO_DEPTH;

    /// Keeps the last snapshot, and fails when told to.
    #[derive(Debug, Default)]
    struct Fragile {
        kept: Option<Snapshot>,
        full: bool,
    }

    fn refusal() -> StoreError {
        let error = std::io::Error::from(std::io::ErrorKind::StorageFull);
        StoreError::Io { path: "card".to_owned(), doing: "write", error }
    }

    impl Store for Fragile {
        fn load(&mut self) -> Result<Option<Snapshot>, StoreError> {
            Ok(self.kept.clone())
        }

        fn replace(&mut self, whole: &Snapshot) -> Result<(), StoreError> {
            if self.full {
                return Err(refusal());
            }
            self.kept = Some(whole.clone());
            Ok(())
        }

        fn setting(&mut self, _: &str) -> Result<Option<Vec<u8>>, StoreError> {
            Ok(None)
        }

        fn set(&mut self, _: &str, _: &[u8]) -> Result<(), StoreError> {
            Err(refusal())
        }
    }

    fn teach(class: &str, feature: [f32; 2]) -> Command {
        let shot = Shot { feature: feature.to_vec(), origin: String::new(), thumbnail: None };
        Command::Teach(Teach { class: class.to_owned(), shots: vec![shot] })
    }

    #[test]
    fn what_could_not_be_stored_was_not_learned() {
        let model = ModelId { name: "tiny".to_owned(), fingerprint: [7; 32], dim: 2 };
        let learner = empty(&model).expect("two values");
        let mut keeper = Keeper::new(learner, Fragile::default(), model);
        let taught = |keeper: &Keeper<Learner, Fragile>| keeper.learner().examples().len();
        keeper.store.full = true;
        let error = keeper.apply(teach("good", [1.0, 0.0]), Timestamp(1)).expect_err("it is full");
        assert!(error.to_string().contains("not stored") && taught(&keeper) == 0, "{error}");
        assert!(keeper.learner().classes().is_empty());

        keeper.store.full = false;
        keeper.apply(teach("good", [1.0, 0.0]), Timestamp(2)).expect("there is room again");
        keeper.store.full = true;
        keeper.apply(teach("bad", [0.0, 1.0]), Timestamp(3)).expect_err("it is full again");
        assert_eq!(taught(&keeper), 1);

        keeper.apply(Command::Undo(Undo), Timestamp(4)).expect_err("it is full still");
        assert_eq!((taught(&keeper), keeper.learner().undo_steps().len()), (1, 1));
        keeper.store.full = false;
        keeper.apply(teach("bad", [0.0, 1.0]), Timestamp(6)).expect("there is room again");
        let ids: Vec<u64> = keeper.learner().examples().iter().map(|one| one.id.0).collect();
        assert_eq!(ids, [1, 2], "an id that was never told of is free");
        assert_eq!((taught(&keeper), keeper.learner().classes().len()), (2, 2));

        let learned = Snapshot::of(keeper.learner(), keeper.model().clone());
        keeper.apply(Command::Forget(Forget::Everything), Timestamp(7)).expect("there is room");
        keeper.store.full = true;
        keeper.replace(learned.clone()).expect_err("it is full");
        assert_eq!(taught(&keeper), 0);
        keeper.store.full = false;
        let mut other = learned.clone();
        other.model.fingerprint = [8; 32];
        assert!(matches!(keeper.replace(other), Err(KeeperError::Model { .. })));
        keeper.replace(learned).expect("it is of the same backbone");
        assert_eq!((taught(&keeper), keeper.store.kept.is_some()), (2, true));
    }

    #[test]
    fn a_step_that_could_not_be_stored_pushes_no_other_out_of_what_can_be_undone() {
        let model = ModelId { name: "tiny".to_owned(), fingerprint: [7; 32], dim: 2 };
        let learner = empty(&model).expect("two values");
        let mut keeper = Keeper::new(learner, Fragile::default(), model);
        for step in 0..UNDO_DEPTH as u64 + 3 {
            keeper.apply(teach("good", [1.0, step as f32]), Timestamp(step)).expect("room");
        }
        let before = (keeper.learner().undo_steps().to_vec(), keeper.learner().next_ids());
        keeper.store.full = true;
        for command in [teach("bad", [0.0, 1.0]), Command::Undo(Undo)] {
            keeper.apply(command, Timestamp(99)).expect_err("it is full");
            let after = (keeper.learner().undo_steps().to_vec(), keeper.learner().next_ids());
            assert_eq!(after, before);
        }
    }
}
