//! What reshapes, transposes and slices make of a map whose tensor is `[pixels][channels]`: where in it each value is.

use tract_core::internal::*;
use tract_core::ops::array::{Gather, Slice, StridedSlice};
use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::cast::Cast;
use tract_core::ops::identity::Identity;
use tract_core::ops::math;

/// An axis of a view: how far apart neighbours are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Axis {
    pub(super) len: usize,
    pub(super) pixels: usize,
    pub(super) channels: usize,
}

/// Part of a map, times a factor.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct View {
    pub(super) axes: Vec<Axis>,
    /// The first channel.
    pub(super) first: usize,
    pub(super) factor: f32,
}

/// What a node does to a view.
enum Step<'a> {
    Axes(&'a AxisOp),
    /// So many from the first on along an axis, which goes where there is only one of it.
    Slice {
        axis: usize,
        first: usize,
        len: usize,
        goes: bool,
    },
    Factor(f32),
    Nothing,
}

impl View {
    /// All of a map: the last axis has its channels.
    pub(super) fn whole(shape: &[usize]) -> Self {
        let (mut axes, mut step) = (vec![Axis::default(); shape.len()], 1);
        for (at, len) in shape.iter().enumerate().rev() {
            let is_last = at + 1 == shape.len();
            let (pixels, channels) = if is_last { (0, 1) } else { (step, 0) };
            axes[at] = Axis { len: *len, pixels, channels };
            step *= if is_last { 1 } else { *len };
        }
        Self { axes, first: 0, factor: 1.0 }
    }

    /// Whether it is all of a map of that shape.
    pub(super) fn is_whole(&self, shape: &[usize]) -> bool {
        let whole = Self::whole(shape);
        let same = |(a, b): (&Axis, &Axis)| a == b || (a.len == 1 && b.len == 1);
        self.first == 0
            && self.factor == 1.0
            && self.axes.len() == shape.len()
            && self.axes.iter().zip(&whole.axes).all(same)
    }

    /// The view of what a node gives, of the tensor that it is made of by such nodes alone.
    pub(super) fn of(model: &TypedModel, outlet: OutletId) -> Option<(OutletId, Self)> {
        let (mut outlet, mut steps) = (outlet, Vec::new());
        while let Some((input, step)) = step(model, outlet) {
            steps.push(step);
            outlet = input;
        }
        let shape = model.outlet_fact(outlet).ok()?.shape.as_concrete()?;
        let mut view = Self::whole(shape);
        for step in steps.iter().rev() {
            view.take(step)?;
        }
        Some((outlet, view))
    }

    fn take(&mut self, step: &Step) -> Option<()> {
        match step {
            Step::Axes(op) => return self.moved(op),
            Step::Slice { axis, first, len, goes } => {
                let taken = self.axes.get_mut(*axis)?;
                // Pixels are taken all together.
                if (taken.pixels > 0 && taken.len > 1 && *len < taken.len)
                    || first + len > taken.len
                {
                    return None;
                }
                self.first += first * taken.channels;
                taken.len = *len;
                if *goes {
                    self.axes.remove(*axis);
                }
            }
            Step::Factor(factor) => self.factor *= factor,
            Step::Nothing => {}
        }
        Some(())
    }

    pub(super) fn moved(&mut self, op: &AxisOp) -> Option<()> {
        match op {
            AxisOp::Add(at) if *at <= self.axes.len() => {
                self.axes.insert(*at, Axis { len: 1, ..Axis::default() })
            }
            AxisOp::Rm(at) if self.axes.get(*at)?.len == 1 => drop(self.axes.remove(*at)),
            AxisOp::Move(from, to) if (*from).max(*to) < self.axes.len() => {
                let axis = self.axes.remove(*from);
                self.axes.insert(*to, axis);
            }
            AxisOp::Reshape(at, from, to) => {
                let lens = |dims: &[TDim]| {
                    dims.iter().map(|dim| dim.to_usize().ok()).collect::<Option<Vec<usize>>>()
                };
                let (from, to) = (lens(from)?, lens(to)?);
                let old = self.axes.get(*at..at + from.len())?;
                if old.iter().map(|axis| axis.len).ne(from.iter().copied()) {
                    return None;
                }
                let new = reshaped(old, &to)?;
                self.axes.splice(*at..at + from.len(), new);
            }
            _ => return None,
        }
        Some(())
    }
}

