//! Lines to tokens, as the network wants them that was trained on these. The only file that names tokenizers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::LineError;

/// The tokens of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Their numbers, in order, with those that stand for beginning and end.
    pub ids: Vec<u32>,
    /// Of which part of a pair each is; 0 for a line alone.
    pub parts: Vec<u32>,
}

impl Tokens {
    /// So many of them, to try a network.
    pub(crate) fn probe(tokens: usize) -> Self {
        Self { ids: vec![1; tokens], parts: vec![0; tokens] }
    }
}

/// Why a file is no tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no tokenizer: {0}\n  next: use the tokenizer.json that belongs to the network (tokenizer.save_pretrained writes one)"
)]
pub struct TokenizerError(String);

/// Makes tokens of lines.
pub struct Tokenizer {
    #[cfg(feature = "text")]
    inner: tokenizers::Tokenizer,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer").finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// * `json`: a `tokenizer.json` of the Hugging Face library; `most`: tokens of a line, of what is longer the end is cut
    ///   off (where the file says so, its beginning).
    ///
    /// # Errors
    /// [`TokenizerError`].
    #[cfg(feature = "text")]
    pub fn parse(json: &[u8], most: usize) -> Result<Self, TokenizerError> {
        use tokenizers::{TruncationDirection, TruncationParams};
        let made = catch_unwind(|| -> Result<tokenizers::Tokenizer, String> {
            let mut inner =
                tokenizers::Tokenizer::from_bytes(json).map_err(|error| error.to_string())?;
            let direction =
                inner.get_truncation().map_or(TruncationDirection::Right, |kept| kept.direction);
            let truncation = TruncationParams { max_length: most, direction, ..Default::default() };
            inner.with_truncation(Some(truncation)).map_err(|error| error.to_string())?;
            inner.with_padding(None);
            Ok(inner)
        });
        match made {
            Ok(Ok(inner)) => Ok(Self { inner }),
            Ok(Err(error)) => Err(TokenizerError(shown(&error))),
            Err(_) => Err(TokenizerError("it failed without a message".to_owned())),
        }
    }

    /// None: the program was built without the feature `text`.
    ///
    /// # Errors
    /// [`TokenizerError`], always.
    #[cfg(not(feature = "text"))]
    pub fn parse(_json: &[u8], _most: usize) -> Result<Self, TokenizerError> {
        Err(TokenizerError("the program was built without the feature text".to_owned()))
    }

    /// The tokens of a line.
    ///
    /// # Errors
    /// [`LineError::Empty`] where nothing is left of it, [`LineError::TooLong`], [`LineError::Tokens`].
    pub fn tokens(&self, line: &str) -> Result<Tokens, LineError> {
        if line.len() > super::MAX_LINE {
            return Err(LineError::TooLong(line.len()));
        }
        if line.trim().is_empty() {
            return Err(LineError::Empty);
        }
        let encoded = catch_unwind(AssertUnwindSafe(|| self.encode(line)));
        let tokens = encoded.ok().flatten().ok_or(LineError::Tokens)?;
        if tokens.ids.is_empty() { Err(LineError::Empty) } else { Ok(tokens) }
    }

    #[cfg(feature = "text")]
    fn encode(&self, line: &str) -> Option<Tokens> {
        let encoded = self.inner.encode(line, true).ok()?;
        Some(Tokens { ids: encoded.get_ids().to_vec(), parts: encoded.get_type_ids().to_vec() })
    }

    #[cfg(not(feature = "text"))]
    fn encode(&self, _line: &str) -> Option<Tokens> {
        None
    }
}

/// Words of the library, on one line and not endless.
#[cfg(feature = "text")]
fn shown(error: &str) -> String {
    crate::util::text::one_line(error).chars().take(200).collect()
}
