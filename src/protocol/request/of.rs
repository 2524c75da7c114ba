use serde_json::Value;

use super::words::Word;
use super::{Ask, Audit, Need, Request, forms};
use crate::learn::command::Command;

/// Ask one of several regions; see [`Request::may_name_a_region`].
#[derive(Debug, Clone, PartialEq)]
pub struct Of {
    /// Its name in the board file.
    pub region: String,
    /// What it is asked for; never another `Of`.
    pub request: Box<Request>,
}

/// A region's name stands before any of the words.
pub(super) const WORDS: &[Word] = &[];

impl Of {
    /// * `request`: not another of these.
    pub fn new(region: impl Into<String>, request: impl Into<Request>) -> Self {
        Self { region: region.into(), request: Box::new(request.into()) }
    }
}

impl forms::Fields for Of {
    fn write(&self, message: &mut Vec<u8>) {
        message.extend(forms::to_bytes(&self.region));
        self.request.write(message);
    }

    fn read(fields: &[u8]) -> Result<Self, String> {
        let (region, request) = forms::split(fields)?;
        Ok(Self { region, request: Box::new(Request::read(request, true)?) })
    }

    fn from_json(_fields: Value) -> Result<Self, String> {
        Err("a region is named beside its request, not in it".to_owned())
    }
}

impl Ask for Of {
    const OF_A_REGION: bool = false;

    fn need(&self) -> Need {
        match *self.request {
            Request::Of(_) => Need::Change,
            ref request => request.need(),
        }
    }

    fn does_more_with_pin(&self) -> bool {
        self.request.does_more_with_pin()
    }

    fn takes_long(&self) -> bool {
        self.request.takes_long()
    }

    fn audit(&self) -> Audit {
        self.request.audit()
    }

    fn without_pin(self) -> Request {
        Self { request: Box::new(self.request.without_pin()), ..self }.into()
    }

    fn into_command(self) -> Result<Command, Request> {
        Err(self.into())
    }
}
