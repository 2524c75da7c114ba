//! f32 kernels of neural networks in safe Rust, for maps whose channels lie in blocks; the inside of fieldtune's backbone.
//!
//! A map is `[blocks][height][width][LANES]`: channels in blocks of one vector's lanes, so that neighbouring pixels of a
//! block lie together. Channels beyond the last are finite and mean nothing. Kernels take slices and sizes, allocate
//! nothing and give the same bits however often they run; another level of vectors gives other last digits.
//!
//! ```
//! use fieldtune_kernels::conv::{Conv, Window};
//! use fieldtune_kernels::point::point;
//! use fieldtune_kernels::{Act, Level, Part, PartMut, layout};
//!
//! // A 1x1 convolution from 3 to 2 channels, then ReLU, over 5 pixels: each output is the sum of all channels, less 1.
//! let (level, pixels) = (Level::all()[0], 5);
//! let conv = Conv::new(level, Window::ONE, [3, 2], false, pixels, |_, _, _| 1.0, &[-1.0; 2], Act::RELU);
//! let stride = pixels * level.lanes();
//! let (mut map, mut out) = (vec![0.0; stride], vec![0.0; stride]);
//! layout::to_blocks(level.lanes(), &[0.5; 3 * 5], 3, pixels, &mut map);
//! let input = Part { data: &map, at: 0, stride };
//! point(level, input, pixels, &conv, None, &mut PartMut { data: &mut out, at: 0, stride });
//! let mut sums = [0.0; 2 * 5];
//! layout::from_blocks(level.lanes(), &out, pixels, &mut sums);
//! assert_eq!(sums, [0.5; 2 * 5]);
//! ```

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
        match $level.0 {
            $crate::level::Widths::Avx512($simd) => $body,
            $crate::level::Widths::Avx2($simd) => $body,
            $crate::level::Widths::Sse4_2($simd) => $body,
        }
    };
}
#[cfg(not(target_arch = "x86_64"))]
macro_rules! with_level {
    ($level:expr, $simd:ident => $body:expr) => {
        fearless_simd::dispatch!($level.0, $simd => $body)
    };
}

pub mod level;

pub mod activation;

mod tile;

pub mod layout;

pub mod conv;

pub mod point;

pub mod depthwise;

pub mod pool;

pub mod elementwise;

pub mod norm;

pub mod winograd;

pub mod attention;

use fearless_simd::{Simd, SimdBase as _};

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

/// Lanes as a vector. A closure that says so and is not put in place would be compiled without the level's instructions.
#[inline(always)]
fn load<S: Simd, const CB: usize>(simd: S, lanes: &[f32; CB]) -> S::f32s {
    S::f32s::from_slice(simd, lanes)
}
