//! The registers of a Raspberry Pi, by rppal. A pin's number is its BCM number; levels of inputs are read again and
//! again.

use std::time::{Duration, Instant};

use rppal::gpio::{Gpio, InputPin, Level, OutputPin};

use super::{
    Edge, GpioError, InputDriver, Output, OutputDriver, Pair, ProbedPin, lines, outputs_of, place,
};
use crate::board::{Bias, Board, Line};

/// How long is waited before levels are read again.
const PATIENCE: Duration = Duration::from_millis(2);

struct Pins {
    outputs: Vec<Output>,
    /// In the order of `outputs`, with whether "on" is low.
    pins: Vec<(OutputPin, bool)>,
}

impl OutputDriver for Pins {
    fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    fn set(&mut self, name: &str, on: bool) -> Result<(), GpioError> {
        let (pin, active_low) = &mut self.pins[place(&self.outputs, name)?];
        pin.write(Level::from(on != *active_low));
        Ok(())
    }
}

struct Watched {
    name: String,
    pin: InputPin,
    active_low: bool,
    pressed: bool,
}

impl Watched {
    fn read(&self) -> bool {
        self.pin.is_high() != self.active_low
    }
}

impl InputDriver for Vec<Watched> {
    fn poll(&mut self, timeout: Duration) -> Result<Vec<Edge>, GpioError> {
        let end = Instant::now() + timeout;
        loop {
            let mut found = Vec::new();
            for input in self.iter_mut() {
                let pressed = input.read();
                if pressed != input.pressed {
                    input.pressed = pressed;
                    found.push(Edge { name: input.name.clone(), pressed });
                }
            }
            let left = end.saturating_duration_since(Instant::now()).min(PATIENCE);
            if !found.is_empty() || left.is_zero() {
                return Ok(found);
            }
            std::thread::sleep(left);
        }
    }
}

pub(super) fn open(board: &Board) -> Result<Pair, GpioError> {
    let gpio = gpio()?;
    let outputs = board.outputs.iter().map(|output| {
        let key = format!("outputs.{}", output.name);
        let pin = gpio.get(number(&key, &output.line)?).map_err(|error| line(&key, &error))?;
        if output.bias != Bias::AsIs {
            let what = "rppal sets no resistor of an output\n  next: leave bias out, or use pins.by = \"gpiocdev\"";
            return Err(GpioError::Line { pin: key, what: what.to_owned() });
        }
        let mut pin = match output.safe != output.active_low {
            true => pin.into_output_high(),
            false => pin.into_output_low(),
        };
        // Otherwise it would be an input, and float, after the last moment that it was made safe for.
        pin.set_reset_on_drop(false);
        Ok((pin, output.active_low))
    });
    let pins = outputs.collect::<Result<_, GpioError>>()?;
    let inputs = board.inputs.iter().map(|input| {
        let key = format!("inputs.{}", input.name);
        let pin = gpio.get(number(&key, &input.line)?).map_err(|error| line(&key, &error))?;
        let mut pin = pin.into_input();
        if let Some(bias) = bias(input.bias) {
            pin.set_bias(bias);
        }
        let (name, active_low) = (input.name.clone(), input.active_low);
        let mut watched = Watched { name, pin, active_low, pressed: false };
        watched.pressed = watched.read();
        Ok(watched)
    });
    let inputs = inputs.collect::<Result<Vec<_>, GpioError>>()?;
    Ok((Box::new(Pins { outputs: outputs_of(board), pins }), Box::new(inputs)))
}

pub(super) fn probe(board: &Board) -> Vec<ProbedPin> {
    if let Err(error) = gpio() {
        return vec![("pins".to_owned(), Err(error))];
    }
    let probe = |(key, line): (String, &Line)| {
        let found = number(&key, line).map(|number| format!("BCM {number}"));
        (key, found)
    };
    lines(board).map(probe).collect()
}

fn gpio() -> Result<Gpio, GpioError> {
    Gpio::new().map_err(|error| GpioError::Driver {
        driver: "rppal",
        what: format!(
            "{error}\n  next: this needs a Raspberry Pi with /dev/gpiomem or the right to /dev/mem; pins.by = \"gpiocdev\" works on any board"
        ),
    })
}

/// The BCM number of a line: its number on the chip, or that in a name such as `GPIO17`.
fn number(key: &str, line: &Line) -> Result<u8, GpioError> {
    let number = match line {
        Line::Offset { offset, .. } => u8::try_from(*offset).ok(),
        Line::Name(name) => name.strip_prefix("GPIO").and_then(|digits| digits.parse().ok()),
    };
    number.filter(|number| *number < 54).ok_or_else(|| GpioError::Line {
        pin: key.to_owned(),
        what: format!("{line} has no BCM number, which rppal needs"),
    })
}

fn line(pin: &str, error: &rppal::gpio::Error) -> GpioError {
    GpioError::Line { pin: pin.to_owned(), what: error.to_string() }
}

fn bias(bias: Bias) -> Option<rppal::gpio::Bias> {
    match bias {
        Bias::AsIs => None,
        Bias::Off => Some(rppal::gpio::Bias::Off),
        Bias::PullUp => Some(rppal::gpio::Bias::PullUp),
        Bias::PullDown => Some(rppal::gpio::Bias::PullDown),
    }
}
