//! The backbone that is part of the program, so that it does its job with nothing else at hand.

#[cfg(feature = "built-in")]
use sha2::{Digest, Sha256};

#[cfg(feature = "built-in")]
use super::hex;
use super::{ModelCard, ModelError};

/// What the command line calls it, besides its own name.
pub const NAME: &str = "built-in";

const FILE: &str = "fieldtune-128.toml";
const CARD: &str = include_str!("../../../models/fieldtune-128.toml");
#[cfg(feature = "built-in")]
const ONNX: &[u8] = include_bytes!("../../../models/fieldtune-128.onnx");

/// Its card.
pub fn card() -> ModelCard {
    ModelCard::parse(CARD, FILE).expect("a test parses the card")
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
    fn the_built_in_network_matches_its_card() {
        let onnx = onnx().expect("the hash is the card's");
        assert_eq!(onnx.len() as u64, card().bytes);
        assert!(onnx.len() <= 2 << 20, "{} bytes", onnx.len());
    }
}
