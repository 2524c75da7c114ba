//! Small dense linear algebra. It is in a crate of its own, which is compiled with all optimisations also where the rest is
//! not.

pub(crate) use fieldtune_math::linalg::{
    Factor, PackedCholesky, add_scaled, dot, packed_len, packed_row, products, widen_scaled,
    widened, widened_halves,
};
