//! What the network of a card is fed with.

use serde::Deserialize;

/// What the network of a card is fed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CardKind {
    /// Images, or the pictures of sounds.
    Image,
    /// Lines of text.
    Text,
    /// Samples of sound, or log-mel features of them.
    Sound,
}

/// What a card's text says of it; an image where it says nothing, or is no card.
pub fn kind_of_card(text: &str) -> CardKind {
    #[derive(Deserialize)]
    struct Card {
        input: Input,
    }
    #[derive(Deserialize)]
    struct Input {
        kind: String,
    }
    match crate::util::settings::parse::<Card>(text) {
        Ok(card) if card.input.kind == "text" => CardKind::Text,
        Ok(card) if ["samples", "log-mel"].contains(&card.input.kind.as_str()) => CardKind::Sound,
        _ => CardKind::Image,
    }
}

impl CardKind {
    /// What is to be said of such a card where one of a network that looks at images is wanted.
    pub(super) fn instead_of_images(self) -> Option<&'static str> {
        match self {
            Self::Image => None,
            Self::Text => Some(
                "input: kind: the network reads text, wanted one that looks at images\n  next: give it lines of text with --text or --lines",
            ),
            Self::Sound => Some(
                "input: kind: the network hears, wanted one that looks at images\n  next: give it recordings (WAV) or --camera sound:SOURCE; what is about pixels is not for it",
            ),
        }
    }
}
