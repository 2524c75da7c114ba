//! `fieldtune update`: another system into the slot that does not run, by RAUC.

mod rauc;
mod slots;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use super::{Context, Exit, Failed};
use slots::{Slots, State};

/// Install a signed update beside the system that runs, see its slots, go back
///
/// For a card of Debian packages alone (boards/image/build): it has two slots, A and B. An update (a bundle of RAUC,
/// boards/image/bundle) is written to the one that does not run, which starts next. It is good once it has classified
/// frames for a minute; if it never does, the other slot starts again by itself. A power cut leaves one that starts.
///
/// Needs root. What was learned stays.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune update fieldtune-0.2.0.raucb --restart
  fieldtune update --status
  fieldtune update --rollback --restart      start the other slot again

Exit status 2 if the update is refused, 3 if it cannot be written.")]
pub struct UpdateCommand {
    /// The update (.raucb)
    #[arg(required_unless_present_any = ["status", "rollback"])]
    bundle: Option<PathBuf>,
    /// Show the slots: which runs, which starts next, which are good, tries left
    #[arg(long, conflicts_with_all = ["bundle", "rollback", "restart"])]
    status: bool,
    /// Start the other slot next; where an update waits for the restart, drop it
    #[arg(long, conflicts_with = "bundle")]
    rollback: bool,
    /// Restart the device once it is done
    #[arg(long)]
    restart: bool,
    /// With --status: answer in JSON
    #[arg(long, requires = "status")]
    json: bool,
}

impl UpdateCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        if self.status {
            let slots = Slots::read()?;
            println!("{}", if self.json { slots.json().to_string() } else { slots.text() });
            return Ok(Exit::Done);
        }
        let next = match &self.bundle {
            Some(bundle) => install(bundle, context)?,
            None => roll_back()?,
        };
        if self.restart {
            restart(next)?;
        } else {
            println!("  next: restart the device, or use --restart");
        }
        Ok(Exit::Done)
    }
}

/// Installs a bundle and says what starts next: a slot's name.
fn install(bundle: &Path, context: &Context) -> anyhow::Result<char> {
    let before = Slots::read()?;
    let shown = bundle.display();
    if let State::Trial(_) = before.running().state {
        bail!(
            "slot {} is on trial: the other slot is what starts if it fails, and is not overwritten\n  next: try again once fieldtune update --status says that it is good",
            before.running().name
        );
    }
    // The service that reads it has a folder of its own.
    let path = bundle.canonicalize().with_context(|| shown.to_string())?;
    if !path.is_file() {
        bail!("{shown}: wanted a bundle, as boards/image/bundle makes it");
    }
    let bar = context.bar(100, "installing");
    let installed = rauc::install(&path, &mut |percent| bar.set_position(percent));
    bar.finish_and_clear();
    installed.with_context(|| shown.to_string())?;
    let after = Slots::read()?;
    let slot = after.starts();
    if slot.name == before.running().name {
        let error = anyhow::anyhow!("RAUC installed it and left the slot that starts as it was");
        return Err(error.context(Failed(Exit::Device)));
    }
    println!(
        "slot {}: {} is installed and starts next, on trial until it has classified frames for a minute",
        slot.name,
        slot.version.as_deref().unwrap_or("the update")
    );
    Ok(slot.name)
}

fn roll_back() -> anyhow::Result<char> {
    let slots = Slots::read()?;
    let running = slots.running();
    let (target, whose) = if slots.starts().name == running.name {
        (slots.other(), "other")
    } else {
        (running, "booted")
    };
    if target.state == State::Bad {
        bail!(
            "slot {} has no system that is known to work\n  next: fieldtune update BUNDLE",
            target.name
        );
    }
    rauc::mark_active(whose)?;
    println!("slot {} starts next", target.name);
    Ok(target.name)
}

fn restart(slot: char) -> anyhow::Result<()> {
    println!("the device restarts with slot {slot}");
    rustix::fs::sync();
    let mut command = Command::new("reboot");
    if !Path::new("/run/systemd/system").exists() {
        // Without an init that could be asked.
        command.arg("-f");
    }
    let ended = command.status().context("reboot").context(Failed(Exit::Device))?;
    match ended.success() {
        true => Ok(()),
        false => Err(anyhow::anyhow!("reboot: {ended}").context(Failed(Exit::Device))),
    }
}
