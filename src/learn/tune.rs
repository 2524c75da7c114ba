//! Fine-tuning: the last blocks of the backbone are trained with what was taught, and kept only where looks that were
//! left out say that it helps.
//!
//! The network gives the maps at the cut once. A linear layer with a softmax, which starts as the linear discriminant
//! analysis of the frozen features, and the blocks behind the cut are trained together by Adam. The feature is then the
//! frozen one with the adapted one behind it, and the head learns it as it learns any other. Whether that is better is
//! found by leaving groups out in turns: each part is classified by what was trained and taught without it.
//!
//! | word | meaning |
//! | --- | --- |
//! | sample | an example's image and its views, as maps at the cut |
//! | gain | balanced accuracy of left-out samples with the adapted blocks, less that without |
//! | uncertainty | the standard error of the gain |

mod cut_view;
mod start;
#[cfg(test)]
mod tests;
mod training;
mod validation;

use crate::backbone::{Tail, TailError};
use crate::learn::head::{ClassId, GroupId, HeadConfig, HeadError, Method, Shrinkage};
use crate::learn::learner::LearnError;
pub use cut_view::{CutMap, CutView, KeptMaps, MapError};
use fieldtune_math::layers::Pass;
pub use validation::Validation;

/// An example as fine-tuning learns from it.
#[derive(Debug, Clone, PartialEq)]
pub struct TuningSample {
    /// What it is an example of.
    pub class: ClassId,
    /// What it is left out with.
    pub group: GroupId,
    /// The image's own first.
    pub views: Vec<CutView>,
}

/// How it is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// Passes over the samples.
    pub epochs: u32,
    /// Samples a step.
    pub batch: usize,
    /// Step size of Adam at the beginning; it falls to zero by a cosine.
    pub rate: f32,
    /// Each convolution is trained at the rate of the one behind it, times this.
    pub deeper: f32,
    /// Strength of the pull towards the weights that the blocks began with.
    pub pull: f32,
    /// Parts that are left out in turn.
    pub folds: usize,
    /// Of the shuffles.
    pub seed: u64,
}

impl Default for Recipe {
    fn default() -> Self {
        Self { epochs: 20, batch: 32, rate: 3e-3, deeper: 1.0, pull: 0.0, folds: 3, seed: 1 }
    }
}

/// Why nothing was trained.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TuneError {
    /// Too little to leave something out.
    #[error(
        "too little was taught to fine-tune: wanted at least two classes with {wanted} looks each, got {got}\n  next: teach more images, at least {wanted} a class"
    )]
    TooFew {
        /// Looks a class.
        wanted: usize,
        /// Classes that have as many.
        got: usize,
    },
    /// The head refused.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The learner refused.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// The trained blocks cannot be kept.
    #[error(transparent)]
    Tail(#[from] TailError),
    /// A map that was put aside.
    #[error(transparent)]
    Map(#[from] MapError),
    /// It was stopped.
    #[error("fine-tuning was stopped; nothing was changed")]
    Stopped,
}

/// Is asked after each step whether to go on.
///
/// * steps that were done, and steps in all.
pub type GoOn<'a> = dyn FnMut(usize, usize) -> bool + 'a;

/// The blocks, the samples and how they are trained.
#[derive(Debug)]
pub struct Tuner<'a> {
    tail: &'a Tail,
    /// Length of each block of the frozen feature.
    blocks: Vec<usize>,
    samples: &'a [TuningSample],
    head: HeadConfig,
    recipe: Recipe,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// What left-out looks say.
    pub validation: Validation,
    /// The trained blocks; `None` where they do not help, or it was a trial.
    pub tail: Option<Tail>,
}

/// Looks that a class needs.
const LEAST_LOOKS: usize = 3;

impl<'a> Tuner<'a> {
    /// * `tail`: the blocks as they are.
    /// * `blocks`: lengths of the blocks of the frozen feature.
    /// * `head`: what is going to be taught with the features; a centre is left out.
    ///
    /// # Errors
    /// [`TuneError::TooFew`].
    pub fn new(
        tail: &'a Tail,
        blocks: Vec<usize>,
        samples: &'a [TuningSample],
        head: &HeadConfig,
        recipe: Recipe,
    ) -> Result<Self, TuneError> {
        let got =
            validation::looks(samples).values().filter(|looks| **looks >= LEAST_LOOKS).count();
        if got < 2 {
            return Err(TuneError::TooFew { wanted: LEAST_LOOKS, got });
        }
        let head = head.clone().with_centre(None);
        Ok(Self { tail, blocks, samples, head, recipe })
    }

    /// Leaves parts out in turns, and trains with everything where that says that it helps.
    ///
    /// * `is_trial`: nothing is trained with everything.
    ///
    /// # Errors
    /// [`TuneError`].
    pub fn run(&self, is_trial: bool, go_on: &mut GoOn) -> Result<Tuned, TuneError> {
        let steps = self.steps(is_trial);
        let validation = self.validate(&mut |done, _| go_on(done, steps))?;
        if is_trial || !validation.helps() {
            return Ok(Tuned { validation, tail: None });
        }
        let tail = Some(self.train(go_on)?);
        Ok(Tuned { validation, tail })
    }

    /// Trains with all samples, whatever left-out looks say.
    ///
    /// # Errors
    /// [`TuneError`].
    pub fn train(&self, go_on: &mut GoOn) -> Result<Tail, TuneError> {
        let all: Vec<&TuningSample> = self.samples.iter().collect();
        let (before, steps) = (self.steps_of_validation(), self.steps(false));
        self.trained(&all, self.recipe.seed, &mut |done, _| go_on(before + done, steps))
    }

    /// Steps in all.
    ///
    /// * `is_trial`: as of [`Tuner::run`].
    pub fn steps(&self, is_trial: bool) -> usize {
        let all = if is_trial { 0 } else { self.steps_of(self.samples.len()) };
        self.steps_of_validation() + all
    }

    /// The head that a training starts from.
    fn first_head(&self) -> HeadConfig {
        let shrinkage = match self.head.method {
            Method::Lda { shrinkage } => shrinkage,
            _ => Shrinkage::LeaveOneOut,
        };
        HeadConfig { method: Method::Lda { shrinkage }, scaling: Default::default() }
    }
}

/// `[views][dim]`, the frozen features with what the blocks give behind each.
///
/// * `blocks`: how many the frozen feature has.
///
/// # Errors
/// [`MapError`].
pub fn features(tail: &Tail, blocks: usize, views: &[CutView]) -> Result<Vec<Vec<f32>>, MapError> {
    let (mut pass, mut map) = (Pass::default(), Vec::new());
    let mut feature = |view: &CutView| {
        map.clear();
        view.map.append_to(&mut map)?;
        tail.network().forward(&crate::learn::linalg::widened_halves(&map), &mut pass);
        let mut feature = view.frozen.clone();
        let length = match blocks {
            1 => view.frozen.iter().map(|value| value * value).sum::<f32>().sqrt(),
            _ => 1.0,
        };
        feature.extend(pass.feature().iter().map(|value| value * length));
        Ok(feature)
    };
    views.iter().map(&mut feature).collect()
}
