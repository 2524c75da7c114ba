//! What a file may say in several ways, said in one, before anything else looks at it: functions and branches that are
//! always taken put in place, fused operators taken apart, defaults that the runtime takes otherwise written out.
//!
//! What a network computes stays the same, so that it can also be exported so.

use std::collections::HashMap;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, attribute_proto,
};

use super::functions::put_functions_in;
use super::nodes::{MAX_NODES, attribute, rename};
use super::weights::FLOAT;

/// Rewrites a file. One that is damaged comes out as damaged as it was.
pub(super) fn rewrite(model: &mut ModelProto) {
    put_functions_in(model);
    let version = opset(model);
    let Some(graph) = &mut model.graph else { return };
    put_branches_in(graph);
    for node in &mut graph.node {
        while node.input.last().is_some_and(String::is_empty) {
            node.input.pop();
        }
    }
    drop_unread_statistics(graph);
    take_apart(graph);
    for node in &mut graph.node {
        write_out_defaults(node, version);
    }
}

/// What only the runtime is to see: not all of it is in the format's version that the file names.
pub(super) fn for_runtime(model: &mut ModelProto) {
    let version = opset(model);
    if let Some(graph) = &mut model.graph {
        upsample(graph, version);
        swish(graph);
    }
}

fn opset(model: &ModelProto) -> i64 {
    let opsets = model.opset_import.iter().filter(|opset| standard(&opset.domain));
    opsets.map(|opset| opset.version).max().unwrap_or(0)
}

/// Whether a domain is that of ONNX's own operators.
pub(super) fn standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

/// The branch that a stored condition chooses, put in place of each `If`.
fn put_branches_in(graph: &mut GraphProto) {
    if !graph.node.iter().any(|node| node.op_type == "If") {
        return;
    }
    let mut stored: HashMap<String, bool> = HashMap::new();
    let note = |name: &str, tensor: &TensorProto, stored: &mut HashMap<String, bool>| {
        if let Some(value) = truth(tensor) {
            stored.insert(name.to_owned(), value);
        }
    };
    graph.initializer.iter().for_each(|tensor| note(&tensor.name, tensor, &mut stored));
    // What is still to be looked at, the next one last.
    let mut left: Vec<NodeProto> = std::mem::take(&mut graph.node);
    left.reverse();
    let mut turn = 0;
    while let Some(mut node) = left.pop() {
        if let (true, Some(output), Some(value)) =
            (node.op_type == "Constant", node.output.first(), attribute(&node, "value"))
            && let Some(tensor) = &value.t
        {
            note(output, tensor, &mut stored);
        }
        let yes = node.input.first().and_then(|condition| stored.get(condition)).copied();
        let branch = if yes == Some(true) { "then_branch" } else { "else_branch" };
        let taken = node.attribute.iter_mut().find(|attribute| attribute.name == branch);
        let body = match (node.op_type.as_str(), yes, taken) {
            ("If", Some(_), Some(attribute)) => attribute.g.take(),
            _ => None,
        };
        let Some(body) =
            body.filter(|body| graph.node.len() + left.len() + body.node.len() <= MAX_NODES)
        else {
            graph.node.push(node);
            continue;
        };
        turn += 1;
        let prefix = format!("fieldtune.branch{turn}.");
        let mut names: HashMap<String, String> = HashMap::new();
        let given = body.initializer.iter().map(|tensor| &tensor.name);
        for name in given.chain(body.node.iter().flat_map(|node| &node.output)) {
            names.insert(name.clone(), format!("{prefix}{name}"));
        }
        for (result, output) in body.output.iter().zip(&node.output) {
            let from = names.get(&result.name).unwrap_or(&result.name).clone();
            left.push(NodeProto {
                name: format!("{prefix}{output}"),
                op_type: "Identity".to_owned(),
                input: vec![from],
                output: vec![output.clone()],
                ..NodeProto::default()
            });
        }
        for mut node in body.node.into_iter().rev() {
            rename(&mut node, &names);
            left.push(node);
        }
        for mut tensor in body.initializer {
            tensor.name = format!("{prefix}{}", tensor.name);
            note(&tensor.name, &tensor, &mut stored);
            graph.initializer.push(tensor);
        }
    }
}

