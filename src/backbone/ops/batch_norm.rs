//! BatchNormalization of weights or with computed parameters, and in the form that takes mean and variance of what it
//! is given.

use std::collections::HashSet;

use tract_onnx::tract_core::ops::math::{add, mul, rsqrt, square, sub};
use tract_onnx::tract_hir::ops::logic::wire_with_rank_broadcast;
use tract_onnx::tract_hir::ops::nn::{Reduce, Reducer};

use super::*;

pub(super) fn batch_normalisation(context: &ParsingContext, node: &NodeProto) -> ParsedOperator {
    let training = node.get_attr_opt::<i64>("training_mode")?.unwrap_or(0) != 0;
    let stored: HashSet<&str> = context
        .parent_graphs
        .iter()
        .flat_map(|graph| {
            let constants = graph.node.iter().filter(|node| node.op_type == "Constant");
            let constants = constants.flat_map(|node| &node.output).map(String::as_str);
            graph.initializer.iter().map(|tensor| tensor.name.as_str()).chain(constants)
        })
        .collect();
    let constant = node.input.iter().skip(1).all(|input| stored.contains(input.as_str()));
    if !training && constant && node.output.len() == 1 {
        return original(context, node);
    }
    let version = context.onnx_operator_set_version;
    let op = BatchNorm {
        epsilon: node.get_attr_opt("epsilon")?.unwrap_or(1e-5),
        momentum: node.get_attr_opt("momentum")?.unwrap_or(0.9),
        training,
        outputs: node.output.iter().filter(|output| !output.is_empty()).count(),
    };
    ensure!(
        node.get_attr_opt::<i64>("spatial")?.unwrap_or(1) == 1,
        "BatchNormalization with spatial=0; export with operator set 9 or higher"
    );
    ensure!(
        version >= 14 || op.outputs == 1,
        "BatchNormalization in training form; export the network in evaluation mode: model.eval()"
    );
    Ok((expand(op), vec![]))
}

#[derive(Debug, Clone)]
struct BatchNorm {
    epsilon: f32,
    momentum: f32,
    /// Mean and variance are those of the input.
    training: bool,
    outputs: usize,
}

impl Expansion for BatchNorm {
    fn name(&self) -> StaticName {
        "BatchNormalization".into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.outputs)
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 5)?;
        check_output_arity(outputs, self.outputs)?;
        s.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
        s.equals(&inputs[0].shape, &outputs[0].shape)?;
        for output in &outputs[1..] {
            s.equals(&inputs[3].datum_type, &output.datum_type)?;
            s.equals(&inputs[3].shape, &output.shape)?;
        }
        Ok(())
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let &[x, scale, bias, mean, variance] = inputs else { bail!("five inputs") };
        let rank = model.outlet_fact(x)?.rank();
        ensure!(rank >= 2, "BatchNormalization of {rank} axes");
        // [channels] to [1, channels, 1, ...].
        let placed = |model: &mut TypedModel, what: &str, outlet: OutletId| {
            let mut wire =
                model.wire_node(format!("{prefix}.{what}.0"), AxisOp::Add(0), &[outlet])?[0];
            for axis in 2..rank {
                let name = format!("{prefix}.{what}.{axis}");
                wire = model.wire_node(name, AxisOp::Add(axis), &[wire])?[0];
            }
            TractResult::Ok(wire)
        };
        let (scale, bias) = (placed(model, "scale", scale)?, placed(model, "bias", bias)?);
        let (old_mean, old_variance) = (mean, variance);
        let (mean, variance) = if self.training {
            let axes: Vec<i64> = (0..rank as i64).filter(|&axis| axis != 1).collect();
            let reduce = Reduce::new(Some(axes), true, Reducer::Mean);
            let mean = reduce.wire(&format!("{prefix}.mean"), model, &[x])?[0];
            let apart = model.wire_node(format!("{prefix}.apart"), sub(), &[x, mean])?[0];
            let squares = model.wire_node(format!("{prefix}.squares"), square(), &[apart])?[0];
            (mean, reduce.wire(&format!("{prefix}.variance"), model, &[squares])?[0])
        } else {
            (placed(model, "old-mean", mean)?, placed(model, "old-variance", variance)?)
        };
        let constant = |model: &mut TypedModel, what: &str, value: f32| {
            model.add_const(format!("{prefix}.{what}"), tensor0(value))
        };
        let epsilon = constant(model, "epsilon", self.epsilon)?;
        let two = |model: &mut TypedModel, what: &str, op: Box<dyn TypedOp>, of: [OutletId; 2]| {
            TractResult::Ok(
                wire_with_rank_broadcast(format!("{prefix}.{what}"), model, op, &of)?[0],
            )
        };
        let root = two(model, "with-epsilon", Box::new(add()), [variance, epsilon])?;
        let root = model.wire_node(format!("{prefix}.root"), rsqrt(), &[root])?[0];
        let apart = two(model, "less-mean", Box::new(sub()), [x, mean])?;
        let normalised = two(model, "normalised", Box::new(mul()), [apart, root])?;
        let scaled = two(model, "scaled", Box::new(mul()), [normalised, scale])?;
        let mut wires = tvec!(two(model, "shifted", Box::new(add()), [scaled, bias])?);
        if self.outputs > 1 {
            let keep = constant(model, "keep", self.momentum)?;
            let take = constant(model, "take", 1.0 - self.momentum)?;
            for (what, old, new) in
                [("mean-out", old_mean, mean), ("variance-out", old_variance, variance)]
            {
                // [1, channels, 1, ...] to [channels].
                let mut new = new;
                for axis in (2..rank).rev() {
                    let name = format!("{prefix}.{what}.{axis}");
                    new = model.wire_node(name, AxisOp::Rm(axis), &[new])?[0];
                }
                new = model.wire_node(format!("{prefix}.{what}.0"), AxisOp::Rm(0), &[new])?[0];
                let old = two(model, &format!("{what}.old"), Box::new(mul()), [old, keep])?;
                let new = two(model, &format!("{what}.new"), Box::new(mul()), [new, take])?;
                wires.push(two(model, what, Box::new(add()), [old, new])?);
            }
            wires.truncate(self.outputs);
        }
        Ok(wires)
    }
}
