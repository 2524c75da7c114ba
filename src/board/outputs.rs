//! Outputs and inputs by name, and the pins behind them.
//!
//! Whatever drives the pins is opened by [`open`](crate::board::outputs::open) and comes wrapped in
//! [`SafeOutputs`](crate::board::outputs::SafeOutputs), which drives every output to its safe level when it is dropped: at the
//! end, and when a panic unwinds. The safe level of a line is set in the very request that takes it, too.

#[cfg(feature = "gpio")]
mod cdev;
mod faulty;
mod nowhere;
mod recorder;
#[cfg(feature = "rpi")]
mod rppal;

pub use faulty::FaultyOutputs;
pub use recorder::{ButtonPresser, Presses, Recorder, Trace};

use std::collections::BTreeMap;
use std::time::Duration;

use crate::board::{Board, Driver, Line};

/// What can be switched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Whether it is on when it is safe.
    pub safe: bool,
}

/// Drives outputs.
pub trait OutputDriver: Send {
    /// All of them; they stay the same.
    fn outputs(&self) -> &[Output];

    /// Switches one.
    ///
    /// # Errors
    /// [`GpioError`]; its level is then unknown, the others' are unchanged.
    fn set(&mut self, name: &str, on: bool) -> Result<(), GpioError>;

    /// Every output to its safe level, trying all even if one fails.
    ///
    /// # Errors
    /// [`GpioError`] for those that failed.
    fn make_safe(&mut self) -> Result<(), GpioError> {
        let outputs = self.outputs().to_vec();
        all(outputs.iter().map(|output| self.set(&output.name, output.safe)))
    }
}

/// An input changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Its name.
    pub name: String,
    /// Whether it is pressed now.
    pub pressed: bool,
}

/// Reads inputs.
pub trait InputDriver: Send {
    /// What changed since the last call, in order; waits up to `timeout` for the first change. An input that is
    /// pressed when it is opened has not changed.
    ///
    /// # Errors
    /// [`GpioError`]; the next call tries again.
    fn poll(&mut self, timeout: Duration) -> Result<Vec<Edge>, GpioError>;
}

/// Why a pin does not do what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GpioError {
    /// No output of that name.
    #[error("there is no output called \"{name}\"; there are {known}")]
    NoOutput {
        /// What was asked for, escaped.
        name: String,
        /// The outputs there are.
        known: String,
    },
    /// A line cannot be found, taken, set or read.
    #[error("{pin}: {what}")]
    Line {
        /// Which, with its name.
        pin: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// What drives the pins is not there.
    #[error("{driver}: {what}")]
    Driver {
        /// Which.
        driver: &'static str,
        /// What is wrong, and what to do.
        what: String,
    },
    /// More than one.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Several(Vec<GpioError>),
}

/// Goes through all, whatever fails, and reports all that failed.
fn all(results: impl Iterator<Item = Result<(), GpioError>>) -> Result<(), GpioError> {
    let mut failed: Vec<_> = results.filter_map(Result::err).collect();
    match failed.len() {
        0 => Ok(()),
        1 => Err(failed.remove(0)),
        _ => Err(GpioError::Several(failed)),
    }
}

/// The output of that name, by its place.
///
/// # Errors
/// [`GpioError::NoOutput`].
pub(crate) fn place(outputs: &[Output], name: &str) -> Result<usize, GpioError> {
    outputs.iter().position(|output| output.name == name).ok_or_else(|| {
        let known: Vec<_> = outputs.iter().map(|output| output.name.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        GpioError::NoOutput { name: name.escape_debug().to_string(), known }
    })
}

/// Outputs that go to their safe levels when this is dropped, and that remember their levels.
pub struct SafeOutputs {
    inner: Box<dyn OutputDriver>,
    levels: BTreeMap<String, bool>,
}

impl SafeOutputs {
    /// Takes over outputs; their levels are unknown until they are set.
    pub fn new(inner: Box<dyn OutputDriver>) -> Self {
        Self { inner, levels: BTreeMap::new() }
    }

    /// All of them, with the level that each was last set to; `None` where that is not known.
    pub fn levels(&self) -> Vec<(&str, Option<bool>)> {
        let level = |output: &Output| self.levels.get(&output.name).copied();
        self.inner.outputs().iter().map(|output| (output.name.as_str(), level(output))).collect()
    }

    /// Sets those that have another level, or a level that is not known; tries all even if one fails.
    ///
    /// # Errors
    /// [`GpioError`] for those that failed.
    pub fn apply<'a>(
        &mut self,
        levels: impl IntoIterator<Item = (&'a str, bool)>,
    ) -> Result<(), GpioError> {
        let levels = levels.into_iter();
        all(levels.map(|(name, on)| match self.levels.get(name) {
            Some(level) if *level == on => Ok(()),
            _ => self.set(name, on),
        }))
    }
}

impl OutputDriver for SafeOutputs {
    fn outputs(&self) -> &[Output] {
        self.inner.outputs()
    }

    fn set(&mut self, name: &str, on: bool) -> Result<(), GpioError> {
        self.levels.remove(name);
        self.inner.set(name, on)?;
        self.levels.insert(name.to_owned(), on);
        Ok(())
    }
}

impl Drop for SafeOutputs {
    fn drop(&mut self) {
        if let Err(error) = self.make_safe() {
            eprintln!("error: outputs are not safe: {error}");
        }
    }
}

impl std::fmt::Debug for SafeOutputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.levels()).finish()
    }
}

