//! What is put on a boot partition, so that the first boot installs and sets up fieldtune without a network.
//!
//! Raspberry Pi OS reads `user-data`, `network-config` and `meta-data` there (cloud-init's NoCloud form). They are written
//! as JSON, which is YAML.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::boot::Boot;
use crate::backbone::card::{ModelCard, hex};
use crate::board::{BOARDS, Board, POLICIES, read_policy};
use crate::store::backup_of;

/// Where the boot partition is on the device.
const FIRMWARE: &str = "/boot/firmware";

/// The file by which a system of Debian packages alone is known (`boards/image/build`).
const ALONE: &str = "system.txt";

/// How the names of our files there begin. They are in no folder: what the crate makes of one is not what FAT wants.
const OURS: &str = "fieldtune-";

/// What the device runs the first time.
const FIRST_BOOT: &str = include_str!("../../../boards/package/first-boot");

/// How the device is set up.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Device")]
pub(super) struct Setup {
    /// fieldtune's package for the device (boards/package/build makes it)
    #[arg(long, value_name = "FILE.deb")]
    package: PathBuf,
    /// The board's name (fieldtune boards lists them), or a file (.toml) [default: the device says what it is]
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
    /// A policy's name or file
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
    /// What the device knows from the start
    #[arg(long, value_name = "FILE.ftune")]
    store: Option<PathBuf>,
    /// A backbone's card, with its network beside it or fetched [default: the built-in one]
    #[arg(long, value_name = "FILE.toml")]
    model: Option<PathBuf>,
    /// The device's name in the network [default: fieldtune]
    #[arg(long, value_name = "NAME", value_parser = hostname)]
    hostname: Option<String>,
    /// Who logs in
    #[arg(long, default_value = "pi", value_name = "NAME", value_parser = user)]
    user: String,
    /// A public key that may log in by SSH; without one no login is possible
    #[arg(long, value_name = "FILE.pub")]
    ssh_key: Option<PathBuf>,
    /// The wireless network
    #[arg(long, value_name = "SSID", requires_all = ["wifi_password_file", "country"])]
    wifi: Option<String>,
    /// The file with its password, which stands on the card as it is
    #[arg(long, value_name = "FILE", requires = "wifi")]
    wifi_password_file: Option<PathBuf>,
    /// The country whose radio rules hold: two letters
    #[arg(long, value_name = "CODE", value_parser = country)]
    country: Option<String>,
    /// Where the serial console is, besides the socket
    #[arg(long, value_enum, value_name = "WHERE")]
    console: Option<Console>,
}

/// A line to type at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Console {
    /// The pins of the serial port; the login there is switched off
    Uart,
    /// The USB socket of a Zero 2 W, 4 or 5, which then gives power and console
    Usb,
}

impl Console {
    fn port(self) -> &'static str {
        match self {
            Self::Uart => "serial:/dev/serial0@115200",
            Self::Usb => "serial:/dev/ttyGS0@115200",
        }
    }
}

/// Files of a boot partition, by their names there.
#[derive(Debug)]
pub(super) struct Seed {
    files: Vec<(String, Vec<u8>)>,
    console: Option<Console>,
    /// An option that only Raspberry Pi OS can follow.
    of_raspberry_pi_os: Option<&'static str>,
}

