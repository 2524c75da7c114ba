//! Cards of networks that read text.

use std::path::Path;

use serde::Deserialize;

use super::files::{DataFile, place};
use super::{
    CardKind, ModelCard, ModelError, RawCard, hex, kind_of_card, plain_file, quoted, sum, text_of,
};
use crate::backbone::{MAX_TOKENS, Tap, TextSpec, TokenPooling};
use crate::util::bounded;

/// Bytes that a tokenizer's file may have.
pub const MAX_TOKENIZER_BYTES: u64 = 64 << 20;

/// How a network that reads text is fed.
#[derive(Debug, Clone, PartialEq)]
pub struct TextInput {
    /// The file of its tokenizer, beside the network.
    pub tokenizer: DataFile,
    /// What it gets of a line, and what is taken of it.
    pub spec: TextSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTextInput {
    #[serde(rename = "kind")]
    _kind: Kind,
    tokenizer: String,
    #[serde(rename = "tokenizer-bytes")]
    bytes: u64,
    #[serde(rename = "tokenizer-sha256")]
    sha256: String,
    tokens: usize,
    pool: TokenPooling,
    output: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Text,
}

impl RawTextInput {
    /// # Errors
    /// The key, what stands there and what may.
    fn check(self, taps: Vec<Tap>) -> Result<TextInput, String> {
        if !taps.is_empty() {
            let what = "tap: a network that reads text has none; its tensor is output in [input]";
            return Err(what.to_owned());
        }
        plain_file("input: tokenizer", &self.tokenizer)?;
        let sha256 = sum("input: tokenizer-sha256", &self.sha256)?;
        let (bytes, file) = (self.bytes, self.tokenizer);
        if bytes == 0 || bytes > MAX_TOKENIZER_BYTES {
            return Err(format!(
                "input: tokenizer-bytes: {bytes} is not within 1 and {MAX_TOKENIZER_BYTES}"
            ));
        }
        let tokens = self.tokens;
        if !(2..=MAX_TOKENS).contains(&tokens) {
            return Err(format!("input: tokens: {tokens} is not within 2 and {MAX_TOKENS}"));
        }
        let spec = TextSpec { tokens, pool: self.pool, output: self.output };
        Ok(TextInput { tokenizer: DataFile { file, bytes, sha256 }, spec })
    }
}

impl ModelCard<TextInput> {
    /// As [`ModelCard::parse`], of a network that reads text.
    ///
    /// # Errors
    /// [`ModelError::Card`] with the key, what stands there and what may.
    pub fn parse_text(text: &str, file_name: &str) -> Result<Self, ModelError> {
        let wrong = |what: String| ModelError::Card { card: file_name.to_owned(), what };
        if kind_of_card(text) != CardKind::Text {
            // What is no card of either kind says so itself.
            ModelCard::parse(text, file_name)?;
            let what = "input: the network looks at images, wanted one that reads text (kind = \"text\")\n  next: leave --text and --lines out, or leave --model out: lines need no network";
            return Err(wrong(what.to_owned()));
        }
        RawCard::parse(text, RawTextInput::check).and_then(Self::without_words).map_err(wrong)
    }

    /// As [`ModelCard::read_card`], of a network that reads text.
    ///
    /// # Errors
    /// [`ModelError::File`], [`ModelError::Card`].
    pub fn read_text_card(path: &Path) -> Result<Self, ModelError> {
        Self::parse_text(&text_of(path)?, &path.display().to_string())
    }

    /// The tokenizer's bytes: beside the card, or where the network is kept.
    ///
    /// * `beside`: the card's folder.
    ///
    /// # Errors
    /// [`ModelError::File`], [`ModelError::Mismatch`].
    pub fn tokenizer(&self, beside: Option<&Path>) -> Result<Vec<u8>, ModelError> {
        let file = &self.spec.tokenizer;
        let path = place(&file.file, beside);
        let bytes = read_tokenizer(&path)?;
        self.check(&path, &bytes, file.bytes, &file.sha256)?;
        Ok(bytes)
    }

    /// The card's text; parsing it gives the card again.
    pub fn text_to_toml(&self) -> String {
        let TextInput { tokenizer, spec } = &self.spec;
        let pool = spec.pool.name();
        let mut text = self.head();
        text += &format!(
            "kind = \"text\"\ntokenizer = {}\ntokenizer-bytes = {}\ntokenizer-sha256 = \"{}\"\ntokens = {}\npool = \"{pool}\"\noutput = {}\n",
            quoted(&tokenizer.file),
            tokenizer.bytes,
            hex(&tokenizer.sha256),
            spec.tokens,
            quoted(&spec.output)
        );
        self.data.iter().for_each(|data| text += &data.to_toml());
        text
    }
}

/// A tokenizer's file, of at most [`MAX_TOKENIZER_BYTES`].
///
/// # Errors
/// [`ModelError::File`].
pub fn read_tokenizer(path: &Path) -> Result<Vec<u8>, ModelError> {
    bounded::read(path, MAX_TOKENIZER_BYTES).map_err(|error| ModelError::File {
        path: path.display().to_string(),
        error,
        advice: "\n  next: put the tokenizer.json of the network beside it".to_owned(),
    })
}
