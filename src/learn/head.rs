//! A head turns a feature into a score per class, and learns and forgets single examples.

mod closed_form;
mod config;
mod descent;
mod error;
mod keeping;
mod knn;
mod layer;
mod layers;
mod lda;
mod lesson;
mod linear;
mod mlp;
mod prototype;
mod ridge;
mod scatter;
mod slda;
mod softmax;
mod stored;
mod system;
mod trained;
mod transform;
mod units;

pub use config::{
    FeatureScaling, HeadConfig, MAX_PENALTY, MAX_STEP_SIZE, MAX_WEIGHTS, Method, Metric, MlpConfig,
    Shrinkage, SldaUpdate, SoftmaxConfig,
};
pub use error::HeadError;
pub use layers::{Affine, Layers};
pub use lesson::{Lesson, StoredLesson};

use closed_form::ClosedForm;
use serde::{Deserialize, Serialize};

use keeping::Keeping;
use knn::Knn;
use mlp::Mlp;
use prototype::Prototype;
use slda::Slda;
use softmax::Softmax;
use trained::Trained;

/// A class. Never used twice; its name is kept elsewhere and may change.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub struct ClassId(pub u32);

/// A taught example. Never used twice; rises with every example.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub struct ExampleId(pub u64);

/// Examples of one look at one part: one request, one burst, one press of a button. They are left out together, and count
/// as one look. Its number is the id of its first example, which is never used for another.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub struct GroupId(pub u64);

/// A feature as a head keeps it: the example, and which of its features (0 is the image's own).
pub(crate) type RowId = (ExampleId, u8);

/// Features that one example may have: its own, and those of its views.
pub const MAX_FEATURES: usize = 17;

/// The kinds of head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum HeadKind {
    /// Shrinkage linear discriminant analysis on L2-normalised features. The default.
    Lda,
    /// Regularised least squares onto targets of +1 and -1.
    Ridge,
    /// Streaming linear discriminant analysis: constant memory however many examples.
    Slda,
    /// Nearest class mean of L2-normalised features.
    Prototype,
    /// Nearest examples by cosine.
    Knn,
    /// Multinomial logistic regression by mini-batch SGD.
    Softmax,
    /// One hidden layer, trained with replay of the stored examples.
    Mlp,
}

/// Learns from features, one example at a time.
///
/// Every method that can fail leaves the head unchanged when it does. Same calls, same bytes.
pub trait Head: Send + std::fmt::Debug {
    /// Which kind it is.
    fn kind(&self) -> HeadKind;

    /// Length of a feature.
    fn dim(&self) -> usize;

    /// The classes, in the order they were added; the order of every score vector.
    fn classes(&self) -> &[ClassId];

    /// Adds a class without examples.
    ///
    /// # Errors
    /// [`HeadError::ClassExists`].
    fn add_class(&mut self, class: ClassId) -> Result<(), HeadError>;

    /// Removes a class with all its examples.
    ///
    /// # Errors
    /// [`HeadError::NoClass`]; [`HeadError::NotForgettable`] where the head kept no examples and the class
    /// still has some: forget them first.
    fn remove_class(&mut self, class: ClassId) -> Result<(), HeadError>;

