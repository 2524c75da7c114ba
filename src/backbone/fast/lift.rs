//! The runtime's operators as operators on maps.

use tract_core::internal::*;
use tract_core::ops::array::{Pad, PadMode, TypedConcat};
use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::cast::Cast;
use tract_core::ops::cnn::{Conv, KernelFormat, MaxPool, PoolSpec, SumPool};
use tract_core::ops::einsum::EinSum;
use tract_core::ops::element_wise::ElementWiseOp;
use tract_core::ops::math;
use tract_core::ops::nn::{DataFormat, HardSwish, Reduce, Reducer, Sigmoid};

use super::lifted::{Lifted, Order, channel_axis, is_rows, map_of};
use super::net::{Map, Op, Weights};
use super::transformer;
use fieldtune_kernels::conv::Window;
use fieldtune_kernels::pool::Pool;
use fieldtune_kernels::{Act, Curve};

/// The operator of a node, if there is one for it.
///
/// * `order`: of the maps that are taken.
pub(super) fn lift(model: &TypedModel, node: &TypedNode, order: Order) -> Option<Lifted> {
    let [output] = node.outputs.as_slice() else { return None };
    let map = map_of(&output.fact, order)?;
    if output.fact.konst.is_some() {
        return None;
    }
    let place = Place { model, node, map, order };
    let op = &node.op;
    if let Some(lifted) = place.transformer() {
        return Some(lifted);
    }
    if let Some(conv) = op.downcast_ref::<Conv>() {
        return place.conv(conv);
    }
    if let Some(binary) = op.downcast_ref::<TypedBinOp>() {
        return place.binary(binary);
    }
    if let Some(op) = op.downcast_ref::<ElementWiseOp>() {
        let curve = if op.0.is::<Sigmoid>() {
            Curve::Sigmoid
        } else if op.0.is::<HardSwish>() {
            Curve::HardSwish
        } else {
            return None;
        };
        return place.made(Op::Alone, Act { curve, ..Act::NONE }, &[0]);
    }
    if let Some(pool) = op.downcast_ref::<MaxPool>() {
        let window = place.window(&pool.pool_spec)?;
        let plain = pool.with_index_outputs.is_none();
        return place.made(Op::Pool(Pool::Max, window), Act::NONE, &[0]).filter(|_| plain);
    }
    if let Some(pool) = op.downcast_ref::<SumPool>() {
        let window = place.window(&pool.pool_spec)?;
        let how = if pool.count_include_pad { Pool::MeanOfAll } else { Pool::Mean };
        return place.made(Op::Pool(how, window), Act::NONE, &[0]).filter(|_| pool.normalize);
    }
    if let Some(pad) = op.downcast_ref::<Pad>() {
        return place.pad(pad);
    }
    if let Some(concat) = op.downcast_ref::<TypedConcat>() {
        let inputs: Vec<usize> = (0..node.inputs.len()).collect();
        return place
            .made(Op::Concat, Act::NONE, &inputs)
            .filter(|_| concat.axis == 1 && !is_rows(&output.fact));
    }
    if let Some(reduce) = op.downcast_ref::<Reduce>() {
        let spatial = reduce.reducer == Reducer::Sum && reduce.axes.as_slice() == [2, 3];
        return place.made(Op::Sum(1.0), Act::NONE, &[0]).filter(|_| spatial);
    }
    let handed_on = Lifted { op: None, act: Act::NONE, inputs: vec![*node.inputs.first()?], map };
    if op.is::<AxisOp>() {
        let input = place.input(0)?;
        return Some(handed_on).filter(|_| input == map && map.pixels() == 1);
    }
    // A cast to what it is already.
    if op.is::<Cast>() {
        return place.input(0).map(|_| handed_on);
    }
    op.downcast_ref::<EinSum>().and_then(|product| place.product(product))
}

