use serde::{Deserialize, Serialize};

use super::words::{Word, alone};
use super::{Ask, Need, Request};
use crate::learn::command::{self, Command};

/// Tell how it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GetStatus;

pub(super) const WORDS: &[Word] = &[Word::new(
    "status",
    "",
    "what it knows, how well it would do, how the device is",
    |words| alone(words, GetStatus),
)
.more(
    "estimate: of all examples, how many the others would have judged right. suspects: which they contradict. \
     age: from a frame's capture to its verdict; pin: to the outputs. dropped: frames that a newer one replaced. \
     dropped_messages: verdicts that a port had no room for.",
)];

impl Ask for GetStatus {
    fn need(&self) -> Need {
        Need::Look
    }

    fn into_command(self) -> Result<Command, Request> {
        Ok(Command::Status(command::GetStatus))
    }
}
