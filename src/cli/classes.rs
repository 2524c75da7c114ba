//! `fieldtune classes`.

use clap::Args;

use super::args::store::{StoreArgs, now};
use super::{Exit, answer};
use crate::learn::command::{Command, ReadClasses};

/// List classes with example counts and leave-one-out recall
#[derive(Debug, Args)]
pub struct ClassesCommand {
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

impl ClassesCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let reply = self.store.look()?.apply(Command::Classes(ReadClasses), now())?;
        answer(&reply, self.json);
        Ok(Exit::Done)
    }
}
