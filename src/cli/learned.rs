//! The subcommands that work on what was learned and need no backbone: examples, forget, relabel, rename,
//! undo, status, head, threshold.

use std::path::PathBuf;

use clap::Args;

use super::args::store::{StoreArgs, now};
use super::confounds::confounds;
use super::contact_sheet;
use super::{Exit, answer};
use crate::board::policy::{Taught, untaught_in_words};
use crate::board::read_policy;
use crate::learn::command::{
    ChangeHead, ChangeThresholds, Command, ForgetExamples, ReadExamples, ReadStatus,
    RelabelExamples, RenameClass, Reply, UndoLatest,
};
use crate::learn::head::{ExampleId, HeadConfig, HeadKind};
use crate::learn::learner::Subject;
use crate::protocol::request::{self, Answer};
use crate::protocol::{json, people};
use crate::store::levels::levels_of;

/// List examples and suspect labels
#[derive(Debug, Args)]
pub struct ExamplesCommand {
    /// Only of this class
    class: Option<String>,
    /// Draw their images by class on a contact sheet, a PNG file
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

impl ExamplesCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        if self.sheet.is_some() {
            self.store.refuse_lines("examples --sheet", "fieldtune examples")?;
        }
        let command = Command::Examples(ReadExamples { class: self.class });
        let mut session = self.store.look()?;
        let reply = session.apply(command, now())?;
        if let (Some(file), Reply::Examples(examples)) = (&self.sheet, &reply) {
            let images = &mut contact_sheet::images_in(self.store.look()?);
            contact_sheet::of_examples(file, session.learner(), images, examples)?;
        }
        answer(&reply, self.json);
        Ok(Exit::Done)
    }
}

/// Forget a class or single examples
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fieldtune forget scratch               the class with all its examples
  fieldtune forget --example 12 13       two examples; their class stays
  fieldtune undo                         restore them")]
#[command(
    override_usage = "fieldtune forget [OPTIONS] CLASS\n       fieldtune forget [OPTIONS] --example ID..."
)]
pub struct ForgetCommand {
    /// The class
    #[arg(required_unless_present = "example")]
    class: Option<String>,
    /// Examples by id, as `fieldtune examples` lists them
    #[arg(long, num_args = 1.., value_name = "ID", conflicts_with = "class")]
    example: Vec<u64>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

impl ForgetCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let forget = match self.class {
            Some(class) => ForgetExamples::Class(class),
            None => ForgetExamples::Examples(self.example.into_iter().map(ExampleId).collect()),
        };
        let reply = self.store.open_taught()?.apply(Command::Forget(forget), now())?;
        answer(&reply, self.json);
        Ok(Exit::Done)
    }
}

/// Move examples to another class; a new name makes a new class
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fieldtune relabel dent 12 13           move examples 12 and 13 to dent")]
pub struct RelabelCommand {
    /// The class they belong to
    class: String,
    /// Examples by id, as `fieldtune examples` lists them
    #[arg(required = true, value_name = "ID")]
    examples: Vec<u64>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

impl RelabelCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let examples = self.examples.into_iter().map(ExampleId).collect();
        let command = Command::Relabel(RelabelExamples { examples, class: self.class });
        let reply = self.store.open_taught()?.apply(command, now())?;
        answer(&reply, self.json);
        Ok(Exit::Done)
    }
}

/// Rename a class
#[derive(Debug, Args)]
pub struct RenameCommand {
    /// Its name
    from: String,
    /// Its new name
    to: String,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

impl RenameCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let command = Command::Rename(RenameClass { from: self.from, to: self.to });
        let reply = self.store.open_taught()?.apply(command, now())?;
        answer(&reply, self.json);
        Ok(Exit::Done)
    }
}

/// Undo the latest change (repeatable)
///
/// Exit status 1 if there is nothing to undo.
#[derive(Debug, Args)]
pub struct UndoCommand {
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

impl UndoCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        // As a device that was taught nothing answers.
        let reply = match self.store.path()?.exists() {
            true => self.store.open_taught()?.apply(Command::Undo(UndoLatest), now())?,
            false => Reply::Undone { changes: Vec::new(), left: 0 },
        };
        let Reply::Undone { changes, .. } = &reply else { unreachable!("answers Undone") };
        answer(&reply, self.json);
        Ok(if changes.is_empty() { Exit::Negative } else { Exit::Done })
    }
}

