//! `fieldtune check`: whether every device that a board names is there.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::board::BoardArgs;
use super::args::store::StoreArgs;
use super::{Context, Exit};
use crate::board::outputs::{self, OutputDriver};
use crate::board::policy::{Policy, untaught_in_words};
use crate::board::{self, Board, CertificateFiles, MqttSettings, WebSettings};
#[cfg(feature = "mqtt")]
use crate::mqtt::MqttLink;
use crate::protocol::access::Access;
#[cfg(feature = "web")]
use crate::web::Certificate;

/// How long an output is switched by `--blink`.
const BLINK: Duration = Duration::from_millis(300);

/// Check camera, pins and serial port of a board
///
/// Changes nothing, except with --blink. Exit status 3 if something is missing; an unreadable temperature
/// is only reported.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fieldtune check
  fieldtune check --board raspberry-pi-4
  fieldtune check --board line-3.toml --policy line-3-policy.toml
  fieldtune check --board line-3.toml --blink")]
pub struct CheckCommand {
    #[command(flatten)]
    board: BoardArgs,
    /// Check also the names in this policy: outputs, inputs, classes
    #[arg(long, value_name = "NAME|FILE", env = "FIELDTUNE_POLICY")]
    policy: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
    /// Switch every output for 0.3 seconds, one after another: connected actuators move
    #[arg(long)]
    blink: bool,
}

/// What is there, or what is not and what to do.
type Finding = Result<String, String>;

impl CheckCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let (board, how) = self.board.choose()?;
        println!("board {}: {} ({how})", board.name, board.about);
        let mut missing = 0;
        let mut tell = |key: &str, finding: &Finding| match finding {
            Ok(what) => println!("found    {key}: {what}"),
            Err(what) => {
                missing += 1;
                println!("missing  {key}: {what}");
            }
        };
        tell("camera", &camera(&board.camera.address));
        for (name, sense) in &board.senses {
            tell(&format!("sense {name}"), &camera(&sense.camera.address));
        }
        for (name, region) in &board.regions {
            let (width, height) = (board.camera.width, board.camera.height);
            let fits = region.resolve(width, height).map(|_| format!("{region} of a frame"));
            tell(&format!("region {name}"), &fits.map_err(|error| error.to_string()));
        }
        let pins = outputs::probe(&board);
        for (key, found) in &pins {
            let finding = match found {
                Ok(what) => Ok(what.clone()),
                // The error names the pin already.
                Err(error) => {
                    Err(error.to_string().trim_start_matches(&format!("{key}: ")).to_owned())
                }
            };
            tell(key, &finding);
        }
        if let Some(serial) = &board.serial {
            tell("serial", &port(&serial.device));
        }
        access(&board);
        if let Some(web) = &board.web {
            page(web);
            if let Some(files) = &web.certificate {
                tell("page certificate", &certificate(files));
            }
        }
        if let Some(mqtt) = &board.mqtt {
            broker(mqtt);
            tell("mqtt files", &files_of_broker(mqtt));
        }
        if let Some(asked) = &self.policy {
            let policy = board::read_policy(asked)?;
            tell("policy", &fits(&board, &policy, asked));
            let taught = self.store.taught_of(&board)?;
            for untaught in untaught_in_words(&policy.untaught(&taught), &taught) {
                println!("untaught policy: {untaught}");
            }
        }
        let files = [("temperature", &board.temperature), ("throttled", &board.throttled)];
        for (key, path) in files.into_iter().filter_map(|(key, path)| Some((key, path.as_ref()?))) {
            match fs::read_to_string(path) {
                Ok(text) => println!("found    {key}: {}", text.trim().escape_debug()),
                Err(error) => println!("absent   {key}: {}: {error}", path.display()),
            }
        }
        if self.blink && pins.iter().all(|(_, found)| found.is_ok()) {
            let blinked = blink(&board, context);
            tell("blink", &blinked.map_err(|error| error.to_string()));
        }
        Ok(if missing == 0 { Exit::Done } else { Exit::Device })
    }
}

/// Whether the board has what the policy names.
fn fits(board: &Board, policy: &Policy, asked: &str) -> Finding {
    let fits =
        board.check_policy(policy).map(|()| format!("{asked}: the board has everything it names"));
    fits.map_err(|error| error.to_string())
}

