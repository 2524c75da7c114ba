//! The command line: arguments to commands, answers to standard output, talk to standard error, an exit code.

// Before the others, so that they print with its macros.
#[macro_use]
mod output;

mod adapt;
mod args;
mod bench;
mod boards;
mod bursts;
mod cameras;
mod check;
mod classes;
mod confounds;
mod contact_sheet;
mod ctl;
mod demo;
mod eval;
mod explain;
mod export;
mod finetune;
mod flash;
mod generate;
mod generations;
mod inspect;
mod key;
mod learned;
mod models;
mod npz;
mod pin;
mod pool;
mod reteach;
mod run;
mod sheet;
mod snap;
mod store;
mod teach;
mod test;
mod update;
mod views;

mod classify;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::backbone::Vectors;
use crate::device::runtime::survive_file_limit;
use crate::learn::command::Reply;
use crate::protocol::request::Answer;
use crate::protocol::{json, people};
use crate::store::StoreError;
use crate::store::persistent::PersistError;

/// Exit status: what a script can distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Done = 0,
    /// A negative result: nothing found, a check that did not hold.
    Negative = 1,
    /// Wrong usage, configuration or input.
    Usage = 2,
    /// A device or the network failed.
    Device = 3,
}

/// Options of every subcommand.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// Draw progress bars: stderr is a terminal, without --quiet.
    pub progress: bool,
}

impl Context {
    /// A bar on standard error, or one that draws nothing.
    ///
    /// * `length`: steps in all.
    pub fn bar(&self, length: u64, doing: &'static str) -> ProgressBar {
        if !self.progress {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}")
            .expect("the template is a constant");
        ProgressBar::new(length).with_style(style).with_message(doing)
    }

    /// As [`Context::bar`], of what has no known end.
    pub fn counter(&self, doing: &'static str) -> ProgressBar {
        if !self.progress {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{msg} {spinner} {human_pos} {per_sec}")
            .expect("the template is a constant");
        ProgressBar::new_spinner().with_style(style).with_message(doing)
    }

    /// As [`Context::bar`], of bytes, with their speed.
    pub fn bytes_bar(&self, length: u64, doing: &'static str) -> ProgressBar {
        let style = ProgressStyle::with_template(
            "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        );
        self.bar(length, doing).with_style(style.expect("the template is a constant"))
    }
}

/// Teach a camera new visual classes from a handful of frames, on the device, without a GPU.
#[derive(Debug, Parser)]
#[command(name = "fieldtune", version, about, max_term_width = 80)]
#[command(after_help = "Examples:
  fieldtune teach good good-parts/          learn from image files
  fieldtune teach scratch scratch-*.jpg
  fieldtune classify part.jpg               scratch 97 %, then good 3 %, ...
  fieldtune status                          classes, estimate, suspect labels

Exit status: 0 done, 1 negative result, 2 wrong usage or input, 3 a device or the network failed.")]
struct Arguments {
    /// Hide progress bars
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Teach(teach::TeachCommand),
    Classify(classify::ClassifyCommand),
    Classes(classes::ClassesCommand),
    Examples(learned::ExamplesCommand),
    Forget(learned::ForgetCommand),
    Relabel(learned::RelabelCommand),
    Rename(learned::RenameCommand),
    Undo(learned::UndoCommand),
    Status(learned::StatusCommand),
    Head(learned::HeadCommand),
    Threshold(learned::ThresholdCommand),
    Views(views::ViewsCommand),
    Finetune(finetune::FinetuneCommand),
    Adapt(adapt::AdaptCommand),
    Save(generations::SaveCommand),
    Generations(generations::GenerationsCommand),
    Rollback(generations::RollbackCommand),
    Diff(generations::DiffCommand),
    Store(store::StoreCommand),
    Inspect(inspect::InspectCommand),
    Eval(eval::EvalCommand),
    Test(test::TestCommand),
    Export(export::ExportCommand),
    Bench(bench::BenchCommand),
    Demo(demo::DemoCommand),
    Models(models::ModelsCommand),
    Run(run::RunCommand),
    Ctl(ctl::CtlCommand),
    Boards(boards::BoardsCommand),
    Check(check::CheckCommand),
    Pin(pin::PinCommand),
    Key(key::KeyCommand),
    Cameras(cameras::CamerasCommand),
    Snap(snap::SnapCommand),
    Flash(flash::FlashCommand),
    Update(update::UpdateCommand),
    Completions(generate::CompletionsCommand),
    Man(generate::ManCommand),
}

/// Parses the arguments, runs the command, gives the exit code.
pub fn main() -> ExitCode {
    use std::io::IsTerminal;
    survive_file_limit();
    let command = without_empty_variables(Arguments::command());
    let parsed = command.try_get_matches().and_then(|found| Arguments::from_arg_matches(&found));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(error) => return misused(&error),
    };
    let context = Context { progress: !arguments.quiet && std::io::stderr().is_terminal() };
    match run(arguments.command, &context) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(exit_of(&error) as u8)
        }
    }
}

/// Whether words are a valid call; nothing of it is done.
///
/// * `words`: with the program's name before them.
///
/// # Errors
/// What is wrong with them, or the help that they ask for.
pub fn parse(words: &[&str]) -> Result<(), clap::Error> {
    Arguments::try_parse_from(words).map(drop)
}

/// The command, where a variable that is set to nothing counts as one that is not set.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |arg: &clap::Arg| {
        let value = arg.get_env().and_then(std::env::var_os);
        value.is_some_and(|value| value.is_empty())
    };
    let command = command.mut_args(|arg| match is_empty(&arg) {
        true => arg.env(clap::builder::Resettable::Reset),
        false => arg,
    });
    command.mut_subcommands(without_empty_variables)
}