impl Setup {
    /// Everything read and checked; nothing is written yet.
    ///
    /// # Errors
    /// A file is not what it should be.
    pub(super) fn seed(&self) -> anyhow::Result<Seed> {
        let mut files = vec![(Seed::first_boot(), FIRST_BOOT.as_bytes().to_vec())];
        let mut put = |name: &str, bytes: Vec<u8>| files.push((format!("{OURS}{name}"), bytes));
        put("package.deb", package(&self.package)?);
        let mut settings = vec![self.options()];
        let board =
            self.board.as_deref().map(|asked| Board::choose(Some(asked), None)).transpose()?;
        if let Some(asked) = &self.board {
            settings.push(match BOARDS.iter().any(|(name, _)| name == asked) {
                true => format!("FIELDTUNE_BOARD={asked}"),
                false => {
                    put("board.toml", read(Path::new(asked))?);
                    "FIELDTUNE_BOARD=/etc/fieldtune/board.toml".to_owned()
                }
            });
        }
        if let Some(asked) = &self.policy {
            let policy = read_policy(asked)?;
            board.map_or(Ok(()), |board| board.check_policy(&policy))?;
            let named = POLICIES.iter().any(|(name, _)| name == asked);
            let policy = match named {
                true => asked.as_str(),
                false => {
                    put("policy.toml", read(Path::new(asked))?);
                    "/etc/fieldtune/policy.toml"
                }
            };
            settings.push(format!("FIELDTUNE_POLICY={policy}"));
        }
        if let Some(path) = &self.model {
            let card = ModelCard::read_card(path)?;
            put("model.toml", card.to_toml().into_bytes());
            if !card.is_built_in() {
                let network = card.network(path.parent())?;
                put(&card.file, network.onnx);
                for weights in network.weights {
                    if weights.name.contains('/') {
                        bail!(
                            "{}: wanted weights beside the network, got {}",
                            card.file,
                            weights.name
                        );
                    }
                    put(&weights.name, weights.bytes);
                }
            }
            settings.push("FIELDTUNE_MODEL=/etc/fieldtune/model.toml".to_owned());
        }
        if let Some(path) = &self.store {
            put("learned.ftune", backup_of(path)?);
        }
        settings.insert(
            0,
            "# What the service fieldtune runs with, as fieldtune flash wrote it.".to_owned(),
        );
        put("fieldtune.conf", (settings.join("\n") + "\n").into_bytes());
        if let Some(network) = self.network()? {
            files.push(("network-config".to_owned(), yaml("", &network)));
        }
        files.push(("user-data".to_owned(), yaml("#cloud-config\n", &self.user_data()?)));
        // A device does the first boot's work once for each of these.
        let mut hash = Sha256::new();
        files.iter().for_each(|(_, bytes)| hash.update(bytes));
        let instance = format!("fieldtune-{}", &hex(&hash.finalize().into())[..16]);
        files.push(("meta-data".to_owned(), yaml("", &json!({ "instance-id": instance }))));
        let of_raspberry_pi_os = self.of_raspberry_pi_os();
        Ok(Seed { files, console: self.console, of_raspberry_pi_os })
    }

    /// What the device is called.
    pub(super) fn hostname(&self) -> &str {
        self.hostname.as_deref().unwrap_or("fieldtune")
    }

    /// Who logs in.
    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// # Errors
    /// Something is wanted of a system that has its own way to it.
    pub(super) fn refuse_card(&self) -> anyhow::Result<()> {
        let named = self.hostname.is_some().then_some("--hostname");
        if let Some(option) = self.of_raspberry_pi_os().or(named) {
            bail!(
                "{option} is for the card of a Raspberry Pi: set names, networks, logins and gadgets up with the system's own tools"
            );
        }
        Ok(())
    }

    fn of_raspberry_pi_os(&self) -> Option<&'static str> {
        let given = [
            ("--wifi", self.wifi.is_some()),
            ("--ssh-key", self.ssh_key.is_some()),
            ("--console usb", self.console == Some(Console::Usb)),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
    }

    fn options(&self) -> String {
        let port = self.console.map(|console| format!(" --port {}", console.port()));
        format!(
            "FIELDTUNE_OPTIONS=\"--port unix:/run/fieldtune/console.sock{}\"",
            port.unwrap_or_default()
        )
    }

    fn user_data(&self) -> anyhow::Result<Value> {
        let first_boot = format!("{FIRMWARE}/{}", Seed::first_boot());
        let mut commands = vec![json!(["sh", first_boot, self.user])];
        let mut user = json!({
            "name": self.user,
            "gecos": "fieldtune",
            "groups": ["adm", "dialout", "video", "sudo"],
            "shell": "/bin/bash",
            "sudo": "ALL=(ALL) NOPASSWD:ALL",
            "lock_passwd": true,
        });
        if let Some(path) = &self.ssh_key {
            user["ssh_authorized_keys"] = json!(public_keys(path)?);
            commands.push(json!(["systemctl", "enable", "--now", "ssh"]));
        }
        Ok(json!({
            "hostname": self.hostname(),
            "manage_etc_hosts": true,
            "users": [user],
            "ssh_pwauth": false,
            "runcmd": commands,
        }))
    }

