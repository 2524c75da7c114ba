//! What transformers are made of, found in the runtime's operators: layer normalisation, the Gaussian error linear unit and
//! attention are several operators each.

use tract_core::internal::*;
use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::cast::Cast;
use tract_core::ops::einsum::EinSum;
use tract_core::ops::element_wise::ElementWiseOp;
use tract_core::ops::math;
use tract_core::ops::nn::{Reduce, Reducer, Softmax, SoftmaxKind};

use super::lifted::{Lifted, Order, is_rows, map_of};
use super::net::{Heads, Map, Op};
use super::view::{Axis, View, scaled, with_number};
use fieldtune_kernels::{Act, Curve};

/// The operator that a node completes, if it is one of these.
///
/// * `map`: what the node gives; its channels are the last axis.
pub(super) fn lift(model: &TypedModel, node: &TypedNode, map: Map) -> Option<Lifted> {
    if let Some(op) = node.op.downcast_ref::<AxisOp>() {
        return same_map(model, node, op, map).or_else(|| attention(model, node, map));
    }
    norm(model, node, map)
}

/// Nothing but other axes.
fn same_map(model: &TypedModel, node: &TypedNode, op: &AxisOp, map: Map) -> Option<Lifted> {
    let from = model.outlet_fact(node.inputs[0]).ok()?;
    let input = map_of(from, Order::Any)?;
    let mut view = View::whole(from.shape.as_concrete()?);
    view.moved(op)?;
    let same = view.is_whole(node.outputs[0].fact.shape.as_concrete()?);
    (same && input == map && from.konst.is_none() && from.rank() < 4).then(|| Lifted {
        op: None,
        act: Act::NONE,
        inputs: vec![node.inputs[0]],
        map,
    })
}

/// A cast to what it is already says nothing.
fn plain(model: &TypedModel, outlet: OutletId) -> OutletId {
    let mut outlet = outlet;
    while let Some(cast) = model.node(outlet.node).op.downcast_ref::<Cast>()
        && let Some(&input) = model.node(outlet.node).inputs.first()
        && model.outlet_fact(input).is_ok_and(|fact| fact.datum_type == cast.to)
    {
        outlet = input;
    }
    outlet
}

fn element_wise<Op: tract_core::ops::element_wise::ElementWiseMiniOp>(
    model: &TypedModel,
    outlet: OutletId,
) -> Option<OutletId> {
    let node = model.node(outlet.node);
    let op = node.op.downcast_ref::<ElementWiseOp>()?;
    op.0.is::<Op>().then(|| plain(model, node.inputs[0]))
}

/// Both sides of a binary operator.
fn sides<Op: tract_core::ops::binary::BinMiniOp>(
    model: &TypedModel,
    outlet: OutletId,
) -> Option<[OutletId; 2]> {
    let node = model.node(outlet.node);
    let binary = node.op.downcast_ref::<TypedBinOp>()?;
    let [a, b] = *node.inputs.as_slice() else { return None };
    binary.0.is::<Op>().then(|| [plain(model, a), plain(model, b)])
}

fn near(value: f32, wanted: f32) -> bool {
    (value - wanted).abs() <= 1e-5 * wanted.abs()
}

/// What an outlet is the mean of, over the last axis.
fn mean_of(model: &TypedModel, outlet: OutletId) -> Option<OutletId> {
    let (sum, factor) = scaled(model, outlet)?;
    let node = model.node(plain(model, sum).node);
    let reduce = node.op.downcast_ref::<Reduce>()?;
    let input = plain(model, *node.inputs.first()?);
    let shape = model.outlet_fact(input).ok()?.shape.as_concrete()?;
    let over_last = reduce.reducer == Reducer::Sum && reduce.axes.as_slice() == [shape.len() - 1];
    (over_last && near(factor, 1.0 / *shape.last()? as f32)).then_some(input)
}

/// `(x - mean) / sqrt(variance + epsilon)`, over the last axis.
fn norm(model: &TypedModel, node: &TypedNode, map: Map) -> Option<Lifted> {
    let outlet = OutletId::from(node.id);
    let by_product = sides::<math::Mul>(model, outlet).and_then(|[a, b]| {
        let root = |outlet: OutletId| element_wise::<math::Rsqrt>(model, outlet);
        root(b).map(|sum| (a, sum)).or_else(|| root(a).map(|sum| (b, sum)))
    });
    let (centred, sum) = by_product.or_else(|| {
        let [a, b] = sides::<math::Div>(model, outlet)?;
        Some((a, element_wise::<math::Sqrt>(model, b)?))
    })?;
    let (variance, epsilon) = with_number::<math::Add>(model, sum)?;
    let square = mean_of(model, plain(model, variance))?;
    let squared = element_wise::<math::Square>(model, square)
        .or_else(|| {
            let (base, power) = with_number::<math::Pow>(model, square)?;
            (power == 2.0).then(|| plain(model, base))
        })
        .or_else(|| {
            let [a, b] = sides::<math::Mul>(model, square)?;
            (a == b).then_some(a)
        })?;
    let [x, mean] = sides::<math::Sub>(model, centred)?;
    let fits = squared == centred && mean_of(model, mean)? == x;
    let from = map_of(model.outlet_fact(x).ok()?, Order::Any)?;
    let (scale, shift) = (vec![1.0; map.channels], vec![0.0; map.channels]);
    (fits && from == map).then(|| Lifted {
        op: Some(Op::Norm(epsilon, scale, shift)),
        act: Act::NONE,
        inputs: vec![x],
        map,
    })
}

