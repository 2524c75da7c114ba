//! What may be asked of a device, by whom, and how it is written: requests, answers, text, binary frames, access.

/// The PIN that unlocks a port, and its hash. The only file that names argon2.
pub mod pin;

/// How much a message of the log matters.
pub mod log;

/// Replies for people: log, command line, `fieldtune ctl`.
pub mod people;

pub mod request;

/// What an adaptation brings, in words.
pub mod adapted;

/// Answers for programs, as JSON.
pub mod json;

/// The inbox as a table for spreadsheets.
pub mod inbox_table;

/// The text console: bytes of a line to requests, answers to lines.
pub mod console;

/// Binary frames, for programs, on the same port as the console.
pub mod wire;

/// One port's dialogue with the device, in text and frames.
pub mod session;

/// Who may do what at which port: what a request needs, PINs, what is logged.
pub mod access;
