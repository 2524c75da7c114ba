//! Values of half precision as they are kept, made wide as they are used: without a branch, so that the compiler may use
//! vector registers also where the processor has no instruction for it.

use half::f16;

/// One value, exactly; not a number and infinity stay so.
fn wide(value: f16) -> f32 {
    /// 2 to the power of the difference of the two exponents' biases: it makes the exponent right, of subnormal values too.
    const BIAS: f32 = f32::from_bits(0x7780_0000);
    let bits = u32::from(value.to_bits());
    let magnitude = (bits & 0x7fff) << 13;
    let finite = (f32::from_bits(magnitude) * BIAS).to_bits();
    let special = magnitude | 0x7f80_0000;
    let magnitude = if bits & 0x7c00 == 0x7c00 { special } else { finite };
    f32::from_bits(magnitude | ((bits & 0x8000) << 16))
}

/// * returns `[values]`, exactly.
pub fn widened_halves(values: &[f16]) -> Vec<f32> {
    values.iter().map(|&value| wide(value)).collect()
}

/// As [`widened_halves`] into a vector that is used again, every value multiplied by `scale`.
pub fn widen_scaled(values: &[f16], scale: f32, into: &mut Vec<f32>) {
    into.clear();
    into.extend(values.iter().map(|&value| wide(value) * scale));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_is_widened_to_the_same_value() {
        for bits in 0..=u16::MAX {
            let half = f16::from_bits(bits);
            let (got, wanted) = (wide(half), half.to_f32());
            let same = got.to_bits() == wanted.to_bits() || got.is_nan() && wanted.is_nan();
            assert!(same, "{bits:#06x}: got {got}, wanted {wanted}");
        }
    }
}