    fn network(&self) -> anyhow::Result<Option<Value>> {
        let (Some(ssid), Some(file), Some(country)) =
            (&self.wifi, &self.wifi_password_file, &self.country)
        else {
            return Ok(None);
        };
        if !(1..=32).contains(&ssid.len()) {
            bail!("--wifi: the name of a network has 1 to 32 bytes, got {}", ssid.len());
        }
        let text = String::from_utf8(read(file)?).ok();
        let password = text.as_deref().map(|text| text.trim_end_matches(['\r', '\n']));
        let Some(password) = password.filter(|password| (8..=64).contains(&password.len())) else {
            bail!("{}: wanted the password alone, 8 to 64 characters", file.display());
        };
        Ok(Some(json!({ "network": {
            "version": 2,
            "ethernets": { "eth0": { "dhcp4": true, "optional": true } },
            "wifis": { "wlan0": {
                "dhcp4": true,
                "optional": true,
                "regulatory-domain": country,
                "access-points": { ssid: { "password": password } },
            } },
        } })))
    }
}

impl Seed {
    /// Puts what is ours into a folder, to be carried out there by `sh FOLDER/fieldtune-first-boot USER`.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn put_into(&self, folder: &Path) -> anyhow::Result<()> {
        for (name, bytes) in self.files.iter().filter(|(name, _)| name.starts_with(OURS)) {
            let path = folder.join(name);
            fs::write(&path, bytes).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }

    /// What is carried out first, by its name in the folder.
    pub(super) fn first_boot() -> String {
        format!("{OURS}first-boot")
    }

    /// Puts it on a boot partition, and reads it back.
    ///
    /// # Errors
    /// It is no boot partition of Raspberry Pi OS with cloud-init, or it is full or damaged.
    pub(super) fn put(&self, boot: &mut impl Boot) -> anyhow::Result<()> {
        for wanted in ["config.txt", "cmdline.txt", "user-data"] {
            if boot.read(wanted)?.is_none() {
                bail!(
                    "the boot partition has no {wanted}: wanted Raspberry Pi OS of Debian 13 (trixie) or later, or an image that boards/image/build made"
                );
            }
        }
        if let (Some(_), Some(option)) = (boot.read(ALONE)?, self.of_raspberry_pi_os) {
            bail!(
                "{option}: a system of Debian packages alone has no logins, no wireless network and no USB console\n  next: leave it out, or take Raspberry Pi OS"
            );
        }
        let mut files = self.files.clone();
        if let Some(console) = self.console {
            let mut line = |name: &str, change: &dyn Fn(&str) -> String| -> anyhow::Result<()> {
                let text = boot.read(name)?.unwrap_or_default();
                files.push((name.to_owned(), change(&String::from_utf8_lossy(&text)).into_bytes()));
                Ok(())
            };
            line("config.txt", &|text| config(text, console))?;
            line("cmdline.txt", &|text| command_line(text, console))?;
        }
        // Those of another time.
        boot.clear(OURS)?;
        for (name, bytes) in &files {
            boot.write(name, bytes)?;
        }
        for (name, bytes) in &files {
            if boot.read(name)?.as_ref() != Some(bytes) {
                bail!(
                    "{name} was written to the boot partition and reads otherwise: the card is damaged"
                );
            }
        }
        Ok(())
    }
}

/// The firmware's settings with the console's; the same if they are there.
fn config(text: &str, console: Console) -> String {
    let wanted = match console {
        Console::Uart => "enable_uart=1",
        Console::Usb => "dtoverlay=dwc2,dr_mode=peripheral",
    };
    if text.lines().any(|line| line.trim() == wanted) {
        return text.to_owned();
    }
    format!("{}\n\n# fieldtune: the console\n[all]\n{wanted}\n", text.trim_end())
}

/// The kernel's arguments without a login where the console is, and with the driver that it needs.
fn command_line(text: &str, console: Console) -> String {
    let login = |word: &&str| {
        ["console=serial0,", "console=ttyAMA0,", "console=ttyS0,"]
            .iter()
            .any(|l| word.starts_with(l))
    };
    let words = text.split_whitespace();
    let mut words: Vec<_> = match console {
        Console::Uart => words.filter(|word| !login(word)).collect(),
        Console::Usb => words.collect(),
    };
    const DRIVER: &str = "modules-load=dwc2,g_serial";
    if console == Console::Usb && !words.contains(&DRIVER) {
        words.push(DRIVER);
    }
    words.join(" ") + "\n"
}

