//! A device that runs already: the same set-up, carried out over SSH.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use super::seed::Seed;
use crate::cli::{Exit, Failed};

/// Who logs in where.
#[derive(Debug, Clone)]
pub(super) struct Login {
    user: String,
    address: String,
}

impl Login {
    pub(super) fn text(&self) -> String {
        format!("{}@{}", self.user, self.address)
    }
}

/// `USER@ADDRESS`; nothing that a program could take for an option.
pub(super) fn login(text: &str) -> Result<Login, String> {
    let plain = |part: &str, more: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
        !part.is_empty() && !part.starts_with('-') && part.chars().all(fits)
    };
    match text.split_once('@') {
        Some((user, address)) if plain(user, "-_.") && plain(address, "-_.:[]%") => {
            Ok(Login { user: user.to_owned(), address: address.to_owned() })
        }
        _ => Err("wanted USER@ADDRESS, as for ssh".to_owned()),
    }
}

/// A folder that is gone with the value.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing can be done about a leftover.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Copies the set-up there, and carries it out as root.
///
/// # Errors
/// The device cannot be reached, or something fails on it, which it says itself.
pub(super) fn install(login: &Login, seed: &Seed) -> anyhow::Result<()> {
    let name = format!("fieldtune-setup.{}", std::process::id());
    let here = Folder(std::env::temp_dir().join(&name));
    fs::create_dir(&here.0).with_context(|| here.0.display().to_string())?;
    seed.put_into(&here.0)?;
    let there = format!("/tmp/{name}");
    let copy = format!("{}:{there}", login.text());
    carry_out(Command::new("scp").args(["-q", "-r", "--"]).arg(&here.0).arg(copy), login)?;
    let first_boot = Seed::first_boot();
    let script =
        format!("sudo sh {there}/{first_boot} {}; said=$?; rm -rf {there}; exit $said", login.user);
    // A terminal, for the password that sudo may ask for.
    carry_out(Command::new("ssh").args(["-t", "--", &login.text(), &script]), login)
}

fn carry_out(command: &mut Command, login: &Login) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ended = command.status().with_context(|| format!("{program} cannot be started"))?;
    if !ended.success() {
        let error = anyhow::anyhow!("{}: {program} ended with {ended}", login.text());
        return Err(error.context(Failed(Exit::Device)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_name_and_address_and_no_option() {
        for right in ["pi@line-3.local", "me@192.168.0.7", "a_b@[fe80::1%eth0]"] {
            assert_eq!(login(right).expect(right).text(), right);
        }
        for wrong in [
            "",
            "pi",
            "@a",
            "a@",
            "-oProxyCommand=x@a",
            "a@-oX",
            "a b@c",
            "a;b@c",
            "a@c d",
            "a@$(x)",
        ] {
            assert!(login(wrong).is_err(), "{wrong}");
        }
    }
}
