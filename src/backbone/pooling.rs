//! Maps to one value a channel.

use super::Pooling;

/// Scales values to length one; zeros stay.
pub(super) fn normalise(values: &mut [f32]) {
    let norm = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    if norm > 0.0 {
        values.iter_mut().for_each(|value| *value /= norm);
    }
}

/// Appends one value a channel. A channel with NaN in it gives NaN, whichever the pooling.
///
/// * `values`: of the map, in its own order.
/// * `axes`: the length of the channels' axis, and of those behind it.
pub(super) fn pool(values: &[f32], axes: &[usize], how: Pooling, feature: &mut Vec<f32>) {
    let (len, inner) = (axes[0], axes[1..].iter().product::<usize>());
    let places = values.len() / len;
    let pooled = |(sum, max)| pooled(how, places, sum, max);
    if inner == places {
        feature.extend(values.chunks_exact(places).map(sum_and_max).map(pooled));
        return;
    }
    let mut sums = vec![(0.0, f32::NEG_INFINITY); len];
    for place in values.chunks_exact(len * inner) {
        for ((sum, max), values) in sums.iter_mut().zip(place.chunks_exact(inner)) {
            for &value in values {
                (*sum, *max) = (*sum + value, value.max(*max));
            }
        }
    }
    feature.extend(sums.into_iter().map(pooled));
}

/// As [`pool`], of what the channels' values add up to and the largest of each: `[2][channels]`.
pub(super) fn of_sums(values: &[f32], places: usize, how: Pooling, feature: &mut Vec<f32>) {
    let (sums, largest) = values.split_at(values.len() / 2);
    feature.extend(sums.iter().zip(largest).map(|(sum, max)| pooled(how, places, *sum, *max)));
}

fn pooled(how: Pooling, places: usize, sum: f32, max: f32) -> f32 {
    match how {
        Pooling::Avg => sum / places as f32,
        Pooling::Max if sum.is_nan() => sum,
        Pooling::Max => max,
    }
}

/// In lanes, which is faster than one value after another, and loses fewer digits over the ten thousand of an early map.
fn sum_and_max(values: &[f32]) -> (f32, f32) {
    const LANES: usize = 16;
    let (chunks, rest) = values.as_chunks::<LANES>();
    let (mut sums, mut largest) = ([0.0_f32; LANES], [f32::NEG_INFINITY; LANES]);
    for chunk in chunks {
        for lane in 0..LANES {
            sums[lane] += chunk[lane];
            largest[lane] = if chunk[lane] > largest[lane] { chunk[lane] } else { largest[lane] };
        }
    }
    let sum = sums.iter().sum::<f32>() + rest.iter().sum::<f32>();
    (sum, largest.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max))
}