fn yaml(head: &str, value: &Value) -> Vec<u8> {
    format!("{head}{value:#}\n").into_bytes()
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}

fn package(path: &Path) -> anyhow::Result<Vec<u8>> {
    const NEXT: &str =
        "next: fieldtune_VERSION_arm64.deb of a release, or what boards/package/build makes";
    let shown = path.display();
    let bytes = fs::read(path).map_err(|error| anyhow!("--package {shown}: {error}\n  {NEXT}"))?;
    if !bytes.starts_with(b"!<arch>\ndebian-binary") {
        bail!("--package {shown}: wanted a Debian package, this file is none\n  {NEXT}");
    }
    if path.to_string_lossy().ends_with("_amd64.deb") {
        bail!("--package {shown}: wanted the package for arm64, this is the one for PCs\n  {NEXT}");
    }
    Ok(bytes)
}

fn public_keys(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = String::from_utf8(read(path)?).unwrap_or_default();
    let shown = path.display();
    if text.contains("PRIVATE KEY") {
        bail!(
            "{shown}: this is a private key, which has to stay secret\n  next: name the public one, {shown}.pub"
        );
    }
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys: Vec<_> = lines.map(str::to_owned).collect();
    let known = |key: &String| ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| key.starts_with(kind));
    match keys.is_empty() || !keys.iter().all(known) {
        true => bail!("{shown}: wanted public keys, as ssh-keygen writes them to a .pub file"),
        false => Ok(keys),
    }
}

fn hostname(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let fits = (1..=63).contains(&text.len()) && text.chars().all(plain);
    match fits && !text.starts_with('-') && !text.ends_with('-') {
        true => Ok(text.to_owned()),
        false => Err("wanted 1 to 63 letters, digits and hyphens, no hyphen at an end".to_owned()),
    }
}

fn user(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    let first = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    match first && text.len() <= 32 && text.chars().all(plain) && text != "root" {
        true => Ok(text.to_owned()),
        false => {
            Err("wanted lower-case letters, digits, hyphens, first a letter; not root".to_owned())
        }
    }
}

fn country(text: &str) -> Result<String, String> {
    match text.len() == 2 && text.chars().all(|c| c.is_ascii_alphabetic()) {
        true => Ok(text.to_ascii_uppercase()),
        false => Err("wanted two letters, such as DE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_console_are_added_once() {
        let usual = "dtparam=audio=on\n[pi4]\narm_boost=1\n";
        let changed = config(usual, Console::Uart);
        assert!(changed.starts_with(usual.trim_end()), "{changed}");
        assert!(changed.ends_with("[all]\nenable_uart=1\n"), "{changed}");
        assert_eq!(config(&changed, Console::Uart), changed);
        let line = "console=serial0,115200 console=tty1 root=PARTUUID=1-02 rootwait\n";
        assert_eq!(command_line(line, Console::Uart), "console=tty1 root=PARTUUID=1-02 rootwait\n");
        let usb = command_line(line, Console::Usb);
        assert_eq!(usb, line.trim_end().to_owned() + " modules-load=dwc2,g_serial\n");
        assert_eq!(command_line(&usb, Console::Usb), usb);
    }

    #[test]
    fn names_that_a_system_would_refuse_are_refused() {
        for wrong in ["", "-a", "a-", "a b", "a.b", &"a".repeat(64)] {
            assert!(hostname(wrong).is_err(), "{wrong}");
        }
        assert_eq!(hostname("line-3"), Ok("line-3".to_owned()));
        for wrong in ["", "root", "Pi", "1a", "a b", "a;b", &"a".repeat(33)] {
            assert!(user(wrong).is_err(), "{wrong}");
        }
        assert_eq!(user("pi_2"), Ok("pi_2".to_owned()));
        assert_eq!((country("de"), country("d1").is_err()), (Ok("DE".to_owned()), true));
    }
}
