//! `fieldtune flash`: a card for a Raspberry Pi, from the image of its operating system and our package.

mod boot;
mod disk;
mod manifest;
mod remote;
mod rootfs;
mod seed;
mod system;

use std::fs::{self, File};
use std::io::{IsTerminal as _, Read as _, Seek as _, SeekFrom, Write as _, stdin};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rustix::fs::{Advice, fadvise};
use sha2::{Digest as _, Sha256};

use super::{Context, Exit, Failed};
use crate::util::files::{sibling, sync_folder};
use boot::{Boot as _, Mounted, Partition};
use disk::{Disk, Kernel};
use seed::{Seed, Setup};
use system::{Content, STEP, SystemImage, fill};

/// Write a card that makes a Raspberry Pi a working sensor
///
/// Writes Raspberry Pi OS (64 bit, Debian 13 or later) to a card or an image file, and puts the package and what the device
/// is to run with on its boot partition. The first boot installs them, without a network.
///
/// The image is read whole before anything is written, what was written is read back, and a disk that is mounted or that
/// this machine runs from is refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune flash card.img --os raspios.img.xz --package fieldtune_arm64.deb
    --board raspberry-pi-4                       an image file, to write later
  sudo fieldtune flash /dev/sdb --os raspios.img.xz
    --package fieldtune_arm64.deb --hostname line-3 --ssh-key id_ed25519.pub
  fieldtune flash --seed-only /media/me/bootfs --package fieldtune_arm64.deb
                                                 a card that is written already
  boards/image/build debian.img && fieldtune flash card.img --os debian.img
    --package fieldtune_arm64.deb --console uart a system of Debian packages
                                                 alone, for a USB camera
  fieldtune flash --host me@jetson --package fieldtune_arm64.deb --console uart
                                                 a device that runs already
  sudo fieldtune flash --rootfs Linux_for_Tegra/rootfs --user me
    --package fieldtune_arm64.deb                a Jetson, before it is flashed

Raspberry Pi OS: https://www.raspberrypi.com/software/operating-systems/

Exit status 3 if the card or the disk failed.")]
pub struct FlashCommand {
    /// Where it is written: a disk such as /dev/sdb, or a file
    #[arg(value_name = "DISK|FILE.img", required_unless_present_any = ["seed_only", "host", "rootfs"], requires = "os")]
    target: Option<PathBuf>,
    /// The image of Raspberry Pi OS: .img, .img.xz, .img.gz or .img.zst
    #[arg(long, value_name = "IMAGE")]
    os: Option<PathBuf>,
    /// SHA-256 of the image's file, as the download page states it [default: what IMAGE.sha256 says, if it is there]
    #[arg(long, value_name = "HEX", requires = "os")]
    sha256: Option<String>,
    /// The boot partition of a card that is written and mounted: only set the device up
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["target", "os"])]
    seed_only: Option<PathBuf>,
    /// A device that runs already, a Jetson for instance: install and set it up over SSH
    #[arg(long, value_name = "USER@ADDRESS", value_parser = remote::login, conflicts_with_all = ["target", "os", "seed_only"])]
    host: Option<remote::Login>,
    /// The root folder of a system that other tools write, a Jetson's for instance: its first start sets it up
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["target", "os", "seed_only", "host"])]
    rootfs: Option<PathBuf>,
    /// The disk to erase, instead of being asked for it
    #[arg(long, value_name = "DISK")]
    erase: Option<PathBuf>,
    #[command(flatten)]
    setup: Setup,
}

