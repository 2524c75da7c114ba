//! What can be wrong with a network.

/// Why a network cannot be used, or gave no feature.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BackboneError {
    /// Not a network that can be read.
    #[error("{name}: {what}")]
    Parse {
        /// The file.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// An operator that cannot be run, or not at a useful speed.
    #[error("{name}: operator {operator} (node {node}): {advice}")]
    Unsupported {
        /// The file.
        name: String,
        /// The operator.
        operator: String,
        /// Where it stands.
        node: String,
        /// What to do instead.
        advice: String,
    },
    /// Weights that are damaged or elsewhere.
    #[error("{name}: weights {tensor}: {what}")]
    Weights {
        /// The file.
        name: String,
        /// The tensor.
        tensor: String,
        /// What is wrong.
        what: String,
    },
    /// A tap that the graph does not have.
    #[error("{name}: there is no tensor {tensor} to tap; the nearest names are {}", .near.join(", "))]
    MissingTap {
        /// The file.
        name: String,
        /// The tap.
        tensor: String,
        /// Tensors there are.
        near: Vec<String>,
    },
    /// The input declared by the file is not the one that was asked for.
    #[error(
        "{name}: the network wants its input {wanted}, the card or the command line says {got}"
    )]
    Input {
        /// The file.
        name: String,
        /// Axes of the file.
        wanted: String,
        /// Axes of the specification.
        got: String,
    },
    /// A tap gives something that cannot be pooled.
    #[error(
        "{name}: tap {tensor} gives {got}, wanted f32 values [1, channels] or [1, channels, height, width]"
    )]
    TapShape {
        /// The file.
        name: String,
        /// The tap.
        tensor: String,
        /// What it gives.
        got: String,
    },
    /// The runtime refused the graph, or failed while running it.
    #[error("{name}: {doing}: {error}")]
    Runtime {
        /// The file.
        name: String,
        /// What was tried.
        doing: &'static str,
        /// The runtime's words.
        error: String,
    },
    /// A feature, or an input, with NaN or infinity in it.
    #[error("{name}: value {index} of {tensor} is {value}: the network does not suit this input")]
    NotFinite {
        /// The file.
        name: String,
        /// The tap, or words for the input.
        tensor: String,
        /// Where in the feature, or in the input.
        index: usize,
        /// What stands there.
        value: f32,
    },
}

impl BackboneError {
    pub(super) fn parse(name: &str, what: &str) -> Self {
        Self::Parse { name: name.to_owned(), what: what.to_owned() }
    }
}
