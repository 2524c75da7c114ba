//! Maps to blocks of the feature, each pooled over space and of length one.

use super::backward::values_of;
use super::{Network, Pass};

/// Below this a block is zero, and stays it.
const NOTHING: f32 = 1e-12;

/// Of every channel the mean over the map's pixels, or the largest value.
fn pool(map: &[f32], largest: bool, out: &mut [f32]) {
    let pixels = map.chunks_exact(out.len());
    if largest {
        out.fill(f32::NEG_INFINITY);
        for pixel in pixels {
            out.iter_mut().zip(pixel).for_each(|(out, value)| *out = out.max(*value));
        }
        return;
    }
    let share = (map.len() / out.len()) as f32;
    for pixel in pixels {
        out.iter_mut().zip(pixel).for_each(|(out, value)| *out += value);
    }
    out.iter_mut().for_each(|out| *out /= share);
}

/// Fills the feature and the lengths of its blocks.
pub(super) fn pooled(network: &Network, pass: &mut Pass) {
    let Pass { batch, values, feature, norms, .. } = pass;
    feature.clear();
    feature.resize(*batch * network.dim(), 0.0);
    norms.clear();
    let mut rest = feature.as_mut_slice();
    for number in 0..*batch {
        for block in &network.blocks {
            let size = network.size(block.value);
            let (own, behind) = rest.split_at_mut(size.channels);
            rest = behind;
            let map = &values[block.value][number * size.values()..][..size.values()];
            pool(map, block.largest, own);
            let norm = own.iter().map(|value| value * value).sum::<f32>().sqrt();
            if norm > NOTHING {
                own.iter_mut().for_each(|value| *value /= norm);
            }
            norms.push(norm);
        }
    }
}

/// Adds the slopes of the maps that the feature comes from.
pub(super) fn back(network: &Network, pass: &Pass, slopes: &[f32], of_values: &mut [Vec<f32>]) {
    let mut from = 0;
    for number in 0..pass.batch {
        for (at, block) in network.blocks.iter().enumerate() {
            let size = network.size(block.value);
            let range = from..from + size.channels;
            from = range.end;
            let norm = pass.norms[number * network.blocks.len() + at];
            if norm <= NOTHING || block.value == 0 {
                continue;
            }
            let (own, slopes) = (&pass.feature[range.clone()], &slopes[range]);
            let along: f32 = own.iter().zip(slopes).map(|(a, b)| a * b).sum();
            let pooled: Vec<f32> =
                own.iter().zip(slopes).map(|(own, slope)| (slope - own * along) / norm).collect();
            let of_map = values_of(of_values, block.value, pass.values[block.value].len());
            let place = number * size.values()..(number + 1) * size.values();
            let map = &pass.values[block.value][place.clone()];
            pool_back(map, block.largest, &pooled, &mut of_map[place]);
        }
    }
}

fn pool_back(map: &[f32], largest: bool, slopes: &[f32], of_map: &mut [f32]) {
    let channels = slopes.len();
    if !largest {
        let share = (map.len() / channels) as f32;
        for pixel in of_map.chunks_exact_mut(channels) {
            pixel.iter_mut().zip(slopes).for_each(|(pixel, slope)| *pixel += slope / share);
        }
        return;
    }
    for (channel, slope) in slopes.iter().enumerate() {
        let mut best = channel;
        for at in (channel..map.len()).step_by(channels) {
            if map[at] > map[best] {
                best = at;
            }
        }
        of_map[best] += slope;
    }
}
