//! What the file of a network that reads text shows of how it is fed.

use tract_core::prelude::{Datum as _, DatumType};
use tract_onnx::pb::ValueInfoProto;

use super::{MAX_TOKENS, TextSpec};
use crate::backbone::graph::{Graph, axes, tensor_type};
use crate::backbone::{BackboneError, TokenPooling};

/// What an input of the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Ids,
    Mask,
    Parts,
    Positions,
}

/// An input: what it is, and of which type.
pub(super) type Input = (Role, DatumType);

/// Tokens of a line where nothing says otherwise.
const USUAL_TOKENS: usize = 128;

/// Outputs that are one vector of a line, by the names that exporters give them.
const POOLED: [&str; 3] = ["sentence_embedding", "text_embeds", "text_embedding"];

impl Graph {
    /// How it is fed and what is taken of it, as far as the file shows it; `None` where it does not read text.
    pub fn text_spec(&self) -> Option<TextSpec> {
        let kinds = |input: &&ValueInfoProto| tensor_type(input).map(|kind| kind.elem_type);
        if !self.inputs().iter().filter_map(kinds).any(|kind| [6, 7].contains(&kind)) {
            return None;
        }
        roles(self).ok()?;
        let outputs = &self.graph()?.output;
        let rank = |output: &ValueInfoProto| tensor_type(output).map_or(0, |kind| axes(kind).len());
        let named = |output: &&ValueInfoProto| POOLED.contains(&output.name.as_str());
        let of_tokens = |output: &&ValueInfoProto| rank(output) != 2;
        let found = outputs.iter().find(named).map(|output| (output, TokenPooling::Whole));
        let found = found
            .or_else(|| Some((outputs.iter().find(of_tokens)?, TokenPooling::Mean)))
            .or_else(|| Some((outputs.first()?, TokenPooling::Whole)));
        let (output, pool) = found?;
        let tokens = declared_tokens(self).unwrap_or(USUAL_TOKENS).min(MAX_TOKENS);
        Some(TextSpec { tokens, pool, output: output.name.clone() })
    }
}

/// What each input of the network is, in its order.
///
/// # Errors
/// One that is none of them.
pub(super) fn roles(graph: &Graph) -> Result<Vec<Input>, BackboneError> {
    let inputs = graph.inputs();
    let role = |input: &ValueInfoProto| {
        let name = input.name.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if says(&["mask"]) {
            Some(Role::Mask)
        } else if says(&["type", "segment"]) {
            Some(Role::Parts)
        } else if says(&["position"]) {
            Some(Role::Positions)
        } else if says(&["input", "ids", "token"]) && !says(&["decoder", "past", "pixel"]) {
            Some(Role::Ids)
        } else {
            None
        }
    };
    let only = inputs.len() == 1;
    let found: Option<Vec<Input>> = inputs
        .iter()
        .map(|input| {
            let declared = tensor_type(input)?;
            let kind = match declared.elem_type {
                1 | 10 => f32::datum_type(),
                6 => i32::datum_type(),
                7 => i64::datum_type(),
                9 => bool::datum_type(),
                _ => return None,
            };
            let fits = [0, 2].contains(&axes(declared).len());
            Some((role(input).or(only.then_some(Role::Ids)).filter(|_| fits)?, kind))
        })
        .collect();
    let found = found.filter(|found| {
        let ids = found.iter().filter(|(role, _)| *role == Role::Ids).count();
        ids == 1 && found.len() <= 4
    });
    found.ok_or_else(|| {
        let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
        graph.wrong(&format!(
            "wanted the inputs of a network that reads text, [batch, tokens] each: input_ids, and as far as it has them attention_mask, token_type_ids, position_ids; got {}",
            names.join(", ").escape_debug()
        ))
    })
}

/// The number of tokens, where the file has set it.
pub(super) fn declared_tokens(graph: &Graph) -> Option<usize> {
    let of = |input: &&ValueInfoProto| *axes(tensor_type(input)?).get(1)?;
    graph.inputs().iter().find_map(of).and_then(|tokens| usize::try_from(tokens).ok())
}
