//! `fieldtune inspect` of a network that reads text.

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use serde_json::json;

use super::milliseconds;
use crate::backbone::card::{ModelCard, TextInput, hex, is_of_text, read_network};
use crate::backbone::{Graph, Onnx, TextNetwork, TextSpec, TokenPooling};
use crate::cli::args::model::text_card;
use crate::image::picture;
use crate::text::{Tokenizer, Tokens};
use crate::util::settings;

/// Tokens of the lines that are timed.
const TIMED: [usize; 3] = [8, 32, 128];

/// Its card: what is read, or what can be told from the network's file; `None` where it does not read text.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn card(model: &str) -> anyhow::Result<Option<ModelCard<TextInput>>> {
    let path = Path::new(model);
    let is_card = path.extension().is_some_and(|ending| ending == "toml");
    if is_card {
        let of_text = settings::read(path).is_ok_and(|text| is_of_text(&text));
        return Ok(if of_text { Some(ModelCard::read_text_card(path)?) } else { None });
    }
    if !path.is_file() {
        return Ok(None);
    }
    // What is wrong with it is said when it is looked at as a network that sees.
    let name = picture::shown(path);
    let graph = read_network(path, "").ok().and_then(|onnx| Graph::parse(&onnx, &name).ok());
    match graph.and_then(|graph| graph.text_spec()) {
        Some(_) => text_card(path).map(Some),
        None => Ok(None),
    }
}

/// What it is, and what a line costs.
///
/// # Errors
/// The network cannot be used.
pub(super) fn report(
    model: &str,
    card: &ModelCard<TextInput>,
    frames: u32,
    as_json: bool,
) -> anyhow::Result<String> {
    let folder = Path::new(model).parent();
    // A card that was just made names the file itself.
    let onnx = match Path::new(model).extension().is_some_and(|ending| ending == "toml") {
        true => card.network(folder)?,
        false => read_network(Path::new(model), "")?,
    };
    let tokenizer = card.tokenizer(folder)?;
    Tokenizer::parse(&tokenizer, card.spec.spec.tokens)
        .with_context(|| format!("{}: {}", card.name, card.spec.tokenizer.file))?;
    let begun = Instant::now();
    let mut network = TextNetwork::load(&onnx, &card.name, &card.spec.spec)?;
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
    let sha256 = Onnx::from(&onnx).sha256();
    let bytes = Onnx::from(&onnx).bytes();
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
