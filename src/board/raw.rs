//! Boards as text: the raw form, and its check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;

use super::access::{self, RawAccess, RawSettings};
use super::camera::{self, RawCamera, two_seconds};
use super::checks::{within, word};
use super::inbox::{self, RawInbox};
use super::mqtt::{self, RawMqtt};
use super::regions::{self, RawRegion};
use super::senses::{self, RawSense};
use super::web::{self, RawWeb};
use super::{Bias, Board, Driver, Facts, ImageSettings, InputPin, Line, OutputPin, SerialSettings};
use crate::util::settings;
use crate::util::text::is_unsafe;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBoard {
    #[serde(default)]
    about: String,
    #[serde(default)]
    models: Vec<String>,
    backbone: Option<String>,
    heartbeat: Option<String>,
    #[serde(default = "two_seconds")]
    watchdog_ms: u32,
    temperature: Option<PathBuf>,
    throttled: Option<PathBuf>,
    access: Option<RawAccess>,
    pin_hash: Option<String>,
    #[serde(default = "ten_minutes")]
    relock_s: u32,
    #[serde(default)]
    trusted_keys: Vec<String>,
    camera: RawCamera,
    #[serde(default)]
    images: RawImages,
    #[serde(default)]
    inbox: RawInbox,
    #[serde(default)]
    regions: BTreeMap<String, RawRegion>,
    #[serde(default)]
    questions: BTreeMap<String, String>,
    #[serde(default)]
    senses: BTreeMap<String, RawSense>,
    serial: Option<RawSerial>,
    web: Option<RawWeb>,
    mqtt: Option<RawMqtt>,
    pins: RawPins,
    #[serde(default)]
    outputs: BTreeMap<String, RawOutput>,
    #[serde(default)]
    inputs: BTreeMap<String, RawInput>,
    #[serde(default)]
    facts: RawFacts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawImages {
    side: u32,
    budget_mib: u32,
}

impl Default for RawImages {
    fn default() -> Self {
        Self { side: 256, budget_mib: 256 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSerial {
    device: PathBuf,
    #[serde(default = "usual_baud")]
    baud: u32,
    access: Option<RawAccess>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPins {
    by: RawDriver,
    chip: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawDriver {
    None,
    Gpiocdev,
    Rppal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOutput {
    line: Option<String>,
    offset: Option<u32>,
    chip: Option<String>,
    #[serde(default)]
    active_low: bool,
    #[serde(default = "inactive")]
    safe: RawLevel,
    #[serde(default = "as_is")]
    bias: RawBias,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInput {
    line: Option<String>,
    offset: Option<u32>,
    chip: Option<String>,
    #[serde(default)]
    active_low: bool,
    #[serde(default = "as_is")]
    bias: RawBias,
    #[serde(default = "usual_debounce")]
    debounce_ms: u32,
    #[serde(default = "usual_long")]
    long_ms: u32,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum RawLevel {
    Active,
    Inactive,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum RawBias {
    AsIs,
    Off,
    PullUp,
    PullDown,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFacts {
    #[serde(default)]
    documented: Vec<String>,
    #[serde(default)]
    tried: Vec<String>,
    #[serde(default)]
    assumed: Vec<String>,
}

fn ten_minutes() -> u32 {
    600
}

fn inactive() -> RawLevel {
    RawLevel::Inactive
}

fn as_is() -> RawBias {
    RawBias::AsIs
}

fn usual_baud() -> u32 {
    115_200
}

fn usual_debounce() -> u32 {
    20
}

fn usual_long() -> u32 {
    800
}

/// The text of the board of that name.
///
/// # Errors
/// What is wrong: key, got, wanted.
pub(super) fn check(text: &str, name: &str) -> Result<Board, String> {
    let raw: RawBoard = settings::parse(text)?;
    within("watchdog_ms", raw.watchdog_ms, 100..=60_000)?;
    let driver = match raw.pins.by {
        RawDriver::None => Driver::None,
        RawDriver::Gpiocdev => Driver::Gpiocdev,
        RawDriver::Rppal => Driver::Rppal,
    };
    let mut pins = Pins { chip: raw.pins.chip, taken: BTreeMap::new() };
    let outputs = raw.outputs.into_iter().map(|(name, raw)| output(name, raw, &mut pins));
    let outputs: Vec<OutputPin> = outputs.collect::<Result<_, _>>()?;
    let inputs = raw.inputs.into_iter().map(|(name, raw)| input(name, raw, &mut pins));
    let inputs: Vec<InputPin> = inputs.collect::<Result<_, _>>()?;
    let names: BTreeSet<_> = outputs.iter().map(|output| output.name.as_str()).collect();
    if let Some(twice) = inputs.iter().find(|input| names.contains(input.name.as_str())) {
        return Err(format!("inputs.{}: there is an output of that name too", twice.name));
    }
    if let Some(heartbeat) = raw.heartbeat.as_deref().filter(|name| !names.contains(name)) {
        let known: Vec<_> = names.into_iter().collect();
        return Err(format!(
            "heartbeat: \"{}\" is none of the outputs ({})",
            heartbeat.escape_debug(),
            known.join(", ")
        ));
    }
    if raw.about.contains(char::is_control) {
        return Err(format!("about: \"{}\" is not one line", raw.about.escape_debug()));
    }
    if raw.models.iter().any(|model| model.trim().is_empty()) {
        return Err("models: got an empty one, which would fit every device".to_owned());
    }
    let access = access::check(RawSettings {
        access: raw.access,
        serial: raw.serial.as_ref().and_then(|serial| serial.access),
        pin_hash: raw.pin_hash,
        relock_s: raw.relock_s,
        trusted_keys: raw.trusted_keys,
    })?;
    let web = raw.web.map(|raw| web::check(raw, &access)).transpose()?;
    let mqtt = raw.mqtt.map(mqtt::check).transpose()?;
    if let Some(backbone) = raw.backbone.as_ref().filter(|name| name.contains(is_unsafe)) {
        return Err(format!(
            "backbone: \"{}\" is not one line that can be read",
            backbone.escape_debug()
        ));
    }
    let senses = senses::check(raw.senses)?;
    let looks = regions::check(raw.regions, raw.questions, senses)?;
    Ok(Board {
        name: name.to_owned(),
        about: raw.about,
        models: raw.models,
        backbone: raw.backbone,
        heartbeat: raw.heartbeat,
        watchdog_ms: raw.watchdog_ms,
        temperature: raw.temperature,
        throttled: raw.throttled,
        camera: camera::check(raw.camera, "camera")?,
        images: images(raw.images)?,
        inbox: inbox::check(&raw.inbox)?,
        regions: looks.regions,
        heads: looks.heads,
        senses: looks.senses,
        serial: raw.serial.map(serial).transpose()?,
        web,
        mqtt,
        driver,
        outputs,
        inputs,
        access,
        facts: Facts {
            documented: raw.facts.documented,
            tried: raw.facts.tried,
            assumed: raw.facts.assumed,
        },
    })
}

fn images(RawImages { side, budget_mib }: RawImages) -> Result<ImageSettings, String> {
    within("images.side", side, 0..=4096)?;
    within("images.budget_mib", budget_mib, 1..=1536)?;
    Ok(ImageSettings { side, budget_mib })
}

fn serial(raw: RawSerial) -> Result<SerialSettings, String> {
    within("serial.baud", raw.baud, 300..=4_000_000)?;
    Ok(SerialSettings { device: raw.device, baud: raw.baud })
}

/// What the pins have in common: the chip of those that name none, and which lines are taken by whom.
struct Pins {
    chip: Option<String>,
    taken: BTreeMap<String, String>,
}

impl Pins {
    fn line(
        &mut self,
        key: &str,
        (line, offset, chip): (Option<String>, Option<u32>, Option<String>),
    ) -> Result<Line, String> {
        let chip_named = chip.is_some();
        let line = match (line, offset, chip.or_else(|| self.chip.clone())) {
            (Some(name), None, _) if !chip_named => Line::Name(name),
            (None, Some(offset), Some(chip)) => Line::Offset { chip, offset },
            (None, Some(_), None) => {
                return Err(format!("{key}: wanted the chip's label, here or as pins.chip"));
            }
            _ => return Err(format!("{key}: wanted either line (its name), or offset (and chip)")),
        };
        if let Some(other) = self.taken.insert(line.to_string(), key.to_owned()) {
            return Err(format!("{key}: {line} belongs to {other} already"));
        }
        Ok(line)
    }
}

fn output(name: String, raw: RawOutput, pins: &mut Pins) -> Result<OutputPin, String> {
    word("outputs", &name)?;
    let line = pins.line(&format!("outputs.{name}"), (raw.line, raw.offset, raw.chip))?;
    let safe = raw.safe == RawLevel::Active;
    Ok(OutputPin { name, line, active_low: raw.active_low, safe, bias: bias(raw.bias) })
}

fn input(name: String, raw: RawInput, pins: &mut Pins) -> Result<InputPin, String> {
    word("inputs", &name)?;
    let key = format!("inputs.{name}");
    within(&format!("{key}.debounce_ms"), raw.debounce_ms, 0..=1000)?;
    within(&format!("{key}.long_ms"), raw.long_ms, 100..=60_000)?;
    let line = pins.line(&key, (raw.line, raw.offset, raw.chip))?;
    Ok(InputPin {
        name,
        line,
        active_low: raw.active_low,
        bias: bias(raw.bias),
        debounce_ms: raw.debounce_ms,
        long_ms: raw.long_ms,
    })
}

fn bias(raw: RawBias) -> Bias {
    match raw {
        RawBias::AsIs => Bias::AsIs,
        RawBias::Off => Bias::Off,
        RawBias::PullUp => Bias::PullUp,
        RawBias::PullDown => Bias::PullDown,
    }
}