/// What a client of a port may do.
fn access(board: &Board) {
    let settings = &board.access;
    let serial = board.serial.as_ref().map(|_| ("serial lines", settings.serial));
    for (which, access) in serial.into_iter().chain([("ports of --port", settings.ports)]) {
        let what = match access {
            Access::Full => "anyone who can connect may change everything",
            Access::Locked => "changes need the PIN; reading and teaching do not",
            Access::ReadOnly => "read-only",
        };
        let word = if access == Access::Full { "open    " } else { "guarded " };
        println!("{word} {which}: {what}");
    }
    let usual = if board.serial.is_some() { settings.serial } else { settings.ports };
    if usual == Access::Full {
        println!("  next: access = \"locked\" in the board's file, with what fieldtune pin prints");
    }
    match settings.trusted_keys.len() {
        0 => println!("open     push: packs are taken from anyone, signed or not"),
        keys => println!("guarded  push: packs are taken if one of {keys} keys signed them"),
    }
}

/// Who reaches the page, and what they may do.
fn page(web: &WebSettings) {
    let WebSettings { listen, access, .. } = web;
    let scheme = if web.certificate.is_some() { "https" } else { "http" };
    let may = match access {
        Access::Full => "may change everything",
        Access::Locked => "may look and teach; changes need the PIN",
        Access::ReadOnly => "may look",
    };
    let word = if *access == Access::Full && !listen.is_local() { "open    " } else { "guarded " };
    match listen.is_local() {
        true => println!("{word} page: {scheme}://{listen}/: users of this machine {may}"),
        false => {
            println!("{word} page: {scheme}://{listen}/: anyone on the network {may}");
            if web.certificate.is_none() {
                println!("  note: plain HTTP: anyone between reads pictures and the PIN");
                println!("  next: certificate and key in [web], or a TLS proxy in front of it");
            }
            if web.announce {
                println!(
                    "  note: announced on the network by mDNS; announce = false keeps it quiet"
                );
            }
            if *access == Access::Full {
                println!("  next: access = \"locked\" in [web], with what fieldtune pin prints");
            }
        }
    }
}

/// Where predictions go, and what may be asked from there.
fn broker(mqtt: &MqttSettings) {
    let may = match mqtt.requests {
        None => "ask nothing",
        Some(Access::ReadOnly) => "look",
        Some(Access::Locked) => "look and teach; no PIN is taken there",
        Some(Access::Full) => "change everything",
    };
    let word = if mqtt.requests == Some(Access::Full) { "open    " } else { "guarded " };
    println!(
        "{word} mqtt: {}: users that its broker lets publish requests may {may}",
        mqtt.address
    );
    if !mqtt.address.tls {
        println!(
            "  note: not encrypted: anyone between reads predictions, pictures and the password"
        );
        println!(
            "  next: an address that begins with mqtts://, and ca_file where the authority is your own"
        );
    }
}

/// Whether the files that it names can be used.
#[cfg(feature = "mqtt")]
fn files_of_broker(mqtt: &MqttSettings) -> Finding {
    let link = MqttLink::read(mqtt).map_err(|error| error.to_string())?;
    Ok(format!("topic {}", link.topic()))
}

#[cfg(not(feature = "mqtt"))]
fn files_of_broker(_: &MqttSettings) -> Finding {
    Err("this program was built without MQTT (feature mqtt)".to_owned())
}

/// Whether the page's certificate can be used, and how long.
#[cfg(feature = "web")]
fn certificate(files: &CertificateFiles) -> Finding {
    let certificate = Certificate::read(files).map_err(|error| error.to_string())?;
    match certificate.warning() {
        Some(warning) => Err(format!("{warning}\n  next: name a valid one as web.certificate")),
        None => {
            let file = files.certificate.display();
            Ok(format!("{file}, valid until {}", certificate.valid_until()))
        }
    }
}

#[cfg(not(feature = "web"))]
fn certificate(_: &CertificateFiles) -> Finding {
    Err("this program was built without the page (feature web)".to_owned())
}

/// Whether there is what frames would come from.
fn camera(address: &str) -> Finding {
    let known = "v4l:, rpicam:, pipe:, replay:, synthetic:, sound:, lines:";
    let device = address.starts_with("/dev/").then(|| format!("v4l:{address}"));
    let address = device.as_deref().unwrap_or(address);
    let (kind, rest) = address.split_once(':').ok_or_else(|| {
        format!(
            "\"{}\" is not an address: wanted one that begins with {known}",
            address.escape_debug()
        )
    })?;
    match kind {
        "v4l" => {
            let path = Path::new(rest);
            let next = "plug it in; fieldtune cameras lists those there are";
            character_device(path, "video", next)?;
            // Opening takes nothing: a camera that streams elsewhere can be opened too.
            let opened = OpenOptions::new().read(true).write(true).open(path);
            opened.map_err(|error| refused(path, &error, "video", next))?;
            Ok(address.to_owned())
        }
        "rpicam" => program("rpicam-vid", "sudo apt install rpicam-apps"),
        "pipe" => program_of(rest),
        "sound" | "lines" => match rest.split_once(':') {
            Some(("pipe", command)) => program_of(command),
            Some(("serial", line)) => port(Path::new(line.split('@').next().unwrap_or_default())),
            Some(("synthetic", _)) => Ok("computed by this program".to_owned()),
            _ if rest == "-" => Ok("standard input".to_owned()),
            _ if Path::new(rest).exists() => Ok(address.to_owned()),
            _ => Err(format!("{rest} is not there")),
        },
        "replay" if Path::new(rest).exists() => Ok(address.to_owned()),
        "replay" => Err(format!("{rest} is not there")),
        "synthetic" => Ok("drawn by this program".to_owned()),
        _ => Err(format!("{kind}: is no kind of camera; there are {known}")),
    }
}

