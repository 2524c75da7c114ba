//! Maps to the feature.

use super::convolution::{Matrix, depthwise, gather, is_point, multiply};
use super::{Curve, Network, Op, Pass, curve, feature};

impl Network {
    /// Computes the feature of some maps, and keeps every value in `pass`.
    ///
    /// * `maps`: `[batch][height][width][channels]`.
    pub fn forward(&self, maps: &[f32], pass: &mut Pass) {
        let batch = maps.len() / self.input.values();
        pass.batch = batch;
        pass.values.resize_with(self.nodes.len() + 1, Vec::new);
        pass.before.resize_with(self.nodes.len(), Vec::new);
        pass.values[0].clear();
        pass.values[0].extend_from_slice(maps);
        for (at, node) in self.nodes.iter().enumerate() {
            let mut out = std::mem::take(&mut pass.values[at + 1]);
            out.clear();
            out.resize(batch * node.size.values(), 0.0);
            let mut columns = std::mem::take(&mut pass.columns);
            self.node(at, &pass.values, &mut columns, &mut out);
            pass.columns = columns;
            if node.act.curve != Curve::None {
                pass.before[at].clone_from(&out);
            }
            curve::apply(node.act, &mut out);
            pass.values[at + 1] = out;
        }
        feature::pooled(self, pass);
    }

    fn node(&self, at: usize, values: &[Vec<f32>], columns: &mut Vec<f32>, out: &mut [f32]) {
        let node = &self.nodes[at];
        let (first, from) = (&values[node.inputs[0]], self.size(node.inputs[0]));
        let second = node.inputs.get(1).map(|input| &values[*input]);
        let channels = node.size.channels;
        let [weights, bias] = self.of_node(at);
        match &node.op {
            Op::Dense(window) => {
                match second {
                    Some(added) => out.copy_from_slice(added),
                    None => out.fill(0.0),
                }
                add_rows(out, bias);
                let inputs = window.places() * from.channels;
                let read = if is_point(*window, from, node.size) {
                    first
                } else {
                    gather(*window, from, node.size, first, columns);
                    columns
                };
                let read = Matrix::of(read, out.len() / channels, inputs);
                multiply(read, Matrix::of(weights, channels, inputs).turned(), 1.0, out);
            }
            Op::Depthwise(window) => {
                add_rows(out, bias);
                depthwise(*window, [from, node.size], first, weights, out);
            }
            Op::Plus | Op::Times => {
                let second = second.expect("checked when it was made");
                let plus = node.op == Op::Plus;
                for ((out, a), b) in out.iter_mut().zip(first).zip(second) {
                    *out = if plus { a + b } else { a * b };
                }
            }
            Op::Scaled => {
                let second = second.expect("checked when it was made");
                let maps =
                    out.chunks_exact_mut(from.values()).zip(first.chunks_exact(from.values()));
                for ((out, map), scale) in maps.zip(second.chunks_exact(channels)) {
                    for (out, map) in out.chunks_exact_mut(channels).zip(map.chunks_exact(channels))
                    {
                        for ((out, value), scale) in out.iter_mut().zip(map).zip(scale) {
                            *out = value * scale;
                        }
                    }
                }
            }
            Op::Sum(factor) => {
                for (out, map) in
                    out.chunks_exact_mut(channels).zip(first.chunks_exact(from.values()))
                {
                    for pixel in map.chunks_exact(channels) {
                        out.iter_mut().zip(pixel).for_each(|(out, value)| *out += value);
                    }
                    out.iter_mut().for_each(|out| *out *= factor);
                }
            }
            Op::Affine(scale, shift) => {
                for (out, pixel) in out.chunks_exact_mut(channels).zip(first.chunks_exact(channels))
                {
                    for (((out, value), scale), shift) in
                        out.iter_mut().zip(pixel).zip(scale).zip(shift)
                    {
                        *out = value * scale + shift;
                    }
                }
            }
            Op::Alone => out.copy_from_slice(first),
        }
    }
}

/// Adds a row to every row.
pub(super) fn add_rows(rows: &mut [f32], row: &[f32]) {
    for own in rows.chunks_exact_mut(row.len()) {
        own.iter_mut().zip(row).for_each(|(own, value)| *own += value);
    }
}