/// `x / 2 * (1 + erf(x / sqrt(2)))`, in whichever order it is multiplied; of a map in any order.
pub(super) fn gelu(model: &TypedModel, node: &TypedNode, map: Map) -> Option<Lifted> {
    let outlet = OutletId::from(node.id);
    let one_plus_erf = |outlet: OutletId| {
        let (erf, one) = with_number::<math::Add>(model, outlet)?;
        let (x, factor) = scaled(model, element_wise::<math::Erf>(model, erf)?)?;
        (one == 1.0 && near(factor, std::f32::consts::FRAC_1_SQRT_2)).then_some(x)
    };
    let product = |[a, b]: [OutletId; 2]| {
        one_plus_erf(b).map(|x| (x, a)).or_else(|| one_plus_erf(a).map(|x| (x, b)))
    };
    let half = |outlet: OutletId| scaled(model, outlet).filter(|(_, factor)| *factor == 0.5);
    let before = sides::<math::Mul>(model, outlet).and_then(product).and_then(|(x, other)| {
        let (halved, _) = half(other)?;
        (halved == x).then_some(x)
    });
    let behind = || {
        let (x, other) = product(sides::<math::Mul>(model, half(outlet)?.0)?)?;
        (other == x).then_some(x)
    };
    let x = before.or_else(behind)?;
    let fact = model.outlet_fact(x).ok()?;
    let fits = fact.konst.is_none() && fact.shape == node.outputs[0].fact.shape;
    let act = Act { curve: Curve::Gelu, ..Act::NONE };
    fits.then(|| Lifted { op: Some(Op::Alone), act, inputs: vec![x], map })
}

/// An axis of a product of two tensors that is longer than one: where it is in each and in the result.
struct Shared {
    inputs: [Option<usize>; 2],
    output: Option<usize>,
    len: usize,
}

/// A product of two tensors that are both computed.
struct Product<'a> {
    node: &'a TypedNode,
    axes: Vec<Shared>,
}

impl<'a> Product<'a> {
    fn of(model: &'a TypedModel, outlet: OutletId) -> Option<Self> {
        let node = model.node(outlet.node);
        let product = node.op.downcast_ref::<EinSum>().filter(|product| product.q_params.is_none());
        let [a, b] = *node.inputs.as_slice() else { return None };
        let shapes = [a, b].map(|input| {
            let fact = model.outlet_fact(input).ok().filter(|fact| fact.konst.is_none())?;
            fact.shape.as_concrete()
        });
        let [Some(a), Some(b)] = shapes else { return None };
        let place = |places: &[usize]| match *places {
            [] => Some(None),
            [place] => Some(Some(place)),
            _ => None,
        };
        let mut axes = Vec::new();
        for axis in product?.axes.iter_all_axes() {
            let inputs = [place(&axis.inputs[0])?, place(&axis.inputs[1])?];
            let lens = [inputs[0].map(|at| a[at]), inputs[1].map(|at| b[at])];
            let len = lens.into_iter().flatten().max()?;
            if len > 1 {
                axes.push(Shared { inputs, output: place(&axis.outputs[0])?, len });
            }
        }
        Some(Self { node, axes })
    }

    /// The only axis that fits; `None` where there are more.
    fn only(&self, fits: impl Fn(&Shared) -> bool) -> Option<&Shared> {
        let mut fitting = self.axes.iter().filter(|axis| fits(axis));
        fitting.next().filter(|_| fitting.next().is_none())
    }
}

/// Where the heads of queries, keys or values are in a map.
struct Operand {
    source: OutletId,
    /// The first channel of the first head, and how many to the next one's.
    place: [usize; 2],
    factor: f32,
    /// Channels of a head.
    size: usize,
}

