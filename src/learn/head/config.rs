//! How a head is made: its method with its settings, and what is done to a feature before it is learned.

use serde::{Deserialize, Serialize};

use super::{HeadError, HeadKind};

/// How a head is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeadConfig {
    /// The method and its settings.
    pub method: Method,
    /// What is done to every feature first.
    pub scaling: FeatureScaling,
}

/// What is done to a feature before a head sees it: `z = (x - centre) / |x - centre|`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureScaling {
    /// `[dim]`, taken off first: a constant of the head, since one that moved with every example would change every
    /// example learned before. `None` takes nothing off.
    pub centre: Option<Vec<f32>>,
    /// Whether the rest is scaled to length one (a zero vector stays zero).
    pub unit_length: bool,
}

impl Default for FeatureScaling {
    fn default() -> Self {
        Self { centre: None, unit_length: true }
    }
}

/// A method and its settings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Method {
    /// Shrinkage linear discriminant analysis.
    Lda {
        /// How far the covariance is drawn towards a multiple of the identity.
        shrinkage: Shrinkage,
    },
    /// Regularised least squares onto targets of +1 and -1.
    Ridge {
        /// Weight of the penalty, above 0.
        lambda: f32,
        /// Every class weighs the same however many examples it has.
        balanced: bool,
    },
    /// Streaming linear discriminant analysis.
    Slda {
        /// As in `Lda`, fixed, in (0, 1].
        shrinkage: f32,
        /// How the covariance is kept.
        update: SldaUpdate,
    },
    /// Nearest class mean.
    Prototype {
        /// What near means.
        metric: Metric,
    },
    /// The class that most of the `k` nearest examples have, nearer ones weighing more.
    Knn {
        /// Neighbours, at least 1.
        k: u32,
    },
    /// Multinomial logistic regression by mini-batch SGD.
    Softmax(SoftmaxConfig),
    /// One hidden layer.
    Mlp(MlpConfig),
}

/// Weight `s` of the identity in the shrunk covariance `(1 - s) S + s (tr S / d) I`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Shrinkage {
    /// In (0, 1].
    Fixed(f32),
    /// `5 / (5 + h)`, where `h` is the harmonic mean of the looks (groups) of the classes: strong where little was seen.
    ByLooks,
    /// By what left-out looks say (least cross-entropy) when the head is tuned, starting from [`Shrinkage::ByLooks`]; that
    /// alone where the classes have fewer than eight looks, as their harmonic mean. The default.
    LeaveOneOut,
}

/// How streaming LDA keeps its covariance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SldaUpdate {
    /// The exact within-class scatter (Welford's update); it can be undone.
    Exact,
    /// As published by Hayes and Kanan 2020, "Lifelong Machine Learning with Deep Streaming Linear Discriminant
    /// Analysis"; it cannot be undone.
    Published,
}

/// What near means to a class mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Metric {
    /// Squared Euclidean distance to the mean.
    Euclidean,
    /// Cosine of the angle to the mean.
    Cosine,
}

/// Settings of multinomial logistic regression.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SoftmaxConfig {
    /// Step size for features of a mean square length of one, above 0 and at most [`MAX_STEP_SIZE`]; features are
    /// scaled to that for training.
    pub learning_rate: f32,
    /// Momentum, in [0, 1).
    pub momentum: f32,
    /// Weight of the penalty on half the squared weights against the loss summed over the examples, at least 0: the
    /// inverse of scikit-learn's `C`.
    pub l2: f32,
    /// Passes over the examples at most, at least 1; many examples take fewer.
    pub epochs: u32,
    /// Examples a step, at least 1.
    pub batch: u32,
    /// Seed of the shuffles.
    pub seed: u64,
}

/// The largest step size of a training.
pub const MAX_STEP_SIZE: f32 = 1e9;

/// The largest weight of a penalty on squared weights.
pub const MAX_PENALTY: f32 = 1e9;

