//! fieldtune teaches a camera on a small ARM board new visual classes from a handful of frames.
//!
//! ```
//! use fieldtune::Fieldtune;
//! use fieldtune::camera::{Camera, SyntheticScene, Synthetic};
//! use fieldtune::image::frame::Timestamp;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("learned.ftune");
//! let mut tuner = Fieldtune::open(path)?; // the built-in backbone; a file that keeps what is learned
//! let mut camera = Synthetic::new(7); // any `Camera`, or image files: `teach_file`, `classify_file`
//! for (class, scene) in [("good", SyntheticScene::Good), ("rust", SyntheticScene::Rust)] {
//!     camera.show(scene);
//!     for _ in 0..3 {
//!         tuner.teach(class, &camera.capture(Timestamp(0))?)?;
//!     }
//! }
//! let prediction = tuner.classify(&camera.capture(Timestamp(0))?)?;
//! println!("{prediction}"); // rust 97 %
//! # assert_eq!(prediction.best, "rust");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Fieldtune::builder`] takes another backbone, head or thresholds. What stands below is for those who build a device
//! of their own from the parts.
//!
//! # Features
//! | feature | what |
//! | --- | --- |
//! | `cli` (default) | the program, and the crates that only it needs |
//! | `built-in` (default) | the network that is part of the library, 1.5 MB |
//! | `web` (default) | the page and the API over HTTP |
//! | `mqtt` (default) | predictions at an MQTT broker, and requests from there |
//! | `sound` (default) | sounds: recordings, microphones, a synthetic machine |
//! | `fetch` | downloads of networks that model cards name |
//! | `v4l`, `gpio`, `rpi`; `device` for all | cameras and pins |
//!
//! # The way a frame travels
//! ```text
//! camera -> frame -> pixels -> backbone -> feature -> head -> scores -> verdict
//!                                             ^          ^
//!                      command line -> command -> engine.apply
//!                                      reply  <-    |
//!                                                   v
//!                                                 store (a transaction, then acknowledge)
//! ```
//! The rooms stand in that order; a room imports only rooms above it, and so do the modules inside a room.
//!
//! The words are defined in `docs/glossary.md`.
//!
//! # Invariants
//! * A failed command changes nothing that was learned.
//! * Same frames, commands and times give the same verdicts and the same bytes: time and randomness are
//!   arguments of everything in the data plane.
//! * Classes and examples have ids that are never used twice; names are for people and may change.

// A room imports only rooms above it.

/// What every room may use: bounded reads, settings as text, checksums, locks, letters.
mod util;

// The data plane, in the order a frame travels.

/// Pixels: frames, regions, image files.
pub mod image;

/// Lines of text: an embedding without a network, lines as frames.
pub mod text;

/// Windows of sound as frames: spectrograms, what is measured of them, a synthetic machine.
pub mod sound;

/// Where frames come from: the trait, devices, programs, recordings, drawn ones.
pub mod camera;

/// The frozen network: preprocessing, loading, taps, features; model cards. The only room that names tract.
pub mod backbone;

/// What learns and classifies: heads, examples, calibration, the learner, its commands.
pub mod learn;

// Around it: files, protocols, devices.

/// Where what was learned is kept: the store, checkpoints, packs, exports.
pub mod store;

/// Few-shot evaluation: splits, measures, reports.
pub mod eval;

/// What may be asked of a device, by whom, and how it is written: console, binary frames, access.
pub mod protocol;

/// How a device is wired and what its outputs and buttons do: board files, policies, pins.
pub mod board;

/// The running device: controller, ports, threads.
pub mod device;

/// The page and the API over HTTP, one more port of the device. The only room that names axum.
#[cfg(feature = "web")]
pub mod web;

/// What the device sees, published at an MQTT broker, and requests from there. The only room that names rumqttc.
#[cfg(feature = "mqtt")]
pub mod mqtt;

/// The library in one type.
mod fieldtune;

pub use fieldtune::{Builder, Class, Error, Fieldtune, Merged, Prediction, TextTuner};

/// The code in the README, which is compiled with the tests.
#[cfg(all(doctest, feature = "built-in"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// The command line.
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
