//! The policy of a device, fetched and changed as a file.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::super::output::write_whole;
use super::super::{Context, Exit};
use super::CtlCommand;
use crate::protocol::request::{Answer, GetPolicy, SavePolicy};
use crate::util::settings;

impl CtlCommand {
    pub(super) fn fetch_policy(&self, file: &Path, context: &Context) -> anyhow::Result<Exit> {
        let answer = self.ask(&mut self.link()?, &GetPolicy.into(), context)?;
        let Answer::Policy { text, .. } = answer.plain() else {
            bail!("unexpected answer of the device, wanted a policy");
        };
        write_whole(file, text.as_bytes())?;
        Ok(Exit::Done)
    }

    /// The device checks it, since it knows its board.
    pub(super) fn save_policy(&self, file: &Path, context: &Context) -> anyhow::Result<Exit> {
        let text = settings::read(file).with_context(|| file.display().to_string())?;
        let save = SavePolicy { text, revision: None };
        let answer = self.ask(&mut self.link()?, &save.into(), context)?;
        self.tell(&answer);
        Ok(Exit::Done)
    }
}