/// A board's pins, as a driver opens them.
type Pair = (Box<dyn OutputDriver>, Box<dyn InputDriver>);

/// Takes a board's pins; the outputs are at their safe levels then.
///
/// # Errors
/// [`GpioError`] for the first that cannot be had; those taken before are safe.
pub fn open(board: &Board) -> Result<(SafeOutputs, Box<dyn InputDriver>), GpioError> {
    let (outputs, inputs) = match board.driver {
        Driver::None => nowhere::open(board),
        #[cfg(feature = "gpio")]
        Driver::Gpiocdev => cdev::open(board)?,
        #[cfg(feature = "rpi")]
        Driver::Rppal => rppal::open(board)?,
        #[cfg(not(all(feature = "gpio", feature = "rpi")))]
        driver => return Err(not_built(driver)),
    };
    let mut outputs = SafeOutputs::new(outputs);
    outputs.make_safe()?;
    Ok((outputs, inputs))
}

/// A pin of a board, such as `outputs.reject`, and where it was found.
pub type ProbedPin = (String, Result<String, GpioError>);

/// Looks for every pin of a board without taking or changing one.
pub fn probe(board: &Board) -> Vec<ProbedPin> {
    match board.driver {
        Driver::None => nowhere::probe(board),
        #[cfg(feature = "gpio")]
        Driver::Gpiocdev => cdev::probe(board),
        #[cfg(feature = "rpi")]
        Driver::Rppal => rppal::probe(board),
        #[cfg(not(all(feature = "gpio", feature = "rpi")))]
        driver => vec![("pins".to_owned(), Err(not_built(driver)))],
    }
}

/// The driver's feature is not in this program.
#[cfg(not(all(feature = "gpio", feature = "rpi")))]
fn not_built(driver: Driver) -> GpioError {
    let (driver, feature) = match driver {
        Driver::Rppal => ("rppal", "rpi"),
        _ => ("gpiocdev", "gpio"),
    };
    let what = format!(
        "this program was built without it\n  next: build it with --features {feature}, or take a board whose pins are by = \"none\""
    );
    GpioError::Driver { driver, what }
}

/// The lines of a board, each with its key, such as `outputs.reject`.
fn lines(board: &Board) -> impl Iterator<Item = (String, &Line)> {
    let outputs = board.outputs.iter().map(|pin| (format!("outputs.{}", pin.name), &pin.line));
    outputs.chain(board.inputs.iter().map(|pin| (format!("inputs.{}", pin.name), &pin.line)))
}

/// A board's outputs, as the trait describes them.
fn outputs_of(board: &Board) -> Vec<Output> {
    let output = |pin: &crate::board::OutputPin| Output { name: pin.name.clone(), safe: pin.safe };
    board.outputs.iter().map(output).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_is_set() {
        let (recorder, trace) = Recorder::new(&[("a", false), ("b", true)]);
        let mut outputs = SafeOutputs::new(Box::new(recorder));
        assert_eq!(outputs.levels(), [("a", None), ("b", None)]);
        outputs.apply([("a", true), ("b", true)]).expect("they are there");
        outputs.apply([("a", true), ("b", false)]).expect("they are there");
        assert_eq!(trace.take(), [("a", true), ("b", true), ("b", false)].map(owned));
        assert_eq!(outputs.levels(), [("a", Some(true)), ("b", Some(false))]);
    }

    #[test]
    fn dropping_makes_safe_and_so_does_a_panic() {
        let (recorder, trace) = Recorder::new(&[("a", false), ("b", true)]);
        drop(SafeOutputs::new(Box::new(recorder)));
        assert_eq!(trace.take(), [("a", false), ("b", true)].map(owned));
        let (recorder, trace) = Recorder::new(&[("a", false)]);
        let died = std::thread::spawn(move || {
            let mut outputs = SafeOutputs::new(Box::new(recorder));
            outputs.set("a", true).expect("it is there");
            panic!("on purpose");
        });
        assert!(died.join().is_err());
        assert_eq!(trace.take(), [("a", true), ("a", false)].map(owned));
    }

    #[test]
    fn all_lines_are_driven_safe_although_one_fails() {
        let (recorder, trace) =
            Recorder::new(&[("a", false), ("b", true), ("c", false), ("d", true)]);
        let faulty = FaultyOutputs::new(Box::new(recorder), 1).broken("a").broken("c");
        let mut outputs = SafeOutputs::new(Box::new(faulty));
        let error = outputs.make_safe().expect_err("two are broken").to_string();
        assert_eq!(trace.take(), [("b", true), ("d", true)].map(owned));
        assert!(error.contains("a: ") && error.contains("c: "), "{error}");
        assert_eq!(outputs.levels()[..2], [("a", None), ("b", Some(true))]);
    }

    #[test]
    fn a_missing_output_is_refused_with_those_there_are() {
        let (recorder, trace) = Recorder::new(&[("a", false), ("b", false)]);
        let mut outputs = SafeOutputs::new(Box::new(recorder));
        let error = outputs.set("c\u{1b}", true).expect_err("there is no c").to_string();
        assert!(error.contains("c\\u{1b}") && error.contains("there are a, b"), "{error}");
        assert_eq!(trace.take(), []);
    }

    fn owned((name, on): (&str, bool)) -> (String, bool) {
        (name.to_owned(), on)
    }
}
