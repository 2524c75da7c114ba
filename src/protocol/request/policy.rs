//! The policy: what outputs and buttons do, as text.

use serde::{Deserialize, Serialize};

use super::words::{Word, alone};
use super::{Ask, Audit, Need, Operation};

/// The policy's text, and whether it can be changed from here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GetPolicy;

/// Check a policy, store it in the file that the device was started with, and follow it from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavePolicy {
    /// As the file has it.
    pub text: String,
    /// Of the text that was changed: where the file holds another one by now, nothing is stored. Without one it is
    /// replaced whatever it holds.
    pub revision: Option<String>,
}

pub(super) const WORDS: &[Word] =
    &[Word::new("policy", "", "show the policy: what outputs and buttons do", |words| {
        alone(words, GetPolicy)
    })
    .more(
        "It is changed on the page, by `fieldtune ctl policy save FILE`, or in its file, which `restart` reads again.",
    )];

impl Ask for GetPolicy {
    const OPERATION: Option<Operation> =
        Some(Operation::get("The policy's text, and whether it can be changed"));

    const OF_A_REGION: bool = false;

    fn need(&self) -> Need {
        Need::Look
    }
}

impl Ask for SavePolicy {
    const OPERATION: Option<Operation> = Some(
        Operation::post("Check, store and follow another policy")
            .with(&[("text", "string", true), ("revision", "string", false)]),
    );

    const OF_A_REGION: bool = false;

    fn need(&self) -> Need {
        Need::Change
    }

    fn audit(&self) -> Audit {
        Audit::Text(format!("policy changed, {} bytes", self.text.len()))
    }
}
