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
    match kind_in(text).as_deref() {
        Some("text") => CardKind::Text,
        Some("samples" | "log-mel") => CardKind::Sound,
        _ => CardKind::Image,
    }
}

/// What stands there.
fn kind_in(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Card {
        input: Input,
    }
    #[derive(Deserialize)]
    struct Input {
        kind: String,
    }
    Some(crate::util::settings::parse::<Card>(text).ok()?.input.kind)
}

/// What is to be said of a card where one of a network that looks at images is wanted; `None` of such a one.
pub(super) fn instead_of_images(text: &str) -> Option<String> {
    let kind = kind_in(text)?;
    Some(match kind_of_card(text) {
        CardKind::Text => {
            "input: kind: the network reads text, wanted one that looks at images\n  next: give it lines of text with --text or --lines".to_owned()
        }
        CardKind::Sound => {
            "input: kind: the network hears, wanted one that looks at images\n  next: give it recordings (WAV) or --camera sound:SOURCE; what is about pixels is not for it".to_owned()
        }
        CardKind::Image => {
            let kind = kind.escape_debug();
            format!("input: kind: \"{kind}\" is not \"text\", \"samples\" or \"log-mel\"; a network that looks at images has none")
        }
    })
}
