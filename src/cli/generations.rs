//! `fieldtune save`, `generations`, `rollback`, `diff`: states that can be come back to.

use clap::Args;

use super::Exit;
use super::args::store::{StoreArgs, now};
use crate::protocol::json;
use crate::protocol::people;
use crate::protocol::request::Answer;
use crate::store::snapshot::Difference;

/// Save a checkpoint
#[derive(Debug, Args)]
#[command(
    after_help = "Everything is stored anyway, at once; a generation is a point to return to.

Examples:
  fieldtune save before-the-new-lamp
  fieldtune rollback 7"
)]
pub struct SaveCommand {
    /// Its name
    name: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

impl SaveCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let saved = self.store.open_taught()?.save(self.name.as_deref(), now())?;
        if self.json {
            println!("{}", json::answer(&Answer::Saved(saved)));
        } else {
            println!(
                "generation {}: {}",
                saved.number,
                people::held(saved.classes, saved.examples)
            );
        }
        Ok(Exit::Done)
    }
}

/// List checkpoints (generations)
#[derive(Debug, Args)]
#[command(
    after_help = "At most 32 automatic checkpoints are kept, the oldest is dropped; saved ones stay until dropped.

Examples:
  fieldtune generations
  fieldtune generations --drop 3"
)]
pub struct GenerationsCommand {
    /// Drop this generation
    #[arg(long, value_name = "N")]
    drop: Option<u64>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

impl GenerationsCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        if let Some(number) = self.drop {
            self.store.open_taught()?.drop_generation(number)?;
            if self.json {
                println!("{}", json::answer(&Answer::Done));
            }
            return Ok(Exit::Done);
        }
        let generations = self.store.look()?.generations()?;
        if self.json {
            println!("{}", json::answer(&Answer::Generations(generations)));
            return Ok(Exit::Done);
        }
        people::generations(&generations).iter().for_each(|line| println!("{line}"));
        Ok(Exit::Done)
    }
}

/// Restore a checkpoint
///
/// The current state is saved as a generation first. It clears the undo steps; another rollback reverts it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fieldtune generations
  fieldtune rollback 7")]
pub struct RollbackCommand {
    /// Its number
    #[arg(value_name = "N")]
    generation: u64,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

impl RollbackCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let mut session = self.store.open_taught()?;
        session.roll_back(self.generation, now())?;
        if self.json {
            println!("{}", json::answer(&Answer::Done));
            return Ok(Exit::Done);
        }
        let learner = session.learner();
        let (classes, examples) = (learner.classes().len(), learner.examples().len());
        println!("restored generation {}: {}", self.generation, people::held(classes, examples));
        Ok(Exit::Done)
    }
}

/// Compare two checkpoints, or a checkpoint and the current state
///
/// Exit status 1 if there is no difference.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fieldtune diff 7
  fieldtune diff 7 9 --json")]
pub struct DiffCommand {
    /// The first generation
    #[arg(value_name = "N")]
    from: u64,
    /// The second generation [default: the current state]
    #[arg(value_name = "M")]
    to: Option<u64>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

impl DiffCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let difference = self.store.look()?.difference(self.from, self.to)?;
        let nothing = difference == Difference::default();
        if self.json {
            println!("{}", json::answer(&Answer::Difference(difference)));
        } else {
            people::difference(&difference).iter().for_each(|line| println!("{line}"));
        }
        Ok(if nothing { Exit::Negative } else { Exit::Done })
    }
}
