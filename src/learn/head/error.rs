use super::{ClassId, ExampleId, HeadKind, MAX_FEATURES};

/// Why a head refused; it is unchanged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// A feature of the wrong length.
    #[error("the head was made for features of {wanted} values, got {got}")]
    Dim {
        /// The head's dimension.
        wanted: usize,
        /// The feature's length.
        got: usize,
    },
    /// A feature with NaN or infinity in it.
    #[error("the feature's value {index} is {value}, wanted finite values")]
    NotFinite {
        /// Where.
        index: usize,
        /// What stands there.
        value: f32,
    },
    /// The head does not know the class.
    #[error("the head has no class with id {}", .0.0)]
    NoClass(ClassId),
    /// The class is there already.
    #[error("the head has the class with id {} already", .0.0)]
    ClassExists(ClassId),
    /// The head does not know the example.
    #[error("the head has no example with id {}", .0.0)]
    NoExample(ExampleId),
    /// An example with too many features, or none.
    #[error("an example came with {got} features, wanted its own and up to {} of its views", MAX_FEATURES - 1)]
    Features {
        /// How many.
        got: usize,
    },
    /// The example is there already.
    #[error("the head has the example with id {} already", .0.0)]
    ExampleExists(ExampleId),
    /// This head cannot forget.
    #[error(
        "a {0:?} head in this mode cannot forget single examples; rebuild it from the stored ones"
    )]
    NotForgettable(HeadKind),
    /// A setting out of its range.
    #[error("head settings: {0}")]
    Config(String),
    /// Bytes that are not a saved head.
    #[error("not a saved head: {0}")]
    Damaged(String),
}
