//! How a device is wired: one TOML file a board, in `boards/`. A board names cameras, pins and ports, never a class;
//! what its outputs and buttons are for says a [`Policy`](crate::board::policy::Policy), which is a file of its own.
//!
//! A file is parsed to a raw form that refuses unknown keys, then checked into [`Board`](crate::board::Board), which
//! cannot be wrong in itself.

/// Verdicts to levels of named outputs and until when; presses of buttons to events.
pub mod policy;

/// Where a port is, as board files and `--port` write it.
pub mod address;

/// Outputs and inputs by name, and the pins behind them.
pub mod outputs;

mod access;
mod built_in;
mod camera;
mod checks;
mod inbox;
mod mqtt;
mod policy_file;
mod policy_source;
mod raw;
mod regions;
mod senses;
mod web;

pub use access::AccessSettings;
pub use built_in::{BOARDS, POLICIES};
pub use camera::{CameraSettings, Lost};
pub use inbox::InboxSettings;
pub use mqtt::{MqttAddress, MqttAddressError, MqttSettings};
pub use policy_file::{built_in_policy, policy_from_toml, read_policy};
pub use policy_source::{PolicySaveError, PolicySource, PolicyText};
pub use senses::{CAMERA, Sense};
pub use web::{CertificateFiles, WebAddress, WebSettings};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::board::policy::{Policy, Timing};
use crate::image::frame::Region;
use crate::util::settings;

/// The board where nothing else is known.
pub const DEFAULT_BOARD: &str = "pc";

/// Regions and senses of a board: each costs a pass through the backbone a frame, and has a store of its own.
pub const MAX_REGIONS: usize = 16;

/// How a device is wired.
#[derive(Debug, Clone, PartialEq)]
pub struct Board {
    /// Its name: the file's without `.toml`.
    pub name: String,
    /// What it is, in a line.
    pub about: String,
    /// How `/proc/device-tree/model` begins on such a device; empty for a board that has to be named.
    pub models: Vec<String>,
    /// The output that shows that frames are being classified.
    pub heartbeat: Option<String>,
    /// The backbone that is used where none is named, as `--model` takes it: a name, a card or a network.
    pub backbone: Option<String>,
    /// Milliseconds after which classifying counts as hung, 100 to 60000.
    pub watchdog_ms: u32,
    /// The file with the temperature in thousandths of a degree.
    pub temperature: Option<PathBuf>,
    /// The file that is other than 0 while the processor is throttled.
    pub throttled: Option<PathBuf>,
    /// The camera.
    pub camera: CameraSettings,
    /// The images that are kept with examples.
    pub images: ImageSettings,
    /// The frames that wait for a person.
    pub inbox: InboxSettings,
    /// The parts of a frame that are looked at, by name, at most [`MAX_REGIONS`]; none: all of it. A question about one of
    /// them is a region of its own, of the same part.
    pub regions: BTreeMap<String, Region>,
    /// Sources of frames beside the camera, by name.
    pub senses: BTreeMap<String, Sense>,
    /// By region, the name of the head that it shares with others; a region that is not there has its own.
    pub heads: BTreeMap<String, String>,
    /// The serial console.
    pub serial: Option<SerialSettings>,
    /// The page and the API over HTTP; `None`: not served, unless `run` is asked to.
    pub web: Option<WebSettings>,
    /// The MQTT broker at which it publishes; `None`: at none, unless `run` is asked to.
    pub mqtt: Option<MqttSettings>,
    /// What drives the pins.
    pub driver: Driver,
    /// What can be switched, by name.
    pub outputs: Vec<OutputPin>,
    /// What can be pressed or sensed, by name.
    pub inputs: Vec<InputPin>,
    /// Who may do what at its ports, and whose packs it takes.
    pub access: AccessSettings,
    /// How far it can be trusted.
    pub facts: Facts,
}

/// The images that a device keeps with its examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageSettings {
    /// Pixels of the longer side of an image that is made from a frame, 0 to 4096; 0: none is kept. A webcam's own JPEG
    /// of at most 64 KiB is kept as it is.
    pub side: u32,
    /// MiB of images in a store, 1 to 1536; the oldest of the class with most go first.
    pub budget_mib: u32,
}

/// The serial port of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerialSettings {
    /// Such as `/dev/serial0`.
    pub device: PathBuf,
    /// Bits a second.
    pub baud: u32,
}

/// What drives the pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Driver {
    /// Nothing: outputs can be set and go nowhere, buttons are never pressed.
    None,
    /// The kernel's character device, on any board. Feature `gpio`.
    Gpiocdev,
    /// The registers of a Raspberry Pi. Feature `rpi`.
    Rppal,
}