/// The value of a tensor of truth values.
fn truth(tensor: &TensorProto) -> Option<bool> {
    let raw = tensor.raw_data.first().map(|&byte| byte != 0);
    let value = raw.or_else(|| tensor.int32_data.first().map(|&value| value != 0));
    value.filter(|_| tensor.data_type == DataType::Bool as i32)
}

/// Mean and variance that a BatchNormalization gives besides, and nothing reads.
fn drop_unread_statistics(graph: &mut GraphProto) {
    let mut read: std::collections::HashSet<String> =
        graph.output.iter().map(|output| output.name.clone()).collect();
    let within = |node: &NodeProto| node.attribute.iter().any(|a| a.g.is_some());
    if graph.node.iter().any(within) {
        return;
    }
    read.extend(graph.node.iter().flat_map(|node| node.input.iter().cloned()));
    for node in &mut graph.node {
        if ["BatchNormalization", "Dropout", "LayerNormalization", "MaxPool"]
            .contains(&&*node.op_type)
        {
            while node.output.len() > 1
                && node.output.last().is_some_and(|last| !read.contains(last))
            {
                node.output.pop();
            }
        }
    }
}

/// FusedConv and FusedGemm, which ONNX Runtime writes, to the operators they were made from.
fn take_apart(graph: &mut GraphProto) {
    let mut nodes: Vec<NodeProto> = Vec::with_capacity(graph.node.len());
    for mut node in std::mem::take(&mut graph.node) {
        let fused = node.op_type.strip_prefix("Fused").filter(|op| ["Conv", "Gemm"].contains(op));
        let (Some(op), "com.microsoft") = (fused.map(str::to_owned), node.domain.as_str()) else {
            nodes.push(node);
            continue;
        };
        let text = |name: &str| {
            let value = attribute(&node, name).map(|a| String::from_utf8_lossy(&a.s).into_owned());
            value.filter(|value| !value.is_empty())
        };
        let activation = text("activation");
        let settings =
            attribute(&node, "activation_params").map_or(Vec::new(), |a| a.floats.clone());
        let names: &[&str] = match activation.as_deref() {
            None | Some("Relu" | "Tanh" | "Sigmoid") => &[],
            Some("LeakyRelu") => &["alpha"],
            Some("HardSigmoid") => &["alpha", "beta"],
            // Its limits are inputs from version 11 on, or another operator: it stays and is refused by name.
            _ => {
                nodes.push(node);
                continue;
            }
        };
        let own: Vec<AttributeProto> = names
            .iter()
            .enumerate()
            .map(|(at, name)| {
                // FusedGemm has its own names for them.
                let named = attribute(&node, &format!("activation_{name}")).map(|a| a.f);
                let value = settings.get(at).copied().or(named);
                let f = value.unwrap_or(if *name == "beta" { 0.5 } else { 0.01 });
                let r#type = attribute_proto::AttributeType::Float as i32;
                AttributeProto { name: (*name).to_owned(), f, r#type, ..AttributeProto::default() }
            })
            .collect();
        let Some(output) = node.output.first().cloned() else { continue };
        let summand =
            (op == "Conv" && node.input.len() > 3).then(|| node.input.split_off(3).remove(0));
        while node.input.last().is_some_and(String::is_empty) {
            node.input.pop();
        }
        node.attribute.retain(|attribute| !attribute.name.starts_with("activation"));
        (node.op_type, node.domain) = (op, String::new());
        let mut at = output.clone();
        let mut behind: Vec<NodeProto> = Vec::new();
        let mut link = |op: &str, mut input: Vec<String>, attribute: Vec<AttributeProto>| {
            let before = format!("{at}.fused{}", input.len());
            input.insert(0, before.clone());
            let made = std::mem::replace(&mut at, before);
            let name = format!("{made}.{op}");
            let op_type = op.to_owned();
            behind.insert(
                0,
                NodeProto {
                    name,
                    op_type,
                    input,
                    output: vec![made],
                    attribute,
                    ..NodeProto::default()
                },
            );
        };
        if let Some(activation) = activation {
            link(&activation, Vec::new(), own);
        }
        if let Some(summand) = summand {
            link("Add", vec![summand], Vec::new());
        }
        node.output = vec![at];
        nodes.push(node);
        nodes.extend(behind);
    }
    graph.node = nodes;
}

/// Upsample, which later versions of the format have no more, to the Resize that it was; and the Resize of version 10,
/// which rounds as that does.
fn upsample(graph: &mut GraphProto, version: i64) {
    let mut weights: Vec<TensorProto> = Vec::new();
    for node in &mut graph.node {
        if node.op_type != "Upsample" || !standard(&node.domain) {
            continue;
        }
        if let Some(at) = node.attribute.iter().position(|attribute| attribute.name == "scales") {
            let scales = node.attribute.remove(at).floats;
            let name = format!("{}.scales", node.output.first().map_or("upsample", String::as_str));
            weights.push(TensorProto {
                name: name.clone(),
                dims: vec![scales.len() as i64],
                data_type: FLOAT,
                raw_data: scales.into_iter().flat_map(f32::to_le_bytes).collect(),
                ..TensorProto::default()
            });
            node.input.truncate(1);
            node.input.push(name);
        }
        "Resize".clone_into(&mut node.op_type);
    }
    graph.initializer.extend(weights);
    if version > 10 {
        return;
    }
    for node in graph.node.iter_mut().filter(|node| node.op_type == "Resize") {
        if attribute(node, "nearest_mode").is_none() {
            node.attribute.push(string("nearest_mode", "floor"));
        }
        if attribute(node, "coordinate_transformation_mode").is_none() {
            node.attribute.push(string("coordinate_transformation_mode", "asymmetric"));
        }
    }
}

/// Swish with a factor, which the runtime leaves out: `x * sigmoid(factor * x)`.
fn swish(graph: &mut GraphProto) {
    let mut nodes: Vec<NodeProto> = Vec::with_capacity(graph.node.len());
    for node in std::mem::take(&mut graph.node) {
        let factor = attribute(&node, "alpha").map_or(1.0, |alpha| alpha.f);
        let (Some(x), Some(y)) = (node.input.first(), node.output.first()) else {
            nodes.push(node);
            continue;
        };
        if node.op_type != "Swish" || factor == 1.0 {
            nodes.push(node);
            continue;
        }
        let [alpha, scaled, sigmoid] =
            ["alpha", "scaled", "sigmoid"].map(|what| format!("{y}.fieldtune.{what}"));
        graph.initializer.push(TensorProto {
            name: alpha.clone(),
            data_type: FLOAT,
            raw_data: factor.to_le_bytes().to_vec(),
            ..TensorProto::default()
        });
        for (op, input, output) in [
            ("Mul", vec![x.clone(), alpha], scaled.clone()),
            ("Sigmoid", vec![scaled], sigmoid.clone()),
            ("Mul", vec![x.clone(), sigmoid], y.clone()),
        ] {
            let (op_type, name) = (op.to_owned(), output.clone());
            nodes.push(NodeProto {
                name,
                op_type,
                input,
                output: vec![output],
                ..NodeProto::default()
            });
        }
    }
    graph.node = nodes;
}

fn string(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        s: value.as_bytes().to_vec(),
        r#type: attribute_proto::AttributeType::String as i32,
        ..AttributeProto::default()
    }
}

