//! Which tensors are maps, and the runtime's operators as operators on them.

use tract_core::internal::*;

use super::net::{Map, Op};
use fieldtune_kernels::Act;

/// An operator, and what it reads that is not stored.
#[derive(Debug, Clone)]
pub(super) struct Lifted {
    /// `None` hands on its input.
    pub(super) op: Option<Op>,
    pub(super) act: Act,
    pub(super) inputs: Vec<OutletId>,
    pub(super) map: Map,
}

/// In which order a map's tensor has its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// `[1][channels][pixels]`.
    Planar,
    /// So, or `[pixels][channels]`, as transformers have them.
    Any,
}

/// The map that a tensor is, if it is one.
pub(super) fn map_of(fact: &TypedFact, order: Order) -> Option<Map> {
    if fact.datum_type != f32::datum_type() {
        return None;
    }
    match *fact.shape.as_concrete()? {
        [1, channels, height, width] if channels * height * width > 0 => {
            Some(Map { channels, size: [height, width] })
        }
        // One axis less lies between a vector that is a map and one that is flattened.
        [1, channels] | [1, channels, 1] if channels > 0 => Some(Map { channels, size: [1, 1] }),
        [.., channels] if order == Order::Any && is_rows(fact) => {
            Some(Map { channels, size: [fact.shape.volume().to_usize().ok()? / channels, 1] })
        }
        _ => None,
    }
}

/// Whether a map's tensor is `[pixels][channels]`, of more than one pixel.
pub(super) fn is_rows(fact: &TypedFact) -> bool {
    match fact.shape.as_concrete() {
        Some(&[pixels, channels]) => pixels > 1 && channels > 0,
        Some(&[a, b, channels]) => a * b > 1 && channels > 1,
        _ => false,
    }
}

/// The axis of a map's tensor that has its channels.
pub(super) fn channel_axis(fact: &TypedFact) -> usize {
    if is_rows(fact) { fact.rank() - 1 } else { 1 }
}
