//! What learns and classifies: features in, verdicts out. No I/O, no clock, no threads.
//!
//! The modules stand in the order in which they build on each other.

/// Small dense linear algebra: kernels, Cholesky factors, their updates.
pub(crate) mod linalg;

/// Scores per class from a feature; learning and forgetting one example.
pub mod head;

/// What is seen at the places of a frame.
pub mod patches;

/// What has been taught: bounded, balanced between classes.
pub mod examples;

/// Scores to a verdict: calibration, unknown, smoothing.
pub mod decision;

/// Patches of good parts, and how unlike them others are.
pub mod patch_memory;

/// Where in a frame lies what a verdict comes from.
pub mod explain;

/// Everything learned, as one value: classes, examples, head, settings.
pub mod learner;

/// A frame, its prediction, and where in it that comes from, drawn.
pub mod explained;

/// What a person or a program can ask for, a file each.
pub mod command;

/// Whether what comes in still looks like what was taught.
pub mod drift;

/// Another light, camera or lens: what brings frames back to what was taught.
pub mod adapt;

/// A frame in, a verdict out; a command in, a reply out. No I/O, no clock, no threads.
pub mod engine;

/// Fine-tuning: the last blocks of the backbone, trained with what was taught and kept only where it helps.
pub mod tune;
