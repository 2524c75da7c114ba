//! Tokenizers and what they make of a line: tokens within the limit, or a refusal.

use fieldtune::text::Tokenizer;

use super::assert_harmless;
use fieldtune::protocol::console::harmless;

/// Tokens of a line at most.
const MOST: usize = 16;

/// * `data`: a tokenizer's file, and behind the first 0 the line.
pub fn check(data: &[u8]) {
    let end = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let line = String::from_utf8_lossy(data.get(end + 1..).unwrap_or_default());
    match Tokenizer::parse(&data[..end], MOST) {
        Ok(tokenizer) => match tokenizer.tokens(&line) {
            Ok(tokens) => {
                assert!((1..=MOST).contains(&tokens.ids.len()), "{}", tokens.ids.len());
                assert_eq!(tokens.ids.len(), tokens.parts.len());
            }
            Err(error) => assert_harmless(&error.to_string()),
        },
        Err(error) => assert_harmless(&harmless(&error.to_string())),
    }
}
