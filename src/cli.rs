//! The command line: arguments to commands, answers to standard output, talk to standard error, an exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Exit status: what a script can tell apart.
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

/// What every subcommand is told.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// Draw progress bars: standard error is a terminal and nobody asked for quiet.
    pub progress: bool,
}

#[derive(Debug, Parser)]
#[command(name = "fieldtune", version, about, max_term_width = 100)]
struct Arguments {
    /// No progress bars and no talk on standard error, only errors.
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {}

/// Parses the arguments, runs the command, gives the exit code.
pub fn main() -> ExitCode {
    use std::io::IsTerminal;
    let arguments = Arguments::parse();
    let context = Context { progress: !arguments.quiet && std::io::stderr().is_terminal() };
    match run(arguments.command, &context) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(exit_of(&error) as u8)
        }
    }
}

fn run(command: Command, _context: &Context) -> anyhow::Result<Exit> {
    match command {}
}

/// Input and configuration are the caller's to mend (2) unless a command said otherwise.
fn exit_of(error: &anyhow::Error) -> Exit {
    error.downcast_ref::<Failed>().map_or(Exit::Usage, |failed| failed.0)
}

/// An error's exit status where it is not [`Exit::Usage`]; attach it with `.context(Failed(..))` or wrap.
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
