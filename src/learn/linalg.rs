//! Small dense linear algebra. It is in a crate of its own, which is compiled with all optimisations also where the rest is
//! not.

use std::sync::Arc;

use half::f16;

pub(crate) use fieldtune_math::linalg::{
    Factor, PackedCholesky, add_scaled, dot, packed_len, packed_row, products, widen_scaled,
    widened, widened_halves,
};

/// A feature as it is kept, `[dim]`; copies of it are one.
pub type StoredFeature = Arc<[f16]>;

/// Rounds a feature to what is stored. Values beyond f16's range saturate at its largest finite value.
pub fn narrowed(feature: &[f32]) -> StoredFeature {
    let limit = f16::MAX.to_f32();
    feature.iter().map(|value| f16::from_f32(value.clamp(-limit, limit))).collect()
}
