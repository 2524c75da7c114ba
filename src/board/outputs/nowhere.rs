//! No pins at all: for a desk. Every output can be set, no input ever changes.

use std::time::Duration;

use super::{
    Edge, GpioError, InputDriver, Output, OutputDriver, Pair, ProbedPin, lines, outputs_of, place,
};
use crate::board::Board;

struct Nowhere {
    outputs: Vec<Output>,
}

impl OutputDriver for Nowhere {
    fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    fn set(&mut self, name: &str, _on: bool) -> Result<(), GpioError> {
        place(&self.outputs, name).map(drop)
    }
}

struct NeverPressed;

impl InputDriver for NeverPressed {
    fn poll(&mut self, timeout: Duration) -> Result<Vec<Edge>, GpioError> {
        std::thread::sleep(timeout);
        Ok(Vec::new())
    }
}

pub(super) fn open(board: &Board) -> Pair {
    (Box::new(Nowhere { outputs: outputs_of(board) }), Box::new(NeverPressed))
}

pub(super) fn probe(board: &Board) -> Vec<ProbedPin> {
    lines(board).map(|(key, _)| (key, Ok("nowhere, as the board says".to_owned()))).collect()
}
