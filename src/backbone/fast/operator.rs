//! A part of a network that is computed here, as an operator of the runtime.

use std::sync::{Arc, OnceLock};

use tract_core::internal::*;

use super::program::{After, Buffers, Program};
use super::share::Team;

/// The program is put in when the network that its weights come from is gone.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) program: Arc<OnceLock<Program>>,
    pub(super) shapes: Vec<TVec<usize>>,
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.program, &other.program)
    }
}

impl Eq for Part {}

impl Op for Part {
    fn name(&self) -> StaticName {
        "Fieldtune".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Part {
    not_out_of_plan!();

    fn state(&self, _ctx: &EvalContext) -> TractResult<Option<Box<dyn OpState>>> {
        let program = self.program.get().context("a part without its program")?;
        Ok(Some(Box::new(State(program.buffers()))))
    }
}

impl TypedOp for Part {
    fn output_facts(&self, _inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(self.shapes.iter().map(|shape| f32::fact(shape.as_slice())).collect())
    }

    as_op!();
}

#[derive(Debug, Clone)]
pub(super) struct State(Buffers);

impl State {
    pub(super) fn run(
        &mut self,
        part: &Part,
        inputs: TVec<TValue>,
        team: &Team,
        after: &mut After,
    ) -> TractResult<TVec<TValue>> {
        let program = part.program.get().context("a part without its program")?;
        let views = inputs
            .iter()
            .map(|input| input.to_plain_array_view::<f32>())
            .collect::<TractResult<TVec<_>>>()?;
        let slices = views
            .iter()
            .map(|view| view.as_slice().context("values that lie apart"))
            .collect::<TractResult<TVec<&[f32]>>>()?;
        program.run(&slices, &mut self.0, team, after);
        let mut outputs = tvec!();
        for (at, shape) in part.shapes.iter().enumerate() {
            let mut tensor = Tensor::zero::<f32>(shape)?;
            {
                let mut view = tensor.to_plain_array_view_mut::<f32>()?;
                let out = view.as_slice_mut().context("values that lie apart")?;
                program.result(at, &slices, &mut self.0, out);
            }
            outputs.push(tensor.into_tvalue());
        }
        Ok(outputs)
    }
}

impl State {
    /// As [`Program::map`], of the latest run.
    pub(super) fn map(&self, part: &Part, at: usize, out: &mut Vec<f32>) -> Option<[usize; 2]> {
        part.program.get()?.map(at, &self.0, out)
    }
}

impl OpState for State {
    fn eval(
        &mut self,
        _ctx: &EvalContext,
        op: &dyn Op,
        inputs: TVec<TValue>,
    ) -> TractResult<TVec<TValue>> {
        let part = op.downcast_ref::<Part>().context("another operator's state")?;
        self.run(part, inputs, &Team::ALONE, &mut |_| ())
    }

    fn reset_lanes(&mut self, _lanes: &[LaneId]) -> TractResult<()> {
        Ok(())
    }
}
