//! Serial lines.

use std::fs::{File, OpenOptions};
use std::io::Result;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::termios::{ControlModes, OptionalActions, tcgetattr, tcsetattr};

/// Bits a second where nothing else is said.
pub(crate) const BAUD: u32 = 115_200;

/// A line as people write it: `DEVICE` or `DEVICE@BAUD`; `None` for what is neither.
pub(crate) fn parse(text: &str) -> Option<(PathBuf, u32)> {
    let (path, baud) = match text.split_once('@') {
        Some((path, baud)) => (path, baud.parse().ok().filter(|&baud| baud > 0)?),
        None => (text, BAUD),
    };
    (!path.is_empty()).then(|| (path.into(), baud))
}

/// 8 bits, no parity, nothing translated, no modem lines; reading does not wait.
///
/// * `baud`: bits a second.
///
/// # Errors
/// The system's, also for what is no serial line.
pub(crate) fn open(path: &Path, baud: u32) -> Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
    let mut termios = tcgetattr(&file)?;
    termios.make_raw();
    termios.control_modes |= ControlModes::CLOCAL;
    termios.set_speed(baud)?;
    tcsetattr(&file, OptionalActions::Now, &termios)?;
    Ok(file)
}