/// Weights of a hidden layer at most: 64 MiB of f32, some three times that while it is trained.
pub const MAX_WEIGHTS: usize = 1 << 24;

/// Settings of the network with one hidden layer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MlpConfig {
    /// Units of the hidden layer, 1 to 4096.
    pub hidden: u32,
    /// Share of hidden units left out in a step, in [0, 1).
    pub dropout: f32,
    /// Step size for features of a mean square length of one, above 0 and at most [`MAX_STEP_SIZE`]; features are
    /// scaled to that for training.
    pub learning_rate: f32,
    /// Weight of the penalty on half the squared weights against the mean loss, at least 0.
    pub weight_decay: f32,
    /// Passes over the stored examples at most, at least 1; many examples, or a few added ones, take fewer.
    pub epochs: u32,
    /// Examples a step, at least 1.
    pub batch: u32,
    /// Seed of the first weights, the shuffles and the dropout.
    pub seed: u64,
}

impl HeadConfig {
    /// A head of that kind with its usual settings.
    pub fn of(kind: HeadKind) -> Self {
        let method = match kind {
            HeadKind::Lda => Method::Lda { shrinkage: Shrinkage::LeaveOneOut },
            HeadKind::Ridge => Method::Ridge { lambda: 0.1, balanced: true },
            HeadKind::Slda => Method::Slda { shrinkage: 0.5, update: SldaUpdate::Exact },
            HeadKind::Prototype => Method::Prototype { metric: Metric::Euclidean },
            HeadKind::Knn => Method::Knn { k: 3 },
            HeadKind::Softmax => Method::Softmax(SoftmaxConfig {
                learning_rate: 4.0,
                momentum: 0.9,
                l2: 0.01,
                epochs: 400,
                batch: 32,
                seed: 0,
            }),
            HeadKind::Mlp => Method::Mlp(MlpConfig {
                hidden: 64,
                dropout: 0.2,
                learning_rate: 0.1,
                weight_decay: 1e-3,
                epochs: 200,
                batch: 16,
                seed: 0,
            }),
        };
        Self { method, scaling: FeatureScaling::default() }
    }

    /// That of lines that a network reads: linear discriminant analysis with a shrinkage of 0.7, which comes near to comparing
    /// by cosine, what such networks are trained for. How much it gains and loses: `docs/senses.md`.
    pub fn of_read_lines() -> Self {
        let method = Method::Lda { shrinkage: Shrinkage::Fixed(0.7) };
        Self { method, scaling: FeatureScaling::default() }
    }

    /// Which kind of head it makes.
    pub fn kind(&self) -> HeadKind {
        match self.method {
            Method::Lda { .. } => HeadKind::Lda,
            Method::Ridge { .. } => HeadKind::Ridge,
            Method::Slda { .. } => HeadKind::Slda,
            Method::Prototype { .. } => HeadKind::Prototype,
            Method::Knn { .. } => HeadKind::Knn,
            Method::Softmax(_) => HeadKind::Softmax,
            Method::Mlp(_) => HeadKind::Mlp,
        }
    }

    /// Whether the head can forget single examples; one that cannot is rebuilt from those that stay.
    pub fn forgets(&self) -> bool {
        !matches!(self.method, Method::Slda { update: SldaUpdate::Published, .. })
    }

    /// The same head with that centre.
    ///
    /// * `centre`: `[dim]`, finite.
    #[must_use]
    pub fn with_centre(mut self, centre: Option<Vec<f32>>) -> Self {
        self.scaling.centre = centre;
        self
    }

