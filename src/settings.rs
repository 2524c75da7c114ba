//! Settings that people write, as TOML.

use serde::de::DeserializeOwned;

/// A text's settings.
///
/// # Errors
/// What is wrong with the text, with its line.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())
}
