//! f32 kernels in safe Rust, for maps whose channels lie in blocks.
//!
//! A map is `[blocks][height][width][LANES]`: channels in blocks of one vector's lanes, so that neighbouring pixels of a
//! block lie together. Channels beyond the last are finite and mean nothing. Kernels take slices and sizes, allocate
//! nothing and give the same bits however often they run; another level of vectors gives other last digits.

#![allow(
    clippy::too_many_arguments,
    clippy::needless_range_loop,
    clippy::int_plus_one,
    reason = "sizes are passed one by one, and loops over constants become straight code"
)]

/// The body for every number below `$n`, written out, so that arrays indexed by it become registers.
macro_rules! each {
    ($i:ident < $n:expr => $body:expr) => { each!(@ $i $n; $body; 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15) };
    ($i:ident <2 $n:expr => $body:expr) => { each!(@ $i $n; $body; 0 1) };
    ($i:ident <4 $n:expr => $body:expr) => { each!(@ $i $n; $body; 0 1 2 3) };
    (@ $i:ident $n:expr; $body:expr; $($v:literal)*) => {{ $({ let $i: usize = $v; if $i < $n { $body } })* }};
}

/// Runs the body with the level's own vectors.
#[cfg(target_arch = "x86_64")]
macro_rules! with_level {
    ($level:expr, $simd:ident => $body:expr) => {
        match $level {
            Level::Avx512($simd) => $body,
            Level::Avx2($simd) => $body,
            Level::Sse4_2($simd) => $body,
        }
    };
}
#[cfg(not(target_arch = "x86_64"))]
macro_rules! with_level {
    ($level:expr, $simd:ident => $body:expr) => {
        fearless_simd::dispatch!($level.0, $simd => $body)
    };
}

pub mod activation;
pub mod conv;
pub mod depthwise;
pub mod elementwise;
pub mod layout;
pub mod level;
pub mod pool;
#[cfg(test)]
mod tests;
mod tile;

pub use activation::{Act, Curve};
pub use level::Level;

/// Pixels of a map, or of a ring of rows: planes of `stride` values, one a block, of which the pixels from `at` on are
/// meant.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// All planes.
    pub data: &'a [f32],
    /// The first pixel.
    pub at: usize,
    /// Values of a plane.
    pub stride: usize,
}

/// As [`Part`], to be written.
#[derive(Debug)]
pub struct PartMut<'a> {
    /// All planes.
    pub data: &'a mut [f32],
    /// The first pixel.
    pub at: usize,
    /// Values of a plane.
    pub stride: usize,
}
