//! `fieldtune inspect` of a network that reads text.

use std::path::Path;
use std::time::Instant;

use serde_json::json;

use super::milliseconds;
use crate::backbone::card::{hex, read_network};
use crate::backbone::{Graph, Onnx, TextNetwork, TextSpec, TokenPooling};
use crate::cli::args::text_model::{TextModel, is_text_card};
use crate::image::picture;
use crate::text::Tokens;

/// Tokens of the lines that are timed.
const TIMED: [usize; 3] = [8, 32, 128];

/// What is inspected, where it reads text.
///
/// # Errors
/// As [`TextModel::read`].
pub(super) fn model(model: &str) -> anyhow::Result<Option<TextModel>> {
    let path = Path::new(model);
    // What is wrong with a network is said when it is looked at as one that sees.
    let reads = || {
        let name = picture::shown(path);
        let onnx = read_network(path, "").ok()?;
        Graph::parse(&onnx, &name).ok()?.text_spec()
    };
    let is_card = path.extension().is_some_and(|ending| ending == "toml");
    if is_text_card(path) || !is_card && path.is_file() && reads().is_some() {
        return TextModel::read(path);
    }
    Ok(None)
}

/// What it is, and what a line costs.
///
/// # Errors
/// The network cannot be used.
pub(super) fn report(model: &TextModel, frames: u32, as_json: bool) -> anyhow::Result<String> {
    let TextModel { card, onnx, .. } = model;
    let begun = Instant::now();
    let mut network = TextNetwork::load(onnx, &card.name, &card.spec.spec)?;
    let load_ms = milliseconds(begun);
    let lengths: Vec<usize> =
        TIMED.into_iter().filter(|tokens| *tokens <= network.spec().tokens).collect();
    let mut times = Vec::with_capacity(lengths.len());
    for &length in &lengths {
        let tokens = Tokens { ids: vec![1; length], parts: vec![0; length] };
        let mut all = Vec::with_capacity(frames as usize);
        for round in 0..frames + 1 {
            let begun = Instant::now();
            network.extract(&tokens)?;
            if round > 0 {
                all.push(milliseconds(begun));
            }
        }
        all.sort_by(f64::total_cmp);
        times.push((length, all[all.len() / 2]));
    }
    let sha256 = Onnx::from(onnx).sha256();
    let bytes = Onnx::from(onnx).bytes();
    let TextSpec { tokens, pool, output } = network.spec();
    if as_json {
        let times = times.iter().map(|(tokens, ms)| json!({ "tokens": tokens, "ms": ms }));
        let report = json!({
            "name": card.name, "reads": "text", "bytes": bytes, "sha256": hex(&sha256),
            "output": output, "pool": pool, "tokens": tokens, "dim": network.dim(),
            "any_length": network.is_open(), "load_ms": load_ms, "lines": times.collect::<Vec<_>>(),
        });
        return Ok(format!("{report}\n"));
    }
    let of = match pool {
        TokenPooling::Mean => "the mean over the tokens of",
        TokenPooling::First => "the first token of",
        TokenPooling::Last => "the last token of",
        TokenPooling::Whole => "as it is from",
    };
    let lengths = match network.is_open() {
        true => "of any length",
        false => "filled up to one of some lengths",
    };
    let mut text = format!(
        "{}\n  reads       text, lines of at most {tokens} tokens, {lengths}\n  embedding   {} values, {of} {output}\n  file        {bytes} bytes, sha256 {}\n  loading     {load_ms:.0} ms\n",
        card.name,
        network.dim(),
        hex(&sha256),
    );
    for (tokens, ms) in times {
        text += &format!("  a line      {ms:.1} ms of {tokens} tokens (median of {frames})\n");
    }
    Ok(text + &format!("\nModel card:\n\n{}", card.text_to_toml()))
}
