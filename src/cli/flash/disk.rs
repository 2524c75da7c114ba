//! Disks that may be written to, as the kernel describes them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// Where the kernel says what disks there are and what uses them.
#[derive(Debug)]
pub(super) struct Kernel {
    /// `/sys/class/block`.
    pub(super) block: PathBuf,
    /// `/proc/self/mountinfo`.
    pub(super) mounts: PathBuf,
    /// `/proc/swaps`.
    pub(super) swaps: PathBuf,
}

impl Default for Kernel {
    fn default() -> Self {
        let [block, mounts, swaps] =
            ["/sys/class/block", "/proc/self/mountinfo", "/proc/swaps"].map(PathBuf::from);
        Self { block, mounts, swaps }
    }
}

/// A disk that nothing uses.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Disk {
    /// `/dev/sdb`.
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// What the maker calls it; may be empty.
    pub(super) model: String,
}

impl Disk {
    /// The disk of that device file.
    ///
    /// # Errors
    /// It is a part of one, mounted, swapped to, or a part of something larger.
    pub(super) fn free(path: &Path, kernel: &Kernel) -> anyhow::Result<Self> {
        let shown = path.display();
        let path = path.canonicalize().with_context(|| shown.to_string())?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let folder = kernel.block.join(&name);
        if !folder.exists() {
            bail!("{shown}: the kernel knows no such disk");
        }
        if folder.join("partition").exists() {
            let disk = fs::canonicalize(&folder).ok();
            let disk = disk.and_then(|folder| Some(folder.parent()?.file_name()?.to_owned()));
            let disk = disk.map(|disk| format!(": /dev/{}", disk.display())).unwrap_or_default();
            bail!("{shown}: this is a partition, wanted the whole disk{disk}");
        }
        let read = |file: &str| {
            let text = fs::read_to_string(folder.join(file));
            text.map(|text| text.trim().to_owned()).unwrap_or_default()
        };
        let mut parts = vec![name.clone()];
        for entry in fs::read_dir(&folder).with_context(|| shown.to_string())?.flatten() {
            if entry.path().join("partition").exists() {
                parts.extend(entry.file_name().into_string());
            }
        }
        for part in &parts {
            kernel.refuse_used(part, &shown.to_string())?;
        }
        // In sectors of 512 bytes, whatever the disk's own are.
        let sectors: u64 = read("size").parse().with_context(|| format!("{shown}: its size"))?;
        if sectors == 0 {
            bail!("{shown}: there is no card in it");
        }
        Ok(Self { path, bytes: sectors * 512, model: read("device/model") })
    }
}

impl Kernel {
    fn refuse_used(&self, part: &str, disk: &str) -> anyhow::Result<()> {
        let folder = self.block.join(part);
        let number = fs::read_to_string(folder.join("dev")).unwrap_or_default();
        let number = number.trim();
        let mounts = fs::read_to_string(&self.mounts).context("what is mounted")?;
        let mounted = mounts.lines().find_map(|line| {
            let mut words = line.split(' ');
            let (device, place) = (words.nth(2)?, words.nth(1)?);
            (device == number).then(|| place.to_owned())
        });
        if let Some(place) = mounted {
            let next = match ["/", "/boot", "/boot/firmware", "/usr"].contains(&place.as_str()) {
                true => "this machine runs from it: name another disk".to_owned(),
                false => format!("sudo umount /dev/{part}, if it is the right one"),
            };
            bail!("{disk}: /dev/{part} is mounted at {place}\n  next: {next}");
        }
        let swaps = fs::read_to_string(&self.swaps).unwrap_or_default();
        let device = format!("/dev/{part}");
        if swaps.lines().any(|line| line.split_whitespace().next() == Some(&device)) {
            bail!("{disk}: this machine swaps to {device}: name another disk");
        }
        let holders = fs::read_dir(folder.join("holders")).into_iter().flatten().flatten();
        if let Some(holder) = holders.map(|holder| holder.file_name()).next() {
            let holder = holder.display();
            bail!("{disk}: /dev/{part} is a part of /dev/{holder}: name another disk");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine with a system disk, a mounted card and a free one.
    fn machine(folder: &Path) -> Kernel {
        let put = |path: &str, text: &str| {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("it has a folder")).expect("there is room");
            fs::write(path, text).expect("there is room");
        };
        for (disk, number, parts) in
            [("sda", 0, 1), ("sdb", 16, 1), ("sdc", 32, 1), ("sdd", 48, 0), ("sde", 64, 1)]
        {
            put(&format!("block/{disk}/size"), if disk == "sdd" { "0\n" } else { "62333952\n" });
            put(&format!("block/{disk}/dev"), &format!("8:{number}\n"));
            put(&format!("block/{disk}/device/model"), "SD Card\n");
            for part in 1..=parts {
                put(&format!("block/{disk}/{disk}{part}/partition"), "1\n");
                for place in [format!("block/{disk}/{disk}{part}"), format!("block/{disk}{part}")] {
                    put(&format!("{place}/dev"), &format!("8:{}\n", number + part));
                    put(&format!("{place}/partition"), "1\n");
                }
            }
            put(&format!("dev/{disk}"), "");
        }
        put("block/sde1/holders/dm-0", "");
        put("dev/sdb1", "");
        put(
            "mounts",
            "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 8:17 / /media/card rw - vfat /dev/sdb1 rw\n",
        );
        put("swaps", "Filename Type Size Used Priority\n");
        let [block, mounts, swaps] = ["block", "mounts", "swaps"].map(|name| folder.join(name));
        Kernel { block, mounts, swaps }
    }

    #[test]
    fn only_a_whole_disk_that_nothing_uses_is_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let kernel = machine(folder.path());
        let device = |name: &str| folder.path().join("dev").join(name);
        let free = Disk::free(&device("sdc"), &kernel).expect("nothing uses it");
        assert_eq!((free.bytes, free.model.as_str()), (31_914_983_424, "SD Card"));
        for (name, wanted) in [
            ("sda", "mounted at /\n  next: this machine runs from it"),
            ("sdb", "mounted at /media/card\n  next: sudo umount /dev/sdb1"),
            ("sdb1", "this is a partition"),
            ("sdd", "there is no card in it"),
            ("sde", "is a part of /dev/dm-0"),
            ("sdz", "No such file"),
        ] {
            let error = format!("{:#}", Disk::free(&device(name), &kernel).expect_err(name));
            assert!(error.contains(wanted), "{name}: {error}");
        }
        fs::write(&kernel.swaps, "Filename Type\n/dev/sdc1 partition 1 0 -2\n").expect("room");
        let error = Disk::free(&device("sdc"), &kernel).expect_err("swapped to").to_string();
        assert!(error.contains("swaps to /dev/sdc1"), "{error}");
    }
}
