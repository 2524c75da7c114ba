//! Slopes of the feature to slopes of the weights.

use super::convolution::{Matrix, depthwise_back, gather, is_point, multiply, scatter};
use super::{Network, Op, Pass, curve, feature};

impl Network {
    /// Adds the slopes of the weights.
    ///
    /// * `pass`: what [`Network::forward`] left; `slopes`: `[batch][dim]`, of the feature; `sums`: as many as weights.
    pub fn backward(&self, pass: &mut Pass, slopes: &[f32], sums: &mut [f32]) {
        let mut of_values: Vec<Vec<f32>> = vec![Vec::new(); self.nodes.len() + 1];
        feature::back(self, pass, slopes, &mut of_values);
        for at in (0..self.nodes.len()).rev() {
            let mut own = std::mem::take(&mut of_values[at + 1]);
            if own.is_empty() {
                continue;
            }
            let node = &self.nodes[at];
            curve::slopes(node.act, &pass.before[at], &pass.values[at + 1], &mut own);
            self.node_back(at, pass, &own, &mut of_values, sums);
        }
    }

    fn node_back(
        &self,
        at: usize,
        pass: &mut Pass,
        own: &[f32],
        of_values: &mut [Vec<f32>],
        sums: &mut [f32],
    ) {
        let node = &self.nodes[at];
        let (input, from) = (node.inputs[0], self.size(node.inputs[0]));
        let channels = node.size.channels;
        match &node.op {
            Op::Dense(window) => {
                if let Some(added) = node.inputs.get(1) {
                    add(of_values, *added, own);
                }
                let [weights, bias] = self.ranges(at);
                add_columns(&mut sums[bias], own);
                let inputs = window.places() * from.channels;
                let rows = own.len() / channels;
                let point = is_point(*window, from, node.size);
                let Pass { values, columns, .. } = pass;
                if !point {
                    gather(*window, from, node.size, &values[input], columns);
                }
                let read = if point { &values[input] } else { &*columns };
                let slopes = Matrix::of(own, rows, channels);
                let of_weights = &mut sums[weights.clone()];
                multiply(slopes.turned(), Matrix::of(read, rows, inputs), 1.0, of_weights);
                if input == 0 {
                    return;
                }
                let weights = Matrix::of(&self.weights[weights], channels, inputs);
                let of_map = values_of(of_values, input, values[input].len());
                if point {
                    multiply(slopes, weights, 1.0, of_map);
                } else {
                    multiply(slopes, weights, 0.0, columns);
                    scatter(*window, from, node.size, columns, of_map);
                }
            }
            Op::Depthwise(window) => {
                let [weights, bias] = self.ranges(at);
                add_columns(&mut sums[bias], own);
                let map = &pass.values[input];
                let of_map = (input > 0).then(|| values_of(of_values, input, map.len()));
                let (both, own_weights) = ([from, node.size], &self.weights[weights.clone()]);
                depthwise_back(*window, both, map, own_weights, own, &mut sums[weights], of_map);
            }
            Op::Plus => node.inputs.iter().for_each(|input| add(of_values, *input, own)),
            Op::Times => {
                for (input, other) in [(input, node.inputs[1]), (node.inputs[1], input)] {
                    let product: Vec<f32> =
                        own.iter().zip(&pass.values[other]).map(|(a, b)| a * b).collect();
                    add(of_values, input, &product);
                }
            }
            Op::Scaled => self.scaled_back(at, pass, own, of_values),
            Op::Sum(factor) => {
                let of_map = values_of(of_values, input, pass.values[input].len());
                for (map, own) in
                    of_map.chunks_exact_mut(from.values()).zip(own.chunks_exact(channels))
                {
                    for pixel in map.chunks_exact_mut(channels) {
                        pixel.iter_mut().zip(own).for_each(|(pixel, own)| *pixel += own * factor);
                    }
                }
            }
            Op::Affine(scale, _) => {
                let of_map = values_of(of_values, input, own.len());
                for (pixel, own) in
                    of_map.chunks_exact_mut(channels).zip(own.chunks_exact(channels))
                {
                    for ((pixel, own), scale) in pixel.iter_mut().zip(own).zip(scale) {
                        *pixel += own * scale;
                    }
                }
            }
            Op::Alone => add(of_values, input, own),
        }
    }

    fn scaled_back(&self, at: usize, pass: &Pass, own: &[f32], of_values: &mut [Vec<f32>]) {
        let node = &self.nodes[at];
        let [map, scale] = [node.inputs[0], node.inputs[1]];
        let (channels, values) = (node.size.channels, node.size.values());
        let (maps, scales) = (&pass.values[map], &pass.values[scale]);
        let (mut of_map, mut of_scale) = (vec![0.0; maps.len()], vec![0.0; scales.len()]);
        for number in 0..pass.batch {
            let (from, vector) = (number * values, number * channels);
            for pixel in (from..from + values).step_by(channels) {
                for channel in 0..channels {
                    let slope = own[pixel + channel];
                    of_map[pixel + channel] = slope * scales[vector + channel];
                    of_scale[vector + channel] += slope * maps[pixel + channel];
                }
            }
        }
        add(of_values, map, &of_map);
        add(of_values, scale, &of_scale);
    }
}

/// The slopes of a value, zeros at first.
pub(super) fn values_of(of_values: &mut [Vec<f32>], value: usize, len: usize) -> &mut [f32] {
    let slopes = &mut of_values[value];
    slopes.resize(len, 0.0);
    slopes
}

fn add(of_values: &mut [Vec<f32>], value: usize, slopes: &[f32]) {
    let sums = values_of(of_values, value, slopes.len());
    sums.iter_mut().zip(slopes).for_each(|(sum, slope)| *sum += slope);
}

fn add_columns(sums: &mut [f32], rows: &[f32]) {
    for row in rows.chunks_exact(sums.len()) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
}
