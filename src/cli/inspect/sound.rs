//! `fieldtune inspect` of a network that hears.

use std::path::Path;
use std::time::Instant;

use serde_json::json;

use super::milliseconds;
use crate::backbone::card::{ModelCard, hex, read_network};
use crate::backbone::{Graph, Onnx, SoundInput, SoundNetwork, SoundSpec};
use crate::image::frame::Waveform;
use crate::image::picture;
use crate::sound::SoundWindow;

/// What is to be known of a guessed card.
const GUESSED: &str = "# The file shows what it gets and of which length. The rest is a guess: compare rate, norm or frame to std, and pool with
# what the network was trained with.
";

/// The card, where it is one of a network that hears, or such a network without a card; of that it is guessed.
///
/// # Errors
/// A card that is wrong.
pub(super) fn card(path: &Path) -> anyhow::Result<Option<(ModelCard<SoundSpec>, bool)>> {
    if path.extension().is_some_and(|ending| ending == "toml") {
        return Ok(ModelCard::sound_card(path)?.map(|card| (card, false)));
    }
    // What is wrong with a network is said when it is looked at as one that sees.
    let guessed = || {
        let onnx = read_network(path, "").ok()?;
        let spec = Graph::parse(&onnx, &picture::shown(path)).ok()?.sound_spec()?;
        Some((ModelCard::of_files(&onnx, path, spec), true))
    };
    Ok(path.is_file().then(guessed).flatten())
}

/// The card's text, and what of it is guessed.
pub(super) fn card_text(card: &ModelCard<SoundSpec>, is_guessed: bool) -> String {
    let text = card.sound_to_toml();
    if is_guessed { format!("{GUESSED}{text}") } else { text }
}

/// What it is, and what a window costs.
///
/// # Errors
/// The network is not there, is not the card's or cannot be used.
pub(super) fn report(
    card: &ModelCard<SoundSpec>,
    beside: Option<&Path>,
    is_guessed: bool,
    (frames, as_json): (u32, bool),
) -> anyhow::Result<String> {
    let onnx = card.network(beside)?;
    let begun = Instant::now();
    let mut network = SoundNetwork::load(&onnx, &card.name, &card.spec)?;
    let load_ms = milliseconds(begun);
    let SoundWindow { rate, samples, .. } = card.spec.window;
    // A sawtooth: what is silent may cost less.
    let heard = (0..samples).map(|at| (at * 331 % 65_536) as u16 as i16).collect();
    let heard = Waveform::new(rate, heard).expect("a card's window has samples");
    let mut times = Vec::with_capacity(frames as usize);
    for _ in 0..frames {
        let begun = Instant::now();
        network.extract(&heard)?;
        times.push(milliseconds(begun));
    }
    times.sort_by(f64::total_cmp);
    let window_ms = times.get(times.len() / 2).copied();
    let (bytes, sha256) = (Onnx::from(&onnx).bytes(), Onnx::from(&onnx).sha256());
    let SoundSpec { window, input, pool, output } = &card.spec;
    if as_json {
        let report = json!({
            "name": card.name, "hears": "sound", "bytes": bytes, "sha256": hex(&sha256),
            "output": output, "pool": pool, "rate": rate, "samples": samples,
            "dim": network.dim(), "load_ms": load_ms, "ms": window_ms,
        });
        return Ok(format!("{report}\n"));
    }
    let gets = match input {
        SoundInput::Samples(_) => "samples".to_owned(),
        SoundInput::LogMel(mel, _) => {
            format!("log-mel features, {} frames of {} bands", mel.frames(window), mel.bands)
        }
    };
    let cost = window_ms
        .map_or_else(String::new, |ms| format!("  a window    {ms:.1} ms (median of {frames})\n"));
    Ok(format!(
        "{}\n  hears       {} s at {rate} Hz, as {gets}\n  embedding   {} values, {} of {output}\n  file        {bytes} bytes, sha256 {}\n  loading     {load_ms:.0} ms\n{cost}\nModel card:\n\n{}",
        card.name,
        window.seconds(),
        network.dim(),
        pool.name(),
        hex(&sha256),
        card_text(card, is_guessed),
    ))
}
