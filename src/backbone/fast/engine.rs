//! A network that is ready to run.

use std::sync::{Arc, OnceLock};

use ndarray::ArrayView4;
use tract_core::internal::*;

use super::layer::Layer;
use super::operator::{Part, State};
use super::program::{After, Buffers, Program};
use super::share::Team;

/// Runs a network: by itself where all of it is computed here, else by the runtime's plan.
pub(in crate::backbone) enum Engine {
    /// Nothing is left for the runtime.
    Alone(Alone, Team),
    /// The runtime's plan, in which parts may be ours.
    Plan(TypedSimpleState, Vec<OutletId>, Team),
}

/// What reads an output: its number, its shape and its values.
pub(in crate::backbone) type Reader<'a> = dyn FnMut(usize, &[usize], &[f32]) + 'a;

/// What reads the map of an output that is otherwise pooled: its number, height and width, and its values,
/// `[channels][pixels]`.
pub(in crate::backbone) type MapReader<'a> = dyn FnMut(usize, [usize; 2], &[f32]) + 'a;

impl Engine {
    /// * `model`: as optimised as it is going to be; the weights are packed.
    /// * `threads`: that share the work of a frame.
    pub(in crate::backbone) fn new(model: TypedModel, threads: usize) -> TractResult<Self> {
        let team = Team::of(threads);
        match Alone::of(&model) {
            Some(alone) => Ok(Self::Alone(alone, team)),
            None => {
                let outputs = model.outputs.to_vec();
                Ok(Self::Plan(model.into_runnable()?.spawn()?, outputs, team))
            }
        }
    }

    /// * `input`: of the network's shape.
    /// * `maps`: nothing is copied for it where there is none.
    pub(in crate::backbone) fn run(
        &mut self,
        input: ArrayView4<f32>,
        read: &mut Reader,
        mut maps: Option<&mut MapReader>,
        after: &mut After,
    ) -> TractResult<()> {
        let (state, outlets, team) = match self {
            Self::Alone(alone, team) => return alone.run(input, read, maps, team, after),
            Self::Plan(state, outlets, team) => (state, outlets, team),
        };
        let mut map = Vec::new();
        let tensor = input.to_owned().into_tensor();
        let outputs =
            state.run_plan_with_eval(tvec!(tensor.into()), |turn, op_state, node, inputs| {
                let Some(op_state) = op_state else {
                    let outputs = node.op.eval(turn, inputs);
                    after(&|| layer_of(node));
                    return outputs;
                };
                if let (Some(part), Some(state)) =
                    (node.op_as::<Part>(), op_state.downcast_mut::<State>())
                {
                    let outputs = state.run(part, inputs, team, after)?;
                    let tapped = outlets.iter().enumerate().filter(|(_, one)| one.node == node.id);
                    for (number, outlet) in tapped {
                        let Some(maps) = maps.as_mut() else { break };
                        if let Some(size) = state.map(part, outlet.slot, &mut map) {
                            maps(number, size, &map);
                        }
                    }
                    return Ok(outputs);
                }
                let outputs = op_state.eval(turn, node.op.as_op(), inputs);
                after(&|| layer_of(node));
                outputs
            })?;
        for (number, output) in outputs.iter().enumerate() {
            let map = output.to_plain_array_view::<f32>()?;
            let values = map.as_slice().context("an output's values lie apart")?;
            read(number, map.shape(), values);
        }
        Ok(())
    }
}

fn layer_of(node: &TypedNode) -> Layer {
    let shape = node.outputs.first().and_then(|output| output.fact.shape.as_concrete());
    Layer {
        name: node.name.clone(),
        kind: node.op.name().into_owned(),
        shape: shape.unwrap_or_default().to_vec(),
        work: 0,
    }
}

/// A network of one part.
pub(in crate::backbone) struct Alone {
    program: Arc<OnceLock<Program>>,
    buffers: Buffers,
    outputs: Vec<Output>,
}

struct Output {
    /// Which result of the part it is.
    result: usize,
    shape: TVec<usize>,
    values: Vec<f32>,
}

impl Alone {
    fn of(model: &TypedModel) -> Option<Self> {
        let (outputs, inputs) = (&model.outputs, &model.inputs);
        let node = model.node(outputs.first()?.node);
        let part = node.op_as::<Part>()?;
        if node.inputs.as_slice() != inputs.as_slice()
            || inputs.len() != 1
            || outputs.iter().any(|output| output.node != node.id)
        {
            return None;
        }
        let output = |outlet: &OutletId| {
            let shape = part.shapes[outlet.slot].clone();
            let values = vec![0.0; shape.iter().product()];
            Output { result: outlet.slot, shape, values }
        };
        let outputs = outputs.iter().map(output).collect();
        let buffers = part.program.get()?.buffers();
        Some(Self { program: part.program.clone(), buffers, outputs })
    }

    fn run(
        &mut self,
        input: ArrayView4<f32>,
        read: &mut Reader,
        maps: Option<&mut MapReader>,
        team: &Team,
        after: &mut After,
    ) -> TractResult<()> {
        let Self { program, buffers, outputs } = self;
        let program = program.get().context("a part without its program")?;
        let copy;
        let values = match input.as_slice() {
            Some(values) => values,
            None => {
                copy = input.iter().copied().collect::<Vec<f32>>();
                &copy
            }
        };
        program.run(&[values], buffers, team, after);
        for (number, Output { result, shape, values: out }) in outputs.iter_mut().enumerate() {
            program.result(*result, &[values], buffers, out);
            read(number, shape, out);
        }
        let Some(maps) = maps else { return Ok(()) };
        let mut map = Vec::new();
        for (number, output) in outputs.iter().enumerate() {
            if let Some(size) = program.map(output.result, buffers, &mut map) {
                maps(number, size, &map);
            }
        }
        Ok(())
    }
}