/// Where the program is that a command of the shell begins with.
fn program_of(command: &str) -> Finding {
    // Variables may be set before it.
    let sets = |word: &&str| {
        let name = word.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_'))
    };
    let mut words = command.split_whitespace().skip_while(sets);
    let name = words.next().unwrap_or_default();
    let found = program(name, "install it, or write its full path into the address");
    // The shell knows words of its own (while, exec), and what stands in quotes or brackets.
    const ITS_OWN: [char; 6] = ['(', '{', '"', '\'', '$', '`'];
    let is_its_own = || {
        let ask = ["-c", "command -v \"$1\"", "sh", name];
        let asked = std::process::Command::new("sh").args(ask).output();
        name.starts_with(ITS_OWN) || asked.is_ok_and(|asked| asked.status.success())
    };
    found.or_else(|missing| match !name.is_empty() && is_its_own() {
        true => Ok(format!("{name} of the shell")),
        false => Err(missing),
    })
}

/// Where a program is.
fn program(name: &str, next: &str) -> Finding {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let named = if name.contains('/') {
        vec![PathBuf::from(name)]
    } else {
        std::env::split_paths(&folders).map(|folder| folder.join(name)).collect()
    };
    let runs = |path: &&PathBuf| {
        fs::metadata(path)
            .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    match named.iter().find(runs) {
        Some(path) => Ok(path.display().to_string()),
        None => Err(format!("there is no program {name}\n  next: {next}")),
    }
}

/// Whether the serial port can be opened.
fn port(path: &Path) -> Finding {
    // As <fcntl.h> has them on Linux on ARM and x86: it must neither wait for a carrier nor become our terminal.
    const O_NOCTTY: i32 = 0o400;
    const O_NONBLOCK: i32 = 0o4000;
    let next = "switch the port on (Raspberry Pi: sudo raspi-config, interface options, serial port), or name another one as serial.device";
    character_device(path, "dialout", next)?;
    let flags = O_NOCTTY | O_NONBLOCK;
    let opened = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path);
    opened.map_err(|error| refused(path, &error, "dialout", next))?;
    Ok(path.display().to_string())
}

fn character_device(path: &Path, group: &str, next: &str) -> Result<(), String> {
    let file = fs::metadata(path).map_err(|error| refused(path, &error, group, next))?;
    if file.file_type().is_char_device() {
        return Ok(());
    }
    Err(format!("{} is not a device\n  next: {next}", path.display()))
}

fn refused(path: &Path, error: &std::io::Error, group: &str, next: &str) -> String {
    let path = path.display();
    match error.kind() {
        ErrorKind::NotFound => format!("{path} is not there\n  next: {next}"),
        ErrorKind::PermissionDenied => format!(
            "{path}: {error}\n  next: sudo usermod -aG {group} $USER, and log in again; or run as root"
        ),
        _ => format!("{path}: {error}"),
    }
}

fn blink(board: &Board, context: &Context) -> Result<String, outputs::GpioError> {
    let (mut pins, _) = outputs::open(board)?;
    let all = pins.outputs().to_vec();
    let bar = context.bar(all.len() as u64, "blinking");
    for output in &all {
        pins.set(&output.name, !output.safe)?;
        std::thread::sleep(BLINK);
        pins.set(&output.name, output.safe)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(format!("{} outputs, which are safe again", all.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_may_begin_with_any_word_of_the_shell() {
        for (command, wanted) in [
            ("LC_ALL=C sh -c true", "/sh"),
            ("while sleep 1; do echo a line; done", "while of the shell"),
            ("(cat a; cat b)", "(cat of the shell"),
            ("exec sh -c true", "exec of the shell"),
        ] {
            let found = program_of(command).expect(command);
            assert!(found.ends_with(wanted), "{found}");
        }
        for command in ["no-such-program --all", "A=1", ""] {
            program_of(command).expect_err(command);
        }
    }
}
