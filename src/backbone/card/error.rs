//! Why a card, or the file that it describes, cannot be used.

use crate::backbone::BackboneError;

/// Why a card, or the file that it describes, cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Not a card.
    #[error("{card}: {what}")]
    Card {
        /// The card's file.
        card: String,
        /// What is wrong, with the key.
        what: String,
    },
    /// No card of that name.
    #[error(
        "there is no model called {name}; there are {known}; or name a card (.toml) or a network (.onnx)"
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// The cards there are.
        known: String,
    },
    /// The network that is part of other builds is not part of this one.
    #[error(
        "{name} is not in this build: build with the feature `built-in`, or name another model"
    )]
    NotBuiltIn {
        /// Its name.
        name: String,
    },
    /// The file is not there.
    #[error("{path}: {error}{advice}")]
    File {
        /// The file.
        path: String,
        /// The system's answer.
        error: std::io::Error,
        /// What to do.
        advice: String,
    },
    /// A file of weights that cannot be used.
    #[error("{path}: its weights are in {file}, {what}")]
    Weights {
        /// The network's file.
        path: String,
        /// The file of weights, as the network names it.
        file: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The network names files that it may not.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    /// The file is not the one that the card describes.
    #[error("{path} is not the file of the card {card}: wanted {wanted}, got {got}")]
    Mismatch {
        /// The file.
        path: String,
        /// The card.
        card: String,
        /// What the card says.
        wanted: String,
        /// What the file has.
        got: String,
    },
}
