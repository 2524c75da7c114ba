//! The kernel's character device, by gpiocdev. An output is a request of its own, so that one that fails keeps no
//! other from working. Inputs are one request a chip, with edges where the kernel has them; since some drivers arm
//! edges that never come, levels are read now and then in any case. The kernel does no debouncing: it would show only
//! levels that edges led to, and who asks for edges debounces them.
//!
//! When a request ends, as with the program, the kernel may make its line an input again (pinctrl-bcm2835 of Linux 6.1
//! does): the line is driven to its safe level until then, and from then on a resistor has to hold it there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gpiocdev::line::{EdgeDetection, EdgeKind, Offset, Value, Values};
use gpiocdev::{Chip, Request};

use super::{
    Edge, GpioError, InputDriver, Output, OutputDriver, Pair, ProbedPin, lines, outputs_of, place,
};
use crate::board::{Bias, Board, InputPin, Line};

/// What the kernel calls the owner of our lines.
const CONSUMER: &str = "fieldtune";

/// How long is waited for an edge before levels are read.
const PATIENCE: Duration = Duration::from_millis(5);

struct Lines {
    outputs: Vec<Output>,
    /// In the order of `outputs`.
    requests: Vec<(Request, Offset)>,
}

impl OutputDriver for Lines {
    fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    fn set(&mut self, name: &str, on: bool) -> Result<(), GpioError> {
        let (request, offset) = &self.requests[place(&self.outputs, name)?];
        request
            .set_value(*offset, level(on))
            .map_err(|error| failed(format!("outputs.{name}"), &error))
    }
}

/// The inputs on one chip.
struct Watched {
    request: Request,
    edges: bool,
    lines: BTreeMap<Offset, (String, bool)>,
}

struct Watch {
    chips: Vec<Watched>,
}

impl InputDriver for Watch {
    fn poll(&mut self, timeout: Duration) -> Result<Vec<Edge>, GpioError> {
        let end = Instant::now() + timeout;
        loop {
            let mut found = Vec::new();
            for chip in &mut self.chips {
                chip.changed(&mut found)?;
            }
            let left = end.saturating_duration_since(Instant::now()).min(PATIENCE);
            if !found.is_empty() || left.is_zero() {
                return Ok(found);
            }
            // A wait that a signal cut short is no error, and one that cannot wait must not spin.
            let first = self.chips.first().filter(|chip| chip.edges);
            if first.is_none_or(|chip| chip.request.wait_edge_event(left).is_err()) {
                std::thread::sleep(left);
            }
        }
    }
}

impl Watched {
    /// Edges that came, then levels that differ without one.
    fn changed(&mut self, found: &mut Vec<Edge>) -> Result<(), GpioError> {
        let lost = |error| failed("inputs".to_owned(), &error);
        let mut levels = Vec::new();
        while self.edges && self.request.has_edge_event().map_err(lost)? {
            let event = self.request.read_edge_event().map_err(lost)?;
            levels.push((event.offset, event.kind == EdgeKind::Rising));
        }
        let mut values = Values::default();
        self.request.values(&mut values).map_err(lost)?;
        let read = self
            .lines
            .keys()
            .filter_map(|&offset| values.get(offset).map(|value| (offset, value == Value::Active)));
        levels.extend(read);
        for (offset, pressed) in levels {
            if let Some((name, known)) = self.lines.get_mut(&offset)
                && *known != pressed
            {
                *known = pressed;
                found.push(Edge { name: name.clone(), pressed });
            }
        }
        Ok(())
    }
}

pub(super) fn open(board: &Board) -> Result<Pair, GpioError> {
    let mut requests = Vec::new();
    for pin in &board.outputs {
        let key = format!("outputs.{}", pin.name);
        let place = find(&key, &pin.line)?;
        let mut builder = Request::builder();
        builder.on_chip(&place.path).with_consumer(CONSUMER).with_line(place.offset);
        // The value first: the line is never driven to another one.
        builder.as_output(level(pin.safe)).with_bias(bias(pin.bias));
        if pin.active_low {
            builder.as_active_low();
        }
        let request = builder.request().map_err(|error| failed(key, &error))?;
        requests.push((request, place.offset));
    }
    let lines = Lines { outputs: outputs_of(board), requests };
    Ok((Box::new(lines), Box::new(watch(board)?)))
}

fn watch(board: &Board) -> Result<Watch, GpioError> {
    let mut chips: BTreeMap<PathBuf, Vec<(Offset, &InputPin)>> = BTreeMap::new();
    for pin in &board.inputs {
        let place = find(&format!("inputs.{}", pin.name), &pin.line)?;
        chips.entry(place.path).or_default().push((place.offset, pin));
    }
    let watched = chips.into_iter().map(|(path, pins)| {
        // Version 1 of the kernel's interface has no edges of several lines.
        let (request, edges) = match request(&path, &pins, true) {
            Ok(request) => (Ok(request), true),
            Err(_) => (request(&path, &pins, false), false),
        };
        let names: Vec<_> = pins.iter().map(|(_, pin)| pin.name.as_str()).collect();
        let key = format!("inputs.{}", names.join(", inputs."));
        watched(request.map_err(|error| failed(key, &error))?, edges, &pins)
    });
    Ok(Watch { chips: watched.collect::<Result<_, _>>()? })
}

