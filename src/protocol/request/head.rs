use serde::{Deserialize, Serialize};

use super::words::{Parsed, Place, Word, Wrong};
use super::{Ask, Audit, Need, Operation, Request};
use crate::learn::command::{self, Command};
use crate::learn::head::{HeadConfig, HeadKind};

/// Use another head with its usual settings, taught with all that is stored; without one, show which is in use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetHead {
    /// The head to use.
    pub kind: Option<HeadKind>,
}

pub(super) const WORDS: &[Word] =
    &[Word::new("head", "[KIND]", "change the head; a new head learns all stored examples", parse)
        .places(&[Place::Head])];

fn parse(words: &[&str]) -> Parsed {
    match words {
        [] => Ok(SetHead { kind: None }.into()),
        [name] => {
            let kind = HeadKind::ALL.into_iter().find(|kind| kind.name() == *name);
            let kind = kind.ok_or_else(|| {
                let names: Vec<&str> = HeadKind::ALL.into_iter().map(HeadKind::name).collect();
                format!("there is no head {name}; there are {}", names.join(", "))
            })?;
            Ok(SetHead { kind: Some(kind) }.into())
        }
        _ => Err(Wrong::Usage),
    }
}

impl Ask for SetHead {
    const OPERATION: Option<Operation> = Some(
        Operation::post("Change the head; without a kind, show it")
            .with(&[("kind", "string", false)]),
    );

    fn need(&self) -> Need {
        if self.kind.is_some() { Need::Change } else { Need::Look }
    }

    fn audit(&self) -> Audit {
        if self.kind.is_some() { Audit::Reply } else { Audit::Nothing }
    }

    fn into_command(self) -> Result<Command, Request> {
        Ok(Command::Head(command::ChangeHead { config: self.kind.map(HeadConfig::of) }))
    }
}