    /// # Errors
    /// [`HeadError::Config`] naming the setting, what it is and what it may be.
    pub fn check(&self, dim: usize) -> Result<(), HeadError> {
        require(dim > 0, "the length of a feature", dim, "at least 1")?;
        if let Some(centre) = &self.scaling.centre {
            require(centre.len() == dim, "the centre's length", centre.len(), "a feature's")?;
            for value in centre {
                require(value.is_finite(), "a value of the centre", value, "finite values")?;
            }
        }
        match self.method {
            Method::Lda { shrinkage: Shrinkage::Fixed(s) } | Method::Slda { shrinkage: s, .. } => {
                require(s > 0.0 && s <= 1.0, "shrinkage", s, "more than 0 and at most 1")
            }
            Method::Ridge { lambda, .. } => positive("lambda", lambda),
            Method::Knn { k } => require(k > 0, "k", k, "at least 1"),
            Method::Softmax(SoftmaxConfig {
                learning_rate, momentum, l2, epochs, batch, ..
            }) => {
                step_size(learning_rate)?;
                require((0.0..1.0).contains(&momentum), "momentum", momentum, "0 to below 1")?;
                penalty("l2", l2)?;
                require(epochs > 0, "epochs", epochs, "at least 1")?;
                require(batch > 0, "batch", batch, "at least 1")
            }
            Method::Mlp(MlpConfig {
                hidden,
                dropout,
                learning_rate,
                weight_decay,
                epochs,
                batch,
                ..
            }) => {
                step_size(learning_rate)?;
                require((0.0..1.0).contains(&dropout), "dropout", dropout, "0 to below 1")?;
                penalty("weight_decay", weight_decay)?;
                require((1..=4096).contains(&hidden), "hidden", hidden, "1 to 4096")?;
                let weights = dim.saturating_mul(hidden as usize);
                let most = format!("at most {MAX_WEIGHTS}");
                require(
                    weights <= MAX_WEIGHTS,
                    "hidden times the features' length",
                    weights,
                    &most,
                )?;
                require(epochs > 0, "epochs", epochs, "at least 1")?;
                require(batch > 0, "batch", batch, "at least 1")
            }
            Method::Lda { .. } | Method::Prototype { .. } => Ok(()),
        }
    }
}

impl Default for HeadConfig {
    fn default() -> Self {
        Self::of(HeadKind::Lda)
    }
}

fn require(
    holds: bool,
    what: &str,
    got: impl std::fmt::Display,
    wanted: &str,
) -> Result<(), HeadError> {
    if holds {
        return Ok(());
    }
    Err(HeadError::Config(format!("{what} is {got}, wanted {wanted}")))
}

/// Steps that are too large are tried again at a tenth, which must not take for ever.
fn step_size(value: f32) -> Result<(), HeadError> {
    let wanted = format!("above 0 and at most {MAX_STEP_SIZE}");
    require(value > 0.0 && value <= MAX_STEP_SIZE, "learning_rate", value, &wanted)
}

/// The gradient of a penalty has to stay finite whatever the step size, or no training would ever end well.
fn penalty(what: &str, value: f32) -> Result<(), HeadError> {
    let wanted = format!("0 to {MAX_PENALTY}");
    require((0.0..=MAX_PENALTY).contains(&value), what, value, &wanted)
}

fn positive(what: &str, value: f32) -> Result<(), HeadError> {
    require(value > 0.0 && value.is_finite(), what, value, "a finite value above 0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_settings_are_valid_and_make_their_kind() {
        for kind in HeadKind::ALL {
            let config = HeadConfig::of(kind);
            assert_eq!((config.kind(), config.check(4)), (kind, Ok(())));
        }
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let of = |method| HeadConfig { method, scaling: FeatureScaling::default() };
        let cases = [
            ("shrinkage", of(Method::Lda { shrinkage: Shrinkage::Fixed(0.0) })),
            ("shrinkage", of(Method::Slda { shrinkage: f32::NAN, update: SldaUpdate::Exact })),
            ("lambda", of(Method::Ridge { lambda: -1.0, balanced: true })),
            ("k", of(Method::Knn { k: 0 })),
            ("centre", HeadConfig::default().with_centre(Some(vec![0.0; 3]))),
            ("centre", HeadConfig::default().with_centre(Some(vec![f32::INFINITY; 4]))),
        ];
        for (name, config) in cases {
            let error = config.check(4).expect_err(name).to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
