//! Why what was asked of a learner with a store was not done.

use crate::image::views::NoSuchView;
use crate::learn::command::CommandError;
use crate::learn::head::HeadError;
use crate::store::StoreError;
use crate::store::snapshot::{ModelId, SnapshotError};

/// Why a command was not acknowledged; what was learned is as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PersistError {
    /// It was refused.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// It could not be stored.
    // Not its source as well, or a chain of errors would say it twice.
    #[error("change rolled back: cannot write the store: {0}")]
    Store(StoreError),
    /// What is stored could not be read.
    #[error(transparent)]
    Load(StoreError),
    /// Something about generations.
    #[error(transparent)]
    Generation(StoreError),
    /// It was learned with another backbone.
    #[error(
        "it was learned with {got}, and this device uses {wanted}: their embeddings are not comparable"
    )]
    Model {
        /// This device's.
        wanted: String,
        /// The other.
        got: String,
    },
    /// What is stored was learned with another backbone than the one that is to look at frames.
    #[error(transparent)]
    Backbone(Box<OtherBackbone>),
    /// The backbone gives features of another length than those that were learned.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The store asks for views that are not known here.
    #[error("the store's setting \"views\": {0}; a newer fieldtune may have written it")]
    Views(#[from] NoSuchView),
    /// What is stored cannot be used.
    #[error("{0}")]
    Snapshot(#[from] SnapshotError),
}

impl From<StoreError> for PersistError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What is stored was learned with another backbone: its features mean nothing to this one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.about("the store"))]
pub struct OtherBackbone {
    /// The backbone it was learned with.
    pub learned: ModelId,
    /// The one that was to look at frames; without a name where that is not known.
    pub given: ModelId,
}

impl OtherBackbone {
    /// The same in words.
    ///
    /// * `store`: what to call the store.
    pub fn about(&self, store: impl std::fmt::Display) -> String {
        let (learned, given) = (&self.learned, &self.given);
        let name = if given.name.is_empty() { "the backbone in use" } else { &given.name };
        if learned.dim != given.dim {
            return format!(
                "{name} gives {} values, {store} was taught with {} of {}",
                given.dim, learned.dim, learned.name
            );
        }
        format!(
            "{store} was taught with {}, and {name} is another network or is fed or tapped differently",
            learned.name
        )
    }
}
