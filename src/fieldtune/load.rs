//! A backbone by its name or its card.

use std::path::Path;

use super::Error;
use crate::backbone::card::ModelCard;
use crate::backbone::{EmbeddingSource, Extractor, Tail};

/// * `tail`: is used where it is of that backbone.
pub(super) fn load(name: &str, tail: Option<&Tail>) -> Result<EmbeddingSource, Error> {
    let path = Path::new(name);
    if let Some(card) = ModelCard::sound_card(path)? {
        return Ok(card.sound_network(path.parent())?.into());
    }
    let is_card = path.extension().is_some_and(|extension| extension == "toml");
    let (card, beside) = match is_card {
        true => (ModelCard::read_card(path)?, path.parent()),
        false => (ModelCard::named(name)?, None),
    };
    let onnx = card.network(beside)?;
    let base = Extractor::fingerprint_of(&onnx, &card.spec);
    Ok(match tail.filter(|tail| tail.base() == base) {
        Some(tail) => Extractor::load_with_tail(&onnx, &card.name, &card.spec, tail)?.into(),
        None => Extractor::load(&onnx, &card.name, &card.spec)?.into(),
    })
}
