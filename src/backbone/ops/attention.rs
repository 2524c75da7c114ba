//! Attention (operator sets 23 and 24): softmax of the scaled product of queries and keys, times the values.

use tract_onnx::tract_core::ops::array::{Pad, PadMode, TypedConcat};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::logic::Iff;
use tract_onnx::tract_core::ops::math::{add, div, mul, tanh};
use tract_onnx::tract_core::ops::nn::{Softmax, SoftmaxKind};
use tract_onnx::tract_hir::ops::logic::wire_with_rank_broadcast;

use super::*;

pub(super) fn attention(_: &ParsingContext, node: &NodeProto) -> ParsedOperator {
    ensure!(
        !has_input(node, 6) && !has_output(node, 3),
        "Attention with nonpad_kv_seqlen, or with the product of queries and keys as an output"
    );
    let heads = |name: &str| -> TractResult<usize> {
        Ok(usize::try_from(node.get_attr_opt::<i64>(name)?.unwrap_or(0))?)
    };
    let op = Attention {
        query_heads: heads("q_num_heads")?,
        value_heads: heads("kv_num_heads")?,
        causal: node.get_attr_opt::<i64>("is_causal")?.unwrap_or(0) != 0,
        scale: node.get_attr_opt("scale")?,
        softcap: node.get_attr_opt::<f32>("softcap")?.unwrap_or(0.0),
        mask: has_input(node, 3),
        past: (has_input(node, 4), has_input(node, 5)),
        present: (has_output(node, 1), has_output(node, 2)),
    };
    Ok((expand(op), vec![]))
}

/// Tokens of an image: some ten times those of the largest transformer.
const MAX_TOKENS: usize = 1 << 13;

#[derive(Debug, Clone)]
struct Attention {
    /// Of tensors of three axes, whose last holds all heads; 0 where they have four.
    query_heads: usize,
    value_heads: usize,
    causal: bool,
    scale: Option<f32>,
    softcap: f32,
    mask: bool,
    /// Keys and values of earlier tokens.
    past: (bool, bool),
    present: (bool, bool),
}

/// The parts of the graph, named after the node.
struct Wires<'a> {
    model: &'a mut TypedModel,
    prefix: &'a str,
    count: usize,
}

impl Wires<'_> {
    fn node(&mut self, op: impl Into<Box<dyn TypedOp>>, of: &[OutletId]) -> TractResult<OutletId> {
        self.count += 1;
        let name = format!("{}.{}", self.prefix, self.count);
        Ok(self.model.wire_node(name, op, of)?[0])
    }

    /// Of two, whose axes may differ in number.
    fn two(
        &mut self,
        op: impl Into<Box<dyn TypedOp>>,
        a: OutletId,
        b: OutletId,
    ) -> TractResult<OutletId> {
        self.count += 1;
        let name = format!("{}.{}", self.prefix, self.count);
        Ok(wire_with_rank_broadcast(name, self.model, op, &[a, b])?[0])
    }

    fn constant(&mut self, value: impl IntoArcTensor) -> TractResult<OutletId> {
        self.count += 1;
        self.model.add_const(format!("{}.{}", self.prefix, self.count), value)
    }

    fn sides(&self, wire: OutletId) -> TractResult<TVec<usize>> {
        sides(self.model, wire)
    }

    fn reshape(
        &mut self,
        wire: OutletId,
        axis: usize,
        from: &[usize],
        to: &[usize],
    ) -> TractResult<OutletId> {
        let dims = |sides: &[usize]| sides.iter().map(|side| side.to_dim()).collect();
        self.node(AxisOp::Reshape(axis, dims(from), dims(to)), &[wire])
    }

    /// `[batch, tokens, heads * size]` to `[batch, heads, tokens, size]`.
    fn split(&mut self, wire: OutletId, heads: usize) -> TractResult<OutletId> {
        let sides = self.sides(wire)?;
        if sides.len() == 4 {
            return Ok(wire);
        }
        ensure!(
            sides.len() == 3 && heads > 0 && sides[2] % heads == 0,
            "{heads} heads of {sides:?}"
        );
        let split = self.reshape(wire, 2, &[sides[2]], &[heads, sides[2] / heads])?;
        self.node(AxisOp::Move(2, 1), &[split])
    }

    /// Each head `times` times in a row.
    fn repeated(&mut self, wire: OutletId, times: usize) -> TractResult<OutletId> {
        if times == 1 {
            return Ok(wire);
        }
        let heads = self.sides(wire)?[1];
        let apart = self.node(AxisOp::Add(2), &[wire])?;
        let copies = self.node(TypedConcat::new(2), &vec![apart; times])?;
        self.reshape(copies, 1, &[heads, times], &[heads * times])
    }
}