/// Defaults that the runtime takes otherwise than the format says.
fn write_out_defaults(node: &mut NodeProto, version: i64) {
    if !standard(&node.domain) {
        return;
    }
    match node.op_type.as_str() {
        // The runtime's default is of type f64.
        "ConstantOfShape" if attribute(node, "value").is_none() => {
            node.attribute.push(AttributeProto {
                name: "value".to_owned(),
                r#type: attribute_proto::AttributeType::Tensor as i32,
                t: Some(TensorProto {
                    dims: vec![1],
                    data_type: FLOAT,
                    raw_data: 0.0_f32.to_le_bytes().to_vec(),
                    ..TensorProto::default()
                }),
                ..AttributeProto::default()
            })
        }
        "Concat" if version < 4 && attribute(node, "axis").is_none() => {
            node.attribute.push(AttributeProto {
                name: "axis".to_owned(),
                r#type: attribute_proto::AttributeType::Int as i32,
                i: 1,
                ..AttributeProto::default()
            });
        }
        _ => {}
    }
}

/// Whether a Dropout is in training form and drops something.
pub(super) fn drops(node: &NodeProto, stored: &HashMap<&str, &TensorProto>) -> bool {
    let stored = |at: usize| stored.get(node.input.get(at)?.as_str()).copied();
    let training = stored(2).and_then(truth);
    let ratio = stored(1).and_then(|ratio| super::weights::floats(ratio).next());
    training == Some(true) && ratio != Some(0.0)
}
