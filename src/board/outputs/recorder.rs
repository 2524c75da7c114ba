//! Outputs that record what is set, and inputs that a program presses.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::util::mutex::lock;

use super::{Edge, GpioError, InputDriver, Output, OutputDriver, place};

/// How much is remembered; the oldest is dropped.
const MEMORY: usize = 1 << 16;

type Log = VecDeque<(String, bool)>;

/// Outputs that record what is set.
#[derive(Debug)]
pub struct Recorder {
    outputs: Vec<Output>,
    log: Arc<Mutex<Log>>,
}

/// What a [`Recorder`] recorded.
#[derive(Debug, Clone)]
pub struct Trace(Arc<Mutex<Log>>);

impl Recorder {
    /// * `outputs`: name, and whether it is on when it is safe.
    pub fn new(outputs: &[(&str, bool)]) -> (Self, Trace) {
        let output = |&(name, safe): &(&str, bool)| Output { name: name.to_owned(), safe };
        let log = Arc::new(Mutex::new(Log::new()));
        let trace = Trace(Arc::clone(&log));
        (Self { outputs: outputs.iter().map(output).collect(), log }, trace)
    }
}

impl Trace {
    /// Name and level of everything that was set since the last call, in order; of the latest 65536.
    pub fn take(&self) -> Vec<(String, bool)> {
        lock(&self.0).drain(..).collect()
    }
}

impl OutputDriver for Recorder {
    fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    fn set(&mut self, name: &str, on: bool) -> Result<(), GpioError> {
        place(&self.outputs, name)?;
        let mut log = lock(&self.log);
        if log.len() == MEMORY {
            log.pop_front();
        }
        log.push_back((name.to_owned(), on));
        Ok(())
    }
}

/// Inputs that a [`ButtonPresser`] presses.
#[derive(Debug)]
pub struct Presses(Receiver<Edge>);

/// Presses inputs.
#[derive(Debug, Clone)]
pub struct ButtonPresser(Sender<Edge>);

impl Presses {
    /// Any name may be pressed.
    pub fn new() -> (Self, ButtonPresser) {
        let (sender, receiver) = channel();
        (Self(receiver), ButtonPresser(sender))
    }
}

impl ButtonPresser {
    /// Presses an input, or lets it go. Nothing happens where the inputs are gone.
    pub fn set(&self, name: &str, pressed: bool) {
        // An error means that the reader has ended.
        let _ = self.0.send(Edge { name: name.to_owned(), pressed });
    }
}

impl InputDriver for Presses {
    fn poll(&mut self, timeout: Duration) -> Result<Vec<Edge>, GpioError> {
        match self.0.recv_timeout(timeout) {
            Ok(first) => Ok(std::iter::once(first).chain(self.0.try_iter()).collect()),
            Err(RecvTimeoutError::Timeout) => Ok(Vec::new()),
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(timeout);
                Ok(Vec::new())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presses_come_in_order_and_stop_with_their_sender() {
        let (mut inputs, hand) = Presses::new();
        hand.set("a", true);
        hand.set("b", true);
        hand.set("a", false);
        let edge = |name: &str, pressed| Edge { name: name.to_owned(), pressed };
        let wanted = [edge("a", true), edge("b", true), edge("a", false)];
        assert_eq!(inputs.poll(Duration::from_secs(60)), Ok(wanted.to_vec()));
        drop(hand);
        assert_eq!(inputs.poll(Duration::from_millis(1)), Ok(Vec::new()));
    }

    #[test]
    fn the_trace_keeps_the_latest() {
        let (mut recorder, trace) = Recorder::new(&[("a", false)]);
        for index in 0..=MEMORY {
            recorder.set("a", index == MEMORY).expect("it is there");
        }
        let trace = trace.take();
        assert_eq!((trace.len(), trace[0].1, trace[MEMORY - 1].1), (MEMORY, false, true));
    }
}
