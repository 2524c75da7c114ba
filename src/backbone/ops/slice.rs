//! Slice with steps: the runtime's form cannot be optimised behind some Reshapes.

use tract_onnx::tract_core::ops::array::{Gather, Slice, StridedSlice};

use super::*;

pub(super) fn slice(context: &ParsingContext, node: &NodeProto) -> ParsedOperator {
    if !has_input(node, 4) {
        return original(context, node);
    }
    let axes = has_input(node, 3);
    let op = StridedSlice {
        begin_mask: 0,
        end_mask: 0,
        shrink_axis_mask: 0,
        optional_axes_input: axes.then_some(3),
        optional_steps_input: Some(if axes { 4 } else { 3 }),
    };
    Ok((expand(Strided(op)), vec![]))
}

#[derive(Debug, Clone)]
struct Strided(StridedSlice);

impl Expansion for Strided {
    fn name(&self) -> StaticName {
        "Slice".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        InferenceRulesOp::rules(&self.0, s, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let shape = model.outlet_fact(inputs[0])?.shape.to_tvec();
        let limits = |input: usize| -> TractResult<Arc<Tensor>> {
            let values = model.outlet_fact(inputs[input])?.konst.clone();
            values.context("the limits of a Slice depend on the image")
        };
        let list = |input: usize| -> TractResult<Vec<i64>> {
            let values = limits(input)?;
            Ok(values.cast_to::<i64>()?.to_plain_array_view::<i64>()?.iter().copied().collect())
        };
        let (starts, ends) = (limits(1)?, limits(2)?);
        let axes = match self.0.optional_axes_input {
            Some(input) => list(input)?,
            None => (0..starts.len() as i64).collect(),
        };
        let steps = match self.0.optional_steps_input {
            Some(input) => list(input)?,
            None => vec![1; starts.len()],
        };
        let mut wire = inputs[0];
        for (number, (axis, step)) in axes.into_iter().zip(steps).enumerate() {
            let axis = if axis < 0 { axis + shape.len() as i64 } else { axis };
            let axis = usize::try_from(axis).ok().filter(|axis| *axis < shape.len());
            let axis = axis.context("the axis of a Slice")?;
            let name = format!("{prefix}.axis-{axis}");
            // No way over an expression: that would cut off the large numbers which say "to the end".
            let limit = |values: &Tensor| -> Option<i64> {
                let values = values.cast_to::<i64>().ok()?;
                values.to_plain_array_view::<i64>().ok()?.iter().nth(number).copied()
            };
            let (Ok(side), Some(start), Some(end)) =
                (shape[axis].to_usize(), limit(&starts), limit(&ends))
            else {
                wire = self.open(model, name, wire, (number, axis, step), [&starts, &ends])?;
                continue;
            };
            if step == 1 && start == 0 && end >= i64::try_from(side)? {
                continue;
            }
            let places = places(side, start, end, step)?;
            if places.len() == side && step > 0 {
                continue;
            }
            wire = if step == 1 {
                let first = places.first().copied().unwrap_or(0) as usize;
                model.wire_node(name, Slice::new(axis, first, first + places.len()), &[wire])?[0]
            } else {
                let places = model.add_const(format!("{name}.places"), tensor1(&places))?;
                model.wire_node(name, Gather::new(axis), &[wire, places])?[0]
            };
        }
        Ok(tvec!(wire))
    }
}

impl Strided {
    /// Of an axis, or with limits, that depend on how much there is of the input.
    fn open(
        &self,
        model: &mut TypedModel,
        name: String,
        wire: OutletId,
        (number, axis, step): (usize, usize, i64),
        [starts, ends]: [&Tensor; 2],
    ) -> TractResult<OutletId> {
        ensure!(step == 1, "a Slice with a step of {step} along an axis that is left open");
        let side = &model.outlet_fact(wire)?.shape[axis];
        let steps = vec![1; starts.len()];
        let places = self.0.prepare_one_dim(number, side, starts, ends, &steps)?;
        Ok(model.wire_node(name, Slice::new(axis, places.begin, places.end), &[wire])?[0])
    }
}

/// The longest axis that is taken apart.
const MAX_SIDE: usize = 1 << 24;

/// The indices that are taken, in order, of an axis with `side` of them.
fn places(side: usize, start: i64, end: i64, step: i64) -> TractResult<Vec<i64>> {
    ensure!(step != 0, "the step of a Slice is 0");
    ensure!(side <= MAX_SIDE, "a Slice of {side}, wanted at most {MAX_SIDE}");
    let side = i64::try_from(side)?;
    let from_end = |value: i64| if value < 0 { value.saturating_add(side) } else { value };
    let mut places = Vec::new();
    if step > 0 {
        let (start, end) = (from_end(start).clamp(0, side), from_end(end).clamp(0, side));
        places.extend((start..end).step_by(usize::try_from(step)?));
    } else {
        let (mut at, end) =
            (from_end(start).clamp(-1, side - 1), from_end(end).clamp(-1, side - 1));
        while at > end {
            places.push(at);
            at = at.saturating_add(step);
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_numpy() {
        // (side, start, end, step), and np.arange(side)[start:end:step].
        for ((side, start, end, step), wanted) in [
            ((8, 0, i64::MAX, 2), vec![0, 2, 4, 6]),
            ((7, 1, -1, 3), vec![1, 4]),
            ((5, -1, i64::MIN, -1), vec![4, 3, 2, 1, 0]),
            ((5, 9, 0, -2), vec![4, 2]),
            ((5, 3, 1, 1), vec![]),
            ((5, -99, 99, 4), vec![0, 4]),
            ((5, -99, -100, -1), vec![]),
            ((5, 1, 4, i64::MAX), vec![1]),
        ] {
            let got = places(side, start, end, step).expect("a step");
            assert_eq!(got, wanted, "{side} {start} {end} {step}");
        }
        assert!(places(5, 0, 5, 0).is_err());
    }
}
