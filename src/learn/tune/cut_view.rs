//! What the frozen part of the network gives of an image, and where its maps are kept: they are most of what fine-tuning needs.

use std::fmt;
use std::sync::Arc;

use half::f16;

use crate::backbone::CutFeature;

/// An image, or a view of it.
#[derive(Debug, Clone, PartialEq)]
pub struct CutView {
    /// `[dim]`, the frozen feature.
    pub frozen: Vec<f32>,
    /// `[height][width][channels]` at the cut.
    pub map: CutMap,
}

impl CutView {
    /// Of what an extractor with a tail gives.
    pub fn of(cut: &CutFeature, dim: usize) -> Self {
        let map = cut.map.iter().map(|value| f16::from_f32(*value)).collect();
        Self { frozen: cut.feature[..dim].to_vec(), map: CutMap::Here(map) }
    }
}

/// The values of a map.
#[derive(Clone)]
pub enum CutMap {
    /// In memory.
    Here(Vec<f16>),
    /// Somewhere else.
    Kept {
        /// Where.
        maps: Arc<dyn KeptMaps>,
        /// Which of them.
        place: u64,
        /// How many values it has.
        len: usize,
    },
}

/// Keeps maps that memory has no room for.
pub trait KeptMaps: Send + Sync {
    /// * `place`: of the map's first value; `values`: are all overwritten.
    ///
    /// # Errors
    /// Why they cannot be read, in words.
    fn read(&self, place: u64, values: &mut [f16]) -> Result<(), String>;
}

/// A map that was kept cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("maps that were put aside cannot be read: {0}")]
pub struct MapError(String);

impl CutMap {
    /// How many values it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Here(values) => values.len(),
            Self::Kept { len, .. } => *len,
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts its values behind these.
    ///
    /// # Errors
    /// [`MapError`].
    pub fn append_to(&self, values: &mut Vec<f16>) -> Result<(), MapError> {
        match self {
            Self::Here(own) => values.extend_from_slice(own),
            Self::Kept { maps, place, len } => {
                let from = values.len();
                values.resize(from + len, f16::ZERO);
                maps.read(*place, &mut values[from..]).map_err(MapError)?;
            }
        }
        Ok(())
    }
}

impl PartialEq for CutMap {
    /// Whether they have the same values; those that are kept have to be kept at one place.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Here(own), Self::Here(other)) => own == other,
            (Self::Kept { maps, place, len }, Self::Kept { maps: others, place: at, len: of }) => {
                Arc::ptr_eq(maps, others) && (place, len) == (at, of)
            }
            _ => false,
        }
    }
}

impl fmt::Debug for CutMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(values) => write!(f, "Here({} values)", values.len()),
            Self::Kept { place, len, .. } => write!(f, "Kept({len} values at {place})"),
        }
    }
}
