//! What every room may use and no program sees.

/// Letters of every script: what a name may hold, when two names look alike.
pub(crate) mod letters;

/// Text for a terminal: nothing that it obeys.
pub(crate) mod text;

/// Letters as pixels.
pub(crate) mod glyphs;

/// Files, read up to a limit.
pub(crate) mod bounded;

/// Files that are replaced whole or not at all.
pub(crate) mod files;

/// Serial lines.
pub(crate) mod serial;

/// Settings that people write, as text. The only file that names toml.
pub(crate) mod settings;

/// CRC-32.
pub(crate) mod checksum;

/// ZIP archives.
#[cfg(feature = "web")]
pub(crate) mod archive;

/// Locks that a panic elsewhere does not close.
pub(crate) mod mutex;

/// Dates of the calendar.
pub(crate) mod calendar;

/// What the machine calls itself.
#[cfg(any(feature = "web", feature = "mqtt"))]
pub(crate) mod host;
