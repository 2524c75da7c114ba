//! Files of `[mqtt]` that cannot be used.

use std::path::PathBuf;

/// Why a file of `[mqtt]` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("mqtt.{key}: {}: {what}", .file.display())]
pub struct MqttFileError {
    /// What names it in `[mqtt]`.
    pub key: &'static str,
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it. No part of a password is repeated.
    pub what: String,
}
