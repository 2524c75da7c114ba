//! Which board a command is for.

use crate::board::{Board, BoardError, device_model};

/// Which board.
#[derive(Debug, clap::Args)]
pub struct BoardArgs {
    /// A board's name (fieldtune boards lists them), or a file (.toml) [default: that of this device, else pc]
    #[arg(long, value_name = "BOARD", env = "FIELDTUNE_BOARD")]
    board: Option<String>,
}

impl BoardArgs {
    /// The board, and how it was chosen.
    ///
    /// # Errors
    /// As [`Board::choose`].
    pub fn choose(&self) -> Result<(Board, String), BoardError> {
        let model = device_model();
        let board = Board::choose(self.board.as_deref(), model.as_deref())?;
        let how = match (&self.board, &model) {
            (Some(_), _) => "as asked".to_owned(),
            (None, Some(model)) if Board::of_model(model).is_some() => {
                format!("this device is a {}", model.trim_end_matches('\0').escape_debug())
            }
            (None, Some(model)) => {
                format!("unknown device {}", model.trim_end_matches('\0').escape_debug())
            }
            (None, None) => "this device has no device tree".to_owned(),
        };
        Ok((board, how))
    }
}
