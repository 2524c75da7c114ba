//! `fieldtune completions` and `fieldtune man`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::CommandFactory;

use super::{Arguments, Exit, output};

/// Print shell completions
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune completions bash > /etc/bash_completion.d/fieldtune
  fieldtune completions zsh > ~/.zfunc/_fieldtune")]
pub struct CompletionsCommand {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

impl CompletionsCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let mut command = Arguments::command();
        // Into memory first: the generator panics on a reader that has gone away.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "fieldtune", &mut script);
        output::write(&script);
        Ok(Exit::Done)
    }
}

/// Print the manual page, or write all pages into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune man | man -l -
  fieldtune man --to /usr/local/share/man/man1")]
pub struct ManCommand {
    /// The folder
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

impl ManCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let command = Arguments::command();
        match self.to {
            Some(folder) => {
                std::fs::create_dir_all(&folder)
                    .and_then(|()| clap_mangen::generate_to(command, &folder))
                    .with_context(|| folder.display().to_string())?;
                eprintln!("manual pages are in {}", folder.display());
            }
            None => {
                let mut page = Vec::new();
                clap_mangen::Man::new(command).render(&mut page)?;
                output::write(&page);
            }
        }
        Ok(Exit::Done)
    }
}