/// Where a line is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// By its name, on whichever chip.
    Name(String),
    /// By its number on the chip of that label; the number of a chip itself changes between kernels.
    Offset {
        /// The chip's label.
        chip: String,
        /// The line's number.
        offset: u32,
    },
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Line::Name(name) => write!(f, "line {}", name.escape_debug()),
            Line::Offset { chip, offset } => write!(f, "line {offset} of {}", chip.escape_debug()),
        }
    }
}

/// The resistor inside the chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bias {
    /// As it was found.
    AsIs,
    /// None.
    Off,
    /// To the supply.
    PullUp,
    /// To ground.
    PullDown,
}

/// A line that is driven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputPin {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub line: Line,
    /// Whether "on" is the low voltage.
    pub active_low: bool,
    /// Whether it is on when it is safe.
    pub safe: bool,
    /// Its resistor.
    pub bias: Bias,
}

/// A line that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputPin {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub line: Line,
    /// Whether "pressed" is the low voltage.
    pub active_low: bool,
    /// Its resistor.
    pub bias: Bias,
    /// Milliseconds that a level has to last to count, 0 to 1000.
    pub debounce_ms: u32,
    /// Milliseconds after which a press is a long one, 100 to 60000.
    pub long_ms: u32,
}

/// How far a board's file can be trusted, in sentences.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Read in documentation, with its name.
    pub documented: Vec<String>,
    /// Tried, and on what.
    pub tried: Vec<String>,
    /// Neither: to be checked on the device.
    pub assumed: Vec<String>,
}

/// Why a board or a policy cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BoardError {
    /// The file cannot be read.
    #[error("{file}: {error}")]
    File {
        /// The file.
        file: String,
        /// The system's answer.
        error: std::io::Error,
    },
    /// The file says something that it may not.
    #[error("{file}: {what}")]
    Text {
        /// The file.
        file: String,
        /// What is wrong: key, got, wanted.
        what: String,
    },
    /// No board or policy of that name.
    #[error("there is no {kind} called {name}; there are {known}; or name a file (.toml)")]
    Unknown {
        /// "board" or "policy".
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// Those there are.
        known: String,
    },
    /// The policy names what the board does not have.
    #[error("the policy has the {kind} {name}, which the board {board} lacks: it has {known}")]
    Missing {
        /// "output" or "button".
        kind: &'static str,
        /// What it names.
        name: String,
        /// The board.
        board: String,
        /// What the board has.
        known: String,
    },
    /// The policy uses the output that shows the heartbeat.
    #[error(
        "the policy has the output {output}, which the board {board} uses as its heartbeat: give the policy another output, or take heartbeat out of the board's file"
    )]
    Heartbeat {
        /// The output.
        output: String,
        /// The board.
        board: String,
    },
    /// The policy names a region that is not looked at.
    #[error(
        "the policy's {key} is for the region {region}, which the board {board} lacks: it has {known}"
    )]
    NoRegion {
        /// What names it, such as `button green`.
        key: String,
        /// The region.
        region: String,
        /// The board.
        board: String,
        /// What the board has.
        known: String,
    },
    /// A button could be about any region.
    #[error(
        "the policy's button {button} does not say which region of the board {board} it is about: add region = one of {known}"
    )]
    WhichRegion {
        /// The button.
        button: String,
        /// The board.
        board: String,
        /// What the board has.
        known: String,
    },
}

impl Board {
    /// A board's text, checked.
    ///
    /// * `file`: what messages call it; the board's name is its last part without `.toml`.
    ///
    /// # Errors
    /// [`BoardError::Text`].
    pub fn parse(text: &str, file: &str) -> Result<Self, BoardError> {
        raw::check(text, stem(file))
            .map_err(|what| BoardError::Text { file: file.to_owned(), what })
    }

    /// The boards that are part of the program.
    pub fn built_in() -> Vec<Self> {
        let parse = |(name, text): &(&str, &str)| {
            Self::parse(text, &format!("boards/{name}.toml")).expect("a test parses every board")
        };
        BOARDS.iter().map(parse).collect()
    }

    /// A board that is part of the program.
    ///
    /// # Errors
    /// [`BoardError::Unknown`].
    pub fn named(name: &str) -> Result<Self, BoardError> {
        Self::built_in()
            .into_iter()
            .find(|board| board.name == name)
            .ok_or_else(|| unknown("board", name, &BOARDS))
    }

