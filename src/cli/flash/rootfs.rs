//! The root folder of a system that is written later by other tools, NVIDIA's for instance: what its first start carries out.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context as _, bail};

use super::seed::Seed;

/// Where the set-up lies in the system until it is carried out.
const FOLDER: &str = "opt/fieldtune-setup";

/// Where its unit lies, and where it is enabled.
const UNIT: &str = "etc/systemd/system/fieldtune-setup.service";
const WANTED: &str = "etc/systemd/system/multi-user.target.wants/fieldtune-setup.service";

/// Puts the set-up and what starts it into the folder.
///
/// # Errors
/// It is no root folder of a system of Debian's family for arm64, or it cannot be written.
pub(super) fn prepare(root: &Path, seed: &Seed, user: &str) -> anyhow::Result<()> {
    let shown = root.display();
    if !root.is_dir() {
        bail!("--rootfs {shown}: there is no such folder");
    }
    for (wanted, what) in [
        ("usr/bin/dpkg", "a system of Debian's family"),
        ("etc/systemd/system", "a system that systemd starts"),
        ("lib/ld-linux-aarch64.so.1", "a system for arm64"),
    ] {
        // A link of the system leads to a place in it, not on this machine.
        if root.join(wanted).symlink_metadata().is_err() {
            bail!("--rootfs {shown}: there is no {wanted}: wanted the root folder of {what}");
        }
    }
    let users = fs::read_to_string(root.join("etc/passwd")).unwrap_or_default();
    if !users.lines().any(|line| line.split(':').next() == Some(user)) {
        bail!(
            "--user {user}: the system in {shown} has no such user\n  next: name one of its users, or make one first (Jetson: tools/l4t_create_default_user.sh)"
        );
    }
    let folder = root.join(FOLDER);
    let of = |path: &Path| path.display().to_string();
    // What an earlier run put there.
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| of(&folder));
        }
        _ => {}
    }
    fs::create_dir_all(&folder).with_context(|| of(&folder))?;
    seed.put_into(&folder)?;
    let unit = root.join(UNIT);
    fs::write(&unit, unit_of(user)).with_context(|| of(&unit))?;
    let wanted = root.join(WANTED);
    if let Some(folder) = wanted.parent() {
        fs::create_dir_all(folder).with_context(|| of(folder))?;
    }
    match symlink(Path::new("/").join(UNIT), &wanted) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(error).with_context(|| of(&wanted))
        }
        _ => Ok(()),
    }
}

fn unit_of(user: &str) -> String {
    let first_boot = Seed::first_boot();
    format!(
        "[Unit]\n\
         Description=Install and set up fieldtune, once\n\
         ConditionPathExists=/{FOLDER}/{first_boot}\n\
         After=local-fs.target systemd-udevd.service\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         ExecStart=/bin/sh /{FOLDER}/{first_boot} {user}\n\
         ExecStartPost=/bin/rm -rf /{FOLDER}\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    )
}
