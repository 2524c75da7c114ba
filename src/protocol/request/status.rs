use serde::{Deserialize, Serialize};

use super::words::{Word, alone};
use super::{Ask, Need, Operation, Request};
use crate::learn::command::{self, Command};

/// Show what was learned and how the device is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GetStatus;

pub(super) const WORDS: &[Word] = &[Word::new(
    "status",
    "",
    "show classes, estimated accuracy, suspects, device state",
    |words| alone(words, GetStatus),
)
.more(
    "estimate: leave-one-out accuracy, for parts and scenes like those taught. suspects: examples that the others \
     contradict; wrong_labels: those of them whose label is probably wrong, the others are hard. age: latency from capture to \
     prediction; pin: to the outputs. dropped: frames replaced by newer ones. dropped_messages: predictions that a port \
     could not carry.",
)];

impl Ask for GetStatus {
    const OPERATION: Option<Operation> =
        Some(Operation::get("What was learned, how the device is"));

    fn need(&self) -> Need {
        Need::Look
    }

    fn into_command(self) -> Result<Command, Request> {
        Ok(Command::Status(command::ReadStatus))
    }
}
