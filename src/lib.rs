//! fieldtune teaches a camera on a small ARM board new visual classes from a handful of frames.
//!
//! # The way a frame travels
//! ```text
//! camera -> frame -> tensor -> backbone -> feature -> head -> scores -> verdict
//!                                             ^          ^
//!                      command line -> command -> engine.apply
//!                                      reply  <-    |
//!                                                   v
//!                                                 store (a transaction, then acknowledge)
//! ```
//! The modules stand in that order; a module of the data plane imports only data-plane modules above it.
//!
//! # Words
//! | word | meaning |
//! | --- | --- |
//! | frame | RGB8 pixels `[height, width, 3]` and the time of capture |
//! | region | a part of a frame that is looked at; where there are several, each has a head and a store |
//! | tap | a place in the backbone whose map is pooled into the feature (average, max) |
//! | feature | `[dim]` f32, finite; what the backbone says of one frame |
//! | example | a stored feature with its class, an id, its origin; kept as f16 |
//! | head | turns a feature into a score per class; learns and forgets single examples |
//! | verdict | class, or unknown, with a calibrated confidence |
//! | generation | a state of everything learned that can be come back to |
//! | pack | what was learned, as a file that devices exchange |
//! | board | one file that says how a device is wired: camera, pins, serial port, threads |
//! | policy | one file that says what outputs do on which verdicts, and what buttons are for |
//! | model card | one file that says how a backbone is fed and where it is tapped |
//!
//! # Invariants
//! * A failed command changes nothing that was learned.
//! * Same frames, commands and times give the same verdicts and the same bytes: time and randomness are
//!   arguments of everything in the data plane.
//! * Classes and examples have ids that are never used twice; names are for people and may change.

// The data plane, in the order a frame travels.

/// Pixels and the part of them that is looked at.
pub mod frame;

/// Image files, decoded to frames.
pub mod picture;

/// Where frames come from.
pub mod camera;

/// Frames to normalised network input.
pub mod tensor;

/// An image as other conditions would show it.
pub mod views;

/// The frozen network: loading, taps, features. The only module that names tract.
pub mod backbone;

/// Letters of every script: what a name may hold, when two names look alike.
mod letters;

/// Small dense linear algebra: kernels, Cholesky factors, their updates.
mod linalg;

/// Scores per class from a feature; learning and forgetting one example.
pub mod head;

/// What has been taught: bounded, balanced between classes.
pub mod examples;

/// Scores to a verdict: calibration, unknown, smoothing.
pub mod decision;

/// Everything learned, as one value: classes, examples, head, settings.
pub mod learner;

/// Verdicts to levels of named outputs and until when; presses of buttons to wishes.
pub mod action;

/// What a person or a program can ask for, a file each.
pub mod command;

/// A frame in, a verdict out; a command in, a reply out. No I/O, no clock, no threads.
pub mod engine;

// Around it: formats, files, devices.

/// Files, read up to a limit.
mod bounded;

/// Settings that people write, as text. The only file that names toml.
mod settings;

/// How a device is wired: camera, pins, serial port. One file each; policies too.
pub mod board;

/// Outputs and inputs by name, and the pins behind them.
pub mod outputs;

/// CRC-32.
mod checksum;

/// Locks that a panic elsewhere does not close.
mod mutex;

/// The portable form of what was learned.
pub mod snapshot;

/// Where what was learned is kept.
pub mod store;

/// What was learned together with its store: stored, then acknowledged.
pub mod keeper;

/// Model cards: which file, how it is fed, where it is tapped, where to get it.
pub mod model;

/// What was learned, for other programs: the classifier as ONNX, the head as numbers.
pub mod export;

/// A model's file over HTTP: resumed, checked, then put in its place. The only file that names ureq.
pub mod fetch;

/// Cameras by address: devices, programs, recordings.
pub mod capture;

/// Few-shot evaluation: splits, measures, reports.
pub mod evaluation;

/// The PIN that unlocks a port, and its hash. The only file that names argon2.
pub mod pin;

/// Packs with a signature, and keys. The only file that names ed25519-dalek.
pub mod signed;

/// What may be asked of a running device, and what it answers.
pub mod request;

/// The text console: bytes of a line to requests, answers to lines.
pub mod console;

/// Binary frames, for programs, on the same port as the console.
pub mod wire;

/// One port's dialogue with the device, in text and frames.
pub mod session;

/// Serial lines, terminals and sockets, which nobody waits for.
pub mod port;

/// The time, for those around the data plane.
pub mod clock;

/// What stands at the line: frames, presses and requests in; verdicts, answers and levels out. No clock, no threads.
pub mod station;

/// Who may do what at which port: what a request needs, PINs, what the log is told.
pub mod access;

/// The threads of a running device: capture, inference, outputs, ports.
pub mod runtime;

/// The command line.
pub mod cli;
