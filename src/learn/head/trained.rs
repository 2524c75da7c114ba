//! Heads that are trained over their stored examples: when they are asked for scores after a change, and so once
//! for many changes.
//!
//! After examples were added, training begins with what was learned before. After one was forgotten it begins anew,
//! so that nothing of it stays: the head is then the one that was taught the remaining examples at once.

use std::cell::RefCell;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::keeping::Rule;
use super::stored::Stored;
use super::{Affine, ClassId, ExampleId, HeadError, Layers, LeftOut, Method, finite};

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

    /// What [`Network::score`] computes, as [`Layers`] has it: less the mean of the scores.
    fn affine(&self) -> Vec<Affine>;

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
        // It ends: steps of size zero change nothing, since penalties are bounded and their gradients finite.
        while !network.is_finite() {
            settings = N::gentler(&settings);
            network = N::train(&settings, stored, None);
        }
        network
    }

    /// Does something with the network, trained over all that is stored.
    ///
    /// * `stored`: with at least one example.
    fn ready<T>(&self, stored: &Stored, work: impl FnOnce(&N) -> T) -> T {
        let mut state = self.state.borrow_mut();
        let network = match std::mem::replace(&mut *state, State::New) {
            State::Ready(network) => network,
            State::Behind(network) => self.train(stored, Some(network)),
            State::New => self.train(stored, None),
        };
        let done = work(&network);
        *state = State::Ready(network);
        done
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
        self.ready(stored, |network| {
            for (class, score) in network.classes().iter().zip(network.score(z)) {
                if let Ok(place) = classes.place(*class) {
                    scores[place] = finite(f64::from(score));
                }
            }
        });
        scores
    }

    fn leave_out(&self, _: &Stored, _: usize) -> Option<Vec<LeftOut>> {
        None
    }

    fn layers(&self, stored: &Stored) -> Option<Layers> {
        let of_nothing = || (Vec::new(), vec![Affine { weights: Vec::new(), bias: Vec::new() }]);
        let (classes, affine) = match stored.len() {
            0 => of_nothing(),
            _ => self.ready(stored, |network| (network.classes().to_vec(), network.affine())),
        };
        Some(Layers { classes, scaling: stored.scaling().clone(), affine })
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

#[cfg(test)]
mod tests {
    use super::super::{FeatureScaling, GroupId, HeadConfig, HeadKind, Lesson, SoftmaxConfig};
    use super::*;
    use crate::learn::head::softmax::Softmax;

    /// Two classes with two examples each.
    fn stored() -> Stored {
        let mut stored = Stored::new(2, FeatureScaling { centre: None, unit_length: false });
        (0..2).for_each(|class| stored.add_class(ClassId(class)).expect("new"));
        for (id, class, z) in
            [(0, 0, [0.0, 1.0]), (1, 0, [0.2, 1.1]), (2, 1, [1.0, 0.0]), (3, 1, [1.2, 0.1])]
        {
            stored.learn_one(ExampleId(id), ClassId(class), &z);
        }
        stored
    }

    fn name(head: &Trained<Softmax>) -> &'static str {
        match *head.state.borrow() {
            State::New => "new",
            State::Behind(_) => "behind",
            State::Ready(_) => "ready",
        }
    }

    #[test]
    fn training_is_lazy_warm_started_and_forgets_all() {
        let mut stored = stored();
        let method = HeadConfig::of(HeadKind::Softmax).method;
        let mut head = Trained::<Softmax>::of(&method).expect("it is softmax's");
        head.learned(&stored, &[]);
        assert_eq!(name(&head), "new");
        let first = head.score(&stored, &[0.0, 1.0]);
        assert_eq!(name(&head), "ready");
        assert_eq!(head.score(&stored, &[0.0, 1.0]), first);
        stored.learn_one(ExampleId(9), ClassId(1), &[0.9, 0.2]);
        head.learned(&stored, &[ExampleId(9)]);
        assert_eq!(name(&head), "behind");
        head.score(&stored, &[0.0, 1.0]);
        let lesson =
            Lesson { example: ExampleId(9), group: GroupId(9), class: ClassId(1), features: &[] };
        stored.unlearn(&lesson).expect("it was learned");
        head.forgot(&stored, ClassId(1));
        assert_eq!(name(&head), "new");
        assert_eq!(head.score(&stored, &[0.0, 1.0]), first);
    }

    #[test]
    fn weights_that_run_away_are_trained_again_in_smaller_steps() {
        let stored = stored();
        let Method::Softmax(usual) = HeadConfig::of(HeadKind::Softmax).method else { panic!() };
        // The penalty alone throws the weights further with every step.
        let settings = SoftmaxConfig { learning_rate: 1e9, l2: 1e9, ..usual };
        assert!(!Softmax::train(&settings, &stored, None).is_finite());
        let head = Trained::<Softmax>::of(&Method::Softmax(settings)).expect("it is softmax's");
        let scores = head.score(&stored, &[0.0, 1.0]);
        assert!(scores.iter().all(|score| score.is_finite() && score.abs() < 1e3), "{scores:?}");
    }
}