/// Show classes, example counts, leave-one-out accuracy and suspect labels
#[derive(Debug, Args)]
pub struct StatusCommand {
    /// A policy that may name classes which were not taught
    #[arg(long, value_name = "NAME|FILE", env = "FIELDTUNE_POLICY")]
    policy: Option<String>,
    /// Draw suspect labels and hard examples beside their nearest neighbours, as a PNG file
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

impl StatusCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        if self.sheet.is_some() {
            self.store.refuse_lines("status --sheet", "fieldtune examples")?;
        }
        let mut session = self.store.look()?;
        let reply = session.apply(Command::Status(ReadStatus), now())?;
        let path = self.store.path()?;
        let policy = self.policy.as_deref().map(read_policy).transpose()?.unwrap_or_default();
        let taught = [Taught::of(None, session.learner())];
        let untaught = untaught_in_words(&policy.untaught(&taught), &taught);
        if let (Some(file), Reply::Status(status)) = (&self.sheet, &reply) {
            let images = &mut contact_sheet::images_in(self.store.look()?);
            contact_sheet::of_suspects(file, session.learner(), images, &status.suspects)?;
        }
        let confounds = confounds(&mut session);
        let levels = levels_of(session.store_mut())?;
        if self.json {
            let mut reply = json::answer(&Answer::Reply(reply));
            reply["confounds"] = confounds.iter().map(ToString::to_string).collect();
            if let Some(levels) = levels {
                let numbers = |of: [f32; 3]| of.map(json::real);
                reply["adapted"] = serde_json::json!({
                    "gain": numbers(levels.gain), "offset": numbers(levels.offset),
                });
            }
            println!("{reply}");
            return Ok(Exit::Done);
        }
        let Reply::Status(status) = &reply else { unreachable!("status answers Status") };
        println!("store      {}", path.display());
        let (model, dim) = (&session.model().name, status.dim);
        match status.subject {
            Subject::Lines => println!("embedding  {model} ({dim} values), of lines of text"),
            _ => println!("backbone   {model} ({dim} values)"),
        }
        levels.iter().for_each(|levels| println!("adapted    {}", people::levels(levels)));
        people::aligned(&people::status(status)).iter().for_each(|line| println!("{line}"));
        confounds.iter().take(CONFOUNDS).for_each(|one| println!("warning    {one}"));
        let name = |class| session.learner().classes()[&class].to_string();
        let doubted = people::doubted(&status.suspects, status.subject, |suspect| {
            format!(
                "example {}: taught as {}, the others say {} ({:.0} %)",
                suspect.example.0,
                name(suspect.class),
                name(suspect.taken_for),
                suspect.confidence * 100.0,
            )
        });
        people::aligned(&doubted).iter().for_each(|line| println!("{line}"));
        for untaught in &untaught {
            println!("policy     {untaught}");
        }
        Ok(Exit::Done)
    }
}

/// Confounds that are listed.
const CONFOUNDS: usize = 3;

/// Show or change the head; a new head learns all stored examples
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fieldtune head
  fieldtune head ridge
  fieldtune undo")]
pub struct HeadCommand {
    /// The head
    #[arg(value_enum)]
    kind: Option<HeadKind>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

impl HeadCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let config = self.kind.map(HeadConfig::of);
        let reply = self.store.open_taught()?.apply(Command::Head(ChangeHead { config }), now())?;
        answer(&reply, self.json);
        Ok(Exit::Done)
    }
}

/// Show or set the thresholds for unknown predictions
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fieldtune threshold --confidence 0.6   less sure than 60 % is unknown
  fieldtune threshold --false-reject 2%
      of frames of taught classes 2 % may be called unknown
  fieldtune threshold --novelty inf
      nothing is unknown for being unlike all examples")]
pub struct ThresholdCommand {
    /// Least confidence, 0 to 1
    #[arg(long)]
    confidence: Option<f32>,
    /// Largest novelty: 1 is where --false-reject puts the limit; inf turns it off
    #[arg(long)]
    novelty: Option<f32>,
    /// Share of the frames of taught classes that may be called unknown: 2% or 0.02
    #[arg(long, value_name = "SHARE", value_parser = share, conflicts_with = "novelty")]
    false_reject: Option<f32>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

impl ThresholdCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let Self { confidence, novelty, false_reject, .. } = self;
        let command = ChangeThresholds { confidence, novelty, false_reject };
        let reply = self.store.open_taught()?.apply(Command::Threshold(command), now())?;
        answer(&reply, self.json);
        Ok(Exit::Done)
    }
}

/// A share, as 0.02 or 2%.
fn share(text: &str) -> Result<f32, String> {
    request::share(text).ok_or_else(|| "wanted a share like 2% or 0.02".to_owned())
}