struct Place<'a> {
    model: &'a TypedModel,
    node: &'a TypedNode,
    /// What it gives.
    map: Map,
    order: Order,
}

impl Place<'_> {
    fn fact(&self, input: usize) -> Option<&TypedFact> {
        self.model.outlet_fact(*self.node.inputs.get(input)?).ok()
    }

    /// The map of an input that is not stored.
    fn input(&self, input: usize) -> Option<Map> {
        let fact = self.fact(input).filter(|fact| fact.konst.is_none())?;
        map_of(fact, self.order)
    }

    /// The values of a stored input.
    fn stored(&self, input: usize) -> Option<Arc<Tensor>> {
        let tensor = self.fact(input)?.konst.clone()?;
        (tensor.datum_type() == f32::datum_type()).then_some(tensor)
    }

    fn made(&self, op: Op, act: Act, inputs: &[usize]) -> Option<Lifted> {
        inputs.iter().try_for_each(|input| self.input(*input).map(drop))?;
        let inputs = inputs.iter().map(|input| self.node.inputs[*input]).collect();
        Some(Lifted { op: Some(op), act, inputs, map: self.map })
    }

    fn window(&self, spec: &PoolSpec) -> Option<Window> {
        let input = self.input(0)?;
        if spec.data_format != DataFormat::NCHW || spec.rank() != 2 {
            return None;
        }
        let padding = spec.computed_padding(&input.size);
        Some(Window {
            size: [spec.kernel_shape[0], spec.kernel_shape[1]],
            stride: [spec.stride(0), spec.stride(1)],
            dilation: [spec.dilation(0), spec.dilation(1)],
            pad: [padding[0].pad_before, padding[1].pad_before],
        })
    }

    fn conv(&self, conv: &Conv) -> Option<Lifted> {
        if conv.q_params.is_some() || conv.kernel_fmt != KernelFormat::OIHW {
            return None;
        }
        let (window, input) = (self.window(&conv.pool_spec)?, self.input(0)?);
        let tensor = self.stored(1)?;
        let taps = window.size[0] * window.size[1];
        let bias = values(&*self.stored(2)?)?;
        let bias = if bias.len() == 1 { vec![bias[0]; self.map.channels] } else { bias };
        if bias.len() != self.map.channels {
            return None;
        }
        let depthwise = conv.group > 1;
        let per = if depthwise { 1 } else { input.channels };
        if tensor.len() != self.map.channels * per * taps {
            return None;
        }
        let scale = vec![1.0; self.map.channels];
        let weights = Weights { tensor, steps: [per * taps, taps, 1], scale, bias };
        let op = if depthwise {
            if conv.group != input.channels || input.channels != self.map.channels {
                return None;
            }
            Op::Depthwise(window, weights)
        } else {
            // Longer steps have no kernel.
            if window.stride[1] > 2 {
                return None;
            }
            Op::Dense(window, weights)
        };
        self.made(op, Act::NONE, &[0])
    }

    /// Value by value, with a stored second operand or another map.
    fn binary(&self, binary: &TypedBinOp) -> Option<Lifted> {
        let op = &binary.0;
        if binary.1.is_some_and(|kind| kind != f32::datum_type()) {
            return None;
        }
        let maps = [self.input(0), self.input(1)];
        let channels = self.map.channels;
        let axis = channel_axis(&self.node.outputs[0].fact);
        if let [Some(a), Some(b)] = maps {
            // A vector has its channels where the map has them.
            let at = |input| {
                let shape = self.fact(input)?.shape.as_concrete()?;
                Some(shape.get(axis) == Some(&channels))
            };
            if !(at(0)? && at(1)?) {
                return None;
            }
            let same = a == self.map && b == self.map;
            let vector = Map { channels, size: [1, 1] };
            return if op.is::<math::Add>() && same {
                self.made(Op::Plus, Act::NONE, &[0, 1])
            } else if op.is::<math::Mul>() && same {
                self.made(Op::Times, Act::NONE, &[0, 1])
            } else if op.is::<math::Mul>() && a == self.map && b == vector {
                self.made(Op::Scaled, Act::NONE, &[0, 1])
            } else if op.is::<math::Mul>() && b == self.map && a == vector {
                self.made(Op::Scaled, Act::NONE, &[1, 0])
            } else {
                None
            };
        }
        let at = usize::from(maps[0].is_none());
        // Of images outside, where a block of channels would be mostly empty, it is as well where it is.
        if maps[at] != Some(self.map) || channels <= 4 {
            return None;
        }
        let other = self.per_channel(1 - at)?;
        let first = at == 0;
        let uniform = other.iter().all(|value| *value == other[0]);
        let (ones, zeros) = (|| vec![1.0; channels], || vec![0.0; channels]);
        if op.is::<math::Max>() && uniform {
            return self.made(Op::Alone, Act { lo: other[0], ..Act::NONE }, &[at]);
        }
        if op.is::<math::Min>() && uniform {
            return self.made(Op::Alone, Act { hi: other[0], ..Act::NONE }, &[at]);
        }
        let (scale, shift) = if op.is::<math::Add>() {
            (ones(), other)
        } else if op.is::<math::Sub>() && first {
            (ones(), other.iter().map(|value| -value).collect())
        } else if op.is::<math::Sub>() {
            (vec![-1.0; channels], other)
        } else if op.is::<math::Mul>() {
            (other, zeros())
        } else if op.is::<math::Div>() && first {
            (other.iter().map(|value| 1.0 / value).collect(), zeros())
        } else {
            return None;
        };
        self.made(Op::Affine(scale, shift), Act::NONE, &[at])
    }

    /// A stored value for each channel, or the same for all.
    fn per_channel(&self, input: usize) -> Option<Vec<f32>> {
        let tensor = self.stored(input)?;
        let shape = tensor.shape();
        let channels = self.map.channels;
        let stored = values(&tensor)?;
        if stored.len() == 1 {
            return Some(vec![stored[0]; channels]);
        }
        let fact = &self.node.outputs[0].fact;
        let place = (shape.len() + channel_axis(fact)).checked_sub(fact.rank())?;
        let fits = shape
            .iter()
            .enumerate()
            .all(|(axis, len)| *len == if axis == place { channels } else { 1 });
        fits.then_some(stored)
    }

    fn pad(&self, pad: &Pad) -> Option<Lifted> {
        let zero =
            matches!(&pad.mode, PadMode::Constant(value) if value.is_zero().unwrap_or(false));
        let [(0, 0), (0, 0), (top, _), (left, _)] = *pad.pads.as_slice() else { return None };
        self.made(Op::Pad([top, left]), Act::NONE, &[0]).filter(|_| zero)
    }

    /// A vector times stored weights; what is a flattened map before is taken as the map.
    fn product(&self, product: &EinSum) -> Option<Lifted> {
        if product.q_params.is_some() || self.node.inputs.len() != 2 {
            return None;
        }
        let at = usize::from(self.input(0).is_none());
        let vector = self.input(at).filter(|map| map.size == self.map.size)?;
        let rows = vector.pixels() > 1;
        let tensor = self.stored(1 - at)?;
        let sides: Vec<usize> = tensor.shape().to_vec();
        let axes = &product.axes;
        // The weights' axes: one is summed over, the other one is the output's last.
        let summed = (0..sides.len()).filter(|axis| {
            axes.axis((InOut::In(1 - at), *axis))
                .is_ok_and(|axis| axis.outputs[0].is_empty() && !axis.inputs[at].is_empty())
        });
        let kept = (0..sides.len()).filter(|axis| {
            axes.axis((InOut::In(1 - at), *axis))
                .is_ok_and(|axis| axis.outputs[0].len() == 1 && axis.inputs[at].is_empty())
        });
        let summed: Vec<usize> = summed.filter(|axis| sides[*axis] > 1).collect();
        let kept: Vec<usize> = kept.filter(|axis| sides[*axis] > 1).collect();
        let (&[summed], &[kept]) = (summed.as_slice(), kept.as_slice()) else { return None };
        if sides[summed] != vector.channels
            || sides[kept] != self.map.channels
            || tensor.len() != vector.channels * self.map.channels
        {
            return None;
        }
        let step = |axis: usize| sides[axis + 1..].iter().product::<usize>();
        if rows && !self.keeps_pixels(product, at, [summed, kept]) {
            return None;
        }
        let before = self.flattened(self.node.inputs[at]).filter(|_| !rows);
        let (outlet, size) =
            before.map_or((self.node.inputs[at], [1, 1]), |(outlet, map)| (outlet, map.size));
        let window = Window { size, ..Window::ONE };
        let steps = [step(kept), step(summed) * window.places(), step(summed)];
        let ones = vec![1.0; self.map.channels];
        let weights = Weights { tensor, steps, scale: ones, bias: vec![0.0; self.map.channels] };
        let op = Some(Op::Dense(window, weights));
        Some(Lifted { op, act: Act::NONE, inputs: vec![outlet], map: self.map })
    }

    /// Whether a product with stored weights leaves the pixels of a map where they are, `[pixels][channels]` on both sides.
    ///
    /// * `at`: which input is the map; `weights`: the weights' axes that are summed over and kept.
    fn keeps_pixels(&self, product: &EinSum, at: usize, weights: [usize; 2]) -> bool {
        let Some(from) = self.fact(at) else { return false };
        let to = &self.node.outputs[0].fact;
        let [summed, kept] = weights.map(|axis| product.axes.axis((InOut::In(1 - at), axis)).ok());
        let last = |places: &[usize], fact: &TypedFact| places == [fact.rank() - 1];
        let others = product.axes.iter_all_axes().filter(|axis| {
            let stored = &axis.inputs[1 - at];
            stored.is_empty() || !(weights.contains(&stored[0]))
        });
        let long = |fact: &TypedFact, place: usize| {
            fact.shape.as_concrete().and_then(|shape| shape.get(place)).is_none_or(|len| *len > 1)
        };
        // The places of what is longer than one, in the order of the map and of the result.
        let mut places: Vec<(usize, usize)> = Vec::new();
        for axis in others {
            match (&*axis.inputs[at], &*axis.outputs[0]) {
                (&[from_place], &[to_place]) if long(from, from_place) => {
                    places.push((from_place, to_place));
                }
                ([from_place], []) if long(from, *from_place) => return false,
                _ => {}
            }
        }
        places.sort_unstable();
        is_rows(from)
            && is_rows(to)
            && summed.is_some_and(|axis| last(&axis.inputs[at], from))
            && kept.is_some_and(|axis| last(&axis.outputs[0], to))
            && places.is_sorted_by_key(|(_, to)| *to)
    }

    /// The operators of transformers, each several of the runtime's.
    fn transformer(&self) -> Option<Lifted> {
        let Self { model, node, map, order } = *self;
        let found = (order == Order::Any && is_rows(&node.outputs[0].fact))
            .then(|| transformer::lift(model, node, map))
            .flatten();
        found.or_else(|| transformer::gelu(model, node, map))
    }

    /// The map before it was flattened.
    fn flattened(&self, outlet: OutletId) -> Option<(OutletId, Map)> {
        let node = self.model.node(outlet.node);
        node.op.downcast_ref::<AxisOp>()?;
        let from = *node.inputs.first()?;
        let map = map_of(self.model.outlet_fact(from).ok()?, Order::Planar)?;
        (map.pixels() > 1).then_some((from, map))
    }
}

fn values(tensor: &Tensor) -> Option<Vec<f32>> {
    Some(tensor.to_plain_array_view::<f32>().ok()?.iter().copied().collect())
}
