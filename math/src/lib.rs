//! What fieldtune computes in loops over numbers and pixels and that knows nothing of the rest. It is a crate of its own, so
//! that a development build optimises it and compiles the rest quickly; so no function that is called often is generic.

pub mod grey;

pub mod linalg;

pub mod layers;

pub mod patches;

pub mod strip;