    /// Learns examples, all or none; the result is that of learning them one after another, only sooner.
    ///
    /// # Errors
    /// [`HeadError::Dim`], [`HeadError::NotFinite`], [`HeadError::NoClass`], [`HeadError::ExampleExists`],
    /// [`HeadError::Features`]; then none of them was learned.
    fn teach(&mut self, lessons: &[Lesson<'_>]) -> Result<(), HeadError>;

    /// As [`Head::teach`], of stored examples. The result is that of teaching their features made wide.
    ///
    /// # Errors
    /// As [`Head::teach`].
    fn teach_stored(&mut self, lessons: &[StoredLesson<'_>]) -> Result<(), HeadError> {
        lesson::made_wide(lessons, |lessons| self.teach(lessons))
    }

    /// Undoes [`Head::teach`] for one example: the caller gives everything back, so that a head in constant memory can
    /// forget too.
    ///
    /// # Errors
    /// [`HeadError::NoExample`], [`HeadError::NoClass`], [`HeadError::Dim`], [`HeadError::NotForgettable`].
    fn unlearn(&mut self, lesson: &Lesson<'_>) -> Result<(), HeadError>;

    /// Measures again, by left-out looks of what is taught now, the measured settings; nothing for a head without
    /// such. It takes as long as [`Head::leave_out`] a few times, so teaching does not do it by itself.
    fn tune(&mut self) {}

    /// Learns one example without views, in a group of its own.
    ///
    /// * `feature`: `[dim]`, finite.
    ///
    /// # Errors
    /// As [`Head::teach`].
    fn learn(
        &mut self,
        example: ExampleId,
        class: ClassId,
        feature: &[f32],
    ) -> Result<(), HeadError> {
        self.learn_many(&[(example, class, feature)])
    }

    /// As [`Head::learn`] for many.
    ///
    /// # Errors
    /// As [`Head::teach`].
    fn learn_many(&mut self, examples: &[(ExampleId, ClassId, &[f32])]) -> Result<(), HeadError> {
        let features: Vec<[&[f32]; 1]> = examples.iter().map(|&(_, _, own)| [own]).collect();
        let lessons: Vec<Lesson<'_>> = examples
            .iter()
            .zip(&features)
            .map(|(&(example, class, _), features)| Lesson {
                example,
                group: GroupId(example.0),
                class,
                features,
            })
            .collect();
        self.teach(&lessons)
    }

    /// Undoes [`Head::learn`].
    ///
    /// # Errors
    /// As [`Head::unlearn`].
    fn forget(
        &mut self,
        example: ExampleId,
        class: ClassId,
        feature: &[f32],
    ) -> Result<(), HeadError> {
        self.unlearn(&Lesson { example, group: GroupId(example.0), class, features: &[feature] })
    }

    /// * `feature`: `[dim]`, finite.
    /// * returns `[classes]` scores, higher is nearer; a class with no example scores `f32::NEG_INFINITY`.
    ///
    /// # Errors
    /// [`HeadError::Dim`], [`HeadError::NotFinite`].
    fn score(&self, feature: &[f32]) -> Result<Vec<f32>, HeadError>;

    /// For every stored example the scores that a head taught without its group would give it, for `most` groups at
    /// most, as many of each class as there are; `None` for a head without a cheap exact answer. An example of the only
    /// group of its class scores `f32::NEG_INFINITY` there.
    fn leave_out(&self, most: usize) -> Option<Vec<LeftOut>>;

    /// As [`Head::leave_out`] for all groups.
    fn leave_one_out(&self) -> Option<Vec<LeftOut>> {
        self.leave_out(usize::MAX)
    }

    /// `z^T P z` where a class with mean `m` scores `z^T P m - m^T P m / 2`: less twice a class's score it is the squared
    /// Mahalanobis distance to the class. `None` for a head that has no such `P`.
    ///
    /// * `feature`: `[dim]`, finite.
    ///
    /// # Errors
    /// As [`Head::score`].
    fn spread(&self, feature: &[f32]) -> Result<Option<f32>, HeadError> {
        check_feature(self.dim(), feature).map(|()| None)
    }

    /// The settings of a head that gives the same scores from the examples and can leave one out, for one that keeps no
    /// examples and so cannot; `None` where there is none.
    fn twin(&self) -> Option<HeadConfig> {
        None
    }

    /// The head as layers whose scores are those of [`Head::score`] but for rounding and a number that is the same for
    /// every class; `None` for a head that has no
    /// weights because it asks its examples. Without any example there are no classes in it.
    fn layers(&self) -> Option<Layers>;

    /// Everything learned, as bytes that [`load`] understands. Loading gives a head whose scores are bit-equal.
    fn save(&self) -> Vec<u8>;
}

/// The scores of one example by a head that has not seen its group.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOut {
    /// Which example.
    pub example: ExampleId,
    /// What was left out with it.
    pub group: GroupId,
    /// Its class.
    pub class: ClassId,
    /// `[classes]`, as [`Head::score`].
    pub scores: Vec<f32>,
    /// As [`Head::spread`].
    pub spread: Option<f32>,
}

impl HeadKind {
    /// Every kind, the default first.
    pub const ALL: [HeadKind; 7] = [
        HeadKind::Lda,
        HeadKind::Ridge,
        HeadKind::Slda,
        HeadKind::Prototype,
        HeadKind::Knn,
        HeadKind::Softmax,
        HeadKind::Mlp,
    ];

    /// Its name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            HeadKind::Lda => "lda",
            HeadKind::Ridge => "ridge",
            HeadKind::Slda => "slda",
            HeadKind::Prototype => "prototype",
            HeadKind::Knn => "knn",
            HeadKind::Softmax => "softmax",
            HeadKind::Mlp => "mlp",
        }
    }

    /// Whether it compares features by their angles, which are nearly all alike while every feature shares a large
    /// common part: the others learn a direction to ignore.
    pub fn wants_centre(self) -> bool {
        matches!(self, HeadKind::Prototype | HeadKind::Knn)
    }
}

impl std::fmt::Display for HeadKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A head that has learned nothing.
///
/// * `dim`: length of a feature, at least 1.
///
/// # Errors
/// [`HeadError::Config`] if a setting is out of its range or the centre's length is not `dim`.
pub fn new(config: &HeadConfig, dim: usize) -> Result<Box<dyn Head>, HeadError> {
    config.check(dim)?;
    let scaling = config.scaling.clone();
    Ok(match config.method {
        Method::Lda { shrinkage } => {
            Box::new(ClosedForm::new(dim, scaling, lda::Lda::new(shrinkage)))
        }
        Method::Ridge { lambda, balanced } => {
            Box::new(ClosedForm::new(dim, scaling, ridge::Ridge { lambda, balanced }))
        }
        Method::Slda { .. } => Box::new(Slda::new(config, dim)?),
        Method::Prototype { .. } => Box::new(Keeping::<Prototype>::new(config, dim)?),
        Method::Knn { .. } => Box::new(Keeping::<Knn>::new(config, dim)?),
        Method::Softmax(_) => Box::new(Keeping::<Trained<Softmax>>::new(config, dim)?),
        Method::Mlp(_) => Box::new(Keeping::<Trained<Mlp>>::new(config, dim)?),
    })
}

/// A head from what [`Head::save`] gave; its scores are bit-equal.
///
/// # Errors
/// [`HeadError::Damaged`].
pub fn load(bytes: &[u8]) -> Result<Box<dyn Head>, HeadError> {
    let saved: Saved = from_bytes(bytes)?;
    if saved.version != SAVED_VERSION {
        return Err(HeadError::Damaged(format!(
            "version {}, wanted {SAVED_VERSION}",
            saved.version
        )));
    }
    let body = &saved.body;
    Ok(match saved.kind {
        HeadKind::Lda => Box::new(ClosedForm::<lda::Lda>::load(body)?),
        HeadKind::Ridge => Box::new(ClosedForm::<ridge::Ridge>::load(body)?),
        HeadKind::Slda => Box::new(Slda::load(body)?),
        HeadKind::Prototype => Box::new(Keeping::<Prototype>::load(body)?),
        HeadKind::Knn => Box::new(Keeping::<Knn>::load(body)?),
        HeadKind::Softmax => Box::new(Keeping::<Trained<Softmax>>::load(body)?),
        HeadKind::Mlp => Box::new(Keeping::<Trained<Mlp>>::load(body)?),
    })
}

const SAVED_VERSION: u16 = 3;

/// The outer form of every saved head; the body is postcard of the kind's own struct.
#[derive(Serialize, Deserialize)]
struct Saved {
    version: u16,
    kind: HeadKind,
    body: Vec<u8>,
}

/// Wraps a kind's own stored struct.
fn to_bytes(kind: HeadKind, stored: &impl Serialize) -> Vec<u8> {
    let write = "postcard writes every serde value of known length to a growing vector";
    let body = postcard::to_allocvec(stored).expect(write);
    postcard::to_allocvec(&Saved { version: SAVED_VERSION, kind, body }).expect(write)
}

fn from_bytes<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, HeadError> {
    postcard::from_bytes(bytes).map_err(|error| HeadError::Damaged(error.to_string()))
}

/// That a feature is `[dim]` and finite.
///
/// # Errors
/// [`HeadError::Dim`], [`HeadError::NotFinite`].
pub fn check_feature(dim: usize, feature: &[f32]) -> Result<(), HeadError> {
    if feature.len() != dim {
        return Err(HeadError::Dim { wanted: dim, got: feature.len() });
    }
    match feature.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(HeadError::NotFinite { index, value: feature[index] }),
        None => Ok(()),
    }
}

/// That an example came with as many features as it may have.
///
/// # Errors
/// [`HeadError::Features`].
fn check_count(features: &[&[f32]]) -> Result<(), HeadError> {
    check_number(features.len())
}

/// As [`check_count`].
fn check_number(features: usize) -> Result<(), HeadError> {
    match features {
        1..=MAX_FEATURES => Ok(()),
        got => Err(HeadError::Features { got }),
    }
}

/// A score as heads give it: never NaN or infinite, since minus infinity means a class without examples.
fn finite(score: f64) -> f32 {
    let limit = f64::from(f32::MAX);
    if score.is_nan() { 0.0 } else { score.clamp(-limit, limit) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_always_finite() {
        assert_eq!(finite(f64::NAN), 0.0);
        assert_eq!(finite(f64::INFINITY), f32::MAX);
        assert_eq!(finite(-1.5), -1.5);
    }
}
