use serde::{Deserialize, Serialize};

use super::forms;
use super::words::{Parsed, Word, Wrong};
use super::{Ask, Need, Operation};
use crate::protocol::pin::Pin;

/// Allow everything at this port for a while; what guards the port does this, not the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unlock {
    /// The device's.
    #[serde(with = "forms::pin")]
    pub pin: Pin,
}

pub(super) const WORDS: &[Word] = &[Word::new(
    "unlock",
    "PIN",
    "allow changes at this port for a while",
    parse,
)
.secret()
.more(
    "Where the board file locks the port. It locks again with `lock`, and by itself. The PIN is not shown.",
)];

fn parse(words: &[&str]) -> Parsed {
    let [pin] = words else { return Err(Wrong::Usage) };
    Ok(Unlock { pin: Pin::new(pin).map_err(|error| error.to_string())? }.into())
}

impl Ask for Unlock {
    const OPERATION: Option<Operation> =
        Some(Operation::post("Begin a session").with(&[("pin", "string", true)]));

    const OF_A_REGION: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }
}
