//! `fieldtune classes`.

use clap::Args;

use super::args::store::{StoreArgs, now};
use super::learned::percent;
use super::{Exit, answer};
use crate::learn::command::{Classes, Command, Reply};

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
        let reply = self.store.look()?.apply(Command::Classes(Classes), now())?;
        answer(&reply, self.json, |reply| {
            let Reply::Classes(classes) = reply else { unreachable!("classes answers Classes") };
            println!("{:<24} {:>8}  recall (leave-one-out)", "class", "examples");
            for class in classes {
                println!("{:<24} {:>8}  {}", class.name, class.count, percent(class.recall));
            }
        });
        Ok(Exit::Done)
    }
}
