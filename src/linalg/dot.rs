//! Products of vectors, written so that the compiler may use vector registers.

/// In eight lanes, so that the compiler may use vector registers.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a8, b8) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (x, y) in a8.0.iter().zip(b8.0) {
        for lane in 0..8 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes.iter().sum::<f64>() + a8.1.iter().zip(b8.1).map(|(x, y)| x * y).sum::<f64>()
}

/// [`dot`] of f32 values, every product and sum in f64.
pub(crate) fn dot_wide(a: &[f32], b: &[f64]) -> f64 {
    let (a8, b8) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (x, y) in a8.0.iter().zip(b8.0) {
        for lane in 0..8 {
            lanes[lane] += f64::from(x[lane]) * y[lane];
        }
    }
    lanes.iter().sum::<f64>() + a8.1.iter().zip(b8.1).map(|(&x, y)| f64::from(x) * y).sum::<f64>()
}

/// [`dot`] in f32.
pub(crate) fn dot_narrow(a: &[f32], b: &[f32]) -> f32 {
    let (a8, b8) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (x, y) in a8.0.iter().zip(b8.0) {
        for lane in 0..8 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes.iter().sum::<f32>() + a8.1.iter().zip(b8.1).map(|(x, y)| x * y).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_every_length_are_right() {
        for n in 0..20 {
            let a: Vec<f64> = (0..n).map(|i| f64::from(i) + 1.0).collect();
            let narrow: Vec<f32> = a.iter().map(|&v| v as f32).collect();
            let wanted: f64 = a.iter().map(|v| v * v).sum();
            assert_eq!(dot(&a, &a), wanted);
            assert_eq!(dot_wide(&narrow, &a), wanted);
            assert_eq!(f64::from(dot_narrow(&narrow, &narrow)), wanted);
        }
    }
}
