//! `--model` with lines of text: a card or a network that reads, to an encoder.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::model::ModelArgs;
use crate::backbone::card::{
    CardKind, DataFile, ModelCard, TextInput, kind_of_card, read_network, read_tokenizer,
};
use crate::backbone::{Graph, Onnx, OnnxFiles, TextEncoder, TextNetwork};
use crate::image::picture;
use crate::text::Tokenizer;
use crate::util::settings;

/// What the tokenizer of a network without a card is called.
const TOKENIZER: &str = "tokenizer.json";

/// A network that reads text, loaded, with what it was loaded from.
pub(in crate::cli) struct TextModel {
    pub(in crate::cli) card: ModelCard<TextInput>,
    pub(in crate::cli) onnx: OnnxFiles,
    pub(in crate::cli) network: TextNetwork,
    tokenizer: Tokenizer,
}

impl TextModel {
    /// * `path`: a card of a network that reads text, or such a network, whose tokenizer lies beside it.
    /// * returns `None` for a network that does not read text.
    ///
    /// # Errors
    /// A file that cannot be read or is not the card's, a network or a tokenizer that cannot be used.
    pub(in crate::cli) fn read(path: &Path) -> anyhow::Result<Option<Self>> {
        if is_card(path) {
            let card = ModelCard::read_text_card(path)?;
            let onnx = card.network(path.parent())?;
            let tokenizer = card.tokenizer(path.parent())?;
            let network = TextNetwork::load(&onnx, &card.name, &card.spec.spec)?;
            let tokenizer = Tokenizer::parse(&tokenizer, network.spec().tokens)
                .with_context(|| format!("{}: {}", card.name, card.spec.tokenizer.file))?;
            return Ok(Some(Self { card, onnx, network, tokenizer }));
        }
        let onnx = read_network(path, "")?;
        let name = picture::shown(path);
        let Some(spec) = Graph::parse(&onnx, &name)?.text_spec() else { return Ok(None) };
        let network = TextNetwork::load_fitting(&onnx, &name, &spec)?;
        let spec = network.spec().clone();
        let place = path.with_file_name(TOKENIZER);
        let bytes = read_tokenizer(&place)?;
        let tokenizer =
            Tokenizer::parse(&bytes, spec.tokens).with_context(|| picture::shown(&place))?;
        let input = TextInput { tokenizer: DataFile::of(TOKENIZER, &bytes), spec };
        let card = ModelCard::of_files(&onnx, path, input);
        Ok(Some(Self { card, onnx, network, tokenizer }))
    }

    fn into_encoder(self) -> TextEncoder {
        let Self { card, onnx, network, tokenizer } = self;
        let sums = [Onnx::from(&onnx).sha256(), card.spec.tokenizer.sha256];
        TextEncoder::of_network(network, tokenizer, &card.name, sums)
    }
}

fn is_card(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "toml")
}

/// What the network of a card is fed with; `None` for what is no card.
pub(in crate::cli) fn card_kind(path: &Path) -> Option<CardKind> {
    is_card(path).then(|| settings::read(path).ok()).flatten().map(|text| kind_of_card(&text))
}

/// Whether it is a card of a network that reads text.
pub(in crate::cli) fn is_text_card(path: &Path) -> bool {
    card_kind(path) == Some(CardKind::Text)
}

impl ModelArgs {
    /// What reads words into the space of the network that sees: the one that its card names.
    ///
    /// * `sees`, `dim`: name of the network that sees, and values that it gives an image.
    ///
    /// # Errors
    /// As [`TextModel::read`]; a network whose card names none, or one that gives words another number of values.
    pub fn words_encoder(&self, sees: &str, dim: usize) -> anyhow::Result<TextEncoder> {
        let path = Path::new(&self.model);
        let card = is_card(path).then(|| ModelCard::read_card(path)).transpose()?;
        let Some(words) = card.and_then(|card| card.words) else {
            bail!(
                "{}: no network of words was trained with it: wanted a card that names one (words = \"CARD.toml\"), as for CLIP and SigLIP\n  next: docs/senses.md, Words for images; or teach images",
                picture::shown(path)
            );
        };
        let words = path.with_file_name(words);
        let place = || format!("{}: words", picture::shown(path));
        let Some(model) = TextModel::read(&words).with_context(place)? else {
            bail!(
                "{}: the network does not read text: wanted whole numbers as inputs (input_ids, attention_mask)",
                picture::shown(&words)
            );
        };
        let encoder = model.into_encoder();
        if encoder.dim() != dim {
            bail!(
                "{} gives words {} values, {sees} gives images {dim}: wanted two networks of one space, trained together",
                encoder.name(),
                encoder.dim()
            );
        }
        Ok(encoder)
    }

    /// What reads lines of text: the network where one is named, else counted words.
    ///
    /// # Errors
    /// As [`TextModel::read`]; a network that looks at images.
    pub fn text_encoder(&self) -> anyhow::Result<TextEncoder> {
        let path = Path::new(&self.model);
        // What the environment says once for all images is not meant for lines.
        let set = std::env::var_os("FIELDTUNE_MODEL").is_some_and(|set| *set == *self.model);
        if self.is_default() || set && !is_text_card(path) {
            return Ok(TextEncoder::of_words());
        }
        let shown = picture::shown(path);
        if ModelCard::named(&self.model).is_ok() || !path.exists() {
            let there = if path.exists() { "" } else { "there is no such file; " };
            bail!(
                "{shown}: {there}wanted a network that reads text: its card (.toml), or its file (.onnx) with tokenizer.json beside it\n  next: name one, or leave --model out where the lines were taught without"
            );
        }
        match TextModel::read(path)? {
            Some(model) => Ok(model.into_encoder()),
            None => bail!(
                "{shown}: the network does not read text: wanted whole numbers as inputs (input_ids, attention_mask)"
            ),
        }
    }
}
