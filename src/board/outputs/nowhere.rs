//! No pins at all: for a desk. Every output can be set, no input ever changes.

use std::time::Duration;

use super::{Edge, Found, Inputs, Output, Outputs, Pair, PinError, lines, outputs_of, place};
use crate::board::Board;

struct Nowhere {
    outputs: Vec<Output>,
}

impl Outputs for Nowhere {
    fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    fn set(&mut self, name: &str, _on: bool) -> Result<(), PinError> {
        place(&self.outputs, name).map(drop)
    }
}

struct NeverPressed;

impl Inputs for NeverPressed {
    fn poll(&mut self, timeout: Duration) -> Result<Vec<Edge>, PinError> {
        std::thread::sleep(timeout);
        Ok(Vec::new())
    }
}

pub(super) fn open(board: &Board) -> Pair {
    (Box::new(Nowhere { outputs: outputs_of(board) }), Box::new(NeverPressed))
}

pub(super) fn probe(board: &Board) -> Vec<Found> {
    lines(board).map(|(key, _)| (key, Ok("nowhere, as the board says".to_owned()))).collect()
}
