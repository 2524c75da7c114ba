//! Operators that the runtime lacks, or takes otherwise than the format says.
//!
//! The runtime's own operators are kept where they are right, so that features that were learned stay as they are.

mod attention;
mod batch_norm;
mod col2im;
mod counts;
mod slice;

use std::sync::LazyLock;

use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

/// What a builder gives: the operator, and names of the surrounding graph that it reads.
type ParsedOperator = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

static RUNTIME: LazyLock<Onnx> = LazyLock::new(tract_onnx::onnx);

/// The reader of graphs, with our operators.
pub(super) fn reader() -> Onnx {
    let mut onnx = RUNTIME.clone();
    let operators = &mut onnx.op_register;
    operators.insert("Attention", attention::attention);
    operators.insert("BatchNormalization", batch_norm::batch_normalisation);
    operators.insert("Col2Im", col2im::col2im);
    operators.insert("CumSum", counts::cumsum);
    operators.insert("Range", counts::range);
    operators.insert("Resize", resize);
    operators.insert("Slice", slice::slice);
    operators.insert("Squeeze", squeeze);
    onnx
}

/// The runtime's own form of an operator that is replaced here.
fn original(context: &ParsingContext, node: &NodeProto) -> ParsedOperator {
    let builder = RUNTIME.op_register.0.get(&node.op_type);
    builder.with_context(|| format!("no operator {}", node.op_type))?(context, node)
}

/// Whether there is an operator of that name.
pub(super) fn known(operator: &str) -> bool {
    const OURS: [&str; 2] = ["Attention", "Col2Im"];
    OURS.contains(&operator) || RUNTIME.op_register.0.contains_key(operator)
}

/// The runtime's own form of an operator as a later version of the format has it.
fn later(context: &ParsingContext, node: &NodeProto, version: i64) -> ParsedOperator {
    let mut context = context.clone();
    context.onnx_operator_set_version = version;
    original(&context, node)
}

/// That of versions 11 and 12 may leave out what is not wanted, as the later ones; an Upsample of version 9 and below
/// is that of version 10.
fn resize(context: &ParsingContext, node: &NodeProto) -> ParsedOperator {
    match context.onnx_operator_set_version {
        11 | 12 => later(context, node, 13),
        version if version < 10 => later(context, node, 10),
        _ => original(context, node),
    }
}

/// Without axes it takes all that are one.
fn squeeze(context: &ParsingContext, node: &NodeProto) -> ParsedOperator {
    let axes = node.attribute.iter().any(|attribute| attribute.name == "axes");
    if context.onnx_operator_set_version < 13 && !axes {
        return later(context, node, 13);
    }
    original(context, node)
}

/// Whether an optional input is given.
fn has_input(node: &NodeProto, index: usize) -> bool {
    node.input.get(index).is_some_and(|input| !input.is_empty())
}

/// Whether an optional output is wanted.
fn has_output(node: &NodeProto, index: usize) -> bool {
    node.output.get(index).is_some_and(|output| !output.is_empty())
}

/// The axes of a tensor, which are all known: networks are fed images of one size, one at a time.
fn sides(model: &TypedModel, outlet: OutletId) -> TractResult<TVec<usize>> {
    let shape = &model.outlet_fact(outlet)?.shape;
    shape.iter().map(|side| Ok(side.to_usize()?)).collect()
}
