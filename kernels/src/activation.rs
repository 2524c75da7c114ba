//! What happens to a value behind a layer.

use fearless_simd::{Simd, SimdBase as _, SimdFloat as _};

/// A curve that values follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// As they are.
    None,
    /// `x * clamp(x / 6 + 1/2, 0, 1)`.
    HardSwish,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `x / (1 + exp(-x))`.
    Silu,
    /// `x / 2 * (1 + erf(x / sqrt(2)))`.
    Gelu,
}

/// Limits, then a curve. NaN stays NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Act {
    /// The least value.
    pub lo: f32,
    /// The largest.
    pub hi: f32,
    /// What follows the limits.
    pub curve: Curve,
}

impl Act {
    /// Leaves values alone.
    pub const NONE: Self = Self { lo: f32::NEG_INFINITY, hi: f32::INFINITY, curve: Curve::None };
    /// Negative ones become 0.
    pub const RELU: Self = Self { lo: 0.0, ..Self::NONE };
    /// Limited to 0 to 6.
    pub const RELU6: Self = Self { hi: 6.0, ..Self::RELU };
}

/// The larger of both; NaN in `v` stays, which is why the limit stands first.
#[inline(always)]
fn at_least<S: Simd>(simd: S, v: S::f32s, limit: f32) -> S::f32s {
    S::f32s::splat(simd, limit).max(v)
}

#[inline(always)]
fn at_most<S: Simd>(simd: S, v: S::f32s, limit: f32) -> S::f32s {
    S::f32s::splat(simd, limit).min(v)
}

#[inline(always)]
fn unit<S: Simd>(simd: S, v: S::f32s) -> S::f32s {
    at_most(simd, at_least(simd, v, 0.0), 1.0)
}

#[inline(always)]
fn splat<S: Simd>(simd: S, value: f32) -> S::f32s {
    S::f32s::splat(simd, value)
}

/// `exp(x)` within 3e-7 of itself near 0 and 4e-6 far out; beyond 87 the value of the nearer end.
#[inline(always)]
pub(super) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // Adding this rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let x = at_most(simd, at_least(simd, x, -87.0), 87.0);
    let factor = splat(simd, std::f32::consts::LOG2_E);
    let shifted = x.mul_add(factor, splat(simd, ROUND));
    let rest = x.mul_add(factor, splat(simd, ROUND) - shifted);
    // 2 to the rest, which is at most 1/2: the polynomial whose largest relative error is least, 8e-8.
    let mut sum = splat(simd, 0.001_327_647_2);
    for factor in [0.009_675_541, 0.055_507_13, 0.240_221_2, 0.693_146_94, 1.0] {
        sum = sum.mul_add(rest, splat(simd, factor));
    }
    let power = shifted.to_bits() << 23;
    S::f32s::from_bits(sum.to_bits() + power)
}

/// `1 + exp(-x)`.
#[inline(always)]
fn one_and_exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    exp(simd, -x) + splat(simd, 1.0)
}

/// Half of `1 - erf(x / sqrt(2))` of values that are not negative, within 1e-7: Abramowitz and Stegun, 7.1.26.
#[inline(always)]
fn upper_tail<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let one = splat(simd, 1.0);
    let t = one / x.mul_add(splat(simd, 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2), one);
    let mut sum = splat(simd, 0.5 * 1.061_405_4);
    for factor in [-1.453_152_1, 1.421_413_8, -0.284_496_72, 0.254_829_6] {
        sum = sum.mul_add(t, splat(simd, 0.5 * factor));
    }
    // What is less than this is nothing: as a number without its leading bit it would slow down whoever reads it.
    at_least(simd, sum * t * exp(simd, x * x * splat(simd, -0.5)) - splat(simd, 1e-30), 0.0)
}

/// Each half from its own end, where nothing is lost.
#[inline(always)]
fn gelu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // Beyond it nothing is left, and infinity times that would be none.
    let far = at_most(simd, x.abs(), 30.0);
    at_least(simd, x, 0.0) - far * upper_tail(simd, far)
}

/// The limits of every lane.
#[inline(always)]
pub(super) fn limit<S: Simd>(simd: S, v: S::f32s, act: Act) -> S::f32s {
    at_most(simd, at_least(simd, v, act.lo), act.hi)
}

/// The curve of values that were limited.
#[inline(always)]
pub(super) fn follow<S: Simd, const CB: usize>(simd: S, values: &mut [[f32; CB]], curve: Curve) {
    if curve != Curve::None {
        bend::<S, CB>(simd, values, curve)
    }
}

/// Out of line, since every kernel has it at its end.
#[inline(never)]
fn bend<S: Simd, const CB: usize>(simd: S, values: &mut [[f32; CB]], curve: Curve) {
    simd.vectorize(#[inline(always)] || {
        macro_rules! each_value { ($v:ident => $to:expr) => { for value in values { let $v = S::f32s::from_slice(simd, value); $to.store_slice(value); } } }
        match curve {
            Curve::None => {}
            Curve::HardSwish => each_value!(v => v * unit(simd, v.mul_add(S::f32s::splat(simd, 1.0 / 6.0), S::f32s::splat(simd, 0.5)))),
            Curve::Sigmoid => each_value!(v => S::f32s::splat(simd, 1.0) / one_and_exp(simd, v)),
            Curve::Silu => each_value!(v => v / one_and_exp(simd, v)),
            Curve::Gelu => each_value!(v => gelu(simd, v)),
        }
    });
}
