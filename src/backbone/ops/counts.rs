//! Range, whose length the runtime counts wrongly where the step is negative, and CumSum, which cannot add up the
//! expressions that the runtime makes of whole numbers.

use tract_onnx::ops::cumsum::CumSum;
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_hir::ops::array::Range;

use super::*;

pub(super) fn range(_context: &ParsingContext, _node: &NodeProto) -> ParsedOperator {
    Ok((expand(Counted), vec![]))
}

#[derive(Debug, Clone)]
struct Counted;

impl Expansion for Counted {
    fn name(&self) -> StaticName {
        "Range".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let [start, end, step] = inputs else { bail!("wanted 3 inputs, got {}", inputs.len()) };
        check_output_arity(outputs, 1)?;
        let kinds = (&start.datum_type, &end.datum_type, &step.datum_type);
        s.given_3(kinds.0, kinds.1, kinds.2, move |s, start, end, step| {
            let kind = DatumType::super_type_for([start, end, step]).context("no common type")?;
            s.equals(&outputs[0].datum_type, if kind.is_tdim() { DatumType::I64 } else { kind })
        })?;
        inputs.iter().try_for_each(|input| s.equals(&input.rank, 0))?;
        s.equals(&outputs[0].rank, 1)?;
        s.given_3(&start.value, &end.value, &step.value, move |s, start, end, step| {
            let whole = |value: &Tensor| -> TractResult<TDim> {
                let value = value.cast_to::<TDim>()?;
                value.to_plain_array_view::<TDim>()?.first().cloned().context("a value")
            };
            let step = step.cast_to::<i64>()?.to_plain_array_view::<i64>()?.first().copied();
            let (start, end) = (whole(&start)?, whole(&end)?);
            let Some(step) = step.filter(|step| *step != 0) else { return Ok(()) };
            let span = if step > 0 { end - start } else { start - end };
            s.equals(&outputs[0].shape[0], span.divceil(usize::try_from(step.unsigned_abs())?))
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        Range.wire(prefix, model, inputs)
    }
}

pub(super) fn cumsum(_context: &ParsingContext, node: &NodeProto) -> ParsedOperator {
    let is_set =
        |name: &str| -> TractResult<bool> { Ok(node.get_attr_opt::<i64>(name)? == Some(1)) };
    let inner = CumSum { reverse: is_set("reverse")?, exclusive: is_set("exclusive")? };
    Ok((expand(Summed(inner)), vec![]))
}

#[derive(Debug, Clone)]
struct Summed(CumSum);

impl Expansion for Summed {
    fn name(&self) -> StaticName {
        "CumSum".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let [values, axis] = inputs else { bail!("wanted 2 inputs, got {}", inputs.len()) };
        check_output_arity(outputs, 1)?;
        s.given(&values.datum_type, move |s, kind| {
            s.equals(&outputs[0].datum_type, if kind.is_tdim() { DatumType::I64 } else { kind })
        })?;
        s.equals(&values.shape, &outputs[0].shape)?;
        s.equals(&axis.rank, 0)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let mut inputs: TVec<OutletId> = inputs.into();
        if model.outlet_fact(inputs[0])?.datum_type.is_tdim() {
            let name = format!("{prefix}.numbers");
            inputs[0] = model.wire_node(name, cast(DatumType::I64), &[inputs[0]])?[0];
        }
        self.0.wire(prefix, model, &inputs)
    }
}
