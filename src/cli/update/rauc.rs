//! RAUC's program: what it is asked, and what its answers mean to people.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, anyhow};
use serde_json::Value;

use crate::cli::{Exit, Failed};

/// What a system says that has none.
const NONE: &str = "this system has no slots for updates (no RAUC)\n  next: dpkg -i fieldtune_VERSION_arm64.deb is its update";

fn start(mut command: Command) -> anyhow::Result<std::process::Child> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow!(NONE),
        _ => anyhow!(error).context("rauc").context(Failed(Exit::Device)),
    })
}

/// Slots and their states, as RAUC prints them.
///
/// # Errors
/// There is no RAUC, or it fails.
pub(super) fn status() -> anyhow::Result<Value> {
    let mut command = Command::new("rauc");
    command.args(["status", "--detailed", "--output-format=json"]);
    let said = start(command)?.wait_with_output().context("rauc")?;
    if !said.status.success() {
        let text = String::from_utf8_lossy(&said.stderr);
        return Err(anyhow!("rauc status: {}", text.trim()).context(Failed(Exit::Device)));
    }
    serde_json::from_slice(&said.stdout).context("rauc status").context(Failed(Exit::Device))
}

/// Makes a slot the one that starts.
///
/// * `whose`: `other` or `booted`.
///
/// # Errors
/// RAUC's.
pub(super) fn mark_active(whose: &str) -> anyhow::Result<()> {
    let mut command = Command::new("rauc");
    command.args(["status", "mark-active", whose]);
    let said = start(command)?.wait_with_output().context("rauc")?;
    match said.status.success() {
        true => Ok(()),
        false => {
            let text = String::from_utf8_lossy(&said.stderr);
            Err(anyhow!("rauc status mark-active: {}", text.trim()).context(Failed(Exit::Device)))
        }
    }
}

/// Writes a bundle to the slot that does not run.
///
/// * `bundle`: a whole path; `progress`: gets per cent.
///
/// # Errors
/// RAUC's, in words that say what to do.
pub(super) fn install(bundle: &Path, progress: &mut dyn FnMut(u64)) -> anyhow::Result<()> {
    let mut command = Command::new("rauc");
    command.arg("install").arg(bundle);
    let mut child = start(command)?;
    let mut stderr = child.stderr.take().expect("it was piped");
    let errors = std::thread::spawn(move || {
        let mut text = Vec::new();
        // What was read until then is said.
        let _ = stderr.read_to_end(&mut text);
        text
    });
    let mut said = String::new();
    let stdout = BufReader::new(child.stdout.take().expect("it was piped"));
    for line in stdout.split(b'\n') {
        let line = line.context("rauc").context(Failed(Exit::Device))?;
        let line = String::from_utf8_lossy(&line).into_owned();
        match percent_of(&line) {
            Some(percent) => progress(percent),
            None => said += &(line + "\n"),
        }
    }
    let ended = child.wait().context("rauc").context(Failed(Exit::Device))?;
    said += &String::from_utf8_lossy(&errors.join().unwrap_or_default());
    match ended.success() {
        true => Ok(()),
        false => Err(refusal(&said)),
    }
}

/// Of a line such as ` 40% Verifying signature done.`
fn percent_of(line: &str) -> Option<u64> {
    let (number, _) = line.trim_start().split_once("% ")?;
    number.parse().ok().filter(|percent| *percent <= 100)
}

/// What RAUC says of a failure, and what is to be done about it.
fn refusal(said: &str) -> anyhow::Error {
    let last = said.lines().find_map(|line| line.split_once("LastError: "));
    let reason = last.map_or_else(|| said.trim(), |(_, reason)| reason).trim();
    let with = |text: String| anyhow!("{text}");
    let whole = "next: copy it again, or make it again with boards/image/bundle";
    if let Some((_, rest)) = reason.split_once("Compatible mismatch: Expected '")
        && let Some((wanted, got)) = rest.split_once("' but bundle manifest has '")
    {
        let got = got.trim_end_matches('\'');
        return with(format!(
            "it is for another system: wanted {wanted}, it is for {got}\n  next: the bundle that was made for this system"
        ));
    }
    if reason.contains("signature verification failed") {
        return with(format!(
            "its signature does not hold ({reason})\n  next: sign it with the key whose certificate the card was built with"
        ));
    }
    if reason.contains("Invalid bundle format") || reason.contains("Error reading from file") {
        return with(format!("it is torn or no bundle ({reason})\n  {whole}"));
    }
    with(format!("it was not installed: {reason}")).context(Failed(Exit::Device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_from_lines_of_per_cent() {
        assert_eq!(percent_of(" 40% Verifying signature done."), Some(40));
        assert_eq!(percent_of("100% Installing done."), Some(100));
        assert_eq!(percent_of("  0% Installing"), Some(0));
        for other in ["installing", "", "LastError: 90% of it", "900% Installing"] {
            assert_eq!(percent_of(other), None, "{other}");
        }
    }

    /// What RAUC 1.8 said of such bundles on an emulated Raspberry Pi 3.
    #[test]
    fn refusals_say_what_is_wrong_and_what_to_do() {
        let cases = [
            (
                "LastError: Invalid bundle format: Signature size (3970165436114486768) exceeds bundle size\n\
                 Installing `/m/torn.raucb` failed",
                "it is torn or no bundle (Invalid bundle format: Signature size (3970165436114486768) exceeds bundle size)\n  next: copy it",
            ),
            (
                "\u{1b}[JLastError: Installation error: Failed updating slot system.1: Failed splicing data: Error reading from \
                 file: Input/output error\n",
                "it is torn or no bundle (Installation error: Failed updating",
            ),
            (
                "LastError: signature verification failed: Verify error: self-signed certificate\nidle\n",
                "its signature does not hold (signature verification failed: Verify error: self-signed certificate)\n  next: sign it",
            ),
            (
                "LastError: Installation error: Compatible mismatch: Expected 'fieldtune-debian-arm64' but bundle manifest has \
                 'fieldtune-other'\n",
                "it is for another system: wanted fieldtune-debian-arm64, it is for fieldtune-other\n  next: ",
            ),
            (
                "Error creating proxy: refused\n",
                "it was not installed: Error creating proxy: refused",
            ),
        ];
        for (said, wanted) in cases {
            let text = format!("{:#}", refusal(said));
            assert!(text.contains(wanted), "{said}\n{text}");
        }
    }
}
