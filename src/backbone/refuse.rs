//! Operators that are refused by name, each with what to do instead.

use tract_onnx::pb::NodeProto;

use super::graph::{Graph, label};
use super::rewrite::{drops, standard};
use super::{BackboneError, ops};

/// Operators that the runtime lacks or runs uselessly slowly.
const DYNAMIC: [&str; 4] =
    ["DynamicQuantizeLinear", "ConvInteger", "MatMulInteger", "DynamicQuantizeMatMul"];

/// Operators of ONNX Runtime's own that the runtime has, or that are taken apart.
const MICROSOFT: [&str; 10] = [
    "Gelu",
    "FastGelu",
    "QuickGelu",
    "BiasGelu",
    "SkipLayerNormalization",
    "SimplifiedLayerNormalization",
    "SkipSimplifiedLayerNormalization",
    "RotaryEmbedding",
    "QuantizeLinear",
    "DequantizeLinear",
];

/// Operators whose sums, before version 7 of the format, had an axis of their own for what is shorter.
const BROADCASTING: [&str; 9] = ["Add", "Sub", "Mul", "Div", "Pow", "PRelu", "And", "Or", "Equal"];

const EVALUATION: &str = "the network was exported in training form; export it in evaluation form: model.eval() before torch.onnx.export (Keras: training=False)";

impl Graph {
    /// Quantised forms that are of no use here.
    pub(super) fn refuse_unsupported(&self) -> Result<(), BackboneError> {
        for node in self.nodes() {
            let op = node.op_type.as_str();
            let dynamic = DYNAMIC.contains(&op);
            if dynamic || op.starts_with("QLinear") || op.starts_with("QGemm") {
                let kind = if dynamic { "dynamically quantised" } else { "in QOperator form" };
                return Err(self.unsupported(
                    node,
                    format!(
                        "the network is {kind}, which cannot run at a useful speed; export it in f32, or quantised in QDQ form"
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Operators that cannot be computed here. The graph is cut to what is needed.
    pub(super) fn refuse_unknown(&self) -> Result<(), BackboneError> {
        let version = self.opset();
        let stored = self.stored();
        for node in self.nodes() {
            let op = node.op_type.as_str();
            let given = |name: &str| node.attribute.iter().any(|attribute| attribute.name == name);
            let why = if node.domain.starts_with("com.microsoft") && !MICROSOFT.contains(&op) {
                "it is ONNX Runtime's own: the file was saved after its optimisation; use the network as it was exported, or save it with GraphOptimizationLevel.ORT_ENABLE_BASIC".to_owned()
            } else if !standard(&node.domain) && !node.domain.starts_with("com.microsoft") {
                format!(
                    "it is not one of ONNX's own but of the domain \"{}\"; export the network with ONNX's operators only",
                    node.domain.escape_debug()
                )
            } else if op == "Dropout" && drops(node, &stored) {
                EVALUATION.to_owned()
            } else if op.starts_with("Random") || ["Bernoulli", "Multinomial"].contains(&op) {
                format!(
                    "it draws random numbers, so that no feature would come twice; {EVALUATION}"
                )
            } else if ["Loop", "Scan"].contains(&op)
                || op.contains("Sequence")
                || op.contains("Optional")
            {
                "the network decides while it runs; export it for one input shape, without loops and lists: torch.onnx.export with a fixed example and dynamo=True, or simplify it (python -m onnxsim IN.onnx OUT.onnx)".to_owned()
            } else if version < 7 && version > 0 && BROADCASTING.contains(&op) && given("axis") {
                format!(
                    "in version {version} of ONNX's operators it has an axis, which cannot be run; convert the file: onnx.version_converter.convert_version(model, 13)"
                )
            } else if !ops::known(op) {
                "fieldtune has no such operator; export the network with another operator set (torch.onnx.export(..., opset_version=20)), without it, or use another network".to_owned()
            } else {
                continue;
            };
            return Err(self.unsupported(node, why));
        }
        Ok(())
    }

    fn unsupported(&self, node: &NodeProto, advice: String) -> BackboneError {
        BackboneError::Unsupported {
            name: self.name.clone(),
            operator: node.op_type.clone(),
            node: label(node).to_owned(),
            advice,
        }
    }
}
