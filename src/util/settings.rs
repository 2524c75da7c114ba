//! Settings that people write, as TOML.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::util::bounded;

/// Bytes that a file of settings may have: a board, a policy, a model card.
pub const MAX_BYTES: u64 = 1 << 20;

/// A file's text.
///
/// # Errors
/// The system's, that it is too long, that it is no text.
pub fn read(path: &Path) -> std::io::Result<String> {
    bounded::read_text(path, MAX_BYTES)
}

/// A text's settings.
///
/// # Errors
/// What is wrong with the text, with its line.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())
}
