//! Boards, policies and model cards: files that people write, or a file that is none.

use fieldtune::backbone::card::ModelCard;
use fieldtune::board::{Board, policy_from_toml};
use fieldtune::protocol::console::harmless;

use super::{Input, assert_harmless};

/// Settings files are at most so long; a sentence about one is not much longer.
const LONGEST_MESSAGE: usize = 4096;

/// * `data`: a byte that says what kind of file it is, and its text.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = input.byte();
    let Ok(text) = std::str::from_utf8(input.rest()) else { return };
    match kind % 3 {
        0 => match Board::parse(text, "a/board.toml") {
            Ok(board) => named(&board),
            Err(error) => refused(&error.to_string(), text),
        },
        1 => match policy_from_toml(text, "a/policy.toml") {
            Ok(policy) => {
                for board in Board::built_in() {
                    if let Err(error) = board.check_policy(&policy) {
                        assert_harmless(&error.to_string());
                    }
                }
            }
            Err(error) => refused(&error.to_string(), text),
        },
        _ => match ModelCard::parse(text, "a/card.toml") {
            Ok(card) => {
                let again = ModelCard::parse(&card.to_toml(), "a/card.toml");
                assert_eq!(again.expect("a card that was just written"), card);
                assert!(!card.file.contains('/') && card.file != "..", "{:?}", card.file);
                assert!(!card.file.chars().any(super::is_obeyed), "{:?}", card.file);
            }
            Err(error) => {
                refused(&error.to_string(), text);
                match ModelCard::parse_text(text, "a/card.toml") {
                    Ok(card) => {
                        let again = ModelCard::parse_text(&card.text_to_toml(), "a/card.toml");
                        assert_eq!(again.expect("a card that was just written"), card);
                        let tokenizer = &card.spec.tokenizer.file;
                        assert!(!tokenizer.contains('/') && tokenizer != "..", "{tokenizer:?}");
                    }
                    Err(error) => refused(&error.to_string(), text),
                }
                match ModelCard::parse_sound(text, "a/card.toml") {
                    Ok(card) => {
                        let again = ModelCard::parse_sound(&card.sound_to_toml(), "a/card.toml");
                        assert_eq!(again.expect("a card that was just written"), card);
                    }
                    Err(error) => refused(&error.to_string(), text),
                }
            }
        },
    }
}

/// Names of a board can be typed on a console and shown there.
fn named(board: &Board) {
    let outputs = board.outputs.iter().map(|output| &output.name);
    let inputs = board.inputs.iter().map(|input| &input.name);
    for name in outputs.chain(inputs).chain(board.regions.keys()) {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        assert!(!name.is_empty() && name.chars().all(plain), "{name:?}");
    }
    board.outputs.iter().for_each(|output| assert_harmless(&output.line.to_string()));
}

/// A refusal names the file and stays a few lines, whatever stands in the text.
fn refused(error: &str, text: &str) {
    assert!(error.starts_with("a/"), "{error}");
    assert!(error.len() <= LONGEST_MESSAGE + 4 * text.len(), "{} bytes", error.len());
    assert_harmless(&harmless(error));
}
