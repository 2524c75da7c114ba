//! `fieldtune boards`: the boards and policies that are part of the program.

mod wiring;

use anyhow::anyhow;

use super::Exit;
use crate::board::{BOARDS, Board, POLICIES, device_model};

/// List built-in boards and policies, or print one as a template
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune boards
  fieldtune boards raspberry-pi-4 > line-3.toml
  fieldtune boards policy-reject > policy.toml
  fieldtune boards raspberry-pi-4 --svg > wiring.svg
  fieldtune boards ./line-3.toml --svg > wiring.svg")]
pub struct BoardsCommand {
    /// The board or policy to print
    name: Option<String>,
    /// Draw how the board's header is wired (SVG); also of a board's file
    #[arg(long, requires = "name")]
    svg: bool,
}

impl BoardsCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let Some(name) = self.name else {
            list();
            return Ok(Exit::Done);
        };
        if self.svg {
            let board = Board::choose(Some(&name), None)?;
            print!("{}", wiring::svg(&board).map_err(|what| anyhow!(what))?);
            return Ok(Exit::Done);
        }
        let known = || BOARDS.iter().chain(&POLICIES);
        let (_, text) = known().find(|(known, _)| *known == name).ok_or_else(|| {
            let names: Vec<_> = known().map(|(name, _)| *name).collect();
            let name = name.escape_debug();
            anyhow!("there is no board or policy called {name}; there are {}", names.join(", "))
        })?;
        print!("{text}");
        Ok(Exit::Done)
    }
}

fn list() {
    let own = device_model().and_then(|model| Board::of_model(&model)).map(|board| board.name);
    for board in Board::built_in() {
        let mark = if own.as_ref() == Some(&board.name) { "*" } else { " " };
        println!("{mark} {:<26} {}", board.name, board.about);
    }
    for (name, text) in POLICIES {
        let about = text.lines().next().unwrap_or_default().trim_start_matches(['#', ' ']);
        println!("  {name:<26} {about}");
    }
}
