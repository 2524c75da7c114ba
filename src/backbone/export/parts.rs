//! What tells good parts from others, behind the maps that the feature is pooled from.
//!
//! ```text
//! map -> rows of places -> averaged -> whitened -> distance to the nearest good patch -+-> / usual -> where
//!                                                                                      |
//!          unlike <- 1 + x above 0, exp(x) below <- sum of levels <- mean of the farthest
//! ```

use tract_onnx::pb::tensor_proto::DataType;

use super::nodes::{Nodes, integer, integers, node};

/// What tells good parts from others.
#[derive(Debug, Clone, PartialEq)]
pub struct PartsModel {
    /// What is compared, the finer map first.
    pub levels: Vec<PartsLevel>,
    /// Added to the sum of the levels.
    pub offset: f32,
}

/// What is compared of one map.
#[derive(Debug, Clone, PartialEq)]
pub struct PartsLevel {
    /// The tap, counted as in the specification.
    pub tap: usize,
    /// Height and width in places.
    pub size: [usize; 2],
    /// `[places][places of the map]`, what becomes of the places; `None` where they stay.
    pub places: Option<Vec<f32>>,
    /// `[channels of the map][channels]`, then added: the whitening.
    pub weights: Vec<f32>,
    /// `[channels]`
    pub bias: Vec<f32>,
    /// `[count][channels]`, whitened patches that stand for all good ones.
    pub vectors: Vec<f32>,
    /// How many of the farthest places are averaged, at least 1.
    pub farthest: usize,
    /// The distance that a place of a good part seldom reaches, where a map of distances is given.
    pub usual: Option<f32>,
    /// What the mean counts.
    pub factor: f32,
}

/// What an exported network of good parts gives besides, f32: how unlike them a frame is by its patches alone, `[1, 1]`, above 1 beyond
/// the limit; and for each map how far its places are from good ones, `[1, 1, height, width]`, 1 where one place in a thousand
/// of a left-out good part comes.
pub const PARTS_OUTPUTS: [&str; 3] = ["unlike", "where0", "where1"];

impl Nodes {
    /// * `tensors`: of each tap its tensor, its axes and which of them holds the channels.
    /// * returns the outputs with their axes; `None` where a map has other axes than these.
    pub(super) fn parts(
        &mut self,
        parts: &PartsModel,
        tensors: &[(String, (&[usize], usize))],
        opset: i64,
    ) -> Option<Vec<(&'static str, Vec<usize>)>> {
        let mut outputs = vec![(PARTS_OUTPUTS[0], vec![1, 1])];
        let mut sum = self.floats("parts", "offset", &[1, 1], &[parts.offset]);
        for (at, level) in parts.levels.iter().enumerate() {
            let of = format!("parts{at}");
            let (tensor, (shape, axis)) = tensors.get(level.tap)?;
            let rows = self.rows(&of, tensor, shape, *axis)?;
            let far = self.distances(&of, rows, level, opset);
            if let (Some(usual), Some(name)) = (level.usual, PARTS_OUTPUTS.get(at + 1)) {
                let usual = self.floats(&of, "usual", &[], &[usual]);
                let share = self.op("Div", &of, "share", vec![far.clone(), usual], Vec::new());
                let axes = vec![1, 1, level.size[0], level.size[1]];
                let shape = self.shape(&format!("{of}.map"), &axes);
                self.give("Reshape", vec![share, shape], name, Vec::new());
                outputs.push((name, axes));
            }
            let row = self.shape(&format!("{of}.row"), &[1, level.size[0] * level.size[1]]);
            let row = self.op("Reshape", &of, "row", vec![far, row], Vec::new());
            let farthest = self.largest(&format!("{of}.farthest"), row, level.farthest, opset);
            let share = vec![level.factor / level.farthest as f32; level.farthest];
            let share = self.floats(&of, "factor", &[level.farthest, 1], &share);
            let score = self.op("MatMul", &of, "score", vec![farthest, share], Vec::new());
            sum = self.op("Add", &of, "sum", vec![sum, score], Vec::new());
        }
        // Beyond the limit it grows evenly, below it never reaches 0.
        let above = self.op("Relu", "parts", "above", vec![sum.clone()], Vec::new());
        let below = self.op("Sub", "parts", "below", vec![sum, above.clone()], Vec::new());
        let below = self.op("Exp", "parts", "share", vec![below], Vec::new());
        self.give("Add", vec![above, below], PARTS_OUTPUTS[0], Vec::new());
        Some(outputs)
    }