/// Wrong arguments hold what was typed, or the name of a file in this folder.
fn misused(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        error.exit();
    }
    eprintln!("{}", error.render().to_string().trim_end());
    ExitCode::from(Exit::Usage as u8)
}

/// The vectors that `FIELDTUNE_SIMD` asks for, which people need who compare machines or look for a fault.
fn choose_vectors() -> anyhow::Result<()> {
    if let Some(name) = std::env::var("FIELDTUNE_SIMD").ok().filter(|name| !name.is_empty()) {
        let vectors =
            Vectors::named(&name).map_err(|words| anyhow::anyhow!("FIELDTUNE_SIMD: {words}"))?;
        vectors.choose();
    }
    Ok(())
}

fn run(command: Command, context: &Context) -> anyhow::Result<Exit> {
    choose_vectors()?;
    match command {
        Command::Teach(command) => command.run(context),
        Command::Classify(command) => command.run(context),
        Command::Classes(command) => command.run(),
        Command::Examples(command) => command.run(),
        Command::Forget(command) => command.run(),
        Command::Relabel(command) => command.run(),
        Command::Rename(command) => command.run(),
        Command::Undo(command) => command.run(),
        Command::Status(command) => command.run(),
        Command::Head(command) => command.run(),
        Command::Threshold(command) => command.run(),
        Command::Views(command) => command.run(context),
        Command::Finetune(command) => command.run(context),
        Command::Adapt(command) => command.run(context),
        Command::Save(command) => command.run(),
        Command::Generations(command) => command.run(),
        Command::Rollback(command) => command.run(),
        Command::Diff(command) => command.run(),
        Command::Store(command) => command.run(context),
        Command::Inspect(command) => command.run(),
        Command::Eval(command) => command.run(context),
        Command::Test(command) => command.run(context),
        Command::Export(command) => command.run(context),
        Command::Bench(command) => command.run(context),
        Command::Demo(command) => command.run(context),
        Command::Models(command) => command.run(context),
        Command::Run(command) => command.run(context),
        Command::Ctl(command) => command.run(context),
        Command::Boards(command) => command.run(),
        Command::Check(command) => command.run(context),
        Command::Pin(command) => command.run(),
        Command::Key(command) => command.run(),
        Command::Cameras(command) => command.run(),
        Command::Snap(command) => command.run(context),
        Command::Flash(command) => command.run(context),
        Command::Update(command) => command.run(context),
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(),
    }
}

/// Prints a reply, for programs or for people.
fn answer(reply: &Reply, json: bool) {
    if json {
        println!("{}", json::answer(&Answer::Reply(reply.clone())));
    } else {
        people::lines(reply).iter().for_each(|line| println!("{line}"));
    }
}

/// Input and configuration are the caller's to mend (2) unless a command said otherwise.
fn exit_of(error: &anyhow::Error) -> Exit {
    if let Some(PersistError::Store(_) | PersistError::Generation(StoreError::Io { .. })) =
        error.downcast_ref()
    {
        return Exit::Device;
    }
    error.downcast_ref::<Failed>().map_or(Exit::Usage, |failed| failed.0)
}

/// An error's exit status where it is not [`Exit::Usage`]; attach it with `.context(Failed(..))`.
#[derive(Debug)]
pub struct Failed(pub Exit);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Exit::Device => "a device or the network failed",
            _ => "the command failed",
        })
    }
}

impl std::error::Error for Failed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_cannot_be_written_is_reported_once() {
        let error = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = StoreError::Io { path: "card".to_owned(), doing: "write", error };
        let error = anyhow::Error::from(PersistError::from(error));
        assert_eq!(exit_of(&error), Exit::Device);
        assert_eq!(
            format!("{error:#}"),
            "change rolled back: cannot write the store: card: cannot write: no storage space"
        );
        assert_eq!(exit_of(&anyhow::anyhow!("a wrong word")), Exit::Usage);
    }

    /// Every command below `command`, with itself.
    fn all_of(command: clap::Command, found: &mut Vec<clap::Command>) {
        let below: Vec<clap::Command> = command.get_subcommands().cloned().collect();
        found.push(command);
        below.into_iter().for_each(|command| all_of(command, found));
    }

    #[test]
    fn help_fits_80_columns_without_ragged_lines() {
        let mut commands = Vec::new();
        all_of(Arguments::command(), &mut commands);
        assert!(commands.len() > 30, "{} commands were found", commands.len());
        let mut broken = Vec::new();
        for command in commands {
            let name = command.get_name().to_owned();
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let (mut before, mut command) = (String::new(), command.term_width(80));
            for line in after.lines() {
                let (indented, length) = (line.starts_with(' '), line.chars().count());
                if indented && length > 80 {
                    broken.push(format!("{name}: {length} columns: {line}"));
                }
                // A paragraph is one line of the source: clap wraps it.
                if !indented && !line.is_empty() && !before.is_empty() && !before.starts_with(' ') {
                    broken.push(format!("{name}: wrapped by hand: {line}"));
                }
                before = line.to_owned();
            }
            for line in command.render_long_help().to_string().lines() {
                if line.chars().count() > 80 {
                    broken.push(format!("{name}: longer than 80 columns: {line}"));
                }
            }
        }
        assert!(broken.is_empty(), "\n  {}\n", broken.join("\n  "));
    }
}