/// Axes put together and taken apart again, as few at a time as have equally many values.
fn reshaped(old: &[Axis], lens: &[usize]) -> Option<Vec<Axis>> {
    let mut new = Vec::new();
    let (mut old, mut lens) = (old, lens);
    while !old.is_empty() || !lens.is_empty() {
        let (mut taken, mut made) = (usize::from(!old.is_empty()), usize::from(!lens.is_empty()));
        loop {
            let have: usize = old[..taken].iter().map(|axis| axis.len).product();
            let want: usize = lens[..made].iter().product();
            match have.cmp(&want) {
                std::cmp::Ordering::Equal => break,
                std::cmp::Ordering::Less if taken < old.len() => taken += 1,
                std::cmp::Ordering::Greater if made < lens.len() => made += 1,
                _ => return None,
            }
        }
        let (group, rest) = old.split_at(taken);
        let (wanted, others) = lens.split_at(made);
        (old, lens) = (rest, others);
        let mut real = group.iter().filter(|axis| axis.len > 1);
        let mut one = real.next().copied().unwrap_or(Axis { len: 1, ..Axis::default() });
        for axis in real {
            if one.pixels != axis.pixels * axis.len || one.channels != axis.channels * axis.len {
                return None;
            }
            one = Axis { len: one.len * axis.len, ..*axis };
        }
        let from = new.len();
        let mut step = 1;
        for len in wanted.iter().rev() {
            let (pixels, channels) = (one.pixels * step, one.channels * step);
            new.insert(from, Axis { len: *len, pixels, channels });
            step *= len;
        }
    }
    Some(new)
}

/// What a node does to the view that it reads, if that is all it does.
fn step(model: &TypedModel, outlet: OutletId) -> Option<(OutletId, Step<'_>)> {
    let node = model.node(outlet.node);
    let input = *node.inputs.first()?;
    let fact = model.outlet_fact(input).ok()?;
    if let Some(op) = node.op.downcast_ref::<AxisOp>() {
        return Some((input, Step::Axes(op)));
    }
    if let Some(slice) = node.op.downcast_ref::<Slice>() {
        let (first, end) = (slice.start.to_usize().ok()?, slice.end.to_usize().ok()?);
        let len = end.checked_sub(first)?;
        return Some((input, Step::Slice { axis: slice.axis, first, len, goes: false }));
    }
    if let Some(slice) = node.op.downcast_ref::<StridedSlice>() {
        return Some((input, strided(model, node, slice)?));
    }
    if let Some(gather) = node.op.downcast_ref::<Gather>() {
        let (index, place) = (whole_number(model, *node.inputs.get(1)?)?, gather.axis);
        let rank = model.outlet_fact(node.inputs[1]).ok()?.rank();
        let len = fact.shape.as_concrete()?.get(place).copied()? as i64;
        let first = usize::try_from(if index < 0 { index + len } else { index }).ok()?;
        return (rank == 0)
            .then_some((input, Step::Slice { axis: place, first, len: 1, goes: true }));
    }
    if node.op.is::<Identity>() {
        return Some((input, Step::Nothing));
    }
    if let Some(cast) = node.op.downcast_ref::<Cast>() {
        return (cast.to == fact.datum_type).then_some((input, Step::Nothing));
    }
    scaled(model, outlet).map(|(input, factor)| (input, Step::Factor(factor)))
}

/// A slice along one axis by steps of one.
fn strided<'a>(model: &TypedModel, node: &TypedNode, slice: &StridedSlice) -> Option<Step<'a>> {
    let plain = slice.begin_mask == 0 && slice.shrink_axis_mask == 0;
    let number = |input: usize| whole_number(model, *node.inputs.get(input)?);
    let axis = usize::try_from(number(slice.optional_axes_input?)?).ok()?;
    let steps = slice.optional_steps_input.map_or(Some(1), number)?;
    let from = model.outlet_fact(node.inputs[0]).ok()?.shape.as_concrete()?;
    let len = *node.outputs[0].fact.shape.as_concrete()?.get(axis)?;
    let begin = number(1)?;
    let first = if begin < 0 { begin + *from.get(axis)? as i64 } else { begin };
    let first = usize::try_from(first).ok()?;
    (plain && steps == 1).then_some(Step::Slice { axis, first, len, goes: false })
}

