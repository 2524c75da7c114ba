//! The running device: what stands at the line, its ports and its threads.

/// The time, for those around the data plane.
pub mod clock;

/// Serial lines, terminals and sockets, which never block the device.
pub mod port;

/// What serves people and programs beside the ports, in a thread of its own.
pub mod service;

/// The long part of fine-tuning, beside the work of a device.
pub mod tuning;

/// What stands at the line: frames, presses and requests in; verdicts, answers and levels out. No clock, no threads.
pub mod controller;

/// The threads of a running device: capture, inference, outputs, ports.
pub mod runtime;

/// Where the store of each region lies.
pub mod stores;

/// A device from its parts, ready to run.
pub mod builder;
