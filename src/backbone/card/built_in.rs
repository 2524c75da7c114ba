//! The backbone that is part of the program, so that it does its job with nothing else at hand: one network, fed at 224
//! pixels, at 128, or twice at 224.

#[cfg(feature = "built-in")]
use sha2::{Digest, Sha256};

#[cfg(feature = "built-in")]
use super::hex;
use super::{ModelCard, ModelError};

/// What the command line calls it, besides its own names: at the size that a store was taught with, else at 224 pixels.
pub const NAME: &str = "built-in";

const CARDS: [(&str, &str); 3] = [
    ("fieldtune-224.toml", include_str!("../../../models/fieldtune-224.toml")),
    ("fieldtune-128.toml", include_str!("../../../models/fieldtune-128.toml")),
    ("fieldtune-224-twice.toml", include_str!("../../../models/fieldtune-224-twice.toml")),
];
#[cfg(feature = "built-in")]
const ONNX: &[u8] = include_bytes!("../../../models/fieldtune-128.onnx");

/// Its cards, one for each way that it is fed; what is taught first is taught with the first.
pub fn cards() -> [ModelCard; 3] {
    CARDS.map(|(file, text)| ModelCard::parse(text, file).expect("a test parses the cards"))
}

/// The card of what is taught first.
pub fn card() -> ModelCard {
    let [first, ..] = cards();
    first
}

/// The network itself.
///
/// # Errors
/// [`ModelError::NotBuiltIn`]: it is not in this build (feature `built-in`).
#[cfg(not(feature = "built-in"))]
pub fn onnx() -> Result<&'static [u8], ModelError> {
    Err(ModelError::NotBuiltIn { name: card().name })
}

/// The network itself.
///
/// # Errors
/// [`ModelError::Mismatch`] if the program's file is damaged; [`ModelError::NotBuiltIn`] where it is not in this build
/// (feature `built-in`).
#[cfg(feature = "built-in")]
pub fn onnx() -> Result<&'static [u8], ModelError> {
    let card = card();
    let got: [u8; 32] = Sha256::digest(ONNX).into();
    if got == card.sha256 {
        return Ok(ONNX);
    }
    Err(ModelError::Mismatch {
        path: "the network in this program".to_owned(),
        card: card.name,
        wanted: format!("sha256 {}", hex(&card.sha256)),
        got: hex(&got),
    })
}

#[cfg(all(test, feature = "built-in"))]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_network_matches_its_cards() {
        let onnx = onnx().expect("the hash is the card's");
        for card in cards() {
            assert_eq!(
                (onnx.len() as u64, card.is_built_in()),
                (card.bytes, true),
                "{}",
                card.name
            );
        }
        assert!(onnx.len() <= 2 << 20, "{} bytes", onnx.len());
    }
}