    /// A board's file.
    ///
    /// # Errors
    /// [`BoardError::File`], [`BoardError::Text`].
    pub fn read(path: &Path) -> Result<Self, BoardError> {
        Self::parse(&read(path)?, &path.display().to_string())
    }

    /// The board of a device, if it is a known one: where several fit, the one that says most.
    ///
    /// * `model`: what `/proc/device-tree/model` says; a NUL at its end is no part of it.
    pub fn of_model(model: &str) -> Option<Self> {
        let model = model.trim_end_matches(['\0', '\n']);
        let fit = |board: &Self| {
            let fits = board.models.iter().filter(|begin| model.starts_with(begin.as_str()));
            fits.map(String::len).max().unwrap_or(0)
        };
        Self::built_in().into_iter().max_by_key(fit).filter(|board| fit(board) > 0)
    }

    /// The board that was asked for: a file (`.toml`, or with a slash) or a name; else that of the device; else `pc`.
    ///
    /// # Errors
    /// As [`Board::read`] and [`Board::named`].
    pub fn choose(asked: Option<&str>, model: Option<&str>) -> Result<Self, BoardError> {
        match asked {
            Some(asked) if is_file(asked) => Self::read(Path::new(asked)),
            Some(asked) => Self::named(asked),
            None => match model.and_then(Self::of_model) {
                Some(board) => Ok(board),
                None => Self::named(DEFAULT_BOARD),
            },
        }
    }

    /// Whether the board has what the policy names.
    ///
    /// # Errors
    /// [`BoardError::Missing`], [`BoardError::Heartbeat`].
    pub fn check_policy(&self, policy: &Policy) -> Result<(), BoardError> {
        let outputs: Vec<_> = self.outputs.iter().map(|output| output.name.as_str()).collect();
        let inputs: Vec<_> = self.inputs.iter().map(|input| input.name.as_str()).collect();
        let named = policy.outputs().into_iter().map(|name| ("output", name, &outputs));
        let pressed = policy.roles().keys().map(|name| ("button", name.as_str(), &inputs));
        for (kind, name, known) in named.chain(pressed) {
            if !known.contains(&name) {
                return Err(BoardError::Missing {
                    kind,
                    name: name.escape_debug().to_string(),
                    board: self.name.clone(),
                    known: if known.is_empty() { "none".to_owned() } else { known.join(", ") },
                });
            }
        }
        let names = self.region_names();
        let regions = || match names.is_empty() {
            true => "none".to_owned(),
            false => names.join(", "),
        };
        let escaped = |text: &str| text.escape_debug().to_string();
        for (key, region) in policy.regions() {
            if !names.contains(&region) {
                let (region, board) = (escaped(region), self.name.clone());
                return Err(BoardError::NoRegion { key, region, board, known: regions() });
            }
        }
        if let (2.., [button, ..]) = (names.len(), &policy.buttons_of_any_region()[..]) {
            let (button, board) = (escaped(button), self.name.clone());
            return Err(BoardError::WhichRegion { button, board, known: regions() });
        }
        match &self.heartbeat {
            Some(output) if policy.outputs().contains(output.as_str()) => {
                Err(BoardError::Heartbeat { output: output.clone(), board: self.name.clone() })
            }
            _ => Ok(()),
        }
    }

    /// How its buttons behave in time, by name.
    pub fn timings(&self) -> BTreeMap<String, Timing> {
        let micros = |ms: u32| u64::from(ms) * 1000;
        let timing = |input: &InputPin| Timing {
            debounce_micros: micros(input.debounce_ms),
            long_micros: micros(input.long_ms),
        };
        self.inputs.iter().map(|input| (input.name.clone(), timing(input))).collect()
    }
}

/// What the device says it is, where it has a device tree.
pub fn device_model() -> Option<String> {
    std::fs::read_to_string("/proc/device-tree/model").ok()
}

/// Whether a name given by a person is one of a file.
fn is_file(asked: &str) -> bool {
    asked.contains('/') || asked.ends_with(".toml")
}

/// A file's name without folder and `.toml`.
fn stem(file: &str) -> &str {
    let last = file.rsplit('/').next().unwrap_or(file);
    last.strip_suffix(".toml").unwrap_or(last)
}

fn read(path: &Path) -> Result<String, BoardError> {
    let file = |error| BoardError::File { file: path.display().to_string(), error };
    settings::read(path).map_err(file)
}

fn unknown(kind: &'static str, name: &str, known: &[(&str, &str)]) -> BoardError {
    let known: Vec<_> = known.iter().map(|(name, _)| *name).collect();
    BoardError::Unknown { kind, name: name.escape_debug().to_string(), known: known.join(", ") }
}
