//! Which vectors a machine has.

use fearless_simd::{Simd, SimdBase as _};

/// The vectors that kernels use.
#[derive(Debug, Clone, Copy)]
pub struct Level(pub(super) Widths);

#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub(super) enum Widths {
    /// 16 values.
    Avx512(fearless_simd::Avx512),
    /// 8 values, products added without rounding.
    Avx2(fearless_simd::Avx2),
    /// 4 values.
    Sse4_2(fearless_simd::Sse4_2),
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) type Widths = fearless_simd::Level;

#[cfg(target_arch = "x86_64")]
impl Level {
    /// All that this machine has, the widest first.
    pub fn all() -> Vec<Self> {
        let best = fearless_simd::Level::new();
        let wide = best.as_avx512().map(Widths::Avx512);
        let middle = best.as_avx2().map(Widths::Avx2);
        let narrow = best.as_sse4_2().map(Widths::Sse4_2);
        wide.into_iter().chain(middle).chain(narrow).map(Self).collect()
    }

    /// As people call it.
    pub fn name(self) -> &'static str {
        match self.0 {
            Widths::Avx512(_) => "avx512",
            Widths::Avx2(_) => "avx2",
            Widths::Sse4_2(_) => "sse4.2",
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Level {
    /// All that this machine has, the widest first.
    pub fn all() -> Vec<Self> {
        vec![Self(Widths::new())]
    }

    /// As people call it.
    pub fn name(self) -> &'static str {
        if self.0.is_fallback() { "scalar" } else { "neon" }
    }
}

impl Level {
    /// Values of a vector: the channels of a block.
    pub fn lanes(self) -> usize {
        with_level!(self, simd => lanes(simd))
    }
}

#[inline(always)]
fn lanes<S: Simd>(_: S) -> usize {
    S::f32s::LEN
}