/// A stored whole number.
fn whole_number(model: &TypedModel, outlet: OutletId) -> Option<i64> {
    let stored = model.outlet_fact(outlet).ok()?.konst.clone()?;
    if stored.len() != 1 {
        return None;
    }
    stored.cast_to_scalar::<i64>().ok()
}

/// A stored number.
pub(super) fn number(model: &TypedModel, outlet: OutletId) -> Option<f32> {
    let stored = model.outlet_fact(outlet).ok()?.konst.clone()?;
    let fits = stored.len() == 1 && stored.datum_type() == f32::datum_type();
    fits.then(|| stored.cast_to_scalar::<f32>().ok()).flatten()
}

/// Both inputs of a binary operator, the first as it is and the second if it is a stored number, however they stand.
pub(super) fn with_number<Op: tract_core::ops::binary::BinMiniOp>(
    model: &TypedModel,
    outlet: OutletId,
) -> Option<(OutletId, f32)> {
    let node = model.node(outlet.node);
    let binary = node.op.downcast_ref::<TypedBinOp>()?;
    let [a, b] = *node.inputs.as_slice() else { return None };
    if !binary.0.is::<Op>() {
        return None;
    }
    number(model, b)
        .map(|number| (a, number))
        .or_else(|| number(model, a).map(|number| (b, number)))
}

/// What is multiplied with a stored number or divided by it, and the factor.
pub(super) fn scaled(model: &TypedModel, outlet: OutletId) -> Option<(OutletId, f32)> {
    if let Some(product) = with_number::<math::Mul>(model, outlet) {
        return Some(product);
    }
    let node = model.node(outlet.node);
    node.op.downcast_ref::<TypedBinOp>().filter(|op| op.0.is::<math::Div>())?;
    let divisor = number(model, *node.inputs.get(1)?)?;
    Some((node.inputs[0], 1.0 / divisor))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 5 tokens of queries, keys and values, each of 3 heads of 4 channels.
    fn split() -> View {
        let mut view = View::whole(&[1, 5, 36]);
        let dims = |lens: &[usize]| lens.iter().map(|len| len.to_dim()).collect::<TVec<_>>();
        view.moved(&AxisOp::Reshape(2, dims(&[36]), dims(&[3, 3, 4]))).expect("it fits");
        view
    }

    #[test]
    fn heads_of_keys_lie_behind_those_of_queries() {
        let mut view = split();
        view.moved(&AxisOp::Move(2, 0)).expect("it is there");
        let second = Step::Slice { axis: 0, first: 1, len: 1, goes: true };
        view.take(&second).expect("it is there");
        view.moved(&AxisOp::Move(1, 2)).expect("it is there");
        let [_, heads, tokens, channels] = view.axes[..] else { panic!("{view:?}") };
        assert_eq!(view.first, 12);
        assert_eq!(heads, Axis { len: 3, pixels: 0, channels: 4 });
        assert_eq!(tokens, Axis { len: 5, pixels: 1, channels: 0 });
        assert_eq!(channels, Axis { len: 4, pixels: 0, channels: 1 });
    }

    #[test]
    fn there_and_back_is_the_whole() {
        let mut view = split();
        let dims = |lens: &[usize]| lens.iter().map(|len| len.to_dim()).collect::<TVec<_>>();
        view.moved(&AxisOp::Reshape(2, dims(&[3, 3, 4]), dims(&[36]))).expect("it fits");
        assert!(view.is_whole(&[1, 5, 36]), "{view:?}");
        view.moved(&AxisOp::Reshape(0, dims(&[1, 5, 36]), dims(&[5, 36]))).expect("it fits");
        assert!(view.is_whole(&[5, 36]), "{view:?}");
    }

    #[test]
    fn what_lies_apart_is_no_view() {
        let mut view = split();
        view.moved(&AxisOp::Move(2, 3)).expect("it is there");
        let dims = |lens: &[usize]| lens.iter().map(|len| len.to_dim()).collect::<TVec<_>>();
        assert_eq!(view.moved(&AxisOp::Reshape(2, dims(&[3, 3]), dims(&[9]))), None);
        let some = Step::Slice { axis: 1, first: 0, len: 4, goes: false };
        assert_eq!(view.take(&some), None, "pixels are taken together");
    }
}