impl Operand {
    /// One side of a product.
    ///
    /// * `axes`: of the product, along which the pixels, the channels of a head and the heads are; `count`: of the heads.
    fn of(
        model: &TypedModel,
        product: &Product,
        side: usize,
        [pixel, channel, head]: [Option<&Shared>; 3],
        count: usize,
    ) -> Option<Self> {
        let (source, view) = View::of(model, product.node.inputs[side])?;
        let fact = model.outlet_fact(source).ok().filter(|fact| is_rows(fact))?;
        let map = map_of(fact, Order::Any)?;
        let place = |axis: Option<&Shared>| axis.and_then(|axis| axis.inputs[side]);
        let known = [place(pixel), place(channel), place(head)];
        let mut rest = view.axes.iter().enumerate().filter(|(at, _)| !known.contains(&Some(*at)));
        let (pixels, channels) = (view.axes.get(known[0]?)?, view.axes.get(known[1]?)?);
        let alone = Axis { len: 1, pixels: 0, channels: channels.len };
        let heads = known[2].map_or(Some(&alone), |at| view.axes.get(at))?;
        let fits = rest.all(|(_, axis)| axis.len == 1)
            && *pixels == Axis { len: map.pixels(), pixels: 1, channels: 0 }
            && (channels.pixels, channels.channels) == (0, 1)
            && (heads.pixels, heads.len) == (0, count);
        fits.then_some(Self {
            source,
            place: [view.first, heads.channels],
            factor: view.factor,
            size: channels.len,
        })
    }
}

/// Softmax of the product of queries and keys, times values, with the heads side by side again.
fn attention(model: &TypedModel, node: &TypedNode, map: Map) -> Option<Lifted> {
    // Back to the sum of the values,
    let (mut outlet, mut moves) = (OutletId::from(node.id), Vec::new());
    while let Some(op) = model.node(outlet.node).op.downcast_ref::<AxisOp>() {
        moves.push(op);
        outlet = plain(model, model.node(outlet.node).inputs[0]);
    }
    let sum = Product::of(model, outlet)?;
    let softmax = |side: usize| {
        let node = model.node(plain(model, sum.node.inputs[side]).node);
        Some((side, node.op.downcast_ref::<Softmax>()?, *node.inputs.first()?))
    };
    let (weights, softmax, mut outlet) = softmax(0).or_else(|| softmax(1))?;
    let &[last] = softmax.axes.as_slice() else { return None };
    if softmax.kind != SoftmaxKind::Softmax || softmax.quant_output_dt.is_some() {
        return None;
    }
    let values = 1 - weights;
    let summed = sum.only(|axis| axis.output.is_none())?;
    let asked = sum.only(|axis| axis.inputs[values].is_none())?;
    let value = sum.only(|axis| axis.inputs[weights].is_none())?;
    let shared = |axis: &Shared| axis.output.is_some() && !axis.inputs.contains(&None);
    let heads = sum.only(shared);
    // and from there to the product of queries and keys.
    let mut scale = 1.0;
    outlet = plain(model, outlet);
    while let Some((before, factor)) = scaled(model, outlet) {
        (outlet, scale) = (plain(model, before), scale * factor);
    }
    let product = Product::of(model, outlet)?;
    let given = |place: Option<usize>| {
        place.and_then(|place| product.only(|axis| axis.output == Some(place)))
    };
    let (query, key) = (given(asked.inputs[weights])?, given(Some(last))?);
    let channel = product.only(|axis| axis.output.is_none())?;
    let both = given(heads.and_then(|heads| heads.inputs[weights]));
    let side = usize::from(query.inputs[0].is_none());
    let is_so = summed.inputs[weights] == Some(last)
        && query.inputs[1 - side].is_none()
        && key.inputs[side].is_none()
        && both.is_none_or(shared)
        && [&product, &sum].iter().all(|one| one.axes.len() == 3 + usize::from(heads.is_some()));
    if !is_so {
        return None;
    }
    let count = heads.map_or(1, |heads| heads.len);
    let queries = Operand::of(model, &product, side, [Some(query), Some(channel), both], count)?;
    let keys = Operand::of(model, &product, 1 - side, [Some(key), Some(channel), both], count)?;
    let values = Operand::of(model, &sum, values, [Some(summed), Some(value), heads], count)?;

    // Forward again: what comes of the heads lies side by side.
    let size = queries.size;
    let axis = |at: usize| {
        let is = |axis: &Shared| axis.output == Some(at);
        if heads.is_some_and(is) {
            Axis { len: count, pixels: 0, channels: size }
        } else if is(asked) {
            Axis { len: asked.len, pixels: 1, channels: 0 }
        } else if is(value) {
            Axis { len: value.len, pixels: 0, channels: 1 }
        } else {
            Axis { len: 1, ..Axis::default() }
        }
    };
    let axes = (0..sum.node.outputs[0].fact.rank()).map(axis).collect();
    let mut view = View { axes, first: 0, factor: 1.0 };
    moves.iter().rev().try_for_each(|op| view.moved(op))?;
    let operands = [&queries, &keys, &values];
    let fits = view.is_whole(node.outputs[0].fact.shape.as_concrete()?)
        && map.channels == count * size
        && values.factor == 1.0
        && operands.iter().all(|one| {
            one.size == size
                && [one.place[0], one.place[1], size].iter().all(|at| at % Heads::BLOCK == 0)
        });
    let scale = scale * queries.factor * keys.factor;
    let heads = Heads { count, size, scale, places: operands.map(|one| one.place) };
    fits.then(|| Lifted {
        op: Some(Op::Attention(heads)),
        act: Act::NONE,
        inputs: operands.iter().map(|one| one.source).collect(),
        map,
    })
}