impl FlashCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        // Before anything is touched.
        let seed = self.setup.seed()?;
        if self.host.is_some() || self.rootfs.is_some() {
            self.setup.refuse_card()?;
        }
        if self.os.is_none() && (self.sha256.is_some() || self.erase.is_some()) {
            bail!("--sha256 and --erase are for a card that is written from --os");
        }
        if let Some(root) = &self.rootfs {
            rootfs::prepare(root, &seed, self.setup.user())?;
            println!(
                "{} is set up\n  next: write it to the device with its maker's tool; its first start installs fieldtune",
                root.display()
            );
            return Ok(Exit::Done);
        }
        if let Some(host) = &self.host {
            remote::install(host, &seed)?;
            println!(
                "{host} is set up\n  next: fieldtune ctl on it, as {host}",
                host = host.text()
            );
            return Ok(Exit::Done);
        }
        match (&self.target, &self.os, &self.seed_only) {
            (_, _, Some(folder)) => {
                let mut boot = Mounted(folder.clone());
                seed.put(&mut boot)?;
                boot.finish().context(Failed(Exit::Device))?;
                println!(
                    "{} is set up\n  next: unmount it, and start the device with it",
                    folder.display()
                );
            }
            (Some(target), Some(os), None) => self.write(target, os, &seed, context)?,
            _ => bail!("wanted DISK or FILE.img with --os, or --seed-only"),
        }
        Ok(Exit::Done)
    }

    fn write(
        &self,
        target: &Path,
        os: &Path,
        seed: &Seed,
        context: &Context,
    ) -> anyhow::Result<()> {
        let is_disk = fs::metadata(target).is_ok_and(|meta| meta.file_type().is_block_device());
        let disk = is_disk.then(|| Disk::free(target, &Kernel::default())).transpose()?;
        if disk.is_none() && target.starts_with("/dev") {
            bail!("{}: this is no disk", target.display());
        }
        let image = SystemImage::open(os)?;
        if let Some(wanted) = self.wanted_sum(os)? {
            image.check(&wanted, &context.bytes_bar(image.length(), "comparing the checksum"))?;
        }
        let bar = context.bytes_bar(image.length(), "checking the image");
        let content = image.read(&bar, |_| Ok(()))?;
        let place = boot::place(&content.first, content.bytes);
        let place = place.with_context(|| os.display().to_string())?;
        bar.finish_and_clear();
        match disk {
            Some(disk) => {
                if disk.bytes < content.bytes {
                    bail!(
                        "{}: the card has {}, the image needs {}",
                        disk.path.display(),
                        people(disk.bytes),
                        people(content.bytes)
                    );
                }
                self.confirm(&disk)?;
                let file = File::options().read(true).write(true).open(&disk.path);
                let file = file.with_context(|| disk.path.display().to_string())?;
                let filled = write_to(file, &image, &content, place, seed, context);
                filled.with_context(|| {
                    format!("{}: the card holds no working system now", disk.path.display())
                })?;
            }
            None => {
                let part = sibling(target, "part");
                let made =
                    File::options().read(true).write(true).create(true).truncate(true).open(&part);
                let made = made.map_err(anyhow::Error::new).and_then(|file| {
                    write_to(file, &image, &content, place, seed, context)?;
                    fs::rename(&part, target)?;
                    sync_folder(target)?;
                    manifest::write(target, self.setup.hostname(), context)
                });
                let manifest = made.map_err(|error| {
                    // Nothing can be done about a leftover.
                    let _ = fs::remove_file(&part);
                    error.context(target.display().to_string())
                })?;
                println!(
                    "{}: {} written, read back and set up\n  next: write it to a card: rpi-imager --repo {}",
                    target.display(),
                    people(content.bytes),
                    manifest.display()
                );
                return Ok(());
            }
        }
        println!(
            "{}: {} written, read back and set up\n  next: put the card into the device and give it power; the first start takes some minutes",
            target.display(),
            people(content.bytes)
        );
        Ok(())
    }

    fn wanted_sum(&self, os: &Path) -> anyhow::Result<Option<String>> {
        if let Some(sum) = &self.sha256 {
            return Ok(Some(sum.clone()));
        }
        let beside = sibling(os, "sha256");
        match fs::read_to_string(&beside) {
            Ok(text) => Ok(text.split_whitespace().next().map(str::to_owned)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| beside.display().to_string()),
        }
    }

    /// Nothing on a disk is erased that was not named twice.
    fn confirm(&self, disk: &Disk) -> anyhow::Result<()> {
        let Disk { path, bytes, model } = disk;
        let name = path.display();
        if let Some(erase) = &self.erase {
            if erase.canonicalize().ok().as_ref() != Some(path) {
                bail!("--erase names {}, the disk is {name}: nothing was written", erase.display());
            }
            return Ok(());
        }
        if !stdin().is_terminal() {
            bail!("{name}: everything on it would be erased\n  next: add --erase {name}");
        }
        eprintln!(
            "{name}, {} {model}: everything on it is erased. Type {name} to go on:",
            people(*bytes)
        );
        let mut typed = String::new();
        stdin().read_line(&mut typed)?;
        if Path::new(typed.trim()) != path {
            bail!("nothing was written");
        }
        Ok(())
    }
}

/// Writes the image, reads it back, and sets the device up on its boot partition.
fn write_to(
    mut file: File,
    image: &SystemImage,
    content: &Content,
    place: (u64, u64),
    seed: &Seed,
    context: &Context,
) -> anyhow::Result<()> {
    let bar = context.bytes_bar(image.length(), "writing");
    let again = image.read(&bar, |piece| file.write_all(piece).context(Failed(Exit::Device)))?;
    bar.finish_and_clear();
    if again != *content {
        bail!("the image's file changed while it was read");
    }
    file.sync_all().context(Failed(Exit::Device))?;
    // From the card, and not from what this machine remembers of it.
    let _ = fadvise(&file, 0, None, Advice::DontNeed);
    let bar = context.bytes_bar(content.bytes, "reading back");
    file.seek(SeekFrom::Start(0))?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; STEP]);
    let mut written = (&file).take(content.bytes);
    loop {
        let count = fill(&mut written, &mut piece).context(Failed(Exit::Device))?;
        if count == 0 {
            break;
        }
        hash.update(&piece[..count]);
        bar.inc(count as u64);
    }
    bar.finish_and_clear();
    if <[u8; 32]>::from(hash.finalize()) != content.sha256 {
        return Err(anyhow::anyhow!("it reads otherwise than it was written: the card is worn out or not as large as it says")
            .context(Failed(Exit::Device)));
    }
    let mut boot = Partition::open(file.try_clone()?, place)?;
    seed.put(&mut boot)?;
    boot.finish().context(Failed(Exit::Device))?;
    file.sync_all().context(Failed(Exit::Device))
}

/// Bytes as cards are sold.
fn people(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{bytes} bytes"),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
