//! Heads that are trained over their stored examples: when they are asked for scores after a change, and so once
//! for many changes.
//!
//! After examples were added, training begins with what was learned before. After one was forgotten it begins anew,
//! so that nothing of it stays: the head is then the one that was taught the remaining examples at once.

use std::cell::RefCell;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::dense::finite;
use super::keeping::Rule;
use super::stored::Stored;
use super::{ClassId, ExampleId, HeadError, LeftOut, Method};

/// What is trained.
pub(super) trait Network: Send + std::fmt::Debug + Sized {
    /// Its settings.
    type Settings: Copy + Send + std::fmt::Debug;
    /// Itself as bytes.
    type Saved: Serialize + DeserializeOwned;

    /// `None` if the method is another one's.
    fn settings(method: &Method) -> Option<Self::Settings>;

    /// * `stored`: with at least one example.
    /// * `earlier`: what was trained over a part of them.
    fn train(settings: &Self::Settings, stored: &Stored, earlier: Option<Self>) -> Self;

    /// The settings with a tenth of the step size.
    fn gentler(settings: &Self::Settings) -> Self::Settings;

    /// Whether all its weights are: with a step size that is too large for the examples they run away.
    fn is_finite(&self) -> bool;

    /// The classes that had examples, in the order of [`Network::score`].
    fn classes(&self) -> &[ClassId];

    /// * `z`: `[dim]`, scaled.
    /// * returns `[classes]` logits.
    fn score(&self, z: &[f32]) -> Vec<f32>;

    fn save(&self) -> Self::Saved;

    /// # Errors
    /// [`HeadError::Damaged`].
    fn load(settings: &Self::Settings, dim: usize, saved: Self::Saved) -> Result<Self, HeadError>;
}

#[derive(Debug)]
pub(super) struct Trained<N: Network> {
    settings: N::Settings,
    state: RefCell<State<N>>,
}

#[derive(Debug)]
enum State<N> {
    /// Nothing to begin with.
    New,
    /// Trained over a part of the examples.
    Behind(N),
    /// Trained over all of them.
    Ready(N),
}

/// The state as bytes.
#[derive(Serialize, Deserialize)]
pub(super) enum SavedState<S> {
    New,
    Behind(S),
    Ready(S),
}

impl<N: Network> Trained<N> {
    fn train(&self, stored: &Stored, earlier: Option<N>) -> N {
        let mut settings = self.settings;
        let mut network = N::train(&settings, stored, earlier);
        // It ends: steps of size zero change nothing.
        while !network.is_finite() {
            settings = N::gentler(&settings);
            network = N::train(&settings, stored, None);
        }
        network
    }
}

impl<N: Network> Rule for Trained<N> {
    type Saved = SavedState<N::Saved>;

    fn of(method: &Method) -> Option<Self> {
        let settings = N::settings(method)?;
        Some(Self { settings, state: RefCell::new(State::New) })
    }

    fn learned(&mut self, _: &Stored, _: &[ExampleId]) {
        let state = self.state.get_mut();
        *state = match std::mem::replace(state, State::New) {
            State::Ready(network) | State::Behind(network) => State::Behind(network),
            State::New => State::New,
        };
    }

    fn forgot(&mut self, _: &Stored, _: ClassId) {
        *self.state.get_mut() = State::New;
    }

    fn score(&self, stored: &Stored, z: &[f32]) -> Vec<f32> {
        let classes = stored.classes();
        let mut scores = vec![f32::NEG_INFINITY; classes.ids().len()];
        if stored.len() == 0 {
            return scores;
        }
        let mut state = self.state.borrow_mut();
        let network = match std::mem::replace(&mut *state, State::New) {
            State::Ready(network) => network,
            State::Behind(network) => self.train(stored, Some(network)),
            State::New => self.train(stored, None),
        };
        for (class, score) in network.classes().iter().zip(network.score(z)) {
            if let Ok(place) = classes.place(*class) {
                scores[place] = finite(f64::from(score));
            }
        }
        *state = State::Ready(network);
        scores
    }

    fn leave_one_out(&self, _: &Stored) -> Option<Vec<LeftOut>> {
        None
    }

    fn save(&self) -> Self::Saved {
        match &*self.state.borrow() {
            State::New => SavedState::New,
            State::Behind(network) => SavedState::Behind(network.save()),
            State::Ready(network) => SavedState::Ready(network.save()),
        }
    }

    fn restore(&mut self, stored: &Stored, saved: Self::Saved) -> Result<(), HeadError> {
        let load = |saved| N::load(&self.settings, stored.dim(), saved);
        let state = match saved {
            SavedState::New => State::New,
            SavedState::Behind(saved) => State::Behind(load(saved)?),
            SavedState::Ready(saved) => {
                let network = load(saved)?;
                if network.classes() != stored.classes_with_examples() {
                    let what = "it was trained for other classes than those with examples";
                    return Err(HeadError::Damaged(what.to_owned()));
                }
                State::Ready(network)
            }
        };
        self.state = RefCell::new(state);
        Ok(())
    }
}