impl Expansion for Attention {
    fn name(&self) -> StaticName {
        "Attention".into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(1 + usize::from(self.present.0) + usize::from(self.present.1))
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let optional = [self.mask, self.past.0, self.past.1];
        check_input_arity(inputs, 3 + optional.into_iter().filter(|given| *given).count())?;
        check_output_arity(outputs, self.nboutputs()?)?;
        for output in outputs {
            s.equals(&inputs[0].datum_type, &output.datum_type)?;
        }
        s.given_2(&inputs[0].shape, &inputs[2].shape, move |s, query, value| {
            let mut shape = query.clone();
            match (query.len(), value.len()) {
                (4, 4) => shape[3] = value[3].clone(),
                (3, 3) if self.value_heads > 0 => {
                    shape[2] = value[2].clone() / self.value_heads * self.query_heads;
                }
                _ => bail!("Attention of {} and {} axes", query.len(), value.len()),
            }
            s.equals(&outputs[0].shape, shape)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let mut wires = Wires { model, prefix, count: 0 };
        let three_axes = wires.sides(inputs[0])?.len() == 3;
        let query = wires.split(inputs[0], self.query_heads)?;
        let mut key = wires.split(inputs[1], self.value_heads)?;
        let mut value = wires.split(inputs[2], self.value_heads)?;
        let mut given = inputs[3..].iter().copied();
        let mask = given.next().filter(|_| self.mask);
        let mut given = inputs[3 + usize::from(self.mask)..].iter().copied();
        let mut past = 0;
        if let (true, Some(earlier)) = (self.past.0, given.next()) {
            past = wires.sides(earlier)?[2];
            key = wires.node(TypedConcat::new(2), &[earlier, key])?;
        }
        if let (true, Some(earlier)) = (self.past.1, given.next()) {
            value = wires.node(TypedConcat::new(2), &[earlier, value])?;
        }
        let present = (key, value);
        let (of_query, of_key) = (wires.sides(query)?, wires.sides(key)?);
        ensure!(
            of_query.len() == 4
                && of_key.len() == 4
                && of_key[1] > 0
                && of_query[1] % of_key[1] == 0,
            "Attention of {of_query:?} and {of_key:?}"
        );
        let (tokens, total, size) = (of_query[2], of_key[2], of_query[3]);
        let times = of_query[1] / of_key[1];
        ensure!(
            tokens.max(total) <= MAX_TOKENS && times <= MAX_TOKENS,
            "Attention of {tokens} and {total} tokens, wanted at most {MAX_TOKENS}"
        );
        let (key, value) = (wires.repeated(key, times)?, wires.repeated(value, times)?);
        let scale = self.scale.unwrap_or(1.0 / (size.max(1) as f32).sqrt());
        // The root of it each, as the format says: it keeps the product small.
        let root = wires.constant(tensor0(scale.abs().sqrt()))?;
        let signed = wires.constant(tensor0(scale.abs().sqrt() * scale.signum()))?;
        let (query, key) = (wires.two(mul(), query, signed)?, wires.two(mul(), key, root)?);
        let f32 = f32::datum_type();
        let mut product =
            wires.node(EinSum::new("bhqd,bhkd->bhqk".parse()?, f32), &[query, key])?;
        if self.softcap != 0.0 {
            let cap = wires.constant(tensor0(self.softcap))?;
            product = wires.two(div(), product, cap)?;
            product = wires.node(tanh(), &[product])?;
            product = wires.two(mul(), product, cap)?;
        }
        if let Some(mask) = mask {
            let mask = self.offsets(&mut wires, mask, total)?;
            product = wires.two(add(), product, mask)?;
        }
        if self.causal {
            let later = |at: usize| {
                if at % total.max(1) > at / total.max(1) + past { f32::NEG_INFINITY } else { 0.0 }
            };
            let values: Vec<f32> = (0..tokens * total).map(later).collect();
            let mask = wires.constant(Tensor::from_shape(&[tokens, total], &values)?)?;
            product = wires.two(add(), product, mask)?;
        }
        let softmax = Softmax { axes: tvec!(3), quant_output_dt: None, kind: SoftmaxKind::Softmax };
        let weights = wires.node(softmax, &[product])?;
        let mut output =
            wires.node(EinSum::new("bhqk,bhkd->bhqd".parse()?, f32), &[weights, value])?;
        if three_axes {
            let sides = wires.sides(output)?;
            output = wires.node(AxisOp::Move(1, 2), &[output])?;
            output = wires.reshape(output, 2, &[sides[1], sides[3]], &[sides[1] * sides[3]])?;
        }
        let mut outputs = tvec!(output);
        outputs.extend(Some(present.0).filter(|_| self.present.0));
        outputs.extend(Some(present.1).filter(|_| self.present.1));
        Ok(outputs)
    }
}

impl Attention {
    /// What a mask adds to the product; it may be shorter than there are keys.
    fn offsets(&self, wires: &mut Wires, mask: OutletId, total: usize) -> TractResult<OutletId> {
        let fact = wires.model.outlet_fact(mask)?.clone();
        let mut mask = mask;
        if fact.datum_type == bool::datum_type() {
            let shape = fact.shape.to_tvec();
            let rank = shape.len();
            let zero = wires.constant(tensor0(0.0_f32).broadcast_into_rank(rank)?)?;
            let never = wires.constant(tensor0(f32::NEG_INFINITY).broadcast_into_rank(rank)?)?;
            mask = wires.node(Iff, &[mask, zero, never])?;
        }
        let sides = wires.sides(mask)?;
        let last = sides.last().copied().unwrap_or(total);
        if last < total && last > 1 {
            let mut pads = vec![(0, 0); sides.len()];
            pads[sides.len() - 1].1 = total - last;
            let mode = PadMode::Constant(tensor0(f32::NEG_INFINITY).into_arc_tensor());
            mask = wires.node(Pad { pads, mode }, &[mask])?;
        }
        Ok(mask)
    }
}
