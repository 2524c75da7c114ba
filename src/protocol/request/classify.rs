use serde::{Deserialize, Serialize};

use super::words::Word;
use super::{Ask, Need, Operation};

/// Classify a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classify {
    /// A PNG, JPEG or other picture file.
    pub image: Vec<u8>,
}

/// A picture cannot be typed.
pub(super) const WORDS: &[Word] = &[];

impl Ask for Classify {
    const OPERATION: Option<Operation> = Some(Operation::file("Classify an image"));

    fn need(&self) -> Need {
        Need::Look
    }
}
