//! `fieldtune pin`: a PIN to the line of a board file.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _, stdin};

use anyhow::{Context as _, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::Exit;
use crate::protocol::pin::{LONGEST, Pin, PinHash};

/// Hash a PIN for a board file
///
/// Asks twice, and shows nothing of what is typed; without a terminal, one line of standard input is the PIN. It has 4
/// to 64 letters (without accents), digits and punctuation marks. Only its hash goes into the board file; from that,
/// anyone who reads it can find a short PIN by trying.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune pin                        asks for the PIN, prints pin_hash = \"...\"
  fieldtune pin < pin.txt              the same without a terminal

The line goes above the first table of the board file, beside access = \"locked\".")]
pub struct PinCommand {}

impl PinCommand {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let pin = if stdin().is_terminal() { asked_twice()? } else { one_line()? };
        println!("pin_hash = \"{}\"", PinHash::of(&pin)?.as_str());
        Ok(Exit::Done)
    }
}

/// A line of standard input.
fn one_line() -> anyhow::Result<Pin> {
    let mut line = String::new();
    // No longer than any PIN with its line end.
    let read = stdin().lock().take(LONGEST as u64 + 3).read_line(&mut line);
    read.context("standard input is not text")?;
    Ok(Pin::new(line.trim_end_matches(['\r', '\n']))?)
}

fn asked_twice() -> anyhow::Result<Pin> {
    let _quiet = Quiet::begin().context("cannot turn off the terminal's echo")?;
    let pin = Pin::new(&ask("PIN: ")?)?;
    if ask("repeat the PIN: ")? != pin.reveal() {
        bail!("the two PINs differ, nothing was created");
    }
    Ok(pin)
}

/// A terminal that shows nothing of what is typed and hands every key on, until this is dropped. Interrupts come as
/// keys, too, or one would leave the terminal like this.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> std::io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes -=
            LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        tcsetattr(stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // The terminal may be gone.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}

/// What is typed up to the end of a line.
fn ask(prompt: &str) -> anyhow::Result<String> {
    let mut screen = std::io::stderr().lock();
    let mut typed = Vec::new();
    // A terminal that cannot show the prompt can still be typed at.
    let _ = write!(screen, "{prompt}").and_then(|()| screen.flush());
    let mut byte = [0];
    loop {
        let read = stdin().lock().read(&mut byte).context("the terminal")?;
        match byte[0] {
            b'\r' | b'\n' if read == 1 => break,
            0x08 | 0x7f if read == 1 => drop(typed.pop()),
            0x15 if read == 1 => typed.clear(),
            0x03 | 0x04 => {
                let _ = writeln!(screen);
                bail!("cancelled, nothing was created");
            }
            key if read == 1 && typed.len() <= LONGEST => typed.push(key),
            _ if read == 1 => {}
            _ => bail!("the terminal was closed"),
        }
    }
    let _ = writeln!(screen);
    String::from_utf8(typed).context("the input is not text")
}
