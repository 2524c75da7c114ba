//! Activations and their slopes.

use super::{Act, Curve};

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The cumulative distribution of the standard normal, within 1e-7: Abramowitz and Stegun, 7.1.26.
fn normal_cdf(x: f32) -> f32 {
    let far = x.abs();
    let t = 1.0 / (0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2).mul_add(far, 1.0);
    let factors = [1.061_405_4, -1.453_152_1, 1.421_413_8, -0.284_496_72, 0.254_829_6];
    let sum = factors.iter().fold(0.0, |sum: f32, factor| sum.mul_add(t, *factor));
    let tail = 0.5 * sum * t * (-0.5 * far * far).exp();
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// Replaces values by what the activation makes of them.
pub(super) fn apply(act: Act, values: &mut [f32]) {
    let Act { lo, hi, curve } = act;
    if lo > f32::NEG_INFINITY || hi < f32::INFINITY {
        values.iter_mut().for_each(|x| *x = x.max(lo).min(hi));
    }
    match curve {
        Curve::None => {}
        Curve::HardSwish => values.iter_mut().for_each(|x| *x *= (*x / 6.0 + 0.5).clamp(0.0, 1.0)),
        Curve::Sigmoid => values.iter_mut().for_each(|x| *x = sigmoid(*x)),
        Curve::Silu => values.iter_mut().for_each(|x| *x *= sigmoid(*x)),
        Curve::Gelu => values.iter_mut().for_each(|x| *x *= normal_cdf(*x)),
    }
}

/// Multiplies by the slopes of the activation.
///
/// * `before`: what went into it; `after`: what it gave. Without a curve only `after` is read.
pub(super) fn slopes(act: Act, before: &[f32], after: &[f32], slopes: &mut [f32]) {
    let Act { lo, hi, curve } = act;
    let limited = |x: f32| x.max(lo).min(hi);
    match curve {
        Curve::None if act == Act::NONE => return,
        Curve::None => {
            for (slope, y) in slopes.iter_mut().zip(after) {
                *slope = if *y > lo && *y < hi { *slope } else { 0.0 };
            }
            return;
        }
        Curve::HardSwish => each(slopes, before, |x| {
            let x = limited(x);
            if x <= -3.0 {
                0.0
            } else if x >= 3.0 {
                1.0
            } else {
                x / 3.0 + 0.5
            }
        }),
        Curve::Sigmoid => each(slopes, before, |x| {
            let s = sigmoid(limited(x));
            s * (1.0 - s)
        }),
        Curve::Silu => each(slopes, before, |x| {
            let x = limited(x);
            let s = sigmoid(x);
            s * (1.0 + x * (1.0 - s))
        }),
        Curve::Gelu => each(slopes, before, |x| {
            let x = limited(x);
            let density = (-0.5 * x * x).exp() / (2.0 * std::f32::consts::PI).sqrt();
            normal_cdf(x) + x * density
        }),
    }
    for (slope, x) in slopes.iter_mut().zip(before) {
        *slope = if *x > lo && *x < hi { *slope } else { 0.0 };
    }
}

fn each(slopes: &mut [f32], before: &[f32], slope: impl Fn(f32) -> f32) {
    slopes.iter_mut().zip(before).for_each(|(own, x)| *own *= slope(*x));
}