    /// `[places of the map][channels of the map]`
    fn rows(&mut self, of: &str, tensor: &str, shape: &[usize], axis: usize) -> Option<String> {
        let channels = *shape.get(axis)?;
        let places = shape.iter().product::<usize>() / channels.max(1);
        let turn = |nodes: &mut Self, axes: [usize; 2]| {
            let axes = nodes.shape(&format!("{of}.flat"), &axes);
            nodes.op("Reshape", of, "flat", vec![tensor.to_owned(), axes], Vec::new())
        };
        if axis + 1 == shape.len() {
            return Some(turn(self, [places, channels]));
        }
        let is_first = shape[..axis].iter().product::<usize>() == 1;
        is_first.then(|| {
            let flat = turn(self, [channels, places]);
            self.op("Transpose", of, "rows", vec![flat], vec![integers("perm", &[1, 0])])
        })
    }

    /// `[places][1]`, to the nearest good patch.
    fn distances(&mut self, of: &str, rows: String, level: &PartsLevel, opset: i64) -> String {
        let (channels, places) = (level.bias.len(), level.size[0] * level.size[1]);
        let mut rows = rows;
        if let Some(matrix) = &level.places {
            let matrix = self.floats(of, "places", &[places, matrix.len() / places], matrix);
            rows = self.op("MatMul", of, "averaged", vec![matrix, rows], Vec::new());
        }
        let inputs = level.weights.len() / channels;
        let weights = self.floats(of, "whitening", &[inputs, channels], &level.weights);
        let bias = self.floats(of, "mean", &[channels], &level.bias);
        let white = self.op("Gemm", of, "white", vec![rows, weights, bias], Vec::new());
        // |a - b|^2 = |a|^2 + |b|^2 - 2ab, so the nearest is where 2ab - |b|^2 is largest.
        let count = level.vectors.len() / channels;
        let twice: Vec<f32> = level.vectors.iter().map(|value| 2.0 * value).collect();
        let twice = self.floats(of, "patches", &[count, channels], &twice);
        let squares = level.vectors.chunks_exact(channels);
        let squares: Vec<f32> =
            squares.map(|row| -row.iter().map(|value| value * value).sum::<f32>()).collect();
        let squares = self.floats(of, "squares", &[count], &squares);
        let read = vec![white.clone(), twice, squares];
        let near = self.op("Gemm", of, "near", read, vec![integer("transB", 1)]);
        let near = self.largest(&format!("{of}.nearest"), near, 1, opset);
        let own = self.op("Mul", of, "own", vec![white.clone(), white], Vec::new());
        let ones = self.floats(of, "ones", &[channels, 1], &vec![1.0; channels]);
        let own = self.op("MatMul", of, "length", vec![own, ones], Vec::new());
        let squared = self.op("Sub", of, "squared", vec![own, near], Vec::new());
        let squared = self.op("Relu", of, "rest", vec![squared], Vec::new());
        self.op("Sqrt", of, "distance", vec![squared], Vec::new())
    }

    /// The largest of each row. How many is an attribute up to version 9 of the operators, and an input from there on.
    fn largest(&mut self, of: &str, rows: String, count: usize, opset: i64) -> String {
        let mut attributes = vec![integer("axis", 1)];
        let mut inputs = vec![rows];
        if opset < 10 {
            attributes.push(integer("k", count as i64));
        } else {
            let bytes = (count as i64).to_le_bytes().to_vec();
            let name = self.name(of, "count");
            inputs.push(self.weight(name, &[1], DataType::Int64 as i32, bytes));
        }
        let output = self.name(of, "values");
        let mut top = node("TopK", inputs, output.clone(), attributes);
        top.output.push(self.name(of, "places"));
        self.push(top);
        output
    }
}
