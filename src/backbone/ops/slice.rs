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
        let sides = sides(model, inputs[0])?;
        let list = |input: usize| -> TractResult<Vec<i64>> {
            let values = model.outlet_fact(inputs[input])?.konst.clone();
            let values = values.context("the limits of a Slice depend on the image")?;
            Ok(values.cast_to::<i64>()?.to_plain_array_view::<i64>()?.iter().copied().collect())
        };
        let (starts, ends) = (list(1)?, list(2)?);
        let axes = match self.0.optional_axes_input {
            Some(input) => list(input)?,
            None => (0..starts.len() as i64).collect(),
        };
        let steps = match self.0.optional_steps_input {
            Some(input) => list(input)?,
            None => vec![1; starts.len()],
        };
        let mut wire = inputs[0];
        for (((axis, start), end), step) in axes.into_iter().zip(starts).zip(ends).zip(steps) {
            let axis = if axis < 0 { axis + sides.len() as i64 } else { axis };
            let axis = usize::try_from(axis).ok().filter(|axis| *axis < sides.len());
            let axis = axis.context("the axis of a Slice")?;
            if step == 1 && start == 0 && end >= i64::try_from(sides[axis])? {
                continue;
            }
            let places = places(sides[axis], start, end, step)?;
            if places.len() == sides[axis] && step > 0 {
                continue;
            }
            let name = format!("{prefix}.axis-{axis}");
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