fn request(path: &Path, pins: &[(Offset, &InputPin)], edges: bool) -> gpiocdev::Result<Request> {
    let mut builder = Request::builder();
    builder.on_chip(path).with_consumer(CONSUMER);
    for (offset, pin) in pins {
        builder.with_line(*offset).as_input().with_bias(bias(pin.bias));
        if pin.active_low {
            builder.as_active_low();
        }
        if edges {
            builder.with_edge_detection(EdgeDetection::BothEdges);
        }
    }
    builder.request()
}

fn watched(
    request: Request,
    edges: bool,
    pins: &[(Offset, &InputPin)],
) -> Result<Watched, GpioError> {
    let lines = pins.iter().map(|(offset, pin)| {
        let value = request.value(*offset);
        let value = value.map_err(|error| failed(format!("inputs.{}", pin.name), &error))?;
        Ok((*offset, (pin.name.clone(), value == Value::Active)))
    });
    let lines = lines.collect::<Result<_, GpioError>>()?;
    Ok(Watched { request, edges, lines })
}

pub(super) fn probe(board: &Board) -> Vec<ProbedPin> {
    let probe = |(key, line): (String, &Line)| {
        let found = find(&key, line).and_then(|place| match &place.owner {
            Some(owner) => Err(GpioError::Line {
                pin: key.clone(),
                what: format!(
                    "{place} is in use by {owner}\n  next: end that, or choose another line"
                ),
            }),
            None => Ok(place.to_string()),
        });
        (key, found)
    };
    lines(board).map(probe).collect()
}

/// Where a line was found.
struct Place {
    path: PathBuf,
    label: String,
    offset: Offset,
    name: String,
    /// The process that has it, if any.
    owner: Option<String>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (label, name) = (self.label.escape_debug(), self.name.escape_debug());
        write!(f, "line {} of {} ({label})", self.offset, self.path.display())?;
        if self.name.is_empty() { Ok(()) } else { write!(f, ", {name}") }
    }
}

fn find(key: &str, wanted: &Line) -> Result<Place, GpioError> {
    let line = |what: String| GpioError::Line { pin: key.to_owned(), what };
    let paths = gpiocdev::chip::chips().map_err(|error| line(error.to_string()))?;
    if paths.is_empty() {
        return Err(line(format!(
            "{wanted}: there is no /dev/gpiochip*\n  next: on another device, name its board with --board"
        )));
    }
    let (mut chips, mut refused) = (Vec::new(), None);
    for path in paths {
        let (chip, info) = match Chip::from_path(&path).and_then(|chip| Ok((chip.info()?, chip))) {
            Ok((info, chip)) => (chip, info),
            Err(error) => {
                refused = Some(format!("{}: {error}", path.display()));
                continue;
            }
        };
        let offset = match wanted {
            Line::Name(name) => chip.find_line_info(name).map(|info| info.offset),
            Line::Offset { chip, offset } => (*chip == info.label).then_some(*offset),
        };
        chips.push(format!("{} ({} lines)", info.label.escape_debug(), info.num_lines));
        let Some(offset) = offset else { continue };
        if offset >= info.num_lines {
            return Err(line(format!("{wanted}: it has {} lines only", info.num_lines)));
        }
        let found = chip.line_info(offset).map_err(|error| line(format!("{wanted}: {error}")))?;
        let owner = found.used.then(|| match found.consumer.as_str() {
            "" => "the kernel".to_owned(),
            owner => format!("\"{}\"", owner.escape_debug()),
        });
        return Ok(Place { path, label: info.label, offset, name: found.name, owner });
    }
    Err(line(match refused {
        Some(refused) => format!("{wanted}: not found; {refused}{GROUP}"),
        None => format!("{wanted}: not found; the chips are {}", chips.join(", ")),
    }))
}

/// What to do where the device may not be opened.
const GROUP: &str = "\n  next: sudo usermod -aG gpio $USER, and log in again; or run as root";

fn failed(pin: String, error: &gpiocdev::Error) -> GpioError {
    let text = error.to_string();
    let next = match text.to_lowercase() {
        text if text.contains("busy") => {
            "\n  next: end the program that has the line (gpioinfo names it)"
        }
        text if text.contains("permission") => GROUP,
        text if text.contains("invalid argument") => {
            "\n  next: this kernel may not know that bias; try bias = \"as-is\""
        }
        _ => "",
    };
    GpioError::Line { pin, what: format!("{text}{next}") }
}

fn level(on: bool) -> Value {
    if on { Value::Active } else { Value::Inactive }
}

fn bias(bias: Bias) -> Option<gpiocdev::line::Bias> {
    match bias {
        Bias::AsIs => None,
        Bias::Off => Some(gpiocdev::line::Bias::Disabled),
        Bias::PullUp => Some(gpiocdev::line::Bias::PullUp),
        Bias::PullDown => Some(gpiocdev::line::Bias::PullDown),
    }
}
